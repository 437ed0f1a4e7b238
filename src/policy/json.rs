//! JSON text, in which no object names a field twice.

use core::fmt;
use std::collections::BTreeSet;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

use super::graph::DocumentError;

/// Parses a whole document.
///
/// A field that stands twice is refused: which of the two counts is left to each reader (RFC 8259,
/// section 4), so that a list of excludes could stand in a document and be none.
pub(crate) fn parse_json(json: &str) -> Result<Value, DocumentError> {
    let fault = |rule: &str, at: serde_json::Error| {
        let place = format!("line {}, column {}", at.line(), at.column());
        DocumentError::new("$", format!("{rule} ({place})"))
    };
    let value = serde_json::from_str(json).map_err(|at| fault("not complete JSON", at))?;
    let Once = serde_json::from_str(json).map_err(|at| fault("a field stands twice", at))?;
    Ok(value)
}

/// Anything in which no object names a field twice.
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
    use super::parse_json;

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
        assert_eq!(
            parse_json("{").unwrap_err().to_string(),
            "$: not complete JSON (line 1, column 1)"
        );
        let deep = "[".repeat(1000);
        assert!(parse_json(&deep).unwrap_err().rule.starts_with("not complete JSON"));
    }
}
