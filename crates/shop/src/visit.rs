//! A visit: from page to page, perhaps into the cart, through the checkout and to a payment. Who comes when is not its
//! matter.

use std::ops::Range;

use crate::catalog::Catalog;
use crate::dice::{self, Dice};
use crate::event::{Event, Incident, Line, Page, Payment, View, What};
use crate::fraud::ELSEWHERE;
use crate::people::{DEVICES, Life, PLACES, Person};
use crate::{HOUR, MINUTE, Options, SECOND};

const REFERRERS: [&str; 5] = ["direct", "search", "mail", "social", "partner"];
const METHODS: [&str; 3] = ["card", "card", "wallet"];

/// Of those who get to the checkout, who buys; and how much more of them with the other checkout.
pub const CONVERSION: f64 = 0.62;
pub const EFFECT: f64 = 0.05;

/// Of payments, those that the bank declines.
const DECLINED: f64 = 0.04;

/// How often a person tries to pay.
const ATTEMPTS: u32 = 3;

/// Of orders, those that are paid with a card from somewhere else, and from another device than the person's.
const FOREIGN: f64 = 0.02;
const ON_THE_WAY: f64 = 0.08;

/// Of products that are looked at, those that are to the person's taste.
const LIKING: f64 = 0.6;

/// How visits become events that others can tell apart: each has fewer.
const EVENTS_MAX: u64 = 1000;

/// Nobody looks at pages for longer.
const LONGEST: i64 = 3 * HOUR;

/// What a visit was like for the person.
#[derive(Debug, Clone, Default)]
pub struct Met {
    /// There is an order, paid or not.
    pub ordered: bool,
    pub error: bool,
    /// How many payments were declined.
    pub declined: u32,
    pub until_us: i64,
}

/// Makes visits, and numbers what is in them.
#[derive(Debug)]
pub struct Visits {
    pub seed: u64,
    outage: Range<i64>,
    visits: u64,
    pub orders: u64,
    pub payments: u64,
    /// Who has an account, in the order in which they got it.
    pub accounts: Vec<u32>,
}

/// A visit that is being made.
struct Making<'a> {
    visit: u64,
    person: &'a Person,
    catalog: &'a Catalog,
    dice: Dice,
    now: i64,
    /// How many pages were seen, and when the last one was.
    views: u32,
    viewed: i64,
    /// By how much all of it arrives later, and the numbers of its events.
    offline: i64,
    number: u64,
    referrer: &'static str,
    /// `None` where nothing of it is told.
    told: Option<&'a mut Vec<Event>>,
}

impl Visits {
    pub fn new(options: &Options) -> Visits {
        Visits { seed: options.seed, outage: options.outage(), visits: 0, orders: 0, payments: 0, accounts: Vec::new() }
    }

    /// A visit at a time, with its events where they are wanted.
    pub fn make(
        &mut self,
        person: &Person,
        life: &Life,
        at: i64,
        catalog: &Catalog,
        told: Option<&mut Vec<Event>>,
    ) -> Met {
        self.visits += 1;
        let mut dice = Dice::new(self.seed, dice::VISIT, u64::from(person.id) << 24 | u64::from(life.visits));
        let offline = if dice.is(0.002) { dice.between(HOUR, 3 * HOUR) } else { 0 };
        let referrer = dice.one_of(&REFERRERS);
        let visit = self.visits;
        let number = visit * EVENTS_MAX;
        let mut making =
            Making { visit, person, catalog, dice, now: at, views: 0, viewed: at, offline, number, referrer, told };
        let mut met = self.walk(&mut making, life);
        met.until_us = making.now;
        let (person, views, late, until_us) = (person.id, making.views, offline > 0, making.viewed);
        making.tell(at, What::Incident(Incident::Visit { visit, person, until_us, views, late }));
        met
    }

    fn walk(&mut self, making: &mut Making<'_>, life: &Life) -> Met {
        let pages = 1 + (making.dice.exponential() * 5.0).min(50.0) as u32;
        let wants = making.dice.is(making.person.appetite * (1.0 + 0.1 * f64::from(life.orders.min(10))));
        let mut cart: Vec<Line> = Vec::new();
        let end = making.now + LONGEST;
        for step in 0..pages {
            if making.now > end {
                break;
            }
            if self.outage.contains(&making.now) {
                making.view(Page::Error, None);
                return Met { error: true, ..Met::default() };
            }
            let (page, product) = making.page(step);
            making.view(page, product);
            if let Some(product) = product
                && wants
                && cart.len() < 5
                && (cart.is_empty() || making.dice.is(0.25))
            {
                cart.push(making.put_in_cart(product));
            }
            if step + 1 < pages {
                making.wait();
            }
        }
        if cart.is_empty() {
            return Met::default();
        }
        self.check_out(making, life, &cart)
    }

