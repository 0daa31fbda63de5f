//! Everything that runs on a simulated disk: each life is repeatable from a seed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use headwater_base::clock::{Clock, ManualClock};
use headwater_base::files::Files;
use headwater_base::files::simulated::Simulated;
use headwater_base::objects::Objects;
use headwater_deploy::running::Told;
use headwater_deploy::stored;
use headwater_deploy::{Ground, Running, Tables, resolve};
use headwater_lake::Lake;
use headwater_log::embedded::Options as LogOptions;
use headwater_log::{Builder, EmbeddedLog, Log, ReadOptions};
use headwater_query::provide::files::{NoBuckets, Places};
use headwater_query::provide::{ReadPoint, SystemTables};
use headwater_query::render::{Format, render};
use headwater_query::session::{self, Session, Sources};
use headwater_sql::SourceText;
use headwater_sql::ast::Run;
use headwater_stream::engine::{Options, Step};
use headwater_stream::sink::archive::{Board, Policy};
use object_store::ObjectStore;
use tokio::runtime::Runtime;

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What does not change over restarts.
pub struct World {
    pub disk: Simulated,
    pub clock: Arc<ManualClock>,
    runtime: Arc<Runtime>,
}

/// One life of a node.
pub struct Life {
    pub log: Arc<dyn Log>,
    pub running: Running,
}

impl World {
    pub fn new(seed: u64) -> World {
        let clock = ManualClock::at(1_600_000_000_000_000);
        let disk = Simulated::with_clock(seed, clock.clone());
        // Only this thread: what is asynchronous runs to its end inside of each step.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        World { disk, clock, runtime: Arc::new(runtime) }
    }

    pub fn open(&self, workers: usize) -> Result<Life> {
        let files: Arc<dyn Files> = self.disk.shared();
        files.create_folders(Path::new("/data"))?;
        let log_options = LogOptions { segment_bytes_max: 4 << 10, ..LogOptions::default() };
        let log = EmbeddedLog::open(self.disk.shared(), Path::new("/data/log"), self.clock.clone(), log_options)?;
        let log: Arc<dyn Log> = Arc::new(log);
        let store: Arc<dyn ObjectStore> = Arc::new(Objects::open(files, Path::new("/data"))?);
        let lake = Arc::new(Lake::new(store.clone(), object_store::path::Path::from("lake")));
        let running = Running::open(Ground {
            log: log.clone(),
            tables: Arc::new(Tables::new(lake.clone(), Places::new("/".into(), Arc::new(NoBuckets)))),
            lake,
            board: Board::default(),
            store,
            clock: self.clock.clone(),
            runtime: self.runtime.clone(),
            options: Options {
                workers,
                threads: false,
                tick_bytes: 3000,
                checkpoint_interval: Duration::from_millis(20),
                checkpoint_share_bytes: 300,
                archive: Policy { interval: Duration::from_millis(70), bytes_max: 1 << 20, ..Policy::default() },
                retention_interval: Duration::from_millis(50),
                ..Options::default()
            },
        })?;
        Ok(Life { log, running })
    }

    /// Everything under a SELECT, as sorted lines of CSV.
    pub fn query(&self, life: &mut Life, text: &str) -> Vec<String> {
        let relations = life.running.declared().relations.clone();
        let engine = life.running.engine().expect("an engine");
        let sources = Sources {
            relations,
            log: life.log.clone(),
            archives: Arc::new(engine.archive_board().clone()),
            snapshots: engine.published().clone(),
            tables: life.running.tables(),
            system: Arc::new(NoSystem),
        };
        let options = session::Options { target_partitions: 1, ..session::Options::default() };
        let session = Session::new(sources, options).expect("a session");
        self.runtime.block_on(async {
            let result = session.query(text).await.unwrap_or_else(|error| panic!("{text}\n{error}"));
            let schema = result.schema.clone();
            let rows = result.collect().await.unwrap_or_else(|error| panic!("{text}\n{error}"));
            let text = render(&schema, &rows, Format::Csv).expect("rows can be written");
            let mut lines: Vec<String> = text.lines().skip(1).map(str::to_owned).collect();
            lines.sort();
            lines
        })
    }
}

