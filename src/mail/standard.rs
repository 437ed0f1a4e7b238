//! The templates that come with the crate.

use super::{
    Content, EmailMessage, Language, Letter, Templates, Words, html, text, values::Values,
};
use crate::policy::CodeInSubject;

/// Short, plain mails in five languages.
///
/// The text part is complete in itself and holds the code contiguous and alone on its line; with
/// [`Brand::with_origin`](crate::policy::Brand::with_origin) its last line is `@host #code`, for
/// letters with their hyphens. The HTML part shows the same, in light and dark, without link or
/// image, below 12 kB.
///
/// # Security
/// The HTML part begins with a hidden line that mail programs show as a preview, and it holds the
/// code: replace [`PasscodeWords::preheader`](super::PasscodeWords::preheader) where lock screens
/// are a worry. Texts are written into buffers that never grow, so no copy of a code stays behind.
///
/// ```
/// use core::time::Duration;
///
/// use sspr::{
///     domain::{Code, EmailAddress},
///     mail::{Content, Language, Letter, StandardTemplates, Templates},
///     policy::Brand,
/// };
///
/// let mut words = Language::German.words().clone();
/// words.passcode.subject = "Ihr {brand}-Code".into();
/// let templates = StandardTemplates::default().with_words(Language::German, words);
///
/// let message = templates.render(&Letter {
///     brand: &Brand::new("Larkfield")?,
///     content: Content::Passcode {
///         code: &Code::parse("48291736")?,
///         lifetime: Duration::from_secs(600),
///     },
///     correlation: None,
///     language: Language::German,
///     to: &EmailAddress::parse("amira@example.com")?,
/// });
/// assert_eq!(*message.subject, "Ihr Larkfield-Code");
/// assert!(message.text.contains("\n48291736\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct StandardTemplates {
    replaced: Vec<(Language, Words)>,
}

impl StandardTemplates {
    /// Says the mails of one language in other words, in place of the standard ones or of those
    /// given before.
    #[must_use]
    pub fn with_words(mut self, language: Language, words: Words) -> Self {
        self.replaced.retain(|(replaced, _)| *replaced != language);
        self.replaced.push((language, words));
        self
    }

    fn words(&self, language: Language) -> &Words {
        self.replaced
            .iter()
            .find(|(replaced, _)| *replaced == language)
            .map_or(language.words(), |(_, words)| words)
    }
}

impl Templates for StandardTemplates {
    fn render(&self, letter: &Letter<'_>) -> EmailMessage {
        let words = self.words(letter.language);
        let values = Values::new(letter, words);
        let subject = match (&letter.content, letter.brand.code_in_subject()) {
            (Content::NoPasswordHere { .. }, _) => &words.no_password.subject,
            (Content::Passcode { .. }, CodeInSubject::Hidden) => &words.passcode.subject,
            (Content::Passcode { .. }, CodeInSubject::Shown) => &words.passcode.subject_with_code,
            (Content::PasswordChanged { .. }, _) => &words.changed.subject,
        };
        letter.message(
            values.line(subject),
            text::render(letter, words, &values),
            html::render(letter, words, &values),
        )
    }
}
