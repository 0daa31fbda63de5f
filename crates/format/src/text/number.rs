//! Numbers from text, exactly: nothing but a float column's value ever passes through a float.
//!
//! Plain numbers of up to 18 digits take a short way; all others (many digits, exponents) are read as a significand
//! without zeros at either end and a power of ten, which decides exactly what fits.

use super::digits::{self, DIGITS_MAX, POWERS};
use crate::error::{Fault, Refusal};
use crate::value::{Cell, Kind, Span, Wide};

const NOT_A_NUMBER: Fault = &Refusal::of_type("expected a number");
const NOT_INTEGRAL: Fault = &Refusal::of_type("expected an integer, not a fraction");
const TOO_FINE: Fault = &Refusal::of_type("more fractional digits than the decimal's scale");
const TOO_LARGE: Fault = &Refusal::overflow("beyond the range of the column's type");

/// Reads a numeric value that stands in a record, where no digit follows it.
#[inline]
pub(crate) fn read(kind: Kind, record: &[u8], span: Span, cell: &mut Cell) -> Result<(), Fault> {
    let plain = plain(record, span);
    let text = span.of(record);
    *cell = match kind {
        Kind::Int(bits) => Cell::Int(signed(plain, text, bits)?),
        Kind::UInt(bits) => Cell::UInt(unsigned(plain, text, bits)?),
        Kind::Decimal { precision, scale } => Cell::Decimal(Wide::new(decimal(plain, text, precision, scale)?)),
        Kind::Float64 => Cell::Float64(float64(plain, text)?),
        Kind::Float32 => Cell::Float32(float32(text)?),
        _ => return Err(NOT_A_NUMBER),
    };
    Ok(())
}

/// Takes an integer of at most 18 digits for a numeric value.
#[inline]
pub(crate) fn from_integer(kind: Kind, integer: i64, text: &[u8], cell: &mut Cell) -> Result<(), Fault> {
    let plain = || Some(Plain { negative: integer < 0, digits: integer.unsigned_abs(), fraction: 0 });
    *cell = match kind {
        Kind::Int(bits) => Cell::Int(fitting(integer, bits)?),
        Kind::UInt(bits) => Cell::UInt(unsigned(plain(), text, bits)?),
        Kind::Decimal { precision, scale } => Cell::Decimal(Wide::new(decimal(plain(), text, precision, scale)?)),
        // Conversions round to the nearest, as reading the digits would.
        Kind::Float64 => Cell::Float64(integer as f64),
        Kind::Float32 => Cell::Float32(integer as f32),
        _ => return Err(NOT_A_NUMBER),
    };
    Ok(())
}

#[inline]
fn signed(plain: Option<Plain>, text: &[u8], bits: u8) -> Result<i64, Fault> {
    let value = match plain {
        Some(Plain { negative, digits, fraction }) => {
            let magnitude = if fraction == 0 { digits } else { whole(digits, POWERS[fraction])? };
            let magnitude = magnitude as i64;
            if negative { -magnitude } else { magnitude }
        }
        _ => i64::try_from(scaled(text, 0)?).map_err(|_| TOO_LARGE)?,
    };
    fitting(value, bits)
}

#[inline]
fn fitting(value: i64, bits: u8) -> Result<i64, Fault> {
    let unused = 64 - u32::from(bits);
    if (value << unused) >> unused == value { Ok(value) } else { Err(TOO_LARGE) }
}

fn whole(digits: u64, one: u64) -> Result<u64, Fault> {
    if digits.is_multiple_of(one) { Ok(digits / one) } else { Err(NOT_INTEGRAL) }
}

fn unsigned(plain: Option<Plain>, text: &[u8], bits: u8) -> Result<u64, Fault> {
    let value = match plain {
        Some(Plain { negative: false, digits, fraction: 0 }) => digits,
        _ => u64::try_from(scaled(text, 0)?).map_err(|_| TOO_LARGE)?,
    };
    let unused = 64 - u32::from(bits);
    if (value << unused) >> unused == value { Ok(value) } else { Err(TOO_LARGE) }
}

#[inline]
fn decimal(plain: Option<Plain>, text: &[u8], precision: u8, scale: i8) -> Result<i128, Fault> {
    let value = match plain {
        Some(plain) if i32::from(scale) >= plain.fraction as i32 && i32::from(scale) <= 18 => {
            let magnitude = i128::from(plain.digits) * i128::from(POWERS[scale as usize - plain.fraction]);
            if plain.negative { -magnitude } else { magnitude }
        }
        _ => scaled(text, i32::from(scale))?,
    };
    if value.unsigned_abs() < power_of_ten(u32::from(precision)) { Ok(value) } else { Err(TOO_LARGE) }
}

/// The names of what is not finite are those of Protobuf's JSON mapping; a number that rounds to infinity is refused.
fn float64(plain: Option<Plain>, text: &[u8]) -> Result<f64, Fault> {
    // Exact by Clinger, "How to Read Floating Point Numbers Accurately", 1990: both operands are exact doubles.
    if let Some(plain) = plain
        && plain.digits < 1 << 53
    {
        let mut value = plain.digits as f64;
        if plain.fraction > 0 {
            value /= EXACT_POWERS[plain.fraction];
        }
        return Ok(if plain.negative { -value } else { value });
    }
    if let Some(value) = not_finite(text) {
        return Ok(value);
    }
    let value: f64 = finite_text(text)?.parse().map_err(|_| NOT_A_NUMBER)?;
    if value.is_finite() { Ok(value) } else { Err(TOO_LARGE) }
}

