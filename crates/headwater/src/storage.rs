//! Where catalog, checkpoints and lake live: in the data folder, or in a bucket.
//!
//! Log and bucket belong together: offsets in checkpoints and archives mean records of this log. So both carry the same
//! id, and a node refuses a bucket of another data folder, and a data folder of another bucket.

pub mod client;

use std::path::Path as FilePath;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use headwater_base::clock::SystemClock;
use headwater_base::files::{self, Files};
use headwater_base::objects::Objects;
use headwater_base::objects::remote::Remote;
use headwater_deploy::project;
use headwater_query::relation::Server;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode};
use serde::{Deserialize, Serialize};
use url::Url;

/// In the data folder, where its storage is a bucket.
const FILE: &str = "storage.json";

/// In the bucket.
const CLAIM: &str = "installation.json";

/// Parts of a data folder that are in the bucket where there is one.
const STORED: [&str; 3] = ["catalog", "checkpoints", "lake"];

/// Where to find a bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    url: Url,
    server: Server,
}

const FORMAT: u32 = 1;

/// Who opens a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The one node of the data folder.
    Node,
    /// Writes nothing.
    Reader,
}

/// What `storage.json` and `installation.json` say; `docs/formats/installation.md` has the format.
#[derive(Debug, Serialize, Deserialize)]
struct Installation {
    format: u32,
    id: String,
    /// In the data folder: where the bucket is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

/// A bucket that can't be used, or not with this data folder.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Unusable {
    message: String,
    hint: String,
}

impl Unusable {
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

fn unusable(message: String, hint: impl Into<String>) -> anyhow::Error {
    Unusable { message, hint: hint.into() }.into()
}

impl Bucket {
    /// The bucket that the command line, the environment or the project names, if any.
    pub fn of(given: Option<&str>, fixed: &project::Storage) -> Result<Option<Bucket>> {
        let Some(text) = given.or(fixed.url.as_deref()) else { return Ok(None) };
        let form = "write s3://bucket, or s3://bucket/prefix";
        let url = Url::parse(text).with_context(|| format!("'{text}' is no place for storage: {form}"))?;
        if url.scheme() != "s3" || url.host_str().is_none_or(str::is_empty) || url.query().is_some() {
            bail!("'{text}' is no place for storage: {form}");
        }
        let server = Server { region: fixed.region.clone(), endpoint: fixed.endpoint.clone(), unsigned: false };
        Ok(Some(Bucket { url, server }))
    }

