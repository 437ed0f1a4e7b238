//! The texts that each language fills in.

use std::borrow::Cow;

use crate::{domain::NoticeCause, mail::Language};

/// The words of the mails in one language.
///
/// Names in braces are filled in: `{brand}` in every text, and other names where a field mentions
/// them. A line break ends a line of the text part if the lines are then short enough. Otherwise it
/// is a blank. The words are not HTML. Quotation marks and similar characters are escaped where
/// necessary.
///
/// To change a word, clone the result of [`Language::words`] and pass it to
/// [`StandardTemplates::with_words`](crate::mail::StandardTemplates::with_words).
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// The notice of an action of staff, or of a frozen account. Fills in `{date}` and `{time}`, in
    /// UTC. The words of its event replace its lead.
    pub account: NoticeWords,
    /// The notice of a password change with a code that was sent to the recipient. Fills in
    /// `{date}` and `{time}`, in UTC.
    pub changed: NoticeWords,
    /// The words of that notice if someone who knew the current password has changed it.
    pub changed_by_user: CauseWords,
    /// The words of that notice if the code was sent to another address of the account.
    pub changed_elsewhere: CauseWords,
    /// The words of that notice if staff has set a temporary password.
    pub changed_to_temporary: CauseWords,
    /// The words of that notice if the cause of the change is not known.
    pub changed_unknown: CauseWords,
    /// The words of that notice if the code was sent to a phone.
    pub changed_by_text: CauseWords,
    /// The words of that notice if the code came from staff.
    pub changed_with_help: CauseWords,
    /// The lead of the notice that staff have required a new password.
    pub change_required: Cow<'static, str>,
    /// Days and times.
    pub dates: DateWords,
    /// The last line of every mail, below the brand.
    pub footer: Cow<'static, str>,
    /// The way to freeze the account, above the code for it in the notice of a password change. It
    /// names the link on the sign-in page.
    pub freeze: Cow<'static, str>,
    /// The words of the notice that the account is frozen.
    pub frozen: CauseWords,
    /// The lead of the notice that staff have made a code to hand over.
    pub help_offered: Cow<'static, str>,
    /// Minutes, in the plural forms of the language.
    pub minutes: MinuteForms,
    /// The reason why a notice has no link.
    pub no_link: Cow<'static, str>,
    /// The mail to an account that signs in another way. Fills in `{providers}`.
    pub no_password: NoticeWords,
    /// The passcode mail.
    pub passcode: PasscodeWords,
    /// The lead of the notice that staff have ended a pause of the sign-in.
    pub pause_ended: Cow<'static, str>,
    /// The names of the ways to sign in.
    pub providers: ProviderWords,
    /// The text message with a code.
    pub text: TextWords,
    /// The lead of the notice that staff have ended a freeze.
    pub unfrozen: Cow<'static, str>,
}

/// The words of a text message. Each field is one line, without the quotation marks and dashes that
/// the alphabet of text messages does not have.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextWords {
    /// The notice of a changed password. Fills in `{brand}`, `{date}` and `{time}`.
    pub changed: Cow<'static, str>,
    /// The code and how long it works. Fills in `{code}` and `{lifetime}`, and begins with the code.
    pub code: Cow<'static, str>,
    /// The warning that nobody may have the code.
    pub warning: Cow<'static, str>,
}

/// The words of a passcode mail.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasscodeWords {
    /// Heading of the HTML part.
    pub heading: Cow<'static, str>,
    /// The event and the next step, in the HTML part.
    pub lead: Cow<'static, str>,
    /// The lead of the text part, which has no heading. `None` if it is the same.
    pub lead_text: Option<Cow<'static, str>>,
    /// The question whether someone else asked for the code.
    pub not_you: Cow<'static, str>,
    /// The next step in that case.
    pub not_you_answer: Cow<'static, str>,
    /// The preview that mail programs show beside the subject. Fills in `{code}` and `{lifetime}`.
    pub preheader: Cow<'static, str>,
    /// The subject.
    pub subject: Cow<'static, str>,
    /// The subject with the code. Fills in `{code}`.
    pub subject_with_code: Cow<'static, str>,
    /// How long and how often the code works. Fills in `{lifetime}`.
    pub validity: Cow<'static, str>,
}

