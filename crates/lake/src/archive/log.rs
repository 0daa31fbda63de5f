//! What the Delta log says beyond what the Delta library keeps: next offsets and checksums.
//!
//! The library can look up one application transaction at a time by replaying the log; an
//! archive needs all of them, at every version. So each commit is read here once more, its own
//! checksum is compared, and its transactions and tags are kept.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, MapArray, RecordBatch, StructArray};
use arrow::datatypes::Int64Type;
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::ObjectStore as _;
use object_store::path::Path;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Deserialize;

use crate::checked::Sums;
use crate::lake::Table;
use crate::{Error, Result};

pub(crate) const LOG: &str = "_delta_log";

/// Tags of a data file.
pub(crate) const TAG_PARTITION: &str = "partition";
pub(crate) const TAG_FIRST_OFFSET: &str = "first_offset";
pub(crate) const TAG_NEXT_OFFSET: &str = "next_offset";
pub(crate) const TAG_SUMS: &str = "crc32c";

/// Next offsets by partition.
pub(crate) type Offsets = HashMap<u32, i64>;

pub(crate) fn app_id(stream: &str, partition: u32) -> String {
    format!("{stream}/{partition}")
}

/// Transactions and checksums of some commits, in their order.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    transactions: Vec<(String, i64)>,
    sums: Vec<(String, Sums)>,
}

impl Facts {
    /// Applies the facts: offsets are the caller's, sums the store's.
    pub fn apply(self, table: &Table, offsets: &mut Offsets) {
        for (app, version) in self.transactions {
            if let Some((stream, partition)) = app.rsplit_once('/')
                && stream == table.name
                && let Ok(partition) = partition.parse()
            {
                offsets.insert(partition, version);
            }
        }
        table.learn(self.sums);
    }
}

pub(crate) fn commit_file(table: &Table, version: u64) -> Path {
    table.file(&format!("{LOG}/{version:020}.json"))
}

/// Everything up to a version, from the newest whole checkpoint on.
pub(crate) async fn read_all(table: &Table, version: u64) -> Result<Facts> {
    let files = LogFiles::list(table).await?;
    let mut facts = Facts::default();
    let checkpoint = files.checkpoint(version);
    if let Some((_, parts)) = &checkpoint {
        for part in parts {
            read_checkpoint(part, table.read(part).await?, &mut facts)?;
        }
    }
    let mut first = 0;
    if let Some((at, _)) = checkpoint {
        // A checkpoint has no checksum; the commit that it was made of has one, and says the next offsets again.
        let file = commit_file(table, at);
        if let Some(bytes) = table.read_if_there(&file).await? {
            parse_commit(&file, &bytes, &mut facts)?;
        }
        first = at + 1;
    }
    for version in first..=version {
        let file = commit_file(table, version);
        parse_commit(&file, &table.read(&file).await?, &mut facts)?;
    }
    Ok(facts)
}

/// The commits after one version up to another; `None` where one has already been cleaned away.
pub(crate) async fn read_between(table: &Table, after: u64, until: u64) -> Result<Option<Facts>> {
    let mut facts = Facts::default();
    for version in after + 1..=until {
        let file = commit_file(table, version);
        let Some(bytes) = table.read_if_there(&file).await? else { return Ok(None) };
        parse_commit(&file, &bytes, &mut facts)?;
    }
    Ok(Some(facts))
}

/// The files of a Delta log that make up its state.
pub(crate) struct LogFiles {
    pub commits: Vec<u64>,
    /// Version, part, number of parts, file.
    checkpoints: Vec<(u64, u32, u32, Path)>,
}

impl LogFiles {
    pub async fn list(table: &Table) -> Result<LogFiles> {
        let folder = table.file(LOG);
        let found = table.store().list(Some(&folder)).try_collect::<Vec<_>>().await;
        let found = found.map_err(|source| Error::Store { operation: "list", file: folder.to_string(), source })?;
        let mut files = LogFiles { commits: Vec::new(), checkpoints: Vec::new() };
        for meta in found {
            let parts: Vec<&str> = meta.location.filename().unwrap_or_default().split('.').collect();
            let Some(version) = parts.first().and_then(|version| version.parse::<u64>().ok()) else { continue };
            match parts[1..] {
                ["json"] => files.commits.push(version),
                ["checkpoint", "parquet"] => files.checkpoints.push((version, 1, 1, meta.location)),
                ["checkpoint", part, of, "parquet"] => {
                    if let (Ok(part), Ok(of)) = (part.parse(), of.parse()) {
                        files.checkpoints.push((version, part, of, meta.location));
                    }
                }
                _ => {}
            }
        }
        files.commits.sort_unstable();
        files.checkpoints.sort();
        Ok(files)
    }

    pub fn is_empty(&self) -> bool {
        self.commits.is_empty() && self.checkpoints.is_empty()
    }

