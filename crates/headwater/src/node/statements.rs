//! What clients ask of the node's own thread: statements that change what runs, and plans of them.

use headwater_base::ErrorKind;
use headwater_deploy::running::{Prepared, State};
use headwater_gateway::{Done, Problem};
use headwater_sql::Parsed;

use super::Node;
use super::doors::Request;
use super::planning::Proposed;

impl Node {
    /// Does what clients have asked for since the last call.
    ///
    /// # Errors
    /// What leaves the node unable to go on; the clients' own errors are told to them.
    pub(super) fn answer_requests(&mut self) -> anyhow::Result<()> {
        while let Ok(request) = self.requests.try_recv() {
            // A client that has gone does not ask any more.
            let told = match request {
                Request::Plan { what, answer } => {
                    let _ = answer.send(self.plan(what));
                    continue;
                }
                Request::Explain { statement, answer } => {
                    let _ = answer.send(self.planned_graph(&statement));
                    continue;
                }
                Request::Change { statement, answer } => {
                    let done = self.change_users(&statement).unwrap_or_else(|| self.change(&statement));
                    let told = done.as_ref().err().map(Problem::to_string);
                    let _ = answer.send(done);
                    told
                }
            };
            if self.running.engine().is_err() {
                return Err(anyhow::anyhow!("{}", told.unwrap_or_default()));
            }
        }
        Ok(())
    }

    /// Lets the doors see how far replays are.
    pub(super) fn tell_replays(&self) {
        *self.known.replays() = self.running.replays();
    }

    /// Changes definitions as a statement wants it.
    fn change(&mut self, statement: &Parsed) -> Result<Done, Problem> {
        let Proposed { prepared, mut notices } = self.propose(statement, None)?;
        if let Some(prepared) = prepared {
            notices.extend(self.apply(prepared)?);
        }
        Ok(Done { tag: statement.statement.words().to_owned(), notices })
    }

    /// Brings what runs to a plan; what is replayed for that is told.
    fn apply(&mut self, prepared: Prepared) -> Result<Vec<String>, Problem> {
        let is_new = |name: &str| !prepared.leaves(name);
        let tried = super::try_outside(prepared.declared(), is_new, &self.options, &self.runtime, &self.clock);
        tried.map_err(|error| Problem::new(ErrorKind::Invalid, format!("{error:#}")))?;
        // What gave up tries again with any change.
        self.sources.retain(|source| prepared.leaves(source.name()) && source.report().failure.is_none());
        self.sinks.retain(|sink| prepared.leaves(sink.name()) && sink.report().failure.is_none());
        if !prepared.leaves_engine() {
            self.alerts.pause();
        }
        let applied = self.running.apply(prepared);
        let failed = |error: anyhow::Error| Problem::new(ErrorKind::Unavailable, format!("{error:#}"));
        if self.running.engine().is_ok() {
            self.start_sources().map_err(failed)?;
            self.start_sinks().map_err(failed)?;
            self.start_alerts().map_err(failed)?;
            self.show().map_err(failed)?;
        }
        applied?;
        let replays = self.running.replays().into_iter().filter(|each| each.state == State::Running);
        let told =
            replays.map(|each| format!("replaying {} rows of history for {}", each.rows_total, each.views.join(", ")));
        Ok(told.collect())
    }
}
