//! What the journal's entries add up to.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes};

use super::entry::{Decoder, Entry, Span, Transaction, put_bytes, put_producer, put_spans, put_transaction};
use crate::batch::Producer;

const VERSION: u32 = 1;

/// All that is known of transactions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    pub next_producer: i64,
    pub next_topic: u64,
    pub writers: BTreeMap<String, WriterState>,
    /// Committed, though their markers may not have reached every partition.
    pub committed: Vec<(Producer, Vec<Span>)>,
    /// Void records, for as long as partitions keep them.
    pub aborted: Vec<(Producer, Vec<Span>)>,
    /// By topic and partition: all before this offset was on stable storage.
    pub durable: BTreeMap<(u64, u32), i64>,
}

/// What is known of a writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriterState {
    pub epoch: u32,
    pub producer: Producer,
    /// Of the next transaction.
    pub sequence: u64,
    /// Of the last committed transaction.
    pub note: Option<Bytes>,
    pub in_doubt: Option<Transaction>,
    /// Epoch and sequence of the last decided transaction, and whether it was committed.
    pub decided: Option<(u32, u64, bool)>,
}

impl State {
    /// Adds an entry. One that doesn't fit what came before is an entry of nobody's, and `None`.
    pub fn apply(&mut self, entry: Entry) -> Option<()> {
        match entry {
            Entry::Snapshot(state) => *self = *state,
            Entry::Topic { id } => self.next_topic = self.next_topic.max(id + 1),
            Entry::Opened { writer, epoch, producer } => {
                self.next_producer = self.next_producer.max(producer.id + 1);
                let state = self.writers.entry(writer).or_insert_with(|| WriterState::new(epoch, producer));
                state.epoch = epoch;
                state.producer = producer;
            }
            Entry::Prepared(transaction) => {
                self.note_durable(&transaction.spans);
                let writer = self.writers.get_mut(&transaction.writer)?;
                writer.sequence = transaction.sequence + 1;
                writer.in_doubt = Some(transaction);
            }
            Entry::Committed(transaction) => {
                self.note_durable(&transaction.spans);
                let writer = self.writers.get_mut(&transaction.writer)?;
                writer.sequence = transaction.sequence + 1;
                writer.decided = Some((transaction.epoch, transaction.sequence, true));
                writer.note = Some(transaction.note);
                self.committed.push((transaction.producer, transaction.spans));
            }
            Entry::Decided { writer, epoch, sequence, committed } => {
                let writer = self.writers.get_mut(&writer)?;
                let transaction = writer.in_doubt.take_if(|one| one.epoch == epoch && one.sequence == sequence)?;
                writer.decided = Some((epoch, sequence, committed));
                if committed {
                    writer.note = Some(transaction.note);
                    self.committed.push((transaction.producer, transaction.spans));
                } else {
                    self.aborted.push((transaction.producer, transaction.spans));
                }
            }
            Entry::Aborted { producer, spans } => self.aborted.push((producer, spans)),
            Entry::Closed => {}
        }
        Some(())
    }

    fn note_durable(&mut self, spans: &[Span]) {
        for span in spans {
            let known = self.durable.entry((span.topic, span.partition)).or_default();
            *known = (*known).max(span.end);
        }
    }

    pub(super) fn encode(&self, to: &mut Vec<u8>) {
        to.put_u32(VERSION);
        to.put_i64(self.next_producer);
        to.put_u64(self.next_topic);
        to.put_u32(self.writers.len() as u32);
        for (name, writer) in &self.writers {
            put_bytes(to, name.as_bytes());
            writer.encode(to);
        }
        for list in [&self.committed, &self.aborted] {
            to.put_u32(list.len() as u32);
            for (producer, spans) in list {
                put_producer(to, *producer);
                put_spans(to, spans);
            }
        }
        to.put_u32(self.durable.len() as u32);
        for ((topic, partition), offset) in &self.durable {
            to.put_u64(*topic);
            to.put_u32(*partition);
            to.put_i64(*offset);
        }
    }

    pub(super) fn decode(from: &mut Decoder<'_>) -> Option<State> {
        if from.u32()? != VERSION {
            return None;
        }
        Some(State {
            next_producer: from.i64()?,
            next_topic: from.u64()?,
            writers: from.many(|from| Some((from.string()?, WriterState::decode(from)?)))?.into_iter().collect(),
            committed: from.many(|from| Some((from.producer()?, from.spans()?)))?,
            aborted: from.many(|from| Some((from.producer()?, from.spans()?)))?,
            durable: from.many(|from| Some(((from.u64()?, from.u32()?), from.i64()?)))?.into_iter().collect(),
        })
    }
}

impl WriterState {
    pub fn new(epoch: u32, producer: Producer) -> WriterState {
        WriterState { epoch, producer, sequence: 0, note: None, in_doubt: None, decided: None }
    }

    fn encode(&self, to: &mut Vec<u8>) {
        to.put_u32(self.epoch);
        put_producer(to, self.producer);
        to.put_u64(self.sequence);
        to.put_u8(u8::from(self.note.is_some()));
        if let Some(note) = &self.note {
            put_bytes(to, note);
        }
        to.put_u8(u8::from(self.in_doubt.is_some()));
        if let Some(transaction) = &self.in_doubt {
            put_transaction(to, transaction);
        }
        to.put_u8(u8::from(self.decided.is_some()));
        if let Some((epoch, sequence, committed)) = self.decided {
            to.put_u32(epoch);
            to.put_u64(sequence);
            to.put_u8(u8::from(committed));
        }
    }

    fn decode(from: &mut Decoder<'_>) -> Option<WriterState> {
        let mut state = WriterState::new(from.u32()?, from.producer()?);
        state.sequence = from.u64()?;
        if from.u8()? != 0 {
            state.note = Some(Bytes::copy_from_slice(from.bytes()?));
        }
        if from.u8()? != 0 {
            state.in_doubt = Some(from.transaction()?);
        }
        if from.u8()? != 0 {
            state.decided = Some((from.u32()?, from.u64()?, from.u8()? != 0));
        }
        Some(state)
    }
}
