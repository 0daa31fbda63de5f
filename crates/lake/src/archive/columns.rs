//! What a change of a Delta table's columns comes to.
//!
//! A column that is new is null in rows that are there. A column that is gone stays in the files, unseen, until they are
//! written anew; its name is not given again, since old values would then be seen under it. A column of another type is
//! written anew in every file, so that any reader of Delta tables finds what the table says.

use std::collections::BTreeSet;

use arrow::datatypes::{Schema, SchemaRef};
use serde_json::{Value, json};

use super::commit::unwritable;
use super::schema;
use super::snapshot::Snapshot;
use crate::{Error, Result};

/// Names of columns that are gone, in the table's configuration.
const DROPPED: &str = "headwater.droppedColumns";

/// From the columns that a table has to those that it needs.
pub(crate) struct Change<'a> {
    /// As the log tells it.
    metadata: Value,
    /// The table's folder.
    table: &'a str,
    found: SchemaRef,
    needed: &'a SchemaRef,
}

impl<'a> Change<'a> {
    /// None where the table has these columns.
    ///
    /// # Errors
    /// [`Error::Schema`] where a row that is there can't have them.
    pub fn of(table: &'a str, snapshot: &Snapshot, needed: &'a SchemaRef) -> Result<Option<Change<'a>>> {
        let found = snapshot.schema();
        let same = found.fields().len() == needed.fields().len()
            && found.fields().iter().zip(needed.fields()).all(|(found, needed)| {
                let may_be_null = found.is_nullable() || !needed.is_nullable();
                found.name() == needed.name() && found.data_type() == needed.data_type() && may_be_null
            });
        if same {
            return Ok(None);
        }
        let metadata = serde_json::to_value(snapshot.delta().metadata()).map_err(unwritable)?;
        let change = Change { metadata, table, found, needed };
        change.check()?;
        Ok(Some(change))
    }

    /// Whether the files must be written anew.
    pub fn widens(&self) -> bool {
        self.found.fields().iter().any(|field| {
            self.needed.field_with_name(field.name()).is_ok_and(|needed| needed.data_type() != field.data_type())
        })
    }

    fn check(&self) -> Result<()> {
        let refuse = |detail: String| Err(Error::Schema { table: self.table.to_owned(), detail });
        let dropped = self.dropped()?;
        for field in self.needed.fields() {
            if self.found.field_with_name(field.name()).is_ok() {
                continue;
            }
            if dropped.iter().any(|gone| gone.eq_ignore_ascii_case(field.name())) {
                return refuse(format!(
                    "a column {:?} was dropped before, and its values would be seen again",
                    field.name()
                ));
            }
            if !field.is_nullable() {
                return refuse(format!("rows that are there have no value for {:?}, which is NOT NULL", field.name()));
            }
        }
        Ok(())
    }

    /// Columns that will be gone, those that were gone before included.
    fn dropped(&self) -> Result<BTreeSet<String>> {
        let before = self.metadata["configuration"][DROPPED].as_str().unwrap_or("[]");
        let mut dropped: BTreeSet<String> = serde_json::from_str(before)
            .map_err(|error| Error::corrupt(self.table.to_owned(), format!("{DROPPED}: {error}")))?;
        let gone = self.found.fields().iter().filter(|field| is_missing(self.needed, field.name()));
        dropped.extend(gone.map(|field| field.name().clone()));
        Ok(dropped)
    }

    /// The table's description with the columns that it needs.
    pub fn action(&self) -> Result<Value> {
        let mut metadata = self.metadata.clone();
        let schema = serde_json::to_string(&schema::to_delta(self.needed)?).map_err(unwritable)?;
        metadata["schemaString"] = json!(schema);
        let dropped = self.dropped()?;
        if !dropped.is_empty() {
            metadata["configuration"][DROPPED] = json!(serde_json::to_string(&dropped).map_err(unwritable)?);
        }
        Ok(json!({ "metaData": metadata }))
    }
}

fn is_missing(schema: &Schema, name: &str) -> bool {
    schema.field_with_name(name).is_err()
}
