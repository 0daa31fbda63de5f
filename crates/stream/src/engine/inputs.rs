//! How far each partition of each stream is read, and what time it is there.

mod goal;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use headwater_log::Log;
use headwater_query::relation::Stream;

use crate::checkpoint::{InputState, PartitionState};
use crate::worker::input::{Read, Taken};
use crate::{Error, Result};
pub use goal::Goal;

/// The place and time of all streams that a dataflow reads.
pub struct Inputs {
    inputs: Vec<Input>,
    /// When the last tick was planned.
    planned: Duration,
    /// Of a replay: where it reads to. Without one, all is read that the log has.
    goal: Option<Goal>,
}

struct Input {
    stream: Arc<Stream>,
    partitions: Vec<Partition>,
    /// The stream's watermark, microseconds; it never goes back.
    watermark_us: i64,
    rows: u64,
    bytes: u64,
    /// For how long ticks ran that could not take all that was there.
    pressed: Duration,
}

struct Partition {
    state: PartitionState,
    /// When rows last came, by the monotonic clock.
    last_rows: Duration,
    /// How far a tick could have read.
    stable: i64,
}

/// A partition that was idle and has rows again: its watermark was raised to the stream's before the next of them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Raised {
    /// The stream's topic.
    pub stream: String,
    pub partition: u32,
    /// The offset before which it counts.
    pub offset: i64,
    pub watermark_us: i64,
}

/// What people see of a stream's partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionStatus {
    pub stream: String,
    pub partition: u32,
    pub next: i64,
    pub stable: i64,
    pub start: i64,
    pub watermark_us: Option<i64>,
    pub idle: bool,
    pub stopped: Option<String>,
}

impl Inputs {
    /// Streams at the beginning of what the log has.
    pub fn new(streams: &[Arc<Stream>], log: &dyn Log, now: Duration) -> Result<Inputs> {
        let mut inputs = Vec::with_capacity(streams.len());
        for stream in streams {
            let mut partitions = Vec::with_capacity(stream.partitions as usize);
            for partition in 0..stream.partitions {
                let next = log.offsets(&stream.topic, partition)?.start;
                let state = PartitionState { next, watermark_us: i64::MIN, idle: false, stopped: None };
                partitions.push(Partition { state, last_rows: now, stable: 0 });
            }
            inputs.push(Input {
                stream: Arc::clone(stream),
                partitions,
                watermark_us: i64::MIN,
                rows: 0,
                bytes: 0,
                pressed: Duration::ZERO,
            });
        }
        Ok(Inputs { inputs, planned: now, goal: None })
    }

    /// Goes to where a checkpoint was.
    pub fn restore(&mut self, topic: &str, saved: &InputState) -> Result<()> {
        let Some(input) = self.inputs.iter_mut().find(|input| input.stream.topic == topic) else { return Ok(()) };
        if saved.partitions.len() != input.partitions.len() {
            return Err(Error::corrupt(format!(
                "the checkpoint has {} partitions of {topic}, which has {}",
                saved.partitions.len(),
                input.partitions.len()
            )));
        }
        input.watermark_us = saved.watermark_us;
        for (partition, saved) in input.partitions.iter_mut().zip(&saved.partitions) {
            partition.state = saved.clone();
        }
        Ok(())
    }

