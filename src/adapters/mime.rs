//! Internet messages (RFC 5322) with a text and an HTML part (RFC 2046).
//!
//! The headers of every sender are written here, so that all of them quote and encode a name alike.

use base64ct::{Base64, Encoding};
use time::format_description::well_known::Rfc2822;
use zeroize::Zeroizing;

use crate::{
    domain::{Digest, EmailAddress, Timestamp},
    mail::EmailMessage,
};

/// The longest line of an encoded part (RFC 2045 section 6.7).
const LINE: usize = 76;
/// The longest line of a part that is not encoded (RFC 5322 section 2.1.1).
const PLAIN_LINE: usize = 998;
/// The column where a header is folded. RFC 5322 section 2.1.1 asks for at most 78 characters on a
/// line.
const FOLD: usize = 60;
/// The longest piece without a blank. Such a piece cannot be folded, and a line may have 998
/// characters.
const PIECE: usize = 800;
/// The bytes of one encoded word. In base64 they leave room for the header's name on a line of 76
/// characters (RFC 2047 section 2).
const WORD: usize = 39;

/// Writes the whole message for a file. A reader who searches for the code finds it there
/// unencoded.
pub(super) fn write(
    message: &EmailMessage,
    from: &EmailAddress,
    now: Timestamp,
    id: &Digest,
) -> Zeroizing<String> {
    let boundary = format!("=_{}", hex(&id.head::<16>()));
    let head = Zeroizing::new(headers(message, from, now, id));
    let parts = [("plain", body(&message.text)), ("html", body(&message.html))];
    let lines = parts.iter().flat_map(|(_, (_, lines))| lines);
    let length: usize = lines.map(|text| text.len() + 2).sum();
    // With room for everything, so that no shorter copy of the code is left behind.
    let mut out = Zeroizing::new(String::with_capacity(head.len() + length + 1024));
    out.push_str(&head);
    let mut line = |text: &str| {
        out.push_str(text);
        out.push_str("\r\n");
    };
    line(&format!("Content-Type: multipart/alternative; boundary=\"{boundary}\""));
    line("");
    for (kind, (encoding, lines)) in &parts {
        line(&format!("--{boundary}"));
        line(&format!("Content-Type: text/{kind}; charset=utf-8"));
        line(&format!("Content-Transfer-Encoding: {encoding}"));
        line("");
        lines.iter().for_each(|text| line(text));
    }
    line(&format!("--{boundary}--"));
    out
}

/// Returns the lines of a part and their encoding (RFC 2045 section 6). A part is not encoded if
/// every line is ASCII and short enough.
fn body(text: &str) -> (&'static str, Vec<Zeroizing<String>>) {
    let text = Zeroizing::new(text.replace("\r\n", "\n"));
    let lines = || text.split('\n');
    let is_plain = |byte: u8| matches!(byte, b'\t' | b' '..=b'~');
    if lines().all(|line| line.len() <= PLAIN_LINE && line.bytes().all(is_plain)) {
        return ("7bit", lines().map(|line| line.to_owned().into()).collect());
    }
    let mut encoded = Vec::new();
    lines().for_each(|line| quoted_printable(line, &mut encoded));
    ("quoted-printable", encoded)
}

/// Encodes one line (RFC 2045 section 6.7), and divides it if it is too long.
fn quoted_printable(line: &str, out: &mut Vec<Zeroizing<String>>) {
    let empty = || Zeroizing::new(String::with_capacity(LINE));
    let mut written = empty();
    let mut bytes = line.bytes().peekable();
    while let Some(byte) = bytes.next() {
        let stays = match byte {
            b'=' => false,
            // A blank at the end of a line might be removed on the way, so it is encoded.
            b' ' | b'\t' => bytes.peek().is_some(),
            _ => byte.is_ascii_graphic(),
        };
        let piece = if stays { char::from(byte).to_string() } else { format!("={byte:02X}") };
        let sign = usize::from(bytes.peek().is_some());
        if written.len() + piece.len() + sign > LINE {
            // Divide between words if possible, so that a code stays whole.
            let end = written.rfind(' ').map_or(written.len(), |at| at + 1);
            let rest = Zeroizing::new(written.split_off(end));
            written.push('=');
            out.push(core::mem::replace(&mut written, empty()));
            written.push_str(&rest);
        }
        written.push_str(&piece);
    }
    out.push(written);
}

/// Returns the headers up to `MIME-Version`. The headers of the body follow them.
pub(super) fn headers(
    message: &EmailMessage,
    from: &EmailAddress,
    now: Timestamp,
    id: &Digest,
) -> String {
    let from = message.from.as_ref().unwrap_or(from);
    let mut out = String::with_capacity(1024);
    let mut line = |name: &str, value: &str| {
        for piece in [name, ": ", value, "\r\n"] {
            out.push_str(piece);
        }
    };
    line("Date", &date(now));
    line("From", &mailbox(&message.from_name, from));
    line("To", message.to.as_str());
    line("Subject", &unstructured(&message.subject));
    line("Message-ID", &format!("<{}@{}>", hex(&id.head::<16>()), from.domain()));
    line("Content-Language", message.language.as_str());
    for (name, value) in EmailMessage::HEADERS {
        line(name, value);
    }
    line("MIME-Version", "1.0");
    out
}

/// Returns the address with the name before it, or the address alone if the name is empty.
fn mailbox(name: &str, address: &EmailAddress) -> String {
    let name = phrase(name);
    if name.is_empty() {
        return address.as_str().to_owned();
    }
    // After a long name, the address goes on the next line.
    let blank = if name.len() > FOLD { "\r\n " } else { " " };
    format!("{name}{blank}<{}>", address.as_str())
}

