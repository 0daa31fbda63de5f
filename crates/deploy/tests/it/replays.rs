//! Views that come, go and change, and columns too, while rows come and the node dies: each always ends as its query in batch.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use headwater_base::files::simulated::Faults;
use headwater_base::random::Random;
use headwater_sql::ast::Run;

use crate::world::{Life, Result, World, now_us};

/// The stream's columns, which come, go and widen in this order while it has rows. Records have them all at any time.
const SHAPES: [&str; 3] = [
    "id BIGINT NOT NULL, k INT, v BIGINT, at TIMESTAMP NOT NULL",
    "id BIGINT NOT NULL, k INT, w SMALLINT, v BIGINT, at TIMESTAMP NOT NULL",
    "id BIGINT NOT NULL, k BIGINT, v DECIMAL(20, 1), at TIMESTAMP NOT NULL, x DOUBLE",
];

/// Views that only the last of the shapes can have.
const LAST: [(&str, &str); 2] = [
    ("with_x", "SELECT id, x FROM events"),
    ("by_x", "SELECT k, count(*) AS n, count(x) AS with_x, sum(v) AS total FROM events GROUP BY k"),
];

const EVENTS: &str = "WATERMARK FOR at AS at - INTERVAL '5 seconds',
    CONSTRAINT small EXPECT (v < 100) ON VIOLATION QUARANTINE)
    WITH (partitions = 3, format = 'json', retention = '1 second');";

/// Name, queries of which it has one at a time, and whether its rows leave when a window closes.
const POOL: [(&str, [&str; 2]); 16] = [
    ("kept", ["SELECT id, k, v, at FROM events WHERE v > 10", "SELECT id, k, v FROM events WHERE v > 30"]),
    (
        "by_key",
        [
            "SELECT k, count(*) AS n FROM events GROUP BY k",
            "SELECT k, count(*) AS n, sum(v) AS total FROM events GROUP BY k",
        ],
    ),
    ("over_kept", ["SELECT k, sum(v) AS total FROM kept GROUP BY k", "SELECT count(*) AS n FROM kept"]),
    (
        "windows",
        [
            "SELECT window_start, count(*) AS n FROM TUMBLE(events, at, INTERVAL '10 seconds') GROUP BY window_start, window_end",
            "SELECT window_start, k, sum(v) AS total FROM TUMBLE(events, at, INTERVAL '10 seconds') GROUP BY window_start, window_end, k",
        ],
    ),
    (
        "priced",
        [
            "SELECT id, price FROM events JOIN prices ON prices.k = events.k",
            "SELECT prices.k, count(*) AS n FROM prices LEFT JOIN events ON prices.k = events.k GROUP BY prices.k",
        ],
    ),
    ("of_prices", ["SELECT count(*) AS n, sum(price) AS total FROM prices", "SELECT k FROM prices WHERE price > 5"]),
    ("over_by_price", ["SELECT count(*) AS n, sum(n) AS rows FROM by_price", "SELECT n FROM by_price WHERE n > 1"]),
    // Changed above what is kept, or over a view that stays: without history.
    (
        "having",
        [
            "SELECT k, sum(v) AS total, count(*) AS n FROM events GROUP BY k HAVING sum(v) > 100",
            "SELECT k, sum(v) + count(*) AS both FROM events GROUP BY k",
        ],
    ),
    (
        "over_having",
        ["SELECT count(*) AS n FROM having", "SELECT count(*) AS n FROM having EMIT CHANGES EVERY INTERVAL '1 second'"],
    ),
    (
        "joined",
        [
            "SELECT events.id, prices.price + 1 AS price FROM events LEFT JOIN prices ON prices.k = events.k",
            "SELECT max(events.id) AS id, prices.price FROM events LEFT JOIN prices ON prices.k = events.k GROUP BY prices.price",
        ],
    ),
    (
        "ranked",
        [
            "SELECT id, k, rank FROM (SELECT *, row_number() OVER (PARTITION BY k ORDER BY id DESC) AS rank FROM events) WHERE rank <= 2",
            "SELECT sum(id) AS id, rank FROM (SELECT *, row_number() OVER (PARTITION BY k ORDER BY id DESC) AS rank FROM events) WHERE rank <= 2 GROUP BY rank",
        ],
    ),
    (
        "paced",
        [
            "SELECT k, max(v) AS most FROM events GROUP BY k EMIT CHANGES EVERY INTERVAL '1 second'",
            "SELECT k, max(v) + 1 AS most FROM events GROUP BY k EMIT CHANGES EVERY INTERVAL '3 seconds'",
        ],
    ),
    // Read what is told late, goes after a time or closes: a replay of them must have been told the same as the node.
    (
        "over_paced",
        [
            "SELECT events.id, most FROM events JOIN paced ON paced.k = events.k",
            "SELECT count(*) AS n, sum(most) AS total FROM events JOIN paced ON paced.k = events.k",
        ],
    ),
    (
        "of_recent",
        [
            "SELECT events.id, recent.v FROM events JOIN recent ON recent.id = events.id",
            "SELECT count(*) AS n FROM events JOIN recent ON recent.id = events.id",
        ],
    ),
    (
        "of_closed",
        [
            "SELECT events.k, sum(n) AS n FROM events JOIN closed ON closed.k = events.k GROUP BY events.k",
            "SELECT k, count(*) AS windows, sum(n) AS n FROM closed GROUP BY k",
        ],
    ),
    ("large", ["SELECT k, total FROM by_key_sum WHERE total > 200", "SELECT count(*) AS n FROM by_key_sum"]),
];

