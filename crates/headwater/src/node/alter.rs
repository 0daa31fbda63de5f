//! Statements of clients that change a definition of theirs: `ALTER` and `COMMENT ON`.

use headwater_base::ErrorKind;
use headwater_catalog::Owner;
use headwater_catalog::graph::{about, comment, fits};
use headwater_deploy::{Declaration, stored};
use headwater_gateway::{Done, Problem};
use headwater_query::relation::Relation;
use headwater_sql::ast::{Alter, Comment, Commented, Name};
use headwater_sql::{Diagnostic, Diagnostics, Fault, Parsed, SourceText, Statement, nearest};

use super::Node;
use super::statements::missing;

impl Node {
    /// Changes columns or options of a definition.
    pub(super) fn alter(&mut self, alter: &Alter, parsed: &Parsed) -> Result<Done, Problem> {
        let (mut declarations, at) = self.found(&alter.name, parsed)?;
        let declaration = &mut declarations[at];
        let text = match (&parsed.statement, &declaration.parsed.statement) {
            (Statement::AlterStream(_), Statement::CreateStream(create)) => {
                create.alter(&alter.actions, &parsed.source)?.to_sql()
            }
            (Statement::AlterTable(_), Statement::CreateTable(create)) => {
                create.alter(&alter.actions, &parsed.source)?.to_sql()
            }
            (Statement::AlterSource(_), Statement::CreateSource(create)) => {
                create.alter(&alter.actions, &parsed.source)?
            }
            (Statement::AlterSink(_), Statement::CreateSink(create)) => create.alter(&alter.actions, &parsed.source)?,
            (statement, _) => {
                let kind = self.running.definitions().get(&alter.name.value).map(|one| one.kind.to_string());
                let message = format!("{} is a {}", alter.name, kind.unwrap_or_default());
                let refused = Diagnostic::new(parsed.source.clone(), alter.name.span, message);
                let refused = refused.with_fault(Fault::WrongKind);
                let hint = format!("{} changes what CREATE of the same kind made", statement.words());
                return Err(Diagnostics::from(refused.with_hint(hint)).into());
            }
        };
        let source = SourceText::new(parsed.source.name.clone(), text);
        let altered = headwater_sql::parse(&source)?.pop();
        declaration.parsed =
            altered.ok_or_else(|| Problem::new(ErrorKind::Internal, "the altered definition is no statement"))?;
        self.change(declarations, parsed.statement.words().to_owned())
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
                let refused = refused.with_fault(Fault::NoColumn);
                return Err(match nearest(&column.value, columns.iter().map(String::as_str)) {
                    Some(near) => Diagnostics::from(refused.with_hint(format!("did you mean {near}?"))).into(),
                    None => Diagnostics::from(refused).into(),
                });
            }
        }
        comment(&mut declarations[at].comments, statement);
        self.change(declarations, parsed.statement.words().to_owned())
    }

    /// All declarations, and which of them a client's statement may change.
    fn found(&self, name: &Name, parsed: &Parsed) -> Result<(Vec<Declaration>, usize), Problem> {
        let definitions = self.running.definitions();
        let Some(there) = definitions.get(&name.value) else {
            let refused = Diagnostic::new(parsed.source.clone(), name.span, format!("there is no {name}"));
            let refused = refused.with_fault(missing(&parsed.statement));
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

fn column_names(relation: &Relation) -> Vec<String> {
    relation.schema().fields().iter().map(|field| field.name().clone()).collect()
}

fn refuse(parsed: &Parsed, name: &Name, message: String) -> Problem {
    Diagnostics::from(Diagnostic::new(parsed.source.clone(), name.span, message).with_fault(Fault::WrongKind)).into()
}
