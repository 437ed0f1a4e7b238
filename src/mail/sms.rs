//! Text messages: codes, and notices of changed passwords.

use core::{fmt, time::Duration};

use zeroize::Zeroizing;

use super::{Language, MailPurpose};
use crate::{
    domain::{ApplicationId, Code, CorrelationId, LanguageTag, PhoneNumber, TenantId, Timestamp},
    policy::Brand,
};

/// A text message to one number, ready to be handed to a provider.
///
/// # Security
/// The text may contain a code. It is wiped on drop, and `Debug` shows neither the text nor the number.
#[derive(Clone)]
#[non_exhaustive]
pub struct TextMessage {
    /// The only recipient, a number on file.
    pub to: PhoneNumber,
    /// The text. Its lines end in `\n`.
    pub text: Zeroizing<String>,
    /// The code in the text, for providers that fill in texts of their own. A notice has none.
    pub code: Option<Zeroizing<String>>,
    /// The purpose of the message.
    pub purpose: MailPurpose,
    /// The name of the brand.
    pub from_name: String,
    /// The language of the text.
    pub language: LanguageTag,
    /// The id that ties the message to a request.
    pub correlation: Option<CorrelationId>,
    /// The tenant of the recipient's account.
    pub tenant: TenantId,
    /// The application in which the reset was opened. Notices have none.
    pub application: Option<ApplicationId>,
}

/// All values from which a text message is made.
#[derive(Clone, Copy, Debug)]
pub struct TextLetter<'a> {
    /// The brand that the message carries.
    pub brand: &'a Brand,
    /// The language of the message.
    pub language: Language,
    /// The content of the message.
    pub content: TextContent<'a>,
}

/// The content of a text message.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum TextContent<'a> {
    /// The message carries a passcode.
    Passcode {
        /// The code.
        code: &'a Code,
        /// How long the code is valid from now.
        lifetime: Duration,
    },
    /// The message is the notice of a password change. It carries no code.
    PasswordChanged {
        /// The time of the change. Texts state it in UTC.
        at: Timestamp,
    },
}

impl fmt::Debug for TextMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("TextMessage");
        shown.field("language", &self.language).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_number_nor_code_is_in_debug_output() {
        let message = TextMessage {
            application: ApplicationId::parse("shop").ok(),
            code: Some(Zeroizing::new("48291736".to_owned())),
            correlation: None,
            from_name: "Larkfield".to_owned(),
            language: LanguageTag::parse("en").unwrap(),
            purpose: MailPurpose::Passcode,
            tenant: TenantId::parse("contoso").unwrap(),
            text: Zeroizing::new("48291736 is your code".to_owned()),
            to: PhoneNumber::parse("+14255550123").unwrap(),
        };
        let shown = format!("{message:?}");
        assert!(!shown.contains("48291736") && !shown.contains("5550123"), "{shown}");
    }
}