/// Always there, so that some state is kept through every change.
const STAYS: [(&str, &str); 2] = [
    ("by_key_sum", "SELECT k, sum(v) AS total FROM events GROUP BY k"),
    ("by_price", "SELECT price, count(*) AS n FROM prices GROUP BY price"),
];

/// Always there, and read by others.
const BESIDE: &str =
    "CREATE MATERIALIZED VIEW recent WITH (state_retention = '40 seconds') AS SELECT id, v FROM events;
CREATE MATERIALIZED VIEW closed AS SELECT window_start, k, count(*) AS n
    FROM TUMBLE(events, at, INTERVAL '7 seconds') GROUP BY window_start, window_end, k EMIT ON WINDOW CLOSE;
";

/// A table that has rows from time to time.
const PRICES: &str = "CREATE TABLE prices (k BIGINT, price BIGINT);";

/// What the engine has no part in, in what comes, changes and goes.
const AROUND: [&str; 3] = [
    "",
    "CREATE VIEW plain AS SELECT k FROM by_key_sum; CREATE CHART drawn AS BAR (x = k, y = total) FROM by_key_sum;",
    "CREATE VIEW plain AS SELECT k + 1 AS k FROM by_key_sum;
CREATE EXPECTATIONS kept_well ON by_price (column_values_to_not_be_null(n));
CREATE MATERIALIZED VIEW seldom REFRESH MANUAL AS SELECT k, price FROM prices;",
];

#[derive(Default)]
struct Wanted {
    /// Which of what stands around.
    around: usize,
    /// Of the stream.
    shape: usize,
    /// Which query each of the pool has; none where it is not wanted.
    pool: [Option<usize>; POOL.len()],
}

fn statements(wanted: &Wanted) -> String {
    let mut text = format!("{PRICES}\nCREATE STREAM events ({}, {EVENTS}\n", SHAPES[wanted.shape]);
    text.push_str(BESIDE);
    text.push_str(AROUND[wanted.around]);
    for (name, query) in STAYS.iter().chain(LAST.iter().filter(|_| wanted.shape + 1 == SHAPES.len())) {
        text.push_str(&format!("CREATE MATERIALIZED VIEW {name} AS {query};\n"));
    }
    for ((name, queries), variant) in POOL.iter().zip(wanted.pool) {
        if let Some(variant) = variant.filter(|_| !reads_missing(name, wanted)) {
            text.push_str(&format!("CREATE MATERIALIZED VIEW {name} AS {};\n", queries[variant]));
        }
    }
    text
}

