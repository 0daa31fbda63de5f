//! One HTTP connection: TLS where it is spoken, a time for each request's head, and an end when the node ends.

use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::Limits;
use crate::accept::Taken;

/// What a client has for its part of the handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a client that was refused may take to read why.
const FAREWELL: Duration = Duration::from_secs(2);

/// Where a request comes from: an extension of it.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// What all connections share.
#[derive(Clone)]
pub struct Serving {
    pub router: Router,
    pub tls: Option<TlsAcceptor>,
    pub limits: Limits,
}

pub async fn serve(taken: Taken, serving: Serving) {
    let Taken { socket, from, is_beyond, stopped } = taken;
    match serving.tls.clone() {
        None => speak(socket, from, is_beyond, stopped, serving).await,
        Some(acceptor) => {
            if let Ok(Ok(socket)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(socket)).await {
                speak(socket, from, is_beyond, stopped, serving).await;
            }
        }
    }
}

async fn speak<S>(socket: S, from: IpAddr, is_beyond: bool, mut stopped: watch::Receiver<bool>, serving: Serving)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if is_beyond {
        // Whoever is gone already needs no answer.
        let _ = tokio::time::timeout(FAREWELL, refuse(socket, serving.limits.connections_max)).await;
        return;
    }
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(serving.limits.head);
    let router = TowerToHyperService::new(serving.router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(from));
        router.call(request)
    });
    let connection = http.serve_connection(TokioIo::new(socket), service);
    let mut connection = pin!(connection);
    // An error of a connection is its client's: it went away, was too slow, or spoke no HTTP.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.wait_for(|stop| *stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// Says that there are too many connections, whatever was asked.
async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(mut socket: S, connections_max: usize) -> std::io::Result<()> {
    let hint = format!("close some of the {connections_max}, or try again later");
    let body = json!({"error": {"kind": "unavailable", "message": "there are too many connections", "hint": hint}});
    let body = body.to_string();
    let head = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nconnection: close";
    socket.write_all(format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await?;
    socket.shutdown().await?;
    // A socket that is closed with bytes unread takes the answer back.
    let mut unread = [0; 1024];
    while socket.read(&mut unread).await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests;
