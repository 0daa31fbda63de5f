//! The text of rejected records, fetched only once it is known which they are.

use std::iter::Peekable;

use headwater_log::Chunk;

use super::Rejected;
use crate::Result;

const RECORD_BYTES_MAX: usize = 64 << 10;

/// Fills in the records of rejected ones, which are in offset order.
pub fn attach<'a>(chunk: &Chunk, rejected: impl Iterator<Item = &'a mut Rejected>) -> Result<()> {
    let mut rejected: Peekable<_> = rejected.peekable();
    if rejected.peek().is_none() {
        return Ok(());
    }
    for record in chunk.records() {
        let record = record?;
        let Some(next) = rejected.peek() else { break };
        if next.offset == record.offset
            && let Some(found) = rejected.next()
        {
            found.record = shown(record.value.unwrap_or_default());
        }
    }
    Ok(())
}

/// Bytes as text, lossy, cut at 64 KiB with a note of how long it was.
pub fn shown(record: &[u8]) -> String {
    if record.len() <= RECORD_BYTES_MAX {
        return String::from_utf8_lossy(record).into_owned();
    }
    let mut cut = RECORD_BYTES_MAX;
    // Not inside of a character: a continuation byte begins with the bits 10.
    while cut > 0 && record[cut] & 0b1100_0000 == 0b1000_0000 {
        cut -= 1;
    }
    format!("{}… (cut; {} bytes in all)", String::from_utf8_lossy(&record[..cut]), record.len())
}
