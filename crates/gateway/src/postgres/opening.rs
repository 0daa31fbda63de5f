//! How a connection opens: encryption, cancel requests, the start-up message, the password.

use std::net::IpAddr;

use tokio_rustls::TlsAcceptor;

use super::Options;
use super::cancel::Registry;
use super::failure::{Failure, NO_ENTRY, NO_PASSWORD, NOT_BUILT, PROTOCOL};
use super::scram::{self, Exchange, Refused};
use super::wire::{Body, OPENING_BYTES_MAX, Wire, put_text};
use crate::access::Access;
use crate::guesses::TooMany;
use crate::users::Verifier;

use bytes::BufMut;

const VERSION_3: i32 = 3 << 16;
const CANCEL: i32 = 80_877_102;
const ENCRYPT: i32 = 80_877_103;
const ENCRYPT_GSS: i32 = 80_877_104;

const SASL: i32 = 10;
const SASL_CONTINUE: i32 = 11;
const SASL_FINAL: i32 = 12;

/// A client that has proved who it is, where it must.
pub struct Opened {
    pub wire: Wire,
    pub start: Start,
}

/// What a client says of itself first.
#[derive(Debug)]
pub struct Start {
    pub user: String,
    pub database: String,
    /// Names and values in the order sent.
    pub parameters: Vec<(String, String)>,
}

/// `None`: there is nothing more to serve.
pub async fn open(mut wire: Wire, from: IpAddr, options: &Options, registry: &Registry) -> Option<Opened> {
    let mut asked = false;
    loop {
        let opened = match wire.opening().await {
            Ok(mut body) => body.int32().map(|version| (version, body)),
            Err(broken) => Err(broken),
        };
        let (version, body) = match opened {
            Ok(opened) => opened,
            Err(broken) => return refuse(wire, broken.into()).await,
        };
        match version {
            ENCRYPT if !asked => {
                wire = encrypt(wire, options).await?;
                asked = true;
            }
            ENCRYPT_GSS => wire.answer(b'N').await.ok()?,
            CANCEL => {
                let mut body = body;
                if let (Ok(number), Ok(secret)) = (body.int32(), body.int32()) {
                    registry.cancel((number, secret));
                }
                wire.close().await;
                return None;
            }
            other => {
                let encrypted = asked && options.access.tls.is_some();
                return begin(wire, other, body, options, Peer { from, encrypted }).await;
            }
        }
    }
}

/// What a connection has shown of itself by itself.
#[derive(Clone, Copy)]
struct Peer {
    from: IpAddr,
    encrypted: bool,
}

/// Answers the request for encryption.
async fn encrypt(mut wire: Wire, options: &Options) -> Option<Wire> {
    let Some(tls) = &options.access.tls else {
        wire.answer(b'N').await.ok()?;
        return Some(wire);
    };
    if wire.has_bytes() {
        // What was sent before encryption could be someone else's (CVE-2021-23214).
        let early = Failure::new(PROTOCOL, "bytes came between the request for encryption and its answer");
        return refuse(wire, early).await;
    }
    wire.answer(b'S').await.ok()?;
    let (socket, _) = wire.into_socket();
    let socket = TlsAcceptor::from(tls.config.clone()).accept(socket).await.ok()?;
    Some(Wire::new(Box::new(socket)))
}

async fn refuse<T>(mut wire: Wire, failure: Failure) -> Option<T> {
    failure.send(&mut wire, true);
    wire.close().await;
    None
}

async fn begin(mut wire: Wire, version: i32, body: Body, options: &Options, peer: Peer) -> Option<Opened> {
    if version >> 16 != VERSION_3 >> 16 {
        let (major, minor) = (version >> 16, version & 0xffff);
        let unknown = Failure::new(NOT_BUILT, format!("protocol version {major}.{minor} is not supported"));
        return refuse(wire, unknown.hint("this is a PostgreSQL door: it speaks version 3.0")).await;
    }
    let (start, unknown) = match start(body) {
        Ok(start) => start,
        Err(failure) => return refuse(wire, failure).await,
    };
    if version != VERSION_3 || !unknown.is_empty() {
        wire.put(b'v', |out| {
            out.put_i32(0);
            out.put_i32(unknown.len() as i32);
            unknown.iter().for_each(|name| put_text(out, name));
        });
    }
    if options.access.must_encrypt && !peer.encrypted {
        let open = Failure::new(NO_ENTRY, "this node takes encrypted connections only");
        return refuse(wire, open.hint("connect with sslmode=require")).await;
    }
    if !options.access.users.is_empty()
        && let Err(failure) = prove(&mut wire, &start.user, peer.from, &options.access).await
    {
        return refuse(wire, failure).await;
    }
    wire.put(b'R', |out| out.put_i32(0));
    Some(Opened { wire, start })
}

