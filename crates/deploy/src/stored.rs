//! Definitions as statements: they are stored as their text.

use std::collections::BTreeMap;

use headwater_catalog::{Definition, Definitions};
use headwater_log::Log;
use headwater_query::relation::declared_by;
use headwater_sql::{Parsed, SourceText};
use headwater_stream::checkpoint::{Manifest, OutputState};
use headwater_stream::engine::{behind, seeded};

use crate::resolve::{Declaration, Declared, Named};
use crate::{Error, Result};

/// A stored definition as a statement.
pub fn declaration(definition: &Definition) -> Result<Declaration> {
    let parsed = statement(&definition.name, &definition.text)?;
    Ok(Declaration { parsed, owner: definition.owner, comments: definition.comments.clone() })
}

fn statement(name: &str, text: &str) -> Result<Parsed> {
    let source = SourceText::new(format!("catalog: {name}"), text);
    let mut parsed = headwater_sql::parse(&source)?;
    match (parsed.pop(), parsed.is_empty()) {
        (Some(one), true) => Ok(one),
        _ => Err(Error::Refused {
            message: format!("the stored definition of {name} is not one statement"),
            hint: "restore the data folder from a backup".to_owned(),
        }),
    }
}

/// All stored definitions.
pub fn wanted(definitions: &Definitions) -> Result<Named> {
    Named::of(definitions.iter().map(declaration).collect::<Result<Vec<_>>>()?)
}

/// What a data folder without a node has: what ran when it had one.
pub fn at_rest(definitions: &Definitions, newest: Option<&Manifest>, log: &dyn Log) -> Result<Declared> {
    let wanted = wanted(definitions)?;
    let graph = wanted.declare(definitions)?.graph;
    // No node has made yet what needs no history.
    let behind = [behind(&graph, newest, log), seeded(&graph, newest)].concat();
    let outputs = newest.map(|manifest| manifest.outputs.clone()).unwrap_or_default();
    running(&wanted, definitions, &outputs, &behind)
}

/// What runs by the newest checkpoint while `wanted` is on its way: views that are behind are as the checkpoint has
/// them, or not there yet. `outputs` are the checkpoint's.
pub fn running(
    wanted: &Named,
    stores: &Definitions,
    outputs: &BTreeMap<String, OutputState>,
    behind: &[String],
) -> Result<Declared> {
    if behind.is_empty() {
        return wanted.declare(stores);
    }
    let (mut older, mut of_older) = (stores.clone(), BTreeMap::new());
    for name in behind {
        let object = declared_by(name);
        let (Some(state), Some(definition)) = (outputs.get(name), older.by_name.get_mut(object)) else { continue };
        definition.generation = state.generation;
        definition.resets = state.resets;
        definition.paused = state.paused;
        of_older.insert(object.to_owned(), statement(object, &state.definition)?);
    }
    // The old definition of a view may not fit what it reads any more: then there is none until the new one has caught
    // up.
    let objects: Vec<&str> = behind.iter().map(|name| declared_by(name)).collect();
    let with_older = Named::of(present(wanted, &objects, &of_older)).and_then(|named| named.declare(&older));
    let fits = |declared: &Declared| {
        let same = |state: &OutputState, fingerprint: &str| state.fingerprint == fingerprint;
        let mut all = declared.graph.outputs.iter().filter(|output| behind.contains(&output.relation));
        all.all(|output| outputs.get(&output.relation).is_some_and(|state| same(state, &output.fingerprint)))
    };
    match with_older {
        Ok(declared) if fits(&declared) => Ok(declared),
        _ => Named::of(present(wanted, &objects, &BTreeMap::new()))?.declare(stores),
    }
}

/// The declarations of what is there: views that are behind by an older statement, where they have one, and else
/// neither they nor what reads them.
fn present(wanted: &Named, behind: &[&str], of_older: &BTreeMap<String, Parsed>) -> Vec<Declaration> {
    let mut missing: Vec<&str> = Vec::new();
    let mut present = Vec::new();
    for object in wanted.objects() {
        let name = &object.definition.name;
        let mut declaration = Declaration::of(object);
        if behind.contains(&name.as_str()) {
            match of_older.get(name) {
                Some(parsed) => declaration.parsed = parsed.clone(),
                None => {
                    missing.push(name);
                    continue;
                }
            }
        } else if object.definition.depends_on.iter().any(|on| missing.contains(&on.as_str())) {
            missing.push(name);
            continue;
        }
        present.push(declaration);
    }
    present
}
