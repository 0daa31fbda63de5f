//! The relations of one query: streams, views, tables, `archive.` and `system.`, all at one read point.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use datafusion::common::TableReference;
use datafusion::common::tree_node::Transformed;
use datafusion::datasource::{TableProvider, provider_as_source};
use datafusion::logical_expr::{LogicalPlan, ScalarUDF, TableSource};

use super::{Foreign, Sources};
use crate::Error;
use crate::model::Model;
use crate::plan::scope::Tables;
use crate::provide::Reading;
use crate::provide::archive::ArchiveTable;
use crate::provide::stream::StreamTable;
use crate::provide::view::LiveTable;
use crate::relation::{self, FeatureView, Relation, SYSTEM};

pub const ARCHIVE: &str = "archive";
/// Where clients of other databases look for relations without a schema.
pub const PUBLIC: &str = "public";

/// Each relation is made once, so that it is the same however often the query names it.
pub struct QueryTables {
    sources: Sources,
    reading: Arc<Reading>,
    /// When it began.
    as_of_us: i64,
    foreign: Option<Arc<dyn Foreign>>,
    made: Mutex<HashMap<String, Arc<dyn TableSource>>>,
}

/// A view that is a name for its query.
#[derive(Debug)]
struct Named {
    schema: SchemaRef,
    plan: LogicalPlan,
}

impl TableSource for Named {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn get_logical_plan(&self) -> Option<Cow<'_, LogicalPlan>> {
        Some(Cow::Borrowed(&self.plan))
    }
}

impl QueryTables {
    pub fn new(sources: &Sources, foreign: Option<Arc<dyn Foreign>>) -> QueryTables {
        let reading = Reading::new(Arc::clone(&sources.snapshots));
        let as_of_us = sources.snapshots.as_of_us();
        QueryTables { sources: sources.clone(), reading, as_of_us, foreign, made: Mutex::default() }
    }

    /// What `now()` says.
    pub fn as_of_us(&self) -> i64 {
        self.as_of_us
    }

    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    fn make(&self, schema: Option<&str>, table: &str) -> Option<Arc<dyn TableSource>> {
        if let (None | Some(PUBLIC), Some(Relation::PlainView(view))) = (schema, self.sources.relations.get(table)) {
            let plan = self.over_this_query(&view.plan)?;
            return Some(Arc::new(Named { schema: Arc::clone(&view.schema), plan }));
        }
        let foreign = || self.foreign.as_ref()?.table(schema, table);
        self.provide(schema, table).or_else(foreign).map(provider_as_source)
    }

    /// A view's plan with the relations of this query in the place of their definitions.
    fn over_this_query(&self, plan: &LogicalPlan) -> Option<LogicalPlan> {
        let over = plan.clone().transform_up_with_subqueries(|node| {
            let LogicalPlan::TableScan(mut scan) = node else { return Ok(Transformed::no(node)) };
            let Some(source) = self.table(&scan.table_name) else {
                return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
            };
            scan.source = source;
            Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
        });
        over.ok().map(|over| over.data)
    }

    fn provide(&self, schema: Option<&str>, table: &str) -> Option<Arc<dyn TableProvider>> {
        match schema {
            None | Some(PUBLIC) => self.relation(table),
            Some(ARCHIVE) => {
                let stream = self.sources.relations.stream(table)?;
                Some(Arc::new(ArchiveTable::new(stream, self.sources.archives.archive(table))))
            }
            Some(SYSTEM) => {
                let (name, schema) = self.sources.system.tables().into_iter().find(|(name, _)| name == table)?;
                let (system, reading) = (Arc::clone(&self.sources.system), Arc::clone(&self.reading));
                Some(Arc::new(LiveTable::new(schema, Box::new(move || system.rows(&name, reading.point())))))
            }
            Some(schema) => self.relation(&relation::qualified(schema, table)?),
        }
    }

    fn relation(&self, name: &str) -> Option<Arc<dyn TableProvider>> {
        let relation = self.sources.relations.get(name)?;
        match relation {
            Relation::Stream(stream) => {
                let history = self.sources.archives.archive(&stream.name);
                let log = Arc::clone(&self.sources.log);
                Some(Arc::new(StreamTable::new(stream, log, history, Arc::clone(&self.reading))))
            }
            Relation::View(view) => {
                let (reading, name) = (Arc::clone(&self.reading), view.name.clone());
                let rows = move || match reading.point().stopped.get(&name) {
                    Some(reason) => Err(Error::Execution(reason.clone())),
                    None => reading.point().views.rows(&name),
                };
                Some(Arc::new(LiveTable::of_view(view, Box::new(rows))))
            }
            Relation::Table(table) => Some(match self.sources.tables.table(&table) {
                Ok(found) => found,
                Err(error) => {
                    let message = error.to_string();
                    let rows = move || Err(Error::Execution(message.clone()));
                    Arc::new(LiveTable::new(Arc::clone(&table.schema), Box::new(rows)))
                }
            }),
            // Made where its plan can be given.
            Relation::PlainView(_) => None,
        }
    }
}

impl Tables for QueryTables {
    fn table(&self, name: &TableReference) -> Option<Arc<dyn TableSource>> {
        if name.catalog().is_some() {
            return None;
        }
        let key = name.to_string();
        let made = || self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = made().get(&key) {
            return Some(Arc::clone(table));
        }
        // Not under the lock: a view asks for the relations that it reads.
        let table = self.make(name.schema(), name.table())?;
        Some(Arc::clone(made().entry(key).or_insert(table)))
    }

    fn names(&self) -> Vec<String> {
        let relations = self.sources.relations.names().into_iter().map(str::to_owned);
        let archives = self.sources.relations.streams().map(|stream| format!("{ARCHIVE}.{}", stream.name));
        let system = self.sources.system.tables().into_iter().map(|(name, _)| format!("{SYSTEM}.{name}"));
        relations.chain(archives).chain(system).collect()
    }

    fn event_time(&self, name: &TableReference) -> Option<String> {
        self.sources.relations.event_time(name)
    }

    fn feature_view(&self, name: &TableReference) -> Option<Arc<FeatureView>> {
        match name.schema() {
            None | Some(PUBLIC) => self.sources.relations.feature_view(name.table()).cloned(),
            Some(_) => None,
        }
    }

    fn model(&self, name: &str) -> Option<Arc<Model>> {
        self.sources.relations.model(name).cloned()
    }

    fn models(&self) -> Vec<String> {
        self.sources.relations.models().map(|model| model.name.clone()).collect()
    }

    fn function(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.sources.relations.function(name).cloned()
    }
}
