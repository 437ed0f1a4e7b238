//! The words of the mails, with one file for each language.

mod arabic;
mod english;
mod french;
mod german;
mod spanish;
mod texts;

use super::Language;

pub use texts::{
    CauseWords, DateWords, MinuteForms, NoticeWords, PasscodeWords, ProviderWords, TextWords, Words,
};

impl Language {
    /// Returns the standard words of the language.
    #[must_use]
    pub fn words(self) -> &'static Words {
        match self {
            Self::Arabic => &arabic::WORDS,
            Self::English => &english::WORDS,
            Self::French => &french::WORDS,
            Self::German => &german::WORDS,
            Self::Spanish => &spanish::WORDS,
        }
    }
}
