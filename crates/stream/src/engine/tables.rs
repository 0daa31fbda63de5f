//! The tables of the lake that views read: looked at between ticks, and read whole when there is a new version.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use headwater_query::provide::{StoredTables, table_rows};
use headwater_query::relation::Table;
use tokio::runtime::{Runtime, RuntimeFlavor};
use tokio::task::JoinHandle;

use crate::graph::Graph;
use crate::{Error, Result};

/// What a tick brings of tables: all rows of a new version, by the node that reads them.
pub type Rows = BTreeMap<usize, Vec<RecordBatch>>;

/// Tables, each with the number of a version.
pub type Versions = BTreeMap<String, i64>;

/// Versions that have come.
#[derive(Debug, Default)]
pub struct News {
    pub rows: Rows,
    pub versions: Versions,
}

impl News {
    fn add(&mut self, read: &mut Read, version: i64, rows: Rows) {
        (read.version, read.coming) = (Some(version), None);
        self.versions.insert(read.table.name.clone(), version);
        self.rows.extend(rows);
    }
}

/// How long a table rests that could not be read.
const PAUSE: Duration = Duration::from_secs(1);

/// All tables of a dataflow.
pub struct Tables {
    stored: Arc<dyn StoredTables>,
    runtime: Arc<Runtime>,
    tables: Vec<Read>,
    /// Tables are read beside the ticks, where the runtime has threads for that; else inside of a step.
    beside: bool,
}

/// One table.
struct Read {
    table: Arc<Table>,
    /// The nodes that read it, each with its columns.
    nodes: Vec<(usize, Vec<usize>)>,
    /// The version that the nodes were given.
    version: Option<i64>,
    coming: Option<Coming>,
    rests_until: Duration,
}

/// A version on its way.
struct Coming {
    version: i64,
    rows: JoinHandle<headwater_query::Result<Rows>>,
}

impl Tables {
    /// Those that a graph reads.
    pub fn new(graph: &Graph, stored: Arc<dyn StoredTables>, runtime: &Arc<Runtime>) -> Tables {
        let beside = runtime.handle().runtime_flavor() != RuntimeFlavor::CurrentThread;
        let mut tables: Vec<Read> = Vec::new();
        for (node, plan) in graph.tables() {
            let known = tables.iter().position(|read| read.table == plan.table);
            let at = known.unwrap_or_else(|| {
                let table = Arc::clone(&plan.table);
                tables.push(Read {
                    table,
                    nodes: Vec::new(),
                    version: None,
                    coming: None,
                    rests_until: Duration::ZERO,
                });
                tables.len() - 1
            });
            tables[at].nodes.push((node, plan.columns.clone()));
        }
        Tables { stored, runtime: Arc::clone(runtime), tables, beside }
    }

    /// The latest versions of all tables that were not given them: what the first tick of a dataflow has, so that no
    /// view is ever shown without them. Where one can't be read, none is given.
    pub fn latest(&mut self) -> Result<News> {
        let Tables { stored, runtime, tables, .. } = self;
        let mut found = Vec::new();
        for (at, read) in tables.iter().enumerate() {
            if read.version != Some(stored.version(&read.table)?) {
                let (version, rows) = read.latest(stored.as_ref())?;
                found.push((at, version, runtime.block_on(rows)?));
            }
        }
        let mut latest = News::default();
        found.into_iter().for_each(|(at, version, rows)| latest.add(&mut tables[at], version, rows));
        Ok(latest)
    }

    /// As [`Tables::latest`], where views have rows of older versions: a table that can't be read is tried again.
    pub fn latest_if_readable(&mut self, now: Duration) -> News {
        self.latest().unwrap_or_else(|error| {
            tracing::warn!(%error, "tables of views could not be read");
            self.tables.iter_mut().for_each(|read| read.rests_until = now + PAUSE);
            News::default()
        })
    }

    /// New versions that have come. A table that can't be read is tried again; its views stay as they are.
    pub fn news(&mut self, now: Duration) -> News {
        let Tables { stored, runtime, tables, beside } = self;
        let mut news = News::default();
        for read in tables.iter_mut().filter(|read| now >= read.rests_until) {
            match read.news(stored.as_ref(), runtime, *beside) {
                Ok(Some((version, rows))) => news.add(read, version, rows),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(table = read.table.name, %error, "a table of views could not be read");
                    read.rests_until = now + PAUSE;
                }
            }
        }
        news
    }

    /// Whether the latest versions of all are given.
    pub fn is_settled(&self) -> Result<bool> {
        for read in &self.tables {
            if read.version != Some(self.stored.version(&read.table)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Read {
    /// The latest version, and the way to its rows.
    fn latest(
        &self,
        stored: &dyn StoredTables,
    ) -> Result<(i64, impl Future<Output = headwater_query::Result<Rows>> + Send + 'static)> {
        // In this order: what is read may be newer than its number, and is read again then.
        let version = stored.version(&self.table)?;
        let provider = stored.table(&self.table)?;
        let nodes = self.nodes.clone();
        let rows = async move {
            let mut rows = Rows::new();
            for (node, columns) in nodes {
                rows.insert(node, table_rows(Arc::clone(&provider), &columns).await?);
            }
            Ok(rows)
        };
        Ok((version, rows))
    }

    fn news(&mut self, stored: &dyn StoredTables, runtime: &Runtime, beside: bool) -> Result<Option<(i64, Rows)>> {
        match self.coming.take() {
            Some(coming) if !coming.rows.is_finished() => {
                self.coming = Some(coming);
                Ok(None)
            }
            Some(Coming { version, rows }) => {
                let rows = runtime.block_on(rows).map_err(|error| Error::internal(error.to_string()))?;
                Ok(Some((version, rows?)))
            }
            None if self.version == Some(stored.version(&self.table)?) => Ok(None),
            None => {
                let (version, rows) = self.latest(stored)?;
                if beside {
                    self.coming = Some(Coming { version, rows: runtime.spawn(rows) });
                    return Ok(None);
                }
                Ok(Some((version, runtime.block_on(rows)?)))
            }
        }
    }
}
