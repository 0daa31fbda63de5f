//! Objects written in parts, straight to a temporary file: no part is held in memory for longer
//! than its own write.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures::FutureExt;
use object_store::path::Path;
use object_store::{MultipartUpload, PutPayload, PutResult, Result, UploadPart};

use super::folder::{Folder, convert, generic, run, tag};
use super::place;
use crate::files::{File, Open};

#[derive(Debug)]
pub(super) struct Upload {
    folder: Arc<Folder>,
    file: Arc<dyn File>,
    to: PathBuf,
    /// None once the upload is completed or aborted.
    staged: Option<PathBuf>,
    /// Bytes handed in, and bytes written: they must agree in the end, or a part failed or was never awaited.
    accepted: u64,
    written: Arc<AtomicU64>,
}

impl Upload {
    pub fn start(folder: Arc<Folder>, location: &Path) -> Result<Upload> {
        let to = folder.file(location)?;
        let staged = folder.staging.name();
        let file = folder.files.open(&staged, Open::CreateNew).map_err(convert)?;
        Ok(Upload { folder, file, to, staged: Some(staged), accepted: 0, written: Arc::default() })
    }

    fn take(&mut self) -> Result<PathBuf> {
        self.staged.take().ok_or_else(|| generic("the upload is already completed or aborted".to_owned()))
    }
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, payload: PutPayload) -> UploadPart {
        let start = self.accepted;
        self.accepted += payload.content_length() as u64;
        let (folder, file, written) = (Arc::clone(&self.folder), Arc::clone(&self.file), Arc::clone(&self.written));
        let write = async move {
            run(&folder, move |_| {
                let mut offset = start;
                for bytes in &payload {
                    file.write_at(bytes, offset).map_err(convert)?;
                    offset += bytes.len() as u64;
                }
                written.fetch_add(offset - start, Ordering::AcqRel);
                Ok(())
            })
            .await
        };
        write.boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let staged = self.take()?;
        let (file, to) = (Arc::clone(&self.file), self.to.clone());
        let missing = self.accepted - self.written.load(Ordering::Acquire).min(self.accepted);
        run(&self.folder, move |folder| {
            let place = || {
                if missing > 0 {
                    return Err(generic(format!("{missing} bytes of an upload were not written")));
                }
                file.sync_data().map_err(convert)?;
                let e_tag = tag(&folder.files.metadata(&staged).map_err(convert)?);
                place::name_over(folder, &staged, &to)?;
                Ok(PutResult { e_tag: Some(e_tag), version: None })
            };
            let placed = place();
            if placed.is_err() {
                folder.staging.discard(&staged);
            }
            placed
        })
        .await
    }

    async fn abort(&mut self) -> Result<()> {
        let staged = self.take()?;
        run(&self.folder, move |folder| folder.files.remove_file(&staged).map_err(convert)).await
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(staged) = self.staged.take() {
            self.folder.staging.discard(&staged);
        }
    }
}
