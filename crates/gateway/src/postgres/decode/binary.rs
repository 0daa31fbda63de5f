//! Binary forms, each as its type's `receive` function of PostgreSQL reads it.

use arrow::datatypes::IntervalMonthDayNano;
use bytes::{Buf, Bytes};
use datafusion::common::ScalarValue;
use headwater_query::relation::UTC;

use crate::postgres::encode::time::{EPOCH_DAYS, EPOCH_US};
use crate::postgres::oids;

/// A value of the type that the client named.
pub fn value(bytes: &[u8], oid: u32) -> Result<ScalarValue, String> {
    Ok(match oid {
        oids::BOOL => ScalarValue::Boolean(Some(fixed::<1>(bytes)?[0] != 0)),
        oids::INT2 => ScalarValue::Int16(Some(i16::from_be_bytes(fixed(bytes)?))),
        oids::INT4 => ScalarValue::Int32(Some(i32::from_be_bytes(fixed(bytes)?))),
        oids::INT8 => ScalarValue::Int64(Some(i64::from_be_bytes(fixed(bytes)?))),
        oids::OID => ScalarValue::Int64(Some(u32::from_be_bytes(fixed(bytes)?).into())),
        oids::FLOAT4 => ScalarValue::Float32(Some(f32::from_be_bytes(fixed(bytes)?))),
        oids::FLOAT8 => ScalarValue::Float64(Some(f64::from_be_bytes(fixed(bytes)?))),
        oids::NUMERIC => numeric(bytes)?,
        oids::BYTEA => ScalarValue::Binary(Some(bytes.to_vec())),
        oids::DATE => {
            let days = i32::from_be_bytes(fixed(bytes)?).checked_add(EPOCH_DAYS);
            ScalarValue::Date32(Some(days.ok_or("the date is out of range")?))
        }
        oids::TIME => ScalarValue::Time64Microsecond(Some(i64::from_be_bytes(fixed(bytes)?))),
        oids::TIMESTAMP | oids::TIMESTAMPTZ => {
            let us = i64::from_be_bytes(fixed(bytes)?).checked_add(EPOCH_US);
            ScalarValue::TimestampMicrosecond(Some(us.ok_or("the time is out of range")?), Some(UTC.into()))
        }
        oids::INTERVAL => interval(&fixed::<16>(bytes)?)?,
        oids::UUID => ScalarValue::from(uuid(&fixed(bytes)?)),
        oids::JSONB => match bytes {
            [1, text @ ..] => ScalarValue::from(utf8(text)?),
            _ => return Err("jsonb of another version".to_owned()),
        },
        array if oids::element(array).is_some() => self::array(bytes)?,
        _ => ScalarValue::from(utf8(bytes)?),
    })
}

fn utf8(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], String> {
    bytes.try_into().map_err(|_| format!("{} bytes came where {N} belong", bytes.len()))
}

fn interval(bytes: &[u8; 16]) -> Result<ScalarValue, String> {
    let mut bytes = &bytes[..];
    let (us, days, months) = (bytes.get_i64(), bytes.get_i32(), bytes.get_i32());
    let nanoseconds = us.checked_mul(1000).ok_or("the interval is out of range")?;
    Ok(ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano { months, days, nanoseconds })))
}

fn uuid(bytes: &[u8; 16]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    parts.join("-")
}

/// The digits that it has, as the smallest decimal.
fn numeric(bytes: &[u8]) -> Result<ScalarValue, String> {
    let short = || "a numeric ends too early".to_owned();
    let mut rest = Bytes::copy_from_slice(bytes);
    if rest.len() < 8 {
        return Err(short());
    }
    let (groups, weight, sign, scale) = (rest.get_i16(), rest.get_i16(), rest.get_u16(), rest.get_i16());
    let (groups, scale) = (usize::try_from(groups).map_err(|_| short())?, usize::try_from(scale).unwrap_or(0));
    if sign & 0xC000 == 0xC000 {
        return Err("NaN and infinity are no decimals".to_owned());
    }
    if rest.len() != groups * 2 {
        return Err(short());
    }
    let large = || "a numeric has more than 38 digits".to_owned();
    let digits = (0..groups).map(|_| rest.get_i16()).collect::<Vec<_>>();
    if digits.iter().any(|group| !(0..10_000).contains(group)) {
        return Err("a numeric has digits that are none".to_owned());
    }
    // Groups after the point may hold more digits than the scale says: those of the last are left out at once, because
    // with them a number of 38 digits would not fit.
    let mut power = (i64::from(weight) + 1 - groups as i64) * 4 + scale as i64;
    let mut unscaled: i128 = 0;
    for (index, group) in digits.iter().enumerate() {
        let (mut factor, mut group) = (10_000, i128::from(*group));
        while index + 1 == groups && power < 0 && factor > 1 {
            (factor, group, power) = (factor / 10, group / 10, power + 1);
        }
        unscaled = unscaled.checked_mul(factor).and_then(|sum| sum.checked_add(group)).ok_or_else(large)?;
    }
    while power > 0 && unscaled != 0 {
        unscaled = unscaled.checked_mul(10).ok_or_else(large)?;
        power -= 1;
    }
    while power < 0 {
        unscaled /= 10;
        power += 1;
    }
    if sign == 0x4000 {
        unscaled = -unscaled;
    }
    let scale = i8::try_from(scale).ok().filter(|scale| *scale <= 38).ok_or_else(large)?;
    if unscaled.unsigned_abs() >= 10_u128.pow(38) {
        return Err(large());
    }
    Ok(ScalarValue::Decimal128(Some(unscaled), 38, scale))
}

fn array(bytes: &[u8]) -> Result<ScalarValue, String> {
    let short = || "an array ends too early".to_owned();
    let mut rest = Bytes::copy_from_slice(bytes);
    let need = |rest: &Bytes, bytes: usize| if rest.len() < bytes { Err(short()) } else { Ok(()) };
    need(&rest, 12)?;
    let (dimensions, _, oid) = (rest.get_i32(), rest.get_i32(), rest.get_u32());
    let item = oids::arrow(oid).ok_or_else(|| format!("arrays of type {oid} are not built"))?;
    let mut values = Vec::new();
    match dimensions {
        0 => {}
        1 => {
            need(&rest, 8)?;
            let (count, _) = (rest.get_i32(), rest.get_i32());
            for _ in 0..count {
                need(&rest, 4)?;
                let length = rest.get_i32();
                let Ok(length) = usize::try_from(length) else {
                    values.push(ScalarValue::try_from(&item).map_err(|error| error.to_string())?);
                    continue;
                };
                need(&rest, length)?;
                values.push(super::exactly(value(&rest.split_to(length), oid)?, &item)?);
            }
        }
        _ => return Err("arrays of several dimensions are not built".to_owned()),
    }
    Ok(ScalarValue::List(ScalarValue::new_list_nullable(&values, &item)))
}
