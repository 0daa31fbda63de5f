//! What writers and readers are told when requests and answers are lost.

use std::sync::Mutex;

use object_store::memory::InMemory;

use super::*;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It was done, and nobody hears of it.
    AnswerLost,
    RequestLost,
    /// A body that breaks off.
    Torn,
}

/// A bucket whose next requests have these fates.
#[derive(Debug, Clone)]
struct Lossy {
    bucket: Arc<InMemory>,
    fates: Arc<Mutex<Vec<Fate>>>,
}

impl Lossy {
    fn fate(&self) -> Option<Fate> {
        self.fates.lock().unwrap().pop()
    }
}

fn lost() -> Error {
    Error::Generic { store: "Lossy", source: "the connection broke".into() }
}

impl fmt::Display for Lossy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lossy")
    }
}

#[async_trait]
impl ObjectStore for Lossy {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        match self.fate() {
            None => self.bucket.put_opts(location, payload, options).await,
            Some(Fate::AnswerLost) => self.bucket.put_opts(location, payload, options).await.and(Err(lost())),
            Some(_) => Err(lost()),
        }
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(Error::NotImplemented { operation: "put_multipart_opts".to_owned(), implementer: self.to_string() })
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let found = self.bucket.get_opts(location, options).await?;
        match self.fate() {
            None => Ok(found),
            Some(Fate::Torn) => {
                let torn = stream::iter([Ok(Bytes::from_static(b"m")), Err(lost())]).boxed();
                Ok(GetResult { payload: GetResultPayload::Stream(torn), ..found })
            }
            Some(_) => Err(lost()),
        }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.fate() {
            None => self.bucket.delete_stream(locations),
            Some(Fate::AnswerLost) => self.bucket.delete_stream(locations).map(|_| Err(lost())).boxed(),
            Some(_) => locations.map(|_| Err(lost())).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let lost = self.fate().map(|_| Err(lost()));
        self.bucket.list(prefix).chain(stream::iter(lost)).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        if self.fate().is_some() { Err(lost()) } else { self.bucket.list_with_delimiter(prefix).await }
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.bucket.copy_opts(from, to, options).await
    }
}

fn over(fates: &[Fate]) -> (Remote, Arc<InMemory>) {
    let bucket = Arc::new(InMemory::new());
    let fates = fates.iter().rev().copied().collect();
    let lossy = Lossy { bucket: Arc::clone(&bucket), fates: Arc::new(Mutex::new(fates)) };
    (Remote { rest_first: Duration::ZERO, ..Remote::new(Arc::new(lossy)) }, bucket)
}

async fn create(remote: &Remote, text: &'static str) -> Result<PutResult> {
    remote.put_opts(&Path::from("commit"), PutPayload::from(text), PutMode::Create.into()).await
}

#[tokio::test]
async fn a_writer_knows_its_own_commit() {
    use Fate::{AnswerLost, RequestLost};
    for fates in [&[AnswerLost][..], &[RequestLost, RequestLost, AnswerLost, AnswerLost], &[RequestLost]] {
        let (remote, bucket) = over(fates);
        let done = create(&remote, "mine").await.unwrap();
        let found = bucket.get(&Path::from("commit")).await.unwrap();
        assert_eq!(done.e_tag, found.meta.e_tag);
        assert_eq!(found.bytes().await.unwrap(), "mine");
    }
}

#[tokio::test]
async fn what_was_there_before_is_somebody_elses() {
    // Also the same bytes: an earlier writer's object may be on its way out.
    for text in ["mine", "other"] {
        let (remote, bucket) = over(&[]);
        bucket.put(&Path::from("commit"), text.into()).await.unwrap();
        assert!(matches!(create(&remote, "mine").await, Err(Error::AlreadyExists { .. })));
    }
    let (remote, bucket) = over(&[Fate::RequestLost]);
    bucket.put(&Path::from("commit"), "other".into()).await.unwrap();
    assert!(matches!(create(&remote, "mine").await, Err(Error::AlreadyExists { .. })));
}

#[tokio::test]
async fn a_bucket_that_stays_away_is_told() {
    let (remote, _) = over(&[Fate::RequestLost; 20]);
    assert!(create(&remote, "mine").await.unwrap_err().to_string().contains("the connection broke"));
}

#[tokio::test]
async fn what_breaks_off_is_read_again() {
    let (remote, bucket) = over(&[Fate::Torn, Fate::RequestLost, Fate::Torn]);
    let file = Path::from("a/file");
    bucket.put(&file, "many bytes".into()).await.unwrap();
    assert_eq!(remote.get(&file).await.unwrap().bytes().await.unwrap(), "many bytes");
    let (remote, bucket) = over(&[Fate::Torn, Fate::RequestLost]);
    bucket.put(&file, "many bytes".into()).await.unwrap();
    assert_eq!(remote.get_ranges(&file, &[0..4, 5..10]).await.unwrap(), ["many", "bytes"]);
    let (remote, bucket) = over(&[Fate::Torn, Fate::Torn]);
    bucket.put(&file, "many bytes".into()).await.unwrap();
    let found: Vec<_> = remote.list(None).map_ok(|meta| meta.location).try_collect().await.unwrap();
    assert_eq!(found, [file]);
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_what_is_missing_is_told_at_once() {
    let (remote, bucket) = over(&[Fate::AnswerLost, Fate::RequestLost]);
    let file = Path::from("a/file");
    bucket.put(&file, "bytes".into()).await.unwrap();
    remote.delete(&file).await.unwrap();
    assert!(matches!(remote.get(&file).await, Err(Error::NotFound { .. })));
}
