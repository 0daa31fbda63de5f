//! A table that gets other columns: in one commit, and its rows stay.

use arrow::datatypes::SchemaRef;
use deltalake::kernel::{Action, Add};
use object_store::PutPayload;
use serde_json::json;

use super::Table;
use super::write::Writer;
use crate::archive::columns::Change;
use crate::archive::commit::{lines, unwritable};
use crate::archive::log::commit_file;
use crate::archive::replace::removal;
use crate::archive::replay::Replay;
use crate::archive::schema;
use crate::{Error, Result};

impl Table {
    /// Brings the table to these columns. Nothing happens where it has them. The memory that it takes is that of one file.
    ///
    /// # Errors
    /// [`Error::Schema`] where a row that is there can't have the new columns, [`Error::Contended`] where somebody else
    /// committed meanwhile.
    pub async fn evolve(&mut self, needed: &SchemaRef) -> Result<()> {
        schema::check_columns(needed)?;
        self.refresh().await?;
        let folder = self.place.folder.to_string();
        let Some(change) = Change::of(&folder, &self.snapshot, needed)? else { return Ok(()) };
        let files = if change.widens() { self.files() } else { Vec::new() };
        let mut writer = Writer::new(&self.place, SchemaRef::clone(needed), &self.layout);
        for file in &files {
            let mut rows = Replay::of_files(&self.snapshot, std::iter::once(file));
            rows.conform_to(needed);
            while let Some(batch) = rows.next_rows().await? {
                writer.write(&batch).await?;
            }
        }
        let written = writer.finish().await?;
        let (next, now_ms) = (self.snapshot.version().unsigned_abs() + 1, self.place.now_ms());
        let mut actions = vec![change.action()?];
        actions.extend(files.iter().map(|file| removal(file, now_ms, false)));
        for file in &written {
            let add = Add { data_change: false, ..file.add.clone() };
            actions.push(serde_json::to_value(Action::Add(add)).map_err(unwritable)?);
        }
        let info = json!({
            "operation": "CHANGE COLUMNS",
            "operationParameters": {},
            "readVersion": next - 1,
            "isBlindAppend": false,
            "timestamp": now_ms,
        });
        let bytes = lines(info, &actions);
        if !self.place.put_new(&commit_file(&self.place, next), PutPayload::from(bytes)).await? {
            return Err(Error::Contended { table: folder, attempts: 1 });
        }
        self.place.learn(written.into_iter().map(|file| (file.add.path, file.sums)));
        self.refresh().await
    }
}
