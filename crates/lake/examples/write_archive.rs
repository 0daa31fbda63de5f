//! Writes an archive of made-up bids into a folder and prints how fast: `write_archive FOLDER ROWS`.
//!
//! What it leaves is a plain Delta table at FOLDER/lake/bids, for other readers to be tried on.

use std::path::Path as FilePath;
use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use headwater_base::clock::SystemClock;
use headwater_base::files::disk::Disk;
use headwater_base::objects::Objects;
use headwater_base::random::Random;
use headwater_lake::Lake;
use object_store::path::Path;

const BATCH_ROWS: i64 = 8192;
const FILE_ROWS: i64 = 128 * BATCH_ROWS;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, rows] = arguments.as_slice() else { return Err("usage: write_archive FOLDER ROWS".into()) };
    let rows: i64 = rows.parse()?;
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let columns = Arc::new(Schema::new(vec![
        Field::new("auction", DataType::Int64, true),
        Field::new("channel", DataType::Utf8View, true),
        Field::new("quantity", DataType::Int64, true),
        Field::new("unitprice", DataType::Decimal128(18, 2), true),
        Field::new("at", instant, true),
    ]));
    let objects = Objects::open(Disk::shared(), FilePath::new(folder))?;
    let lake = Lake::new(Arc::new(objects), Path::from("lake"));
    let mut archive = lake.open_archive("bids", &columns).await?;
    let batch = made_up(&columns)?;
    let clock = SystemClock::shared();
    let (mut next, mut bytes, mut largest) = (archive.next_offset(0), 0, 0);
    let (start, end) = (clock.elapsed(), next + rows);
    while next < end {
        let mut writer = archive.writer(0);
        let until = end.min(next + FILE_ROWS);
        while next < until {
            let count = (until - next).min(BATCH_ROWS);
            let offsets: Vec<i64> = (next..next + count).collect();
            let times: Vec<i64> = offsets.iter().map(|offset| 1_700_000_000_000_000 + offset * 17).collect();
            writer.write(&batch.slice(0, usize::try_from(count)?), &offsets, &times)?;
            next += count;
        }
        largest = largest.max(writer.bytes());
        let file = writer.finish().await?;
        bytes += file.as_ref().map_or(0, |file| file.size());
        archive.commit(file.into_iter().collect()).await?;
    }
    let seconds = (clock.elapsed() - start).as_secs_f64();
    println!("figure archive_write_rows {:.0} rows/s", rows as f64 / seconds);
    println!("figure archive_write_size {:.1} bytes/row", bytes as f64 / rows as f64);
    println!("figure archive_write_memory {:.1} MB", largest as f64 / 1e6);
    Ok(())
}

fn made_up(columns: &Arc<Schema>) -> arrow::error::Result<RecordBatch> {
    let mut random = Random::new(1);
    let rows = 0..BATCH_ROWS;
    let auctions: Int64Array = rows.clone().map(|_| random.below(10_000) as i64).collect();
    let channels: StringViewArray = rows.clone().map(|row| Some(format!("channel-{}", row % 37))).collect();
    let quantities: Int64Array = rows.clone().map(|_| random.below(50) as i64).collect();
    let prices = rows.clone().map(|_| Some(i128::from(random.below(10_000_000)))).collect::<Decimal128Array>();
    let times = rows.map(|row| Some(1_700_000_000_000_000 + row)).collect::<TimestampMicrosecondArray>();
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(auctions),
        Arc::new(channels),
        Arc::new(quantities),
        Arc::new(prices.with_precision_and_scale(18, 2)?),
        Arc::new(times.with_timezone("UTC")),
    ];
    RecordBatch::try_new(Arc::clone(columns), arrays)
}
