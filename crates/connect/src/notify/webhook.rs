//! A POST of JSON to somebody's HTTP server.

use std::sync::Arc;

use tokio::runtime::Runtime;

use super::Result;
use crate::outlet::http::{check, client};

/// Sends requests to one address.
pub struct Webhook {
    url: String,
    client: reqwest::Client,
    runtime: Arc<Runtime>,
}

impl Webhook {
    /// `headers` are names and values; values may be secrets.
    ///
    /// # Errors
    /// What can't be in a request.
    pub fn new(url: &str, headers: &[(String, String)], runtime: Arc<Runtime>) -> Result<Webhook> {
        Ok(Webhook { url: url.to_owned(), client: client(url, headers)?, runtime })
    }

    /// Sends a body. The server has taken it when this returns; it may see it twice, with the same key.
    ///
    /// # Errors
    /// Unavailable where another try may help: no answer within ten seconds, 5xx, 408, 425 and 429.
    pub fn send(&self, key: &str, json: Vec<u8>) -> Result<()> {
        let request = self.client.post(&self.url).header("content-type", "application/json");
        self.runtime.block_on(check(request.header("idempotency-key", key).body(json)))
    }
}