/// What reads a view that is not wanted is not wanted either.
fn reads_missing(name: &str, wanted: &Wanted) -> bool {
    let read = POOL.iter().position(|(each, _)| name.strip_prefix("over_") == Some(*each));
    read.is_some_and(|read| wanted.pool[read].is_none())
}

struct Rows {
    next_id: i64,
    seconds: i64,
}

impl Rows {
    fn next(&mut self, random: &mut Random) -> String {
        self.next_id += 1;
        self.seconds += random.below(2) as i64;
        let back = if random.chance(1, 10) { random.below(60) } else { random.below(5) } as i64;
        let at = self.seconds - back;
        let v = if random.chance(1, 20) { 500 } else { random.below(100) };
        let (id, k) = (self.next_id, random.below(4));
        if random.chance(1, 30) {
            return "{\"id\": \"broken\"".to_owned();
        }
        let (hour, minute, second) = (at / 3600, at / 60 % 60, at % 60);
        format!(
            r#"{{"id":{id},"k":{k},"v":{v},"w":{},"x":{id}.5,"at":"2020-09-01 {hour:02}:{minute:02}:{second:02}"}}"#,
            id % 7
        )
    }
}

fn live(world: &World, wanted: &mut Wanted, rows: &mut Rows, random: &mut Random) -> Result<()> {
    let workers = [1, 2, 5][random.below(3) as usize];
    let mut life = world.open(workers)?;
    life.resume_all()?;
    life.apply(&statements(wanted))?;
    for _ in 0..12 {
        let records: Vec<String> = (0..1 + random.below(30)).map(|_| rows.next(random)).collect();
        life.append("events", random.below(3) as u32, &records, now_us(world))?;
        for _ in 0..random.below(6) {
            life.running.step()?;
        }
        world.clock.advance(Duration::from_millis(random.below(60)));
        if random.chance(1, 4) {
            let which = random.below(POOL.len() as u64) as usize;
            wanted.pool[which] = [None, Some(0), Some(1)][random.below(3) as usize];
            life.resume_all()?;
            life.apply(&statements(wanted))?;
        }
        if random.chance(1, 5) {
            wanted.around = random.below(AROUND.len() as u64) as usize;
            life.apply(&statements(wanted))?;
        }
        if random.chance(1, 20) && wanted.shape + 1 < SHAPES.len() {
            wanted.shape += 1;
            life.resume_all()?;
            life.apply(&statements(wanted))?;
        }
        if random.chance(1, 3) {
            let row = |random: &mut Random| (random.below(5) as i64, random.below(9) as i64);
            let rows: Vec<(i64, i64)> = (0..1 + random.below(4)).map(|_| row(random)).collect();
            life.insert(world, &rows)?;
        }
        if random.chance(1, 6) {
            let names = ["by_key_sum", "kept", "by_key", "over_kept", "windows", "large", "by_price", "over_by_price"];
            let run = [Run::Pause, Run::Resume, Run::Reset][random.below(3) as usize];
            life.tell(names[random.below(names.len() as u64) as usize], run)?;
        }
        if random.chance(1, 8) {
            life.settle()?;
        }
    }
    Ok(())
}

