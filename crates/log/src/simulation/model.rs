//! What the log has promised, and judging what it shows.

use std::collections::BTreeMap;

use super::{Step, wrong};
use crate::{Offsets, Prepared};

/// Of a record outside of transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Not acknowledged: it may be there after a restart, or not.
    Open,
    /// Acknowledged, or seen by a reader: it must be there for ever.
    Kept,
    /// It was not there after a restart: it must never come back.
    Gone,
}

/// Of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// Appending; dies with its process.
    Open,
    /// A prepare that did not return: prepared or aborted.
    Preparing,
    Prepared(Prepared),
    /// A commit or abort that did not return. Of a prepared one, it may still be in doubt.
    Committing(Option<Prepared>),
    Aborting(Option<Prepared>),
    Committed,
    Aborted,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub partition: u32,
    pub offset: i64,
    pub transaction: Option<u64>,
    fate: Fate,
}

#[derive(Debug)]
pub(super) struct Transaction {
    pub writer: usize,
    pub phase: Phase,
}

#[derive(Debug, Default)]
pub(super) struct Side {
    /// Everything before may be gone.
    pub released: i64,
    /// The largest start that was seen.
    start: i64,
}

#[derive(Debug)]
pub(super) struct Model {
    /// By name, which is unique for ever.
    pub entries: BTreeMap<u64, Entry>,
    pub transactions: BTreeMap<u64, Transaction>,
    pub sides: Vec<Side>,
    /// Of each writer: the last committed transaction, as its note says.
    pub notes: Vec<Option<u64>>,
    names: u64,
}

/// Records as a reader saw them: offset and name.
pub(super) type Seen = Vec<(i64, u64)>;

impl Model {
    pub fn new(partitions: u32) -> Model {
        Model {
            entries: BTreeMap::new(),
            transactions: BTreeMap::new(),
            sides: (0..partitions).map(|_| Side::default()).collect(),
            notes: vec![None; super::life::WRITERS.len()],
            names: 0,
        }
    }

    /// A name for a record or a transaction.
    pub fn name(&mut self) -> u64 {
        self.names += 1;
        self.names
    }

    pub fn appended(&mut self, name: u64, partition: u32, offset: i64, transaction: Option<u64>) {
        self.entries.insert(name, Entry { partition, offset, transaction, fate: Fate::Open });
    }

    /// All before `end` is on stable storage. Returns how many records that acknowledged.
    pub fn acknowledge(&mut self, partition: u32, end: i64) -> u64 {
        let mut count = 0;
        for entry in self.entries.values_mut() {
            let waits = entry.transaction.is_none() && entry.fate == Fate::Open;
            if waits && entry.partition == partition && entry.offset < end {
                entry.fate = Fate::Kept;
                count += 1;
            }
        }
        count
    }

    /// The transaction of a writer that is not decided for certain.
    pub fn pending(&self, writer: usize) -> Option<u64> {
        let undecided = |one: &&Transaction| !matches!(one.phase, Phase::Committed | Phase::Aborted);
        let mut found = self.transactions.iter().filter(|(_, one)| one.writer == writer && undecided(one));
        found.next_back().map(|(name, _)| *name)
    }

    pub fn set_phase(&mut self, name: u64, phase: Phase) {
        if let Some(transaction) = self.transactions.get_mut(&name) {
            if phase == Phase::Committed {
                self.notes[transaction.writer] = Some(name);
            }
            transaction.phase = phase;
        }
    }

    fn phase(&self, name: u64) -> Option<&Phase> {
        self.transactions.get(&name).map(|one| &one.phase)
    }

    /// The process ends: what was only appended in transactions is void.
    pub fn end_life(&mut self) {
        for transaction in self.transactions.values_mut() {
            if transaction.phase == Phase::Open {
                transaction.phase = Phase::Aborted;
            }
        }
    }

    /// A writer was opened in a new life, and says what is in doubt and what its last note is.
    pub fn reopened(&mut self, writer: usize, in_doubt: Option<Prepared>, note: Option<u64>) -> Step<()> {
        let pending = self.pending(writer);
        let Some(name) = pending else {
            if let Some(in_doubt) = in_doubt {
                return wrong(format!("writer {writer} has {in_doubt:?} in doubt, which was decided"));
            }
            return self.check_note(writer, note);
        };
        let committed = note == Some(name);
        let phase = self.phase(name).cloned();
        let resolved = match (phase, in_doubt) {
            (Some(Phase::Prepared(known)), Some(found)) if known == found => Phase::Prepared(found),
            (Some(Phase::Committing(Some(known)) | Phase::Aborting(Some(known))), Some(found)) if known == found => {
                Phase::Prepared(found)
            }
            (Some(Phase::Preparing), Some(found)) => Phase::Prepared(found),
            (Some(Phase::Preparing | Phase::Aborting(_)), None) => Phase::Aborted,
            (Some(Phase::Committing(None)), None) if !committed => Phase::Aborted,
            (Some(Phase::Committing(_)), None) if committed => Phase::Committed,
            (phase, in_doubt) => {
                return wrong(format!("transaction {name} was {phase:?}, and {in_doubt:?} is in doubt, note {note:?}"));
            }
        };
        self.set_phase(name, resolved);
        self.check_note(writer, note)
    }

