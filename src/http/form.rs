//! Reads forms (`application/x-www-form-urlencoded`) strictly: malformed input is refused, never
//! guessed at.

use core::ops::Range;
use std::collections::BTreeSet;

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, HeaderValue, Request, header::CONTENT_TYPE},
};
use thiserror::Error;
use zeroize::Zeroizing;

/// The most bytes of a form. They hold two passwords of 1,024 percent-encoded bytes, and leave some
/// room.
pub(super) const MOST_BYTES: usize = 16 * 1024;
const MOST_FIELDS: usize = 64;

/// The fields of a form. They are wiped on drop.
pub(super) struct Form {
    /// All decoded names and values, one after the other.
    text: Zeroizing<String>,
    /// Where each name and its value stand in the text.
    fields: Vec<(Range<usize>, Range<usize>)>,
}

/// A form that is being read.
struct Reading {
    text: Zeroizing<Vec<u8>>,
    fields: Vec<(Range<usize>, Range<usize>)>,
}

/// The reason why a form, or one of its fields, cannot be used.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum FormError {
    #[error("the body must be application/x-www-form-urlencoded")]
    ContentType,
    #[error("the body is not well-formed: percent-encoded UTF-8 without NUL is wanted")]
    Encoding,
    #[error("the {0} parameter is empty or not valid")]
    Missing(&'static str),
    #[error("the {0} parameter is given more than once")]
    Repeated(&'static str),
    #[error("the body is too large or has too many fields")]
    TooLarge,
    #[error("a parameter is not known; these are: {}", .0.join(", "))]
    Unknown(&'static [&'static str]),
    #[error("the {0} parameter must be one of: {words}", words = .1.join(", "))]
    Word(&'static str, &'static [&'static str]),
}

impl Form {
    /// Reads the body of a request.
    pub(super) async fn read(request: Request<Body>) -> Result<Self, FormError> {
        Self::read_within(request, MOST_BYTES, MOST_FIELDS).await
    }

    /// Reads the body of a request, up to this many bytes and fields.
    pub(super) async fn read_within(
        request: Request<Body>,
        most_bytes: usize,
        most_fields: usize,
    ) -> Result<Self, FormError> {
        if !is_of(request.headers(), "application/x-www-form-urlencoded") {
            return Err(FormError::ContentType);
        }
        let bytes =
            to_bytes(request.into_body(), most_bytes).await.map_err(|_| FormError::TooLarge)?;
        let text = core::str::from_utf8(&bytes).map_err(|_| FormError::Encoding)?;
        Self::parse_within(text, most_fields)
    }

    /// Reads a query or a body.
    pub(super) fn parse(text: &str) -> Result<Self, FormError> {
        Self::parse_within(text, MOST_FIELDS)
    }

    fn parse_within(text: &str, most_fields: usize) -> Result<Self, FormError> {
        let mut reading = Reading::of(text);
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            if reading.fields.len() == most_fields {
                return Err(FormError::TooLarge);
            }
            reading.field(pair)?;
        }
        reading.finish()
    }

    /// Reads the query of a link, to which other sites may add parameters. Malformed parts are left
    /// out, and so are parts beyond the most fields.
    pub(super) fn of_query(text: &str) -> Self {
        let mut reading = Reading::of(text);
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            if reading.fields.len() < MOST_FIELDS {
                // What a malformed part has left in the text belongs to no field.
                let _ = reading.field(pair);
            }
        }
        reading.finish().unwrap_or_default()
    }

    /// Returns a field that may be missing or empty.
    pub(super) fn optional(&self, name: &'static str) -> Result<Option<&str>, FormError> {
        let mut found = self.all(name);
        let value = found.next();
        if found.next().is_some() {
            return Err(FormError::Repeated(name));
        }
        Ok(value.filter(|value| !value.is_empty()))
    }

    /// Returns a field that must be present.
    pub(super) fn required(&self, name: &'static str) -> Result<&str, FormError> {
        self.optional(name)?.ok_or(FormError::Missing(name))
    }

    /// Returns a field that is missing, empty, or one of these words in exactly this spelling.
    pub(super) fn word(
        &self,
        name: &'static str,
        words: &'static [&'static str],
    ) -> Result<Option<&'static str>, FormError> {
        let Some(given) = self.optional(name)? else { return Ok(None) };
        let known = words.iter().find(|word| **word == given);
        known.copied().map(Some).ok_or(FormError::Word(name, words))
    }

    /// Returns every value of a repeatable field. Each of these words may occur at most once.
    pub(super) fn words(
        &self,
        name: &'static str,
        words: &'static [&'static str],
    ) -> Result<Vec<&'static str>, FormError> {
        let mut chosen = Vec::new();
        for given in self.all(name) {
            let known = words.iter().find(|word| **word == given).copied();
            let known = known.ok_or(FormError::Word(name, words))?;
            if chosen.contains(&known) {
                return Err(FormError::Repeated(name));
            }
            chosen.push(known);
        }
        Ok(chosen)
    }

    /// Refuses every other field, because a misspelt field would count as left out.
    pub(super) fn knows_only(&self, names: &'static [&'static str]) -> Result<(), FormError> {
        let is_known = |(field, _): (&str, &str)| names.contains(&field);
        if self.fields().all(is_known) { Ok(()) } else { Err(FormError::Unknown(names)) }
    }

    /// Returns whether no field is repeated.
    pub(super) fn has_each_once(&self) -> bool {
        let mut names = BTreeSet::new();
        self.fields().all(|(field, _)| names.insert(field))
    }

    /// Returns every value of a repeatable field.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.fields().filter(move |(field, _)| *field == name).map(|(_, value)| value)
    }

    fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let part = |range: &Range<usize>| self.text.get(range.clone()).unwrap_or_default();
        self.fields.iter().map(move |(name, value)| (part(name), part(value)))
    }
}

