//! Version 0 of an archive: its schema and properties, nothing else.

use arrow::datatypes::Schema;
use deltalake::kernel::new_metadata;
use object_store::PutPayload;
use serde_json::json;

use super::{commit, log, schema};
use crate::lake::Table;
use crate::{Error, Result};

/// How long commits stay readable one by one after a checkpoint covers them. Short, since every look for new commits
/// lists the log.
const LOG_RETENTION: &str = "interval 1 hours";

/// Creates the table. Somebody else's version 0 is left as it is, for the caller to compare: then false.
pub(crate) async fn create(table: &Table, columns: &Schema, partitioned_by: &[String]) -> Result<bool> {
    let columns = schema::to_delta(columns)?;
    let configuration = [
        ("delta.checkpointInterval", table.checkpoint_interval().to_string()),
        ("delta.logRetentionDuration", LOG_RETENTION.to_owned()),
        ("delta.appendOnly", "false".to_owned()),
        ("headwater.stream", table.name.clone()),
    ];
    let metadata = new_metadata(&columns, partitioned_by, configuration)
        .and_then(|metadata| Ok(serde_json::to_value(metadata)?))
        .map_err(|error| Error::ColumnType { column: String::new(), data_type: error.to_string() })?;
    let now_ms = table.now_ms();
    let info = json!({ "operation": "CREATE TABLE", "operationParameters": {}, "timestamp": now_ms });
    let mut metadata = json!({ "metaData": metadata });
    metadata["metaData"]["createdTime"] = json!(now_ms);
    // Reader 1 and writer 2: plain tables, which every Delta reader knows.
    let protocol = json!({ "protocol": { "minReaderVersion": 1, "minWriterVersion": 2 } });
    let bytes = commit::lines(info, &[protocol, metadata]);
    table.put_new(&log::commit_file(table, 0), PutPayload::from(bytes)).await
}
