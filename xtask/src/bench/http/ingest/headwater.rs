//! A node with one stream and nothing that reads it but its archive, which every stream has.

use std::path::Path;

use anyhow::{Context, Result};

use super::super::client::{self, Client};
use super::super::{READY, Settings, events};
use super::{Connection, Running, System};
use crate::bench;
use crate::node::{Binary, Node, Start};

pub struct Headwater<'a> {
    settings: &'a Settings,
    start: Start,
}

impl Headwater<'_> {
    pub fn new(settings: &Settings) -> Result<Headwater<'_>> {
        let project = bench::project("http", &settings.folder, "events", &["events.sql"])?;
        Ok(Headwater { settings, start: Start::new(project, "").workers(settings.workers) })
    }
}

impl System for Headwater<'_> {
    fn name(&self) -> &'static str {
        "http"
    }

    fn start(&self, folder: &Path) -> Result<Box<dyn Running>> {
        let start = Start { data_dir: folder.join("data"), ..self.start.clone() };
        let mut node = start.spawn(&self.settings.binary)?;
        node.wait_ready(READY)?;
        Ok(Box::new(RunningNode { node, binary: self.settings.binary.clone(), start }))
    }
}

struct RunningNode {
    node: Node,
    binary: Binary,
    start: Start,
}

impl Running for RunningNode {
    fn pid(&self) -> u32 {
        self.node.pid()
    }

    fn connect(&self, _: usize, batches: &[Vec<&str>]) -> Result<Box<dyn Connection>> {
        let address = self.node.http().context("the node has announced no address for HTTP")?;
        Ok(Box::new(connect(&address, batches)?))
    }

    fn stored(&self) -> Result<u64> {
        let rows = self.binary.sql(&self.start.data_dir, "SELECT count(*) FROM events")?;
        rows.first().and_then(|row| row.first()?.parse().ok()).context("count(*) gave no number")
    }
}

pub struct Appends {
    client: Client,
    requests: Vec<Vec<u8>>,
    next: usize,
}

pub fn connect(address: &str, batches: &[Vec<&str>]) -> Result<Appends> {
    let requests = batches.iter().map(|batch| client::append("events", &events::lines(batch.iter().copied())));
    Ok(Appends { client: Client::connect(address)?, requests: requests.collect(), next: 0 })
}

impl Connection for Appends {
    fn send(&mut self) -> Result<()> {
        self.client.ok(&self.requests[self.next])?;
        self.next = (self.next + 1) % self.requests.len();
        Ok(())
    }
}