    fn url(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    fn client(&self, max_retries: usize) -> Result<Arc<dyn ObjectStore>> {
        let prefix = Path::from_url_path(self.url.path()).with_context(|| format!("'{}' names no place", self.url))?;
        let bucket = self.url.host_str().unwrap_or_default();
        let client = client::client(bucket, &self.server, max_retries)
            .with_context(|| format!("{} can't be used", self.url()))?;
        Ok(Arc::new(PrefixStore::new(client, prefix)))
    }

    fn remote(&self) -> Result<Arc<dyn ObjectStore>> {
        Ok(Arc::new(Remote::new(self.client(0)?)))
    }

    /// For the first request: whoever mistyped an address wants to know now.
    fn hasty(&self) -> Result<Arc<dyn ObjectStore>> {
        self.client(2)
    }

    fn unreachable(&self, error: Error) -> anyhow::Error {
        let hint = "check the bucket's name, [storage] endpoint and region, and the credentials in AWS_ACCESS_KEY_ID and \
                    AWS_SECRET_ACCESS_KEY";
        unusable(format!("cannot use {}: {}", self.url(), client::brief(&error)), hint)
    }
}

/// Opens the object store of a data folder.
pub async fn open(
    files: &Arc<dyn Files>,
    folder: &FilePath,
    bucket: Option<&Bucket>,
    role: Role,
) -> Result<Arc<dyn ObjectStore>> {
    let kept = read(files.as_ref(), folder)?;
    let Some(bucket) = bucket else {
        return match kept.and_then(|kept| kept.url) {
            Some(url) => Err(unusable(
                format!("catalog, checkpoints and lake of data folder {} are in {url}", folder.display()),
                format!("say so with --storage {url}, or with url under [storage] in headwater.toml"),
            )),
            None => Ok(Arc::new(Objects::open(Arc::clone(files), folder)?)),
        };
    };
    let installation = match kept {
        Some(kept) => kept,
        None => found(files.as_ref(), folder, bucket, role)?,
    };
    if installation.url.as_deref() != Some(bucket.url()) {
        let url = installation.url.unwrap_or_default();
        return Err(unusable(
            format!("catalog, checkpoints and lake of data folder {} are in {url}", folder.display()),
            format!("go on with that, or take another data folder for {}", bucket.url()),
        ));
    }
    check(files.as_ref(), folder, bucket, &installation.id, role).await?;
    bucket.remote()
}

fn read(files: &dyn Files, folder: &FilePath) -> Result<Option<Installation>> {
    let path = folder.join(FILE);
    match files::read(files, &path) {
        Ok(bytes) => decode(&bytes, &path.display().to_string()).map(Some),
        Err(missing) if missing.is_not_found() => Ok(None),
        Err(other) => Err(other.into()),
    }
}

fn decode(bytes: &[u8], place: &str) -> Result<Installation> {
    let read: Installation =
        serde_json::from_slice(bytes).with_context(|| format!("{place} is not what a node writes"))?;
    if read.format > FORMAT {
        bail!("{place} has format {}, which a newer version has written: take that", read.format);
    }
    Ok(read)
}

/// Begins an installation: a data folder without anything in it yet, for a bucket.
fn found(files: &dyn Files, folder: &FilePath, bucket: &Bucket, role: Role) -> Result<Installation> {
    let is_there = |name: &str| files.metadata(&folder.join(name)).is_ok();
    if STORED.into_iter().any(is_there) {
        let what = format!("data folder {} has a catalog and a lake of its own", folder.display());
        return Err(unusable(what, format!("take another data folder for {}", bucket.url())));
    }
    if role == Role::Reader {
        bail!("no node has run on data folder {} yet", folder.display());
    }
    let id = format!("{:x}-{:x}", SystemClock::shared().now_us(), std::process::id());
    let installation = Installation { format: FORMAT, id, url: Some(bucket.url().to_owned()) };
    files::replace(files, &folder.join(FILE), &serde_json::to_vec_pretty(&installation)?)?;
    Ok(installation)
}

/// Makes sure that the bucket is this data folder's, and that it can hold a lake.
async fn check(files: &dyn Files, folder: &FilePath, bucket: &Bucket, id: &str, role: Role) -> Result<()> {
    let (store, claim) = (bucket.remote()?, Path::from(CLAIM));
    match bucket.hasty()?.head(&claim).await {
        Ok(_) | Err(Error::NotFound { .. }) => {}
        Err(error) => return Err(bucket.unreachable(error)),
    }
    let text = serde_json::to_vec(&Installation { format: FORMAT, id: id.to_owned(), url: None })?;
    let there = match store.get(&claim).await {
        Ok(found) => Some(found.bytes().await.map_err(|error| bucket.unreachable(error))?),
        Err(Error::NotFound { .. }) => None,
        Err(error) => return Err(bucket.unreachable(error)),
    };
    if let Some(bytes) = there {
        let claimed = decode(&bytes, &format!("{CLAIM} in {}", bucket.url()))?;
        if claimed.id != id {
            let hint = "stop, and take another prefix: two must not share one. If the data folder of this bucket is \
                        lost, restore it from its backup";
            return Err(unusable(format!("{} belongs to another data folder", bucket.url()), hint));
        }
        return Ok(());
    }
    let has_log = files.metadata(&folder.join("log")).is_ok();
    if role == Role::Reader || has_log {
        let what = format!("{} has nothing of data folder {}", bucket.url(), folder.display());
        return Err(unusable(what, "the bucket was emptied, or the address is another server's"));
    }
    // Whoever creates it has it; and a store that overwrites then would lose commits.
    let create = |bytes: Vec<u8>| store.put_opts(&claim, bytes.into(), PutMode::Create.into());
    create(text).await.map_err(|error| bucket.unreachable(error))?;
    match create(b"{}".to_vec()).await {
        Err(Error::AlreadyExists { .. }) => Ok(()),
        Err(error) => Err(bucket.unreachable(error)),
        Ok(_) => Err(unusable(
            format!("{} overwrites objects that it was told to only create", bucket.url()),
            "take a server that knows the header If-None-Match of PutObject, as Amazon S3, MinIO and R2 do",
        )),
    }
}
