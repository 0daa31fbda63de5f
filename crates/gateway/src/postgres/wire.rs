//! Frames of PostgreSQL's protocol, version 3: bytes of a socket to messages and back.
//!
//! Every length is checked before memory is taken for it. Texts are UTF-8, or the message is refused.
//! Source: PostgreSQL 17 documentation, chapter 53, "Frontend/Backend Protocol".

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A message of a client that has not proved who it is.
pub const OPENING_BYTES_MAX: usize = 16 << 10;
/// Any other message.
pub const MESSAGE_BYTES_MAX: usize = 64 << 20;
/// What is gathered before it is sent.
const SEND_BYTES: usize = 64 << 10;
/// What a client may send ahead while a statement runs.
const AHEAD_BYTES_MAX: usize = 1 << 20;

/// A socket, with or without TLS.
pub trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Socket for S {}

/// A message of a client.
#[derive(Debug)]
pub struct Message {
    pub tag: u8,
    pub body: Body,
}

/// Why a connection cannot go on.
#[derive(Debug)]
pub enum Broken {
    /// The client is gone, which is how connections end.
    Gone,
    /// It does not speak the protocol; it is told so.
    Protocol(String),
}

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Broken {
        Broken::Gone
    }
}

pub struct Wire {
    socket: Box<dyn Socket>,
    read: BytesMut,
    out: BytesMut,
}

impl Wire {
    pub fn new(socket: Box<dyn Socket>) -> Wire {
        Wire { socket, read: BytesMut::new(), out: BytesMut::new() }
    }

    /// The socket and what was read ahead of it.
    pub fn into_socket(self) -> (Box<dyn Socket>, BytesMut) {
        (self.socket, self.read)
    }

    /// A message without a tag, as connections open.
    pub async fn opening(&mut self) -> Result<Body, Broken> {
        self.filled(4).await?;
        let length = length(&self.read, OPENING_BYTES_MAX)?;
        self.filled(length).await?;
        let mut message = self.read.split_to(length);
        message.advance(4);
        Ok(Body(message.freeze()))
    }

    /// The next message. `limit` bounds its bytes.
    pub async fn message(&mut self, limit: usize) -> Result<Message, Broken> {
        self.filled(5).await?;
        let length = length(&self.read[1..], limit)?;
        self.filled(length + 1).await?;
        let mut message = self.read.split_to(length + 1);
        let tag = message[0];
        message.advance(5);
        Ok(Message { tag, body: Body(message.freeze()) })
    }

    /// Whether anything has come that was not read yet.
    pub fn has_bytes(&self) -> bool {
        !self.read.is_empty()
    }

    /// Whether a whole message has come already.
    pub fn has_message(&self) -> bool {
        self.read.len() >= 5 && length(&self.read[1..], MESSAGE_BYTES_MAX).is_ok_and(|all| self.read.len() > all)
    }

    async fn filled(&mut self, bytes: usize) -> Result<(), Broken> {
        while self.read.len() < bytes {
            // Memory is taken as bytes come, not as a length promises them.
            self.read.reserve((bytes - self.read.len()).min(SEND_BYTES));
            if self.socket.read_buf(&mut self.read).await? == 0 {
                return Err(Broken::Gone);
            }
        }
        Ok(())
    }

    /// Ends when the client does. What it sends meanwhile is kept, up to a bound.
    pub async fn gone(&mut self) {
        while self.read.len() < AHEAD_BYTES_MAX {
            match self.socket.read_buf(&mut self.read).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        std::future::pending().await
    }

    /// Begins a message; its length is set by [`Wire::end`].
    pub fn begin(&mut self, tag: u8) -> usize {
        self.out.put_u8(tag);
        self.out.put_u32(0);
        self.out.len() - 4
    }

    pub fn out(&mut self) -> &mut BytesMut {
        &mut self.out
    }

    /// Ends the message that [`Wire::begin`] began.
    pub fn end(&mut self, start: usize) {
        let length = u32::try_from(self.out.len() - start).unwrap_or(u32::MAX);
        self.out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }

    /// Takes back a message that was begun.
    pub fn forget(&mut self, start: usize) {
        self.out.truncate(start - 1);
    }

    pub fn put(&mut self, tag: u8, write: impl FnOnce(&mut BytesMut)) {
        let start = self.begin(tag);
        write(&mut self.out);
        self.end(start);
    }

    /// Whether enough is gathered to be sent.
    pub fn is_full(&self) -> bool {
        self.out.len() >= SEND_BYTES
    }

    pub async fn flush(&mut self) -> Result<(), Broken> {
        if !self.out.is_empty() {
            self.socket.write_all(&self.out).await?;
            self.out.clear();
            if self.out.capacity() > 4 * SEND_BYTES {
                self.out = BytesMut::new();
            }
        }
        self.socket.flush().await?;
        Ok(())
    }

    /// A single byte without a frame: the answer to a request for encryption.
    pub async fn answer(&mut self, byte: u8) -> Result<(), Broken> {
        self.socket.write_all(&[byte]).await?;
        self.socket.flush().await?;
        Ok(())
    }

    pub async fn close(&mut self) {
        let _ = self.flush().await;
        // The client may have gone before.
        let _ = self.socket.shutdown().await;
    }
}

/// The length that a message names; it counts itself.
fn length(from: &[u8], limit: usize) -> Result<usize, Broken> {
    let named = u32::from_be_bytes([from[0], from[1], from[2], from[3]]) as usize;
    if named < 4 {
        return Err(Broken::Protocol(format!("a message names a length of {named} bytes")));
    }
    if named > limit {
        return Err(Broken::Protocol(format!("a message of {named} bytes is longer than the {limit} allowed here")));
    }
    Ok(named)
}

/// Writes a text and the zero that ends it. A zero within would end it early, so it is left away.
pub fn put_text(out: &mut BytesMut, text: &str) {
    out.extend(text.bytes().filter(|byte| *byte != 0));
    out.put_u8(0);
}

/// What a message holds, read from its start.
#[derive(Debug)]
pub struct Body(pub Bytes);

impl Body {
    pub fn byte(&mut self) -> Result<u8, Broken> {
        self.need(1)?;
        Ok(self.0.get_u8())
    }

    pub fn int16(&mut self) -> Result<i16, Broken> {
        self.need(2)?;
        Ok(self.0.get_i16())
    }

    pub fn int32(&mut self) -> Result<i32, Broken> {
        self.need(4)?;
        Ok(self.0.get_i32())
    }

    /// A count of what follows.
    pub fn count(&mut self) -> Result<usize, Broken> {
        Ok(usize::from(self.int16()? as u16))
    }

    pub fn bytes(&mut self, count: usize) -> Result<Bytes, Broken> {
        self.need(count)?;
        Ok(self.0.split_to(count))
    }

    pub fn text(&mut self) -> Result<String, Broken> {
        let Some(end) = self.0.iter().position(|byte| *byte == 0) else {
            return Err(Broken::Protocol("a text in a message does not end".to_owned()));
        };
        let text = self.0.split_to(end);
        self.0.advance(1);
        String::from_utf8(text.into()).map_err(|_| Broken::Protocol("a text is not UTF-8".to_owned()))
    }

    fn need(&self, bytes: usize) -> Result<(), Broken> {
        if self.0.len() < bytes { Err(Broken::Protocol("a message ends too early".to_owned())) } else { Ok(()) }
    }
}
