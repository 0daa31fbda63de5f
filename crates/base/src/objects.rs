//! A durable object store over a folder: `object_store`'s own local one acknowledges before bytes
//! and names have reached the disk, this one after.
//!
//! An object is written under a temporary name, synced, and then given its name, so that a reader
//! or a crash finds it whole or not at all. Objects are never written in place. Paths map to files
//! as `object_store::local` maps them, except that the folder `#temporary` is kept for ourselves.

mod delete;
mod folder;
mod listing;
mod place;
mod read;
pub mod remote;
mod staging;
mod upload;

use std::fmt;
use std::ops::Range;
use std::path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, RenameTargetMode, Result,
};

use crate::files::{self, Files};
use folder::{Folder, run};

/// A durable object store. Clones are the same store.
///
/// Guarantees, given what [`Files`] promises:
/// - when a put, copy, rename or delete has returned without error, it lasts;
/// - when it has not, the object is as it was before or as it was to become, never a part of it;
///   (after a failed overwrite readers may see the new one until a crash brings back the old one);
/// - `PutMode::Create` and `CopyMode::Create` let exactly one of several writers win, across processes too.
///
/// `PutMode::Update` and attributes are refused as not implemented.
#[derive(Debug, Clone)]
pub struct Objects {
    folder: Arc<Folder>,
}

impl Objects {
    /// Opens a store, creating its folder where it is missing, and sweeps.
    pub fn open(files: Arc<dyn Files>, root: &path::Path) -> files::Result<Objects> {
        let objects = Objects { folder: Arc::new(Folder::open(files, root)?) };
        objects.sweep()?;
        Ok(objects)
    }

    /// Removes the temporary files of stores that are no longer open, here or in other processes. Returns how many.
    pub fn sweep(&self) -> files::Result<usize> {
        staging::sweep(self.folder.files.as_ref(), &self.folder.root)
    }
}

impl fmt::Display for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Objects({})", self.folder.root.display())
    }
}

#[async_trait]
impl ObjectStore for Objects {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        folder::refuse_attributes(&options.attributes)?;
        let location = location.clone();
        run(&self.folder, move |folder| place::put(folder, &location, &payload, &options.mode)).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        folder::refuse_attributes(&options.attributes)?;
        let location = location.clone();
        let shared = Arc::clone(&self.folder);
        let upload = run(&self.folder, move |_| upload::Upload::start(shared, &location)).await?;
        Ok(Box::new(upload))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let location = location.clone();
        let shared = Arc::clone(&self.folder);
        run(&self.folder, move |_| read::get(&shared, &location, &options)).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let (location, ranges) = (location.clone(), ranges.to_vec());
        run(&self.folder, move |folder| read::ranges(folder, &location, &ranges)).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        delete::stream(Arc::clone(&self.folder), locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        listing::recursive(Arc::clone(&self.folder), prefix.cloned().unwrap_or_default())
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        let offset = offset.clone();
        let after = move |found: &Result<ObjectMeta>| {
            let keep = found.as_ref().map_or(true, |meta| meta.location > offset);
            std::future::ready(keep)
        };
        self.list(prefix).filter(after).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let prefix = prefix.cloned().unwrap_or_default();
        run(&self.folder, move |folder| listing::one_level(folder, &prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let (from, to) = (from.clone(), to.clone());
        run(&self.folder, move |folder| match options.mode {
            CopyMode::Overwrite => place::copy_over(folder, &from, &to),
            CopyMode::Create => place::copy_new(folder, &from, &to),
        })
        .await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let (from, to) = (from.clone(), to.clone());
        run(&self.folder, move |folder| match options.target_mode {
            RenameTargetMode::Overwrite => place::rename_over(folder, &from, &to),
            RenameTargetMode::Create => {
                place::copy_new(folder, &from, &to)?;
                delete::one(folder, &from)
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests;
