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
    line(&format!("From: {} <{}>", word(&message.from_name), from.as_str()));
    line(&format!("To: {}", message.to.as_str()));
    line(&format!("Subject: {}", word(&message.subject)));
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

/// A header's text: as it is if it is plain, or as encoded words (RFC 2047).
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || " !#$%&'*+-/^_`{|}~.".contains(c);
    if text.chars().all(plain) && !text.contains("=?") {
        return text.to_owned();
    }
    // 45 bytes make 60 characters of base64: below the 75 of one word.
    let mut words = Vec::new();
    let mut piece = String::new();
    for c in text.chars() {
        if piece.len() + c.len_utf8() > 45 {
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