fn look(world: &World, life: &mut Life, wanted: &Wanted, seed: u64) {
    let letters = life.letters();
    let mut seen = BTreeSet::new();
    for letter in letters.iter().filter(|letter| letter["relation"] == "events") {
        let place = (letter["partition_id"].as_i64(), letter["record_offset"].as_i64());
        assert!(seen.insert(place), "seed {seed}: a dead letter of the stream stands twice: {letter}");
    }
    let late: BTreeSet<String> = letters
        .iter()
        .filter(|letter| letter["reason"] == "late" && letter["relation"] == "windows")
        .map(|letter| format!("(_partition = {} AND _offset = {})", letter["partition_id"], letter["record_offset"]))
        .chain(["false".to_owned()])
        .collect();
    life.running.engine().and_then(|engine| Ok(engine.flush_archives()?)).expect("archived");
    let mut compare = |view: &str, query: &str| {
        let (kept, batch) = (world.query(life, &format!("SELECT * FROM {view}")), world.query(life, query));
        assert_eq!(kept, batch, "seed {seed}: {view} is not {query}");
    };
    for (name, query) in STAYS.iter().chain(LAST.iter().filter(|_| wanted.shape + 1 == SHAPES.len())) {
        compare(name, query);
    }
    for ((name, queries), variant) in POOL.iter().zip(wanted.pool) {
        let Some(variant) = variant.filter(|_| !reads_missing(name, wanted)) else { continue };
        let query = if *name == "windows" {
            let late: Vec<&str> = late.iter().map(String::as_str).collect();
            let rest = format!("(SELECT k, v, at FROM archive.events WHERE NOT ({}))", late.join(" OR "));
            format!("WITH remaining AS {rest} {}", queries[variant].replace("TUMBLE(events", "TUMBLE(remaining"))
        } else {
            queries[variant].split(" EMIT ").next().unwrap_or_default().to_owned()
        };
        compare(name, &query);
    }
}

fn story(seed: u64) {
    let mut random = Random::new(seed);
    let world = World::new(seed);
    let mut rows = Rows { next_id: 0, seconds: 3600 };
    let mut wanted = Wanted::default();
    for _ in 0..4 {
        let crash_at = random.chance(2, 3).then(|| world.disk.operations() + 1 + random.below(1500));
        world.disk.set_faults(Faults { crash_at_operation: crash_at, ..Faults::default() });
        let lived = live(&world, &mut wanted, &mut rows, &mut random);
        world.disk.set_faults(Faults::default());
        if crash_at.is_none() {
            lived.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        }
        if world.disk.is_off() { world.disk.restart() } else { world.disk.crash() }
    }
    let mut life = world.open(2).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    life.resume_all().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    life.apply(&statements(&wanted)).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    life.settle().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    look(&world, &mut life, &wanted, seed);
}

#[test]
fn views_that_come_and_change_are_what_batch_says() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("HEADWATER_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("HEADWATER_SEEDS").unwrap_or(12)).collect(),
    };
    seeds.into_iter().for_each(story);
}

/// Whose engine it is.
fn engine(life: &mut Life) -> *const () {
    Arc::as_ptr(life.running.engine().expect("an engine").published()).cast()
}

#[test]
fn an_engine_goes_on_when_what_stands_around_it_changes() {
    let world = World::new(1);
    let mut life = world.open(2).expect("a life");
    let mut wanted = Wanted::default();
    wanted.pool[5] = Some(0);
    life.apply(&statements(&wanted)).expect("declared");
    let (before, version) = (engine(&mut life), life.running.version());
    for around in [1, 2, 0] {
        wanted.around = around;
        life.apply(&statements(&wanted)).expect("declared");
        assert_eq!(engine(&mut life), before, "around {around}");
    }
    assert_eq!(life.running.version(), version + 3, "each is seen");
    // What it reads, and what it keeps, are its own.
    let prices = PRICES.replace("price BIGINT", "price BIGINT, name VARCHAR");
    life.apply(&statements(&wanted).replace(PRICES, &prices)).expect("declared");
    let with_name = engine(&mut life);
    assert_ne!(with_name, before);
    wanted.shape = 1;
    life.apply(&statements(&wanted).replace(PRICES, &prices)).expect("declared");
    assert_ne!(engine(&mut life), with_name);
}
