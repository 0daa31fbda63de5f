//! `REPLAY DEAD LETTERS`: records that were dead letters of a stream enter it once more, each once.
//!
//! The records and the note that their letters were replayed are one transaction of the log. A record that is a dead
//! letter again has a new letter.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type};
use headwater_base::ErrorKind;
use headwater_base::clock::Clock;
use headwater_gateway::{Done, Problem};
use headwater_log::{Builder, Isolation, Log, ReadOptions, TopicConfig, Writer};
use headwater_query::relation::{Origin, Relations, Stream};
use headwater_query::session::Session;
use headwater_sql::ast::ReplayDeadLetters;
use headwater_sql::{Parsed, SourceText};
use headwater_stream::letter;
use headwater_stream::source::Intake;
use headwater_stream::source::intake::Records;

/// Numbers of letters that were replayed, each a record with eight bytes, the highest first.
pub const TOPIC: &str = "system.replayed_letters";

/// Names the log's writer, which one replay at a time has.
const WRITER: &str = "replay/dead_letters";

/// What the engine keeps of a record in its letter; a longer one is read from the log.
const KEPT_BYTES: usize = 64 << 10;

/// How long a replay waits for letters to be in a checkpoint; one comes each second.
const SETTLED_WITHIN: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// What a replay works on.
pub struct Ground {
    pub session: Session,
    pub log: Arc<dyn Log>,
    pub clock: Arc<dyn Clock>,
}

struct Letter {
    number: i64,
    relation: String,
    stream: Option<String>,
    partition: Option<i32>,
    offset: Option<i64>,
    record: String,
}

impl Ground {
    pub async fn replay(self, replay: &ReplayDeadLetters, parsed: &Parsed) -> Result<Done, Problem> {
        let relations = Arc::clone(&self.session.sources().relations);
        if let Some(of) = &replay.of
            && declared(&relations, &of.value).is_none()
        {
            let problem = Problem::new(ErrorKind::Invalid, format!("{of} is no stream that CREATE STREAM declares"));
            return Err(problem.with_hint(
                "letters of a view need no replay: a view that is changed goes through its history once more",
            ));
        }
        let letters = self.letters(replay, parsed).await?;
        let done = tokio::task::spawn_blocking(move || append(&self, &relations, &letters)).await;
        done.map_err(|error| Problem::new(ErrorKind::Internal, error.to_string()))?
    }

