//! SMTP (RFC 5321) on its own threads, without an async runtime.
//!
//! The client is this crate's own for three reasons. Reply codes must decide whatever bytes their
//! text has. Each step has its own time limit. An unknown outcome must differ from a failure.
//! `lettre` writes the bodies.

mod attempt;
mod auth;
mod connection;
mod failure;
mod job;
mod pool;
mod reply;
mod scrub;
mod sender;
mod server;
mod session;
mod tls;
mod url;
mod url_error;

pub use sender::SmtpSender;
pub use url_error::SmtpUrlError;