fn float32(text: &[u8]) -> Result<f32, Fault> {
    if let Some(value) = not_finite(text) {
        return Ok(value as f32);
    }
    let value: f32 = finite_text(text)?.parse().map_err(|_| NOT_A_NUMBER)?;
    if value.is_finite() { Ok(value) } else { Err(TOO_LARGE) }
}

pub(crate) fn not_finite(text: &[u8]) -> Option<f64> {
    match text {
        b"NaN" => Some(f64::NAN),
        b"Infinity" => Some(f64::INFINITY),
        b"-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// Keeps out the words for infinity that Rust's parser would take.
fn finite_text(text: &[u8]) -> Result<&str, Fault> {
    let numeric = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    if !text.iter().all(numeric) {
        return Err(NOT_A_NUMBER);
    }
    std::str::from_utf8(text).map_err(|_| NOT_A_NUMBER)
}

/// A number of at most 18 digits without exponent: `digits` with the last `fraction` of them after the point.
#[derive(Clone, Copy)]
struct Plain {
    negative: bool,
    digits: u64,
    fraction: usize,
}

#[inline]
fn plain(record: &[u8], span: Span) -> Option<Plain> {
    let end = span.end as usize;
    let negative = span.of(record).first() == Some(&b'-');
    let start = span.start as usize + usize::from(negative);
    let (whole, count) = digits::run(record, start);
    let point = start + count;
    if point == end && count <= DIGITS_MAX && count > 0 {
        return Some(Plain { negative, digits: whole, fraction: 0 });
    }
    if record.get(point) != Some(&b'.') || point >= end {
        return None;
    }
    let (part, fraction) = digits::run(record, point + 1);
    let is_plain = point + 1 + fraction == end && (1..=DIGITS_MAX).contains(&(count + fraction));
    is_plain.then(|| Plain { negative, digits: whole * POWERS[fraction] + part, fraction })
}

/// The number times 10^`scale`, exactly; a remainder is a fault of type, a result past 128 bits an overflow.
fn scaled(text: &[u8], scale: i32) -> Result<i128, Fault> {
    let Parts { negative, whole, fraction, exponent } = parts(text)?;
    let all = || whole.iter().chain(fraction);
    let mut significant = all().enumerate().filter(|(_, digit)| **digit != b'0').map(|(at, _)| at);
    let Some(first) = significant.next() else { return Ok(0) };
    let last = significant.last().unwrap_or(first);
    let power = exponent + i64::from(scale) + (whole.len() as i64 - 1 - last as i64);
    if power < 0 {
        return Err(if scale == 0 { NOT_INTEGRAL } else { TOO_FINE });
    }
    if (last - first) as i64 + power > 38 {
        return Err(TOO_LARGE);
    }
    let mut magnitude = 0u128;
    for &digit in all().skip(first).take(last - first + 1) {
        magnitude = magnitude.checked_mul(10).ok_or(TOO_LARGE)?;
        magnitude = magnitude.checked_add(u128::from(digit - b'0')).ok_or(TOO_LARGE)?;
    }
    let magnitude = magnitude.checked_mul(power_of_ten(power as u32)).ok_or(TOO_LARGE)?;
    let value = i128::try_from(magnitude).map_err(|_| TOO_LARGE)?;
    Ok(if negative { -value } else { value })
}

struct Parts<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

fn parts(text: &[u8]) -> Result<Parts<'_>, Fault> {
    let (negative, rest) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let digits = |from: &[u8]| from.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (whole, rest) = rest.split_at(digits(rest));
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => rest.split_at(digits(rest)),
        _ => (&rest[..0], rest),
    };
    let exponent = match rest {
        [] => 0,
        [b'e' | b'E', rest @ ..] => power(rest)?,
        _ => return Err(NOT_A_NUMBER),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(NOT_A_NUMBER);
    }
    Ok(Parts { negative, whole, fraction, exponent })
}

/// The exponent, held within ±10^12: beyond the length of any record, so that it decides alike.
fn power(text: &[u8]) -> Result<i64, Fault> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NOT_A_NUMBER);
    }
    let magnitude =
        digits.iter().fold(0i64, |value, digit| (value * 10 + i64::from(digit - b'0')).min(1_000_000_000_000));
    Ok(if negative { -magnitude } else { magnitude })
}

/// 10^`exponent`, for exponents up to 38; none above is below a number of 128 bits.
fn power_of_ten(exponent: u32) -> u128 {
    POWERS_U128.get(exponent as usize).copied().unwrap_or(u128::MAX)
}

const POWERS_U128: [u128; 39] = {
    let mut powers = [1u128; 39];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// The powers of ten up to 10^22 are exact as doubles; a plain number has at most 18 fractional digits.
const EXACT_POWERS: [f64; 19] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18];
