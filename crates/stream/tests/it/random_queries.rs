//! Random queries of the supported kinds over random rows: what a view holds is what its query gives in batch, at 1, 2
//! and 5 workers, whenever the node stops and goes on. A failure prints its seed and the views.

mod expression;
mod generate;

use std::collections::BTreeMap;
use std::time::Duration;

use headwater_base::random::Random;
use headwater_stream::engine::Options;

use crate::equals_batch::{Places, Rows, feed, seeds};
use crate::world::{EVENTS, Life, THINGS, Thing, World, agree, options, try_compile};
use expression::pick;
use generate::{RELATION, View, WINDOWS, views};
use serde_json::Value;

/// Prints what failed.
struct Story {
    seed: u64,
    text: String,
}

impl Drop for Story {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("HEADWATER_SEED={}, with these views:\n{}", self.seed, self.text);
        }
    }
}

/// How many views of each kind were compared, and how many rows they had.
type Compared = BTreeMap<&'static str, (usize, usize)>;

/// Compares every view with its query over what it reads, less the rows that came too late for it.
fn compare(world: &World, life: &Life, views: &[View], places: &Places, context: &str, compared: &mut Compared) {
    let failed = life.engine.published().lock().failed.clone();
    assert!(failed.is_empty(), "{context}: {failed:?}");
    let letters = world.letters(life.log.as_ref());
    let partitions = life.engine.published().lock().status.partitions.clone();
    let watermark_us = partitions.iter().map(|each| each.watermark_us.unwrap_or(i64::MIN)).min();
    for view in views {
        let letters = letters.iter().filter(|letter| letter["relation"] == view.name);
        let watermark_us = watermark_us.unwrap_or(i64::MIN);
        let query = view.closed(in_time(view, letters, places, watermark_us, context), watermark_us);
        let kept = world.query(life, &format!("SELECT * FROM {}", view.name));
        let batch = world.query(life, &query);
        assert!(agree(&kept, &batch), "{} differs, {context}\n{}", view.name, difference(&kept, &batch));
        let (times, rows) = compared.entry(view.what).or_default();
        *times += 1;
        *rows += kept.len();
        for what in view.ways() {
            let (times, rows) = compared.entry(what).or_default();
            *times += 1;
            *rows += kept.len();
        }
    }
}

/// A view's query over the rows that came in time for it. Of a row that came too late for some of its windows only the
/// others count.
fn in_time<'a>(
    view: &View,
    letters: impl Iterator<Item = &'a Value>,
    places: &Places,
    watermark_us: i64,
    context: &str,
) -> String {
    let (mut late, mut partly) = (Vec::new(), Vec::new());
    for letter in letters {
        assert_eq!(letter["reason"], "late", "{context}: {letter}");
        let place = (letter["partition_id"].as_i64(), letter["record_offset"].as_i64());
        let (Some(partition), Some(offset)) = place else { panic!("a dead letter without its place: {letter}") };
        let id = places[&(partition as u32, offset)].to_string();
        match letter["detail"].as_str().and_then(|detail| detail.split_once("those that end by ")) {
            Some((_, until)) => partly.push(format!("(id = {id} AND window_end <= TIMESTAMP '{until}')")),
            None => late.push(id),
        }
    }
    let [begin, end] = WINDOWS;
    let windows = if partly.is_empty() {
        [String::new(), String::new()]
    } else {
        ["(SELECT * FROM ".to_owned(), format!(" WHERE NOT ({})) AS in_time", partly.join(" OR "))]
    };
    let query = view.query.replace(begin, &windows[0]).replace(end, &windows[1]);
    match view.remaining(&late, watermark_us) {
        Some(rest) => format!("WITH remaining AS ({rest}) {}", query.replace(RELATION, "remaining")),
        None => query.replace(RELATION, &view.reads),
    }
}

