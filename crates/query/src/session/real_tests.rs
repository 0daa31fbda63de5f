//! The same with the real parts: segments on disk whose retention deletes, and the lake's Delta table.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use headwater_base::clock::ManualClock;
use headwater_base::files::disk::Disk;
use headwater_lake::{Archive, Lake};
use headwater_log::embedded::{self, EmbeddedLog};
use headwater_log::{Builder, Isolation, Log, ReadOptions, TopicConfig};

use super::*;
use crate::StreamReader;
use crate::provide::{Archived, History, ReadPoint, ViewReader};
use crate::relation::Stream;
use crate::testing::{ORDERS, lines, stream};

/// The archive as its one writer publishes it after each commit: before it releases the log, since a query that finds
/// neither in the log nor here what it needs asks here again.
struct LatestSnapshot(RwLock<headwater_lake::Snapshot>);

#[async_trait::async_trait]
impl History for LatestSnapshot {
    async fn snapshot(&self) -> Result<Arc<dyn Archived>> {
        Ok(Arc::new(self.0.read().unwrap().clone()))
    }
}

/// No views, no `system.`, one archive, and streams read to their end.
struct Outside(Arc<LatestSnapshot>);

impl Snapshots for Outside {
    fn read_point(&self) -> Arc<ReadPoint> {
        Arc::new(ReadPoint {
            epoch: 1,
            as_of_us: 0,
            streams: HashMap::new(),
            isolation: Isolation::Committed,
            views: Arc::new(Outside(Arc::clone(&self.0))),
            stopped: std::collections::BTreeMap::new(),
        })
    }
}

impl ViewReader for Outside {
    fn rows(&self, _: &str) -> Result<Vec<RecordBatch>> {
        Ok(Vec::new())
    }
}

impl SystemTables for Outside {
    fn tables(&self) -> Vec<(String, SchemaRef)> {
        Vec::new()
    }

    fn rows(&self, _: &str, _: &ReadPoint) -> Result<Vec<RecordBatch>> {
        Ok(Vec::new())
    }
}

impl Archives for Outside {
    fn archive(&self, _: &str) -> Option<Arc<dyn History>> {
        Some(Arc::clone(&self.0) as Arc<dyn History>)
    }
}

struct Node {
    stream: Arc<Stream>,
    log: EmbeddedLog,
    clock: Arc<ManualClock>,
    archive: Archive,
    latest: Arc<LatestSnapshot>,
    next_id: i64,
    _folder: tempfile::TempDir,
}

impl Node {
    async fn new() -> Node {
        let folder = tempfile::tempdir().unwrap();
        let stream = stream(ORDERS);
        let clock = ManualClock::at(0);
        let options =
            embedded::Options { segment_bytes_max: 2000, sync: embedded::Sync::Off, ..embedded::Options::default() };
        let log = EmbeddedLog::open(Disk::shared(), folder.path(), Arc::clone(&clock) as _, options).unwrap();
        let config =
            TopicConfig { partitions: stream.partitions, retention: Some(Duration::from_secs(1)), archived: true };
        log.create_topic(&stream.topic, &config).unwrap();
        let store = Arc::new(object_store::memory::InMemory::new());
        let lake = Lake::new(store, object_store::path::Path::from("lake"));
        let archive = lake.open_archive(&stream.name, &stream.schema).await.unwrap();
        let latest = Arc::new(LatestSnapshot(RwLock::new(archive.snapshot())));
        Node { stream, log, clock, archive, latest, next_id: 0, _folder: folder }
    }

    /// Appends ten rows and one dead letter.
    fn append(&mut self, partition: u32) {
        let mut builder = Builder::new();
        for _ in 0..10 {
            let id = self.next_id;
            self.next_id += 1;
            let record = format!(
                r#"{{"order_id": {id}, "category": "c{}", "amount": "{id}.25", "ordered_at": "2024-01-01T00:00:00Z"}}"#,
                id % 3
            );
            builder.push(None, Some(record.as_bytes()), 0);
        }
        builder.push(None, Some(b"broken"), 0);
        let _ = self.log.append(&self.stream.topic, partition, builder.build()).unwrap().wait().unwrap();
    }

