//! `DROP …` of what clients have defined, and of what depends on it where that is asked for.

use std::collections::BTreeSet;

use headwater_base::ErrorKind;
use headwater_catalog::graph::fits;
use headwater_catalog::{Definition, Definitions, Owner};
use headwater_deploy::running::Told;
use headwater_deploy::stored;
use headwater_gateway::{Problem, Reason};
use headwater_sql::ast::Drop;
use headwater_sql::{Fault, Parsed};

use super::{Known, Wanted, missing, refuse};

/// Takes definitions away.
pub fn wanted(drop: &Drop, parsed: &Parsed, known: &Known<'_>) -> Result<Wanted, Problem> {
    let definitions = known.definitions;
    let mut gone: BTreeSet<&str> = BTreeSet::new();
    let mut notices = Vec::new();
    for name in &drop.names {
        match definitions.get(&name.value) {
            Some(there) if fits(drop.kind, there.kind) => {
                gone.insert(&there.name);
            }
            Some(there) => {
                return Err(refuse(parsed, name, Fault::WrongKind, format!("{name} is {}", there.kind.one())));
            }
            None if drop.if_exists => notices.push(format!("there is no {name}, nothing to drop")),
            None => return Err(refuse(parsed, name, missing(drop.kind), format!("there is no {name}"))),
        }
    }
    add_dependents(&mut gone, drop, definitions)?;
    let is_gone = |one: &&Definition| gone.contains(one.name.as_str());
    if let Some(one) = definitions.iter().find(|one| is_gone(one) && one.owner == Owner::Project) {
        let message = format!("{} {} is declared by the project", one.kind, one.name);
        let problem = Problem::new(ErrorKind::Conflict, message);
        return Err(problem.with_hint("take it out of the project's files and apply them"));
    }
    if gone.is_empty() {
        return Ok(Wanted::nothing(notices));
    }
    let stay = definitions.iter().filter(|one| !is_gone(one)).map(stored::declaration);
    let purged = gone.iter().filter(|_| drop.purge).map(|name| (*name).to_owned()).collect();
    Ok(Wanted { declarations: Some(stay.collect::<Result<Vec<_>, _>>()?), purged, told: Told::new(), notices })
}

/// What depends on what goes must go, too: with `CASCADE` it does, else nothing goes.
fn add_dependents<'a>(gone: &mut BTreeSet<&'a str>, drop: &Drop, definitions: &'a Definitions) -> Result<(), Problem> {
    loop {
        let depends = |one: &&Definition| one.depends_on.iter().any(|on| gone.contains(on.as_str()));
        let more = definitions.iter().find(|one| !gone.contains(one.name.as_str()) && depends(one));
        match more {
            None => return Ok(()),
            Some(one) if drop.cascade => gone.insert(&one.name),
            Some(one) => {
                let problem = Problem::new(ErrorKind::Conflict, format!("{} {} depends on it", one.kind, one.name));
                let problem = problem.with_reason(Reason::DependedOn);
                return Err(problem.with_hint("drop that first, or drop all with CASCADE"));
            }
        };
    }
}
