//! The text of a message by SMS.

use zeroize::Zeroizing;

use super::{TextContent, TextLetter, Words, fill::sized, values::Values};

/// Writes the standard text.
///
/// A passcode has the code first, so that a lock screen shows it, and `@host #code` last, so that a
/// browser fills it in only where it belongs. A notice is one line.
pub(super) fn render(letter: &TextLetter<'_>, words: &Words) -> Zeroizing<String> {
    let values = Values::of_text(letter, words);
    let (said, warning) = (&words.text.code, &words.text.warning);
    if let TextContent::PasswordChanged { .. } = letter.content {
        return values.line(&words.text.changed);
    }
    sized(|out| {
        values.write_line(out, said);
        out.put("\n");
        values.write_line(out, warning);
        if let Some(host) = letter.brand.origin() {
            for piece in ["\n\n@", host, " #", values.code()] {
                out.put(piece);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::{
        domain::{Code, Timestamp},
        mail::{Language, StandardTemplates, Templates},
        policy::Brand,
    };

    /// The basic characters of GSM 03.38 that our texts may use, each of which takes seven bits.
    const GSM_7: &str = "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡\
                         ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà\n";

    fn brand() -> Brand {
        Brand::new("Larkfield").unwrap().with_origin("login.larkfield.example").unwrap()
    }

    fn text(brand: &Brand, language: Language, code: &str) -> String {
        let code = Code::parse(code).unwrap();
        let content = TextContent::Passcode { code: &code, lifetime: Duration::from_secs(600) };
        let letter = TextLetter { brand, content, language };
        StandardTemplates::default().text(&letter).to_string()
    }

    fn notice(brand: &Brand, language: Language) -> String {
        // The last minute of a December, so that every part has two digits.
        let at = Timestamp::from_micros(1_798_761_599_000_000);
        let content = TextContent::PasswordChanged { at };
        StandardTemplates::default().text(&TextLetter { brand, content, language }).to_string()
    }

    /// Returns the number of segments that a text costs.
    fn segments(text: &str) -> usize {
        let is_gsm = text.chars().all(|c| GSM_7.contains(c));
        let (units, one, of_many) = if is_gsm {
            (text.chars().count(), 160, 153)
        } else {
            (text.encode_utf16().count(), 70, 67)
        };
        if units <= one { 1 } else { units.div_ceil(of_many) }
    }

    #[test]
    fn the_english_text_has_the_code_first_and_the_bound_line_last() {
        assert_eq!(
            text(&brand(), Language::English, "48291736"),
            "48291736 is your Larkfield code. It works for 10 minutes.\n\
             Never give it to anyone.\n\n@login.larkfield.example #48291736"
        );
    }

    #[test]
    fn each_text_begins_with_its_code_and_ends_in_the_bound_line() {
        for language in Language::ALL {
            for code in ["48291736", "BCDF-GHJK-LMNP-QRST"] {
                let text = text(&brand(), language, code);
                assert!(text.starts_with(code), "{text}");
                assert_eq!(
                    text.lines().last().unwrap(),
                    format!("@login.larkfield.example #{code}")
                );
                assert!(!text.contains(['{', '}']), "{text}");
                assert!(!text.contains("http"), "{text}");
            }
            let plain = Brand::new("Larkfield").unwrap();
            assert!(!text(&plain, language, "48291736").contains('@'));
        }
    }

    #[test]
    fn a_text_costs_one_segment_where_its_alphabet_allows_that() {
        for language in Language::ALL {
            let cost = segments(&text(&brand(), language, "48291736"));
            let most = if language == Language::Arabic { 2 } else { 1 };
            assert!(cost <= most, "{}: {cost}", language.tag());
        }
    }

    #[test]
    fn the_english_notice_says_what_happened_when_and_what_to_do() {
        assert_eq!(
            notice(&brand(), Language::English),
            "Your Larkfield password was changed on 2026-12-31 at 23:59 UTC. If it was not you, \
             open Larkfield as usual and choose \"Forgot password?\"."
        );
    }

    #[test]
    fn a_notice_has_no_link_no_code_and_costs_one_segment_where_its_alphabet_allows_that() {
        for language in Language::ALL {
            let text = notice(&brand(), language);
            assert!(text.contains("2026-12-31") && text.contains("23:59"), "{text}");
            for never in ["http", "www", "login.larkfield", "{", "}", "@", "#", "\n"] {
                assert!(!text.contains(never), "{text}");
            }
            let most = if language == Language::Arabic { 2 } else { 1 };
            assert!(segments(&text) <= most, "{}: {text}", language.tag());
        }
    }

    #[test]
    fn a_brand_cannot_break_the_line_of_a_text() {
        let brand = Brand::new("A{code}B").unwrap();
        let text = text(&brand, Language::English, "48291736");
        assert!(text.starts_with("48291736 is your A{code}B code."), "{text}");
    }
}
