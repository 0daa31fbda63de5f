//! The versions of models, as objects that are created and never changed: what was learnt, then a sample of its rows, then
//! what is known of it, by which the version is there. Who is champion is a list of objects, too: the last one counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use futures::TryStreamExt;
use headwater_base::clock::Clock;
use headwater_learn::stored::Stored;
use headwater_query::model::Model;
use headwater_query::relation::Relations;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::score::Scoring;
use super::train::{Learned, Sample};
use crate::runs::Inputs;
use crate::{Error, Result};

/// Where all of it is.
const FOLDER: &str = "models";
const PROMOTIONS: &str = "promotions";

/// What is known of a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    pub number: u64,
    /// The run that made it.
    pub run_id: u64,
    /// Microseconds UTC.
    pub trained_us: i64,
    pub took_ms: f64,
    pub method: String,
    pub rows: u64,
    pub test_rows: u64,
    pub metrics: BTreeMap<String, f64>,
    pub importances: Vec<(String, f64)>,
    /// Versions of what it learnt from.
    pub inputs: Inputs,
    /// Of the statement by which it was trained.
    pub fingerprint: String,
    pub bytes: u64,
    /// From which probability on a row is said to be true.
    pub threshold: f64,
    /// [`Model::shape`] of the model that it was trained for.
    #[serde(default)]
    pub shape: String,
}

impl Version {
    /// Whether it can say what is asked of a model. What was kept without a shape was kept before a model could change.
    pub fn fits(&self, model: &Model) -> bool {
        self.shape.is_empty() || self.shape == model.shape()
    }
}

/// A version became the champion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promotion {
    pub version: u64,
    /// Microseconds UTC.
    pub at_us: i64,
    pub why: String,
    /// By going back: what was the champion until then was a mistake.
    #[serde(default)]
    pub is_rollback: bool,
}

/// All versions of one store of a model's name. Those that don't fit the model that is asked about have been, and are not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Versions {
    /// By number.
    pub all: BTreeMap<u64, Version>,
    pub promotions: Vec<Promotion>,
    unfit: BTreeSet<u64>,
}

impl Versions {
    pub fn champion(&self) -> Option<&Version> {
        self.all.get(&self.fitting().next_back()?.version)
    }

    /// The promotions of versions that fit.
    fn fitting(&self) -> impl DoubleEndedIterator<Item = &Promotion> {
        self.promotions.iter().filter(|promotion| !self.unfit.contains(&promotion.version))
    }

    /// The one that was the champion before the one that is. What was gone back from is not gone back to.
    pub fn before(&self) -> Option<&Version> {
        let mut champions: Vec<u64> = Vec::new();
        for promotion in self.fitting() {
            if promotion.is_rollback {
                champions.pop();
            }
            if champions.last() != Some(&promotion.version) {
                champions.push(promotion.version);
            }
        }
        self.all.get(champions.iter().rev().nth(1)?)
    }

    /// The last one, where it has never been the champion.
    pub fn challenger(&self) -> Option<&Version> {
        let last = self.all.values().next_back().filter(|last| !self.unfit.contains(&last.number))?;
        let was = self.promotions.iter().any(|promotion| promotion.version == last.number);
        (!was).then_some(last)
    }
}

/// All versions of all models of a node.
pub struct Registry {
    store: Arc<dyn ObjectStore>,
    clock: Arc<dyn Clock>,
    by_store: Mutex<BTreeMap<String, Versions>>,
    /// What scores, by store.
    scoring: Mutex<BTreeMap<String, Arc<Scoring>>>,
    declared: Mutex<Declared>,
}

/// What is declared, and where models have their seats.
#[derive(Default)]
struct Declared {
    models: Vec<super::Declared>,
    /// Each declaration makes them anew, and what runs keeps its own for as long as it runs.
    seats: Vec<Weak<Model>>,
}

