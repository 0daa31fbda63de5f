//! A whole engine on a simulated disk and one thread: log, views, archives and queries, all repeatable from a seed.

#[path = "../../examples/shared/compile.rs"]
mod compile;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::{
    ArrayRef, AsArray, Decimal128Array, Int32Array, Int64Array, RecordBatch, StringArray, StringViewArray,
};
use arrow::datatypes::{Float64Type, SchemaRef};
use datafusion::datasource::{MemTable, TableProvider};
use headwater_base::clock::{Clock, ManualClock};
use headwater_base::files::Files;
use headwater_base::files::simulated::Simulated;
use headwater_base::objects::Objects;
use headwater_lake::{Compaction, Lake};
use headwater_log::embedded::Options as LogOptions;
use headwater_log::{Builder, EmbeddedLog, Isolation, Log, ReadOptions};
use headwater_query::provide::{ReadPoint, Snapshots, StoredTables, SystemTables};
use headwater_query::relation::{Relations, Table};
use headwater_query::render::{Format, render};
use headwater_query::session::{self, Session, Sources};
use headwater_stream::engine::published::Published;
use headwater_stream::engine::{Engine, Options, Parts, Step};
use headwater_stream::graph::Graph;
use headwater_stream::sink::archive::{Board, Policy, Upkeep};
use object_store::ObjectStore;
use tokio::runtime::Runtime;

/// The stream that all views of the tests read.
pub const EVENTS: &str = "CREATE STREAM events (
    id BIGINT NOT NULL, k VARCHAR, g INT, v BIGINT, price DECIMAL(12,3), x DOUBLE, at TIMESTAMP NOT NULL,
    WATERMARK FOR at AS at - INTERVAL '20 seconds',
    CONSTRAINT small EXPECT (v < 1000) ON VIOLATION QUARANTINE
) WITH (partitions = 3, format = 'json');";

/// A table that views of the tests may read.
pub const THINGS: &str = "CREATE TABLE things (id BIGINT, k VARCHAR, g INT, price DECIMAL(12,3));";

/// What does not change over restarts.
pub struct World {
    pub things: Arc<Things>,
    pub disk: Simulated,
    pub clock: Arc<ManualClock>,
    pub runtime: Arc<Runtime>,
    pub graph: Arc<Graph>,
    pub relations: Arc<Relations>,
}

/// One life of a node.
pub struct Life {
    pub log: Arc<dyn Log>,
    pub engine: Engine,
}

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

impl World {
    pub fn new(seed: u64, views: &str) -> World {
        World::over(seed, EVENTS, views)
    }

    /// With another stream `events`.
    pub fn over(seed: u64, stream: &str, views: &str) -> World {
        let clock = ManualClock::at(1_600_000_000_000_000);
        let disk = Simulated::with_clock(seed, clock.clone());
        let text = format!("{stream}\n{views}");
        let (relations, graph) = compile(&text);
        // Only this thread: what is asynchronous runs to its end inside of each step.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        World { things: Arc::default(), disk, clock, runtime: Arc::new(runtime), graph, relations }
    }

    pub fn open_log(&self) -> Result<Arc<dyn Log>> {
        let options = LogOptions { segment_bytes_max: 16 << 10, ..LogOptions::default() };
        Ok(Arc::new(EmbeddedLog::open(self.disk.shared(), Path::new("/data/log"), self.clock.clone(), options)?))
    }

    pub fn open(&self, options: Options, archived: bool) -> Result<Life> {
        let files: Arc<dyn Files> = self.disk.shared();
        files.create_folders(Path::new("/data"))?;
        let log = self.open_log()?;
        let store: Arc<dyn ObjectStore> = Arc::new(Objects::open(files, Path::new("/data"))?);
        let lake = archived.then(|| Arc::new(Lake::new(store.clone(), object_store::path::Path::from("lake"))));
        let engine = Engine::open(Parts {
            graph: self.graph.clone(),
            log: log.clone(),
            store,
            lake,
            tables: self.things.clone(),
            clock: self.clock.clone(),
            runtime: self.runtime.clone(),
            options,
            role: headwater_stream::engine::Role::Node,
            board: headwater_stream::sink::archive::Board::default(),
        })?;
        Ok(Life { log, engine })
    }

