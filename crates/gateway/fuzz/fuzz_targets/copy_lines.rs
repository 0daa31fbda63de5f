//! Any bytes as the data of COPY in text and CSV: lines and fields, or an error, and the same in whatever portions the
//! bytes come.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../src/postgres/copy/lines.rs"]
mod lines;

use lines::{Dialect, Fields, Lines};

/// Of the module that the decoder stands in.
const ROW_BYTES_MAX: usize = 16 << 20;

type Row = Vec<Option<Vec<u8>>>;

fn dialect(choice: u8) -> Dialect {
    let (delimiter, null) = (if choice & 2 == 0 { b',' } else { b'\t' }, if choice & 4 == 0 { "" } else { "\\N" });
    let null = null.as_bytes().to_vec();
    match choice & 1 {
        0 => Dialect::Text { delimiter, null },
        _ => Dialect::Csv { delimiter, null, quote: b'"', escape: if choice & 8 == 0 { b'"' } else { b'\\' } },
    }
}

/// All rows, with what was wrong at last.
fn decoded<'a>(choice: u8, portions: impl Iterator<Item = &'a [u8]>) -> (Vec<Row>, Option<&'static str>) {
    let (mut lines, mut rows, mut fields) = (Lines::new(dialect(choice)), Vec::new(), Fields::default());
    for portion in portions.map(Some).chain([None]) {
        lines.push(portion.unwrap_or_default());
        loop {
            let line = match lines.next(portion.is_none()) {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(wrong) => return (rows, Some(wrong)),
            };
            if let Err(wrong) = lines.fields(&line, &mut fields) {
                return (rows, Some(wrong));
            }
            let row: Row = fields.iter().map(|field| field.map(<[u8]>::to_vec)).collect();
            assert_eq!(row.len(), fields.len());
            assert!(!row.is_empty());
            rows.push(row);
        }
    }
    (rows, None)
}

fuzz_target!(|data: &[u8]| {
    let [choice, portion, data @ ..] = data else { return };
    let whole = decoded(*choice, [data].into_iter());
    let portions = decoded(*choice, data.chunks(usize::from(*portion).max(1)));
    assert_eq!(whole, portions);
});
