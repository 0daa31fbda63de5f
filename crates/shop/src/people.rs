//! Who visits: what each is like, when they come again, and what makes them leave. What they do there is a
//! [visit](crate::visit).

use crate::catalog::CATEGORIES;
use crate::dice::{self, Dice};
use crate::event::{Event, Incident};
use crate::rhythm::Rhythm;
use crate::visit::Met;
use crate::{MINUTE, Options};

pub const DEVICES: [&str; 4] = ["mobile", "mobile", "desktop", "tablet"];

/// Where people are, by how many.
pub const PLACES: [(&str, &str); 12] = [
    ("DE", "Berlin"),
    ("FR", "Paris"),
    ("DE", "Hamburg"),
    ("GB", "London"),
    ("NL", "Amsterdam"),
    ("FR", "Lyon"),
    ("ES", "Madrid"),
    ("GB", "Leeds"),
    ("IT", "Milan"),
    ("PL", "Warsaw"),
    ("SE", "Stockholm"),
    ("AT", "Vienna"),
];

/// Visits a day of the middle person, and how different people are: the natural logarithm of the pace is normal.
const PACE: f64 = 0.25;
const SPREAD: f64 = 0.9;

/// Of visits, those after which a person leaves, about.
const LEAVING: f64 = 0.0226;

/// A person's traits.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: u32,
    seed: u64,
    /// Visits a day.
    pace: f64,
    pub device: &'static str,
    pub country: &'static str,
    pub city: &'static str,
    /// Which checkout they get.
    pub treatment: bool,
    /// How soon they have enough.
    patience: f64,
    /// How readily they buy.
    pub appetite: f64,
    /// Categories that they like.
    pub tastes: [usize; 2],
}

/// A person's story so far.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Life {
    pub person: u32,
    pub visits: u32,
    pub orders: u32,
    /// Visits since the last order.
    pub idle: u32,
}

#[derive(Debug)]
pub struct People {
    seed: u64,
    /// How many there are from the beginning.
    first: u32,
    newcomers_a_day: f64,
}

impl People {
    pub fn new(options: &Options) -> People {
        // Who visits often has also left sooner: of those who are still here, the slow ones are more, by as much.
        let mean_pace = PACE * (-SPREAD * SPREAD / 2.0).exp();
        let first = (options.visits_a_day / mean_pace).max(1.0) as u32;
        People { seed: options.seed, first, newcomers_a_day: options.visits_a_day * LEAVING }
    }

    pub fn person(&self, id: u32) -> Person {
        let mut dice = Dice::new(self.seed, dice::PERSON, u64::from(id));
        let slower = if id < self.first { SPREAD * SPREAD } else { 0.0 };
        let pace = (PACE * (SPREAD * dice.normal() - slower).exp()).clamp(0.01, 6.0);
        let (country, city) = PLACES[dice.popular(PLACES.len() as u32) as usize];
        Person {
            id,
            seed: self.seed,
            pace,
            device: dice.one_of(&DEVICES),
            country,
            city,
            treatment: dice.is(0.5),
            patience: 0.5 + dice.unit(),
            appetite: 0.04 + 0.12 * dice.unit() * dice.unit(),
            tastes: self.tastes(id),
        }
    }

    fn tastes(&self, id: u32) -> [usize; 2] {
        let mut dice = Dice::new(self.seed, dice::TASTE, u64::from(id));
        [0; 2].map(|_| dice.below(CATEGORIES.len() as u64) as usize)
    }

    /// The first visits of all who are there at the beginning, and of the first newcomer.
    pub fn first(&self, rhythm: &Rhythm) -> Vec<(i64, Life)> {
        let known = (0..self.first).map(|id| (rhythm.at(self.person(id).gap_days(0)), Life::new(id)));
        known.chain([self.newcomer(rhythm, rhythm.at(0.0), self.first)]).collect()
    }

    /// Who comes for the first time after somebody else did; there is one for each newcomer.
    pub fn after(&self, rhythm: &Rhythm, at: i64, person: u32) -> Option<(i64, Life)> {
        (person >= self.first).then(|| self.newcomer(rhythm, at, person + 1))
    }

    fn newcomer(&self, rhythm: &Rhythm, at: i64, id: u32) -> (i64, Life) {
        let gap = Dice::new(self.seed, dice::ARRIVAL, u64::from(id)).exponential() / self.newcomers_a_day;
        (rhythm.after(at, gap), Life::new(id))
    }
}

impl Person {
    /// Stretched days from one visit to the next.
    pub fn gap_days(&self, visit: u32) -> f64 {
        Dice::new(self.seed, dice::GAP, u64::from(self.id) << 24 | u64::from(visit)).exponential() / self.pace
    }

    /// How likely it is that this was the last visit.
    fn hazard(&self, life: &Life, met: &Met) -> f64 {
        let met_error = if met.error { 0.06 } else { 0.0 };
        let declined = f64::from(met.declined) * 0.12;
        let idle = 0.0015 * f64::from(life.idle.min(20));
        let loyalty = 1.0 / (1.0 + 0.25 * f64::from(life.orders));
        (((0.012 + idle) * loyalty + met_error + declined) / self.patience).min(0.9)
    }
}

impl Life {
    fn new(person: u32) -> Life {
        Life { person, visits: 0, orders: 0, idle: 0 }
    }

    /// Goes on after a visit; tells if there is no other one.
    pub fn goes_on(&mut self, met: &Met, person: &Person) -> Option<Event> {
        self.visits += 1;
        (self.orders, self.idle) = if met.ordered { (self.orders + 1, 0) } else { (self.orders, self.idle + 1) };
        let hazard = person.hazard(self, met);
        let leaves =
            Dice::new(person.seed, dice::LEAVING, u64::from(person.id) << 24 | u64::from(self.visits)).is(hazard);
        leaves.then(|| Event::incident(met.until_us + MINUTE, Incident::Left { person: person.id, hazard }))
    }

    /// What an account with so many orders is called.
    pub fn tier(orders: u32) -> &'static str {
        match orders {
            0..5 => "standard",
            5..20 => "silver",
            _ => "gold",
        }
    }
}