    /// Everything under a SELECT, as sorted lines of CSV.
    pub fn query(&self, life: &Life, text: &str) -> Vec<String> {
        let session =
            self.session(life.log.clone(), life.engine.published().clone(), life.engine.archive_board().clone());
        self.runtime.block_on(async {
            let result = session.query(text).await.unwrap_or_else(|error| panic!("{text}\n{error}"));
            let schema = result.schema.clone();
            let rows = result.collect().await.unwrap_or_else(|error| panic!("{text}\n{error}"));
            lines(&schema, &rows)
        })
    }

    fn session(&self, log: Arc<dyn Log>, published: Arc<Published>, board: Board) -> Session {
        let sources = Sources {
            relations: self.relations.clone(),
            log,
            archives: Arc::new(board),
            snapshots: published as Arc<dyn Snapshots>,
            tables: self.things.clone(),
            system: Arc::new(NoSystem),
        };
        Session::new(sources, session::Options { target_partitions: 1, ..session::Options::default() })
            .expect("a session")
    }

    /// All dead letters that are committed.
    pub fn letters(&self, log: &dyn Log) -> Vec<serde_json::Value> {
        let options =
            ReadOptions { isolation: Isolation::Committed, bytes_max: 1 << 20, until: None, ..ReadOptions::default() };
        let (mut from, mut letters) = (0, Vec::new());
        loop {
            let chunk = log.read(headwater_stream::letter::TOPIC, 0, from, &options).expect("readable");
            if chunk.next <= from {
                return letters;
            }
            from = chunk.next;
            let records = chunk.records().map(|record| record.expect("whole").value.expect("a value").to_vec());
            letters.extend(records.map(|record| serde_json::from_slice::<serde_json::Value>(&record).expect("JSON")));
        }
    }
}

/// Archives are merged, and what nobody reads is removed, all the time.
fn upkeep() -> Upkeep {
    let compaction = Compaction { file_bytes_max: 64 << 10, files_min: 3 };
    Upkeep { interval: Duration::from_millis(150), compaction, vacuum_age: Duration::from_millis(100) }
}

pub fn options(workers: usize, tick_bytes: usize) -> Options {
    Options {
        workers,
        threads: false,
        tick_bytes,
        checkpoint_interval: Duration::from_millis(20),
        // So small that little state is large.
        checkpoint_share_bytes: 200,
        archive: Policy { interval: Duration::from_millis(70), bytes_max: 1 << 20, upkeep: upkeep() },
        ..Options::default()
    }
}

impl Life {
    /// Appends records to one partition, durably, and returns the first one's offset.
    pub fn append(&self, partition: u32, records: &[String], timestamp_us: i64) -> Result<i64> {
        let mut builder = Builder::new();
        records.iter().for_each(|record| builder.push(None, Some(record.as_bytes()), timestamp_us / 1000));
        Ok(self.log.append("events", partition, builder.build())?.wait()?.start)
    }

    /// Steps until there is nothing to do and all of it lasts.
    pub fn settle(&mut self) -> Result<()> {
        loop {
            self.rest()?;
            if self.engine.is_settled()? {
                return Ok(());
            }
        }
    }

    /// Steps until nothing can be done for now.
    pub fn rest(&mut self) -> Result<()> {
        while self.engine.step()? == Step::Worked {}
        self.engine.settle()?;
        Ok(())
    }
}

pub fn compile(text: &str) -> (Arc<Relations>, Arc<Graph>) {
    try_compile(text).unwrap_or_else(|error| panic!("{error}"))
}

/// All declarations, or why one is refused.
pub fn try_compile(text: &str) -> Result<(Arc<Relations>, Arc<Graph>)> {
    let (relations, graph) = compile::compile(text).map_err(|refused| refused as Box<dyn std::error::Error>)?;
    Ok((Arc::new(relations), Arc::new(graph)))
}

