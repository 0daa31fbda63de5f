//! Takes connections up to the limit, and lets all of them end when the node does.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::cancel::Registry;
use super::failure::{Failure, TOO_MANY};
use super::opening::{self, Opened};
use super::wire::Wire;
use super::{Options, connection};
use crate::node::Node;

/// From the first byte to the last of proving who one is.
const OPENING: Duration = Duration::from_secs(30);
/// Connections beyond the limit that are told so; those beyond these are closed without a word.
const TOLD: usize = 64;
/// A peer that is gone without a word is noticed after about two minutes.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// When the system has no more sockets, trying again at once does not help.
const RETRY: Duration = Duration::from_millis(50);

pub async fn run(
    listener: TcpListener,
    options: Options,
    node: Arc<dyn Node>,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let registry = Arc::new(Registry::default());
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next() => {}
            taken = listener.accept() => match taken {
                Ok((socket, _)) if connections.len() < options.connections_max + TOLD => {
                    let full = connections.len() >= options.connections_max;
                    let (options, node) = (options.clone(), Arc::clone(&node));
                    let (registry, stopped) = (Arc::clone(&registry), stopped.clone());
                    connections.spawn(one(socket, options, node, registry, stopped, full));
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!("cannot take a PostgreSQL connection: {error}");
                    tokio::time::sleep(RETRY).await;
                }
            },
        }
    }
    drop(listener);
    stopping.send_replace(true);
    while connections.join_next().await.is_some() {}
}

async fn one(
    socket: TcpStream,
    options: Options,
    node: Arc<dyn Node>,
    registry: Arc<Registry>,
    stopped: watch::Receiver<bool>,
    full: bool,
) {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE_INTERVAL);
    // Without them the connection works, only a silent end is noticed later.
    let _ = SockRef::from(&socket).set_tcp_keepalive(&keepalive);
    let _ = socket.set_nodelay(true);
    let wire = Wire::new(Box::new(socket));
    let mut stopping = stopped.clone();
    let opening = async {
        tokio::select! {
            opened = tokio::time::timeout(OPENING, opening::open(wire, &options, &registry)) => opened.ok().flatten(),
            _ = stopping.wait_for(|stop| *stop) => None,
        }
    };
    let Some(Opened { mut wire, start }) = opening.await else { return };
    if full {
        let refused = Failure::new(TOO_MANY, "there are too many connections")
            .hint(format!("close some of the {}, or try again later", options.connections_max));
        refused.send(&mut wire, true);
        return wire.close().await;
    }
    connection::serve(wire, start, node, &registry, stopped).await;
}
