//! File and folder names.

use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Folder names are limited by file systems.
const ESCAPED_BYTES_MAX: usize = 249;

pub(super) const SEGMENT: &str = "log";
pub(super) const INDEX: &str = "index";
pub(super) const SNAPSHOT: &str = "snapshot";

/// The folder of a topic: letters, digits, `_`, `-` and inner dots stand for themselves, other bytes of the UTF-8
/// become `%XX`.
pub(super) fn escape(topic: &str) -> Result<String> {
    let invalid = |reason| Err(Error::InvalidTopic { topic: topic.to_owned(), reason });
    if topic.is_empty() {
        return invalid("the name is empty");
    }
    let mut escaped = String::with_capacity(topic.len());
    for (index, byte) in topic.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => escaped.push(char::from(byte)),
            b'.' if index > 0 => escaped.push('.'),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    if escaped.len() > ESCAPED_BYTES_MAX {
        return invalid("the name is too long");
    }
    Ok(escaped)
}

/// `<20-digit base offset>.<extension>`, so that names sort as offsets do.
pub(super) fn of_segment(folder: &Path, base_offset: i64, extension: &str) -> PathBuf {
    folder.join(format!("{base_offset:020}.{extension}"))
}

/// The base offset and the extension of a file that belongs to a segment.
pub(super) fn parse(name: &str) -> Option<(i64, &str)> {
    let (number, extension) = name.split_once('.')?;
    let digits = number.len() == 20 && number.bytes().all(|byte| byte.is_ascii_digit());
    Some((digits.then(|| number.parse().ok())??, extension))
}
