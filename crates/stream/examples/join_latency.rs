//! How long a row takes through a windowed join, beside a view with much state: from its append until an epoch shows the
//! pair that it makes. Then how long an engine takes to come up with that state.
//!
//! `cargo run --release -p headwater-stream --example join_latency [EVENTS_A_SECOND [SECONDS [KEYS_OF_STATE [WORKERS]]]]`

#[path = "shared/compile.rs"]
mod compile;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use compile::compile;
use headwater_base::clock::{Clock, SystemClock};
use headwater_base::files::Files;
use headwater_base::files::disk::Disk;
use headwater_base::objects::Objects;
use headwater_log::embedded::Options as LogOptions;
use headwater_log::{Builder, EmbeddedLog, Log};
use headwater_stream::engine::{Engine, Options, Parts, Role, Step};
use headwater_stream::graph::Graph;
use headwater_stream::sink::archive::Board;
use object_store::ObjectStore;
use tokio::runtime::Runtime;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const PROJECT: &str = "
CREATE STREAM l (k BIGINT NOT NULL, at TIMESTAMP NOT NULL, WATERMARK FOR at AS at - INTERVAL '1 second') WITH (format = 'csv');
CREATE STREAM r (k BIGINT NOT NULL, at TIMESTAMP NOT NULL, WATERMARK FOR at AS at - INTERVAL '1 second') WITH (format = 'csv');
CREATE STREAM s (k BIGINT NOT NULL, v BIGINT) WITH (format = 'csv');
CREATE MATERIALIZED VIEW pairs AS SELECT l.k, l.at AS left_at, r.at AS right_at
FROM TUMBLE(l, at, INTERVAL '2 seconds') AS l JOIN TUMBLE(r, at, INTERVAL '2 seconds') AS r
ON l.k = r.k AND l.window_start = r.window_start AND l.window_end = r.window_end;
CREATE MATERIALIZED VIEW held AS SELECT k, count(*) AS n, sum(v) AS total FROM s GROUP BY k;
";

/// How often rows are appended.
const BEAT: Duration = Duration::from_millis(5);

/// Of each second, rows that change the held state.
const CHANGES: u64 = 10_000;

struct World {
    graph: Arc<Graph>,
    log: Arc<dyn Log>,
    store: Arc<dyn ObjectStore>,
    clock: Arc<dyn Clock>,
    runtime: Arc<Runtime>,
    workers: usize,
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let mut next = |fallback: u64| arguments.next().unwrap_or(Ok(fallback));
    let (rate, seconds, keys, workers) = (next(100_000)?, next(20)?, next(0)?, next(2)? as usize);
    let folder = tempfile::tempdir()?;
    let world = World::open(folder.path(), workers)?;
    let mut engine = world.engine()?;
    fill(&world, &mut engine, keys)?;
    report_state(&engine, keys);
    measure(&world, &mut engine, rate, seconds, keys)?;
    engine.settle()?;
    drop(engine);
    let began = world.clock.elapsed();
    let mut engine = world.engine()?;
    engine.step()?;
    println!("figure recovery {:.3} s", (world.clock.elapsed() - began).as_secs_f64());
    Ok(())
}

impl World {
    fn open(folder: &Path, workers: usize) -> Result<World> {
        let (clock, files): (Arc<dyn Clock>, Arc<dyn Files>) = (SystemClock::shared(), Disk::shared());
        let log =
            EmbeddedLog::open(Arc::clone(&files), &folder.join("log"), Arc::clone(&clock), LogOptions::default())?;
        Ok(World {
            graph: Arc::new(compile(PROJECT)?.1),
            log: Arc::new(log),
            store: Arc::new(Objects::open(files, folder)?),
            clock,
            runtime: Arc::new(Runtime::new()?),
            workers,
        })
    }

    fn engine(&self) -> Result<Engine> {
        Ok(Engine::open(Parts {
            graph: Arc::clone(&self.graph),
            log: Arc::clone(&self.log),
            store: Arc::clone(&self.store),
            lake: None,
            tables: Arc::new(()),
            board: Board::default(),
            clock: Arc::clone(&self.clock),
            runtime: Arc::clone(&self.runtime),
            options: Options { workers: self.workers, ..Options::default() },
            role: Role::Node,
        })?)
    }

    fn append(&self, topic: &str, rows: impl Iterator<Item = String>) -> Result<()> {
        let mut builder = Builder::new();
        let now_ms = self.clock.now_us() / 1000;
        rows.for_each(|row| builder.push(None, Some(row.as_bytes()), now_ms));
        self.log.append(topic, 0, builder.build())?.wait()?;
        Ok(())
    }
}

/// Gives the view with state its keys.
fn fill(world: &World, engine: &mut Engine, keys: u64) -> Result<()> {
    for from in (0..keys).step_by(50_000) {
        world.append("s", (from..(from + 50_000).min(keys)).map(|key| format!("{key},{}", key * 7)))?;
        engine.step()?;
    }
    while engine.step()? == Step::Worked {}
    engine.settle()?;
    Ok(())
}

