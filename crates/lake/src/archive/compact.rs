//! Small neighbouring files of one partition into one, so that history stays quick to open and to scan.
//!
//! Only neighbours are merged: ranges of offsets stay disjoint, and a replay in their order stays possible. Files are
//! merged with others of about their size, so that a row is written again a few times in its life, not with each commit.

use super::files::DataFile;
use super::replace::{Change, replace};
use super::replay::Replay;
use super::{Archive, maintain};
use crate::Result;

/// When files are merged.
#[derive(Debug, Clone)]
pub struct Compaction {
    /// A merged file is not larger than this; it is held in memory while it is made, beside one that is read.
    pub file_bytes_max: u64,
    /// So many neighbours of a size make a merge worth it.
    pub files_min: usize,
}

impl Default for Compaction {
    fn default() -> Compaction {
        Compaction { file_bytes_max: 32 << 20, files_min: 8 }
    }
}

/// What was merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    pub partition: u32,
    pub files: usize,
    pub bytes: u64,
}

/// Files below this size are all alike; each next class is [`CLASS`] times as large.
const SMALLEST_CLASS_BYTES: u64 = 256 << 10;
const CLASS: u64 = 8;

impl Archive {
    /// Merges the run of files that is most worth it, in one commit; `None` where there is none. Rows, next offsets and
    /// the snapshots that others hold stay as they are.
    pub async fn compact(&mut self, compaction: &Compaction) -> Result<Option<Merged>> {
        self.refresh().await?;
        let files = self.snapshot.data_files();
        let Some(run) = choose(&files, compaction) else { return Ok(None) };
        let (partition, first) = (run[0].partition, run[0].first_offset);
        let next = run[run.len() - 1].next_offset;
        let mut writer = self.writer_from(partition, first);
        let mut rows = Replay::of_files(&self.snapshot, run.iter().map(|file| &file.add));
        while let Some(batch) = rows.next().await? {
            writer.write_archived(&batch)?;
        }
        writer.set_next_offset(next)?;
        let Some(merged) = writer.finish().await? else { return Ok(None) };
        let removed = run.iter().map(|file| &file.add).collect();
        let change = Change { operation: "OPTIMIZE", removed, added: Some(&merged), changes_rows: false };
        if !replace(self, &change).await? {
            return Ok(None);
        }
        maintain::after_commit(&self.table, &self.delta, self.known_version()).await;
        Ok(Some(Merged { partition, files: run.len(), bytes: merged.size() }))
    }
}

/// The first run of the smallest class in which enough neighbours stand.
fn choose<'a>(files: &'a [DataFile], compaction: &Compaction) -> Option<&'a [DataFile]> {
    let mut class_bytes = SMALLEST_CLASS_BYTES.min(compaction.file_bytes_max);
    loop {
        for partition in files.chunk_by(|a, b| a.partition == b.partition) {
            let small = |file: &DataFile| size(file) < class_bytes;
            let mut runs = partition.chunk_by(|a, b| small(a) && small(b)).filter(|run| small(&run[0]));
            let found = runs.find_map(|run| (0..run.len()).find_map(|from| worth_it(&run[from..], compaction)));
            if found.is_some() {
                return found;
            }
        }
        if class_bytes >= compaction.file_bytes_max {
            return None;
        }
        class_bytes = (class_bytes * CLASS).min(compaction.file_bytes_max);
    }
}

/// The files of a run, from its first on, that fit into one: enough of them, or enough to fill it.
fn worth_it<'a>(run: &'a [DataFile], compaction: &Compaction) -> Option<&'a [DataFile]> {
    let fit = &run[..fitting(run, compaction.file_bytes_max)];
    let fills = fit.len() < run.len() && fit.iter().map(size).sum::<u64>() >= compaction.file_bytes_max / 2;
    (fit.len() >= compaction.files_min.max(2) || (fit.len() >= 2 && fills)).then_some(fit)
}

/// How many files of a run, from its first on, fit into one.
fn fitting(run: &[DataFile], bytes_max: u64) -> usize {
    let sums = run.iter().scan(0, |sum, file| {
        *sum += size(file);
        Some(*sum)
    });
    sums.take_while(|sum| *sum <= bytes_max).count()
}

fn size(file: &DataFile) -> u64 {
    file.add.size.unsigned_abs()
}
