//! When the state of an owner is written anew, and how much of it a checkpoint takes.
//!
//! Pieces of changes pile up behind the pieces of a whole. Once they are larger than that, a round begins: each checkpoint
//! takes what changed, as ever, and then a share of all keys. A key that was there when its share was taken is whole in that
//! piece; one that came later is whole in its changes. So once all shares are taken, the pieces from before the round serve
//! nobody. A round lives in memory: the next life begins another one.

use std::collections::BTreeMap;

use super::manifest::Part;
use crate::operator::{Save, Share};

/// Changes that are smaller than this part of a share are not worth a new whole.
const SMALL: u64 = 16;

/// How many times as large as the whole changes become before ticks wait for a whole, rounds having come to nothing.
const CHANGES_MAX: u64 = 16;

/// The rounds of a node's owners of state.
#[derive(Debug, Clone)]
pub struct Rounds {
    share_bytes: u64,
    under_way: BTreeMap<String, Round>,
    /// How many bytes of changes the last checkpoint took of each owner.
    changes: BTreeMap<String, u64>,
}

#[derive(Debug, Clone)]
struct Round {
    /// How many pieces there were when it began.
    before: usize,
    of: u32,
    /// The first number that was not taken.
    next: u32,
    /// How many bytes all shares have so far.
    bytes: u64,
}

/// What a checkpoint took of an owner.
#[derive(Debug, Default)]
pub struct Took {
    /// How many pieces the owner had before.
    pub before: usize,
    /// Bytes of what changed.
    pub changes: u64,
    /// A share, and its bytes.
    pub share: Option<(Share, u64)>,
    pub all: bool,
}

impl Took {
    pub fn add(&mut self, which: Save, bytes: u64) {
        match which {
            Save::Changes => self.changes += bytes,
            Save::Share(share) => self.share = Some((share, self.share.map_or(0, |(_, before)| before) + bytes)),
            Save::All => self.all = true,
        }
    }
}

impl Rounds {
    pub fn new(share_bytes: u64) -> Rounds {
        Rounds { share_bytes, under_way: BTreeMap::new(), changes: BTreeMap::new() }
    }

    /// What the next checkpoint takes of an owner that has these pieces.
    pub fn wanted(&self, owner: &str, parts: &[Part]) -> Save {
        let bytes = |whole: bool| parts.iter().filter(|part| part.whole == whole).map(|part| part.length).sum::<u64>();
        let (whole, changes) = (bytes(true), bytes(false));
        if parts.is_empty() || changes / CHANGES_MAX > whole.max(self.share_bytes) {
            return Save::All;
        }
        let changed = self.changes.get(owner);
        if let Some((round, changed)) = self.under_way.get(owner).zip(changed) {
            return self.share(round.of, round.next, *changed);
        }
        if changes <= whole.max(self.share_bytes / SMALL) {
            return Save::Changes;
        }
        if whole + changes <= 2 * self.share_bytes {
            return Save::All;
        }
        let Some(changed) = changed else { return Save::Changes };
        // At least as much as there can be now, but for what rounds of other lives left.
        let most = changes.min(whole + changed) + whole;
        if 4 * changed >= most {
            // All of it costs no more than what changed and a share that is twice as large.
            return Save::All;
        }
        let of = most.div_ceil(self.share_bytes).clamp(2, u64::from(u32::MAX)) as u32;
        self.share(of, 0, *changed)
    }

    /// The share from a number on. A round has to be faster than changes are.
    fn share(&self, of: u32, from: u32, changed: u64) -> Save {
        let numbers = (2 * changed).div_ceil(self.share_bytes).clamp(1, u64::from(of - from)) as u32;
        Save::Share(Share { of, from, to: from + numbers })
    }

    /// How many of an owner's pieces must stay as they are.
    pub fn before(&self, owner: &str) -> usize {
        self.under_way.get(owner).map_or(0, |round| round.before)
    }

    /// A checkpoint took this of an owner, whose pieces are these now.
    pub fn took(&mut self, owner: &str, took: &Took, parts: &mut Vec<Part>) {
        if took.all {
            self.under_way.remove(owner);
            return;
        }
        self.changes.insert(owner.to_owned(), took.changes);
        let Some((share, bytes)) = took.share else { return };
        let begun = || Round { before: took.before, of: share.of, next: 0, bytes: 0 };
        let round = self.under_way.entry(owner.to_owned()).or_insert_with(begun);
        (round.next, round.bytes) = (share.to, round.bytes + bytes);
        if round.next == round.of {
            parts.drain(..round.before);
            mark(parts, round.bytes);
            self.under_way.remove(owner);
        }
    }

    pub fn retain(&mut self, owners: impl Fn(&str) -> bool) {
        self.under_way.retain(|owner, _| owners(owner));
        self.changes.retain(|owner, _| owners(owner));
    }
}

/// Of the pieces of a round that has ended, as many count as the whole as that has bytes.
fn mark(parts: &mut [Part], whole: u64) {
    let mut bytes = 0;
    for part in parts {
        part.whole = bytes < whole;
        bytes += part.length;
    }
}

/// What an unfinished round of another life has written are changes like others.
pub fn give_up(parts: &mut [Part]) {
    let whole = parts.iter().take_while(|part| part.whole).count();
    parts[whole..].iter_mut().for_each(|part| part.whole = false);
}

#[cfg(test)]
mod tests;
