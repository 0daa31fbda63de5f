//! How fast records are decoded on one core, beside arrow-json and arrow-csv on the same bytes.
//!
//! Bids as Nexmark has them (JSON, about 290 bytes, seven columns) and lines of a shop (CSV, about 90 bytes, eight
//! columns), generated from a seed. Each figure is the best of several runs; peers get one buffer of all records.

use std::fmt::Write as _;
use std::io::{BufReader, Cursor};
use std::sync::Arc;
use std::time::Duration;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use headwater_base::clock::SystemClock;
use headwater_base::random::Random;
use headwater_format::{Encoded, Format, KeyReader, decoder, encoder};

/// The binary's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROWS: usize = 500_000;
const BATCH: usize = 8192;
const RUNS: usize = 7;

fn main() {
    let threads = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "machine cores={threads} arrow=59.3 rows={ROWS} batch={BATCH} best_of={RUNS} threads=1 time=cpu allocator=mimalloc"
    );
    let only = std::env::args().nth(1);
    let is_wanted = |name| only.as_deref().is_none_or(|only| only == name);
    if is_wanted("json") {
        json();
    }
    if is_wanted("csv") {
        csv();
    }
}

fn json() {
    let bids = bids();
    let columns = bid_columns();
    for (name, projection) in [("json_bids_3_of_7", Some(&[0, 2, 5][..])), ("json_bids_7_of_7", None)] {
        let mut ours = decode(Format::Json, &columns, projection, &bids);
        let mut theirs = arrow_json(&columns, projection, &bids);
        compare(name, &bids, &mut ours, "arrow-json", &mut theirs);
    }
    figure("json_bids_key", best(&mut keys(Format::Json, &columns, &bids)), &bids);
    figure("json_bids_encode", best(&mut encode(Format::Json, &columns, &bids)), &bids);
}

fn csv() {
    let sales = sales();
    for (name, price) in [("decimal", DataType::Decimal128(12, 3)), ("double", DataType::Float64)] {
        let columns = sale_columns(price);
        let mut ours = decode(Format::Csv, &columns, None, &sales);
        let mut theirs = arrow_csv(&columns, &sales);
        compare(&format!("csv_retail_8_of_8_{name}"), &sales, &mut ours, "arrow-csv", &mut theirs);
    }
    let columns = sale_columns(DataType::Decimal128(12, 3));
    figure("csv_retail_2_of_8", best(&mut decode(Format::Csv, &columns, Some(&[3, 5]), &sales)), &sales);
    figure("csv_retail_encode", best(&mut encode(Format::Csv, &columns, &sales)), &sales);
}

/// Runs both in turn, so that what else the machine does strikes both.
fn compare(name: &str, records: &Encoded, ours: Run, peer: &str, theirs: Run) {
    let runs: Vec<_> = (0..RUNS).map(|_| (timed(ours), timed(theirs))).collect();
    let ours = runs.iter().map(|run| run.0).min().unwrap_or_default();
    let theirs = runs.iter().map(|run| run.1).min().unwrap_or_default();
    figure(name, ours, records);
    ratio(name, ours, peer, theirs);
}

/// Handles all records and says how many they were.
type Run<'a> = &'a mut dyn FnMut() -> usize;

fn figure(name: &str, took: Duration, records: &Encoded) {
    let seconds = took.as_secs_f64();
    println!("figure {name} {:.2} million_rows/s", records.len() as f64 / seconds / 1e6);
    println!("figure {name} {:.0} MB/s", records.bytes.len() as f64 / seconds / 1e6);
}

fn ratio(name: &str, ours: Duration, peer: &str, theirs: Duration) {
    let rate = |took: Duration| ROWS as f64 / took.as_secs_f64() / 1e6;
    println!("ratio {name} {:.2} {peer} {:.2} {:.2}", rate(ours), rate(theirs), rate(ours) / rate(theirs));
}

fn best(run: Run) -> Duration {
    (0..RUNS).map(|_| timed(run)).min().unwrap_or_default()
}

fn timed(run: Run) -> Duration {
    let clock = SystemClock::shared();
    let now = || on_cpu().unwrap_or_else(|| clock.elapsed());
    let started = now();
    assert_eq!(run(), ROWS);
    now() - started
}

/// Time of this thread on a core, where Linux tells: the machine may have other things to do.
fn on_cpu() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

fn decode(
    format: Format,
    columns: &SchemaRef,
    projection: Option<&[usize]>,
    records: &Encoded,
) -> impl FnMut() -> usize {
    let mut decoder = decoder(format, Arc::clone(columns), projection).expect("the columns are of known types");
    move || {
        let mut rows = 0;
        for record in records.records() {
            decoder.push(record).expect("the records are well-formed");
            if decoder.len() == BATCH {
                rows += decoder.finish().num_rows();
            }
        }
        rows + decoder.finish().num_rows()
    }
}

fn keys(format: Format, columns: &SchemaRef, records: &Encoded) -> impl FnMut() -> usize {
    let mut reader = KeyReader::new(format, Arc::clone(columns), &[0]).expect("there is a first column");
    let mut key = Vec::new();
    move || records.records().filter(|record| reader.key(record, &mut key)).count()
}

