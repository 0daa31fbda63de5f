//! Reading the rows of a stream in the order of its partitions, from any place on: what the archive alone has, then
//! the log. Committed rows only, so that nothing that was shown can be taken back.

mod cursor;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use headwater_base::ErrorKind;
use headwater_log::{Isolation, Log, Offsets, ReadOptions};
use headwater_query::decode::StreamReader;
use headwater_query::provide::{OFFSET, PARTITION, TIMESTAMP};
use headwater_query::relation::{Stream, UTC, timestamp_type};
use headwater_query::session::Session;

pub use cursor::Cursor;

use crate::Problem;

/// One read of the log. A row larger than this comes alone.
const CHUNK_BYTES: usize = 256 << 10;

/// What one call returns of a partition is cut after about so many bytes of the log.
const PAGE_BYTES: usize = 4 << 20;

/// After so many looks at the partitions, a page that has rows is full enough.
const PASSES: usize = 4;

/// Where to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// At the first row that is kept, in the archive or in the log.
    Earliest,
    /// After the last row.
    Latest,
    /// So many offsets before the end of each partition.
    Last(i64),
    /// At the first row of each partition that was appended at or after a time, microseconds UTC.
    Time(i64),
    /// A [`Cursor`] as text.
    Place(String),
}

/// Rows of one partition, in the order of their offsets, with the hidden columns at the end.
#[derive(Debug, Clone)]
pub struct Part {
    pub partition: u32,
    pub offsets: Vec<i64>,
    pub rows: RecordBatch,
}

/// A stream as one client reads it.
pub struct Reader {
    session: Session,
    stream: Arc<Stream>,
    schema: SchemaRef,
    archived: bool,
    cursor: Cursor,
    /// Where a rule stops readers, with the reason, by partition.
    stopped: Vec<Option<String>>,
}

impl Reader {
    /// Finds the place to begin at.
    pub async fn open(session: Session, stream: Arc<Stream>, from: From) -> Result<Reader, Problem> {
        if let Some(reason) = session.sources().snapshots.read_point().stopped.get(&stream.name) {
            return Err(Problem::new(ErrorKind::Unavailable, reason.clone()));
        }
        let archived = session.sources().archives.archive(&stream.name).is_some();
        let time_us = if let From::Time(time_us) = from { Some(time_us) } else { None };
        let (log, place) = (Arc::clone(&session.sources().log), Arc::clone(&stream));
        let (cursor, starts) = blocking(move || begin(log.as_ref(), &place, &from, archived)).await?;
        let schema = with_place(&stream);
        let stopped = vec![None; stream.partitions as usize];
        let mut reader = Reader { session, stream, schema, archived, cursor, stopped };
        if let Some(time_us) = time_us.filter(|_| archived) {
            reader.look_into_archive(time_us, &starts).await?;
        }
        Ok(reader)
    }

    /// Goes on with the relations of another session, which may have given the stream other columns or rules.
    pub fn renew(&mut self, session: Session) -> Result<(), Problem> {
        if Arc::ptr_eq(&self.session.sources().relations, &session.sources().relations) {
            return Ok(());
        }
        let name = &self.stream.name;
        let gone = |message: String| Err(Problem::new(ErrorKind::Conflict, message));
        let Some(stream) = session.sources().relations.stream(name).map(Arc::clone) else {
            return gone(format!("stream {name} was dropped"));
        };
        if stream.topic != self.stream.topic || stream.partitions != self.stream.partitions {
            return gone(format!("the rows of {name} were made again: begin at from=earliest"));
        }
        self.schema = with_place(&stream);
        self.stopped.fill(None);
        (self.stream, self.session) = (stream, session);
        Ok(())
    }

    /// Past all rows that were returned.
    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Partitions that are not read further, each with the reason.
    pub fn stopped(&self) -> impl Iterator<Item = (u32, &str)> {
        let each = self.stopped.iter().enumerate();
        each.filter_map(|(partition, reason)| Some((partition as u32, reason.as_deref()?)))
    }

    /// The next rows, `rows_max` at the most and perhaps fewer; none where all partitions are at their ends.
    pub async fn next(&mut self, rows_max: usize) -> Result<Vec<Part>, Problem> {
        let (log, topic) = (Arc::clone(&self.session.sources().log), self.stream.topic.clone());
        let partitions = self.stream.partitions;
        let kept = blocking(move || offsets(log.as_ref(), &topic, partitions)).await?;
        let (mut parts, mut left) = (Vec::new(), rows_max);
        // Rows that a rule takes out leave a pass short; a few passes fill the page from whichever partition has rows.
        for pass in 0.. {
            let behind = |partition: &u32| self.cursor.next[*partition as usize] < kept[*partition as usize].stable;
            let behind: Vec<u32> = (0..partitions).filter(behind).collect();
            let before = self.cursor.clone();
            for (at, partition) in behind.iter().enumerate() {
                // What one partition leaves of its share is there for those after it.
                let share = left.div_ceil(behind.len() - at);
                if share == 0 {
                    break;
                }
                for part in self.part(*partition, &kept[*partition as usize], share).await? {
                    left -= part.offsets.len();
                    parts.push(part);
                }
            }
            if left == 0 || self.cursor == before || (pass >= PASSES && !parts.is_empty()) {
                break;
            }
        }
        Ok(parts)
    }

