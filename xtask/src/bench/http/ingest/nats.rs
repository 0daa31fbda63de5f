//! NATS JetStream with file storage: messages published with an inbox, and an acknowledgement for each.
//!
//! By default its server acknowledges what the system's page cache has and syncs every two minutes; from 2.10 on it can
//! be told to sync each message before it acknowledges it. Both are measured, as what they are.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::peer::{Peer, free_port};
use super::{Connection, Running, System};
use crate::shell;

/// Debian 12 has 2.9, which knows no other interval than the default.
const WITH_INTERVAL: &str = "github.com/nats-io/nats-server/v2@v2.15.2";

pub struct Nats {
    name: &'static str,
    server: PathBuf,
    jetstream: &'static str,
}

/// Debian's server, and a newer one as `NATS_SERVER` names it, or built by Go where there is one.
pub fn installed(folder: &Path) -> Result<Vec<Nats>> {
    const ROOM: &str = "max_buffered_msgs: 1000000, max_buffered_size: 1GB";
    const ROOM_AND_SYNC: &str = "max_buffered_msgs: 1000000, max_buffered_size: 1GB, sync_interval: always";
    shell::debian("nats-server", &["nats-server"])?;
    let mut found = vec![Nats { name: "nats_debian_default", server: "nats-server".into(), jetstream: "" }];
    match newer(folder)? {
        Some(server) => {
            found.push(Nats { name: "nats_default", server: server.clone(), jetstream: ROOM });
            found.push(Nats { name: "nats_always", server, jetstream: ROOM_AND_SYNC });
        }
        None => println!(
            "nats with sync_interval always is left out: name a nats-server of 2.10 or later by NATS_SERVER, or install Go"
        ),
    }
    for nats in &found {
        let version = shell::output(Command::new(&nats.server).arg("--version"))?;
        println!("{} is {}; jetstream settings: {}", nats.name, version.trim(), nats.jetstream);
    }
    Ok(found)
}

fn newer(folder: &Path) -> Result<Option<PathBuf>> {
    if let Some(server) = std::env::var_os("NATS_SERVER") {
        return Ok(Some(server.into()));
    }
    let programs = folder.join("programs");
    let server = programs.join("nats-server");
    if !server.exists() {
        if Command::new("go").arg("version").output().is_err() {
            return Ok(None);
        }
        shell::run(Command::new("go").env("GOBIN", &programs).args(["install", WITH_INTERVAL]))?;
    }
    Ok(Some(server))
}

impl System for Nats {
    fn name(&self) -> &'static str {
        self.name
    }

    fn start(&self, folder: &Path) -> Result<Box<dyn Running>> {
        let port = free_port()?;
        let configuration = folder.join("nats.conf");
        let store = folder.join("store");
        let text = format!(
            "listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: \"{}\", {} }}\n",
            store.display(),
            self.jetstream
        );
        std::fs::write(&configuration, text)?;
        let mut command = Command::new(&self.server);
        let peer = Peer::start(command.arg("--config").arg(&configuration), port, &folder.join("server.log"))?;
        let running = RunningNats(peer);
        running.ask("STREAM.CREATE.events", r#"{"name":"events","subjects":["events"],"storage":"file"}"#)?;
        Ok(Box::new(running))
    }
}

struct RunningNats(Peer);

impl RunningNats {
    /// A request to JetStream's interface, and its answer.
    fn ask(&self, what: &str, request: &str) -> Result<serde_json::Value> {
        let mut client = Client::connect(&self.0, "_INBOX.ask")?;
        client.stream.get_mut().write_all(&publication(&format!("$JS.API.{what}"), "_INBOX.ask", request))?;
        client.message()?;
        let answer: serde_json::Value = serde_json::from_slice(&client.payload)?;
        match answer.get("error") {
            None => Ok(answer),
            Some(error) => bail!("JetStream refused {what}: {error}"),
        }
    }
}

impl Running for RunningNats {
    fn pid(&self) -> u32 {
        self.0.pid()
    }

    fn connect(&self, number: usize, batches: &[Vec<&str>]) -> Result<Box<dyn Connection>> {
        let inbox = format!("_INBOX.{number}");
        let publications = batches.iter().map(|batch| {
            let each = batch.iter().map(|event| publication("events", &inbox, event));
            (each.collect::<Vec<_>>().concat(), batch.len())
        });
        let publications = publications.collect();
        Ok(Box::new(Publications { client: Client::connect(&self.0, &inbox)?, publications, next: 0 }))
    }

    fn stored(&self) -> Result<u64> {
        let answer = self.ask("STREAM.INFO.events", "")?;
        answer.pointer("/state/messages").and_then(|n| n.as_u64()).context("JetStream tells no number of messages")
    }
}

fn publication(subject: &str, inbox: &str, payload: &str) -> Vec<u8> {
    format!("PUB {subject} {inbox} {}\r\n{payload}\r\n", payload.len()).into_bytes()
}

/// A client of NATS's text protocol with one subscription, to its inbox.
struct Client {
    stream: BufReader<TcpStream>,
    line: Vec<u8>,
    payload: Vec<u8>,
}

impl Client {
    fn connect(peer: &Peer, inbox: &str) -> Result<Client> {
        let stream = BufReader::with_capacity(64 << 10, peer.connect()?);
        let mut client = Client { stream, line: Vec::new(), payload: Vec::new() };
        let hello = format!("CONNECT {{\"verbose\":false,\"pedantic\":false}}\r\nSUB {inbox} 1\r\nPING\r\n");
        client.stream.get_mut().write_all(hello.as_bytes())?;
        while client.read_line()? != "PONG" {}
        Ok(client)
    }

    /// Reads the next message into `payload`.
    fn message(&mut self) -> Result<()> {
        loop {
            let line = self.read_line()?;
            if line.starts_with("MSG ") {
                let length = line.rsplit(' ').next().and_then(|n| n.parse::<usize>().ok());
                self.payload.resize(length.context("a message without length")? + 2, 0);
                self.stream.read_exact(&mut self.payload).context("NATS broke a message off")?;
                self.payload.truncate(self.payload.len() - 2);
                return Ok(());
            }
            match line {
                "PING" => self.stream.get_mut().write_all(b"PONG\r\n")?,
                line if line.starts_with("-ERR") => bail!("NATS answered {line}"),
                _ => {}
            }
        }
    }

    fn read_line(&mut self) -> Result<&str> {
        self.line.clear();
        if self.stream.read_until(b'\n', &mut self.line).context("no answer from NATS")? == 0 {
            bail!("NATS closed the connection");
        }
        Ok(std::str::from_utf8(&self.line).context("NATS sent what is no text")?.trim_end())
    }
}

struct Publications {
    client: Client,
    publications: Vec<(Vec<u8>, usize)>,
    next: usize,
}

impl Connection for Publications {
    fn send(&mut self) -> Result<()> {
        let (messages, count) = &self.publications[self.next];
        self.client.stream.get_mut().write_all(messages).context("cannot send to NATS")?;
        for _ in 0..*count {
            self.client.message()?;
            // An acknowledgement names the stream and the message's number in it; anything else is a refusal.
            if !self.client.payload.starts_with(b"{\"stream\":") {
                bail!("JetStream answered {}", String::from_utf8_lossy(&self.client.payload));
            }
        }
        self.next = (self.next + 1) % self.publications.len();
        Ok(())
    }
}
