//! What the journal says, and how it is written down.

use bytes::{Buf, BufMut, Bytes};

use super::state::State;
use crate::batch::Producer;

/// A part of a transaction: its first record in a partition to one past its last. Others' records lie between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The topic's id, which no other topic ever has, not even a later one of the same name.
    pub topic: u64,
    pub partition: u32,
    pub start: i64,
    pub end: i64,
}

/// A transaction that was prepared or committed. All its records were on stable storage before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    pub writer: String,
    pub epoch: u32,
    pub sequence: u64,
    pub producer: Producer,
    pub note: Bytes,
    pub spans: Vec<Span>,
}

/// One fact. All entries before it hold already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Everything before this point; the first entry of a file, and only that.
    Snapshot(Box<State>),
    /// This id is given to a topic.
    Topic {
        id: u64,
    },
    /// A writer's new epoch; earlier ones are fenced.
    Opened {
        writer: String,
        epoch: u32,
        producer: Producer,
    },
    Prepared(Transaction),
    /// Prepared and committed at once.
    Committed(Transaction),
    /// A prepared transaction is committed, or else aborted.
    Decided {
        writer: String,
        epoch: u32,
        sequence: u64,
        committed: bool,
    },
    /// Records that were never prepared are void.
    Aborted {
        producer: Producer,
        spans: Vec<Span>,
    },
    /// The log was closed in good order; all entries before were synced.
    Closed,
}

impl Entry {
    pub fn encode(&self, to: &mut Vec<u8>) {
        match self {
            Entry::Snapshot(state) => {
                to.put_u8(1);
                state.encode(to);
            }
            Entry::Topic { id } => {
                to.put_u8(2);
                to.put_u64(*id);
            }
            Entry::Opened { writer, epoch, producer } => {
                to.put_u8(3);
                put_bytes(to, writer.as_bytes());
                to.put_u32(*epoch);
                put_producer(to, *producer);
            }
            Entry::Prepared(transaction) => {
                to.put_u8(4);
                put_transaction(to, transaction);
            }
            Entry::Committed(transaction) => {
                to.put_u8(5);
                put_transaction(to, transaction);
            }
            Entry::Decided { writer, epoch, sequence, committed } => {
                to.put_u8(6);
                put_bytes(to, writer.as_bytes());
                to.put_u32(*epoch);
                to.put_u64(*sequence);
                to.put_u8(u8::from(*committed));
            }
            Entry::Aborted { producer, spans } => {
                to.put_u8(7);
                put_producer(to, *producer);
                put_spans(to, spans);
            }
            Entry::Closed => to.put_u8(8),
        }
    }

    /// `None` for bytes that are not exactly one entry.
    pub fn decode(bytes: &[u8]) -> Option<Entry> {
        let mut from = Decoder { bytes };
        let entry = match from.u8()? {
            1 => Entry::Snapshot(Box::new(State::decode(&mut from)?)),
            2 => Entry::Topic { id: from.u64()? },
            3 => Entry::Opened { writer: from.string()?, epoch: from.u32()?, producer: from.producer()? },
            4 => Entry::Prepared(from.transaction()?),
            5 => Entry::Committed(from.transaction()?),
            6 => Entry::Decided {
                writer: from.string()?,
                epoch: from.u32()?,
                sequence: from.u64()?,
                committed: from.u8()? != 0,
            },
            7 => Entry::Aborted { producer: from.producer()?, spans: from.spans()? },
            8 => Entry::Closed,
            _ => return None,
        };
        from.bytes.is_empty().then_some(entry)
    }
}

pub(super) fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    to.put_u32(bytes.len() as u32);
    to.put_slice(bytes);
}

pub(super) fn put_producer(to: &mut Vec<u8>, producer: Producer) {
    to.put_i64(producer.id);
    to.put_i16(producer.epoch);
}

pub(super) fn put_spans(to: &mut Vec<u8>, spans: &[Span]) {
    to.put_u32(spans.len() as u32);
    for span in spans {
        to.put_u64(span.topic);
        to.put_u32(span.partition);
        to.put_i64(span.start);
        to.put_i64(span.end);
    }
}

pub(super) fn put_transaction(to: &mut Vec<u8>, transaction: &Transaction) {
    put_bytes(to, transaction.writer.as_bytes());
    to.put_u32(transaction.epoch);
    to.put_u64(transaction.sequence);
    put_producer(to, transaction.producer);
    put_bytes(to, &transaction.note);
    put_spans(to, &transaction.spans);
}

/// Reads what the functions above write; `None` where the bytes end too soon.
pub(super) struct Decoder<'a> {
    pub bytes: &'a [u8],
}

impl<'a> Decoder<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(taken)
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.take(4).map(|mut bytes| bytes.get_u32())
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.take(8).map(|mut bytes| bytes.get_u64())
    }

    pub fn i64(&mut self) -> Option<i64> {
        self.take(8).map(|mut bytes| bytes.get_i64())
    }

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.take(length as usize)
    }

    pub fn string(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }

    pub fn producer(&mut self) -> Option<Producer> {
        Some(Producer { id: self.i64()?, epoch: self.take(2).map(|mut bytes| bytes.get_i16())? })
    }

    /// A count and as many values.
    pub fn many<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.u32()?;
        (0..count).map(|_| one(self)).collect()
    }

    pub fn spans(&mut self) -> Option<Vec<Span>> {
        self.many(|from| {
            Some(Span { topic: from.u64()?, partition: from.u32()?, start: from.i64()?, end: from.i64()? })
        })
    }

    pub fn transaction(&mut self) -> Option<Transaction> {
        Some(Transaction {
            writer: self.string()?,
            epoch: self.u32()?,
            sequence: self.u64()?,
            producer: self.producer()?,
            note: Bytes::copy_from_slice(self.bytes()?),
            spans: self.spans()?,
        })
    }
}
