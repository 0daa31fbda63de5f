//! Rows at the speed at which they happened, or a multiple of it.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use headwater_base::ErrorKind;
use headwater_base::clock::Clock;
use headwater_format::{Decoder, decoder};
use headwater_stream::source::Result;

use crate::{Target, error};

/// The longest wait at once, so that a stop is noticed.
const WAIT_MAX: Duration = Duration::from_millis(200);

/// Holds a record back until its event time has come, counted from the first record of this life.
pub struct Pace {
    clock: Arc<dyn Clock>,
    decoder: Box<dyn Decoder>,
    /// Seconds of event time per second.
    speed: f64,
    /// Event time of the first record, microseconds, and when it came.
    anchor: Option<(i64, Duration)>,
}

impl Pace {
    pub fn new(clock: Arc<dyn Clock>, target: &Target, column: usize, speed: f64) -> Result<Pace> {
        let decoder = decoder(target.format, Arc::clone(&target.schema), Some(&[column]))
            .map_err(|wrong| error(ErrorKind::Invalid, wrong.to_string(), "SPEED needs a time that can be read"))?;
        Ok(Pace { clock, decoder, speed, anchor: None })
    }

    /// How long the record has to wait; a record without a time does not.
    pub fn wait(&mut self, record: &[u8]) -> Option<Duration> {
        self.decoder.push(record).ok()?;
        let rows = self.decoder.finish();
        let times = rows.column(0).as_primitive_opt::<TimestampMicrosecondType>()?;
        if times.is_null(0) {
            return None;
        }
        let now = self.clock.elapsed();
        let (first_us, began) = *self.anchor.get_or_insert((times.value(0), now));
        let due = (times.value(0).saturating_sub(first_us).max(0)) as f64 / 1e6 / self.speed;
        let left = due - now.saturating_sub(began).as_secs_f64();
        (left > 0.0).then(|| Duration::from_secs_f64(left.min(WAIT_MAX.as_secs_f64())).max(Duration::from_millis(1)))
    }
}
