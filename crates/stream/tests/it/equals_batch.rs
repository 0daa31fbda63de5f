//! Every streaming query against the batch engine on the same rows, less the dead letters: at 1, 2 and 5 workers, in
//! any batches, out of order, stopped at any moment and resumed with another number of workers.

use std::collections::BTreeMap;
use std::time::Duration;

use headwater_base::random::Random;
use headwater_stream::engine::Options;

use crate::world::{Life, World, agree, now_us, options};

/// View and query. A view over a view reads it by name, in batch as in stream.
pub const VIEWS: &[(&str, &str)] = &[
    ("kept", "SELECT id, k, g, v, price, x, at FROM events WHERE v > 10 OR v IS NULL"),
    (
        "by_key",
        "SELECT k, g, count(*) AS n, count(v) AS values, sum(v) AS total, avg(v) AS mean, sum(price) AS money, \
         avg(price) AS mean_price, sum(x) AS floats, sum(v) FILTER (WHERE v > 50) AS large FROM events GROUP BY k, g",
    ),
    ("by_count", "SELECT n, count(*) AS groups, sum(total) AS total, avg(floats) AS floats FROM by_key GROUP BY n"),
    ("all_of_it", "SELECT count(*) AS n, sum(price) AS money, avg(x) AS mean FROM kept"),
    ("by_sign", "SELECT round(x / 1e6) AS nothing, count(*) AS n FROM events GROUP BY round(x / 1e6)"),
    (
        "casts_apart",
        "SELECT (v > 50) IS UNKNOWN AS unknown, sum(v) AS whole, sum(f) AS floats \
         FROM (SELECT v, CAST(v AS DOUBLE) AS f FROM events) AS s GROUP BY (v > 50) IS UNKNOWN",
    ),
    ("having_many", "SELECT k, sum(v * 2) AS doubled FROM kept GROUP BY k HAVING count(*) > 5"),
    ("few_columns", "SELECT n, total FROM by_key WHERE g IS NOT NULL"),
    (
        "windows",
        "SELECT window_start, k, count(*) AS n, sum(price) AS money FROM TUMBLE(events, at, INTERVAL '10 seconds') \
         GROUP BY window_start, window_end, k",
    ),
    (
        "kept_windows",
        "SELECT window_end, count(*) AS n, sum(v) AS total FROM TUMBLE(kept, at, INTERVAL '1 minute') \
         GROUP BY window_end",
    ),
];

/// The views as statements.
pub fn declarations() -> String {
    VIEWS.iter().map(|(name, query)| format!("CREATE MATERIALIZED VIEW {name} AS {query};\n")).collect()
}

/// A closed window leaves once; what it holds is checked apart, because batch has no watermark.
const CLOSED: &str = "CREATE MATERIALIZED VIEW closed AS SELECT window_start, window_end, count(*) AS n, sum(v) AS total \
     FROM TUMBLE(events, at, INTERVAL '10 seconds') GROUP BY window_start, window_end EMIT ON WINDOW CLOSE;";

/// One seed, or so many, from the first on or from another: what a run of many hours is made of.
pub fn seeds(count: u64) -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("HEADWATER_SEED") {
        Some(seed) => vec![seed],
        None => {
            let first = number("HEADWATER_FIRST_SEED").unwrap_or(1);
            (first..first + number("HEADWATER_SEEDS").unwrap_or(count)).collect()
        }
    }
}

/// Random rows, some of them broken, late or against the rule.
pub struct Rows {
    random: Random,
    next_id: i64,
    time_us: i64,
}

impl Rows {
    pub fn new(seed: u64) -> Rows {
        Rows { random: Random::new(seed), next_id: 0, time_us: 1_599_000_000_000_000 }
    }

