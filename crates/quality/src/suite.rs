//! A suite, resolved against the columns of its relation.

mod resolve;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::RecordBatch;
use headwater_query::Session;
use headwater_sql::ast::Severity;

use crate::literal::{Range, Set};
use crate::outcome::Outcome;
use crate::scan::{Measured, Scan};
use crate::{Error, Result};

/// Expectations of one relation.
#[derive(Debug, Clone)]
pub struct Suite {
    pub name: String,
    /// The relation's name, without quotes.
    pub relation: String,
    pub(crate) scan: Arc<Scan>,
    pub(crate) checks: Arc<Vec<Check>>,
}

/// What came of a suite.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// In the order of the suite.
    pub outcomes: Vec<Outcome>,
    /// When the rows were as they were looked at, microseconds UTC.
    pub as_of_us: i64,
}

/// One expectation, for who shows it.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    pub expectation: &'static str,
    /// The column or columns that it is about.
    pub column: Option<&'a str>,
    pub arguments: &'a str,
    pub severity: Severity,
    pub mostly: f64,
}

/// One expectation.
#[derive(Debug)]
pub(crate) struct Check {
    pub expectation: &'static str,
    /// The column or columns that it is about.
    pub column: Option<String>,
    /// As they were written.
    pub arguments: String,
    pub severity: Severity,
    pub mostly: f64,
    pub ask: Ask,
}

/// What decides whether it is met. Measures are places in the scan's list.
#[derive(Debug)]
pub(crate) enum Ask {
    /// The relation's columns alone.
    Known {
        success: bool,
        observed: Option<String>,
        samples: Vec<String>,
    },
    Rows {
        measure: usize,
    },
    Unique {
        measure: usize,
        columns: Vec<String>,
    },
    RowCount {
        measure: usize,
        least: u64,
        most: u64,
    },
    DistinctCount {
        measure: usize,
        least: u64,
        most: u64,
    },
    DistinctShare {
        measure: usize,
        least: f64,
        most: f64,
    },
    PresentShare {
        measure: usize,
        least: f64,
        most: f64,
    },
    Statistic {
        measure: usize,
        of: Statistic,
        least: f64,
        most: f64,
    },
    Median {
        measure: usize,
        least: f64,
        most: f64,
    },
    Extreme {
        measure: usize,
        greatest: bool,
        range: Range,
    },
    DistinctSet {
        measure: usize,
        set: Set,
        wanted: Wanted,
    },
    MostCommon {
        measure: usize,
        set: Set,
        ties_okay: bool,
    },
    Quantiles {
        measure: usize,
        quantiles: Vec<f64>,
        ranges: Vec<(f64, f64)>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Statistic {
    Mean,
    Sum,
    Stdev,
}

/// How the values of a column lie to a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    In,
    Contain,
    Equal,
}

impl Suite {
    /// Looks at all rows once.
    pub async fn check(&self, session: &Session) -> Result<Checked> {
        let Measured { states, as_of_us } = self.scan.run(session).await?;
        let checks = Arc::clone(&self.checks);
        // Looking for equal rows takes a while.
        let judge = move || checks.iter().map(|check| Outcome::of(check, &states)).collect::<Result<Vec<_>>>();
        let judged = match session.threads() {
            Some(threads) => threads.spawn_blocking(judge).await,
            None => tokio::task::spawn_blocking(judge).await,
        };
        let outcomes = judged.map_err(|error| Error::Internal(error.to_string()))??;
        Ok(Checked { outcomes, as_of_us })
    }

    /// What it expects, as it was written.
    pub fn expectations(&self) -> impl Iterator<Item = Expected<'_>> {
        self.checks.iter().map(|check| Expected {
            expectation: check.expectation,
            column: check.column.as_deref(),
            arguments: &check.arguments,
            severity: check.severity,
            mostly: check.mostly,
        })
    }

    /// How many expectations it has.
    pub fn len(&self) -> usize {
        self.checks.len()
    }

    pub fn is_empty(&self) -> bool {
        self.checks.is_empty()
    }
}

impl Checked {
    /// Expectations whose failure keeps others from going on, and that are not met.
    pub fn blocking(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|outcome| !outcome.success && outcome.severity == Severity::Critical.as_str())
    }
}

impl Suite {
    /// As [`Suite::check`], of rows that are at hand: parts of batches, each measured on a thread of its own. A batch has
    /// the columns of [`Suite::columns`].
    ///
    /// # Errors
    /// [`Error::Internal`] where the suite has conditions: those are a session's.
    pub fn check_parts(&self, parts: Vec<Vec<RecordBatch>>) -> Result<Vec<Outcome>> {
        if self.scan.condition.is_some() || !self.scan.conditions.is_empty() {
            return Err(Error::Internal("conditions need a session".to_owned()));
        }
        let states = self.scan.run_parts(parts)?;
        self.checks.iter().map(|check| Outcome::of(check, &states)).collect()
    }

    /// The columns that are read, in their order.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.scan.columns.iter().map(|column| column.name.as_str())
    }
}
