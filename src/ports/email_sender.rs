//! Port: the sender of mail.

use std::error::Error as StdError;

use async_trait::async_trait;
use thiserror::Error;

use crate::mail::EmailMessage;

/// A sender that hands messages to a mail system.
///
/// Only the courier calls it, never the request path. Therefore outsiders cannot see whether it is
/// slow or fails. The suite `email_sender_conformance!` (feature `conformance`) tests an
/// implementation.
///
/// ```
/// use sspr::mail::EmailMessage;
/// use sspr::ports::{EmailSender, SendError, SendErrorKind};
///
/// struct Mine;
///
/// #[async_trait::async_trait]
/// impl EmailSender for Mine {
///     async fn send(&self, message: &EmailMessage) -> Result<(), SendError> {
///         let _to = message.to.as_str();
///         Err(SendError::new(
///             SendErrorKind::Transient,
///             "my mail API: out of reach",
///         ))
///     }
/// }
/// ```
#[async_trait]
pub trait EmailSender: Send + Sync {
    /// Hands one message over to the one recipient that it names.
    ///
    /// `Ok` means that the mail system has taken responsibility for the message. Every call must end.
    /// At most 128 codes and 128 notices are under way at the same time.
    ///
    /// # Errors
    /// The kind of the [`SendError`] decides whether the courier sends the message again. After
    /// [`SendErrorKind::Unknown`] the user may get the message twice, which is safe.
    ///
    /// # Security
    /// The message contains a code. Keep it out of logs and errors. Never add a recipient, and never
    /// follow a redirect to another host.
    async fn send(&self, message: &EmailMessage) -> Result<(), SendError>;
}

/// Whether sending again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// The mail system has refused the recipient or the message for good.
    Permanent,
    /// The configuration is wrong: the credentials, the certificate or the address of the server.
    Setup,
    /// Sending later may succeed.
    Transient,
    /// The message may have been handed over, because the connection was lost or timed out after its
    /// last byte. The courier sends a code at most once more.
    Unknown,
}

/// The error of a message that was not handed over.
///
/// Its text says what failed. It never contains the address or the text of the message.
#[derive(Error)]
#[error("{message}")]
pub struct SendError {
    kind: SendErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

debug_is_text!(SendError);

impl SendError {
    /// Makes an error from a text in lower case that says what to do.
    #[must_use]
    pub fn new(kind: SendErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Adds the cause. It must not contain the address, which mail systems often repeat.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns whether sending again can help.
    #[must_use]
    pub const fn kind(&self) -> SendErrorKind {
        self.kind
    }

    /// Returns whether sending later may succeed with the same configuration.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.kind, SendErrorKind::Transient | SendErrorKind::Unknown)
    }
}
