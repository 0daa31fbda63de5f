//! Delta tables that others write.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use deltalake::DeltaTable;
use futures::StreamExt;
use object_store::ObjectStore;
use object_store::path::Path;

use crate::archive::{snapshot, state};
use crate::{Error, Lake, Result};

impl Lake {
    /// The latest version of somebody's Delta table in a folder of the lake's store, as a table of DataFusion's.
    ///
    /// # Errors
    /// [`Error::External`] where there is none, or what is there can't be read.
    pub async fn read_external(&self, folder: Path) -> Result<Arc<dyn TableProvider>> {
        let place = self.at("", folder.clone());
        match place.store().list(Some(&folder.join("_delta_log"))).next().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(Error::External { detail: error.to_string() }),
            None => return Err(Error::External { detail: "the folder has no _delta_log".to_owned() }),
        }
        let mut delta = DeltaTable::new(Arc::clone(&place.log));
        delta.load().await.map_err(|error| Error::External { detail: error.to_string() })?;
        snapshot::provider(Arc::clone(&place), state(&place, &delta)?)
    }
}
