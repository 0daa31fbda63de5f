//! Transactions of one writer: rows in the partitions, the decision in the journal.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;

use super::Inner;
use super::journal::entry::{Entry, Span, Transaction};
use super::journal::state::WriterState;
use super::lock::lock;
use super::partition::Partition;
use crate::batch::Producer;
use crate::transaction::Outcome;
use crate::{Batch, Error, Prepared, Result, Writer};

/// What the handles of one name share. Its lock is held for the whole of each call, so a fenced handle's call is over
/// before a new epoch begins.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// What the journal holds durably. `None` before the name is opened for the first time.
    facts: Option<WriterState>,
    /// Appended and not prepared, by topic id and partition. `Some` and empty can't be.
    open: BTreeMap<(u64, u32), Part>,
}

#[derive(Debug)]
struct Part {
    partition: Arc<Partition>,
    start: i64,
    end: i64,
    records: i32,
}

/// A handle of one epoch.
#[derive(Debug)]
pub(super) struct EmbeddedWriter {
    inner: Arc<Inner>,
    slot: Arc<Mutex<Slot>>,
    name: String,
    epoch: u32,
    producer: Producer,
}

impl EmbeddedWriter {
    pub fn open(inner: &Arc<Inner>, name: &str) -> Result<EmbeddedWriter> {
        let slot = Arc::clone(lock(&inner.slots).entry(name.to_owned()).or_default());
        let mut held = lock(&slot);
        let void = held.spans();
        let entries = inner.record(|state| {
            let known = state.writers.get(name);
            let producer = match known.map(|writer| writer.producer) {
                Some(Producer { id, epoch }) if epoch < i16::MAX => Producer { id, epoch: epoch + 1 },
                _ => Producer { id: state.next_producer, epoch: 0 },
            };
            let epoch = known.map_or(0, |writer| writer.epoch + 1);
            let aborted = known.filter(|_| !void.is_empty());
            let aborted = aborted.map(|writer| Entry::Aborted { producer: writer.producer, spans: void.clone() });
            let opened = Entry::Opened { writer: name.to_owned(), epoch, producer };
            aborted.into_iter().chain([opened]).collect()
        })?;
        held.open.clear();
        held.refresh(inner, name);
        for entry in &entries {
            if let Entry::Aborted { producer, spans } = entry {
                inner.finish(*producer, spans, false);
            }
        }
        let Some(Entry::Opened { epoch, producer, .. }) = entries.last() else {
            unreachable!("the last entry opens the writer");
        };
        let (epoch, producer) = (*epoch, *producer);
        drop(held);
        Ok(EmbeddedWriter { inner: Arc::clone(inner), slot, name: name.to_owned(), epoch, producer })
    }

    /// The slot, if this handle is the living one.
    fn living(&self) -> Result<(MutexGuard<'_, Slot>, WriterState)> {
        let slot = lock(&self.slot);
        match slot.facts.clone() {
            Some(facts) if facts.epoch == self.epoch => Ok((slot, facts)),
            _ => Err(Error::Fenced { name: self.name.clone(), epoch: self.epoch }),
        }
    }

    fn refuse_in_doubt(&self, facts: &WriterState) -> Result<()> {
        match &facts.in_doubt {
            Some(one) => Err(Error::InDoubt { name: self.name.clone(), epoch: one.epoch, sequence: one.sequence }),
            None => Ok(()),
        }
    }

    /// Makes the open transaction's records durable, and describes it.
    fn settle(&self, slot: &Slot, facts: &WriterState, note: Bytes) -> Result<Transaction> {
        self.refuse_in_doubt(facts)?;
        for part in slot.open.values() {
            match part.partition.sync_to(part.end) {
                // Its topic was deleted, with its records.
                Err(Error::UnknownTopic { .. }) => {}
                other => other?,
            }
        }
        Ok(Transaction {
            writer: self.name.clone(),
            epoch: self.epoch,
            sequence: facts.sequence,
            producer: self.producer,
            note,
            spans: slot.spans(),
        })
    }

    /// Records an entry, after which the open transaction is none any more.
    fn conclude(&self, slot: &mut Slot, entry: Entry) -> Result<()> {
        self.inner.record(|_| vec![entry])?;
        slot.open.clear();
        slot.refresh(&self.inner, &self.name);
        Ok(())
    }

    fn decide(&self, slot: &mut Slot, transaction: &Transaction, committed: bool) -> Result<()> {
        let Transaction { epoch, sequence, producer, spans, .. } = transaction;
        let writer = self.name.clone();
        self.conclude(slot, Entry::Decided { writer, epoch: *epoch, sequence: *sequence, committed })?;
        self.inner.finish(*producer, spans, committed);
        Ok(())
    }

    fn facts(&self) -> Option<WriterState> {
        lock(&self.slot).facts.clone()
    }
}

impl Writer for EmbeddedWriter {
    fn name(&self) -> &str {
        &self.name
    }

    fn epoch(&self) -> u32 {
        self.epoch
    }

    fn producer(&self) -> Option<Producer> {
        Some(self.producer)
    }

    fn note(&self) -> Option<Bytes> {
        self.facts()?.note
    }

