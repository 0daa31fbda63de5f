//! What a simulated caller does with an open log.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use headwater_base::clock::ManualClock;
use headwater_base::random::Random;

use super::model::{Model, Phase, Seen, Transaction};
use super::random::{content, name_of, pick};
use super::{PARTITIONS, Report, Step, TOPIC, wrong};
use crate::embedded::EmbeddedLog;
use crate::transaction::Outcome;
use crate::{Batch, Builder, Error, Isolation, Log, Prepared, ReadOptions, Ticket, TopicConfig, Writer};

pub(super) const WRITERS: [&str; 2] = ["one", "two"];

/// A topic that comes and goes.
const SCRATCH: &str = "scratch";

pub(super) struct Life<'a> {
    log: &'a EmbeddedLog,
    model: &'a mut Model,
    random: &'a mut Random,
    clock: &'a ManualClock,
    report: &'a mut Report,
    tickets: Vec<(u32, Ticket)>,
    writers: Vec<Box<dyn Writer>>,
    fenced: Vec<Box<dyn Writer>>,
}

impl<'a> Life<'a> {
    pub fn new(
        log: &'a EmbeddedLog,
        model: &'a mut Model,
        random: &'a mut Random,
        clock: &'a Arc<ManualClock>,
        report: &'a mut Report,
    ) -> Life<'a> {
        Life { log, model, random, clock, report, tickets: Vec::new(), writers: Vec::new(), fenced: Vec::new() }
    }

    /// Finds out what became of the last life.
    pub fn begin(&mut self) -> Step<()> {
        for (index, name) in WRITERS.iter().enumerate() {
            let writer = self.log.open_writer(name)?;
            let in_doubt = writer.in_doubt();
            self.report.in_doubt += u64::from(in_doubt.is_some());
            self.model.reopened(index, in_doubt, note_of(writer.as_ref()))?;
            self.writers.push(writer);
        }
        self.look(true)
    }

    pub fn verify(&mut self) -> Step<()> {
        self.look(false)
    }

    fn look(&mut self, first: bool) -> Step<()> {
        for partition in 0..PARTITIONS {
            let bytes_max = pick(self.random, &[1, 700, 1 << 20]).copied().unwrap_or(1);
            let committed = self.read(partition, Isolation::Committed, bytes_max)?;
            let latest = self.read(partition, Isolation::Latest, bytes_max)?;
            let offsets = self.log.offsets(TOPIC, partition)?;
            self.model.judge(partition, offsets, &committed, &latest, first)?;
        }
        Ok(())
    }

    fn read(&self, partition: u32, isolation: Isolation, bytes_max: usize) -> Step<Seen> {
        let options = ReadOptions { isolation, bytes_max, until: None, ..ReadOptions::default() };
        let mut from = self.log.offsets(TOPIC, partition)?.start;
        let mut seen = Seen::new();
        loop {
            let chunk = self.log.read(TOPIC, partition, from, &options)?;
            for record in chunk.records() {
                let record = record?;
                match record.value.and_then(name_of) {
                    Some(name) => seen.push((record.offset, name)),
                    None => return wrong(format!("the record at {partition}/{} has other bytes", record.offset)),
                }
            }
            if chunk.next == from {
                return Ok(seen);
            }
            from = chunk.next;
        }
    }

    pub fn step(&mut self) -> Step<()> {
        match self.random.below(32) {
            0..=7 => self.append(),
            8..=11 => self.wait(),
            12..=19 => self.append_in_transaction(),
            20..=22 => self.commit_now(),
            23..=24 => self.prepare(),
            25..=26 => self.decide(),
            27 => self.fence(),
            28 => self.use_fenced(),
            29 => self.retain(),
            30 => self.verify(),
            _ => self.scratch(),
        }
    }

    /// A batch of some records, and their names.
    fn build(&mut self) -> (Batch, Vec<u64>) {
        let mut builder = Builder::new();
        let names: Vec<u64> = (0..=self.random.below(3)).map(|_| self.model.name()).collect();
        for name in &names {
            let value = content(self.random, *name);
            builder.push(None, Some(&value), 1_000);
        }
        (builder.build(), names)
    }

    fn partition(&mut self) -> u32 {
        self.random.below(u64::from(PARTITIONS)) as u32
    }

    fn append(&mut self) -> Step<()> {
        let (batch, names) = self.build();
        let partition = self.partition();
        // What a failed append wrote may be there after a restart, so that its offset is not known.
        let expected = self.next_offset(partition)?;
        self.note_appended(&names, partition, expected, None);
        let ticket = self.log.append(TOPIC, partition, batch)?;
        if ticket.offsets.start != expected {
            return wrong(format!("{partition} gave {:?} and not {expected}", ticket.offsets));
        }
        self.tickets.push((partition, ticket));
        Ok(())
    }

    fn note_appended(&mut self, names: &[u64], partition: u32, offset: i64, transaction: Option<u64>) {
        for (name, offset) in names.iter().zip(offset..) {
            self.model.appended(*name, partition, offset, transaction);
        }
    }

    /// Where the next record goes: past everything written, markers too.
    fn next_offset(&self, partition: u32) -> Step<i64> {
        let start = self.log.offsets(TOPIC, partition)?.start;
        let options = ReadOptions { isolation: Isolation::Latest, ..ReadOptions::default() };
        let mut from = start;
        loop {
            let chunk = self.log.read(TOPIC, partition, from, &options)?;
            if chunk.next == from {
                return Ok(from);
            }
            from = chunk.next;
        }
    }

    fn wait(&mut self) -> Step<()> {
        if self.tickets.is_empty() {
            return Ok(());
        }
        let index = self.random.below(self.tickets.len() as u64) as usize;
        let (partition, ticket) = self.tickets.swap_remove(index);
        let end = ticket.wait()?.end;
        self.report.acknowledged += self.model.acknowledge(partition, end);
        Ok(())
    }

    fn append_in_transaction(&mut self) -> Step<()> {
        let index = self.random.below(WRITERS.len() as u64) as usize;
        let (batch, names) = self.build();
        let partition = self.partition();
        if let Some(prepared) = self.writers[index].in_doubt() {
            return match self.writers[index].append(TOPIC, partition, batch) {
                Err(Error::InDoubt { .. }) => Ok(()),
                other => wrong(format!("an append while {prepared:?} is in doubt: {other:?}")),
            };
        }
        let transaction = self.transaction(index);
        let expected = self.next_offset(partition)?;
        self.note_appended(&names, partition, expected, Some(transaction));
        let offsets = self.writers[index].append(TOPIC, partition, batch)?;
        if offsets.start != expected {
            return wrong(format!("{partition} gave {offsets:?} and not {expected}"));
        }
        Ok(())
    }

    /// The open transaction of a writer, or a new one.
    fn transaction(&mut self, writer: usize) -> u64 {
        if let Some(pending) = self.model.pending(writer) {
            return pending;
        }
        let name = self.model.name();
        self.model.transactions.insert(name, Transaction { writer, phase: Phase::Open });
        name
    }

    fn commit_now(&mut self) -> Step<()> {
        let index = self.random.below(WRITERS.len() as u64) as usize;
        if self.writers[index].in_doubt().is_some() {
            return Ok(());
        }
        let name = self.transaction(index);
        self.model.set_phase(name, Phase::Committing(None));
        self.writers[index].commit_now(note(name))?;
        self.committed(index, name)
    }

    fn committed(&mut self, writer: usize, name: u64) -> Step<()> {
        self.model.set_phase(name, Phase::Committed);
        let records = self.model.entries.values().filter(|entry| entry.transaction == Some(name)).count();
        self.report.acknowledged += records as u64;
        self.model.check_note(writer, note_of(self.writers[writer].as_ref()))
    }

    fn prepare(&mut self) -> Step<()> {
        let index = self.random.below(WRITERS.len() as u64) as usize;
        if self.writers[index].in_doubt().is_some() {
            return Ok(());
        }
        let name = self.transaction(index);
        self.model.set_phase(name, Phase::Preparing);
        let prepared = self.writers[index].prepare(note(name))?;
        self.model.set_phase(name, Phase::Prepared(prepared));
        Ok(())
    }

    /// Commits or aborts what is prepared, or aborts what is open.
    fn decide(&mut self) -> Step<()> {
        let index = self.random.below(WRITERS.len() as u64) as usize;
        let Some(name) = self.model.pending(index) else { return Ok(()) };
        let prepared = self.writers[index].in_doubt();
        match prepared {
            Some(prepared) if self.random.chance(2, 3) => {
                self.model.set_phase(name, Phase::Committing(Some(prepared.clone())));
                self.writers[index].commit(&prepared)?;
                self.check_outcome(index, &prepared, Outcome::Committed)?;
                self.committed(index, name)
            }
            prepared => {
                self.model.set_phase(name, Phase::Aborting(prepared.clone()));
                self.writers[index].abort()?;
                self.model.set_phase(name, Phase::Aborted);
                prepared.map_or(Ok(()), |prepared| self.check_outcome(index, &prepared, Outcome::Aborted))
            }
        }
    }

    fn check_outcome(&self, writer: usize, prepared: &Prepared, expected: Outcome) -> Step<()> {
        match self.writers[writer].outcome(prepared) {
            Some(outcome) if outcome == expected => Ok(()),
            other => wrong(format!("{prepared:?} was {other:?} and not {expected:?}")),
        }
    }

    /// Opens a writer once more; the old handle is kept to be refused.
    fn fence(&mut self) -> Step<()> {
        let index = self.random.below(WRITERS.len() as u64) as usize;
        let name = self.model.pending(index);
        let in_doubt = self.writers[index].in_doubt();
        if let (Some(name), None) = (name, &in_doubt) {
            self.model.set_phase(name, Phase::Aborting(None));
        }
        let writer = self.log.open_writer(WRITERS[index])?;
        if let (Some(name), None) = (name, &in_doubt) {
            self.model.set_phase(name, Phase::Aborted);
        }
        if writer.in_doubt() != in_doubt || writer.epoch() <= self.writers[index].epoch() {
            return wrong(format!("writer {index} forgot {in_doubt:?} or its epoch"));
        }
        self.model.check_note(index, note_of(writer.as_ref()))?;
        self.fenced.push(std::mem::replace(&mut self.writers[index], writer));
        Ok(())
    }

    fn use_fenced(&mut self) -> Step<()> {
        let (batch, _) = self.build();
        let Some(writer) = self.fenced.last_mut() else { return Ok(()) };
        let refused = match self.random.below(4) {
            0 => writer.append(TOPIC, 0, batch).map(drop),
            1 => writer.commit_now(Bytes::new()),
            2 => writer.prepare(Bytes::new()).map(drop),
            _ => writer.abort(),
        };
        match refused {
            Err(Error::Fenced { .. }) => Ok(()),
            other => wrong(format!("a fenced writer got {other:?}")),
        }
    }

    fn retain(&mut self) -> Step<()> {
        self.clock.advance(Duration::from_secs(1));
        for partition in 0..PARTITIONS {
            let offsets = self.log.offsets(TOPIC, partition)?;
            let kept = (offsets.stable - offsets.start).max(0) as u64;
            let released = offsets.start + self.random.below(kept + 1) as i64;
            self.log.release(TOPIC, partition, released)?;
            let side = &mut self.model.sides[partition as usize];
            side.released = side.released.max(released);
        }
        self.log.enforce_retention()?;
        Ok(())
    }

    /// Another topic is made, used, and removed: nothing of one is left in the next of its name.
    fn scratch(&mut self) -> Step<()> {
        let exists = self.log.topics()?.iter().any(|topic| topic.name == SCRATCH);
        if exists && self.random.chance(1, 2) {
            return Ok(self.log.delete_topic(SCRATCH)?);
        }
        let config = TopicConfig { partitions: 1, retention: None, archived: false };
        self.log.create_topic(SCRATCH, &config)?;
        if !exists && self.log.offsets(SCRATCH, 0)?.end != 0 {
            return wrong("a new topic holds records");
        }
        let (batch, _) = self.build();
        let _unawaited = self.log.append(SCRATCH, 0, batch)?;
        let (batch, _) = self.build();
        let mut writer = self.log.open_writer(SCRATCH)?;
        writer.append(SCRATCH, 0, batch)?;
        Ok(writer.commit_now(Bytes::new())?)
    }
}

fn note(name: u64) -> Bytes {
    Bytes::copy_from_slice(&name.to_be_bytes())
}

fn note_of(writer: &dyn Writer) -> Option<u64> {
    writer.note().and_then(|note| note.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes)))
}
