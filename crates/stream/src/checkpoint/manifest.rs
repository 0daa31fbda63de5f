//! The manifest: everything that a checkpoint is, in one small file.
//!
//! A line `headwater manifest 2 <crc32c of the rest, 8 hex digits>`, then JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::operator::Violations;
use crate::{Error, Result};

/// The version that this binary writes; it reads no newer one.
const FORMAT: u32 = 2;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Counts checkpoints of the data folder, from 1.
    pub number: u64,
    /// Wall clock, microseconds since the Unix epoch.
    pub taken_us: i64,
    /// The tick that it shows, counted over all lives of the node.
    pub epoch: u64,
    /// By topic.
    pub inputs: BTreeMap<String, InputState>,
    /// By view.
    pub outputs: BTreeMap<String, OutputState>,
    /// What each sink prepared, by its name.
    pub sinks: BTreeMap<String, Value>,
    /// Dead letters written since the data folder began, and one past the last of them in their topic.
    pub dead_letters: u64,
    pub dead_letters_end: i64,
    /// Rows that violated a rule since the data folder began, by relation and rule.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub violations: BTreeMap<String, Violations>,
    /// Pieces of state by owner (a node of the graph, or `table/` and a view), to be read in this order.
    pub state: BTreeMap<String, Vec<Part>>,
}

/// How far a stream is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputState {
    pub watermark_us: i64,
    pub partitions: Vec<PartitionState>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartitionState {
    /// The first offset that is not in the state.
    pub next: i64,
    pub watermark_us: i64,
    /// The partition does not hold back the stream's watermark.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub idle: bool,
    /// Why nothing more is read from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// A view's place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutputState {
    /// Of the plan; the state serves only a plan with the same.
    pub fingerprint: String,
    /// The statement that declares it, and which of its name's stores holds its rows.
    #[serde(default)]
    pub definition: String,
    #[serde(default)]
    pub generation: u64,
    /// How often it was told to begin anew, and whether it stays as it is.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub resets: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// For a derived stream: one past the last record by partition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ends: Vec<i64>,
    /// Why the view stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Its steps that hold all that they gave, and what each is: they can serve another plan that has them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub holders: BTreeMap<String, String>,
    /// The last replay of a view of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed: Option<Replayed>,
}

/// Serde hands over references.
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A replay that has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayed {
    /// Offsets of all streams that were read.
    pub rows: u64,
    pub took_us: u64,
}

/// A piece of state inside a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    pub file: String,
    pub offset: u64,
    pub length: u64,
    pub crc32c: u32,
    /// All of the owner's state at one worker, not only changes.
    pub whole: bool,
}

impl Manifest {
    pub fn parts_of(&self, owner: &str) -> &[Part] {
        self.state.get(owner).map_or(&[], Vec::as_slice)
    }

    pub fn encode(&self) -> Result<Vec<u8>> {
        let body = serde_json::to_vec_pretty(self).map_err(|error| Error::internal(error.to_string()))?;
        let mut bytes = format!("headwater manifest {FORMAT} {:08x}\n", crc32c::crc32c(&body)).into_bytes();
        bytes.extend_from_slice(&body);
        Ok(bytes)
    }

    /// The error says what is wrong with the bytes.
    pub fn decode(bytes: &[u8]) -> std::result::Result<Manifest, String> {
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or("it has no first line")?;
        let head = std::str::from_utf8(&bytes[..end]).map_err(|_| "its first line is not text")?;
        let (format, checksum) = head
            .strip_prefix("headwater manifest ")
            .and_then(|rest| rest.split_once(' '))
            .ok_or("its first line is not a manifest's")?;
        let format: u32 = format.parse().map_err(|_| "its format has no number")?;
        if format > FORMAT {
            return Err(format!("it has format {format}, and this version of headwater reads up to {FORMAT}"));
        }
        let body = &bytes[end + 1..];
        if u32::from_str_radix(checksum, 16) != Ok(crc32c::crc32c(body)) {
            return Err("it fails its checksum".to_owned());
        }
        serde_json::from_slice(body).map_err(|error| error.to_string())
    }
}