    async fn part(&mut self, partition: u32, kept: &Offsets, rows_max: usize) -> Result<Vec<Part>, Problem> {
        let at = partition as usize;
        let mut parts = Vec::new();
        if self.cursor.next[at] < kept.start {
            let part = self.archived(partition, kept.start, rows_max).await?;
            self.cursor.next[at] = match part.as_ref().and_then(|part| part.offsets.last()) {
                Some(last) if part.as_ref().is_some_and(|part| part.offsets.len() == rows_max) => last + 1,
                // The log gave up what is before its start only when the archive had it.
                _ => kept.start,
            };
            parts.extend(part);
        }
        let left = rows_max - parts.iter().map(|part| part.offsets.len()).sum::<usize>();
        if left > 0 && self.cursor.next[at] < kept.stable {
            let (log, stream) = (Arc::clone(&self.session.sources().log), Arc::clone(&self.stream));
            let (schema, from) = (Arc::clone(&self.schema), self.cursor.next[at]);
            let tail = Tail { log, stream, schema, partition, until: kept.stable };
            let found = blocking(move || tail.read(from, left)).await?;
            (self.cursor.next[at], self.stopped[at]) = (found.next, found.stopped);
            parts.extend(found.parts);
        }
        Ok(parts)
    }

    /// Rows that only the archive has.
    async fn archived(&self, partition: u32, until: i64, rows_max: usize) -> Result<Option<Part>, Problem> {
        let from = self.cursor.next[partition as usize];
        if !self.archived {
            let message = format!("partition {partition} begins at offset {until} now; {from} is gone");
            return Err(Problem::new(ErrorKind::Invalid, message).with_hint("begin again: from=earliest"));
        }
        let text = format!(
            "SELECT * FROM archive.{} WHERE {PARTITION} = {partition} AND {OFFSET} >= {from} \
             AND {OFFSET} < {until} ORDER BY {OFFSET} LIMIT {rows_max}",
            self.quoted()
        );
        let found = self.session.query(&text).await?;
        let schema = Arc::clone(&found.schema);
        let batches = found.collect().await?;
        let internal = |error: arrow::error::ArrowError| Problem::new(ErrorKind::Internal, error.to_string());
        let rows = arrow::compute::concat_batches(&schema, &batches).map_err(internal)?;
        let offsets = rows.column_by_name(OFFSET).and_then(|column| column.as_primitive_opt::<Int64Type>());
        let offsets = offsets.map(|offsets| offsets.values().to_vec());
        let offsets = offsets.ok_or_else(|| Problem::new(ErrorKind::Internal, "an archive has no offsets"))?;
        Ok((!offsets.is_empty()).then_some(Part { partition, offsets, rows }))
    }

    /// Where the log begins after a time, the archive may have rows of that time that the log has not.
    async fn look_into_archive(&mut self, time_us: i64, starts: &[i64]) -> Result<(), Problem> {
        for (partition, start) in starts.iter().enumerate() {
            if *start == 0 || self.cursor.next[partition] != *start {
                continue;
            }
            let text = format!(
                "SELECT min({OFFSET}) FROM archive.{} WHERE {PARTITION} = {partition} AND {OFFSET} < {start} \
                 AND {TIMESTAMP} >= to_timestamp_micros({time_us})",
                self.quoted()
            );
            let found = self.session.query(&text).await?.collect().await?;
            let first = found.first().filter(|rows| rows.num_rows() > 0);
            let first = first.and_then(|rows| rows.column(0).as_primitive_opt::<Int64Type>());
            if let Some(first) = first.filter(|first| first.is_valid(0)) {
                self.cursor.next[partition] = first.value(0);
            }
        }
        Ok(())
    }

    /// The stream's name as SQL has it.
    fn quoted(&self) -> String {
        format!("\"{}\"", self.stream.name.replace('"', "\"\""))
    }
}

/// A partition's log.
struct Tail {
    log: Arc<dyn Log>,
    stream: Arc<Stream>,
    schema: SchemaRef,
    partition: u32,
    /// Where committed rows end.
    until: i64,
}

#[derive(Default)]
struct Found {
    parts: Vec<Part>,
    next: i64,
    stopped: Option<String>,
}