fn encode(format: Format, columns: &SchemaRef, records: &Encoded) -> impl FnMut() -> usize {
    let mut decoder = decoder(format, Arc::clone(columns), None).expect("the columns are of known types");
    records.records().for_each(|record| decoder.push(record).expect("the records are well-formed"));
    let rows = decoder.finish();
    let mut encoder = encoder(format, Arc::clone(columns)).expect("the columns are of known types");
    let mut out = Encoded::default();
    move || {
        let mut count = 0;
        for start in (0..rows.num_rows()).step_by(BATCH) {
            out.clear();
            let rows = rows.slice(start, BATCH.min(rows.num_rows() - start));
            encoder.encode(&rows, &mut out).expect("rows of the encoder's columns");
            count += out.len();
        }
        count
    }
}

fn lines(records: &Encoded) -> Vec<u8> {
    records.records().flat_map(|record| [record, b"\n"].concat()).collect()
}

fn arrow_json(columns: &SchemaRef, projection: Option<&[usize]>, records: &Encoded) -> impl FnMut() -> usize {
    let bytes = lines(records);
    let columns = match projection {
        Some(projection) => Arc::new(columns.project(projection).expect("the columns exist")),
        None => Arc::clone(columns),
    };
    let columns = without_zone(&columns);
    move || {
        let input = BufReader::with_capacity(1 << 20, Cursor::new(&bytes));
        let builder = arrow_json::ReaderBuilder::new(Arc::clone(&columns)).with_batch_size(BATCH);
        let reader = builder.build(input).expect("the columns are of known types");
        reader.map(|rows| rows.expect("the records are well-formed").num_rows()).sum()
    }
}

fn arrow_csv(columns: &SchemaRef, records: &Encoded) -> impl FnMut() -> usize {
    let bytes = lines(records);
    let columns = without_zone(columns);
    move || {
        let builder = arrow_csv::ReaderBuilder::new(Arc::clone(&columns)).with_batch_size(BATCH);
        let reader = builder.build_buffered(Cursor::new(&bytes)).expect("the columns are of known types");
        reader.map(|rows| rows.expect("the records are well-formed").num_rows()).sum()
    }
}

fn schema(columns: &[(&str, DataType)]) -> SchemaRef {
    let field = |(name, data_type): &(&str, DataType)| Field::new(*name, data_type.clone(), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// Without its time zone database, arrow knows no zone by name.
fn without_zone(columns: &Schema) -> SchemaRef {
    let plain = |field: &Arc<Field>| match field.data_type() {
        DataType::Timestamp(unit, _) => field.as_ref().clone().with_data_type(DataType::Timestamp(*unit, None)),
        _ => field.as_ref().clone(),
    };
    Arc::new(Schema::new(columns.fields().iter().map(plain).collect::<Vec<_>>()))
}

fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn bid_columns() -> SchemaRef {
    schema(&[
        ("auction", DataType::Int64),
        ("bidder", DataType::Int64),
        ("price", DataType::Int64),
        ("channel", DataType::Utf8View),
        ("url", DataType::Utf8View),
        ("date_time", timestamp()),
        ("extra", DataType::Utf8View),
    ])
}

fn bids() -> Encoded {
    let channels = ["Google", "Facebook", "Baidu", "Apple", "channel-1", "channel-2", "channel-3", "channel-4"];
    let mut random = Random::new(42);
    records(|index, out| {
        let price = (10f64.powf(random.unit() * 6.0) * 100.0).round() as i64;
        let channel = channels[random.below(8) as usize];
        let (auction, bidder) = (1000 + index / 50, 1000 + index / 200);
        let (seconds, millis) = (index / 10_000, index / 10 % 1000);
        let extra: String = (0..80 + random.below(41)).map(|_| char::from(b'a' + random.below(26) as u8)).collect();
        let _ = write!(
            out,
            r#"{{"auction":{auction},"bidder":{bidder},"price":{price},"channel":"{channel}","url":"https://www.nexmark.com/abo/cjd/item.htm?query=1&channel_id={}","date_time":"2023-11-14 22:{:02}:{:02}.{millis:03}","extra":"{extra}"}}"#,
            random.below(10_000_000),
            seconds / 60 % 60,
            seconds % 60,
        );
    })
}

fn sale_columns(price: DataType) -> SchemaRef {
    schema(&[
        ("invoice_no", DataType::Utf8View),
        ("stock_code", DataType::Utf8View),
        ("description", DataType::Utf8View),
        ("quantity", DataType::Int64),
        ("invoice_date", timestamp()),
        ("unit_price", price),
        ("customer_id", DataType::Float64),
        ("country", DataType::Utf8View),
    ])
}

fn sales() -> Encoded {
    let things =
        ["WHITE HANGING HEART T-LIGHT HOLDER", "WHITE METAL LANTERN", "SET 7 BABUSHKA NESTING BOXES", "JAM MAKING SET"];
    let mut random = Random::new(7);
    records(|index, out| {
        let _ = write!(
            out,
            "{},{}{},{},{},2010-12-{:02} {:02}:{:02}:00,{}.{:02},{}.0,United Kingdom",
            536_365 + index / 20,
            10_000 + random.below(80_000),
            char::from(b'A' + random.below(26) as u8),
            things[random.below(4) as usize],
            1 + random.below(24),
            1 + index / 20_000,
            6 + index / 2000 % 14,
            index / 40 % 60,
            random.below(20),
            random.below(100),
            12_000 + random.below(6000),
        );
    })
}

fn records(mut write: impl FnMut(usize, &mut String)) -> Encoded {
    let mut records = Encoded::default();
    let mut line = String::new();
    for index in 0..ROWS {
        line.clear();
        write(index, &mut line);
        records.bytes.extend_from_slice(line.as_bytes());
        records.ends.push(records.bytes.len());
    }
    records
}
