//! What clients ask of PostgreSQL's catalog: `pg_catalog` and `information_schema` over the relations of now.
//!
//! Relations that cannot have rows here (triggers, rules, …) are there and empty, so that clients find nothing
//! rather than fail.

mod arrays;
mod functions;
mod information;
mod keys;
mod relations;
mod rewrite;
mod table;

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::datasource::TableProvider;
use datafusion::logical_expr::ScalarUDF;
use headwater_query::Relation;
use headwater_query::relation::{Comments, EXPOSURES, HISTORY, Origin, Place, companion_of};
use headwater_query::session::{Foreign, Session, Sources};
use keys::Key;
pub use rewrite::rewritten;

use super::settings::Settings;

pub const PG_CATALOG: &str = "pg_catalog";
pub const INFORMATION_SCHEMA: &str = "information_schema";
pub const PUBLIC: &str = "public";

/// Schemas with the identifiers that clients know them by.
pub const SCHEMAS: [(u32, &str); 7] = [
    (11, PG_CATALOG),
    (2200, PUBLIC),
    (13_000, INFORMATION_SCHEMA),
    (13_001, "archive"),
    (13_002, "system"),
    (13_003, HISTORY),
    (13_004, EXPOSURES),
];

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
    key: Option<Key>,
    comments: Comments,
}

impl Item {
    pub fn comment(&self) -> Option<&str> {
        self.comments.get("").map(String::as_str)
    }

    /// On a column, by its number from 1.
    pub fn comment_on(&self, number: i64) -> Option<&str> {
        let column = self.columns.fields().get(usize::try_from(number - 1).ok()?)?;
        self.comments.get(column.name()).map(String::as_str)
    }
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
        Arc::new(Catalog {
            items: items(found(session.sources())),
            database: database.to_owned(),
            user: user.to_owned(),
            settings: settings.clone(),
        })
    }

    pub fn by_oid(&self, oid: i64) -> Option<&Item> {
        self.items.iter().find(|item| i64::from(item.oid) == oid)
    }

    /// All keys, with what they are of.
    pub fn keys(&self) -> impl Iterator<Item = (&Item, &Key)> {
        self.items.iter().filter_map(|item| Some((item, item.key.as_ref()?)))
    }

    /// Schema and name of a relation or an index.
    pub fn named(&self, oid: i64) -> Option<(&'static str, &str)> {
        let of_key = || self.keys().find(|(_, key)| i64::from(key.oid) == oid);
        let item = self.by_oid(oid).map(|item| (item.schema, item.name.as_str()));
        item.or_else(|| of_key().map(|(item, key)| (item.schema, key.name.as_str())))
    }

    /// The relation or index of a name as people write it: folded unless quoted, with or without a schema.
    pub fn oid_of(&self, written: &str) -> Option<u32> {
        let parts = split(written);
        let (schema, name) = match parts.as_slice() {
            [name] => (None, name),
            [schema, name] | [_, schema, name] => (Some(schema.as_str()), name),
            _ => return None,
        };
        let of_catalog = || relations::CATALOGS.iter().find(|(known, _)| known == name).map(|(_, oid)| *oid);
        let within = schema.unwrap_or(PUBLIC);
        let item = self.items.iter().find(|item| item.name == *name && item.schema == within).map(|item| item.oid);
        let key = || self.keys().find(|(item, key)| key.name == *name && item.schema == within).map(|(_, key)| key.oid);
        item.or_else(key).or_else(|| of_catalog().filter(|_| schema.is_none_or(|schema| schema == PG_CATALOG)))
    }
}

/// What is to be shown, without identifiers.
struct Found {
    /// One of [`SCHEMAS`].
    schema: usize,
    name: String,
    kind: char,
    columns: SchemaRef,
    key: Vec<usize>,
    comments: Comments,
}

fn found(sources: &Sources) -> Vec<Found> {
    let mut found = Vec::new();
    for name in sources.relations.names() {
        let Some(relation) = sources.relations.get(name) else { continue };
        let (kind, key) = match &relation {
            Relation::Stream(stream) if stream.origin == Origin::Declared => ('r', Vec::new()),
            Relation::Stream(_) => ('m', Vec::new()),
            Relation::View(view) => ('m', view.key.clone()),
            Relation::PlainView(_) => ('v', Vec::new()),
            Relation::Table(table) => match table.place {
                Place::Lake(_) if table.is_refreshed() => ('m', Vec::new()),
                Place::Lake(_) => ('r', table.key.clone()),
                Place::Files(_) => ('f', Vec::new()),
            },
        };
        let (columns, comments) = (SchemaRef::clone(relation.schema()), sources.relations.comments(name));
        let (schema, name) = match companion_of(name) {
            Some((HISTORY, object)) => (5, object),
            Some((_, object)) => (6, object),
            None => (1, name),
        };
        found.push(Found { schema, name: name.to_owned(), kind, columns, key, comments });
    }
    let other = |schema, name, kind, columns| {
        let (key, comments) = (Vec::new(), Comments::default());
        Found { schema, name, kind, columns, key, comments }
    };
    let streams = sources.relations.streams();
    found.extend(streams.map(|stream| other(3, stream.name.clone(), 'r', Arc::clone(&stream.schema))));
    found.extend(sources.system.tables().into_iter().map(|(name, schema)| other(4, name, 'v', schema)));
    found
}

fn items(found: Vec<Found>) -> Vec<Item> {
    let mut oids = BTreeSet::new();
    let names = found.iter().filter(|each| each.schema == 1).map(|each| each.name.clone()).collect();
    let items = found.into_iter().map(|Found { schema, name, kind, columns, key, comments }| {
        let (schema_oid, schema) = SCHEMAS[schema];
        let oid = free_oid(schema, &name, &mut oids);
        let key = (!key.is_empty()).then(|| Key::new(schema, &name, &key, &names, &mut oids));
        Item { oid, schema, schema_oid, name, kind, columns, key, comments }
    });
    items.collect()
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

/// An identifier that nothing has yet.
fn free_oid(schema: &str, name: &str, taken: &mut BTreeSet<u32>) -> u32 {
    let mut oid = oid(schema, name);
    while !taken.insert(oid) {
        oid += 1;
    }
    oid
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