    /// The newest checkpoint, up to a version, of which all parts are there.
    pub fn checkpoint(&self, until: u64) -> Option<(u64, Vec<Path>)> {
        let mut versions: Vec<(u64, u32)> =
            self.checkpoints.iter().map(|(version, _, of, _)| (*version, *of)).collect();
        versions.dedup();
        versions.iter().rev().filter(|(version, _)| *version <= until).find_map(|(version, of)| {
            let of_it = self.checkpoints.iter().filter(|file| (file.0, file.2) == (*version, *of));
            let parts: Vec<Path> = of_it.map(|file| file.3.clone()).collect();
            (parts.len() == *of as usize).then_some((*version, parts))
        })
    }
}

#[derive(Deserialize)]
struct Line {
    txn: Option<Txn>,
    add: Option<Add>,
    #[serde(rename = "commitInfo")]
    commit_info: Option<CommitInfo>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Txn {
    app_id: String,
    version: i64,
}

#[derive(Deserialize)]
struct Add {
    path: String,
    size: u64,
    tags: Option<HashMap<String, Option<String>>>,
}

#[derive(Deserialize)]
struct CommitInfo {
    /// Of all bytes after the first line break.
    #[serde(rename = "headwaterCrc32c")]
    sum: Option<u32>,
}

pub(crate) fn parse_commit(file: &Path, bytes: &Bytes, facts: &mut Facts) -> Result<()> {
    let corrupt = |detail: String| Error::corrupt(file.to_string(), detail);
    let text = std::str::from_utf8(bytes).map_err(|error| corrupt(format!("not UTF-8: {error}")))?;
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let line: Line = serde_json::from_str(line).map_err(|error| corrupt(format!("line {}: {error}", at + 1)))?;
        if let Some(CommitInfo { sum: Some(sum) }) = line.commit_info
            && at == 0
        {
            let rest = text.split_once('\n').map_or("", |(_, rest)| rest);
            if crc32c::crc32c(rest.as_bytes()) != sum {
                return Err(corrupt("its checksum differs".to_owned()));
            }
        }
        facts.transactions.extend(line.txn.map(|txn| (txn.app_id, txn.version)));
        if let Some(add) = line.add {
            let sums = add.tags.as_ref().and_then(|tags| tags.get(TAG_SUMS)?.as_deref());
            if let Some(sums) = sums.and_then(|text| Sums::decode(add.size, text)) {
                facts.sums.push((add.path, sums));
            }
        }
    }
    if text.trim().is_empty() {
        return Err(corrupt("it is empty".to_owned()));
    }
    Ok(())
}

pub(crate) fn read_checkpoint(file: &Path, bytes: Bytes, facts: &mut Facts) -> Result<()> {
    let corrupt = |detail: String| Error::corrupt(file.to_string(), detail);
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|error| corrupt(error.to_string()))?;
    let columns = ["txn.appId", "txn.version", "add.path", "add.size", "add.tags"];
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns);
    let reader = builder.with_projection(mask).build().map_err(|error| corrupt(error.to_string()))?;
    for batch in reader {
        let batch = batch.map_err(|error| corrupt(error.to_string()))?;
        read_transactions(&batch, facts).ok_or_else(|| corrupt("its transactions have another form".to_owned()))?;
        read_sums(&batch, facts);
    }
    Ok(())
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a StructArray> {
    batch.column_by_name(name)?.as_struct_opt()
}

fn read_transactions(batch: &RecordBatch, facts: &mut Facts) -> Option<()> {
    let Some(transactions) = column(batch, "txn") else { return Some(()) };
    let apps = transactions.column_by_name("appId")?.as_string_opt::<i32>()?;
    let versions = transactions.column_by_name("version")?.as_primitive_opt::<Int64Type>()?;
    let rows = (0..batch.num_rows()).filter(|row| transactions.is_valid(*row) && apps.is_valid(*row));
    facts.transactions.extend(rows.map(|row| (apps.value(row).to_owned(), versions.value(row))));
    Some(())
}

/// Files whose tags are missing or of another form are read unchecked, as those of other writers are.
fn read_sums(batch: &RecordBatch, facts: &mut Facts) -> Option<()> {
    let adds = column(batch, "add")?;
    let paths = adds.column_by_name("path")?.as_string_opt::<i32>()?;
    let sizes = adds.column_by_name("size")?.as_primitive_opt::<Int64Type>()?;
    let tags = adds.column_by_name("tags")?.as_any().downcast_ref::<MapArray>()?;
    for row in (0..batch.num_rows()).filter(|row| adds.is_valid(*row) && tags.is_valid(*row)) {
        let entries = tags.value(row);
        let (keys, values) = (entries.column(0).as_string_opt::<i32>()?, entries.column(1).as_string_opt::<i32>()?);
        let found = (0..entries.len()).find(|at| keys.value(*at) == TAG_SUMS && values.is_valid(*at));
        let sums = found.and_then(|at| Sums::decode(sizes.value(row).unsigned_abs(), values.value(at)));
        facts.sums.extend(sums.map(|sums| (paths.value(row).to_owned(), sums)));
    }
    Some(())
}
