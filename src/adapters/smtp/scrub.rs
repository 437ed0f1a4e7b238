//! Makes a server's own words fit to show, without addresses, codes and credentials.

use std::borrow::Borrow;

/// The number of characters of a server's text that an error shows.
const SHOWN: usize = 200;
/// The number of characters that are read.
const READ: usize = 1_000;
/// The number of digits in a row that may be a code or a telephone number.
const DIGITS: usize = 6;
/// The number of letters and digits in a row that may be a token or an encoded secret.
const BLOB: usize = 24;
/// The length below which a secret is hidden only if it is a whole word.
const SHORT: usize = 4;
const HIDDEN: char = '…';

/// One character, and whether it is hidden.
#[derive(Clone, Copy)]
struct Seen {
    c: char,
    hidden: bool,
}

/// Makes a server's text fit for an error.
///
/// Bytes that are not UTF-8 are replaced, control characters are removed, and the length is
/// bounded. It hides text that looks like an address, a code or a token. It also hides each of the
/// `secrets`, in any case and with any separators in it.
pub(super) fn scrubbed<S: Borrow<str>>(text: &[u8], secrets: &[S]) -> String {
    let text = String::from_utf8_lossy(text);
    let visible = text.chars().filter(|c| !is_format(*c));
    let spaced = visible.map(|c| if c.is_control() || c.is_whitespace() { ' ' } else { c });
    let mut seen: Vec<Seen> = spaced.take(READ).map(|c| Seen { c, hidden: false }).collect();
    for secret in secrets {
        hide_secret(&mut seen, secret.borrow());
    }
    let is_part = |c: char| !matches!(c, ' ' | '<' | '>' | '(' | ')' | '[' | ']' | '"' | ',' | ';');
    hide_runs(&mut seen, is_part, |run| {
        let word: String = run.iter().map(|seen| seen.c.to_ascii_lowercase()).collect();
        word.contains(['@', '＠', '﹫']) || word.contains("%40") || word.contains("=40")
    });
    hide_runs(&mut seen, char::is_numeric, |run| run.len() >= DIGITS);
    let is_blob = |c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c);
    hide_runs(&mut seen, is_blob, |run| run.len() >= BLOB);
    shown(&seen)
}

/// Hides the runs of characters that a rule finds.
fn hide_runs(seen: &mut [Seen], is_part: impl Fn(char) -> bool, hides: impl Fn(&[Seen]) -> bool) {
    for run in seen.chunk_by_mut(|a, b| is_part(a.c) == is_part(b.c)) {
        if run.first().is_some_and(|first| is_part(first.c)) && hides(run) {
            run.iter_mut().for_each(|seen| seen.hidden = true);
        }
    }
}

/// Hides every occurrence of a secret, whatever stands between its letters and digits.
fn hide_secret(seen: &mut [Seen], secret: &str) {
    let fold = |c: char| c.to_lowercase().next().unwrap_or(c);
    let wanted: Vec<char> = secret.chars().filter(|c| c.is_alphanumeric()).map(fold).collect();
    if wanted.is_empty() {
        return;
    }
    let letters: Vec<(usize, char)> = seen
        .iter()
        .enumerate()
        .filter(|(_, seen)| seen.c.is_alphanumeric())
        .map(|(at, seen)| (at, fold(seen.c)))
        .collect();
    for found in letters.windows(wanted.len()) {
        let same = found.iter().map(|(_, c)| c).eq(&wanted);
        let (Some((first, _)), Some((last, _))) = (found.first(), found.last()) else { continue };
        let is_letter = |at: Option<usize>| {
            at.and_then(|at| seen.get(at)).is_some_and(|seen| seen.c.is_alphanumeric())
        };
        let is_word = !is_letter(first.checked_sub(1)) && !is_letter(last.checked_add(1));
        if same && (wanted.len() >= SHORT || is_word) {
            let range = seen.iter_mut().take(last + 1).skip(*first);
            range.for_each(|seen| seen.hidden = true);
        }
    }
}

