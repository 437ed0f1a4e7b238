//! The HTML part, with words in the markup of `markup/`.
//!
//! All styles are inline. The small style sheet has only rules for dark mode and print, so a mail
//! program may drop it without loss.

use zeroize::Zeroizing;

use super::{
    Content, Letter, NoticeWords, PasscodeWords, Words,
    fill::{Sink, markup, sized},
    values::Values,
};
use crate::domain::CodeFormat;

/// Renders the part.
pub(super) fn render(letter: &Letter<'_>, words: &Words, values: &Values) -> Zeroizing<String> {
    let direction = letter.language.direction();
    let (title, preheader) = match letter.content {
        Content::AccountEvent { .. } => (&words.account.subject, &words.account.preheader),
        Content::NoPasswordHere { .. } => {
            (&words.no_password.subject, &words.no_password.preheader)
        }
        Content::Passcode { .. } => (&words.passcode.subject, &words.passcode.preheader),
        Content::PasswordChanged { .. } => (&words.changed.subject, &words.changed.preheader),
    };
    let write = |out: &mut dyn Sink, words: &str| values.write_line(out, words);
    let frame = |name: &str| {
        let words = match name {
            "brand" => "{brand}",
            "direction" => direction,
            "language" => letter.language.tag(),
            "preheader" => preheader,
            // The tables repeat the direction, because many mail programs drop the outer elements.
            "rtl" if direction == "rtl" => " dir=rtl",
            "rtl" => "",
            "title" => title,
            _ => return None,
        };
        Some(words)
    };
    let (head, tail) = PAGE.split_once("{rows}\n").unwrap_or((PAGE, ""));
    sized(|out| {
        markup(out, head, frame, write);
        match letter.content {
            Content::AccountEvent { cause, .. } => {
                notice(out, words, &words.told_of(cause), values);
            }
            Content::NoPasswordHere { .. } => notice(out, words, &words.no_password, values),
            Content::Passcode { code, .. } => {
                passcode(out, words, &words.passcode, values, code.format());
            }
            Content::PasswordChanged { cause, .. } => {
                notice(out, words, &words.changed_by(cause), values);
            }
        }
        markup(out, tail, frame, write);
    })
}

fn passcode(
    out: &mut dyn Sink,
    words: &Words,
    passcode: &PasscodeWords,
    values: &Values,
    format: CodeFormat,
) {
    // Digits are grouped by spacing instead of blanks. Letters have their hyphens.
    let (size, spacing) = match format {
        CodeFormat::Digits => ("32px", "4px"),
        CodeFormat::Letters => ("18px", "0"),
    };
    let words = |name: &str| {
        let words = match name {
            "brand" => "{brand}",
            "code" => "{code}",
            "footer" => &words.footer,
            "heading" => &passcode.heading,
            "lead" => &passcode.lead,
            "not_you" => &passcode.not_you,
            "not_you_answer" => &passcode.not_you_answer,
            "size" => size,
            "spacing" => spacing,
            "validity" => &passcode.validity,
            _ => return None,
        };
        Some(words)
    };
    markup(out, PASSCODE, words, |out, words| values.write_line(out, words));
}

fn notice(out: &mut dyn Sink, words: &Words, notice: &NoticeWords, values: &Values) {
    let words = |name: &str| {
        let words = match name {
            "brand" => "{brand}",
            "code" => "{code}",
            "footer" => &words.footer,
            "freeze" => &words.freeze,
            "heading" => &notice.heading,
            "lead" => &notice.lead,
            "no_link" => &words.no_link,
            "not_you" => &notice.not_you,
            "not_you_answer" => &notice.not_you_answer,
            "was_you" => &notice.was_you,
            "was_you_answer" => &notice.was_you_answer,
            _ => return None,
        };
        Some(words)
    };
    let (head, tail) = NOTICE.split_once("{freeze}\n").unwrap_or((NOTICE, ""));
    let freeze = if values.code().is_empty() { "" } else { FREEZE };
    for part in [head, freeze, tail] {
        markup(out, part, words, |out, words| values.write_line(out, words));
    }
}

const FREEZE: &str = include_str!("markup/freeze.html");
const NOTICE: &str = include_str!("markup/notice.html");
const PAGE: &str = include_str!("markup/page.html");
const PASSCODE: &str = include_str!("markup/passcode.html");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_markup_names_nothing_to_click_or_load() {
        for part in [FREEZE, NOTICE, PAGE, PASSCODE] {
            for forbidden in ["http", "<a ", "<img", "url(", "<link", "<script", "src="] {
                assert!(!part.contains(forbidden), "{forbidden}");
            }
        }
    }

    #[test]
    fn the_page_has_one_place_for_rows_and_a_notice_one_for_its_code() {
        assert_eq!(PAGE.matches("{rows}\n").count(), 1);
        assert_eq!(NOTICE.matches("{freeze}\n").count(), 1);
    }
}
