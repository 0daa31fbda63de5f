//! Requests to a node as other people's HTTP clients send them.

use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Runtime;

use crate::node::Node;

/// A client with connections of its own.
pub struct Client {
    runtime: Runtime,
    http: reqwest::Client,
    address: String,
}

/// An answer to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The message and the status of a refusal.
    pub fn refusal(&self) -> (u16, String) {
        (self.status, self.json()["error"]["message"].as_str().unwrap_or_default().to_owned())
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Client {
    pub fn new(node: &Node) -> Client {
        Client::at(&node.address)
    }

    pub fn at(address: &str) -> Client {
        Client {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
            http: reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap(),
            address: address.to_owned(),
        }
    }

    pub fn get(&self, target: &str) -> Answer {
        self.get_with(target, &[])
    }

    pub fn get_with(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", target, headers, Vec::new())
    }

    pub fn post(&self, target: &str, media: &str, body: &str) -> Answer {
        self.ask("POST", target, &[("content-type", media)], body.as_bytes().to_vec())
    }

    pub fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        self.try_ask(method, target, headers, body).unwrap()
    }

    /// An error where no answer came, or not all of it.
    pub fn try_ask(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer, reqwest::Error> {
        self.runtime.block_on(async {
            let answer = self.start(method, target, headers, body).await?;
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            Ok(Answer { status, headers, body: answer.text().await? })
        })
    }

    async fn start(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<reqwest::Response, reqwest::Error> {
        let url = format!("http://{}{target}", self.address);
        let mut request = self.http.request(method.parse().unwrap(), url).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await
    }

    /// An answer that goes on until the test has seen enough of it.
    pub fn follow(&self, target: &str, headers: &[(&str, &str)]) -> Following<'_> {
        let answer = self.runtime.block_on(self.start("GET", target, headers, Vec::new())).unwrap();
        assert_eq!(answer.status(), 200);
        Following { client: self, answer, text: String::new() }
    }
}

/// An answer whose end is not awaited.
pub struct Following<'a> {
    client: &'a Client,
    answer: reqwest::Response,
    text: String,
}

impl Following<'_> {
    /// Reads until the text of the answer has something in it, and returns all of it.
    pub fn until(&mut self, wanted: &str) -> &str {
        while !self.text.contains(wanted) {
            let chunk = self.client.runtime.block_on(self.answer.chunk()).unwrap();
            let chunk = chunk.unwrap_or_else(|| panic!("it ended without {wanted}: {}", self.text));
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        &self.text
    }
}