/// Returns the text with one sign for each hidden stretch, and with single blanks.
fn shown(seen: &[Seen]) -> String {
    let mut out = String::new();
    let mut last = ' ';
    for (count, Seen { c, hidden }) in seen.iter().enumerate() {
        let c = if *hidden { HIDDEN } else { *c };
        if (c == ' ' || c == HIDDEN) && c == last {
            continue;
        }
        if count >= SHOWN {
            out.truncate(out.trim_end_matches([' ', HIDDEN]).len());
            out.push(HIDDEN);
            return out;
        }
        out.push(c);
        last = c;
    }
    out.truncate(out.trim_end().len());
    out
}

/// Returns true for characters that show nothing or change the order of others.
const fn is_format(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [&str; 0] = [];

    #[test]
    fn plain_words_and_host_addresses_stay() {
        let text =
            "5.7.1 Client host [203.0.113.77] blocked using zen.example; see https://zen.example/q";
        assert_eq!(scrubbed(text.as_bytes(), &NONE), text);
    }

    #[test]
    fn addresses_of_every_form_are_hidden() {
        for text in [
            "<ada@x.example>: unknown",
            "no ada@x.example: unknown",
            "rcpt=ADA@X.EXAMPLE unknown",
            "see http://h/?to=ada%40x.example unknown",
            "SRS0=ab=cd=x.example=ada@relay.example unknown",
            "jörg.ada＠x.example unknown",
        ] {
            let shown = scrubbed(text.as_bytes(), &NONE).to_lowercase();
            assert!(!shown.contains("ada") && !shown.contains("x.example"), "{shown}");
            assert!(shown.contains("unknown") && shown.contains(HIDDEN), "{shown}");
        }
    }

    #[test]
    fn a_secret_is_hidden_in_any_case_and_with_any_separators() {
        let secrets = ["ada.lovelace", "x.example", "04829173", "BCDF-GHJK-LMNP-QRST", "it"];
        for text in [
            "mailbox Ada Lovelace of X EXAMPLE is full",
            "mailbox adalovelace at x.example is full",
            "mailbox of 0482 9173, 0482-9173 or 04829173 is full",
            "mailbox bcdfghjklmnpqrst, bcdf ghjk lmnp qrst is full",
            "mailbox IT is full",
        ] {
            let shown = scrubbed(text.as_bytes(), &secrets).to_lowercase();
            for part in ["ada", "lovelace", "example", "0482", "9173", "bcdf", "qrst", " it "] {
                assert!(!shown.contains(part), "{shown}");
            }
            assert!(shown.starts_with("mailbox") && shown.ends_with("is full"), "{shown}");
        }
        assert_eq!(scrubbed(b"written with it", &["it"]), "written with …");
    }

    #[test]
    fn what_may_be_a_code_or_a_token_is_hidden_without_being_known() {
        assert_eq!(scrubbed(b"code 12345678 of +491701234567", &NONE), "code … of +…");
        assert_eq!(scrubbed(b"bad AHVzZXIAaHVudGVyMjpodW50ZXIy==", &NONE), "bad …");
        assert_eq!(scrubbed(b"queued as 4XyZ12", &NONE), "queued as 4XyZ12");
    }

    #[test]
    fn bytes_that_are_no_text_and_control_characters_do_no_harm() {
        let text = b"4.2.1 f\xfcr\0\x1b[31m\x07 rot\r\nand \xe2\x80\xaeback";
        assert_eq!(scrubbed(text, &NONE), "4.2.1 f\u{fffd}r [31m rot and back");
        assert_eq!(scrubbed("ada\u{200b}@\u{200b}x.example".as_bytes(), &NONE), "…");
    }

    #[test]
    fn a_long_text_is_cut() {
        let shown = scrubbed("word ".repeat(10_000).as_bytes(), &NONE);
        assert_eq!(shown.chars().count(), SHOWN);
        assert!(shown.ends_with("word…"), "{shown}");
        assert!(scrubbed(&[b'x'; 10_000], &NONE).chars().count() <= SHOWN + 1);
    }

    #[test]
    fn a_short_secret_is_hidden_only_as_a_word_of_its_own() {
        let text = "mean tome me, some";
        assert_eq!(scrubbed(text.as_bytes(), &["me"]), "mean tome …, some");
    }
}
