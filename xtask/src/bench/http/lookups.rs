//! Rows of a keyed view by their keys: at a fixed rate, and as fast as answers come.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::client::{self, Client};
use super::quantiles::{Quantiles, us};
use super::schedule::Schedule;
use super::{READY, Settings, figure, number, postgres, quantile_figures, usage};
use crate::bench;
use crate::node::{Node, Start};
use crate::random::Random;
use crate::shell;

pub const KEYS: u64 = 100_000;

/// Lookups a second.
pub const RATE: u64 = 10_000;

const CONNECTIONS: usize = 32;
const CONNECTIONS_UNPACED: usize = 8;

pub fn run(settings: &Settings) -> Result<()> {
    let folder = settings.folder.join("lookups");
    shell::fresh_dir(&folder)?;
    let node = start(settings, &folder, &["seen.sql"])?;
    for door in [Door::Http, Door::Postgres] {
        let name = format!("{}_lookups", door.name());
        let asked = ask(door.clients(&node, CONNECTIONS)?, Some(RATE), settings.latency_seconds)?;
        figure(&format!("{name}_{RATE}_reached"), asked.per_second(), "lookups/s");
        quantile_figures(&format!("{name}_{RATE}"), &asked.from_due);
        figure(&format!("{name}_{RATE}_from_sending_p99"), asked.from_sending.ms(0.99), "ms");
        let asked = ask(door.clients(&node, CONNECTIONS_UNPACED)?, None, settings.seconds)?;
        figure(&format!("{name}_{CONNECTIONS_UNPACED}"), asked.per_second(), "lookups/s");
        figure(&format!("{name}_{CONNECTIONS_UNPACED}_p99"), asked.from_sending.ms(0.99), "ms");
    }
    drop(node);
    std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))
}

/// A node of a project with `seen.sql`, once the view has all keys.
pub fn start(settings: &Settings, folder: &Path, files: &[&str]) -> Result<Node> {
    let project = bench::project("http", folder, "project", files)?;
    let keys = folder.join("keys.ndjson");
    std::fs::write(&keys, (0..KEYS).map(|id| format!("{{\"id\":{id}}}\n")).collect::<String>())?;
    let start = Start::new(project, folder.join("data")).set("keys", keys.display()).workers(settings.workers);
    let mut node = start.spawn(&settings.binary)?;
    node.wait_ready(READY)?;
    let mut client = postgres::Client::connect(&postgres_address(&node)?)?;
    let began = shell::now();
    while number(&client.query("SELECT count(*) FROM seen")?)? != KEYS {
        if began.elapsed() > READY {
            bail!("the view never had its {KEYS} rows");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    usage::until_rest(node.pid(), READY);
    Ok(node)
}

pub fn http_address(node: &Node) -> Result<String> {
    node.http().context("the node has announced no address for HTTP")
}

pub fn postgres_address(node: &Node) -> Result<String> {
    node.postgres().context("the node has announced no address for PostgreSQL clients")
}

/// How a row is asked for.
#[derive(Debug, Clone, Copy)]
pub enum Door {
    Http,
    Postgres,
}

/// One connection.
pub trait Ask: Send {
    /// Looks a key up and checks that the answer is its row.
    fn ask(&mut self, key: u64) -> Result<()>;
}

impl Door {
    pub fn name(self) -> &'static str {
        match self {
            Door::Http => "http",
            Door::Postgres => "postgres",
        }
    }

    pub fn clients(self, node: &Node, connections: usize) -> Result<Vec<Box<dyn Ask>>> {
        (0..connections).map(|_| self.client(node)).collect()
    }

    fn client(self, node: &Node) -> Result<Box<dyn Ask>> {
        Ok(match self {
            Door::Http => Box::new(Client::connect(&http_address(node)?)?),
            Door::Postgres => {
                let mut client = postgres::Client::connect(&postgres_address(node)?)?;
                client.prepare("SELECT id, times FROM seen WHERE id = $1")?;
                Box::new(client)
            }
        })
    }
}

impl Ask for Client {
    fn ask(&mut self, key: u64) -> Result<()> {
        let body = self.ok(&client::get(&format!("/v1/tables/seen/{key}")))?;
        let row: serde_json::Value = serde_json::from_slice(body).context("a row that is no JSON")?;
        if row["id"] != key || row["times"] != 1 {
            bail!("the row of key {key} came as {row}");
        }
        Ok(())
    }
}

impl Ask for postgres::Client {
    fn ask(&mut self, key: u64) -> Result<()> {
        let key = key.to_string();
        let rows = self.execute(&key)?;
        match rows.first().map(Vec::as_slice) {
            Some([Some(id), Some(times)]) if *id == key && times == "1" => Ok(()),
            _ => bail!("the row of key {key} came as {rows:?}"),
        }
    }
}

/// What many connections measured together.
pub struct Asked {
    /// From the moment that each lookup was due; where there was no rate, from sending it.
    pub from_due: Quantiles,
    pub from_sending: Quantiles,
    seconds: f64,
}

impl Asked {
    pub fn per_second(&self) -> f64 {
        self.from_due.count() as f64 / self.seconds
    }
}

/// Looks keys up over all connections at once, `rate` a second altogether or as fast as answers come.
pub fn ask(clients: Vec<Box<dyn Ask>>, rate: Option<u64>, length: Duration) -> Result<Asked> {
    let start = shell::now() + Duration::from_millis(100);
    let schedules = match rate {
        Some(rate) => {
            let turns = Schedule::turns(start, Duration::from_secs(1) / rate as u32, clients.len());
            turns.into_iter().map(Some).collect()
        }
        None => vec![None; clients.len()],
    };
    let (mut from_due, mut from_sending) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        let threads = clients.into_iter().zip(schedules).enumerate().map(|(number, (mut client, schedule))| {
            scope.spawn(move || match schedule {
                Some(schedule) => paced(&mut *client, number as u64, schedule, schedule.count(start + length)),
                None => unpaced(&mut *client, number as u64, length),
            })
        });
        for thread in threads.collect::<Vec<_>>() {
            match thread.join() {
                Ok(times) => {
                    let (due, sending) = times?;
                    from_due.extend(due);
                    from_sending.extend(sending);
                }
                Err(_) => bail!("a thread of the load panicked"),
            }
        }
        Ok(())
    })?;
    let seconds = shell::now().saturating_duration_since(start).as_secs_f64();
    Ok(Asked { from_due: Quantiles::of(from_due)?, from_sending: Quantiles::of(from_sending)?, seconds })
}

type Times = (Vec<u64>, Vec<u64>);

fn paced(client: &mut dyn Ask, seed: u64, schedule: Schedule, count: u64) -> Result<Times> {
    let mut random = Random::new(seed);
    let (mut from_due, mut from_sending) = (Vec::new(), Vec::new());
    for number in 0..count {
        let due = schedule.wait(number);
        let sent = shell::now();
        client.ask(random.below(KEYS))?;
        from_due.push(us(due.elapsed()));
        from_sending.push(us(sent.elapsed()));
    }
    Ok((from_due, from_sending))
}

fn unpaced(client: &mut dyn Ask, seed: u64, length: Duration) -> Result<Times> {
    let mut random = Random::new(seed);
    let mut times = Vec::new();
    let began = shell::now();
    while began.elapsed() < length {
        let sent = shell::now();
        client.ask(random.below(KEYS))?;
        times.push(us(sent.elapsed()));
    }
    Ok((times.clone(), times))
}
