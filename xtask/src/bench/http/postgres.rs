//! A client of PostgreSQL's protocol 3.0, as little of it as measuring needs, after the chapter "Frontend/Backend
//! Protocol" of PostgreSQL's manual.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, bail};

use super::client::connect;

/// A row's values as text; `None` is NULL.
pub type Row = Vec<Option<String>>;

#[derive(Debug)]
pub struct Client {
    stream: BufReader<TcpStream>,
    cancel: Cancel,
}

/// What ends a running query from another connection.
#[derive(Debug, Clone)]
pub struct Cancel {
    address: String,
    key: Vec<u8>,
}

const PROTOCOL: i32 = 3 << 16;
const CANCEL_REQUEST: i32 = 80_877_102;

impl Client {
    pub fn connect(address: &str) -> Result<Client> {
        let cancel = Cancel { address: address.to_string(), key: Vec::new() };
        let mut client = Client { stream: BufReader::with_capacity(64 << 10, connect(address)?), cancel };
        let mut start = PROTOCOL.to_be_bytes().to_vec();
        start.extend_from_slice(b"user\0me\0database\0shop\0\0");
        client.send(&framed(None, &start))?;
        client.answer()?;
        Ok(client)
    }

    pub fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }

    /// How long an answer may be waited for.
    pub fn patience(&self, patience: std::time::Duration) -> Result<()> {
        Ok(self.stream.get_ref().set_read_timeout(Some(patience))?)
    }

    /// Runs a statement by the simple protocol.
    pub fn query(&mut self, text: &str) -> Result<Vec<Row>> {
        self.send(&framed(Some(b'Q'), &[text.as_bytes(), b"\0"].concat()))?;
        self.answer().with_context(|| format!("`{text}`"))
    }

    /// Prepares a statement with one parameter.
    pub fn prepare(&mut self, text: &str) -> Result<()> {
        let parse = [b"one\0", text.as_bytes(), b"\0\0\0"].concat();
        self.send(&[framed(Some(b'P'), &parse), framed(Some(b'S'), b"")].concat())?;
        self.answer().map(|_| ()).with_context(|| format!("`{text}`"))
    }

    /// Runs the prepared statement.
    pub fn execute(&mut self, parameter: &str) -> Result<Vec<Row>> {
        let length = (parameter.len() as i32).to_be_bytes();
        // The unnamed portal of statement `one`: no format codes, one parameter, no format codes of columns.
        let bind = [b"\0one\0\0\0\0\x01", &length[..], parameter.as_bytes(), b"\0\0"].concat();
        let execute = framed(Some(b'E'), b"\0\0\0\0\0");
        self.send(&[framed(Some(b'B'), &bind), execute, framed(Some(b'S'), b"")].concat())?;
        self.answer()
    }

    fn send(&mut self, message: &[u8]) -> Result<()> {
        self.stream.get_mut().write_all(message).context("cannot send to the node's PostgreSQL door")
    }

    /// Reads up to `ReadyForQuery`; an error that came before it is ours then.
    fn answer(&mut self) -> Result<Vec<Row>> {
        let (mut rows, mut failure) = (Vec::new(), None);
        loop {
            let mut head = [0; 5];
            self.stream.read_exact(&mut head).context("the node's PostgreSQL door gave no answer")?;
            let length = i32::from_be_bytes([head[1], head[2], head[3], head[4]]);
            let mut body = vec![0; usize::try_from(length - 4).context("a message without a length")?];
            self.stream.read_exact(&mut body).context("the node's PostgreSQL door broke its answer off")?;
            match head[0] {
                b'D' => rows.push(row(&body).context("a row that is cut off")?),
                b'E' => failure = Some(error(&body)),
                b'K' => self.cancel.key = body,
                b'R' if body != [0; 4] => bail!("the node asks for a password"),
                b'Z' => break,
                _ => {}
            }
        }
        match failure {
            Some(failure) => bail!("{failure}"),
            None => Ok(rows),
        }
    }
}

impl Cancel {
    pub fn send(&self) -> Result<()> {
        let request = [&CANCEL_REQUEST.to_be_bytes()[..], &self.key].concat();
        connect(&self.address)?.write_all(&framed(None, &request)).context("cannot send a request to cancel")
    }
}

fn framed(kind: Option<u8>, body: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(body.len() + 5);
    message.extend(kind);
    message.extend_from_slice(&(body.len() as i32 + 4).to_be_bytes());
    message.extend_from_slice(body);
    message
}

fn row(body: &[u8]) -> Option<Row> {
    let (count, mut rest) = body.split_at_checked(2)?;
    let mut values = Vec::new();
    for _ in 0..i16::from_be_bytes(count.try_into().ok()?) {
        let (length, after) = rest.split_at_checked(4)?;
        rest = after;
        // A length of -1 is NULL.
        values.push(match usize::try_from(i32::from_be_bytes(length.try_into().ok()?)) {
            Err(_) => None,
            Ok(length) => {
                let (value, after) = rest.split_at_checked(length)?;
                rest = after;
                Some(String::from_utf8_lossy(value).into_owned())
            }
        });
    }
    Some(values)
}

/// SQLSTATE and message of an error.
fn error(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let field = |kind: char| text.split('\0').find_map(|field| field.strip_prefix(kind)).unwrap_or("?").to_string();
    format!("{} ({})", field('M'), field('C'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_errors_are_read() {
        assert_eq!(row(b"\0\x02\0\0\0\x02ab\xff\xff\xff\xff").unwrap(), [Some("ab".to_string()), None]);
        assert!(row(b"\0\x01\0\0\0\x05ab").is_none());
        assert_eq!(error(b"SERROR\0C57014\0Mit was cancelled\0\0"), "it was cancelled (57014)");
    }
}
