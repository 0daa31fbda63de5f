//! Where files of others are: folders of this machine, and buckets.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::catalog::Session;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::listing::ListingTableUrl;
use headwater_lake::Lake;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt};
use url::Url;

use crate::relation::{Files, Server};

/// Opens buckets.
pub trait Buckets: fmt::Debug + Send + Sync {
    /// # Errors
    /// What is wrong with the address, or missing to use it. The bucket is not asked yet.
    fn open(&self, bucket: &str, server: &Server) -> Result<Arc<dyn ObjectStore>, String>;
}

/// No bucket can be opened.
#[derive(Debug)]
pub struct NoBuckets;

impl Buckets for NoBuckets {
    fn open(&self, bucket: &str, _: &Server) -> Result<Arc<dyn ObjectStore>, String> {
        Err(format!("there is no way to {bucket} from here"))
    }
}

/// Where files are found. Clones share the buckets that they opened.
#[derive(Debug, Clone)]
pub struct Places {
    /// Where relative paths begin.
    root: PathBuf,
    buckets: Arc<dyn Buckets>,
    open: Arc<Mutex<HashMap<(String, Server), Bucket>>>,
    /// Delta tables of this machine.
    disk: Lake,
}

/// A bucket under a URL of ours: DataFusion finds stores by scheme and host, and one name may be two servers' buckets.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    url: Url,
    store: Arc<dyn ObjectStore>,
    /// Its Delta tables.
    lake: Lake,
}

/// A location, with the way to it.
#[derive(Debug)]
pub(super) enum Found {
    Local {
        path: PathBuf,
        disk: Lake,
    },
    /// The key is verbatim.
    Remote {
        bucket: Bucket,
        key: String,
    },
}

impl Places {
    pub fn new(root: PathBuf, buckets: Arc<dyn Buckets>) -> Places {
        let disk = Lake::new(Arc::new(LocalFileSystem::new()), Path::default());
        Places { root, buckets, open: Arc::default(), disk }
    }

    pub(super) fn find(&self, files: &Files) -> Result<Found> {
        let location = files.location.as_str();
        let Some((scheme, rest)) = location.split_once("://") else {
            let path = self.root.join(location);
            let path = if path.is_absolute() { path } else { std::path::absolute(&path)? };
            return Ok(Found::Local { path, disk: self.disk.clone() });
        };
        match scheme {
            "file" => Ok(Found::Local { path: PathBuf::from(rest), disk: self.disk.clone() }),
            "s3" | "s3a" => {
                let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                Ok(Found::Remote { bucket: self.bucket(bucket, &files.server)?, key: key.to_owned() })
            }
            _ => {
                let message =
                    format!("tables at {scheme}:// are not built yet; what works: paths of this machine, s3://");
                Err(DataFusionError::Execution(message))
            }
        }
    }

    fn bucket(&self, bucket: &str, server: &Server) -> Result<Bucket> {
        if bucket.is_empty() {
            return Err(DataFusionError::Execution("the location names no bucket: write s3://bucket/path/".to_owned()));
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let number = open.len();
        if let Some(there) = open.get(&(bucket.to_owned(), server.clone())) {
            return Ok(there.clone());
        }
        let store = self.buckets.open(bucket, server).map_err(DataFusionError::Execution)?;
        let url = Url::parse(&format!("headwater-files://place-{number}/"));
        let url = url.map_err(|error| DataFusionError::External(Box::new(error)))?;
        let lake = Lake::new(Arc::clone(&store), Path::default());
        let opened = Bucket { url, store, lake };
        open.insert((bucket.to_owned(), server.clone()), opened.clone());
        Ok(opened)
    }
}

impl Found {
    /// For listing: known to a session, with a pattern told from the path before it.
    pub(super) async fn listed(self, state: &dyn Session) -> Result<ListingTableUrl> {
        let (Bucket { url, store, .. }, key) = match self {
            Found::Local { path, .. } => return ListingTableUrl::parse(path.to_string_lossy()),
            Found::Remote { bucket, key } => (bucket, key),
        };
        state.runtime_env().register_object_store(&url, Arc::clone(&store));
        let pattern = key.find(['*', '?', '[']).map(|at| key[..at].rfind('/').map_or(0, |slash| slash + 1));
        if let Some(begin) = pattern {
            let glob = glob::Pattern::new(&key[begin..]).map_err(|error| DataFusionError::External(Box::new(error)))?;
            return ListingTableUrl::try_new(inside(&url, &key[..begin]), Some(glob));
        }
        // What is no object is a folder, with or without a slash.
        let is_object = !key.is_empty()
            && !key.ends_with('/')
            && match store.head(&Path::from_url_path(inside(&url, &key).path())?).await {
                Ok(_) => true,
                Err(Error::NotFound { .. }) => false,
                Err(other) => return Err(other.into()),
            };
        let slash = if is_object || key.is_empty() || key.ends_with('/') { "" } else { "/" };
        ListingTableUrl::try_new(inside(&url, &format!("{key}{slash}")), None)
    }

    /// For Delta: where tables are, and a table's folder there.
    pub(super) fn folder(self) -> Result<(Lake, Path)> {
        match self {
            Found::Local { path, disk } => Ok((disk, Path::from_absolute_path(path)?)),
            Found::Remote { bucket, key } => Ok((bucket.lake, Path::from_url_path(inside(&bucket.url, &key).path())?)),
        }
    }
}

/// A key as a URL has it: it is taken verbatim, percent signs too.
fn inside(url: &Url, key: &str) -> Url {
    let mut url = url.clone();
    url.set_path(&key.replace('%', "%25"));
    url
}
