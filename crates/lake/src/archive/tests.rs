//! Archives over a disk and over a simulated one: what goes in comes out, once, and damage is told.

mod crash;
mod damage;
mod evolve;
mod upkeep;

use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringViewArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema, SchemaRef, TimeUnit};
use datafusion::prelude::SessionContext;
use headwater_base::clock::ManualClock;
use headwater_base::files::disk::Disk;
use headwater_base::files::simulated::Simulated;
use headwater_base::objects::Objects;
use object_store::path::Path;

use crate::{Archive, Error, FinishedFile, Lake, Snapshot};

const NOW_US: i64 = 1_700_000_000_000_000;

fn columns() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("name", DataType::Utf8View, true),
        Field::new("price", DataType::Decimal128(18, 2), true),
        Field::new("at", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true),
        Field::new("flag", DataType::Boolean, true),
        Field::new("score", DataType::Float64, true),
    ]))
}

/// The row of a partition and offset, always the same.
fn rows(partition: u32, offsets: &[i64]) -> RecordBatch {
    let ids = offsets.iter().map(|offset| i64::from(partition) * 1_000_000 + offset);
    let columns_of: Vec<ArrayRef> = vec![
        Arc::new(ids.collect::<Int64Array>()),
        Arc::new(offsets.iter().map(|o| (o % 5 != 0).then(|| format!("name {o}"))).collect::<StringViewArray>()),
        Arc::new(
            offsets
                .iter()
                .map(|o| Some(i128::from(*o) * 101))
                .collect::<Decimal128Array>()
                .with_precision_and_scale(18, 2)
                .unwrap(),
        ),
        Arc::new(offsets.iter().map(|o| Some(NOW_US + o)).collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
        Arc::new(offsets.iter().map(|o| Some(o % 2 == 0)).collect::<BooleanArray>()),
        Arc::new(offsets.iter().map(|o| Some(*o as f64 / 3.0)).collect::<Float64Array>()),
    ];
    RecordBatch::try_new(columns(), columns_of).unwrap()
}

async fn file(archive: &Archive, partition: u32, offsets: &[i64], next: i64) -> Result<FinishedFile, Error> {
    let mut writer = archive.writer(partition);
    for offsets in offsets.chunks(100) {
        let times: Vec<i64> = offsets.iter().map(|offset| NOW_US + offset * 10).collect();
        writer.write(&rows(partition, offsets), offsets, &times)?;
    }
    writer.set_next_offset(next)?;
    Ok(writer.finish().await?.unwrap())
}

fn try_lake(sim: &Simulated) -> headwater_base::files::Result<Lake> {
    let objects = Objects::open(sim.shared(), FilePath::new("/data"))?;
    Ok(Lake::new(Arc::new(objects), Path::from("lake")).with_clock(ManualClock::at(NOW_US)))
}

fn lake(sim: &Simulated) -> Lake {
    try_lake(sim).unwrap()
}

/// Both kinds of store, in turn.
async fn each<F: Future<Output = ()>>(test: impl Fn(Lake) -> F) {
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::open(Disk::shared(), folder.path()).unwrap();
    test(Lake::new(Arc::new(objects), Path::from("lake"))).await;
    test(lake(&Simulated::new(1))).await;
}

async fn query(snapshot: &Snapshot, sql: &str) -> datafusion::common::Result<Vec<RecordBatch>> {
    let session = SessionContext::new();
    session.register_table("archive", snapshot.table_provider())?;
    session.sql(sql).await?.collect().await
}

/// All rows in order, as one batch.
async fn all(snapshot: &Snapshot) -> RecordBatch {
    let batches = query(snapshot, "SELECT * FROM archive ORDER BY _partition, _offset").await.unwrap();
    let schema = snapshot.table_provider().schema();
    for batch in &batches {
        assert_eq!(batch.schema().fields(), schema.fields());
    }
    arrow::compute::concat_batches(&schema, &batches).unwrap()
}

async fn count(snapshot: &Snapshot, filter: &str) -> i64 {
    let batches = query(snapshot, &format!("SELECT count(*) FROM archive WHERE {filter}")).await.unwrap();
    batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

/// The rows of these offsets of one partition, in the archive's schema.
fn expected(archive: &Archive, partition: u32, offsets: &[i64]) -> RecordBatch {
    let mut wanted = rows(partition, offsets).columns().to_vec();
    wanted.push(Arc::new(arrow::array::Int32Array::from_value(partition as i32, offsets.len())));
    wanted.push(Arc::new(Int64Array::from(offsets.to_vec())));
    let times = offsets.iter().map(|o| Some(NOW_US + o * 10)).collect::<TimestampMicrosecondArray>();
    wanted.push(Arc::new(times.with_timezone("UTC")));
    RecordBatch::try_new(archive.schema(), wanted).unwrap()
}

#[tokio::test]
async fn what_goes_in_comes_out() {
    each(|lake| async move {
        assert!(lake.find_archive("bids").await.unwrap().is_none());
        let mut archive = lake.open_archive("bids", &columns()).await.unwrap();
        assert_eq!((archive.version(), archive.next_offset(0)), (0, 0));
        let before = archive.snapshot();
        let even: Vec<i64> = (0..1000).filter(|o| o % 2 == 0).collect();
        let files = vec![file(&archive, 0, &even, 1000).await.unwrap(), file(&archive, 3, &[7, 8], 9).await.unwrap()];
        assert_eq!(archive.commit(files).await.unwrap(), 1);
        assert_eq!((archive.next_offset(0), archive.next_offset(3), archive.next_offset(1)), (1000, 9, 0));

        let snapshot = archive.snapshot();
        let wanted = [expected(&archive, 0, &even), expected(&archive, 3, &[7, 8])];
        assert_eq!(all(&snapshot).await, arrow::compute::concat_batches(&archive.schema(), &wanted).unwrap());
        assert_eq!(count(&snapshot, "_partition = 3 AND _offset > 7").await, 1);
        assert_eq!(count(&snapshot, "name = 'name 44' AND price = 44.44").await, 1);
        assert_eq!(count(&snapshot, "at >= TIMESTAMP '2030-01-01T00:00:00Z'").await, 0);
        assert_eq!(count(&before, "true").await, 0, "a snapshot does not move");
        assert_eq!((before.version(), before.next_offset(0)), (0, 0));

        let found = lake.find_archive("bids").await.unwrap().unwrap();
        assert_eq!(found.schema(), archive.schema());
        assert_eq!(found.next_offset(0), 1000);
        assert_eq!(all(&found.snapshot()).await, all(&snapshot).await);
        let again = lake.open_archive("bids", &columns()).await.unwrap();
        assert_eq!((again.version(), again.next_offset(3)), (1, 9));
    })
    .await;
}

#[tokio::test]
async fn a_commit_repeated_changes_nothing() {
    each(|lake| async move {
        let mut archive = lake.open_archive("bids", &columns()).await.unwrap();
        let files = vec![file(&archive, 0, &[0, 1, 2], 3).await.unwrap()];
        assert_eq!(archive.commit(files.clone()).await.unwrap(), 1);
        assert_eq!(archive.commit(files.clone()).await.unwrap(), 1);
        let mut other = lake.open_archive("bids", &columns()).await.unwrap();
        assert_eq!(other.commit(files).await.unwrap(), 1);
        assert_eq!(count(&archive.snapshot(), "true").await, 3);

        let rejected = file(&archive, 0, &[], 10).await.unwrap();
        assert_eq!((rejected.rows(), rejected.size()), (0, 0));
        assert_eq!(archive.commit(vec![rejected]).await.unwrap(), 2, "offsets advance without rows");
        assert_eq!(archive.next_offset(0), 10);
        assert_eq!(archive.commit(Vec::new()).await.unwrap(), 2);
        assert!(archive.writer(0).finish().await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn archivers_meet() {
    each(|lake| async move {
        let mut one = lake.open_archive("bids", &columns()).await.unwrap();
        let mut two = lake.open_archive("bids", &columns()).await.unwrap();
        for round in 0..5 {
            let offsets = [round * 2, round * 2 + 1];
            let files = vec![file(&one, 0, &offsets, round * 2 + 2).await.unwrap()];
            one.commit(files).await.unwrap();
            let files = vec![file(&two, 1, &offsets, round * 2 + 2).await.unwrap()];
            two.commit(files).await.unwrap();
        }
        one.refresh().await.unwrap();
        assert_eq!((one.version(), one.next_offset(0), one.next_offset(1)), (10, 10, 10));
        assert_eq!(all(&one.snapshot()).await, all(&two.snapshot()).await);
        let overlapping = file(&two, 0, &[8, 9, 10], 11).await.unwrap();
        assert!(matches!(two.commit(vec![overlapping]).await, Err(Error::Overlap { archived: 10, first: 8, .. })));
    })
    .await;
}

#[tokio::test]
async fn refuses_what_does_not_fit() {
    let lake = lake(&Simulated::new(1));
    let archive = lake.open_archive("bids", &columns()).await.unwrap();
    let mut writer = archive.writer(0);
    assert!(matches!(writer.write(&rows(0, &[1]), &[1, 2], &[0, 0]), Err(Error::Rows { .. })));
    assert!(matches!(writer.write(&rows(0, &[2, 1]), &[2, 1], &[0, 0]), Err(Error::Rows { .. })));
    writer.write(&rows(0, &[5]), &[5], &[0]).unwrap();
    assert!(matches!(writer.write(&rows(0, &[5]), &[5], &[0]), Err(Error::Rows { .. })));
    assert!(matches!(writer.set_next_offset(5), Err(Error::Rows { .. })));

    let with = |field: Field| {
        let mut fields = columns().fields().to_vec();
        fields[1] = Arc::new(field);
        Arc::new(Schema::new(fields))
    };
    for refused in [
        Field::new("_Offset", DataType::Int64, true),
        Field::new("ID", DataType::Int64, true),
        Field::new("x", DataType::UInt64, true),
        Field::new("x", DataType::Timestamp(TimeUnit::Nanosecond, None), true),
    ] {
        let error = lake.open_archive("other", &with(refused)).await.unwrap_err();
        assert_eq!(error.kind(), headwater_base::ErrorKind::Invalid, "{error}");
    }
    assert!(lake.find_archive("other").await.unwrap().is_none(), "nothing was created");
}

#[tokio::test]
async fn the_log_stays_short() {
    let clock = ManualClock::at(NOW_US);
    let sim = Simulated::with_clock(1, clock.clone());
    let objects = Objects::open(sim.shared(), FilePath::new("/data")).unwrap();
    let lake = Lake::new(Arc::new(objects), Path::from("lake")).with_clock(clock.clone()).with_checkpoint_interval(10);
    let mut archive = lake.open_archive("bids", &columns()).await.unwrap();
    let mut reader = lake.find_archive("bids").await.unwrap().unwrap();
    for round in 0..120 {
        clock.advance(Duration::from_secs(600));
        let files = vec![file(&archive, round as u32 % 3, &[round], round + 1).await.unwrap()];
        archive.commit(files).await.unwrap();
        if round == 50 {
            reader.refresh().await.unwrap();
            assert_eq!(reader.next_offset(2), 51);
        }
    }
    reader.refresh().await.unwrap();
    let reopened = lake.open_archive("bids", &columns()).await.unwrap();
    for archive in [&archive, &reader, &reopened] {
        assert_eq!(archive.version(), 120);
        let offsets = [archive.next_offset(0), archive.next_offset(1), archive.next_offset(2)];
        assert_eq!(offsets, [118, 119, 120]);
        assert_eq!(count(&archive.snapshot(), "true").await, 120);
    }
    let log = headwater_base::files::Files::list(&sim, FilePath::new("/data/lake/bids/_delta_log")).unwrap();
    assert!(log.len() < 40, "{} files", log.len());
    let table = all(&archive.snapshot()).await;
    let partitions = table.column_by_name(crate::PARTITION).unwrap().as_primitive::<Int32Type>();
    assert_eq!(partitions.values().iter().filter(|partition| **partition == 2).count(), 40);
}
