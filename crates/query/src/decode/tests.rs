//! Which records become rows, and that readers of different columns agree on it.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::testing::{SECOND, chunk, lines, stream};

const READINGS: &str = "CREATE STREAM readings (
    id BIGINT NOT NULL,
    v BIGINT,
    at TIMESTAMP,
    WATERMARK FOR at AS at,
    CONSTRAINT small EXPECT (v < 100) ON VIOLATION QUARANTINE,
    CONSTRAINT even EXPECT (v % 2 = 0) ON VIOLATION WARN,
    CONSTRAINT wanted EXPECT (v <> 8) ON VIOLATION DROP,
    CONSTRAINT inverse EXPECT (10 / v < 10) ON VIOLATION WARN,
    CONSTRAINT legal EXPECT (v <> 66) ON VIOLATION FAIL
) WITH (max_future = '1 hour')";

fn decode(records: &[&str], projection: Option<&[usize]>) -> Decoded {
    let mut reader = StreamReader::new(stream(READINGS), projection).unwrap();
    reader.decode(&chunk(100, records)).unwrap()
}

fn reasons(decoded: &Decoded) -> Vec<(i64, Reason)> {
    decoded.rejected.iter().map(|rejected| (rejected.offset, rejected.reason)).collect()
}

#[test]
fn every_fate_of_a_record() {
    let records = [
        r#"{"id": 1, "v": 2, "at": "1970-01-01T00:00:00Z"}"#,
        r#"{"id": 2, "v": "x", "at": "1970-01-01T00:00:00Z"}"#,
        r#"{"id": 3, "v": 4}"#,
        r#"{"id": 4, "v": 4, "at": "1970-01-01T01:00:03.000001Z"}"#,
        r#"{"id": 5, "v": 101, "at": "1970-01-01T00:00:00Z"}"#,
        r#"{"id": 6, "v": 3, "at": "1970-01-01T01:00:05Z"}"#,
        r#"{"id": 7, "v": 8, "at": "1970-01-01T00:00:00Z"}"#,
        r#"{"id": 8, "v": 0, "at": "1970-01-01T00:00:00Z"}"#,
        r#"{"id": 9, "v": null, "at": "1970-01-01T00:00:00Z"}"#,
        "not json",
    ];
    let decoded = decode(&records, Some(&[0]));
    assert_eq!(lines(&[decoded.rows]), ["1", "6", "9"]);
    assert_eq!(decoded.offsets, [100, 105, 108]);
    assert_eq!(decoded.timestamps_us, [0, 5 * SECOND, 8 * SECOND]);
    assert_eq!(decoded.event_times, Some(vec![0, 3605 * SECOND, 0]));
    assert_eq!((decoded.warned, decoded.dropped), (vec![(1, 1)], vec![(2, 1)]));
    let found: Vec<_> = decoded.rejected.iter().map(|rejected| (rejected.offset, rejected.reason.as_str())).collect();
    let wanted = [
        (101, "undecodable"),
        (102, "null event time"),
        (103, "future"),
        (104, "violation"),
        (107, "failed"),
        (109, "undecodable"),
    ];
    assert_eq!(found, wanted);
    for rejected in &decoded.rejected {
        assert_eq!(rejected.record, records[usize::try_from(rejected.offset - 100).unwrap()]);
    }
    assert_eq!(decoded.rejected[0].column.as_deref(), Some("v"));
    assert_eq!(
        (decoded.rejected[3].rule.as_deref(), &*decoded.rejected[3].detail),
        (Some("small"), "v < 100 is false")
    );
    assert_eq!(decoded.rejected[4].rule.as_deref(), Some("inverse"));
    assert!(decoded.failed.is_none());
}

