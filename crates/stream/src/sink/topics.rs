//! Derived streams and dead letters: rows that go back into the log, in one transaction a checkpoint.
//!
//! There are two writers that take turns: while the transaction of a checkpoint is made durable and decided elsewhere,
//! the rows behind it go into the other's.

use std::sync::Arc;

use arrow::array::RecordBatch;
use headwater_base::clock::Clock;
use headwater_format::{Encoded, Encoder, Format, encoder};
use headwater_log::{Builder, Log, Prepared, Writer};
use headwater_query::relation::Stream;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::batch::Batch;
use crate::graph::{Graph, Kind};
use crate::letter::{self, Letter};
use crate::{Error, Result};

/// Records a batch of the log grows to before it is appended.
const BATCH_BYTES: usize = 512 << 10;

/// Appends to the topics of derived streams.
pub struct Topics {
    name: String,
    writer: Box<dyn Writer>,
    /// The other one, unless its transaction is being decided.
    spare: Option<Box<dyn Writer>>,
    clock: Arc<dyn Clock>,
    /// By output of the graph; `None` for those that are no streams.
    streams: Vec<Option<Target>>,
    letters: Box<dyn Encoder>,
    encoded: Encoded,
    builder: Builder,
    written: Vec<Written>,
    letters_end: i64,
}

struct Target {
    stream: Arc<Stream>,
    encoder: Box<dyn Encoder>,
    /// One past the last record, by partition.
    ends: Vec<i64>,
}

/// Rows as they were appended.
#[derive(Debug, Clone)]
pub struct Written {
    pub output: usize,
    pub partition: u32,
    pub rows: RecordBatch,
    pub first_offset: i64,
    /// Append time of all of them, microseconds.
    pub timestamp_us: i64,
    pub bytes: usize,
}

impl Topics {
    /// Opens the writers of a name, which fence all earlier ones.
    pub fn open(name: &str, graph: &Graph, log: &dyn Log, clock: Arc<dyn Clock>) -> Result<Topics> {
        // First: what an earlier engine left open is aborted now, and ends are counted behind it.
        let writer = log.open_writer(name)?;
        let spare = Some(log.open_writer(&format!("{name}/2"))?);
        let mut streams = Vec::with_capacity(graph.outputs.len());
        for output in &graph.outputs {
            streams.push(match &output.kind {
                Kind::Derived(stream) => {
                    let ends = (0..stream.partitions)
                        .map(|partition| Ok(log.offsets(&stream.topic, partition)?.end))
                        .collect::<Result<_>>()?;
                    let encoder = encoder(stream.format, Arc::clone(&stream.schema))?;
                    Some(Target { stream: Arc::clone(stream), encoder, ends })
                }
                Kind::Keyed { .. } => None,
            });
        }
        Ok(Topics {
            name: name.to_owned(),
            writer,
            spare,
            clock,
            streams,
            letters: encoder(Format::Json, letter::schema())?,
            encoded: Encoded::default(),
            builder: Builder::new(),
            written: Vec::new(),
            letters_end: log.offsets(letter::TOPIC, 0)?.end,
        })
    }

    /// Gives up whatever earlier writers of the name left, and what they said that they committed: nobody has a
    /// checkpoint of it.
    pub fn begin(&mut self) -> Result<()> {
        self.writers().try_for_each(|writer| {
            writer.abort()?;
            Ok(writer.commit_now("0".into())?)
        })
    }

    fn writers(&mut self) -> impl Iterator<Item = &mut Box<dyn Writer>> {
        std::iter::once(&mut self.writer).chain(&mut self.spare)
    }

    /// Names them in manifests; stable over restarts.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Appends dead letters.
    pub fn write_letters(&mut self, letters: &[Letter]) -> Result<()> {
        if letters.is_empty() {
            return Ok(());
        }
        self.encoded.clear();
        self.letters.encode(&letter::rows(letters)?, &mut self.encoded)?;
        let now_us = self.clock.now_us();
        for (first, count, _) in append(&mut *self.writer, &mut self.builder, letter::TOPIC, 0, &self.encoded, now_us)?
        {
            self.letters_end = first + count as i64;
        }
        Ok(())
    }

