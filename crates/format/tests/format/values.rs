//! Single values of every type, in both formats, and numbers against a naive reading.

use arrow_schema::{DataType, TimeUnit};
use headwater_format::{Format, Reason};
use proptest::prelude::*;

use crate::{read, timestamp};

const OVERFLOW: Result<&str, Reason> = Err(Reason::Overflow);
const TYPE: Result<&str, Reason> = Err(Reason::Type);
const SYNTAX: Result<&str, Reason> = Err(Reason::Syntax);

fn check(format: Format, data_type: DataType, cases: &[(&str, Result<&str, Reason>)]) {
    for (text, expected) in cases {
        let got = read(format, &data_type, text);
        assert_eq!(got, expected.map(str::to_string), "{format} {data_type}: {text}");
    }
}

#[test]
fn integers() {
    for format in [Format::Csv, Format::Json] {
        check(
            format,
            DataType::Int64,
            &[
                ("0", Ok("0")),
                ("-0", Ok("0")),
                ("17850.0", Ok("17850")),
                ("1e3", Ok("1000")),
                ("12.5e1", Ok("125")),
                ("1500e-2", Ok("15")),
                ("0e999999999999999999999", Ok("0")),
                ("0.000000000000000000000000000000000000000000000000000", Ok("0")),
                ("9223372036854775807", Ok("9223372036854775807")),
                ("-9223372036854775808", Ok("-9223372036854775808")),
                ("-9223372036854775808.000", Ok("-9223372036854775808")),
                ("9223372036854775808", OVERFLOW),
                ("1e19", OVERFLOW),
                ("1e999999999999999999999", OVERFLOW),
                ("1e-999999999999999999999", TYPE),
                ("1.5", TYPE),
                ("1e-1", TYPE),
            ],
        );
        check(format, DataType::Int8, &[("-128", Ok("-128")), ("127.0", Ok("127")), ("128", OVERFLOW)]);
        check(format, DataType::UInt8, &[("255", Ok("255")), ("256", OVERFLOW), ("-1", OVERFLOW), ("-0", Ok("0"))]);
        check(
            format,
            DataType::UInt64,
            &[("18446744073709551615", Ok("18446744073709551615")), ("18446744073709551616", OVERFLOW)],
        );
    }
    check(Format::Csv, DataType::Int32, &[(" 7 ", Ok("7")), ("+7", Ok("7")), (" ", TYPE), ("\"7\"", Ok("7"))]);
    check(Format::Csv, DataType::Int32, &[("\"\"", TYPE), ("7x", TYPE), ("", Ok("null")), ("-", TYPE), (".", TYPE)]);
    check(Format::Json, DataType::Int32, &[("\"7\"", TYPE), ("true", TYPE), ("[7]", TYPE), ("07", SYNTAX)]);
    check(Format::Json, DataType::Int32, &[("+7", SYNTAX), ("7.", SYNTAX), (".7", SYNTAX), ("NaN", SYNTAX)]);
}

#[test]
fn decimals() {
    for format in [Format::Csv, Format::Json] {
        check(
            format,
            DataType::Decimal128(10, 3),
            &[
                ("2.55", Ok("2.550")),
                ("-0.001", Ok("-0.001")),
                ("1.2300000", Ok("1.230")),
                ("1.2345", TYPE),
                ("25e-1", Ok("2.500")),
                ("1234567e0", Ok("1234567.000")),
                ("9999999.999", Ok("9999999.999")),
                ("10000000", OVERFLOW),
                ("1e7", OVERFLOW),
            ],
        );
        check(
            format,
            DataType::Decimal128(38, 0),
            &[
                ("99999999999999999999999999999999999999", Ok("99999999999999999999999999999999999999")),
                ("100000000000000000000000000000000000000", OVERFLOW),
            ],
        );
        check(
            format,
            DataType::Decimal128(38, 38),
            &[
                ("0.99999999999999999999999999999999999999", Ok("0.99999999999999999999999999999999999999")),
                ("1", OVERFLOW),
            ],
        );
        check(format, DataType::Decimal128(5, -2), &[("12300", Ok("12300")), ("12350", TYPE), ("0", Ok("0"))]);
    }
    check(Format::Json, DataType::Decimal128(10, 2), &[("\"2.55\"", Ok("2.55")), ("\"x\"", TYPE)]);
}

#[test]
fn floats() {
    for format in [Format::Csv, Format::Json] {
        check(
            format,
            DataType::Float64,
            &[
                ("2.55", Ok("2.55")),
                ("-0", Ok("-0.0")),
                ("1e308", Ok("1e308")),
                ("123456789012345678901234567890", Ok("1.2345678901234568e29")),
                ("0.1234567890123456789", Ok("0.12345678901234568")),
                ("5e-324", Ok("5e-324")),
                ("1e309", OVERFLOW),
            ],
        );
        check(format, DataType::Float32, &[("0.1", Ok("0.1")), ("1e39", OVERFLOW), ("16777217", Ok("16777216.0"))]);
    }
    check(Format::Csv, DataType::Float64, &[("NaN", Ok("\"NaN\"")), ("-Infinity", Ok("\"-Infinity\"")), ("inf", TYPE)]);
    check(Format::Json, DataType::Float64, &[("\"NaN\"", Ok("\"NaN\"")), ("\"1.5\"", TYPE), ("NaN", SYNTAX)]);
}

