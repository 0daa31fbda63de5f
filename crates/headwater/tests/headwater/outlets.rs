//! Sinks on a simulated disk, over crashes at any moment and places that fail: files have each row once, a server sees
//! each row under one key for ever.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use headwater_base::ErrorKind;
use headwater_base::clock::{Clock, ManualClock};
use headwater_base::files::simulated::{Faults, Simulated};
use headwater_base::files::{Files as _, read};
use headwater_base::random::Random;
use headwater_connect::outlet::files::{Files, Options};
use headwater_format::Format;
use headwater_log::embedded::Options as LogOptions;
use headwater_log::{Builder, EmbeddedLog, Log, TopicConfig};
use headwater_query::relation::{Stream, resolve};
use headwater_sql::{SourceText, Statement};
use headwater_stream::delivery::runner::{Runner, Step};
use headwater_stream::delivery::{Error, Limits, Outlet, Range, Result};

const PARTITIONS: u32 = 2;
/// Rows appended, steps made, crashes.
const ACTIONS: usize = 120;

const LIMITS: Limits = Limits { rows: 7, bytes: 400, wait: Duration::from_millis(50) };

/// A log on a disk of its own, which does not fail: what is tested here is what happens at the other end.
struct World {
    seed: u64,
    random: Random,
    disk: Simulated,
    clock: Arc<ManualClock>,
    stream: Arc<Stream>,
    /// By partition.
    ids: Vec<Vec<i64>>,
}

impl World {
    fn new(seed: u64) -> World {
        let text = format!(
            "CREATE STREAM events (id BIGINT NOT NULL, CONSTRAINT most EXPECT (id % 10 <> 3) ON VIOLATION DROP)
             WITH (partitions = {PARTITIONS}, format = 'json');"
        );
        let parsed = headwater_sql::parse(&SourceText::new("test.sql", text)).unwrap();
        let Statement::CreateStream(create) = &parsed[0].statement else { panic!("a stream") };
        let stream = Arc::new(resolve::stream(create, &parsed[0].source).unwrap());
        let clock = ManualClock::at(1_600_000_000_000_000);
        let disk = Simulated::with_clock(seed, clock.clone());
        disk.create_folders(Path::new("/log")).unwrap();
        let ids = vec![Vec::new(); PARTITIONS as usize];
        let world = World { seed, random: Random::new(seed), disk, clock, stream, ids };
        let config = TopicConfig { partitions: PARTITIONS, retention: None, archived: false };
        world.log().create_topic("events", &config).unwrap();
        world
    }

    fn log(&self) -> Arc<dyn Log> {
        let options = LogOptions::default();
        Arc::new(EmbeddedLog::open(self.disk.shared(), Path::new("/log"), self.clock.clone(), options).unwrap())
    }

