//! Values to text that reads back as the same value.

use arrow_schema::TimeUnit;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::time::civil_from_days;
use crate::value::{Kind, Value};

/// Any value but null and text, without quotes.
pub(crate) fn plain(value: Value<'_>, kind: Kind, out: &mut Vec<u8>) {
    match (value, kind) {
        (Value::Boolean(value), _) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        (Value::Int(value), _) => int(value, out),
        (Value::UInt(value), _) => uint(value, out),
        (Value::Float32(value), _) => float32(value, out),
        (Value::Float64(value), _) => float64(value, out),
        (Value::Decimal(value), Kind::Decimal { scale, .. }) => decimal(value, scale, out),
        (Value::Date(value), _) => date(value, out),
        (Value::Timestamp(value), Kind::Timestamp(unit)) => timestamp(value, unit, out),
        (Value::Binary(value), _) => binary(value, out),
        (Value::Text(value), _) => out.extend_from_slice(value.as_bytes()),
        (Value::Null | Value::Decimal(_) | Value::Timestamp(_), _) => {}
    }
}

pub(crate) fn int(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

pub(crate) fn uint(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// The shortest digits that read back as the same double; `NaN`, `Infinity` and `-Infinity` by name.
pub(crate) fn float64(value: f64, out: &mut Vec<u8>) {
    match value {
        _ if value.is_finite() => out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes()),
        _ => out.extend_from_slice(name(value.is_nan(), value < 0.0)),
    }
}

pub(crate) fn float32(value: f32, out: &mut Vec<u8>) {
    match value {
        _ if value.is_finite() => out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes()),
        _ => out.extend_from_slice(name(value.is_nan(), value < 0.0)),
    }
}

fn name(is_nan: bool, negative: bool) -> &'static [u8] {
    match (is_nan, negative) {
        (true, _) => b"NaN",
        (_, true) => b"-Infinity",
        (_, false) => b"Infinity",
    }
}

/// Appends an unscaled decimal with its point, all digits of its scale.
pub fn decimal(value: i128, scale: i8, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(value.unsigned_abs()).as_bytes();
    let places = usize::from(scale.unsigned_abs());
    if scale <= 0 {
        out.extend_from_slice(digits);
        if value != 0 {
            out.resize(out.len() + places, b'0');
        }
    } else if digits.len() > places {
        let (whole, fraction) = digits.split_at(digits.len() - places);
        out.extend_from_slice(whole);
        out.push(b'.');
        out.extend_from_slice(fraction);
    } else {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + places - digits.len(), b'0');
        out.extend_from_slice(digits);
    }
}

pub(crate) fn date(days: i32, out: &mut Vec<u8>) {
    day(i64::from(days), out);
}

/// Appends a time, in units since the Unix epoch, as RFC 3339 has it with `Z`; a fraction of 3, 6 or 9 digits where
/// there is one.
pub fn timestamp(value: i64, unit: TimeUnit, out: &mut Vec<u8>) {
    let (per_second, places) = match unit {
        TimeUnit::Second => (1, 0),
        TimeUnit::Millisecond => (1_000, 3),
        TimeUnit::Microsecond => (1_000_000, 6),
        TimeUnit::Nanosecond => (1_000_000_000, 9),
    };
    let seconds = value.div_euclid(per_second);
    day(seconds.div_euclid(86_400), out);
    out.push(b'T');
    let of_day = seconds.rem_euclid(86_400) as u32;
    two(of_day / 3600, out);
    out.push(b':');
    two(of_day / 60 % 60, out);
    out.push(b':');
    two(of_day % 60, out);
    let (mut fraction, mut places) = (value.rem_euclid(per_second), places);
    if fraction != 0 {
        while places > 3 && fraction % 1000 == 0 {
            fraction /= 1000;
            places -= 3;
        }
        out.push(b'.');
        for place in (0..places).rev() {
            out.push(b'0' + (fraction / 10i64.pow(place) % 10) as u8);
        }
    }
    out.push(b'Z');
}

pub(crate) fn binary(value: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    // The length with padding: four characters for each three bytes begun.
    out.resize(start + value.len().div_ceil(3) * 4, 0);
    let written = STANDARD.encode_slice(value, &mut out[start..]).unwrap_or(0);
    debug_assert_eq!(start + written, out.len());
}

fn day(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil_from_days(days);
    if (0..=9999).contains(&year) {
        two((year / 100) as u32, out);
        two((year % 100) as u32, out);
    } else {
        out.push(if year < 0 { b'-' } else { b'+' });
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(year.unsigned_abs()).as_bytes();
        out.resize(out.len() + 6usize.saturating_sub(digits.len()), b'0');
        out.extend_from_slice(digits);
    }
    out.push(b'-');
    two(month, out);
    out.push(b'-');
    two(day, out);
}

/// Two digits; the value is below 100.
fn two(value: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'0' + (value / 10) as u8, b'0' + (value % 10) as u8]);
}
