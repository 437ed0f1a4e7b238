//! Reads documents, reports the path of each fault, and compares ids.

use serde_json::{Map, Value};
use thiserror::Error;

use super::near::meant;

/// The longest field name that a path repeats.
const LONGEST_NAME: usize = 64;

/// A fault of a policy document, and its place.
#[derive(Clone, Error, PartialEq, Eq)]
#[error("{path}: {rule}")]
#[non_exhaustive]
pub struct DocumentError {
    /// The JSON path, for instance `$.includeTargets[0].id`.
    pub path: String,
    /// The broken rule. It never contains a value of the document.
    pub rule: String,
}

debug_is_text!(DocumentError);

impl DocumentError {
    /// Creates a fault at a JSON path, for instance `$.displayName`, with the broken rule.
    #[must_use]
    pub fn new(path: &str, rule: impl Into<String>) -> Self {
        Self { path: path.to_owned(), rule: rule.into() }
    }
}

/// One place in a document.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    value: &'a Value,
    path: String,
}

/// Returns whether two ids name the same thing. GUIDs are compared without regard to case (RFC
/// 9562, section 4), so that an exclude in capitals still has an effect.
pub(super) fn is_same_id(one: &str, other: &str) -> bool {
    one == other || (is_guid(one) && one.eq_ignore_ascii_case(other))
}

/// Returns the spelling that all ids of the same thing share.
#[cfg(feature = "axum")]
pub(super) fn id_key(id: &str) -> String {
    if is_guid(id) { id.to_ascii_lowercase() } else { id.to_owned() }
}

fn is_guid(text: &str) -> bool {
    const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
    let is_hexadecimal = |group: &str| group.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split('-').map(str::len).eq(GROUPS) && text.split('-').all(is_hexadecimal)
}

/// Returns the name of a field in a path. Names come from outside, so they may contain anything.
fn step(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '@' | '.' | '_' | '-');
    if name.chars().all(is_plain) && (1..=LONGEST_NAME).contains(&name.len()) {
        return format!(".{name}");
    }
    let cut: String = name.chars().take(LONGEST_NAME).collect();
    format!("[\"{}\"]", cut.escape_default())
}

/// Returns the levels of a value: 0 for a text, 1 for an empty list.
fn depth(value: &Value) -> usize {
    let deepest = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(fields) => fields.values().map(depth).max(),
        _ => return 0,
    };
    deepest.unwrap_or(0) + 1
}

pub(super) fn fault(path: &str, rule: impl Into<String>) -> DocumentError {
    DocumentError::new(path, rule)
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self { path: "$".to_owned(), value }
    }

    pub(super) const fn value(&self) -> &'a Value {
        self.value
    }

    /// Creates a fault at this place.
    pub(super) fn fault(&self, rule: impl Into<String>) -> DocumentError {
        fault(&self.path, rule)
    }

    pub(super) fn object(&self) -> Result<&'a Map<String, Value>, DocumentError> {
        self.value.as_object().ok_or_else(|| self.fault("must be an object"))
    }

    /// Returns a field that may be missing or null.
    pub(super) fn field(&self, name: &str) -> Result<Option<Self>, DocumentError> {
        Ok(self.present(name)?.filter(|field| !field.value.is_null()))
    }

    /// Returns a field that may be missing. Null is a value like any other.
    pub(super) fn present(&self, name: &str) -> Result<Option<Self>, DocumentError> {
        let value = self.object()?.get(name);
        Ok(value.map(|value| Self { path: format!("{}.{name}", self.path), value }))
    }

    /// Refuses a field name that almost matches one of these. Other unknown fields are kept.
    ///
    /// Otherwise a misspelt list of excludes would be stored without any effect.
    pub(super) fn knows(&self, names: &[&str]) -> Result<(), DocumentError> {
        for name in self.object()?.keys() {
            if let Some(known) = meant(name, names) {
                return Err(self.unknown(name, &format!("is not known; `{known}` is")));
            }
        }
        Ok(())
    }

    /// Refuses every other field.
    pub(super) fn knows_only(&self, names: &[&str]) -> Result<(), DocumentError> {
        self.knows(names)?;
        match self.object()?.keys().find(|key| !names.contains(&key.as_str())) {
            Some(name) => {
                let rule = format!("is not known; only these are: {}", names.join(", "));
                Err(self.unknown(name, &rule))
            }
            None => Ok(()),
        }
    }

    fn unknown(&self, name: &str, rule: &str) -> DocumentError {
        fault(&format!("{}{}", self.path, step(name)), rule)
    }

    /// Returns the first element inside this one that makes it deeper than this many levels.
    pub(super) fn deeper_than(&self, levels: usize) -> Option<Self> {
        let node = |step: String, value| Self { path: format!("{}{step}", self.path), value };
        let is_deep = |value: &Value| depth(value) >= levels;
        match self.value {
            Value::Array(items) => {
                let found = items.iter().enumerate().find(|(_, item)| is_deep(item));
                found.map(|(at, item)| node(format!("[{at}]"), item))
            }
            Value::Object(fields) => {
                let found = fields.iter().find(|(_, value)| is_deep(value));
                found.map(|(name, value)| node(step(name), value))
            }
            _ => None,
        }
    }

    pub(super) fn required(&self, name: &str) -> Result<Self, DocumentError> {
        self.field(name)?.ok_or_else(|| self.fault(format!("`{name}` is missing")))
    }

    pub(super) fn text(&self) -> Result<&'a str, DocumentError> {
        self.value.as_str().ok_or_else(|| self.fault("must be a string"))
    }

    pub(super) fn flag(&self) -> Result<bool, DocumentError> {
        self.value.as_bool().ok_or_else(|| self.fault("must be true or false"))
    }

    pub(super) fn number(&self) -> Result<u64, DocumentError> {
        self.value.as_u64().ok_or_else(|| self.fault("must be a whole number, not negative"))
    }

    pub(super) fn items(&self) -> Result<Vec<Self>, DocumentError> {
        let items = self.value.as_array().ok_or_else(|| self.fault("must be an array"))?;
        let node = |(index, value)| Self { path: format!("{}[{index}]", self.path), value };
        Ok(items.iter().enumerate().map(node).collect())
    }

    /// Returns the value of one of these words, in any case.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, DocumentError> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        found.map(|(_, value)| *value).ok_or_else(|| {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.fault(format!("must be one of: {}", known.join(", ")))
        })
    }

    /// Checks `@odata.type`, which Graph spells in more than one case. The field may be missing.
    pub(super) fn odata_type(&self, name: &str) -> Result<(), DocumentError> {
        let Some(given) = self.present("@odata.type")? else { return Ok(()) };
        let plain = given.text()?.trim_start_matches("#microsoft.graph.");
        if plain.eq_ignore_ascii_case(name) {
            Ok(())
        } else {
            Err(given.fault(format!("must be #microsoft.graph.{name}")))
        }
    }

    /// Parses the text here into a type of its own.
    pub(super) fn read<T, E: core::fmt::Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, DocumentError> {
        parse(self.text()?).map_err(|error| self.fault(error.to_string()))
    }
}
