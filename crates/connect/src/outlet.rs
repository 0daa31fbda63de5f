//! Places that a stream's rows leave for.

pub mod files;
pub mod http;

pub use files::Files;
pub use http::Http;

use headwater_format::{Encoded, Format, encoder};
use headwater_stream::delivery::{Error, Range, Result};

/// Rows in a format, one record after the other without what stands between them.
fn encode(range: &Range, format: Format) -> Result<Encoded> {
    let failed = |error: headwater_format::Error| Error::new(error.kind(), error.to_string());
    let mut encoder = encoder(format, range.rows.schema()).map_err(failed)?;
    let mut records = Encoded::default();
    encoder.encode(&range.rows, &mut records).map_err(failed)?;
    Ok(records)
}

/// Each record on a line of its own.
fn lines(records: &Encoded, out: &mut Vec<u8>) {
    for record in records.records() {
        out.extend_from_slice(record);
        out.push(b'\n');
    }
}
