//! Replaying at the speed of event time, or a multiple of it.
//!
//! A record's time is read as the decoder reads it. The first one after a start comes at once; the others as long
//! after it as their event times say. Records that are older than those before them come at once too, and so do those
//! that can't be read.

use std::sync::Arc;
use std::time::Duration;

use arrow_schema::{DataType, TimeUnit};
use headwater_base::clock::Clock;
use headwater_format::KeyReader;

use crate::Target;
use crate::error::{Error, Result};

/// Waits are cut to this, so that a source stays responsive.
const WAIT_MAX: Duration = Duration::from_millis(500);

pub(super) struct Pace {
    clock: Arc<dyn Clock>,
    reader: KeyReader,
    key: Vec<u8>,
    units_per_second: f64,
    speed: f64,
    /// When the first record came and its event time, in the column's unit.
    began: Option<(Duration, i64)>,
}

impl Pace {
    pub fn new(clock: Arc<dyn Clock>, target: &Target, speed: f64) -> Result<Pace> {
        if !(speed.is_finite() && speed > 0.0) {
            return Err(Error::Option(format!("SPEED must be above zero, and is {speed}")));
        }
        let Some(event_time) = target.event_time else {
            return Err(Error::Option("SPEED needs a stream with WATERMARK FOR its event time".to_string()));
        };
        let field = target.schema.field(event_time);
        let units_per_second = match field.data_type() {
            DataType::Timestamp(TimeUnit::Second, _) => 1.0,
            DataType::Timestamp(TimeUnit::Millisecond, _) => 1e3,
            DataType::Timestamp(TimeUnit::Microsecond, _) => 1e6,
            DataType::Timestamp(TimeUnit::Nanosecond, _) => 1e9,
            other => {
                let name = field.name();
                return Err(Error::Option(format!("SPEED needs a timestamp, and the event time '{name}' is {other}")));
            }
        };
        let reader = KeyReader::new(target.format, Arc::clone(&target.schema), &[event_time])?;
        Ok(Pace { clock, reader, key: Vec::new(), units_per_second, speed, began: None })
    }

    /// How long to wait before the record's time comes; `None` when it has.
    pub fn early(&mut self, record: &[u8]) -> Option<Duration> {
        if !self.reader.key(record, &mut self.key) {
            return None;
        }
        // A key of one timestamp is a tuple: its length and then eight bytes.
        let event_time = i64::from_be_bytes(*self.key.last_chunk::<8>()?);
        let now = self.clock.elapsed();
        let (began, first) = *self.began.get_or_insert((now, event_time));
        let seconds = (event_time as f64 - first as f64) / self.units_per_second / self.speed;
        let due = began + Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX / 4);
        (due > now).then(|| (due - now).min(WAIT_MAX))
    }
}
