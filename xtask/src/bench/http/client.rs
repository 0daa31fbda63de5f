//! A client of HTTP/1.1 that keeps its connection: requests are bytes made beforehand, so that it costs little.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Longer than anything that still answers.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

#[derive(Debug)]
pub struct Answer<'a> {
    pub status: u16,
    pub body: &'a [u8],
}

impl Client {
    pub fn connect(address: &str) -> Result<Client> {
        Ok(Client { stream: connect(address)?, received: vec![0; 64 << 10] })
    }

    /// Sends one request and waits for the whole answer.
    pub fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request).context("cannot send a request over HTTP")?;
        let mut filled = 0;
        loop {
            let Some(free) = self.received.get_mut(filled..).filter(|free| !free.is_empty()) else {
                bail!("an answer over HTTP is longer than {} bytes", self.received.len());
            };
            match self.stream.read(free).context("no answer over HTTP")? {
                0 => bail!("the node closed an HTTP connection within an answer"),
                more => filled += more,
            }
            if let Some((status, body)) = whole(&self.received[..filled])? {
                return Ok(Answer { status, body: &self.received[body..filled] });
            }
        }
    }

    /// Like `exchange`, where another status than 200 is an error.
    pub fn ok(&mut self, request: &[u8]) -> Result<&[u8]> {
        let answer = self.exchange(request)?;
        if answer.status != 200 {
            bail!("the node answered with status {}: {}", answer.status, String::from_utf8_lossy(answer.body));
        }
        Ok(answer.body)
    }
}

/// A connection on which nothing waits for ever and small messages leave at once.
pub fn connect(address: &str) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Appends rows to a stream.
pub fn append(stream: &str, lines: &[u8]) -> Vec<u8> {
    let length = lines.len();
    let head = format!(
        "POST /v1/streams/{stream} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), lines].concat()
}

pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

/// The status of an answer and where its body begins, once all of it is there.
fn whole(received: &[u8]) -> Result<Option<(u16, usize)>> {
    let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&received[..end]).context("an answer's head is not text")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("an answer without status")?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let length = length.with_context(|| format!("an answer does not tell its length: {head}"))?;
    Ok((received.len() >= end + 4 + length).then_some((status, end + 4)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_length_is_there() {
        let text = b"HTTP/1.1 404 Not Found\r\ncontent-length: 3\r\n\r\nabc";
        assert_eq!(whole(text).unwrap(), Some((404, text.len() - 3)));
        assert_eq!(whole(&text[..text.len() - 1]).unwrap(), None);
        assert_eq!(whole(&text[..20]).unwrap(), None);
        assert!(whole(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
