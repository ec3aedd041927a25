//! TLS: certificates from files to what turns an accepted socket into an encrypted one.
//!
//! TLS 1.2, 1.3 or both, with rustls' choice of ciphers. Knows files and nothing of the configuration's syntax.

use crate::config::{Config, TlsClientAuth};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{InconsistentKeys, RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Why no encrypted connections can be accepted. For the log.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{name} is not set, and tls-port needs it")]
    Missing { name: &'static str },
    #[error("{name} {path}: {reason}")]
    File { name: &'static str, path: PathBuf, reason: String },
    #[error("tls-auth-clients needs tls-ca-cert-file, to check clients' certificates against")]
    NoAuthority,
    #[error("the certificate and the key can't be used: {0}")]
    Unusable(String),
    #[error("tls-protocols takes TLSv1.2 and TLSv1.3: there is no '{0}'")]
    UnknownVersion(String),
}

impl TlsError {
    /// The setting whose value is to blame.
    pub fn setting(&self) -> &'static str {
        match self {
            Self::Missing { name } | Self::File { name, .. } => name,
            Self::NoAuthority => "tls-auth-clients",
            Self::Unusable(_) => "tls-key-file",
            Self::UnknownVersion(_) => "tls-protocols",
        }
    }

    /// What would be right.
    pub fn advice(&self) -> String {
        match self {
            Self::Missing { name } | Self::File { name, .. } => {
                format!("'{name}' takes the path of a file in PEM format that this user may read.")
            }
            Self::NoAuthority => {
                "Set tls-ca-cert-file, or 'tls-auth-clients no' to ask clients for no certificate.".into()
            }
            Self::Unusable(_) => {
                "'tls-key-file' takes the private key of the first certificate in tls-cert-file.".into()
            }
            Self::UnknownVersion(_) => {
                "'tls-protocols' takes \"TLSv1.2\", \"TLSv1.3\" or \"TLSv1.2 TLSv1.3\".".into()
            }
        }
    }
}

/// Reads certificate, key and authorities, and makes an acceptor of them.
///
/// # Errors
/// What is missing or wrong, with its setting.
pub fn acceptor(config: &Config) -> Result<TlsAcceptor, TlsError> {
    let certificates = certificates("tls-cert-file", config.tls_cert_file())?;
    let key_file = config.tls_key_file().ok_or(TlsError::Missing { name: "tls-key-file" })?;
    let key = PrivateKeyDer::from_pem_file(&key_file)
        .map_err(|error| file_error("tls-key-file", &key_file, error.to_string()))?;
    // Chosen by hand, so that another crate's choice of provider can't change ours.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let unusable = |error: rustls::Error| TlsError::Unusable(error.to_string());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(config.tls_protocols())?)
        .map_err(unusable)?;
    let builder = match verifier(config, Arc::clone(&provider))? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let server = builder.with_cert_resolver(Arc::new(identity(certificates, key, &provider)?));
    Ok(TlsAcceptor::from(Arc::new(server)))
}

/// The versions that are allowed, all if none is named.
fn versions(named: &[u8]) -> Result<Vec<&'static SupportedProtocolVersion>, TlsError> {
    let words = named.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let versions = words.map(|word| match word.to_ascii_lowercase().as_slice() {
        b"tlsv1.2" => Ok(&TLS12),
        b"tlsv1.3" => Ok(&TLS13),
        _ => Err(TlsError::UnknownVersion(String::from_utf8_lossy(word).into_owned())),
    });
    let versions = versions.collect::<Result<Vec<_>, _>>()?;
    Ok(if versions.is_empty() { vec![&TLS13, &TLS12] } else { versions })
}

