//! A made-up shop as a source: its history first, as fast as can be, then what happens now.
//!
//! Each source gives one of the shop's streams. Those of one shop share the [making](floor) of it.

mod encode;
mod floor;

use std::sync::Arc;
use std::time::Duration;

use headwater_base::clock::Clock;
use headwater_format::decoder;
use headwater_shop::rows::Stream;
use headwater_shop::{DAY, MINUTE};
use headwater_stream::source::{self, Intake, Progress, Source, Status};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::{Target, nearest};
pub use encode::Encoder;
pub use floor::Floors;
use floor::{Place, Told};

/// What is told of a shop.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The name of one of the shop's streams.
    pub stream: String,
    pub seed: u64,
    /// Visits a day, about.
    pub visits_a_day: Option<f64>,
    /// When the history begins, a midnight, microseconds UTC; where nothing is said, so many days before today.
    pub start_us: Option<i64>,
    /// How many days the history has.
    pub days: u32,
    /// It goes on with what happens now.
    pub live: bool,
}

/// Rows are tried that come in so many minutes to a shop with so many visits a day: some of each stream are among them.
const TRIED_MINUTES: usize = 24 * 60;
const TRIED_VISITS: f64 = 1000.0;

/// Waits are cut to this, so that a source stays responsive.
const WAIT_MAX: Duration = Duration::from_millis(500);

/// One stream of a shop.
pub struct Shop {
    clock: Arc<dyn Clock>,
    floors: Arc<Floors>,
    stream: Stream,
    options: Options,
    encoder: Encoder,
    /// Where it is; none before it starts.
    place: Option<Place>,
    position: Position,
    record: Vec<u8>,
}

/// The next row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    /// The first midnight of this shop.
    start_us: i64,
    minute_us: i64,
    /// Among the stream's rows of the minute.
    row: usize,
}

impl Shop {
    pub fn new(clock: Arc<dyn Clock>, target: Target, options: Options, floors: Arc<Floors>) -> source::Result<Shop> {
        Ok(Shop::build(clock, target, options, floors)?)
    }

    fn build(clock: Arc<dyn Clock>, target: Target, options: Options, floors: Arc<Floors>) -> Result<Shop> {
        let Some(stream) = Stream::ALL.into_iter().find(|stream| stream.name() == options.stream) else {
            let names = Stream::ALL.map(Stream::name);
            let message = match nearest(&options.stream, names.into_iter()) {
                Some(known) => format!("the shop has no stream '{}'; did you mean '{known}'?", options.stream),
                None => format!("the shop has no stream '{}'; it has {}", options.stream, names.join(", ")),
            };
            return Err(Error::Option(message));
        };
        if options.start_us.is_some_and(|start_us| start_us % DAY != 0) {
            return Err(Error::Option("START must be a day, without a time".to_owned()));
        }
        let encoder = Encoder::for_target(stream, &target)?;
        let (position, record) = (Position::default(), Vec::new());
        let mut shop = Shop { clock, floors, stream, options, encoder, place: None, position, record };
        shop.try_rows(&target)?;
        Ok(shop)
    }

    /// Reads some rows as the stream will: what is not of a column's type is found now. Those that are meant to be broken
    /// are passed over.
    fn try_rows(&mut self, target: &Target) -> Result<()> {
        let mut decoder = decoder(target.format, Arc::clone(&target.schema), Some(&[]))?;
        let small = headwater_shop::Options { visits_a_day: TRIED_VISITS, ..headwater_shop::Options::new(0, 0) };
        let mut shop = headwater_shop::Shop::at(small, 0);
        for _ in 0..TRIED_MINUTES {
            for event in shop.next_minute() {
                let is_broken = matches!(event.what, headwater_shop::What::Garbage);
                if is_broken || !Stream::of(&event.what).contains(&self.stream) {
                    continue;
                }
                let Some(row) = headwater_shop::rows::rows(&event, self.stream).into_iter().next() else { continue };
                self.record.clear();
                self.encoder.write(&row, &mut self.record);
                return decoder.push(&self.record).map_err(|error| Error::Field {
                    column: error.column.unwrap_or_default(),
                    message: format!("the shop makes values that the column can't hold: {}", error.detail),
                });
            }
        }
        Ok(())
    }

