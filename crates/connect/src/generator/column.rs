//! One generated column: its value in row i, from the seed, the column's place and i.

use arrow_schema::{DataType, Field, TimeUnit};
use headwater_base::random::Random;
use headwater_format::{Format, RecordWriter, write_decimal, write_timestamp};

use super::spec::Spec;

pub(super) struct Column {
    seed: u64,
    null_millionths: u64,
    kind: Kind,
    text: String,
}

enum Kind {
    Sequence {
        start: i64,
        every: i64,
    },
    Integer {
        min: i64,
        span: u64,
    },
    Decimal {
        min: i64,
        span: u64,
        scale: i8,
    },
    /// The values as records have them, each with the sum of the weights up to it.
    Choice {
        encoded: Vec<(u64, Vec<u8>)>,
        total: u64,
    },
    Pattern(String),
    Time {
        start_us: i64,
        step_us: i64,
    },
}

impl Column {
    /// A refusal is a message that goes on after the column's name.
    pub fn new(
        spec: Spec,
        seed: u64,
        index: usize,
        field: &Field,
        writer: &mut RecordWriter,
    ) -> Result<Column, String> {
        let (null_millionths, spec) = match spec {
            Spec::Null { millionths, of } => (millionths, *of),
            spec => (0, spec),
        };
        let is_number = field.data_type().is_numeric();
        let is_text = matches!(field.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        if !matches!(spec, Spec::Choice(_) | Spec::Constant(_)) {
            let fits = match spec {
                Spec::Sequence { .. } | Spec::Integer { .. } | Spec::Decimal { .. } => is_number || is_text,
                Spec::Time { .. } => matches!(field.data_type(), DataType::Timestamp(..)) || is_text,
                _ => is_text,
            };
            if !fits {
                return Err(format!("is of type {}, which this specification can't make", field.data_type()));
            }
        }
        let kind = match spec {
            Spec::Sequence { start, every } => Kind::Sequence { start, every },
            Spec::Integer { min, max } => Kind::Integer { min, span: max.abs_diff(min) },
            Spec::Decimal { min, max, scale } => Kind::Decimal { min, span: max.abs_diff(min), scale },
            Spec::Choice(choices) => choice(choices, index, writer)?,
            Spec::Constant(value) => choice(vec![(value, 1)], index, writer)?,
            Spec::Pattern(pattern) => Kind::Pattern(pattern),
            Spec::Time { start, step_us } => Kind::Time { start_us: microseconds(&start)?, step_us },
            Spec::Null { .. } => return Err("null(…) needs something else to be null".to_string()),
        };
        let seed = Random::new(seed ^ (index as u64 + 1).wrapping_mul(0xD1B5_4A32_D192_ED03)).next_u64();
        Ok(Column { seed, null_millionths, kind, text: String::new() })
    }

    /// Appends the value of a row.
    pub fn write(&mut self, row: u64, index: usize, writer: &RecordWriter, out: &mut Vec<u8>) {
        // SplitMix64 is made for such jumps: its states are a sequence of equal steps.
        let mut random = Random::new(self.seed.wrapping_add(row.wrapping_mul(0xA076_1D64_78BD_642F)));
        if self.null_millionths > 0 && random.below(1_000_000) < self.null_millionths {
            return writer.null(index, out);
        }
        let mut digits = std::mem::take(&mut self.text).into_bytes();
        digits.clear();
        match &self.kind {
            Kind::Choice { encoded, total } => {
                let picked = random.below(*total);
                let chosen = encoded.partition_point(|(up_to, _)| *up_to <= picked);
                out.extend_from_slice(&encoded[chosen].1);
            }
            Kind::Sequence { start, every } => {
                let value = i128::from(*start) + i128::from(*every) * i128::from(row);
                write_decimal(value, 0, &mut digits);
            }
            Kind::Integer { min, span } => write_decimal(within(*min, *span, &mut random), 0, &mut digits),
            Kind::Decimal { min, span, scale } => {
                write_decimal(within(*min, *span, &mut random), *scale, &mut digits);
            }
            Kind::Time { start_us, step_us } => {
                // Row i lies somewhere in the i-th step, so that time never goes back.
                let jitter = if *step_us > 0 { random.below(step_us.unsigned_abs()) as i64 } else { 0 };
                let steps = i64::try_from(row).unwrap_or(i64::MAX).saturating_mul(*step_us);
                let at_us = start_us.saturating_add(steps).saturating_add(jitter);
                write_timestamp(at_us, TimeUnit::Microsecond, &mut digits);
            }
            Kind::Pattern(pattern) => fill(pattern, &mut random, &mut digits),
        }
        // Digits and a pattern's characters are UTF-8 as they come.
        self.text = String::from_utf8(digits).unwrap_or_default();
        if !matches!(self.kind, Kind::Choice { .. }) {
            writer.literal(index, &self.text, out);
        }
    }
}

/// A number from `min` to `min + span`.
fn within(min: i64, span: u64, random: &mut Random) -> i128 {
    let above = if span == u64::MAX { random.next_u64() } else { random.below(span + 1) };
    i128::from(min) + i128::from(above)
}

fn fill(pattern: &str, random: &mut Random, out: &mut Vec<u8>) {
    for &byte in pattern.as_bytes() {
        out.push(match byte {
            b'#' => b'0' + random.below(10) as u8,
            b'?' => b'A' + random.below(26) as u8,
            other => other,
        });
    }
}

fn choice(choices: Vec<(String, u64)>, index: usize, writer: &mut RecordWriter) -> Result<Kind, String> {
    let mut total = 0;
    let mut encoded = Vec::with_capacity(choices.len());
    for (text, weight) in choices {
        let mut bytes = Vec::new();
        if !writer.text(index, &text, &mut bytes) {
            return Err(format!("can't be '{text}'"));
        }
        // The sum was checked when the specification was read.
        total += weight;
        encoded.push((total, bytes));
    }
    Ok(Kind::Choice { encoded, total })
}

fn microseconds(text: &str) -> Result<i64, String> {
    use std::sync::Arc;
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let schema = Arc::new(arrow_schema::Schema::new(vec![Field::new("start", utc, false)]));
    let key = headwater_format::KeyReader::new(Format::Csv, Arc::clone(&schema), &[0]);
    let mut bytes = Vec::new();
    let is_time = key.is_ok_and(|mut key| key.key(text.as_bytes(), &mut bytes));
    match bytes.last_chunk::<8>() {
        Some(time) if is_time => Ok(i64::from_be_bytes(*time)),
        _ => Err(format!("'{text}' is no timestamp, like '2010-12-01 08:26:00'")),
    }
}
