//! What clients ask of PostgreSQL's catalog: `pg_catalog` and `information_schema` over the relations of now.
//!
//! Relations that cannot have rows here (indexes, triggers, …) are there and empty, so that clients find nothing
//! rather than fail.

mod functions;
mod information;
mod relations;
mod rewrite;
mod table;

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::datasource::TableProvider;
use datafusion::logical_expr::ScalarUDF;
use headwater_query::Relation;
use headwater_query::relation::{Origin, Place};
use headwater_query::session::{Foreign, Session};
pub use rewrite::rewritten;

use super::settings::Settings;

pub const PG_CATALOG: &str = "pg_catalog";
pub const INFORMATION_SCHEMA: &str = "information_schema";
pub const PUBLIC: &str = "public";

/// Schemas with the identifiers that clients know them by.
pub const SCHEMAS: [(u32, &str); 5] =
    [(11, PG_CATALOG), (2200, PUBLIC), (13_000, INFORMATION_SCHEMA), (13_001, "archive"), (13_002, "system")];

/// Identifiers below are PostgreSQL's own.
const OIDS_FROM: u32 = 16_384;
/// The only database, and the only role of one connection.
pub const DATABASE_OID: u32 = 16_383;
pub const ROLE_OID: u32 = 10;

/// A relation as the catalog shows it.
#[derive(Debug, Clone)]
pub struct Item {
    pub oid: u32,
    pub schema: &'static str,
    pub schema_oid: u32,
    pub name: String,
    /// As `pg_class.relkind` has it.
    pub kind: char,
    pub columns: SchemaRef,
}

/// One statement's view of the catalog.
pub struct Catalog {
    pub items: Vec<Item>,
    pub database: String,
    pub user: String,
    pub settings: Settings,
}

impl Catalog {
    pub fn new(session: &Session, database: &str, user: &str, settings: &Settings) -> Arc<Catalog> {
        let sources = session.sources();
        let mut found: Vec<(usize, String, char, SchemaRef)> = Vec::new();
        for name in sources.relations.names() {
            let Some(relation) = sources.relations.get(name) else { continue };
            let kind = match &relation {
                Relation::Stream(stream) if stream.origin == Origin::Declared => 'r',
                Relation::Stream(_) | Relation::View(_) => 'm',
                Relation::PlainView(_) => 'v',
                Relation::Table(table) => match table.place {
                    Place::Lake(_) => 'r',
                    Place::Files(_) => 'f',
                },
            };
            found.push((1, name.to_owned(), kind, SchemaRef::clone(relation.schema())));
        }
        for stream in sources.relations.streams() {
            found.push((3, stream.name.clone(), 'r', SchemaRef::clone(&stream.schema)));
        }
        found.extend(sources.system.tables().into_iter().map(|(name, schema)| (4, name, 'v', schema)));
        let mut taken = BTreeSet::new();
        let items = found.into_iter().map(|(schema, name, kind, columns)| {
            let (schema_oid, schema) = SCHEMAS[schema];
            let mut oid = oid(schema, &name);
            while !taken.insert(oid) {
                oid += 1;
            }
            Item { oid, schema, schema_oid, name, kind, columns }
        });
        Arc::new(Catalog {
            items: items.collect(),
            database: database.to_owned(),
            user: user.to_owned(),
            settings: settings.clone(),
        })
    }

    pub fn by_oid(&self, oid: i64) -> Option<&Item> {
        self.items.iter().find(|item| i64::from(item.oid) == oid)
    }

    /// A name as people write it: folded unless quoted, with or without a schema.
    pub fn by_name(&self, written: &str) -> Option<&Item> {
        let parts = split(written);
        let (schema, name) = match parts.as_slice() {
            [name] => (None, name),
            [schema, name] | [_, schema, name] => (Some(schema), name),
            _ => return None,
        };
        self.items.iter().find(|item| item.name == *name && schema.map_or(PUBLIC, |schema| schema) == item.schema)
    }
}

/// The catalog as a session takes it.
pub struct Shared(pub Arc<Catalog>);

impl Foreign for Shared {
    fn table(&self, schema: Option<&str>, name: &str) -> Option<Arc<dyn TableProvider>> {
        match schema {
            None | Some(PG_CATALOG) => relations::table(&self.0, name),
            Some(INFORMATION_SCHEMA) => information::table(&self.0, name),
            Some(_) => None,
        }
    }

    fn functions(&self) -> Vec<Arc<ScalarUDF>> {
        functions::all(&self.0)
    }
}

/// What a text has that asks for the catalog: without any of it, a query goes without.
const MARKS: [&str; 16] = [
    "pg_",
    "information_schema",
    "current_",
    "version",
    "reg",
    "has_",
    "_user",
    "quote_",
    "format_type",
    "description",
    "set_config",
    "oid",
    "txid",
    "\"user\"",
    "public",
    "encoding",
];

pub fn is_asked(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    MARKS.iter().any(|mark| text.contains(mark))
}

/// The same for the same name, whatever else there is (FNV-1a).
fn oid(schema: &str, name: &str) -> u32 {
    let bytes = schema.bytes().chain([0]).chain(name.bytes());
    let hash = bytes.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    OIDS_FROM + hash % (i32::MAX as u32 - 2 * OIDS_FROM)
}

fn split(written: &str) -> Vec<String> {
    let (mut parts, mut part, mut quoted) = (Vec::new(), String::new(), false);
    for character in written.chars() {
        match character {
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(std::mem::take(&mut part)),
            _ if quoted => part.push(character),
            _ => part.extend(character.to_lowercase()),
        }
    }
    parts.push(part);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_as_they_are_written() {
        assert_eq!(split("Orders"), ["orders"]);
        assert_eq!(split("public.\"A.b\""), ["public", "A.b"]);
    }
}
