//! A replay's reading: history in the order that it had, up to where the node itself is.
//!
//! Nothing here looks at a clock. That a partition was idle is known of the node for the goal, and from its records
//! for all that lies before; so a replay decides as the node did.

use std::collections::{BTreeMap, HashMap, VecDeque};

use headwater_log::{Log, ReadOptions};

use super::{Inputs, Raised};
use crate::checkpoint::InputState;
use crate::engine::WATERMARKS_TOPIC;
use crate::worker::input::Read;
use crate::{Error, Result};

/// How far, in event time, one partition may be read ahead of another: windows of what lies between stay open.
const AHEAD_US: i64 = 3_600_000_000;

/// Where a replay reads to.
#[derive(Default)]
pub struct Goal {
    /// By topic: how far the node is.
    until: BTreeMap<String, InputState>,
    /// Watermarks that partitions woke up with, by topic and partition: offset and microseconds, rising.
    raised: HashMap<(String, u32), VecDeque<(i64, i64)>>,
}

impl Goal {
    /// With every watermark that the node recorded.
    pub fn new(log: &dyn Log, until: BTreeMap<String, InputState>) -> Result<Goal> {
        let mut goal = Goal { until, raised: HashMap::new() };
        let mut from = log.offsets(WATERMARKS_TOPIC, 0)?.start;
        loop {
            let chunk = log.read(WATERMARKS_TOPIC, 0, from, &ReadOptions::default())?;
            if chunk.next <= from {
                return Ok(goal);
            }
            from = chunk.next;
            for record in chunk.records() {
                let value = record?.value.unwrap_or_default();
                let Raised { stream, partition, offset, watermark_us } = serde_json::from_slice(value)
                    .map_err(|error| Error::corrupt(format!("a record of {WATERMARKS_TOPIC}: {error}")))?;
                goal.raised.entry((stream, partition)).or_default().push_back((offset, watermark_us));
            }
        }
    }

    pub fn set(&mut self, until: BTreeMap<String, InputState>) {
        self.until = until;
    }
}

impl Inputs {
    /// Makes these the inputs of a replay: at the beginning of history, wherever that is kept.
    pub fn with_goal(mut self, goal: Goal) -> Inputs {
        self.goal = Some(goal);
        self.inputs.iter_mut().flat_map(|input| &mut input.partitions).for_each(|partition| partition.state.next = 0);
        self
    }

    pub fn set_goal(&mut self, until: BTreeMap<String, InputState>) {
        if let Some(goal) = &mut self.goal {
            goal.set(until);
        }
    }

    /// Offsets between here and the goal.
    pub fn distance(&self) -> u64 {
        let Some(goal) = &self.goal else { return 0 };
        let of_input = |input: &super::Input| {
            let until = goal.until.get(&input.stream.topic).map_or(&[][..], |state| &state.partitions);
            let pairs = input.partitions.iter().zip(until);
            pairs.map(|(here, there)| (there.next - here.state.next).max(0) as u64).sum::<u64>()
        };
        self.inputs.iter().map(of_input).sum()
    }

    /// The partitions that are not at the goal, those alone that are not far ahead of others.
    pub(super) fn plan_to_goal(&mut self, bytes: usize) -> Vec<Read> {
        let Some(goal) = &mut self.goal else { return Vec::new() };
        let mut reads = Vec::new();
        for (index, input) in self.inputs.iter_mut().enumerate() {
            let Some(until) = goal.until.get(&input.stream.topic) else { continue };
            for (number, (partition, there)) in input.partitions.iter_mut().zip(&until.partitions).enumerate() {
                let state = &mut partition.state;
                let mut limit = there.next;
                if state.next >= limit {
                    continue;
                }
                if let Some(raised) = goal.raised.get_mut(&(input.stream.topic.clone(), number as u32)) {
                    while let Some((offset, watermark_us)) = raised.front().copied() {
                        if offset > state.next {
                            limit = limit.min(offset);
                            break;
                        }
                        state.watermark_us = state.watermark_us.max(watermark_us);
                        raised.pop_front();
                    }
                }
                reads.push(Read {
                    input: index,
                    partition: number as u32,
                    from: state.next,
                    bytes_max: 0,
                    until: Some(limit),
                    watermark_us: state.watermark_us,
                });
            }
        }
        let behind = reads.iter().map(|read| read.watermark_us).min().unwrap_or(i64::MIN);
        reads.retain(|read| read.watermark_us <= behind.saturating_add(AHEAD_US));
        let share = bytes / reads.len().max(1);
        reads.iter_mut().for_each(|read| read.bytes_max = share);
        reads
    }

    /// Idle is who has nothing before the goal and is idle there.
    pub(super) fn tell_goal_time(&mut self) {
        let Some(goal) = &self.goal else { return };
        for input in self.inputs.iter_mut().filter(|input| input.stream.watermark.is_some()) {
            let Some(until) = goal.until.get(&input.stream.topic) else { continue };
            for (partition, there) in input.partitions.iter_mut().zip(&until.partitions) {
                partition.state.idle = there.idle && partition.state.next >= there.next;
            }
        }
    }
}
