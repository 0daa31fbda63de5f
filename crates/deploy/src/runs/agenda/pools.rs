//! Pools: so many of some tasks' runs go on at a time. Who waits for a place gets it in the order of what is due.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// A run that has not begun: its pool, when it is due, its number, and its object.
pub(super) type Waiting = (String, i64, u64, String);

#[derive(Debug)]
pub(super) struct Pools {
    /// What is said of some.
    places: BTreeMap<String, usize>,
    /// Of all others.
    usual: usize,
    waiting: BTreeSet<Waiting>,
    /// By object.
    waits_as: BTreeMap<String, Waiting>,
    /// The pools of runs that go on.
    taken: BTreeMap<u64, String>,
}

impl Default for Pools {
    /// Without any bound.
    fn default() -> Pools {
        Pools::new(BTreeMap::new(), usize::MAX)
    }
}

impl Pools {
    pub fn new(places: BTreeMap<String, usize>, usual: usize) -> Pools {
        Pools { places, usual, waiting: BTreeSet::new(), waits_as: BTreeMap::new(), taken: BTreeMap::new() }
    }

    /// What an object waits for now: a run that is due then, or nothing.
    pub fn waits(&mut self, object: &str, pool: &str, run: Option<(i64, u64)>) {
        if let Some(before) = self.waits_as.remove(object) {
            self.waiting.remove(&before);
        }
        if let Some((due_us, id)) = run {
            let waiting = (pool.to_owned(), due_us, id, object.to_owned());
            self.waits_as.insert(object.to_owned(), waiting.clone());
            self.waiting.insert(waiting);
        }
    }

    /// Nobody waits any more. What goes on keeps its place.
    pub fn empty(&mut self) {
        self.waiting.clear();
        self.waits_as.clear();
    }

    /// The first one behind another who could have a place.
    pub fn next(&self, after: Option<&Waiting>) -> Option<Waiting> {
        let mut from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut next_pool;
        loop {
            let found = self.waiting.range((from, Bound::Unbounded)).next()?;
            if self.has_place(&found.0) {
                return Some(found.clone());
            }
            // The least name that is greater.
            next_pool = (format!("{}\0", found.0), i64::MIN, 0, String::new());
            from = Bound::Included(&next_pool);
        }
    }

    fn has_place(&self, pool: &str) -> bool {
        let places = self.places.get(pool).copied().unwrap_or(self.usual);
        places == usize::MAX || self.taken.values().filter(|taken| *taken == pool).count() < places
    }

    pub fn takes(&mut self, id: u64, pool: &str) {
        self.taken.insert(id, pool.to_owned());
    }

    pub fn leaves(&mut self, id: u64) {
        self.taken.remove(&id);
    }
}
