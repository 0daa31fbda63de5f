//! Who may pass the doors, and how each proves it.
//!
//! Users belong to the node and not to a project: they are kept beside the catalog, as verifiers from which no password
//! can be read. Without any user, whoever reaches a door may pass.

mod stored;
mod verifier;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use headwater_base::ErrorKind;
use headwater_base::files::{self, Files};

pub use verifier::{KEY_BYTES, NoRandomness, NoVerifier, Verifier, hash, random, sign};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    File(#[from] files::Error),
    #[error("{path} is no list of users: {detail}", path = path.display())]
    Damaged { path: PathBuf, detail: String },
    #[error("{path} has format {format}, and this program knows up to {known}", path = path.display(), known = stored::FORMAT)]
    Newer { path: PathBuf, format: u32 },
}

impl Error {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::File(error) => error.kind(),
            Error::Damaged { .. } => ErrorKind::Corrupt,
            Error::Newer { .. } => ErrorKind::Invalid,
        }
    }

    pub fn hint(&self) -> Option<&str> {
        match self {
            Error::File(_) => None,
            Error::Damaged { .. } => Some("move the file away and create the users again"),
            Error::Newer { .. } => Some("use the program that wrote it, or a newer one"),
        }
    }
}

/// One who may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub verifier: Verifier,
    /// When the password was set, in microseconds since the Unix epoch.
    pub changed_us: i64,
}

/// All users.
#[derive(Debug, Default)]
pub struct Users {
    /// Without it, users are forgotten with the process.
    file: Option<stored::File>,
    /// Held through a change and its writing.
    changing: Mutex<()>,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    users: Arc<BTreeMap<String, User>>,
    /// Passwords that were proved since they were set, as hashes under `secret`: deriving a key for each request of
    /// HTTP would take longer than the request.
    proved: BTreeMap<String, [u8; KEY_BYTES]>,
    /// The last wrong passwords for each name, likewise, whether there is such a user or not: else being quick would tell.
    refused: HashMap<[u8; KEY_BYTES], VecDeque<[u8; KEY_BYTES]>>,
    secret: Vec<u8>,
}

/// Wrong passwords for a name that are known again, and names of which some are.
const REFUSED_MAX: usize = 4;
const REFUSED_NAMES_MAX: usize = 1000;

impl Users {
    /// Reads the users of a data folder; there need not be any.
    pub fn open(files: Arc<dyn Files>, path: PathBuf) -> Result<Users, Error> {
        let file = stored::File { files, path };
        let users = Arc::new(file.read()?);
        let known = Known { users, ..Known::default() };
        Ok(Users { file: Some(file), changing: Mutex::default(), known: RwLock::new(known) })
    }

    pub fn is_empty(&self) -> bool {
        self.known().users.is_empty()
    }

    /// By name.
    pub fn all(&self) -> Arc<BTreeMap<String, User>> {
        Arc::clone(&self.known().users)
    }

    pub fn get(&self, name: &str) -> Option<Verifier> {
        self.known().users.get(name).map(|user| user.verifier.clone())
    }

    /// Adds a user, or gives one another password. Lasts when this returns.
    pub fn set(&self, name: &str, user: User) -> Result<(), Error> {
        self.change(name, |users| drop(users.insert(name.to_owned(), user)))
    }

    /// Connections that the user has open stay open.
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        self.change(name, |users| drop(users.remove(name)))
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut BTreeMap<String, User>)) -> Result<(), Error> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut users = BTreeMap::clone(&self.all());
        change(&mut users);
        if let Some(file) = &self.file {
            file.write(&users)?;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.users = Arc::new(users);
        known.proved.remove(name);
        known.refused.remove(&hash(name.as_bytes()));
        Ok(())
    }

    /// Whether this is the user's password. Takes milliseconds where it was not asked before; blocks.
    pub fn takes(&self, name: &str, password: &str) -> Result<bool, NoRandomness> {
        if self.is_proved(name, password) {
            return Ok(true);
        }
        let known = self.get(name);
        let verifier = known.clone().unwrap_or_else(|| Verifier::of_nobody(name));
        // An unknown user takes the same time as a known one.
        let takes = verifier.takes(password) && known.is_some();
        let mut now = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if now.secret.is_empty() {
            now.secret = random(KEY_BYTES)?;
        }
        // The password may have been changed meanwhile.
        if now.users.get(name).map(|user| &user.verifier) == known.as_ref() {
            now.remember(name, password, takes);
        }
        Ok(takes)
    }

    /// As [`Users::takes`], where that is known without work.
    pub fn is_proved(&self, name: &str, password: &str) -> bool {
        let known = self.known();
        known.proved.get(name).is_some_and(|hashed| *hashed == sign(&known.secret, password.as_bytes()))
    }

    /// Whether this is one of the last wrong passwords: to say so again tells a guesser nothing.
    pub fn is_refused(&self, name: &str, password: &str) -> bool {
        let known = self.known();
        known
            .refused
            .get(&hash(name.as_bytes()))
            .is_some_and(|last| last.contains(&sign(&known.secret, password.as_bytes())))
    }

    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn remember(&mut self, name: &str, password: &str, is_right: bool) {
        let hashed = sign(&self.secret, password.as_bytes());
        if is_right {
            self.proved.insert(name.to_owned(), hashed);
            return;
        }
        let name = hash(name.as_bytes());
        if self.refused.len() >= REFUSED_NAMES_MAX && !self.refused.contains_key(&name) {
            // Any will do: who is forgotten is tried once more.
            let one = self.refused.keys().next().copied();
            one.map(|one| self.refused.remove(&one));
        }
        let last = self.refused.entry(name).or_default();
        if !last.contains(&hashed) {
            last.truncate(REFUSED_MAX - 1);
            last.push_front(hashed);
        }
    }
}

