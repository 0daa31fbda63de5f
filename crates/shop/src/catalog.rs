//! What is for sale, and the feed that tells it each day. Who buys it is not its matter.

use crate::dice::{self, Dice};
use crate::event::{Event, Incident, What};
use crate::{HOUR, Options, SECOND};

pub const CATEGORIES: [&str; 10] =
    ["books", "clothing", "shoes", "kitchen", "toys", "garden", "audio", "phones", "laptops", "furniture"];

/// What the middle product of each category costs, in cents.
const PRICES: [f64; 10] = [1400.0, 3200.0, 6900.0, 2600.0, 2200.0, 3500.0, 7900.0, 39_900.0, 89_900.0, 24_900.0];

#[derive(Debug)]
pub struct Catalog {
    seed: u64,
    broken_day: u32,
    products: Vec<(usize, i64)>,
    /// The products of each category.
    shelves: Vec<Vec<u32>>,
}

impl Catalog {
    pub fn new(options: &Options) -> Catalog {
        let product = |id: u32| {
            let mut dice = Dice::new(options.seed, dice::PRODUCT, u64::from(id));
            let category = dice.popular(CATEGORIES.len() as u32) as usize;
            let cents = PRICES[category] * (0.6 * dice.normal()).exp();
            // As shops write prices.
            (category, (cents / 100.0).ceil() as i64 * 100 - 1)
        };
        let products: Vec<(usize, i64)> = (0..options.products.max(1)).map(product).collect();
        let mut shelves = vec![Vec::new(); CATEGORIES.len()];
        for (id, (category, _)) in (0..).zip(&products) {
            shelves[*category].push(id);
        }
        Catalog { seed: options.seed, broken_day: options.broken_day, products, shelves }
    }

    /// The products of a category, the first ones the most popular.
    pub fn shelf(&self, category: usize) -> &[u32] {
        &self.shelves[category]
    }

    pub fn count(&self) -> u32 {
        self.products.len() as u32
    }

    pub fn category(&self, product: u32) -> &'static str {
        CATEGORIES[self.products[product as usize].0]
    }

    pub fn cents(&self, product: u32) -> i64 {
        self.products[product as usize].1
    }

    /// The feed of a day comes before the shop is busy.
    pub fn feed(&self, day: u32, midnight: i64, events: &mut Vec<Event>) {
        let mut dice = Dice::new(self.seed, dice::FEED, u64::from(day));
        let at_us = midnight + 3 * HOUR;
        let is_broken = day == self.broken_day;
        let mut broken = 0;
        for product in 0..self.count() {
            // Of a broken feed, a third of all prices and a tenth of all categories are not there, some prices are negative.
            let fate = if is_broken { dice.unit() } else { 1.0 };
            let cents = match fate {
                ..0.25 => None,
                ..0.33 => Some(-self.cents(product)),
                _ => Some(self.cents(product)),
            };
            let category = if (0.30..0.40).contains(&fate) { None } else { Some(self.category(product)) };
            broken += u32::from(fate < 0.40);
            let stock = dice.between(0, 500);
            let number = 1 << 62 | u64::from(day) << 32 | u64::from(product);
            let arrives_us = at_us + i64::from(product) * SECOND / 50;
            events.push(Event { number, at_us, arrives_us, what: What::Product { product, category, cents, stock } });
        }
        if is_broken {
            events.push(Event::incident(at_us, Incident::BrokenFeed { products: broken }));
        }
    }
}
