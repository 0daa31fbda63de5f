//! Rows of a derived stream: what is committed in the log, in the order of each partition.

use std::collections::VecDeque;
use std::sync::Arc;

use headwater_log::{Isolation, Log, Pin, ReadOptions};
use headwater_query::decode::StreamReader;
use headwater_query::relation::Stream;

use super::{Look, News};
use crate::Result;
use crate::alerts::book::Place;
use crate::alerts::incident::{Incidents, Rows};
use crate::alerts::rows;

/// Times that wait for their rows to be committed. One that comes when there are more takes the place of the last.
const MARKS_MAX: usize = 64;

/// A stream with how far it is read.
pub struct Reader {
    stream: Arc<Stream>,
    decoder: StreamReader,
    next: Vec<i64>,
    /// Keep what is not read.
    pins: Vec<Pin>,
    /// Times of epochs, each with where the stream ended in it.
    marks: VecDeque<Mark>,
    /// The last time that counted. Of this life of the node: a start is told it again.
    watermark_us: i64,
}

struct Mark {
    watermark_us: i64,
    ends: Vec<i64>,
}

impl Reader {
    pub fn open(stream: &Arc<Stream>, place: Option<&Place>, log: &dyn Log) -> Result<Reader> {
        // Rows that were made anew are in another topic, and read from its beginning.
        let place = place.filter(|place| place.topic == stream.topic);
        let (mut next, mut pins) = (Vec::new(), Vec::new());
        for partition in 0..stream.partitions {
            let start = log.offsets(&stream.topic, partition)?.start;
            let kept = place.and_then(|place| place.next.get(partition as usize)).copied();
            if let Some(kept) = kept.filter(|kept| *kept < start) {
                let (stream, lost) = (&stream.name, start - kept);
                tracing::warn!(alert = stream, partition, lost, "retention took rows before they were looked at");
            }
            let from = kept.unwrap_or(start).max(start);
            next.push(from);
            pins.push(log.pin(&stream.topic, partition, from)?);
        }
        let decoder = StreamReader::new(Arc::clone(stream), None)?;
        let stream = Arc::clone(stream);
        Ok(Reader { stream, decoder, next, pins, marks: VecDeque::new(), watermark_us: i64::MIN })
    }

    pub(super) fn step(&mut self, look: &Look<'_>, incidents: &mut Incidents) -> Result<News> {
        let has_watermark = self.mark(look)?;
        let before = self.next.clone();
        let mut taken = Vec::new();
        for partition in 0..self.stream.partitions {
            let options = ReadOptions { isolation: Isolation::Committed, ..ReadOptions::default() };
            let from = self.next[partition as usize];
            let chunk = look.ground.log.read(&self.stream.topic, partition, from, &options)?;
            if chunk.next <= from {
                continue;
            }
            let decoded = self.decoder.decode(&chunk)?;
            taken.extend(rows::read(look.declared, &decoded.rows, look.meaning.now_us)?);
            self.next[partition as usize] = chunk.next;
        }
        let is_later = self.pass();
        if self.next == before && !is_later {
            return Ok(News::Nothing);
        }
        let watermark_us = has_watermark.then_some(self.watermark_us);
        let outcome = incidents.take(Rows::New(taken), watermark_us, &look.meaning);
        let place = Place { topic: self.stream.topic.clone(), next: self.next.clone() };
        Ok(News::Taken(outcome, Some(place)))
    }

    /// Notes the time of the newest epoch. False where nothing tells time.
    fn mark(&mut self, look: &Look<'_>) -> Result<bool> {
        let epoch = look.ground.published.lock();
        look.check(&epoch)?;
        let Some(watermark_us) = look.watermark_us(&epoch) else { return Ok(false) };
        let last_us = self.marks.back().map_or(self.watermark_us, |mark| mark.watermark_us);
        let ends = epoch.ends.get(&self.stream.name).cloned().unwrap_or_default();
        drop(epoch);
        if watermark_us > last_us && ends.len() == self.next.len() {
            if self.marks.len() >= MARKS_MAX {
                self.marks.pop_back();
            }
            self.marks.push_back(Mark { watermark_us, ends });
        }
        Ok(true)
    }

    /// Lets times count whose rows are read. True when one did.
    fn pass(&mut self) -> bool {
        let mut passed = false;
        while let Some(mark) = self.marks.front()
            && mark.ends.iter().zip(&self.next).all(|(end, next)| end <= next)
        {
            self.watermark_us = mark.watermark_us;
            self.marks.pop_front();
            passed = true;
        }
        passed
    }

    /// What was taken need not be kept any more.
    pub(super) fn release(&mut self, log: &dyn Log) -> Result<()> {
        for (partition, next) in (0..).zip(&self.next) {
            self.pins[partition as usize] = log.pin(&self.stream.topic, partition, *next)?;
        }
        Ok(())
    }

    pub(super) fn is_settled(&self, log: &dyn Log) -> bool {
        let is_read = |(partition, next): (u32, &i64)| {
            log.offsets(&self.stream.topic, partition).is_ok_and(|offsets| offsets.stable <= *next)
        };
        self.marks.is_empty() && (0..).zip(&self.next).all(is_read)
    }
}
