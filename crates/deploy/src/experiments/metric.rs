//! A metric that is declared: what it measures of a relation's rows.

use std::time::Duration;

use arrow::datatypes::DataType;
use headwater_experiment::result::{Direction, Kind, Margin, Metric};
use headwater_query::plan::measure::type_of;
use headwater_query::relation::{Relation, Relations};
use headwater_query::sqltype::sql_name;
use headwater_sql::ast::{self, CreateExperiment, Expression, MetricOf};
use headwater_sql::{Diagnostic, Diagnostics, Fault, SourceText};

use super::{key_column, relation_of, time_column};

/// Rows from before are counted back from now.
const CUPED_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A metric, with its expressions as texts over its relation's columns.
#[derive(Debug, Clone)]
pub struct Measured {
    pub meaning: Metric,
    pub relation: String,
    /// What tells units apart there.
    pub unit: String,
    pub value: String,
    /// Of a ratio.
    pub denominator: Option<String>,
    pub timestamp: Option<String>,
    pub condition: Option<String>,
    pub cuped: Option<Duration>,
    /// See [`headwater_experiment::moments::cap`].
    pub cap: Option<f64>,
}

pub fn resolve(
    written: &ast::Metric,
    create: &CreateExperiment,
    exposures_have_time: bool,
    relations: &Relations,
    source: &SourceText,
) -> Result<Measured, Diagnostics> {
    let relation = relation_of(&written.from, relations, source)?;
    let mut wrong = Vec::new();
    let (named, span) = match &written.unit {
        Some(unit) => (unit, unit.span),
        None => (&create.unit, written.from.span),
    };
    let hint = || format!("say what tells units apart in {}: FROM {0} UNIT column", written.from);
    let unit = key_column(named, span, &relation, source);
    wrong.extend(unit.err().map(|refused| if refused.hint.is_some() { refused } else { refused.with_hint(hint()) }));
    if let Some(time) = &written.timestamp {
        wrong.extend(time_column(time, &relation, source).err());
        if !exposures_have_time {
            let message =
                format!("{} has a TIMESTAMP, and exposures have none that its rows could come after", written.name);
            let refused = Diagnostic::new(source.clone(), time.span, message);
            wrong.push(refused.with_hint("say when units were exposed: EXPOSURES FROM … (VARIANT … TIMESTAMP column)"));
        }
    }
    if let Some((_, span)) = written.cuped.filter(|(before, _)| *before > CUPED_MAX) {
        wrong.push(Diagnostic::new(source.clone(), span, "this is longer than a hundred years"));
    }
    let typed = Typed { metric: written, relation: &relation, relations, source };
    let is_number = |kind: &DataType| kind.is_numeric();
    let is_condition = |kind: &DataType| matches!(kind, DataType::Boolean);
    let (kind, value, denominator) = match &written.of {
        MetricOf::Proportion(value) => {
            wrong.extend(typed.check(value, "a proportion", "true or false", is_condition));
            (Kind::Proportion, value, None)
        }
        MetricOf::Mean(value) => {
            wrong.extend(typed.check(value, "a mean", "a number", is_number));
            (Kind::Mean, value, None)
        }
        MetricOf::Ratio { numerator, denominator } => {
            wrong.extend(typed.check(numerator, "what a ratio is of", "a number", is_number));
            wrong.extend(typed.check(denominator, "what a ratio is over", "a number", is_number));
            (Kind::Ratio, numerator.as_ref(), Some(denominator.text.clone()))
        }
    };
    if let Some(condition) = &written.condition {
        wrong.extend(typed.check(condition, "a condition", "true or false", is_condition));
    }
    Diagnostics::check(wrong)?;
    let better = if written.lower_is_better { Direction::Lower } else { Direction::Higher };
    let mut meaning = Metric::new(&written.name.value, kind, better);
    meaning.guardrail = written.guardrail.map(margin);
    meaning.wanted_effect = written.detect.map(margin);
    Ok(Measured {
        meaning,
        relation: written.from.value.clone(),
        unit: named.value.clone(),
        value: value.text.clone(),
        denominator,
        timestamp: written.timestamp.as_ref().map(|time| time.value.clone()),
        condition: written.condition.as_ref().map(|condition| condition.text.clone()),
        cuped: written.cuped.map(|(before, _)| before),
        cap: written.cap.map(|(share, _)| share),
    })
}

fn margin(written: ast::Margin) -> Margin {
    match written {
        ast::Margin::Absolute(size) => Margin::Absolute(size),
        ast::Margin::Percent(size) => Margin::Relative(size / 100.0),
    }
}

/// Where a metric's expressions are looked at.
struct Typed<'a> {
    metric: &'a ast::Metric,
    relation: &'a Relation,
    relations: &'a Relations,
    source: &'a SourceText,
}

impl Typed<'_> {
    /// What is wrong with an expression.
    fn check(&self, of: &Expression, what: &str, wanted: &str, fits: fn(&DataType) -> bool) -> Vec<Diagnostic> {
        match type_of(of, what, self.relation, self.relations, self.source) {
            Ok(found) if fits(&found) => Vec::new(),
            Ok(found) => {
                let found = sql_name(&found);
                let message = format!("metric {}: {what} is {wanted}; this is {found}", self.metric.name);
                vec![Diagnostic::new(self.source.clone(), of.span, message).with_fault(Fault::Types)]
            }
            Err(headwater_query::Error::Sql(refused)) => refused.0,
            Err(other) => vec![Diagnostic::new(self.source.clone(), of.span, other.to_string())],
        }
    }
}
