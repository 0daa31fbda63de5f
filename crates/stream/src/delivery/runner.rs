//! Runs one sink: reads its stream, hands ranges to the outlet, and keeps the position in the log.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use headwater_base::ErrorKind;
use headwater_base::clock::Clock;
use headwater_log::{Isolation, Log, Pin, ReadOptions, Writer};
use headwater_query::decode::StreamReader;
use headwater_query::relation::Stream;
use serde::{Deserialize, Serialize};

use super::{Limits, Outlet, Range};
use crate::background::{self, Background, Shared};
use crate::{Error, Result};

/// Bytes of the log that are read at once.
const READ_BYTES: usize = 1 << 20;
/// Between looks at a stream that has nothing new, and the longest wait for a place that is unavailable.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// A sink with its place in the log, run step by step by whoever owns it.
pub struct Runner {
    stream: Arc<Stream>,
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    reader: StreamReader,
    outlet: Box<dyn Outlet>,
    limits: Limits,
    writer: Box<dyn Writer>,
    partitions: Vec<Partition>,
    rows: u64,
}

struct Partition {
    /// Rows before this were delivered; those up to `read` wait.
    delivered: i64,
    /// The end of a range that begins at `delivered` and was handed over already, maybe by an earlier life of the node.
    /// The outlet may have it, so it is tried again as it was.
    tried: Option<i64>,
    read: i64,
    waiting: VecDeque<Piece>,
    bytes: usize,
    /// When the first of them came.
    since: Duration,
    /// A rule stops the stream here.
    stopped: Option<String>,
    /// Keeps the rows that were not delivered.
    _pin: Pin,
}

/// Rows that wait, never more than a range may have.
struct Piece {
    rows: RecordBatch,
    /// The first one's offset.
    from: i64,
    bytes: usize,
}

/// What is kept in the log.
#[derive(Serialize, Deserialize)]
struct Position {
    /// By partition: rows before this were delivered.
    next: Vec<i64>,
    /// By partition: the end of the range that is on its way.
    #[serde(default)]
    tried: Vec<Option<i64>>,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Worked,
    /// Nothing to do for now; rows may wait for company.
    Idle,
}

impl Runner {
    /// Goes to where it was. A sink that is new begins with the oldest row that the log has. Fences an older runner of
    /// the same place.
    pub fn open(
        place: &str,
        mut outlet: Box<dyn Outlet>,
        stream: Arc<Stream>,
        log: &Arc<dyn Log>,
        clock: Arc<dyn Clock>,
    ) -> Result<Runner> {
        let mut writer = log.open_writer(&format!("sink/{place}"))?;
        writer.abort()?;
        let kept: Option<Position> = match writer.note() {
            Some(note) => Some(
                serde_json::from_slice(&note)
                    .map_err(|error| Error::corrupt(format!("the position of sink {place}: {error}")))?,
            ),
            None => None,
        };
        let mut partitions = Vec::with_capacity(stream.partitions as usize);
        for number in 0..stream.partitions {
            let start = log.offsets(&stream.topic, number)?.start;
            let tried = kept.as_ref().and_then(|kept| kept.tried.get(number as usize).copied().flatten());
            let kept = kept.as_ref().and_then(|kept| kept.next.get(number as usize).copied());
            let there = outlet.delivered(number)?;
            let end = log.offsets(&stream.topic, number)?.end;
            if let Some(there) = there.filter(|there| kept.is_none() || *there > end) {
                let what = format!("rows up to offset {there} of {}, partition {number}, were delivered", stream.name);
                return Err(Error::invalid(format!(
                    "{what} there by another sink, or in another life of the data folder"
                ))
                .with_hint("give the sink a place of its own, or move away what is there"));
            }
            let from = kept.max(there).unwrap_or(start);
            if from < start {
                let gone =
                    format!("offsets {from} to {start} of {}, partition {number}, were not delivered", stream.name);
                return Err(Error::invalid(format!("{gone}, and retention has taken them from the log"))
                    .with_hint("drop the sink and create it anew to go on without them"));
            }
            let pin = log.pin(&stream.topic, number, from)?;
            partitions.push(Partition {
                delivered: from,
                // A place that can tell has all of it or nothing.
                tried: tried.filter(|until| *until > from),
                read: from,
                waiting: VecDeque::new(),
                bytes: 0,
                since: Duration::ZERO,
                stopped: None,
                _pin: pin,
            });
        }
        if kept.is_none() {
            // What is found there from now on is this sink's.
            keep(writer.as_mut(), &partitions)?;
        }
        Ok(Runner {
            reader: StreamReader::new(Arc::clone(&stream), None)?,
            stream,
            log: Arc::clone(log),
            clock,
            limits: outlet.limits(),
            outlet,
            writer,
            partitions,
            rows: 0,
        })
    }

    /// Reads some rows, and delivers what has waited for long enough.
    pub fn step(&mut self) -> Result<Step> {
        let mut worked = false;
        for number in 0..self.partitions.len() {
            worked |= self.read(number)?;
            if self.is_due(number) {
                self.deliver(number)?;
                worked = true;
            }
        }
        Ok(if worked { Step::Worked } else { Step::Idle })
    }

