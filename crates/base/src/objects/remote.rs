//! A bucket behind a network that may lose requests and answers.
//!
//! [`Remote`] tries again what failed on the way. Its client must not do so by itself: a put that was to create an
//! object and whose answer was lost would be told, the second time, that the object exists, and its writer would take
//! its own commit for somebody else's. Here it is looked at whose it is. Bodies are read whole before they are handed
//! on, so that one that breaks off is read again too.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};

/// Between tries it rests for 100 ms, 200 ms, … and at last 12.8 s, 25.5 s in all.
const TRIES: u32 = 9;
const REST_FIRST: Duration = Duration::from_millis(100);

/// Deletes on their way at one time.
const DELETES: usize = 8;

/// A bucket that is tried again.
#[derive(Debug, Clone)]
pub struct Remote {
    bucket: Arc<dyn ObjectStore>,
    rest_first: Duration,
}

/// The tries of one request.
struct Tries {
    made: u32,
    rest: Duration,
}

impl Tries {
    /// Rests after a server that failed or an answer that did not come; anything else is for good.
    async fn again(&mut self, what: &str, error: Error) -> Result<()> {
        let Error::Generic { .. } = error else { return Err(error) };
        if self.made >= TRIES {
            return Err(error);
        }
        tracing::warn!("{what} is tried again: {error}");
        tokio::time::sleep(self.rest).await;
        (self.made, self.rest) = (self.made + 1, self.rest * 2);
        Ok(())
    }
}

impl Remote {
    /// Over a client that sends each request once.
    pub fn new(bucket: Arc<dyn ObjectStore>) -> Remote {
        Remote { bucket, rest_first: REST_FIRST }
    }

    fn tries(&self) -> Tries {
        Tries { made: 1, rest: self.rest_first }
    }

    /// For what may be done twice.
    async fn retried<T, F: Future<Output = Result<T>>>(&self, what: &str, request: impl Fn() -> F) -> Result<T> {
        let mut tries = self.tries();
        loop {
            match request().await {
                Ok(done) => return Ok(done),
                Err(error) => tries.again(what, error).await?,
            }
        }
    }

    async fn create(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let mut tries = self.tries();
        loop {
            match self.bucket.put_opts(location, payload.clone(), options.clone()).await {
                // Only an earlier try can have put the same there.
                Err(exists @ Error::AlreadyExists { .. }) if tries.made > 1 => {
                    let found = self.get(location).await?;
                    let (e_tag, version) = (found.meta.e_tag.clone(), found.meta.version.clone());
                    let is_ours = found.bytes().await? == Bytes::from(payload);
                    return if is_ours { Ok(PutResult { e_tag, version }) } else { Err(exists) };
                }
                Err(error) => tries.again("a write", error).await?,
                Ok(done) => return Ok(done),
            }
        }
    }

    async fn get_whole(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let is_head = options.head;
        let found = self.bucket.get_opts(location, options).await?;
        if is_head {
            return Ok(found);
        }
        let (meta, range, attributes) = (found.meta.clone(), found.range.clone(), found.attributes.clone());
        let bytes = found.bytes().await?;
        let payload = GetResultPayload::Stream(stream::iter([Ok(bytes)]).boxed());
        Ok(GetResult { payload, meta, range, attributes })
    }

    /// A listing whose pages have all come.
    fn listed(
        &self,
        list: impl Fn(&dyn ObjectStore) -> BoxStream<'static, Result<ObjectMeta>> + Send + Sync + 'static,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let this = self.clone();
        let all = async move {
            let pages = || list(this.bucket.as_ref()).try_collect::<Vec<_>>();
            let found = this.retried("a listing", pages).await?;
            Ok::<_, Error>(stream::iter(found.into_iter().map(Ok)))
        };
        stream::once(all).try_flatten().boxed()
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({})", self.bucket)
    }
}

#[async_trait]
impl ObjectStore for Remote {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        match options.mode {
            PutMode::Create => self.create(location, payload, options).await,
            PutMode::Overwrite => {
                let put = || self.bucket.put_opts(location, payload.clone(), options.clone());
                self.retried("a write", put).await
            }
            PutMode::Update(_) => self.bucket.put_opts(location, payload, options).await,
        }
    }

    /// Not tried again.
    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.bucket.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.retried("a read", || self.get_whole(location, options.clone())).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        let delete = move |location: Result<Path>| {
            let this = this.clone();
            async move {
                let location = location?;
                // What a try has deleted whose answer was lost is still to be deleted: it must not be there.
                match this.retried("a delete", || this.bucket.delete(&location)).await {
                    Ok(()) | Err(Error::NotFound { .. }) => Ok(location),
                    Err(error) => Err(error),
                }
            }
        };
        locations.map(delete).buffered(DELETES).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let prefix = prefix.cloned();
        self.listed(move |bucket| bucket.list(prefix.as_ref()))
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        let (prefix, offset) = (prefix.cloned(), offset.clone());
        self.listed(move |bucket| bucket.list_with_offset(prefix.as_ref(), &offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.retried("a listing", || self.bucket.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.bucket.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.bucket.rename_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests;
