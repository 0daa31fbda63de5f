//! What is in the log is what is known, and nobody is told twice of what is known to have arrived.

use std::path::Path;
use std::sync::Mutex as Lock;

use headwater_base::clock::SystemClock;
use headwater_base::files::simulated::Simulated;
use headwater_log::EmbeddedLog;
use headwater_log::embedded::Options;
use serde_json::json;

use super::*;
use crate::alerts::deliver::{Channel, Delivering, Duty, Failure};
use crate::alerts::incident::{Meaning, Row, Rows, Rule};
use crate::alerts::letter::Letter;

const RULE: Rule = Rule { hold_us: 0, resolve_after_us: 10, cool_down_us: 0, max_age_us: None, send_resolved: true };

struct World {
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
}

impl World {
    fn new() -> World {
        let clock = SystemClock::shared();
        let disk = Simulated::with_clock(0, Arc::clone(&clock));
        let log = EmbeddedLog::open(disk.shared(), Path::new("/log"), Arc::clone(&clock), Options::default()).unwrap();
        World { log: Arc::new(log), clock }
    }

    fn book(&self) -> Arc<Book> {
        Arc::new(Book::open(&self.log, Arc::clone(&self.clock)).unwrap())
    }
}

/// Takes a row at a time, as a step that went so far.
fn step(book: &Book, time_us: i64, watermark_us: i64) {
    let mut incidents = book.entry("a").incidents;
    let row = Row { labels: "{}".to_owned(), time_us, content: json!({"at": time_us}) };
    let message = |row: &serde_json::Value, _: &str| format!("row of {}", row["at"]);
    let meaning = Meaning { rule: &RULE, message: &message, now_us: 7 };
    let outcome = incidents.take(Rows::New(vec![row]), Some(watermark_us), &meaning);
    let place = Place { topic: "a".to_owned(), next: vec![time_us] };
    book.step("a", &["one", "two"], Some(place), outcome).unwrap();
}

/// Answers by turns, and notes what it got.
#[derive(Clone, Default)]
struct Receiver {
    got: Arc<Lock<Vec<(String, String)>>>,
    answers: Arc<Lock<Vec<Result<(), Failure>>>>,
}

impl Channel for Receiver {
    fn send(&mut self, letter: &Letter) -> Result<(), Failure> {
        self.got.lock().unwrap().push((letter.key.clone(), letter.subject.clone()));
        self.answers.lock().unwrap().pop().unwrap_or(Ok(()))
    }
}

fn fails(message: &str, is_final: bool) -> Result<(), Failure> {
    Err(Failure { message: message.to_owned(), is_final })
}

fn tell(book: &Arc<Book>, receiver: &Receiver, retries: u32) -> Vec<Delivery> {
    let duty = Duty { alert: "a".to_owned(), channel: "one".to_owned(), retries };
    let telling = Delivering::start(duty, Ok(Box::new(receiver.clone())), Arc::clone(book), None).unwrap();
    let clock = SystemClock::shared();
    while book.pending("a", "one").is_some() {
        assert!(clock.elapsed().as_secs() < 20, "it goes on for ever");
        book.wait(Duration::from_millis(20));
    }
    telling.end();
    let entry = book.entry("a");
    entry.notices.values().filter(|notice| notice.channel == "one").map(|notice| notice.delivery.clone()).collect()
}

#[test]
fn a_node_that_starts_again_knows_what_it_knew() {
    let world = World::new();
    let book = world.book();
    step(&book, 100, 50);
    step(&book, 105, 60);
    step(&book, 200, 150);
    let before = book.entry("a");
    assert_eq!(before.incidents.iter().count(), 2);
    assert_eq!(before.notices.len(), 6, "two began, one ended, by two channels");
    let after = world.book().entry("a");
    assert_eq!(after.incidents.iter().collect::<Vec<_>>(), before.incidents.iter().collect::<Vec<_>>());
    assert_eq!((&after.notices, &after.place), (&before.notices, &before.place));
    assert_eq!(read(world.log.as_ref()).unwrap()["a"].notices, before.notices);
}

#[test]
fn what_arrived_is_not_sent_again() {
    let world = World::new();
    let (book, receiver) = (world.book(), Receiver::default());
    step(&book, 100, 50);
    step(&book, 200, 150);
    let told = tell(&book, &receiver, 3);
    assert!(told.iter().all(|one| one.state == Delivered::Sent && one.attempts == 1 && one.sent_us.is_some()));
    let subjects: Vec<String> = receiver.got.lock().unwrap().iter().map(|(_, subject)| subject.clone()).collect();
    assert_eq!(subjects, ["[FIRING] row of 100", "[RESOLVED] row of 100", "[FIRING] row of 200"]);
    tell(&world.book(), &receiver, 3);
    assert_eq!(receiver.got.lock().unwrap().len(), 3);
}

#[test]
fn what_is_not_known_to_have_arrived_is_sent_again_with_its_key_and_says_so() {
    let world = World::new();
    let (book, receiver) = (world.book(), Receiver::default());
    step(&book, 100, 50);
    let notice = book.pending("a", "one").unwrap();
    // The node dies after a try began.
    let begun = Delivery { attempts: 1, is_open: true, ..notice.delivery.clone() };
    book.deliver("a", notice.number, begun).unwrap();
    let again = world.book();
    receiver.answers.lock().unwrap().push(fails("busy", false));
    let told = tell(&again, &receiver, 3);
    assert_eq!((told[0].state, told[0].attempts), (Delivered::Sent, 3));
    let got = receiver.got.lock().unwrap();
    assert_eq!(got.len(), 2);
    assert_eq!(got[0].0, got[1].0);
    assert_eq!(got[0].0, Letter::of("a", &notice).key);
}

#[test]
fn tries_have_an_end_and_nobody_hears_the_end_of_what_they_do_not_know() {
    let world = World::new();
    let (book, receiver) = (world.book(), Receiver::default());
    step(&book, 100, 50);
    step(&book, 200, 150);
    // By turns from the end: the first incident is given up after a second try, the last one refused at once.
    *receiver.answers.lock().unwrap() = vec![fails("never", true), fails("down", false), fails("down", false)];
    let told = tell(&book, &receiver, 1);
    let shown: Vec<_> = told.iter().map(|one| (one.state, one.attempts, one.error.as_deref())).collect();
    assert_eq!(
        shown,
        [
            (Delivered::Failed, 2, Some("down")),
            (Delivered::Suppressed, 0, Some("that it began was not delivered")),
            (Delivered::Failed, 1, Some("never")),
        ]
    );
    assert_eq!(world.book().pending("a", "one"), None);
}

#[test]
fn what_is_declared_no_more_is_forgotten() {
    let world = World::new();
    let book = world.book();
    step(&book, 100, 50);
    book.follow(&BTreeMap::from([("a".to_owned(), vec!["one".to_owned()])])).unwrap();
    assert!(book.pending("a", "two").is_none() && book.pending("a", "one").is_some());
    book.follow(&BTreeMap::new()).unwrap();
    assert!(world.book().entries().is_empty());
}
