//! Suites of expectations that are declared, resolved against the relations that they are about.

use std::sync::Arc;

use headwater_quality::Suite;
use headwater_quality::suite::Expected;
use headwater_query::relation::{Relation, Relations};
use headwater_sql::ast::{CreateExpectations, Name};
use headwater_sql::{Diagnostic, Diagnostics, Fault, Parsed};

use crate::Result;
use crate::schedule::Schedule;

/// A suite, and when it is checked.
#[derive(Debug, Clone)]
pub struct Suites {
    pub suite: Arc<Suite>,
    /// By itself never where none was said.
    pub schedule: Schedule,
    /// Views whose refreshes wait for it.
    pub before_refresh_of: Vec<String>,
    pub each_checkpoint: bool,
    /// The relation is one that runs refresh.
    pub is_of_refreshed: bool,
    /// The statement in canonical form.
    pub text: String,
}

/// What a declared suite means.
///
/// # Errors
/// What it says of columns that its relation does not have, or that are of other types; schedules that are none; views
/// that no runs refresh.
pub fn resolve(create: &CreateExpectations, parsed: &Parsed, relations: &Relations) -> Result<Suites> {
    let relation = &create.relation;
    let Some(found) = relations.get(&relation.value) else {
        let refused = Diagnostic::new(parsed.source.clone(), relation.span, format!("there is no relation {relation}"));
        return Err(Diagnostics::from(refused.with_fault(Fault::NoRelation)).into());
    };
    for view in &create.when.before_refresh_of {
        check_is_refreshed(view, parsed, relations)?;
    }
    Ok(Suites {
        suite: Arc::new(Suite::resolve(create, found.schema(), &parsed.source)?),
        schedule: match &create.when.schedule {
            Some(schedule) => Schedule::resolve(schedule, &parsed.source)?,
            None => Schedule::Manual,
        },
        before_refresh_of: create.when.before_refresh_of.iter().map(|view| view.value.clone()).collect(),
        each_checkpoint: create.when.each_checkpoint,
        is_of_refreshed: matches!(&found, Relation::Table(table) if table.is_refreshed()),
        text: headwater_sql::canonical(&parsed.text).map_err(Diagnostics::from)?,
    })
}

/// Only what runs refresh can be held back.
fn check_is_refreshed(view: &Name, parsed: &Parsed, relations: &Relations) -> Result<()> {
    let refuse = |message: String| Diagnostic::new(parsed.source.clone(), view.span, message);
    match relations.get(&view.value) {
        Some(Relation::Table(table)) if table.is_refreshed() => Ok(()),
        None => {
            let refused = refuse(format!("there is no materialized view {view}")).with_fault(Fault::NoRelation);
            Err(Diagnostics::from(refused).into())
        }
        Some(_) => {
            let refused = refuse(format!("{view} has no refreshes that could wait")).with_fault(Fault::WrongKind);
            let hint =
                "a view with REFRESH EVERY or CRON has; rows of others are held back by rules: CONSTRAINT … EXPECT";
            Err(Diagnostics::from(refused.with_hint(hint)).into())
        }
    }
}

impl Suites {
    /// Each expectation with its place, from 1.
    pub fn expectations(&self) -> impl Iterator<Item = (&Suites, usize, Expected<'_>)> {
        self.suite.expectations().enumerate().map(move |(place, expected)| (self, place + 1, expected))
    }
}
