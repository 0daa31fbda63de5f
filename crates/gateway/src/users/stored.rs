//! The file of users. It is written whole beside the old one and takes its place.
//! `docs/formats/users.md` has the format.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use headwater_base::files::{self, Files};
use serde::{Deserialize, Serialize};

use super::{Error, User};

pub const FORMAT: u32 = 1;

#[derive(Debug)]
pub struct File {
    pub files: Arc<dyn Files>,
    pub path: PathBuf,
}

/// What any format opens with.
#[derive(Deserialize)]
struct Opening {
    format: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    format: u32,
    users: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    verifier: String,
    changed_us: i64,
}

impl File {
    pub fn read(&self) -> Result<BTreeMap<String, User>, Error> {
        let bytes = match files::read(self.files.as_ref(), &self.path) {
            Ok(bytes) => bytes,
            Err(missing) if missing.is_not_found() => return Ok(BTreeMap::new()),
            Err(other) => return Err(other.into()),
        };
        let damaged = |detail: String| Error::Damaged { path: self.path.clone(), detail };
        let Opening { format } = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if format > FORMAT {
            return Err(Error::Newer { path: self.path.clone(), format });
        }
        let body: Body = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        let user = |entry: Entry| match entry.verifier.parse() {
            Ok(verifier) => Ok((entry.name, User { verifier, changed_us: entry.changed_us })),
            Err(error) => Err(damaged(format!("user {}: {error}", entry.name))),
        };
        body.users.into_iter().map(user).collect()
    }

    pub fn write(&self, users: &BTreeMap<String, User>) -> Result<(), Error> {
        let entry = |(name, user): (&String, &User)| Entry {
            name: name.clone(),
            verifier: user.verifier.to_string(),
            changed_us: user.changed_us,
        };
        let body = Body { format: FORMAT, users: users.iter().map(entry).collect() };
        let damaged = |error: serde_json::Error| Error::Damaged { path: self.path.clone(), detail: error.to_string() };
        let bytes = serde_json::to_vec_pretty(&body).map_err(damaged)?;
        Ok(files::replace_private(self.files.as_ref(), &self.path, &bytes)?)
    }
}
