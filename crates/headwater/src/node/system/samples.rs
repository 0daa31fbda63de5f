//! `system.metrics`: how the relations have fared in the last hour, a sample every five seconds, in memory.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use arrow::array::{ArrayRef, Float64Array};
use headwater_base::clock::Clock;
use headwater_stream::engine::published::Inner;
use headwater_stream::letter;

use super::{text, times};
use crate::node::doors::Doors;

const EVERY: Duration = Duration::from_secs(5);
/// An hour of them.
const SAMPLES_MAX: usize = 720;

const ROWS: &str = "rows";
const RATE: &str = "rate";
const LAG: &str = "lag";
const WATERMARK_LAG: &str = "watermark_lag_ms";

#[derive(Default)]
pub struct Samples(Mutex<VecDeque<Sample>>);

struct Sample {
    at_us: i64,
    values: Vec<(Arc<str>, &'static str, f64)>,
}

/// What the next rate is counted from.
#[derive(Default)]
struct Before {
    at: Duration,
    rows: HashMap<Arc<str>, u64>,
}

/// Takes samples as long as the node's doors are there.
pub async fn take(samples: Arc<Samples>, doors: Weak<Doors>, clock: Arc<dyn Clock>) {
    let mut before = Before::default();
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(doors) = doors.upgrade() else { return };
        let published = doors.published();
        let (now_us, now) = (clock.now_us(), clock.elapsed());
        let values = values(&published.lock(), &mut before, now_us, now);
        samples.add(Sample { at_us: now_us, values });
    }
}

fn values(inner: &Inner, before: &mut Before, now_us: i64, now: Duration) -> Vec<(Arc<str>, &'static str, f64)> {
    let mut values = Vec::new();
    let seconds = now.saturating_sub(before.at).as_secs_f64();
    let mut counted = HashMap::new();
    for name in inner.ends.keys().filter(|name| *name != letter::TOPIC) {
        let (relation, rows): (Arc<str>, u64) =
            (name.as_str().into(), inner.status.rows.get(name).copied().unwrap_or(0));
        values.push((Arc::clone(&relation), ROWS, rows as f64));
        // A relation that is new, or was made again, has no rate yet.
        if let Some(fresh) = before.rows.get(&relation).and_then(|known| rows.checked_sub(*known)) {
            values.push((Arc::clone(&relation), RATE, fresh as f64 / seconds));
        }
        counted.insert(Arc::clone(&relation), rows);
        let partitions = || inner.status.partitions.iter().filter(|each| each.stream == *name);
        if partitions().next().is_none() {
            continue;
        }
        let lag = partitions().map(|each| (each.stable - each.next).max(0)).sum::<i64>();
        values.push((Arc::clone(&relation), LAG, lag as f64));
        let watermark = partitions().map(|each| each.watermark_us).collect::<Option<Vec<i64>>>();
        if let Some(watermark_us) = watermark.and_then(|all| all.into_iter().min()) {
            values.push((relation, WATERMARK_LAG, (now_us - watermark_us) as f64 / 1e3));
        }
    }
    for (view, table) in &inner.tables {
        values.push((view.as_str().into(), ROWS, table.len() as f64));
    }
    *before = Before { at: now, rows: counted };
    values
}

impl Samples {
    fn add(&self, sample: Sample) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() == SAMPLES_MAX {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    pub fn rows(&self) -> Vec<ArrayRef> {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all = || samples.iter().flat_map(|sample| sample.values.iter().map(move |value| (sample.at_us, value)));
        vec![
            times(all().map(|(at_us, _)| Some(at_us))),
            text(all().map(|(_, (relation, _, _))| Some(&**relation))),
            text(all().map(|(_, (_, metric, _))| Some(*metric))),
            Arc::new(all().map(|(_, (_, _, value))| *value).collect::<Float64Array>()),
        ]
    }
}
