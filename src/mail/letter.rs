//! What is to be said, to whom, and who says it.

use core::{fmt::Debug, time::Duration};

use zeroize::Zeroizing;

use super::{
    EmailMessage, Language, MailPurpose,
    fill::{clean, line, sized},
};
use crate::{
    domain::{Code, CorrelationId, EmailAddress, IdentityProvider, NoticeCause, Timestamp},
    policy::Brand,
};

/// Everything that a mail is made of.
#[derive(Clone, Debug)]
pub struct Letter<'a> {
    /// Whose name stands on it.
    pub brand: &'a Brand,
    /// The language of all its parts.
    pub language: Language,
    /// The recipient: an address on file.
    pub to: &'a EmailAddress,
    /// What it says.
    pub content: Content<'a>,
    /// What ties it to a request.
    pub correlation: Option<CorrelationId>,
}

/// What a mail says.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Content<'a> {
    /// The account signs in another way, so there is no password to reset.
    NoPasswordHere {
        /// How it signs in. Without one that can be named, the mail says "another provider".
        providers: &'a [IdentityProvider],
    },
    /// A passcode.
    Passcode {
        /// The code.
        code: &'a Code,
        /// How long it works from now; said in whole minutes, rounded down, at least one.
        lifetime: Duration,
    },
    /// The notice of a password change.
    PasswordChanged {
        /// When it happened; said in UTC.
        at: Timestamp,
        /// How it happened, as this recipient is told.
        cause: NoticeCause,
    },
}

/// Makes messages of letters.
///
/// An implementation must be a pure function of the letter: the same for every recipient, and as
/// fast for one as for another.
///
/// # Security
/// Messages hold codes: keep no copy. Put no link and no image in them, and nothing that came with
/// a request.
pub trait Templates: Debug + Send + Sync {
    /// Makes the message. [`Letter::message`] fills in all but its three texts.
    fn render(&self, letter: &Letter<'_>) -> EmailMessage;
}

impl Letter<'_> {
    /// The message that carries these texts to the letter's recipient.
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
            correlation: self.correlation.clone(),
            from: self.brand.sender().cloned(),
            from_name: clean(self.brand.name()),
            html,
            language: self.language.into(),
            purpose: self.content.purpose(),
            subject,
            text,
            to: self.to.clone(),
        }
    }
}

impl Content<'_> {
    /// What a mail with this content is for.
    #[must_use]
    pub const fn purpose(&self) -> MailPurpose {
        match self {
            Self::NoPasswordHere { .. } => MailPurpose::NoPasswordHere,
            Self::Passcode { .. } => MailPurpose::Passcode,
            Self::PasswordChanged { .. } => MailPurpose::PasswordChanged,
        }
    }
}
