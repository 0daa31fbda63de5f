//! Markers: control batches that end a producer's transaction in a partition, as a Kafka broker writes them.

use super::{Batch, Builder, Producer, header};

/// What a marker says. Source: Kafka's `ControlRecordType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    Abort,
    Commit,
}

/// Builds a marker: one record whose key is `version i16 = 0, type i16` and whose value is `version i16 = 0,
/// coordinator epoch i32 = 0`.
pub fn build(marker: Marker, producer: Producer, timestamp_ms: i64) -> Batch {
    let kind = match marker {
        Marker::Abort => 0,
        Marker::Commit => 1,
    };
    let mut builder = Builder::with_capacity(128);
    builder.push(Some(&[0, 0, 0, kind]), Some(&[0; 6]), timestamp_ms);
    let mut batch = builder.build();
    header::make_control(&mut batch.bytes);
    batch.stamp(producer, -1);
    batch
}

/// What the marker in a control batch says; `None` for control records that are not markers.
pub fn read(batch: &[u8]) -> Option<Marker> {
    let record = super::records(batch).next()?.ok()?;
    match record.key? {
        [_, _, 0, 0] => Some(Marker::Abort),
        [_, _, 0, 1] => Some(Marker::Commit),
        _ => None,
    }
}
