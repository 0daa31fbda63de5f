//! Inserting, replacing and removing rows, each in one commit.

use std::collections::HashSet;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::row::{OwnedRow, RowConverter, SortField};
use deltalake::kernel::{Action, Add};
use object_store::PutPayload;
use serde_json::{Value, json};

use super::Table;
use super::write::{Writer, Written};
use crate::archive::commit::{ATTEMPTS, lines, unwritable};
use crate::archive::log::commit_file;
use crate::archive::replace::removal;
use crate::archive::replay::Replay;
use crate::{Error, Result};

/// Says of each row of a batch, with all columns of the table, whether it stays.
pub type Stays<'a> = dyn FnMut(&RecordBatch) -> Result<BooleanArray> + Send + 'a;

impl Table {
    /// Adds rows with the table's columns in their order. Returns the version.
    pub async fn append(&mut self, rows: &[RecordBatch]) -> Result<i64> {
        let written = self.write(rows).await?;
        for _ in 0..ATTEMPTS {
            if self.try_commit("WRITE", &[], &written).await? {
                return Ok(self.version());
            }
            self.refresh().await?;
        }
        Err(self.contended())
    }

    /// Adds rows whose keys (these columns) are new.
    ///
    /// # Errors
    /// [`Error::KeyExists`] where a row with a key is there, or two of the new ones have it; nothing is added then.
    pub async fn insert(&mut self, rows: &[RecordBatch], key: &[usize]) -> Result<i64> {
        let keys = Keys::new(self, key)?;
        let mut new = HashSet::new();
        for batch in rows {
            for (row, one) in keys.of(batch)?.into_iter().enumerate() {
                if !new.insert(one) {
                    return Err(self.key_exists(batch, key, row));
                }
            }
        }
        let written = self.write(rows).await?;
        for _ in 0..ATTEMPTS {
            self.refresh().await?;
            let mut there = Replay::of_files(&self.snapshot, &self.files());
            while let Some(batch) = there.next_rows().await? {
                if let Some(row) = keys.of(&batch)?.iter().position(|one| new.contains(one)) {
                    return Err(self.key_exists(&batch, key, row));
                }
            }
            if self.try_commit("WRITE", &[], &written).await? {
                return Ok(self.version());
            }
        }
        Err(self.contended())
    }

    /// Adds rows in the place of those with their keys. Of several new ones with one key the last counts.
    pub async fn upsert(&mut self, rows: &[RecordBatch], key: &[usize]) -> Result<i64> {
        let keys = Keys::new(self, key)?;
        let mut new = HashSet::new();
        let mut last = Vec::new();
        for batch in rows.iter().rev() {
            let mut is_last: Vec<bool> = keys.of(batch)?.into_iter().rev().map(|one| new.insert(one)).collect();
            is_last.reverse();
            last.push(filter_record_batch(batch, &is_last.into()).map_err(unfit)?);
        }
        last.reverse();
        let mut stays = |batch: &RecordBatch| {
            let stays: Vec<bool> = keys.of(batch)?.iter().map(|one| !new.contains(one)).collect();
            Ok(stays.into())
        };
        self.rewrite("MERGE", &mut stays, &last).await
    }

    /// Takes rows out and adds others, in one commit: files that lose rows are written anew, one at a time. Returns the
    /// version. `stays` sees every row of the latest version.
    ///
    /// # Errors
    /// [`Error::Contended`] where somebody else committed meanwhile: `stays` has then seen rows of a version that is
    /// past, so the caller decides anew.
    pub async fn rewrite(
        &mut self,
        operation: &'static str,
        stays: &mut Stays<'_>,
        added: &[RecordBatch],
    ) -> Result<i64> {
        self.refresh().await?;
        let files = self.files();
        let mut writer = Writer::new(&self.place, self.schema(), &self.layout);
        let mut removed = Vec::new();
        for file in &files {
            if !self.loses_rows(file, stays).await? {
                continue;
            }
            removed.push(file);
        }
        for file in &removed {
            let mut rows = Replay::of_files(&self.snapshot, std::iter::once(*file));
            while let Some(batch) = rows.next_rows().await? {
                let mask = stays(&batch)?;
                writer.write(&filter_record_batch(&batch, &mask).map_err(unfit)?).await?;
            }
        }
        for batch in added {
            writer.write(batch).await?;
        }
        let written = writer.finish().await?;
        if removed.is_empty() && written.is_empty() {
            return Ok(self.version());
        }
        if self.try_commit(operation, &removed, &written).await? { Ok(self.version()) } else { Err(self.contended()) }
    }

