//! `SHOW` and `DESCRIBE` as the queries over `system.` relations that they stand for.

use headwater_sql::ast::{Kind, RelationName, Show};

use crate::provide::SystemTables;
use crate::relation::{SYSTEM, qualified};
use crate::sqltype::sql_name;

/// The query that answers a question about what is declared. None if no relation of ours has the answer yet.
pub(super) fn query(show: &Show, system: &dyn SystemTables) -> Option<String> {
    Some(match show {
        Show::Objects { kind: Some(Kind::User), like } => {
            let like = like.as_ref().map(|like| format!(" WHERE name LIKE {}", literal(like))).unwrap_or_default();
            format!("SELECT name, password_changed_at FROM system.users{like} ORDER BY name")
        }
        Show::Objects { kind, like } => {
            let readable = "kind NOT IN ('source', 'sink', 'connection', 'secret')";
            let kinds = kind.map_or(Some(readable), condition)?;
            let like = like.as_ref().map(|like| format!(" AND name LIKE {}", literal(like))).unwrap_or_default();
            format!("SELECT name, kind, owner FROM system.relations WHERE {kinds}{like} ORDER BY name")
        }
        Show::Columns(RelationName { schema: Some(schema), name }) if schema.value == SYSTEM => {
            let (_, columns) = system.tables().into_iter().find(|(table, _)| *table == name.value)?;
            let rows = columns.fields().iter().map(|field| {
                let (name, data_type) = (literal(field.name()), literal(&sql_name(field.data_type())));
                format!("({name}, {data_type}, {}, CAST(NULL AS VARCHAR))", field.is_nullable())
            });
            let rows = rows.collect::<Vec<_>>().join(", ");
            format!("SELECT * FROM (VALUES {rows}) AS columns (column_name, data_type, nullable, comment)")
        }
        Show::Columns(RelationName { schema, name }) => {
            let relation = match schema {
                Some(schema) => qualified(&schema.value, &name.value)?,
                None => name.value.clone(),
            };
            let relation = literal(&relation);
            format!(
                "SELECT name AS column_name, type AS data_type, nullable, comment FROM system.columns WHERE relation = \
                 {relation} ORDER BY position"
            )
        }
        Show::Create { kind, name } => {
            let kinds = kind.map_or(Some("true"), condition)?;
            let name = literal(&name.value);
            format!("SELECT name, definition FROM system.relations WHERE name = {name} AND {kinds}")
        }
    })
}

/// Over `system.relations`.
fn condition(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Stream => Some("kind IN ('stream', 'derived stream')"),
        Kind::Source => Some("kind = 'source'"),
        // A view that never takes a row back is a stream as well.
        Kind::MaterializedView => Some("kind IN ('keyed table', 'derived stream', 'scheduled view')"),
        Kind::Sink => Some("kind = 'sink'"),
        Kind::Table => Some("kind IN ('table', 'external table')"),
        Kind::View => Some("kind = 'view'"),
        Kind::Alert => Some("kind = 'alert'"),
        Kind::Connection => Some("kind = 'connection'"),
        Kind::Secret => Some("kind = 'secret'"),
        Kind::Chart => Some("kind = 'chart'"),
        Kind::Dashboard => Some("kind = 'dashboard'"),
        Kind::Expectations => Some("kind = 'expectations'"),
        Kind::FeatureView => Some("kind = 'feature view'"),
        Kind::Model => Some("kind = 'model'"),
        Kind::Experiment => Some("kind = 'experiment'"),
        // A user's statement is kept nowhere.
        Kind::User => None,
    }
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
