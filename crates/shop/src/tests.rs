//! The shop against what is claimed of it.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::event::View;

/// A Monday.
const START: i64 = 20_451 * DAY;

fn small(seed: u64) -> Options {
    Options { visits_a_day: 1000.0, products: 300, ..Options::new(seed, START) }
}

fn days(options: &Options, days: i64) -> Vec<Event> {
    let mut shop = Shop::at(options.clone(), options.start_us);
    (0..days * DAY / MINUTE).flat_map(|_| shop.next_minute()).collect()
}

#[test]
fn whoever_goes_on_at_a_minute_gets_what_they_would_have_got() {
    let options = small(7);
    let mut whole = Shop::at(options.clone(), START);
    let mut minutes = BTreeMap::new();
    for _ in 0..4 * 24 * 60 {
        let minute = whole.minute_us();
        minutes.insert(minute, whole.next_minute());
    }
    for from in [0, 1, 777, 24 * 60, 3 * 24 * 60 + 123] {
        let mut again = Shop::at(options.clone(), START + from * MINUTE);
        for _ in 0..600 {
            let minute = again.minute_us();
            assert_eq!(again.next_minute(), minutes[&minute], "from minute {from} on, at {minute}");
        }
    }
    assert!(days(&small(8), 1) != days(&small(7), 1));
}

#[test]
fn events_arrive_in_order_and_after_they_happened() {
    let events = days(&small(1), 5);
    assert!(events.is_sorted_by_key(|event| event.arrives_us));
    assert!(events.iter().all(|event| event.arrives_us >= event.at_us));
    let late = events.iter().filter(|event| event.arrives_us > event.at_us + HOUR).count();
    assert!(late > 0 && late < events.len() / 100, "{late} of {} are hours late", events.len());
}

/// Views, by person, cut where nothing comes for half an hour, are the visits.
#[test]
fn visits_are_sessions() {
    let events = days(&small(2), 6);
    let mut views: BTreeMap<u32, BTreeSet<(i64, u64)>> = BTreeMap::new();
    let mut visits = Vec::new();
    for event in &events {
        match &event.what {
            What::View(View { person, .. }) => {
                views.entry(*person).or_default().insert((event.at_us, event.number));
            }
            What::Incident(Incident::Visit { person, until_us, views, .. }) => {
                visits.push((*person, event.at_us, *until_us, *views));
            }
            _ => {}
        }
    }
    let mut sessions = Vec::new();
    for (person, views) in views {
        let mut session: Option<(i64, i64, u32)> = None;
        for (at, _) in views {
            session = match session {
                Some((first, last, count)) if at - last <= 30 * MINUTE => Some((first, at, count + 1)),
                before => {
                    sessions.extend(before.map(|(first, last, count)| (person, first, last, count)));
                    Some((at, at, 1))
                }
            };
        }
        sessions.extend(session.map(|(first, last, count)| (person, first, last, count)));
    }
    // Visits that have not arrived, or not ended, are left out on both sides.
    let end = START + 6 * DAY - 5 * HOUR;
    visits.retain(|(_, from, ..)| *from < end);
    sessions.retain(|(_, from, ..)| *from < end);
    visits.sort_unstable();
    sessions.sort_unstable();
    assert_eq!(visits, sessions);
    assert!(visits.len() > 4000, "{}", visits.len());
}

#[test]
fn nothing_is_bought_in_the_outage_and_much_around_it() {
    let options = Options { outage_hour: 24 + 12, ..small(3) };
    let outage = options.outage();
    let events = days(&options, 3);
    let of_hour = |from: i64, wanted: fn(&What) -> bool| {
        events.iter().filter(|event| (from..from + HOUR).contains(&event.at_us) && wanted(&event.what)).count()
    };
    let is_order: fn(&What) -> bool = |what| matches!(what, What::Order { .. } | What::Payment(_));
    let is_error: fn(&What) -> bool = |what| matches!(what, What::View(view) if view.page == Page::Error);
    assert_eq!(of_hour(outage.start, is_order), 0);
    assert!(of_hour(outage.start, is_error) > 10);
    assert_eq!(events.iter().filter(|event| is_error(&event.what)).count(), of_hour(outage.start, is_error));
    assert!(of_hour(outage.start - HOUR, is_order) + of_hour(outage.end, is_order) > 2);
}