    /// The files of the latest version, as the log tells them.
    #[expect(deprecated, reason = "the description as the log has it")]
    pub(super) fn files(&self) -> Vec<Add> {
        self.snapshot.delta().log_data().into_iter().map(|file| file.add_action()).collect()
    }

    async fn loses_rows(&self, file: &Add, stays: &mut Stays<'_>) -> Result<bool> {
        let mut rows = Replay::of_files(&self.snapshot, std::iter::once(file));
        while let Some(batch) = rows.next_rows().await? {
            if stays(&batch)?.false_count() > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn write(&self, rows: &[RecordBatch]) -> Result<Vec<Written>> {
        let mut writer = Writer::new(&self.place, self.schema(), &self.layout);
        for batch in rows {
            writer.write(batch).await?;
        }
        writer.finish().await
    }

    /// Commits on top of the version that was last seen; false where somebody else did.
    async fn try_commit(&mut self, operation: &str, removed: &[&Add], written: &[Written]) -> Result<bool> {
        if removed.is_empty() && written.is_empty() {
            return Ok(true);
        }
        let next = self.snapshot.version().unsigned_abs() + 1;
        let now_ms = self.place.now_ms();
        let mut actions: Vec<Value> = removed.iter().map(|file| removal(file, now_ms, true)).collect();
        for file in written {
            actions.push(serde_json::to_value(Action::Add(file.add.clone())).map_err(unwritable)?);
        }
        let info = json!({
            "operation": operation,
            "operationParameters": { "mode": "Append" },
            "readVersion": next - 1,
            "isBlindAppend": removed.is_empty(),
            "timestamp": now_ms,
        });
        let bytes = lines(info, &actions);
        if !self.place.put_new(&commit_file(&self.place, next), PutPayload::from(bytes)).await? {
            return Ok(false);
        }
        self.place.learn(written.iter().map(|file| (file.add.path.clone(), file.sums.clone())));
        self.refresh().await?;
        Ok(true)
    }

    fn contended(&self) -> Error {
        Error::Contended { table: self.place.folder.to_string(), attempts: ATTEMPTS }
    }

    fn key_exists(&self, batch: &RecordBatch, key: &[usize], row: usize) -> Error {
        let value = |column: &usize| {
            arrow::util::display::array_value_to_string(batch.column(*column), row).unwrap_or_default()
        };
        let key = key.iter().map(value).collect::<Vec<_>>().join(", ");
        Error::KeyExists { table: self.place.name.clone(), key }
    }
}

/// Keys as comparable bytes.
struct Keys {
    converter: RowConverter,
    columns: Vec<usize>,
}

impl Keys {
    fn new(table: &Table, columns: &[usize]) -> Result<Keys> {
        let fields = columns.iter().map(|at| SortField::new(table.schema.field(*at).data_type().clone())).collect();
        Ok(Keys { converter: RowConverter::new(fields).map_err(unfit)?, columns: columns.to_vec() })
    }

    fn of(&self, batch: &RecordBatch) -> Result<Vec<OwnedRow>> {
        let columns = batch.project(&self.columns).map_err(unfit)?;
        let rows = self.converter.convert_columns(columns.columns()).map_err(unfit)?;
        Ok(rows.iter().map(|row| row.owned()).collect())
    }
}

fn unfit(error: arrow::error::ArrowError) -> Error {
    Error::Rows { detail: error.to_string() }
}
