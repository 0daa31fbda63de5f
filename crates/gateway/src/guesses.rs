//! Wrong passwords, counted: whoever guesses is answered later and later, and who has proved a password is not held up.
//!
//! A try counts as wrong from its start until it is proved right, so that many at once, or those that are broken off,
//! win nothing. What is counted is forgotten again, one a [`LEAK`], so nobody is locked out: see [`Kind`] for who waits
//! for whom. Names are kept as hashes, and of each kind up to [`ENTRIES_MAX`].

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use headwater_base::clock::{Clock, SystemClock};

use crate::users::{KEY_BYTES, hash};

/// One wrong try less in this time.
const LEAK: Duration = Duration::from_secs(30);
/// What would have to wait longer is not tried at all.
const WAIT_MAX: Duration = Duration::from_secs(10);
const ENTRIES_MAX: usize = 10_000;

/// What is counted together.
#[derive(Debug)]
struct Kind {
    /// Wrong tries that cost nothing.
    free: u32,
    /// After these; twice as long with each more.
    delay: Duration,
    delay_max: Duration,
    /// Whether each try waits for the one before.
    in_turn: bool,
}

/// Tries for one name from one address wait for each other: no more than one in eight seconds is answered.
const PAIR: Kind =
    Kind { free: 5, delay: Duration::from_millis(250), delay_max: Duration::from_secs(8), in_turn: true };
/// Tries for one name from anywhere, and for any name from one address, wait a little: others may be behind the same
/// address, and the user of that name at another.
const ALONE: Kind =
    Kind { free: 20, delay: Duration::from_millis(100), delay_max: Duration::from_secs(2), in_turn: false };

type Key = [u8; KEY_BYTES];

/// Too many wrong passwords came: this one is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many wrong passwords")]
pub struct TooMany {
    /// When trying again is of use.
    pub after: Duration,
}

/// All wrong tries at the doors of one node.
pub struct Guesses {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pairs: Counts,
    names: Counts,
    addresses: Counts,
    /// When a user last proved the password from an address.
    known: HashMap<Key, Duration>,
}

type Counts = HashMap<Key, Count>;

#[derive(Debug, Clone, Copy)]
struct Count {
    wrong: u32,
    /// Up to when wrong tries are forgotten already.
    since: Duration,
    /// When the last try that waits has its turn.
    turn: Duration,
}

/// Whom a try is counted for.
struct Try {
    pair: Key,
    name: Key,
    address: Key,
}

impl Guesses {
    pub fn new(clock: Arc<dyn Clock>) -> Guesses {
        Guesses { clock, state: Mutex::default() }
    }

    /// Whether a try would be answered at once. What is known to be right may only be answered early then: else being
    /// quick would tell a guesser of it.
    pub fn is_free(&self, name: &str, from: IpAddr) -> bool {
        let (now, tried) = (self.clock.elapsed(), Try::new(name, from));
        let state = self.state();
        let free = |counts: &Counts, key: &Key, kind: &Kind| {
            counts.get(key).is_none_or(|count| count.left(now) < kind.free && count.turn <= now)
        };
        let alone = || free(&state.names, &tried.name, &ALONE) && free(&state.addresses, &tried.address, &ALONE);
        free(&state.pairs, &tried.pair, &PAIR) && (state.known.contains_key(&tried.pair) || alone())
    }

    /// Begins a try, which counts as a wrong one until [`Guesses::proved`]; its password may be looked at after the
    /// time that is returned.
    pub fn begin(&self, name: &str, from: IpAddr) -> Result<Duration, TooMany> {
        let (now, tried) = (self.clock.elapsed(), Try::new(name, from));
        let mut state = self.state();
        let pair = count(&mut state.pairs, tried.pair, now).add(&PAIR, now)?;
        let of_name = count(&mut state.names, tried.name, now).add(&ALONE, now)?;
        let of_address = count(&mut state.addresses, tried.address, now).add(&ALONE, now)?;
        // Where a user has proved the password before, tries of others elsewhere hold nobody up.
        let known = state.known.contains_key(&tried.pair);
        Ok(if known { pair } else { pair.max(of_name).max(of_address) })
    }

