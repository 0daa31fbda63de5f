//! The lake: a place in an object store where tables live, one folder each.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use deltalake::kernel::EagerSnapshot;
use deltalake::logstore::{LogStoreRef, StorageConfig, default_logstore};
use futures::TryStreamExt;
use headwater_base::clock::{Clock, SystemClock};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use url::Url;

use crate::archive::{self, Archive};
use crate::checked::{Checked, Sums};
use crate::{Error, Result};

/// Commits between two Delta checkpoints, unless told otherwise. A reader reads at most so many commits one by one.
const CHECKPOINT_INTERVAL: u64 = 100;

/// Where lake tables live: `<root>/<name>/` in a store.
#[derive(Debug, Clone)]
pub struct Lake {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<Checked>,
    root: Path,
    clock: Arc<dyn Clock>,
    checkpoint_interval: u64,
    /// A URL of ours for the store: DataFusion and Delta find stores by scheme and host, so each lake has its own host.
    url: Url,
    /// What somebody may be reading, by table.
    held: Arc<Mutex<HashMap<Path, Vec<Weak<EagerSnapshot>>>>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("store", &self.store).field("root", &self.root).finish_non_exhaustive()
    }
}

/// Refuses columns that an archive can't hold, by their names or types.
pub fn check_columns(columns: &SchemaRef) -> Result<()> {
    archive::check_columns(columns)
}

impl Lake {
    /// The store's put-if-absent must be atomic and its puts durable: commits rest on both.
    pub fn new(store: Arc<dyn ObjectStore>, root: Path) -> Lake {
        static LAKES: AtomicU64 = AtomicU64::new(0);
        let mut url = Url::parse("headwater://lake/").unwrap_or_else(|_| unreachable!("a constant URL is valid"));
        let host = format!("lake-{}", LAKES.fetch_add(1, Ordering::Relaxed));
        // A host of letters, digits and a hyphen is valid for any scheme.
        let _ = url.set_host(Some(&host));
        let store = Arc::new(Checked::new(store));
        let clock = SystemClock::shared();
        let shared = Shared { store, root, clock, checkpoint_interval: CHECKPOINT_INTERVAL, url, held: Arc::default() };
        Lake { shared: Arc::new(shared) }
    }

    /// With another clock for the times that commits carry and by which old log files expire.
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Lake {
        self.change(|shared| shared.clock = clock)
    }

    /// With another number of commits between two checkpoints, for tables created from now on.
    pub fn with_checkpoint_interval(self, commits: u64) -> Lake {
        self.change(|shared| shared.checkpoint_interval = commits.max(1))
    }

    fn change(self, change: impl FnOnce(&mut Shared)) -> Lake {
        let old = self.shared.as_ref();
        let mut shared = Shared {
            store: Arc::clone(&old.store),
            root: old.root.clone(),
            clock: Arc::clone(&old.clock),
            checkpoint_interval: old.checkpoint_interval,
            url: old.url.clone(),
            held: Arc::clone(&old.held),
        };
        change(&mut shared);
        Lake { shared: Arc::new(shared) }
    }

    /// Opens the archive of a stream with these columns, creating it where it is missing. One with other columns gets
    /// these: new ones are null in its rows, values of changed types are cast exactly.
    ///
    /// # Errors
    /// [`Error::Schema`] when its rows can't have these columns, [`Error::Corrupt`] when it is damaged.
    pub async fn open_archive(&self, stream: &str, columns: &SchemaRef) -> Result<Archive> {
        archive::open(self.table(stream)?, columns).await
    }

    /// Opens the archive of a stream as it is; `None` where there is none. Writes nothing.
    pub async fn find_archive(&self, stream: &str) -> Result<Option<Archive>> {
        archive::find(self.table(stream)?).await
    }

    /// Removes the archive of a stream that never had a row, so that it can be made anew with other columns.
    ///
    /// # Errors
    /// [`Error::NotEmpty`] when it holds rows, or knows of offsets.
    pub async fn remove_empty_archive(&self, stream: &str) -> Result<()> {
        let table = self.table(stream)?;
        let Some(archive) = archive::find(Arc::clone(&table)).await? else { return Ok(()) };
        if !archive.is_empty() {
            return Err(Error::NotEmpty { table: table.folder.to_string() });
        }
        self.remove(&table).await
    }

    /// Removes an archive with all that it holds, if it is there.
    pub async fn remove_archive(&self, stream: &str) -> Result<()> {
        let table = self.table(stream)?;
        self.remove(&table).await
    }

    pub(crate) async fn remove(&self, table: &Table) -> Result<()> {
        let failed = |source| Error::Store { operation: "remove", file: table.folder.to_string(), source };
        let found = self.shared.store.list(Some(&table.folder));
        let mut files: Vec<_> = found.map_ok(|meta| meta.location).try_collect().await.map_err(failed)?;
        // Commits last and backwards: what is left of an interrupted removal is still a table, or none.
        files.sort();
        for file in files.iter().rev() {
            self.shared.store.delete(file).await.map_err(failed)?;
        }
        Ok(())
    }

