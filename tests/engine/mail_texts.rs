//! Every text that comes from outside, in every part of every mail: none breaks a line, makes a
//! header, an element or a template, and none shows the code where it does not belong.

use std::{borrow::Cow, time::Duration};

use crate::support::{address, runtime};
use sspr::{
    adapters::{FolderSender, ManualClock},
    domain::{Code, CorrelationId, EmailAddress, IdentityProvider, TenantId, Timestamp},
    mail::{
        Content, EmailMessage, Language, Letter, NoticeWords, StandardTemplates, Templates, Words,
    },
    policy::{Brand, CodeInSubject},
    ports::{EmailSender as _, NoticeCause},
};

const CODE: &str = "48291736";
const PLAIN: &str = "Lark";

/// Names that a brand may have, and that would do harm where they are taken for more than a name.
const NAMES: [&str; 10] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "</td></tr></table>",
    "Lark & 'Söhne' \"GmbH\"",
    "{code} {brand} {lifetime}",
    "Lark\u{200f}moc.live\u{200e}",
    "Lark  Bcc: eve@evil.example",
    "=?utf-8?B?QmNjOg==?=",
    "Lark\" <eve@evil.example>, Eve",
    "{rows}",
];

/// Words of a host that break lines, or hold markup.
const WORDS: [&str; 6] = [
    "<b>{brand}</b> <script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "one\r\nBcc: eve@evil.example\r\n\r\nbody",
    "one\u{85}two\0three\u{7f}",
    "{code} is here",
    "{{code}} & <!-- {rows}",
];

type Field = fn(&mut Words) -> &mut Cow<'static, str>;

/// Every field of the words that stands in a mail, but for the one whose purpose is the code.
fn fields() -> Vec<(&'static str, Field)> {
    fn lead(words: &mut NoticeWords) -> &mut Cow<'static, str> {
        words.lead_text.get_or_insert_default()
    }
    let all: Vec<(&'static str, Field)> = vec![
        ("footer", |it| &mut it.footer),
        ("no_link", |it| &mut it.no_link),
        ("minutes", |it| &mut it.minutes.other),
        ("date", |it| &mut it.dates.date),
        ("time", |it| &mut it.dates.time),
        ("month", |it| &mut it.dates.months[0]),
        ("or", |it| &mut it.providers.or),
        ("email_code", |it| &mut it.providers.email_code),
        ("passcode.heading", |it| &mut it.passcode.heading),
        ("passcode.lead", |it| &mut it.passcode.lead),
        ("passcode.lead_text", |it| it.passcode.lead_text.get_or_insert_default()),
        ("passcode.not_you", |it| &mut it.passcode.not_you),
        ("passcode.not_you_answer", |it| &mut it.passcode.not_you_answer),
        ("passcode.preheader", |it| &mut it.passcode.preheader),
        ("passcode.subject", |it| &mut it.passcode.subject),
        ("passcode.validity", |it| &mut it.passcode.validity),
        ("changed.heading", |it| &mut it.changed.heading),
        ("changed.lead", |it| &mut it.changed.lead),
        ("changed.lead_text", |it| lead(&mut it.changed)),
        ("changed.not_you", |it| &mut it.changed.not_you),
        ("changed.not_you_answer", |it| &mut it.changed.not_you_answer),
        ("changed.preheader", |it| &mut it.changed.preheader),
        ("changed.subject", |it| &mut it.changed.subject),
        ("changed.was_you", |it| &mut it.changed.was_you),
        ("changed.was_you_answer", |it| &mut it.changed.was_you_answer),
        ("no_password.heading", |it| &mut it.no_password.heading),
        ("no_password.lead", |it| &mut it.no_password.lead),
        ("no_password.lead_text", |it| lead(&mut it.no_password)),
        ("no_password.not_you_answer", |it| &mut it.no_password.not_you_answer),
        ("no_password.preheader", |it| &mut it.no_password.preheader),
        ("no_password.subject", |it| &mut it.no_password.subject),
        ("no_password.was_you", |it| &mut it.no_password.was_you),
    ];
    all
}

