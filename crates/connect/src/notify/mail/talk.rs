//! What is said to a server of e-mails, and what it answers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use headwater_base::ErrorKind;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::{Message, unavailable};
use crate::notify::{Error, Result};

/// More than any answer has: a line has up to 512 bytes (RFC 5321, section 4.5.3.1.5), and some servers write more.
const LINE_BYTES_MAX: usize = 8192;
const LINES_MAX: usize = 100;
/// What is shown of an answer that says why.
const SHOWN: usize = 300;

/// A connection, from the greeting on.
pub(super) struct Talk<S> {
    stream: BufReader<S>,
}

/// An answer: its number, and its lines.
struct Answer {
    code: u16,
    lines: Vec<String>,
}

impl Answer {
    fn expect(self, wanted: u16, to: &str) -> Result<Answer> {
        if self.code / 100 == wanted / 100 {
            return Ok(self);
        }
        let text: String = self.lines.join(" ").chars().take(SHOWN).collect();
        let kind = if self.code / 100 == 5 { ErrorKind::Invalid } else { ErrorKind::Unavailable };
        Err(Error::new(kind, format!("the server answered {to} with {}: {text}", self.code)))
    }

    /// What follows a word of the answer to EHLO, where it has it.
    fn offers(&self, word: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| {
            let (first, rest) = line.split_once([' ', '=']).unwrap_or((line, ""));
            first.eq_ignore_ascii_case(word).then_some(rest)
        })
    }
}

/// Greets a server, and asks for encryption: nothing that matters is said before. What it offered by then is forgotten.
pub(super) async fn start_tls(stream: TcpStream) -> Result<TcpStream> {
    let mut talk = Talk::new(stream);
    talk.answer().await?.expect(220, "the connection")?;
    let offered = talk.ask("EHLO", "EHLO localhost").await?.expect(250, "EHLO")?;
    if offered.offers("STARTTLS").is_none() {
        let mut refused = Error::new(ErrorKind::Invalid, "the server does not offer STARTTLS");
        refused.hint = Some("say TLS 'tls' or TLS 'none' in the connection".to_owned());
        return Err(refused);
    }
    talk.ask("STARTTLS", "STARTTLS").await?.expect(220, "STARTTLS")?;
    if !talk.stream.buffer().is_empty() {
        return Err(unavailable("the server talked on before the encryption began".to_owned()));
    }
    Ok(talk.stream.into_inner())
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    pub(super) fn new(stream: S) -> Talk<S> {
        Talk { stream: BufReader::new(stream) }
    }

    /// Gives a message to the server. `greets`: it has not greeted yet.
    pub(super) async fn deliver(
        mut self,
        greets: bool,
        login: Option<&(String, String)>,
        from: &str,
        to: &[String],
        message: &Message,
    ) -> Result<()> {
        if greets {
            self.answer().await?.expect(220, "the connection")?;
        }
        let offered = self.ask("EHLO", "EHLO localhost").await?.expect(250, "EHLO")?;
        if let Some((name, password)) = login {
            self.log_in(&offered, name, password).await?;
        }
        self.ask("MAIL", &format!("MAIL FROM:<{from}>")).await?.expect(250, "MAIL FROM")?;
        for address in to {
            self.ask("RCPT", &format!("RCPT TO:<{address}>")).await?.expect(250, "RCPT TO")?;
        }
        self.ask("DATA", "DATA").await?.expect(354, "DATA")?;
        // No line begins with a dot: those of headers begin with a name or a space, others are base64.
        let mut text = message.to_bytes(from, to);
        text.extend_from_slice(b".\r\n");
        self.say(&text).await?;
        self.answer().await?.expect(250, "the message")?;
        // It has the message, whatever it answers to this.
        let _ = self.say(b"QUIT\r\n").await;
        Ok(())
    }

    async fn log_in(&mut self, offered: &Answer, name: &str, password: &str) -> Result<()> {
        let ways = offered.offers("AUTH").unwrap_or_default().to_ascii_uppercase();
        let has = |way: &str| ways.split_whitespace().any(|each| each == way);
        if has("PLAIN") || !has("LOGIN") {
            let secret = STANDARD.encode(format!("\0{name}\0{password}"));
            self.ask("AUTH", &format!("AUTH PLAIN {secret}")).await?.expect(235, "AUTH")?;
            return Ok(());
        }
        self.ask("AUTH", "AUTH LOGIN").await?.expect(334, "AUTH")?;
        self.ask("AUTH", &STANDARD.encode(name)).await?.expect(334, "AUTH")?;
        self.ask("AUTH", &STANDARD.encode(password)).await?.expect(235, "AUTH")?;
        Ok(())
    }

    async fn ask(&mut self, what: &str, line: &str) -> Result<Answer> {
        // Names and passwords are in base64, addresses were looked at.
        if line.contains(['\r', '\n']) {
            return Err(Error::new(ErrorKind::Invalid, format!("{what} would have two lines")));
        }
        self.say(format!("{line}\r\n").as_bytes()).await?;
        self.answer().await
    }

    async fn say(&mut self, bytes: &[u8]) -> Result<()> {
        let broke = |error: std::io::Error| unavailable(format!("the connection broke: {error}"));
        let stream = self.stream.get_mut();
        stream.write_all(bytes).await.map_err(broke)?;
        stream.flush().await.map_err(broke)
    }

    async fn answer(&mut self) -> Result<Answer> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().await?;
            let shown = line.chars().take(80).collect::<String>();
            let odd = || unavailable(format!("the server talks no SMTP: {shown}"));
            let (code, rest) = line.split_at_checked(3).ok_or_else(odd)?;
            let code: u16 = code.parse().map_err(|_| odd())?;
            lines.push(rest.get(1..).unwrap_or_default().trim().to_owned());
            if !rest.starts_with('-') {
                return Ok(Answer { code, lines });
            }
            if lines.len() > LINES_MAX {
                return Err(odd());
            }
        }
    }

    async fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        loop {
            let read = self.stream.fill_buf().await;
            let buffer = read.map_err(|error| unavailable(format!("the connection broke: {error}")))?;
            if buffer.is_empty() || line.len() > LINE_BYTES_MAX {
                return Err(unavailable("the server ended the connection".to_owned()));
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let length = end.map_or(buffer.len(), |end| end + 1);
            line.extend_from_slice(&buffer[..length]);
            self.stream.consume(length);
            if end.is_some() {
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
        }
    }
}
