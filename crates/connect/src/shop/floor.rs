//! Shops in the making: the sources of one shop take its minutes from one place, so that it is made once.
//!
//! Minutes stay until all who are in the shop have taken them. Who is far ahead waits for the others; who comes with an
//! older minute than there is has the shop made anew from there on.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use headwater_shop::{Event, MINUTE, Shop};

use super::Options;

/// Events that are kept for those who are behind.
const KEPT: usize = 100_000;

/// How long who is ahead waits before it looks again.
const AHEAD: Duration = Duration::from_millis(2);

/// How long the first waits for others who are to come: a shop that is made from a later minute than theirs is made twice.
const GATHERED: Duration = Duration::from_millis(100);

/// All shops of a node that somebody is in. Clones of the `Arc` share them.
#[derive(Default)]
pub struct Floors {
    open: Mutex<Vec<(Shared, Weak<Floor>)>>,
}

/// What the sources of one shop have in common.
#[derive(Debug, Clone, PartialEq)]
struct Shared {
    seed: u64,
    visits_a_day: Option<f64>,
    days: u32,
    start_us: Option<i64>,
    /// Where it was begun in the end.
    begun_us: i64,
}

/// One shop.
struct Floor {
    settings: headwater_shop::Options,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    shop: Option<Shop>,
    /// From the first that somebody still needs on.
    minutes: VecDeque<Arc<Vec<Event>>>,
    first_us: i64,
    events: usize,
    /// By number: the minute that each takes next.
    places: BTreeMap<u64, i64>,
    last_place: u64,
}

/// Somebody's place in a shop. It is given up when this is dropped.
pub struct Place {
    floor: Arc<Floor>,
    number: u64,
    is_new: bool,
}

/// What a place is told of a minute.
pub enum Told {
    Events(Arc<Vec<Event>>),
    /// It is not its turn yet.
    Later(Duration),
}

impl Floors {
    /// Where the shop of these options was begun, if somebody is in it.
    pub fn start_us(&self, options: &Options) -> Option<i64> {
        let open = self.open();
        let found = open.iter().find(|(shared, floor)| shared.fits(options) && floor.strong_count() > 0);
        found.map(|(shared, _)| shared.begun_us)
    }

    /// Enters a shop, from a minute on.
    pub fn enter(&self, options: &Options, settings: headwater_shop::Options, minute_us: i64) -> Place {
        let mut open = self.open();
        open.retain(|(_, floor)| floor.strong_count() > 0);
        let shared = Shared {
            seed: options.seed,
            visits_a_day: options.visits_a_day,
            days: options.days,
            start_us: options.start_us,
            begun_us: settings.start_us,
        };
        let found = open.iter().find(|(there, _)| *there == shared).and_then(|(_, floor)| floor.upgrade());
        let floor = found.unwrap_or_else(|| {
            let floor = Arc::new(Floor { settings, inner: Mutex::default() });
            open.push((shared, Arc::downgrade(&floor)));
            floor
        });
        let mut inner = floor.inner();
        inner.last_place += 1;
        let number = inner.last_place;
        inner.places.insert(number, minute_us);
        drop(inner);
        Place { floor, number, is_new: true }
    }

    fn open(&self) -> MutexGuard<'_, Vec<(Shared, Weak<Floor>)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn fits(&self, options: &Options) -> bool {
        let same = (self.seed, self.visits_a_day, self.days, self.start_us);
        same == (options.seed, options.visits_a_day, options.days, options.start_us)
    }
}

impl Floor {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The events that arrive in a minute, in their order. Minutes before it are not asked for again.
    pub fn minute(&mut self, minute_us: i64) -> Told {
        if std::mem::take(&mut self.is_new) {
            return Told::Later(GATHERED);
        }
        let mut inner = self.floor.inner();
        inner.places.insert(self.number, minute_us);
        inner.let_go();
        if inner.shop.is_none() || minute_us < inner.first_us {
            let first_us = inner.places.values().copied().min().unwrap_or(minute_us);
            inner.shop = Some(Shop::at(self.floor.settings.clone(), first_us));
            (inner.first_us, inner.events) = (first_us, 0);
            inner.minutes.clear();
        }
        let ahead = ((minute_us - inner.first_us) / MINUTE) as usize;
        while inner.minutes.len() <= ahead {
            if inner.events > KEPT {
                return Told::Later(AHEAD);
            }
            let Some(shop) = &mut inner.shop else { return Told::Later(AHEAD) };
            let events = Arc::new(shop.next_minute());
            inner.events += events.len();
            inner.minutes.push_back(events);
        }
        Told::Events(Arc::clone(&inner.minutes[ahead]))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.floor.inner().places.remove(&self.number);
    }
}

impl Inner {
    /// Forgets minutes that nobody needs any more.
    fn let_go(&mut self) {
        let needed_us = self.places.values().copied().min().unwrap_or(i64::MAX);
        while self.first_us < needed_us
            && let Some(events) = self.minutes.pop_front()
        {
            self.events -= events.len();
            self.first_us += MINUTE;
        }
    }
}