#[cfg(test)]
mod tests {
    use headwater_base::files::simulated::Simulated;

    use super::*;

    fn user(password: &str) -> User {
        User { verifier: Verifier::of_password(password).unwrap(), changed_us: 7 }
    }

    #[test]
    fn a_wrong_password_is_known_again_until_there_is_another_right_one() {
        let users = Users::default();
        users.set("ann", user("pencil")).unwrap();
        for wrong in ["a", "b", "c", "d"] {
            assert!(!users.is_refused("ann", wrong) && !users.takes("ann", wrong).unwrap());
        }
        assert!(users.is_refused("ann", "a") && !users.is_refused("ann", "pencil") && !users.is_refused("bob", "a"));
        assert!(!users.takes("ann", "e").unwrap());
        assert!(users.is_refused("ann", "e") && !users.is_refused("ann", "a"), "a few are enough");
        assert!(users.takes("ann", "pencil").unwrap());
        users.set("ann", user("e")).unwrap();
        assert!(!users.is_refused("ann", "e") && users.takes("ann", "e").unwrap());
        assert!(!users.takes("bob", "a").unwrap() && users.is_refused("bob", "a"), "nobody is told from somebody");
        users.set("bob", user("a")).unwrap();
        assert!(!users.is_refused("bob", "a") && users.takes("bob", "a").unwrap());
        for number in 0..REFUSED_NAMES_MAX + 10 {
            users.known.write().unwrap().remember(&number.to_string(), "x", false);
        }
        assert_eq!(users.known().refused.len(), REFUSED_NAMES_MAX);
    }

    #[test]
    fn users_and_their_passwords_last() {
        let files: Arc<dyn Files> = Arc::new(Simulated::new(1));
        files.create_folders("/data".as_ref()).unwrap();
        let open = || Users::open(Arc::clone(&files), "/data/users.json".into()).unwrap();
        let users = open();
        assert!(users.is_empty());
        users.set("ann", user("one")).unwrap();
        users.set("bob", user("two")).unwrap();
        assert!(users.takes("ann", "one").unwrap() && users.is_proved("ann", "one"));
        users.set("ann", user("three")).unwrap();
        users.remove("bob").unwrap();
        for users in [users, open()] {
            assert_eq!(users.all().keys().collect::<Vec<_>>(), ["ann"]);
            assert!(users.takes("ann", "three").unwrap());
            for (name, password) in [("ann", "one"), ("ann", ""), ("bob", "two"), ("", "")] {
                assert!(!users.takes(name, password).unwrap() && !users.is_proved(name, password), "{name} {password}");
            }
        }
    }

    #[test]
    fn a_file_that_is_none_is_refused_by_its_name() {
        let cases = [
            ("", "/data/users.json is no list of users: EOF"),
            ("{\"format\":2,\"users\":[]}", "/data/users.json has format 2, and this program knows up to 1"),
            (
                "{\"format\":1,\"users\":[{\"name\":\"a\",\"verifier\":\"x\",\"changed_us\":1}]}",
                "no SCRAM-SHA-256 verifier",
            ),
        ];
        for (text, expected) in cases {
            let files: Arc<dyn Files> = Arc::new(Simulated::new(1));
            files.create_folders("/data".as_ref()).unwrap();
            let path = PathBuf::from("/data/users.json");
            files.open(&path, files::Open::CreateNew).unwrap().write_at(text.as_bytes(), 0).unwrap();
            let error = Users::open(files, path).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