/// The start-up message, and options of the protocol that are not known.
fn start(mut body: Body) -> Result<(Start, Vec<String>), Failure> {
    let (mut user, mut database, mut parameters, mut unknown) = (String::new(), None, Vec::new(), Vec::new());
    loop {
        let name = body.text()?;
        if name.is_empty() {
            break;
        }
        let value = body.text()?;
        match name.as_str() {
            "user" => user = value,
            "database" => database = Some(value),
            "replication" if ["false", "off", "no", "0"].contains(&value.as_str()) => {}
            "replication" => return Err(Failure::not_built("replication")),
            "options" => parameters.extend(options(&value)?),
            _ if name.starts_with("_pq_.") => unknown.push(name),
            _ => parameters.push((name, value)),
        }
    }
    if user.is_empty() {
        return Err(Failure::new(NO_ENTRY, "the start-up message names no user"));
    }
    let database = database.filter(|name| !name.is_empty()).unwrap_or_else(|| user.clone());
    Ok((Start { user, database, parameters }, unknown))
}

/// `-c name=value` and `--name=value`; a backslash keeps a space.
fn options(text: &str) -> Result<Vec<(String, String)>, Failure> {
    let (mut words, mut word, mut escaped) = (Vec::new(), String::new(), false);
    for character in text.chars() {
        match character {
            '\\' if !escaped => escaped = true,
            ' ' if !escaped => words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty())),
            _ => {
                word.push(character);
                escaped = false;
            }
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    let (mut found, mut words) = (Vec::new(), words.into_iter());
    while let Some(word) = words.next() {
        let set = match (word.strip_prefix("--"), word.strip_prefix("-c")) {
            (Some(set), _) => Some(set.to_owned()),
            (_, Some("")) => words.next(),
            (_, Some(set)) => Some(set.to_owned()),
            _ => None,
        };
        let Some((name, value)) = set.as_deref().and_then(|set| set.split_once('=')) else {
            return Err(Failure::new("22023", format!("option '{word}' is not known")).hint("write -c name=value"));
        };
        found.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(found)
}

/// Asks for the password by SCRAM-SHA-256.
async fn prove(wire: &mut Wire, user: &str, from: IpAddr, access: &Access) -> Result<(), Failure> {
    let refused = || Failure::new(NO_PASSWORD, format!("password authentication failed for user \"{user}\""));
    wire.put(b'R', |out| {
        out.put_i32(SASL);
        put_text(out, scram::MECHANISM);
        out.put_u8(0);
    });
    let mut body = answer(wire).await?;
    let mechanism = body.text()?;
    if mechanism != scram::MECHANISM {
        return Err(Failure::new(NOT_BUILT, format!("authentication by {mechanism} is not supported")));
    }
    let length = usize::try_from(body.int32()?).unwrap_or(0);
    let first = utf8(body.bytes(length)?.to_vec())?;
    let known = access.users.get(user);
    let verifier = known.clone().unwrap_or_else(|| Verifier::of_nobody(user));
    let told = |error: Refused| match error {
        Refused::Malformed(why) => Failure::new(PROTOCOL, why),
        Refused::Password => refused(),
    };
    let (exchange, challenge) = Exchange::begin(verifier, &first).map_err(told)?;
    wire.put(b'R', |out| {
        out.put_i32(SASL_CONTINUE);
        out.put_slice(challenge.as_bytes());
    });
    let last = utf8(answer(wire).await?.0.to_vec())?;
    let wait = access.guesses.begin(user, from).map_err(|TooMany { after }| {
        let many = format!("there were too many wrong passwords for user \"{user}\"");
        Failure::new(NO_PASSWORD, many).hint(format!("try again in {} seconds", after.as_secs() + 1))
    })?;
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    let proof = exchange.finish(&last).map_err(told)?;
    if known.is_none() {
        return Err(refused());
    }
    access.guesses.proved(user, from);
    wire.put(b'R', |out| {
        out.put_i32(SASL_FINAL);
        out.put_slice(proof.as_bytes());
    });
    Ok(())
}

async fn answer(wire: &mut Wire) -> Result<Body, Failure> {
    wire.flush().await?;
    let message = wire.message(OPENING_BYTES_MAX).await?;
    if message.tag != b'p' {
        return Err(Failure::new(PROTOCOL, "a password was asked for and something else came"));
    }
    Ok(message.body)
}

fn utf8(bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|_| Failure::new(PROTOCOL, "an answer to the request for a password is not UTF-8"))
}