    fn append(&mut self, log: &dyn Log) {
        let partition = self.random.below(u64::from(PARTITIONS));
        let mut builder = Builder::new();
        for _ in 0..=self.random.below(9) {
            let id = self.ids.iter().map(|ids| ids.len() as i64).sum::<i64>();
            builder.push(None, Some(format!(r#"{{"id":{id}}}"#).as_bytes()), 1_600_000_000_000);
            self.ids[partition as usize].push(id);
        }
        log.append("events", partition as u32, builder.build()).unwrap().wait().unwrap();
    }

    /// Appends records that the stream's rule drops: nothing of them leaves.
    fn append_dropped(&self, log: &dyn Log) {
        for partition in 0..PARTITIONS {
            let mut builder = Builder::new();
            builder.push(None, Some(br#"{"id":3}"#), 1_600_000_000_000);
            log.append("events", partition, builder.build()).unwrap().wait().unwrap();
        }
    }

    /// Runs sinks that die again and again, the last one to its end.
    fn live(&mut self, mut outlet: impl FnMut() -> Box<dyn Outlet>, mut crash: impl FnMut()) {
        let mut log = self.log();
        let mut runner = self.open(&log, outlet());
        for _ in 0..ACTIONS {
            match self.random.below(10) {
                0 | 1 => self.append(log.as_ref()),
                2 => self.append_dropped(log.as_ref()),
                3 => self.clock.advance(Duration::from_millis(self.random.below(60))),
                4 => {
                    drop((runner.take(), log));
                    self.disk.crash();
                    crash();
                    log = self.log();
                    runner = self.open(&log, outlet());
                }
                _ => match runner.as_mut().map(Runner::step) {
                    Some(stepped) => self.expect(stepped.map(|_| ())),
                    None => runner = self.open(&log, outlet()),
                },
            }
        }
        // The last life has to try again what the one before did, and finds nothing else behind it.
        drop((runner.take(), log));
        self.disk.crash();
        crash();
        log = self.log();
        self.append_dropped(log.as_ref());
        while runner.is_none() {
            runner = self.open(&log, outlet());
        }
        let mut runner = runner.unwrap();
        runner.hurry();
        loop {
            match runner.step() {
                Ok(Step::Idle) => {
                    assert_eq!(runner.lag(), 0, "seed {}: it does not come to its end", self.seed);
                    return;
                }
                stepped => self.expect(stepped.map(|_| ())),
            }
        }
    }

    /// None where the place is unavailable for now.
    fn open(&self, log: &Arc<dyn Log>, outlet: Box<dyn Outlet>) -> Option<Runner> {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        match Runner::open("s", outlet, Arc::clone(&self.stream), log, clock) {
            Ok(runner) => Some(runner),
            Err(error) => {
                self.expect(Err(error));
                None
            }
        }
    }

    fn expect(&self, done: headwater_stream::Result<()>) {
        if let Err(error) = done {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "seed {}: {error}", self.seed);
        }
    }

    /// The ids that are to leave, by partition, in their order.
    fn leaving(&self) -> Vec<Vec<i64>> {
        let leaving = |ids: &Vec<i64>| ids.iter().copied().filter(|id| id % 10 != 3).collect();
        self.ids.iter().map(leaving).collect()
    }
}

/// Every request that a server has taken in: by its partition and first offset, the last offset and the ids.
type Taken = BTreeMap<(u32, i64), (i64, Vec<i64>)>;

/// Answers late, with an error or not at all.
struct Server {
    random: Arc<Mutex<Random>>,
    taken: Arc<Mutex<Taken>>,
    seed: u64,
}

impl Outlet for Server {
    fn delivered(&mut self, _: u32) -> Result<Option<i64>> {
        Ok(None)
    }

    fn deliver(&mut self, range: &Range) -> Result<()> {
        let fate = self.random.lock().unwrap().below(4);
        if fate > 0 {
            let ids = range.rows.column(0).as_primitive::<Int64Type>().values().to_vec();
            assert!(!ids.is_empty() && ids.len() <= LIMITS.rows, "seed {}: {ids:?}", self.seed);
            let request = (range.until, ids);
            let mut taken = self.taken.lock().unwrap();
            let first = taken.entry((range.partition, range.from)).or_insert_with(|| request.clone());
            assert_eq!(first, &request, "seed {}: a request changed when it was sent again", self.seed);
        }
        let lost = || Error::new(ErrorKind::Unavailable, "no answer".to_owned());
        if fate > 1 { Ok(()) } else { Err(lost()) }
    }

    fn limits(&self) -> Limits {
        LIMITS
    }
}

#[test]
fn a_server_sees_each_row_under_one_key() {
    for seed in 0..200 {
        let mut world = World::new(seed);
        let taken: Arc<Mutex<Taken>> = Arc::default();
        let random = Arc::new(Mutex::new(Random::new(!seed)));
        let server =
            || -> Box<dyn Outlet> { Box::new(Server { random: Arc::clone(&random), taken: Arc::clone(&taken), seed }) };
        world.live(server, || {});
        let taken = taken.lock().unwrap();
        let mut found: Vec<Vec<i64>> = vec![Vec::new(); PARTITIONS as usize];
        let mut end = [0; PARTITIONS as usize];
        for ((partition, from), (until, ids)) in taken.iter() {
            let partition = *partition as usize;
            assert!(*from >= end[partition] && until > from, "seed {seed}: ranges overlap");
            end[partition] = *until;
            found[partition].extend(ids);
        }
        assert_eq!(found, world.leaving(), "seed {seed}");
    }
}

#[test]
fn files_have_each_row_once_on_a_disk_that_fails() {
    for seed in 0..200 {
        let mut world = World::new(seed);
        let disk = Simulated::with_clock(!seed, world.clock.clone());
        let options =
            Options { path: "/out".into(), format: Format::Json, stream: "events".to_owned(), limits: LIMITS };
        let files = || -> Box<dyn Outlet> { Box::new(Files::new(disk.shared(), options.clone())) };
        disk.set_faults(Faults { error_chance: Some((1, 12)), ..Faults::default() });
        world.live(files, || disk.crash());
        disk.set_faults(Faults::default());
        // What was delivered lasts.
        disk.crash();
        let mut found: Vec<Vec<i64>> = vec![Vec::new(); PARTITIONS as usize];
        for entry in disk.list(&options.path).unwrap() {
            if entry.name.starts_with('.') {
                continue;
            }
            let partition: usize = entry.name.split('-').nth(1).unwrap().parse().unwrap();
            let text = String::from_utf8(read(&disk, &options.path.join(&entry.name)).unwrap()).unwrap();
            let id = |line: &str| line.trim_matches(|c: char| !c.is_ascii_digit()).parse::<i64>().unwrap();
            found[partition].extend(text.lines().map(id));
        }
        assert_eq!(found, world.leaving(), "seed {seed}");
    }
}