/// The certificate with its key. Only a key that is another's is refused: whether clients like a certificate of the
/// first version, which rustls itself would not take, is for them to say.
fn identity(
    certificates: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<SingleCertAndKey, TlsError> {
    let unusable = |error: rustls::Error| TlsError::Unusable(error.to_string());
    let key = provider.key_provider.load_private_key(key).map_err(unusable)?;
    let identity = CertifiedKey::new(certificates, key);
    let mismatch = rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch);
    match identity.keys_match() {
        Ok(()) => {}
        Err(error) if error == mismatch => return Err(unusable(error)),
        Err(_) if !holds_key(&identity) => return Err(unusable(mismatch)),
        Err(_) => {}
    }
    Ok(SingleCertAndKey::from(identity))
}

/// Whether the public half of the key stands in a certificate that rustls can't read, such as one of the first version.
/// Both are DER, which writes a key in one way only.
fn holds_key(identity: &CertifiedKey) -> bool {
    let (Some(public), Some(certificate)) = (identity.key.public_key(), identity.cert.first()) else {
        return true;
    };
    memchr::memmem::find(certificate, &public).is_some()
}

fn verifier(
    config: &Config,
    provider: Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    let optional = match config.tls_auth_clients() {
        TlsClientAuth::No => return Ok(None),
        TlsClientAuth::Yes => false,
        TlsClientAuth::Optional => true,
    };
    let Some(file) = config.tls_ca_cert_file() else { return Err(TlsError::NoAuthority) };
    let mut roots = RootCertStore::empty();
    for certificate in certificates("tls-ca-cert-file", Some(file.clone()))? {
        roots.add(certificate).map_err(|error| file_error("tls-ca-cert-file", &file, error.to_string()))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = if optional { builder.allow_unauthenticated() } else { builder };
    let verifier = builder.build().map_err(|error| TlsError::Unusable(error.to_string()))?;
    Ok(Some(verifier))
}

fn certificates(name: &'static str, file: Option<PathBuf>) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let file = file.ok_or(TlsError::Missing { name })?;
    let read = CertificateDer::pem_file_iter(&file).and_then(|all| all.collect::<Result<Vec<_>, _>>());
    let all = read.map_err(|error| file_error(name, &file, error.to_string()))?;
    if all.is_empty() {
        return Err(file_error(name, &file, "there is no certificate in it".into()));
    }
    Ok(all)
}

fn file_error(name: &'static str, path: &Path, reason: String) -> TlsError {
    TlsError::File { name, path: path.to_path_buf(), reason }
}

#[cfg(test)]
mod tests {
    use super::{identity, versions};
    use rustls::ProtocolVersion::{TLSv1_2, TLSv1_3};
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    #[test]
    fn a_certificate_of_any_version_has_its_own_key_only() {
        let provider = rustls::crypto::ring::default_provider();
        let data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls");
        let other = rcgen::KeyPair::generate().expect("a key");
        for file in ["certificate.pem", "certificate-v1.pem"] {
            let certificate = CertificateDer::from_pem_file(format!("{data}/{file}")).expect("it is there");
            let key = PrivateKeyDer::from_pem_file(format!("{data}/key.pem")).expect("it is there");
            assert!(identity(vec![certificate.clone()], key, &provider).is_ok(), "{file}");
            let other = PrivateKeyDer::try_from(other.serialize_der()).expect("it is a key");
            assert!(identity(vec![certificate], other, &provider).is_err(), "{file}");
        }
    }

    #[test]
    fn versions_are_named() {
        for (named, expect) in [
            ("", Some(&[TLSv1_3, TLSv1_2][..])),
            ("TLSv1.2", Some(&[TLSv1_2])),
            (" tlsv1.3  TLSv1.2", Some(&[TLSv1_3, TLSv1_2])),
            ("TLSv1.1 TLSv1.2", None),
            ("1.3", None),
        ] {
            let found = versions(named.as_bytes()).ok();
            let found: Option<Vec<_>> = found.map(|all| all.iter().map(|version| version.version).collect());
            assert_eq!(found.as_deref(), expect, "{named}");
        }
    }
}