    pub fn next(&mut self) -> (i64, String) {
        let id = self.next_id;
        self.next_id += 1;
        let random = &mut self.random;
        self.time_us += random.below(1_500_000) as i64;
        let jitter = if random.chance(1, 12) { random.below(90_000_000) } else { random.below(15_000_000) };
        let at = self.time_us - jitter as i64;
        let seconds = at.div_euclid(1_000_000);
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let date = arrow::temporal_conversions::date32_to_datetime(days as i32).expect("a date").format("%Y-%m-%d");
        let time = format!("{date} {:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
        let maybe = |random: &mut Random, text: String| if random.chance(1, 9) { "null".to_owned() } else { text };
        let k = format!("\"{}\"", ["ant", "bee", "cat", "dog, \\\"e\\\"", ""][random.below(5) as usize]);
        let k = maybe(random, k);
        let g = random.below(4).to_string();
        let g = maybe(random, g);
        let v = if random.chance(1, 30) { 5000 } else { random.below(120) }.to_string();
        let v = maybe(random, v);
        let price = format!("{}.{:03}", random.below(5000) as i64 - 1000, random.below(1000));
        let price = maybe(random, price);
        let x = format!("{:.6}", (random.unit() - 0.5) * 1e6);
        let x = maybe(random, x);
        let record = if random.chance(1, 40) {
            "{\"id\": \"not a number\"".to_owned()
        } else {
            format!(r#"{{"id":{id},"k":{k},"g":{g},"v":{v},"price":{price},"x":{x},"at":"{time}"}}"#)
        };
        (id, record)
    }
}

/// What a test appended: ids by place in the log.
pub type Places = BTreeMap<(u32, i64), i64>;

pub fn feed(life: &Life, world: &World, rows: &mut Rows, random: &mut Random, places: &mut Places) {
    let partition = random.below(3) as u32;
    let (ids, records): (Vec<i64>, Vec<String>) = (0..1 + random.below(40)).map(|_| rows.next()).unzip();
    let first = life.append(partition, &records, now_us(world)).expect("appended");
    places.extend(ids.iter().enumerate().map(|(index, id)| ((partition, first + index as i64), *id)));
}

/// Compares every view with its query in batch, over the rows that are no dead letters of the view.
pub fn compare(world: &World, life: &Life, places: &Places, context: &str) {
    let letters = world.letters(life.log.as_ref());
    for (view, query) in VIEWS {
        let late: Vec<String> = letters
            .iter()
            .filter(|letter| letter["relation"] == *view)
            .map(|letter| {
                let place = (letter["partition_id"].as_i64(), letter["record_offset"].as_i64());
                let (Some(partition), Some(offset)) = place else {
                    panic!("a dead letter without its place: {letter}")
                };
                places[&(partition as u32, offset)].to_string()
            })
            .collect();
        let query = match late.as_slice() {
            [] => (*query).to_owned(),
            late => without(query, &late.join(",")),
        };
        let columns = query_columns(world, view);
        let kept = world.query(life, &format!("SELECT {columns} FROM {view}"));
        let batch = world.query(life, &query);
        assert!(agree(&kept, &batch), "{view}, {context}\n{kept:#?}\n{batch:#?}");
    }
}

/// The query over its relation less some rows.
fn without(query: &str, ids: &str) -> String {
    let relation = if query.contains("TUMBLE(kept") { "kept" } else { "events" };
    let rest = format!("(SELECT * FROM {relation} WHERE id NOT IN ({ids}))");
    let named = query.replace(&format!("TUMBLE({relation},"), "TUMBLE(remaining,");
    format!("WITH remaining AS {rest} {named}")
}

fn query_columns(world: &World, view: &str) -> String {
    let schema = match (world.relations.stream(view), world.relations.view(view)) {
        (Some(stream), _) => stream.schema.clone(),
        (None, Some(view)) => view.schema.clone(),
        (None, None) => panic!("there is no {view}"),
    };
    schema.fields().iter().map(|field| format!("\"{}\"", field.name())).collect::<Vec<_>>().join(", ")
}

#[test]
fn stream_equals_batch() {
    for seed in seeds(12) {
        let mut random = Random::new(seed);
        let world = World::new(seed, &declarations());
        let mut rows = Rows::new(seed ^ 0xABCD);
        let mut places = Places::new();
        let mut life = None;
        for round in 0..6 {
            let workers = [1, 2, 5][random.below(3) as usize];
            let tick_bytes = 1 + random.below(20_000) as usize;
            let threads = random.chance(1, 4);
            drop(life.take());
            let options = Options { threads, ..options(workers, tick_bytes) };
            let mut now = world.open(options, false).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            for _ in 0..random.below(12) {
                feed(&now, &world, &mut rows, &mut random, &mut places);
                for _ in 0..random.below(4) {
                    now.engine.step().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
                }
                world.clock.advance(Duration::from_millis(random.below(30)));
            }
            if random.chance(1, 2) {
                now.settle().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
                compare(&world, &now, &places, &format!("seed {seed}, round {round}, {workers} workers"));
            }
            life = Some(now);
        }
    }
}

#[test]
fn windows_that_close_by_the_clock_alone_are_kept() {
    let stream = "CREATE STREAM events (id BIGINT NOT NULL, at TIMESTAMP NOT NULL, WATERMARK FOR at AS at)
         WITH (partitions = 2, format = 'json', idle_timeout = '1 second');";
    let world = World::over(1, stream, &CLOSED.replace("sum(v)", "sum(id)"));
    let mut life = world.open(options(1, 4000), true).expect("opened");
    let most_of_the_timeout = Duration::from_millis(600);
    world.clock.advance(most_of_the_timeout);
    let rows = [1, 12].map(|second| format!(r#"{{"id":{second},"at":"2020-09-01 00:00:{second:02}"}}"#));
    life.append(0, &rows, now_us(&world)).expect("appended");
    life.settle().expect("settled");
    assert_eq!(world.query(&life, "SELECT n, total FROM closed"), [""; 0], "an empty partition holds time back");
    world.clock.advance(most_of_the_timeout);
    life.settle().expect("settled");
    assert_eq!(world.query(&life, "SELECT n, total FROM closed"), ["1,1"], "an idle one does not");
    drop(life);
    let mut life = world.open(options(2, 4000), true).expect("opened");
    assert_eq!(world.query(&life, "SELECT n, total FROM closed"), ["1,1"]);
    life.settle().expect("settled");
    life.engine.flush_archives().expect("archived");
    assert_eq!(world.query(&life, "SELECT n, total FROM archive.closed"), ["1,1"]);
}

#[test]
fn a_closed_window_leaves_once_and_whole() {
    for seed in seeds(6) {
        let mut random = Random::new(seed);
        let world = World::new(seed, CLOSED);
        let mut rows = Rows::new(seed);
        let mut places = Places::new();
        for workers in [1, 5, 2] {
            let mut life = world.open(options(workers, 4000), false).expect("opened");
            for _ in 0..20 {
                feed(&life, &world, &mut rows, &mut random, &mut places);
                life.engine.step().expect("stepped");
                world.clock.advance(Duration::from_millis(7));
            }
            life.settle().expect("settled");
            let status = life.engine.published().lock().status.partitions.clone();
            let watermark = status.iter().map(|each| each.watermark_us.unwrap_or(i64::MIN)).min().expect("partitions");
            let letters = world.letters(life.log.as_ref());
            let late: Vec<String> = letters
                .iter()
                .filter(|letter| letter["reason"] == "late")
                .map(|letter| {
                    let partition = letter["partition_id"].as_i64().expect("a partition") as u32;
                    places[&(partition, letter["record_offset"].as_i64().expect("an offset"))].to_string()
                })
                .chain(["-1".to_owned()])
                .collect();
            let expected = world.query(
                &life,
                &format!(
                    "WITH remaining AS (SELECT * FROM events WHERE id NOT IN ({})) \
                     SELECT window_start, window_end, count(*), sum(v) FROM TUMBLE(remaining, at, INTERVAL '10 seconds') \
                     GROUP BY window_start, window_end HAVING CAST(window_end AS BIGINT) <= {watermark}",
                    late.join(",")
                ),
            );
            assert_eq!(world.query(&life, "SELECT * FROM closed"), expected, "seed {seed}, {workers} workers");
        }
    }
}
