//! The manual names tests: they exist. It gives every dependency's reason.
#![allow(clippy::panic, clippy::unwrap_used, missing_docs, reason = "tests stop loudly")]

use std::{fs, path::Path};

const THREATS: &str = include_str!("../../src/manual/threat_model.md");

const DEPENDENCIES: &str = include_str!("../../src/manual/dependencies.md");

/// What stands between backticks in a text.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut named = 0;
    for row in THREATS.lines().filter(|line| line.starts_with("| ") && line.contains("`tests/")) {
        let proofs = row.split(" | ").last().unwrap();
        for proof in proofs.split("; ").filter(|proof| proof.contains("`tests/")) {
            let mut names = quoted(proof);
            let file = names.next().unwrap();
            let source = fs::read_to_string(root.join(file)).unwrap();
            for name in names {
                assert!(source.contains(&format!("fn {name}()")), "{file} has no {name}");
                named += 1;
            }
        }
    }
    assert!(named > 30, "{named} tests are named");
}

#[test]
fn every_promise_has_tests() {
    for number in 1..=14 {
        let promise = format!("| **I{number}** ");
        let row = THREATS.lines().find(|line| line.starts_with(&promise));
        let row = row.unwrap_or_else(|| panic!("I{number} is not in the table"));
        assert!(row.contains("`tests/"), "I{number} has no test");
    }
}

#[test]
fn every_dependency_has_its_reason_and_no_other_is_named() {
    let manifest = include_str!("../../Cargo.toml").split("\n[dependencies]\n").nth(1).unwrap();
    let section = manifest.split("\n[").next().unwrap();
    let (mut optional, mut core): (Vec<_>, Vec<_>) = section
        .lines()
        .filter(|line| line.contains(" = "))
        .partition(|line| line.contains("optional = true"));
    for lines in [&mut core, &mut optional] {
        lines.iter_mut().for_each(|line| *line = line.split(" = ").next().unwrap());
    }

    let (of_core, of_features) = DEPENDENCIES.split_once("\n# Features\n").unwrap();
    let named = |text: &'static str| -> Vec<&str> {
        let rows = text.lines().filter(|line| line.starts_with("| `"));
        rows.map(|row| quoted(row).next().unwrap()).collect()
    };
    assert_eq!(named(of_core), core);
    assert_eq!(named(of_features), optional);

    let features = include_str!("../../Cargo.toml").split("\n[features]\n").nth(1).unwrap();
    for row in of_features.lines().filter(|line| line.starts_with("| `")) {
        let (name, column) = (quoted(row).next().unwrap(), row.split(" | ").nth(1).unwrap());
        let brings = format!("\"dep:{name}\"");
        let lines = features.lines().filter(|line| line.contains(&brings));
        let wanted: Vec<_> = lines.map(|line| line.split(" = ").next().unwrap()).collect();
        assert_eq!(quoted(column).collect::<Vec<_>>(), wanted, "{name}");
    }
}
