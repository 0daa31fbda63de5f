//! Files: read once whatever happens between, and broken, growing, shrinking and vanishing ones.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use headwater_base::clock::{Clock, ManualClock};
use headwater_base::files::simulated::Simulated;
use headwater_base::random::Random;
use headwater_connect::contract::{self, Collected};
use headwater_connect::files::{Options, RECORD_BYTES_MAX};
use headwater_connect::{FileSource, Target};
use headwater_format::Format;
use headwater_stream::source::{Error, Progress, Source};
use proptest::prelude::*;

use crate::{target, texts};

fn options(path: &str) -> Options {
    Options { path: path.to_string(), format: Format::Csv, follow: false, speed: None }
}

fn disk(files: &[(&str, &[u8])]) -> Simulated {
    let disk = Simulated::new(1);
    for (name, bytes) in files {
        disk.write(Path::new(name), bytes).unwrap();
    }
    disk
}

fn source(disk: &Simulated, target: Target, options: Options) -> FileSource {
    FileSource::new(disk.shared(), ManualClock::at(0), target, options).unwrap()
}

/// A started source of `/data/*.csv`.
fn started(disk: &Simulated, follow: bool) -> FileSource {
    let mut source = source(disk, target(Format::Csv), Options { follow, ..options("/data/*.csv") });
    source.start(None).unwrap();
    source
}

fn read(disk: &Simulated, format: Format) -> Result<Vec<String>, Error> {
    let mut source = source(disk, target(format), options("/data/*.csv"));
    source.start(None)?;
    let mut collected = Collected::default();
    assert_eq!(contract::drain(&mut source, &mut collected)?, Progress::End);
    Ok(texts(&collected.records))
}

/// Some lines of a file, most of them good.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (any::<u32>(), "[a-z ]{0,30}").prop_map(|(id, name)| format!("{id},{name},2010-12-01 08:26:00")),
        2 => "[a-z\n\"]{0,12}".prop_map(|name| format!("1,\"{}\",", name.replace('"', "\"\""))),
        1 => Just(String::new()),
        1 => "[a-z,\"]{0,12}",
        1 => Just("7,\"never closed,".to_string()),
    ]
}

