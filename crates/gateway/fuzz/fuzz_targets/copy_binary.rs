//! Any bytes as the data of COPY in binary: rows, or an error, and the same in whatever portions the bytes come.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

#[path = "../../src/postgres/copy/binary.rs"]
mod binary;

use binary::Tuples;

/// Of the module that the decoder stands in.
const ROW_BYTES_MAX: usize = 16 << 20;
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

type Row = Vec<Option<Bytes>>;

/// All rows, with what was wrong at last.
fn decoded<'a>(portions: impl Iterator<Item = &'a [u8]>) -> (Vec<Row>, Option<&'static str>) {
    let (mut tuples, mut rows) = (Tuples::default(), Vec::new());
    for portion in portions.map(Some).chain([None]) {
        tuples.push(portion.unwrap_or_default());
        loop {
            match tuples.next(portion.is_none()) {
                Ok(Some(row)) => rows.push(row),
                Ok(None) => break,
                Err(wrong) => return (rows, Some(wrong)),
            }
        }
    }
    (rows, None)
}

fuzz_target!(|data: &[u8]| {
    let [choice, portion, data @ ..] = data else { return };
    // Few inputs would find the header by themselves.
    let header = if choice & 1 == 0 { [SIGNATURE, &[0; 8]].concat() } else { Vec::new() };
    let data = [&header, data].concat();
    let whole = decoded([&data[..]].into_iter());
    let portions = decoded(data.chunks(usize::from(*portion).max(1)));
    assert_eq!(whole, portions);
});