/// Encodes a display name. Atoms stay as they are, other ASCII becomes a quoted string (RFC 5322
/// section 3.2.4), and other text becomes encoded words.
fn phrase(name: &str) -> String {
    let name = &*one_line(name);
    // The characters of an atom (RFC 5322 section 3.2.3).
    let is_atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let is_word = |word: &str| !word.is_empty() && word.chars().all(is_atom);
    if name.trim().is_empty() {
        String::new()
    } else if !stays(name) {
        encoded_words(name)
    } else if name.split(' ').all(is_word) {
        folded(name)
    } else {
        let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{}\"", folded(&escaped))
    }
}

/// Encodes the text of a header without its own syntax.
fn unstructured(text: &str) -> String {
    let text = &*one_line(text);
    if stays(text) && text.trim() == text { folded(text) } else { encoded_words(text) }
}

/// Replaces each control character and line separator by a blank, also an encoded one.
fn one_line(text: &str) -> String {
    let ends = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.replace(ends, " ")
}

/// Returns true if a text needs no encoding, because it is visible ASCII that can be folded and
/// does not look encoded.
fn stays(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && text.split(' ').all(|piece| piece.len() <= PIECE)
        && !text.contains("=?")
}

/// Inserts line breaks before single blanks. Readers remove them again.
fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    let mut column = 0;
    for (count, piece) in text.split(' ').enumerate() {
        // Some readers would take a line of only blanks for the end of the headers.
        if count > 0 && column > 0 && !piece.is_empty() && column + piece.len() >= FOLD {
            out.push_str("\r\n");
            column = 0;
        }
        if count > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(piece);
        column += piece.len();
    }
    out
}

/// Returns encoded words (RFC 2047), one on each line, divided after a blank if possible.
fn encoded_words(text: &str) -> String {
    let mut words = Vec::new();
    let mut piece = String::new();
    for c in text.chars() {
        if piece.len() + c.len_utf8() > WORD {
            let end = piece.rfind(' ').map_or(piece.len(), |blank| blank + 1);
            let rest = piece.split_off(end);
            words.push(encoded(&piece));
            piece = rest;
        }
        piece.push(c);
    }
    words.push(encoded(&piece));
    words.join("\r\n ")
}

fn encoded(piece: &str) -> String {
    format!("=?utf-8?B?{}?=", Base64::encode_string(piece.as_bytes()))
}

fn date(now: Timestamp) -> String {
    // Every year up to 9999 can be formatted.
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
            ("a\r\nBcc: b", "\"a  Bcc: b\""),
            ("ß\nBcc", "=?utf-8?B?w58gQmNj?="),
            ("a\u{85}b\u{2028}c", "a b c"),
            ("\u{7f}", ""),
            ("=?x?=", "=?utf-8?B?PT94Pz0=?="),
            ("Größe", "=?utf-8?B?R3LDtsOfZQ==?="),
        ] {
            assert_eq!(phrase(name), written, "{name:?}");
        }
    }

    #[test]
    fn long_headers_are_folded() {
        let address = EmailAddress::parse("no-reply@larkfield.example").unwrap();
        let long =
            ["ß".repeat(300), "a, b ".repeat(40), "plain words ".repeat(20), "ä ß ".repeat(50)];
        for name in long {
            for value in [mailbox(&name, &address), unstructured(&name)] {
                let header = format!("Subject: {value}");
                assert!(header.split("\r\n").all(|line| line.len() <= 76), "{header}");
                assert!(header.split("\r\n").all(|line| !line.trim().is_empty()), "{header}");
            }
        }
        let name = "x".repeat(100);
        assert_eq!(phrase(&name), name);
        assert!(phrase(&"x".repeat(5_000)).split("\r\n").all(|line| line.len() <= 76));
        assert_eq!(folded(&format!("{name} b  c")), format!("{name}\r\n b  c"));
    }

    #[test]
    fn what_just_fits_on_a_line_is_neither_divided_nor_folded() {
        let lines = |length: usize| {
            let mut out = Vec::new();
            quoted_printable(&"x".repeat(length), &mut out);
            out.len()
        };
        assert_eq!((lines(LINE), lines(LINE + 1)), (1, 2));
        let words = |length: usize| encoded_words(&"x".repeat(length)).split("\r\n").count();
        assert_eq!((words(WORD), words(WORD + 1)), (1, 2));
        let address = EmailAddress::parse("a@x.example").unwrap();
        let broken = |length: usize| mailbox(&"x".repeat(length), &address).contains("\r\n");
        assert_eq!((broken(FOLD), broken(FOLD + 1)), (false, true));
        let two = format!("{} {}", "a".repeat(10), "b".repeat(10));
        assert_eq!(folded(&two), two);
        let long = format!(" {}", "x".repeat(FOLD));
        assert_eq!(folded(&long), long, "a line of blanks would end the headers");
    }

    #[test]
    fn a_subject_stays_readable_unless_blanks_at_its_ends_would_be_lost() {
        assert_eq!(unstructured("Your code is 1234"), "Your code is 1234");
        for edged in [" x", "x "] {
            assert_eq!(unstructured(edged), encoded(edged));
        }
    }

    #[test]
    fn an_encoded_word_ends_with_the_blank_after_its_last_word() {
        let (first, second) = ("ß".repeat(10), "x".repeat(30));
        let words = encoded_words(&format!("{first} {second}"));
        assert_eq!(words, format!("{}\r\n {}", encoded(&format!("{first} ")), encoded(&second)));
    }

    #[test]
    fn the_date_and_the_id_of_a_message_have_the_form_of_rfc_5322() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        assert_eq!(date(now), "Fri, 15 Jan 2027 08:00:00 +0000");
        assert_eq!(hex(&[0, 0x1f, 0xff]), "001fff");
    }
}
