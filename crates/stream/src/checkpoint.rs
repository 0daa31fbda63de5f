//! Checkpoints: numbered manifests and the state that they name, in the object store.
//!
//! A checkpoint is true once its manifest is there; manifests are created by put-if-absent and never changed. State is
//! saved as what changed since the checkpoint before, until the changes outgrow the whole; small pieces of changes are put
//! together meanwhile. Then the whole is written anew: share by share where it is large, since ticks wait while state is
//! taken. The newest two manifests and what they name are kept. The format is drawn in `docs/formats/checkpoint.md`.

pub mod manifest;
mod rounds;
pub mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};

use crate::operator::Save;
use crate::{Error, Result};
pub use manifest::{InputState, Manifest, OutputState, Part, PartitionState, Replayed};
use rounds::{Rounds, Took};

/// The folder of manifests and state in the store.
pub const FOLDER: &str = "checkpoints";

/// What owners begin with that are tables and no steps.
pub const TABLE: &str = "table/";

/// How many pieces of changes the state of an owner has before some are put together.
const PARTS_MAX: usize = 16;

/// How much of a large state that is written anew a checkpoint takes, while ticks wait.
pub const SHARE_BYTES: u64 = 1 << 20;

/// The checkpoints of one node.
#[derive(Clone)]
pub struct Checkpoints {
    store: Arc<dyn ObjectStore>,
    /// The newest, if there is one.
    newest: Option<Manifest>,
    rounds: Rounds,
}

/// State to be saved: whose it is, whether it is all of it, and the rows.
pub struct Saved {
    pub owner: String,
    /// The view that it belongs to.
    pub relation: String,
    pub which: Save,
    pub rows: RecordBatch,
}

/// A file of state that is being made.
struct StateFile {
    name: String,
    sections: Vec<Bytes>,
    length: u64,
}

impl StateFile {
    fn append(&mut self, batches: &[RecordBatch], which: Save) -> Result<Part> {
        let section = state::encode(batches)?;
        let part = Part {
            file: self.name.clone(),
            offset: self.length,
            length: section.len() as u64,
            crc32c: crc32c::crc32c(&section),
            whole: which != Save::Changes,
        };
        self.length += part.length;
        self.sections.push(section.into());
        Ok(part)
    }
}

impl Checkpoints {
    /// Finds the newest checkpoint. A manifest that can't be read is an error: an older one may lie before what was
    /// shown already.
    pub async fn open(store: Arc<dyn ObjectStore>) -> Result<Checkpoints> {
        let mut newest = match Self::numbers(&store).await?.last() {
            Some(number) => Some(Self::read(&store, *number).await?),
            None => None,
        };
        newest.iter_mut().flat_map(|manifest| manifest.state.values_mut()).for_each(|parts| rounds::give_up(parts));
        Ok(Checkpoints { store, newest, rounds: Rounds::new(SHARE_BYTES) })
    }

    /// Writes large state anew in shares of about so many bytes.
    pub fn with_share_bytes(self, share_bytes: u64) -> Checkpoints {
        Checkpoints { rounds: Rounds::new(share_bytes), ..self }
    }

    pub fn newest(&self) -> Option<&Manifest> {
        self.newest.as_ref()
    }

    /// The number that the next checkpoint gets.
    pub fn next_number(&self) -> u64 {
        self.newest.as_ref().map_or(1, |manifest| manifest.number + 1)
    }

    /// What to save of an owner.
    pub fn wanted(&self, owner: &str) -> Save {
        let parts = self.newest.as_ref().map_or(&[][..], |manifest| manifest.parts_of(owner));
        self.rounds.wanted(owner, parts)
    }

    /// Leaves out state from here on, by its owners: it is of views that begin anew.
    pub fn forget(&mut self, owners: impl Fn(&str) -> bool) {
        if let Some(newest) = &mut self.newest {
            newest.state.retain(|owner, _| !owners(owner));
            self.rounds.retain(|owner| !owners(owner));
        }
    }

