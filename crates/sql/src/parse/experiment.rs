//! `CREATE EXPERIMENT`, and `ANALYZE EXPERIMENT`.

mod metric;

use sqlparser::tokenizer::Token;

use super::{Cursor, create, lists, names, schedule};
use crate::ast::{AnalyzeExperiment, CreateExperiment, Exposures, Metric, Name, Schedule, Variant};
use crate::settings::ExperimentSettings;
use crate::{Diagnostic, Diagnostics, Options, Result};

const EXAMPLE: &str = "write it like CREATE EXPERIMENT name UNIT customer_id VARIANTS (control, treatment) \
                       METRICS (revenue MEAN (amount) FROM orders TIMESTAMP ordered_at)";

const CLAUSES: &str = "UNIT, VARIANTS, EXPOSURES FROM, METRICS, ANALYZE, WITH or the end of the statement";

pub(super) fn create(cursor: &mut Cursor<'_>) -> Result<CreateExperiment, Diagnostics> {
    let create::Opening { start, existing } = create::open(cursor, &["EXPERIMENT"])?;
    let name = names::object(cursor, "the experiment")?;
    let empty = lists::no_options(cursor, start);
    let mut clauses = Clauses::default();
    while !cursor.at_end() {
        if !clauses.read(cursor)? {
            return Err(cursor.expected(CLAUSES).with_hint(EXAMPLE).into());
        }
    }
    let missing = |what: &str| {
        let refused = cursor.error(name.span, format!("experiment {name} says no {what}"));
        Diagnostics::from(refused.with_hint(EXAMPLE))
    };
    let Clauses { unit, variants, exposures, metrics, schedule, options } = clauses;
    let experiment = CreateExperiment {
        unit: unit.ok_or_else(|| missing("UNIT: the column that tells apart who is assigned"))?,
        variants: variants.ok_or_else(|| missing("VARIANTS"))?,
        exposures,
        metrics: metrics.ok_or_else(|| missing("METRICS: what variants are held against each other by"))?,
        schedule,
        options: options.unwrap_or(empty),
        name,
        existing,
    };
    ExperimentSettings::read(&experiment.options)?;
    Ok(experiment)
}

/// Each once, in any order.
#[derive(Default)]
struct Clauses {
    unit: Option<Name>,
    variants: Option<Vec<Variant>>,
    exposures: Option<Exposures>,
    metrics: Option<Vec<Metric>>,
    schedule: Option<Schedule>,
    options: Option<Options>,
}

impl Clauses {
    /// False if none of them comes next.
    fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<bool, Diagnostics> {
        let start = cursor.position();
        if cursor.take(&["UNIT"]) {
            let column = cursor.name("the name of a column")?;
            lists::once(cursor, start, "UNIT", &mut self.unit, column)?;
        } else if cursor.take(&["VARIANTS"]) {
            let variants = variants(cursor)?;
            lists::once(cursor, start, "VARIANTS", &mut self.variants, variants)?;
        } else if cursor.take(&["EXPOSURES"]) {
            let exposures = exposures(cursor)?;
            lists::once(cursor, start, "EXPOSURES", &mut self.exposures, exposures)?;
        } else if cursor.take(&["METRICS"]) {
            let metrics = metric::metrics(cursor)?;
            lists::once(cursor, start, "METRICS", &mut self.metrics, metrics)?;
        } else if cursor.take(&["ANALYZE"]) {
            let Some(schedule) = schedule::schedule(cursor)? else {
                return Err(cursor.expected(schedule::WORDS).into());
            };
            lists::once(cursor, start, "ANALYZE", &mut self.schedule, schedule)?;
        } else if cursor.take(&["WITH"]) {
            let options = lists::options(cursor)?;
            lists::once(cursor, start, "WITH", &mut self.options, options)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

/// `(control, treatment)` or `(control 90, treatment 10)`
fn variants(cursor: &mut Cursor<'_>) -> Result<Vec<Variant>> {
    const HINT: &str = "write VARIANTS (control, treatment) or VARIANTS (control 90, treatment 10)";
    let start = cursor.position();
    cursor.expect_token(&Token::LParen).map_err(|refused| refused.with_hint(HINT))?;
    let mut variants: Vec<(Variant, bool)> = Vec::new();
    loop {
        let start = cursor.position();
        let name = cursor.name("the name of a variant").map_err(|refused| refused.with_hint(HINT))?;
        if let Some((first, _)) = variants.iter().find(|(first, _)| first.name == name) {
            return Err(twice(cursor, "variant", &name, &first.name));
        }
        lists::refuse_too_many(cursor, &variants, name.span, "variants")?;
        let written = weight(cursor)?;
        let variant = Variant { name, weight: written.unwrap_or(1), span: cursor.span_from(start) };
        variants.push((variant, written.is_some()));
        if !cursor.take_token(&Token::Comma) {
            break;
        }
    }
    if !cursor.take_token(&Token::RParen) {
        return Err(cursor.expected("a weight, a comma or )").with_hint(HINT));
    }
    if variants.len() < 2 {
        return Err(cursor.error(cursor.span_from(start), "an experiment has at least two variants").with_hint(HINT));
    }
    if let Some((without, _)) = variants.iter().find(|(_, weighed)| !weighed)
        && variants.iter().any(|(_, weighed)| *weighed)
    {
        let refused = cursor.error(without.span, format!("variant {} has no weight, and others do", without.name));
        return Err(refused.with_hint("give a weight to all of them, or to none"));
    }
    Ok(variants.into_iter().map(|(variant, _)| variant).collect())
}

fn weight(cursor: &mut Cursor<'_>) -> Result<Option<u64>> {
    let Token::Number(number, false) = cursor.next() else { return Ok(None) };
    match number.parse() {
        Ok(weight) if weight > 0 => {
            cursor.advance();
            Ok(Some(weight))
        }
        _ => Err(cursor.error(cursor.span(), "a weight is a whole number above zero")),
    }
}

fn exposures(cursor: &mut Cursor<'_>) -> Result<Exposures> {
    const HINT: &str = "write EXPOSURES FROM relation (VARIANT column TIMESTAMP column)";
    let hinted = |refused: Diagnostic| refused.with_hint(HINT);
    cursor.expect(&["FROM"]).map_err(hinted)?;
    let from = names::object(cursor, "the relation")?;
    cursor.expect_token(&Token::LParen).map_err(hinted)?;
    cursor.expect(&["VARIANT"]).map_err(hinted)?;
    let variant = cursor.name("the name of a column").map_err(hinted)?;
    let timestamp = if cursor.take(&["TIMESTAMP"]) { Some(cursor.name("the name of a column")?) } else { None };
    if !cursor.take_token(&Token::RParen) {
        let wanted = if timestamp.is_some() { ")" } else { "TIMESTAMP or )" };
        return Err(cursor.expected(wanted).with_hint(HINT));
    }
    Ok(Exposures { from, variant, timestamp })
}

fn twice(cursor: &Cursor<'_>, what: &str, name: &Name, first: &Name) -> Diagnostic {
    let refused = cursor.error(name.span, format!("{what} {name} stands twice"));
    refused.with_related(cursor.source().clone(), first.span, "it stands first here")
}

/// `ANALYZE EXPERIMENT name`
pub(super) fn analyze(cursor: &mut Cursor<'_>) -> Result<AnalyzeExperiment> {
    cursor.expect(&["ANALYZE"])?;
    cursor.expect(&["EXPERIMENT"])?;
    Ok(AnalyzeExperiment { name: names::object(cursor, "the experiment")? })
}
