//! Rows that the log has given up, read from the archive, and the log's after them.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use async_trait::async_trait;
use datafusion::datasource::{MemTable, TableProvider};
use headwater_base::clock::SystemClock;
use headwater_base::files::disk::Disk;
use headwater_log::{Builder, EmbeddedLog, TopicConfig, embedded};
use headwater_query::provide::{Archived, Archives, History, ReadPoint, Snapshots, SystemTables, ViewReader};
use headwater_query::session::{Options, Sources};
use headwater_query::{Relations, relation};
use headwater_sql::{SourceText, Statement};

use super::*;

const STREAM: &str = "CREATE STREAM numbers (id BIGINT) WITH (format = 'json', partitions = 1)";

/// An archive of given rows, where there is one, and nothing else beside the log.
#[derive(Clone, Debug)]
struct World {
    archive: Option<RecordBatch>,
}

impl Archives for World {
    fn archive(&self, _: &str) -> Option<Arc<dyn History>> {
        self.archive.as_ref().map(|_| Arc::new(self.clone()) as Arc<dyn History>)
    }
}

#[async_trait]
impl History for World {
    async fn snapshot(&self) -> headwater_query::Result<Arc<dyn Archived>> {
        Ok(Arc::new(self.clone()))
    }
}

impl Archived for World {
    fn next_offset(&self, _: u32) -> i64 {
        self.archive.as_ref().map_or(0, |rows| rows.num_rows() as i64)
    }

    fn table(&self) -> Arc<dyn TableProvider> {
        let rows = self.archive.clone().unwrap();
        Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]]).unwrap())
    }
}

impl Snapshots for World {
    fn read_point(&self) -> Arc<ReadPoint> {
        Arc::new(ReadPoint {
            epoch: 1,
            as_of_us: 0,
            streams: HashMap::new(),
            isolation: Isolation::Committed,
            views: Arc::new(self.clone()),
            stopped: BTreeMap::new(),
        })
    }
}

impl ViewReader for World {
    fn rows(&self, _: &str) -> headwater_query::Result<Vec<RecordBatch>> {
        Ok(Vec::new())
    }
}

impl SystemTables for World {
    fn tables(&self) -> Vec<(String, SchemaRef)> {
        Vec::new()
    }

    fn rows(&self, _: &str, _: &ReadPoint) -> headwater_query::Result<Vec<RecordBatch>> {
        Ok(Vec::new())
    }
}

fn append(log: &dyn Log, ids: std::ops::Range<i64>, at_ms: i64) {
    let mut builder = Builder::new();
    ids.for_each(|id| builder.push(None, Some(format!("{{\"id\":{id}}}").as_bytes()), at_ms));
    log.append("numbers", 0, builder.build()).unwrap().wait().unwrap();
}

/// A log that has given up ids 0 to 4, appended at 1 s, and keeps 5 to 7; what it gave up is archived, or lost.
fn session(folder: &std::path::Path, archived: bool) -> (Session, Arc<Stream>) {
    let parsed = headwater_sql::parse(&SourceText::new("test.sql", STREAM)).unwrap().remove(0);
    let Statement::CreateStream(create) = &parsed.statement else { panic!("not a stream") };
    let stream = Arc::new(relation::resolve::stream(create, &parsed.source).unwrap());
    let clock = SystemClock::shared();
    let log = EmbeddedLog::open(Arc::new(Disk), folder, Arc::clone(&clock), embedded::Options::default()).unwrap();
    let config = TopicConfig { partitions: 1, retention: Some(Duration::from_secs(60)), archived: true };
    log.create_topic("numbers", &config).unwrap();
    append(&log, 0..5, 1000);
    log.release("numbers", 0, 5).unwrap();
    assert_eq!(log.enforce_retention().unwrap()[0].offsets, 0..5);
    append(&log, 5..8, clock.now_us() / 1000);
    let rows = RecordBatch::try_new(
        with_place(&stream),
        vec![
            Arc::new(Int64Array::from_iter_values(0..5)),
            Arc::new(Int32Array::from(vec![0; 5])),
            Arc::new(Int64Array::from_iter_values(0..5)),
            Arc::new(TimestampMicrosecondArray::from(vec![1_000_000; 5]).with_timezone(UTC)),
        ],
    );
    let world = Arc::new(World { archive: archived.then(|| rows.unwrap()) });
    let mut relations = Relations::new();
    relations.add_stream(Arc::clone(&stream));
    let sources = Sources {
        relations: Arc::new(relations),
        log: Arc::new(log),
        archives: Arc::clone(&world) as Arc<_>,
        snapshots: Arc::clone(&world) as Arc<_>,
        tables: Arc::new(()),
        system: world,
    };
    (Session::new(sources, Options::default()).unwrap(), stream)
}

async fn read(reader: &mut Reader, rows_max: usize) -> Vec<i64> {
    reader.next(rows_max).await.unwrap().into_iter().flat_map(|part| part.offsets).collect()
}

#[tokio::test]
async fn the_archive_is_read_up_to_where_the_log_begins() {
    let folder = tempfile::tempdir().unwrap();
    let (session, stream) = session(folder.path(), true);
    for (from, expected) in [
        (From::Earliest, 0),
        (From::Place("0:3".to_owned()), 3),
        (From::Place("0:6".to_owned()), 6),
        (From::Last(4), 4),
        (From::Time(0), 0),
        (From::Time(1_000_001), 5),
        (From::Latest, 8),
    ] {
        let mut reader = Reader::open(session.clone(), Arc::clone(&stream), from.clone()).await.unwrap();
        let (mut found, mut page) = (Vec::new(), read(&mut reader, 2).await);
        while !page.is_empty() {
            assert!(page.len() <= 2);
            found.append(&mut page);
            page = read(&mut reader, 2).await;
        }
        assert_eq!(found, (expected..8).collect::<Vec<_>>(), "{from:?}");
    }
}

#[tokio::test]
async fn rows_that_are_nowhere_are_not_passed_over_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let (session, stream) = session(folder.path(), false);
    let mut reader = Reader::open(session.clone(), Arc::clone(&stream), From::Earliest).await.unwrap();
    assert_eq!(read(&mut reader, 10).await, [5, 6, 7]);
    let mut reader = Reader::open(session, stream, From::Place("0:2".to_owned())).await.unwrap();
    let refused = reader.next(10).await.unwrap_err();
    assert_eq!(refused.message, "partition 0 begins at offset 5 now; 2 is gone");
}
