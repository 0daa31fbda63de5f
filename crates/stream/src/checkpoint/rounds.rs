//! When the state of an owner is written anew, and how much of it a checkpoint takes.
//!
//! Pieces of changes pile up behind the pieces of a whole. Once they are larger than that, a round begins: each checkpoint
//! takes what changed, as ever, and a share of all keys, changed or not. A key that was there when its share was taken is
//! whole in that piece; one that came later is whole in its changes. So once all shares are taken, the pieces from before
//! the round serve nobody. A round lives in memory: the next life begins another one.

use std::collections::BTreeMap;

use super::manifest::Part;
use crate::operator::{Save, Share};

/// Changes that are smaller than this part of a share are not worth a new whole.
const SMALL: u64 = 128;

/// How many times as large as the whole changes become before ticks wait for a whole, rounds having come to nothing.
const CHANGES_MAX: u64 = 8;

/// The rounds of a node's owners of state.
#[derive(Debug, Clone)]
pub struct Rounds {
    share_bytes: u64,
    under_way: BTreeMap<String, Round>,
    /// How many bytes of changes the last checkpoint took of each owner, of those that took nothing else.
    changes: BTreeMap<String, u64>,
}

#[derive(Debug, Clone)]
struct Round {
    /// How many pieces there were when it began.
    before: usize,
    next: Share,
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
        if let Some(round) = self.under_way.get(owner) {
            return Save::Share(round.next);
        }
        if changes <= whole.max(self.share_bytes / SMALL) {
            return Save::Changes;
        }
        if whole + changes <= 2 * self.share_bytes {
            return Save::All;
        }
        let Some(at_once) = self.changes.get(owner) else { return Save::Changes };
        // At least as much as there can be now, but for what rounds of other lives left.
        let most = changes.min(whole + at_once) + whole;
        let of = most.div_ceil(self.share_bytes).clamp(2, u64::from(u32::MAX)) as u32;
        // A round has to be faster than changes are.
        let to = (2 * at_once).div_ceil(self.share_bytes).clamp(1, u64::from(of)) as u32;
        Save::Share(Share { of, from: 0, to })
    }

    /// A checkpoint takes this of an owner that has these pieces.
    pub fn begin(&mut self, owner: &str, which: Save, parts: &[Part]) {
        match which {
            Save::Changes => {}
            Save::Share(next) => {
                let round = || Round { before: parts.len(), next };
                self.under_way.entry(owner.to_owned()).or_insert_with(round);
            }
            Save::All => drop(self.under_way.remove(owner)),
        }
    }

    /// A checkpoint took this of an owner, in so many bytes, which are among its pieces now.
    pub fn end(&mut self, owner: &str, which: Save, bytes: u64, parts: &mut Vec<Part>) {
        let Save::Share(Share { of, from, to }) = which else {
            if which == Save::Changes {
                self.changes.insert(owner.to_owned(), bytes);
            }
            return;
        };
        let Some(round) = self.under_way.get_mut(owner) else { return };
        round.next = Share { of, from: to, to: to.saturating_add(to - from).min(of) };
        if to == of {
            parts.drain(..round.before);
            self.under_way.remove(owner);
        }
    }

    pub fn retain(&mut self, owners: impl Fn(&str) -> bool) {
        self.under_way.retain(|owner, _| owners(owner));
        self.changes.retain(|owner, _| owners(owner));
    }
}

/// What an unfinished round of another life has written are changes like others.
pub fn give_up(parts: &mut [Part]) {
    let whole = parts.iter().take_while(|part| part.whole).count();
    parts[whole..].iter_mut().for_each(|part| part.whole = false);
}

#[cfg(test)]
mod tests;
