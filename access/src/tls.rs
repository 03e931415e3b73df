//! TLS from a certificate and a key in PEM files, for every part that listens.
//!
//! Invariant: a certificate that cannot be used stops the start. A server that falls back to plain
//! text because of a wrong path would send passwords and findings in the clear.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion_postgres::pgwire::tokio::{TlsAcceptor, tokio_rustls::rustls};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::Error;

/// A certificate and its key, as they stand in their files.
#[derive(Clone)]
pub struct Tls {
    /// Certificate chain, PEM.
    pub cert_pem: Vec<u8>,
    /// Private key, PEM.
    pub key_pem: Vec<u8>,
    cert: PathBuf,
    key: PathBuf,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls")
            .field("cert", &self.cert)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the two files.
    ///
    /// # Errors
    /// A file that cannot be read; what is in it is checked by [`Tls::acceptor`].
    pub fn read(cert: &Path, key: &Path) -> Result<Self, Error> {
        // Two providers are linked in, and the library asks which one where it is given none. Whoever
        // comes second finds one installed, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let read = |path: &Path| {
            std::fs::read(path).map_err(|error| Error::File {
                path: path.to_owned(),
                what: error.to_string(),
            })
        };
        Ok(Self {
            cert_pem: read(cert)?,
            key_pem: read(key)?,
            cert: cert.to_owned(),
            key: key.to_owned(),
        })
    }

    /// What turns an accepted connection into an encrypted one; `protocols` are offered by ALPN.
    ///
    /// # Errors
    /// No certificate or no key in the files, or two that do not belong together.
    pub fn acceptor(&self, protocols: &[&str]) -> Result<TlsAcceptor, Error> {
        let fault = |path: &Path, what: String| Error::File {
            path: path.to_owned(),
            what,
        };
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&self.cert_pem)
            .collect::<Result<_, _>>()
            .map_err(|error| fault(&self.cert, format!("not a PEM certificate: {error}")))?;
        if chain.is_empty() {
            return Err(fault(
                &self.cert,
                "there is no certificate in it".to_owned(),
            ));
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key_pem)
            .map_err(|error| fault(&self.key, format!("not a PEM private key: {error}")))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| fault(&self.cert, error.to_string()))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| fault(&self.key, error.to_string()))?;
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
