//! Views that runs refresh: what their statements say, resolved.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use headwater_catalog::{Kind, Object};
use headwater_query::relation::{HISTORY, Relations, Table, companion, table};
use headwater_sql::Parsed;
use headwater_sql::ast::{self, CreateMaterializedView};
use headwater_sql::settings::RefreshSettings;

use crate::Result;
use crate::schedule::Schedule;

/// A view that runs refresh.
#[derive(Debug, Clone)]
pub struct Refreshes {
    pub table: Arc<Table>,
    /// The query's text.
    pub query: String,
    pub schedule: Schedule,
    pub settings: RefreshSettings,
    /// Views of its kind that it reads, directly or not.
    pub after: Vec<String>,
    /// The relations with rows of their own that its query reads.
    pub reads: BTreeSet<String>,
    /// Nothing is due for it.
    pub is_paused: bool,
}

impl Refreshes {
    /// What its runs make, in short: the rows of the last run are those of this query if that had the same one.
    pub fn fingerprint(&self) -> String {
        let query = headwater_sql::canonical(&self.query).unwrap_or_else(|_| self.query.clone());
        let columns = self.table.schema.fields().iter().map(|field| format!("{} {}", field.name(), field.data_type()));
        let columns = columns.collect::<Vec<_>>().join(", ");
        format!("{:08x}", crc32c::crc32c(format!("{:?} ({columns}) {query}", self.table.place).as_bytes()))
    }
}

/// Resolves a view against the relations that are declared before it.
pub fn resolve(
    create: &CreateMaterializedView,
    schedule: &ast::Schedule,
    parsed: &Parsed,
    relations: &Relations,
    generation: u64,
) -> Result<Refreshes> {
    let schedule = Schedule::resolve(schedule, &parsed.source)?;
    let table = Arc::new(table::refreshed(relations, create, generation, &parsed.source)?);
    let query = create.query_text.clone();
    let settings = create.refresh_settings()?;
    let (after, reads, is_paused) = (Vec::new(), BTreeSet::new(), false);
    Ok(Refreshes { table, query, schedule, settings, after, reads, is_paused })
}

/// What objects read, and what of it runs make.
pub struct Order<'a> {
    /// By object, the ones of runs that it reads, directly or not.
    first: BTreeMap<&'a str, BTreeSet<String>>,
    /// By object, the relations with rows of their own that it reads.
    reads: BTreeMap<&'a str, BTreeSet<String>>,
    /// Those, and the plain views in between.
    names: BTreeMap<&'a str, BTreeSet<String>>,
}

impl<'a> Order<'a> {
    /// Objects stand after what they depend on; `made` are those whose rows runs make.
    pub fn of(made: BTreeSet<String>, objects: &'a [Object]) -> Order<'a> {
        let mut first: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        let mut reads: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        let mut names: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for Object { definition, .. } in objects {
            let (mut before, mut read, mut named) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
            for on in &definition.depends_on {
                before.extend(first.get(on.as_str()).into_iter().flatten().cloned());
                before.extend(made.get(on).cloned());
                // A view that is a name for its query has no rows of its own.
                match objects.iter().find(|object| object.definition.name == *on).map(|object| object.definition.kind) {
                    Some(Kind::PlainView) => {
                        read.extend(reads.get(on.as_str()).into_iter().flatten().cloned());
                        named.extend(names.get(on.as_str()).into_iter().flatten().cloned());
                        named.insert(on.clone());
                    }
                    Some(Kind::FeatureView) => read.extend([on.clone(), companion(HISTORY, on)]),
                    _ => drop(read.insert(on.clone())),
                }
            }
            first.insert(&definition.name, before);
            named.extend(read.iter().cloned());
            reads.insert(&definition.name, read);
            names.insert(&definition.name, named);
        }
        Order { first, reads, names }
    }

    /// What comes before the runs of an object, and what it reads.
    pub fn of_object(&self, name: &str) -> (Vec<String>, BTreeSet<String>) {
        let after = self.first.get(name).into_iter().flatten().cloned().collect();
        (after, self.reads.get(name).cloned().unwrap_or_default())
    }

    /// What an object reads, with the plain views in between.
    pub fn names_of(&self, name: &str) -> BTreeSet<String> {
        self.names.get(name).cloned().unwrap_or_default()
    }
}
