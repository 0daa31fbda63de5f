//! Compaction, retention and vacuum: the same rows in fewer files, and nobody who reads is disturbed.

use std::collections::BTreeMap;
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion::physical_plan::collect;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use headwater_base::files::simulated::Simulated;

use super::{NOW_US, all, columns, count, each, file, lake};
use crate::{Archive, Compaction, Lake, OFFSET, Snapshot};

const PARTITIONS: u32 = 2;

fn small() -> Compaction {
    Compaction { file_bytes_max: 40_000, files_min: 4 }
}

/// Many small files, with gaps in their offsets and one range without rows.
async fn filled(lake: &Lake) -> Archive {
    let mut archive = lake.open_archive("bids", &columns()).await.unwrap();
    for round in 0..40 {
        let mut files = Vec::new();
        for partition in 0..PARTITIONS {
            let offsets: Vec<i64> = (round * 10..round * 10 + 8).filter(|_| round != 5).collect();
            files.push(file(&archive, partition, &offsets, round * 10 + 10).await.unwrap());
        }
        archive.commit(files).await.unwrap();
    }
    archive
}

async fn compact_all(archive: &mut Archive) -> usize {
    let mut merges = 0;
    while let Some(merged) = archive.compact(&small()).await.unwrap() {
        assert!(merged.files > 1 && merged.bytes <= 2 * small().file_bytes_max, "{merged:?}");
        merges += 1;
    }
    merges
}

/// No two files of a partition cover a common offset, and their names are in the order of their ranges.
fn disjoint(snapshot: &Snapshot) -> usize {
    let mut next: BTreeMap<u32, i64> = BTreeMap::new();
    let files = snapshot.data_files();
    assert_eq!(files.len(), snapshot.files().count(), "each carries its range");
    for file in &files {
        let next = next.entry(file.partition).or_insert(0);
        assert!(file.first_offset >= *next && file.next_offset > file.first_offset, "{file:?}");
        *next = file.next_offset;
    }
    files.len()
}

async fn replayed(snapshot: &Snapshot, partition: u32, from: i64) -> Vec<i64> {
    let mut replay = snapshot.replay(partition, from);
    let mut offsets = Vec::new();
    while let Some(rows) = replay.next().await.unwrap() {
        offsets.extend_from_slice(rows.column_by_name(OFFSET).unwrap().as_primitive::<Int64Type>().values());
    }
    offsets
}

#[tokio::test]
async fn compaction_changes_nothing_but_the_files() {
    each(|lake| async move {
        let mut archive = filled(&lake).await;
        let before = archive.snapshot();
        let (rows, files) = (all(&before).await, disjoint(&before));
        let mut keeper = lake.open_archive("bids", &columns()).await.unwrap();
        assert!(compact_all(&mut keeper).await > 1);
        let after = keeper.snapshot();
        assert!(disjoint(&after) * 4 < files, "{} of {files} files", disjoint(&after));
        assert_eq!(all(&after).await, rows);
        for partition in 0..PARTITIONS {
            assert_eq!(after.next_offset(partition), 400);
            for from in [0, 55, 399] {
                assert_eq!(replayed(&after, partition, from).await, replayed(&before, partition, from).await);
            }
        }
        // The archiver goes on from where it was, and meets the commits of its keeper.
        let more = file(&archive, 0, &[400, 401], 402).await.unwrap();
        archive.commit(vec![more]).await.unwrap();
        assert_eq!((archive.next_offset(0), archive.next_offset(1)), (402, 400));
        let reopened = lake.open_archive("bids", &columns()).await.unwrap();
        assert_eq!((reopened.next_offset(0), reopened.next_offset(1)), (402, 400));
        assert_eq!(count(&reopened.snapshot(), "true").await, rows.num_rows() as i64 + 2);
        assert_eq!(count(&reopened.snapshot(), "_partition = 1 AND _offset >= 100").await, 240);
    })
    .await;
}

