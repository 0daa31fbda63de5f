//! Writing batches at the end.

use std::ops::Range;
use std::sync::Arc;

use super::super::Sync;
use super::super::lock::lock;
use super::super::scan::LEADER_EPOCH;
use super::{Partition, State};
use crate::batch::control::{self, Marker};
use crate::batch::{Batch, Producer};
use crate::{Result, Ticket};

impl Partition {
    /// Appends a batch outside of transactions.
    pub fn append(self: &Arc<Self>, batch: Batch) -> Result<Ticket> {
        let offsets = self.write(batch, |_, _| {})?;
        let (partition, end) = (Arc::clone(self), offsets.end);
        Ok(Ticket::new(offsets, Box::new(move || partition.sync_to(end))))
    }

    /// Appends a batch of an open transaction.
    pub fn append_open(&self, batch: Batch, producer: Producer) -> Result<Range<i64>> {
        self.write(batch, |state, offsets| {
            let range = state.open.entry(producer).or_insert_with(|| offsets.clone());
            range.end = offsets.end;
        })
    }

    /// Writes the marker of a decided transaction. No sync: recovery writes it again from the journal.
    pub fn mark(&self, producer: Producer, marker: Marker) -> Result<()> {
        let batch = control::build(marker, producer, self.shared.clock.now_us() / 1000);
        self.write(batch, |state, offsets| {
            state.unmarked.remove(&producer);
            let synced = state.synced;
            state.marks.retain(|_, end| *end > synced);
            state.marks.insert(producer, offsets.end);
        })?;
        Ok(())
    }

    /// Gives a batch its offsets and writes it; `note` sees the state before anyone else sees the batch.
    fn write(&self, mut batch: Batch, note: impl FnOnce(&mut State, &Range<i64>)) -> Result<Range<i64>> {
        let state = lock(&self.state);
        let mut state = self.make_room(state, batch.as_bytes().len() as u64)?;
        batch.place(state.end, LEADER_EPOCH);
        let header = batch.header();
        let offsets = header.base_offset..header.end_offset();
        let Some(active) = &mut state.active else {
            unreachable!("room was made in the active segment");
        };
        let written = active.file.write_at(batch.as_bytes(), active.index.length);
        if let Err(error) = written {
            return Err(self.poison(&mut state, &error.into()));
        }
        active.index.push(&header, self.shared.options.index_interval_bytes);
        state.end = offsets.end;
        state.unsynced_bytes += header.size() as u64;
        match self.shared.options.sync {
            Sync::Off => state.synced = state.end,
            Sync::Group { bytes, .. } if state.unsynced_bytes >= bytes => self.gathered.notify_all(),
            Sync::Group { .. } => {}
        }
        note(&mut state, &offsets);
        drop(state);
        self.shared.watchers.notify();
        Ok(offsets)
    }
}
