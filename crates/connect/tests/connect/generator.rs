//! Generated rows: the same for ever, of the types asked for, refused with a hint where they can't be made.

use std::sync::Arc;
use std::time::Duration;

use arrow_schema::{DataType, Field, Schema, TimeUnit};
use headwater_base::clock::{Clock, ManualClock};
use headwater_connect::contract::{self, Collected};
use headwater_connect::generator::{self, Options};
use headwater_connect::{Generator, Target};
use headwater_format::{Format, decoder};
use headwater_stream::source::{Progress, Source};
use proptest::prelude::*;

use crate::{target, texts};

fn retail(format: Format) -> Target {
    let at = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let column = |name: &str, data_type| Field::new(name, data_type, true);
    let schema = Arc::new(Schema::new(vec![
        Field::new("invoice", DataType::Int64, false),
        column("stock_code", DataType::Utf8View),
        column("description", DataType::Utf8View),
        column("quantity", DataType::Int32),
        column("at", at),
        column("price", DataType::Decimal128(10, 3)),
        column("customer", DataType::Int64),
        column("weight", DataType::Float64),
    ]));
    Target { schema, format, event_time: Some(4) }
}

fn options(rows: u64, seed: u64) -> Options {
    let fields = [
        ("invoice", "sequence(536365, 1)"),
        ("stock_code", "pattern('#####?')"),
        ("description", "choice('MUG, BLUE' 3, 'TEA \"COSY\"', '')"),
        ("quantity", "integer(-3, 24)"),
        ("at", "time('2010-12-01 08:26:00', '60 seconds')"),
        ("price", "decimal(-0.5, 19.999, 3)"),
        ("customer", "null(0.25, integer(12000, 18287))"),
        ("weight", "choice(0.5, 1.25 2)"),
    ];
    let fields = fields.iter().map(|(name, spec)| (name.to_string(), spec.to_string())).collect();
    Options { rows: Some(rows), rate: None, seed, fields }
}

fn all(target: &Target, options: &Options) -> Vec<Vec<u8>> {
    let mut generator = Generator::new(ManualClock::at(0), target.clone(), options.clone()).unwrap();
    let mut collected = Collected::default();
    generator.start(None).unwrap();
    assert_eq!(contract::drain(&mut generator, &mut collected).unwrap(), Progress::End);
    collected.records
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_keeps_the_contract(seed: u64, rows in 0u64..3000, json: bool) {
        let target = retail(if json { Format::Json } else { Format::Csv });
        let make = || -> Box<dyn Source> {
            Box::new(Generator::new(ManualClock::at(0), target.clone(), options(rows, seed)).unwrap())
        };
        prop_assert_eq!(contract::check(&make, seed).len() as u64, rows);
    }
}

#[test]
fn rows_are_the_same_for_ever_and_decode() {
    let csv = all(&retail(Format::Csv), &options(1000, 7));
    let json = all(&retail(Format::Json), &options(1000, 7));
    assert_eq!(
        texts(&csv[..3]),
        [
            "536365,79680I,\"\",12,2010-12-01T08:26:05.090500Z,1.313,17616,1.25",
            "536366,67594J,\"TEA \"\"COSY\"\"\",14,2010-12-01T08:27:12.039645Z,2.729,,0.5",
            "536367,27768Q,\"MUG, BLUE\",24,2010-12-01T08:28:03.988643Z,6.781,12744,0.5"
        ]
    );
    let rows = |format, records: &[Vec<u8>]| {
        let mut decoder = decoder(format, retail(format).schema, None).unwrap();
        records.iter().for_each(|record| decoder.push(record).unwrap());
        decoder.finish()
    };
    let decoded = rows(Format::Csv, &csv);
    assert_eq!(decoded, rows(Format::Json, &json));
    let nulls = decoded.column(6).null_count();
    assert!((200..300).contains(&nulls), "{nulls}");
    assert_ne!(csv, all(&retail(Format::Csv), &options(1000, 8)));
    let times: Vec<String> =
        texts(&csv).iter().map(|line| line[line.find("2010-").unwrap()..][..20].to_string()).collect();
    assert!(times.is_sorted());
}

#[test]
fn a_rate_is_kept_from_the_row_on_where_it_starts() {
    let clock = ManualClock::at(0);
    let options = Options { rows: None, rate: Some(10.0), ..options(0, 1) };
    let mut generator = Generator::new(Arc::clone(&clock) as Arc<dyn Clock>, retail(Format::Csv), options).unwrap();
    generator.start(Some(br#"{"row":100}"#)).unwrap();
    let mut collected = Collected::default();
    assert_eq!(generator.poll(&mut collected).unwrap(), Progress::Wait(Duration::from_millis(100)));
    clock.advance(Duration::from_millis(1050));
    assert_eq!(generator.poll(&mut collected).unwrap(), Progress::Wait(Duration::from_millis(50)));
    assert_eq!(collected.records.len(), 10);
    assert_eq!(generator.position(), br#"{"row":110}"#);
    assert_eq!(generator.status().total, None);
}

#[test]
fn what_can_t_be_made_is_refused_with_a_hint() {
    let refused = |fields: &[(&str, &str)]| {
        let fields = fields.iter().map(|(name, spec)| (name.to_string(), spec.to_string())).collect();
        generator::check(&target(Format::Json), &Options { fields, ..Options::default() }).unwrap_err().message
    };
    let id = ("id", "sequence(1, 1)");
    assert_eq!(refused(&[]), "field 'id': is NOT NULL and has no specification in FIELDS");
    assert_eq!(
        refused(&[id, ("nmae", "constant(x)")]),
        "field 'nmae': the stream has no such column; did you mean 'name'?"
    );
    assert_eq!(refused(&[id, ("name", "chioce('a')")]), "field 'name': there is no 'chioce'; did you mean 'choice'?");
    assert_eq!(refused(&[("id", "null(0.1, integer(1, 2))")]), "field 'id': is NOT NULL and can't be null(…)");
    assert_eq!(
        refused(&[("id", "pattern('##')")]),
        "field 'id': is of type Int64, which this specification can't make"
    );
    assert_eq!(refused(&[("id", "choice('a', 'b')")]), "field 'id': can't be 'a'");
    assert_eq!(refused(&[id, id]), "field 'id': is specified twice");
    assert_eq!(
        refused(&[id, ("at", "time('noon', '1 second')")]),
        "field 'at': 'noon' is no timestamp, like '2010-12-01 08:26:00'"
    );
    let broken = refused(&[("id", "decimal(0, 1, 2)")]);
    assert!(broken.starts_with("field 'id': makes values that the column can't hold: expected an integer"), "{broken}");
    let mut generator = Generator::new(ManualClock::at(0), retail(Format::Csv), options(1, 1)).unwrap();
    assert!(generator.start(Some(b"seven")).unwrap_err().message.starts_with("the position 'seven' is none"));
}