fn file() -> impl Strategy<Value = Vec<u8>> {
    let header = prop::sample::select(vec!["id,name,at", "\u{feff}ID,Name,AT", "name,extra,id,at", "id", ""]);
    let end = prop::sample::select(vec!["\n", "\r\n"]);
    (header, prop::collection::vec(line(), 0..40), end, any::<bool>()).prop_map(|(header, lines, end, ended)| {
        if header.is_empty() {
            return Vec::new();
        }
        let mut text = [&[header.to_string()], &lines[..]].concat().join(end);
        text.push_str(if ended { end } else { "" });
        text.into_bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn they_keep_the_contract(files in prop::collection::vec(file(), 1..5), seed: u64, json: bool) {
        let disk = Simulated::new(seed);
        for (index, bytes) in files.iter().enumerate() {
            disk.write(Path::new(&format!("/data/{index}/x.csv")), bytes).unwrap();
        }
        let target = target(if json { Format::Json } else { Format::Csv });
        let make = || -> Box<dyn Source> { Box::new(source(&disk, target.clone(), options("/data/*/x.csv"))) };
        contract::check(&make, seed);
    }

    #[test]
    fn a_growing_file_gives_what_the_grown_one_gives(bytes in file(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let disk = disk(&[("/data/a.csv", &bytes)]);
        let whole = read(&disk, Format::Csv);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        disk.write(Path::new("/data/a.csv"), b"").unwrap();
        let mut source = started(&disk, true);
        let mut got = Collected::default();
        for cut in cuts.into_iter().chain([bytes.len()]) {
            // A writer adds to the file: no one before has been made shorter.
            let file = disk.shared().open(Path::new("/data/a.csv"), headwater_base::files::Open::Write).unwrap();
            file.write_at(&bytes[..cut], 0).unwrap();
            prop_assert!(matches!(contract::drain(&mut source, &mut got).unwrap(), Progress::Wait(_)));
        }
        // A successor says that the file is complete.
        disk.write(Path::new("/data/b.csv"), b"id\n").unwrap();
        prop_assert!(matches!(contract::drain(&mut source, &mut got).unwrap(), Progress::Wait(_)));
        prop_assert_eq!(Ok(texts(&got.records)), whole.map_err(|error| error.message));
    }
}

#[test]
fn records_enter_as_they_are_or_rewritten() {
    let same = b"\xEF\xBB\xBFID,name,at\r\n1,\"two\r\nlines, \"\"q\"\"\",\r\n\r\n2,x\n\xff,y,\n3,z,2010-12-01";
    let disk =
        disk(&[("/data/a.csv", same), ("/data/b.csv", b""), ("/data/c.csv", b"id,name\n"), ("/data/.d.csv", b"x")]);
    let lines = ["1,\"two\r\nlines, \"\"q\"\"\",", "2,x", "\u{fffd},y,", "3,z,2010-12-01"];
    assert_eq!(read(&disk, Format::Csv).unwrap(), lines);
    disk.write(Path::new("/data/a.csv"), b"name,extra,id\nann,?,1\n\"b,c\",,2.0\nx,?\n").unwrap();
    assert_eq!(read(&disk, Format::Csv).unwrap(), ["1,ann,", "2.0,\"b,c\",", "x,?"]);
    assert_eq!(read(&disk, Format::Json).unwrap(), [r#"{"id":1,"name":"ann"}"#, r#"{"id":2,"name":"b,c"}"#, "x,?"]);
}

#[test]
fn json_records_enter_line_by_line_as_they_are() {
    let lines = ["{\"id\": 1, \"name\": \"a, \\\"b\\\"\"}", "{\"id\": 2", "\"", "{\"id\":3}"];
    let text = format!("\u{feff}{}\r\n\n{}\n{}\n{}", lines[0], lines[1], lines[2], lines[3]);
    let disk = disk(&[("/data/a.json", text.as_bytes()), ("/data/b.json", b"{\"id\":4}\n")]);
    let make = || -> Box<dyn Source> {
        let json = Options { format: Format::Json, ..options("/data/*.json") };
        Box::new(source(&disk, target(Format::Json), json))
    };
    for seed in 0..40 {
        let records = texts(&contract::check(&make, seed));
        assert_eq!(records[..4], lines);
        assert_eq!(records[4..], ["{\"id\":4}"]);
    }
}

#[test]
fn a_quote_that_nothing_closes_costs_one_line() {
    let mut text = b"id,name,at\n1,\"never closed,\n".to_vec();
    for id in 2..700_000 {
        text.extend_from_slice(format!("{id},a name that is long enough,\n").as_bytes());
    }
    assert!(text.len() > RECORD_BYTES_MAX);
    let lines = read(&disk(&[("/data/a.csv", &text)]), Format::Csv).unwrap();
    assert_eq!(lines.len(), 699_999);
    assert_eq!(lines[..2], ["1,\"never closed,", "2,a name that is long enough,"]);
}

#[test]
fn a_huge_record_is_refused_with_its_line_or_read_on_request() {
    let mut text = b"id,name,at\n1,x,\n2,".to_vec();
    text.resize(100 << 20, b'x');
    text.extend_from_slice(b",\n3,y,\n");
    let disk = disk(&[("/data/a.csv", &text)]);
    let refused = read(&disk, Format::Csv).unwrap_err();
    assert_eq!(refused.message, "/data/a.csv, line 3: the record does not end within 16777216 bytes");
    let mut source = source(&disk, target(Format::Csv), options("/data/a.csv")).with_record_bytes_max(128 << 20);
    source.start(None).unwrap();
    let mut collected = Collected::default();
    assert_eq!(contract::drain(&mut source, &mut collected).unwrap(), Progress::End);
    assert_eq!(collected.records.iter().map(Vec::len).collect::<Vec<_>>(), [4, (100 << 20) - 15, 4]);
}

#[test]
fn options_and_paths_that_make_no_sense_are_refused() {
    let empty = disk(&[("/data/a.txt", b"")]);
    assert_eq!(read(&empty, Format::Csv).unwrap_err().message, "no file matches '/data/*.csv' in /data");
    let failed = |options: Options, target: Target| {
        let source = FileSource::new(empty.shared(), ManualClock::at(0), target, options);
        source.and_then(|mut source| source.start(None)).unwrap_err().message
    };
    assert_eq!(
        failed(options("/none/*/x.csv"), target(Format::Csv)),
        "the folder /none of '/none/*/x.csv' is not there"
    );
    let packed = failed(options("a.csv.bz2"), target(Format::Csv));
    assert!(packed.ends_with("ends in .bz2) can't be read; .gz and .zst files can"), "{packed}");
    assert!(failed(options("[x"), target(Format::Csv)).starts_with("PATH '[x' is no pattern"));
    let slow = |speed| Options { speed: Some(speed), ..options("/data/*") };
    assert_eq!(failed(slow(0.0), target(Format::Csv)), "SPEED must be above zero, and is 0");
    let timeless = Target { event_time: None, ..target(Format::Csv) };
    assert_eq!(failed(slow(1.0), timeless), "SPEED needs a stream with WATERMARK FOR its event time");
    let headless = disk(&[("/data/a.csv", b"name,at\nx,\n")]);
    let refused = read(&headless, Format::Csv).unwrap_err().message;
    assert_eq!(refused, "/data/a.csv: column 'id' is NOT NULL, and the header does not name it");
}

#[test]
fn folders_are_searched_at_any_depth_and_from_any_base() {
    let disk = disk(&[
        ("/project/data/b/1.csv", b"id\n2\n"),
        ("/project/data/a.csv", b"id\n1\n"),
        ("/project/data/b/c/0.csv", b"id\n3\n"),
        ("/project/data/b/1.txt", b"id\n4\n"),
    ]);
    let read = |path: &str| {
        let mut source = source(&disk, target(Format::Csv), options(path)).in_folder("/project");
        source.start(None).unwrap();
        let mut collected = Collected::default();
        contract::drain(&mut source, &mut collected).unwrap();
        texts(&collected.records).concat()
    };
    assert_eq!(read("data/**/*.csv"), "1,,2,,3,,");
    assert_eq!(read("data/?/*"), "2,,4,,");
    assert_eq!(read("data/a.csv"), "1,,");
    assert_eq!(read("/project/data/a.csv"), "1,,");
}

/// The position after the first record of a file with two.
fn after_one(disk: &Simulated) -> Vec<u8> {
    let mut source = started(disk, false);
    let mut one = Collected { until: Some(1), ..Collected::default() };
    source.poll(&mut one).unwrap();
    source.position()
}

#[test]
fn a_file_that_is_not_what_it_was_stops_the_source() {
    let path = Path::new("/data/a.csv");
    let disk = disk(&[("/data/a.csv", b"id,name,at\n1,a,\n2,b,\n"), ("/data/b.csv", b"id\n3\n")]);
    let position = after_one(&disk);
    let text = String::from_utf8(position.clone()).unwrap();
    assert!(text.starts_with(r#"{"file":"/data/a.csv","offset":16,"line":3,"files_before":0,"check":"#), "{text}");
    let resumed = || {
        let mut source = source(&disk, target(Format::Csv), options("/data/*.csv"));
        let mut collected = Collected::default();
        source.start(Some(&position)).and_then(|()| contract::drain(&mut source, &mut collected)).unwrap_err().message
    };
    disk.write(path, b"id,name,at\n").unwrap();
    assert_eq!(resumed(), "/data/a.csv is shorter than before: it has 11 bytes and was read up to byte 16");
    disk.write(path, b"id,name,at\n7,a,\n2,b,\n9,c,\n").unwrap();
    assert_eq!(resumed(), "/data/a.csv is another file than before: what stands before byte 16 (of 26) has changed");
    disk.shared().remove_file(path).unwrap();
    assert_eq!(resumed(), "/data/a.csv is gone; it was read up to byte 16");
}

#[test]
fn a_file_that_was_read_to_its_end_may_go() {
    let disk = disk(&[("/data/a.csv", b"id\n1\n")]);
    let mut first = started(&disk, false);
    let mut collected = Collected::default();
    assert_eq!(contract::drain(&mut first, &mut collected).unwrap(), Progress::End);
    disk.shared().remove_file(Path::new("/data/a.csv")).unwrap();
    disk.write(Path::new("/data/b.csv"), b"id\n2\n").unwrap();
    let mut second = source(&disk, target(Format::Csv), options("/data/*.csv"));
    second.start(Some(&first.position())).unwrap();
    assert_eq!(contract::drain(&mut second, &mut collected).unwrap(), Progress::End);
    assert_eq!(texts(&collected.records), ["1,,", "2,,"]);
}

#[test]
fn a_file_that_shrinks_while_it_is_read_stops_the_source() {
    let disk = disk(&[("/data/a.csv", b"id,name,at\n1,a,\n")]);
    let mut source = started(&disk, true);
    let mut collected = Collected::default();
    assert!(matches!(contract::drain(&mut source, &mut collected).unwrap(), Progress::Wait(_)));
    disk.write(Path::new("/data/a.csv"), b"id,name,at\n").unwrap();
    let stopped = contract::drain(&mut source, &mut collected).unwrap_err().message;
    assert_eq!(stopped, "/data/a.csv is shorter than before: it has 11 bytes and was read up to byte 16");
}

#[test]
fn what_comes_too_late_is_named_and_not_read() {
    let disk = disk(&[("/data/b.csv", b"id,more\n1,2\n")]);
    let mut source = started(&disk, true);
    let mut collected = Collected::default();
    contract::drain(&mut source, &mut collected).unwrap();
    assert_eq!(source.status().at, "/data/b.csv:3; columns that the stream lacks: more");
    disk.write(Path::new("/data/a.csv"), b"id\n2\n").unwrap();
    disk.write(Path::new("/data/c.csv"), b"id\n3\n").unwrap();
    contract::drain(&mut source, &mut collected).unwrap();
    assert_eq!(texts(&collected.records), ["1,,", "3,,"]);
    assert_eq!(source.status().at, "/data/c.csv:3; came too late and not read: /data/a.csv");
    let position = source.position();
    disk.write(Path::new("/data/a2.csv"), b"id\n2\n").unwrap();
    let mut again = started_at(&disk, &position);
    contract::drain(&mut again, &mut collected).unwrap();
    assert_eq!(again.status().at, "/data/c.csv:3; came too late and not read: 1 before /data/c.csv");
    assert_eq!(collected.records.len(), 2);
}

fn started_at(disk: &Simulated, position: &[u8]) -> FileSource {
    let mut source = source(disk, target(Format::Csv), Options { follow: true, ..options("/data/*.csv") });
    source.start(Some(position)).unwrap();
    source
}

#[test]
fn another_path_is_another_source() {
    let disk = disk(&[("/data/a.csv", b"id\n1\n2\n"), ("/more/b.csv", b"id\n3\n")]);
    let position = after_one(&disk);
    let mut moved = source(&disk, target(Format::Csv), options("/more/*.csv"));
    let refused = moved.start(Some(&position)).unwrap_err();
    assert_eq!(refused.message, "the source has read '/data/*.csv', and is to read '/more/*.csv' now");
}

#[test]
fn following_waits_for_files_to_come() {
    let disk = disk(&[("/other", b"")]);
    let mut source = started(&disk, true);
    let mut collected = Collected::default();
    assert!(matches!(contract::drain(&mut source, &mut collected).unwrap(), Progress::Wait(_)));
    assert_eq!(source.status().at, "waiting for '/data/*.csv'");
    assert_eq!(source.position(), b"null");
    disk.write(Path::new("/data/a.csv"), b"id\n1\n").unwrap();
    contract::drain(&mut source, &mut collected).unwrap();
    assert_eq!(texts(&collected.records), ["1,,"]);
    started_at(&disk, b"null");
}

#[test]
fn speed_paces_by_event_time() {
    let text = b"id,name,at\n1,,2010-12-01 08:00:00\n2,,2010-12-01 08:01:00\n3,,broken\n4,,2010-12-01 08:00:30\n5,,2010-12-01 08:02:00\n";
    for format in [Format::Csv, Format::Json] {
        let disk = disk(&[("/data/a.csv", text)]);
        let clock = ManualClock::at(0);
        let options = Options { speed: Some(60.0), ..options("/data/a.csv") };
        let mut source =
            FileSource::new(disk.shared(), Arc::clone(&clock) as Arc<dyn Clock>, target(format), options).unwrap();
        source.start(None).unwrap();
        let mut collected = Collected::default();
        let half = Duration::from_millis(500);
        let mut step = |collected: &mut Collected| {
            let progress = contract::drain(&mut source, collected).unwrap();
            clock.advance(half);
            (collected.records.len(), progress)
        };
        assert_eq!(step(&mut collected), (1, Progress::Wait(half)));
        assert_eq!(step(&mut collected), (1, Progress::Wait(half)));
        assert_eq!(step(&mut collected), (4, Progress::Wait(half)));
        assert_eq!(step(&mut collected), (4, Progress::Wait(half)));
        assert_eq!(step(&mut collected), (5, Progress::End));
    }
}

#[test]
fn lines_that_cross_the_buffer_are_whole() {
    let mut random = Random::new(3);
    let mut text = b"id,name,at\n".to_vec();
    let mut lines = Vec::new();
    while text.len() < 3 << 20 {
        let name = "n".repeat(random.below(3000) as usize);
        let quoted = if random.chance(1, 4) { format!("\"{name}\r\n,\"\"{name}\"") } else { name };
        lines.push(format!("{},{quoted},", lines.len()));
        text.extend_from_slice(lines[lines.len() - 1].as_bytes());
        text.extend_from_slice(if random.chance(1, 2) { b"\n" } else { b"\r\n" });
    }
    assert!(read(&disk(&[("/data/a.csv", &text)]), Format::Csv).unwrap() == lines);
}
