//! `ALTER …` and `COMMENT ON`: statements of clients that change a definition of theirs.

use headwater_base::ErrorKind;
use headwater_catalog::graph::{about, comment, fits};
use headwater_catalog::{Definition, Owner};
use headwater_deploy::running::Told;
use headwater_deploy::{Declaration, stored};
use headwater_gateway::Problem;
use headwater_query::relation::Relation;
use headwater_sql::ast::{Alter, AlterAction, Change, Comment, Commented, Kind, Name, Run};
use headwater_sql::{Diagnostic, Diagnostics, Fault, Parsed, SourceText, Statement};

use super::{Known, Wanted, missing, refuse, refuse_with_nearest};

/// Changes columns, options, rules or the query of a definition.
pub fn wanted(alter: &Alter, parsed: &Parsed, known: &Known<'_>) -> Result<Wanted, Problem> {
    if alter.if_exists && known.definitions.get(&alter.name.value).is_none() {
        return Ok(Wanted::nothing(vec![format!("there is no {}, nothing to alter", alter.name)]));
    }
    if let [AlterAction { change: Change::Run(run), .. }] = alter.actions.as_slice() {
        return told(alter, *run, parsed, known);
    }
    let (mut declarations, at) = found(&alter.name, missing(alter.kind), parsed, known)?;
    let text = altered(alter, &declarations[at].parsed.statement, parsed)?;
    // What is wrong with all of the definition has no place in the statement that alters it.
    let source = SourceText::new(format!("catalog: {}", alter.name), text);
    let altered = headwater_sql::parse(&source)?.pop();
    declarations[at].parsed =
        altered.ok_or_else(|| Problem::new(ErrorKind::Internal, "the altered definition is no statement"))?;
    Ok(Wanted::of(declarations))
}

/// What a view is told, whoever declared it.
fn told(alter: &Alter, run: Run, parsed: &Parsed, known: &Known<'_>) -> Result<Wanted, Problem> {
    let there = there(&alter.name, missing(alter.kind), parsed, known)?;
    match (there.kind, run) {
        (headwater_catalog::Kind::View, _) => {}
        (headwater_catalog::Kind::ScheduledView, Run::Pause | Run::Resume) => {}
        (headwater_catalog::Kind::ScheduledView, _) => {
            let message = format!("each run of {} begins anew", alter.name);
            let refused = Diagnostic::new(parsed.source.clone(), alter.name.span, message);
            let refused =
                refused.with_fault(Fault::WrongKind).with_hint(format!("REFRESH MATERIALIZED VIEW {}", alter.name));
            return Err(Diagnostics::from(refused).into());
        }
        _ => {
            let message = format!("{} is {}", alter.name, there.kind.one());
            return Err(refuse(parsed, &alter.name, Fault::WrongKind, message));
        }
    }
    match (run, there.paused) {
        (Run::Pause, true) => return Ok(Wanted::nothing(vec![format!("{} is paused already", alter.name)])),
        (Run::Resume, false) => return Ok(Wanted::nothing(vec![format!("{} is not paused", alter.name)])),
        _ => {}
    }
    let all = known.definitions.iter().map(stored::declaration).collect::<Result<Vec<_>, _>>()?;
    Ok(Wanted { told: Told::from([(alter.name.value.clone(), run)]), ..Wanted::of(all) })
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
        (Kind::Alert, Statement::CreateAlert(create)) => create.alter(actions)?,
        (Kind::View, Statement::CreateView(create)) => create.alter(actions).to_sql(),
        (Kind::MaterializedView, Statement::CreateMaterializedView(create)) => create.alter(actions)?.to_sql(),
        (_, there) => {
            let kind = headwater_catalog::Kind::of(there).map(headwater_catalog::Kind::one).unwrap_or_default();
            let message = format!("{} is {kind}", alter.name);
            let refused = Diagnostic::new(parsed.source.clone(), alter.name.span, message).with_fault(Fault::WrongKind);
            let hint = format!("{} changes what CREATE of the same kind made", alter.words());
            return Err(Diagnostics::from(refused.with_hint(hint)).into());
        }
    })
}

/// Says something of an object or a column.
pub fn commented(statement: &Comment, parsed: &Parsed, known: &Known<'_>) -> Result<Wanted, Problem> {
    let name = about(statement);
    let fault = match &statement.on {
        Commented::Object { kind, .. } => missing(*kind),
        Commented::Column { .. } => Fault::NoRelation,
    };
    let (mut declarations, at) = found(name, fault, parsed, known)?;
    let there = known.definitions.get(&name.value);
    if let (Commented::Object { kind, .. }, Some(there)) = (&statement.on, there)
        && !fits(*kind, there.kind)
    {
        return Err(refuse(parsed, name, Fault::WrongKind, format!("{name} is {}", there.kind.one())));
    }
    if let Commented::Column { column, .. } = &statement.on {
        let relation = known.relations.get(&name.value);
        let columns: Vec<String> = relation.iter().flat_map(column_names).collect();
        if !columns.contains(&column.value) {
            let message = format!("{name} has no column {column}");
            return Err(refuse_with_nearest(
                parsed,
                column,
                Fault::NoColumn,
                message,
                columns.iter().map(String::as_str),
            ));
        }
    }
    comment(&mut declarations[at].comments, statement);
    Ok(Wanted::of(declarations))
}

/// All declarations, and which of them a client's statement may change.
fn found(name: &Name, fault: Fault, parsed: &Parsed, known: &Known<'_>) -> Result<(Vec<Declaration>, usize), Problem> {
    let definitions = known.definitions;
    let there = there(name, fault, parsed, known)?;
    if there.owner == Owner::Project {
        let message = format!("{} {name} is declared by the project", there.kind);
        return Err(Problem::new(ErrorKind::Conflict, message).with_hint("change its file and apply that"));
    }
    let at = definitions.iter().position(|one| one.name == name.value).unwrap_or_default();
    let declarations = definitions.iter().map(stored::declaration).collect::<Result<Vec<_>, _>>()?;
    Ok((declarations, at))
}

fn there<'a>(name: &Name, fault: Fault, parsed: &Parsed, known: &Known<'a>) -> Result<&'a Definition, Problem> {
    known.definitions.get(&name.value).ok_or_else(|| {
        let names = known.definitions.iter().map(|one| one.name.as_str());
        refuse_with_nearest(parsed, name, fault, format!("there is no {name}"), names)
    })
}

fn column_names(relation: &Relation) -> Vec<String> {
    relation.schema().fields().iter().map(|field| field.name().clone()).collect()
}