/// A mail of each kind.
fn mails(templates: &StandardTemplates, brand: &Brand, language: Language) -> Vec<EmailMessage> {
    let code = Code::parse(CODE).unwrap();
    let providers = [IdentityProvider::Google, IdentityProvider::EmailOtp];
    let contents = [
        Content::Passcode { code: &code, lifetime: Duration::from_secs(600) },
        Content::PasswordChanged {
            at: Timestamp::from_micros(1_800_000_000_000_000),
            cause: NoticeCause::CodeSentHere,
            freeze: None,
        },
        Content::NoPasswordHere { providers: &providers },
    ];
    let (tenant, to) = (TenantId::parse("contoso").unwrap(), address("ada@example.com"));
    let letter = |content| Letter {
        application: None,
        tenant: &tenant,
        brand,
        content,
        correlation: CorrelationId::parse("c-1").ok(),
        language,
        to: &to,
    };
    contents.into_iter().map(|content| templates.render(&letter(content))).collect()
}

/// The elements of a document, in order, with their attributes' names.
fn elements(html: &str) -> Vec<String> {
    let tags = html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap());
    tags.map(|tag| {
        let name = tag.split([' ', '\n']).next().unwrap().to_owned();
        let attributes = tag.matches('=').count();
        // Styles hold `=` nowhere, and no value may.
        format!("{name} {attributes}")
    })
    .collect()
}

/// What no mail has, whatever it was made of.
fn is_sound(mail: &EmailMessage, about: &str) {
    let bidi =
        |c: char| matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}' | '\u{2067}' | '\u{feff}');
    assert!(!mail.subject.contains(char::is_control), "{about}: {:?}", *mail.subject);
    assert!(!mail.from_name.contains(char::is_control), "{about}: {:?}", mail.from_name);
    assert!(!mail.from_name.contains(bidi), "{about}: {:?}", mail.from_name);
    let others = |c: char| c.is_control() && c != '\n';
    assert!(!mail.text.contains(others), "{about}: {:?}", *mail.text);
    assert!(!mail.html.contains(others), "{about}");
    for part in ["<script", "<img", "<a ", "<b>"] {
        assert!(!mail.html.contains(part), "{about}: {part}");
    }
}

/// How often the code stands in subject, text and HTML.
fn shown(mail: &EmailMessage) -> [usize; 3] {
    [&mail.subject, &mail.text, &mail.html].map(|part| part.matches(CODE).count())
}

