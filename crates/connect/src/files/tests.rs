//! Files read in pieces, resumed, and broken in the ways files are.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use headwater_base::clock::ManualClock;
use headwater_base::files::disk::Disk;
use headwater_base::random::Random;

use super::*;

struct Lines(Vec<String>, usize);

impl Intake for Lines {
    fn push(&mut self, record: &[u8]) {
        self.0.push(String::from_utf8_lossy(record).into_owned());
    }

    fn is_full(&self) -> bool {
        self.0.len() >= self.1
    }
}

fn target(format: Format) -> Target {
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("name", DataType::Utf8View, true),
        Field::new("amount", DataType::Int64, true),
    ]));
    Target { schema, format, event_time: None }
}

fn source(folder: &Path, format: Format) -> FileSource {
    let path = format!("{}/*.csv", folder.display());
    let options = Options { path, format: Format::Csv, follow: false, speed: None };
    FileSource::new(Disk::shared(), ManualClock::at(0), target(format), options).expect("valid")
}

/// Reads all, `at_once` records a poll, with a restart after each poll.
fn read(folder: &Path, format: Format, mut at_once: impl FnMut() -> usize) -> Result<Vec<String>> {
    let (mut position, mut lines): (Option<Vec<u8>>, Vec<String>) = (None, Vec::new());
    loop {
        let mut source = source(folder, format);
        source.start(position.as_deref())?;
        let mut intake = Lines(Vec::new(), at_once());
        let progress = source.poll(&mut intake)?;
        lines.extend(intake.0);
        position = Some(source.position());
        if progress == Progress::End {
            return Ok(lines);
        }
    }
}

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).expect("written");
    }
    folder
}

#[test]
fn a_restart_after_any_record_loses_and_repeats_nothing() {
    let mut text = b"\xEF\xBB\xBFid,name,amount\r\n".to_vec();
    for id in 0..500 {
        match id % 5 {
            0 => text.extend(format!("{id},\"two\nlines, \"\"quoted\"\"\",3\n").bytes()),
            1 => text.extend(format!("{id},plain,{id}\r\n\n").bytes()),
            _ => text.extend(format!("{id},,\n").bytes()),
        }
    }
    let folder = folder(&[("b.csv", &text), ("a.csv", b"id,name,amount\n9000,x,1"), ("c.csv", b""), ("d.csv", b"id,name\n")]);
    let whole = read(folder.path(), Format::Csv, || usize::MAX).expect("read");
    assert_eq!(whole.len(), 501);
    assert_eq!(whole[0], "9000,x,1");
    assert_eq!(whole[1], "0,\"two\nlines, \"\"quoted\"\"\",3");
    for seed in 0..4 {
        let mut random = Random::new(seed);
        assert_eq!(read(folder.path(), Format::Csv, || 1 + random.below(9) as usize).expect("read"), whole);
    }
}

#[test]
fn another_order_is_rewritten_and_another_format_too() {
    let folder = folder(&[("a.csv", b"AMOUNT,extra,Id,name\n5,?,1,\"a, b\"\n,?,2,\nx,?,3,c\n1,2\n")]);
    let csv = read(folder.path(), Format::Csv, || 10).expect("read");
    assert_eq!(csv, ["1,\"a, b\",5", "2,,", "3,c,x", "1,2"]);
    let json = read(folder.path(), Format::Json, || 10).expect("read");
    assert_eq!(json[0], r#"{"id":1,"name":"a, b","amount":5}"#);
    assert_eq!(json[2], "x,?,3,c", "a record that can't be converted stays as it is");
}

#[test]
fn an_open_quote_costs_one_line() {
    let mut text = b"id,name,amount\n1,\"never closed,5\n".to_vec();
    (2..60_000).for_each(|id| text.extend(format!("{id},some name that is long enough,7\n").bytes()));
    let folder = folder(&[("a.csv", &text)]);
    let lines = read(folder.path(), Format::Csv, || usize::MAX).expect("read");
    assert_eq!(lines.len(), 59_999);
    assert_eq!(lines[0], "1,\"never closed,5");
    assert_eq!(lines[1], "2,some name that is long enough,7");
}

#[test]
fn what_cannot_be_read_says_which_file() {
    let check = |files: &[(&str, &[u8])], wanted: &str| {
        let folder = folder(files);
        let failed = read(folder.path(), Format::Csv, || 1).expect_err(wanted);
        assert!(failed.to_string().contains(wanted), "{failed}");
    };
    check(&[], "no file matches");
    check(&[("a.csv", b"name,amount\nx,1\n")], "a.csv:1: the header has no column id");
    let mut long = b"id,name,amount\n1,".to_vec();
    long.resize(100 << 20, b'x');
    check(&[("a.csv", &long)], "a.csv:2: a record is longer than 16 MiB");

    let folder = folder(&[("a.csv", b"id,name,amount\n1,a,1\n2,b,2\n")]);
    let mut first = source(folder.path(), Format::Csv);
    first.start(None).expect("started");
    first.poll(&mut Lines(Vec::new(), 1)).expect("polled");
    let position = first.position();
    std::fs::write(folder.path().join("a.csv"), b"id\n").expect("written");
    let failed = source(folder.path(), Format::Csv).start(Some(&position)).expect_err("cut off");
    assert!(failed.to_string().contains("it was replaced or cut off"), "{failed}");
    std::fs::remove_file(folder.path().join("a.csv")).expect("removed");
    std::fs::write(folder.path().join("b.csv"), b"id\n").expect("written");
    let failed = source(folder.path(), Format::Csv).start(Some(&position)).expect_err("gone");
    assert!(failed.to_string().contains("a.csv is gone"), "{failed}");
}

#[test]
fn a_file_that_follows_waits_for_the_end_of_its_line() {
    let folder = folder(&[("a.csv", b"id,name,amount\n1,a,1\n2,b")]);
    let path = format!("{}/*.csv", folder.path().display());
    let options = Options { path, format: Format::Csv, follow: true, speed: None };
    let mut source = FileSource::new(Disk::shared(), ManualClock::at(0), target(Format::Csv), options).expect("valid");
    source.start(None).expect("started");
    let mut intake = Lines(Vec::new(), 100);
    assert!(matches!(source.poll(&mut intake).expect("polled"), Progress::Wait(_)));
    assert_eq!(intake.0, ["1,a,1"]);
    std::fs::write(folder.path().join("a.csv"), b"id,name,amount\n1,a,1\n2,b,2\n").expect("written");
    std::fs::write(folder.path().join("b.csv"), b"id,name,amount\n3,c,3\n").expect("written");
    assert!(matches!(source.poll(&mut intake).expect("polled"), Progress::Wait(_)));
    assert_eq!(intake.0, ["1,a,1", "2,b,2", "3,c,3"]);
}
