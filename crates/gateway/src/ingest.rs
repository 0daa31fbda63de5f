//! The way in which doors append rows to declared streams: checked against the schema, put in their partitions, and
//! answered when they are on stable storage.
//!
//! Rows are one append a partition and no transaction: a crash in the middle may leave the rows of some partitions, and
//! their sender has then not been answered. A request with a key of its own is one transaction: see [`keys`].

mod batch;
pub mod keys;
pub mod lanes;
pub mod load;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use headwater_base::ErrorKind;
use headwater_format::{Encoded, Format, RowError};
use headwater_log::{Batch, Log, Ticket};
use headwater_query::relation::{Origin, Relation, Relations, Stream};

use crate::{Problem, Reason};

/// What becomes of a request in which some rows are broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// Nothing is appended.
    #[default]
    Refuse,
    /// The good rows are appended, the broken ones reported.
    Skip,
    /// All are appended as they are; the broken ones become dead letters.
    Quarantine,
}

impl FromStr for OnError {
    type Err = String;

    fn from_str(name: &str) -> Result<OnError, String> {
        match name {
            "refuse" => Ok(OnError::Refuse),
            "skip" => Ok(OnError::Skip),
            "quarantine" => Ok(OnError::Quarantine),
            _ => Err(format!("on_error is refuse, skip or quarantine, not '{name}'")),
        }
    }
}

/// A row that is not one of its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// Its place among the rows that were sent, from 0.
    pub row: usize,
    pub error: RowError,
}

/// Rows that passed, ready to be appended.
#[derive(Debug)]
pub struct Checked {
    stream: Arc<Stream>,
    rows: Encoded,
    pub bad: Vec<Bad>,
}

/// What is on stable storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    pub rows: usize,
    /// By partition. Rows of others may stand between.
    pub offsets: Vec<(u32, Range<i64>)>,
}

/// Whether statements may write a relation's rows.
pub fn is_writable(relation: &Relation) -> bool {
    !matches!(relation, Relation::Table(table) if table.is_refreshed())
}

/// The stream of a name, if rows may be appended to it.
pub fn target(relations: &Relations, name: &str) -> Result<Option<Arc<Stream>>, Problem> {
    let refuse = |message: String, hint: &str| {
        Err(Problem::new(ErrorKind::Invalid, message).with_reason(Reason::WrongKind).with_hint(hint))
    };
    match relations.get(name) {
        None => Ok(None),
        Some(Relation::Table(table)) if table.is_refreshed() => {
            refuse(format!("{name} is a view; its rows come from its query"), "write to what the view reads")
        }
        Some(Relation::Table(_)) => refuse(format!("{name} is a table, and no stream"), "write INSERT INTO"),
        Some(Relation::View(_) | Relation::PlainView(_)) => {
            refuse(format!("{name} is a view; its rows come from its query"), "append to a stream that it reads")
        }
        Some(Relation::Stream(stream)) => match &stream.origin {
            Origin::Declared => Ok(Some(stream)),
            Origin::Derived { view } => refuse(
                format!("{name} is a derived stream; its rows come from view {view}"),
                "append to a stream that the view reads",
            ),
        },
    }
}

/// Checks JSON records, each one row. With [`OnError::Refuse`] all are looked at, so that all errors are known.
pub fn check(stream: &Arc<Stream>, records: &[&[u8]], on_error: OnError) -> Result<Checked, Problem> {
    if on_error == OnError::Quarantine && stream.format != Format::Json {
        let message = format!("{} holds {}, which a broken JSON row can't be kept in", stream.name, stream.format);
        return Err(
            Problem::new(ErrorKind::Invalid, message).with_hint("use on_error=skip, or a stream of FORMAT JSON")
        );
    }
    let mut decoder = headwater_format::decoder(Format::Json, Arc::clone(&stream.schema), None).map_err(internal)?;
    let (mut rows, mut bad) = (Encoded::default(), Vec::new());
    for (row, record) in records.iter().enumerate() {
        let pushed = decoder.push(record);
        let keep = pushed.is_ok() || on_error == OnError::Quarantine;
        if let Err(error) = pushed {
            bad.push(Bad { row, error });
        }
        if keep && stream.format == Format::Json {
            rows.bytes.extend_from_slice(record);
            rows.ends.push(rows.bytes.len());
        }
    }
    if stream.format != Format::Json {
        encode(stream, &decoder.finish(), &mut rows)?;
    }
    Ok(Checked { stream: Arc::clone(stream), rows, bad })
}

/// Takes rows that are decoded already; they have the stream's columns.
pub fn encoded(stream: &Arc<Stream>, batch: &RecordBatch) -> Result<Checked, Problem> {
    let mut rows = Encoded::default();
    encode(stream, batch, &mut rows)?;
    Ok(Checked { stream: Arc::clone(stream), rows, bad: Vec::new() })
}

fn encode(stream: &Stream, batch: &RecordBatch, rows: &mut Encoded) -> Result<(), Problem> {
    let mut encoder = headwater_format::encoder(stream.format, Arc::clone(&stream.schema)).map_err(internal)?;
    encoder.encode(batch, rows).map_err(internal)
}

fn internal(error: headwater_format::Error) -> Problem {
    Problem::new(error.kind(), error.to_string())
}

impl Checked {
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// As batches for partitions. Rows without a key go to one partition, `sticky` modulo their number.
    pub fn batches(&self, now_ms: i64, sticky: usize) -> Result<Vec<(u32, Batch)>, Problem> {
        batch::partitioned(&self.stream, &self.rows, now_ms, sticky)
    }

    /// Appends, with a ticket for each batch that becomes durable.
    pub fn start(&self, log: &dyn Log, now_ms: i64, sticky: usize) -> Result<Vec<(u32, Ticket)>, Problem> {
        let append = |(partition, batch)| Ok((partition, log.append(&self.stream.topic, partition, batch)?));
        self.batches(now_ms, sticky)?.into_iter().map(append).collect()
    }

    /// Appends, and returns when all is on stable storage. Blocks; concurrent callers share syncs.
    pub fn append(&self, log: &dyn Log, now_ms: i64, sticky: usize) -> Result<Appended, Problem> {
        let mut offsets = Vec::new();
        for (partition, ticket) in self.start(log, now_ms, sticky)? {
            extend(&mut offsets, partition, ticket.wait()?);
        }
        offsets.sort_unstable_by_key(|(partition, _)| *partition);
        Ok(Appended { rows: self.rows.len(), offsets })
    }
}

/// Adds what one batch got to what its partition got before.
pub fn extend(offsets: &mut Vec<(u32, Range<i64>)>, partition: u32, range: Range<i64>) {
    match offsets.iter_mut().find(|(known, _)| *known == partition) {
        Some((_, known)) => known.end = range.end,
        None => offsets.push((partition, range)),
    }
}
