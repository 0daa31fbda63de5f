//! Operators: the steps of a dataflow, each a synchronous, single-threaded transformation of change batches.
//!
//! An operator never waits, never touches the network and never asks for the time. Each worker has its own copy of
//! every operator and gives it only rows whose keys the worker owns.

pub mod aggregate;
pub mod asof;
pub mod combine;
pub mod evaluate;
pub mod filter;
pub mod join;
pub mod known;
pub mod late;
pub mod multiset;
pub mod over;
pub mod pace;
pub mod project;
pub mod retain;
pub mod rules;
pub mod session;
pub mod state;
pub mod table;
pub mod trim;
pub mod union;
pub mod unnest;
pub mod values;
pub mod windows;

use std::collections::BTreeMap;

use arrow::array::RecordBatch;

use crate::batch::Batch;
use crate::letter::Letter;
use crate::{Error, Result};

/// One step of a dataflow.
pub trait Operator: Send {
    /// Takes one batch of this tick, of the input that `port` counts from 0.
    fn push(&mut self, port: usize, batch: Batch, out: &mut Output) -> Result<()>;

    /// All batches of this tick have come. `watermarks_us` holds the watermark of each input of the dataflow, in
    /// microseconds; it never goes back.
    fn finish(&mut self, _watermarks_us: &[i64], _out: &mut Output) -> Result<()> {
        Ok(())
    }

    /// What it holds back is due in this tick.
    fn come_due(&mut self) {}

    /// All that it has given by now and not taken back, once more: for those behind it that are new. Asked between two
    /// ticks, and only of what [`crate::graph::Step::holds_all`].
    fn content(&mut self, _out: &mut Output) -> Result<()> {
        Err(Error::internal("an operator was asked for rows that it does not hold"))
    }

    /// State for a checkpoint; `None` from an operator that keeps none. Columns: the key columns, `weight` (BIGINT, 0
    /// for a group that is gone), `state` (BINARY, the operator's own).
    fn save(&mut self, _which: Save) -> Result<Option<RecordBatch>> {
        Ok(None)
    }

    /// Takes back rows that [`Operator::save`] gave, in the order of their checkpoints, already reduced to the keys
    /// that this copy owns.
    fn load(&mut self, _rows: &RecordBatch) -> Result<()> {
        Ok(())
    }

    /// How many leading columns of a state batch are the key; `None` when there is no state.
    fn key_columns(&self) -> Option<usize> {
        None
    }

    fn status(&self) -> Status {
        Status::default()
    }
}

/// How many rows a batch of [`Operator::content`] has at the most, or so.
const CONTENT_ROWS: usize = 1 << 16;

/// Which state a checkpoint takes. Later saves count from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Save {
    /// What changed since the last save.
    Changes,
    /// That, and all that a share of the keys has. Right after a save of changes: the share.
    Share(Share),
    /// All of it.
    All,
}

/// The keys with `from..to` of so many numbers. An operator gives each key one, and not another one while the key is
/// there; which one is its own matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    pub of: u32,
    pub from: u32,
    pub to: u32,
}

/// How many slots that follow each other have the same number: what is kept of them shares lines of the cache.
const NEIGHBOURS: u32 = 16;

impl Save {
    /// The saves of one checkpoint, the one after the other. What changed apart from a share, so that it is known how much
    /// that is.
    pub fn steps(self) -> impl Iterator<Item = Save> {
        let changes = matches!(self, Save::Share(_)).then_some(Save::Changes);
        changes.into_iter().chain([self])
    }

    /// Whether all is taken of the key in a slot, changed or not.
    pub fn is_whole(self, slot: u32) -> bool {
        match self {
            Save::Changes => false,
            Save::Share(share) => (share.from..share.to).contains(&(slot / NEIGHBOURS % share.of)),
            Save::All => true,
        }
    }
}

/// What an operator gives.
#[derive(Debug, Default)]
pub struct Output {
    pub batches: Vec<Batch>,
    /// Rows that failed here.
    pub letters: Vec<Letter>,
    /// Rows that violated a rule, whatever became of them.
    pub violations: Violations,
}

/// How many rows violated each rule of a relation, by the rule's name.
pub type Violations = BTreeMap<String, u64>;

impl Output {
    pub fn emit(&mut self, batch: Batch) {
        if !batch.is_empty() {
            self.batches.push(batch);
        }
    }
}

/// What an operator holds, for people who watch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Status {
    pub groups: u64,
    pub state_bytes: u64,
}
