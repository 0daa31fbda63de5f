//! Every version of the definitions, each an object of its own.
//!
//! `catalog/<20 digits>.json` holds all definitions of one version. A version is created where none
//! of its number is, and never changed or removed: two who commit at once can't both succeed. The
//! highest number is what holds; it is not skipped if it can't be read.

mod file;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};

use crate::definition::{Definition, Definitions, Proposal};
use crate::{Error, Result};

const FOLDER: &str = "catalog";

/// Reads at one time.
const READS: usize = 8;

/// How many of the last changes are known.
const APPLIED: usize = 50;

/// The newest version that was seen.
#[derive(Debug)]
pub struct Catalog {
    store: Arc<dyn ObjectStore>,
    current: Definitions,
    applied: Vec<Applied>,
}

/// What one version changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    pub version: u64,
    /// Microseconds since the Unix epoch.
    pub committed_us: i64,
    /// As a plan tells it.
    pub steps: Vec<String>,
}

impl Applied {
    fn of(definitions: &Definitions) -> Applied {
        let Definitions { version, committed_us, steps, .. } = definitions;
        Applied { version: *version, committed_us: *committed_us, steps: steps.clone() }
    }
}

impl Catalog {
    /// Reads the newest version; an empty store has version 0, without definitions.
    pub async fn open(store: Arc<dyn ObjectStore>) -> Result<Catalog> {
        let mut catalog = Catalog { store, current: Definitions::default(), applied: Vec::new() };
        catalog.reload().await?;
        Ok(catalog)
    }

    pub fn current(&self) -> &Definitions {
        &self.current
    }

    /// The last changes, oldest first.
    pub fn applied(&self) -> &[Applied] {
        &self.applied
    }

    /// Reads what others have committed since.
    pub async fn reload(&mut self) -> Result<()> {
        let folder = Path::from(FOLDER);
        let refuse = |source| Error::Store { operation: "list", path: FOLDER.to_owned(), source };
        let objects: Vec<_> = self.store.list(Some(&folder)).try_collect().await.map_err(refuse)?;
        let mut versions: Vec<u64> = objects.iter().filter_map(|object| version_of(&object.location)).collect();
        versions.sort_unstable();
        let Some(newest) = versions.pop() else {
            (self.current, self.applied) = (Definitions::default(), Vec::new());
            return Ok(());
        };
        self.current = self.read(newest).await?;
        let earlier = versions.split_off(versions.len().saturating_sub(APPLIED - 1));
        let mut reads = stream::iter(earlier).map(|version| self.read(version)).buffered(READS);
        let mut applied = Vec::new();
        while let Some(read) = reads.next().await {
            // An older version that can't be read keeps nobody from working with the newest.
            applied.extend(read.ok().map(|read| Applied::of(&read)));
        }
        drop(reads);
        applied.push(Applied::of(&self.current));
        self.applied = applied;
        Ok(())
    }

    /// What bringing the project's definitions to `wanted` would change. Nothing is written.
    pub fn propose(&self, wanted: Vec<Definition>) -> Proposal {
        self.current.propose(wanted)
    }

    /// Makes `next` the version after the one that it was proposed on. `now_us` is microseconds since the Unix epoch.
    /// A conflict leaves the store and this catalog as they were; see it with [`Catalog::reload`].
    pub async fn commit(&mut self, mut next: Definitions, now_us: i64) -> Result<()> {
        next.version += 1;
        next.committed_us = now_us;
        let path = path_of(next.version);
        if next.version != self.current.version + 1 {
            return Err(Error::Conflict { version: next.version });
        }
        let bytes = file::encode(&next)?;
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&path, bytes.into(), options).await {
            Ok(_) => {
                self.applied.push(Applied::of(&next));
                self.applied.drain(..self.applied.len().saturating_sub(APPLIED));
                self.current = next;
                Ok(())
            }
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                Err(Error::Conflict { version: next.version })
            }
            Err(source) => Err(Error::Store { operation: "write", path: path.to_string(), source }),
        }
    }

    /// Any version that was committed.
    pub async fn read(&self, version: u64) -> Result<Definitions> {
        let path = path_of(version);
        let refuse = |source| Error::Store { operation: "read", path: path.to_string(), source };
        let found = self.store.get(&path).await.map_err(refuse)?;
        let bytes = found.bytes().await.map_err(refuse)?;
        file::decode(path.as_ref(), version, &bytes)
    }
}

fn path_of(version: u64) -> Path {
    Path::from(format!("{FOLDER}/{version:020}.json"))
}

/// None for files that are none of ours.
fn version_of(path: &Path) -> Option<u64> {
    let number = path.filename()?.strip_suffix(".json")?;
    let fits = number.len() == 20 && number.bytes().all(|digit| digit.is_ascii_digit());
    let version = if fits { number.parse().ok()? } else { return None };
    (path_of(version) == *path).then_some(version)
}
