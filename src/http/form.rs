//! Forms (`application/x-www-form-urlencoded`), read strictly: what is not well-formed is refused,
//! never guessed at.

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, HeaderValue, Request, header::CONTENT_TYPE},
};
use percent_encoding::percent_decode_str;
use thiserror::Error;
use zeroize::Zeroizing;

/// Most bytes of a form: a password of 1,024 bytes, each percent-encoded, twice, and room.
pub(super) const MOST_BYTES: usize = 16 * 1024;
const MOST_FIELDS: usize = 64;

/// The fields of a form. Values are wiped on drop.
pub(super) struct Form(Vec<(String, Zeroizing<String>)>);

/// Why a form, or one of its fields, cannot be used.
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
}

impl Form {
    /// Reads the body of a request.
    pub(super) async fn read(request: Request<Body>) -> Result<Self, FormError> {
        Self::read_within(request, MOST_BYTES, MOST_FIELDS).await
    }

    /// Reads the body of a request, of at most so many bytes and fields.
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
        let mut fields = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            if fields.len() == most_fields {
                return Err(FormError::TooLarge);
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            fields.push((decoded(name)?.to_string(), decoded(value)?));
        }
        Ok(Self(fields))
    }

    /// Reads the query of a link, into which others write too: a part that is not well-formed is
    /// left out, and so is what comes after the most fields that are looked at.
    pub(super) fn of_query(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decoded(name).ok()?.to_string(), decoded(value).ok()?))
        });
        Self(pairs.take(MOST_FIELDS).collect())
    }

    /// A field that may be missing or empty.
    pub(super) fn optional(&self, name: &'static str) -> Result<Option<&str>, FormError> {
        let mut found = self.0.iter().filter(|(field, _)| field == name);
        let value = found.next().map(|(_, value)| value.as_str());
        if found.next().is_some() {
            return Err(FormError::Repeated(name));
        }
        Ok(value.filter(|value| !value.is_empty()))
    }

    /// A field that must be there.
    pub(super) fn required(&self, name: &'static str) -> Result<&str, FormError> {
        self.optional(name)?.ok_or(FormError::Missing(name))
    }

    /// Every value of a field that may be repeated.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

impl core::fmt::Debug for Form {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Form(…)")
    }
}

/// Whether a body is of a media type, whatever its parameters.
pub(super) fn is_of(headers: &HeaderMap, media_type: &str) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let first = types.next().map(HeaderValue::as_bytes).unwrap_or_default();
    let essence = first.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    types.next().is_none() && essence.eq_ignore_ascii_case(media_type.as_bytes())
}

fn decoded(text: &str) -> Result<Zeroizing<String>, FormError> {
    // A `%` that two hexadecimal digits do not follow would pass through as it is.
    let mut pieces = text.split('%');
    pieces.next();
    let is_escape = |piece: &str| {
        piece.get(..2).is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    if !pieces.all(is_escape) {
        return Err(FormError::Encoding);
    }
    let spaced = Zeroizing::new(text.replace('+', " "));
    let bytes = Zeroizing::new(percent_decode_str(&spaced).collect::<Vec<u8>>());
    let plain = core::str::from_utf8(&bytes).map_err(|_| FormError::Encoding)?;
    if plain.contains('\0') { Err(FormError::Encoding) } else { Ok(Zeroizing::new(plain.into())) }
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
    }
}
