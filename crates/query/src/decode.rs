//! The one way in which a stream's log records become rows, for the engine, the archiver and queries alike.
//!
//! A record is accepted, or rejected with a reason, by its own content and append time and by the stream's
//! definition alone: never by which columns a reader asked for, nor by what other records there are. The one
//! exception is a row that violates an `ON VIOLATION FAIL` rule, which hides what follows it in its partition.

#[cfg(test)]
mod tests;
mod text;

use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{filter, filter_record_batch};
use arrow::datatypes::{Schema, SchemaRef, TimestampMicrosecondType};
use headwater_format::{Decoder, decoder};
use headwater_log::Chunk;

use crate::relation::Stream;
use crate::rule::{RuleSet, Verdict};
use crate::{Error, Result};

/// Reads chunks of one stream's partitions, any of them in any order: nothing is kept from chunk to chunk.
pub struct StreamReader {
    stream: Arc<Stream>,
    decoder: Box<dyn Decoder>,
    /// What the decoder makes: the projection, then what rules and watermark need beside it.
    decoded: SchemaRef,
    /// The columns of `decoded` that go out.
    projected: usize,
    output: SchemaRef,
    rules: RuleSet,
    /// The event time's column in `decoded`.
    event_time: Option<usize>,
}

/// What a chunk came to. `rows`, `offsets`, `timestamps_us` and `event_times` run in parallel, in offset order.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// Accepted rows, the projected columns in the projection's order.
    pub rows: RecordBatch,
    pub offsets: Vec<i64>,
    /// Append times, microseconds UTC.
    pub timestamps_us: Vec<i64>,
    /// Microseconds UTC, when the stream has a watermark.
    pub event_times: Option<Vec<i64>>,
    /// Dead letters, in offset order.
    pub rejected: Vec<Rejected>,
    /// Index of a rule and how many kept rows violated it.
    pub warned: Vec<(usize, u64)>,
    /// Index of a rule and how many rows it dropped.
    pub dropped: Vec<(usize, u64)>,
    /// `ON VIOLATION FAIL`: reading stops before this offset, and nothing at or past it is in the other fields.
    pub failed: Option<Rejected>,
}

/// A record that is not a row, with why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    pub offset: i64,
    /// Append time, microseconds UTC.
    pub timestamp_us: i64,
    pub reason: Reason,
    /// The rule's name, for [`Reason::Violation`] and [`Reason::Failed`].
    pub rule: Option<String>,
    pub column: Option<String>,
    pub detail: String,
    /// The record as it came, as text: bytes that are not UTF-8 are replaced, and what is past 64 KiB is cut with a
    /// note.
    pub record: String,
}

/// Why a record is a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    Undecodable,
    NullEventTime,
    /// The event time lies further ahead of the append time than `max_future` allows.
    Future,
    Violation,
    /// An expression could not be evaluated on this row.
    Failed,
}

impl Reason {
    /// As dead letters show it. Stored; never changes.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Undecodable => "undecodable",
            Reason::NullEventTime => "null event time",
            Reason::Future => "future",
            Reason::Violation => "violation",
            Reason::Failed => "failed",
        }
    }
}

impl StreamReader {
    /// A reader of some columns, by index and in that order; of all where nothing is said.
    pub fn new(stream: Arc<Stream>, projection: Option<&[usize]>) -> Result<StreamReader> {
        let all: Vec<usize> = (0..stream.schema.fields().len()).collect();
        let projection = projection.unwrap_or(&all);
        let mut wanted = projection.to_vec();
        let needed = stream.rules.columns().into_iter().chain(stream.watermark.map(|watermark| watermark.column));
        for column in needed {
            if !wanted.contains(&column) {
                wanted.push(column);
            }
        }
        let broken = |error: headwater_format::Error| Error::Format {
            stream: stream.name.clone(),
            kind: error.kind(),
            message: error.to_string(),
        };
        let decoder = decoder(stream.format, Arc::clone(&stream.schema), Some(&wanted)).map_err(broken)?;
        let decoded = projected(&stream.schema, &wanted)?;
        let rules = match stream.rules.is_empty() {
            true => RuleSet::default(),
            false => RuleSet::compile(stream.rules.rules().to_vec(), &decoded)?,
        };
        let event_time = stream.watermark.and_then(|watermark| wanted.iter().position(|at| *at == watermark.column));
        let output = projected(&stream.schema, projection)?;
        Ok(StreamReader { decoder, decoded, projected: projection.len(), output, rules, event_time, stream })
    }

    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// The schema of [`Decoded::rows`].
    pub fn schema(&self) -> &SchemaRef {
        &self.output
    }

