//! What every door needs of the node behind it: queries, statements, rows coming in.
//!
//! Doors know protocols and keep no state of the platform's; a node knows no protocol.

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use headwater_deploy::{Step, experiments};
use headwater_log::Log;
use headwater_query::relation::Table;
use headwater_query::running::Asker;
use headwater_query::session::{QueryResult, Session};
use headwater_sql::Parsed;
use serde::{Deserialize, Serialize};

use crate::Problem;
use crate::ingest::Appended;
use crate::ingest::load::Loads;
use crate::metrics::Family;

/// A running node, as doors see it.
#[async_trait]
pub trait Node: Send + Sync + 'static {
    /// Names the node; `node.json` in its data folder says the same.
    fn id(&self) -> &str;

    /// Queries over the relations that there are now. A session goes on with those relations; ask again for each
    /// statement. Queries of clients are asked by one: see [`Session::asked_by`].
    fn session(&self) -> Session;

    /// Where streams are appended to.
    fn log(&self) -> Arc<dyn Log>;

    /// Begins loads of many rows into streams.
    fn loads(&self) -> Arc<Loads>;

    /// Experiments that are declared.
    fn experiments(&self) -> Vec<Arc<experiments::Declared>>;

    /// Waits a while for queries to see rows of a stream, which are safe already.
    async fn seen(&self, stream: &str, appended: &Appended);

    /// Puts rows, which have the table's columns, in the place of those with their keys; adds them all where the table
    /// has no key.
    async fn upsert(&self, table: &Table, rows: &[RecordBatch]) -> Result<(), Problem>;

    /// How the node is, for people and for what starts and stops nodes.
    fn health(&self) -> Health;

    /// What the node measures, without its doors.
    fn metrics(&self) -> Vec<Family>;

    /// What bringing the project's part of what runs to these files would do. Nothing is done.
    async fn plan_project(&self, files: Vec<File>) -> Result<Planned, Problem>;

    /// What a client's statements would do, one after the other. Nothing is done.
    async fn plan_statements(&self, text: String) -> Result<Planned, Problem>;

    /// Runs any one statement. Definitions are applied to the node when this returns, and belong to clients.
    async fn execute(&self, statement: Parsed, asker: Asker) -> Result<Outcome, Problem>;
}

/// How a node is.
#[derive(Debug, Clone, Serialize)]
pub struct Health {
    /// `ok`, or `degraded` where something has stopped.
    pub status: &'static str,
    pub version: &'static str,
    pub uptime_ms: i64,
    pub epoch: u64,
    /// Records that may be read and are not in the views yet.
    pub lag: i64,
    pub checkpoint: Option<Checkpoint>,
    /// What does not go on, each with its reason.
    pub stopped: Vec<String>,
}

/// The last one.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Checkpoint {
    pub number: u64,
    pub age_ms: i64,
}

/// A file of a project, with its settings filled in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub path: String,
    pub text: String,
}

/// What a change of definitions would do.
#[derive(Debug, Clone, Default)]
pub struct Planned {
    /// In the order in which they are made.
    pub steps: Vec<Step>,
    /// What whoever wants the change should know: what is there already, what there is not to drop.
    pub notices: Vec<String>,
}

/// What a statement came to.
pub enum Outcome {
    Rows(QueryResult),
    Done(Done),
}

/// A statement that gave no rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// As PostgreSQL's command tags say it: `CREATE STREAM`, `INSERT 0 3`.
    pub tag: String,
    /// What its author should know: what was replayed, what was skipped.
    pub notices: Vec<String>,
}
