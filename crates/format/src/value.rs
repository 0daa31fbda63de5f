//! One value between its encodings: what a record's text says, what an Arrow array holds, what a key is made of.

use arrow_schema::{DataType, TimeUnit};

/// The types that a record can hold, as far as reading and writing text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean,
    /// Signed, of so many bits.
    Int(u8),
    UInt(u8),
    Float32,
    Float64,
    Decimal {
        precision: u8,
        scale: i8,
    },
    Text,
    Date,
    Timestamp(TimeUnit),
    Binary,
}

impl Kind {
    /// `None` for types that records don't hold.
    pub fn of(data_type: &DataType) -> Option<Kind> {
        Some(match data_type {
            DataType::Boolean => Kind::Boolean,
            DataType::Int8 => Kind::Int(8),
            DataType::Int16 => Kind::Int(16),
            DataType::Int32 => Kind::Int(32),
            DataType::Int64 => Kind::Int(64),
            DataType::UInt8 => Kind::UInt(8),
            DataType::UInt16 => Kind::UInt(16),
            DataType::UInt32 => Kind::UInt(32),
            DataType::UInt64 => Kind::UInt(64),
            DataType::Float32 => Kind::Float32,
            DataType::Float64 => Kind::Float64,
            DataType::Decimal128(precision, scale) => Kind::Decimal { precision: *precision, scale: *scale },
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Kind::Text,
            DataType::Date32 => Kind::Date,
            DataType::Timestamp(unit, zone) if zone.as_deref().is_none_or(is_utc) => Kind::Timestamp(*unit),
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Kind::Binary,
            _ => return None,
        })
    }
}

fn is_utc(zone: &str) -> bool {
    matches!(zone, "UTC" | "utc" | "+00:00" | "Z")
}

/// A value read from a record or from an array.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Boolean(bool),
    Int(i64),
    UInt(u64),
    Float32(f32),
    Float64(f64),
    /// Unscaled; the scale is the column's.
    Decimal(i128),
    Text(&'a str),
    /// Days since the Unix epoch.
    Date(i32),
    /// In the column's unit since the Unix epoch.
    Timestamp(i64),
    Binary(&'a [u8]),
}

/// A value of the record at hand: as [`Value`], but text and bytes are where they lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell {
    Null,
    Boolean(bool),
    Int(i64),
    UInt(u64),
    Float32(f32),
    Float64(f64),
    Decimal(Wide),
    Date(i32),
    Timestamp(i64),
    /// A part of the record.
    Text(Span),
    /// A part of [`Scratch::text`]: text that the record holds in escaped form.
    Unescaped(Span),
    /// A part of [`Scratch::bytes`].
    Binary(Span),
}

/// An `i128` in two halves, so that cells need no alignment of sixteen bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Wide {
    high: i64,
    low: u64,
}

impl Wide {
    #[inline]
    pub fn new(value: i128) -> Wide {
        Wide { high: (value >> 64) as i64, low: value as u64 }
    }

    #[inline]
    pub fn get(self) -> i128 {
        i128::from(self.high) << 64 | i128::from(self.low)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// Records are refused from 4 GiB on, so that positions fit.
    pub fn new(start: usize, end: usize) -> Span {
        Span { start: start as u32, end: end as u32 }
    }

    #[inline]
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start as usize..self.end as usize]
    }

    /// Part of a record, between two characters.
    #[inline]
    pub fn part(self, record: &str) -> &str {
        &record[self.start as usize..self.end as usize]
    }

    /// Part of a record that was found to be UTF-8 as a whole, between two characters of ASCII.
    #[inline]
    pub fn text(self, record: &[u8]) -> &str {
        let text = std::str::from_utf8(self.of(record));
        debug_assert!(text.is_ok(), "a part of a record cuts through a character");
        text.unwrap_or_default()
    }
}

/// Where the values of one record go that are not in it letter for letter. Emptied for each record.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub text: String,
    pub bytes: Vec<u8>,
}

impl Scratch {
    pub fn clear(&mut self) {
        self.text.clear();
        self.bytes.clear();
    }
}

impl Cell {
    #[inline]
    pub fn value<'a>(self, record: &'a [u8], scratch: &'a Scratch) -> Value<'a> {
        match self {
            Cell::Null => Value::Null,
            Cell::Boolean(value) => Value::Boolean(value),
            Cell::Int(value) => Value::Int(value),
            Cell::UInt(value) => Value::UInt(value),
            Cell::Float32(value) => Value::Float32(value),
            Cell::Float64(value) => Value::Float64(value),
            Cell::Decimal(value) => Value::Decimal(value.get()),
            Cell::Date(value) => Value::Date(value),
            Cell::Timestamp(value) => Value::Timestamp(value),
            Cell::Text(span) => Value::Text(span.text(record)),
            Cell::Unescaped(span) => Value::Text(span.text(scratch.text.as_bytes())),
            Cell::Binary(span) => Value::Binary(span.of(&scratch.bytes)),
        }
    }
}