    pub fn check_note(&self, writer: usize, note: Option<u64>) -> Step<()> {
        if note == self.notes[writer] {
            return Ok(());
        }
        wrong(format!("writer {writer} notes {note:?} and not {:?}", self.notes[writer]))
    }

    /// Judges what readers see of a partition. At the beginning of a life, that also decides what is gone.
    pub fn judge(
        &mut self,
        partition: u32,
        offsets: Offsets,
        committed: &Seen,
        latest: &Seen,
        first: bool,
    ) -> Step<()> {
        let side = &mut self.sides[partition as usize];
        if offsets.start < side.start || offsets.start > side.released.max(side.start) {
            let (start, released) = (side.start, side.released);
            return wrong(format!("partition {partition} starts at {}, not in {start}..={released}", offsets.start));
        }
        side.start = offsets.start;
        for seen in [committed, latest] {
            if !seen.windows(2).all(|pair| pair[0].0 < pair[1].0) {
                return wrong(format!("partition {partition} is out of order: {seen:?}"));
            }
            for (offset, name) in seen {
                self.judge_seen(partition, *offset, *name)?;
            }
        }
        let committed: BTreeMap<u64, i64> = committed.iter().map(|(offset, name)| (*name, *offset)).collect();
        let latest: BTreeMap<u64, i64> = latest.iter().map(|(offset, name)| (*name, *offset)).collect();
        if committed.values().any(|offset| *offset >= offsets.stable) {
            return wrong(format!("partition {partition} shows records past the stable offset {}", offsets.stable));
        }
        self.judge_stable(partition, offsets)?;
        let names: Vec<u64> = self.entries.keys().copied().collect();
        for name in names {
            self.judge_entry(
                name,
                partition,
                offsets,
                (committed.contains_key(&name), latest.contains_key(&name)),
                first,
            )?;
        }
        Ok(())
    }

    fn judge_seen(&self, partition: u32, offset: i64, name: u64) -> Step<()> {
        match self.entries.get(&name) {
            None => wrong(format!("record {name} was never appended")),
            Some(entry) if (entry.partition, entry.offset) != (partition, offset) => {
                wrong(format!("record {name} is at {partition}/{offset}, not {entry:?}"))
            }
            Some(_) => Ok(()),
        }
    }

    /// Nothing but an open transaction may hold readers back from what was acknowledged.
    fn judge_stable(&self, partition: u32, offsets: Offsets) -> Step<()> {
        let here = || self.entries.values().filter(|entry| entry.partition == partition);
        let is_kept = |entry: &&Entry| match entry.transaction {
            None => entry.fate == Fate::Kept,
            Some(name) => self.phase(name) == Some(&Phase::Committed),
        };
        let is_open = |entry: &&Entry| {
            let phase = entry.transaction.and_then(|name| self.phase(name));
            matches!(phase, Some(Phase::Open | Phase::Prepared(_)))
        };
        let kept = here().filter(is_kept).map(|entry| entry.offset + 1).max().unwrap_or(0);
        let open = here().filter(is_open).map(|entry| entry.offset).min();
        let least = open.map_or(kept, |open| open.min(kept));
        if offsets.stable < least || open.is_some_and(|open| offsets.stable > open) {
            let last: Vec<_> = here().filter(|entry| entry.offset >= offsets.stable).collect();
            return wrong(format!("partition {partition} has {offsets:?}, but {least} is due ({open:?}): {last:?}"));
        }
        Ok(())
    }

    /// One record against what two readers saw of it.
    fn judge_entry(
        &mut self,
        name: u64,
        partition: u32,
        offsets: Offsets,
        (in_committed, in_latest): (bool, bool),
        first: bool,
    ) -> Step<()> {
        let phase =
            self.entries.get(&name).and_then(|entry| entry.transaction).and_then(|one| self.phase(one)).cloned();
        let Some(entry) = self.entries.get_mut(&name) else { return Ok(()) };
        if entry.partition != partition || entry.offset < offsets.start {
            return Ok(());
        }
        let is_below = entry.offset < offsets.stable;
        let fits = match (entry.transaction, phase, entry.fate) {
            (None, _, Fate::Gone) => !in_committed && !in_latest,
            (None, _, Fate::Kept) => in_latest && in_committed == is_below,
            (None, _, Fate::Open) => {
                if in_committed || (first && in_latest) {
                    entry.fate = Fate::Kept;
                } else if first {
                    entry.fate = Fate::Gone;
                }
                in_latest || first
            }
            (Some(_), Some(Phase::Committed), _) => in_latest && in_committed == is_below,
            (Some(_), Some(Phase::Open | Phase::Prepared(_)), _) => in_latest && !in_committed,
            (Some(_), Some(Phase::Aborted), _) => !in_latest && !in_committed,
            // Undecided calls end the life, and the next one finds out.
            (Some(_), _, _) => false,
        };
        if fits {
            return Ok(());
        }
        let entry = entry.clone();
        wrong(format!("record {name}, {entry:?}: in committed {in_committed}, in latest {in_latest}, {offsets:?}"))
    }
}
