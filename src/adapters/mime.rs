//! One message as an Internet message (RFC 5322) with a text and an HTML part (RFC 2046).
//!
//! For files only: what goes over a network is written by the SMTP adapter's library.

use base64ct::{Base64, Encoding};
use time::format_description::well_known::Rfc2822;

use crate::{
    domain::{Digest, EmailAddress, Instant},
    mail::EmailMessage,
};

/// Longest base64 line (RFC 2045 section 6.8).
const LINE: usize = 76;
/// The longest text that stands in a header as it is; longer ones are folded as encoded words.
const PLAIN: usize = 60;
/// The bytes of one encoded word. In base64 they leave room for the header's name on a line of 76
/// characters (RFC 2047 section 2).
const WORD: usize = 39;

pub(super) fn write(
    message: &EmailMessage,
    from: &EmailAddress,
    now: Instant,
    id: &Digest,
) -> String {
    let from = message.from.as_ref().unwrap_or(from);
    let boundary = format!("=_{}", hex(&id.head::<16>()));
    let mut out = String::with_capacity(2 * (message.text.len() + message.html.len()) + 2048);
    let mut line = |text: &str| {
        out.push_str(text);
        out.push_str("\r\n");
    };
    line(&format!("Date: {}", date(now)));
    line(&format!("From: {}", mailbox(&message.from_name, from)));
    line(&format!("To: {}", message.to.as_str()));
    line(&format!("Subject: {}", unstructured(&message.subject)));
    line(&format!("Message-ID: <{}@{}>", hex(&id.head::<16>()), from.domain()));
    line(&format!("Content-Language: {}", message.language));
    for (name, value) in EmailMessage::HEADERS {
        line(&format!("{name}: {value}"));
    }
    line("MIME-Version: 1.0");
    line(&format!("Content-Type: multipart/alternative; boundary=\"{boundary}\""));
    line("");
    for (kind, part) in [("plain", &message.text), ("html", &message.html)] {
        line(&format!("--{boundary}"));
        line(&format!("Content-Type: text/{kind}; charset=utf-8"));
        line("Content-Transfer-Encoding: base64");
        line("");
        let encoded = Base64::encode_string(part.replace('\n', "\r\n").as_bytes());
        let mut rest = encoded.as_str();
        while let Some((head, tail)) = rest.split_at_checked(LINE) {
            line(head);
            rest = tail;
        }
        line(rest);
    }
    line(&format!("--{boundary}--"));
    out
}

/// A name before an address; none if the name is empty.
fn mailbox(name: &str, address: &EmailAddress) -> String {
    let name = phrase(name);
    if name.is_empty() {
        return address.as_str().to_owned();
    }
    // The address stands on a line of its own where the name is long.
    let blank = if name.len() > PLAIN { "\r\n " } else { " " };
    format!("{name}{blank}<{}>", address.as_str())
}

/// A display name: atoms as they are, other ASCII as a quoted string (RFC 5322 section 3.2.4),
/// and everything else as encoded words.
fn phrase(name: &str) -> String {
    // RFC 5322 section 3.2.3.
    let is_atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let is_word = |word: &str| !word.is_empty() && word.chars().all(is_atom);
    if name.trim().is_empty() {
        String::new()
    } else if !stays(name) {
        encoded_words(name)
    } else if name.split(' ').all(is_word) {
        name.to_owned()
    } else {
        let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{escaped}\"")
    }
}

/// The text of a header that has no syntax of its own.
fn unstructured(text: &str) -> String {
    if stays(text) && text.trim() == text { text.to_owned() } else { encoded_words(text) }
}

/// Whether a text needs no encoding: short, visible ASCII that does not look encoded.
fn stays(text: &str) -> bool {
    text.len() <= PLAIN
        && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && !text.contains("=?")
}

/// Encoded words (RFC 2047), one on each line.
fn encoded_words(text: &str) -> String {
    let mut words = Vec::new();
    let mut piece = String::new();
    for c in text.chars() {
        if piece.len() + c.len_utf8() > WORD {
            words.push(encoded(&piece));
            piece.clear();
        }
        piece.push(c);
    }
    words.push(encoded(&piece));
    words.join("\r\n ")
}

fn encoded(piece: &str) -> String {
    format!("=?utf-8?B?{}?=", Base64::encode_string(piece.as_bytes()))
}

fn date(now: Instant) -> String {
    // Every year up to 9999 can be written.
    now.to_civil().format(&Rfc2822).unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_an_atom_a_quoted_string_or_encoded() {
        for (name, written) in [
            ("Contoso", "Contoso"),
            ("Contoso & Co", "Contoso & Co"),
            ("Contoso Inc.", "\"Contoso Inc.\""),
            ("A, B", "\"A, B\""),
            ("a@b", "\"a@b\""),
            ("Shop <eve>", "\"Shop <eve>\""),
            ("Say \"hi\\\"", "\"Say \\\"hi\\\\\\\"\""),
            ("two  blanks", "\"two  blanks\""),
            (" x", "\" x\""),
            ("", ""),
            (" ", ""),
            ("a\r\nBcc: b", "=?utf-8?B?YQ0KQmNjOiBi?="),
            ("\u{7f}", "=?utf-8?B?fw==?="),
            ("=?x?=", "=?utf-8?B?PT94Pz0=?="),
            ("Größe", "=?utf-8?B?R3LDtsOfZQ==?="),
        ] {
            assert_eq!(phrase(name), written, "{name:?}");
        }
    }

    #[test]
    fn long_headers_are_folded() {
        let address = EmailAddress::parse("no-reply@larkfield.example").unwrap();
        for name in ["x".repeat(300), "ß".repeat(300), "a, b ".repeat(40)] {
            let header = format!("Subject: {}", mailbox(&name, &address));
            assert!(header.split("\r\n").all(|line| line.len() <= 76), "{header}");
            let header = format!("Subject: {}", unstructured(&name));
            assert!(header.split("\r\n").all(|line| line.len() <= 76), "{header}");
        }
    }
}
