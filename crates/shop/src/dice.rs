//! Chance that depends on what it is about and on nothing before it. Questions that come later get numbers behind these:
//! a number that changes its meaning changes every shop.

use headwater_base::random::Random;

/// What dice are thrown for, so that no two questions have the same answers.
pub const PLAN: u64 = 1;
pub const PERSON: u64 = 2;
pub const VISIT: u64 = 3;
pub const GAP: u64 = 4;
pub const PRODUCT: u64 = 5;
pub const FEED: u64 = 6;
pub const FRAUD: u64 = 7;
pub const TRANSPORT: u64 = 8;
pub const LEAVING: u64 = 9;
pub const ARRIVAL: u64 = 10;
pub const TASTE: u64 = 11;
pub const LIKING: u64 = 12;
pub const CHARGEBACK: u64 = 13;
pub const WALLET: u64 = 14;

/// Numbers for one question about one thing.
#[derive(Debug, Clone)]
pub struct Dice(Random);

impl Dice {
    pub fn new(seed: u64, question: u64, thing: u64) -> Dice {
        let mut mixed = Random::new(seed ^ question.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        let seed = mixed.next_u64() ^ thing.wrapping_mul(0xA076_1D64_78BD_642F);
        Dice(Random::new(Random::new(seed).next_u64()))
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0.below(limit)
    }

    /// True with a probability.
    pub fn is(&mut self, probability: f64) -> bool {
        self.0.unit() < probability
    }

    pub fn unit(&mut self) -> f64 {
        self.0.unit()
    }

    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low) as u64) as i64
    }

    /// How long until something happens that happens once in a unit on average.
    pub fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }

    /// Around zero, two thirds of the time within one.
    pub fn normal(&mut self) -> f64 {
        let (radius, angle) = ((2.0 * self.exponential()).sqrt(), std::f64::consts::TAU * self.unit());
        radius * angle.cos()
    }

    /// One of `count`, of which the first are far more likely: each has as much of the whole as its place says.
    pub fn popular(&mut self, count: u32) -> u32 {
        let place = f64::from(count + 1).powf(self.unit());
        (place as u32).clamp(1, count) - 1
    }

    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}