    /// Writes state, then the manifest that names it together with what older ones still serve for. `manifest.state`
    /// is filled in here; of older state, that of views stays which `serves` knows. Returns the bytes of state written.
    pub async fn write(
        &mut self,
        mut manifest: Manifest,
        saved: Vec<Saved>,
        serves: impl Fn(&str) -> bool,
    ) -> Result<u64> {
        let mut state: BTreeMap<String, Vec<Part>> =
            self.newest.as_ref().map(|newest| newest.state.clone()).unwrap_or_default();
        // What views that are gone have left serves nobody.
        state.retain(|owner, _| views_of(owner).any(&serves));
        self.rounds.retain(|owner| state.contains_key(owner));
        let name = format!("{FOLDER}/state-{:020}.bin", manifest.number);
        let mut file = StateFile { name, sections: Vec::new(), length: 0 };
        let mut took: BTreeMap<String, Took> = BTreeMap::new();
        for Saved { owner, which, rows, .. } in saved {
            let parts = state.entry(owner.clone()).or_default();
            if !took.contains_key(&owner) {
                if which == Save::All {
                    parts.clear();
                } else {
                    self.put_together(&owner, parts, &mut file).await?;
                }
            }
            let took = took.entry(owner).or_insert_with(|| Took { before: parts.len(), ..Took::default() });
            let before = file.length;
            if rows.num_rows() > 0 {
                parts.push(file.append(&[rows], which)?);
            }
            took.add(which, file.length - before);
        }
        for (owner, took) in &took {
            self.rounds.took(owner, took, state.entry(owner.clone()).or_default());
        }
        state.retain(|_, parts| !parts.is_empty());
        let StateFile { name, sections, length } = file;
        if length > 0 {
            self.store.put(&Path::from(name), sections.into_iter().collect::<PutPayload>()).await?;
        }
        manifest.state = state;
        let path = Self::path(manifest.number);
        let put = self.store.put_opts(&path, PutPayload::from(manifest.encode()?), PutMode::Create.into()).await;
        match put {
            Ok(_) => {}
            Err(object_store::Error::AlreadyExists { .. }) => {
                return Err(Error::invalid(format!("{path} is there already: another node writes checkpoints here"))
                    .with_hint("stop the other node; two must not share one data folder"));
            }
            Err(error) => return Err(error.into()),
        }
        self.newest = Some(manifest);
        Ok(length)
    }

    /// Makes one of the newest pieces of changes, where there are many: as far back as none is far larger than those
    /// behind it, so that each byte is written anew a few times only, however large the whole is.
    async fn put_together(&self, owner: &str, parts: &mut Vec<Part>, file: &mut StateFile) -> Result<()> {
        if parts.iter().filter(|part| !part.whole).count() < PARTS_MAX {
            return Ok(());
        }
        let (mut from, mut length) = (parts.len(), 0);
        while let Some(part) = parts[self.rounds.before(owner)..from].last()
            && !part.whole
            && (length == 0 || part.length <= 2 * length)
        {
            length += part.length;
            from -= 1;
        }
        if parts.len() - from < 2 {
            return Ok(());
        }
        let mut batches = Vec::new();
        for part in &parts[from..] {
            match self.load(owner, part).await {
                Ok(rows) => batches.extend(rows),
                // They serve as well apart; whoever needs them will say what is wrong with them.
                Err(error) => {
                    tracing::warn!(owner, %error, "pieces of state stay apart");
                    return Ok(());
                }
            }
        }
        parts.truncate(from);
        parts.push(file.append(&batches, Save::Changes)?);
        Ok(())
    }

    /// Reads one piece of state: batches that are to be taken one after the other.
    pub async fn load(&self, owner: &str, part: &Part) -> Result<Vec<RecordBatch>> {
        let path = Path::from(part.file.as_str());
        let range = part.offset..part.offset + part.length;
        let section: Bytes = self.store.get_range(&path, range).await.map_err(|error| unreadable(&path, &error))?;
        if crc32c::crc32c(&section) != part.crc32c {
            return Err(damaged(&path, &format!("the state of {owner} at byte {} fails its checksum", part.offset)));
        }
        state::decode(&section).map_err(|error| damaged(&path, &format!("the state of {owner}: {error}")))
    }

