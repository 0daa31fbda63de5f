//! A topic: a folder with a description and its partitions.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headwater_base::files::{self, Files};

use super::journal::state::State;
use super::partition::{Identity, Partition, Truncated};
use super::{Shared, names};
use crate::{Error, Result, TopicConfig};

const FORMAT: u32 = 1;

/// A topic that exists.
#[derive(Debug)]
pub(super) struct Topic {
    /// No other topic ever has it.
    pub id: u64,
    pub name: String,
    pub config: Mutex<TopicConfig>,
    pub folder: PathBuf,
    pub partitions: Vec<Arc<Partition>>,
}

/// `topic.json`. The CRC-32C is that of the same text with a CRC of zero.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Description {
    format: u32,
    id: u64,
    name: String,
    partitions: u32,
    retention_us: Option<u64>,
    archived: bool,
    crc32c: u32,
}

impl Description {
    fn new(id: u64, name: &str, config: &TopicConfig) -> Description {
        Description {
            format: FORMAT,
            id,
            name: name.to_owned(),
            partitions: config.partitions,
            retention_us: config.retention.map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX)),
            archived: config.archived,
            crc32c: 0,
        }
    }

    fn text(&mut self) -> Vec<u8> {
        self.crc32c = 0;
        self.crc32c = crc32c::crc32c(&self.plain());
        self.plain()
    }

    fn plain(&self) -> Vec<u8> {
        // Numbers, booleans and strings always have a JSON form.
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }

    fn parse(bytes: &[u8]) -> Option<Description> {
        let mut description: Description = serde_json::from_slice(bytes).ok()?;
        (description.text() == bytes && description.format == FORMAT && description.partitions > 0)
            .then_some(description)
    }
}

pub(super) fn topics_folder(root: &Path) -> PathBuf {
    root.join("topics")
}

fn description(folder: &Path) -> PathBuf {
    folder.join("topic.json")
}

/// Marks a topic whose removal has begun.
fn tombstone(folder: &Path) -> PathBuf {
    folder.join("topic.deleted")
}

impl Topic {
    /// Writes a new topic, durably. Partitions get their folders with their first records.
    pub fn create(shared: &Arc<Shared>, root: &Path, id: u64, name: &str, config: &TopicConfig) -> Result<Topic> {
        let folder = topics_folder(root).join(names::escape(name)?);
        if shared.files.metadata(&folder).is_ok() {
            remove_rest(shared, root, &folder)?;
        }
        shared.files.create_folders(&folder)?;
        files::replace(shared.files.as_ref(), &description(&folder), &Description::new(id, name, config).text())?;
        let nothing = State::default();
        Ok(Topic::recover(shared, id, name, config.clone(), folder, &nothing)?.0)
    }

    /// Opens all topics of a log, and completes removals.
    pub fn load_all(shared: &Arc<Shared>, root: &Path, state: &State) -> Result<(Vec<Topic>, Vec<Truncated>)> {
        let files = shared.files.as_ref();
        let entries = match files.list(&topics_folder(root)) {
            Err(error) if error.is_not_found() => return Ok((Vec::new(), Vec::new())),
            other => other?,
        };
        let repair = |folder: &Path| match shared.options.read_only {
            true => Ok(()),
            false => files.sync_folder(folder),
        };
        // A creation may have failed just before its last sync, and be visible all the same.
        repair(&topics_folder(root))?;
        let (mut topics, mut truncated) = (Vec::new(), Vec::new());
        for entry in entries.iter().filter(|entry| entry.metadata.is_folder) {
            let folder = topics_folder(root).join(&entry.name);
            let bytes = match files::read(files, &description(&folder)) {
                Err(error) if error.is_not_found() => {
                    remove_rest(shared, root, &folder)?;
                    continue;
                }
                other => other?,
            };
            let parsed = Description::parse(&bytes)
                .filter(|found| names::escape(&found.name).is_ok_and(|escaped| escaped == entry.name));
            let Some(found) = parsed else {
                return Err(lost(description(&folder), "it is not what was written"));
            };
            repair(&folder)?;
            let config = TopicConfig {
                partitions: found.partitions,
                retention: found.retention_us.map(Duration::from_micros),
                archived: found.archived,
            };
            let (topic, torn) = Topic::recover(shared, found.id, &found.name, config, folder, state)?;
            topics.push(topic);
            truncated.extend(torn);
        }
        Ok((topics, truncated))
    }

    fn recover(
        shared: &Arc<Shared>,
        id: u64,
        name: &str,
        config: TopicConfig,
        folder: PathBuf,
        state: &State,
    ) -> Result<(Topic, Vec<Truncated>)> {
        let mut truncated = Vec::new();
        let mut partitions = Vec::new();
        for number in 0..config.partitions {
            let identity = Identity {
                topic: name,
                topic_id: id,
                number,
                folder: folder.join(number.to_string()),
                durable: state.durable.get(&(id, number)).copied().unwrap_or(0),
            };
            let (partition, torn) = Partition::recover(shared, identity)?;
            partitions.push(Arc::new(partition));
            truncated.extend(torn);
        }
        Ok((Topic { id, name: name.to_owned(), config: Mutex::new(config), folder, partitions }, truncated))
    }

    /// Replaces what the topic was told, but for its partitions.
    pub fn describe(&self, files: &dyn Files, config: &TopicConfig) -> Result<()> {
        let text = Description::new(self.id, &self.name, config).text();
        Ok(files::replace(files, &description(&self.folder), &text)?)
    }

    /// Removes the topic. It is gone for good when its description has become a tombstone; the rest is completed when
    /// the log is opened again. After an error it may or may not be gone, and can't be used.
    pub fn remove(&self, shared: &Shared, root: &Path) -> Result<()> {
        for partition in &self.partitions {
            partition.delete();
        }
        let files = shared.files.as_ref();
        files.rename(&description(&self.folder), &tombstone(&self.folder))?;
        files.sync_folder(&self.folder)?;
        remove_rest(shared, root, &self.folder)
    }

    pub fn partition(&self, number: u32) -> Result<&Arc<Partition>> {
        self.partitions.get(number as usize).ok_or_else(|| Error::UnknownPartition {
            topic: self.name.clone(),
            partition: number,
            partitions: self.partitions.len() as u32,
        })
    }
}

/// Removes a folder without description: of a topic that was deleted, or that was never quite created.
fn remove_rest(shared: &Shared, root: &Path, folder: &Path) -> Result<()> {
    let files = shared.files.as_ref();
    let partitions: Vec<_> = files.list(folder)?.into_iter().filter(|entry| entry.metadata.is_folder).collect();
    let deleted = files.metadata(&tombstone(folder)).is_ok();
    if !deleted && !partitions.is_empty() {
        return Err(lost(description(folder), "it is missing, but there are records"));
    }
    if shared.options.read_only {
        return Ok(());
    }
    // The tombstone goes last: a crash must not leave records that look like a topic's without a description.
    for partition in partitions {
        files.remove_folder(&folder.join(partition.name))?;
    }
    files.sync_folder(folder)?;
    files.remove_folder(folder)?;
    Ok(files.sync_folder(&topics_folder(root))?)
}

fn lost(path: PathBuf, detail: &str) -> Error {
    Error::Corrupt {
        path,
        position: 0,
        detail: detail.to_owned(),
        hint: "Check the disk, and bring the file back from a copy",
    }
}
