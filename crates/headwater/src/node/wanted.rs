//! What a client's statement wants to be declared, worked out from what is. Nothing is done here, so what a plan shows
//! is what applying begins with.

mod alter;
mod create;
mod drop;

use std::collections::BTreeSet;

pub use create::plain;
use headwater_base::ErrorKind;
use headwater_catalog::Definitions;
use headwater_deploy::running::Told;
use headwater_deploy::{Declaration, stored};
use headwater_gateway::Problem;
use headwater_query::relation::Relations;
use headwater_sql::ast::{Kind, Name};
use headwater_sql::{Diagnostic, Diagnostics, Fault, Parsed, Span, Statement, nearest};

/// What is declared, before the statement.
pub struct Known<'a> {
    pub definitions: &'a Definitions,
    pub relations: &'a Relations,
}

/// What is to be declared, after it.
pub struct Wanted {
    /// All of it; `None` where everything stays as it is.
    pub declarations: Option<Vec<Declaration>>,
    /// Streams that go with their archives.
    pub purged: BTreeSet<String>,
    /// What views are told.
    pub told: Told,
    /// What the statement's author should know.
    pub notices: Vec<String>,
}

/// What a statement that changes definitions wants.
///
/// # Errors
/// What it asks of objects that are not there, are of another kind or are the project's.
pub fn wanted(parsed: &Parsed, known: &Known<'_>) -> Result<Wanted, Problem> {
    match &parsed.statement {
        Statement::Drop(drop) => drop::wanted(drop, parsed, known),
        Statement::Alter(alter) => alter::wanted(alter, parsed, known),
        Statement::Comment(comment) => alter::commented(comment, parsed, known),
        _ => create::wanted(parsed, known),
    }
}

/// Refuses a statement that has no plan.
pub fn check_plannable(parsed: &Parsed) -> Result<(), Problem> {
    let words = parsed.statement.words();
    let (what, hint) = match &parsed.statement {
        // Its text holds a password, which no error repeats.
        Statement::CreateUser(_) | Statement::AlterUser(_) => return Err(no_plan_of_users(words)),
        Statement::Drop(drop) if drop.kind == Kind::User => return Err(no_plan_of_users(words)),
        Statement::CreateTable(create) if create.query.is_some() => (
            "CREATE TABLE … AS has no plan: its query says which columns there are, and is not run for one".to_owned(),
            "plan CREATE TABLE with the columns written out",
        ),
        Statement::Drop(_) | Statement::Alter(_) | Statement::Comment(_) => return Ok(()),
        statement if statement.defines().is_some() => return Ok(()),
        _ => (
            format!("{words} has no plan: it changes no definition"),
            "what has one: CREATE, ALTER and DROP of streams, sources, sinks, tables, views, alerts, expectations, charts, dashboards, connections and secrets, \
             and COMMENT ON",
        ),
    };
    Err(Diagnostics::from(Diagnostic::new(parsed.source.clone(), first_word(parsed), what).with_hint(hint)).into())
}

fn no_plan_of_users(words: &str) -> Problem {
    let message = format!("{words} has no plan: users are no part of what is declared");
    Problem::new(ErrorKind::Invalid, message).with_hint("run it; it changes nothing but who may connect")
}

fn first_word(parsed: &Parsed) -> Span {
    let Span { start, end } = parsed.span;
    let length = parsed.text.find(char::is_whitespace).unwrap_or(parsed.text.len());
    Span::new(start, end.min(start + length))
}

impl Wanted {
    fn of(declarations: Vec<Declaration>) -> Wanted {
        Wanted { declarations: Some(declarations), purged: BTreeSet::new(), told: Told::new(), notices: Vec::new() }
    }

    fn nothing(notices: Vec<String>) -> Wanted {
        Wanted { declarations: None, purged: BTreeSet::new(), told: Told::new(), notices }
    }
}

impl Known<'_> {
    /// All declarations but that of a name.
    pub fn others(&self, name: &str) -> Result<Vec<Declaration>, Problem> {
        let others = self.definitions.iter().filter(|one| one.name != name).map(stored::declaration);
        Ok(others.collect::<Result<Vec<_>, _>>()?)
    }
}

fn refuse(parsed: &Parsed, name: &Name, fault: Fault, message: String) -> Problem {
    Diagnostics::from(Diagnostic::new(parsed.source.clone(), name.span, message).with_fault(fault)).into()
}

/// What lacks when the object of a statement does.
fn missing(kind: Kind) -> Fault {
    match kind {
        Kind::Source | Kind::Sink | Kind::Alert | Kind::Connection | Kind::Secret => Fault::NoObject,
        Kind::Chart | Kind::Dashboard | Kind::Expectations | Kind::Model | Kind::Experiment => Fault::NoObject,
        _ => Fault::NoRelation,
    }
}

/// As [`refuse`], with the name that may have been meant.
fn refuse_with_nearest<'a>(
    parsed: &Parsed,
    name: &Name,
    fault: Fault,
    message: String,
    names: impl IntoIterator<Item = &'a str>,
) -> Problem {
    let refused = Diagnostic::new(parsed.source.clone(), name.span, message).with_fault(fault);
    match nearest(&name.value, names) {
        Some(near) => Diagnostics::from(refused.with_hint(format!("did you mean {near}?"))).into(),
        None => Diagnostics::from(refused).into(),
    }
}
