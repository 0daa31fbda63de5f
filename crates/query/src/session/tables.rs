//! The relations of one query: streams, views, `archive.` and `system.`, all at one read point.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::common::TableReference;
use datafusion::datasource::{TableProvider, provider_as_source};
use datafusion::logical_expr::TableSource;

use super::{Foreign, Sources};
use crate::Error;
use crate::plan::scope::Tables;
use crate::provide::ReadPoint;
use crate::provide::archive::ArchiveTable;
use crate::provide::stream::StreamTable;
use crate::provide::view::LiveTable;
use crate::relation::Relation;

pub const ARCHIVE: &str = "archive";
pub const SYSTEM: &str = "system";
/// Where clients of other databases look for relations without a schema.
pub const PUBLIC: &str = "public";

/// Each relation is made once, so that it is the same however often the query names it.
pub struct QueryTables {
    sources: Sources,
    point: Arc<ReadPoint>,
    foreign: Option<Arc<dyn Foreign>>,
    made: Mutex<HashMap<String, Arc<dyn TableProvider>>>,
}

impl QueryTables {
    pub fn new(sources: &Sources, point: Arc<ReadPoint>, foreign: Option<Arc<dyn Foreign>>) -> QueryTables {
        QueryTables { sources: sources.clone(), point, foreign, made: Mutex::default() }
    }

    fn make(&self, schema: Option<&str>, table: &str) -> Option<Arc<dyn TableProvider>> {
        match schema {
            None | Some(PUBLIC) => self.relation(table),
            Some(ARCHIVE) => {
                let stream = self.sources.relations.stream(table)?;
                Some(Arc::new(ArchiveTable::new(stream, self.sources.archives.archive(table))))
            }
            Some(SYSTEM) => {
                let (name, schema) = self.sources.system.tables().into_iter().find(|(name, _)| name == table)?;
                let (system, point) = (Arc::clone(&self.sources.system), Arc::clone(&self.point));
                Some(Arc::new(LiveTable::new(schema, Box::new(move || system.rows(&name, &point)))))
            }
            Some(_) => None,
        }
    }

    fn relation(&self, name: &str) -> Option<Arc<dyn TableProvider>> {
        let relation = self.sources.relations.get(name)?;
        if let Some(reason) = self.point.stopped.get(name) {
            let message = reason.clone();
            let rows = move || Err(Error::Execution(message.clone()));
            return Some(Arc::new(LiveTable::new(Arc::clone(relation.schema()), Box::new(rows))));
        }
        match relation {
            Relation::Stream(stream) => {
                let history = self.sources.archives.archive(&stream.name);
                let log = Arc::clone(&self.sources.log);
                Some(Arc::new(StreamTable::new(stream, log, history, Arc::clone(&self.point))))
            }
            Relation::View(view) => {
                let (point, name) = (Arc::clone(&self.point), view.name.clone());
                let schema = Arc::clone(&view.schema);
                Some(Arc::new(LiveTable::new(schema, Box::new(move || point.views.rows(&name)))))
            }
        }
    }
}

impl Tables for QueryTables {
    fn table(&self, name: &TableReference) -> Option<Arc<dyn TableSource>> {
        if name.catalog().is_some() {
            return None;
        }
        let key = name.to_string();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = made.get(&key) {
            return Some(provider_as_source(Arc::clone(table)));
        }
        let foreign = || self.foreign.as_ref()?.table(name.schema(), name.table());
        let table = self.make(name.schema(), name.table()).or_else(foreign)?;
        made.insert(key, Arc::clone(&table));
        Some(provider_as_source(table))
    }

    fn names(&self) -> Vec<String> {
        let relations = self.sources.relations.names().into_iter().map(str::to_owned);
        let archives = self.sources.relations.streams().map(|stream| format!("{ARCHIVE}.{}", stream.name));
        let system = self.sources.system.tables().into_iter().map(|(name, _)| format!("{SYSTEM}.{name}"));
        relations.chain(archives).chain(system).collect()
    }
}
