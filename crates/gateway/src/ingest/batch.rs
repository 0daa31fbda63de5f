//! Records to batches: each in the partition that its key names.

use std::sync::Arc;

use headwater_format::{Encoded, KeyReader};
use headwater_log::{Batch, Builder};
use headwater_query::relation::Stream;

use super::internal;
use crate::Problem;

/// A batch is closed at this size.
const BATCH_BYTES: usize = 512 << 10;

/// Batches with their partitions; those of one partition are in the order of the records.
pub fn partitioned(stream: &Stream, rows: &Encoded, now_ms: i64, sticky: usize) -> Result<Vec<(u32, Batch)>, Problem> {
    let mut keys = match stream.partition_key.as_slice() {
        [] => None,
        columns => Some(KeyReader::new(stream.format, Arc::clone(&stream.schema), columns).map_err(internal)?),
    };
    let mut builders: Vec<Builder> = (0..stream.partitions).map(|_| Builder::new()).collect();
    let sticky = sticky % builders.len().max(1);
    let (mut key, mut batches) = (Vec::new(), Vec::new());
    for record in rows.records() {
        let keyed = keys.as_mut().is_some_and(|keys| keys.key(record, &mut key));
        let partition = match keyed {
            true => headwater_log::partition_for(&key, stream.partitions) as usize,
            false => sticky,
        };
        let builder = &mut builders[partition];
        builder.push(keyed.then_some(key.as_slice()), Some(record), now_ms);
        if builder.bytes() >= BATCH_BYTES {
            batches.push((partition as u32, builder.build()));
        }
    }
    for (partition, builder) in builders.iter_mut().enumerate() {
        if !builder.is_empty() {
            batches.push((partition as u32, builder.build()));
        }
    }
    Ok(batches)
}