    fn settings(&self, start_us: i64) -> headwater_shop::Options {
        let mut settings = headwater_shop::Options::new(self.options.seed, start_us);
        settings.visits_a_day = self.options.visits_a_day.unwrap_or(settings.visits_a_day);
        settings
    }

    /// When the history ends: where what is live begins.
    fn end_us(&self) -> i64 {
        self.position.start_us + i64::from(self.options.days) * DAY
    }

    /// How far rows may go now; what arrives then is not among them.
    fn until_us(&self) -> i64 {
        if self.options.live { self.clock.now_us() } else { self.end_us() }
    }
}

impl Source for Shop {
    fn start(&mut self, position: Option<&[u8]>) -> source::Result<()> {
        self.position = match position {
            Some(bytes) => serde_json::from_slice(bytes).map_err(|error| Error::Position {
                position: String::from_utf8_lossy(bytes).into_owned(),
                reason: error.to_string(),
            })?,
            None => {
                let today_us = self.clock.now_us().div_euclid(DAY) * DAY;
                let begun =
                    || self.floors.start_us(&self.options).unwrap_or(today_us - i64::from(self.options.days) * DAY);
                let start_us = self.options.start_us.unwrap_or_else(begun);
                Position { start_us, minute_us: start_us, row: 0 }
            }
        };
        if let Some(start_us) = self.options.start_us.filter(|start_us| *start_us != self.position.start_us) {
            let message = format!(
                "the source has begun a shop at {}, and START is {} now",
                encode::day(self.position.start_us),
                encode::day(start_us)
            );
            return Err(Error::Option(message).into());
        }
        let settings = self.settings(self.position.start_us);
        self.place = Some(self.floors.enter(&self.options, settings, self.position.minute_us));
        Ok(())
    }

    fn poll(&mut self, intake: &mut dyn Intake) -> source::Result<Progress> {
        loop {
            let until_us = self.until_us();
            if self.position.minute_us >= until_us {
                let next_us = self.position.minute_us - until_us;
                let wait = Duration::from_micros(next_us.unsigned_abs()).min(WAIT_MAX);
                return Ok(if self.options.live { Progress::Wait(wait) } else { Progress::End });
            }
            let Some(place) = &mut self.place else { return Ok(Progress::End) };
            let events = match place.minute(self.position.minute_us) {
                Told::Events(events) => events,
                Told::Later(wait) => return Ok(Progress::Wait(wait)),
            };
            let mut at = 0;
            for event in events.iter().filter(|event| Stream::of(&event.what).contains(&self.stream)) {
                if event.arrives_us >= until_us {
                    let wait = Duration::from_micros((event.arrives_us - until_us).unsigned_abs());
                    return Ok(Progress::Wait(wait.clamp(Duration::from_millis(1), WAIT_MAX)));
                }
                for row in headwater_shop::rows::rows(event, self.stream) {
                    at += 1;
                    if at <= self.position.row {
                        continue;
                    }
                    if intake.is_full() {
                        return Ok(Progress::More);
                    }
                    self.record.clear();
                    self.encoder.write(&row, &mut self.record);
                    intake.push(&self.record);
                    self.position.row = at;
                }
            }
            // What is left of a minute that is not over yet comes later.
            if self.position.minute_us + MINUTE > until_us {
                let wait = Duration::from_micros((self.position.minute_us + MINUTE - until_us).unsigned_abs());
                return Ok(Progress::Wait(wait.min(WAIT_MAX)));
            }
            self.position.minute_us += MINUTE;
            self.position.row = 0;
        }
    }

    fn position(&self) -> Vec<u8> {
        // Three numbers: there is nothing in them that could fail.
        serde_json::to_vec(&self.position).unwrap_or_default()
    }

    fn status(&self) -> Status {
        let done = ((self.position.minute_us - self.position.start_us) / MINUTE).unsigned_abs();
        let total = u64::from(self.options.days) * 24 * 60;
        let history = self.position.minute_us < self.end_us();
        let at = encode::time(self.position.minute_us);
        Status { done, total: (history || !self.options.live).then_some(total), at }
    }
}