    fn check_out(&mut self, making: &mut Making<'_>, life: &Life, cart: &[Line]) -> Met {
        for page in [Page::Cart, Page::Checkout] {
            making.wait();
            if self.outage.contains(&making.now) {
                making.view(Page::Error, None);
                return Met { error: true, ..Met::default() };
            }
            making.view(page, None);
        }
        let Person { id: person, treatment, country, city, .. } = *making.person;
        making.tell(making.now, What::Exposure { visit: making.visit, person, treatment });
        if !making.dice.is(CONVERSION + if treatment { EFFECT } else { 0.0 }) {
            return Met::default();
        }
        making.wait();
        if self.outage.contains(&making.now) {
            return Met { error: true, ..Met::default() };
        }
        let tier = Life::tier(life.orders + 1);
        if life.orders == 0 || tier != Life::tier(life.orders) {
            making.tell(making.now, What::Account { person, is_new: life.orders == 0, tier, country, city });
        }
        if life.orders == 0 {
            self.accounts.push(person);
        }
        self.orders += 1;
        let (order, visit) = (self.orders, making.visit);
        let cents = cart.iter().map(|line| line.cents * i64::from(line.quantity)).sum();
        making.tell(making.now, What::Order { order, visit, person, country, cents, lines: cart.to_vec() });
        let met = self.pay(making, order, cents);
        making.now += SECOND;
        let page = match met {
            _ if met.error || self.outage.contains(&making.now) => Page::Error,
            Met { declined: ATTEMPTS, .. } => Page::Checkout,
            _ => Page::Thanks,
        };
        making.view(page, None);
        met
    }

    /// Pays, a second and a third time where the bank declines.
    fn pay(&mut self, making: &mut Making<'_>, order: u64, cents: i64) -> Met {
        let method = making.dice.one_of(&METHODS);
        let Person { id: person, country, .. } = *making.person;
        let mut dice = Dice::new(self.seed, dice::WALLET, order);
        let device = if dice.is(ON_THE_WAY) { dice.one_of(&DEVICES) } else { making.person.device };
        let from_elsewhere = if dice.is(0.5) { dice.one_of(&ELSEWHERE) } else { dice.one_of(&PLACES).0 };
        let card_country = if dice.is(FOREIGN) { from_elsewhere } else { country };
        for declined in 0..ATTEMPTS {
            making.now += making.dice.between(2 * SECOND, 20 * SECOND);
            if self.outage.contains(&making.now) {
                return Met { ordered: true, error: true, declined, ..Met::default() };
            }
            self.payments += 1;
            let paid = !making.dice.is(DECLINED);
            making.tell(
                making.now,
                What::Payment(Payment {
                    payment: self.payments,
                    order,
                    person,
                    method,
                    cents,
                    country,
                    card_country,
                    device,
                    paid,
                }),
            );
            if paid {
                return Met { ordered: true, declined, ..Met::default() };
            }
        }
        Met { ordered: true, declined: ATTEMPTS, ..Met::default() }
    }
}

impl Making<'_> {
    /// Reads a page for a while: never so long that it would be another visit.
    fn wait(&mut self) {
        self.now += 2 * SECOND + ((self.dice.exponential() * 35.0 * SECOND as f64) as i64).min(15 * MINUTE);
    }

    fn page(&mut self, step: u32) -> (Page, Option<u32>) {
        let count = self.catalog.count();
        match self.dice.unit() {
            ..0.55 => (Page::Product, Some(self.product(count))),
            ..0.75 if step > 0 => (Page::Category, None),
            ..0.85 if step > 0 => (Page::Search, None),
            _ if step == 0 => (Page::Home, None),
            _ => (Page::Product, Some(self.product(count))),
        }
    }

    /// What many look at, or what is to the person's taste.
    fn product(&mut self, count: u32) -> u32 {
        let any = self.dice.popular(count);
        let mut dice = Dice::new(0, dice::LIKING, self.number);
        let shelf = self.catalog.shelf(dice.one_of(&self.person.tastes));
        if shelf.is_empty() || !dice.is(LIKING) {
            return any;
        }
        shelf[dice.popular(shelf.len() as u32) as usize]
    }

    fn view(&mut self, page: Page, product: Option<u32>) {
        (self.views, self.viewed) = (self.views + 1, self.now);
        let (visit, person, device, referrer) = (self.visit, self.person.id, self.person.device, self.referrer);
        self.tell(self.now, What::View(View { visit, person, page, product, device, referrer }));
    }

    fn put_in_cart(&mut self, product: u32) -> Line {
        let quantity = 1 + self.dice.popular(4);
        let cents = self.catalog.cents(product);
        let at = self.now + SECOND;
        self.tell(at, What::Cart { visit: self.visit, person: self.person.id, product, quantity });
        Line { product, quantity, cents }
    }

    /// An event on its way: most arrive within seconds, few within minutes; some are sent twice, and beside some a broken
    /// client sends what nobody can read.
    fn tell(&mut self, at_us: i64, what: What) {
        self.number += 1;
        let Some(told) = &mut self.told else { return };
        let mut dice = Dice::new(0, dice::TRANSPORT, self.number);
        let delay = match dice.unit() {
            ..0.97 => dice.between(0, 3 * SECOND),
            _ => dice.between(3 * SECOND, 10 * MINUTE),
        };
        let delay = if matches!(what, What::Incident(_)) { 0 } else { delay + self.offline };
        let arrives_us = at_us + delay;
        let event = Event { number: self.number, at_us, arrives_us, what };
        if matches!(event.what, What::View(_)) {
            if dice.is(0.005) {
                told.push(Event { arrives_us: arrives_us + dice.between(0, MINUTE), ..event.clone() });
            }
            if dice.is(0.0005) {
                told.push(Event { number: self.number + (1 << 61), what: What::Garbage, ..event.clone() });
            }
        }
        told.push(event);
    }
}
