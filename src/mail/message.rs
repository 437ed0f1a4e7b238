//! One finished message.

use core::fmt;

use zeroize::Zeroizing;

use crate::domain::{ApplicationId, CorrelationId, EmailAddress, LanguageTag, TenantId};

/// A message to one recipient, ready to be handed to a mail system.
///
/// # Security
/// The parts may contain a code. They are wiped on drop, and `Debug` shows neither the parts nor
/// the recipient.
#[derive(Clone)]
#[non_exhaustive]
pub struct EmailMessage {
    /// The only recipient, an address on file.
    pub to: EmailAddress,
    /// The name of the brand, shown before the sender's address.
    pub from_name: String,
    /// The brand's own sender. If `None`, the mail adapter's sender is used.
    pub from: Option<EmailAddress>,
    /// The subject: one line without control characters.
    pub subject: Zeroizing<String>,
    /// The plain-text part, complete in itself. Lines end in `\n`.
    pub text: Zeroizing<String>,
    /// The HTML part.
    pub html: Zeroizing<String>,
    /// The language of both parts.
    pub language: LanguageTag,
    /// The purpose of the message.
    pub purpose: MailPurpose,
    /// The id that ties the message to a request.
    pub correlation: Option<CorrelationId>,
    /// The tenant of the recipient's account.
    pub tenant: TenantId,
    /// The application in which the reset was opened. Notices have none.
    pub application: Option<ApplicationId>,
}

/// The purpose of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MailPurpose {
    /// Notifies of an action of staff, or of a frozen account.
    AccountEvent,
    /// Tells the user that the account signs in another way.
    NoPasswordHere,
    /// Carries a passcode.
    Passcode,
    /// Notifies of a password change.
    PasswordChanged,
}

impl EmailMessage {
    /// The headers that keep automatic responders quiet (RFC 3834 section 5; the second is
    /// Exchange's).
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
