//! Rows made from a seed: row `i` depends on the seed and on `i` alone, so the place is a number and a restart goes on
//! exactly.

mod spec;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::DataType;
use headwater_base::ErrorKind;
use headwater_base::clock::Clock;
use headwater_base::random::Random;
use headwater_format::Format;
use headwater_stream::source::{Intake, Progress, Result, Source, Status};

use crate::{Target, error};
use spec::{Spec, Text};

/// Rows that are made between two looks at the clock and the intake.
const BURST: u64 = 256;

#[derive(Debug, Clone)]
pub struct Options {
    /// Ends after so many rows; `None` goes on for ever.
    pub rows: Option<u64>,
    /// Rows a second; `None`: as fast as can be.
    pub rate: Option<f64>,
    pub seed: u64,
    /// What each column holds: a name and a spec, such as `integer(1, 9)`.
    pub fields: Vec<(String, String)>,
}

pub struct Generator {
    clock: Arc<dyn Clock>,
    target: Target,
    options: Options,
    /// By column of the stream; `None` is always null.
    specs: Vec<Option<Spec>>,
    next: u64,
    /// Row and time from which the rate counts.
    anchor: Option<(u64, Duration)>,
    record: Vec<u8>,
    value: Vec<u8>,
}

/// Refuses fields that make no rows of the stream.
pub fn check(target: &Target, options: &Options) -> Result<()> {
    specs(target, options).map(drop)
}

fn specs(target: &Target, options: &Options) -> Result<Vec<Option<Spec>>> {
    let schema = &target.schema;
    let mut specs = vec![None; schema.fields().len()];
    for (name, text) in &options.fields {
        let Ok(index) = schema.index_of(name) else {
            let known = schema.fields().iter().map(|field| field.name().as_str());
            let hint = headwater_sql::nearest(name, known).map_or("the columns are the stream's".to_owned(), |near| {
                format!("did you mean {near}?")
            });
            return Err(error(ErrorKind::Invalid, format!("FIELDS: the stream has no column {name}"), hint));
        };
        let field = schema.field(index);
        let spec = Spec::parse(text).and_then(|spec| {
            spec.check(field.data_type(), field.is_nullable())?;
            Ok(spec)
        });
        specs[index] = Some(spec.map_err(|why| error(ErrorKind::Invalid, format!("FIELDS: {name} = '{text}': {why}"), spec::HINT))?);
    }
    for (field, spec) in schema.fields().iter().zip(&specs) {
        if spec.is_none() && !field.is_nullable() {
            let message = format!("FIELDS: column {} must not be null and has no generator", field.name());
            return Err(error(ErrorKind::Invalid, message, spec::HINT));
        }
    }
    Ok(specs)
}

impl Generator {
    pub fn new(clock: Arc<dyn Clock>, target: Target, options: Options) -> Result<Generator> {
        let specs = specs(&target, &options)?;
        Ok(Generator { clock, target, options, specs, next: 0, anchor: None, record: Vec::new(), value: Vec::new() })
    }

    /// How long until the next row is due, when rows have a rate.
    fn wait(&mut self) -> Option<Duration> {
        let rate = self.options.rate?;
        let now = self.clock.elapsed();
        let (first, began) = *self.anchor.get_or_insert((self.next, now));
        let due = (self.next - first) as f64 / rate;
        let left = due - now.saturating_sub(began).as_secs_f64();
        (left > 0.0).then(|| Duration::from_secs_f64(left.min(0.2)))
    }

    /// Writes row `index` as a record of the stream's format.
    fn write(&mut self, index: u64) {
        self.record.clear();
        let json = self.target.format == Format::Json;
        if json {
            self.record.push(b'{');
        }
        for (column, spec) in self.specs.iter().enumerate() {
            if column > 0 {
                self.record.push(b',');
            }
            let field = self.target.schema.field(column);
            self.value.clear();
            // Each field of each row has dice of its own.
            let mixed = index.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (column as u64).wrapping_mul(0xD1B5_4A32_D192_ED03);
            let mut random = Random::new(self.options.seed ^ mixed);
            let text = match spec {
                Some(spec) => spec.write(index, &mut random, &mut self.value),
                None => Text::Null,
            };
            if json {
                write_json_name(field.name(), &mut self.record);
            }
            write(text, field.data_type(), json, &self.value, &mut self.record);
        }
        if json {
            self.record.push(b'}');
        }
    }
}

fn write_json_name(name: &str, out: &mut Vec<u8>) {
    // Text always has a JSON form.
    out.extend_from_slice(&serde_json::to_vec(name).unwrap_or_default());
    out.push(b':');
}

fn write(text: Text, data_type: &DataType, json: bool, value: &[u8], out: &mut Vec<u8>) {
    let quoted = match (text, json) {
        (Text::Null, true) => return out.extend_from_slice(b"null"),
        (Text::Null, false) => return,
        (Text::Value, true) => !(data_type.is_numeric() || *data_type == DataType::Boolean),
        // An empty text is not a null.
        (Text::Value, false) => value.is_empty() || value.iter().any(|byte| b",\"\r\n".contains(byte)),
    };
    match (quoted, json) {
        (false, _) => out.extend_from_slice(value),
        (true, true) => out.extend_from_slice(&serde_json::to_vec(&String::from_utf8_lossy(value)).unwrap_or_default()),
        (true, false) => {
            out.push(b'"');
            for byte in value {
                if *byte == b'"' {
                    out.push(b'"');
                }
                out.push(*byte);
            }
            out.push(b'"');
        }
    }
}

impl Source for Generator {
    fn start(&mut self, position: Option<&[u8]>) -> Result<()> {
        if let Some(position) = position {
            self.next = std::str::from_utf8(position).ok().and_then(|text| text.parse().ok()).ok_or_else(|| {
                error(ErrorKind::Corrupt, "the stored position is no row number", "restore a backup")
            })?;
        }
        Ok(())
    }

    fn poll(&mut self, intake: &mut dyn Intake) -> Result<Progress> {
        while !intake.is_full() {
            if let Some(wait) = self.wait() {
                return Ok(Progress::Wait(wait));
            }
            let burst = if self.options.rate.is_some() { 1 } else { BURST };
            for _ in 0..burst {
                if self.options.rows.is_some_and(|rows| self.next >= rows) {
                    return Ok(Progress::End);
                }
                self.write(self.next);
                intake.push(&self.record);
                self.next += 1;
            }
        }
        Ok(Progress::More)
    }

    fn position(&self) -> Vec<u8> {
        self.next.to_string().into_bytes()
    }

    fn status(&self) -> Status {
        Status { done: self.next, total: self.options.rows, at: format!("row {}", self.next) }
    }
}
