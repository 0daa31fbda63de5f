//! `SHOW` and `DESCRIBE` as the queries over `system.` relations that they stand for.

use headwater_sql::ast::{Kind, Show};

/// The query that answers a question about what is declared.
pub(super) fn query(show: &Show) -> String {
    match show {
        Show::Objects { kind, like } => {
            let kinds = match kind {
                Some(Kind::Stream) => "kind IN ('stream', 'derived stream')",
                Some(Kind::Source) => "kind = 'source'",
                // A view that never takes a row back is a stream as well.
                Some(Kind::MaterializedView) => "kind IN ('keyed table', 'derived stream')",
                None => "kind <> 'source'",
            };
            let like = like.as_ref().map(|like| format!(" AND name LIKE {}", literal(like))).unwrap_or_default();
            format!("SELECT name, kind, owner FROM system.relations WHERE {kinds}{like} ORDER BY name")
        }
        Show::Columns(name) => format!(
            "SELECT name AS column_name, type AS data_type, nullable FROM system.columns WHERE relation = {} \
             ORDER BY position",
            literal(&name.value)
        ),
        Show::Create(name) => {
            format!("SELECT name, definition FROM system.relations WHERE name = {}", literal(&name.value))
        }
    }
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
