//! Finds names that are almost a known one.

/// Returns the known name that `name` was probably meant to be. The two differ only in the case of
/// letters, or by one character that is inserted, left out, replaced or swapped with its neighbour.
pub(crate) fn meant<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    if known.contains(&name) {
        return None;
    }
    let name = folded(name);
    known.iter().find(|other| is_near(&name, &folded(other))).copied()
}

fn folded(name: &str) -> Vec<char> {
    name.chars().flat_map(char::to_lowercase).collect()
}

fn is_near(one: &[char], other: &[char]) -> bool {
    if one.len().abs_diff(other.len()) > 1 {
        return false;
    }
    let head = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let (one, other) = (one.get(head..).unwrap_or(&[]), other.get(head..).unwrap_or(&[]));
    let tail = one.iter().rev().zip(other.iter().rev()).take_while(|(a, b)| a == b).count();
    let middle = |all: &[char]| all.get(..all.len().saturating_sub(tail)).unwrap_or(&[]).to_vec();
    match (middle(one).as_slice(), middle(other).as_slice()) {
        ([] | [_], [] | [_]) => true,
        ([a, b], [c, d]) => a == d && b == c,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 3] = ["state", "excludeTargets", "id"];

    #[test]
    fn another_case_and_every_single_edit_are_near() {
        for name in [
            "State",
            "STATE",
            "ſtate",
            "tate",
            "sate",
            "stat",
            "xstate",
            "staate",
            "statee",
            "xtate",
            "stxte",
            "statx",
            "tsate",
            "sttae",
            "staet",
            "stаte",
            " state",
            "state\u{0}",
            "STAT",
            "Sttae",
        ] {
            assert_eq!(meant(name, &KNOWN), Some("state"), "{name}");
        }
        for name in ["excludeTarget", "ExcludeTargets", "excludeTragets", "excludetargets"] {
            assert_eq!(meant(name, &KNOWN), Some("excludeTargets"), "{name}");
        }
        for name in ["Id", "ID", "ids", "di", "i"] {
            assert_eq!(meant(name, &KNOWN), Some("id"), "{name}");
        }
    }

    #[test]
    fn a_known_name_and_one_that_is_two_edits_away_are_not() {
        for name in [
            "state",
            "sta",
            "statexx",
            "xxstate",
            "sxaxe",
            "etats",
            "",
            "excludeTarg",
            "includeTargets",
            "displayName",
            "state@odata.type",
        ] {
            assert_eq!(meant(name, &KNOWN), None, "{name}");
        }
        assert_eq!(meant("includeTargets", &["includeTargets", "excludeTargets"]), None);
    }
}
