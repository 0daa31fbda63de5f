//! Bodies of requests that append: of their size, and unpacked.

use std::io::Read;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use flate2::read::MultiGzDecoder;

use super::BODY_BYTES_MAX;
use crate::http::body::{self, Unread};
use crate::http::failure::Failure;

/// All of a body, if it has at most `length` bytes.
pub async fn whole(body: Body, length: usize) -> Result<Bytes, Failure> {
    body::whole(body, length).await.map_err(|unread| match unread {
        Unread::TooLarge => too_large(),
        Unread::TooSlow => {
            let message = "the body came too slowly; nothing of it was appended";
            Failure::invalid(StatusCode::REQUEST_TIMEOUT, message, "send it again, in smaller requests if need be")
        }
        Unread::Broken(why) => broken(&why),
    })
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

fn broken(message: &str) -> Failure {
    Failure::invalid(StatusCode::BAD_REQUEST, message, "send the request again")
}
