//! A connection from its first byte to its last.

use std::sync::Arc;
use std::time::Duration;

use super::cancel::Registry;
use super::failure::{Failure, TOO_MANY};
use super::opening::{self, Opened};
use super::wire::Wire;
use super::{Options, connection};
use crate::accept::Taken;
use crate::node::Node;

/// From the first byte to the last of proving who one is.
const OPENING: Duration = Duration::from_secs(30);

pub async fn serve(taken: Taken, options: Options, node: Arc<dyn Node>, registry: Arc<Registry>) {
    let Taken { socket, from, is_beyond, stopped } = taken;
    let wire = Wire::new(Box::new(socket));
    let mut stopping = stopped.clone();
    let opening = async {
        tokio::select! {
            opened = tokio::time::timeout(OPENING, opening::open(wire, from, &options, &registry)) => opened.ok().flatten(),
            _ = stopping.wait_for(|stop| *stop) => None,
        }
    };
    let Some(Opened { mut wire, start }) = opening.await else { return };
    if is_beyond {
        let refused = Failure::new(TOO_MANY, "there are too many connections")
            .hint(format!("close some of the {}, or try again later", options.connections_max));
        refused.send(&mut wire, true);
        return wire.close().await;
    }
    connection::serve(wire, start, node, &registry, stopped).await;
}
