//! The content, the recipient and the sender of a mail.

use core::{fmt::Debug, time::Duration};

use zeroize::Zeroizing;

use super::{
    EmailMessage, Language, MailPurpose, TextLetter,
    fill::{clean, line, sized},
};
use crate::{
    domain::{
        ApplicationId, Code, CorrelationId, EmailAddress, IdentityProvider, NoticeCause, TenantId,
        Timestamp,
    },
    policy::Brand,
};

/// All values from which a mail is made.
#[derive(Clone, Debug)]
pub struct Letter<'a> {
    /// The brand that the mail carries.
    pub brand: &'a Brand,
    /// The language of all its parts.
    pub language: Language,
    /// The recipient: an address on file.
    pub to: &'a EmailAddress,
    /// The content of the mail.
    pub content: Content<'a>,
    /// The id that ties the mail to a request.
    pub correlation: Option<CorrelationId>,
    /// The tenant of the recipient's account.
    pub tenant: &'a TenantId,
    /// The application in which the reset was opened. Notices have none.
    pub application: Option<&'a ApplicationId>,
}

/// The content of a mail.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Content<'a> {
    /// The mail is the notice of an action of staff, or of a frozen account.
    AccountEvent {
        /// The time of the event. Mails state it in UTC.
        at: Timestamp,
        /// The event. A change of the password has a content of its own.
        cause: NoticeCause,
    },
    /// The account signs in another way, so there is no password to reset.
    NoPasswordHere {
        /// The account's identity providers. If none of them can be named, the mail says "another
        /// provider".
        providers: &'a [IdentityProvider],
    },
    /// The mail carries a passcode.
    Passcode {
        /// The code.
        code: &'a Code,
        /// How long the code is valid from now. Mails state it in whole minutes, rounded down, and
        /// at least one.
        lifetime: Duration,
    },
    /// The mail is the notice of a password change.
    PasswordChanged {
        /// The time of the change. Mails state it in UTC.
        at: Timestamp,
        /// The cause of the change, as this recipient is told.
        cause: NoticeCause,
        /// The code with which this recipient freezes the account, if the tenant has switched such
        /// codes on. It works for three days after the change.
        freeze: Option<&'a Code>,
    },
}

/// Makes messages from letters.
///
/// An implementation must be a pure function of the letter. It must treat every recipient alike and
/// take the same time for each.
///
/// # Security
/// Messages contain codes, so keep no copy. Put no link, no image and no data of a request into a
/// message.
pub trait Templates: Debug + Send + Sync {
    /// Makes the message. [`Letter::message`] fills in everything except its three texts.
    fn render(&self, letter: &Letter<'_>) -> EmailMessage;

    /// Makes the text of a message by SMS. Templates that write mails only can return the text of
    /// [`StandardTemplates`](super::StandardTemplates).
    fn text(&self, letter: &TextLetter<'_>) -> Zeroizing<String>;
}

impl Letter<'_> {
    /// Returns the message that carries these texts to the letter's recipient.
    ///
    /// Control characters in the subject become blanks.
    #[must_use]
    pub fn message(
        &self,
        mut subject: Zeroizing<String>,
        text: Zeroizing<String>,
        html: Zeroizing<String>,
    ) -> EmailMessage {
        if subject.contains(char::is_control) {
            subject = sized(|out| line(out, &subject, |_| None::<&str>));
        }
        EmailMessage {
            application: self.application.cloned(),
            correlation: self.correlation.clone(),
            from: self.brand.sender().cloned(),
            from_name: clean(self.brand.name()),
            html,
            language: self.language.into(),
            purpose: self.content.purpose(),
            subject,
            tenant: self.tenant.clone(),
            text,
            to: self.to.clone(),
        }
    }
}

impl Content<'_> {
    /// Returns the purpose of a mail with this content.
    #[must_use]
    pub const fn purpose(&self) -> MailPurpose {
        match self {
            Self::AccountEvent { .. } => MailPurpose::AccountEvent,
            Self::NoPasswordHere { .. } => MailPurpose::NoPasswordHere,
            Self::Passcode { .. } => MailPurpose::Passcode,
            Self::PasswordChanged { .. } => MailPurpose::PasswordChanged,
        }
    }
}
