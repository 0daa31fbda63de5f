//! Where a reader of a stream is: the next offset of each partition, as a text that clients keep and send back.
//!
//! `9ae0daaf@0:12,1:5` is partition 0 from offset 12 on and partition 1 from 5 on, of the store whose name hashes to
//! the first part. A stream whose rows were made again has another store, in which old offsets mean nothing.

use std::fmt;

use headwater_base::ErrorKind;
use headwater_log::partitioner::murmur2;

use crate::Problem;

/// A place in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    store: u32,
    /// By partition.
    pub next: Vec<i64>,
}

impl Cursor {
    pub fn new(topic: &str, next: Vec<i64>) -> Cursor {
        Cursor { store: murmur2(topic.as_bytes()), next }
    }

    /// Reads a cursor of this topic. What stands before the `@` may be left out by people who count themselves.
    /// Partitions that are not named begin where `rest` says.
    pub fn parse(text: &str, topic: &str, rest: Vec<i64>) -> Result<Cursor, Problem> {
        let mut cursor = Cursor::new(topic, rest);
        let places = match text.split_once('@') {
            None => text,
            Some((store, places)) if store == format!("{:08x}", cursor.store) => places,
            Some(_) => {
                let message = format!("'{text}' is a place in rows that were replaced since, or in another stream");
                return Err(Problem::new(ErrorKind::Conflict, message).with_hint("begin again: from=earliest"));
            }
        };
        for place in places.split(',') {
            let read = place.split_once(':').and_then(|(partition, offset)| {
                Some((partition.parse::<usize>().ok()?, offset.parse::<i64>().ok().filter(|offset| *offset >= 0)?))
            });
            let partitions = cursor.next.len();
            match read {
                Some((partition, offset)) if partition < partitions => cursor.next[partition] = offset,
                Some((partition, _)) => {
                    let message = format!("there is no partition {partition}; the stream has {partitions}, from 0 on");
                    return Err(Problem::new(ErrorKind::Invalid, message));
                }
                None => {
                    let hint = "places are PARTITION:OFFSET with commas between, or the 'next' of an earlier answer";
                    let message = format!("'{place}' is no place in a stream");
                    return Err(Problem::new(ErrorKind::Invalid, message).with_hint(hint));
                }
            }
        }
        Ok(cursor)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}@", self.store)?;
        for (partition, next) in self.next.iter().enumerate() {
            write!(f, "{}{partition}:{next}", if partition == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back() {
        let cursor = Cursor::new("orders", vec![12, 5]);
        assert_eq!(Cursor::parse(&cursor.to_string(), "orders", vec![0, 0]).unwrap(), cursor);
        assert_eq!(Cursor::parse("1:5", "orders", vec![12, 0]).unwrap(), cursor);
    }

    #[test]
    fn what_is_no_place_is_refused() {
        let stale = Cursor::new("orders~1", vec![12, 5]).to_string();
        for (text, message) in [
            ("", "'' is no place in a stream"),
            ("0", "'0' is no place in a stream"),
            ("0:-1", "'0:-1' is no place in a stream"),
            ("2:0", "there is no partition 2; the stream has 2, from 0 on"),
            (stale.as_str(), "is a place in rows that were replaced since, or in another stream"),
        ] {
            let error = Cursor::parse(text, "orders", vec![0, 0]).unwrap_err();
            assert!(error.message.contains(message), "{text}: {error}");
        }
    }
}
