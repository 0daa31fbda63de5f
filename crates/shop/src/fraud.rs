//! Payments that are not what they seem, by three patterns. What others do is not its matter.

use crate::catalog::Catalog;
use crate::dice::{self, Dice};
use crate::event::{Event, Incident, Line, Payment, What};
use crate::people::{Life, PLACES, People};
use crate::visit::Visits;
use crate::{DAY, MINUTE, Options, SECOND};

/// Accounts of thieves begin here.
const ACCOUNTS: u32 = 1 << 30;

/// Of a day's visits, how many are of thieves.
const SHARE: f64 = 0.0004;

/// Of what was paid with a stolen card, how much is reported.
const REPORTED: f64 = 0.95;

/// Cards that are stolen are from elsewhere, as few others are.
pub const ELSEWHERE: [&str; 5] = ["US", "BR", "VN", "NG", "RU"];

/// Someone who pays with what is not theirs.
struct Thief {
    person: u32,
    country: &'static str,
    card_country: &'static str,
    device: &'static str,
    kind: &'static str,
}

/// The fraud of a day.
pub fn plan(
    options: &Options,
    day: u32,
    midnight: i64,
    people: &People,
    visits: &mut Visits,
    catalog: &Catalog,
    events: &mut Vec<Event>,
) {
    let mut dice = Dice::new(options.seed, dice::FRAUD, u64::from(day));
    let count = (options.visits_a_day * SHARE * (0.5 + dice.unit())).round().max(1.0) as u32;
    for number in 0..count.min(4096) {
        let at = midnight + dice.between(0, DAY - 30 * MINUTE);
        // Nobody can pay while the shop is out of order.
        if options.outage().contains(&at) || options.outage().contains(&(at + 30 * MINUTE)) {
            continue;
        }
        let account = ACCOUNTS + day * 4096 + number;
        let (country, city) = PLACES[dice.popular(PLACES.len() as u32) as usize];
        let card_country = dice.one_of(&ELSEWHERE);
        // Where nobody has an account yet, none can be taken over.
        let kind = dice.below(if visits.accounts.is_empty() { 2 } else { 3 });
        if kind != 2 {
            let (is_new, tier) = (true, Life::tier(0));
            let what = What::Account { person: account, is_new, tier, country, city };
            events.push(Event { number: 0, at_us: at, arrives_us: at + SECOND, what });
        }
        match kind {
            0 => {
                let thief = Thief { person: account, country, card_country, device: "desktop", kind: "card_testing" };
                let mut now = at;
                for _ in 0..dice.between(6, 16) {
                    now += dice.between(5 * SECOND, 60 * SECOND);
                    let paid = dice.is(0.3);
                    steal(&thief, now, dice.between(100, 500), 0, paid, visits, events);
                }
            }
            2 => {
                let victim = people.person(dice.one_of(&visits.accounts));
                let thief = Thief {
                    person: victim.id,
                    country: dice.one_of(&ELSEWHERE),
                    card_country: victim.country,
                    device: if victim.device == "desktop" { "mobile" } else { "desktop" },
                    kind: "takeover",
                };
                let product = dice.below(u64::from(catalog.count())) as u32;
                steal(&thief, at, catalog.cents(product).max(20_000) * 3, product, true, visits, events);
            }
            _ => {
                let thief = Thief { person: account, country, card_country, device: "mobile", kind: "stolen_card" };
                let product = dice.below(u64::from(catalog.count())) as u32;
                steal(&thief, at, catalog.cents(product).max(40_000), product, true, visits, events);
            }
        }
    }
}

/// An order and its payment.
fn steal(
    thief: &Thief,
    at_us: i64,
    cents: i64,
    product: u32,
    paid: bool,
    visits: &mut Visits,
    events: &mut Vec<Event>,
) {
    visits.orders += 1;
    visits.payments += 1;
    let (order, payment) = (visits.orders, visits.payments);
    let Thief { person, country, card_country, device, kind } = *thief;
    let lines = vec![Line { product, quantity: 1, cents }];
    let number = 1 << 60 | payment << 2;
    let mut tell = |behind: u64, at_us: i64, what: What| {
        events.push(Event { number: number + behind, at_us, arrives_us: at_us + SECOND, what });
    };
    tell(0, at_us, What::Order { order, visit: 0, person, country, cents, lines });
    let method = "card";
    let payment_us = at_us + 5 * SECOND;
    tell(
        1,
        payment_us,
        What::Payment(Payment { payment, order, person, method, cents, country, card_country, device, paid }),
    );
    events.push(Event::incident(payment_us, Incident::Fraud { payment, kind }));
    // Most people look at what their card has paid.
    let mut dice = Dice::new(visits.seed, dice::CHARGEBACK, payment);
    if paid && dice.is(REPORTED) {
        let at_us = payment_us + dice.between(3 * DAY, 20 * DAY);
        events.push(Event {
            number: number + 2,
            at_us,
            arrives_us: at_us + SECOND,
            what: What::Chargeback { payment },
        });
    }
}
