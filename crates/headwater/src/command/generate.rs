//! `headwater generate`: made-up data as files. What is made up is decided in `headwater_shop`; here it becomes bytes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use arrow::compute::kernels::cast_utils::Parser;
use arrow::datatypes::{Date32Type, TimeUnit};
use clap::{Args, Subcommand, ValueEnum};
use headwater_connect::shop::Encoder;
use headwater_format::{Format, write_timestamp};
use headwater_shop::rows::{Stream, Value, rows};
use headwater_shop::{DAY, MINUTE, Shop};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

#[derive(Debug, Args)]
pub struct Options {
    #[command(subcommand)]
    model: Model,
}

#[derive(Debug, Subcommand)]
enum Model {
    /// A shop with visitors, orders, payments, and truths to be found in them
    Shop(ShopOptions),
}

#[derive(Debug, Args)]
struct ShopOptions {
    /// The folder for the files, which must be new or empty: a folder for each stream, a file for each day
    dir: PathBuf,

    /// How many days
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,

    /// The same seed makes the same shop
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// The first day, UTC
    #[arg(long, value_name = "DATE", default_value = "2026-01-01", value_parser = date)]
    start: i64,

    /// Visits a day, about [default: as many as make 20 million events in 90 days]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    visits: Option<u32>,

    /// What the files hold
    #[arg(long, value_enum, default_value = "csv")]
    format: FileFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FileFormat {
    /// Comma-separated values with a header
    Csv,
    /// An object on each line
    Json,
}

/// The file of a stream's day.
struct Sheet {
    stream: Stream,
    folder: PathBuf,
    format: FileFormat,
    encoder: Encoder,
    file: Option<(PathBuf, BufWriter<File>)>,
    rows: u64,
    bytes: u64,
    record: Vec<u8>,
}

pub fn run(options: &Options) -> Result<()> {
    match &options.model {
        Model::Shop(options) => shop(options),
    }
}

fn shop(options: &ShopOptions) -> Result<()> {
    if super::is_used(&options.dir)? {
        bail!("{} is there already and not empty; name a new folder", options.dir.display());
    }
    let mut settings = headwater_shop::Options::new(options.seed, options.start);
    settings.visits_a_day = options.visits.map_or(settings.visits_a_day, f64::from);
    let mut sheets = BTreeMap::new();
    for stream in Stream::ALL {
        sheets.insert(stream, Sheet::new(stream, &options.dir, options.format)?);
    }
    let progress = progress(options.days);
    let mut shop = Shop::at(settings, options.start);
    for day in 0..i64::from(options.days) {
        let name = day_name(options.start + day * DAY);
        sheets.values_mut().try_for_each(|sheet| sheet.begin(&name))?;
        for _ in 0..DAY / MINUTE {
            for event in shop.next_minute() {
                for stream in Stream::of(&event.what) {
                    if let Some(sheet) = sheets.get_mut(stream) {
                        rows(&event, *stream).iter().try_for_each(|row| sheet.write(row))?;
                    }
                }
            }
        }
        sheets.values_mut().try_for_each(Sheet::end)?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    for Sheet { stream, rows, bytes, .. } in sheets.values() {
        println!("{:<12} {rows:>12} rows {:>9.1} MB", stream.name(), *bytes as f64 / 1e6);
    }
    Ok(())
}

fn progress(days: u32) -> ProgressBar {
    let target =
        if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(u64::from(days)), target);
    // The template is ours: there is nothing in it that could fail.
    let style = ProgressStyle::with_template("{bar:30} day {pos} of {len}, {eta} left");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

impl Sheet {
    fn new(stream: Stream, dir: &Path, format: FileFormat) -> Result<Sheet> {
        let folder = dir.join(stream.name());
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let encoder = match format {
            FileFormat::Csv => Encoder::whole(stream, Format::Csv)?,
            FileFormat::Json => Encoder::whole(stream, Format::Json)?,
        };
        Ok(Sheet { stream, folder, format, encoder, file: None, rows: 0, bytes: 0, record: Vec::new() })
    }

    /// Begins the file of a day.
    fn begin(&mut self, day: &str) -> Result<()> {
        let ending = match self.format {
            FileFormat::Csv => "csv",
            FileFormat::Json => "jsonl",
        };
        let path = self.folder.join(format!("{day}.{ending}"));
        let file = File::create_new(&path).with_context(|| format!("cannot make {}", path.display()))?;
        self.file = Some((path, BufWriter::with_capacity(1 << 16, file)));
        if matches!(self.format, FileFormat::Csv) {
            let names: Vec<&str> = self.stream.columns().iter().map(|(name, ..)| *name).collect();
            self.record.extend_from_slice(names.join(",").as_bytes());
            self.put()?;
        }
        Ok(())
    }

    fn write(&mut self, row: &[Value]) -> Result<()> {
        self.encoder.write(row, &mut self.record);
        self.rows += 1;
        self.put()
    }

    /// Writes the record out.
    fn put(&mut self) -> Result<()> {
        self.record.push(b'\n');
        self.bytes += self.record.len() as u64;
        if let Some((path, file)) = &mut self.file {
            file.write_all(&self.record).with_context(|| format!("cannot write {}", path.display()))?;
        }
        self.record.clear();
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        match self.file.take() {
            Some((path, mut file)) => file.flush().with_context(|| format!("cannot write {}", path.display())),
            None => Ok(()),
        }
    }
}

/// A date as the time at which it begins.
fn date(text: &str) -> Result<i64, String> {
    let days = Date32Type::parse(text).ok_or_else(|| "write it as 2026-01-01".to_owned())?;
    Ok(i64::from(days) * DAY)
}

fn day_name(at_us: i64) -> String {
    let mut text = Vec::new();
    write_timestamp(at_us, TimeUnit::Microsecond, &mut text);
    text.truncate("2026-01-01".len());
    String::from_utf8_lossy(&text).into_owned()
}
