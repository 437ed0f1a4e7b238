//! The words of the pages, with one file for each language.

mod arabic;
mod english;
mod french;
mod german;
mod spanish;

use super::texts::PageWords;
use crate::mail::Language;

impl PageWords {
    /// Returns the words of a language.
    pub(super) const fn of(language: Language) -> &'static Self {
        match language {
            Language::Arabic => &arabic::WORDS,
            Language::English => &english::WORDS,
            Language::French => &french::WORDS,
            Language::German => &german::WORDS,
            Language::Spanish => &spanish::WORDS,
        }
    }
}

/// Returns the name of a language in that language.
pub(super) const fn own_name(language: Language) -> &'static str {
    match language {
        Language::Arabic => "العربية",
        Language::English => "English",
        Language::French => "Français",
        Language::German => "Deutsch",
        Language::Spanish => "Español",
    }
}
