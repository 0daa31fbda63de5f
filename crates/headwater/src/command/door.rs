//! The way from a command to the node that has a data folder: where it answers, by which certificate it is known, and as
//! whom it is asked.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use headwater_gateway::NODE_HEADER;
use headwater_gateway::users::hash;
use reqwest::{Client, RequestBuilder};
use tokio::runtime::Runtime;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use crate::folder::{DataFolder, NodeFile, hexadecimal};

/// How long a node may take from having its folder to saying where it listens.
const STARTING: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The password of `--user`, for scripts.
const PASSWORD: &str = "HEADWATER_PASSWORD";

/// As whom a node is asked.
#[derive(Debug, Args)]
pub struct Login {
    /// The user to ask a node as that has users; the password is HEADWATER_PASSWORD, or asked for on the terminal
    #[arg(long, value_name = "NAME", env = "HEADWATER_USER")]
    user: Option<String>,
}

impl Login {
    fn credentials(&self) -> Result<Option<(String, String)>> {
        let Some(name) = self.user.clone() else { return Ok(None) };
        if let Ok(password) = std::env::var(PASSWORD) {
            return Ok(Some((name, password)));
        }
        if !std::io::stdin().is_terminal() {
            bail!("there is no password for user {name}: set {PASSWORD}");
        }
        let password = rpassword::prompt_password(format!("Password of user {name}: "));
        Ok(Some((name, password.context("cannot read the password")?)))
    }
}

/// A running node, and the way to it.
pub struct Door {
    url: String,
    client: Client,
    credentials: Option<(String, String)>,
}

impl Door {
    /// The door of the node that has the folder; `None` where no node has it.
    pub fn find(folder: &DataFolder, login: &Login, runtime: &Runtime) -> Result<Option<Door>> {
        let mut waited = Duration::ZERO;
        while folder.is_taken()? {
            if let Some((url, client)) = runtime.block_on(answering(folder))? {
                return Ok(Some(Door { url, client, credentials: login.credentials()? }));
            }
            if waited >= STARTING {
                let refused =
                    anyhow!("a node has the data folder {}, and can't be asked over HTTP", folder.path.display());
                return Err(
                    refused.context("start the node with --http ADDRESS, or stop it to read its last checkpoint")
                );
            }
            std::thread::sleep(LOOK_AGAIN);
            waited += LOOK_AGAIN;
        }
        Ok(None)
    }

    /// Runs a statement; what it comes to, as text of a format.
    pub async fn sql(&self, statement: &str, format: &str) -> Result<String> {
        let request = self.post(&format!("/v1/sql?format={format}")).body(statement.to_owned());
        let answer = request.send().await.context("the node does not answer")?;
        let status = answer.status();
        let text = answer.text().await.context("the node broke its answer off")?;
        if status.is_success() {
            return Ok(text);
        }
        let body: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        match (body["error"]["message"].as_str(), body["error"]["hint"].as_str()) {
            (Some(message), Some(hint)) => Err(anyhow!("{message}\nhint: {hint}")),
            (Some(message), None) => Err(anyhow!("{message}")),
            (None, _) => Err(anyhow!("the node answered {status}: {text}")),
        }
    }

    pub fn post(&self, target: &str) -> RequestBuilder {
        let request = self.client.post(format!("{}{target}", self.url));
        match &self.credentials {
            Some((name, password)) => request.basic_auth(name, Some(password)),
            None => request,
        }
    }
}

/// Where the folder's node answers, if it does: another one may have its address by now.
async fn answering(folder: &DataFolder) -> Result<Option<(String, Client)>> {
    let Some(NodeFile { id, http: Some(address), certificate, .. }) = folder.node()? else { return Ok(None) };
    let (scheme, client) = match certificate {
        None => ("http", Client::builder().no_proxy().build()?),
        Some(fingerprint) => {
            ("https", Client::builder().no_proxy().use_preconfigured_tls(pinned(fingerprint)?).build()?)
        }
    };
    let url = format!("{scheme}://{address}");
    let answer = client.get(format!("{url}/health")).timeout(LOOK_AGAIN * 20).send().await;
    let is_it = |answer: reqwest::Response| answer.headers().get(NODE_HEADER).is_some_and(|named| named == id.as_str());
    Ok(answer.is_ok_and(is_it).then_some((url, client)))
}

/// Trusts the one certificate that the node's own file names, whoever has signed it.
fn pinned(fingerprint: String) -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Pinned { fingerprint, provider: Arc::clone(&provider) };
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

#[derive(Debug)]
struct Pinned {
    fingerprint: String,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if hexadecimal(&hash(certificate)) == self.fingerprint {
            return Ok(ServerCertVerified::assertion());
        }
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
