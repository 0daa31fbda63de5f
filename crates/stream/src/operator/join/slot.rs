//! The rows of one key on one side of a join.
//!
//! Most keys have a row or two, which are looked through; only a key with many has a table for them. Rows stand in an
//! order that follows from what came and went, not from a table's hashes. How many bytes they are, when they go and what
//! is saved of them is the [side](super::side)'s to know.

use indexmap::IndexMap;
use smallvec::SmallVec;

use super::side::Entry;
use crate::rows::Row;

/// From how many rows on a key has a table.
const MANY: usize = 9;

#[derive(Debug)]
pub enum Slot {
    Few(SmallVec<[(Row, Entry); 1]>),
    Many(Box<IndexMap<Row, Entry, hashbrown::DefaultHashBuilder>>),
}

impl Default for Slot {
    fn default() -> Slot {
        Slot::Few(SmallVec::new())
    }
}

impl Slot {
    pub fn len(&self) -> usize {
        match self {
            Slot::Few(rows) => rows.len(),
            Slot::Many(rows) => rows.len(),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Row, &Entry)> {
        let (few, many) = match self {
            Slot::Few(rows) => (Some(rows.iter().map(|(row, entry)| (row, entry))), None),
            Slot::Many(rows) => (None, Some(rows.iter())),
        };
        few.into_iter().flatten().chain(many.into_iter().flatten())
    }

    pub fn get(&self, row: &[u8]) -> Option<&Entry> {
        match self {
            Slot::Few(rows) => rows.iter().find(|(each, _)| each.as_ref() == row).map(|(_, entry)| entry),
            Slot::Many(rows) => rows.get(row),
        }
    }

    pub fn get_mut(&mut self, row: &[u8]) -> Option<&mut Entry> {
        match self {
            Slot::Few(rows) => rows.iter_mut().find(|(each, _)| each.as_ref() == row).map(|(_, entry)| entry),
            Slot::Many(rows) => rows.get_mut(row),
        }
    }

    /// Takes in a row that is not there.
    pub fn insert(&mut self, row: Row, entry: Entry) {
        match self {
            Slot::Few(rows) if rows.len() + 1 < MANY => rows.push((row, entry)),
            Slot::Few(rows) => {
                let rows = std::mem::take(rows).into_iter().chain([(row, entry)]);
                *self = Slot::Many(Box::new(rows.collect()));
            }
            Slot::Many(rows) => {
                rows.insert(row, entry);
            }
        }
    }

    pub fn remove(&mut self, row: &[u8]) -> Option<Entry> {
        match self {
            Slot::Few(rows) => {
                let at = rows.iter().position(|(each, _)| each.as_ref() == row)?;
                Some(rows.swap_remove(at).1)
            }
            Slot::Many(rows) => {
                let entry = rows.swap_remove(row);
                if rows.is_empty() {
                    *self = Slot::default();
                }
                entry
            }
        }
    }
}