#[test]
fn no_name_of_a_brand_is_more_than_a_name_in_any_part_of_any_mail() {
    let templates = StandardTemplates::default();
    for language in Language::ALL {
        for choice in [CodeInSubject::Hidden, CodeInSubject::Shown] {
            let brand = |name: &str| {
                let brand = Brand::new(name).unwrap().with_code_in_subject(choice);
                brand.with_origin("login.lark.example").unwrap()
            };
            let plain = mails(&templates, &brand(PLAIN), language);
            for name in NAMES {
                for (mail, plain) in mails(&templates, &brand(name), language).iter().zip(&plain) {
                    let about = format!("{name:?} {language:?} {:?}", mail.purpose);
                    is_sound(mail, &about);
                    assert_eq!(elements(&mail.html), elements(&plain.html), "{about}");
                    assert_eq!(shown(mail), shown(plain), "{about}");
                    let bidi = |c: char| matches!(c, '\u{202e}' | '\u{2066}' | '\u{2028}');
                    for part in [&mail.subject, &mail.text, &mail.html] {
                        assert!(!part.contains(bidi), "{about}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_code_is_in_the_subject_only_where_the_brand_shows_it_and_in_no_other_mail() {
    let templates = StandardTemplates::default();
    for language in Language::ALL {
        for (choice, in_subject) in [(CodeInSubject::Hidden, 0), (CodeInSubject::Shown, 1)] {
            for origin in [false, true] {
                let mut brand = Brand::new(PLAIN).unwrap().with_code_in_subject(choice);
                if origin {
                    brand = brand.with_origin("login.lark.example").unwrap();
                }
                for mail in mails(&templates, &brand, language) {
                    let about = format!("{language:?} {:?}", mail.purpose);
                    let is_code = mail.purpose == sspr::mail::MailPurpose::Passcode;
                    let [subject, text, html] = shown(&mail);
                    assert_eq!(subject, if is_code { in_subject } else { 0 }, "{about}");
                    assert_eq!(text, if is_code { 1 + usize::from(origin) } else { 0 }, "{about}");
                    assert_eq!(html > 0, is_code, "{about}");
                    let bound = mail.text.contains("\n@login.lark.example #");
                    assert_eq!(bound, is_code && origin, "{about}");
                }
            }
        }
    }
}

#[test]
fn no_words_of_a_host_break_a_line_make_an_element_or_move_the_code_in_the_text() {
    let brand = Brand::new(PLAIN).unwrap();
    for language in [Language::English, Language::Arabic] {
        let plain = mails(&StandardTemplates::default(), &brand, language);
        for (field, of) in fields() {
            for text in WORDS {
                let mut words = language.words().clone();
                *of(&mut words) = text.into();
                let templates = StandardTemplates::default().with_words(language, words);
                for (mail, plain) in mails(&templates, &brand, language).iter().zip(&plain) {
                    let about = format!("{field}: {text:?} {language:?} {:?}", mail.purpose);
                    is_sound(mail, &about);
                    assert_eq!(elements(&mail.html), elements(&plain.html), "{about}");
                    // The text part has the code on a line of its own, and nowhere else.
                    assert_eq!(shown(mail)[1], shown(plain)[1], "{about}");
                    let alone = mail.text.lines().filter(|line| *line == CODE).count();
                    assert_eq!(alone, shown(plain)[1], "{about}");
                }
            }
        }
    }
}

#[test]
fn a_hosts_own_templates_cannot_break_the_line_of_a_subject_or_of_the_sender() {
    let (brand, to) = (Brand::new("Larkx").unwrap(), address("ada@example.com"));
    let at = Timestamp::from_micros(0);
    let letter = Letter {
        application: None,
        tenant: &TenantId::parse("contoso").unwrap(),
        brand: &brand,
        content: Content::PasswordChanged { at, cause: NoticeCause::CodeSentHere, freeze: None },
        correlation: None,
        language: Language::English,
        to: &to,
    };
    for subject in ["a\r\nBcc: eve@evil.example", "a\nb", "a\u{85}b", "a\0b", "a\u{7f}b", "a\tb"] {
        let part = || String::from("x").into();
        let message = letter.message(subject.to_owned().into(), part(), part());

        assert!(!message.subject.contains(char::is_control), "{:?}", *message.subject);
        assert_eq!(message.subject.chars().count(), subject.chars().count(), "blanks instead");
        assert_eq!(message.from_name, "Larkx");
        assert_eq!(message.to, to);
    }
}

/// A mail as a folder keeps it: its header lines, unfolded.
fn head(brand: &Brand, templates: &StandardTemplates, number: usize) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let from = address("no-reply@lark.example");
    let sender = FolderSender::open(
        folder.path(),
        from,
        ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000)),
    )
    .unwrap();
    let mail = &mails(templates, brand, Language::English)[number];
    runtime().block_on(sender.send(mail)).unwrap();
    let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(file).unwrap();
    let head = text.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
    head.split("\r\n").map(str::to_owned).collect()
}

#[test]
fn no_text_makes_a_header_of_a_mail_in_a_folder() {
    let names = |lines: &[String]| -> Vec<String> {
        lines.iter().map(|line| line.split(':').next().unwrap().to_owned()).collect()
    };
    let templates = StandardTemplates::default();
    for number in 0..3 {
        let plain = head(&Brand::new(PLAIN).unwrap(), &templates, number);
        for header in ["Auto-Submitted: auto-generated", "X-Auto-Response-Suppress: All"] {
            assert!(plain.iter().any(|line| line == header), "{plain:?}");
        }
        for name in NAMES {
            let lines = head(&Brand::new(name).unwrap(), &templates, number);
            assert_eq!(names(&lines), names(&plain), "{name:?}");
            assert!(lines.iter().all(|line| line.is_ascii()), "{lines:?}");
            let to = lines.iter().find(|line| line.starts_with("To: ")).unwrap();
            assert_eq!(to, "To: ada@example.com");
            let from = lines.iter().find(|line| line.starts_with("From: ")).unwrap();
            assert!(from.ends_with("<no-reply@lark.example>"), "{from}");
            // A display name is quoted: what stands in it is no address.
            let outside = from.rsplit('"').next().unwrap();
            assert_eq!(outside.matches('@').count(), 1, "{from}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_mail_in_a_folder_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let from: EmailAddress = address("no-reply@lark.example");
    let clock = ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000));
    let sender = FolderSender::open(folder.path(), from, clock).unwrap();
    for mail in mails(&StandardTemplates::default(), &Brand::new(PLAIN).unwrap(), Language::English)
    {
        runtime().block_on(sender.send(&mail)).unwrap();
    }

    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
    assert_eq!(files.len(), 3);
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