#[test]
fn the_other_checkout_sells_more() {
    let options = Options { visits_a_day: 12_000.0, ..small(4) };
    let events = days(&options, 20);
    let of_visit = events.iter().filter_map(|event| match event.what {
        What::Exposure { visit, treatment, .. } => Some((visit, usize::from(treatment))),
        _ => None,
    });
    let of_visit: BTreeMap<u64, usize> = of_visit.collect();
    let (mut exposed, mut bought) = ([0.0_f64; 2], [0.0_f64; 2]);
    of_visit.values().for_each(|variant| exposed[*variant] += 1.0);
    for event in &events {
        if let What::Order { visit, .. } = &event.what
            && let Some(variant) = of_visit.get(visit)
        {
            bought[*variant] += 1.0;
        }
    }
    let rates = [bought[0] / exposed[0], bought[1] / exposed[1]];
    let error = (0.25 / exposed[0] + 0.25 / exposed[1]).sqrt();
    let effect = rates[1] - rates[0];
    assert!((effect - crate::visit::EFFECT).abs() < 3.0 * error, "{effect} in {exposed:?}, give or take {error}");
}

#[test]
fn people_leave_and_others_come() {
    let events = days(&small(5), 60);
    let visits_of_day = |day: i64| {
        let day = START + day * DAY..START + (day + 7) * DAY;
        let is_visit = |event: &&Event| matches!(event.what, What::Incident(Incident::Visit { .. }));
        events.iter().filter(is_visit).filter(|event| day.contains(&event.at_us)).count() as f64 / 7.0
    };
    let (first, last) = (visits_of_day(0), visits_of_day(53));
    assert!(
        (700.0..1300.0).contains(&first) && (700.0..1300.0).contains(&last),
        "{first} visits a day, {last} at the end"
    );
    let mut left = BTreeMap::new();
    for event in &events {
        if let What::Incident(Incident::Left { person, .. }) = event.what {
            left.insert(person, event.at_us);
        }
    }
    let after = events.iter().filter(|event| match &event.what {
        What::View(view) => left.get(&view.person).is_some_and(|left| event.at_us > *left),
        _ => false,
    });
    assert_eq!(after.count(), 0);
    assert!(left.len() > 500, "{} left", left.len());
}

/// Whoever was about to pay when it began: the order is there, and no payment.
#[test]
fn the_outage_cuts_visits_off_where_they_are() {
    let options = Options { outage_hour: 20, visits_a_day: 40_000.0, ..small(6) };
    let outage = options.outage();
    let (mut last, mut visits, mut payments) = (BTreeMap::new(), Vec::new(), 0);
    for event in days(&options, 1) {
        match event.what {
            What::View(View { visit, page, .. }) if event.at_us < outage.end => {
                let before = last.entry(visit).or_insert((event.at_us, page));
                if before.0 < event.at_us {
                    *before = (event.at_us, page);
                }
            }
            What::Payment(_) if outage.contains(&event.at_us) => payments += 1,
            What::Incident(Incident::Visit { visit, until_us, late, .. }) if !late => visits.push((visit, until_us)),
            _ => {}
        }
    }
    assert_eq!(payments, 0);
    let mut cut_off = 0;
    for (visit, until_us) in visits.into_iter().filter(|(_, until_us)| outage.contains(until_us)) {
        assert_eq!(last.get(&visit), Some(&(until_us, Page::Error)));
        cut_off += 1;
    }
    assert!(cut_off > 100, "{cut_off} visits");
}

#[test]
fn whoever_orders_has_an_account() {
    let events = days(&Options { visits_a_day: 10_000.0, ..small(9) }, 4);
    let accounts = events.iter().filter_map(|event| match event.what {
        What::Account { person, .. } => Some((person, event.at_us)),
        _ => None,
    });
    let mut since = BTreeMap::new();
    for (person, at) in accounts {
        since.entry(person).and_modify(|since: &mut i64| *since = at.min(*since)).or_insert(at);
    }
    let new = events.iter().filter(|event| matches!(event.what, What::Account { is_new: true, .. }));
    assert_eq!(new.count(), since.len(), "nobody gets a second account");
    let orders = events.iter().filter_map(|event| match event.what {
        What::Order { person, .. } => Some((person, event.at_us)),
        _ => None,
    });
    // The accounts of orders of the last minutes may have yet to arrive.
    for (person, at) in orders.filter(|(_, at)| *at < START + 4 * DAY - HOUR * 4) {
        assert!(since.get(&person).is_some_and(|since| *since <= at), "{person} has no account");
    }
}