/// The words of a notice.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeWords {
    /// Heading of the HTML part.
    pub heading: Cow<'static, str>,
    /// The event, in the HTML part.
    pub lead: Cow<'static, str>,
    /// The lead of the text part, which has no heading. `None` if it is the same.
    pub lead_text: Option<Cow<'static, str>>,
    /// The question whether it was someone else.
    pub not_you: Cow<'static, str>,
    /// The next step in that case, in the HTML part.
    pub not_you_answer: Cow<'static, str>,
    /// The next step in the text part. `None` if it is the same.
    pub not_you_answer_text: Option<Cow<'static, str>>,
    /// The preview that mail programs show beside the subject.
    pub preheader: Cow<'static, str>,
    /// The subject.
    pub subject: Cow<'static, str>,
    /// The question whether it was the recipient.
    pub was_you: Cow<'static, str>,
    /// The next step in that case.
    pub was_you_answer: Cow<'static, str>,
}

/// The words of a notice that depend on its cause. They replace the words of the notice.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CauseWords {
    /// The event, in the HTML part.
    pub lead: Cow<'static, str>,
    /// The lead of the text part, which has no heading. `None` if it is the same.
    pub lead_text: Option<Cow<'static, str>>,
    /// The next step if it was someone else, in the HTML part. `None` if it is as in the notice.
    pub not_you_answer: Option<Cow<'static, str>>,
    /// The next step in the text part. `None` if it is the same.
    pub not_you_answer_text: Option<Cow<'static, str>>,
}

/// The names of the ways to sign in.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderWords {
    /// The separator between two names, except the last two.
    pub comma: Cow<'static, str>,
    /// A one-time passcode by e-mail.
    pub email_code: Cow<'static, str>,
    /// The separator between the last two names.
    pub or: Cow<'static, str>,
    /// A provider without a name of its own.
    pub other: Cow<'static, str>,
}

/// The form of days and times in a language.
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

/// A number of minutes, `{n}`, in the plural forms of CLDR. Each language uses only its own forms.
/// English, German and Spanish have `one` and `other`.
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

impl Words {
    /// Returns the notice of a password change, in the words of its cause.
    pub(in crate::mail) fn changed_by(&self, cause: NoticeCause) -> Cow<'_, NoticeWords> {
        let of_cause = match cause {
            NoticeCause::ChangedByUser => &self.changed_by_user,
            NoticeCause::CodeFromStaff => &self.changed_with_help,
            NoticeCause::CodeSentByText => &self.changed_by_text,
            NoticeCause::CodeSentElsewhere => &self.changed_elsewhere,
            NoticeCause::CodeSentHere => return Cow::Borrowed(&self.changed),
            NoticeCause::TemporaryPassword => &self.changed_to_temporary,
            _ => &self.changed_unknown,
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

    /// Returns the notice of an event that is no change of the password.
    pub(in crate::mail) fn told_of(&self, cause: NoticeCause) -> Cow<'_, NoticeWords> {
        let lead = match cause {
            NoticeCause::ChangeRequired => &self.change_required,
            NoticeCause::Frozen => &self.frozen.lead,
            NoticeCause::HelpOffered => &self.help_offered,
            NoticeCause::PauseEnded => &self.pause_ended,
            NoticeCause::Unfrozen => &self.unfrozen,
            _ => return self.changed_by(cause),
        };
        let mut words = self.account.clone();
        words.lead.clone_from(lead);
        if let (NoticeCause::Frozen, Some(answer)) = (cause, &self.frozen.not_you_answer) {
            words.not_you_answer.clone_from(answer);
        }
        Cow::Owned(words)
    }
}

impl MinuteForms {
    /// Returns the form for a number of minutes, at least one (CLDR plural rules, cardinals).
    pub(crate) fn of(&self, language: Language, minutes: u64) -> &str {
        match (language, minutes, minutes % 100) {
            (_, 1, _) => &self.one,
            (Language::Arabic, 2, _) => &self.two,
            (Language::Arabic, _, 3..=10) => &self.few,
            (Language::Arabic, _, 11..) => &self.many,
            _ => &self.other,
        }
    }

    /// Returns the forms of a language that distinguishes only one from many.
    pub(super) const fn two(one: &'static str, other: &'static str) -> Self {
        Self {
            few: say(other),
            many: say(other),
            one: say(one),
            other: say(other),
            two: say(other),
        }
    }
}

pub(super) const fn say(words: &'static str) -> Cow<'static, str> {
    Cow::Borrowed(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_have_the_plural_forms_of_cldr() {
        let forms = MinuteForms {
            few: say("few"),
            many: say("many"),
            one: say("one"),
            other: say("other"),
            two: say("two"),
        };
        let of = |language, minutes: &[u64]| {
            minutes.iter().map(|it| forms.of(language, *it)).collect::<Vec<_>>().join(" ")
        };
        let arabic = of(Language::Arabic, &[1, 2, 3, 10, 11, 99, 100, 102, 103, 111]);
        assert_eq!(arabic, "one two few few many many other other few many");
        assert_eq!(of(Language::German, &[1, 2, 5, 11, 100]), "one other other other other");
    }
}
