//! Groups and partitions by the window that they belong to, so that they are found when it has closed. What they hold, and
//! what comes of them, is their operators' own.

use std::collections::BTreeMap;

use super::aggregate::Window;

#[derive(Default)]
pub struct Windows {
    /// Slots by the end of their window, microseconds. One that was freed may still stand under its old window.
    by_end: BTreeMap<i64, Vec<u32>>,
    /// The end of the window of each slot in use.
    ends: Vec<i64>,
}

impl Windows {
    /// A slot that is in use from now on.
    pub fn open(&mut self, end_us: i64, slot: u32) {
        if self.ends.len() <= slot as usize {
            self.ends.resize(slot as usize + 1, i64::MAX);
        }
        self.ends[slot as usize] = end_us;
        self.by_end.entry(end_us).or_default().push(slot);
    }

    /// The slots whose windows have closed, in the order of their numbers; `is_used` says whether one is in use.
    pub fn close(&mut self, window: Window, watermark_us: i64, is_used: impl Fn(u32) -> bool) -> Vec<u32> {
        let mut closed = Vec::new();
        while let Some(entry) = self.by_end.first_entry() {
            if entry.key().saturating_add(window.lateness_us) > watermark_us {
                break;
            }
            let end_us = *entry.key();
            let slots = entry.remove().into_iter();
            closed.extend(slots.filter(|slot| self.ends[*slot as usize] == end_us && is_used(*slot)));
        }
        // One that was emptied and came again stands twice in its window's list.
        closed.sort_unstable();
        closed.dedup();
        closed
    }
}
