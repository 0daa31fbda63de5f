//! Rows of COPY in binary form, out of bytes that come in any portions.
//!
//! Source: PostgreSQL 17 documentation, COPY, "Binary Format".

use bytes::{Buf, Bytes, BytesMut};

use super::{ROW_BYTES_MAX, SIGNATURE};

/// Marks rows with identifiers in them, as very old programs wrote.
const WITH_OIDS: u32 = 1 << 16;

#[derive(Debug, Default)]
pub struct Tuples {
    buffer: BytesMut,
    opened: bool,
    ended: bool,
}

impl Tuples {
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole row. `last`: no more bytes will come.
    pub fn next(&mut self, last: bool) -> Result<Option<Vec<Option<Bytes>>>, &'static str> {
        if self.ended {
            return if self.buffer.is_empty() { Ok(None) } else { Err("there is data after the end of the rows") };
        }
        if !self.opened && !self.open()? {
            return if last { Err("the header of the binary format is missing") } else { Ok(None) };
        }
        match row(&self.buffer)? {
            Some(Row::End) => {
                self.ended = true;
                self.buffer.advance(2);
                self.next(last)
            }
            Some(Row::Fields(length)) => {
                let mut row = self.buffer.split_to(length).freeze();
                let count = row.get_i16();
                let field = |_| usize::try_from(row.get_i32()).ok().map(|length| row.split_to(length));
                Ok(Some((0..count).map(field).collect()))
            }
            None if self.buffer.len() > ROW_BYTES_MAX => Err("the row is longer than 16 MiB"),
            None if last => Err("the data ends before the end of its rows"),
            None => Ok(None),
        }
    }

    /// Reads the header, if it is there.
    fn open(&mut self) -> Result<bool, &'static str> {
        const FIXED: usize = SIGNATURE.len() + 8;
        let seen = self.buffer.len().min(SIGNATURE.len());
        if self.buffer[..seen] != SIGNATURE[..seen] {
            return Err("this is not the binary format of COPY");
        }
        if self.buffer.len() < FIXED {
            return Ok(false);
        }
        let mut rest = &self.buffer[SIGNATURE.len()..];
        let (flags, extension) = (rest.get_u32(), rest.get_u32() as usize);
        if flags & WITH_OIDS != 0 || flags >> 16 != 0 {
            return Err("the header asks for what is not known here");
        }
        if extension > ROW_BYTES_MAX {
            return Err("the header is longer than 16 MiB");
        }
        if self.buffer.len() < FIXED + extension {
            return Ok(false);
        }
        self.buffer.advance(FIXED + extension);
        self.opened = true;
        Ok(true)
    }
}

enum Row {
    /// Of these bytes.
    Fields(usize),
    End,
}

/// What begins the bytes, once it is whole.
fn row(bytes: &[u8]) -> Result<Option<Row>, &'static str> {
    let int32 = |at: usize| bytes.get(at..at + 4).map(|four| i32::from_be_bytes([four[0], four[1], four[2], four[3]]));
    let Some(count) = bytes.get(..2).map(|two| i16::from_be_bytes([two[0], two[1]])) else { return Ok(None) };
    if count == -1 {
        return Ok(Some(Row::End));
    }
    let count = usize::try_from(count).map_err(|_| "a row has a negative number of columns")?;
    let mut at = 2;
    for _ in 0..count {
        let Some(length) = int32(at) else { return Ok(None) };
        if length < -1 {
            return Err("a value has a negative length");
        }
        at += 4 + usize::try_from(length).unwrap_or(0);
        if at > ROW_BYTES_MAX {
            return Err("the row is longer than 16 MiB");
        }
    }
    Ok((at <= bytes.len()).then_some(Row::Fields(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> Vec<u8> {
        let header = [SIGNATURE, &[0, 0, 0, 0, 0, 0, 0, 2, 9, 9]].concat();
        [&header[..], &[0, 2, 0, 0, 0, 1, 7, 255, 255, 255, 255], &[255, 255]].concat()
    }

    #[test]
    fn rows_are_whole_whatever_the_portions() {
        for portion in 1..data().len() {
            let (mut tuples, mut rows) = (Tuples::default(), Vec::new());
            for bytes in data().chunks(portion) {
                tuples.push(bytes);
                rows.extend(std::iter::from_fn(|| tuples.next(false).unwrap()));
            }
            assert_eq!(rows, [vec![Some(Bytes::from_static(&[7])), None]]);
            assert_eq!(tuples.next(true), Ok(None));
        }
    }

    #[test]
    fn what_is_not_the_format_is_refused() {
        let cut = data().len() - 1;
        let with_rest = [data(), vec![1]].concat();
        let cases: [(&[u8], &str); 5] = [
            (b"1\t2\n", "this is not the binary format of COPY"),
            (&data()[..cut], "the data ends before the end of its rows"),
            (&data()[..5], "the header of the binary format is missing"),
            (&with_rest, "there is data after the end of the rows"),
            (&[SIGNATURE, &[0, 1, 0, 0, 0, 0, 0, 0]].concat(), "the header asks for what is not known here"),
        ];
        for (bytes, expected) in cases {
            let mut tuples = Tuples::default();
            tuples.push(bytes);
            let found = std::iter::from_fn(|| tuples.next(true).transpose()).find_map(Result::err);
            assert_eq!(found, Some(expected), "{bytes:?}");
        }
    }
}
