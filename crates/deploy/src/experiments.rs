//! Experiments that are declared, resolved against the relations that say who was shown what, and what came of it.
//!
//! Statistics are not made here: [`headwater_experiment`] makes them of what [queries](query) find.

pub mod assign;
pub mod checks;
mod metric;
pub mod query;

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use headwater_catalog::Object;
use headwater_experiment::Error as Unfit;
use headwater_experiment::assignment::{Assignment, Slot};
use headwater_experiment::compare::many::Correction;
use headwater_experiment::result::{Experiment, Looks, Variant};
use headwater_query::relation::features::quoted;
use headwater_query::relation::{EXPOSURES, Relation, Relations, Stream, companion, resolve as relation, store};
use headwater_query::sqltype::sql_name;
use headwater_sql::ast::{self, CreateExperiment, Name};
use headwater_sql::settings::{self, ExperimentSettings, RunSettings};
use headwater_sql::{Diagnostic, Diagnostics, Fault, Parsed, SourceText, Span, Statement, nearest};

use crate::Result;
use crate::schedule::Schedule;
use assign::Assigning;
pub use metric::Measured;

/// How often an experiment is analysed of which nothing is said, in microseconds.
const ANALYZED_EVERY_US: i64 = 60 * 60 * 1_000_000;

/// An experiment, and what it reads.
#[derive(Debug, Clone)]
pub struct Declared {
    pub name: String,
    /// The column that tells units apart.
    pub unit: String,
    pub assigning: Arc<Assigning>,
    /// Its part of a layer.
    slot: Option<Slot>,
    pub exposures: Exposures,
    pub metrics: Vec<Measured>,
    /// What statistics are made of it.
    pub meaning: Experiment,
    pub schedule: Schedule,
    pub runs: RunSettings,
    /// Relations that it reads and that runs refresh.
    pub after: Vec<String>,
    /// All that it is made of, directly or not; see [`order`].
    pub made_of: Vec<String>,
    /// The statement in canonical form.
    pub text: String,
}

/// Who says which unit was shown what.
#[derive(Debug, Clone)]
pub enum Exposures {
    /// The experiment's own stream.
    Own(Arc<Stream>),
    /// A relation with the unit's column.
    Elsewhere { relation: String, variant: String, timestamp: Option<String> },
}

impl Exposures {
    /// The relation as a query names it.
    pub fn relation(&self) -> &str {
        match self {
            Exposures::Own(stream) => &stream.name,
            Exposures::Elsewhere { relation, .. } => relation,
        }
    }

    /// Where its rows are: a name that was given again has other rows.
    pub fn store(&self) -> &str {
        match self {
            Exposures::Own(stream) => &stream.topic,
            Exposures::Elsewhere { relation, .. } => relation,
        }
    }

    fn has_time(&self) -> bool {
        !matches!(self, Exposures::Elsewhere { timestamp: None, .. })
    }
}

/// What a declared experiment means, beside those that were declared before.
///
/// # Errors
/// Columns that are not there or of other types, and what the declaration says that can't be.
pub fn resolve(
    create: &CreateExperiment,
    parsed: &Parsed,
    relations: &Relations,
    others: &[Arc<Declared>],
    generation: u64,
) -> Result<Declared> {
    let settings = ExperimentSettings::read(&create.options)?;
    let source = &parsed.source;
    let (assigning, slot) = assigning(create, &settings, source)?;
    check_layer(&settings, slot.as_ref(), others, source)?;
    let exposures = match &create.exposures {
        None => Exposures::Own(Arc::new(own_stream(create, source, generation)?)),
        Some(written) => elsewhere(create, written, relations, source)?,
    };
    let (mut metrics, mut wrong) = (Vec::new(), Vec::new());
    for written in &create.metrics {
        match metric::resolve(written, create, exposures.has_time(), relations, source) {
            Ok(metric) => metrics.push(metric),
            Err(refused) => wrong.extend(refused.0),
        }
    }
    Diagnostics::check(wrong)?;
    let meaning = meaning(create, &settings, &metrics);
    meaning.check().map_err(|unfit| refuse(source, create.name.span, &unfit))?;
    let schedule = match &create.schedule {
        Some(schedule) => Schedule::resolve(schedule, source)?,
        None => Schedule::Every { every_us: ANALYZED_EVERY_US, offset_us: 0 },
    };
    let mut after: Vec<String> = metrics.iter().map(|metric| metric.relation.clone()).collect();
    after.push(exposures.relation().to_owned());
    after.retain(|name| matches!(relations.get(name), Some(Relation::Table(table)) if table.is_refreshed()));
    after.sort_unstable();
    after.dedup();
    Ok(Declared {
        name: create.name.value.clone(),
        unit: create.unit.value.clone(),
        assigning: Arc::new(assigning),
        slot,
        exposures,
        metrics,
        meaning,
        schedule,
        runs: settings.runs,
        after,
        made_of: Vec::new(),
        text: headwater_sql::canonical(&parsed.text).map_err(Diagnostics::from)?,
    })
}