    /// Appends one record of the node's own to a topic with one partition.
    pub fn write_record(&mut self, topic: &str, record: &[u8]) -> Result<()> {
        self.builder.push(None, Some(record), self.clock.now_us() / 1000);
        self.writer.append(topic, 0, self.builder.build())?;
        Ok(())
    }

    /// One past the last dead letter.
    pub fn letters_end(&self) -> i64 {
        self.letters_end
    }

    /// What was appended since the last call.
    pub fn take_written(&mut self) -> Vec<Written> {
        std::mem::take(&mut self.written)
    }

    /// One past the last record of each partition of a derived stream.
    pub fn ends(&self, output: usize) -> Option<&[i64]> {
        self.streams[output].as_ref().map(|target| target.ends.as_slice())
    }

    /// Appends rows of one tick, of the graph's output `output`.
    pub fn write(&mut self, output: usize, rows: &[Batch]) -> Result<()> {
        let Some(target) = &mut self.streams[output] else {
            return Err(Error::internal("rows for a topic from a view that has none"));
        };
        for batch in rows.iter().filter(|batch| !batch.is_empty()) {
            let partitions = target.stream.partitions;
            // Rows that still are rows of a stream stay in its partition, in its order.
            let partition = batch.origin.as_ref().map_or(0, |origin| origin.partition % partitions);
            self.encoded.clear();
            target.encoder.encode(&batch.rows, &mut self.encoded)?;
            let timestamp_us = self.clock.now_us() / 1000 * 1000;
            let topic = &target.stream.topic;
            let parts = append(&mut *self.writer, &mut self.builder, topic, partition, &self.encoded, timestamp_us)?;
            let mut row = 0;
            for (first_offset, count, bytes) in parts {
                let rows = batch.rows.slice(row, count);
                row += count;
                target.ends[partition as usize] = first_offset + count as i64;
                self.written.push(Written { output, partition, rows, first_offset, timestamp_us, bytes });
            }
        }
        Ok(())
    }

    /// Ends the transaction of a checkpoint, which is decided apart from here; what comes behind goes into another one.
    pub fn close(&mut self, checkpoint: u64) -> Result<Closed> {
        let spare = self.spare.take().ok_or_else(|| Error::internal("the checkpoint before is not over yet"))?;
        Ok(Closed { writer: std::mem::replace(&mut self.writer, spare), checkpoint, transaction: None })
    }

    /// Takes back the writer of a transaction that is decided.
    pub fn reopen(&mut self, closed: Closed) {
        self.spare = Some(closed.writer);
    }

    /// First call after a restart, with the newest manifest's token: commits that if it is not yet, and gives up
    /// whatever else is left.
    pub fn recover(&mut self, token: Option<&Value>) -> Result<()> {
        let wanted = token.map(parse).transpose()?;
        let mut committed: Option<u64> = None;
        for writer in self.writers() {
            match (writer.in_doubt(), &wanted) {
                (Some(left), Some(wanted)) if left == wanted.transaction => writer.commit(&left)?,
                (Some(_), _) => writer.abort()?,
                (None, _) => {}
            }
            // What was committed last is known by its note, whatever was aborted since.
            let number = writer.note().and_then(|note| std::str::from_utf8(&note).ok()?.parse().ok());
            committed = committed.max(number);
        }
        let wanted = wanted.map(|wanted| wanted.checkpoint);
        if committed == wanted {
            return Ok(());
        }
        let shown = |number: Option<u64>| number.map_or("none".to_owned(), |number| number.to_string());
        let (newest, last) = (shown(wanted), shown(committed));
        let message = format!("the newest checkpoint is {newest}, and the last that the log committed is {last}");
        Err(Error::corrupt(message)
            .with_hint("log and checkpoints are not of the same time: restore both from one backup"))
    }
}

/// The transaction of a checkpoint, which gets no more rows.
pub struct Closed {
    writer: Box<dyn Writer>,
    checkpoint: u64,
    transaction: Option<Prepared>,
}

impl Closed {
    /// Makes all that was written durable, without showing it. Returns what a manifest has to know.
    pub fn prepare(&mut self) -> Result<Value> {
        let transaction = self.writer.prepare(self.checkpoint.to_string().into())?;
        self.transaction = Some(transaction.clone());
        serde_json::to_value(Token { checkpoint: self.checkpoint, transaction })
            .map_err(|error| Error::internal(error.to_string()))
    }

