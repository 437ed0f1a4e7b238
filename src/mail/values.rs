//! The values that are filled into the words of one letter.

use core::time::Duration;

use zeroize::Zeroizing;

use super::{
    Content, Language, Letter, TextContent, TextLetter, Words,
    fill::{self, Sink, clean, sized},
};
use crate::domain::{IdentityProvider, Timestamp};

/// The values of one letter, each as text in its language.
pub(super) struct Values {
    /// The brand inside a sentence.
    pub(super) brand: String,
    /// The brand on a separate line.
    pub(super) name: String,
    code: Option<Zeroizing<String>>,
    lifetime: String,
    date: String,
    time: String,
    providers: String,
}

impl Values {
    pub(super) fn new(letter: &Letter<'_>, words: &Words) -> Self {
        let name = clean(letter.brand.name());
        let mut values = Self {
            brand: isolated(&name, letter.language),
            code: None,
            date: String::new(),
            lifetime: String::new(),
            name,
            providers: String::new(),
            time: String::new(),
        };
        match letter.content {
            Content::AccountEvent { at, .. } => {
                values.date = date(at, words);
                values.time = time(at, words);
            }
            Content::NoPasswordHere { providers } => {
                values.providers = listed(providers, words, letter.language);
            }
            Content::Passcode { code, lifetime } => {
                values.code = Some(Zeroizing::new(code.expose()));
                values.lifetime = minutes(lifetime, words, letter.language);
            }
            Content::PasswordChanged { at, freeze, .. } => {
                values.code = freeze.map(|code| Zeroizing::new(code.expose()));
                values.date = date(at, words);
                values.time = time(at, words);
            }
        }
        values
    }

    pub(super) fn of_text(letter: &TextLetter<'_>, words: &Words) -> Self {
        let name = clean(letter.brand.name());
        let mut values = Self {
            brand: isolated(&name, letter.language),
            code: None,
            date: String::new(),
            lifetime: String::new(),
            name,
            providers: String::new(),
            time: String::new(),
        };
        match letter.content {
            TextContent::Passcode { code, lifetime } => {
                values.code = Some(Zeroizing::new(code.expose()));
                // The alphabet of text messages has no blank that does not break.
                let lifetime = minutes(lifetime, words, letter.language);
                values.lifetime = lifetime.replace('\u{a0}', " ");
            }
            TextContent::PasswordChanged { at } => {
                // The alphabet of text messages does not have the letters of every month.
                let civil = at.to_civil();
                let (month, day) = (u8::from(civil.month()), civil.day());
                values.date = format!("{:04}-{month:02}-{day:02}", civil.year());
                values.time = format!("{:02}:{:02}", civil.hour(), civil.minute());
            }
        }
        values
    }

    /// Returns the code, or an empty text in a letter without one.
    pub(super) fn code(&self) -> &str {
        self.code.as_ref().map_or("", |code| code)
    }

    /// Returns one line of words, filled in. It may contain the code.
    pub(super) fn line(&self, words: &str) -> Zeroizing<String> {
        sized(|out| self.write_line(out, words))
    }

    /// Writes one line of words, filled in. It may contain the code.
    pub(super) fn write_line(&self, out: &mut dyn Sink, words: &str) {
        fill::line(out, words, |name| self.any(name));
    }

    /// Returns a paragraph of words, filled in, with the line breaks of the words. It never
    /// contains the code, which has a separate line.
    pub(super) fn paragraph(&self, words: &str) -> String {
        let mut out = String::new();
        fill::lines(&mut out, words, |name| self.public(name));
        out
    }

    fn any(&self, name: &str) -> Option<&str> {
        match name {
            "code" => Some(self.code()),
            _ => self.public(name),
        }
    }

    fn public(&self, name: &str) -> Option<&str> {
        match name {
            "brand" => Some(&self.brand),
            "date" => Some(&self.date),
            "lifetime" => Some(&self.lifetime),
            "providers" => Some(&self.providers),
            "time" => Some(&self.time),
            _ => None,
        }
    }
}

/// Isolates a name, so that it keeps its own direction in a right-to-left sentence. Otherwise
/// punctuation and neighbouring words change places (Unicode Standard Annex 9).
fn isolated(name: &str, language: Language) -> String {
    match language.direction() {
        "rtl" => format!("\u{2068}{name}\u{2069}"),
        _ => name.to_owned(),
    }
}

/// Returns the names of the identity providers, joined as alternatives in the language.
fn listed(providers: &[IdentityProvider], words: &Words, language: Language) -> String {
    // The order in which the providers are named. E-mail with password is missing, because the
    // account does not have it.
    let mut known: Vec<String> = [
        IdentityProvider::Google,
        IdentityProvider::Facebook,
        IdentityProvider::EmailOtp,
        IdentityProvider::Other,
    ]
    .iter()
    .filter(|provider| providers.contains(provider))
    .map(|provider| match provider {
        IdentityProvider::EmailOtp => words.providers.email_code.to_string(),
        IdentityProvider::Facebook => isolated("Facebook", language),
        IdentityProvider::Google => isolated("Google", language),
        IdentityProvider::EmailPassword | IdentityProvider::Other => {
            words.providers.other.to_string()
        }
    })
    .collect();
    let Some(last) = known.pop() else {
        return words.providers.other.to_string();
    };
    if known.is_empty() {
        return last;
    }
    let first = known.join(&words.providers.comma);
    [&first, &*words.providers.or, &last].concat()
}

/// Returns a lifetime in whole minutes, in the plural form of the language.
fn minutes(lifetime: Duration, words: &Words, language: Language) -> String {
    let count = (lifetime.as_secs() / 60).max(1);
    filled(words.minutes.of(language, count), |name| (name == "n").then(|| count.to_string()))
}

/// Returns the day in UTC.
fn date(at: Timestamp, words: &Words) -> String {
    let civil = at.to_civil();
    let month = usize::from(u8::from(civil.month())).saturating_sub(1);
    filled(&words.dates.date, |name| match name {
        "day" if civil.day() == 1 => Some(words.dates.first_day.to_string()),
        "day" => Some(civil.day().to_string()),
        "month" => words.dates.months.get(month).map(ToString::to_string),
        "year" => Some(civil.year().to_string()),
        _ => None,
    })
}

/// Returns the time of day in UTC, to the minute.
fn time(at: Timestamp, words: &Words) -> String {
    let civil = at.to_civil();
    filled(&words.dates.time, |name| match name {
        "hour" => Some(format!("{:02}", civil.hour())),
        "minute" => Some(format!("{:02}", civil.minute())),
        _ => None,
    })
}

fn filled(template: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    fill::line(&mut out, template, value);
    out
}
