//! Who reads whom, from the statements alone.
//!
//! Names are unique across kinds. A view depends on the relations of its query, a source on the stream that it feeds, a
//! sink on what it gives away, and all of them on the secrets that their options name. What depends on each other in a
//! circle can't run, and is refused. `COMMENT ON` belongs to the object that it is about.

mod comments;
mod order;
mod references;
mod resolve;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use headwater_sql::ast::Existing;
use headwater_sql::{Diagnostic, Diagnostics, Fault, Parsed, Statement};

use crate::definition::{Definition, Kind, Owner};

pub use comments::{about, comment, fits};
pub use references::{Reference, Use, references};

/// What is there without being declared in these statements.
#[derive(Debug, Clone)]
pub struct Known {
    /// Schemas of the platform: `system.anything` is known and nobody's dependency.
    pub schemas: Vec<String>,
    /// Schemas that mirror objects: `archive.orders` is known where `orders` is, and depends on it.
    pub mirrors: Vec<String>,
    /// Objects declared elsewhere, such as those that clients own.
    pub definitions: Vec<Definition>,
}

impl Default for Known {
    fn default() -> Known {
        let mirrors = ["archive", "history", "exposures"].map(str::to_owned).to_vec();
        Known { schemas: vec!["system".to_owned()], mirrors, definitions: Vec::new() }
    }
}

/// A statement that defines something.
#[derive(Debug, Clone)]
pub struct Object {
    pub parsed: Parsed,
    pub definition: Definition,
}

/// The objects of a set of statements.
#[derive(Debug, Clone)]
pub struct Graph {
    objects: Vec<Object>,
}

impl Graph {
    /// Tells all that keeps the statements from standing together.
    pub fn of(statements: Vec<Parsed>, owner: Owner, known: &Known) -> Result<Graph, Diagnostics> {
        let mut wrong = Vec::new();
        let (comments, statements) = comments::split(statements);
        let drafts = drafts(statements, known, &mut wrong);
        let names = resolve::names(&drafts, known);
        let mut edges: Vec<Vec<order::Edge>> = Vec::with_capacity(drafts.len());
        let position: BTreeMap<&str, usize> =
            drafts.iter().enumerate().map(|(at, draft)| (draft.name.as_str(), at)).collect();
        let mut definitions = Vec::with_capacity(drafts.len());
        for draft in &drafts {
            let mut depends_on = BTreeSet::new();
            let mut outgoing = Vec::new();
            for reference in &draft.references {
                match resolve::resolve(draft, reference, &names, known) {
                    Ok(Some(name)) => {
                        if let Some(to) = position.get(name) {
                            outgoing.push(order::Edge { to: *to, span: reference.span });
                        }
                        depends_on.insert(name.to_owned());
                    }
                    Ok(None) => {}
                    Err(refused) => wrong.push(refused),
                }
            }
            edges.push(outgoing);
            definitions.push(Definition::of(&draft.parsed, owner, depends_on.into_iter().collect()));
        }
        let nodes: Vec<order::Node<'_>> =
            drafts.iter().map(|draft| order::Node { name: &draft.name, source: &draft.parsed.source }).collect();
        let order = order::dependencies_first(&nodes, &edges).unwrap_or_else(|circles| {
            wrong.extend(circles);
            Vec::new()
        });
        comments::attach(&comments, &mut definitions, &mut wrong);
        Diagnostics::check(wrong)?;
        let mut objects: Vec<Option<Object>> = drafts
            .into_iter()
            .zip(definitions)
            .map(|(draft, definition)| definition.map(|definition| Object { parsed: draft.parsed, definition }))
            .collect();
        Ok(Graph { objects: order.into_iter().filter_map(|at| objects[at].take()).collect() })
    }

    /// Each after all that it depends on; else in the order of the statements.
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    pub fn into_objects(self) -> Vec<Object> {
        self.objects
    }

    pub fn get(&self, name: &str) -> Option<&Object> {
        self.objects.iter().find(|object| object.definition.name == name)
    }

    /// The definitions, for [`crate::Catalog::propose`].
    pub fn definitions(&self) -> Vec<Definition> {
        self.objects.iter().map(|object| object.definition.clone()).collect()
    }

    /// All that depends on an object, directly or not, dependencies first.
    pub fn dependents(&self, name: &str) -> Vec<&str> {
        let mut reached: Vec<&str> = Vec::new();
        for object in &self.objects {
            let definition = &object.definition;
            let reaches = |on: &String| on == name || reached.contains(&on.as_str());
            if definition.name != name && definition.depends_on.iter().any(reaches) {
                reached.push(&definition.name);
            }
        }
        reached
    }
}

/// A statement with the names that it reads, not yet looked up.
struct Draft {
    name: String,
    kind: Kind,
    /// The stream that a source feeds.
    feeds: Option<String>,
    parsed: Parsed,
    references: Vec<Reference>,
}

fn drafts(statements: Vec<Parsed>, known: &Known, wrong: &mut Vec<Diagnostic>) -> Vec<Draft> {
    let mut drafts: Vec<Draft> = Vec::new();
    for parsed in statements {
        let (Some(kind), Some(name)) = (Kind::of(&parsed.statement), parsed.statement.defines().cloned()) else {
            wrong.push(stray(&parsed));
            continue;
        };
        if parsed.statement.existing() != Existing::Refuse {
            let message = "OR REPLACE and IF NOT EXISTS are not needed here";
            let refused = Diagnostic::new(parsed.source.clone(), name.span, message);
            wrong.push(refused.with_hint("a statement declares what is there; applying it twice changes nothing"));
        }
        // Of exposures, the dot says which are meant.
        let reserved = known.schemas.iter().chain(&known.mirrors).filter(|schema| *schema != "exposures");
        if reserved.into_iter().any(|reserved| *reserved == name.value) {
            let message = format!("the name {name} is reserved");
            wrong.push(Diagnostic::new(parsed.source.clone(), name.span, message));
        }
        // The stream of an experiment is known by such a name.
        if name.value.starts_with("exposures.") {
            let message = format!("names that begin with exposures. are reserved: {name} would be an experiment's");
            wrong.push(Diagnostic::new(parsed.source.clone(), name.span, message));
        }
        if let Some(first) = drafts.iter().find(|draft| draft.name == name.value) {
            let message = format!("there are two objects with the name {name}");
            let place = first.parsed.statement.defines().map_or(first.parsed.span, |name| name.span);
            let note = format!("the {} of that name stands here", first.kind);
            let refused = Diagnostic::new(parsed.source.clone(), name.span, message);
            let refused = refused.with_fault(Fault::Exists);
            wrong.push(refused.with_related(first.parsed.source.clone(), place, note));
            continue;
        }
        let feeds = match &parsed.statement {
            Statement::CreateSource(source) => source.into.as_ref().map(|into| into.value.clone()),
            _ => None,
        };
        let references = references::of_statement(&parsed);
        drafts.push(Draft { name: name.value, kind, feeds, parsed, references });
    }
    drafts
}

/// A statement that does not belong among declarations.
fn stray(parsed: &Parsed) -> Diagnostic {
    let words = parsed.statement.words();
    let refuse = |message| Diagnostic::new(parsed.source.clone(), parsed.span, message);
    match &parsed.statement {
        Statement::CreateUser(_) => refuse(format!("{words} does not belong into a project's files"))
            .with_hint("users are the node's own: run it with headwater sql"),
        _ => refuse(format!("{words} defines nothing"))
            .with_hint("a project's files declare; ask questions with headwater sql"),
    }
}
