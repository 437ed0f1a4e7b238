//! The languages of mails, and the choice between them.

use crate::domain::LanguageTag;

/// A language that this crate has words for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Language {
    /// `ar`, written from right to left.
    Arabic,
    /// `en`.
    English,
    /// `fr`.
    French,
    /// `de`.
    German,
    /// `es`.
    Spanish,
}

impl Language {
    /// All languages.
    pub const ALL: [Self; 5] =
        [Self::Arabic, Self::English, Self::French, Self::German, Self::Spanish];

    /// Returns the language of a tag, whatever its region or script, for instance German for
    /// `de-AT`.
    #[must_use]
    pub fn of(tag: &LanguageTag) -> Option<Self> {
        let primary = tag.as_str().split('-').next();
        Self::ALL.into_iter().find(|language| primary == Some(language.tag()))
    }

    /// Returns the tag, for instance `de`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Arabic => "ar",
            Self::English => "en",
            Self::French => "fr",
            Self::German => "de",
            Self::Spanish => "es",
        }
    }

    /// Returns `ltr` or `rtl`, for the `dir` attribute of HTML.
    #[must_use]
    pub const fn direction(self) -> &'static str {
        match self {
            Self::Arabic => "rtl",
            Self::English | Self::French | Self::German | Self::Spanish => "ltr",
        }
    }
}

impl From<Language> for LanguageTag {
    #[expect(
        clippy::expect_used,
        reason = "every tag above is two ASCII letters; a test parses them all"
    )]
    fn from(language: Language) -> Self {
        Self::parse(language.tag()).expect("two letters are a language tag")
    }
}

/// Chooses the language of a mail with the look-up of RFC 4647 section 3.4.
///
/// The wanted ranges are taken in turn. Each is shortened from the end until it matches an offered
/// tag. A subtag of one letter is removed together with the subtag after it. If no range matches,
/// the first offered language with words is used, or English. Offered tags without words are
/// ignored.
///
/// ```
/// use sspr::domain::LanguageTag;
/// use sspr::mail::{Language, look_up};
///
/// let tag = |text| LanguageTag::parse(text);
/// let offered = [tag("en")?, tag("de")?];
/// assert_eq!(look_up(&[&tag("de-AT")?], &offered), Language::German);
/// # Ok::<(), sspr::domain::LanguageError>(())
/// ```
#[must_use]
pub fn look_up(wanted: &[&LanguageTag], offered: &[LanguageTag]) -> Language {
    let spoken = |range: &str| {
        let tag = offered.iter().find(|tag| tag.as_str() == range)?;
        Language::of(tag)
    };
    wanted
        .iter()
        .flat_map(|range| std::iter::successors(Some(range.as_str()), |range| shorter(range)))
        .find_map(spoken)
        .or_else(|| offered.iter().find_map(Language::of))
        .unwrap_or(Language::English)
}

/// Returns the next shorter range.
fn shorter(range: &str) -> Option<&str> {
    let (head, _) = range.rsplit_once('-')?;
    match head.rsplit_once('-') {
        Some((shorter, single)) if single.len() == 1 => Some(shorter),
        _ => Some(head),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> LanguageTag {
        LanguageTag::parse(text).unwrap()
    }

    fn chosen(wanted: &[&str], offered: &[&str]) -> Language {
        let wanted: Vec<_> = wanted.iter().map(|text| tag(text)).collect();
        let offered: Vec<_> = offered.iter().map(|text| tag(text)).collect();
        look_up(&wanted.iter().collect::<Vec<_>>(), &offered)
    }

    #[test]
    fn look_up_follows_rfc_4647() {
        let all = ["en", "de", "fr", "es", "ar"];
        for (wanted, expected) in [
            (&["de"][..], Language::German),
            (&["de-AT"], Language::German),
            (&["DE-Latn-AT-1996"], Language::German),
            (&["ar-EG"], Language::Arabic),
            (&["es-419"], Language::Spanish),
            (&["fr-x-home"], Language::French),
            (&["fr-CA-x-one-two"], Language::French),
            (&["zh-Hant"], Language::English),
            (&["zh-Hant-TW", "fr-CH"], Language::French),
            (&["fr", "de"], Language::French),
            (&["den"], Language::English),
            (&["x-de"], Language::English),
            (&[], Language::English),
        ] {
            assert_eq!(chosen(wanted, &all), expected, "{wanted:?}");
        }
    }

    #[test]
    fn ranges_shrink_from_the_end_and_take_single_letters_along() {
        let ranges = std::iter::successors(Some("zh-hant-cn-x-one-two"), |range| shorter(range));
        let ranges: Vec<_> = ranges.collect();
        assert_eq!(
            ranges,
            ["zh-hant-cn-x-one-two", "zh-hant-cn-x-one", "zh-hant-cn", "zh-hant", "zh"]
        );
    }

    #[test]
    fn a_wanted_range_never_matches_a_longer_offer() {
        assert_eq!(chosen(&["de"], &["fr", "de-AT"]), Language::French);
        assert_eq!(chosen(&["de-AT"], &["fr", "de-AT"]), Language::German);
    }

    #[test]
    fn without_a_match_it_is_the_first_offer_with_words() {
        assert_eq!(chosen(&["zh"], &["ja", "pt-BR", "es", "en"]), Language::Spanish);
        assert_eq!(chosen(&["ja"], &["ja", "de"]), Language::German);
        assert_eq!(chosen(&["zh"], &["ja"]), Language::English);
        assert_eq!(chosen(&["de"], &[]), Language::English);
    }

    #[test]
    fn the_wildcard_is_no_tag_and_so_never_reaches_the_look_up() {
        assert!(LanguageTag::parse("*").is_err());
        assert!(LanguageTag::parse("de-*").is_err());
    }

    #[test]
    fn every_language_has_a_tag_that_leads_back_to_it() {
        for language in Language::ALL {
            assert_eq!(Language::of(&LanguageTag::from(language)), Some(language));
        }
        assert_eq!(Language::of(&tag("zh-Hant")), None);
    }

    #[test]
    fn only_arabic_runs_from_right_to_left() {
        for language in Language::ALL {
            let expected = if language == Language::Arabic { "rtl" } else { "ltr" };
            assert_eq!(language.direction(), expected);
        }
    }
}
