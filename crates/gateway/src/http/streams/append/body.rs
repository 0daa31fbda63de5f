//! Bodies of requests that append: read whole, within their time and size, and unpacked.

use std::io::Read;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use flate2::read::MultiGzDecoder;
use futures::StreamExt;

use super::BODY_BYTES_MAX;
use crate::http::failure::Failure;

/// How long a body may stand still before its request is given up. It holds memory that others wait for.
const STILL: Duration = Duration::from_secs(10);
/// How long all of a body may take.
const WHOLE: Duration = Duration::from_secs(120);

/// All of a body, if it has at most `length` bytes.
pub async fn whole(body: Body, length: usize) -> Result<Bytes, Failure> {
    let read = async {
        let (mut parts, mut whole) = (body.into_data_stream(), Vec::new());
        loop {
            let part = match tokio::time::timeout(STILL, parts.next()).await {
                Err(_) => return Err(too_slow()),
                Ok(None) => return Ok(Bytes::from(whole)),
                Ok(Some(Ok(part))) => part,
                Ok(Some(Err(error))) => return Err(broken(&format!("the body broke off: {error}"))),
            };
            if whole.len() + part.len() > length {
                return Err(too_large());
            }
            whole.extend_from_slice(&part);
        }
    };
    tokio::time::timeout(WHOLE, read).await.map_err(|_| too_slow())?
}

/// What gzip packed. Blocks for as long as that takes.
pub fn unpacked(packed: &[u8]) -> Result<Bytes, Failure> {
    let mut whole = Vec::new();
    let read = MultiGzDecoder::new(packed).take(BODY_BYTES_MAX as u64 + 1).read_to_end(&mut whole);
    read.map_err(|error| broken(&format!("the body is not gzip: {error}")))?;
    if whole.len() > BODY_BYTES_MAX { Err(too_large()) } else { Ok(whole.into()) }
}

pub fn too_large() -> Failure {
    let message = format!("the body is larger than {} MiB; nothing of it was appended", BODY_BYTES_MAX >> 20);
    Failure::invalid(StatusCode::PAYLOAD_TOO_LARGE, message, "send the rows in several requests")
}

fn too_slow() -> Failure {
    let message = "the body came too slowly; nothing of it was appended";
    Failure::invalid(StatusCode::REQUEST_TIMEOUT, message, "send it again, in smaller requests if need be")
}

fn broken(message: &str) -> Failure {
    Failure::invalid(StatusCode::BAD_REQUEST, message, "send the request again")
}
