//! Statements of clients that change what runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use headwater_base::ErrorKind;
use headwater_catalog::graph::fits;
use headwater_catalog::{Definition, Kind, Owner};
use headwater_deploy::running::State;
use headwater_deploy::{Declaration, stored};
use headwater_gateway::{Done, Problem, Reason};
use headwater_sql::ast::{self, Existing};
use headwater_sql::{Diagnostic, Diagnostics, Fault, Parsed, SourceText, Statement};

use headwater_stream::graph::Graph;

use super::Node;
use super::doors::Request;

impl Node {
    /// Does what clients have asked for since the last call.
    ///
    /// # Errors
    /// What leaves the node unable to go on; the clients' own errors are told to them.
    pub(super) fn answer_requests(&mut self) -> anyhow::Result<()> {
        while let Ok(request) = self.requests.try_recv() {
            let (statement, answer) = match request {
                Request::Change { statement, answer } => (*statement, answer),
                Request::Plan { statements, answer } => {
                    let planned = self.running.plan_project(headwater_deploy::resolve::project(statements));
                    let steps = planned.map(|prepared| prepared.plan.steps.iter().map(ToString::to_string).collect());
                    let _ = answer.send(steps.map_err(Problem::from));
                    continue;
                }
                Request::Explain { statement, answer } => {
                    let _ = answer.send(self.planned_graph(&statement));
                    continue;
                }
            };
            let done = match (self.change_users(&statement), &statement.statement) {
                (Some(done), _) => done,
                (None, Statement::Drop(drop)) => self.drop_objects(drop, &statement),
                (
                    None,
                    Statement::AlterStream(alter)
                    | Statement::AlterTable(alter)
                    | Statement::AlterSource(alter)
                    | Statement::AlterSink(alter),
                ) => self.alter(alter, &statement),
                (None, Statement::Comment(comment)) => self.comment(comment, &statement),
                _ => self.define(statement),
            };
            let fatal = self.running.engine().is_err();
            let told = done.as_ref().err().map(Problem::to_string);
            // A client that has gone does not ask any more.
            let _ = answer.send(done);
            if fatal {
                return Err(anyhow::anyhow!("{}", told.unwrap_or_default()));
            }
        }
        Ok(())
    }

    /// The graph that there would be with the view that a statement explains.
    fn planned_graph(&mut self, explained: &Parsed) -> Result<Arc<Graph>, Problem> {
        let text = headwater_sql::canonical(&explained.text).map_err(Diagnostics::from)?;
        let text = text.strip_prefix("explain ").unwrap_or(&text);
        let create = headwater_sql::parse(&SourceText::new(explained.source.name.clone(), text))?.pop();
        let create = create.ok_or_else(|| Problem::new(ErrorKind::Internal, "nothing is explained"))?;
        let name = create.statement.defines().map(|name| name.value.clone()).unwrap_or_default();
        let others = self.running.definitions().iter().filter(|one| one.name != name).map(stored::declaration);
        let mut declarations = others.collect::<Result<Vec<_>, _>>()?;
        let parsed = plain(create)?;
        declarations.push(Declaration { parsed, owner: Owner::Client, comments: BTreeMap::new() });
        Ok(Arc::clone(&self.running.plan(declarations)?.declared().graph))
    }

    /// Lets the doors see how far replays are.
    pub(super) fn tell_replays(&self) {
        *self.known.replays() = self.running.replays();
    }

    /// Adds a definition of a client's.
    fn define(&mut self, statement: Parsed) -> Result<Done, Problem> {
        let tag = statement.statement.words().to_owned();
        let Some(name) = statement.statement.defines().map(|name| name.value.clone()) else {
            let problem = Problem::new(ErrorKind::Invalid, format!("{tag} is not built yet"));
            let problem = problem.with_reason(Reason::NotBuilt);
            return Err(problem.with_hint("what a client can create: STREAM, SOURCE, SINK, TABLE, EXTERNAL TABLE, VIEW, MATERIALIZED VIEW, CONNECTION, SECRET"));
        };
        let existing = statement.statement.existing();
        let there = self.running.definitions().get(&name);
        let replaces = |there: &Definition| existing == Existing::Replace && there.owner == Owner::Client;
        match there {
            Some(there) if existing == Existing::Keep => {
                let notice = format!("there is a {} of the name {name} already", there.kind);
                return Ok(Done { tag, notices: vec![notice] });
            }
            Some(there) if replaces(there) && Kind::of(&statement.statement) != Some(there.kind) => {
                let message = format!("{name} is a {}, and is not replaced by another kind", there.kind);
                return Err(Problem::new(ErrorKind::Conflict, message).with_hint("drop it first"));
            }
            Some(there) if replaces(there) => {}
            Some(there) => {
                let message = format!("there is a {} of the name {name} already", there.kind);
                let problem = Problem::new(ErrorKind::Conflict, message);
                let reason = if there.kind.is_relation() { Reason::RelationExists } else { Reason::Exists };
                let problem = problem.with_reason(reason);
                return Err(match there.owner {
                    Owner::Project => {
                        problem.with_hint("it is declared by the project: change its file and apply that")
                    }
                    Owner::Client => problem.with_hint("drop it first, or write CREATE OR REPLACE"),
                });
            }
            None => {}
        }
        let others = self.running.definitions().iter().filter(|one| one.name != name).map(stored::declaration);
        let mut declarations = others.collect::<Result<Vec<_>, _>>()?;
        let comments = there.map(|there| there.comments.clone()).unwrap_or_default();
        let parsed = plain(statement)?;
        declarations.push(Declaration { parsed, owner: Owner::Client, comments });
        self.change(declarations, tag)
    }

