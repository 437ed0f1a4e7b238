//! The words of the mails, one file a language.

mod arabic;
mod english;
mod french;
mod german;
mod spanish;

use std::borrow::Cow;

use super::Language;
use crate::domain::NoticeCause;

/// What the mails of one language say.
///
/// Names in braces are filled in: `{brand}` everywhere, others where a field says so. A line break
/// is where a line of the text part ends, if its lines are then short enough; elsewhere it is a
/// blank. Nothing here is HTML; quotation marks and the like are escaped where it matters.
///
/// To change a word, clone those of [`Language::words`] and give them to
/// [`StandardTemplates::with_words`](super::StandardTemplates::with_words).
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// The notice of a password change with a code that was sent to the recipient. Fills in
    /// `{date}` and `{time}`, in UTC.
    pub changed: NoticeWords,
    /// What that notice says if the code was sent to another address of the account.
    pub changed_elsewhere: CauseWords,
    /// What that notice says if it is not known how the password was changed.
    pub changed_unknown: CauseWords,
    /// Days and times.
    pub dates: DateWords,
    /// Last line of every mail, below the brand.
    pub footer: Cow<'static, str>,
    /// Minutes, in the plural forms of the language.
    pub minutes: MinuteForms,
    /// Why a notice has no link.
    pub no_link: Cow<'static, str>,
    /// The mail to an account that signs in another way. Fills in `{providers}`.
    pub no_password: NoticeWords,
    /// The passcode mail.
    pub passcode: PasscodeWords,
    /// How accounts sign in.
    pub providers: ProviderWords,
}

/// What a passcode mail says.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasscodeWords {
    /// Heading of the HTML part.
    pub heading: Cow<'static, str>,
    /// What happened and what to do, in the HTML part.
    pub lead: Cow<'static, str>,
    /// The same in the text part, which has no heading; `None` if in the same words.
    pub lead_text: Option<Cow<'static, str>>,
    /// Asks whether it was somebody else.
    pub not_you: Cow<'static, str>,
    /// What to do then.
    pub not_you_answer: Cow<'static, str>,
    /// What mail programs show beside the subject. Fills in `{code}` and `{lifetime}`.
    pub preheader: Cow<'static, str>,
    /// The subject.
    pub subject: Cow<'static, str>,
    /// The subject where it shows the code. Fills in `{code}`.
    pub subject_with_code: Cow<'static, str>,
    /// How long and how often the code works. Fills in `{lifetime}`.
    pub validity: Cow<'static, str>,
}

/// What a notice says.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeWords {
    /// Heading of the HTML part.
    pub heading: Cow<'static, str>,
    /// What happened, in the HTML part.
    pub lead: Cow<'static, str>,
    /// The same in the text part, which has no heading; `None` if in the same words.
    pub lead_text: Option<Cow<'static, str>>,
    /// Asks whether it was somebody else.
    pub not_you: Cow<'static, str>,
    /// What to do then, in the HTML part.
    pub not_you_answer: Cow<'static, str>,
    /// The same in the text part; `None` if in the same words.
    pub not_you_answer_text: Option<Cow<'static, str>>,
    /// What mail programs show beside the subject.
    pub preheader: Cow<'static, str>,
    /// The subject.
    pub subject: Cow<'static, str>,
    /// Asks whether it was the recipient.
    pub was_you: Cow<'static, str>,
    /// What to do then.
    pub was_you_answer: Cow<'static, str>,
}

/// The words of a notice that depend on its cause, in place of those of the notice.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CauseWords {
    /// What happened, in the HTML part.
    pub lead: Cow<'static, str>,
    /// The same in the text part, which has no heading; `None` if in the same words.
    pub lead_text: Option<Cow<'static, str>>,
    /// What to do if it was somebody else, in the HTML part; `None` if as in the notice.
    pub not_you_answer: Option<Cow<'static, str>>,
    /// The same in the text part; `None` if in the same words.
    pub not_you_answer_text: Option<Cow<'static, str>>,
}

/// How a language names ways to sign in.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderWords {
    /// Between two names that are not the last.
    pub comma: Cow<'static, str>,
    /// A one-time passcode by e-mail.
    pub email_code: Cow<'static, str>,
    /// Between the last two names.
    pub or: Cow<'static, str>,
    /// A provider without a name of its own.
    pub other: Cow<'static, str>,
}

/// How a language writes days and times.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateWords {
    /// A day. Fills in `{day}`, `{month}` and `{year}`.
    pub date: Cow<'static, str>,
    /// The first day of a month.
    pub first_day: Cow<'static, str>,
    /// The months, from January.
    pub months: [Cow<'static, str>; 12],
    /// A time of day. Fills in `{hour}` and `{minute}`, both of two digits.
    pub time: Cow<'static, str>,
}

/// A number of minutes, `{n}`, in the plural forms that CLDR names. A language uses those that it
/// has; English, German and Spanish have `one` and `other`.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MinuteForms {
    /// In Arabic, numbers that end in 03 to 10.
    pub few: Cow<'static, str>,
    /// In Arabic, numbers that end in 11 to 99.
    pub many: Cow<'static, str>,
    /// One.
    pub one: Cow<'static, str>,
    /// Every other number.
    pub other: Cow<'static, str>,
    /// In Arabic, two.
    pub two: Cow<'static, str>,
}

impl Language {
    /// The standard words of the language.
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

impl Words {
    /// The notice of a password change, in the words of its cause.
    pub(super) fn changed_by(&self, cause: NoticeCause) -> Cow<'_, NoticeWords> {
        let of_cause = match cause {
            NoticeCause::CodeSentElsewhere => &self.changed_elsewhere,
            NoticeCause::CodeSentHere => return Cow::Borrowed(&self.changed),
            NoticeCause::Unknown => &self.changed_unknown,
        };
        let mut words = self.changed.clone();
        words.lead.clone_from(&of_cause.lead);
        words.lead_text.clone_from(&of_cause.lead_text);
        if let Some(answer) = &of_cause.not_you_answer {
            words.not_you_answer.clone_from(answer);
            words.not_you_answer_text.clone_from(&of_cause.not_you_answer_text);
        }
        Cow::Owned(words)
    }
}

impl MinuteForms {
    /// The form for a number of minutes, one or more (CLDR plural rules, cardinals).
    pub(crate) fn of(&self, language: Language, minutes: u64) -> &str {
        match (language, minutes, minutes % 100) {
            (_, 1, _) => &self.one,
            (Language::Arabic, 2, _) => &self.two,
            (Language::Arabic, _, 3..=10) => &self.few,
            (Language::Arabic, _, 11..) => &self.many,
            _ => &self.other,
        }
    }

    /// The forms of a language that tells one from many and no more.
    const fn two(one: &'static str, other: &'static str) -> Self {
        Self {
            few: say(other),
            many: say(other),
            one: say(one),
            other: say(other),
            two: say(other),
        }
    }
}

const fn say(words: &'static str) -> Cow<'static, str> {
    Cow::Borrowed(words)
}
