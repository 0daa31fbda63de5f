//! JSON records against serde_json: the same are well-formed, and the values are the same.

use std::sync::Arc;

use arrow_schema::{DataType, SchemaRef};
use headwater_format::{Decoder, Format, Reason, RowError, decoder, row_as_json};
use proptest::prelude::*;
use serde_json::Value;

use crate::{decode, schema};

fn columns() -> SchemaRef {
    schema(&[
        ("id", DataType::Int64),
        ("name", DataType::Utf8View),
        ("ok", DataType::Boolean),
        ("Name2", DataType::Utf8),
        ("price", DataType::Decimal128(20, 4)),
    ])
}

/// What a record should come to, by a reader that shares no code.
fn oracle(record: &[u8], columns: &SchemaRef) -> Result<Vec<Value>, Reason> {
    if std::str::from_utf8(record).is_err() {
        return Err(Reason::Encoding);
    }
    let object = match serde_json::from_slice(record) {
        Ok(Value::Object(object)) => object,
        // It has no number for this; the record is well-formed all the same.
        Err(error) if error.to_string().starts_with("number out of range") => return Err(Reason::Overflow),
        _ => return Err(Reason::Syntax),
    };
    let mut values = Vec::new();
    for field in columns.fields() {
        let folded: Vec<_> =
            object.iter().filter(|(name, _)| name.to_lowercase() == field.name().to_lowercase()).collect();
        let value = match (object.get(field.name()), folded.as_slice()) {
            (Some(value), _) => value.clone(),
            (None, []) => Value::Null,
            (None, [(_, value)]) => (*value).clone(),
            (None, _) => return Err(Reason::Ambiguous),
        };
        let right = match (&value, field.data_type()) {
            (Value::Null, _) => true,
            (Value::String(_), DataType::Utf8 | DataType::Utf8View) => true,
            (Value::Bool(_), DataType::Boolean) => true,
            (Value::Number(number), DataType::Int64) => number.as_i64().is_some(),
            (Value::Number(number), DataType::Decimal128(..)) => match number.as_i64() {
                Some(whole) if whole.unsigned_abs() >= 10u64.pow(16) => return Err(Reason::Overflow),
                whole => whole.is_some(),
            },
            _ => false,
        };
        if !right {
            return Err(Reason::Type);
        }
        values.push(value);
    }
    Ok(values)
}

fn agrees(decoder: &mut dyn Decoder, record: &[u8], columns: &SchemaRef) -> Result<(), TestCaseError> {
    let expected = oracle(record, columns);
    let shown = String::from_utf8_lossy(record).into_owned();
    match (decoder.push(record), expected) {
        (Ok(()), Ok(expected)) => {
            let rows = decoder.finish();
            let got: Value = serde_json::from_str(&row_as_json(&rows, 0)).unwrap();
            for (field, expected) in columns.fields().iter().zip(expected) {
                let got = &got[field.name()];
                match field.data_type() {
                    // Written with the column's scale, which makes it a float for the oracle.
                    DataType::Decimal128(..) if !expected.is_null() => {
                        prop_assert_eq!(got.as_f64(), expected.as_f64(), "{}", shown)
                    }
                    DataType::Int64 if !expected.is_null() => {
                        prop_assert_eq!(got.as_i64(), expected.as_i64(), "{}", shown)
                    }
                    _ => prop_assert_eq!(got, &expected, "{}", shown),
                }
            }
        }
        // The oracle stops at the first such number and sees nothing that follows.
        (_, Err(Reason::Overflow)) if shown.contains(['e', 'E']) => drop(decoder.finish()),
        (Err(RowError { reason, .. }), Err(expected)) => match expected {
            Reason::Syntax | Reason::Encoding => prop_assert_eq!(reason, expected, "{}", shown),
            _ => prop_assert!(!matches!(reason, Reason::Syntax | Reason::Encoding), "{} {}", reason, shown),
        },
        // The oracle knows integers in plain digits only: fractions and exponents are tested by themselves.
        (Ok(()), Err(Reason::Type)) if shown.contains(['.', 'e', 'E', '"']) => drop(decoder.finish()),
        (Ok(()), Err(Reason::Type)) if shown.contains("-0") => drop(decoder.finish()),
        (got, expected) => prop_assert!(false, "{got:?}, but {expected:?}: {shown}"),
    }
    Ok(())
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z]{0,40}",
        1 => "\\PC{0,12}",
        1 => any::<String>(),
    ]
}