    /// Decodes and judges the records of a chunk.
    pub fn decode(&mut self, chunk: &Chunk) -> Result<Decoded> {
        let mut found = self.read(chunk)?;
        let mut fates = self.judge_times(&found)?;
        let judged = match &fates.keep {
            Some(keep) => filter_record_batch(&found.batch, keep).map_err(internal)?,
            None => found.batch.clone(),
        };
        if !self.rules.is_empty() {
            self.judge_rules(&judged, &mut fates)?;
        }
        let stop = fates.failed.as_ref().map(|failed| found.offsets[failed.row]);
        for fate in std::mem::take(&mut fates.rejected) {
            found.rejected.push(self.reject(&found, fate));
        }
        let failed = fates.failed.take().map(|fate| self.reject(&found, fate));
        if let Some(stop) = stop {
            found.rejected.retain(|rejected| rejected.offset < stop);
        }
        found.rejected.sort_by_key(|rejected| rejected.offset);
        let mut decoded = self.finish(found, fates)?;
        decoded.failed = failed;
        text::attach(chunk, decoded.rejected.iter_mut().chain(decoded.failed.as_mut()))?;
        Ok(decoded)
    }

    fn read(&mut self, chunk: &Chunk) -> Result<Found> {
        let (mut offsets, mut timestamps_us, mut rejected) = (Vec::new(), Vec::new(), Vec::new());
        for record in chunk.records() {
            let record = record?;
            let timestamp_us = record.timestamp_ms.saturating_mul(1000);
            let pushed = match record.value {
                Some(value) => self.decoder.push(value).map_err(|error| (error.column.clone(), error.to_string())),
                None => Err((None, "the record has no value".to_owned())),
            };
            match pushed {
                Ok(()) => {
                    offsets.push(record.offset);
                    timestamps_us.push(timestamp_us);
                }
                Err((column, detail)) => rejected.push(Rejected {
                    offset: record.offset,
                    timestamp_us,
                    reason: Reason::Undecodable,
                    rule: None,
                    column,
                    detail,
                    record: String::new(),
                }),
            }
        }
        let batch = self.decoder.finish();
        if batch.num_rows() != offsets.len() || batch.num_columns() != self.decoded.fields().len() {
            return Err(Error::Internal(format!("{} records became {} rows", offsets.len(), batch.num_rows())));
        }
        Ok(Found { batch, offsets, timestamps_us, rejected })
    }

    /// Refuses rows without an event time, and those from the future.
    fn judge_times(&self, found: &Found) -> Result<Fates> {
        let mut fates = Fates::default();
        let Some(column) = self.event_time else { return Ok(fates) };
        let times = found.batch.column(column).as_primitive_opt::<TimestampMicrosecondType>();
        let times = times.ok_or_else(|| Error::Internal("an event time is not a TIMESTAMP".to_owned()))?;
        let limit_us = self.stream.max_future_us;
        let is_future = |row: usize| {
            let limit = limit_us.map_or(i64::MAX, |limit_us| found.timestamps_us[row].saturating_add(limit_us));
            times.value(row) > limit
        };
        let any_future = limit_us.is_some() && (0..times.len()).any(is_future);
        if times.null_count() == 0 && !any_future {
            return Ok(fates);
        }
        let keep = BooleanBuffer::collect_bool(times.len(), |row| {
            let reason = match times.is_null(row) {
                true => Reason::NullEventTime,
                false if is_future(row) => Reason::Future,
                false => return true,
            };
            fates.rejected.push(Fate { row, reason, verdict: None });
            false
        });
        fates.rows = Some(keep.set_indices().collect());
        fates.keep = Some(BooleanArray::new(keep, None));
        Ok(fates)
    }

