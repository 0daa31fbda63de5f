//! Takes connections up to a limit, and lets all of them end when the node does.

use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Connections beyond the limit that are told so; those beyond these are closed without a word.
const TOLD: usize = 64;
/// A peer that is gone without a word is noticed after about two minutes.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// When the system has no more sockets, trying again at once does not help.
const RETRY: Duration = Duration::from_millis(50);

/// A connection that was taken.
pub struct Taken {
    pub socket: TcpStream,
    pub from: IpAddr,
    /// It is one too many, and to be told so.
    pub is_beyond: bool,
    /// True once the node ends.
    pub stopped: watch::Receiver<bool>,
}

/// Serves each connection on a task of its own until `stop` resolves, then until the last has ended.
pub async fn run<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    door: &'static str,
    connections_max: usize,
    stop: impl Future<Output = ()>,
    serve: impl Fn(Taken) -> F,
) {
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next() => {}
            taken = listener.accept() => match taken {
                Ok((socket, from)) if connections.len() < connections_max + TOLD => {
                    prepare(&socket);
                    let is_beyond = connections.len() >= connections_max;
                    let taken = Taken { socket, from: from.ip(), is_beyond, stopped: stopped.clone() };
                    connections.spawn(serve(taken));
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!("cannot take a connection of {door}: {error}");
                    tokio::time::sleep(RETRY).await;
                }
            },
        }
    }
    drop(listener);
    stopping.send_replace(true);
    while connections.join_next().await.is_some() {}
}

/// Without these the connection works, only slower, and a silent end is noticed later.
fn prepare(socket: &TcpStream) {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE_INTERVAL);
    let _ = SockRef::from(socket).set_tcp_keepalive(&keepalive);
    let _ = socket.set_nodelay(true);
}
