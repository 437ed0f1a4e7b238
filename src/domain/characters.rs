//! The characters of a text that nobody sees, or that change how the rest of it looks.

/// The invisible characters, as the first and last of each range. They are the format characters
/// (general category Cf) and others that are ignored by default: joiners, variation selectors and
/// fillers.
const INVISIBLE: [(char, char); 25] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Returns true for format characters, and for other characters that show nothing.
pub(crate) fn is_invisible(c: char) -> bool {
    INVISIBLE.iter().any(|(first, last)| (*first..=*last).contains(&c))
}

/// Returns true for every character that an identifier must not have. Two identifiers that look
/// alike would otherwise differ, and one of them could end a line of a log or turn it round.
pub(crate) fn is_unseen(c: char) -> bool {
    c.is_control() || ends_a_line(c) || is_invisible(c)
}

/// Returns true for characters that words must not have, whatever their language: those that end a
/// line, turn the direction of what follows, or only hide in the text.
///
/// Joiners, marks of direction and variation selectors are permitted, because some languages need
/// them. They change nothing but the letters beside them.
pub(crate) fn misleads(c: char) -> bool {
    c.is_control()
        || ends_a_line(c)
        || matches!(
            c,
            '\u{ad}'
                | '\u{115f}'..='\u{1160}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Returns true for the line separator and the paragraph separator of Unicode.
const fn ends_a_line(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Control characters, ends of lines, embeddings, overrides, isolates, and blanks of no width.
    const MISLEADING: &str = "\0\t\n\r\u{7f}\u{85}\u{ad}\u{2028}\u{2029}\u{202a}\u{202d}\u{202e}\
                              \u{2066}\u{2069}\u{200b}\u{2060}\u{feff}\u{fff9}\u{3164}\u{e0041}";
    /// Characters that Persian, Hindi, Hebrew and emoji need.
    const NEEDED: &str = "\u{200c}\u{200d}\u{200e}\u{200f}\u{61c}\u{fe0f}\u{34f}";

    #[test]
    fn what_misleads_is_refused_everywhere_and_joiners_only_in_identifiers() {
        for c in MISLEADING.chars() {
            assert!(misleads(c) && is_unseen(c), "{c:?}");
        }
        for c in NEEDED.chars() {
            assert!(!misleads(c) && is_unseen(c), "{c:?}");
        }
        for c in "Ada Lovelace, \u{e9}\u{5d0}\u{645}\u{4e2d}\u{1f600}-_.:/@".chars() {
            assert!(!misleads(c) && !is_unseen(c), "{c:?}");
        }
    }
}