    fn in_doubt(&self) -> Option<Prepared> {
        self.facts()?.in_doubt.as_ref().map(name_of)
    }

    fn outcome(&self, transaction: &Prepared) -> Option<Outcome> {
        let facts = self.facts().filter(|_| transaction.writer == self.name)?;
        if facts.in_doubt.as_ref().is_some_and(|one| name_of(one) == *transaction) {
            return Some(Outcome::InDoubt);
        }
        let (epoch, sequence, committed) = facts.decided?;
        let is_it = (epoch, sequence) == (transaction.epoch, transaction.sequence);
        is_it.then_some(if committed { Outcome::Committed } else { Outcome::Aborted })
    }

    fn append(&mut self, topic: &str, partition: u32, mut batch: Batch) -> Result<std::ops::Range<i64>> {
        let (mut slot, facts) = self.living()?;
        self.refuse_in_doubt(&facts)?;
        self.inner.check_batch(&batch)?;
        let partition = self.inner.partition(topic, partition)?;
        let key = (partition.topic_id, partition.number);
        let header = batch.header();
        if header.producer == Producer::NONE {
            batch.stamp(self.producer, slot.open.get(&key).map_or(0, |part| part.records));
        } else if header.producer != self.producer || !header.is_transactional() {
            return Err(Error::InvalidBatch { reason: "it belongs to another producer than the transaction" });
        }
        let offsets = partition.append_open(batch, self.producer)?;
        let part = slot.open.entry(key).or_insert_with(|| Part {
            partition,
            start: offsets.start,
            end: offsets.end,
            records: 0,
        });
        part.end = offsets.end;
        part.records = part.records.wrapping_add(header.count) & i32::MAX;
        Ok(offsets)
    }

    fn prepare(&mut self, note: Bytes) -> Result<Prepared> {
        let (mut slot, facts) = self.living()?;
        let transaction = self.settle(&slot, &facts, note)?;
        let prepared = name_of(&transaction);
        self.conclude(&mut slot, Entry::Prepared(transaction))?;
        Ok(prepared)
    }

    fn commit(&mut self, transaction: &Prepared) -> Result<()> {
        let (mut slot, facts) = self.living()?;
        let Prepared { writer, epoch, sequence } = transaction;
        if let Some(in_doubt) = facts.in_doubt.as_ref().filter(|one| name_of(one) == *transaction) {
            return self.decide(&mut slot, in_doubt, true);
        }
        let (name, epoch, sequence) = (writer.clone(), *epoch, *sequence);
        match facts.decided.filter(|(last_epoch, last, _)| (*last_epoch, *last) == (epoch, sequence)) {
            Some((_, _, committed)) if name == self.name => match committed {
                true => Ok(()),
                false => Err(Error::Aborted { name, epoch, sequence }),
            },
            _ => Err(Error::UnknownTransaction { name, epoch, sequence }),
        }
    }

    fn commit_now(&mut self, note: Bytes) -> Result<()> {
        let (mut slot, facts) = self.living()?;
        let transaction = self.settle(&slot, &facts, note)?;
        let spans = transaction.spans.clone();
        self.conclude(&mut slot, Entry::Committed(transaction))?;
        self.inner.finish(self.producer, &spans, true);
        Ok(())
    }

    fn abort(&mut self) -> Result<()> {
        let (mut slot, facts) = self.living()?;
        if let Some(in_doubt) = &facts.in_doubt {
            return self.decide(&mut slot, in_doubt, false);
        }
        let spans = slot.spans();
        if spans.is_empty() {
            return Ok(());
        }
        // The journal must know before a marker can become durable: markers don't tell readers what is void.
        self.conclude(&mut slot, Entry::Aborted { producer: self.producer, spans: spans.clone() })?;
        self.inner.finish(self.producer, &spans, false);
        Ok(())
    }
}

impl Drop for EmbeddedWriter {
    /// Nobody else could ever commit what was not prepared, and it would hold readers back.
    fn drop(&mut self) {
        let abandoned = self.living().is_ok_and(|(slot, facts)| facts.in_doubt.is_none() && !slot.open.is_empty());
        if abandoned && !self.inner.closed.load(std::sync::atomic::Ordering::SeqCst) {
            // Should this fail, the next opening of the log or of the writer aborts it.
            let _ = self.abort();
        }
    }
}

impl Slot {
    fn spans(&self) -> Vec<Span> {
        let parts = self.open.iter();
        parts
            .map(|((topic, partition), part)| Span {
                topic: *topic,
                partition: *partition,
                start: part.start,
                end: part.end,
            })
            .collect()
    }

    /// Takes over what the journal has just made durable. Nobody else writes entries of this writer while its slot is
    /// locked.
    fn refresh(&mut self, inner: &Inner, name: &str) {
        self.facts = inner.journal.as_ref().and_then(|journal| journal.with(|state| state.writers.get(name).cloned()));
    }
}

fn name_of(transaction: &Transaction) -> Prepared {
    Prepared { writer: transaction.writer.clone(), epoch: transaction.epoch, sequence: transaction.sequence }
}
