//! How fast sources hand over records on one core: lines of a file as they are and rewritten, and generated rows.
//!
//! With the folder of the Online Retail data as argument it reads that too, and prints sums that are known of it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow_schema::{DataType, Field, Schema, TimeUnit};
use headwater_base::clock::SystemClock;
use headwater_base::files::disk::Disk;
use headwater_connect::{FileSource, Generator, Target, files, generator};
use headwater_format::{Decoder, Format, decoder};
use headwater_stream::source::{Intake, Source};

const RUNS: usize = 5;
const ROWS: u64 = 2_000_000;

/// Counts what it is given.
#[derive(Default)]
struct Counted {
    records: u64,
    bytes: u64,
    decoder: Option<Box<dyn Decoder>>,
}

impl Intake for Counted {
    fn push(&mut self, record: &[u8]) {
        self.records += 1;
        self.bytes += record.len() as u64;
        if let Some(decoder) = &mut self.decoder {
            decoder.push(record).expect("the data is clean");
        }
    }

    fn is_full(&self) -> bool {
        false
    }
}

fn main() {
    let threads = std::thread::available_parallelism().map_or(0, usize::from);
    println!("machine cores={threads} rows={ROWS} best_of={RUNS} threads=1 time=cpu");
    let folder = tempfile::tempdir().expect("a folder for the file");
    let path = folder.path().join("sales.csv");
    let csv = write_file(&path);
    let path = path.display().to_string();
    measure("files_as_they_are", csv, || Box::new(file(&path, Format::Csv)));
    measure("files_to_json", csv, || Box::new(file(&path, Format::Json)));
    measure("generator_csv", csv, || Box::new(rows(Format::Csv)));
    measure("generator_json", 0, || Box::new(rows(Format::Json)));
    if let Some(folder) = std::env::args().nth(1) {
        retail(&folder);
    }
}

fn measure(name: &str, bytes: u64, make: impl Fn() -> Box<dyn Source>) {
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let mut source = make();
        let mut counted = Counted::default();
        let started = on_cpu();
        source.start(None).expect("the source starts");
        while !matches!(poll(source.as_mut(), &mut counted), headwater_stream::source::Progress::End) {}
        best = best.min(on_cpu() - started);
        assert_eq!(counted.records, ROWS);
    }
    println!("figure {name} {:.2} million_rows/s", ROWS as f64 / best.as_secs_f64() / 1e6);
    if bytes > 0 {
        println!("figure {name} {:.2} GB/s", bytes as f64 / best.as_secs_f64() / 1e9);
    }
}

fn poll(source: &mut dyn Source, intake: &mut dyn Intake) -> headwater_stream::source::Progress {
    source.poll(intake).expect("the source reads")
}

/// Time of this thread on a core, where Linux tells, else of the wall.
fn on_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let told = text.split(' ').next().and_then(|nanos| nanos.parse().ok()).map(Duration::from_nanos);
    told.unwrap_or_else(|| SystemClock::shared().elapsed())
}

fn target(format: Format) -> Target {
    let at = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let column = |name: &str, data_type| Field::new(name, data_type, true);
    let schema = Arc::new(Schema::new(vec![
        column("invoiceno", DataType::Utf8View),
        column("stockcode", DataType::Utf8View),
        column("description", DataType::Utf8View),
        column("quantity", DataType::Int64),
        column("invoicedate", at),
        column("unitprice", DataType::Decimal128(12, 3)),
        column("customerid", DataType::Int64),
        column("country", DataType::Utf8View),
    ]));
    Target { schema, format, event_time: Some(4) }
}

fn rows(format: Format) -> Generator {
    let fields = [
        ("invoiceno", "sequence(536365, 1)"),
        ("stockcode", "pattern('#####?')"),
        ("description", "choice('WHITE METAL LANTERN' 3, 'JAM MAKING SET', 'SET 7 BABUSHKA NESTING BOXES')"),
        ("quantity", "integer(1, 24)"),
        ("invoicedate", "time('2010-12-01 08:26:00', '3 seconds')"),
        ("unitprice", "decimal(0.1, 19.99, 2)"),
        ("customerid", "null(0.25, integer(12346, 18287))"),
        ("country", "constant('United Kingdom')"),
    ];
    let fields = fields.iter().map(|(name, spec)| (name.to_string(), spec.to_string())).collect();
    let options = generator::Options { rows: Some(ROWS), rate: None, seed: 7, fields };
    Generator::new(SystemClock::shared(), target(format), options).expect("the fields are of the columns' types")
}

fn file(path: &str, format: Format) -> FileSource {
    let options = files::Options { path: path.to_string(), format: Format::Csv, follow: false, speed: None };
    FileSource::new(Disk::shared(), SystemClock::shared(), target(format), options).expect("the options are right")
}

fn write_file(path: &Path) -> u64 {
    struct Lines(Vec<u8>);
    impl Intake for Lines {
        fn push(&mut self, record: &[u8]) {
            self.0.extend_from_slice(record);
            self.0.push(b'\n');
        }

        fn is_full(&self) -> bool {
            false
        }
    }
    let mut lines =
        Lines(b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n".to_vec());
    let mut source = rows(Format::Csv);
    source.start(None).expect("the source starts");
    poll(&mut source, &mut lines);
    std::fs::write(path, &lines.0).expect("there is room for the file");
    lines.0.len() as u64
}

/// What the data's owners say of it: 541,909 rows.
fn retail(folder: &str) {
    let clock = SystemClock::shared();
    for format in [Format::Csv, Format::Json] {
        let started = clock.elapsed();
        let mut source = file(&format!("{folder}/*.csv"), format);
        source.start(None).expect("the folder is there");
        let decoder = decoder(format, target(format).schema, None).expect("the columns are of known types");
        let mut counted = Counted { decoder: Some(decoder), ..Counted::default() };
        while !matches!(poll(&mut source, &mut counted), headwater_stream::source::Progress::End) {}
        let rows = counted.decoder.map(|mut decoder| decoder.finish()).expect("it was given");
        let seconds = (clock.elapsed() - started).as_secs_f64();
        let nulls = |column: usize| rows.column(column).null_count();
        println!(
            "retail {format}: {} rows, {} without customer, {} without description, {seconds:.2} s",
            rows.num_rows(),
            nulls(6),
            nulls(2)
        );
    }
}
