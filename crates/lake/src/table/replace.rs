//! New rows in the place of others, whole partitions at a time, in one commit that carries a number: whoever was
//! interrupted asks for it.

use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use chrono::DateTime;
use deltalake::kernel::{Action, Add, Transaction};
use futures::{Stream, StreamExt};
use object_store::PutPayload;
use serde_json::{Value, json};

use super::Table;
use super::write::{Writer, Written};
use crate::archive::commit::{lines, unwritable};
use crate::archive::log::{app_id, commit_file};
use crate::archive::maintain;
use crate::archive::replace::removal;
use crate::archive::vacuum::vacuum;
use crate::{Error, Result};

/// How the number of a commit is found among the table's application transactions.
const REPLACED: u32 = 0;

/// How often files are looked through in the time that they stay.
const LOOKS_IN_AGE: i64 = 4;

/// The rows that go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gone {
    All,
    /// Those of the partitions of some time: from one point on, up to another. The first column of the layout is a date or
    /// a time. Microseconds since the Unix epoch.
    Between {
        from_us: i64,
        until_us: i64,
    },
}

/// What a replacement came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaced {
    pub version: i64,
    pub rows: u64,
    pub bytes: u64,
}

impl Table {
    /// Puts rows in the place of others, as one commit with a number that is greater than those before it. All rows are of
    /// partitions that go.
    ///
    /// # Errors
    /// [`Error::Layout`] where partitions have no time, [`Error::Contended`] where somebody else committed meanwhile.
    pub async fn replace<E: From<Error>>(
        &mut self,
        gone: &Gone,
        rows: impl Stream<Item = Result<RecordBatch, E>> + Send,
        number: i64,
    ) -> Result<Replaced, E> {
        self.refresh().await?;
        let range = self.texts(gone)?;
        let mut count = 0;
        let mut writer = Writer::new(&self.place, self.schema(), &self.layout);
        let mut rows = std::pin::pin!(rows);
        while let Some(batch) = rows.next().await {
            let batch = batch?;
            count += batch.num_rows() as u64;
            writer.write(&batch).await?;
        }
        let written = writer.finish().await?;
        let files = self.files();
        let removed: Vec<&Add> = files.iter().filter(|file| goes(file, range.as_ref())).collect();
        self.commit_replaced(&removed, &written, number).await?;
        let bytes = written.iter().map(|file| file.add.size.unsigned_abs()).sum();
        Ok(Replaced { version: self.version(), rows: count, bytes })
    }

    /// The number of the last commit by [`Table::replace`].
    pub fn last_replaced(&self) -> Option<i64> {
        self.replaced.get(&REPLACED).copied()
    }

    /// Removes files that no version in use has named for so long. Returns how many. It looks a few times in that time at
    /// the most, however often it is called: a look lists all files.
    pub async fn vacuum(&mut self, age: Duration) -> Result<usize> {
        let (now_us, age_us) = (self.place.now_us(), i64::try_from(age.as_micros()).unwrap_or(i64::MAX));
        if self.vacuumed_us.is_some_and(|last_us| now_us.saturating_sub(last_us) < age_us / LOOKS_IN_AGE) {
            return Ok(0);
        }
        self.vacuumed_us = Some(now_us);
        self.refresh().await?;
        let named = self.files().into_iter().map(|file| file.path).collect();
        vacuum(&self.place, named, &mut self.unnamed, age).await
    }

    /// The column of time, and its values as the log has them, of partitions that go; none where all do.
    fn texts(&self, gone: &Gone) -> Result<Option<(String, String, String)>> {
        let Gone::Between { from_us, until_us } = gone else { return Ok(None) };
        let Some(column) = self.layout.names().first() else {
            return Err(Error::Layout { column: String::new(), reason: "the table has no partitions" });
        };
        let form = match self.schema.field_with_name(column).map(|field| field.data_type()) {
            Ok(DataType::Date32) => "%Y-%m-%d",
            Ok(DataType::Timestamp(..)) => "%Y-%m-%d %H:%M:%S%.6f",
            _ => return Err(Error::Layout { column: column.clone(), reason: "it is no date and no time" }),
        };
        let text = |us: i64| DateTime::from_timestamp_micros(us).unwrap_or_default().format(form).to_string();
        Ok(Some((column.clone(), text(*from_us), text(*until_us))))
    }

    async fn commit_replaced(&mut self, removed: &[&Add], written: &[Written], number: i64) -> Result<()> {
        let next = self.snapshot.version().unsigned_abs() + 1;
        let now_ms = self.place.now_ms();
        let mut actions: Vec<Value> = removed.iter().map(|file| removal(file, now_ms, true)).collect();
        for file in written {
            actions.push(serde_json::to_value(Action::Add(file.add.clone())).map_err(unwritable)?);
        }
        let app_id = app_id(&self.place.name, REPLACED);
        let transaction = Action::Txn(Transaction::new_with_last_update(app_id, number, Some(now_ms)));
        actions.push(serde_json::to_value(transaction).map_err(unwritable)?);
        let info = json!({
            "operation": "WRITE",
            "operationParameters": { "mode": "Overwrite" },
            "readVersion": next - 1,
            "isBlindAppend": false,
            "timestamp": now_ms,
        });
        let bytes = lines(info, &actions);
        if !self.place.put_new(&commit_file(&self.place, next), PutPayload::from(bytes)).await? {
            return Err(Error::Contended { table: self.place.folder.to_string(), attempts: 1 });
        }
        self.place.learn(written.iter().map(|file| (file.add.path.clone(), file.sums.clone())));
        self.refresh().await?;
        maintain::after_commit(&self.place, &self.delta, next).await;
        Ok(())
    }
}

/// Whether the rows of a file go. Texts of dates and times have the order of what they say.
fn goes(file: &Add, range: Option<&(String, String, String)>) -> bool {
    let Some((column, from, until)) = range else { return true };
    let value = file.partition_values.get(column).and_then(Option::as_ref);
    value.is_some_and(|value| value >= from && value < until)
}