#[test]
fn booleans_and_text() {
    check(
        Format::Json,
        DataType::Boolean,
        &[("true", Ok("true")), ("false", Ok("false")), ("1", TYPE), ("\"t\"", TYPE)],
    );
    check(Format::Csv, DataType::Boolean, &[("True", Ok("true")), ("f", Ok("false")), ("1", Ok("true")), ("2", TYPE)]);
    for text in [DataType::Utf8View, DataType::Utf8, DataType::LargeUtf8] {
        check(Format::Json, text.clone(), &[("\"\\u00e9\\ud83d\\ude00\\n\\/\"", Ok("\"é😀\\n/\"")), ("1", TYPE)]);
        check(Format::Json, text.clone(), &[("\"\"", Ok("\"\"")), ("null", Ok("null")), ("{}", TYPE)]);
        check(
            Format::Csv,
            text,
            &[("\"\"", Ok("\"\"")), ("", Ok("null")), ("\"a\"\"b\"", Ok("\"a\\\"b\"")), (" x", Ok("\" x\""))],
        );
    }
    check(Format::Json, DataType::Binary, &[("\"AQI=\"", Ok("\"AQI=\"")), ("\"A\"", TYPE), ("1", TYPE)]);
}

#[test]
fn times() {
    let quoted = |cases: &[(&str, Result<&str, Reason>)], data_type: DataType| {
        for (text, expected) in cases {
            let expected = expected.map(|text| format!("\"{text}\""));
            assert_eq!(read(Format::Csv, &data_type, text), expected, "{text}");
            assert_eq!(read(Format::Json, &data_type, &format!("\"{text}\"")), expected, "{text}");
        }
    };
    let eight = Ok("2010-12-01T08:26:00Z");
    let cases = [
        ("2010-12-01 08:26:00", eight),
        ("2010-12-01T08:26:00Z", eight),
        ("2010-12-01 08:26", eight),
        ("2010-12-01T10:26:00+02:00", eight),
        ("2010-11-30 23:56:00.000-0830", eight),
        ("2010-12-01", Ok("2010-12-01T00:00:00Z")),
        ("2010-12-01 08:26:00.5", Ok("2010-12-01T08:26:00.500Z")),
        ("2010-12-01 08:26:00.123456789", Ok("2010-12-01T08:26:00.123456Z")),
        ("0001-01-01 00:00:00", Ok("0001-01-01T00:00:00Z")),
        ("1969-12-31 23:59:59.999999", Ok("1969-12-31T23:59:59.999999Z")),
        ("+012345-01-01 00:00:00", Ok("+012345-01-01T00:00:00Z")),
        ("2024-02-29", Ok("2024-02-29T00:00:00Z")),
        ("2023-02-29", TYPE),
        ("2010-13-01", TYPE),
        ("2010-12-01 24:00:00", TYPE),
        ("2010-12-01 08:26:60", TYPE),
        ("2010-12-01 08:26:00.", TYPE),
        ("2010-12-01 08:26:00 UTC", TYPE),
        ("2010-12-01x08:26:00", TYPE),
        ("01/12/2010 08:26", TYPE),
        ("1291191960000", TYPE),
        ("+999999-01-01", OVERFLOW),
    ];
    quoted(&cases, timestamp());
    quoted(&[("2262-04-12", OVERFLOW)], DataType::Timestamp(TimeUnit::Nanosecond, None));
    quoted(&[("2010-12-01 08:26:01.9", Ok("2010-12-01T08:26:01Z"))], DataType::Timestamp(TimeUnit::Second, None));
    quoted(&[("1970-01-01", Ok("1970-01-01")), ("2010-12-01 00:00:00", TYPE), ("x", TYPE)], DataType::Date32);
    check(Format::Json, timestamp(), &[("1291191960000", TYPE)]);
}

/// Reads a number for `DECIMAL(38, scale)` by moving the point over a string of digits.
fn naive(text: &str, scale: i64) -> Result<i128, Reason> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.parse().unwrap();
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let (sign, whole) = whole.strip_prefix('-').map_or((1, whole), |whole| (-1, whole));
    let mut digits = format!("{whole}{fraction}");
    let shift = exponent + scale - fraction.len() as i64;
    if shift >= 0 {
        digits.push_str(&"0".repeat(shift as usize));
    } else {
        digits = format!("{}{digits}", "0".repeat(shift.unsigned_abs() as usize));
        let rest = digits.split_off(digits.len() - shift.unsigned_abs() as usize);
        if rest.bytes().any(|digit| digit != b'0') {
            return Err(Reason::Type);
        }
    }
    let digits = digits.trim_start_matches('0');
    if digits.len() > 38 {
        return Err(Reason::Overflow);
    }
    Ok(sign * if digits.is_empty() { 0 } else { digits.parse::<i128>().unwrap() })
}

proptest! {
    #![proptest_config(crate::cases(4000))]

    #[test]
    fn decimals_are_read_as_a_naive_reader_does(
        text in "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,2})?",
        scale in 0i8..=38,
    ) {
        let expected = naive(&text, scale.into());
        for format in [Format::Csv, Format::Json] {
            let got = read(format, &DataType::Decimal128(38, scale), &text)
                .map(|json| json.replace('.', "").parse::<i128>().unwrap());
            prop_assert_eq!(got, expected, "{}", format);
        }
        let expected = match naive(&text, 0) {
            Ok(value) => i64::try_from(value).map(|value| value.to_string()).map_err(|_| Reason::Overflow),
            Err(reason) => Err(reason),
        };
        prop_assert_eq!(read(Format::Json, &DataType::Int64, &text), expected);
    }

    #[test]
    fn floats_are_read_as_std_does(text in "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?") {
        let value: f64 = text.parse().unwrap();
        let got = read(Format::Json, &DataType::Float64, &text);
        match value.is_finite() {
            true => prop_assert_eq!(got.unwrap().parse::<f64>().unwrap().to_bits(), value.to_bits()),
            false => prop_assert_eq!(got, Err(Reason::Overflow)),
        }
    }
}
