//! Compressed files and files of another format than their stream's: read once whatever happens between.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use headwater_base::clock::ManualClock;
use headwater_base::files::Open;
use headwater_base::files::simulated::Simulated;
use headwater_base::random::Random;
use headwater_connect::contract::{self, Collected};
use headwater_connect::files::Options;
use headwater_connect::{FileSource, Target};
use headwater_format::{Format, decoder};
use headwater_stream::source::{Progress, Source};

use crate::{target, texts};

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstandard(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 3).unwrap()
}

fn source(disk: &Simulated, target: Target, format: Format, path: &str, follow: bool) -> FileSource {
    let options = Options { path: path.to_string(), format, follow, speed: None };
    FileSource::new(disk.shared(), ManualClock::at(0), target, options).unwrap()
}

fn csv(disk: &Simulated, path: &str, follow: bool) -> FileSource {
    source(disk, target(Format::Csv), Format::Csv, path, follow)
}

/// Lines that don't compress to nothing.
fn lines(random: &mut Random, count: usize) -> String {
    let line = |id| format!("{id},{:016x}{:016x},\n", random.below(u64::MAX), random.below(u64::MAX));
    (0..count).map(line).collect()
}

#[test]
fn compressed_files_keep_the_contract() {
    for seed in 0..20 {
        let mut random = Random::new(seed);
        let disk = Simulated::new(seed);
        let mut whole = String::new();
        for name in ["a.csv.gz", "b.csv", "c.csv.zst", "d.csv.gzip", "e.csv.zstd", "f.csv.gz"] {
            let count = random.below(4000) as usize;
            let text = lines(&mut random, count);
            whole.push_str(&text);
            let text = format!("\u{feff}id,name,at\n{text}");
            let (first, second) = text.split_at(random.below(text.len() as u64 - 3) as usize + 3);
            let packed = |of: &str| match name {
                name if name.contains(".gz") => gzip(of.as_bytes()),
                name if name.contains(".zst") => zstandard(of.as_bytes()),
                _ => of.as_bytes().to_vec(),
            };
            // Both formats allow one after the other.
            disk.write(&Path::new("/data").join(name), &[packed(first), packed(second)].concat()).unwrap();
        }
        let make = || -> Box<dyn Source> { Box::new(csv(&disk, "/data/*", false)) };
        let records = texts(&contract::check(&make, seed));
        assert!(records.iter().map(String::as_str).eq(whole.lines()), "seed {seed}");
    }
}