impl Default for Form {
    fn default() -> Self {
        Self { fields: Vec::new(), text: Zeroizing::new(String::new()) }
    }
}

impl Reading {
    fn of(text: &str) -> Self {
        // As long as the encoded text, so that what was decoded never moves.
        Self { fields: Vec::new(), text: Zeroizing::new(Vec::with_capacity(text.len())) }
    }

    /// Reads a name and its value.
    fn field(&mut self, pair: &str) -> Result<(), FormError> {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let field = (self.decode(name)?, self.decode(value)?);
        self.fields.push(field);
        Ok(())
    }

    /// Decodes a part to the end of the text. Without success nothing of it stays there.
    fn decode(&mut self, part: &str) -> Result<Range<usize>, FormError> {
        let start = self.text.len();
        let decoded = decode(part.as_bytes(), &mut self.text).and_then(|()| {
            let plain = self.text.get(start..).unwrap_or_default();
            let is_text = !plain.contains(&0) && core::str::from_utf8(plain).is_ok();
            if is_text { Ok(start..self.text.len()) } else { Err(FormError::Encoding) }
        });
        if decoded.is_err() {
            self.text.truncate(start);
        }
        decoded
    }

    fn finish(mut self) -> Result<Form, FormError> {
        match String::from_utf8(core::mem::take(&mut *self.text)) {
            Ok(text) => Ok(Form { fields: self.fields, text: Zeroizing::new(text) }),
            Err(error) => {
                *self.text = error.into_bytes();
                Err(FormError::Encoding)
            }
        }
    }
}

impl core::fmt::Debug for Form {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Form(…)")
    }
}

/// Returns whether a body has a media type, whatever its parameters.
pub(super) fn is_of(headers: &HeaderMap, media_type: &str) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let first = types.next().map(HeaderValue::as_bytes).unwrap_or_default();
    let essence = first.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    types.next().is_none() && essence.eq_ignore_ascii_case(media_type.as_bytes())
}

/// Appends the decoded bytes of a part.
fn decode(mut rest: &[u8], plain: &mut Vec<u8>) -> Result<(), FormError> {
    while let Some(place) = rest.iter().position(|byte| matches!(byte, b'%' | b'+')) {
        let (run, special) = rest.split_at(place);
        plain.extend_from_slice(run);
        (rest, _) = match special {
            [b'%', high, low, rest @ ..] => (rest, plain.push(escaped(*high, *low)?)),
            [b'+', rest @ ..] => (rest, plain.push(b' ')),
            _ => return Err(FormError::Encoding),
        };
    }
    plain.extend_from_slice(rest);
    Ok(())
}

