//! The beginning of a dataflow: records of the log become batches of rows that know their place and time.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use arrow::datatypes::{Field, Schema, SchemaRef};
use headwater_log::{Isolation, Log, ReadOptions};
use headwater_query::decode::{Decoded, Reason, Rejected, StreamReader};
use headwater_query::relation::Stream;

use super::past::Past;
use crate::batch::{Batch, Origin, assemble};
use crate::letter::Letter;
use crate::operator::Violations;
use crate::{Error, Result};

/// Reads the partitions of one stream. It keeps nothing from tick to tick: what was read is the engine's to know.
pub struct InputReader {
    input: usize,
    stream: Arc<Stream>,
    log: Arc<dyn Log>,
    reader: StreamReader,
    /// Where only some columns are decoded: which, and the schema with the others null.
    partial: Option<(Vec<usize>, SchemaRef)>,
    /// Where rows are read that the log may not have any more.
    past: Option<Past>,
}

/// One partition to read in a tick.
#[derive(Debug, Clone, Copy)]
pub struct Read {
    pub input: usize,
    pub partition: u32,
    pub from: i64,
    pub bytes_max: usize,
    /// Rows at and past this offset are not read.
    pub until: Option<i64>,
    /// The partition's watermark before its next row, microseconds.
    pub watermark_us: i64,
}

/// What was read of a partition.
#[derive(Debug, Clone)]
pub struct Taken {
    pub input: usize,
    pub partition: u32,
    pub from: i64,
    /// Where to read on.
    pub next: i64,
    /// The partition's watermark now, microseconds.
    pub watermark_us: i64,
    pub bytes: u64,
    /// Rows that passed, with their offsets and append times (microseconds), for the archive.
    pub rows: RecordBatch,
    pub offsets: Arc<[i64]>,
    pub timestamps_us: Arc<[i64]>,
    pub violations: Violations,
    /// A row that stops the readers of the stream: nothing is read from it on.
    pub stopped: Option<String>,
}

impl InputReader {
    /// Decodes all columns of the stream.
    pub fn new(input: usize, stream: Arc<Stream>, log: Arc<dyn Log>) -> Result<InputReader> {
        let reader = StreamReader::new(Arc::clone(&stream), None)?;
        Ok(InputReader { input, stream, log, reader, partial: None, past: None })
    }

    /// Reads from an archive what it holds.
    pub fn set_past(&mut self, past: Past) {
        self.past = Some(past);
    }

    /// Decodes only some columns; the others are null in the batches. Which records are rows does not change.
    pub fn with_columns(mut self, columns: Vec<usize>) -> Result<InputReader> {
        self.reader = StreamReader::new(Arc::clone(&self.stream), Some(&columns))?;
        let fields: Vec<Field> = self
            .stream
            .schema
            .fields()
            .iter()
            .enumerate()
            .map(|(index, field)| {
                let nullable = field.is_nullable() || !columns.contains(&index);
                field.as_ref().clone().with_nullable(nullable)
            })
            .collect();
        self.partial = Some((columns, Arc::new(Schema::new(fields))));
        Ok(self)
    }

    /// Reads one partition from where it is told to.
    pub fn take(&mut self, read: &Read) -> Result<(Option<Batch>, Taken, Vec<Letter>)> {
        let (decoded, next, bytes) = self.read(read)?;
        let stopped = decoded.failed.as_ref().map(|failed| self.reason(read.partition, failed));
        let violations = self.violations(&decoded);
        let letters = decoded.rejected.iter().map(|rejected| self.letter(read.partition, rejected)).collect();
        let (watermarks, watermark_us) = self.watermarks(&decoded, read.watermark_us);
        let rows = self.complete(&decoded.rows)?;
        let offsets: Arc<[i64]> = decoded.offsets.into();
        let batch = (rows.num_rows() > 0).then(|| Batch {
            rows: rows.clone(),
            weights: None,
            origin: Some(Origin {
                input: self.input,
                partition: read.partition,
                offsets: offsets.to_vec().into(),
                watermarks: watermarks.into(),
            }),
        });
        let taken = Taken {
            input: self.input,
            partition: read.partition,
            from: read.from,
            next,
            watermark_us,
            bytes,
            rows,
            offsets,
            timestamps_us: decoded.timestamps_us.into(),
            violations,
            stopped,
        };
        Ok((batch, taken, letters))
    }

