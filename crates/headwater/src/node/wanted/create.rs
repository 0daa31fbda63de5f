//! `CREATE …` of whatever a client can define.

use headwater_base::ErrorKind;
use headwater_catalog::{Definition, Kind, Owner};
use headwater_deploy::Declaration;
use headwater_gateway::{Problem, Reason};
use headwater_sql::ast::Existing;
use headwater_sql::{Diagnostics, Parsed};

use super::{Known, Wanted};

/// Adds a definition, or puts it in the place of the one that is there.
pub fn wanted(parsed: &Parsed, known: &Known<'_>) -> Result<Wanted, Problem> {
    let Some(name) = parsed.statement.defines().map(|name| name.value.clone()) else {
        let problem = Problem::new(ErrorKind::Invalid, format!("{} is not built yet", parsed.statement.words()));
        let problem = problem.with_reason(Reason::NotBuilt);
        return Err(problem.with_hint("what a client can create: STREAM, SOURCE, SINK, TABLE, EXTERNAL TABLE, VIEW, MATERIALIZED VIEW, ALERT, CONNECTION, SECRET, EXPECTATIONS, EXPERIMENT, CHART, DASHBOARD"));
    };
    let there = known.definitions.get(&name);
    if let Some(there) = there {
        if parsed.statement.existing() == Existing::Keep {
            let notice = format!("there is {} of the name {name} already", there.kind.one());
            return Ok(Wanted::nothing(vec![notice]));
        }
        check_replaces(there, parsed)?;
    }
    let mut declarations = known.others(&name)?;
    let comments = there.map(|there| there.comments.clone()).unwrap_or_default();
    declarations.push(Declaration { parsed: plain(parsed)?, owner: Owner::Client, comments });
    Ok(Wanted::of(declarations))
}

fn check_replaces(there: &Definition, parsed: &Parsed) -> Result<(), Problem> {
    let Definition { name, kind, .. } = there;
    let replaces = parsed.statement.existing() == Existing::Replace && there.owner == Owner::Client;
    if replaces && Kind::of(&parsed.statement) == Some(*kind) {
        return Ok(());
    }
    if replaces {
        let message = format!("{name} is {}, and is not replaced by another kind", kind.one());
        return Err(Problem::new(ErrorKind::Conflict, message).with_hint("drop it first"));
    }
    let problem = Problem::new(ErrorKind::Conflict, format!("there is {} of the name {name} already", kind.one()));
    let problem = problem.with_reason(if kind.is_relation() { Reason::RelationExists } else { Reason::Exists });
    Err(match there.owner {
        Owner::Project => problem.with_hint("it is declared by the project: change its file and apply that"),
        Owner::Client => problem.with_hint("drop it first, or write CREATE OR REPLACE"),
    })
}

/// A definition without what it says of one that is there: that is settled. Its spans stay those of what was written.
pub fn plain(parsed: &Parsed) -> Result<Parsed, Problem> {
    let (words, plain) = match parsed.statement.existing() {
        Existing::Refuse => return Ok(parsed.clone()),
        Existing::Replace => ("create or replace ", "create "),
        Existing::Keep => (" if not exists ", " "),
    };
    let text = headwater_sql::canonical(&parsed.text).map_err(Diagnostics::from)?.replacen(words, plain, 1);
    Ok(Parsed { statement: parsed.statement.clone().refusing_existing(), text, ..parsed.clone() })
}