/// Says of each experiment what it is made of, from the objects, each of which comes after those that it reads.
pub fn order(experiments: &mut [Arc<Declared>], objects: &[Object]) {
    for experiment in experiments {
        let mut made_of: Vec<&str> = vec![&experiment.name];
        for Object { definition, .. } in objects.iter().rev() {
            if made_of.contains(&definition.name.as_str()) {
                made_of.extend(definition.depends_on.iter().map(String::as_str));
            }
        }
        let mut made_of: Vec<String> = made_of.into_iter().skip(1).map(str::to_owned).collect();
        made_of.extend(
            matches!(experiment.exposures, Exposures::Own(_)).then(|| experiment.exposures.relation().to_owned()),
        );
        made_of.sort_unstable();
        made_of.dedup();
        let made = Declared { made_of, ..Declared::clone(experiment) };
        *experiment = Arc::new(made);
    }
}

fn assigning(
    create: &CreateExperiment,
    settings: &ExperimentSettings,
    source: &SourceText,
) -> Result<(Assigning, Option<Slot>), Diagnostics> {
    let (salt, salt_span) = match &settings.salt {
        Some((salt, span)) => (salt.as_str(), *span),
        None => (create.name.value.as_str(), create.name.span),
    };
    let variants: Vec<String> = create.variants.iter().map(|variant| variant.name.value.clone()).collect();
    let weights: Vec<u64> = create.variants.iter().map(|variant| variant.weight).collect();
    let of_salt = |unfit: Unfit| {
        let refused = Diagnostic::new(source.clone(), salt_span, unfit.to_string());
        Diagnostics::from(match settings.salt {
            Some(_) => refused,
            None => refused.with_hint("the salt is the experiment's name: say another one, WITH (salt = '…')"),
        })
    };
    let assignment = Assignment::new(salt, &weights).map_err(of_salt)?;
    let mut assignment = assignment.with_traffic(settings.traffic_millionths).map_err(of_salt)?;
    let layer = settings.layer.as_ref();
    let slot = layer.map(|layer| Slot { layer: layer.name.clone(), millionths: layer.millionths.clone() });
    if let (Some(slot), Some(layer)) = (&slot, layer) {
        assignment = assignment.within(slot.clone()).map_err(|unfit| refuse(source, layer.span, &unfit))?;
    }
    for forced in &settings.forced {
        let Some(place) = variants.iter().position(|variant| *variant == forced.variant) else {
            let refused =
                Diagnostic::new(source.clone(), forced.span, format!("there is no variant {}", forced.variant));
            return Err(refused.with_hint(format!("the variants are {}", variants.join(", "))).into());
        };
        assignment =
            assignment.with_forced(&forced.unit, place).map_err(|unfit| refuse(source, forced.span, &unfit))?;
    }
    let name = create.name.value.clone();
    Ok((Assigning::new(name, variants, weights, salt.to_owned(), assignment), slot))
}

/// Experiments of one layer never share a unit.
fn check_layer(
    settings: &ExperimentSettings,
    slot: Option<&Slot>,
    others: &[Arc<Declared>],
    source: &SourceText,
) -> Result<(), Diagnostics> {
    let (Some(slot), Some(layer)) = (slot, &settings.layer) else { return Ok(()) };
    let shares = |other: &&Arc<Declared>| other.slot.as_ref().is_some_and(|taken| taken.meets(slot));
    let Some(other) = others.iter().find(shares) else { return Ok(()) };
    let message = format!("experiment {} has a slot of layer '{}' that meets this one", other.name, layer.name);
    let refused = Diagnostic::new(source.clone(), layer.span, message);
    Err(refused.with_hint("give each its own part: slot_from = 0.5, slot_to = 1").into())
}

/// The stream that an experiment has of its own. It is what a statement of ours says.
fn own_stream(create: &CreateExperiment, source: &SourceText, generation: u64) -> Result<Stream> {
    let name = companion(EXPOSURES, &create.name.value);
    let variants = create.variants.iter().map(|variant| query::literal(&variant.name.value));
    let text = format!(
        "CREATE STREAM {} (unit VARCHAR NOT NULL, variant VARCHAR NOT NULL, exposed_at TIMESTAMP NOT NULL, \
         forced BOOLEAN, WATERMARK FOR exposed_at AS exposed_at - INTERVAL '1 minute', \
         CONSTRAINT declared_variant EXPECT (variant IN ({})) ON VIOLATION QUARANTINE)",
        quoted(&name),
        variants.collect::<Vec<_>>().join(", ")
    );
    let stated = SourceText::new(format!("the stream {name}"), text);
    let parsed = headwater_sql::parse(&stated).ok().and_then(|mut statements| statements.pop());
    let Some(Statement::CreateStream(statement)) = parsed.map(|parsed| parsed.statement) else {
        let message = format!("{name} can't be the name of its stream");
        let refused = Diagnostic::new(source.clone(), create.name.span, message);
        return Err(Diagnostics::from(refused.with_hint("give the experiment a shorter name")).into());
    };
    let mut stream = relation::stream(&statement, &stated)?;
    stream.topic = store(&name, generation);
    Ok(stream)
}

