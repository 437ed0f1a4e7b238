//! Parses JSON text strictly: no object may repeat a field, and the nesting is limited.

use core::fmt;
use std::collections::BTreeSet;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

use super::graph::{DocumentError, Node};

/// The most levels of a tenant's document. A document inside it may have fewer levels, by the
/// number of levels above it. A document that is accepted alone can therefore be read as part of
/// the tenant.
pub(crate) const DEEPEST: usize = 100;
pub(super) const DEEPEST_METHODS: usize = DEEPEST - 1;
pub(super) const DEEPEST_FLOW: usize = DEEPEST - 2;
pub(super) const DEEPEST_METHOD: usize = DEEPEST_METHODS - 2;
/// The most bytes of a tenant's document. Graph's own policies are at most 20 KB.
pub(crate) const MOST_BYTES: usize = 1024 * 1024;

/// Parses a whole document of at most this many levels.
///
/// A repeated field is refused, because readers disagree about which of the two counts (RFC 8259,
/// section 4). Otherwise a list of excludes could stand in a document and have no effect. The
/// parser itself reads 127 levels, and a record of a change is one level deeper than its document.
pub(crate) fn parse_json(json: &str, levels: usize) -> Result<Value, DocumentError> {
    let fault = |rule: &str, at: &serde_json::Error| {
        let place = format!("line {}, column {}", at.line(), at.column());
        DocumentError::new("$", format!("{rule} ({place})"))
    };
    let deep = format!("nested deeper than {levels} levels");
    let value: Value = serde_json::from_str(json).map_err(|at| {
        let said = at.to_string();
        let rule = match &*said {
            _ if at.is_eof() => "not complete JSON",
            deeper if deeper.starts_with("recursion limit") => &deep,
            number if number.starts_with("number out of range") => "a number is out of range",
            _ => "not well-formed JSON",
        };
        fault(rule, &at)
    })?;
    let Once = serde_json::from_str(json).map_err(|at| fault("a field stands twice", &at))?;
    match Node::root(&value).deeper_than(levels) {
        Some(place) => Err(place.fault(deep)),
        None => Ok(value),
    }
}

/// A value in which no object repeats a field.
struct Once;

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Once {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("fields that stand once")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while let Some(Self) = items.next_element()? {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self, A::Error> {
        let mut names = BTreeSet::<String>::new();
        while let Some(name) = fields.next_key()? {
            if !names.insert(name) {
                return Err(A::Error::custom("twice"));
            }
            let Self = fields.next_value()?;
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::DocumentError;

    fn parse_json(json: &str) -> Result<Value, DocumentError> {
        super::parse_json(json, 4)
    }

    #[test]
    fn a_field_that_stands_twice_is_refused_however_it_is_written_and_wherever() {
        for (json, place) in [
            (r#"{"a":1,"a":1}"#, "line 1, column 10"),
            (r#"{"a":[],"b":0,"\u0061":null}"#, "line 1, column 22"),
            (r#"[{"a":{"b":"","c":1.5,"b":-1}}]"#, "line 1, column 25"),
        ] {
            let error = parse_json(json).unwrap_err().to_string();
            assert_eq!(error, format!("$: a field stands twice ({place})"));
        }
    }

    #[test]
    fn what_names_each_field_once_is_read_as_it_is() {
        let json = r#"{"a":{"a":[true,null,-1,1,1.5,"a"]},"b":[{"c":0},{"c":0}],"A":"","":{}}"#;
        assert_eq!(parse_json(json).unwrap().to_string().len(), json.len());
    }

    #[test]
    fn what_is_no_json_is_said_with_its_place() {
        for (json, error) in [
            ("{", "$: not complete JSON (line 1, column 1)"),
            (r#"{"a": tru}"#, "$: not well-formed JSON (line 1, column 10)"),
            (r#"{"a": 1,}"#, "$: not well-formed JSON (line 1, column 9)"),
            (r#"{"a": 1e999}"#, "$: a number is out of range (line 1, column 11)"),
        ] {
            assert_eq!(parse_json(json).unwrap_err().to_string(), error, "{json}");
        }
    }

    #[test]
    fn what_is_nested_too_deep_is_refused_with_the_field_that_holds_it() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse_json(&nested(4)).is_ok());
        assert_eq!(
            parse_json(&nested(5)).unwrap_err().to_string(),
            "$[0]: nested deeper than 4 levels"
        );
        let field = |levels| format!(r#"{{"a": 1, "b": {}}}"#, nested(levels));
        assert!(parse_json(&field(3)).is_ok());
        assert_eq!(
            parse_json(&field(4)).unwrap_err().to_string(),
            "$.b: nested deeper than 4 levels"
        );
        let rule = parse_json(&nested(1000)).unwrap_err().rule;
        assert!(rule.starts_with("nested deeper than 4 levels (line 1"), "{rule}");
    }
}
