//! PostgreSQL's wire protocol: every statement of the platform from the clients that people have.
//!
//! Texts are read by our own parser, never by PostgreSQL's grammar. This door keeps what belongs to a connection
//! (parameters, prepared statements, cursors) and nothing of the platform's.

mod bind;
mod cancel;
mod catalog;
mod client;
mod connection;
mod copy;
mod cursor;
mod decode;
mod encode;
mod extended;
mod failure;
mod oids;
mod opening;
mod parameters;
mod rows;
mod scram;
mod settings;
mod simple;
mod transaction;
mod wire;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use headwater_base::ErrorKind;
use tokio::net::TcpListener;

use self::cancel::Registry;
use crate::accept;
use crate::access::Access;
use crate::node::Node;

/// Connections at a time, unless told otherwise.
pub const CONNECTIONS_MAX: usize = 2_000;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot listen for PostgreSQL clients on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
}

impl Error {
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Conflict
    }

    pub fn hint(&self) -> Option<&str> {
        Some("choose another address with --postgres, or port 0 for a free one")
    }
}

/// Who may connect, and how.
#[derive(Clone)]
pub struct Options {
    /// Without TLS, requests for encryption are answered with no.
    pub access: Access,
    pub connections_max: usize,
}

impl Options {
    pub fn new(access: Access) -> Options {
        Options { access, connections_max: CONNECTIONS_MAX }
    }
}

/// Takes connections, once it is told to run.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    options: Options,
}

impl Server {
    /// Takes the port. Port 0 takes a free one.
    pub async fn bind(address: SocketAddr, options: Options) -> Result<Server, Error> {
        let listen = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        Ok(Server { listener, address, options })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` resolves, then lets running statements end.
    pub async fn run(self, node: Arc<dyn Node>, stop: impl Future<Output = ()> + Send + 'static) {
        let (options, registry) = (self.options, Arc::new(Registry::default()));
        accept::run(self.listener, "PostgreSQL", options.connections_max, stop, |taken| {
            client::serve(taken, options.clone(), Arc::clone(&node), Arc::clone(&registry))
        })
        .await;
    }
}
