//! Where a file source reads on: stored with the rows that it gave, as JSON.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How much before the offset vouches for the file being the same.
pub(super) const CHECKED_BYTES: u64 = 256;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// The file's name as the pattern spells it.
    pub file: String,
    /// The first byte that is not yet read; of the decompressed text where the file is compressed.
    pub offset: u64,
    /// The number of its line, from 1.
    pub line: u64,
    /// How many files have names before this one's.
    pub files_before: u64,
    /// CRC-32C of the up to 256 bytes before the offset.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub check: Option<u32>,
    /// The file was read to its end, for good: it may be gone.
    #[serde(skip_serializing_if = "is_false", default)]
    pub ended: bool,
    /// The PATH that was read: names and their order mean nothing under another one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pattern: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Position {
    pub fn read(bytes: &[u8]) -> Result<Option<Position>> {
        let none_of_ours = |error: serde_json::Error| Error::Position {
            position: String::from_utf8_lossy(bytes).into_owned(),
            reason: error.to_string(),
        };
        serde_json::from_slice(bytes).map_err(none_of_ours)
    }

    pub fn write(position: Option<&Position>) -> Vec<u8> {
        // Text and numbers: there is nothing in it that could fail.
        serde_json::to_vec(&position).unwrap_or_default()
    }
}

/// The check of what stands before an offset.
pub(super) fn check(before: &[u8]) -> u32 {
    crc32c::crc32c(before)
}