    /// From now on rows wait for nothing.
    pub fn hurry(&mut self) {
        self.limits.wait = Duration::ZERO;
    }

    /// True when something was read, which need not have been a row.
    fn read(&mut self, number: usize) -> Result<bool> {
        let partition = &mut self.partitions[number];
        if partition.stopped.is_some() || (partition.bytes >= self.limits.bytes && partition.has_all_tried()) {
            return Ok(false);
        }
        let options = ReadOptions { isolation: Isolation::Committed, bytes_max: READ_BYTES, ..ReadOptions::default() };
        let chunk = self.log.read(&self.stream.topic, number as u32, partition.read, &options)?;
        if chunk.next <= partition.read {
            return Ok(false);
        }
        let decoded = self.reader.decode(&chunk)?;
        if let Some(failed) = &decoded.failed {
            partition.read = failed.offset;
            partition.stopped = Some(failed.detail.clone());
        } else {
            partition.read = chunk.next;
        }
        if !decoded.offsets.is_empty() {
            if partition.waiting.is_empty() {
                partition.since = self.clock.elapsed();
            }
            let bytes = chunk.batches.iter().map(|batch| batch.len()).sum::<usize>();
            partition.bytes += bytes;
            partition.waiting.extend(pieces(&decoded.rows, &decoded.offsets, bytes, self.limits.rows, partition.tried));
        } else if partition.waiting.is_empty() && partition.tried.is_none() {
            // Nothing of it is to be delivered.
            partition.delivered = partition.read;
        }
        Ok(true)
    }

    fn is_due(&self, number: usize) -> bool {
        let partition = &self.partitions[number];
        if partition.tried.is_some() {
            return partition.has_all_tried();
        }
        let rows = partition.waiting.iter().map(|piece| piece.rows.num_rows()).sum::<usize>();
        let waited = self.clock.elapsed().saturating_sub(partition.since) >= self.limits.wait;
        rows > 0 && (waited || rows >= self.limits.rows || partition.bytes >= self.limits.bytes)
    }

    /// Delivers as many of the rows that wait as a range may have, or the range that was tried.
    fn deliver(&mut self, number: usize) -> Result<()> {
        let partition = &mut self.partitions[number];
        let taken = partition.next_range(self.limits.rows);
        let until = partition.waiting.get(taken).map_or(partition.read, |piece| piece.from);
        // What was read past the last row of a range holds none, so it may belong to the range or not.
        let until = partition.tried.unwrap_or(until);
        if partition.tried.is_none() {
            partition.tried = Some(until);
            let kept = keep(self.writer.as_mut(), &self.partitions);
            if kept.is_err() {
                self.partitions[number].tried = None;
                return kept;
            }
        }
        let partition = &mut self.partitions[number];
        let rows = partition.waiting.iter().take(taken).map(|piece| &piece.rows);
        let rows = concat_batches(self.reader.schema(), rows)?;
        let range = Range { partition: number as u32, from: partition.delivered, until, rows };
        // Rules that have changed since the first try may have left nothing of it.
        if range.rows.num_rows() > 0 {
            self.outlet.deliver(&range)?;
        }
        self.rows += range.rows.num_rows() as u64;
        partition.bytes -= partition.waiting.drain(..taken).map(|piece| piece.bytes).sum::<usize>();
        if partition.waiting.is_empty() {
            partition.bytes = 0;
        }
        // Behind a range that was tried before there may be records without rows, read with it.
        let delivered = if partition.waiting.is_empty() { until.max(partition.read) } else { until };
        (partition.delivered, partition.tried) = (delivered, None);
        partition._pin = self.log.pin(&self.stream.topic, range.partition, delivered)?;
        keep(self.writer.as_mut(), &self.partitions)
    }

    /// Offsets of records that were not delivered yet.
    pub fn lag(&self) -> u64 {
        let behind = |(number, partition): (usize, &Partition)| {
            let stable = self.log.offsets(&self.stream.topic, number as u32).map_or(0, |offsets| offsets.stable);
            stable.saturating_sub(partition.delivered).max(0) as u64
        };
        self.partitions.iter().enumerate().map(behind).sum()
    }

    fn stopped(&self) -> Option<String> {
        self.partitions.iter().find_map(|partition| partition.stopped.clone())
    }
}

impl Partition {
    /// Whether the rows of a range that was tried are all there, so that it can be tried again.
    fn has_all_tried(&self) -> bool {
        self.tried.is_none_or(|until| self.read >= until)
    }

    /// How many of the pieces that wait are the next range.
    fn next_range(&self, rows_max: usize) -> usize {
        if let Some(until) = self.tried {
            return self.waiting.partition_point(|piece| piece.from < until);
        }
        let mut rows = 0;
        let fits = |piece: &&Piece| {
            rows += piece.rows.num_rows();
            rows <= rows_max
        };
        self.waiting.iter().take_while(fits).count()
    }
}