#[test]
fn a_position_is_one_of_the_decompressed_text() {
    let disk = Simulated::new(1);
    disk.write(Path::new("/data/a.csv.gz"), &gzip(b"id,name,at\n1,a,\n2,b,\n")).unwrap();
    let mut source = csv(&disk, "/data/*.gz", false);
    source.start(None).unwrap();
    let mut collected = Collected { until: Some(1), ..Collected::default() };
    contract::drain(&mut source, &mut collected).unwrap();
    let position = source.position();
    let text = String::from_utf8_lossy(&position);
    assert!(text.starts_with(r#"{"file":"/data/a.csv.gz","offset":16,"line":3,"files_before":0,"check":"#), "{text}");
    let resumed = |packed: &[u8]| {
        disk.write(Path::new("/data/a.csv.gz"), packed).unwrap();
        let mut source = csv(&disk, "/data/*.gz", false);
        let mut collected = Collected::default();
        let done = source.start(Some(&position)).and_then(|()| contract::drain(&mut source, &mut collected));
        done.map(|_| texts(&collected.records)).map_err(|error| error.message)
    };
    // Compressed anew and grown: the text before is what counts.
    assert_eq!(
        resumed(&zstandard(b"x")).unwrap_err(),
        "/data/a.csv.gz can't be decompressed behind byte 0 of its text: invalid gzip header"
    );
    assert_eq!(resumed(&[gzip(b"id,name,at\n1,a,\n2,"), gzip(b"b,\n3,c,")].concat()).unwrap(), ["2,b,", "3,c,"]);
    assert_eq!(
        resumed(&gzip(b"id,name,at\n7,a,\n2,b,\n")).unwrap_err(),
        "/data/a.csv.gz is another file than before: what stands before byte 16 (of 41) has changed"
    );
    let cut = resumed(&gzip(b"id,name,at\n")).unwrap_err();
    assert_eq!(cut, "/data/a.csv.gz is shorter than before: it has 31 bytes and was read up to byte 16");
}

#[test]
fn a_compressed_file_that_grows_is_followed() {
    let mut random = Random::new(7);
    for pack in [gzip, zstandard] as [fn(&[u8]) -> Vec<u8>; 2] {
        let name = if pack(b"")[0] == 0x1f { "/data/a.csv.gz" } else { "/data/a.csv.zst" };
        let disk = Simulated::new(1);
        let text = lines(&mut random, 3000);
        let whole =
            [pack(b"id,name,at\n"), pack(&text.as_bytes()[..40_000]), pack(&text.as_bytes()[40_000..])].concat();
        disk.write(Path::new(name), b"").unwrap();
        let mut source = csv(&disk, "/data/*", true);
        source.start(None).unwrap();
        let mut got = Collected::default();
        let mut cut = 0;
        while cut < whole.len() {
            cut = (cut + 1 + random.below(9000) as usize).min(whole.len());
            let file = disk.shared().open(Path::new(name), Open::Write).unwrap();
            file.write_at(&whole[..cut], 0).unwrap();
            assert!(matches!(contract::drain(&mut source, &mut got).unwrap(), Progress::Wait(_)));
            if random.chance(1, 3) {
                let position = source.position();
                source = csv(&disk, "/data/*", true);
                source.start(Some(&position)).unwrap();
            }
        }
        assert!(texts(&got.records).iter().map(String::as_str).eq(text.lines()));
        disk.write(Path::new("/data/b.csv"), b"id\n7\n").unwrap();
        contract::drain(&mut source, &mut got).unwrap();
        assert_eq!(texts(&got.records).last().unwrap(), "7,,");
        let file = disk.shared().open(Path::new(name), Open::Write).unwrap();
        file.set_length(3).unwrap();
    }
}

#[test]
fn a_compressed_file_that_is_cut_or_damaged_stops_behind_its_last_whole_record() {
    let mut random = Random::new(3);
    let text = lines(&mut random, 50_000);
    let packed = gzip(format!("id,name,at\n{text}").as_bytes());
    let disk = Simulated::new(1);
    let read = |packed: &[u8]| {
        disk.write(Path::new("/data/a.csv.gz"), packed).unwrap();
        let mut source = csv(&disk, "/data/a.csv.gz", false);
        source.start(None).unwrap();
        let mut got = Collected::default();
        let stopped = contract::drain(&mut source, &mut got).unwrap_err().message;
        let records = texts(&got.records);
        // A checksum comes at the end of its data: damage may give text before it is noticed.
        assert!(
            records.iter().map(String::as_str).zip(text.lines()).take(10_000).filter(|(a, b)| a == b).count() == 10_000
        );
        stopped
    };
    let cut = read(&packed[..packed.len() / 2]);
    assert!(cut.ends_with("of its text: it ends in the middle of its data"), "{cut}");
    let mut damaged = packed.clone();
    damaged[packed.len() / 2..packed.len() / 2 + 50].fill(0xff);
    let damaged = read(&damaged);
    assert!(damaged.starts_with("/data/a.csv.gz can't be decompressed behind byte "), "{damaged}");
}

#[test]
fn json_feeds_csv_and_what_is_no_row_stays_none() {
    let records = [
        r#"{"id": 1, "name": "a, \"b\"", "more": [1, {}]}"#,
        r#"{"name": "", "ID": 2.0, "at": "2010-12-01T08:26:00Z"}"#,
        r#"{"name": "no id"}"#,
        r#"{"id": "text", "name": null}"#,
        r#"{"id": 4"#,
        "x,y,",
    ];
    let text = format!("{}\n", records.join("\n"));
    let disk = Simulated::new(1);
    disk.write(Path::new("/data/a.ndjson"), text.as_bytes()).unwrap();
    disk.write(Path::new("/data/b.ndjson.gz"), &gzip(b"{\"id\":5}\n")).unwrap();
    let make = || -> Box<dyn Source> { Box::new(source(&disk, target(Format::Csv), Format::Json, "/data/*", false)) };
    for seed in 0..40 {
        let got = contract::check(&make, seed);
        assert_eq!(
            texts(&got),
            [
                "1,\"a, \"\"b\"\"\",",
                "2,\"\",2010-12-01T08:26:00Z",
                records[2],
                records[3],
                records[4],
                "x,y,,\"",
                "5,,"
            ]
        );
        let mut decoder = decoder(Format::Csv, target(Format::Csv).schema, None).unwrap();
        let rows: Vec<bool> = got.iter().map(|record| decoder.push(record).is_ok()).collect();
        assert_eq!(rows, [true, true, false, false, false, false, true]);
    }
}
