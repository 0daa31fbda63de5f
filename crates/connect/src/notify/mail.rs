//! An e-mail, given to a server that takes it: SMTP (RFC 5321) with STARTTLS (RFC 3207) and AUTH PLAIN or LOGIN
//! (RFC 4616). A connection for each message, since there are few.
//!
//! Written here, as the client libraries that there are would turn on other features of rustls for the whole binary.

mod message;
mod talk;

use std::sync::Arc;
use std::time::Duration;

use headwater_base::ErrorKind;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::{Error, Result};
pub use message::Message;
use talk::Talk;

/// A server that takes longer for all of it is unavailable.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    None,
    /// After a greeting. Nothing but that is said before.
    StartTls,
    /// From the first byte.
    Tls,
}

/// What a declaration says.
#[derive(Clone)]
pub struct Options {
    pub host: String,
    pub port: u16,
    /// Name and password.
    pub login: Option<(String, String)>,
    pub from: String,
    pub to: Vec<String>,
    pub tls: Tls,
}

/// Sends e-mails by one server.
pub struct Mail {
    options: Options,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    runtime: Arc<Runtime>,
}

impl Mail {
    /// # Errors
    /// Addresses and names that can't be, and certificates of the system that can't be read.
    pub fn new(options: Options, runtime: Arc<Runtime>) -> Result<Mail> {
        for address in options.to.iter().chain([&options.from]) {
            message::check_address(address)?;
        }
        let is_open = options.tls == Tls::None;
        let tls = if is_open { None } else { Some((connector()?, server_name(&options.host)?)) };
        Ok(Mail { options, tls, runtime })
    }

    /// Sends a message. The server has taken it when this returns; it may get it twice, with the same `Message-ID`.
    ///
    /// # Errors
    /// Unavailable where another try may help: no answer, or one that begins with 4.
    pub fn send(&self, message: &Message) -> Result<()> {
        let sent = self.runtime.block_on(async { tokio::time::timeout(TIMEOUT, self.talk(message)).await });
        sent.unwrap_or_else(|_| Err(unavailable(format!("{}: no answer in time", self.options.host))))
    }

    async fn talk(&self, message: &Message) -> Result<()> {
        let Options { host, port, login, from, to, tls } = &self.options;
        let failed = |error: std::io::Error| unavailable(format!("{host}:{port}: {error}"));
        let mut stream = TcpStream::connect((host.as_str(), *port)).await.map_err(failed)?;
        let secured = async |stream: TcpStream| match &self.tls {
            Some((connector, name)) => connector.connect(name.clone(), stream).await.map_err(failed),
            None => Err(unavailable(format!("{host}:{port}: no certificates to trust"))),
        };
        if *tls == Tls::StartTls {
            stream = talk::start_tls(stream).await?;
        }
        if *tls == Tls::None {
            return Talk::new(stream).deliver(true, login.as_ref(), from, to, message).await;
        }
        let greets = *tls == Tls::Tls;
        Talk::new(secured(stream).await?).deliver(greets, login.as_ref(), from, to, message).await
    }
}

fn unavailable(message: String) -> Error {
    Error::new(ErrorKind::Unavailable, message)
}

fn server_name(host: &str) -> Result<ServerName<'static>> {
    ServerName::try_from(host.to_owned())
        .map_err(|_| Error::new(ErrorKind::Invalid, format!("'{host}' can't be the name of a server")))
}

/// Trusts what the system trusts.
fn connector() -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| Error::new(ErrorKind::Internal, format!("TLS: {error}")))?;
    Ok(TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth())))
}