/// Returns the byte that two hexadecimal digits stand for.
fn escaped(high: u8, low: u8) -> Result<u8, FormError> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let digits = digit(high).zip(digit(low)).ok_or(FormError::Encoding)?;
    Ok(digits.0 << 4 | digits.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_well_formed_is_read() {
        let form = Form::parse("a=1&b=x%20y+z&%C3%A4=%E2%82%AC&empty=&flag").unwrap();
        assert_eq!(form.required("a"), Ok("1"));
        assert_eq!(form.required("b"), Ok("x y z"));
        assert_eq!(form.required("ä"), Ok("€"));
        assert_eq!(form.optional("empty"), Ok(None));
        assert_eq!(form.required("flag"), Err(FormError::Missing("flag")));
    }

    #[test]
    fn what_is_not_is_refused() {
        for text in ["a=%", "a=%4", "a=%zz", "a=%ff", "a=%00", "%=1", "a=%c3", "a=%+1"] {
            assert_eq!(Form::parse(text).unwrap_err(), FormError::Encoding, "{text}");
        }
        let many = "a=1&".repeat(65);
        assert_eq!(Form::parse(&many).unwrap_err(), FormError::TooLarge);
    }

    #[test]
    fn a_part_of_a_query_that_is_not_well_formed_spoils_only_itself() {
        let query = Form::of_query("utm=M%FCnchen&flow=1&x=%&=&&%zz=2&return_to=%2Fcart&flag");
        assert_eq!(query.optional("flow"), Ok(Some("1")));
        assert_eq!(query.required("return_to"), Ok("/cart"));
        assert_eq!(query.optional("x"), Ok(None));
        let long = Form::of_query(&"a=1&".repeat(100));
        assert_eq!(long.all("a").count(), MOST_FIELDS);
    }

    #[test]
    fn a_media_type_is_read_whatever_its_parameters_hold() {
        for (value, is_form) in [
            (&b"application/x-www-form-urlencoded"[..], true),
            (b"Application/X-WWW-Form-Urlencoded ; charset=\xfcff", true),
            (b"application/x-www-form-urlencoded;name=\"\xc3\xbc\"", true),
            (b"text/plain; a=application/x-www-form-urlencoded", false),
            (b"\xfcapplication/x-www-form-urlencoded", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_bytes(value).unwrap());
            let form = is_of(&headers, "application/x-www-form-urlencoded");
            assert_eq!(form, is_form, "{value:?}");
        }
    }

    #[test]
    fn a_repeated_field_is_an_error_only_where_one_is_wanted() {
        let form = Form::parse("a=1&a=2&b=3").unwrap();
        assert_eq!(form.required("a"), Err(FormError::Repeated("a")));
        assert_eq!(form.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(form.required("b"), Ok("3"));
        assert!(!form.has_each_once() && Form::parse("a=1&b=1").unwrap().has_each_once());
    }

    #[test]
    fn a_word_is_one_of_those_listed_as_it_is_spelt_and_stands_once() {
        const WORDS: &[&str] = &["one", "two"];
        let word = |text: &str| Form::parse(text).unwrap().word("a", WORDS);
        assert_eq!(word("a=two"), Ok(Some("two")));
        assert_eq!((word("b=two"), word("a=")), (Ok(None), Ok(None)));
        assert_eq!(word("a=One"), Err(FormError::Word("a", WORDS)));
        assert_eq!(word("a=one&a=one"), Err(FormError::Repeated("a")));
        let words = |text: &str| Form::parse(text).unwrap().words("a", WORDS);
        assert_eq!(words("a=two&a=one"), Ok(vec!["two", "one"]));
        assert_eq!(words("a=two&a=two"), Err(FormError::Repeated("a")));
        assert_eq!(words("a=two&a="), Err(FormError::Word("a", WORDS)));
        let known = |text: &str| Form::parse(text).unwrap().knows_only(WORDS);
        assert_eq!(known("one=1&two=2&one=3"), Ok(()));
        assert_eq!(known("one=1&Two=2"), Err(FormError::Unknown(WORDS)));
        let rule = FormError::Word("a", WORDS).to_string();
        assert_eq!(rule, "the a parameter must be one of: one, two");
    }

    #[tokio::test]
    async fn a_form_of_sixteen_kibibytes_is_read_and_a_longer_one_is_not() {
        for (length, is_read) in [(16_384, true), (16_385, false)] {
            let request =
                Request::post("/").header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            let body = format!("a={}", "x".repeat(length - 2));
            let form = Form::read(request.body(Body::from(body)).unwrap()).await;
            assert_eq!(form.is_ok(), is_read, "{length}");
        }
    }

    #[test]
    fn a_field_that_is_repeated_has_all_of_its_values() {
        let form = Form::parse("a=1&b=2&a=3&a=").unwrap();
        assert_eq!(form.all("a").collect::<Vec<_>>(), ["1", "3", ""]);
        assert_eq!(form.all("c").count(), 0);
    }
}
