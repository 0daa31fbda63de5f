//! Clients that are slow, many, or there when the node ends.

use std::net::SocketAddr;

use axum::routing::get;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::accept;

const HEAD: Duration = Duration::from_millis(300);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n";

struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

async fn served(connections_max: usize) -> Served {
    let slow = || async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        "done"
    };
    let router = Router::new().route("/", get(|| async { "hello" })).route("/slow", get(slow));
    let serving = Serving { router, tls: None, limits: Limits { connections_max, head: HEAD } };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let stopped = async { drop(stopped.await) };
    let ended = tokio::spawn(accept::run(listener, "HTTP", connections_max, stopped, move |taken| {
        serve(taken, serving.clone())
    }));
    Served { address, stop, ended }
}

/// All that comes until the server closes.
async fn rest(socket: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A reset is an end, too.
    let _ = socket.read_to_end(&mut text).await;
    String::from_utf8(text).unwrap()
}

async fn answered(socket: &mut TcpStream, request: &[u8]) -> String {
    socket.write_all(request).await.unwrap();
    let mut answer = vec![0; 4096];
    let length = socket.read(&mut answer).await.unwrap();
    answer.truncate(length);
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_its_connection() {
    let served = served(10).await;
    let mut silent = TcpStream::connect(served.address).await.unwrap();
    let mut dribbling = TcpStream::connect(served.address).await.unwrap();
    let mut idle = TcpStream::connect(served.address).await.unwrap();
    assert!(answered(&mut idle, REQUEST).await.ends_with("hello"));
    let began = tokio::time::Instant::now();
    let dribble = async {
        for byte in REQUEST.iter().cycle() {
            if dribbling.write_all(&[*byte]).await.is_err() || began.elapsed() > 4 * HEAD {
                break;
            }
            tokio::time::sleep(HEAD / 20).await;
        }
        began.elapsed()
    };
    let (dribbled, silence, idleness) = tokio::join!(dribble, rest(&mut silent), rest(&mut idle));
    assert!(dribbled < 3 * HEAD, "{dribbled:?}");
    assert_eq!(idleness, "");
    assert!(silence.is_empty() || silence.starts_with("HTTP/1.1 408"), "{silence}");
}

#[tokio::test]
async fn one_connection_too_many_is_told_so() {
    let served = served(2).await;
    let mut first = TcpStream::connect(served.address).await.unwrap();
    let mut second = TcpStream::connect(served.address).await.unwrap();
    for socket in [&mut first, &mut second] {
        assert!(answered(socket, REQUEST).await.ends_with("hello"));
    }
    let mut third = TcpStream::connect(served.address).await.unwrap();
    third.write_all(REQUEST).await.unwrap();
    let told = rest(&mut third).await;
    assert!(told.starts_with("HTTP/1.1 503") && told.contains("there are too many connections"), "{told}");
    drop(first);
    for _ in 0..100 {
        let mut next = TcpStream::connect(served.address).await.unwrap();
        if answered(&mut next, REQUEST).await.ends_with("hello") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("a connection that was closed never made room");
}

#[tokio::test]
async fn the_end_waits_for_requests_and_for_nobody_else() {
    let served = served(10).await;
    let mut busy = TcpStream::connect(served.address).await.unwrap();
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
    let mut idle = TcpStream::connect(served.address).await.unwrap();
    assert!(answered(&mut idle, REQUEST).await.ends_with("hello"));
    served.stop.send(()).unwrap();
    assert_eq!(rest(&mut idle).await, "");
    assert!(rest(&mut busy).await.ends_with("done"));
    served.ended.await.unwrap();
    assert!(TcpStream::connect(served.address).await.is_err());
}
