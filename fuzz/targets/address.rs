//! Addresses: what is read is one plain mailbox, reads again as itself, and has one limiter form.
#![no_main]

use fuzz::fuzz_text;
use sspr::domain::{AddressError, DotRules, EmailAddress};
use unicode_normalization::{UnicodeNormalization, is_nfc};

fuzz_text!(|text| {
    let dots = DotRules::default();
    match EmailAddress::parse(text) {
        Ok(address) => {
            let form = address.as_str();
            assert_eq!(format!("{}@{}", address.local(), address.domain()), form);
            assert_eq!(form.matches('@').count(), 1);
            assert!(form.len() <= 254 && address.local().len() <= 64);
            assert!(!form.contains(|c: char| c.is_control() || c.is_whitespace()), "{form:?}");
            assert!(!form.contains(['<', '>', ',', ';', '"', '(', ')', '\\']));
            assert!(address.domain().bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()));
            assert!(is_nfc(address.local()), "{form:?}");
            let composed: String = text.nfc().collect();
            assert!(composed.contains(address.local()), "the local part is kept but for its form");
            assert_eq!(EmailAddress::parse(form).as_ref(), Ok(&address));

            let limiter = address.limiter_form(&dots);
            let limiter = core::str::from_utf8(limiter.as_bytes()).unwrap();
            assert!(limiter.ends_with(&format!("@{}", address.domain())));
            // Where the form is an address itself, it is its own form: spellings end somewhere.
            if let Ok(again) = EmailAddress::parse(limiter) {
                assert_eq!(again.limiter_form(&dots).as_bytes(), limiter.as_bytes());
            }
            for spelling in [form.to_uppercase(), form.to_lowercase()] {
                if address.local().is_ascii() {
                    let spelt = EmailAddress::parse(&spelling).unwrap();
                    assert_eq!(spelt.limiter_form(&dots).as_bytes(), limiter.as_bytes());
                }
            }

            let masked = address.masked();
            let (mailbox, _) = masked.split_once('@').unwrap();
            assert!(mailbox.contains("***") && mailbox.chars().count() <= 5);
        }
        Err(AddressError::Internationalised) => panic!("the feature `idn` is on"),
        Err(_) => {}
    }
});
