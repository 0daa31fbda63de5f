//! Records that are compressed, in each way that Kafka's clients know. What is kept and what is sent on stays as it came;
//! this is what is in it.
//!
//! Snappy comes in blocks as snappy-java frames them, and without any frame (librdkafka's older versions).

use std::io::Read;

use bytes::{BufMut, Bytes, BytesMut};

use super::header::{self, Compression, HEADER_BYTES, Header};
use crate::{Error, Result};

/// Records of a batch that are larger than this when they are not compressed are refused: some bytes can stand for far more
/// than there is memory.
pub const INFLATED_BYTES_MAX: usize = 128 << 20;

/// What snappy-java writes before its blocks: a name, and two versions of which no other was ever there.
const SNAPPY_JAVA: &[u8] = b"\x82SNAPPY\0";
const SNAPPY_JAVA_BYTES: usize = 16;

type Inflated = std::result::Result<Vec<u8>, &'static str>;

/// The batch with its records as they are: the same bytes where they are not compressed.
///
/// # Errors
/// [`Error::InvalidBatch`] where they can't be read.
pub fn inflated(batch: Bytes) -> Result<Bytes> {
    let Some(header) = Header::parse(&batch).filter(|header| header.size() <= batch.len()) else {
        return Err(Error::InvalidBatch { reason: "there is no whole batch" });
    };
    let codec = header.compression()?;
    if codec == Compression::None {
        return Ok(batch);
    }
    let records = &batch[HEADER_BYTES..header.size()];
    let records = inflate(codec, records, INFLATED_BYTES_MAX).map_err(|reason| Error::InvalidBatch { reason })?;
    let mut bytes = BytesMut::with_capacity(HEADER_BYTES + records.len());
    bytes.put_slice(&batch[..HEADER_BYTES]);
    bytes.put_slice(&records);
    header::inflated(&mut bytes);
    Ok(bytes.freeze())
}

fn inflate(codec: Compression, records: &[u8], bytes_max: usize) -> Inflated {
    match codec {
        Compression::None => Ok(records.to_vec()),
        Compression::Gzip => all(flate2::read::MultiGzDecoder::new(records), bytes_max, "its gzip can't be read"),
        Compression::Snappy => snappy(records, bytes_max),
        Compression::Lz4 => all(lz4_flex::frame::FrameDecoder::new(records), bytes_max, "its LZ4 can't be read"),
        Compression::Zstd => {
            const REASON: &str = "its Zstandard can't be read";
            let reader = zstd::stream::read::Decoder::with_buffer(records).map_err(|_| REASON)?;
            all(reader, bytes_max, REASON)
        }
    }
}

const TOO_LARGE: &str = "its records are larger than 128 MiB when they are not compressed";

fn all(reader: impl Read, bytes_max: usize, reason: &'static str) -> Inflated {
    let mut found = Vec::new();
    reader.take(bytes_max as u64 + 1).read_to_end(&mut found).map_err(|_| reason)?;
    if found.len() > bytes_max { Err(TOO_LARGE) } else { Ok(found) }
}

