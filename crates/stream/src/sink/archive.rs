//! The archiver: rows of streams into their Delta tables, on its own, behind the log.
//!
//! It keeps its place in the tables themselves: each commit carries the next offset of every partition it has rows of.
//! So it needs no checkpoint, and a restart reads on from there. Rows that were decoded for the dataflow are handed
//! over; whatever it was not handed (after a restart, or because it was behind) it reads from the log.

pub mod board;
pub mod threads;
pub mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use headwater_base::clock::Clock;
use headwater_lake::{Archive, Lake, PartitionWriter};
use headwater_log::{Isolation, Log, ReadOptions};
use headwater_query::decode::StreamReader;
use headwater_query::relation::Stream;

use crate::Result;
pub use board::{Board, Shown};
pub use upkeep::Upkeep;

/// When rows are committed to the table.
#[derive(Debug, Clone)]
pub struct Policy {
    pub interval: Duration,
    /// Encoded bytes that wait.
    pub bytes_max: u64,
    pub upkeep: Upkeep,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy { interval: Duration::from_secs(10), bytes_max: 16 << 20, upkeep: Upkeep::default() }
    }
}

/// Rows of one partition, all committed in the log, from one offset to before another.
#[derive(Debug, Clone)]
pub struct Rows {
    pub partition: u32,
    pub from: i64,
    /// Past the last row and all that was rejected behind it.
    pub next: i64,
    pub rows: RecordBatch,
    pub offsets: Arc<[i64]>,
    /// Append times, microseconds.
    pub timestamps_us: Arc<[i64]>,
}

/// The archiver of one stream.
pub struct Archiver {
    stream: Arc<Stream>,
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    archive: Archive,
    reader: StreamReader,
    policy: Policy,
    writers: Vec<PartitionWriter>,
    /// One past what was taken, by partition.
    taken: Vec<i64>,
    /// An error left it unknown what the table holds: nothing is taken before that is read again.
    lost: bool,
    /// Since when rows wait.
    waiting_since: Option<Duration>,
    board: Board,
    rows: u64,
}

impl Archiver {
    pub async fn open(
        stream: Arc<Stream>,
        lake: &Lake,
        log: Arc<dyn Log>,
        clock: Arc<dyn Clock>,
        policy: Policy,
        board: Board,
    ) -> Result<Archiver> {
        let archive = lake.open_archive(&stream.topic, &stream.schema).await?;
        let taken: Vec<i64> = (0..stream.partitions).map(|partition| archive.next_offset(partition)).collect();
        let writers = (0..stream.partitions).map(|partition| archive.writer(partition)).collect();
        let reader = StreamReader::new(Arc::clone(&stream), None)?;
        let mut archiver = Archiver {
            stream,
            log,
            clock,
            archive,
            reader,
            policy,
            writers,
            taken,
            lost: false,
            waiting_since: None,
            board,
            rows: 0,
        };
        archiver.show()?;
        Ok(archiver)
    }

    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Takes rows that were decoded for others. Rows that it has are passed over; rows before them that it has not
    /// are read from the log first.
    pub async fn take(&mut self, rows: Rows) -> Result<()> {
        self.find_place().await?;
        let done = self.try_take(rows).await;
        self.lost |= done.is_err();
        done
    }

    async fn try_take(&mut self, rows: Rows) -> Result<()> {
        let partition = rows.partition as usize;
        if rows.next <= self.taken[partition] {
            return Ok(());
        }
        if rows.from > self.taken[partition] {
            self.read(rows.partition, rows.from).await?;
        }
        let known = rows.offsets.partition_point(|offset| *offset < self.taken[partition]);
        let fresh = rows.rows.slice(known, rows.rows.num_rows() - known);
        self.write(rows.partition, &fresh, &rows.offsets[known..], &rows.timestamps_us[known..], rows.next).await
    }

    /// Reads from the log what lies before the given offsets, one by partition, and was not taken yet.
    pub async fn catch_up(&mut self, until: &[i64]) -> Result<()> {
        self.find_place().await?;
        for (partition, until) in until.iter().enumerate() {
            let done = self.read(partition as u32, *until).await;
            self.lost |= done.is_err();
            done?;
        }
        Ok(())
    }

