//! SMTP (RFC 5321) on threads of its own: no async runtime is needed.
//!
//! The client is this crate's, because reply codes must decide whatever bytes their text has, each
//! step has its own limit of time, and an outcome that is unknown must be told from a failure.
//! `lettre` writes the bodies.

mod attempt;
mod auth;
mod connection;
mod failure;
mod pool;
mod reply;
mod scrub;
mod sender;
mod server;
mod session;
mod tls;
mod url;

pub use sender::SmtpSender;
pub use url::SmtpUrlError;
