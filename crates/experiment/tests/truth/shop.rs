//! The made-up shop's checkout experiment, whose effect is known: of those who reach the checkout 62 in 100 buy with
//! the old one and 67 with the other.

use std::collections::BTreeMap;

use headwater_experiment::compare::Contrast;
use headwater_experiment::compare::mean::Estimate;
use headwater_experiment::compare::proportion::{Proportion, compare};
use headwater_experiment::moments::{Moments, Unit};
use headwater_shop::{DAY, MINUTE, Options, Shop, What};

use crate::chance::assert_about;

const SEEDS: u64 = 100;
const DAYS: i64 = 10;
const EFFECT: f64 = 0.05;

/// Of a person: the variant, and whether each visit that reached the checkout ended in an order.
type People = BTreeMap<u32, (bool, Vec<bool>)>;

fn people(seed: u64) -> People {
    // Neither outage nor broken feed come so early: both would be at the checkout, and the effect another one.
    let options = Options { visits_a_day: 1000.0, products: 300, ..Options::new(seed, 0) };
    assert!(options.outage_hour as i64 > 24 * DAYS);
    let mut shop = Shop::at(options, 0);
    let (mut exposed, mut bought) = (BTreeMap::new(), Vec::new());
    for event in (0..DAYS * DAY / MINUTE).flat_map(|_| shop.next_minute()) {
        match event.what {
            // Who comes on the last day may buy when it is over.
            What::Exposure { visit, person, treatment } if event.at_us < (DAYS - 1) * DAY => {
                exposed.insert(visit, (person, treatment));
            }
            What::Order { visit, .. } => bought.push(visit),
            _ => {}
        }
    }
    bought.sort_unstable();
    let mut people = People::new();
    for (visit, (person, treatment)) in exposed {
        people.entry(person).or_insert((treatment, Vec::new())).1.push(bought.binary_search(&visit).is_ok());
    }
    people
}

#[test]
fn intervals_on_conversion_hold_what_the_shop_was_made_with() {
    let (mut visits_held, mut first_held, mut exposures) = (0, 0, 0);
    for seed in 0..SEEDS {
        let mut visits = [Moments::default(); 2];
        let mut first = [Proportion { successes: 0.0, units: 0.0 }; 2];
        for (treatment, orders) in people(seed).into_values() {
            let side = usize::from(treatment);
            let bought = orders.iter().filter(|bought| **bought).count() as f64;
            visits[side].push(Unit::new(bought).over(orders.len() as f64)).unwrap();
            first[side].successes += f64::from(u8::from(orders[0]));
            first[side].units += 1.0;
            exposures += orders.len();
        }
        let [control, variant] = visits.map(|moments| Estimate::of(&moments).unwrap());
        let of_visits = Contrast { variant: &variant, control: &control }.welch(0.05).unwrap();
        visits_held += u64::from(of_visits.interval.holds(EFFECT));
        first_held += u64::from(compare(first[1], first[0], 0.05).interval.holds(EFFECT));
    }
    println!("{} exposures a shop", exposures as u64 / SEEDS);
    assert_about(visits_held, SEEDS, 0.95, "the shop's conversion of visits");
    assert_about(first_held, SEEDS, 0.95, "the shop's conversion of first visits");
}
