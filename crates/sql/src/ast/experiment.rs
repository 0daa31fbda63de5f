//! `CREATE EXPERIMENT`: who gets what, and what comes of it.

use std::time::Duration;

use super::{Existing, Expression, Name, Schedule};
use crate::{Options, Span};

/// `CREATE EXPERIMENT name UNIT column VARIANTS (…) EXPOSURES FROM … METRICS (…) ANALYZE EVERY '…' WITH (…)`
#[derive(Debug, Clone)]
pub struct CreateExperiment {
    pub name: Name,
    pub existing: Existing,
    /// What is assigned: the column that tells units apart wherever they are named.
    pub unit: Name,
    /// At least two, distinct; the first is the control.
    pub variants: Vec<Variant>,
    /// Who was shown what, where others say so. None: the experiment's own stream.
    pub exposures: Option<Exposures>,
    /// At least one, distinct.
    pub metrics: Vec<Metric>,
    /// When it is analysed. None: not said.
    pub schedule: Option<Schedule>,
    pub options: Options,
}

#[derive(Debug, Clone)]
pub struct Variant {
    pub name: Name,
    pub weight: u64,
    pub span: Span,
}

/// `EXPOSURES FROM relation (VARIANT column TIMESTAMP column)`
#[derive(Debug, Clone)]
pub struct Exposures {
    pub from: Name,
    pub variant: Name,
    pub timestamp: Option<Name>,
}

/// `name KIND (…) FROM relation …`
#[derive(Debug, Clone)]
pub struct Metric {
    pub name: Name,
    pub of: MetricOf,
    pub from: Name,
    /// What tells units apart there. None: what the experiment says.
    pub unit: Option<Name>,
    /// The column that says when a row happened: rows from before a unit's exposure do not count.
    pub timestamp: Option<Name>,
    pub condition: Option<Expression>,
    /// How long before its exposure a unit's rows say what it was like.
    pub cuped: Option<(Duration, Span)>,
    /// The share of units whose values are as they are; greater ones count as the greatest of these.
    pub cap: Option<(f64, Span)>,
    pub guardrail: Option<Margin>,
    /// The effect that one would want to find.
    pub detect: Option<Margin>,
    pub lower_is_better: bool,
    pub span: Span,
}

/// What is measured of a unit's rows.
#[derive(Debug, Clone)]
pub enum MetricOf {
    /// Whether it is true of any.
    Proportion(Expression),
    /// Its sum.
    Mean(Expression),
    /// Both sums.
    Ratio { numerator: Box<Expression>, denominator: Box<Expression> },
}

/// `0.02`, or `2%` of the control. Not negative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Margin {
    Absolute(f64),
    Percent(f64),
}

/// `ANALYZE EXPERIMENT name`: now, with its results as rows.
#[derive(Debug, Clone)]
pub struct AnalyzeExperiment {
    pub name: Name,
}
