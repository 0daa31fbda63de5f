//! The data folder: what lies where in it, who has it, and how a node is found.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use headwater_base::clock::SystemClock;
use headwater_base::files::disk::Disk;
use headwater_base::files::{self, Files, Lock};
use headwater_deploy::project::Configuration;
use headwater_gateway::users::Users;
use headwater_lake::Lake;
use headwater_log::EmbeddedLog;
use headwater_log::embedded::Options as LogOptions;
use headwater_stream::engine as stream;
use object_store::ObjectStore;
use serde::{Deserialize, Serialize};

use crate::command::DataOptions;
use crate::storage::{self, Bucket, Role};

/// The default name, inside of the project.
pub const NAME: &str = ".headwater";

/// A checkpoint in a bucket is some requests one after the other, while which nothing is computed.
const CHECKPOINT_INTERVAL_BUCKET: Duration = Duration::from_secs(5);

/// Held by the one node that uses the folder.
const LOCK: &str = "lock";

/// Who may connect.
const USERS: &str = "users.json";

/// Says where a running node listens.
const NODE: &str = "node.json";

/// A data folder.
#[derive(Debug, Clone)]
pub struct DataFolder {
    pub path: PathBuf,
    files: Arc<dyn Files>,
    /// Where catalog, checkpoints and lake are, unless in the folder.
    bucket: Option<Bucket>,
}

/// What a node writes down of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodeFile {
    pub pid: u32,
    /// Names this life of the node: whoever answers under another name at its address is somebody else.
    #[serde(default)]
    pub id: String,
    /// Address and port, where HTTP is on.
    pub http: Option<String>,
    /// Address and port, where PostgreSQL clients are taken.
    #[serde(default)]
    pub postgres: Option<String>,
    /// Where HTTP is encrypted: the SHA-256 of the node's certificate, in hexadecimal digits.
    #[serde(default)]
    pub certificate: Option<String>,
    pub version: String,
}

/// Another node has the folder.
#[derive(Debug, thiserror::Error)]
#[error("data folder {path} is in use by another node{who}", path = path.display())]
pub struct InUse {
    path: PathBuf,
    who: String,
}

impl InUse {
    pub fn hint(&self) -> &str {
        "stop that node, or give this one a folder of its own with --data-dir"
    }
}

impl DataFolder {
    pub fn new(path: PathBuf) -> DataFolder {
        DataFolder { path, files: Disk::shared(), bucket: None }
    }

    pub fn files(&self) -> &Arc<dyn Files> {
        &self.files
    }

    pub fn exists(&self) -> bool {
        self.path.is_dir()
    }

    /// Takes the folder for a node, and creates it where it is missing.
    pub fn take(&self) -> Result<Box<dyn Lock>> {
        self.files.create_folders(&self.path)?;
        match self.files.lock(&self.path.join(LOCK)) {
            Ok(lock) => Ok(lock),
            Err(taken) if taken.source.kind() == std::io::ErrorKind::WouldBlock => {
                let who = match self.node() {
                    Ok(Some(node)) => format!(" (process {})", node.pid),
                    _ => String::new(),
                };
                Err(InUse { path: self.path.clone(), who }.into())
            }
            Err(other) => Err(other.into()),
        }
    }

    /// Whether a node has the folder now.
    pub fn is_taken(&self) -> Result<bool> {
        match self.files.lock(&self.path.join(LOCK)) {
            Ok(_) => Ok(false),
            Err(taken) if taken.source.kind() == std::io::ErrorKind::WouldBlock => Ok(true),
            Err(missing) if missing.is_not_found() => Ok(false),
            Err(other) => Err(other.into()),
        }
    }

    /// What the last node wrote of itself; it may be gone.
    pub fn node(&self) -> Result<Option<NodeFile>> {
        let path = self.path.join(NODE);
        let bytes = match files::read(self.files.as_ref(), &path) {
            Ok(bytes) => bytes,
            Err(missing) if missing.is_not_found() => return Ok(None),
            Err(other) => return Err(other.into()),
        };
        let node =
            serde_json::from_slice(&bytes).with_context(|| format!("{} is not what a node writes", path.display()));
        Ok(Some(node?))
    }

    /// Writes where the node listens, whole or not at all.
    pub fn announce(&self, node: &NodeFile) -> Result<()> {
        Ok(files::replace(self.files.as_ref(), &self.path.join(NODE), &serde_json::to_vec_pretty(node)?)?)
    }

    /// Removes what [`DataFolder::announce`] wrote.
    pub fn withdraw(&self) {
        // A file that stays behind names a node that does not answer, which readers expect after a crash anyway.
        let _ = self.files.remove_file(&self.path.join(NODE));
    }

    /// Who may connect to a node on this folder.
    pub fn users(&self) -> Result<Users> {
        Ok(Users::open(Arc::clone(&self.files), self.path.join(USERS))?)
    }

    pub fn log(&self, read_only: bool) -> Result<EmbeddedLog> {
        let options = LogOptions { read_only, ..LogOptions::default() };
        let path = self.path.join("log");
        Ok(EmbeddedLog::open(Arc::clone(&self.files), &path, SystemClock::shared(), options)?)
    }

    /// The object store of catalog, checkpoints and lake. To be opened before the log: an installation begins with it.
    pub async fn store(&self, role: Role) -> Result<Arc<dyn ObjectStore>> {
        storage::open(&self.files, &self.path, self.bucket.as_ref(), role).await
    }

    /// How often checkpoints are taken: a bucket takes longer to write.
    pub fn checkpoint_interval(&self) -> Duration {
        if self.bucket.is_some() { CHECKPOINT_INTERVAL_BUCKET } else { stream::Options::default().checkpoint_interval }
    }

    /// Where queries put what does not fit into memory.
    pub fn spill(&self) -> PathBuf {
        self.path.join("spill")
    }

    pub fn lake(&self, store: &Arc<dyn ObjectStore>) -> Lake {
        Lake::new(Arc::clone(store), object_store::path::Path::from("lake"))
    }
}

/// The data folder that a command means: as told, else as the project's configuration says, else inside of it.
pub fn of(project: &Path, configuration: &Configuration, told: &DataOptions) -> Result<DataFolder> {
    let configured = || configuration.node.data_dir.as_ref().map(|dir| project.join(dir));
    let path = told.data_dir.clone().or_else(configured).unwrap_or_else(|| project.join(NAME));
    let bucket = Bucket::of(told.storage.as_deref(), &configuration.storage)?;
    Ok(DataFolder { bucket, ..DataFolder::new(path) })
}

/// Bytes in hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
