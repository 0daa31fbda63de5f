//! Settings of experiments. What they mean together is for who assigns and who compares to say.

use std::ops::Range;

use crate::options::{Entry, Value};
use crate::settings::RunSettings;
use crate::{Diagnostic, Diagnostics, Options, Span};

/// Shares of traffic and slots of a layer are counted in millionths.
const MILLION: f64 = 1_000_000.0;

const CORRECTIONS: [(&str, Correction); 3] =
    [("holm", Correction::Holm), ("benjamini-hochberg", Correction::BenjaminiHochberg), ("none", Correction::None)];
const LOOKS: [(&str, Looks); 2] = [("any", Looks::Any), ("once", Looks::Once)];

#[derive(Debug, Clone, PartialEq)]
pub struct ExperimentSettings {
    /// None: the experiment's name.
    pub salt: Option<(String, Span)>,
    pub traffic_millionths: u64,
    /// None: it shares units with all others.
    pub layer: Option<Layer>,
    /// Units with the name of the variant that they have, whatever is drawn.
    pub forced: Vec<Forced>,
    /// How often an interval holds what it is about.
    pub confidence: f64,
    pub power: f64,
    pub correction: Correction,
    pub looks: Looks,
    /// None: not said.
    pub planned_units: Option<u64>,
    /// None: not said.
    pub sample_ratio_threshold: Option<f64>,
    pub runs: RunSettings,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    pub name: String,
    pub millionths: Range<u64>,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forced {
    pub unit: String,
    pub variant: String,
    pub span: Span,
}

/// How p values are raised where there are several variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Correction {
    Holm,
    BenjaminiHochberg,
    None,
}

/// When verdicts may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looks {
    Any,
    Once,
}

impl ExperimentSettings {
    pub fn read(options: &Options) -> Result<ExperimentSettings, Diagnostics> {
        let mut options = options.clone();
        let salt = written(&options, "salt").map(|entry| entry.value_span);
        let settings = ExperimentSettings {
            salt: options.take_text("salt")?.zip(salt),
            traffic_millionths: millionths(&mut options, "traffic")?.unwrap_or(MILLION as u64),
            layer: layer(&mut options)?,
            forced: forced(&mut options)?,
            confidence: within(&mut options, "confidence", 0.5..1.0)?.unwrap_or(0.95),
            power: within(&mut options, "power", 0.5..1.0)?.unwrap_or(0.8),
            correction: options.take_choice("correction", &CORRECTIONS)?.unwrap_or(Correction::Holm),
            looks: options.take_choice("looks", &LOOKS)?.unwrap_or(Looks::Any),
            planned_units: planned_units(&mut options)?,
            sample_ratio_threshold: within(&mut options, "sample_ratio_threshold", 0.0..1.0)?,
            runs: RunSettings::take(&mut options)?,
        };
        options.finish()?;
        Ok(settings)
    }
}

fn written(options: &Options, name: &str) -> Option<Entry> {
    options.entries().iter().find(|entry| entry.name.value == name).cloned()
}

/// A number from the range's start on and below its end.
fn within(options: &mut Options, name: &str, range: Range<f64>) -> Result<Option<f64>, Diagnostic> {
    let (entry, Range { start, end }) = (written(options, name), range.clone());
    match (options.take_number(name)?, entry) {
        (Some(number), Some(entry)) if !range.contains(&number) => {
            Err(options.refuse(&entry, format!("{name} lies between {start} and {end}")))
        }
        (number, _) => Ok(number),
    }
}

/// A share of all, exact to a millionth.
fn millionths(options: &mut Options, name: &str) -> Result<Option<u64>, Diagnostic> {
    let entry = written(options, name);
    let (Some(share), Some(entry)) = (options.take_number(name)?, entry) else { return Ok(None) };
    let millionths = share * MILLION;
    if !(0.0..=MILLION).contains(&millionths) || (millionths - millionths.round()).abs() > 1e-6 {
        let refused = options.refuse(&entry, format!("{name} is a share between 0 and 1, in millionths"));
        return Err(refused.with_hint("write it like 0.5, with up to six digits"));
    }
    Ok(Some(millionths.round() as u64))
}

fn layer(options: &mut Options) -> Result<Option<Layer>, Diagnostic> {
    let entry = written(options, "layer");
    let bound = ["slot_from", "slot_to"].into_iter().find_map(|name| written(options, name));
    let name = options.take_text("layer")?;
    let (from, to) = (millionths(options, "slot_from")?, millionths(options, "slot_to")?);
    match (name, entry, bound) {
        (Some(name), Some(entry), _) => {
            let millionths = from.unwrap_or(0)..to.unwrap_or(MILLION as u64);
            Ok(Some(Layer { name, millionths, span: entry.value_span }))
        }
        (_, _, Some(bound)) => {
            let refused = options.refuse(&bound, format!("{} is of a layer, and none is named", bound.name));
            Err(refused.with_hint("name it: layer = 'checkout'"))
        }
        _ => Ok(None),
    }
}

/// `forced = ("anna@example.com" = 'treatment')`
fn forced(options: &mut Options) -> Result<Vec<Forced>, Diagnostic> {
    let Some(list) = options.take_list("forced")? else { return Ok(Vec::new()) };
    let of = |entry: &Entry| match &entry.value {
        Value::Text(variant) => {
            Ok(Forced { unit: entry.name.value.clone(), variant: variant.clone(), span: entry.value_span })
        }
        _ => Err(list
            .refuse(entry, "a variant is named in single quotes")
            .with_hint("write forced = (\"unit\" = 'treatment')")),
    };
    list.entries().iter().map(of).collect()
}

fn planned_units(options: &mut Options) -> Result<Option<u64>, Diagnostic> {
    let entry = written(options, "planned_units");
    match (options.take_integer("planned_units")?, entry) {
        (Some(units), Some(entry)) if units < 1 => {
            Err(options.refuse(&entry, "planned_units is how many units two variants will have, about"))
        }
        (units, _) => Ok(units.and_then(|units| u64::try_from(units).ok())),
    }
}