fn report_state(engine: &Engine, keys: u64) {
    let inner = engine.published().lock();
    let of_view = inner.status.operators.iter().filter(|(name, _)| name.starts_with("held/"));
    let operators: u64 = of_view.map(|(_, status)| status.state.state_bytes).sum();
    let table = inner.tables.get("held").map_or(0, |table| table.bytes());
    if keys > 0 {
        println!("figure state {:.0} MiB", (operators + table) as f64 / f64::from(1 << 20));
        println!("figure operator_bytes {:.1} a key", operators as f64 / keys as f64);
        println!("figure table_bytes {:.1} a key", table as f64 / keys as f64);
    }
    if let Some(written) = inner.status.checkpoint.and_then(|checkpoint| checkpoint.written) {
        println!("figure last_checkpoint {} ms, {} bytes", written.duration_us / 1000, written.bytes);
    }
}

fn measure(world: &World, engine: &mut Engine, rate: u64, seconds: u64, keys: u64) -> Result<()> {
    let done = AtomicBool::new(false);
    let pairs_a_beat = rate * BEAT.as_millis() as u64 / 2000;
    let (given, shown) = std::thread::scope(|scope| -> Result<_> {
        let producer = scope.spawn(|| -> Result<Vec<Duration>> {
            let given = produce(world, pairs_a_beat, seconds, keys);
            done.store(true, Ordering::Release);
            given
        });
        // How many pairs an epoch showed, and when.
        let mut shown: Vec<(Duration, u64)> = Vec::new();
        let mut checkpoint = Duration::ZERO;
        loop {
            let stepped = engine.step()?;
            let inner = engine.published().lock();
            let pairs = inner.status.rows.get("pairs").copied().unwrap_or(0);
            if let Some(written) = inner.status.checkpoint.and_then(|checkpoint| checkpoint.written) {
                checkpoint = checkpoint.max(Duration::from_micros(written.duration_us));
            }
            drop(inner);
            shown.push((world.clock.elapsed(), pairs));
            if stepped != Step::Worked {
                if done.load(Ordering::Acquire) {
                    break;
                }
                std::thread::sleep(Duration::from_micros(500));
            }
        }
        println!("figure longest_checkpoint {} ms", checkpoint.as_millis());
        let given = producer.join().map_err(|_| "the producer panicked")??;
        Ok((given, shown))
    })?;
    let mut waits: Vec<Duration> = Vec::new();
    let mut epochs = shown.iter().peekable();
    for (beat, at) in given.iter().enumerate() {
        let wanted = (beat as u64 + 1) * pairs_a_beat;
        while epochs.next_if(|(_, pairs)| *pairs < wanted).is_some() {}
        let Some((when, _)) = epochs.peek() else { return Err("not all pairs were shown".into()) };
        waits.push(when.saturating_sub(*at));
    }
    // Without the first second, in which all is new.
    let mut waits = waits.split_off((1000 / BEAT.as_millis()) as usize);
    waits.sort_unstable();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!("figure latency P50 {:.1} P95 {:.1} P99 {:.1} most {:.1} ms", at(0.5), at(0.95), at(0.99), at(1.0));
    let took = given.last().zip(given.first()).map_or(1.0, |(last, first)| (*last - *first).as_secs_f64());
    println!("figure given {:.0} events/s", given.len() as f64 * pairs_a_beat as f64 * 2.0 / took);
    Ok(())
}

/// Both rows of each pair at once, with the clock's time. Returns when each beat was given.
fn produce(world: &World, pairs: u64, seconds: u64, keys: u64) -> Result<Vec<Duration>> {
    let began = world.clock.elapsed();
    let mut given = Vec::new();
    let mut changed = 0;
    for beat in 0..seconds * 1000 / BEAT.as_millis() as u64 {
        let due = began + BEAT * beat as u32;
        std::thread::sleep(due.saturating_sub(world.clock.elapsed()));
        let at = world.clock.now_us();
        let (time, fraction) = (at / 1_000_000, at % 1_000_000);
        let time = chrono::DateTime::from_timestamp(time, 0).unwrap_or_default().format("%Y-%m-%d %H:%M:%S");
        let rows = || (beat * pairs..(beat + 1) * pairs).map(|key| format!("{key},{time}.{fraction:06}"));
        given.push(world.clock.elapsed());
        world.append("l", rows())?;
        world.append("r", rows())?;
        if keys > 0 {
            let changes = CHANGES * BEAT.as_millis() as u64 / 1000;
            world.append("s", (changed..changed + changes).map(|key| format!("{},1", key * 7919 % keys)))?;
            changed += changes;
        }
    }
    Ok(given)
}