    /// Archives all of a partition, publishes that, and lets the log forget it.
    async fn archive(&mut self, partition: u32) {
        let mut from = self.archive.next_offset(partition);
        let mut writer = self.archive.writer(partition);
        let mut reader = StreamReader::new(Arc::clone(&self.stream), None).unwrap();
        loop {
            let chunk = self.log.read(&self.stream.topic, partition, from, &ReadOptions::default()).unwrap();
            if chunk.next == from {
                break;
            }
            from = chunk.next;
            let decoded = reader.decode(&chunk).unwrap();
            writer.write(&decoded.rows, &decoded.offsets, &decoded.timestamps_us).unwrap();
            writer.set_next_offset(from).unwrap();
        }
        if let Some(file) = writer.finish().await.unwrap() {
            self.archive.commit(vec![file]).await.unwrap();
            *self.latest.0.write().unwrap() = self.archive.snapshot();
            self.log.release(&self.stream.topic, partition, from).unwrap();
            self.clock.advance(Duration::from_secs(10));
            self.log.enforce_retention().unwrap();
        }
    }

    fn session(&self) -> Session {
        let mut relations = Relations::new();
        relations.add_stream(Arc::clone(&self.stream));
        let outside = || Outside(Arc::clone(&self.latest));
        let sources = Sources {
            relations: Arc::new(relations),
            log: Arc::new(self.log.clone()),
            archives: Arc::new(outside()),
            snapshots: Arc::new(outside()),
            tables: Arc::new(()),
            system: Arc::new(outside()),
        };
        Session::new(sources, Options { target_partitions: 2, ..Options::default() }).unwrap()
    }
}

async fn ask(session: &Session, text: &str) -> Vec<String> {
    let result = session.query(text).await.unwrap_or_else(|error| panic!("{text}: {error}"));
    lines(&result.collect().await.unwrap_or_else(|error| panic!("{text}: {error}")))
}

#[tokio::test]
async fn filters_and_projections_reach_the_lake() {
    let mut node = Node::new().await;
    for partition in [0, 1, 0] {
        node.append(partition);
        node.archive(partition).await;
    }
    node.append(1);
    let session = node.session();
    assert_eq!(ask(&session, "SELECT count(*), sum(amount) FROM orders").await, ["40,790.00"]);
    assert_eq!(
        ask(&session, "SELECT * FROM orders WHERE category = 'c1' AND order_id > 36").await,
        ["37,c1,37.25,2024-01-01T00:00:00Z"]
    );
    assert_eq!(ask(&session, "SELECT amount FROM orders WHERE ordered_at < TIMESTAMP '2024-01-01' ").await, [""; 0]);
    let by_category = "SELECT category, count(*) FROM orders WHERE amount >= 10.25 GROUP BY category ORDER BY category";
    assert_eq!(ask(&session, by_category).await, ["c0,10", "c1,10", "c2,10"]);
    let hidden = "SELECT max(_offset), count(*) FROM archive.orders WHERE _partition = 0";
    assert_eq!(ask(&session, hidden).await, ["20,20"]);
    let plan = ask(&session, "EXPLAIN SELECT order_id FROM orders WHERE order_id > 25").await.join("\n");
    assert!(plan.contains("DataSourceExec") && plan.contains("pruning_predicate"), "{plan}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_seen_twice_nor_missed_while_retention_deletes() {
    let mut node = Node::new().await;
    let session = node.session();
    let done = Arc::new(AtomicBool::new(false));
    let reader = {
        let done = Arc::clone(&done);
        tokio::spawn(async move {
            let (mut seen, mut queries) = (0i64, 0);
            while !done.load(Ordering::SeqCst) || queries < 10 {
                let found =
                    ask(&session, "SELECT count(*), count(DISTINCT order_id), coalesce(max(order_id), -1) FROM orders")
                        .await;
                let numbers: Vec<i64> = found[0].split(',').map(|number| number.parse().unwrap()).collect();
                assert_eq!(numbers[0], numbers[1], "rows came twice");
                assert!(numbers[0] >= seen, "{} rows after {seen}", numbers[0]);
                (seen, queries) = (numbers[0], queries + 1);
            }
            session
        })
    };
    for step in 0..60 {
        node.append(step % 2);
        if step % 4 == 3 {
            node.archive(0).await;
            node.archive(1).await;
        }
    }
    assert!(node.log.offsets(&node.stream.topic, 0).unwrap().start > 0, "retention deleted nothing");
    done.store(true, Ordering::SeqCst);
    let session = reader.await.unwrap();
    assert_eq!(ask(&session, "SELECT count(*), sum(order_id) FROM orders").await, ["600,179700"]);
}
