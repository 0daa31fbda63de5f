//! Values that clients send for parameters, as text and as binary.

mod array;
mod binary;
mod interval;

use arrow::datatypes::DataType;
use bytes::Bytes;
use datafusion::common::ScalarValue;

use super::encode::Form;
use super::failure::{BAD_BINARY, BAD_TEXT, Failure};
use super::oids;

/// Reads the value of parameter `$number`, sent as `oid`, for a place that takes `wanted`.
pub fn parameter(
    number: usize,
    bytes: Option<Bytes>,
    form: Form,
    oid: u32,
    wanted: &DataType,
) -> Result<ScalarValue, Failure> {
    field(bytes, form, oid, wanted)
        .map_err(|failure| Failure { message: format!("parameter ${number}: {}", failure.message), ..failure })
}

/// Reads a value, sent as `oid`, for a place that takes `wanted`.
pub fn field(bytes: Option<Bytes>, form: Form, oid: u32, wanted: &DataType) -> Result<ScalarValue, Failure> {
    let Some(bytes) = bytes else {
        return ScalarValue::try_from(wanted).map_err(|error| Failure::new(BAD_TEXT, error.to_string()));
    };
    let value = match form {
        Form::Text => {
            let text = std::str::from_utf8(&bytes).map_err(|_| Failure::new("22021", "it is not UTF-8"))?;
            self::text(text, oid, wanted)
        }
        Form::Binary => binary::value(&bytes, oid),
    };
    let wrong = |message: String| {
        let code = if form == Form::Text { BAD_TEXT } else { BAD_BINARY };
        Failure::new(code, message)
    };
    exactly(value.map_err(wrong)?, wanted).map_err(wrong)
}

/// A value as another type, with nothing lost.
fn exactly(value: ScalarValue, wanted: &DataType) -> Result<ScalarValue, String> {
    if &value.data_type() == wanted {
        return Ok(value);
    }
    let shown = value.to_string();
    let cast = value.cast_to(wanted).map_err(|error| crate_message(&error))?;
    if cast.is_null() && !value.is_null() {
        return Err(format!("{shown} does not fit {}", headwater_query::sqltype::sql_name(wanted)));
    }
    let exact = matches!(value, ScalarValue::Decimal128(..) | ScalarValue::Decimal256(..) | ScalarValue::Float64(_));
    if exact && cast.cast_to(&value.data_type()).is_ok_and(|back| back != value) {
        return Err(format!("{shown} has more digits than {} keeps", headwater_query::sqltype::sql_name(wanted)));
    }
    Ok(cast)
}

/// What kind of text a type has is told by where the parameter stands.
pub fn text(text: &str, oid: u32, wanted: &DataType) -> Result<ScalarValue, String> {
    match wanted {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => Ok(ScalarValue::from(text)),
        DataType::Binary => binary_text(text).map(|bytes| ScalarValue::Binary(Some(bytes))),
        DataType::Boolean => boolean(text),
        DataType::List(item) => array::text(text, oids::element(oid).map_or(0, |item| item.oid), item.data_type()),
        // Digits that do not fit must not be rounded away.
        DataType::Decimal128(precision, scale) => decimal(text.trim(), *precision, *scale),
        DataType::Interval(_) => interval::text(text),
        DataType::Timestamp(..) => {
            let text = text.trim();
            let text = text.strip_suffix("+00").unwrap_or(text);
            ScalarValue::from(text).cast_to(wanted).map_err(|error| crate_message(&error))
        }
        _ => ScalarValue::from(text.trim()).cast_to(wanted).map_err(|error| crate_message(&error)),
    }
}

fn boolean(text: &str) -> Result<ScalarValue, String> {
    let value = match text.trim().to_ascii_lowercase().as_str() {
        "t" | "true" | "y" | "yes" | "on" | "1" => true,
        "f" | "false" | "n" | "no" | "off" | "0" => false,
        other => return Err(format!("'{other}' is no BOOLEAN")),
    };
    Ok(ScalarValue::Boolean(Some(value)))
}

fn decimal(text: &str, precision: u8, scale: i8) -> Result<ScalarValue, String> {
    let wrong = || format!("'{text}' is no DECIMAL({precision}, {scale})");
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    if fraction.trim_end_matches('0').len() > usize::try_from(scale).unwrap_or(0) && !fraction.contains(['e', 'E']) {
        return Err(format!("{} has more digits after the point than it keeps", wrong()));
    }
    let value = ScalarValue::from(text).cast_to(&DataType::Decimal128(precision, scale)).map_err(|_| wrong())?;
    if value.is_null() { Err(wrong()) } else { Ok(value) }
}

fn binary_text(text: &str) -> Result<Vec<u8>, String> {
    if let Some(digits) = text.strip_prefix("\\x") {
        let digits: Vec<u8> = digits.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let pairs = digits.chunks(2).map(|pair| {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2);
            pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or("the text of a BYTEA is not hexadecimal")
        });
        return Ok(pairs.collect::<Result<_, _>>()?);
    }
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            bytes.push(*first);
        } else if let [b'\\', tail @ ..] = rest {
            bytes.push(b'\\');
            rest = tail;
        } else if let [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..] = rest {
            bytes.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
            rest = tail;
        } else {
            return Err("a backslash in the text of a BYTEA is followed by another, or three octal digits".to_owned());
        }
    }
    Ok(bytes)
}

fn crate_message(error: &datafusion::common::DataFusionError) -> String {
    let message = error.strip_backtrace();
    let message = message.strip_prefix("Arrow error: ").unwrap_or(&message);
    let message = message.strip_prefix("Cast error: ").unwrap_or(message);
    message.strip_prefix("Parser error: ").unwrap_or(message).to_owned()
}
