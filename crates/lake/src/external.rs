//! Delta tables that others write, in a folder of this machine.

use std::path::Path;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use deltalake::DeltaTable;
use url::Url;

use crate::{Error, Result};

/// The latest version of a Delta table in a folder, as a table of DataFusion's.
///
/// # Errors
/// [`Error::External`] where there is none, or what is there can't be read.
pub async fn read_external(folder: &Path) -> Result<Arc<dyn TableProvider>> {
    let refuse = |detail: String| Error::External { detail };
    if !folder.join("_delta_log").is_dir() {
        return Err(refuse("the folder has no _delta_log".to_owned()));
    }
    let url = Url::from_directory_path(folder).map_err(|()| refuse("its path is not absolute".to_owned()))?;
    let table: DeltaTable = deltalake::open_table(url).await.map_err(|error| refuse(error.to_string()))?;
    table.table_provider().await.map_err(|error| refuse(error.to_string()))
}
