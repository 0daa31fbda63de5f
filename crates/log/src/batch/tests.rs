//! Tests of record batches: against bytes of others, by round trips, and with damaged bytes.

use bytes::Bytes;
use proptest::prelude::*;

use super::control::{self, Marker};
use super::{Batch, Builder, Producer, records, varint};

/// From kafka-python's `test_default_records.py`, captured from a broker: one record, value "123".
const FROM_A_BROKER: &str = "00000000000000000000003b00000001020318a2700000000000000000015dff7b063c0000015dff7b063c\
    ffffffffffffffffffffffffffff0000000112000000010631323300";

/// Put together by hand from the specification, with a bitwise CRC: three records, the second with a 70-byte value and
/// two headers, in a transaction of producer 4711, epoch 3.
const BY_HAND: &str = "00000000000000000000009effffffff02092879270010000000020000018bcfe568000000018bcfe5692c0000\
    000000001267000300000000000000031c000000066b65790a76616c756500a801000902018c01\
    78787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878\
    7878787878787878787878787878787878780402680231026e010e00d80404000100";

pub(super) fn unhex(text: &str) -> Bytes {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn reads_a_broker_s_batch() {
    let batch = Batch::from_bytes(unhex(FROM_A_BROKER)).unwrap();
    assert_eq!((batch.count(), batch.header().leader_epoch), (1, 1));
    let record = batch.records().next().unwrap().unwrap();
    assert_eq!((record.offset, record.timestamp_ms), (0, 1_503_229_838_908));
    assert_eq!((record.key, record.value), (None, Some(&b"123"[..])));
    let mut builder = Builder::new();
    builder.push(None, Some(b"123"), 1_503_229_838_908);
    let mut built = builder.build();
    built.place(0, 1);
    assert_eq!(built.as_bytes(), unhex(FROM_A_BROKER));
}

#[test]
fn writes_the_specified_bytes() {
    let start = 1_700_000_000_000;
    let mut builder = Builder::new();
    builder.push(Some(b"key"), Some(b"value"), start);
    builder.push_with_headers(None, Some(&[b'x'; 70]), start - 5, &[("h", Some(b"1")), ("n", None)]);
    builder.push(Some(b""), None, start + 300);
    assert_eq!(builder.len(), 3);
    let size = builder.bytes();
    let mut batch = builder.build();
    assert!(builder.is_empty());
    batch.stamp(Producer { id: 4711, epoch: 3 }, 0);
    assert_eq!(batch.as_bytes(), unhex(BY_HAND));
    assert_eq!(size, batch.as_bytes().len());
    let read: Vec<_> = batch.records().map(Result::unwrap).collect();
    assert_eq!(read[1].headers().map(Result::unwrap).collect::<Vec<_>>(), [(&b"h"[..], Some(&b"1"[..])), (b"n", None)]);
    assert_eq!((read[2].key, read[2].value, read[2].timestamp_ms), (Some(&b""[..]), None, start + 300));
}

#[test]
fn placing_keeps_the_crc() {
    let mut batch = Batch::from_bytes(unhex(BY_HAND)).unwrap();
    batch.place(77, 0);
    let placed = Batch::from_bytes(batch.into_bytes()).unwrap();
    assert_eq!(placed.records().map(|record| record.unwrap().offset).collect::<Vec<_>>(), [77, 78, 79]);
}

#[test]
fn refuses_what_is_not_one_whole_batch() {
    let good = unhex(BY_HAND);
    for position in 0..good.len() {
        let mut bad = good.to_vec();
        bad[position] ^= 1;
        // The base offset and the leader epoch are outside of the CRC.
        let outside = position < 8 || (12..16).contains(&position);
        assert_eq!(Batch::from_bytes(bad.into()).is_ok(), outside, "byte {position}");
        assert!(Batch::from_bytes(good.slice(..position)).is_err(), "{position} bytes");
    }
    let longer: Vec<u8> = good.iter().copied().chain([0]).collect();
    assert!(Batch::from_bytes(longer.into()).is_err());
    assert!(Batch::from_bytes(Builder::new().build().into_bytes()).is_err());
}

#[test]
fn refuses_records_that_are_not_as_compressed_as_the_header_says() {
    for codec in 1..=7 {
        let mut bytes = unhex(FROM_A_BROKER).to_vec();
        bytes[22] = codec;
        let crc = crc32c::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
        assert!(Batch::from_bytes(bytes.into()).is_err(), "codec {codec}");
    }
}

#[test]
fn markers_say_what_they_mean() {
    let producer = Producer { id: 9, epoch: 1 };
    for marker in [Marker::Abort, Marker::Commit] {
        let batch = control::build(marker, producer, 1);
        let header = Batch::from_bytes(batch.clone().into_bytes()).unwrap().header();
        assert!(header.is_control() && header.is_transactional() && header.producer == producer);
        assert_eq!(control::read(batch.as_bytes()), Some(marker));
    }
}

type Row = (Option<Vec<u8>>, Option<Vec<u8>>, i64, Vec<(String, Option<Vec<u8>>)>);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let bytes = || proptest::option::of(proptest::collection::vec(any::<u8>(), 0..200));
    let headers = proptest::collection::vec(("[a-z]{0,5}", bytes()), 0..3);
    proptest::collection::vec((bytes(), bytes(), any::<i64>(), headers), 1..40)
}

proptest! {
    #[test]
    fn records_come_back(rows in rows()) {
        let mut builder = Builder::new();
        for (key, value, time, headers) in &rows {
            let headers: Vec<_> = headers.iter().map(|(name, content)| (name.as_str(), content.as_deref())).collect();
            match headers.is_empty() {
                true => builder.push(key.as_deref(), value.as_deref(), *time),
                false => builder.push_with_headers(key.as_deref(), value.as_deref(), *time, &headers),
            }
        }
        let batch = Batch::from_bytes(builder.build().into_bytes()).unwrap();
        let read: Vec<Row> = batch.records().map(|record| {
            let record = record.unwrap();
            let headers = record.headers().map(|header| {
                let (name, content) = header.unwrap();
                (String::from_utf8(name.to_vec()).unwrap(), content.map(<[u8]>::to_vec))
            });
            (record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec), record.timestamp_ms, headers.collect())
        }).collect();
        prop_assert_eq!(batch.header().max_timestamp_ms, rows.iter().map(|row| row.2).max().unwrap());
        prop_assert_eq!(read, rows);
    }

    #[test]
    fn varints_come_back(value in any::<i64>(), shift in 0u32..64) {
        let value = value >> shift;
        let mut buffer = [0; varint::BYTES_MAX];
        let end = varint::put(&mut buffer, 0, value);
        prop_assert_eq!(end, varint::size(value));
        let mut at = 0;
        prop_assert_eq!(varint::get(&buffer[..end], &mut at), Some(value));
        prop_assert_eq!(at, end);
        prop_assert_eq!(varint::get(&buffer[..end - 1], &mut 0), None);
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300), sealed in any::<bool>()) {
        let mut bytes = bytes;
        if sealed && bytes.len() > 61 {
            let length = bytes.len() as i32 - 12;
            bytes[8..12].copy_from_slice(&length.to_be_bytes());
            bytes[16] = 2;
            let crc = crc32c::crc32c(&bytes[21..]);
            bytes[17..21].copy_from_slice(&crc.to_be_bytes());
        }
        for record in records(&bytes).flatten().take(1000) {
            let _ = record.headers().take(1000).count();
        }
        let _ = Batch::from_bytes(bytes.into());
    }
}
