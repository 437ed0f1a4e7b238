//! The matrix in the manual is about tests that exist, and leaves none of these out.

use std::{collections::HashSet, fs, path::Path};

const MATRIX: &str = include_str!("../../src/manual/standards.md");
const ANSWERS: [&str; 4] = ["**Met**", "**In part**", "**Host**", "**Not met**"];

/// Clause, what it asks, how it stands, tests.
type Row<'a> = [&'a str; 4];

fn rows(text: &str) -> Vec<Row<'_>> {
    let lines = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| clause"));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            cells.try_into().unwrap_or_else(|_| panic!("not four cells: {line}"))
        })
        .collect()
}

fn tests_of(row: Row<'_>) -> impl Iterator<Item = &str> {
    row[3].split('`').skip(1).step_by(2)
}

/// Names of the tests below a folder: of functions that an attribute makes one, and of those that
/// the conformance macros make of a clause.
fn tests_in(folder: &Path) -> HashSet<String> {
    let mut found = HashSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tests_in(&path));
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.extend(tests_of_source(&fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

fn tests_of_source(source: &str) -> Vec<String> {
    let mut lines = source.lines().map(str::trim).peekable();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            let Some(next) = lines.peek() else { break };
            let name = next.trim_start_matches("async ").strip_prefix("fn ");
            found.extend(name.and_then(|name| name.split('(').next()).map(str::to_owned));
        }
    }
    found
}

fn here(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What is wrong with a row, given the tests there are.
fn faults(row: Row<'_>, tests: &HashSet<String>) -> Vec<String> {
    let mut faults = Vec::new();
    let answer = ANSWERS.iter().find(|answer| row[2].starts_with(**answer));
    let words = row[2].split_whitespace().count();
    match answer {
        None => faults.push(format!("{}: no answer", row[0])),
        Some(&"**Met**") if tests_of(row).next().is_none() => {
            faults.push(format!("{}: met, and no test", row[0]));
        }
        Some(&"**Met**") => {}
        Some(_) if words < 6 => faults.push(format!("{}: no reason", row[0])),
        Some(_) => {}
    }
    let unknown = tests_of(row).filter(|name| !tests.contains(*name));
    faults.extend(unknown.map(|name| format!("{}: no test {name}", row[0])));
    faults
}

#[test]
fn every_row_has_an_answer_and_names_tests_that_exist() {
    let tests = tests_in(&here("tests"));
    let rows = rows(MATRIX);
    assert!(rows.len() > 80, "{} rows", rows.len());
    let all: Vec<String> = rows.iter().flat_map(|row| faults(*row, &tests)).collect();
    assert_eq!(all, [""; 0]);
    let mut clauses = HashSet::new();
    let twice: Vec<&str> =
        rows.iter().map(|row| row[0]).filter(|it| !clauses.insert(*it)).collect();
    assert_eq!(twice, [""; 0], "each clause stands once");
}

#[test]
fn every_test_of_a_clause_stands_in_the_matrix() {
    let named: HashSet<&str> = rows(MATRIX).into_iter().flat_map(tests_of).collect();
    for file in ["asvs", "nist", "owasp", "rfc", "wire"] {
        let source = fs::read_to_string(here(&format!("tests/standards/{file}.rs"))).unwrap();
        let tests = tests_of_source(&source);
        assert!(!tests.is_empty());
        for test in tests {
            assert!(named.contains(&*test), "{test}");
        }
    }
}

#[test]
fn planted_faults_of_a_matrix_are_found() {
    let tests = HashSet::from(["it_holds".to_owned()]);
    for row in [
        "| A 1 | x | Fine. | `it_holds` |",
        "| A 2 | x | **Met** by luck. | — |",
        "| A 3 | x | **Met** | `it_is_gone` |",
        "| A 4 | x | **Not met**. | — |",
    ] {
        assert_eq!(faults(rows(row)[0], &tests).len(), 1, "{row}");
    }
    let good = "| A 5 | x | **Met** | `it_holds` |";
    assert_eq!(faults(rows(good)[0], &tests), [""; 0]);
}

#[test]
fn nothing_is_claimed_to_be_certified() {
    let words = MATRIX.to_lowercase();
    for claim in ["certified", "compliant", "conforms"] {
        let told = words.matches(claim).count();
        let denied = words.matches(&format!("not {claim}")).count();
        assert_eq!(told, denied, "{claim}");
    }
}