    /// Letters with numbers below this have them for ever. Those that were there when this was asked are among them: a
    /// letter that no checkpoint has committed is shown, and may have another number after a crash.
    async fn settled(&self) -> Result<i64, Problem> {
        let point = self.session.sources().snapshots.read_point();
        let shown = point.streams.get(letter::TOPIC).and_then(|ends| ends.first()).copied().unwrap_or_default();
        drop(point);
        let began = self.clock.elapsed();
        loop {
            let stable = self.log.offsets(letter::TOPIC, 0)?.stable;
            if stable >= shown {
                return Ok(stable);
            }
            if self.clock.elapsed().saturating_sub(began) > SETTLED_WITHIN {
                let problem = Problem::new(ErrorKind::Unavailable, "the letters have no checkpoint yet");
                return Err(problem.with_hint("try again later; system.checkpoints tells of the last one"));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// The letters that are meant, and were not replayed yet.
    async fn letters(&self, replay: &ReplayDeadLetters, parsed: &Parsed) -> Result<Vec<Letter>, Problem> {
        let settled = self.settled().await?;
        let mut text = "SELECT letter, relation, stream, partition_id, record_offset, record FROM system.dead_letters \
                        WHERE replayed_at IS NULL"
            .to_owned();
        if let Some(of) = &replay.of {
            text.push_str(&format!(" AND relation = '{}'", of.value.replace('\'', "''")));
        }
        if let Some(condition) = &replay.condition {
            text.push_str(&format!(" AND ({})", condition.text));
        }
        text.push_str(" ORDER BY letter");
        let source = SourceText::new(parsed.source.name.clone(), text);
        let Some(query) = headwater_sql::parse(&source)?.pop() else { return Ok(Vec::new()) };
        let batches = self.session.run(&query).await?.collect().await?;
        Ok(batches.iter().flat_map(letters_of).filter(|letter| letter.number < settled).collect())
    }
}

fn letters_of(batch: &RecordBatch) -> Vec<Letter> {
    let texts = |column: usize| batch.column(column).as_string_view();
    let (relations, streams, records) = (texts(1), texts(2), texts(5));
    let numbers = batch.column(0).as_primitive::<Int64Type>();
    let (partitions, offsets) =
        (batch.column(3).as_primitive::<Int32Type>(), batch.column(4).as_primitive::<Int64Type>());
    let letter = |row: usize| Letter {
        number: numbers.value(row),
        relation: relations.value(row).to_owned(),
        stream: streams.iter().nth(row).flatten().map(str::to_owned),
        partition: partitions.iter().nth(row).flatten(),
        offset: offsets.iter().nth(row).flatten(),
        record: records.value(row).to_owned(),
    };
    (0..batch.num_rows()).map(letter).collect()
}

fn append(ground: &Ground, relations: &Relations, letters: &[Letter]) -> Result<Done, Problem> {
    let log = ground.log.as_ref();
    log.create_topic(TOPIC, &TopicConfig { partitions: 1, retention: None, archived: false })?;
    let mut writer = log.open_writer(WRITER)?;
    writer.abort()?;
    // Another replay may have been here since these letters were looked up. From now on it is fenced.
    let before = replayed_letters(log)?;
    let mut streams: HashMap<&str, Records> = HashMap::new();
    let (mut replayed, mut of_views, mut lost) = (0, 0, 0);
    let mut numbers = Builder::new();
    let now_ms = ground.clock.now_us() / 1000;
    for letter in letters.iter().filter(|letter| !before.contains_key(&letter.number)) {
        let Some(stream) = declared(relations, &letter.relation) else {
            of_views += 1;
            continue;
        };
        let Some(record) = record(log, &stream, letter)? else {
            lost += 1;
            continue;
        };
        let records = match streams.entry(&letter.relation) {
            std::collections::hash_map::Entry::Occupied(there) => there.into_mut(),
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(Records::new(stream, Arc::clone(&ground.clock))?)
            }
        };
        records.push(&record);
        numbers.push(None, Some(&letter.number.to_be_bytes()), now_ms);
        replayed += 1;
        if records.is_full() {
            commit(writer.as_mut(), &mut streams, &mut numbers)?;
        }
    }
    if !numbers.is_empty() {
        commit(writer.as_mut(), &mut streams, &mut numbers)?;
    }
    let mut notices = Vec::new();
    if of_views > 0 {
        notices.push(format!(
            "{of_views} letters of views stay: a view that is changed goes through its history once more"
        ));
    }
    if lost > 0 {
        notices.push(format!("{lost} records are longer than a letter keeps, and the log has them no more"));
    }
    Ok(Done { tag: format!("REPLAY DEAD LETTERS {replayed}"), notices })
}

/// Records and the numbers of their letters, in one transaction.
fn commit(writer: &mut dyn Writer, streams: &mut HashMap<&str, Records>, numbers: &mut Builder) -> Result<(), Problem> {
    for records in streams.values_mut().filter(|records| !records.is_empty()) {
        records.append(writer)?;
    }
    writer.append(TOPIC, 0, numbers.build())?;
    Ok(writer.commit_now(Default::default())?)
}

fn declared(relations: &Relations, name: &str) -> Option<Arc<Stream>> {
    relations.stream(name).filter(|stream| stream.origin == Origin::Declared).cloned()
}

/// The record as it came: from its letter where that has it whole, else from the log.
fn record(log: &dyn Log, stream: &Stream, letter: &Letter) -> Result<Option<Vec<u8>>, Problem> {
    let kept = &letter.record;
    if kept.len() + 4 < KEPT_BYTES && !kept.contains(char::REPLACEMENT_CHARACTER) {
        return Ok(Some(kept.clone().into_bytes()));
    }
    let (Some(partition), Some(offset)) = (letter.partition, letter.offset) else { return Ok(None) };
    if letter.stream.as_deref() != Some(&stream.name) {
        return Ok(None);
    }
    let options = ReadOptions { isolation: Isolation::Committed, until: Some(offset + 1), ..ReadOptions::default() };
    let Ok(chunk) = log.read(&stream.topic, partition as u32, offset, &options) else { return Ok(None) };
    for record in chunk.records() {
        let record = record?;
        let value = record.value.unwrap_or_default();
        // A stream of the name that was made anew has other records at these offsets.
        if record.offset == offset && String::from_utf8_lossy(value).starts_with(&kept[..kept.len().min(1024)]) {
            return Ok(Some(value.to_vec()));
        }
    }
    Ok(None)
}

/// When each letter was replayed, milliseconds, by its number.
pub fn replayed_letters(log: &dyn Log) -> Result<HashMap<i64, i64>, headwater_log::Error> {
    let mut found = HashMap::new();
    if !log.topics()?.iter().any(|topic| topic.name == TOPIC) {
        return Ok(found);
    }
    let mut from = 0;
    loop {
        let options = ReadOptions { isolation: Isolation::Committed, ..ReadOptions::default() };
        let chunk = log.read(TOPIC, 0, from, &options)?;
        if chunk.next <= from {
            return Ok(found);
        }
        from = chunk.next;
        for record in chunk.records() {
            let record = record?;
            if let Some(Ok(number)) = record.value.map(<[u8; 8]>::try_from) {
                found.insert(i64::from_be_bytes(number), record.timestamp_ms);
            }
        }
    }
}