    /// Deletes manifests before the last two and state that neither of those names. Called once every sink of the
    /// newest has committed.
    pub async fn expire(&self) -> Result<()> {
        let numbers = Self::numbers(&self.store).await?;
        let keep = numbers.len().saturating_sub(2);
        if keep == 0 {
            return Ok(());
        }
        let mut named = BTreeSet::new();
        for number in &numbers[keep..] {
            let kept = match &self.newest {
                Some(newest) if newest.number == *number => newest.clone(),
                _ => Self::read(&self.store, *number).await?,
            };
            named.extend(kept.state.into_values().flatten().map(|part| part.file));
        }
        for number in &numbers[..keep] {
            self.store.delete(&Self::path(*number)).await?;
        }
        let files: Vec<_> = self.store.list(Some(&Path::from(FOLDER))).try_collect().await?;
        for file in files {
            let is_state = file.location.filename().is_some_and(|name| name.starts_with("state-"));
            if is_state && !named.contains(file.location.as_ref()) {
                self.store.delete(&file.location).await?;
            }
        }
        Ok(())
    }

    fn path(number: u64) -> Path {
        Path::from(format!("{FOLDER}/manifest-{number:020}"))
    }

    /// The numbers of all manifests, rising.
    async fn numbers(store: &Arc<dyn ObjectStore>) -> Result<Vec<u64>> {
        let files: Vec<_> = store.list(Some(&Path::from(FOLDER))).try_collect().await?;
        let mut numbers: Vec<u64> =
            files.iter().filter_map(|file| file.location.filename()?.strip_prefix("manifest-")?.parse().ok()).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    async fn read(store: &Arc<dyn ObjectStore>, number: u64) -> Result<Manifest> {
        let path = Self::path(number);
        let found = store.get(&path).await.map_err(|error| unreadable(&path, &error))?;
        let bytes = found.bytes().await.map_err(|error| unreadable(&path, &error))?;
        Manifest::decode(&bytes).map_err(|what| damaged(&path, &what))
    }
}

/// The view that an owner of state belongs to; of two, where a view's name begins like a table's.
pub fn views_of(owner: &str) -> impl Iterator<Item = &str> {
    owner.strip_prefix(TABLE).into_iter().chain(owner.rsplit_once('/').map(|(view, _)| view))
}

fn unreadable(path: &Path, error: &object_store::Error) -> Error {
    damaged(path, &error.to_string())
}

fn damaged(path: &Path, what: &str) -> Error {
    Error::corrupt(format!("checkpoint file {path} can't be used: {what}")).with_hint(
        "restore the data folder from a backup; deleting the file would go back to an older checkpoint, behind what \
         was shown already",
    )
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::Int64Type;
    use object_store::memory::InMemory;

    use super::*;

    pub fn manifest(number: u64) -> Manifest {
        Manifest {
            number,
            taken_us: 0,
            epoch: number,
            inputs: BTreeMap::new(),
            outputs: BTreeMap::new(),
            sinks: BTreeMap::new(),
            dead_letters: 0,
            dead_letters_end: 0,
            violations: BTreeMap::new(),
            state: BTreeMap::new(),
        }
    }

    /// One number a checkpoint, at each of two workers.
    #[tokio::test]
    async fn pieces_stay_few_and_keep_their_order() {
        let owner = "view/0-step";
        let mut checkpoints = Checkpoints::open(Arc::new(InMemory::new())).await.unwrap();
        for number in 1..=100_i64 {
            let which = checkpoints.wanted(owner);
            assert_eq!(which, if number == 1 { Save::All } else { Save::Changes });
            let saved = [number, -number].map(|value| {
                let column: arrow::array::ArrayRef = Arc::new(Int64Array::from(vec![value]));
                let rows = RecordBatch::try_from_iter([("value", column)]).unwrap();
                Saved { owner: owner.to_owned(), relation: "view".to_owned(), which, rows }
            });
            checkpoints.write(manifest(number as u64), saved.into(), |view| view == "view").await.unwrap();
            checkpoints.expire().await.unwrap();
        }
        let checkpoints = Checkpoints::open(Arc::clone(&checkpoints.store)).await.unwrap();
        let parts = checkpoints.newest().unwrap().parts_of(owner);
        assert!(parts.len() < PARTS_MAX + 2, "{} pieces", parts.len());
        let mut values: Vec<i64> = Vec::new();
        for part in parts {
            for rows in checkpoints.load(owner, part).await.unwrap() {
                values.extend_from_slice(rows.column(0).as_primitive::<Int64Type>().values());
            }
        }
        assert_eq!(values, (1..=100).flat_map(|number| [number, -number]).collect::<Vec<i64>>());
    }
}