    /// Shows what was prepared. Called once the manifest is there.
    pub fn commit(&mut self) -> Result<()> {
        match self.transaction.take() {
            Some(transaction) => Ok(self.writer.commit(&transaction)?),
            None => Err(Error::internal("a transaction is decided that was not prepared")),
        }
    }
}

/// What a manifest holds of a prepared transaction.
#[derive(Debug, Serialize, Deserialize)]
struct Token {
    checkpoint: u64,
    transaction: Prepared,
}

fn parse(token: &Value) -> Result<Token> {
    Token::deserialize(token).map_err(|error| Error::corrupt(format!("a manifest's transaction: {error}")))
}

/// Appends records in batches of bounded size; returns first offset, count and bytes of each.
fn append(
    writer: &mut dyn Writer,
    builder: &mut Builder,
    topic: &str,
    partition: u32,
    records: &Encoded,
    timestamp_us: i64,
) -> Result<Vec<(i64, usize, usize)>> {
    let mut parts = Vec::new();
    let (mut start, mut count, mut bytes) = (0, 0, 0);
    for (index, end) in records.ends.iter().enumerate() {
        builder.push(None, Some(&records.bytes[start..*end]), timestamp_us / 1000);
        bytes += end - start;
        start = *end;
        count += 1;
        if bytes >= BATCH_BYTES || index + 1 == records.ends.len() {
            let offsets = writer.append(topic, partition, builder.build())?;
            parts.push((offsets.start, count, bytes));
            (count, bytes) = (0, 0);
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use headwater_base::clock::ManualClock;
    use headwater_base::files::Files;
    use headwater_base::files::simulated::Simulated;
    use headwater_log::EmbeddedLog;
    use headwater_log::embedded::Options;

    use super::*;

    fn open(log: &dyn Log) -> Topics {
        let graph = Graph { inputs: Vec::new(), nodes: Vec::new(), outputs: Vec::new(), stages: 1 };
        Topics::open("replay/1", &graph, log, ManualClock::at(0)).unwrap()
    }

    fn checkpoint(topics: &mut Topics, number: u64) -> Value {
        let mut closed = topics.close(number).unwrap();
        let token = closed.prepare().unwrap();
        closed.commit().unwrap();
        topics.reopen(closed);
        token
    }

    #[test]
    fn what_begins_anew_under_an_old_name_can_go_on_at_its_first_checkpoint() {
        let disk = Simulated::with_clock(1, ManualClock::at(0));
        disk.create_folders(Path::new("/log")).unwrap();
        let log = EmbeddedLog::open(disk.shared(), Path::new("/log"), ManualClock::at(0), Options::default()).unwrap();
        log.create_topic(
            letter::TOPIC,
            &headwater_log::TopicConfig { partitions: 1, retention: None, archived: false },
        )
        .unwrap();
        let mut topics = open(&log);
        topics.begin().unwrap();
        let tokens: Vec<Value> = (1..=57).map(|number| checkpoint(&mut topics, number)).collect();
        open(&log).recover(tokens.last()).unwrap();
        let behind = open(&log).recover(Some(&tokens[55])).unwrap_err();
        assert_eq!(behind.to_string(), "the newest checkpoint is 56, and the last that the log committed is 57");

        let mut topics = open(&log);
        topics.begin().unwrap();
        let first = checkpoint(&mut topics, 1);
        open(&log).recover(Some(&first)).unwrap();
        // One that is prepared, and whose manifest is there.
        let mut closed = topics_after(&log, &first).close(2).unwrap();
        let second = closed.prepare().unwrap();
        drop(closed);
        open(&log).recover(Some(&second)).unwrap();
        // One that is prepared, and whose manifest is not.
        topics_after(&log, &second).close(3).unwrap().prepare().unwrap();
        open(&log).recover(Some(&second)).unwrap();
    }

    fn topics_after(log: &dyn Log, token: &Value) -> Topics {
        let mut topics = open(log);
        topics.recover(Some(token)).unwrap();
        topics
    }
}
