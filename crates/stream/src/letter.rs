//! Dead letters: rows that could not go on, kept with their reason.
//!
//! They are records of a topic of their own, appended in the transaction of the checkpoint that covers their offset,
//! so each is written exactly once. Their columns are those of `system.dead_letters`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use headwater_query::relation::{UTC, timestamp_type};

use crate::Result;
use crate::batch::Batch;

/// The topic that holds them.
pub const TOPIC: &str = "system.dead_letters";

/// A row that stopped here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The stream or view in which it stopped.
    pub relation: String,
    /// `undecodable`, `null event time`, `future`, `violation`, `late` or `failed`.
    pub reason: String,
    /// The rule that it violated.
    pub rule: Option<String>,
    pub column: Option<String>,
    pub detail: String,
    /// The stream in whose log the row lies, with its place; unknown for a row that an aggregation made.
    pub stream: Option<String>,
    pub partition: Option<u32>,
    pub offset: Option<i64>,
    /// When it was appended to the log, microseconds; unknown for rows of views.
    pub appended_us: Option<i64>,
    /// The row: a record as it came, or a JSON object of the view's columns.
    pub record: String,
}

impl Letter {
    /// A letter for one row of a batch that flows in `relation`. `inputs` names the streams by input number.
    pub fn of_row(
        relation: &str,
        inputs: &[String],
        reason: &str,
        detail: String,
        batch: &Batch,
        row: usize,
    ) -> Letter {
        let origin = batch.origin.as_ref();
        Letter {
            relation: relation.to_owned(),
            reason: reason.to_owned(),
            rule: None,
            column: None,
            detail,
            stream: origin.and_then(|origin| inputs.get(origin.input).cloned()),
            partition: origin.map(|origin| origin.partition),
            offset: origin.map(|origin| origin.offsets[row]),
            appended_us: None,
            record: headwater_format::row_as_json(&batch.rows, row),
        }
    }
}

/// The columns of `system.dead_letters`.
pub fn schema() -> SchemaRef {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8View, nullable);
    Arc::new(Schema::new(vec![
        text("relation", false),
        text("reason", false),
        text("rule", true),
        text("column_name", true),
        text("detail", false),
        text("stream", true),
        Field::new("partition_id", DataType::Int32, true),
        Field::new("record_offset", DataType::Int64, true),
        Field::new("appended_at", timestamp_type(), true),
        text("record", false),
    ]))
}

/// Letters as rows of [`schema`].
pub fn rows(letters: &[Letter]) -> Result<RecordBatch> {
    let text = |get: &dyn Fn(&Letter) -> Option<&str>| -> ArrayRef {
        Arc::new(letters.iter().map(get).collect::<StringViewArray>())
    };
    let appended: TimestampMicrosecondArray = letters.iter().map(|letter| letter.appended_us).collect();
    let columns: Vec<ArrayRef> = vec![
        text(&|letter| Some(&letter.relation)),
        text(&|letter| Some(&letter.reason)),
        text(&|letter| letter.rule.as_deref()),
        text(&|letter| letter.column.as_deref()),
        text(&|letter| Some(&letter.detail)),
        text(&|letter| letter.stream.as_deref()),
        Arc::new(letters.iter().map(|letter| letter.partition.map(|each| each as i32)).collect::<Int32Array>()),
        Arc::new(letters.iter().map(|letter| letter.offset).collect::<Int64Array>()),
        Arc::new(appended.with_timezone(UTC)),
        text(&|letter| Some(&letter.record)),
    ];
    Ok(RecordBatch::try_new(schema(), columns)?)
}