    /// Rows from where they are kept, where to read on, and how many bytes of the log that were.
    fn read(&mut self, read: &Read) -> Result<(Decoded, i64, u64)> {
        let until = read.until.unwrap_or(i64::MAX);
        let options = ReadOptions {
            isolation: Isolation::Committed,
            bytes_max: read.bytes_max,
            until: read.until,
            ..ReadOptions::default()
        };
        let (topic, partition) = (&self.stream.topic, read.partition);
        let chunk = loop {
            let Some(past) = &mut self.past else { break self.log.read(topic, partition, read.from, &options)? };
            if let Some((decoded, next)) = past.read(&self.stream, partition, read.from, until)? {
                return Ok((decoded, next, 0));
            }
            let chunk = self.log.read(topic, partition, read.from, &options)?;
            // Asked after the reading: what the log had forgotten by then is archived.
            if self.log.offsets(topic, partition)?.start <= read.from {
                break chunk;
            }
            if !past.refresh(&self.stream) {
                let message =
                    format!("stream {topic}: rows from offset {} on are neither in the log nor archived", read.from);
                return Err(Error::corrupt(message));
            }
        };
        let bytes = chunk.batches.iter().map(|batch| batch.len() as u64).sum();
        let decoded = self.reader.decode(&chunk)?;
        let next = decoded.failed.as_ref().map_or(chunk.next.min(until), |failed| failed.offset);
        Ok((decoded, next, bytes))
    }

    /// The watermark before each row, and the one after the last.
    fn watermarks(&self, decoded: &Decoded, before_us: i64) -> (Vec<i64>, i64) {
        let mut watermark_us = before_us;
        let (Some(times), Some(watermark)) = (&decoded.event_times, self.stream.watermark) else {
            return (vec![before_us; decoded.rows.num_rows()], watermark_us);
        };
        let before = times
            .iter()
            .map(|time| {
                let before = watermark_us;
                watermark_us = watermark_us.max(time.saturating_sub(watermark.delay_us));
                before
            })
            .collect();
        (before, watermark_us)
    }

    fn violations(&self, decoded: &Decoded) -> Violations {
        let rules = self.stream.rules.rules();
        let mut violations = Violations::new();
        for (rule, rows) in decoded.warned.iter().chain(&decoded.dropped) {
            *violations.entry(rules[*rule].name.clone()).or_default() += rows;
        }
        let quarantined = decoded.rejected.iter().filter(|rejected| rejected.reason == Reason::Violation);
        for rule in quarantined.chain(&decoded.failed).filter_map(|rejected| rejected.rule.as_ref()) {
            *violations.entry(rule.clone()).or_default() += 1;
        }
        violations
    }

    fn complete(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let Some((columns, schema)) = &self.partial else { return Ok(rows.clone()) };
        let all: Vec<ArrayRef> = schema
            .fields()
            .iter()
            .enumerate()
            .map(|(index, field)| match columns.iter().position(|column| *column == index) {
                Some(position) => Arc::clone(rows.column(position)),
                None => new_null_array(field.data_type(), rows.num_rows()),
            })
            .collect();
        Ok(assemble(schema, all, rows.num_rows())?)
    }

    fn letter(&self, partition: u32, rejected: &Rejected) -> Letter {
        Letter {
            relation: self.stream.name.clone(),
            reason: rejected.reason.as_str().to_owned(),
            rule: rejected.rule.clone(),
            column: rejected.column.clone(),
            detail: rejected.detail.clone(),
            stream: Some(self.stream.name.clone()),
            partition: Some(partition),
            offset: Some(rejected.offset),
            appended_us: Some(rejected.timestamp_us),
            record: rejected.record.clone(),
        }
    }

    fn reason(&self, partition: u32, failed: &Rejected) -> String {
        let rule = failed.rule.as_deref().unwrap_or("a rule");
        format!(
            "{rule} of {}, ON VIOLATION FAIL, stopped partition {partition} at offset {}: {}",
            self.stream.name, failed.offset, failed.detail
        )
    }
}
