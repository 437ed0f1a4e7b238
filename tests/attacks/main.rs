//! Attacks that worked against others, replayed against the engine; those that came over HTTP are
//! replayed through the real router. The numbers are those of the list that they were collected in; `attack_own_…`
//! are of our own making.
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "tests stop loudly"
)]

#[path = "../support/mod.rs"]
mod support;

mod addresses;
mod change;
mod codes;
mod crate_itself;
mod desk_secrets;
mod enumeration;
mod flow;
mod forced_change;
mod freeze;
mod guessing;
mod help_desk;
#[cfg(feature = "axum")]
mod http_bodies;
#[cfg(feature = "axum")]
mod http_fronts;
#[cfg(feature = "axum")]
mod http_headers;
#[cfg(feature = "axum")]
mod http_sessions;
mod own_budgets;
mod own_secrets;
mod passwords;
#[cfg(feature = "axum")]
mod site;
mod toll_fraud;

use std::{fs, path::Path};

/// The rows of the list.
const ROWS: [u8; 55] = [
    1, 2, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 20, 21, 24, 25, 26, 27, 28, 29, 30, 31,
    32, 34, 35, 36, 37, 39, 40, 41, 42, 44, 45, 47, 48, 50, 51, 52, 53, 54, 55, 56, 58, 60, 61, 63,
    64, 66, 67, 68, 69, 70,
];

#[test]
fn every_row_of_the_list_has_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks");
    let mut tests = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for (at, line) in lines.iter().enumerate() {
            let name = line.strip_prefix("async ").unwrap_or(line);
            let Some(name) = name.strip_prefix("fn attack_") else { continue };
            let mut above = lines[..at].iter().rev();
            assert!(above.next().unwrap().contains("test"), "{name} is no test");
            let said = above.find(|line| !line.starts_with("#["));
            assert!(said.unwrap().starts_with("///"), "{name} does not say what happened");
            tests.push(name.split('(').next().unwrap().to_owned());
        }
    }
    for row in ROWS {
        let prefix = format!("{row:02}_");
        assert!(tests.iter().any(|test| test.starts_with(&prefix)), "no test for row {row}");
    }
    assert!(tests.iter().filter(|test| test.starts_with("own_")).count() >= 20);
    let mut names = tests.clone();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), tests.len(), "two tests of one name");
}