#[test]
fn a_stop_hides_what_follows_it() {
    let records = [
        r#"{"id": 1, "v": 200, "at": "1970-01-01T00:00:00Z"}"#,
        r#"{"id": 2, "v": 2, "at": "1970-01-01T00:00:00Z"}"#,
        r#"{"id": 3, "v": 66, "at": "1970-01-01T00:00:00Z"}"#,
        r#"{"id": 4, "v": 200, "at": "1970-01-01T00:00:00Z"}"#,
        "not json",
        r#"{"id": 5, "v": 2}"#,
        r#"{"id": 6, "v": 3, "at": "1970-01-01T00:00:00Z"}"#,
    ];
    let decoded = decode(&records, None);
    assert_eq!(lines(std::slice::from_ref(&decoded.rows)), ["2,2,1970-01-01T00:00:00Z"]);
    assert_eq!(reasons(&decoded), [(100, Reason::Violation)]);
    assert!(decoded.warned.is_empty());
    let failed = decoded.failed.unwrap();
    assert_eq!((failed.offset, failed.rule.as_deref(), &*failed.record), (102, Some("legal"), records[2]));
}

#[test]
fn without_columns_rows_are_still_counted() {
    let plain = stream("CREATE STREAM s (id BIGINT NOT NULL)");
    let mut reader = StreamReader::new(plain, Some(&[])).unwrap();
    let decoded = reader.decode(&chunk(0, &[r#"{"id": 1}"#, "{}", r#"{"id": 2}"#])).unwrap();
    assert_eq!((decoded.rows.num_rows(), decoded.rows.num_columns()), (2, 0));
    assert_eq!(reasons(&decoded), [(1, Reason::Undecodable)]);
    let empty = reader.decode(&chunk(5, &["x"])).unwrap();
    assert_eq!(empty.rows.num_rows(), 0);
}

#[test]
fn long_records_are_cut_with_a_note() {
    let long = "ä".repeat(40_000);
    let shown = text::shown(long.as_bytes());
    assert!(shown.ends_with("… (cut; 80000 bytes in all)"));
    assert!(shown.starts_with("ää") && !shown.contains('\u{FFFD}'));
    assert_eq!(text::shown(b"a\xFFb"), "a\u{FFFD}b");
}

fn record() -> impl Strategy<Value = String> {
    let value = prop_oneof![Just("null".to_owned()), (0i64..120).prop_map(|v| v.to_string()), Just("\"x\"".to_owned())];
    let at = prop_oneof![
        4 => (0i64..50).prop_map(|second| format!("\"1970-01-01T00:00:{second:02}Z\"")),
        1 => Just("null".to_owned()),
        1 => Just("\"1980-01-01T00:00:00Z\"".to_owned()),
    ];
    (value, at, 0..20).prop_map(|(v, at, broken)| match broken {
        0 => "{".to_owned(),
        _ => format!(r#"{{"id": 1, "v": {v}, "at": {at}}}"#),
    })
}

proptest! {
    #[test]
    fn the_columns_asked_for_decide_nothing(records in prop::collection::vec(record(), 1..40)) {
        let records: Vec<&str> = records.iter().map(String::as_str).collect();
        let all = decode(&records, None);
        for projection in [&[][..], &[0], &[1], &[2, 0], &[2, 1, 0]] {
            let some = decode(&records, Some(projection));
            prop_assert_eq!(&some.offsets, &all.offsets);
            prop_assert_eq!(&some.event_times, &all.event_times);
            prop_assert_eq!(&some.rejected, &all.rejected);
            prop_assert_eq!((&some.warned, &some.dropped, &some.failed), (&all.warned, &all.dropped, &all.failed));
            prop_assert_eq!(&some.rows, &all.rows.project(projection).unwrap());
        }
    }

    #[test]
    fn nor_does_how_records_are_cut_into_chunks(records in prop::collection::vec(record(), 2..40), cut in 1usize..39) {
        let records: Vec<&str> = records.iter().map(String::as_str).collect();
        let cut = cut.min(records.len() - 1);
        let mut whole = chunk(0, &records);
        let mut reader = StreamReader::new(Arc::clone(&stream(READINGS)), None).unwrap();
        let all = reader.decode(&whole).unwrap();
        let (mut offsets, mut rejected) = (vec![], vec![]);
        let at = i64::try_from(cut).unwrap();
        for range in [0..at, at..whole.next] {
            whole.range = range;
            let part = reader.decode(&whole).unwrap();
            offsets.extend(part.offsets);
            rejected.extend(part.rejected);
            if part.failed.is_some() {
                prop_assert_eq!(&part.failed, &all.failed);
                break;
            }
        }
        prop_assert_eq!(offsets, all.offsets);
        prop_assert_eq!(rejected, all.rejected);
    }
}
