//! Callbacks after each change of what can be read.

use std::fmt;
use std::sync::{Arc, Mutex, Weak};

use super::lock::lock;
use crate::Subscription;

type Wake = Box<dyn Fn() + Send + Sync>;
type Listed = Arc<Vec<(u64, Arc<Wake>)>>;

/// Whom to call. No lock is held during a call, so that a callback may read the log or end its own subscription; one
/// that was just ended may be called once more.
#[derive(Default)]
pub(super) struct Watchers {
    /// The next id, and the list, which is replaced and never changed.
    list: Mutex<(u64, Listed)>,
}

impl Watchers {
    pub fn notify(&self) {
        let listed = Arc::clone(&lock(&self.list).1);
        for (_, wake) in listed.iter() {
            wake();
        }
    }

    pub fn subscribe(self: &Arc<Self>, wake: Wake) -> Subscription {
        let mut list = lock(&self.list);
        let id = list.0;
        list.0 += 1;
        let mut listed = Vec::clone(&list.1);
        listed.push((id, Arc::new(wake)));
        list.1 = Arc::new(listed);
        Subscription::new(Arc::new(Watching { watchers: Arc::downgrade(self), id }))
    }

    fn unsubscribe(&self, id: u64) {
        let mut list = lock(&self.list);
        list.1 = Arc::new(list.1.iter().filter(|(other, _)| *other != id).cloned().collect());
    }
}

impl fmt::Debug for Watchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watchers").field("count", &lock(&self.list).1.len()).finish()
    }
}

#[derive(Debug)]
struct Watching {
    watchers: Weak<Watchers>,
    id: u64,
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(watchers) = self.watchers.upgrade() {
            watchers.unsubscribe(self.id);
        }
    }
}
