//! The plain-text part, which is complete without the HTML part.

use zeroize::Zeroizing;

use super::{
    Content, Letter, NoticeWords, Words,
    fill::{Sink, sized},
    values::Values,
};

/// Renders the part. Blocks are separated by empty lines. Each line has at most 72 characters if
/// its words allow that.
pub(super) fn render(letter: &Letter<'_>, words: &Words, values: &Values) -> Zeroizing<String> {
    let blocks = match letter.content {
        Content::AccountEvent { cause, .. } => notice(words, &words.told_of(cause), values),
        Content::NoPasswordHere { .. } => notice(words, &words.no_password, values),
        Content::Passcode { .. } => passcode(words, values),
        Content::PasswordChanged { cause, .. } => notice(words, &words.changed_by(cause), values),
    };
    // A browser must fill in only a code that its user has asked for.
    let is_asked_for = matches!(letter.content, Content::Passcode { .. });
    let origin = letter.brand.origin().filter(|_| is_asked_for);
    sized(|out| {
        for block in &blocks {
            match block {
                Block::Code => out.put(values.code()),
                Block::Paragraph(text) => paragraph(out, text),
            }
            out.put("\n\n");
        }
        paragraph(out, &values.name);
        out.put("\n");
        paragraph(out, &values.paragraph(&words.footer));
        out.put("\n");
        if let Some(host) = origin {
            for piece in ["\n@", host, " #", values.code(), "\n"] {
                out.put(piece);
            }
        }
    })
}

/// A block of text that an empty line follows.
enum Block {
    /// The code, alone on its line so that it can be selected and copied.
    Code,
    Paragraph(String),
}

fn passcode(words: &Words, values: &Values) -> Vec<Block> {
    let passcode = &words.passcode;
    vec![
        Block::Paragraph(values.paragraph(passcode.lead_text.as_ref().unwrap_or(&passcode.lead))),
        Block::Code,
        Block::Paragraph(values.paragraph(&passcode.validity)),
        answered(&passcode.not_you, &passcode.not_you_answer, values),
    ]
}

fn notice(words: &Words, notice: &NoticeWords, values: &Values) -> Vec<Block> {
    let answer = notice.not_you_answer_text.as_ref();
    let answer = answer.unwrap_or(&notice.not_you_answer);
    let mut blocks = vec![
        Block::Paragraph(values.paragraph(notice.lead_text.as_ref().unwrap_or(&notice.lead))),
        answered(&notice.was_you, &notice.was_you_answer, values),
        answered(&notice.not_you, answer, values),
    ];
    if !values.code().is_empty() {
        blocks.extend([Block::Paragraph(values.paragraph(&words.freeze)), Block::Code]);
    }
    blocks.push(Block::Paragraph(values.paragraph(&words.no_link)));
    blocks
}

/// Returns a question and its answer as one block.
fn answered(question: &str, answer: &str, values: &Values) -> Block {
    Block::Paragraph(values.paragraph(&[question, " ", answer].concat()))
}

/// Writes a paragraph with the line breaks of its words. It breaks the lines again if one is too
/// long, for instance because of a long brand name.
fn paragraph(out: &mut dyn Sink, text: &str) {
    if text.lines().all(|line| line.chars().count() <= COLUMNS) {
        return out.put(text);
    }
    let mut column = 0;
    // Other blanks than these two do not break lines.
    for word in text.split([' ', '\n']).filter(|word| !word.is_empty()) {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > COLUMNS {
            out.put("\n");
            column = 0;
        } else if column > 0 {
            out.put(" ");
            column += 1;
        }
        out.put(word);
        column += width;
    }
}

const COLUMNS: usize = 72;

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str) -> String {
        let mut out = String::new();
        paragraph(&mut out, text);
        out
    }

    #[test]
    fn breaks_that_fit_are_kept() {
        assert_eq!(wrapped("one\ntwo three"), "one\ntwo three");
    }

    #[test]
    fn a_paragraph_with_a_long_line_is_refilled() {
        let text = format!("{}\n{}", "ab ".repeat(30).trim_end(), "c");
        let lines = wrapped(&text);
        let widths: Vec<_> = lines.lines().map(str::len).collect();
        assert_eq!(widths, [71, 19]);
        assert_eq!(lines.replace('\n', " "), text.replace('\n', " "));
    }

    #[test]
    fn a_line_of_exactly_72_characters_stays_and_a_longer_word_is_not_cut() {
        let exact = "ä".repeat(72);
        assert_eq!(wrapped(&exact), exact);
        let (first, second) = ("x".repeat(40), "y".repeat(31));
        assert_eq!(wrapped(&format!("{first} {second} z")), format!("{first} {second}\nz"));
        let long = "x".repeat(80);
        assert_eq!(wrapped(&format!("a {long} b")), format!("a\n{long}\nb"));
        assert_eq!(wrapped(&format!("{long} b")), format!("{long}\nb"));
    }

    #[test]
    fn no_break_spaces_hold() {
        let text = format!("{} 14\u{a0}h\u{a0}05", "x".repeat(70));
        assert_eq!(wrapped(&text), text.replace(' ', "\n"));
    }
}
