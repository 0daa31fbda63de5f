//! Requests to cancel what another connection runs: they come on connections of their own, with that one's key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::users::{NoRandomness, random};

/// A connection's number and secret, as its client is told them.
pub type Key = (i32, i32);

/// All connections that can be asked to stop.
#[derive(Debug, Default)]
pub struct Registry {
    asked: Mutex<HashMap<Key, watch::Sender<u64>>>,
}

/// A connection's place in the registry.
#[derive(Debug)]
pub struct Entry {
    pub key: Key,
    registry: Arc<Registry>,
}

impl Registry {
    /// The receiver changes whenever somebody asks.
    pub fn enter(self: &Arc<Registry>) -> Result<(Entry, watch::Receiver<u64>), NoRandomness> {
        let (sender, receiver) = watch::channel(0);
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let bytes: [u8; 8] = random(8)?.try_into().map_err(|_| NoRandomness)?;
            let all = i64::from_be_bytes(bytes);
            let key = ((all >> 32) as i32 & i32::MAX, all as i32);
            if let std::collections::hash_map::Entry::Vacant(vacant) = asked.entry(key) {
                vacant.insert(sender);
                return Ok((Entry { key, registry: Arc::clone(self) }, receiver));
            }
        }
    }

    /// Asks; without the right secret nothing happens.
    pub fn cancel(&self, key: Key) {
        if let Some(sender) = self.asked.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            sender.send_modify(|times| *times += 1);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.registry.asked.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