impl Life {
    /// Brings what runs to these statements.
    pub fn apply(&mut self, text: &str) -> Result<Vec<String>> {
        let parsed = headwater_sql::parse(&SourceText::new("test.sql", text))?;
        let prepared = self.running.plan(resolve::project(parsed), &Told::new())?;
        Ok(self.running.apply(prepared)?.steps.iter().map(ToString::to_string).collect())
    }

    /// Tells one view something, if it is there; what can't be said now is not.
    pub fn tell(&mut self, name: &str, run: Run) -> Result<()> {
        if self.running.definitions().get(name).is_none() {
            return Ok(());
        }
        let all =
            self.running.definitions().iter().map(stored::declaration).collect::<headwater_deploy::Result<Vec<_>>>()?;
        match self.running.plan(all, &Told::from([(name.to_owned(), run)])) {
            Ok(prepared) => drop(self.running.apply(prepared)?),
            Err(headwater_deploy::Error::Refused { .. }) => {}
            Err(other) => return Err(other.into()),
        }
        Ok(())
    }

    /// Lets all views go on that are paused.
    pub fn resume_all(&mut self) -> Result<()> {
        let paused = self.running.definitions().iter().filter(|definition| definition.paused);
        for name in paused.map(|definition| definition.name.clone()).collect::<Vec<_>>() {
            // One that reads another may have gone on with it.
            if self.running.definitions().get(&name).is_some_and(|definition| definition.paused) {
                self.tell(&name, Run::Resume)?;
            }
        }
        Ok(())
    }

    /// Adds rows to the table of the tests.
    pub fn insert(&mut self, world: &World, rows: &[(i64, i64)]) -> Result<()> {
        let relations = self.running.declared().relations.clone();
        let table = relations.table("prices").ok_or("there is no table")?;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(rows.iter().map(|(k, _)| *k).collect::<Int64Array>()),
            Arc::new(rows.iter().map(|(_, price)| *price).collect::<Int64Array>()),
        ];
        let rows = RecordBatch::try_new(table.schema.clone(), columns)?;
        let tables = self.running.tables();
        Ok(world.runtime.block_on(tables.insert(table, &[rows]))?)
    }

    /// Appends records to one partition, durably.
    pub fn append(&self, topic: &str, partition: u32, records: &[String], now_us: i64) -> Result<()> {
        let mut builder = Builder::new();
        records.iter().for_each(|record| builder.push(None, Some(record.as_bytes()), now_us / 1000));
        self.log.append(topic, partition, builder.build())?.wait()?;
        Ok(())
    }

    /// Steps until there is nothing to do and all of it lasts. Where the disk has gone in the middle of reading a table,
    /// which is tried again, nothing goes on any more.
    pub fn settle(&mut self) -> Result<()> {
        let mut idle = 0;
        while !self.running.is_settled()? {
            if let Step::Idle(_) = self.running.step()? {
                self.running.engine()?.settle()?;
                idle += 1;
            }
            if idle > 10_000 {
                return Err("nothing goes on".into());
            }
        }
        Ok(())
    }

    /// All dead letters that are committed.
    pub fn letters(&self) -> Vec<serde_json::Value> {
        let (mut from, mut letters) = (0, Vec::new());
        loop {
            let chunk =
                self.log.read(headwater_stream::letter::TOPIC, 0, from, &ReadOptions::default()).expect("readable");
            if chunk.next <= from {
                return letters;
            }
            from = chunk.next;
            let records = chunk.records().map(|record| record.expect("whole").value.expect("a value").to_vec());
            letters.extend(records.map(|record| serde_json::from_slice::<serde_json::Value>(&record).expect("JSON")));
        }
    }
}

pub fn now_us(world: &World) -> i64 {
    world.clock.now_us()
}

struct NoSystem;

impl SystemTables for NoSystem {
    fn tables(&self) -> Vec<(String, arrow::datatypes::SchemaRef)> {
        Vec::new()
    }

    fn rows(&self, table: &str, _: &ReadPoint) -> headwater_query::Result<Vec<arrow::array::RecordBatch>> {
        Err(headwater_query::Error::Internal(format!("there is no system.{table} here")))
    }
}
