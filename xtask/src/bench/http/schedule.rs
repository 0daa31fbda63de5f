//! When each of many senders is due, whatever answers take.
//!
//! A sender that waits for its last answer before it sends would hide a stall from most of its requests. Here each
//! request has its moment beforehand, and what it takes is counted from that moment.

use std::time::{Duration, Instant};

use crate::shell;

/// One sender's moments: every `every` from `first` on.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    first: Instant,
    every: Duration,
}

impl Schedule {
    /// The schedules of `senders` that take turns, one every `turn`.
    pub fn turns(start: Instant, turn: Duration, senders: usize) -> Vec<Schedule> {
        let every = turn * senders as u32;
        (0..senders).map(|sender| Schedule { first: start + turn * sender as u32, every }).collect()
    }

    pub fn due(&self, number: u64) -> Instant {
        self.first + Duration::from_nanos(self.every.as_nanos() as u64 * number)
    }

    /// Sleeps until the moment is there; returns at once where it has passed.
    pub fn wait(&self, number: u64) -> Instant {
        let due = self.due(number);
        std::thread::sleep(due.saturating_duration_since(shell::now()));
        due
    }

    /// How many moments lie before the end.
    pub fn count(&self, end: Instant) -> u64 {
        let length = end.saturating_duration_since(self.first).as_nanos() as u64;
        length.div_ceil(self.every.as_nanos().max(1) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_take_turns() {
        let start = shell::now();
        let turns = Schedule::turns(start, Duration::from_millis(10), 3);
        assert_eq!(turns[1].due(0) - start, Duration::from_millis(10));
        assert_eq!(turns[1].due(2) - start, Duration::from_millis(70));
        let end = start + Duration::from_millis(70);
        assert_eq!(turns.iter().map(|turn| turn.count(end)).collect::<Vec<_>>(), [3, 2, 2]);
    }
}