/// Some lines that only one side has.
fn difference(kept: &[String], batch: &[String]) -> String {
    let only = |left: &[String], right: &[String]| {
        let lines = left.iter().filter(|line| !right.contains(line)).take(5);
        lines.map(|line| format!("  {line}\n")).collect::<String>()
    };
    let (view, query) = (only(kept, batch), only(batch, kept));
    format!("{} rows in the view, {} in batch; only there:\n{view}only here:\n{query}", kept.len(), batch.len())
}

/// Views that the planner takes. It may refuse one only because two of its aggregates differ in nothing but a cast.
fn planned(random: &mut Random) -> (Vec<View>, String) {
    loop {
        let views = views(random);
        let text: String = views.iter().map(View::declaration).collect();
        match try_compile(&format!("{EVENTS}\n{THINGS}\n{text}")) {
            Ok(_) => return (views, text),
            Err(refused)
                if [
                    "differ only in a cast",
                    "have the same name",
                    "two columns are called",
                    "no row can be late here",
                    "its rows never change",
                ]
                .iter()
                .any(|why| refused.to_string().contains(why)) => {}
            Err(refused) => panic!("{text}\n{refused}"),
        }
    }
}

/// Takes some rows out of the table, and brings others, equal ones too.
fn change(things: &mut Vec<Thing>, random: &mut Random) {
    things.retain(|_| !random.chance(1, 4));
    for _ in 0..random.below(12) {
        let thing = Thing {
            id: random.chance(7, 8).then(|| random.below(60) as i64),
            k: random.chance(7, 8).then(|| pick(random, &["ant", "bee", "cat", "", "dog, \"e\""])),
            g: random.chance(7, 8).then(|| random.below(5) as i32),
            price: random.below(3000) as i128,
        };
        let copies = if random.chance(1, 5) { 2 } else { 1 };
        things.extend(std::iter::repeat_n(thing, copies));
    }
}

fn story(seed: u64, compared: &mut Compared) {
    let mut random = Random::new(seed ^ 0x51EE_7E57);
    let (views, text) = planned(&mut random);
    let _story = Story { seed, text: text.clone() };
    let world = World::new(seed, &format!("{THINGS}\n{text}"));
    let mut rows = Rows::new(seed);
    let mut places = Places::new();
    let mut life: Option<Life> = None;
    for round in 0..4 {
        let workers = [1, 2, 5][random.below(3) as usize];
        let tick_bytes = 1 + random.below(20_000) as usize;
        drop(life.take());
        let mut options = Options { threads: random.chance(1, 6), ..options(workers, tick_bytes) };
        if tick_bytes.is_multiple_of(2) {
            options.checkpoint_share_bytes = Options::default().checkpoint_share_bytes;
        }
        let mut now = world.open(options, false).unwrap_or_else(|error| panic!("{error}"));
        for _ in 0..random.below(10) {
            feed(&now, &world, &mut rows, &mut random, &mut places);
            for _ in 0..random.below(4) {
                now.engine.step().unwrap_or_else(|error| panic!("{error}"));
            }
            world.clock.advance(Duration::from_millis(random.below(30)));
            if random.chance(1, 4) {
                world.things.change(|things| change(things, &mut random));
            }
        }
        // Others end in the middle, and the next life goes on from their last checkpoint.
        if round == 3 || random.chance(1, 3) {
            now.settle().unwrap_or_else(|error| panic!("{error}"));
            compare(&world, &now, &views, &places, &format!("round {round}, {workers} workers"), compared);
        }
        life = Some(now);
    }
}

#[test]
fn random_views_equal_batch() {
    let mut compared = Compared::new();
    let seeds = seeds(400);
    seeds.iter().for_each(|seed| story(*seed, &mut compared));
    println!("{} seeds:", seeds.len());
    for (what, (views, rows)) in &compared {
        println!("{views:>6} times {what} with {rows} rows");
        assert!(*rows > 0 || seeds.len() < 40, "no view of {what} had rows");
    }
}