    /// Takes away definitions of clients', and what depends on them where that was asked for.
    fn drop_objects(&mut self, drop: &ast::Drop, parsed: &Parsed) -> Result<Done, Problem> {
        let tag = parsed.statement.words().to_owned();
        if drop.purge {
            let problem =
                Problem::new(ErrorKind::Invalid, "DROP … PURGE is not built yet").with_reason(Reason::NotBuilt);
            return Err(problem.with_hint("a stream's archive stays under lake/ in the data folder; remove it there"));
        }
        let definitions = self.running.definitions();
        let mut gone: BTreeSet<&str> = BTreeSet::new();
        let mut notices = Vec::new();
        for name in &drop.names {
            match definitions.get(&name.value) {
                Some(there) if fits(drop.kind, there.kind) => {
                    gone.insert(&there.name);
                }
                Some(there) => {
                    return Err(refuse(parsed, name, Fault::WrongKind, format!("{name} is a {}", there.kind)));
                }
                None if drop.if_exists => notices.push(format!("there is no {name}, nothing to drop")),
                None => {
                    let fault = missing(&parsed.statement);
                    return Err(refuse(parsed, name, fault, format!("there is no {name}")));
                }
            }
        }
        loop {
            let depends = |one: &&Definition| one.depends_on.iter().any(|on| gone.contains(on.as_str()));
            let more = definitions.iter().find(|one| !gone.contains(one.name.as_str()) && depends(one));
            match more {
                None => break,
                Some(one) if drop.cascade => gone.insert(&one.name),
                Some(one) => {
                    let problem = Problem::new(ErrorKind::Conflict, format!("{} {} depends on it", one.kind, one.name))
                        .with_reason(Reason::DependedOn);
                    return Err(problem.with_hint("drop that first, or drop all with CASCADE"));
                }
            };
        }
        if let Some(one) =
            definitions.iter().find(|one| gone.contains(one.name.as_str()) && one.owner == Owner::Project)
        {
            let problem =
                Problem::new(ErrorKind::Conflict, format!("{} {} is declared by the project", one.kind, one.name));
            return Err(problem.with_hint("take it out of the project's files and apply them"));
        }
        if gone.is_empty() {
            return Ok(Done { tag, notices });
        }
        let stay = definitions.iter().filter(|one| !gone.contains(one.name.as_str()));
        let declarations = stay.map(stored::declaration).collect::<Result<Vec<_>, _>>()?;
        let mut done = self.change(declarations, tag)?;
        done.notices.splice(0..0, notices);
        Ok(done)
    }

    /// Brings what runs to these declarations.
    pub(super) fn change(&mut self, declarations: Vec<Declaration>, tag: String) -> Result<Done, Problem> {
        let prepared = self.running.plan(declarations)?;
        let tried = super::try_outside(prepared.declared(), &self.options, &self.runtime, &self.clock);
        tried.map_err(|error| Problem::new(ErrorKind::Invalid, format!("{error:#}")))?;
        self.sources.clear();
        self.sinks.clear();
        let applied = self.running.apply(prepared);
        let failed = |error: anyhow::Error| Problem::new(ErrorKind::Unavailable, format!("{error:#}"));
        if self.running.engine().is_ok() {
            self.start_sources().map_err(failed)?;
            self.start_sinks().map_err(failed)?;
            self.show().map_err(failed)?;
        }
        applied?;
        let replays = self.running.replays().into_iter().filter(|each| each.state == State::Running);
        let notices =
            replays.map(|each| format!("replaying {} rows of history for {}", each.rows_total, each.views.join(", ")));
        Ok(Done { tag, notices: notices.collect() })
    }
}

/// A definition without what it says of one that is there: that is settled.
fn plain(parsed: Parsed) -> Result<Parsed, Problem> {
    if parsed.statement.existing() == Existing::Refuse {
        return Ok(parsed);
    }
    let text = headwater_sql::canonical(&parsed.text).map_err(Diagnostics::from)?;
    let text = text.replacen("create or replace ", "create ", 1).replacen(" if not exists ", " ", 1);
    let plain = headwater_sql::parse(&SourceText::new(parsed.source.name.clone(), text))?.pop();
    plain.ok_or_else(|| Problem::new(ErrorKind::Internal, "a definition was lost"))
}

/// What lacks when the object of a statement does.
pub(super) fn missing(statement: &Statement) -> Fault {
    let other = |kind: ast::Kind| {
        matches!(kind, ast::Kind::Source | ast::Kind::Sink | ast::Kind::Connection | ast::Kind::Secret)
    };
    match statement {
        Statement::AlterSource(_) | Statement::AlterSink(_) => Fault::NoObject,
        Statement::Drop(drop) if other(drop.kind) => Fault::NoObject,
        _ => Fault::NoRelation,
    }
}

fn refuse(parsed: &Parsed, name: &ast::Name, fault: Fault, message: String) -> Problem {
    Diagnostics::from(Diagnostic::new(parsed.source.clone(), name.span, message).with_fault(fault)).into()
}
