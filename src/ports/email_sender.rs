//! Port: the way out for mail.

use async_trait::async_trait;
use core::fmt;
use std::error::Error as StdError;

use crate::mail::EmailMessage;

/// Hands a message to a mail system.
///
/// Called by the courier, never on the request path, so nobody outside learns whether it is slow
/// or fails.
///
/// *Suite*: `email_sender_conformance!` (feature `conformance`).
#[async_trait]
pub trait EmailSender: Send + Sync {
    /// Hands over one message to exactly the one recipient that it names.
    ///
    /// *Atomicity*: `Ok` means that the mail system has taken responsibility. *Time*: the
    /// implementation must end every call. While a call runs, it keeps one of the courier's hands;
    /// a code that is handed over later than its lifetime is of no use. *Errors*: the kind decides
    /// whether the courier tries again. After an error with unknown outcome a second try may
    /// deliver twice, which is safe. *Security*: the message holds a code: keep it out of logs and
    /// errors. Never add a recipient, never follow a redirect to another host. *Proof*:
    /// `tests/adapters/smtp_scripts.rs` and `tests/adapters/smtp_connections.rs`, which run the bundled client
    /// against a server that answers by a script.
    async fn send(&self, message: &EmailMessage) -> Result<(), SendError>;
}

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// The recipient or the message was refused for good.
    Permanent,
    /// The sender is not set up rightly: credentials, certificate, address of the server.
    Setup,
    /// A later try may succeed.
    Transient,
    /// The message may have been handed over: the connection was lost, or patience ended, after its
    /// last byte. The courier sends such a message at most once more.
    Unknown,
}

/// A message was not handed over. The message says what failed, never the address or the text.
#[derive(Debug)]
pub struct SendError {
    kind: SendErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl SendError {
    /// An error with a message in lower case that says what to do.
    #[must_use]
    pub fn new(kind: SendErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Adds the cause. It must not hold the address: mail systems like to repeat it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whether trying again can help.
    #[must_use]
    pub const fn kind(&self) -> SendErrorKind {
        self.kind
    }

    /// Whether a later try may succeed without anybody changing the set-up.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.kind, SendErrorKind::Transient | SendErrorKind::Unknown)
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for SendError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| {
            let source: &(dyn StdError + 'static) = &**source;
            source
        })
    }
}