impl Registry {
    /// Looks at all that is there.
    pub async fn open(store: &Arc<dyn ObjectStore>, clock: &Arc<dyn Clock>) -> Result<Registry> {
        let (store, clock) = (Arc::clone(store), Arc::clone(clock));
        let listed: Vec<Path> = store
            .list(Some(&Path::from(FOLDER)))
            .map_ok(|object| object.location)
            .try_filter(|path| futures::future::ready(path.extension() == Some("json")))
            .try_collect()
            .await
            .map_err(outside)?;
        let mut by_store: BTreeMap<String, Versions> = BTreeMap::new();
        for path in listed {
            let parts: Vec<String> = path.parts().map(|part| part.as_ref().to_owned()).collect();
            match &parts[..] {
                [_, model, folder, _] if folder == PROMOTIONS => {
                    let promotion = read(store.as_ref(), &path).await?;
                    by_store.entry(unescaped(model)).or_default().promotions.push(promotion);
                }
                [_, model, _] => {
                    let version: Version = read(store.as_ref(), &path).await?;
                    by_store.entry(unescaped(model)).or_default().all.insert(version.number, version);
                }
                _ => {}
            }
        }
        Ok(Registry {
            store,
            clock,
            by_store: Mutex::new(by_store),
            scoring: Mutex::default(),
            declared: Mutex::default(),
        })
    }

    /// The versions of a model.
    pub fn versions(&self, declared: &super::Declared) -> Versions {
        let mut versions = self.by_store().get(&declared.store).cloned().unwrap_or_default();
        let unfit = versions.all.values().filter(|version| !version.fits(&declared.model));
        versions.unfit = unfit.map(|version| version.number).collect();
        versions
    }

    /// What scores for a store of a model's name, with what it has seen.
    pub fn scoring(&self, store: &str) -> Option<Arc<Scoring>> {
        self.scoring.lock().unwrap_or_else(PoisonError::into_inner).get(store).cloned()
    }

    /// Keeps what was learnt as the next version.
    pub async fn add(&self, store: &str, learned: Learned, mut version: Version) -> Result<Version> {
        let last = self.by_store().get(store).and_then(|versions| versions.all.keys().next_back().copied());
        version.number = last.unwrap_or(0) + 1;
        version.trained_us = self.clock.now_us();
        let bytes = learned.stored.to_bytes();
        version.bytes = bytes.len() as u64;
        let place = |ending: &str| place(store, &format!("{:010}.{ending}", version.number));
        // What a node that was killed has left of a version that never was is written over.
        self.put(&place("model"), bytes, PutMode::Overwrite).await?;
        self.put(&place("sample"), json(&learned.sample)?, PutMode::Overwrite).await?;
        self.put(&place("json"), json(&version)?, PutMode::Create).await?;
        self.by_store().entry(store.to_owned()).or_default().all.insert(version.number, version.clone());
        Ok(version)
    }

    /// Makes a version the champion.
    pub async fn promote(&self, store: &str, number: u64, why: String, is_rollback: bool) -> Result<()> {
        let next = self.by_store().get(store).map_or(0, |versions| versions.promotions.len()) + 1;
        let promotion = Promotion { version: number, at_us: self.clock.now_us(), why, is_rollback };
        let place = Path::from_iter([FOLDER, &escaped(store), PROMOTIONS, &format!("{next:010}.json")]);
        self.put(&place, json(&promotion)?, PutMode::Create).await?;
        self.by_store().entry(store.to_owned()).or_default().promotions.push(promotion);
        Ok(())
    }

    /// What is declared from now on, and the relations in which it may be asked.
    pub fn declare(&self, models: Vec<super::Declared>, relations: &[Arc<Relations>]) {
        let mut declared = self.lock_declared();
        declared.seats.retain(|seat| seat.strong_count() > 0);
        for model in &models {
            for found in relations.iter().filter_map(|relations| relations.model(&model.model.name)) {
                let found = Arc::downgrade(found);
                if !declared.seats.iter().any(|seat| seat.ptr_eq(&found)) {
                    declared.seats.push(found);
                }
            }
        }
        declared.models = models;
    }

