//! How a table lays out its files: rows with equal values in some columns lie together, so that queries for some of the
//! values read no other files.
//!
//! Such columns are not in the files. The log has their values as texts, by Delta's protocol ("Partition Value
//! Serialization"); folders are named after them for people's eyes alone.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{cast, take_record_batch};
use arrow::datatypes::{DataType, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};

use crate::{Error, Result};

/// The values that all rows of a file have in the columns of a layout; `None` is NULL.
pub(super) type Values = Vec<Option<String>>;

/// Characters of a value in a folder's name.
const SHOWN_CHARS_MAX: usize = 60;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    names: Vec<String>,
}

impl Layout {
    /// By these columns, from the outermost folder on.
    ///
    /// # Errors
    /// [`Error::Layout`] for columns that files can't be laid out by.
    pub fn of(schema: &Schema, names: &[String]) -> Result<Layout> {
        let refused = |column: &str, reason| Err(Error::Layout { column: column.to_owned(), reason });
        for name in names {
            let Ok(field) = schema.field_with_name(name) else { return refused(name, "there is no such column") };
            if matches!(field.data_type(), DataType::Float32 | DataType::Float64 | DataType::Binary) {
                return refused(name, "values of its type are not told apart by their text");
            }
        }
        match names {
            [.., last] if names.len() == schema.fields().len() => refused(last, "no column is left for the files"),
            _ => Ok(Layout { names: names.to_vec() }),
        }
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What stands in a file.
    pub fn inside(&self, schema: &SchemaRef) -> SchemaRef {
        if self.names.is_empty() {
            return Arc::clone(schema);
        }
        let fields = schema.fields().iter().filter(|field| !self.names.contains(field.name()));
        Arc::new(Schema::new(fields.cloned().collect::<Vec<_>>()))
    }

    /// Rows by their values, without the columns that give these.
    pub fn split(&self, rows: &RecordBatch) -> Result<Vec<(Values, RecordBatch)>> {
        if self.names.is_empty() {
            return Ok(vec![(Vec::new(), rows.clone())]);
        }
        let texts = self.names.iter().map(|name| texts(name, rows)).collect::<Result<Vec<_>>>()?;
        let mut groups: BTreeMap<Values, Vec<u32>> = BTreeMap::new();
        for row in 0..rows.num_rows() {
            let value = |text: &ArrayRef| {
                let text = text.as_string::<i32>();
                text.is_valid(row).then(|| text.value(row).to_owned())
            };
            // A batch has fewer rows than that.
            groups.entry(texts.iter().map(value).collect()).or_default().push(row as u32);
        }
        let stays: Vec<usize> =
            (0..rows.num_columns()).filter(|at| !self.names.contains(rows.schema_ref().field(*at).name())).collect();
        let inside = rows.project(&stays).map_err(unfit)?;
        let parts = groups
            .into_iter()
            .map(|(values, at)| Ok((values, take_record_batch(&inside, &UInt32Array::from(at)).map_err(unfit)?)));
        parts.collect()
    }

    /// As actions of the log have them.
    pub fn values(&self, values: &Values) -> HashMap<String, Option<String>> {
        self.names.iter().cloned().zip(values.iter().cloned()).collect()
    }

    /// Where such rows go.
    pub fn folder(&self, values: &Values) -> String {
        if self.names.is_empty() {
            return "rows".to_owned();
        }
        // Different values may share a folder.
        let plain = |text: &str| -> String {
            let kept = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' };
            text.chars().take(SHOWN_CHARS_MAX).map(kept).collect()
        };
        let parts = self.names.iter().zip(values).map(|(name, value)| {
            let shown = value.as_deref().unwrap_or("__HIVE_DEFAULT_PARTITION__");
            format!("{}={}", plain(name), plain(shown))
        });
        parts.collect::<Vec<_>>().join("/")
    }
}

/// A column's values as texts.
fn texts(name: &str, rows: &RecordBatch) -> Result<ArrayRef> {
    let column =
        rows.column_by_name(name).ok_or_else(|| Error::Rows { detail: format!("there is no column {name}") })?;
    let texts = match column.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let instants = column.as_primitive::<TimestampMicrosecondType>();
            let text = |at: Option<i64>| {
                chrono::DateTime::from_timestamp_micros(at?).map(|at| at.format("%Y-%m-%d %H:%M:%S%.6f").to_string())
            };
            Arc::new(instants.iter().map(text).collect::<arrow::array::StringArray>())
        }
        _ => cast(column, &DataType::Utf8).map_err(unfit)?,
    };
    let strings = texts.as_string::<i32>();
    if strings.iter().flatten().any(str::is_empty) {
        return Err(Error::Layout { column: name.to_owned(), reason: "an empty text would be read as NULL" });
    }
    Ok(texts)
}

fn unfit(error: arrow::error::ArrowError) -> Error {
    Error::Rows { detail: error.to_string() }
}
