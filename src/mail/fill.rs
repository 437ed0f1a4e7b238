//! Fills words into templates, in buffers that leave no copies behind.

use zeroize::Zeroizing;

use crate::domain::characters::misleads;

/// The destination of text. It is a buffer, or a counter of the bytes that the text needs.
pub(super) trait Sink {
    /// Takes a piece of text.
    fn put(&mut self, text: &str);
}

/// A part of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// The template's own text.
    Own(&'a str),
    /// The value that replaces a `{name}`.
    Value(&'a str),
}

impl Sink for usize {
    fn put(&mut self, text: &str) {
        *self = self.saturating_add(text.len());
    }
}

impl Sink for String {
    fn put(&mut self, text: &str) {
        self.push_str(text);
    }
}

/// Writes twice. The first pass finds the size. The second pass fills a buffer that never grows,
/// because a growing buffer leaves its old content in freed memory.
pub(super) fn sized(write: impl Fn(&mut dyn Sink)) -> Zeroizing<String> {
    let mut length = 0_usize;
    write(&mut length);
    let mut text = Zeroizing::new(String::with_capacity(length));
    write(&mut *text);
    text
}

/// A sink that replaces the special characters of HTML by entities.
struct Escaped<'a>(&'a mut dyn Sink);

impl Sink for Escaped<'_> {
    fn put(&mut self, text: &str) {
        put_with(self.0, text, may_be_entity, entity);
    }
}

/// Cuts a template into pieces. A name that `value` does not know stays as it is. A misspelled name
/// is therefore seen, and the braces of style sheets need no escape.
pub(super) fn pieces<V: AsRef<str>>(
    template: &str,
    value: impl Fn(&str) -> Option<V>,
    mut each: impl FnMut(Piece<'_>),
) {
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        each(Piece::Own(before));
        rest = after;
        if let Some((name, behind)) = after.split_once('}')
            && let Some(text) = value(name)
        {
            each(Piece::Value(text.as_ref()));
            rest = behind;
        } else {
            each(Piece::Own("{"));
        }
    }
    each(Piece::Own(rest));
}

/// Writes a template of words as one line. Control characters become blanks.
pub(super) fn line<V: AsRef<str>>(
    out: &mut dyn Sink,
    template: &str,
    value: impl Fn(&str) -> Option<V>,
) {
    pieces(template, value, |piece| {
        let (Piece::Own(text) | Piece::Value(text)) = piece;
        put_with(out, text, may_be_control, |c| c.is_control().then_some(" "));
    });
}

/// Writes a template of words that may have line breaks. Other control characters become blanks.
pub(super) fn lines<V: AsRef<str>>(
    out: &mut dyn Sink,
    template: &str,
    value: impl Fn(&str) -> Option<V>,
) {
    pieces(template, value, |piece| {
        let (Piece::Own(text) | Piece::Value(text)) = piece;
        let blank = |c: char| (c.is_control() && c != '\n').then_some(" ");
        put_with(out, text, may_be_control, blank);
    });
}

/// Writes a template of HTML. Its own text stays as it is. The words for a name are written by
/// `write` and escaped.
pub(super) fn markup<'w>(
    out: &mut dyn Sink,
    template: &str,
    words: impl Fn(&str) -> Option<&'w str>,
    write: impl Fn(&mut dyn Sink, &str),
) {
    pieces(template, words, |piece| match piece {
        Piece::Own(text) => out.put(text),
        Piece::Value(words) => write(&mut Escaped(&mut *out), words),
    });
}

/// Returns a name without characters that could end its line, change the direction of the text or
/// hide in it.
pub(super) fn clean(name: &str) -> String {
    name.chars().filter(|c| !misleads(*c)).collect()
}

/// Writes `text`, and replaces each character that `instead` knows.
///
/// `may_be` finds the possible first bytes of these characters, so that no others are decoded. It
/// must be false for every byte inside a character.
fn put_with(
    out: &mut dyn Sink,
    text: &str,
    may_be: impl Fn(u8) -> bool,
    instead: impl Fn(char) -> Option<&'static str>,
) {
    let mut rest = text;
    while let Some(place) = rest.bytes().position(&may_be) {
        let (before, from) = rest.split_at(place);
        let first = from.chars().next().map_or(0, char::len_utf8);
        let (this, behind) = from.split_at(first);
        out.put(before);
        out.put(this.chars().next().and_then(&instead).unwrap_or(this));
        rest = behind;
    }
    out.put(rest);
}

/// Returns true if a character with this first byte may be a control character. U+0080 to U+009F
/// begin with 0xC2.
const fn may_be_control(first: u8) -> bool {
    first.is_ascii_control() || first == 0xc2
}

/// Returns true if a character with this first byte may have an entity. The curly quotes begin with
/// 0xE2.
const fn may_be_entity(first: u8) -> bool {
    matches!(first, b'&' | b'<' | b'>' | b'"' | b'\'' | 0xe2)
}

/// Returns the HTML entity of a character that needs one. It fits in text and in quoted attributes.
fn entity(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\'' => Some("&#39;"),
        '\u{201c}' => Some("&ldquo;"),
        '\u{201d}' => Some("&rdquo;"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str) -> String {
        let mut out = String::new();
        line(&mut out, template, |name| (name == "brand").then_some("Lark"));
        out
    }

    #[test]
    fn known_names_are_filled_in_and_others_stay() {
        assert_eq!(filled("{brand}, {brand}!"), "Lark, Lark!");
        assert_eq!(filled("{{brand} {bland} {"), "{Lark {bland} {");
        assert_eq!(filled(".page { color: red } {brand}"), ".page { color: red } Lark");
        assert_eq!(filled(""), "");
    }

    #[test]
    fn a_value_is_never_read_as_a_template() {
        let mut out = String::new();
        line(&mut out, "{a}", |name| match name {
            "a" => Some("{b}"),
            _ => Some("no"),
        });
        assert_eq!(out, "{b}");
    }

    #[test]
    fn control_characters_become_blanks() {
        assert_eq!(filled("a\r\nb\0{brand}\u{85}ä\u{a0}"), "a  b Lark ä\u{a0}");
        let mut out = String::new();
        lines(&mut out, "a\r\nb", |_| None::<&str>);
        assert_eq!(out, "a \nb");
    }

    #[test]
    fn values_in_markup_are_escaped_and_the_markup_is_not() {
        let mut out = String::new();
        markup(
            &mut out,
            "<p title='{v}'>{v}</p>",
            |_| Some("<b>&\"'“x”–"),
            |out, words| out.put(words),
        );
        let escaped = "&lt;b&gt;&amp;&quot;&#39;&ldquo;x&rdquo;–";
        assert_eq!(out, format!("<p title='{escaped}'>{escaped}</p>"));
    }

    #[test]
    fn names_lose_what_could_turn_a_line_round() {
        assert_eq!(clean("a\u{202e}b\u{2069}c\u{2028}d\re"), "abcde");
        assert_eq!(clean("Müller & Söhne 木"), "Müller & Söhne 木");
    }

    #[test]
    fn a_sized_buffer_never_grows() {
        let text = sized(|out| (0..100).for_each(|_| out.put("ä")));
        assert_eq!(text.len(), 200);
        assert_eq!(text.capacity(), 200);
    }
}
