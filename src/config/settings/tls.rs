//! Encrypted connections.

use crate::config::setting::Class::{Accepted, Live, Refused};
use crate::config::setting::{Kind, Setting, count, port};

const NO_CIPHER_CHOICE: &str =
    "choosing ciphers is not supported: TLS 1.2 and 1.3 with safe ciphers are always used";

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new("tls-port", port(), "0", Live, "TCP port for TLS; 0 listens on none."),
    Setting::text("tls-cert-file", "", Live, "The server's certificate chain, PEM."),
    Setting::text("tls-key-file", "", Live, "The key of the certificate, PEM."),
    Setting::text(
        "tls-key-file-pass",
        "",
        Refused("encrypted key files are not supported: decrypt the key file"),
        "Passphrase of the key file.",
    )
    .sensitive(),
    Setting::text(
        "tls-ca-cert-file",
        "",
        Live,
        "Certificates that clients' certificates are checked against, PEM.",
    ),
    Setting::text(
        "tls-ca-cert-dir",
        "",
        Refused("a directory of CA certificates is not supported: use tls-ca-cert-file"),
        "Directory of CA certificates.",
    ),
    Setting::new(
        "tls-auth-clients",
        Kind::Choice(&["no", "yes", "optional"]),
        "yes",
        Live,
        "Must clients show a certificate?",
    ),
    Setting::text(
        "tls-protocols",
        "",
        Live,
        "TLS versions to allow: TLSv1.2, TLSv1.3 or both; empty for both.",
    ),
    Setting::text("tls-ciphers", "", Refused(NO_CIPHER_CHOICE), "TLS 1.2 ciphers to allow."),
    Setting::text("tls-ciphersuites", "", Refused(NO_CIPHER_CHOICE), "TLS 1.3 cipher suites to allow."),
    Setting::flag("tls-prefer-server-ciphers", "no", Accepted, "Whose order of ciphers counts."),
    Setting::flag("tls-session-caching", "yes", Accepted, "Resume TLS sessions."),
    Setting::new("tls-session-cache-size", count(0), "20480", Accepted, "TLS sessions to keep."),
    Setting::new("tls-session-cache-timeout", count(0), "300", Accepted, "Seconds to keep a TLS session."),
    Setting::text(
        "tls-dh-params-file",
        "",
        Accepted,
        "Diffie-Hellman parameters, which modern key exchanges do not use.",
    ),
    Setting::text("tls-client-cert-file", "", Accepted, "Certificate for outgoing connections."),
    Setting::text("tls-client-key-file", "", Accepted, "Key for outgoing connections."),
    Setting::text(
        "tls-client-key-file-pass",
        "",
        Accepted,
        "Passphrase of the key for outgoing connections.",
    )
    .sensitive(),
    Setting::flag("tls-replication", "no", Accepted, "TLS towards a master."),
    Setting::flag("tls-cluster", "no", Accepted, "TLS between nodes of a cluster."),
];
