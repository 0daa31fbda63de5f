//! `COMMENT ON`: what is said of an object or a column goes with the object's definition.

use std::collections::BTreeMap;

use headwater_sql::ast::{self, Comment, Commented, Name};
use headwater_sql::{Diagnostic, Fault, Parsed, Statement, nearest};

use crate::definition::{Definition, Kind};

/// The comments among statements, and the others.
pub(super) fn split(statements: Vec<Parsed>) -> (Vec<Parsed>, Vec<Parsed>) {
    statements.into_iter().partition(|parsed| matches!(parsed.statement, Statement::Comment(_)))
}

/// Gives each comment to the definition that it is about. Of several on one thing the last counts.
pub(super) fn attach(comments: &[Parsed], definitions: &mut [Option<Definition>], wrong: &mut Vec<Diagnostic>) {
    for parsed in comments {
        let Statement::Comment(statement) = &parsed.statement else { continue };
        let name = about(statement);
        let known = || definitions.iter().flatten().map(|one| one.name.as_str());
        let refuse =
            |fault, message: String| Diagnostic::new(parsed.source.clone(), name.span, message).with_fault(fault);
        match definitions.iter().flatten().find(|one| one.name == name.value) {
            None => {
                let refused = refuse(Fault::NoObject, format!("there is no {name} to comment on"));
                wrong.push(match nearest(&name.value, known()) {
                    Some(near) => refused.with_hint(format!("did you mean {near}?")),
                    None => refused,
                });
            }
            Some(one) => match &statement.on {
                Commented::Object { kind, .. } if !fits(*kind, one.kind) => {
                    wrong.push(refuse(Fault::WrongKind, format!("{name} is {}", one.kind.one())));
                }
                Commented::Column { .. } if !one.kind.is_relation() => {
                    wrong.push(refuse(Fault::WrongKind, format!("{name} is {}, which has no columns", one.kind.one())));
                }
                _ => {
                    let found = definitions.iter_mut().flatten().find(|one| one.name == name.value);
                    found.into_iter().for_each(|one| comment(&mut one.comments, statement));
                }
            },
        }
    }
}

/// The object that a comment is about, or that has the column.
pub fn about(comment: &Comment) -> &Name {
    match &comment.on {
        Commented::Object { name, .. } => name,
        Commented::Column { relation, .. } => relation,
    }
}

/// Says, or takes back, what a comment says, in a definition's comments.
pub fn comment(comments: &mut BTreeMap<String, String>, statement: &Comment) {
    let on = match &statement.on {
        Commented::Object { .. } => String::new(),
        Commented::Column { column, .. } => column.value.clone(),
    };
    match &statement.text {
        Some(text) => drop(comments.insert(on, text.clone())),
        None => drop(comments.remove(&on)),
    }
}

/// Whether a kind that a statement names is that of an object.
pub fn fits(named: ast::Kind, kind: Kind) -> bool {
    match named {
        ast::Kind::Stream => kind == Kind::Stream,
        ast::Kind::Source => kind == Kind::Source,
        ast::Kind::Sink => kind == Kind::Sink,
        ast::Kind::Table => matches!(kind, Kind::Table | Kind::ExternalTable),
        ast::Kind::View => kind == Kind::PlainView,
        ast::Kind::MaterializedView => matches!(kind, Kind::View | Kind::ScheduledView),
        ast::Kind::Alert => kind == Kind::Alert,
        ast::Kind::Connection => kind == Kind::Connection,
        ast::Kind::Secret => kind == Kind::Secret,
        ast::Kind::Chart => kind == Kind::Chart,
        ast::Kind::Dashboard => kind == Kind::Dashboard,
        ast::Kind::Expectations => kind == Kind::Expectations,
        ast::Kind::FeatureView => kind == Kind::FeatureView,
        ast::Kind::Model => kind == Kind::Model,
        ast::Kind::Experiment => kind == Kind::Experiment,
        ast::Kind::User => false,
    }
}
