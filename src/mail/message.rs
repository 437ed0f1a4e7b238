//! One finished message.

use core::fmt;

use zeroize::Zeroizing;

use crate::domain::{CorrelationId, EmailAddress, LanguageTag};

/// A message to one recipient, ready to be handed to a mail system.
///
/// # Security
/// The parts may hold a code: they are wiped on drop, and `Debug` shows neither them nor the
/// recipient.
#[derive(Clone)]
#[non_exhaustive]
pub struct EmailMessage {
    /// The one recipient: an address on file.
    pub to: EmailAddress,
    /// The brand's name, to stand before the sender's address.
    pub from_name: String,
    /// The brand's own sender, if it has one; otherwise the mail adapter's.
    pub from: Option<EmailAddress>,
    /// One line without control characters.
    pub subject: Zeroizing<String>,
    /// The plain-text part, complete in itself; lines end in `\n`.
    pub text: Zeroizing<String>,
    /// The HTML part.
    pub html: Zeroizing<String>,
    /// The language of both parts.
    pub language: LanguageTag,
    /// What it is for.
    pub purpose: MailPurpose,
    /// What ties it to a request.
    pub correlation: Option<CorrelationId>,
}

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MailPurpose {
    /// The account signs in another way.
    NoPasswordHere,
    /// A passcode.
    Passcode,
    /// The notice of a password change.
    PasswordChanged,
}

impl EmailMessage {
    /// Headers that keep responders quiet (RFC 3834 section 5; the second is Exchange's).
    pub const HEADERS: [(&'static str, &'static str); 2] =
        [("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All")];
}

impl fmt::Debug for EmailMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("EmailMessage");
        shown.field("purpose", &self.purpose).field("language", &self.language);
        shown.finish_non_exhaustive()
    }
}
