//! A peer's server as a process of ours on a free port.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::super::client;
use crate::shell;

const READY: Duration = Duration::from_secs(20);

/// It is killed when it is dropped.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    address: String,
    log: PathBuf,
}

/// A port of loopback that is free now.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").context("no port is free")?.local_addr()?.port())
}

impl Peer {
    /// Starts a server and waits until it takes connections at this port.
    pub fn start(command: &mut Command, port: u16, log: &Path) -> Result<Peer> {
        let file = File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("cannot start {:?}", command.get_program()))?;
        let mut peer = Peer { child, address: format!("127.0.0.1:{port}"), log: log.to_path_buf() };
        let started = shell::now();
        while TcpStream::connect(&peer.address).is_err() {
            if let Some(status) = peer.child.try_wait()? {
                let said = std::fs::read_to_string(&peer.log).unwrap_or_default();
                bail!("{:?} ended with {status}: {}", command.get_program(), said.trim());
            }
            if started.elapsed() > READY {
                bail!("{:?} took no connection within {}", command.get_program(), shell::spoken(READY));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(peer)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn connect(&self) -> Result<TcpStream> {
        client::connect(&self.address)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself; either way none is left behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
