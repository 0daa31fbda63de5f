//! Statements of clients that change a definition of theirs: `ALTER` and `COMMENT ON`.

use std::collections::BTreeSet;

use headwater_base::ErrorKind;
use headwater_catalog::Owner;
use headwater_catalog::graph::{about, comment, fits};
use headwater_deploy::{Declaration, stored};
use headwater_gateway::{Done, Problem};
use headwater_query::relation::Relation;
use headwater_sql::ast::{Alter, Comment, Commented, Kind, Name};
use headwater_sql::{Diagnostic, Diagnostics, Parsed, SourceText, Statement, nearest};

use super::Node;

impl Node {
    /// Changes columns, options, rules or the query of a definition.
    pub(super) fn alter(&mut self, alter: &Alter, parsed: &Parsed) -> Result<Done, Problem> {
        let tag = parsed.statement.words().to_owned();
        if alter.if_exists && self.running.definitions().get(&alter.name.value).is_none() {
            let notice = format!("there is no {}, nothing to alter", alter.name);
            return Ok(Done { tag, notices: vec![notice] });
        }
        let (mut declarations, at) = self.found(&alter.name, parsed)?;
        let text = altered(alter, &declarations[at].parsed.statement, parsed)?;
        let source = SourceText::new(parsed.source.name.clone(), text);
        let altered = headwater_sql::parse(&source)?.pop();
        declarations[at].parsed =
            altered.ok_or_else(|| Problem::new(ErrorKind::Internal, "the altered definition is no statement"))?;
        self.change(declarations, &BTreeSet::new(), tag)
    }

    /// Says something of an object or a column.
    pub(super) fn comment(&mut self, statement: &Comment, parsed: &Parsed) -> Result<Done, Problem> {
        let name = about(statement);
        let (mut declarations, at) = self.found(name, parsed)?;
        let there = self.running.definitions().get(&name.value);
        if let (Commented::Object { kind, .. }, Some(there)) = (&statement.on, there)
            && !fits(*kind, there.kind)
        {
            return Err(refuse(parsed, name, format!("{name} is a {}", there.kind)));
        }
        if let Commented::Column { column, .. } = &statement.on {
            let relation = self.running.declared().relations.get(&name.value);
            let columns: Vec<String> = relation.iter().flat_map(column_names).collect();
            if !columns.contains(&column.value) {
                let refused =
                    Diagnostic::new(parsed.source.clone(), column.span, format!("{name} has no column {column}"));
                return Err(match nearest(&column.value, columns.iter().map(String::as_str)) {
                    Some(near) => Diagnostics::from(refused.with_hint(format!("did you mean {near}?"))).into(),
                    None => Diagnostics::from(refused).into(),
                });
            }
        }
        comment(&mut declarations[at].comments, statement);
        self.change(declarations, &BTreeSet::new(), parsed.statement.words().to_owned())
    }

    /// All declarations, and which of them a client's statement may change.
    fn found(&self, name: &Name, parsed: &Parsed) -> Result<(Vec<Declaration>, usize), Problem> {
        let definitions = self.running.definitions();
        let Some(there) = definitions.get(&name.value) else {
            let refused = Diagnostic::new(parsed.source.clone(), name.span, format!("there is no {name}"));
            return Err(match nearest(&name.value, definitions.iter().map(|one| one.name.as_str())) {
                Some(near) => Diagnostics::from(refused.with_hint(format!("did you mean {near}?"))).into(),
                None => Diagnostics::from(refused).into(),
            });
        };
        if there.owner == Owner::Project {
            let message = format!("{} {name} is declared by the project", there.kind);
            return Err(Problem::new(ErrorKind::Conflict, message).with_hint("change its file and apply that"));
        }
        let at = definitions.iter().position(|one| one.name == name.value).unwrap_or_default();
        let declarations = definitions.iter().map(stored::declaration).collect::<Result<Vec<_>, _>>()?;
        Ok((declarations, at))
    }
}

/// The text of a definition after what a statement asks for.
fn altered(alter: &Alter, there: &Statement, parsed: &Parsed) -> Result<String, Problem> {
    let actions = &alter.actions;
    Ok(match (alter.kind, there) {
        (Kind::Stream, Statement::CreateStream(create)) => create.alter(actions, &parsed.source)?.to_sql(),
        (Kind::Table, Statement::CreateTable(create)) => create.alter(actions, &parsed.source)?.to_sql(),
        (Kind::Table, Statement::CreateExternalTable(create)) => create.alter(actions, &parsed.source)?.to_sql(),
        (Kind::Source, Statement::CreateSource(create)) => create.alter(actions)?,
        (Kind::Sink, Statement::CreateSink(create)) => create.alter(actions)?,
        (Kind::View, Statement::CreateView(create)) => create.alter(actions).to_sql(),
        (Kind::MaterializedView, Statement::CreateMaterializedView(create)) => create.alter(actions)?.to_sql(),
        (_, there) => {
            let message = format!("{} is a {}", alter.name, kind_of(there));
            let refused = Diagnostic::new(parsed.source.clone(), alter.name.span, message);
            let hint = format!("{} changes what CREATE of the same kind made", alter.words());
            return Err(Diagnostics::from(refused.with_hint(hint)).into());
        }
    })
}

fn kind_of(statement: &Statement) -> String {
    headwater_catalog::Kind::of(statement).map(|kind| kind.to_string()).unwrap_or_default()
}

fn column_names(relation: &Relation) -> Vec<String> {
    relation.schema().fields().iter().map(|field| field.name().clone()).collect()
}

fn refuse(parsed: &Parsed, name: &Name, message: String) -> Problem {
    Diagnostics::from(Diagnostic::new(parsed.source.clone(), name.span, message)).into()
}
