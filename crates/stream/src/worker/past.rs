//! Rows that a stream's archive holds, read as if they came from the log: the beginning of a replay.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, SchemaRef, TimestampMicrosecondType};
use headwater_lake::{OFFSET, Replay, Snapshot, TIMESTAMP};
use headwater_query::decode::Decoded;
use headwater_query::relation::Stream;
use tokio::runtime::Runtime;

use crate::sink::archive::Board;
use crate::{Error, Result};

/// Reads the archive of one stream, at newer versions of it as it comes to their rows.
pub struct Past {
    runtime: Arc<Runtime>,
    board: Board,
    snapshot: Snapshot,
    open: HashMap<u32, Open>,
}

struct Open {
    next: i64,
    replay: Replay,
    /// Rows that were read and not asked for yet.
    left: Option<RecordBatch>,
}

impl Past {
    /// `None` for a stream that has no archive on the board.
    pub fn new(runtime: Arc<Runtime>, board: &Board, stream: &Stream) -> Option<Past> {
        let snapshot = board.get(&stream.name)?.snapshot;
        Some(Past { runtime, board: board.clone(), snapshot, open: HashMap::new() })
    }

    /// Looks whether more is archived by now; false where all is known already.
    pub fn refresh(&mut self, stream: &Stream) -> bool {
        let Some(shown) = self.board.get(&stream.name) else { return false };
        let newer = shown.snapshot.version() > self.snapshot.version();
        if newer {
            self.snapshot = shown.snapshot;
            self.open.clear();
        }
        newer
    }

    /// Some rows of a partition from an offset on, and where to read on; `None` where the log must be asked.
    pub fn read(&mut self, stream: &Stream, partition: u32, from: i64, until: i64) -> Result<Option<(Decoded, i64)>> {
        let end = self.snapshot.next_offset(partition);
        if from >= end {
            return Ok(None);
        }
        let open = match self.open.remove(&partition) {
            Some(open) if open.next == from => open,
            _ => Open { next: from, replay: self.snapshot.replay(partition, from), left: None },
        };
        let Open { mut replay, left, .. } = open;
        let rows = match left {
            Some(rows) => Some(rows),
            None => self.runtime.block_on(replay.next())?,
        };
        let Some(rows) = rows else {
            return Ok(Some((decoded(stream, &RecordBatch::new_empty(self.snapshot.schema()))?, end.min(until))));
        };
        let offsets = longs(&rows, OFFSET)?;
        let taken = offsets.partition_point(|offset| *offset < until);
        let left = (taken < rows.num_rows()).then(|| rows.slice(taken, rows.num_rows() - taken));
        let next = match (&left, taken) {
            (Some(_), _) => until,
            (None, 0) => from,
            (None, _) => offsets[taken - 1] + 1,
        };
        self.open.insert(partition, Open { next, replay, left });
        Ok(Some((decoded(stream, &rows.slice(0, taken))?, next)))
    }
}

/// Archived rows were accepted when they came: there is nothing left to reject.
fn decoded(stream: &Stream, archived: &RecordBatch) -> Result<Decoded> {
    let columns = stream.schema.fields().iter().map(|field| {
        let column = archived.column_by_name(field.name());
        let column = column.ok_or_else(|| missing(field.name()))?;
        if column.data_type() == field.data_type() {
            return Ok(Arc::clone(column));
        }
        Ok(arrow::compute::cast(column, field.data_type())?)
    });
    let rows = crate::batch::assemble(
        &SchemaRef::clone(&stream.schema),
        columns.collect::<Result<Vec<_>>>()?,
        archived.num_rows(),
    )?;
    let event_times = stream.watermark.map(|watermark| {
        let times = rows.column(watermark.column).as_primitive_opt::<TimestampMicrosecondType>();
        Ok::<_, Error>(times.ok_or_else(|| missing("event time"))?.values().to_vec())
    });
    Ok(Decoded {
        offsets: longs(archived, OFFSET)?,
        timestamps_us: longs(archived, TIMESTAMP)?,
        event_times: event_times.transpose()?,
        rows,
        rejected: Vec::new(),
        warned: Vec::new(),
        dropped: Vec::new(),
        failed: None,
    })
}

/// A column of whole numbers, or of times in microseconds.
fn longs(rows: &RecordBatch, name: &str) -> Result<Vec<i64>> {
    let column = rows.column_by_name(name).ok_or_else(|| missing(name))?;
    let column = arrow::compute::cast(column, &DataType::Int64)?;
    Ok(column.as_primitive::<Int64Type>().values().to_vec())
}

fn missing(column: &str) -> Error {
    Error::corrupt(format!("the archive has no column {column}"))
}
