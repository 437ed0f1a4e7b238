//! One mail server, with its address and terms.

use super::{auth::Credentials, session::Limits, tls::Tls};

/// The server that takes mail, with its terms.
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
    pub(super) credentials: Option<Credentials>,
    pub(super) hello: String,
    pub(super) limits: Limits,
    /// The number of connections that may be busy at once. Those that wait for a long time do not
    /// count.
    pub(super) connections: usize,
}

/// The protection of the connection.
pub(super) enum Security {
    /// No protection, for a server on this machine.
    None,
    /// STARTTLS. Without it no mail is sent.
    StartTls(Tls),
    /// TLS from the first byte.
    Tls(Tls),
}
