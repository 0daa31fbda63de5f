//! Redis streams whose file is synced before each answer: a pipeline of XADD, and as many answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::peer::{Peer, free_port};
use super::{Connection, Running, System};
use crate::shell;

pub struct Redis;

impl Redis {
    pub fn install() -> Result<Redis> {
        shell::debian("redis-server", &["redis-server"])?;
        println!("redis is {}", shell::output(Command::new("redis-server").arg("--version"))?.trim());
        Ok(Redis)
    }
}

impl System for Redis {
    fn name(&self) -> &'static str {
        "redis_always"
    }

    /// Without snapshots and rewrites of its file, which would cost it time. Threads for its sockets are slower here.
    fn start(&self, folder: &Path) -> Result<Box<dyn Running>> {
        let port = free_port()?;
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""]);
        command.args(["--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"]);
        let peer = Peer::start(command.arg("--dir").arg(folder), port, &folder.join("server.log"))?;
        Ok(Box::new(RunningRedis(peer)))
    }
}

struct RunningRedis(Peer);

impl Running for RunningRedis {
    fn pid(&self) -> u32 {
        self.0.pid()
    }

    fn connect(&self, _: usize, batches: &[Vec<&str>]) -> Result<Box<dyn Connection>> {
        let stream = BufReader::with_capacity(64 << 10, self.0.connect()?);
        let pipelines = batches.iter().map(|batch| {
            let commands = batch.iter().map(|event| command(&["XADD", "events", "*", "event", event]));
            (commands.collect::<Vec<_>>().concat(), batch.len())
        });
        Ok(Box::new(Pipelines { stream, pipelines: pipelines.collect(), next: 0, line: Vec::new() }))
    }

    fn stored(&self) -> Result<u64> {
        let mut stream = BufReader::new(self.0.connect()?);
        stream.get_mut().write_all(&command(&["XLEN", "events"]))?;
        let mut line = String::new();
        stream.read_line(&mut line)?;
        line.trim().strip_prefix(':').and_then(|n| n.parse().ok()).with_context(|| format!("XLEN answered {line:?}"))
    }
}

/// An array of bulk strings, as every command is sent.
fn command(words: &[&str]) -> Vec<u8> {
    let mut text = format!("*{}\r\n", words.len());
    for word in words {
        text.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    text.into_bytes()
}

struct Pipelines {
    stream: BufReader<TcpStream>,
    pipelines: Vec<(Vec<u8>, usize)>,
    next: usize,
    line: Vec<u8>,
}

impl Connection for Pipelines {
    fn send(&mut self) -> Result<()> {
        let (pipeline, commands) = &self.pipelines[self.next];
        self.stream.get_mut().write_all(pipeline).context("cannot send to Redis")?;
        for _ in 0..*commands {
            self.line.clear();
            self.stream.read_until(b'\n', &mut self.line).context("no answer from Redis")?;
            let text = std::str::from_utf8(&self.line).unwrap_or_default().trim_end();
            // A bulk string: the entry's number, and the line's end after it.
            let Some(length) = text.strip_prefix('$').and_then(|n| n.parse::<usize>().ok()) else {
                bail!("Redis answered {text:?}");
            };
            self.line.resize(length + 2, 0);
            self.stream.read_exact(&mut self.line).context("Redis broke an answer off")?;
        }
        self.next = (self.next + 1) % self.pipelines.len();
        Ok(())
    }
}