    /// Applies the rules to the rows that are left, and says all in terms of the rows that were decoded.
    fn judge_rules(&self, judged: &RecordBatch, fates: &mut Fates) -> Result<()> {
        let verdicts = self.rules.evaluate(judged)?;
        let original = |row: usize| fates.rows.as_ref().map_or(row, |rows| rows[row]);
        let fate = |verdict: Verdict| {
            let reason = if verdict.error.is_some() { Reason::Failed } else { Reason::Violation };
            Fate { row: original(verdict.row), reason, verdict: Some(verdict) }
        };
        let rejected: Vec<Fate> = verdicts.rejected.into_iter().map(fate).collect();
        let failed = verdicts.failed.map(fate);
        fates.rejected.extend(rejected);
        fates.failed = failed;
        (fates.warned, fates.dropped) = (verdicts.warned, verdicts.dropped);
        if let Some(keep) = verdicts.keep {
            fates.keep = Some(match &fates.rows {
                None => keep,
                Some(rows) => {
                    let mut whole = vec![false; fates.keep.as_ref().map_or(0, |keep| keep.len())];
                    for (row, original) in rows.iter().enumerate() {
                        whole[*original] = keep.value(row);
                    }
                    BooleanArray::from(whole)
                }
            });
        }
        Ok(())
    }

    fn reject(&self, found: &Found, fate: Fate) -> Rejected {
        let column = self.event_time.map(|column| self.decoded.field(column).name().clone());
        let (rule, column, detail) = match (&fate.reason, &fate.verdict) {
            (Reason::Future, _) => (None, column, self.future(found, fate.row)),
            (_, None) => (None, column, "the event time is NULL".to_owned()),
            (_, Some(verdict)) => {
                let rule = &self.rules.rules()[verdict.rule];
                let detail = match &verdict.error {
                    Some(error) => format!("{} cannot be evaluated: {error}", rule.text),
                    None => format!("{} is false", rule.text),
                };
                (Some(rule.name.clone()), None, detail)
            }
        };
        Rejected {
            offset: found.offsets[fate.row],
            timestamp_us: found.timestamps_us[fate.row],
            reason: fate.reason,
            rule,
            column,
            detail,
            record: String::new(),
        }
    }

    fn future(&self, found: &Found, row: usize) -> String {
        let ahead_us = self.event_time.and_then(|column| {
            let times = found.batch.column(column).as_primitive_opt::<TimestampMicrosecondType>()?;
            Some(times.value(row).saturating_sub(found.timestamps_us[row]))
        });
        format!("the event time is {} s ahead of the append time", ahead_us.unwrap_or(0) / 1_000_000)
    }

    fn finish(&self, found: Found, fates: Fates) -> Result<Decoded> {
        let Found { batch, mut offsets, mut timestamps_us, rejected } = found;
        let count = fates.keep.as_ref().map_or(batch.num_rows(), BooleanArray::true_count);
        let columns = match &fates.keep {
            None => batch.columns().to_vec(),
            Some(keep) => {
                offsets = kept(&offsets, keep);
                timestamps_us = kept(&timestamps_us, keep);
                let wanted = self.projected.max(self.event_time.map_or(0, |column| column + 1));
                let filtered = batch.columns()[..wanted].iter().map(|column| filter(column, keep));
                filtered.collect::<Result<Vec<_>, _>>().map_err(internal)?
            }
        };
        let times = |column: usize| columns[column].as_primitive::<TimestampMicrosecondType>().values().to_vec();
        let event_times = self.event_time.map(times);
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let columns = columns.into_iter().take(self.projected).collect();
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.output), columns, &options).map_err(internal)?;
        Ok(Decoded {
            rows,
            offsets,
            timestamps_us,
            event_times,
            rejected,
            warned: fates.warned,
            dropped: fates.dropped,
            failed: None,
        })
    }
}

/// What the decoder made of a chunk.
struct Found {
    batch: RecordBatch,
    offsets: Vec<i64>,
    timestamps_us: Vec<i64>,
    rejected: Vec<Rejected>,
}

/// What becomes of the decoded rows.
#[derive(Default)]
struct Fates {
    /// Rows that stay; `None` for all.
    keep: Option<BooleanArray>,
    /// The decoded rows that the rules saw; `None` for all.
    rows: Option<Vec<usize>>,
    rejected: Vec<Fate>,
    failed: Option<Fate>,
    warned: Vec<(usize, u64)>,
    dropped: Vec<(usize, u64)>,
}

struct Fate {
    row: usize,
    reason: Reason,
    verdict: Option<Verdict>,
}

fn kept(values: &[i64], keep: &BooleanArray) -> Vec<i64> {
    keep.values().set_indices().map(|row| values[row]).collect()
}

fn projected(schema: &SchemaRef, columns: &[usize]) -> Result<SchemaRef> {
    let projected: Schema = schema.project(columns).map_err(internal)?;
    Ok(Arc::new(projected))
}

fn internal(error: arrow::error::ArrowError) -> Error {
    Error::Internal(error.to_string())
}