/// Rows as lines, sorted; floats in scientific notation, so that [`agree`] knows them.
pub fn lines(schema: &SchemaRef, rows: &[RecordBatch]) -> Vec<String> {
    let rows: Vec<RecordBatch> = rows.iter().map(marked).collect();
    let schema = rows.first().map_or_else(|| schema.clone(), RecordBatch::schema);
    let text = render(&schema, &rows, Format::Csv).expect("rows can be written");
    let mut lines: Vec<String> = text.lines().skip(1).map(str::to_owned).collect();
    lines.sort();
    lines
}

fn marked(rows: &RecordBatch) -> RecordBatch {
    let columns = rows.schema_ref().fields().iter().zip(rows.columns()).map(|(field, column)| {
        let texts: ArrayRef = match column.as_primitive_opt::<Float64Type>() {
            Some(numbers) => {
                Arc::new(numbers.iter().map(|each| each.map(|number| format!("{number:e}"))).collect::<StringArray>())
            }
            None => column.clone(),
        };
        (field.name().clone(), texts, true)
    });
    RecordBatch::try_from_iter_with_nullable(columns).expect("as many rows as before")
}

/// Whether two results are the same: floats within 1e-9 of each other, all else exactly.
pub fn agree(left: &[String], right: &[String]) -> bool {
    let float = |field: &str| field.contains('e').then(|| field.parse::<f64>().ok()).flatten();
    let same = |left: &str, right: &str| match (float(left), float(right)) {
        (Some(left), Some(right)) => (left - right).abs() <= 1e-9 * left.abs().max(right.abs()).max(1.0),
        _ => left == right,
    };
    left.len() == right.len()
        && left.iter().zip(right).all(|(left, right)| {
            left.split(',').count() == right.split(',').count()
                && left.split(',').zip(right.split(',')).all(|(left, right)| same(left, right))
        })
}

/// The versions of [`THINGS`].
#[derive(Default)]
pub struct Things {
    rows: Mutex<(i64, Vec<Thing>)>,
    /// The table that can't be read.
    broken: Mutex<Option<&'static str>>,
}

#[derive(Debug, Clone)]
pub struct Thing {
    pub id: Option<i64>,
    pub k: Option<&'static str>,
    pub g: Option<i32>,
    pub price: i128,
}

impl Things {
    /// Makes the next version.
    pub fn change(&self, change: impl FnOnce(&mut Vec<Thing>)) {
        let mut rows = self.rows.lock().expect("not poisoned");
        rows.0 += 1;
        change(&mut rows.1);
    }

    /// Lets one table fail, or none; all have the same rows.
    pub fn break_one(&self, table: Option<&'static str>) {
        *self.broken.lock().expect("not poisoned") = table;
    }
}

impl StoredTables for Things {
    fn table(&self, table: &Table) -> headwater_query::Result<Arc<dyn TableProvider>> {
        if *self.broken.lock().expect("not poisoned") == Some(table.name.as_str()) {
            return Err(headwater_query::Error::Execution("a broken table".to_owned()));
        }
        let rows = self.rows.lock().expect("not poisoned").1.clone();
        let prices = Decimal128Array::from_iter_values(rows.iter().map(|each| each.price));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(rows.iter().map(|each| each.id).collect::<Int64Array>()),
            Arc::new(rows.iter().map(|each| each.k).collect::<StringViewArray>()),
            Arc::new(rows.iter().map(|each| each.g).collect::<Int32Array>()),
            Arc::new(prices.with_precision_and_scale(12, 3).expect("small numbers")),
        ];
        let rows = RecordBatch::try_new(table.schema.clone(), columns).expect("the table's columns");
        Ok(Arc::new(MemTable::try_new(table.schema.clone(), vec![vec![rows]]).expect("the table's columns")))
    }

    fn version(&self, _: &Table) -> headwater_query::Result<i64> {
        Ok(self.rows.lock().expect("not poisoned").0)
    }
}

struct NoSystem;

impl SystemTables for NoSystem {
    fn tables(&self) -> Vec<(String, SchemaRef)> {
        Vec::new()
    }

    fn rows(&self, table: &str, _: &ReadPoint) -> headwater_query::Result<Vec<RecordBatch>> {
        Err(headwater_query::Error::Internal(format!("there is no system.{table} here")))
    }
}

/// The clock as most calls take it.
pub fn now_us(world: &World) -> i64 {
    world.clock.now_us()
}
