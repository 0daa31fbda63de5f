//! Numbers: integers, floats, decimals.

use std::io::Write;

use bytes::{BufMut, BytesMut};

pub fn integer(value: i64, out: &mut BytesMut) {
    // Writing to memory does not fail.
    let _ = write!(out.writer(), "{value}");
}

pub fn float32(value: f32, out: &mut BytesMut) {
    float(value.into(), format!("{value}"), format!("{value:e}"), out);
}

pub fn float64(value: f64, out: &mut BytesMut) {
    float(value, format!("{value}"), format!("{value:e}"), out);
}

/// The shortest text that reads back the same, with an exponent where PostgreSQL writes one.
fn float(value: f64, plain: String, exponent: String, out: &mut BytesMut) {
    if value.is_nan() {
        return out.put_slice(b"NaN");
    }
    if value.is_infinite() {
        return out.put_slice(if value > 0.0 { b"Infinity" } else { b"-Infinity" });
    }
    let size = value.abs();
    if size == 0.0 || (1e-4..1e15).contains(&size) {
        return out.put_slice(plain.as_bytes());
    }
    let (digits, power) = exponent.split_once('e').unwrap_or((&exponent, "0"));
    let (sign, power) = power.strip_prefix('-').map_or(('+', power), |power| ('-', power));
    let _ = write!(out.writer(), "{digits}e{sign}{power:0>2}");
}

/// `digits` is the unscaled value, perhaps with a minus.
pub fn decimal(digits: &str, scale: i8, out: &mut BytesMut) {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    out.put_slice(sign.as_bytes());
    let Ok(scale @ 1..) = usize::try_from(scale) else {
        out.put_slice(digits.as_bytes());
        if digits != "0" {
            out.put_bytes(b'0', usize::from(scale.unsigned_abs()));
        }
        return;
    };
    if digits.len() > scale {
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        out.put_slice(whole.as_bytes());
        out.put_u8(b'.');
        out.put_slice(fraction.as_bytes());
    } else {
        out.put_slice(b"0.");
        out.put_bytes(b'0', scale - digits.len());
        out.put_slice(digits.as_bytes());
    }
}

/// Groups of four decimal digits, the first with its weight in powers of 10,000.
pub fn numeric(digits: &str, scale: i8, out: &mut BytesMut) {
    let (negative, digits) = digits.strip_prefix('-').map_or((false, digits), |digits| (true, digits));
    let fraction = usize::try_from(scale).unwrap_or(0);
    let mut padded = digits.as_bytes().to_vec();
    padded.extend(std::iter::repeat_n(b'0', usize::from(scale.min(0).unsigned_abs())));
    while padded.len() < fraction {
        padded.insert(0, b'0');
    }
    let mut whole = padded.len() - fraction;
    while whole % 4 != 0 {
        padded.insert(0, b'0');
        whole += 1;
    }
    while padded.len() % 4 != 0 {
        padded.push(b'0');
    }
    let mut groups: Vec<i16> =
        padded.chunks(4).map(|four| four.iter().fold(0, |group, digit| group * 10 + i16::from(digit - b'0'))).collect();
    let mut weight = (whole / 4) as i16 - 1;
    let leading = groups.iter().take_while(|group| **group == 0).count();
    groups.drain(..leading);
    weight -= leading as i16;
    while groups.last() == Some(&0) {
        groups.pop();
    }
    if groups.is_empty() {
        weight = 0;
    }
    out.put_i16(groups.len() as i16);
    out.put_i16(weight);
    out.put_u16(if negative && !groups.is_empty() { 0x4000 } else { 0 });
    out.put_i16(fraction as i16);
    for group in groups {
        out.put_i16(group);
    }
}
