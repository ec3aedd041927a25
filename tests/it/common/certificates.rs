//! An authority, and certificates for this machine that it has signed, in files as the server takes them.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

/// What a test trusts and shows. Another one's certificates mean nothing to it.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: TempDir,
}

/// A certificate with its key, as PEM.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut own = CertificateParams::default();
        own.distinguished_name.push(DnType::CommonName, "an authority of the tests");
        own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("the system has random numbers");
        let issuer = CertifiedIssuer::self_signed(own, key).expect("the key is our own");
        Self { issuer, directory: tempfile::tempdir().expect("there is room for a directory") }
    }

    /// The authority's own certificate, as PEM.
    pub(crate) fn certificate(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for this machine by name and address, for servers and clients.
    pub(crate) fn identity(&self) -> Identity {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let params = CertificateParams::new(names).expect("they are names and addresses");
        let key = KeyPair::generate().expect("the system has random numbers");
        let certificate = params.signed_by(&key, &self.issuer).expect("both keys are our own");
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// The options with which a server shows a certificate of this authority and takes clients' of it.
    pub(crate) fn options(&self, auth_clients: &str) -> Vec<String> {
        let server = self.identity();
        let file = |name: &str, content: &str| {
            let path = self.directory.path().join(name);
            std::fs::write(&path, content).expect("the directory is ours");
            path.display().to_string()
        };
        let options = [
            ("--tls-cert-file", file("server.crt", &server.certificate)),
            ("--tls-key-file", file("server.key", &server.key)),
            ("--tls-ca-cert-file", file("ca.crt", &self.certificate())),
            ("--tls-auth-clients", auth_clients.to_owned()),
        ];
        options.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
    }
}
