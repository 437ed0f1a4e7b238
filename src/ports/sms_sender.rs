//! Port: the sender of text messages.

use async_trait::async_trait;

use super::SendError;
use crate::mail::TextMessage;

/// A sender that hands text messages to a provider.
///
/// Only the courier calls it, never the request path. Therefore outsiders cannot see whether it is
/// slow or fails.
///
/// ```
/// use sspr::mail::TextMessage;
/// use sspr::ports::{SendError, SendErrorKind, SmsSender};
///
/// struct Mine;
///
/// #[async_trait::async_trait]
/// impl SmsSender for Mine {
///     async fn send_text(&self, message: &TextMessage) -> Result<(), SendError> {
///         let (_to, _text) = (message.to.as_str(), message.text.as_str());
///         Err(SendError::new(
///             SendErrorKind::Transient,
///             "my SMS API: out of reach",
///         ))
///     }
/// }
/// ```
#[async_trait]
pub trait SmsSender: Send + Sync {
    /// Hands one message to the provider, for the one number that the message names.
    ///
    /// `Ok` means that the provider has taken responsibility for the message. Use a time limit, so
    /// that every call ends. At most 128 codes by mail and SMS together are sent at the same time.
    ///
    /// # Errors
    /// The kind of the [`SendError`] decides whether the courier sends the message again. After
    /// [`SendErrorKind::Unknown`](super::SendErrorKind) the user may get the message twice. This is
    /// safe, but costs one message more.
    ///
    /// # Security
    /// The message may contain a code. Keep it out of logs and errors. Never send it to another number,
    /// and never follow a redirect to another host.
    async fn send_text(&self, message: &TextMessage) -> Result<(), SendError>;

    /// Returns whether the sender can also send notices of a changed password, which carry no code.
    /// The default is `true`.
    ///
    /// # Security
    /// If this returns `false`, phones get no notice of a changed password. The mails are still
    /// sent.
    fn sends_notices(&self) -> bool {
        true
    }
}