    /// The try that began was no guess.
    pub fn proved(&self, name: &str, from: IpAddr) {
        let (now, tried) = (self.clock.elapsed(), Try::new(name, from));
        let mut state = self.state();
        state.pairs.remove(&tried.pair);
        let State { names, addresses, .. } = &mut *state;
        for count in [names.get_mut(&tried.name), addresses.get_mut(&tried.address)].into_iter().flatten() {
            count.wrong = count.wrong.saturating_sub(1);
        }
        if state.known.len() >= ENTRIES_MAX && !state.known.contains_key(&tried.pair) {
            let oldest = state.known.iter().min_by_key(|(_, proved)| **proved).map(|(key, _)| *key);
            oldest.map(|key| state.known.remove(&key));
        }
        state.known.insert(tried.pair, now);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Guesses {
    fn default() -> Guesses {
        Guesses::new(SystemClock::shared())
    }
}

impl fmt::Debug for Guesses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guesses")
    }
}

impl Try {
    fn new(name: &str, from: IpAddr) -> Try {
        let (name, address) = (hash(name.as_bytes()), hash(&network(from)));
        Try { pair: hash(&[name, address].concat()), name, address }
    }
}

/// Who has one address of IPv6 has all of its network.
fn network(address: IpAddr) -> [u8; 16] {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).octets(),
    }
}

/// The count of a key. Where there are too many, the one that tells least makes room.
fn count(counts: &mut Counts, key: Key, now: Duration) -> &mut Count {
    if counts.len() >= ENTRIES_MAX && !counts.contains_key(&key) {
        counts.retain(|_, count| count.left(now) > 0 || count.turn > now);
        if counts.len() >= ENTRIES_MAX {
            let least = counts.iter().min_by_key(|(_, count)| (count.left(now), count.since)).map(|(key, _)| *key);
            least.map(|key| counts.remove(&key));
        }
    }
    counts.entry(key).or_insert(Count { wrong: 0, since: now, turn: now })
}

impl Count {
    /// Wrong tries that are not forgotten yet.
    fn left(&self, now: Duration) -> u32 {
        self.wrong.saturating_sub(forgotten(now.saturating_sub(self.since)))
    }

    /// One more; how long it waits.
    fn add(&mut self, kind: &Kind, now: Duration) -> Result<Duration, TooMany> {
        let gone = forgotten(now.saturating_sub(self.since));
        let wrong = self.wrong.saturating_sub(gone);
        // What was begun to be forgotten goes on to be.
        let since = if wrong == 0 { now } else { self.since + LEAK * gone };
        let delay = kind.delay_of(wrong + 1);
        let start = if kind.in_turn { self.turn.max(now) } else { now };
        let wait = start + delay - now;
        if wait > WAIT_MAX {
            return Err(TooMany { after: wait });
        }
        // More would only take longer to be forgotten.
        *self = Count { wrong: (wrong + 1).min(kind.wrong_max()), since, turn: start + delay };
        Ok(wait)
    }
}

/// How many wrong tries are forgotten in a time.
fn forgotten(time: Duration) -> u32 {
    u32::try_from(time.as_secs() / LEAK.as_secs()).unwrap_or(u32::MAX)
}

impl Kind {
    fn delay_of(&self, wrong: u32) -> Duration {
        match wrong.checked_sub(self.free) {
            None | Some(0) => Duration::ZERO,
            Some(over) => (self.delay * 2_u32.pow((over - 1).min(16))).min(self.delay_max),
        }
    }

    /// More make no delay longer.
    fn wrong_max(&self) -> u32 {
        self.free + 8
    }
}

#[cfg(test)]
mod tests;
