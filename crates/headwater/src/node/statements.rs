//! Statements of clients that change what runs.

use std::sync::PoisonError;

use headwater_base::ErrorKind;
use headwater_catalog::Owner;
use headwater_deploy::running::State;
use headwater_deploy::{Declaration, stored};
use headwater_gateway::{Done, Problem};
use headwater_sql::Parsed;

use super::Node;
use super::doors::Request;

impl Node {
    /// Does what clients have asked for since the last call.
    ///
    /// # Errors
    /// What leaves the node unable to go on; the clients' own errors are told to them.
    pub(super) fn answer_requests(&mut self) -> anyhow::Result<()> {
        while let Ok(Request { statement, answer }) = self.requests.try_recv() {
            let done = self.define(statement);
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

    /// Lets the doors see how far replays are.
    pub(super) fn tell_replays(&self) {
        *self.replays.lock().unwrap_or_else(PoisonError::into_inner) = self.running.replays();
    }

    /// Adds a definition of a client's.
    fn define(&mut self, statement: Parsed) -> Result<Done, Problem> {
        let tag = statement.statement.words().to_owned();
        let Some(name) = statement.statement.defines().map(|name| name.value.clone()) else {
            return Err(Problem::new(ErrorKind::Invalid, format!("{tag} can't be run here")));
        };
        if let Some(there) = self.running.definitions().get(&name) {
            let problem = Problem::new(ErrorKind::Conflict, format!("there is a {} of the name {name} already", there.kind));
            return Err(match there.owner {
                Owner::Project => problem.with_hint("it is declared by the project: change its file and apply that"),
                Owner::Client => problem.with_hint("drop it first, or choose another name"),
            });
        }
        let there = self.running.definitions().iter().map(stored::declaration);
        let mut declarations = there.collect::<Result<Vec<_>, _>>()?;
        declarations.push(Declaration { parsed: statement, owner: Owner::Client });
        self.change(declarations, tag)
    }

    /// Brings what runs to these declarations.
    fn change(&mut self, declarations: Vec<Declaration>, tag: String) -> Result<Done, Problem> {
        let prepared = self.running.plan(declarations)?;
        for source in &prepared.declared().sources {
            let opened = crate::sources::open(source, self.options.folder.files(), &self.options.root, &self.clock);
            opened.map_err(|error| Problem::new(ErrorKind::Invalid, format!("{error:#}")))?;
        }
        self.sources.clear();
        let applied = self.running.apply(prepared);
        let failed = |error: anyhow::Error| Problem::new(ErrorKind::Unavailable, format!("{error:#}"));
        if self.running.engine().is_ok() {
            self.start_sources().map_err(failed)?;
            self.tell_replays();
            self.show().map_err(failed)?;
        }
        applied?;
        let replays = self.running.replays().into_iter().filter(|each| each.state == State::Running);
        let notices = replays.map(|each| {
            format!("replaying {} rows of history for {}", each.rows_total, each.views.join(", "))
        });
        Ok(Done { tag, notices: notices.collect() })
    }
}