#[tokio::test]
async fn what_somebody_reads_stays() {
    each(|lake| async move {
        let archive = filled(&lake).await;
        let mut keeper = lake.open_archive("bids", &columns()).await.unwrap();
        let held = archive.snapshot();
        let rows = all(&held).await;
        let session = SessionContext::new();
        session.register_table("archive", held.table_provider()).unwrap();
        let plan = session.sql("SELECT id FROM archive").await.unwrap().create_physical_plan().await.unwrap();
        session.deregister_table("archive").unwrap();
        let mut half_read = held.replay(0, 0);
        half_read.next().await.unwrap();

        let merges = compact_all(&mut keeper).await;
        let files = keeper.snapshot().files().count();
        assert!(keeper.vacuum(Duration::from_secs(3600)).await.unwrap() == 0, "all are too young");
        let removed = keeper.vacuum(Duration::ZERO).await.unwrap();
        // Nobody holds what one merge made and the next one replaced.
        assert!(removed < merges, "{removed}");
        assert_eq!(all(&held).await, rows, "the snapshot stands");
        drop((held, archive));
        assert_eq!(keeper.vacuum(Duration::ZERO).await.unwrap(), 0, "a plan and a replay still read");
        let stream = datafusion::physical_plan::execute_stream(plan, session.task_ctx()).unwrap();
        while half_read.next().await.unwrap().is_some() {}
        drop(half_read);
        assert_eq!(keeper.vacuum(Duration::ZERO).await.unwrap(), 0, "rows still flow");
        let read: Vec<_> = stream.try_collect().await.unwrap();
        assert_eq!(read.iter().map(|rows| rows.num_rows()).sum::<usize>(), rows.num_rows());
        assert!(keeper.vacuum(Duration::ZERO).await.unwrap() > 70, "now nobody does");
        assert_eq!(keeper.snapshot().files().count(), files);
        assert_eq!(all(&keeper.snapshot()).await, rows);
        assert_eq!(all(&lake.open_archive("bids", &columns()).await.unwrap().snapshot()).await, rows);
        let again = session.read_table(keeper.snapshot().table_provider()).unwrap();
        let plan = again.create_physical_plan().await.unwrap();
        assert_eq!(
            collect(plan, session.task_ctx()).await.unwrap().iter().map(|rows| rows.num_rows()).sum::<usize>(),
            rows.num_rows()
        );
    })
    .await;
}

#[tokio::test]
async fn rows_past_retention_go_by_whole_files() {
    let lake = lake(&Simulated::new(1));
    let mut archive = filled(&lake).await;
    // The row at an offset was appended ten microseconds per offset after the beginning.
    let before_us = NOW_US + 10 * 205;
    let removed = archive.expire(before_us).await.unwrap();
    assert_eq!(removed, 2 * 19, "the rounds 0 to 19 but for the empty one, in two partitions");
    assert_eq!(archive.expire(before_us).await.unwrap(), 0);
    let snapshot = archive.snapshot();
    assert_eq!(count(&snapshot, "_offset < 200").await, 0);
    assert_eq!(count(&snapshot, "true").await, 2 * 20 * 8, "a file with one younger row stays");
    assert_eq!((snapshot.next_offset(0), snapshot.next_offset(1)), (400, 400));
    assert_eq!(replayed(&snapshot, 1, 0).await[0], 200);
    compact_all(&mut archive).await;
    let files = archive.snapshot().files().count();
    assert_eq!(archive.expire(NOW_US + 10 * 1000).await.unwrap(), files);
    assert_eq!(count(&archive.snapshot(), "true").await, 0);
    let mut reopened = lake.open_archive("bids", &columns()).await.unwrap();
    assert_eq!((reopened.next_offset(0), reopened.next_offset(1)), (400, 400));
    drop((archive, snapshot));
    reopened.vacuum(Duration::ZERO).await.unwrap();
    let more = file(&reopened, 0, &[400], 401).await.unwrap();
    reopened.commit(vec![more]).await.unwrap();
    assert_eq!(count(&reopened.snapshot(), "true").await, 1);
}
