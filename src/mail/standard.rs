//! The templates that come with the crate.

use super::{
    Content, EmailMessage, Language, Letter, Templates, TextLetter, Words, html, sms_text, text,
    values::Values,
};
use zeroize::Zeroizing;

use crate::policy::CodeInSubject;

/// Short, plain mails in five languages.
///
/// The text part is complete in itself, with the code alone on its line. With
/// [`Brand::with_origin`](crate::policy::Brand::with_origin), the last line is `@host #code`, where
/// letters keep their hyphens. The HTML part shows the same, in light and dark, without link or
/// image, below 12 kB.
///
/// # Security
/// The HTML part begins with a hidden line with the code, which mail programs show as a preview. If
/// lock screens are a concern, replace
/// [`PasscodeWords::preheader`](super::PasscodeWords::preheader). Texts are written into buffers
/// that never grow, so that no copy of a code stays behind.
///
/// ```
/// use core::time::Duration;
///
/// use sspr::{
///     domain::{Code, EmailAddress, TenantId},
///     mail::{Content, Language, Letter, StandardTemplates, Templates},
///     policy::Brand,
/// };
///
/// let mut words = Language::German.words().clone();
/// words.passcode.subject = "Ihr {brand}-Code".into();
/// let templates = StandardTemplates::default().with_words(Language::German, words);
///
/// let message = templates.render(&Letter {
///     application: None,
///     tenant: &TenantId::parse("contoso")?,
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
    /// Replaces the words of the mails in one language.
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
            (Content::AccountEvent { .. }, _) => &words.account.subject,
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

    fn text(&self, letter: &TextLetter<'_>) -> Zeroizing<String> {
        sms_text::render(letter, self.words(letter.language))
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use time::{Date, Month, Time};

    use super::*;
    use crate::{
        domain::{
            Code, CorrelationId, EmailAddress, IdentityProvider, LanguageTag, NoticeCause,
            TenantId, Timestamp,
        },
        mail::MailPurpose,
        policy::Brand,
    };

    const DIGITS: &str = "48291736";
    const LETTERS: &str = "BCDF-GHJK-LMNP-QRST";
    const PROVIDERS: [IdentityProvider; 2] = [IdentityProvider::Facebook, IdentityProvider::Google];

    fn larkfield() -> Brand {
        let brand = Brand::new("Larkfield").unwrap();
        brand.with_origin("login.larkfield.example").unwrap()
    }

    fn civil(year: i32, month: Month, day: u8, hour: u8, minute: u8) -> Timestamp {
        let date = Date::from_calendar_date(year, month, day).unwrap();
        let time = Time::from_hms(hour, minute, 59).unwrap();
        Timestamp::from_civil(date.with_time(time).assume_utc())
    }

    fn notice() -> Content<'static> {
        notice_of(NoticeCause::CodeSentHere)
    }

    fn notice_of(cause: NoticeCause) -> Content<'static> {
        let at = civil(2026, Month::November, 23, 14, 5);
        if cause.is_change() {
            Content::PasswordChanged { at, cause, freeze: None }
        } else {
            Content::AccountEvent { at, cause }
        }
    }

    fn freezing(code: &Code, cause: NoticeCause) -> Content<'_> {
        let at = civil(2026, Month::November, 23, 14, 5);
        Content::PasswordChanged { at, cause, freeze: Some(code) }
    }

    fn changed(at: Timestamp) -> Content<'static> {
        Content::PasswordChanged { at, cause: NoticeCause::CodeSentHere, freeze: None }
    }

    fn passcode(code: &Code) -> Content<'_> {
        passcode_for(code, 600)
    }

    fn passcode_for(code: &Code, seconds: u64) -> Content<'_> {
        let lifetime = Duration::from_secs(seconds);
        Content::Passcode { code, lifetime }
    }

    fn rendered(brand: &Brand, language: Language, content: Content<'_>) -> EmailMessage {
        StandardTemplates::default().render(&Letter {
            application: None,
            tenant: &TenantId::parse("contoso").unwrap(),
            brand,
            content,
            correlation: Some(CorrelationId::parse("c-1").unwrap()),
            language,
            to: &EmailAddress::parse("amira@example.com").unwrap(),
        })
    }

    /// Renders every content in every language, with codes of both formats.
    fn each(brand: &Brand, check: impl Fn(Language, Option<&str>, &EmailMessage)) {
        for language in Language::ALL {
            for typed in [DIGITS, LETTERS] {
                let code = Code::parse(typed).unwrap();
                let message = rendered(brand, language, passcode(&code));
                check(language, Some(typed), &message);
            }
            for cause in NoticeCause::ALL {
                check(language, None, &rendered(brand, language, notice_of(cause)));
                if cause.is_change() {
                    let code = Code::parse(LETTERS).unwrap();
                    check(language, None, &rendered(brand, language, freezing(&code, cause)));
                }
            }
            let providers = &PROVIDERS;
            let content = Content::NoPasswordHere { providers };
            check(language, None, &rendered(brand, language, content));
        }
    }

    /// Returns the visible text of the HTML part.
    fn body(message: &EmailMessage) -> &str {
        message.html.split_once("</style>").unwrap().1
    }

    #[test]
    fn the_english_passcode_mail_is_the_design_byte_for_byte() {
        let code = Code::parse(DIGITS).unwrap();

        let message = rendered(&larkfield(), Language::English, passcode(&code));

        assert_eq!(*message.subject, "Your Larkfield code");
        let text = include_str!("../../tests/data/mails/passcode.txt");
        assert_eq!(*message.text, text);
        let html = include_str!("../../tests/data/mails/passcode.html");
        assert_eq!(*message.html, html);
    }

    #[test]
    fn the_english_notice_is_the_design_byte_for_byte() {
        let message = rendered(&larkfield(), Language::English, notice());

        assert_eq!(*message.subject, "Your Larkfield password was changed");
        let text = include_str!("../../tests/data/mails/password-changed.txt");
        assert_eq!(*message.text, text);
        let html = include_str!("../../tests/data/mails/password-changed.html");
        assert_eq!(*message.html, html);
    }

    #[test]
    fn a_notice_with_a_code_to_freeze_shows_it_alone_and_is_else_the_same() {
        let code = Code::parse(LETTERS).unwrap();
        for language in Language::ALL {
            for cause in NoticeCause::ALL.into_iter().filter(|cause| cause.is_change()) {
                let plain = rendered(&larkfield(), language, notice_of(cause));
                let with_code = rendered(&larkfield(), language, freezing(&code, cause));

                assert_eq!(with_code.subject, plain.subject);
                let (before, after) = with_code.text.split_once(&format!("{LETTERS}\n\n")).unwrap();
                assert!(plain.text.ends_with(&format!("\n\n{after}")), "{after}");
                let (before, freeze) = before.trim_end().rsplit_once("\n\n").unwrap();
                assert!(plain.text.starts_with(&format!("{before}\n\n")), "{before}");
                let words = &language.words().freeze;
                assert!(freeze.replace('\n', " ").starts_with(words.split('{').next().unwrap()));
                assert_eq!(with_code.text.matches(LETTERS).count(), 1);
                assert_eq!(with_code.html.matches(LETTERS).count(), 1);
                assert_eq!(with_code.html.matches("<td class=\"code\"").count(), 1);
            }
        }
    }

    #[test]
    fn the_english_notices_of_other_causes_are_the_design_byte_for_byte() {
        for (cause, text) in [
            (
                NoticeCause::ChangedByUser,
                include_str!("../../tests/data/mails/password-changed-by-user.txt"),
            ),
            (
                NoticeCause::CodeFromStaff,
                include_str!("../../tests/data/mails/password-changed-with-help.txt"),
            ),
            (
                NoticeCause::CodeSentElsewhere,
                include_str!("../../tests/data/mails/password-changed-elsewhere.txt"),
            ),
            (
                NoticeCause::TemporaryPassword,
                include_str!("../../tests/data/mails/password-changed-to-temporary.txt"),
            ),
            (
                NoticeCause::Unknown,
                include_str!("../../tests/data/mails/password-changed-unknown.txt"),
            ),
        ] {
            let message = rendered(&larkfield(), Language::English, notice_of(cause));

            assert_eq!(*message.subject, "Your Larkfield password was changed");
            assert_eq!(*message.text, text);
        }
    }

    #[test]
    fn a_notice_says_that_a_code_was_sent_to_this_address_only_if_it_was() {
        for (language, here, elsewhere) in [
            (Language::Arabic, "إلى هذا العنوان", "إلى عنوان آخر"),
            (Language::English, "sent to this address", "sent to another address"),
            (Language::French, "à cette adresse", "à une autre adresse"),
            (Language::German, "an diese Adresse", "an eine andere Adresse"),
            (Language::Spanish, "a esta dirección", "a otra dirección"),
        ] {
            for cause in NoticeCause::ALL {
                let message = rendered(&larkfield(), language, notice_of(cause));
                let text = message.text.replace('\n', " ");
                for part in [&*text, body(&message)] {
                    let says = [part.contains(here), part.contains(elsewhere)];
                    let expected = match cause {
                        NoticeCause::CodeSentElsewhere => [false, true],
                        NoticeCause::CodeSentHere => [true, false],
                        _ => [false, false],
                    };
                    assert_eq!(says, expected, "{cause:?}: {part}");
                }
            }
        }
    }

    #[test]
    fn a_notice_names_the_mailbox_that_may_be_read_by_others() {
        for language in Language::ALL {
            let answer = |cause| {
                let message = rendered(&larkfield(), language, notice_of(cause));
                let text = message.text.split("\n\n").nth(2).unwrap().replace('\n', " ");
                let html = body(&message).split_once("</strong>").unwrap().1.to_owned();
                (text, html.split_once("</strong>").unwrap().1.to_owned())
            };
            let (here, tag) = (answer(NoticeCause::CodeSentHere), language.tag());
            assert_eq!(here, answer(NoticeCause::Unknown), "{tag}");
            // Where the mailbox is not to blame, it is not named either.
            for cause in NoticeCause::ALL {
                if !matches!(cause, NoticeCause::CodeSentHere | NoticeCause::Unknown) {
                    let other = answer(cause);
                    assert!(here.0 != other.0 && here.1 != other.1, "{tag}: {cause:?}");
                }
            }
        }
    }

    #[test]
    fn every_mail_is_whole_in_every_language() {
        each(&larkfield(), |language, code, message| {
            let tag = language.tag();
            assert_eq!(message.language.as_str(), tag);
            for part in [&message.subject, &message.text, &message.html] {
                assert!(part.contains("Larkfield"), "{tag}");
            }
            // No name is left unfilled.
            for part in [&**message.subject, &**message.text, body(message)] {
                assert!(!part.contains(['{', '}']), "{tag}: {part}");
            }
            let words = language.words();
            assert!(message.text.contains(&*words.footer), "{tag}");
            assert!(message.html.contains(&*words.footer), "{tag}");
            let question = match (message.purpose, code) {
                (MailPurpose::AccountEvent, None) => &words.account.not_you,
                (MailPurpose::Passcode, Some(_)) => &words.passcode.not_you,
                (MailPurpose::PasswordChanged, None) => &words.changed.not_you,
                (MailPurpose::NoPasswordHere, None) => &words.no_password.not_you,
                other => panic!("{other:?}"),
            };
            assert!(message.text.contains(&**question), "{tag}");
            assert!(message.html.contains(&format!(">{question}</strong>")), "{tag}");
        });
    }

    #[test]
    fn the_code_is_contiguous_and_alone_on_its_line() {
        each(&larkfield(), |language, code, message| {
            let Some(code) = code else { return };
            let lines: Vec<_> = message.text.lines().collect();
            let alone = lines.iter().filter(|line| **line == code).count();
            assert_eq!(alone, 1, "{}", language.tag());
            let place = lines.iter().position(|line| *line == code).unwrap();
            assert_eq!((lines[place - 1], lines[place + 1]), ("", ""));
            // The code appears once in the text and once in the last line.
            assert_eq!(message.text.matches(code).count(), 2);
            let origin = format!("@login.larkfield.example #{code}");
            assert_eq!(lines.last(), Some(&origin.as_str()));
        });
    }

    #[test]
    fn the_code_stands_once_in_its_cell_and_once_in_the_preview() {
        each(&larkfield(), |language, code, message| {
            let Some(code) = code else { return };
            let cells = message.html.matches("<td class=\"code\"").count();
            assert_eq!(cells, 1, "{}", language.tag());
            let style = match code {
                DIGITS => "font-size:32px;line-height:40px;font-weight:600;letter-spacing:4px;",
                _ => "font-size:18px;line-height:40px;font-weight:600;letter-spacing:0;",
            };
            let cell = format!("{style}\">{code}</td>");
            assert_eq!(message.html.matches(&cell).count(), 1);
            assert_eq!(message.html.matches(code).count(), 2);
        });
    }

    #[test]
    fn without_an_origin_there_is_no_origin_line() {
        let brand = Brand::new("Larkfield").unwrap();
        each(&brand, |_, _, message| assert!(!message.text.contains('@')));
        each(&larkfield(), |_, code, message| {
            assert_eq!(message.text.contains('@'), code.is_some());
        });
    }

    #[test]
    fn no_mail_has_a_link_an_image_or_a_script() {
        each(&larkfield(), |language, _, message| {
            let html = message.html.to_ascii_lowercase();
            for forbidden in ["http", "<a ", "<img", "url(", "<link", "<script", "src=", "www."] {
                assert!(!html.contains(forbidden), "{}: {forbidden}", language.tag());
                assert!(!message.text.contains(forbidden), "{}", language.tag());
            }
        });
    }

    #[test]
    fn mails_stay_small_and_their_lines_short() {
        for name in ["L", &"Larkfield ".repeat(6), &"&".repeat(64), &"木".repeat(64)] {
            let brand = Brand::new(name.trim()).unwrap();
            each(&brand, |language, _, message| {
                assert!(message.html.len() < 12_000, "{}", language.tag());
                assert!(message.text.len() < 12_000, "{}", language.tag());
                for line in message.text.lines() {
                    let columns = line.chars().count();
                    assert!(columns <= 72, "{}: {line}", language.tag());
                    assert_eq!(line.trim_end(), line, "{}", language.tag());
                }
            });
        }
    }

    #[test]
    fn texts_end_in_one_line_feed_and_hold_no_control_character() {
        each(&larkfield(), |language, _, message| {
            assert!(message.text.ends_with('\n') && !message.text.ends_with("\n\n"));
            assert!(!message.text.contains("\n\n\n"), "{}", language.tag());
            for part in [&message.text, &message.html] {
                assert!(part.chars().all(|c| c == '\n' || !c.is_control()));
            }
            assert!(!message.subject.chars().any(char::is_control));
        });
    }

    #[test]
    fn buffers_have_exactly_the_size_of_their_text() {
        each(&larkfield(), |_, _, message| {
            for part in [&message.subject, &message.text, &message.html] {
                assert_eq!(part.capacity(), part.len());
            }
        });
    }

    #[test]
    fn a_brand_is_escaped_in_html_and_plain_elsewhere() {
        let name = "<script>\"A&B\"</script> 'x'";
        let escaped = "&lt;script&gt;&quot;A&amp;B&quot;&lt;/script&gt; &#39;x&#39;";
        each(&Brand::new(name).unwrap(), |language, _, message| {
            assert!(!message.html.contains("<script"), "{}", language.tag());
            assert!(!message.html.contains(name), "{}", language.tag());
            assert!(message.html.contains(escaped), "{}", language.tag());
            assert!(message.text.contains(name), "{}", language.tag());
            assert!(message.subject.contains(name), "{}", language.tag());
            assert_eq!(message.from_name, name);
        });
    }

    #[test]
    fn a_brand_keeps_the_joiners_and_marks_of_its_language() {
        let brand = Brand::new("Lark\u{200c}field\u{200f}").unwrap();
        let code = Code::parse(DIGITS).unwrap();

        let message = rendered(&brand, Language::English, passcode(&code));

        assert_eq!(*message.subject, "Your Lark\u{200c}field\u{200f} code");
        assert_eq!(message.from_name, "Lark\u{200c}field\u{200f}");
        assert!(message.text.contains("\n\nLark\u{200c}field\u{200f}\nSent"));
    }

    #[test]
    fn a_brand_is_not_read_as_a_template() {
        let code = Code::parse(DIGITS).unwrap();
        let brand = Brand::new("{code}{brand}").unwrap();

        let message = rendered(&brand, Language::English, passcode(&code));

        assert_eq!(*message.subject, "Your {code}{brand} code");
        assert_eq!(message.text.matches(DIGITS).count(), 1);
        assert_eq!(message.html.matches(DIGITS).count(), 2);
    }

    #[test]
    fn the_subject_shows_the_code_only_if_the_brand_says_so() {
        let shown = larkfield().with_code_in_subject(CodeInSubject::Shown);
        each(&larkfield(), |language, code, message| {
            let code = code.unwrap_or(DIGITS);
            assert!(!message.subject.contains(code), "{}", language.tag());
        });
        each(&shown, |language, code, message| {
            let seen = code.is_some_and(|code| message.subject.contains(code));
            assert_eq!(seen, code.is_some(), "{}", language.tag());
            // The title must never show the code.
            let title = message.html.split_once("<title>").unwrap().1;
            let title = title.split_once("</title>").unwrap().0;
            assert!(!code.is_some_and(|code| title.contains(code)));
        });
    }

    #[test]
    fn lifetimes_use_the_plural_forms_of_the_language() {
        let code = Code::parse(DIGITS).unwrap();
        for (language, minutes, expected) in [
            (Language::Arabic, 1, "مدة دقيقة واحدة ولمرة"),
            (Language::Arabic, 2, "مدة دقيقتين ولمرة"),
            (Language::Arabic, 3, "مدة 3\u{a0}دقائق ولمرة"),
            (Language::Arabic, 10, "مدة 10\u{a0}دقائق ولمرة"),
            (Language::Arabic, 11, "مدة 11\u{a0}دقيقة ولمرة"),
            (Language::Arabic, 99, "مدة 99\u{a0}دقيقة ولمرة"),
            (Language::Arabic, 100, "مدة 100\u{a0}دقيقة ولمرة"),
            (Language::Arabic, 103, "مدة 103\u{a0}دقائق ولمرة"),
            (Language::English, 1, "for 1 minute and"),
            (Language::English, 2, "for 2 minutes and"),
            (Language::French, 1, "valable 1\u{a0}minute et"),
            (Language::French, 15, "valable 15\u{a0}minutes et"),
            (Language::German, 1, "ist 1\u{a0}Minute gültig"),
            (Language::German, 11, "ist 11\u{a0}Minuten gültig"),
            (Language::Spanish, 1, "durante 1\u{a0}minuto y"),
            (Language::Spanish, 10, "durante 10\u{a0}minutos y"),
        ] {
            let content = passcode_for(&code, minutes * 60);
            let message = rendered(&larkfield(), language, content);
            assert!(message.text.contains(expected), "{expected}: {}", *message.text);
            assert!(message.html.contains(expected), "{expected}");
        }
    }

    #[test]
    fn a_lifetime_is_rounded_down_and_never_zero() {
        let code = Code::parse(DIGITS).unwrap();
        for (seconds, expected) in [(0, "1 minute "), (119, "1 minute "), (659, "10 minutes ")] {
            let content = passcode_for(&code, seconds);
            let message = rendered(&larkfield(), Language::English, content);
            assert!(message.text.contains(&format!("for {expected}")), "{seconds}");
        }
    }

    #[test]
    fn times_are_written_as_the_language_writes_them() {
        let first = civil(2027, Month::March, 1, 0, 0);
        let other = civil(2026, Month::December, 31, 23, 59);
        for (language, at, expected) in [
            (Language::Arabic, first, "في 1\u{a0}مارس 2027 الساعة 00:00 بالتوقيت"),
            (Language::Arabic, other, "في 31\u{a0}ديسمبر 2026 الساعة 23:59 بالتوقيت"),
            (Language::English, first, "on 1 March 2027 at 00:00 UTC"),
            (Language::English, other, "on 31 December 2026 at 23:59 UTC"),
            (Language::French, first, "le 1er\u{a0}mars 2027 à 00\u{a0}h\u{a0}00 (UTC)"),
            (Language::French, other, "le 31\u{a0}décembre 2026 à 23\u{a0}h\u{a0}59 (UTC)"),
            (Language::German, first, "am 1.\u{a0}März 2027 um 00:00 Uhr (UTC)"),
            (Language::German, other, "am 31.\u{a0}Dezember 2026 um 23:59 Uhr (UTC)"),
            (Language::Spanish, first, "el 1\u{a0}de marzo de 2027 a las 00:00 (UTC)"),
            (Language::Spanish, other, "el 31\u{a0}de diciembre de 2026 a las 23:59 (UTC)"),
        ] {
            let message = rendered(&larkfield(), language, changed(at));
            let text = message.text.replace('\n', " ");
            assert!(text.contains(expected), "{expected}: {text}");
            assert!(message.html.contains(expected), "{expected}");
        }
    }

    #[test]
    fn any_instant_can_be_written() {
        for at in [Timestamp::MAX, Timestamp::from_micros(i64::MIN), Timestamp::from_micros(0)] {
            for language in Language::ALL {
                let message = rendered(&larkfield(), language, changed(at));
                assert!(!message.text.contains('{'));
            }
        }
    }

    #[test]
    fn providers_are_named_once_and_in_one_order() {
        use IdentityProvider::{EmailOtp, EmailPassword, Facebook, Google, Other};
        for (providers, expected) in [
            (&[][..], "you sign in with another provider."),
            (&[EmailPassword], "you sign in with another provider."),
            (&[Facebook, EmailPassword], "you sign in with Facebook."),
            (&[Facebook, Google, Google], "you sign in with Google or Facebook."),
            (
                &[Other, EmailOtp, Facebook, Google],
                "with Google, Facebook, a code sent by e-mail or another provider.",
            ),
        ] {
            let content = Content::NoPasswordHere { providers };
            let message = rendered(&larkfield(), Language::English, content);
            let text = message.text.replace('\n', " ");
            assert!(text.contains(expected), "{text}");
            assert!(message.html.contains(expected), "{providers:?}");
        }
    }

    #[test]
    fn arabic_runs_from_right_to_left_around_names_and_codes() {
        let code = Code::parse(LETTERS).unwrap();

        let message = rendered(&larkfield(), Language::Arabic, passcode(&code));

        assert!(message.html.contains("<html lang=\"ar\" dir=\"rtl\">"));
        assert_eq!(message.html.matches(" dir=rtl class=").count(), 2);
        assert!(message.html.contains("<td class=\"code\" align=\"center\" dir=\"ltr\""));
        assert_eq!(*message.subject, "رمزك لدى \u{2068}Larkfield\u{2069}");
        assert!(message.text.contains("لدى \u{2068}Larkfield\u{2069}."));
        // A name alone on its line and a code stay unchanged.
        assert!(message.text.contains("\n\nLarkfield\n"));
        assert!(message.text.contains(&format!("\n\n{LETTERS}\n\n")));
    }

    #[test]
    fn other_languages_need_no_isolates() {
        each(&larkfield(), |language, _, message| {
            let isolates = message.text.contains(['\u{2068}', '\u{2069}']);
            assert_eq!(isolates, language == Language::Arabic);
            assert_eq!(message.html.contains("rtl"), language == Language::Arabic);
        });
    }

    #[test]
    fn the_message_carries_what_the_letter_says() {
        let sender = EmailAddress::parse("no-reply@larkfield.example").unwrap();
        let brand = larkfield().with_sender(sender.clone());

        let message = rendered(&brand, Language::French, notice());

        assert_eq!(message.to.as_str(), "amira@example.com");
        assert_eq!(message.from, Some(sender));
        assert_eq!(message.from_name, "Larkfield");
        assert_eq!(message.language, LanguageTag::from(Language::French));
        assert_eq!(message.purpose, MailPurpose::PasswordChanged);
        assert_eq!(message.correlation, Some(CorrelationId::parse("c-1").unwrap()));
    }

    #[test]
    fn replaced_words_are_used_for_their_language_only_and_the_last_ones_win() {
        let with_subject = |subject: &str| {
            let mut words = Language::German.words().clone();
            words.changed.subject = subject.to_owned().into();
            words
        };
        let templates = StandardTemplates::default()
            .with_words(Language::German, with_subject("eins"))
            .with_words(Language::German, with_subject("zwei\r\nBcc: {brand}"));
        let subject = |language| {
            let letter = Letter {
                application: None,
                tenant: &TenantId::parse("contoso").unwrap(),
                brand: &larkfield(),
                content: notice(),
                correlation: None,
                language,
                to: &EmailAddress::parse("amira@example.com").unwrap(),
            };
            templates.render(&letter).subject.to_string()
        };

        assert_eq!(subject(Language::German), "zwei  Bcc: Larkfield");
        assert_eq!(subject(Language::English), "Your Larkfield password was changed");
    }

    #[test]
    fn debug_shows_neither_code_nor_address_nor_text() {
        let code = Code::parse(DIGITS).unwrap();
        let to = EmailAddress::parse("amira@example.com").unwrap();
        let letter = Letter {
            application: None,
            tenant: &TenantId::parse("contoso").unwrap(),
            brand: &larkfield(),
            content: passcode(&code),
            correlation: None,
            language: Language::English,
            to: &to,
        };
        let message = StandardTemplates::default().render(&letter);

        for shown in [format!("{letter:?}"), format!("{message:?}")] {
            for hidden in [DIGITS, "amira", "example.com", "Someone asked"] {
                assert!(!shown.contains(hidden), "{shown}");
            }
        }
    }

    #[test]
    fn a_hosts_subject_loses_its_control_characters() {
        let letter = Letter {
            application: None,
            tenant: &TenantId::parse("contoso").unwrap(),
            brand: &larkfield(),
            content: notice(),
            correlation: None,
            language: Language::English,
            to: &EmailAddress::parse("amira@example.com").unwrap(),
        };
        let part = |text: &str| zeroize::Zeroizing::new(text.to_owned());

        let message = letter.message(part("a\r\nBcc: {brand}"), part("t"), part("h"));

        assert_eq!(*message.subject, "a  Bcc: {brand}");
    }
}
