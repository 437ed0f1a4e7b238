//! One mail server: where it is, and on what terms it takes mail.

use super::{auth::Credentials, session::Limits, tls::Tls};

/// Where mail goes, and on what terms.
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
    pub(super) credentials: Option<Credentials>,
    pub(super) hello: String,
    pub(super) limits: Limits,
    /// Connections that are busy at once; those that wait for long do not count.
    pub(super) connections: usize,
}

/// How the connection is protected.
pub(super) enum Security {
    /// None: for a server on this machine.
    None,
    /// STARTTLS, or no mail.
    StartTls(Tls),
    /// TLS from the first byte.
    Tls(Tls),
}
