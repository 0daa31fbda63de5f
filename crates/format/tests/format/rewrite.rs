//! Records of CSV files under headers of their own.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use headwater_format::{Format, RecordWriter, Rewriter, row_as_json};

use crate::{decode, timestamp};

fn columns() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("name", DataType::Utf8View, true),
        Field::new("price", DataType::Decimal128(10, 2), true),
        Field::new("at", timestamp(), true),
    ]))
}

fn rewrite(format: Format, header: &str, record: &str) -> String {
    let mut rewriter = Rewriter::new(header.as_bytes(), &columns(), format).unwrap();
    let mut out = b"left over".to_vec();
    rewriter.rewrite(record.as_bytes(), &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn the_stream_s_own_order_is_not_touched() {
    let rewriter = Rewriter::new(b"ID,\"name\",Price, at\r", &columns(), Format::Csv).unwrap();
    assert!(rewriter.is_same());
    assert!(!Rewriter::new(b"id,name,price,at,more", &columns(), Format::Csv).unwrap().is_same());
    assert!(!Rewriter::new(b"id,name,price,at", &columns(), Format::Json).unwrap().is_same());
}

#[test]
fn columns_are_put_in_order_left_out_and_filled() {
    let header = "Name,extra,at,ID";
    let record = "\"a \"\"b\"\", c\",x,2010-12-01 08:26:00,17850.0";
    assert_eq!(rewrite(Format::Csv, header, record), "17850.0,\"a \"\"b\"\", c\",,2010-12-01 08:26:00");
    assert_eq!(
        rewrite(Format::Json, header, record),
        r#"{"id":17850,"name":"a \"b\", c","at":"2010-12-01T08:26:00Z"}"#
    );
    assert_eq!(rewrite(Format::Json, header, "\"\",,,7"), r#"{"id":7,"name":""}"#);
    assert_eq!(rewrite(Format::Json, "name,id", "x,"), r#"{"name":"x"}"#);
    let rewriter = Rewriter::new(header.as_bytes(), &columns(), Format::Csv).unwrap();
    assert_eq!(rewriter.unknown(), ["extra"]);
}

#[test]
fn what_can_t_be_read_stays_in_sight_and_is_refused_later() {
    let wrong = rewrite(Format::Json, "id,price", "seven,1.999");
    assert_eq!(wrong, r#"{"id":"seven","price":"1.999"}"#);
    assert!(decode(Format::Json, &columns(), wrong.as_bytes()).is_err());
    for (format, header, record) in [
        (Format::Csv, "more,id,name,price,at", "1,x,2.50,2010-12-01"),
        (Format::Csv, "at,id", "\"2010,1"),
        (Format::Json, "id,name", r#"{"id":1}"#),
        (Format::Json, "id,name", "1,2,3"),
    ] {
        let kept = rewrite(format, header, record);
        assert!(kept.starts_with(record), "{kept}");
        assert!(decode(format, &columns(), kept.as_bytes()).is_err(), "{kept}");
    }
}

#[test]
fn headers_that_do_not_fit_are_refused() {
    let refused = |header: &[u8]| Rewriter::new(header, &columns(), Format::Csv).err().unwrap().to_string();
    assert_eq!(refused(b"name,price"), "column 'id' is NOT NULL, and the header does not name it");
    assert_eq!(refused(b"ID,Id"), "the header names column 'id' more than once");
    assert!(refused(b"id,\"name").starts_with("the header is no CSV record: syntax: a quoted field does not end"));
    assert!(refused(b"id,\xff").starts_with("the header is no CSV record: encoding"));
    assert_eq!(Rewriter::new(b"ID,id", &columns(), Format::Csv).unwrap().unknown(), ["ID"]);
}

#[test]
fn records_are_written_value_by_value() {
    let mut writer = RecordWriter::new(Format::Json, &columns()).unwrap();
    let mut out = Vec::new();
    writer.literal(0, "12", &mut out);
    assert!(writer.text(1, "a\"b", &mut out));
    writer.null(2, &mut out);
    assert!(writer.text(3, "2010-12-01", &mut out));
    writer.end(0, &mut out);
    let rows = decode(Format::Json, &columns(), &out).unwrap();
    assert_eq!(row_as_json(&rows, 0).as_bytes(), out);
    assert!(!writer.text(2, "x", &mut out));
}
