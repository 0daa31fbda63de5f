//! Made-up rows from a seed: row i depends on the seed, i and the column alone, so a restart goes on exactly.

mod column;
mod spec;

use std::sync::Arc;
use std::time::Duration;

use headwater_base::clock::{Clock, ManualClock};
use headwater_format::{RecordWriter, decoder};
use headwater_stream::source::{self, Intake, Progress, Source, Status};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::{Target, nearest};
use column::Column;
use spec::Spec;

/// What a generator is told.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How many rows there are; without end where absent.
    pub rows: Option<u64>,
    /// Rows per second; as fast as can be where absent.
    pub rate: Option<f64>,
    pub seed: u64,
    /// Column and specification, as `('amount', 'decimal(1, 100, 2)')`. Columns without one are NULL.
    pub fields: Vec<(String, String)>,
}

/// Waits are cut to this, so that a source stays responsive.
const WAIT_MAX: Duration = Duration::from_millis(500);

/// Makes up rows for a stream.
pub struct Generator {
    clock: Arc<dyn Clock>,
    rows: Option<u64>,
    rate: Option<f64>,
    writer: RecordWriter,
    /// In the order of the stream's columns, those that have a specification.
    columns: Vec<(usize, Option<Column>)>,
    record: Vec<u8>,
    next: u64,
    /// When this life began and with which row.
    began: Option<(Duration, u64)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Position {
    row: u64,
}

/// Whether rows of a stream can be made from these options.
pub fn check(target: &Target, options: &Options) -> source::Result<()> {
    // Rows are only tried here: no time passes.
    Generator::new(ManualClock::at(0), target.clone(), options.clone()).map(|_| ())
}

impl Generator {
    pub fn new(clock: Arc<dyn Clock>, target: Target, options: Options) -> source::Result<Generator> {
        Ok(Generator::build(clock, target, options)?)
    }

    fn build(clock: Arc<dyn Clock>, target: Target, options: Options) -> Result<Generator> {
        let Options { rows, rate, seed, fields } = options;
        if let Some(rate) = rate
            && !(rate.is_finite() && rate > 0.0)
        {
            return Err(Error::Option(format!("RATE must be above zero, and is {rate}")));
        }
        let mut writer = RecordWriter::new(target.format, &target.schema)?;
        let names: Vec<&str> = target.schema.fields().iter().map(|field| field.name().as_str()).collect();
        let mut specs: Vec<Option<Spec>> = names.iter().map(|_| None).collect();
        for (name, text) in &fields {
            let Some(index) = names.iter().position(|column| column == name) else {
                return Err(unknown_column(name, &names));
            };
            let spec = spec::parse(text).map_err(|message| Error::Field { column: name.clone(), message })?;
            if specs[index].replace(spec).is_some() {
                return Err(Error::Field { column: name.clone(), message: "is specified twice".to_string() });
            }
        }
        let mut columns = Vec::with_capacity(names.len());
        for (index, spec) in specs.into_iter().enumerate() {
            let field = target.schema.field(index);
            let failed = |message: String| Error::Field { column: field.name().clone(), message };
            let column = match spec {
                Some(Spec::Null { .. }) if !field.is_nullable() => {
                    return Err(failed("is NOT NULL and can't be null(…)".to_string()));
                }
                None if !field.is_nullable() => {
                    return Err(failed("is NOT NULL and has no specification in FIELDS".to_string()));
                }
                None => None,
                Some(spec) => Some(Column::new(spec, seed, index, field, &mut writer).map_err(failed)?),
            };
            columns.push((index, column));
        }
        let record = Vec::new();
        let mut generator = Generator { clock, rows, rate, writer, columns, record, next: 0, began: None };
        generator.try_rows(&target)?;
        Ok(generator)
    }

    /// Reads some rows as the stream will: what is not of a column's type is found now.
    fn try_rows(&mut self, target: &Target) -> Result<()> {
        let mut decoder = decoder(target.format, Arc::clone(&target.schema), Some(&[]))?;
        for row in 0..100.min(self.rows.unwrap_or(u64::MAX)) {
            self.write(row);
            decoder.push(&self.record).map_err(|error| Error::Field {
                column: error.column.unwrap_or_default(),
                message: format!("makes values that the column can't hold: {}", error.detail),
            })?;
        }
        Ok(())
    }

    fn write(&mut self, row: u64) {
        self.record.clear();
        for (index, column) in &mut self.columns {
            match column {
                Some(column) => column.write(row, *index, &self.writer, &mut self.record),
                None => self.writer.null(*index, &mut self.record),
            }
        }
        self.writer.end(0, &mut self.record);
    }

    /// How many rows may have been made by now, and when there is one more.
    fn due(&mut self) -> (u64, Duration) {
        let Some(rate) = self.rate else { return (u64::MAX, Duration::ZERO) };
        let now = self.clock.elapsed();
        let (began, first) = *self.began.get_or_insert((now, self.next));
        let made = ((now - began).as_secs_f64() * rate) as u64;
        let next_at = Duration::try_from_secs_f64((made + 1) as f64 / rate).unwrap_or(Duration::MAX);
        (first.saturating_add(made), next_at.saturating_sub(now - began))
    }
}

fn unknown_column(name: &str, names: &[&str]) -> Error {
    let message = match nearest(name, names.iter().copied()) {
        Some(known) => format!("the stream has no such column; did you mean '{known}'?"),
        None => format!("the stream has no such column; its columns are {}", names.join(", ")),
    };
    Error::Field { column: name.to_string(), message }
}

impl Source for Generator {
    fn start(&mut self, position: Option<&[u8]>) -> source::Result<()> {
        if let Some(bytes) = position {
            let position: Position = serde_json::from_slice(bytes).map_err(|error| Error::Position {
                position: String::from_utf8_lossy(bytes).into_owned(),
                reason: error.to_string(),
            })?;
            self.next = position.row;
        }
        Ok(())
    }

    fn poll(&mut self, intake: &mut dyn Intake) -> source::Result<Progress> {
        let (due, wait) = self.due();
        let end = self.rows.unwrap_or(u64::MAX);
        let until = due.min(end);
        while self.next < until {
            if intake.is_full() {
                return Ok(Progress::More);
            }
            self.write(self.next);
            intake.push(&self.record);
            self.next += 1;
        }
        Ok(if self.next >= end { Progress::End } else { Progress::Wait(wait.min(WAIT_MAX)) })
    }

    fn position(&self) -> Vec<u8> {
        // One number: there is nothing in it that could fail.
        serde_json::to_vec(&Position { row: self.next }).unwrap_or_default()
    }

    fn status(&self) -> Status {
        Status { done: self.next, total: self.rows, at: format!("row {}", self.next) }
    }
}
