//! The differences between two JSON documents, small enough to be recorded at every change.
//!
//! An edit has one of four forms. `{"was": …, "is": …}` replaces a value, and one of the two is
//! missing if the field was or is missing. `{"fields": {name: edit}}` changes fields. `{"item":
//! index, "edit": edit}` changes an item. `{"from": index, "out": […], "put": […]}` replaces a run
//! of items.

use serde_json::{Map, Value, json};

/// Returns the edit that turns `before` into `after`.
pub(super) fn between(before: &Value, after: &Value) -> Value {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let mut fields = Map::new();
            let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
            for name in names {
                match (old.get(name), new.get(name)) {
                    (Some(one), Some(other)) if one == other => {}
                    (Some(one), Some(other)) => {
                        fields.insert(name.clone(), between(one, other));
                    }
                    (one, other) => {
                        fields.insert(name.clone(), leaf(one, other));
                    }
                }
            }
            json!({ "fields": fields })
        }
        (Value::Array(old), Value::Array(new)) => {
            let head = old.iter().zip(new).take_while(|(one, other)| one == other).count();
            let tails = old.iter().skip(head).rev().zip(new.iter().skip(head).rev());
            let tail = tails.take_while(|(one, other)| one == other).count();
            let run = |all: &[Value]| -> Vec<Value> {
                all.get(head..all.len().saturating_sub(tail)).unwrap_or(&[]).to_vec()
            };
            let (out, put) = (run(old), run(new));
            match (out.as_slice(), put.as_slice()) {
                ([one], [other]) => json!({ "item": head, "edit": between(one, other) }),
                _ => json!({ "from": head, "out": out, "put": put }),
            }
        }
        _ => leaf(Some(before), Some(after)),
    }
}

fn leaf(was: Option<&Value>, is: Option<&Value>) -> Value {
    let sides = [("was", was), ("is", is)];
    let sides =
        sides.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.clone())));
    Value::Object(sides.collect())
}

/// Applies an edit. Returns `None` if the edit does not fit the document.
pub(super) fn applied(before: &Value, edit: &Value) -> Option<Value> {
    if let Some(fields) = edit.get("fields") {
        let mut after = before.as_object()?.clone();
        for (name, edit) in fields.as_object()? {
            let old = after.get(name);
            let is_leaf = edit.get("was").is_some() || edit.get("is").is_some();
            let new = if is_leaf {
                (old == edit.get("was")).then(|| edit.get("is").cloned())?
            } else {
                Some(applied(old?, edit)?)
            };
            match new {
                Some(new) => after.insert(name.clone(), new),
                None => after.remove(name),
            };
        }
        return Some(Value::Object(after));
    }
    if let Some(index) = edit.get("item") {
        let mut after = before.as_array()?.clone();
        let item = after.get_mut(position(index)?)?;
        *item = applied(item, edit.get("edit")?)?;
        return Some(Value::Array(after));
    }
    if let Some(from) = edit.get("from") {
        let (out, put) = (edit.get("out")?.as_array()?, edit.get("put")?.as_array()?);
        let (old, from) = (before.as_array()?, position(from)?);
        let to = from.checked_add(out.len())?;
        let is_there = old.get(from..to)? == out.as_slice();
        let after = old.get(..from)?.iter().chain(put).chain(old.get(to..)?);
        return is_there.then(|| Value::Array(after.cloned().collect()));
    }
    (Some(before) == edit.get("was")).then(|| edit.get("is").cloned())?
}

/// Returns the part that an edit changes, before and after.
pub(super) fn parts(edit: &Value) -> Option<[Value; 2]> {
    if let Some(fields) = edit.get("fields") {
        let mut sides = [Map::new(), Map::new()];
        for (name, edit) in fields.as_object()? {
            let is_leaf = edit.get("was").is_some() || edit.get("is").is_some();
            let values = if is_leaf {
                [edit.get("was").cloned(), edit.get("is").cloned()]
            } else {
                parts(edit)?.map(Some)
            };
            for (side, value) in sides.iter_mut().zip(values) {
                if let Some(value) = value {
                    side.insert(name.clone(), value);
                }
            }
        }
        return Some(sides.map(Value::Object));
    }
    if edit.get("item").is_some() {
        return Some(parts(edit.get("edit")?)?.map(|part| json!([part])));
    }
    if edit.get("from").is_some() {
        return Some([edit.get("out")?.clone(), edit.get("put")?.clone()]);
    }
    Some([edit.get("was")?.clone(), edit.get("is")?.clone()])
}

fn position(value: &Value) -> Option<usize> {
    usize::try_from(value.as_u64()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents() -> Vec<Value> {
        vec![
            Value::Null,
            json!(1),
            json!({}),
            json!({"a": null}),
            json!({"a": {"was": 1, "is": 2}, "fields": {"from": 1}}),
            json!({"a": {"was": 2}, "fields": {"from": 1, "item": 0}}),
            json!([]),
            json!([1]),
            json!([1, 2, 3]),
            json!([1, 3]),
            json!([3, 2, 1]),
            json!({"list": [{"id": 1}, {"id": 2, "x": [1, 1, 1]}]}),
            json!({"list": [{"id": 1}, {"id": 2, "x": [1, 1]}]}),
            json!({"list": [{"id": 0}, {"id": 1}, {"id": 2, "x": [1, 1]}], "": null}),
        ]
    }

    #[test]
    fn an_edit_makes_one_document_of_another_and_of_no_third() {
        for before in documents() {
            for after in documents() {
                let edit = between(&before, &after);
                assert_eq!(applied(&before, &edit).as_ref(), Some(&after), "{before} {edit}");
                assert!(parts(&edit).is_some(), "{edit}");
            }
        }
        let edit = between(&json!({"a": [1, 2]}), &json!({"a": [2]}));
        for other in [json!({"a": [3]}), json!({"a": []}), json!({}), json!([])] {
            assert_eq!(applied(&other, &edit), None, "{other}");
        }
        for nonsense in [json!(1), json!({"item": -1}), json!({"from": 9, "out": [], "put": []})] {
            assert_eq!(applied(&json!([1]), &nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn an_edit_is_as_small_as_the_change_and_shows_both_sides_of_it() {
        let groups = |most: usize| json!({"groups": (0..most).collect::<Vec<_>>(), "state": "on"});
        let edit = between(&groups(10_000), &groups(10_001));
        assert!(edit.to_string().len() < 100, "{edit}");
        assert_eq!(parts(&edit).unwrap(), [json!({"groups": []}), json!({"groups": [10_000]})]);
        let edit = between(&json!([{"a": 1, "b": 2}]), &json!([{"b": 2, "c": 3}]));
        assert_eq!(parts(&edit).unwrap(), [json!([{"a": 1}]), json!([{"c": 3}])]);
    }
}