    async fn read(&mut self, partition: u32, until: i64) -> Result<()> {
        while self.taken[partition as usize] < until {
            let from = self.taken[partition as usize];
            let options = ReadOptions {
                isolation: Isolation::Committed,
                bytes_max: 1 << 20,
                until: Some(until),
                ..ReadOptions::default()
            };
            let chunk = self.log.read(&self.stream.topic, partition, from, &options)?;
            if chunk.next <= from {
                return Ok(());
            }
            let decoded = self.reader.decode(&chunk)?;
            let next = decoded.failed.as_ref().map_or(chunk.next.min(until), |failed| failed.offset);
            self.write(partition, &decoded.rows, &decoded.offsets, &decoded.timestamps_us, next).await?;
            if decoded.failed.is_some() {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn write(
        &mut self,
        partition: u32,
        rows: &RecordBatch,
        offsets: &[i64],
        times: &[i64],
        next: i64,
    ) -> Result<()> {
        let writer = &mut self.writers[partition as usize];
        if rows.num_rows() > 0 {
            writer.write(rows, offsets, times)?;
        }
        writer.set_next_offset(next)?;
        self.taken[partition as usize] = next;
        if self.waiting_since.is_none() {
            self.waiting_since = Some(self.clock.elapsed());
        }
        let bytes: u64 = self.writers.iter().map(|writer| writer.bytes() as u64).sum();
        if bytes >= self.policy.bytes_max { self.try_commit().await } else { Ok(()) }
    }

    /// Commits when it is time to.
    pub async fn commit_if_due(&mut self) -> Result<()> {
        let due = self.waiting_since.is_some_and(|since| self.clock.elapsed() >= since + self.policy.interval);
        if due {
            return self.commit().await;
        }
        // What upkeep replaced is not kept from being removed by one who has nothing to do.
        let newer = |shown: Shown| shown.snapshot.follows(&self.archive.snapshot());
        if self.waiting_since.is_none() && self.board.get(&self.stream.name).is_some_and(newer) {
            self.archive.refresh().await?;
        }
        Ok(())
    }

    /// Commits all that was taken.
    pub async fn commit(&mut self) -> Result<()> {
        self.find_place().await?;
        let done = self.try_commit().await;
        self.lost |= done.is_err();
        done
    }

    async fn try_commit(&mut self) -> Result<()> {
        if self.waiting_since.is_none() {
            return Ok(());
        }
        let fresh = self.taken.iter().zip(0..).map(|(taken, partition)| self.archive.writer_from(partition, *taken));
        let fresh: Vec<PartitionWriter> = fresh.collect();
        let mut files = Vec::new();
        let mut rows = 0;
        for writer in std::mem::replace(&mut self.writers, fresh) {
            rows += writer.rows() as u64;
            files.extend(writer.finish().await?);
        }
        self.archive.commit(files).await?;
        self.waiting_since = None;
        self.rows += rows;
        self.show()
    }

    /// After an error, starts again from what the table holds: rows that waited are read from the log once more.
    async fn find_place(&mut self) -> Result<()> {
        if !self.lost {
            return Ok(());
        }
        self.archive.refresh().await?;
        for partition in 0..self.stream.partitions {
            self.writers[partition as usize] = self.archive.writer(partition);
            self.taken[partition as usize] = self.archive.next_offset(partition);
        }
        self.waiting_since = None;
        self.lost = false;
        self.show()
    }

    /// Says on the board why it makes no progress.
    pub fn report(&self, error: &crate::Error) {
        tracing::warn!(stream = self.stream.name, %error, "the archive waits");
        self.board.report(&self.stream.name, error.to_string());
    }

    /// Lets readers see the new version, and the log forget what it holds.
    fn show(&mut self) -> Result<()> {
        let shown = Shown { snapshot: self.archive.snapshot(), rows: self.rows, trouble: None };
        self.board.show(&self.stream.name, shown);
        for partition in 0..self.stream.partitions {
            self.log.release(&self.stream.topic, partition, self.archive.next_offset(partition))?;
        }
        Ok(())
    }
}