fn value(depth: u32) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0i64..1000).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(depth, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..4).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(vec!["id", "name", "ok", "Name2", "price"]).prop_map(str::to_string),
        1 => prop::sample::select(vec!["ID", "name2", "NAME", "Name", "extra", "naïve"]).prop_map(str::to_string),
        1 => text(),
    ]
}

/// A value that the column of the name takes, most of the time.
fn field() -> impl Strategy<Value = (String, Value)> {
    let fitting = |name: String| {
        let value = match name.to_lowercase().as_str() {
            "id" | "price" => prop_oneof![any::<i32>().prop_map(Value::from), Just(Value::Null)].boxed(),
            "name" | "name2" => prop_oneof![text().prop_map(Value::from), Just(Value::Null)].boxed(),
            "ok" => any::<bool>().prop_map(Value::from).boxed(),
            _ => value(3).boxed(),
        };
        value.prop_map(move |value| (name.clone(), value))
    };
    prop_oneof![9 => name().prop_flat_map(fitting), 1 => (name(), value(3))]
}

/// An object with its fields in any order, repeated at will, with spaces and escapes at will.
fn record() -> impl Strategy<Value = Vec<u8>> {
    let space = prop_oneof![8 => Just(""), 1 => Just(" "), 1 => Just("\n\t \r")];
    let part = (field(), space.clone(), space, prop::bool::weighted(0.1));
    prop::collection::vec(part, 0..9).prop_map(|fields| {
        let mut record = String::from("{");
        for (index, ((name, value), before, after, escaped)) in fields.into_iter().enumerate() {
            record.push_str(if index > 0 { "," } else { "" });
            let name = match name.chars().next() {
                Some(first) if escaped && (first as u32) < 0x10000 => {
                    let rest = serde_json::to_string(&name[first.len_utf8()..]).unwrap();
                    format!("\"\\u{:04X}{}", first as u32, &rest[1..])
                }
                _ => serde_json::to_string(&name).unwrap(),
            };
            record.push_str(&format!("{before}{name}{after}:{before}{value}{after}"));
        }
        record.push('}');
        record.into_bytes()
    })
}

/// A byte put in, taken out or replaced.
fn mutate(record: &mut Vec<u8>, at: prop::sample::Index, how: u8, byte: u8) {
    const TELLING: &[u8] = b"{}[]\",:\\ 0-+.eEtfnu\x00\x1f\x7f\xff\xc3";
    let byte = if how & 4 == 0 { byte } else { TELLING[usize::from(byte) % TELLING.len()] };
    let at = at.index(record.len().max(1));
    match how % 4 {
        0 => record.insert(at.min(record.len()), byte),
        1 if !record.is_empty() => drop(record.remove(at)),
        2 => record.truncate(at),
        _ => record.iter_mut().skip(at).take(1).for_each(|old| *old = byte),
    }
}

proptest! {
    #![proptest_config(crate::cases(1500))]

    #[test]
    fn records_read_as_serde_json_reads_them(records in prop::collection::vec(record(), 1..6)) {
        let columns = columns();
        let mut decoder = decoder(Format::Json, Arc::clone(&columns), None).unwrap();
        // Twice: the second time the layout is known.
        for record in records.iter().chain(&records) {
            agrees(decoder.as_mut(), record, &columns)?;
        }
    }

    #[test]
    fn mutated_records_are_refused_as_serde_json_refuses_them(
        record in record(),
        mutations in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<u8>()), 1..4),
    ) {
        let columns = columns();
        let mut decoder = decoder(Format::Json, Arc::clone(&columns), None).unwrap();
        agrees(decoder.as_mut(), &record, &columns)?;
        let mut record = record;
        for (at, how, byte) in mutations {
            mutate(&mut record, at, how, byte);
            agrees(decoder.as_mut(), &record, &columns)?;
        }
    }

    #[test]
    fn random_bytes_never_panic(record in prop::collection::vec(any::<u8>(), 0..60), json in "[{}\\[\\]\",:0-9a-z \\\\]{0,40}") {
        let columns = columns();
        let mut decoder = decoder(Format::Json, Arc::clone(&columns), None).unwrap();
        agrees(decoder.as_mut(), &record, &columns)?;
        agrees(decoder.as_mut(), json.as_bytes(), &columns)?;
    }
}