/// Cuts rows so that no piece has more than a range may have, and none reaches over the end of a range that was tried.
fn pieces(
    rows: &RecordBatch,
    offsets: &[i64],
    bytes: usize,
    rows_max: usize,
    tried: Option<i64>,
) -> impl Iterator<Item = Piece> {
    let (all, tried) = (offsets.len(), tried.map_or(0, |until| offsets.partition_point(|offset| *offset < until)));
    let mut from = 0;
    std::iter::from_fn(move || {
        let end = if from < tried { tried } else { all };
        let count = rows_max.min(end - from);
        let piece = (count > 0).then(|| Piece {
            rows: rows.slice(from, count),
            from: offsets[from],
            bytes: bytes * count / all,
        });
        from += count;
        piece
    })
}

/// Keeps the position in the log.
fn keep(writer: &mut dyn Writer, partitions: &[Partition]) -> Result<()> {
    let next = partitions.iter().map(|partition| partition.delivered).collect();
    let tried = partitions.iter().map(|partition| partition.tried).collect();
    let note = serde_json::to_vec(&Position { next, tried }).map_err(|error| Error::internal(error.to_string()))?;
    Ok(writer.commit_now(note.into())?)
}

/// What people see of a running sink.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Rows delivered since the start.
    pub rows: u64,
    /// Offsets that were not delivered yet.
    pub lag: u64,
    /// By partition: rows before this offset were delivered.
    pub delivered: Vec<i64>,
    /// Why a delivery is tried again.
    pub trouble: Option<String>,
    /// Why it stopped.
    pub failure: Option<(String, Option<String>)>,
}

/// A sink on a thread of its own. Dropping it stops it after its current step; what waits is delivered when it runs
/// again.
pub struct Running {
    background: Background<Report>,
    place: String,
    topic: String,
    /// Nobody will come to keep rows company.
    hurry: Arc<AtomicBool>,
}

/// The reports of a running sink.
pub type Reports = background::Reports<Report>;

impl Running {
    /// `place` is that of [`Runner::open`].
    pub fn start(name: &str, place: &str, runner: Runner) -> Result<Running> {
        let topic = runner.stream.topic.clone();
        let hurry = Arc::new(AtomicBool::new(false));
        let hurries = Arc::clone(&hurry);
        let background = Background::start("sink", name, move |shared| serve(shared, &hurries, runner))?;
        Ok(Running { background, place: place.to_owned(), topic, hurry })
    }

    /// A sink that could not even start, with the reason: the node runs without it.
    pub fn failed(name: &str, place: &str, error: &Error) -> Running {
        let report = Report { failure: Some(error.told()), ..Report::default() };
        let background = Background::never_started(name, report);
        Running { background, place: place.to_owned(), topic: String::new(), hurry: Arc::default() }
    }

    pub fn place(&self) -> &str {
        &self.place
    }

    pub fn name(&self) -> &str {
        self.background.name()
    }

    pub fn report(&self) -> Report {
        self.background.report()
    }

    pub fn reports(&self) -> Reports {
        self.background.reports()
    }

    /// Lets rows wait for nothing from now on, since no more will come. True once all that is committed is delivered, or
    /// it can't go on.
    pub fn finish(&self, log: &dyn Log) -> bool {
        // Woken once: what is tried again has its own time.
        if !self.hurry.swap(true, Ordering::AcqRel) {
            self.background.wake();
        }
        let report = self.report();
        let is_there = |(number, delivered): (usize, &i64)| {
            log.offsets(&self.topic, number as u32).is_ok_and(|offsets| offsets.stable <= *delivered)
        };
        let delivered = &report.delivered;
        report.failure.is_some() || (!delivered.is_empty() && delivered.iter().enumerate().all(is_there))
    }
}

fn serve(shared: &Shared<Report>, hurry: &AtomicBool, mut runner: Runner) {
    let mut retry = RETRY_FIRST;
    while !shared.is_stopping() {
        if hurry.load(Ordering::Acquire) {
            runner.hurry();
        }
        let stepped = runner.step();
        let mut report = shared.report();
        (report.rows, report.lag) = (runner.rows, runner.lag());
        report.delivered = runner.partitions.iter().map(|partition| partition.delivered).collect();
        let rest = match stepped {
            Ok(Step::Worked) => {
                (report.trouble, retry) = (None, RETRY_FIRST);
                continue;
            }
            Ok(Step::Idle) => {
                if let Some(reason) = runner.stopped() {
                    report.failure = Some((reason, Some("mend the row's rule, and apply that".to_owned())));
                    return;
                }
                LOOK_AGAIN
            }
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                tracing::warn!(sink = runner.stream.name, "a delivery is tried again: {error}");
                report.trouble = Some(error.to_string());
                let rest = retry;
                retry = (retry * 2).min(RETRY_MAX);
                rest
            }
            Err(error) => {
                report.failure = Some(error.told());
                return;
            }
        };
        drop(report);
        shared.rest(rest);
    }
}
