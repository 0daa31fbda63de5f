//! Requests to somebody's HTTP server, each with one range of rows.
//!
//! A range is sent again until the server has answered with success, so a server may see it twice: the header
//! `Idempotency-Key` is the same each time. What the server refuses for good (4xx, but for 408, 425 and 429) stops the
//! sink.

use std::sync::Arc;
use std::time::Duration;

use headwater_base::ErrorKind;
use headwater_format::Format;
use headwater_stream::delivery::{Error, Limits, Outlet, Range, Result};
use tokio::runtime::Runtime;

use super::{encode, lines};

/// A server that does not answer for so long is unavailable.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What is shown of an answer that says why.
const ANSWER_SHOWN: usize = 300;

/// How rows stand in a request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// One JSON object a line.
    NdJson,
    /// An array of objects.
    Array,
}

/// What a declaration says.
#[derive(Clone)]
pub struct Options {
    pub url: String,
    /// POST or PUT.
    pub method: reqwest::Method,
    pub body: Body,
    /// Names and values; values may be secrets.
    pub headers: Vec<(String, String)>,
    /// Names the sink and the store of its stream, for idempotency keys.
    pub place: String,
    pub limits: Limits,
}

impl Options {
    /// A request soon after rows come.
    pub const LIMITS: Limits = Limits { rows: 1000, bytes: 1 << 20, wait: Duration::from_millis(200) };
}

/// Sends requests.
pub struct Http {
    options: Options,
    client: reqwest::Client,
    runtime: Arc<Runtime>,
}

impl Http {
    /// # Errors
    /// What of the options can't be in a request.
    pub fn new(options: Options, runtime: Arc<Runtime>) -> Result<Http> {
        let client = client(&options.url, &options.headers)?;
        Ok(Http { options, client, runtime })
    }

    async fn send(&self, key: String, body: Vec<u8>) -> Result<()> {
        let kind = match self.options.body {
            Body::NdJson => "application/x-ndjson",
            Body::Array => "application/json",
        };
        let request = self.client.request(self.options.method.clone(), &self.options.url);
        let request = request.header("content-type", kind).header("idempotency-key", key).body(body);
        check(request).await
    }
}

impl Outlet for Http {
    fn delivered(&mut self, _: u32) -> Result<Option<i64>> {
        Ok(None)
    }

    fn deliver(&mut self, range: &Range) -> Result<()> {
        let records = encode(range, Format::Json)?;
        let mut body = Vec::with_capacity(records.bytes.len() + records.len() + 2);
        match self.options.body {
            Body::NdJson => lines(&records, &mut body),
            Body::Array => {
                for record in records.records() {
                    body.push(if body.is_empty() { b'[' } else { b',' });
                    body.extend_from_slice(record);
                }
                body.push(b']');
            }
        }
        let Range { partition, from, until, .. } = range;
        let key = format!("{}/{partition}/{from}-{until}", self.options.place);
        self.runtime.block_on(self.send(key, body))
    }

    fn limits(&self) -> Limits {
        self.options.limits
    }
}

/// Who sends requests to an address, each with these headers.
///
/// # Errors
/// What can't be in a request.
pub(crate) fn client(url: &str, headers: &[(String, String)]) -> Result<reqwest::Client> {
    let invalid = |message: String| Error::new(ErrorKind::Invalid, message);
    let parsed = reqwest::Url::parse(url).map_err(|error| invalid(format!("'{url}': {error}")))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(invalid(format!("'{url}' is neither http:// nor https://")));
    }
    let mut map = reqwest::header::HeaderMap::new();
    for (name, value) in headers {
        let header = reqwest::header::HeaderName::from_bytes(name.as_bytes());
        let header = header.map_err(|_| invalid(format!("'{name}' can't name a header")))?;
        let mut value = reqwest::header::HeaderValue::from_str(value)
            .map_err(|_| invalid(format!("the value of header {name} has characters that a header can't have")))?;
        value.set_sensitive(true);
        map.append(header, value);
    }
    let client = reqwest::Client::builder().default_headers(map).timeout(TIMEOUT).build();
    client.map_err(|error| Error::new(ErrorKind::Unavailable, error.to_string()))
}

/// Sends a request. It was taken when this returns.
pub(crate) async fn check(request: reqwest::RequestBuilder) -> Result<()> {
    let unavailable = |error: reqwest::Error| {
        // The address may hold what nobody else should read.
        let error = error.without_url();
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Error::new(ErrorKind::Unavailable, format!("{error}{cause}"))
    };
    let answer = request.send().await.map_err(unavailable)?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let text = answer.text().await.unwrap_or_default();
    let text: String = text.chars().take(ANSWER_SHOWN).collect();
    let again = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
    let kind = if again { ErrorKind::Unavailable } else { ErrorKind::Invalid };
    Err(Error::new(kind, format!("the server answered {status}: {text}")))
}
