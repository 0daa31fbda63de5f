//! A made-up shop: who visits it when, what they look at, buy and pay, minute by minute, from a seed.
//!
//! It is made for a platform to be tried on, so it has truths to be found: people leave with a hazard that depends on what
//! they met, some payments are fraud of known kinds, an experiment at the checkout has a known effect, one hour has an
//! outage, and one day's product feed is broken. The truths are told as events of their own.
//!
//! All is a function of the options: the life of a person depends on the seed and the person alone, and each of their visits
//! on its number. So whoever goes on at a minute gets what they would have got without a pause: the visits before it are
//! counted again, which takes seconds, and not told. There is no clock, no file and no format in here.

mod catalog;
mod dice;
mod event;
mod fraud;
mod people;
mod rhythm;
pub mod rows;
mod visit;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

pub use event::{Event, Incident, Page, What};
pub use people::Person;

use catalog::Catalog;
use people::{Life, People};
use rhythm::Rhythm;
use visit::Visits;

pub const SECOND: i64 = 1_000_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// No event arrives later than this after its visit began.
const LONGEST: i64 = 8 * HOUR;

/// What a shop is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    pub seed: u64,
    /// The first midnight, microseconds since the Unix epoch, UTC.
    pub start_us: i64,
    /// How many visits a day has, about.
    pub visits_a_day: f64,
    pub products: u32,
    /// The hour without a shop, counted from the start.
    pub outage_hour: u32,
    /// The day whose product feed is broken, counted from the start.
    pub broken_day: u32,
}

impl Options {
    /// The shop that is used where nothing else is said: 90 days of it have more than 20 million events.
    pub fn new(seed: u64, start_us: i64) -> Options {
        // Somewhere in the second half of 90 days, when there is a past to compare with, and in the daytime.
        let mut dice = dice::Dice::new(seed, dice::PLAN, 0);
        let outage_hour = 24 * (50 + dice.below(35) as u32) + 10 + dice.below(10) as u32;
        let broken_day = 30 + dice.below(15) as u32;
        Options { seed, start_us, visits_a_day: 36_000.0, products: 2000, outage_hour, broken_day }
    }

    /// When the shop is out of order.
    pub fn outage(&self) -> std::ops::Range<i64> {
        let from = self.start_us + i64::from(self.outage_hour) * HOUR;
        from..from + HOUR
    }
}

/// The shop, at a minute.
#[derive(Debug)]
pub struct Shop {
    options: Options,
    rhythm: Rhythm,
    people: People,
    visits: Visits,
    catalog: Catalog,
    /// Who comes next, and when.
    coming: BinaryHeap<Reverse<(i64, Life)>>,
    /// Events that are not told yet, by the minute of their arrival.
    pending: BTreeMap<i64, Vec<Event>>,
    /// The minute that is told next.
    minute_us: i64,
    /// Up to which day incidents and feeds are planned.
    planned_us: i64,
    /// Visits before this are counted and not told.
    told_from_us: i64,
}

impl Shop {
    /// The shop at a minute, whose events are the first to be told.
    pub fn at(options: Options, minute_us: i64) -> Shop {
        let rhythm = Rhythm::new(options.start_us);
        let people = People::new(&options);
        let mut shop = Shop {
            visits: Visits::new(&options),
            catalog: Catalog::new(&options),
            coming: BinaryHeap::new(),
            pending: BTreeMap::new(),
            minute_us: options.start_us,
            planned_us: options.start_us,
            told_from_us: minute_us - LONGEST,
            rhythm,
            people,
            options,
        };
        shop.coming.extend(shop.people.first(&shop.rhythm).into_iter().map(Reverse));
        while shop.minute_us < minute_us {
            shop.pass();
            shop.pending = shop.pending.split_off(&shop.minute_us);
        }
        shop
    }

    pub fn minute_us(&self) -> i64 {
        self.minute_us
    }

    /// Tells what arrives in the next minute, in the order of arrival.
    pub fn next_minute(&mut self) -> Vec<Event> {
        let minute = self.minute_us;
        self.pass();
        let mut events = self.pending.remove(&minute).unwrap_or_default();
        events.sort_by_key(|event| (event.arrives_us, event.number));
        events
    }

    /// All that begins in a minute.
    fn pass(&mut self) {
        let end = self.minute_us + MINUTE;
        while self.planned_us < end {
            self.plan_day(self.planned_us);
            self.planned_us += DAY;
        }
        while self.coming.peek().is_some_and(|Reverse((at, _))| *at < end) {
            let Some(Reverse((at, life))) = self.coming.pop() else { break };
            self.visit(at, life);
        }
        self.minute_us = end;
    }

    fn visit(&mut self, at: i64, mut life: Life) {
        let person = self.people.person(life.person);
        if life.visits == 0 {
            self.coming.extend(self.people.after(&self.rhythm, at, life.person).map(Reverse));
        }
        let told = at >= self.told_from_us;
        let mut events = Vec::new();
        let met = self.visits.make(&person, &life, at, &self.catalog, told.then_some(&mut events));
        let left = life.goes_on(&met, &person);
        if left.is_none() {
            // So much later that it is another visit to anyone who counts them.
            let next = self.rhythm.after(at, person.gap_days(life.visits)).max(met.until_us + HOUR);
            self.coming.push(Reverse((next, life)));
        }
        events.extend(left.filter(|_| told));
        self.tell(events);
    }

    fn plan_day(&mut self, midnight: i64) {
        let day = ((midnight - self.options.start_us) / DAY) as u32;
        let mut events = Vec::new();
        self.catalog.feed(day, midnight, &mut events);
        fraud::plan(&self.options, day, midnight, &self.people, &mut self.visits, &self.catalog, &mut events);
        let outage = self.options.outage();
        if (midnight..midnight + DAY).contains(&outage.start) {
            events.push(Event::incident(outage.start, Incident::Outage { until_us: outage.end }));
        }
        self.tell(events);
    }

    fn tell(&mut self, events: Vec<Event>) {
        for event in events {
            self.pending.entry(event.arrives_us - event.arrives_us.rem_euclid(MINUTE)).or_default().push(event);
        }
    }
}

#[cfg(test)]
mod tests;