    /// For the manifest: by topic.
    pub fn save(&self) -> impl Iterator<Item = (String, InputState)> + '_ {
        self.inputs.iter().map(|input| {
            let partitions = input.partitions.iter().map(|partition| partition.state.clone()).collect();
            (input.stream.topic.clone(), InputState { watermark_us: input.watermark_us, partitions })
        })
    }

    /// The partitions that have rows to read, with an equal share of `bytes` each.
    pub fn plan(&mut self, log: &dyn Log, bytes: usize, now: Duration) -> Result<(Vec<Read>, Vec<Raised>)> {
        if self.goal.is_some() {
            return Ok((self.plan_to_goal(bytes), Vec::new()));
        }
        let (mut reads, mut raised) = (Vec::new(), Vec::new());
        self.planned = now;
        for (index, input) in self.inputs.iter_mut().enumerate() {
            for (number, partition) in input.partitions.iter_mut().enumerate() {
                let state = &mut partition.state;
                partition.stable = log.offsets(&input.stream.topic, number as u32)?.stable;
                if state.stopped.is_some() || partition.stable <= state.next {
                    continue;
                }
                // It is not idle while its rows are on their way, however long they took to be planned.
                partition.last_rows = now;
                if std::mem::take(&mut state.idle) && state.watermark_us < input.watermark_us {
                    state.watermark_us = input.watermark_us;
                    raised.push(Raised {
                        stream: input.stream.topic.clone(),
                        partition: number as u32,
                        offset: state.next,
                        watermark_us: state.watermark_us,
                    });
                }
                reads.push(Read {
                    input: index,
                    partition: number as u32,
                    from: state.next,
                    bytes_max: 0,
                    until: None,
                    watermark_us: state.watermark_us,
                });
            }
        }
        let share = bytes / reads.len().max(1);
        reads.iter_mut().for_each(|read| read.bytes_max = share);
        Ok((reads, raised))
    }

    /// Notes for how long the tick of these reads has run, where it left rows to the next one.
    pub fn note_pressure<'a>(&mut self, taken: impl Iterator<Item = &'a Taken>, now: Duration) {
        let left_rows = |taken: &&Taken| {
            let partition = &self.inputs[taken.input].partitions[taken.partition as usize];
            taken.stopped.is_none() && taken.next < partition.stable
        };
        let pressed: BTreeSet<usize> = taken.filter(left_rows).map(|taken| taken.input).collect();
        let took = now.saturating_sub(self.planned);
        pressed.into_iter().for_each(|input| self.inputs[input].pressed += took);
    }

    /// For how long ticks ran that could not take all that was there, by stream.
    pub fn pressed(&self) -> impl Iterator<Item = (&str, Duration)> {
        self.inputs.iter().map(|input| (input.stream.name.as_str(), input.pressed))
    }

    /// Notes what was read.
    pub fn advance(&mut self, taken: &Taken, now: Duration) {
        let input = &mut self.inputs[taken.input];
        input.rows += taken.rows.num_rows() as u64;
        input.bytes += taken.bytes;
        let partition = &mut input.partitions[taken.partition as usize];
        partition.state.next = taken.next;
        partition.state.watermark_us = taken.watermark_us;
        partition.state.stopped.clone_from(&taken.stopped);
        partition.last_rows = now;
    }

    /// Raises the watermarks of all partitions to a time, microseconds.
    pub fn advance_watermarks(&mut self, time_us: i64) {
        for partition in self.inputs.iter_mut().flat_map(|input| &mut input.partitions) {
            partition.state.watermark_us = partition.state.watermark_us.max(time_us);
        }
    }

    /// Declares partitions idle whose time has come, and computes the streams' watermarks. True when one advanced.
    pub fn tell_time(&mut self, now: Duration) -> bool {
        let mut advanced = false;
        self.tell_goal_time();
        let by_clock = self.goal.is_none();
        for input in self.inputs.iter_mut().filter(|input| input.stream.watermark.is_some()) {
            if let Some(timeout) = input.stream.idle_timeout.filter(|_| by_clock) {
                for partition in &mut input.partitions {
                    partition.state.idle |= now >= partition.last_rows + timeout;
                }
            }
            let active = input.partitions.iter().filter(|partition| !partition.state.idle);
            let watermark_us = active.map(|partition| partition.state.watermark_us).min();
            if let Some(watermark_us) = watermark_us.filter(|each| *each > input.watermark_us) {
                input.watermark_us = watermark_us;
                advanced = true;
            }
        }
        advanced
    }

    pub fn watermarks_us(&self) -> Arc<[i64]> {
        self.inputs.iter().map(|input| input.watermark_us).collect()
    }

    /// Where each partition of each stream ends for readers of this moment.
    pub fn ends(&self) -> impl Iterator<Item = (String, Vec<i64>)> + '_ {
        self.inputs.iter().map(|input| {
            (input.stream.name.clone(), input.partitions.iter().map(|partition| partition.state.next).collect())
        })
    }

    /// Rows that passed before this engine was opened, by stream.
    pub fn count_from(&mut self, rows: &BTreeMap<String, u64>) {
        for input in &mut self.inputs {
            input.rows += rows.get(&input.stream.name).copied().unwrap_or(0);
        }
    }

    /// For how long ticks before this engine was opened left rows to the next, by stream.
    pub fn press_from(&mut self, pressed: &BTreeMap<String, Duration>) {
        for input in &mut self.inputs {
            input.pressed += pressed.get(&input.stream.name).copied().unwrap_or_default();
        }
    }

    /// Rows that passed since the node started, by stream.
    pub fn rows(&self) -> impl Iterator<Item = (&str, u64)> {
        self.inputs.iter().map(|input| (input.stream.name.as_str(), input.rows))
    }

    pub fn status(&self, log: &dyn Log) -> Result<Vec<PartitionStatus>> {
        let mut all = Vec::new();
        for input in &self.inputs {
            for (number, partition) in input.partitions.iter().enumerate() {
                let offsets = log.offsets(&input.stream.topic, number as u32)?;
                let state = &partition.state;
                all.push(PartitionStatus {
                    stream: input.stream.name.clone(),
                    partition: number as u32,
                    next: state.next,
                    stable: offsets.stable,
                    start: offsets.start,
                    watermark_us: (state.watermark_us > i64::MIN).then_some(state.watermark_us),
                    idle: state.idle,
                    stopped: state.stopped.clone(),
                });
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use arrow::array::RecordBatch;
    use arrow::datatypes::Schema;
    use headwater_base::clock::ManualClock;
    use headwater_base::files::Files;
    use headwater_base::files::simulated::Simulated;
    use headwater_log::embedded::Options;
    use headwater_log::{Builder, EmbeddedLog, TopicConfig};
    use headwater_query::relation::resolve;
    use headwater_sql::{SourceText, Statement};

    use super::*;
    use crate::operator::Violations;

    #[test]
    fn pressure_is_the_time_of_ticks_that_leave_rows() {
        let parsed = headwater_sql::parse(&SourceText::new("test.sql", "CREATE STREAM s (id BIGINT)")).unwrap();
        let Statement::CreateStream(create) = &parsed[0].statement else { panic!("a stream") };
        let stream = Arc::new(resolve::stream(create, &parsed[0].source).unwrap());
        let disk = Simulated::with_clock(1, ManualClock::at(0));
        disk.create_folders(Path::new("/log")).unwrap();
        let log = EmbeddedLog::open(disk.shared(), Path::new("/log"), ManualClock::at(0), Options::default()).unwrap();
        log.create_topic("s", &TopicConfig { partitions: 1, retention: None, archived: false }).unwrap();
        let mut rows = Builder::new();
        (0..10).for_each(|_| rows.push(None, Some(b"{}"), 0));
        log.append("s", 0, rows.build()).unwrap().wait().unwrap();

        let second = Duration::from_secs;
        let mut inputs = Inputs::new(&[stream], &log, second(0)).unwrap();
        let mut tick = |began: u64, next: i64, ended: u64| {
            assert_eq!(inputs.plan(&log, 1000, second(began)).unwrap().0.len(), 1);
            let taken = Taken {
                input: 0,
                partition: 0,
                from: 0,
                next,
                watermark_us: 0,
                bytes: 0,
                rows: RecordBatch::new_empty(Arc::new(Schema::empty())),
                offsets: Arc::from([]),
                timestamps_us: Arc::from([]),
                violations: Violations::new(),
                stopped: None,
            };
            inputs.note_pressure([&taken].into_iter(), second(ended));
            inputs.advance(&taken, second(ended));
            inputs.pressed().map(|(_, time)| time.as_secs()).sum::<u64>()
        };
        assert_eq!(tick(1, 4, 3), 2);
        assert_eq!(tick(10, 9, 11), 3);
        assert_eq!(tick(20, 10, 40), 3, "nothing was left");
    }
}
