//! Bodies of requests: read whole, within their time and size.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use futures::StreamExt;

use super::failure::Failure;

/// How long a body may stand still before its request is given up. It holds memory that others wait for.
const STILL: Duration = Duration::from_secs(10);
/// How long all of a body may take.
const WHOLE: Duration = Duration::from_secs(120);

/// Why a body was not read.
#[derive(Debug)]
pub enum Unread {
    TooLarge,
    TooSlow,
    Broken(String),
}

/// All of a body, if it has at most so many bytes.
pub async fn whole(body: Body, bytes_max: usize) -> Result<Bytes, Unread> {
    let read = async {
        let (mut parts, mut whole) = (body.into_data_stream(), Vec::new());
        loop {
            let part = match tokio::time::timeout(STILL, parts.next()).await {
                Err(_) => return Err(Unread::TooSlow),
                Ok(None) => return Ok(Bytes::from(whole)),
                Ok(Some(Ok(part))) => part,
                Ok(Some(Err(error))) => return Err(Unread::Broken(format!("the body broke off: {error}"))),
            };
            if whole.len() + part.len() > bytes_max {
                return Err(Unread::TooLarge);
            }
            whole.extend_from_slice(&part);
        }
    };
    tokio::time::timeout(WHOLE, read).await.map_err(|_| Unread::TooSlow)?
}

/// The body of a statement or a plan.
pub async fn text(body: Body) -> Result<Bytes, Failure> {
    whole(body, super::BODY_BYTES_MAX).await.map_err(|unread| match unread {
        Unread::TooLarge => {
            let message = format!("the body is larger than {} MiB", super::BODY_BYTES_MAX >> 20);
            Failure::invalid(StatusCode::PAYLOAD_TOO_LARGE, message, "rows go to POST /v1/streams/NAME")
        }
        Unread::TooSlow => {
            Failure::invalid(StatusCode::REQUEST_TIMEOUT, "the body came too slowly", "send the request again")
        }
        Unread::Broken(why) => Failure::invalid(StatusCode::BAD_REQUEST, why, "send the request again"),
    })
}

/// Whether the body says that it is JSON.
pub fn is_json(headers: &HeaderMap) -> bool {
    let media = headers.get(CONTENT_TYPE).and_then(|each| each.to_str().ok()).unwrap_or("");
    media.split(';').next().map(str::trim) == Some("application/json")
}