impl Tail {
    fn read(&self, from: i64, rows_max: usize) -> Result<Found, Problem> {
        let mut reader = StreamReader::new(Arc::clone(&self.stream), None)?;
        let mut found = Found { next: from, ..Found::default() };
        let (mut rows, mut bytes) = (0, 0);
        while rows < rows_max && bytes < PAGE_BYTES && found.next < self.until && found.stopped.is_none() {
            let isolation = Isolation::Committed;
            let options =
                ReadOptions { isolation, bytes_max: CHUNK_BYTES, until: Some(self.until), ..ReadOptions::default() };
            let chunk = self.log.read(&self.stream.topic, self.partition, found.next, &options)?;
            if chunk.next <= found.next {
                break;
            }
            bytes += chunk.batches.iter().map(|batch| batch.len()).sum::<usize>();
            found.next = chunk.next;
            let mut decoded = reader.decode(&chunk)?;
            if let Some(failed) = decoded.failed {
                found.next = failed.offset;
                found.stopped = Some(format!("offset {} stops the stream: {}", failed.offset, failed.detail));
            }
            let keep = rows_max - rows;
            if decoded.offsets.len() > keep {
                (found.next, found.stopped) = (decoded.offsets[keep], None);
                decoded.rows = decoded.rows.slice(0, keep);
                decoded.offsets.truncate(keep);
                decoded.timestamps_us.truncate(keep);
            }
            rows += decoded.offsets.len();
            if !decoded.offsets.is_empty() {
                found.parts.push(self.part(&decoded.rows, decoded.offsets, decoded.timestamps_us)?);
            }
        }
        Ok(found)
    }

    fn part(&self, rows: &RecordBatch, offsets: Vec<i64>, timestamps_us: Vec<i64>) -> Result<Part, Problem> {
        let mut columns: Vec<ArrayRef> = rows.columns().to_vec();
        columns.push(Arc::new(Int32Array::from(vec![self.partition as i32; offsets.len()])));
        columns.push(Arc::new(Int64Array::from(offsets.clone())));
        columns.push(Arc::new(TimestampMicrosecondArray::from(timestamps_us).with_timezone(UTC)));
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), columns);
        let rows = rows.map_err(|error| Problem::new(ErrorKind::Internal, error.to_string()))?;
        Ok(Part { partition: self.partition, offsets, rows })
    }
}

/// A stream's columns, then those that say where a row lies.
fn with_place(stream: &Stream) -> SchemaRef {
    let hidden = [(PARTITION, DataType::Int32), (OFFSET, DataType::Int64), (TIMESTAMP, timestamp_type())];
    let hidden = hidden.map(|(name, data_type)| Arc::new(Field::new(name, data_type, false)));
    Arc::new(Schema::new(stream.schema.fields().iter().cloned().chain(hidden).collect::<Vec<_>>()))
}

fn offsets(log: &dyn Log, topic: &str, partitions: u32) -> Result<Vec<Offsets>, Problem> {
    (0..partitions).map(|partition| Ok(log.offsets(topic, partition)?)).collect()
}

/// The place, and where the log's partitions start.
fn begin(log: &dyn Log, stream: &Stream, from: &From, archived: bool) -> Result<(Cursor, Vec<i64>), Problem> {
    let topic = &stream.topic;
    let kept = offsets(log, topic, stream.partitions)?;
    let first = |kept: &Offsets| if archived { 0 } else { kept.start };
    let next = match from {
        From::Earliest => kept.iter().map(first).collect(),
        From::Latest => kept.iter().map(|kept| kept.stable).collect(),
        From::Last(count) => kept.iter().map(|kept| kept.stable.saturating_sub(*count).max(first(kept))).collect(),
        From::Time(time_us) => {
            let mut next = Vec::new();
            for (partition, kept) in (0..).zip(&kept) {
                // Times of the log are milliseconds.
                let found = log.offset_for_time(topic, partition, time_us.div_euclid(1000))?;
                next.push(found.map_or(kept.stable, |found| found.min(kept.stable)));
            }
            next
        }
        From::Place(text) => {
            let cursor = Cursor::parse(text, topic, kept.iter().map(first).collect())?;
            for (partition, (next, kept)) in cursor.next.iter().zip(&kept).enumerate() {
                if *next > kept.end {
                    let message = format!("partition {partition} ends at offset {}; {next} is past it", kept.end);
                    return Err(Problem::new(ErrorKind::Invalid, message).with_hint("to wait for rows, from=latest"));
                }
            }
            cursor.next
        }
    };
    Ok((Cursor::new(topic, next), kept.iter().map(|kept| kept.start).collect()))
}

/// The log blocks; async threads don't.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Problem> + Send + 'static) -> Result<T, Problem> {
    let stopped = |_| Problem::new(ErrorKind::Unavailable, "the node is stopping");
    tokio::task::spawn_blocking(work).await.map_err(stopped)?
}
