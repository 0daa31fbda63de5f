//! Suites of expectations that are declared, resolved against the relations that they are about.

use headwater_quality::Suite;
use headwater_query::relation::Relations;
use headwater_sql::ast::CreateExpectations;
use headwater_sql::{Diagnostic, Diagnostics, Fault, Parsed};

use crate::Result;

/// What a declared suite means.
///
/// # Errors
/// What it says of columns that its relation does not have, or that are of other types.
pub fn resolve(create: &CreateExpectations, parsed: &Parsed, relations: &Relations) -> Result<Suite> {
    let relation = &create.relation;
    let Some(found) = relations.get(&relation.value) else {
        let refused = Diagnostic::new(parsed.source.clone(), relation.span, format!("there is no relation {relation}"));
        return Err(Diagnostics::from(refused.with_fault(Fault::NoRelation)).into());
    };
    Ok(Suite::resolve(create, found.schema(), &parsed.source)?)
}

/// Whether a suite can stand: it, and the views whose refreshes wait for it.
pub fn check(create: &CreateExpectations, parsed: &Parsed, relations: &Relations) -> Result<()> {
    resolve(create, parsed, relations).map(drop)
}
