//! HTTP: SQL, rows for streams, plans and health.

mod answer;
mod body;
mod connection;
mod door;
mod experiments;
mod failure;
mod features;
mod login;
mod measured;
mod models;
mod openapi;
mod origin;
mod plan;
mod queries;
mod routes;
mod split;
mod sql;
mod streams;
mod tables;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use headwater_base::ErrorKind;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use self::connection::Serving;
use self::door::Door;
use self::login::Login;
use self::measured::Requests;
use self::routes::{Route, Served};
use crate::accept;
use crate::access::Access;
use crate::console;
use crate::node::Node;

/// Names the node that answers; `node.json` in the data folder says the same.
pub const NODE_HEADER: &str = "x-headwater-node";

/// A query longer than this is no query.
const BODY_BYTES_MAX: usize = 4 << 20;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot listen for HTTP on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("HTTP: {0}")]
    Serve(io::Error),
}

impl Error {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Listen { .. } => ErrorKind::Conflict,
            Error::Serve(_) => ErrorKind::Unavailable,
        }
    }

    pub fn hint(&self) -> Option<&str> {
        match self {
            Error::Listen { .. } => Some("choose another address with --http, or port 0 for a free one"),
            Error::Serve(_) => None,
        }
    }
}

/// What connections may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub connections_max: usize,
    /// How long a request's head may take to come, and how long a connection may be idle.
    pub head: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { connections_max: 2_000, head: Duration::from_secs(60) }
    }
}

/// Takes connections, once it is told to run.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    access: Access,
    limits: Limits,
}

impl Server {
    /// Takes the port. Port 0 takes a free one. With TLS, nothing else is spoken there.
    pub async fn bind(address: SocketAddr, access: Access) -> Result<Server, Error> {
        let listen = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        Ok(Server { listener, address, access, limits: Limits::default() })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` resolves, then lets running requests end.
    pub async fn run(self, node: Arc<dyn Node>, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), Error> {
        let (stopped, stopping) = watch::channel(false);
        let stop = async move {
            stop.await;
            stopped.send_replace(true);
        };
        let door = Door::new(node, stopping).map_err(Error::Serve)?;
        let keys = door.keys.clone();
        // Whoever needs them first meets the error again, if there is one.
        tokio::spawn(async move { drop(keys.ready().await) });
        let requests = Requests::default();
        let routes = routes::all().into_iter();
        let router = routes
            .fold(Router::new(), |router, Route { path, answer, .. }| router.route(path, answer))
            .fallback(page)
            .method_not_allowed_fallback(failure::wrong_method)
            .with_state(Served { door, requests: requests.clone() })
            .layer(from_fn_with_state(Login::new(self.access.clone()), login::check))
            .layer(from_fn_with_state(self.address.ip().is_loopback(), origin::check))
            .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
            .layer(from_fn_with_state(requests, measured::measure));
        let serving =
            Serving { router, tls: self.access.tls.map(|tls| TlsAcceptor::from(tls.config)), limits: self.limits };
        accept::run(self.listener, "HTTP", self.limits.connections_max, stop, |taken| {
            connection::serve(taken, serving.clone())
        })
        .await;
        Ok(())
    }
}

async fn health(State(node): State<Arc<dyn Node>>) -> Response {
    ([(NODE_HEADER, node.id().to_owned())], Json(node.health())).into_response()
}

/// What is no path of the API is the console's, or nobody's.
async fn page(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    match console::answer(&method, uri.path(), &headers) {
        Some(response) => response,
        None => failure::not_found().await.into_response(),
    }
}