#[test]
fn nesting_has_a_limit_and_no_stack() {
    let columns = schema(&[("a", DataType::Int64)]);
    for (depth, fits) in [(1, true), (126, true), (127, false), (1_000_000, false)] {
        for (open, close) in [("[", "]"), ("{\"x\":", "}")] {
            let record = format!("{{\"x\":{}1{}}}", open.repeat(depth), close.repeat(depth));
            assert_eq!(decode(Format::Json, &columns, record.as_bytes()).is_ok(), fits, "{depth}");
            if depth < 1000 {
                assert_eq!(serde_json::from_str::<Value>(&record).is_ok(), fits);
            }
        }
    }
}

#[test]
fn names_match_exactly_before_they_match_without_case() {
    let columns = schema(&[("id", DataType::Int64)]);
    let one = |record: &str| match decode(Format::Json, &columns, record.as_bytes()) {
        Ok(rows) => Ok(row_as_json(&rows, 0)),
        Err(error) => Err(error.reason),
    };
    for record in
        [r#"{"ID":1}"#, r#"{"ID":2,"id":1}"#, r#"{"id":1,"ID":2}"#, r#"{"Id":3,"ID":2,"id":1}"#, r#"{"id":5,"id":1}"#]
    {
        assert_eq!(one(record).unwrap(), r#"{"id":1}"#, "{record}");
    }
    assert_eq!(one(r#"{"ID":1,"Id":2}"#), Err(Reason::Ambiguous));
    let both = schema(&[("id", DataType::Int64), ("ID", DataType::Int64)]);
    assert_eq!(row_as_json(&decode(Format::Json, &both, br#"{"Id":1,"ID":2}"#).unwrap(), 0), r#"{"id":null,"ID":2}"#);
}

#[test]
fn unknown_fields_are_counted() {
    let columns = schema(&[("id", DataType::Int64)]);
    let mut decoder = decoder(Format::Json, columns, None).unwrap();
    for record in [r#"{"id":1,"x":{"y":[1,2]},"z":null}"#, r#"{"id":2}"#, r#"{"x":"","id":3}"#] {
        decoder.push(record.as_bytes()).unwrap();
    }
    assert_eq!(decoder.unknown_fields(), 3);
    assert_eq!(decoder.finish().num_rows(), 3);
}

#[test]
fn a_changing_layout_is_followed() {
    let columns = schema(&[("a", DataType::Int64), ("b", DataType::Int64), ("c", DataType::Int64)]);
    let mut decoder = decoder(Format::Json, columns, None).unwrap();
    let records = [
        r#"{"a":1,"b":2,"c":3}"#,
        r#"{"a":1,"c":3}"#,
        r#"{"c":3,"b":2,"a":1}"#,
        r#"{"b":2}"#,
        "{}",
        r#" { "a" : 1 , "b":2} "#,
    ];
    for record in records.iter().cycle().take(60) {
        decoder.push(record.as_bytes()).unwrap();
        let rows = decoder.finish();
        let got: Value = serde_json::from_str(&row_as_json(&rows, 0)).unwrap();
        let expected: Value = serde_json::from_str(record).unwrap();
        for name in ["a", "b", "c"] {
            assert_eq!(got[name], expected[name], "{record}");
        }
    }
    for broken in [r#"{"a":1"#, r#"{"a":1,}"#, r#"{"a":1}{"b":2}"#, r#"{"a":1{"b":2}"#, "", "[]", "1", "{", "nul"] {
        assert_eq!(decoder.push(broken.as_bytes()).unwrap_err().reason, Reason::Syntax, "{broken}");
    }
}

#[test]
fn errors_say_where() {
    let columns = columns();
    let error = |record: &[u8]| decode(Format::Json, &columns, record).unwrap_err().to_string();
    assert_eq!(
        error(br#"{"id":1 "name":"x"}"#),
        r#"syntax: expected ',' or '}' at byte 8, near '{"id":1 "name":"x"}'"#
    );
    assert_eq!(error(br#"{"id":"seven"}"#), "type in column 'id': expected a number, found a string: 'seven'");
    assert_eq!(error(b"{\"id\":\"\xff\"}"), "encoding: not UTF-8 at byte 7, near '{\"id\":\"\u{fffd}\"}'");
}
