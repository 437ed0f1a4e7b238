//! The house keeps its floors: a module imports only what lies below it.

use std::{collections::BTreeSet, fs, path::Path};

use super::imports::{Imports, code, named};

/// Ranks of the top folders; a module imports lower ranks and its own folder only.
const RANKS: [(&str, u8); 13] = [
    // `error_text.rs`: how errors print.
    ("error_text", 0),
    ("domain", 5),
    ("policy", 10),
    ("flow", 20),
    ("mail", 20),
    // `sync.rs`: locks and threads. What is pure has none.
    ("sync", 25),
    ("ports", 30),
    // `error.rs`: what the engine answers when a port breaks.
    ("error", 35),
    ("engine", 40),
    ("adapters", 50),
    ("conformance", 50),
    ("http", 50),
    ("manual", 50),
];
/// Files of the root that put the house together and may import everything.
const ROOT: [&str; 2] = ["lib.rs", "wiring.rs"];
const MOST_LINES: usize = 400;

fn rank(room: &str) -> Option<u8> {
    RANKS.iter().find(|(name, _)| *name == room).map(|(_, rank)| *rank)
}

/// The rooms that a file reaches into by `crate::…`, `{…}` lists and inline paths included.
fn reaches(text: &str) -> BTreeSet<String> {
    let paths = named(text).into_iter().filter(|it| it.path[0] == "crate");
    let rooms = paths.filter_map(|it| it.path.into_iter().nth(1));
    rooms.filter(|it| it.starts_with(|c: char| c.is_lowercase())).collect()
}

/// What is wrong with a file, if anything.
fn faults(path: &str, text: &str) -> Vec<String> {
    let room = path.split('/').next().unwrap().trim_end_matches(".rs");
    let mut faults = Vec::new();
    if code(text).contains("use crate as") || code(text).contains("use super::super::super") {
        faults.push(format!("{path}: hides where it imports from"));
    }
    if !ROOT.contains(&path) {
        let own = rank(room).unwrap_or_else(|| panic!("{path}: a room without a rank"));
        for target in reaches(text) {
            // Adapters implement ports; they know nothing of the engine that calls them.
            let lower = rank(&target).is_some_and(|rank| rank < own)
                && (room, target.as_str()) != ("adapters", "engine");
            if target != room && !lower {
                faults.push(format!("{path}: imports {target}, which is not below {room}"));
            }
        }
    }
    let lines = code(text).lines().filter(|line| !line.trim().is_empty()).count();
    if lines > MOST_LINES {
        faults.push(format!("{path}: {lines} lines of code"));
    }
    let reads = ["Instant::now(", "SystemTime::now(", "Timestamp::now(", "rand::rng(", "SysRng"];
    for read in reads {
        if code(text).contains(read) && !path.starts_with("adapters/system/") {
            faults.push(format!("{path}: reads clock or randomness ({read})"));
        }
    }
    for never in ["#[ignore", "```ignore", "```no_run", "```rust,ignore"] {
        if text.contains(never) {
            faults.push(format!("{path}: {never}"));
        }
    }
    faults
}

pub fn walk(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, visit);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            visit(&path);
        }
    }
}

#[test]
fn every_import_goes_down_and_every_file_is_short() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut found, mut files) = (Vec::new(), 0);
    walk(&root, &mut |path| {
        files += 1;
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
        if !name.ends_with("_tests.rs") {
            found.extend(faults(&name, &fs::read_to_string(path).unwrap()));
        }
    });
    assert!(files > 50, "the walk found the house");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_file_imports_from_itself_through_others() {
    let imports = Imports::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let arrows = imports.arrows();
    let count: usize = arrows.values().map(BTreeSet::len).sum();
    assert!(count > 500, "only {count} imports were found");
    let mut shown = String::new();
    for knot in imports.circles() {
        shown.push_str("a circle:\n");
        for from in &knot {
            let to: Vec<_> = knot.iter().copied().filter(|to| arrows[from].contains(to)).collect();
            shown.push_str(&format!("  {from} imports from {}\n", to.join(", ")));
        }
    }
    assert!(shown.is_empty(), "{shown}");
}

#[test]
fn planted_faults_are_found() {
    for (path, text) in [
        ("domain/a.rs", "use crate::ports::Clock;"),
        ("flow/a.rs", "use crate::{domain::Code, mail::Letter};"),
        ("ports/a.rs", "fn f() { crate::engine::Sspr::x() }"),
        ("engine/a.rs", "use crate::adapters::MemoryCodes;"),
        ("adapters/a.rs", "use crate::{\n    domain::Code,\n    engine::{Sspr, Courier},\n};"),
        ("http/a.rs", "pub use crate::adapters::MemoryPolicies;"),
        ("flow/a.rs", "use crate::sync::Mutex;"),
        ("policy/a.rs", "use crate as c;"),
        ("domain/a.rs", "let now = SystemTime::now();"),
        ("engine/a.rs", "let now = std::time::Instant::now();"),
        ("domain/a.rs", &"let x = 1;\n".repeat(401)),
        ("domain/a.rs", "#[ignore]"),
    ] {
        assert_eq!(faults(path, text).len(), 1, "{path}: {text:.60}");
    }
}

#[test]
fn what_is_allowed_is_not_a_fault() {
    for (path, text) in [
        ("flow/a.rs", "use crate::domain::{Code, Digest};"),
        ("flow/a.rs", "use crate::flow::Reset;"),
        ("adapters/a.rs", "use crate::{adapters::SystemClock, ports::Clock};"),
        ("domain/a.rs", "// see crate::engine::Sspr"),
        ("domain/a.rs", "#[cfg(test)]\nmod tests { use crate::adapters::ManualClock; }"),
        ("wiring.rs", "use crate::{adapters::X, engine::Y};"),
    ] {
        assert_eq!(faults(path, text), Vec::<String>::new(), "{text}");
    }
}