fn elsewhere(
    create: &CreateExperiment,
    written: &ast::Exposures,
    relations: &Relations,
    source: &SourceText,
) -> Result<Exposures, Diagnostics> {
    let relation = relation_of(&written.from, relations, source)?;
    let mut wrong = Vec::new();
    for name in [&create.unit, &written.variant] {
        wrong.extend(key_column(name, name.span, &relation, source).err());
    }
    if let Some(time) = &written.timestamp {
        wrong.extend(time_column(time, &relation, source).err());
    }
    Diagnostics::check(wrong)?;
    Ok(Exposures::Elsewhere {
        relation: written.from.value.clone(),
        variant: written.variant.value.clone(),
        timestamp: written.timestamp.as_ref().map(|time| time.value.clone()),
    })
}

fn meaning(create: &CreateExperiment, settings: &ExperimentSettings, metrics: &[Measured]) -> Experiment {
    let variants = create.variants.iter();
    let variants = variants.map(|variant| Variant { name: variant.name.value.clone(), weight: variant.weight });
    let metrics = metrics.iter().map(|metric| metric.meaning.clone());
    let mut meaning = Experiment::new(variants.collect(), metrics.collect());
    // What is written has few digits, and their complement has no others.
    meaning.alpha = ((1.0 - settings.confidence) * 1e12).round() / 1e12;
    meaning.power = settings.power;
    meaning.correction = match settings.correction {
        settings::Correction::Holm => Correction::Holm,
        settings::Correction::BenjaminiHochberg => Correction::BenjaminiHochberg,
        settings::Correction::None => Correction::None,
    };
    meaning.looks = match settings.looks {
        settings::Looks::Any => Looks::Any,
        settings::Looks::Once => Looks::Once,
    };
    meaning.planned_units = settings.planned_units.unwrap_or(meaning.planned_units);
    meaning.sample_ratio_threshold = settings.sample_ratio_threshold.unwrap_or(meaning.sample_ratio_threshold);
    meaning
}

fn refuse(source: &SourceText, span: Span, unfit: &Unfit) -> Diagnostics {
    Diagnostic::new(source.clone(), span, unfit.to_string()).into()
}

fn relation_of(name: &Name, relations: &Relations, source: &SourceText) -> Result<Relation, Diagnostic> {
    relations.get(&name.value).ok_or_else(|| {
        let refused = Diagnostic::new(source.clone(), name.span, format!("there is no relation {name}"));
        refused.with_fault(Fault::NoRelation)
    })
}

/// A column whose values are compared as text.
fn key_column(name: &Name, span: Span, relation: &Relation, source: &SourceText) -> Result<(), Diagnostic> {
    let found = column(name, span, relation, source)?;
    let is_plain = |kind: &DataType| !kind.is_nested() && !matches!(kind, DataType::Binary | DataType::BinaryView);
    if is_plain(found.data_type()) {
        return Ok(());
    }
    let message = format!("{name} of {} is {}, which has no text", relation.name(), sql_name(found.data_type()));
    Err(Diagnostic::new(source.clone(), span, message).with_fault(Fault::Types))
}

fn time_column(name: &Name, relation: &Relation, source: &SourceText) -> Result<(), Diagnostic> {
    let found = column(name, name.span, relation, source)?;
    if matches!(found.data_type(), DataType::Timestamp(..)) {
        return Ok(());
    }
    let found = sql_name(found.data_type());
    let message = format!("when rows happened is a TIMESTAMP; {name} of {} is {found}", relation.name());
    Err(Diagnostic::new(source.clone(), name.span, message).with_fault(Fault::Types))
}

fn column(name: &Name, span: Span, relation: &Relation, source: &SourceText) -> Result<FieldRef, Diagnostic> {
    let columns = relation.schema().fields();
    columns.iter().find(|field| *field.name() == name.value).cloned().ok_or_else(|| {
        let message = format!("{} has no column {name}", relation.name());
        let refused = Diagnostic::new(source.clone(), span, message).with_fault(Fault::NoColumn);
        match nearest(&name.value, columns.iter().map(|field| field.name().as_str())) {
            Some(near) => refused.with_hint(format!("did you mean {near}?")),
            None => refused,
        }
    })
}

impl Declared {
    /// Of one look at all: what an analysis of another one has found says nothing of this one.
    pub fn identity(&self) -> String {
        format!("{} {}", self.assigning.identity(), self.exposures.store())
    }
}
