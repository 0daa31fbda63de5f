//! What all `CREATE` statements open with.

use super::{
    Cursor, alert, chart, connection, dashboard, expectations, experiment, feature, model, sink, source, stream, table,
    view,
};
use crate::ast::{Existing, Statement};
use crate::{Diagnostics, Result};

/// How the statement goes on after its opening words.
pub(super) struct Opening {
    /// Where it starts.
    pub start: usize,
    pub existing: Existing,
}

type Create = fn(&mut Cursor<'_>) -> Result<Statement, Diagnostics>;

const KINDS: [(&[&str], Create); 17] = [
    (&["STREAM"], |cursor| stream::create(cursor).map(Statement::CreateStream)),
    (&["SOURCE"], |cursor| source::create(cursor).map(Statement::CreateSource)),
    (&["SINK"], |cursor| sink::create(cursor).map(Statement::CreateSink)),
    (&["TABLE"], |cursor| table::create(cursor).map(Statement::CreateTable)),
    (&["EXTERNAL", "TABLE"], |cursor| table::create_external(cursor).map(Statement::CreateExternalTable)),
    (&["VIEW"], |cursor| view::create_plain(cursor).map(Statement::CreateView)),
    (&["MATERIALIZED", "VIEW"], |cursor| view::create_materialized(cursor).map(Statement::CreateMaterializedView)),
    (&["ALERT"], |cursor| alert::create(cursor).map(Box::new).map(Statement::CreateAlert)),
    (&["CONNECTION"], |cursor| connection::create(cursor).map(Statement::CreateConnection)),
    (&["SECRET"], |cursor| connection::create_secret(cursor).map(Statement::CreateSecret)),
    (&["EXPECTATIONS"], |cursor| expectations::create(cursor).map(Statement::CreateExpectations)),
    (&["FEATURE", "VIEW"], |cursor| feature::create(cursor).map(Box::new).map(Statement::CreateFeatureView)),
    (&["MODEL"], |cursor| model::create(cursor).map(Box::new).map(Statement::CreateModel)),
    (&["EXPERIMENT"], |cursor| experiment::create(cursor).map(Box::new).map(Statement::CreateExperiment)),
    (&["USER"], |cursor| connection::create_user(cursor).map(Statement::CreateUser)),
    (&["CHART"], |cursor| chart::create(cursor).map(Statement::CreateChart)),
    (&["DASHBOARD"], |cursor| dashboard::create(cursor).map(Statement::CreateDashboard)),
];

/// How to read the statement that comes next, if it is one of these.
pub(super) fn starts(cursor: &Cursor<'_>) -> Option<Create> {
    if !cursor.at(&["CREATE"]) {
        return None;
    }
    let ahead = if cursor.at(&["CREATE", "OR", "REPLACE"]) { 3 } else { 1 };
    KINDS.iter().find(|(words, _)| cursor.at_ahead(ahead, words)).map(|(_, create)| *create)
}

/// `CREATE [OR REPLACE] KIND [IF NOT EXISTS]`
pub(super) fn open(cursor: &mut Cursor<'_>, kind: &[&str]) -> Result<Opening> {
    let start = cursor.position();
    cursor.expect(&["CREATE"])?;
    let replaces = cursor.take(&["OR", "REPLACE"]);
    cursor.expect(kind)?;
    let keep_start = cursor.position();
    let keeps = cursor.take(&["IF", "NOT", "EXISTS"]);
    let existing = match (replaces, keeps) {
        (true, true) => {
            let refused = cursor.error(cursor.span_from(keep_start), "OR REPLACE and IF NOT EXISTS exclude each other");
            return Err(refused.with_hint("say whether an object of the name is replaced or kept"));
        }
        (true, false) => Existing::Replace,
        (false, true) => Existing::Keep,
        (false, false) => Existing::Refuse,
    };
    Ok(Opening { start, existing })
}
