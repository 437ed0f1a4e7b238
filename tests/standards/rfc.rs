//! RFCs and other specifications, as far as no wire is needed.

use std::time::Duration;

use sspr::{
    adapters::{Argon2Pool, SystemEntropy},
    domain::{Code, CodeFormat, EmailAddress, TenantId},
    mail::{Content, EmailMessage, Language, Letter, StandardTemplates, Templates as _},
    policy::Brand,
    ports::{HashQueue, PasswordHasher as _},
};

use crate::{
    support::{NEW, address, client, password},
    with_ada,
};

#[test]
fn rfc_8628_6_1_letters_are_those_without_vowels_and_case_does_not_matter() {
    for _ in 0..1_000 {
        let code = Code::generate(CodeFormat::Letters, &SystemEntropy::new()).unwrap().expose();
        let known = |c: char| "BCDFGHJKLMNPQRSTVWXZ-".contains(c);
        assert!(code.chars().all(known), "{code}");
        assert_eq!(Code::parse(&code.to_lowercase()).unwrap().expose(), code);
    }
}

#[test]
fn rfc_9106_4_salts_have_128_bits_and_tags_256() {
    with_ada(|_| async move {
        let hash = Argon2Pool::new().hash(password(NEW), HashQueue::Submit).await.unwrap();
        let parts: Vec<&str> = hash.expose().split('$').collect();
        // Base64 without padding: 16 bytes are 22 characters, 32 are 43.
        assert_eq!((parts[1], parts[4].len(), parts[5].len()), ("argon2id", 22, 43));
    });
}

#[test]
fn rfc_5321_4_5_3_1_addresses_have_64_and_254_octets_at_most() {
    let domain = |length: usize| {
        let labels = format!("{}.{}.{}.", "d".repeat(61), "d".repeat(61), "d".repeat(61));
        format!("{labels}{}", "e".repeat(length - labels.len()))
    };
    let parses = |local: usize, domain_length: usize| {
        EmailAddress::parse(&format!("{}@{}", "a".repeat(local), domain(domain_length))).is_ok()
    };
    assert!(parses(64, 189) && !parses(65, 188));
    assert!(!parses(64, 190));
}

#[test]
fn rfc_5322_2_1_1_no_line_break_reaches_a_header() {
    for typed in ["ada@example.com\r\nBcc: eve@example.com", "a\nb@example.com", "a@b.c\0"] {
        assert!(EmailAddress::parse(typed).is_err(), "{typed:?}");
    }
    for name in ["Larkfield\r\nBcc: eve@example.com", "Lark\nfield", "Lark\0field"] {
        assert!(Brand::new(name).is_err(), "{name:?}");
    }
}

#[test]
fn rfc_6532_3_1_an_address_is_in_normalisation_form_c() {
    let parsed = |text: &str| EmailAddress::parse(text).unwrap();
    assert_eq!(parsed("jo\u{308}rg@x.example"), parsed("j\u{f6}rg@x.example"));
    assert_eq!(parsed("jo\u{308}rg@x.example").local(), "j\u{f6}rg");
}

#[test]
fn rfc_6531_local_parts_in_other_scripts_are_read() {
    assert_eq!(EmailAddress::parse("søren@example.com").unwrap().local(), "søren");
}

#[test]
fn rfc_3834_5_mails_say_that_they_are_automatic() {
    assert!(EmailMessage::HEADERS.contains(&("Auto-Submitted", "auto-generated")));
}

#[test]
fn rfc_8058_nobody_can_unsubscribe_from_a_passcode() {
    let named = |(name, _): &(&str, &str)| name.to_lowercase().starts_with("list-");
    assert!(!EmailMessage::HEADERS.iter().any(named));
}

#[test]
fn rfc_8265_other_spaces_are_kept_and_new_characters_accepted() {
    // OpaqueString would map the space; its tables know no character after Unicode 6.3.
    assert_eq!(password("quiet\u{3000}river").expose(), "quiet\u{3000}river");
    assert_eq!(password("\u{1f6d8}").characters(), 1);
}

#[cfg(feature = "idn")]
#[test]
fn uts_46_a_domain_in_any_script_becomes_a_labels() {
    assert_eq!(EmailAddress::parse("a@Bücher.example").unwrap().domain(), "xn--bcher-kva.example");
}

#[test]
fn uts_39_an_address_that_only_looks_the_same_is_another_one() {
    with_ada(|world| async move {
        // A Cyrillic a, a full-width one, a raised one.
        for typed in ["\u{430}da@example.com", "\u{ff41}da@example.com", "ad\u{1d43}@example.com"] {
            world.started(typed, &client(1)).await;
            world.courier.drain(&world.inbox).await;
            assert!(world.inbox.messages().is_empty(), "{typed}");
        }
    });
}

#[test]
fn wicg_sms_one_time_codes_the_last_line_is_bound_to_the_origin() {
    let brand = Brand::new("Larkfield").unwrap().with_origin("login.larkfield.example").unwrap();
    let code = Code::parse("04829173").unwrap();
    let message = StandardTemplates::default().render(&Letter {
        application: None,
        tenant: &TenantId::parse("contoso").unwrap(),
        brand: &brand,
        content: Content::Passcode { code: &code, lifetime: Duration::from_secs(600) },
        correlation: None,
        language: Language::English,
        to: &address("ada@example.com"),
    });
    let last = message.text.trim_end().lines().last().unwrap();
    assert_eq!(last, "@login.larkfield.example #04829173");
    assert!(message.text.lines().any(|line| line == "04829173"), "alone on a line of its own");
    assert!(!message.subject.contains("04829173"), "not on a locked screen");
}
