//! The made-up shop's checkout experiment, whose effect is known: of those who reach the checkout 62 in 100 buy with
//! the old one and 67 with the other.

use std::collections::BTreeMap;

use headwater_experiment::compare::Contrast;
use headwater_experiment::compare::mean::Estimate;
use headwater_experiment::compare::proportion::{Proportion, compare};
use headwater_experiment::moments::{Moments, Unit};
use headwater_experiment::result::{Direction, Experiment, Kind, Metric, Observed, Variant, analyse};
use headwater_shop::{DAY, MINUTE, Options, Shop, What};

use crate::chance::{assert_about, assert_not_fewer};

const SEEDS: u64 = 100;
const DAYS: i64 = 10;
const EFFECT: f64 = 0.05;

/// Of a person: the variant, and of each visit that reached the checkout its day, and whether it ended in an order.
type People = BTreeMap<u32, (bool, Vec<(i64, bool)>)>;

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
                exposed.insert(visit, (person, treatment, event.at_us / DAY));
            }
            What::Order { visit, .. } => bought.push(visit),
            _ => {}
        }
    }
    bought.sort_unstable();
    let mut people = People::new();
    for (visit, (person, treatment, day)) in exposed {
        people.entry(person).or_insert((treatment, Vec::new())).1.push((day, bought.binary_search(&visit).is_ok()));
    }
    people
}

/// Of a person's visits up to a day: how many ended in an order, of how many.
fn conversion(visits: &[(i64, bool)], day: i64) -> Option<Unit> {
    let reached: Vec<bool> = visits.iter().filter(|visit| visit.0 <= day).map(|visit| visit.1).collect();
    let bought = reached.iter().filter(|bought| **bought).count();
    (!reached.is_empty()).then(|| Unit::new(bought as f64).over(reached.len() as f64))
}

fn by_variant(people: &People, day: i64) -> [Moments; 2] {
    let mut moments = [Moments::default(); 2];
    for (treatment, visits) in people.values() {
        conversion(visits, day).into_iter().for_each(|unit| moments[usize::from(*treatment)].push(unit).unwrap());
    }
    moments
}

#[test]
fn intervals_on_conversion_hold_what_the_shop_was_made_with() {
    let (mut visits_held, mut first_held, mut exposures) = (0, 0, 0);
    for seed in 0..SEEDS {
        let people = people(seed);
        let mut first = [Proportion { successes: 0.0, units: 0.0 }; 2];
        for (treatment, visits) in people.values() {
            let side = &mut first[usize::from(*treatment)];
            side.successes += f64::from(u8::from(visits[0].1));
            side.units += 1.0;
            exposures += visits.len();
        }
        let [control, variant] = by_variant(&people, DAYS).map(|moments| Estimate::of(&moments).unwrap());
        let of_visits = Contrast { variant: &variant, control: &control }.welch(0.05).unwrap();
        visits_held += u64::from(of_visits.interval.holds(EFFECT));
        first_held += u64::from(compare(first[1], first[0], 0.05).interval.holds(EFFECT));
    }
    println!("{} exposures a shop", exposures as u64 / SEEDS);
    assert_about(visits_held, SEEDS, 0.95, "the shop's conversion of visits");
    assert_about(first_held, SEEDS, 0.95, "the shop's conversion of first visits");
}

/// Looked at every evening; an experiment counts where all of its intervals hold the effect.
#[test]
fn sequential_intervals_hold_it_on_every_day() {
    let variants = ["old", "new"].map(|name| Variant { name: name.to_owned(), weight: 1 }).to_vec();
    let mut experiment = Experiment::new(variants, vec![Metric::new("conversion", Kind::Ratio, Direction::Higher)]);
    experiment.planned_units = 500;
    let (mut held, mut held_once, mut looks) = (0, 0, 0);
    for seed in 0..SEEDS {
        let people = people(seed);
        let (mut all, mut all_once) = (true, true);
        for day in 0..DAYS - 1 {
            let moments = by_variant(&people, day).to_vec();
            let assigned = moments.iter().map(Moments::units).collect();
            let observed = Observed { assigned, metrics: vec![moments], failed: Vec::new() };
            let report = analyse(&experiment, &observed).unwrap();
            let test = report.rows[1].comparison.as_ref().unwrap().decisive();
            all &= test.sequential.as_ref().is_none_or(|sequential| sequential.interval.holds(EFFECT));
            all_once &= test.difference.interval.holds(EFFECT);
            looks += u64::from(test.sequential.is_some());
        }
        held += u64::from(all);
        held_once += u64::from(all_once);
    }
    assert!(looks >= 5 * SEEDS, "only {looks} evenings have an interval");
    assert_not_fewer(held, SEEDS, 0.95, "the shop's conversion on every evening");
    println!("intervals of one look hold it on every evening in {held_once} of {SEEDS}");
    assert!(held_once < held, "who looks every evening is not misled: {held_once}");
}
