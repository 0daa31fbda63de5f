//! Encryption: a certificate and its key from PEM files.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use tokio_rustls::rustls::{self, ServerConfig};

use crate::users::{KEY_BYTES, hash};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read {path}: {source}", path = path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is no PEM file with {what}: {source}", path = path.display())]
    Pem { path: PathBuf, what: &'static str, source: pem::Error },
    #[error("the certificate and the key cannot be used: {0}")]
    Unusable(rustls::Error),
}

/// What TLS connections are made with.
#[derive(Debug, Clone)]
pub struct Tls {
    pub config: Arc<ServerConfig>,
    /// SHA-256 of the certificate (DER): who knows it needs no authority to know the node.
    pub fingerprint: [u8; KEY_BYTES],
}

/// Reads them. The certificate's chain comes after it in its file.
pub fn load(certificate: &Path, key: &Path) -> Result<Tls, Error> {
    let read = |path: &Path| std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source });
    let chain = CertificateDer::pem_slice_iter(&read(certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) })
        .map_err(|source| Error::Pem { path: certificate.to_owned(), what: "certificates", source })?;
    let private = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|source| Error::Pem {
        path: key.to_owned(),
        what: "a private key",
        source,
    })?;
    let fingerprint = hash(chain.first().map_or(&[], |first| first.as_ref()));
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(Error::Unusable)?;
    let config = builder.with_no_client_auth().with_single_cert(chain, private).map_err(Error::Unusable)?;
    Ok(Tls { config: Arc::new(config), fingerprint })
}
