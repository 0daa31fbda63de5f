//! Specs and rows of the generator.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use headwater_base::clock::ManualClock;

use super::*;

struct Lines(Vec<String>, usize);

impl Intake for Lines {
    fn push(&mut self, record: &[u8]) {
        self.0.push(String::from_utf8(record.to_vec()).expect("text"));
    }

    fn is_full(&self) -> bool {
        self.0.len() >= self.1
    }
}

fn generator(format: Format, rows: u64) -> Generator {
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("name", DataType::Utf8View, true),
        Field::new("price", DataType::Decimal128(12, 3), false),
    ]));
    let fields = [
        ("id", "sequence(5, 2)"),
        ("name", "null(0.5, choice('a, b' 3, 'it''s'))"),
        ("price", "decimal(-1.500, 2.000, 3)"),
    ];
    let fields = fields.map(|(name, spec)| (name.to_owned(), spec.to_owned())).to_vec();
    let target = Target { schema, format, event_time: None };
    Generator::new(ManualClock::at(0), target, Options { rows: Some(rows), rate: None, seed: 1, fields }).expect("valid")
}

fn all(mut generator: Generator, position: Option<&[u8]>, at_once: usize) -> Vec<String> {
    generator.start(position).expect("started");
    let mut lines = Vec::new();
    loop {
        let mut intake = Lines(Vec::new(), at_once);
        let progress = generator.poll(&mut intake).expect("polled");
        lines.extend(intake.0);
        if progress == Progress::End {
            return lines;
        }
    }
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let whole = all(generator(Format::Csv, 3000), None, 700);
    assert_eq!(whole.len(), 3000);
    assert_eq!(all(generator(Format::Csv, 3000), Some(b"1234"), 100), whole[1234..]);
    assert!(whole[0].starts_with("5,") && whole[1].starts_with("5,") && whole[2].starts_with("6,"));
}

#[test]
fn records_of_both_formats_say_the_same() {
    let csv = all(generator(Format::Csv, 50), None, 50);
    let json = all(generator(Format::Json, 50), None, 50);
    for (csv, json) in csv.iter().zip(&json) {
        let json: serde_json::Value = serde_json::from_str(json).expect("JSON");
        assert!(csv.starts_with(&json["id"].to_string()), "{csv} {json}");
        match json["name"].as_str() {
            Some("a, b") => assert!(csv.contains("\"a, b\""), "{csv}"),
            Some(name) => assert!(csv.contains(name), "{csv}"),
            None => assert!(csv.contains(",,"), "{csv}"),
        }
    }
}

#[test]
fn wrong_specs_say_what_is_wrong() {
    for (text, wrong) in [
        ("integers(1, 2)", "there is no generator 'integers'"),
        ("integer(3, 2)", "the largest value lies below the smallest"),
        ("integer(1; 2)", "'1;' is no whole number"),
        ("choice('a' 0)", "a weight must be above 0"),
        ("pattern('##)", "a text has no closing quote"),
        ("decimal(0.1234, 1, 3)", "'0.1234' is no decimal with 3 digits behind the point"),
        ("null(2, integer(1, 2))", "the chance must be from 0 to 1, not 2"),
        ("constant('x') y", "'y' is left over"),
    ] {
        assert_eq!(Spec::parse(text).expect_err(text), wrong);
    }
}
