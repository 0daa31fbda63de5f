//! Queries over streams, views and `system.`, with a log and an archive in memory.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::SchemaRef;
use headwater_log::Isolation;

use super::*;
use crate::provide::{ReadPoint, ViewReader};
use crate::relation::Stream;
use crate::testing::memory::{MemoryArchive, MemoryArchives, MemoryLog};
use crate::testing::{ORDERS, lines, refusals, stream, try_view, view};

/// Reads to a fixed point, or to wherever the log ends.
struct Point(Option<Vec<i64>>);

impl Snapshots for Point {
    fn read_point(&self) -> Arc<ReadPoint> {
        let streams = self.0.iter().map(|until| ("orders".to_owned(), until.clone()));
        Arc::new(ReadPoint {
            epoch: 7,
            as_of_us: 1_000_000,
            streams: streams.collect::<HashMap<_, _>>(),
            isolation: Isolation::Committed,
            views: Arc::new(Rows),
            stopped: std::collections::BTreeMap::new(),
        })
    }
}

struct Rows;

fn counts() -> RecordBatch {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("category", Arc::new(StringViewArray::from(vec!["a", "b"]))),
        ("n", Arc::new(Int64Array::from(vec![2, 3]))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

impl ViewReader for Rows {
    fn rows(&self, _: &str) -> Result<Vec<RecordBatch>> {
        Ok(vec![counts()])
    }
}

impl SystemTables for Rows {
    fn tables(&self) -> Vec<(String, SchemaRef)> {
        vec![("streams".to_owned(), counts().schema())]
    }

    fn rows(&self, _: &str, _: &ReadPoint) -> Result<Vec<RecordBatch>> {
        Ok(vec![counts()])
    }
}

struct Node {
    stream: Arc<Stream>,
    log: Arc<MemoryLog>,
    archive: Arc<MemoryArchive>,
}

impl Node {
    fn new() -> Node {
        let stream = stream(ORDERS);
        Node { log: MemoryLog::new(2), archive: MemoryArchive::new(&stream), stream }
    }

    fn append(&self, partition: u32, ids: std::ops::Range<i64>) {
        let records: Vec<String> = ids
            .map(|id| {
                let category = if id % 2 == 0 { "a" } else { "b" };
                format!(
                    r#"{{"order_id": {id}, "category": "{category}", "amount": "{id}.10", "ordered_at": "2024-01-01T00:00:{:02}Z"}}"#,
                    id % 60
                )
            })
            .collect();
        self.log.append_records(partition, &records);
    }

    fn session(&self, until: Option<Vec<i64>>, archived: bool, options: Options) -> Session {
        let mut relations = Relations::new();
        relations.add_stream(Arc::clone(&self.stream));
        let text = "CREATE MATERIALIZED VIEW counts AS SELECT category, count(*) AS n FROM orders GROUP BY category";
        relations.add_view(Arc::new(view(&relations, text)));
        let sources = Sources {
            relations: Arc::new(relations),
            log: Arc::clone(&self.log) as Arc<dyn Log>,
            archives: Arc::new(MemoryArchives(archived.then(|| Arc::clone(&self.archive)))),
            snapshots: Arc::new(Point(until)),
            tables: Arc::new(()),
            system: Arc::new(Rows),
        };
        Session::new(sources, options).unwrap()
    }
}

fn two_ways() -> Options {
    Options { target_partitions: 2, ..Options::default() }
}

async fn ask(session: &Session, text: &str) -> Vec<String> {
    let result = session.query(text).await.unwrap_or_else(|error| panic!("{text}: {error}"));
    lines(&result.collect().await.unwrap_or_else(|error| panic!("{text}: {error}")))
}

#[tokio::test]
async fn a_stream_is_its_archive_and_its_tail() {
    let node = Node::new();
    node.append(0, 0..10);
    node.append(1, 10..15);
    assert!(node.archive.advance(node.log.as_ref(), 0));
    node.append(0, 15..20);
    let session = node.session(None, true, two_ways());
    assert_eq!(ask(&session, "SELECT count(*), min(order_id), max(order_id) FROM orders").await, ["20,0,19"]);
    assert_eq!(ask(&session, "SELECT count(*) FROM archive.orders").await, ["10"]);
    let hidden = "SELECT _partition, _offset, order_id FROM archive.orders WHERE _offset >= 8 ORDER BY _offset";
    assert_eq!(ask(&session, hidden).await, ["0,8,8", "0,9,9"]);
    assert_eq!(ask(&session, "SELECT * FROM orders WHERE order_id = 3").await, ["3,b,3.10,2024-01-01T00:00:03Z"]);
    let filtered = "SELECT category, sum(amount) FROM orders WHERE order_id >= 8 GROUP BY category ORDER BY category";
    assert_eq!(ask(&session, filtered).await, ["a,78.60", "b,84.60"]);
    assert_eq!(ask(&session, "SELECT order_id FROM orders LIMIT 3").await.len(), 3);
    let joined = "SELECT count(*) FROM orders one JOIN orders two ON one.order_id = two.order_id";
    assert_eq!(ask(&session, joined).await, ["20"]);
    let unarchived = node.session(None, false, two_ways());
    assert_eq!(ask(&unarchived, "SELECT count(*) FROM orders").await, ["20"]);
}

#[tokio::test]
async fn a_query_reads_up_to_its_point_also_where_the_archive_is_ahead() {
    let node = Node::new();
    node.append(0, 0..10);
    node.append(1, 10..20);
    node.archive.advance(node.log.as_ref(), 0);
    for archived in [false, true] {
        let session = node.session(Some(vec![4, 3]), archived, two_ways());
        assert_eq!(ask(&session, "SELECT count(*), sum(order_id) FROM orders").await, ["7,39"]);
        assert_eq!(ask(&session, "SELECT amount FROM orders WHERE order_id = 3").await, ["3.10"]);
        assert_eq!(ask(&session, "SELECT amount FROM orders WHERE order_id = 4").await, [""; 0]);
    }
}

#[tokio::test]
async fn views_system_and_constants() {
    let session = Node::new().session(None, true, two_ways());
    assert_eq!(ask(&session, "SELECT * FROM counts ORDER BY n DESC").await, ["b,3", "a,2"]);
    assert_eq!(ask(&session, "SELECT n FROM system.streams WHERE category = 'a'").await, ["2"]);
    assert_eq!(ask(&session, "VALUES (1, 'x')").await, ["1,x"]);
    assert_eq!(ask(&session, "SELECT 0.1 + 0.2, TIMESTAMP '2024-01-01 00:00:00'").await, ["0.3,2024-01-01T00:00:00Z"]);
    assert_eq!(ask(&session, "SELECT now()").await, ["1970-01-01T00:00:01Z"]);
    assert_eq!(ask(&session, "WITH x AS (SELECT 1 AS a) SELECT a + 1 FROM x").await, ["2"]);
    let windows = "SELECT window_start, count(*) FROM TUMBLE((SELECT column1 AS at FROM (VALUES (TIMESTAMP '1969-12-31 23:59:59'), (TIMESTAMP '1970-01-01 00:00:00'))), at, INTERVAL '1 minute') GROUP BY 1 ORDER BY 1";
    assert_eq!(ask(&session, windows).await, ["1969-12-31T23:59:00Z,1", "1970-01-01T00:00:00Z,1"]);
    let explained = ask(&session, "EXPLAIN SELECT count(*) FROM orders").await.join("\n");
    assert!(explained.contains("TableScan: orders"), "{explained}");
    let result = session.query("SELECT 1 AS one").await.unwrap();
    assert_eq!((result.epoch, result.as_of_us, result.schema.field(0).name().as_str()), (7, 1_000_000, "one"));
}

#[tokio::test]
async fn refusals_of_queries_point_into_their_text() {
    let session = Node::new().session(None, true, two_ways());
    let refused = |text: &'static str| {
        let session = session.clone();
        async move { refusals(session.query(text).await.map(|_| ())).remove(0) }
    };
    assert_eq!(refused("SELECT * FROM odres").await, "there is no relation odres [odres] (did you mean orders?)");
    assert_eq!(
        refused("SELECT * FROM system.steams").await,
        "there is no relation system.steams [system.steams] (did you mean system.streams?)"
    );
    assert_eq!(refused("SELECT amout FROM orders").await, "there is no column amout [amout] (did you mean amount?)");
    let stream = refused("CREATE STREAM s (a INT)").await;
    assert!(stream.starts_with("CREATE STREAM is not a query"), "{stream}");
    assert!(refused("SELECT 1; SELECT 2").await.starts_with("one statement at a time"));
    assert!(refused("").await.starts_with("there is no statement"));
    assert!(refused("SELECT category + 1 - amount FROM orders WHERE ordered_at").await.contains("["));
}

#[tokio::test]
async fn errors_of_rows_are_errors_of_execution() {
    let node = Node::new();
    node.append(0, 0..3);
    let session = node.session(None, true, two_ways());
    let result = session.query("SELECT 1 / order_id FROM orders").await.unwrap().collect().await;
    assert!(matches!(&result, Err(Error::Execution(detail)) if detail.contains("zero")), "{result:?}");
    assert_eq!(result.unwrap_err().kind(), headwater_base::ErrorKind::Invalid);
}

#[tokio::test]
async fn memory_is_limited_and_spilled_past() {
    let node = Node::new();
    for first in (0..100_000).step_by(1000) {
        node.append(0, first..first + 1000);
    }
    let folder = tempfile::tempdir().unwrap();
    let options = |memory_bytes| Options {
        memory_bytes: Some(memory_bytes),
        spill_folder: Some(folder.path().to_owned()),
        batch_rows: 1024,
        ..two_ways()
    };
    let text = "SELECT order_id FROM (SELECT order_id, category, amount, repeat(category, 50) AS r FROM orders) ORDER BY r, order_id DESC";
    let ample = node.session(None, true, Options { memory_bytes: None, ..two_ways() });
    let wanted = ask(&ample, text).await;
    assert_eq!(wanted.len(), 100_000);
    assert_eq!(ask(&node.session(None, true, options(8_000_000)), text).await, wanted);
    let starved = node.session(None, true, options(10_000)).query(text).await.unwrap().collect().await;
    assert!(matches!(starved, Err(Error::Memory(_))), "{:?}", starved.err());
}

/// Batches move from the log to the archive, and the log forgets them, while queries read: each sees every row of its
/// time exactly once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_seen_twice_nor_missed_while_rows_move() {
    let node = Arc::new(Node::new());
    node.append(0, 0..1);
    let done = Arc::new(AtomicBool::new(false));
    let writer = {
        let (node, done) = (Arc::clone(&node), Arc::clone(&done));
        std::thread::spawn(move || {
            for first in 1..400i64 {
                node.append(u32::try_from(first % 2).unwrap(), first * 10..first * 10 + 10);
                if first % 3 == 0 {
                    for partition in 0..2 {
                        node.archive.advance(node.log.as_ref(), partition);
                        node.log.release("", partition, node.archive.next_offset(partition)).unwrap();
                    }
                }
            }
            done.store(true, Ordering::SeqCst);
        })
    };
    let session = node.session(None, true, two_ways());
    let mut seen = 0;
    let mut queries = 0;
    while !done.load(Ordering::SeqCst) || queries < 20 {
        let found = ask(&session, "SELECT count(*), count(DISTINCT order_id) FROM orders").await;
        let (all, distinct) = found[0].split_once(',').unwrap();
        assert_eq!(all, distinct);
        let all: i64 = all.parse().unwrap();
        assert!(all >= seen, "{all} after {seen}");
        (seen, queries) = (all, queries + 1);
    }
    writer.join().unwrap();
    assert_eq!(ask(&session, "SELECT count(*) FROM orders").await, ["3991"]);
}

#[test]
fn views_over_views_are_planned() {
    let mut relations = Relations::new();
    relations.add_stream(stream(ORDERS));
    let text = "CREATE MATERIALIZED VIEW counts AS SELECT category, count(*) AS n FROM orders GROUP BY category";
    relations.add_view(Arc::new(view(&relations, text)));
    assert!(try_view(&relations, "CREATE MATERIALIZED VIEW most AS SELECT category FROM counts WHERE n > 2").is_ok());
}
