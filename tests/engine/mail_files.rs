//! Mails as files in a folder: whoever looks into one finds the code in it, and a mail program
//! reads every letter.

use std::{fs, time::Duration};

use sspr::{
    adapters::{FolderSender, ManualClock},
    domain::{Code, CorrelationId, Method, TenantId, Timestamp},
    mail::{Content, EmailMessage, Language, Letter, StandardTemplates, Templates as _},
    policy::Brand,
    ports::EmailSender as _,
};

use crate::support::{PHONE, World, address, client, request, runtime};

const CODE: &str = "48291736";

fn passcode(language: Language, brand: &str) -> EmailMessage {
    let code = Code::parse(CODE).unwrap();
    let (brand, to) = (Brand::new(brand).unwrap(), address("grace@example.com"));
    let letter = Letter {
        application: None,
        tenant: &TenantId::parse("contoso").unwrap(),
        brand: &brand,
        content: Content::Passcode { code: &code, lifetime: Duration::from_secs(600) },
        language,
        to: &to,
        correlation: CorrelationId::parse("c-1").ok(),
    };
    StandardTemplates::default().render(&letter)
}

/// What is in the file that a sender writes.
fn file(message: &EmailMessage) -> String {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000));
    let from = address("no-reply@lark.example");
    let sender = FolderSender::open(folder.path(), from, clock).unwrap();
    runtime().block_on(sender.send(message)).unwrap();
    let file = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    fs::read_to_string(file).unwrap()
}

/// The encoding and the text of each part, as a mail program reads them.
fn parts(file: &str) -> Vec<(String, String)> {
    let (head, body) = file.split_once("\r\n\r\n").unwrap();
    let boundary = head.split("boundary=\"").nth(1).unwrap().split('"').next().unwrap();
    let (parts, end) = body.rsplit_once(&format!("\r\n--{boundary}--")).unwrap();
    assert_eq!(end, "\r\n");
    let parts = format!("\r\n{parts}");
    let divider = format!("\r\n--{boundary}\r\n");
    let parts = parts.split(&divider).skip(1);
    let read = |part: &str| {
        let (head, body) = part.split_once("\r\n\r\n").unwrap();
        let encoding = head.split("Content-Transfer-Encoding: ").nth(1).unwrap();
        let encoding = encoding.lines().next().unwrap().to_owned();
        let text = match encoding.as_str() {
            "7bit" => body.to_owned(),
            "quoted-printable" => unquoted(body),
            other => panic!("{other}"),
        };
        (encoding, text.replace("\r\n", "\n"))
    };
    parts.map(read).collect()
}

fn unquoted(body: &str) -> String {
    let body = body.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = body.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first == b'=' {
            let (digits, tail) = rest.split_at(2);
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap());
            rest = tail;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn whoever_looks_into_a_mail_in_a_folder_finds_the_code_in_every_language() {
    for language in Language::ALL {
        let mail = passcode(language, "Lark");
        let file = file(&mail);
        // As `grep -x` finds it.
        assert_eq!(file.lines().filter(|line| *line == CODE).count(), 1, "{language:?}: {file}");
        let parts = parts(&file);
        let encoding = if language == Language::English { "7bit" } else { "quoted-printable" };
        assert_eq!(parts[0], (encoding.to_owned(), mail.text.to_string()), "{language:?}");
        assert_eq!(parts[1].1, *mail.html, "{language:?}");
    }
}

#[test]
fn a_part_is_written_as_it_is_where_it_is_ascii_with_lines_that_are_short_enough() {
    let long = |letters: usize| "x".repeat(letters);
    let (kept, encoded) = ("7bit", "quoted-printable");
    let cases: [(String, &str); 13] = [
        (String::new(), kept),
        ("\n\n".to_owned(), kept),
        ("one = 1\n\ttwo \n.\nFrom x".to_owned(), kept),
        (format!("{}\n{}", long(998), long(998)), kept),
        (long(999), encoded),
        (format!("{} {CODE} {}", long(60), long(2_000)), encoded),
        (format!("{}=\u{e9}\n=\n", long(74)), encoded),
        ("\u{e9} \nb\t\n ".to_owned(), encoded),
        (format!("{}\u{e9}", " ".repeat(300)), encoded),
        ("a\u{b}b\0\u{7f}".to_owned(), encoded),
        ("a\rb".to_owned(), encoded),
        ("\u{1f511}\u{633}".repeat(100), encoded),
        (format!("{CODE} \u{e4} x ").repeat(30), encoded),
    ];
    for (text, encoding) in cases {
        // Each part by itself.
        for (one, other) in [(text.as_str(), "short"), ("short", text.as_str())] {
            let mut mail = passcode(Language::English, "Lark");
            (*mail.text, *mail.html) = (one.to_owned(), other.to_owned());
            let file = file(&mail);
            let wanted = |part: &str| if part == "short" { kept } else { encoding };
            let expected = [one, other].map(|part| (wanted(part).to_owned(), part.to_owned()));
            assert_eq!(parts(&file), expected, "{text:?}");
            // None is divided.
            let codes = |text: &str| text.matches(CODE).count();
            assert_eq!(codes(&file), codes(&text), "{text:?}");
        }
    }
    let mut mail = passcode(Language::English, "Lark");
    *mail.text = "a\r\nb\n".to_owned();
    assert_eq!(parts(&file(&mail))[0], (kept.to_owned(), "a\nb\n".to_owned()));
}

#[test]
fn every_line_of_a_mail_in_a_folder_ends_as_it_must_and_is_short_enough() {
    for language in Language::ALL {
        for name in ["Lark", "Gr\u{f6}\u{df}e & \u{633}\u{644}\u{627}\u{645}"] {
            let file = file(&passcode(language, name));
            assert!(file.is_ascii(), "{language:?}");
            let ends = file.matches("\r\n").count();
            assert_eq!((file.matches('\r').count(), file.matches('\n').count()), (ends, ends));
            let is_long = |line: &&str| line.len() > 998;
            assert_eq!(file.split("\r\n").find(is_long), None, "{language:?}");
            let encoded = file.split("quoted-printable").skip(1);
            let mut lines = encoded.flat_map(|part| part.split("\r\n--").next().unwrap().lines());
            assert_eq!(lines.find(|line| line.len() > 76), None, "{language:?}");
        }
    }
}

#[test]
fn a_text_message_is_a_file_with_its_number_first() {
    let folder = tempfile::tempdir().unwrap();
    let from = address("no-reply@lark.example");
    let clock = ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000));
    let texts = FolderSender::open(folder.path(), from, clock).unwrap();
    runtime().block_on(async {
        let world = World::memory().await.with_sms().await;
        let world = world.another(|builder| builder.with_sms(texts));
        let asked = request("ada@example.com").by(Method::Sms);
        let started = world.sspr.start(&asked, &client(1)).await.unwrap().started().unwrap();
        world.courier.drain(&world.inbox).await;
        let file = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        assert_eq!(file.extension().unwrap(), "txt");
        let text = fs::read_to_string(file).unwrap();
        let (number, said) = text.split_once("\n\n").unwrap();
        assert_eq!(number, PHONE);
        let code = Code::parse(said.split(' ').next().unwrap()).unwrap();
        world.granted(&started.token, &code).await;
    });
}
