//! Server-sent events: a row an event, for as long as the client listens. The id of an event is the place after its
//! row, so that a client that lost its connection goes on where it was.
//!
//! Source: WHATWG HTML, "Server-sent events".

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures::stream;
use headwater_query::render::json;
use serde_json::json;

use crate::Problem;
use crate::http::door::{GATHER, Waiter, Woken};
use crate::node::Node;
use crate::read::{Cursor, Part, Reader};

/// Rows of one piece of the answer.
const ROWS: usize = 500;

/// A comment is sent when there was nothing else for so long: it keeps connections open, and finds those that are not.
const HEARTBEAT: Duration = Duration::from_secs(15);

struct Following {
    node: Arc<dyn Node>,
    reader: Reader,
    waiter: Waiter,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Beginning,
    Going,
    Over,
}

pub fn respond(node: Arc<dyn Node>, reader: Reader, waiter: Waiter) -> Response {
    let following = Following { node, reader, waiter, state: State::Beginning };
    let pieces = stream::unfold(following, |mut following| async move {
        let piece = following.next().await?;
        Some((Ok::<_, std::convert::Infallible>(piece), following))
    });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(pieces)).into_response()
}

impl Following {
    async fn next(&mut self) -> Option<Bytes> {
        match self.state {
            // The place is known to the client before any row comes.
            State::Beginning => {
                self.state = State::Going;
                Some(format!("retry: 1000\nid: {}\n\n", self.reader.cursor()).into())
            }
            State::Going => Some(self.piece().await),
            State::Over => None,
        }
    }

    async fn piece(&mut self) -> Bytes {
        loop {
            self.waiter.mark();
            if let Err(problem) = self.reader.renew(self.node.session()) {
                return self.end(&problem.message);
            }
            let mut cursor = self.reader.cursor().clone();
            let found = match self.reader.next(ROWS).await {
                Ok(parts) => events(&parts, &mut cursor),
                Err(problem) => Err(problem),
            };
            match found {
                Err(problem) => return self.end(&problem.message),
                Ok(events) if !events.is_empty() => return events.into(),
                Ok(_) => {}
            }
            let stopped = self.reader.stopped().next().map(|(_, reason)| reason.to_owned());
            if let Some(reason) = stopped {
                return self.end(&reason);
            }
            match tokio::time::timeout(HEARTBEAT, self.waiter.wait()).await {
                Ok(Woken::Changed) => tokio::time::sleep(GATHER).await,
                Ok(Woken::Stopping) => return self.end("the node is stopping"),
                Err(_) => return Bytes::from_static(b": still here\n\n"),
            }
        }
    }

    /// The last piece, which says why. Clients that hear nothing of it come again by themselves.
    fn end(&mut self, reason: &str) -> Bytes {
        self.state = State::Over;
        format!("event: end\ndata: {}\n\n", json!({"reason": reason})).into()
    }
}

/// One event a row. The cursor is moved along.
fn events(parts: &[Part], cursor: &mut Cursor) -> Result<Vec<u8>, Problem> {
    let (mut out, mut lines) = (Vec::new(), Vec::new());
    for part in parts {
        lines.clear();
        json::lines(&part.rows, &mut lines)?;
        // JSON has no line feed inside of a value.
        for (line, offset) in lines.split(|byte| *byte == b'\n').zip(&part.offsets) {
            cursor.next[part.partition as usize] = offset + 1;
            out.extend_from_slice(format!("id: {cursor}\ndata: ").as_bytes());
            out.extend_from_slice(line);
            out.extend_from_slice(b"\n\n");
        }
    }
    Ok(out)
}
