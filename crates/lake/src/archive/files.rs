//! The data files of an archive's version, as its log describes them.

use chrono::DateTime;
use deltalake::kernel::Add;
use serde_json::Value;

use super::TIMESTAMP;
use super::log::{TAG_FIRST_OFFSET, TAG_NEXT_OFFSET, TAG_PARTITION};
use super::snapshot::Snapshot;

/// A file with the range of offsets that it covers.
#[derive(Debug, Clone)]
pub(crate) struct DataFile {
    pub partition: u32,
    pub first_offset: i64,
    pub next_offset: i64,
    /// The append time of its newest row, microseconds; unknown where the statistics don't say.
    pub newest_us: Option<i64>,
    pub add: Add,
}

impl Snapshot {
    /// All files that carry their range, by partition and offset. Those of other writers do not, and nothing is done
    /// to them.
    pub(crate) fn data_files(&self) -> Vec<DataFile> {
        #[expect(deprecated, reason = "the description as the log has it, tags too, is what a maintainer needs")]
        let adds = self.delta().log_data().into_iter().map(|file| file.add_action());
        let mut files: Vec<DataFile> = adds.filter_map(describe).collect();
        files.sort_by_key(|file| (file.partition, file.first_offset));
        files
    }
}

fn describe(add: Add) -> Option<DataFile> {
    let tags = add.tags.as_ref()?;
    let number = |name: &str| tags.get(name)?.as_deref()?.parse::<i64>().ok();
    let partition = u32::try_from(number(TAG_PARTITION)?).ok()?;
    let (first_offset, next_offset) = (number(TAG_FIRST_OFFSET)?, number(TAG_NEXT_OFFSET)?);
    let stats: Option<Value> = add.stats.as_deref().and_then(|stats| serde_json::from_str(stats).ok());
    let newest = stats.as_ref().and_then(|stats| stats["maxValues"][TIMESTAMP].as_str().map(str::to_owned));
    let newest_us = newest.and_then(|text| DateTime::parse_from_rfc3339(&text).ok()).map(|at| at.timestamp_micros());
    Some(DataFile { partition, first_offset, next_offset, newest_us, add })
}