    fn table(&self, name: &str) -> Result<Arc<Table>> {
        let folder = self.shared.root.clone().join(encode(name)?.as_str());
        Ok(self.at(name, folder))
    }

    /// Tables lie apart from archives: no stream's folder has this name.
    pub(crate) fn table_place(&self, name: &str) -> Result<Arc<Table>> {
        let folder = self.shared.root.clone().join("@tables").join(encode(name)?.as_str());
        Ok(self.at(name, folder))
    }

    pub(crate) fn at(&self, name: &str, folder: Path) -> Arc<Table> {
        let store = Arc::new(PrefixStore::new(Arc::clone(&self.shared.store), folder.clone()));
        let mut url = self.shared.url.clone();
        url.set_path(folder.as_ref());
        let root: Arc<dyn ObjectStore> = self.shared.store.clone();
        let log = default_logstore(store, root, &url, &StorageConfig::default());
        Arc::new(Table { name: name.to_owned(), folder, log, lake: self.clone() })
    }
}

/// One table's place in the lake.
#[derive(Debug)]
pub(crate) struct Table {
    pub name: String,
    pub folder: Path,
    pub log: LogStoreRef,
    lake: Lake,
}

impl Table {
    pub fn now_us(&self) -> i64 {
        self.lake.shared.clock.now_us()
    }

    pub fn now_ms(&self) -> i64 {
        self.now_us().div_euclid(1000)
    }

    pub fn checkpoint_interval(&self) -> u64 {
        self.lake.shared.checkpoint_interval
    }

    /// The root of the store, checksums verified.
    pub fn store(&self) -> Arc<dyn ObjectStore> {
        self.lake.shared.store.clone()
    }

    pub fn url(&self) -> &Url {
        &self.lake.shared.url
    }

    /// A file of the table by its path inside, as Delta actions name it.
    pub fn file(&self, inside: &str) -> Path {
        inside.split('/').fold(self.folder.clone(), |path, part| path.join(part))
    }

    pub fn learn(&self, sums: impl IntoIterator<Item = (String, Sums)>) {
        self.lake.shared.store.learn(sums.into_iter().map(|(inside, sums)| (self.file(&inside), sums)));
    }

    pub fn forget(&self, file: &Path) {
        self.lake.shared.store.forget(file);
    }

    /// Keeps the files of a version from being removed, for as long as somebody has what this returns.
    pub fn hold(&self, version: EagerSnapshot) -> Arc<EagerSnapshot> {
        let version = Arc::new(version);
        let mut held = self.lake.shared.held.lock().unwrap_or_else(PoisonError::into_inner);
        let versions = held.entry(self.folder.clone()).or_default();
        versions.retain(|version| version.strong_count() > 0);
        versions.push(Arc::downgrade(&version));
        version
    }

    /// The versions whose files must stay.
    pub fn held(&self) -> Vec<Arc<EagerSnapshot>> {
        let held = self.lake.shared.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(&self.folder).into_iter().flatten().filter_map(Weak::upgrade).collect()
    }

    pub async fn read(&self, file: &Path) -> Result<Bytes> {
        let found = self.read_if_there(file).await?;
        found.ok_or_else(|| Error::corrupt(file.to_string(), "it is missing"))
    }

    pub async fn read_if_there(&self, file: &Path) -> Result<Option<Bytes>> {
        let failed = |source| Error::Store { operation: "read", file: file.to_string(), source };
        match self.store().get(file).await {
            Ok(found) => Ok(Some(found.bytes().await.map_err(failed)?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(failed(source)),
        }
    }

    /// Puts an object where none is. False where one was.
    pub async fn put_new(&self, file: &Path, payload: PutPayload) -> Result<bool> {
        match self.store().put_opts(file, payload, PutMode::Create.into()).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(source) => Err(Error::Store { operation: "write", file: file.to_string(), source }),
        }
    }
}

/// A name as a folder: letters, digits, `_`, `-` and inner dots stay, all else is `@` and two hexadecimal digits a byte.
/// Such a folder needs no encoding in a URL, where libraries disagree.
fn encode(name: &str) -> Result<String> {
    let refused = |reason| Err(Error::Name { name: name.to_owned(), reason });
    if name.is_empty() {
        return refused("it is empty");
    }
    let mut folder = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => folder.push(byte.into()),
            b'.' if at > 0 => folder.push('.'),
            // Writing to a string can't fail.
            _ => drop(write!(folder, "@{byte:02X}")),
        }
    }
    if folder.len() > 200 {
        return refused("it is too long");
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn names_become_plain_folders() {
        assert_eq!(encode("bids").unwrap(), "bids");
        assert_eq!(encode("Shop.orders-2_x").unwrap(), "Shop.orders-2_x");
        assert_eq!(encode("..").unwrap(), "@2E.");
        assert_eq!(encode("a/b ü").unwrap(), "a@2Fb@20@C3@BC");
        assert!(encode("").is_err() && encode(&"x".repeat(201)).is_err());
    }
}
