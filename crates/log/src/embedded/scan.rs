//! Walks over the batches of a segment file and checks every byte of them.

use std::path::Path;

use headwater_base::files::File;

use crate::batch::{HEADER_BYTES, Header, header};
use crate::{Error, Result};

/// What every stored batch has in the field that Kafka calls partition leader epoch. The CRC does not cover it, so
/// readers compare it with this.
pub(super) const LEADER_EPOCH: i32 = 0;

const WINDOW_BYTES: usize = 1 << 20;

/// What stands at the beginning of some bytes of a segment.
pub(super) enum Judged {
    Whole(Header),
    /// More bytes are needed: this many in all.
    Partial(usize),
    Bad(&'static str),
}

/// Judges the batch at the beginning of `bytes`. Offsets in a segment have no gaps, which is how a damaged base
/// offset, that the CRC does not cover, is found. `left` counts the file's bytes from here on.
pub(super) fn judge(bytes: &[u8], expected_offset: i64, left: u64) -> Judged {
    if bytes.len() < HEADER_BYTES {
        return match left < HEADER_BYTES as u64 {
            true => Judged::Bad("the file ends within a batch header"),
            false => Judged::Partial(HEADER_BYTES),
        };
    }
    let Some(header) = Header::parse(bytes) else {
        return Judged::Bad("there is no batch header");
    };
    if header.base_offset != expected_offset {
        return Judged::Bad("the batch has another offset than is due");
    }
    if header.leader_epoch != LEADER_EPOCH {
        return Judged::Bad("the batch has an unknown leader epoch");
    }
    if header.size() as u64 > left {
        return Judged::Bad("the file ends within a batch");
    }
    if header.size() > bytes.len() {
        return Judged::Partial(header.size());
    }
    match header::verified(bytes) {
        Ok(header) => Judged::Whole(header),
        Err(reason) => Judged::Bad(reason),
    }
}

/// Reads a segment from some batch on.
pub(super) struct Scanner<'a> {
    file: &'a dyn File,
    /// Of the next batch.
    pub position: u64,
    /// Of the next batch.
    pub offset: i64,
    length: u64,
    window: Vec<u8>,
    window_start: u64,
}

/// What a scanner came to.
pub(super) enum Step<'a> {
    Batch { header: Header, bytes: &'a [u8] },
    End,
    Bad(&'static str),
}

impl<'a> Scanner<'a> {
    /// Scans up to `length`, which is at most the file's.
    pub fn new(file: &'a dyn File, position: u64, offset: i64, length: u64) -> Scanner<'a> {
        Scanner { file, position, offset, length, window: Vec::new(), window_start: position }
    }

    /// Moves past the next batch. It stays where the batch is bad.
    pub fn step(&mut self) -> Result<Step<'_>> {
        let left = self.length - self.position;
        if left == 0 {
            return Ok(Step::End);
        }
        let mut wanted = HEADER_BYTES;
        loop {
            self.load(wanted)?;
            let skipped = (self.position - self.window_start) as usize;
            match judge(&self.window[skipped..], self.offset, left) {
                Judged::Bad(reason) => return Ok(Step::Bad(reason)),
                Judged::Partial(needed) if needed > wanted => wanted = needed,
                Judged::Partial(_) => return Ok(Step::Bad("the file is shorter than it was")),
                Judged::Whole(header) => {
                    self.position += header.size() as u64;
                    self.offset = header.end_offset();
                    let bytes = &self.window[skipped..skipped + header.size()];
                    return Ok(Step::Batch { header, bytes });
                }
            }
        }
    }

    /// Makes the window hold `wanted` bytes from the position on, as far as the file has them.
    fn load(&mut self, wanted: usize) -> Result<()> {
        let have = self.window_start + self.window.len() as u64;
        if self.position >= self.window_start && self.position + wanted as u64 <= have {
            return Ok(());
        }
        let left = usize::try_from(self.length - self.position).unwrap_or(usize::MAX);
        self.window.resize(wanted.max(WINDOW_BYTES).min(left), 0);
        let got = self.file.read_at(&mut self.window, self.position)?;
        self.window.truncate(got);
        self.window_start = self.position;
        Ok(())
    }
}

/// True when some complete batch of an offset from `offset` on stands anywhere behind `position`.
pub(super) fn batch_follows(file: &dyn File, position: u64, offset: i64, length: u64) -> Result<bool> {
    let mut tail = vec![0; usize::try_from(length - position).unwrap_or(usize::MAX)];
    let got = file.read_at(&mut tail, position)?;
    let tail = &tail[..got];
    Ok((1..tail.len().saturating_sub(HEADER_BYTES)).any(|at| {
        Header::parse(&tail[at..]).is_some_and(|header| {
            header.base_offset >= offset && header.leader_epoch == LEADER_EPOCH && header::verified(&tail[at..]).is_ok()
        })
    }))
}

/// The error for a damaged segment.
pub(super) fn corrupt(path: &Path, position: u64, detail: impl Into<String>) -> Error {
    Error::Corrupt {
        path: path.to_owned(),
        position,
        detail: detail.into(),
        hint: "Check the disk, and bring the file back from a copy; rows that were archived can be read from there",
    }
}