fn snappy(records: &[u8], bytes_max: usize) -> Inflated {
    const REASON: &str = "its Snappy can't be read";
    let mut found = Vec::new();
    let mut block = |compressed: &[u8]| {
        let length = snap::raw::decompress_len(compressed).map_err(|_| REASON)?;
        let before = found.len();
        if length > bytes_max - before {
            return Err(TOO_LARGE);
        }
        found.resize(before + length, 0);
        snap::raw::Decoder::new().decompress(compressed, &mut found[before..]).map_err(|_| REASON)?;
        Ok(())
    };
    if !records.starts_with(SNAPPY_JAVA) {
        block(records)?;
        return Ok(found);
    }
    let mut left = records.get(SNAPPY_JAVA_BYTES..).ok_or(REASON)?;
    while let Some((length, rest)) = left.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        block(rest.get(..length).ok_or(REASON)?)?;
        left = &rest[length..];
    }
    if left.is_empty() { Ok(found) } else { Err(REASON) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::tests::unhex;
    use super::super::{Batch, records};
    use super::*;

    /// The same three records by kafka-python 3.0, and what compressed them.
    const BY_A_CLIENT: [(&str, Compression); 4] = [
        (
            "00000000000000000000007400000000024105c4510001000000020000018bcfe568000000018bcfe56802ffffffffffffffffffffffffffff\
             000000031f8b0800dce20e6b02ffb362606060ca5629c957484a55c82f52c8cb2f510073989832982a22189898187d3025751430c518f818\
             585898b21919003751f9d653000000",
            Compression::Gzip,
        ),
        (
            "00000000000000000000007f000000000241f4cf1d0002000000020000018bcfe568000000018bcfe56802ffffffffffffffffffffffffffff\
             0000000382534e415050590000000001000000010000003a534c3a000000026b24746f206265206f72206e6f7420050d2802026802785800\
             0202014c0510321d00002c092432140020000e000404026b0100",
            Compression::Snappy,
        ),
        (
            "000000000000000000000082000000000241b51d520003000000020000018bcfe568000000018bcfe56802ffffffffffffffffffffffffffff\
             0000000304224d1868405300000000000000d43a000000f1053a000000026b24746f206265206f72206e6f74200d00b1020268027858000202\
             014c1000091d00122c240009140090000e000404026b010000000000",
            Compression::Lz4,
        ),
        (
            "0000000000000000000000700000000002090269810004000000020000018bcfe568000000018bcfe56802ffffffffffffffffffffffffffff\
             0000000328b52ffd2053b50100a4023a000000026b24746f206265206f72206e6f7420020268027858000202014c2c20000e000404026b0100\
             0300373d0c947bd04e26",
            Compression::Zstd,
        ),
    ];

    #[test]
    fn what_clients_compress_is_read() {
        let long = b"to be or not to be, to be or not to be";
        for (hex, codec) in BY_A_CLIENT {
            let batch = Batch::from_bytes(unhex(hex)).unwrap();
            assert_eq!((batch.header().compression().unwrap(), batch.count()), (codec, 3));
            let mut stored = batch.into_bytes();
            assert!(records(&stored).next().unwrap().is_err(), "compressed records are no records");
            stored = inflated(stored).unwrap();
            let plain = Batch::from_bytes(stored.clone()).unwrap();
            assert_eq!(plain.header().compression().unwrap(), Compression::None);
            let read: Vec<_> = plain.records().map(Result::unwrap).collect();
            let told: Vec<_> = read.iter().map(|record| (record.offset, record.key, record.value)).collect();
            let key = Some(&b"k"[..]);
            assert_eq!(told, [(0, key, Some(&long[..18])), (1, None, Some(&long[..])), (2, key, None)], "{codec:?}");
            assert_eq!(read[0].headers().map(Result::unwrap).collect::<Vec<_>>(), [(&b"h"[..], Some(&b"x"[..]))]);
            assert_eq!(inflated(stored.clone()).unwrap(), stored);
        }
    }

    #[test]
    fn raw_snappy_is_read_and_damage_is_told() {
        let plain = b"some records, some records, some records".repeat(20);
        let raw = snap::raw::Encoder::new().compress_vec(&plain).unwrap();
        assert_eq!(snappy(&raw, 1 << 20).unwrap(), plain);
        let mut framed = [SNAPPY_JAVA, &[0, 0, 0, 1, 0, 0, 0, 1]].concat();
        for _ in 0..2 {
            framed.extend((raw.len() as u32).to_be_bytes());
            framed.extend(&raw);
        }
        assert_eq!(snappy(&framed, 1 << 20).unwrap(), [&plain[..], &plain].concat());
        for end in [framed.len() - 1, SNAPPY_JAVA_BYTES + 2, 10] {
            assert!(snappy(&framed[..end], 1 << 20).is_err(), "{end}");
        }
        assert_eq!(snappy(&framed, plain.len() + 1), Err(TOO_LARGE));
    }

    #[test]
    fn what_is_far_larger_than_it_seems_is_refused() {
        let zeros = vec![0; 1 << 20];
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&zeros).unwrap();
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(&zeros).unwrap();
        let compressed = [
            (Compression::Gzip, gzip.finish().unwrap()),
            (Compression::Snappy, snap::raw::Encoder::new().compress_vec(&zeros).unwrap()),
            (Compression::Lz4, lz4.finish().unwrap()),
            (Compression::Zstd, zstd::stream::encode_all(&zeros[..], 3).unwrap()),
        ];
        for (codec, bytes) in compressed {
            assert_eq!(inflate(codec, &bytes, zeros.len()).unwrap(), zeros, "{codec:?}");
            assert_eq!(inflate(codec, &bytes, zeros.len() - 1), Err(TOO_LARGE), "{codec:?}");
            assert!(inflate(codec, &bytes[..bytes.len() / 2], zeros.len()).is_err(), "{codec:?}");
        }
    }
}
