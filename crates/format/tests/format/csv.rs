//! CSV records against the `csv` crate, where both follow RFC 4180.

use arrow_schema::{DataType, SchemaRef};
use headwater_format::{Format, Reason, row_as_json};
use proptest::prelude::*;
use serde_json::Value;

use crate::{decode, schema};

fn texts(count: usize) -> SchemaRef {
    let names: Vec<String> = (0..count).map(|index| format!("c{index}")).collect();
    schema(&names.iter().map(|name| (name.as_str(), DataType::Utf8View)).collect::<Vec<_>>())
}

fn fields(record: &[u8], count: usize) -> Result<Vec<Option<String>>, Reason> {
    let rows = decode(Format::Csv, &texts(count), record).map_err(|error| error.reason)?;
    let json: Value = serde_json::from_str(&row_as_json(&rows, 0)).unwrap();
    Ok((0..count).map(|index| json[format!("c{index}")].as_str().map(str::to_string)).collect())
}

#[test]
fn quotes_and_nulls() {
    let read = |record: &str| fields(record.as_bytes(), 3);
    let row = |fields: [Option<&str>; 3]| Ok(fields.map(|field| field.map(str::to_string)).to_vec());
    assert_eq!(read("a,b,c"), row([Some("a"), Some("b"), Some("c")]));
    assert_eq!(read(",\"\","), row([None, Some(""), None]));
    assert_eq!(read("\"a,b\",\"x\ny\",\"say \"\"hi\"\"\""), row([Some("a,b"), Some("x\ny"), Some("say \"hi\"")]));
    assert_eq!(read("a,b,c\r"), row([Some("a"), Some("b"), Some("c")]));
    assert_eq!(read("a,b,c\r\n"), row([Some("a"), Some("b"), Some("c")]));
    assert_eq!(read(" a ,é,🙂"), row([Some(" a "), Some("é"), Some("🙂")]));
    assert_eq!(read("\"\"\"\",\"\"\"\"\"\",x"), row([Some("\""), Some("\"\""), Some("x")]));
    for broken in
        ["a,b", "a,b,c,d", "a,\"b,c", "a,\"b\"x,c", "a,b\"b,c", "a,b\nb,c", "a, \"b\",c", "", "a,b,\"c\"\"", "a\rb,c,d"]
    {
        assert_eq!(read(broken), Err(Reason::Syntax), "{broken:?}");
    }
    assert_eq!(fields(b"a,\xff,c", 3), Err(Reason::Encoding));
}

#[test]
fn one_column_may_be_null() {
    assert_eq!(fields(b"", 1), Ok(vec![None]));
    assert_eq!(fields(b"\"\"", 1), Ok(vec![Some(String::new())]));
}

fn oracle(record: &[u8]) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(record);
    reader.records().filter_map(|row| Some(row.ok()?.iter().map(str::to_string).collect())).collect()
}

proptest! {
    #![proptest_config(crate::cases(3000))]

    #[test]
    fn written_records_read_back(values in prop::collection::vec("[a-c\",\n\r é]{0,6}|[a-z ]{0,30}", 1..8)) {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(Vec::new());
        writer.write_record(&values).unwrap();
        let record = writer.into_inner().unwrap();
        let got = fields(&record, values.len()).unwrap();
        for (got, value) in got.into_iter().zip(&values) {
            prop_assert_eq!(got.unwrap_or_default(), value.as_str());
        }
    }

    #[test]
    fn what_is_accepted_reads_as_the_csv_crate_reads_it(
        record in "[a-c\",\n\r é]{0,14}|([a-z]{0,12},){0,4}\"?[a-z\"]{0,12}",
        count in 1usize..5,
    ) {
        let expected = oracle(record.as_bytes());
        match fields(record.as_bytes(), count) {
            Ok(got) => {
                let got: Vec<String> = got.into_iter().map(Option::unwrap_or_default).collect();
                // The csv crate has no record where a line is empty.
                let expected = expected.first().cloned().unwrap_or_else(|| vec![String::new()]);
                prop_assert_eq!(got, expected);
            }
            // One line without quotes can only be refused for its number of fields.
            Err(_) if !record.contains(['"', '\n', '\r']) => {
                let count_of_first = expected.first().map_or(1, Vec::len);
                prop_assert_ne!(count_of_first, count, "{:?}", record);
            }
            Err(_) => {}
        }
    }
}
