//! A listener that gives connections once TLS stands. Handshakes run beside each other, so that one that hangs holds
//! nobody up.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What a client has for its part of the handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Handshakes at one time; who comes then waits in the system's queue.
const HANDSHAKES_MAX: usize = 256;

pub struct Encrypted {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    handshakes: JoinSet<Option<(TlsStream<TcpStream>, SocketAddr)>>,
}

impl Encrypted {
    pub fn new(listener: TcpListener, acceptor: TlsAcceptor) -> Encrypted {
        Encrypted { listener, acceptor, handshakes: JoinSet::new() }
    }
}

impl Listener for Encrypted {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let has_room = self.handshakes.len() < HANDSHAKES_MAX;
            let taken = async {
                // axum's own listener goes on after errors such as a lack of sockets.
                if has_room { Listener::accept(&mut self.listener).await } else { pending().await }
            };
            tokio::select! {
                Some(done) = self.handshakes.join_next() => {
                    if let Ok(Some(connection)) = done {
                        return connection;
                    }
                }
                (socket, address) = taken => {
                    let acceptor = self.acceptor.clone();
                    self.handshakes.spawn(async move {
                        let shaken = tokio::time::timeout(HANDSHAKE, acceptor.accept(socket)).await;
                        Some((shaken.ok()?.ok()?, address))
                    });
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