    /// The models that are declared.
    pub fn declared(&self) -> Vec<super::Declared> {
        self.lock_declared().models.clone()
    }

    fn lock_declared(&self) -> MutexGuard<'_, Declared> {
        self.declared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the champions of declared models score. One that can't be loaded does not, and the others do.
    pub async fn seat(&self) {
        for model in self.declared() {
            let champion = self.champion(&model).await.unwrap_or_else(|error| {
                tracing::error!("the champion of {} can't be loaded: {error}", model.model.name);
                None
            });
            let shape = model.model.shape();
            let seats: Vec<Arc<Model>> = self.lock_declared().seats.iter().filter_map(Weak::upgrade).collect();
            // What runs may be of another shape until a change is over.
            for found in seats.iter().filter(|found| found.name == model.model.name && found.shape() == shape) {
                found.seat.take(champion.clone().map(|champion| champion as _));
            }
        }
    }

    /// What scores for a model: the champion, loaded once.
    async fn champion(&self, declared: &super::Declared) -> Result<Option<Arc<Scoring>>> {
        let store = &declared.store;
        let Some(version) = self.versions(declared).champion().cloned() else { return Ok(None) };
        if let Some(scoring) = self.scoring(store).filter(|scoring| scoring.version.number == version.number) {
            return Ok(Some(scoring));
        }
        let object = |ending: &str| place(store, &format!("{:010}.{ending}", version.number));
        let bytes = get(self.store.as_ref(), &object("model")).await?;
        let stored = Stored::from_bytes(&bytes).map_err(|error| unfit(&object("model"), &error))?;
        let sample: Sample = read(self.store.as_ref(), &object("sample")).await?;
        let scoring = Arc::new(Scoring::new(version, stored, Arc::clone(&declared.model), sample));
        self.scoring.lock().unwrap_or_else(PoisonError::into_inner).insert(store.clone(), Arc::clone(&scoring));
        Ok(Some(scoring))
    }

    async fn put(&self, place: &Path, bytes: Vec<u8>, mode: PutMode) -> Result<()> {
        self.store.put_opts(place, PutPayload::from(bytes), PutOptions::from(mode)).await.map_err(outside)?;
        Ok(())
    }

    fn by_store(&self) -> MutexGuard<'_, BTreeMap<String, Versions>> {
        self.by_store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(store: &str, file: &str) -> Path {
    Path::from_iter([FOLDER, &escaped(store), file])
}

/// Names may have any characters; a path's part has letters, digits and a few others.
fn escaped(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    name.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("={byte:02x}") }).collect()
}

fn unescaped(part: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(part.len()), part.as_bytes());
    while let [first, tail @ ..] = rest {
        rest = tail;
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match (first, digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'=', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn get(store: &dyn ObjectStore, path: &Path) -> Result<Vec<u8>> {
    let found = store.get(path).await.map_err(outside)?;
    Ok(found.bytes().await.map_err(outside)?.to_vec())
}

async fn read<T: DeserializeOwned>(store: &dyn ObjectStore, path: &Path) -> Result<T> {
    let bytes = get(store, path).await?;
    serde_json::from_slice(&bytes).map_err(|error| unfit(path, &error))
}

fn json<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::History { topic: FOLDER.to_owned(), detail: error.to_string() })
}

fn unfit(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::History { topic: path.to_string(), detail: error.to_string() }
}

fn outside(error: object_store::Error) -> Error {
    headwater_stream::Error::from(error).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_characters_are_parts_of_paths() {
        for name in ["churn", "churn~2", "a/b=c", "zoë", "=41", "a.b-c_d"] {
            let part = escaped(name);
            assert_eq!(unescaped(&part), name);
            assert_eq!(Path::from_iter([part.as_str()]).as_ref(), part, "{name}");
        }
        assert_eq!(escaped("churn~2"), "churn=7e2");
    }
}
