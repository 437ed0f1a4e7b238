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
///         let _to = message.to.as_str();
///         Err(SendError::new(
///             SendErrorKind::Transient,
///             "my SMS API: out of reach",
///         ))
///     }
/// }
/// ```
#[async_trait]
pub trait SmsSender: Send + Sync {
    /// Hands one message over to the one number that it names.
    ///
    /// `Ok` means that the provider has taken responsibility for the message. Every call must end.
    /// At most 128 codes are under way at the same time, mails among them.
    ///
    /// # Errors
    /// The kind of the [`SendError`] decides whether the courier sends the message again. After
    /// [`SendErrorKind::Unknown`](super::SendErrorKind) the user may get the message twice, which is
    /// safe but costs one message more.
    ///
    /// # Security
    /// The message may contain a code. Keep it out of logs and errors. Never send it to another number,
    /// and never follow a redirect to another host.
    async fn send_text(&self, message: &TextMessage) -> Result<(), SendError>;

    /// Returns whether the sender hands over texts without a code as well, which are the notices of a
    /// changed password. The default is `true`.
    ///
    /// # Security
    /// If the answer is `false`, no phone is told of a changed password. The mails are sent.
    fn sends_notices(&self) -> bool {
        true
    }
}
