//! The defects of `tests/sabotage` can still be applied: `scripts/sabotage` applies them, one at a
//! time, and asks the tests to notice.

use std::{collections::BTreeSet, fs, path::Path};

const FEWEST: usize = 100;

#[derive(Default)]
struct Defect {
    theme: String,
    name: String,
    test: String,
    is_quick: bool,
    /// Built with `--cfg sspr_loom`: only models of threads run then.
    is_loom: bool,
    /// File, old text, new text.
    hunks: Vec<(String, String, String)>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The form that `tests/README.md` describes and `scripts/sabotage` reads.
fn read(theme: &str, text: &str) -> Vec<Defect> {
    let mut found: Vec<Defect> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix("# ") {
            found.push(Defect {
                name: name.to_owned(),
                theme: theme.to_owned(),
                ..Defect::default()
            });
            continue;
        }
        let defect = found.last_mut().unwrap_or_else(|| panic!("{theme}: no name before {line}"));
        if let Some(test) = line.strip_prefix("test: ") {
            defect.test = test.to_owned();
        } else if line == "quick" {
            defect.is_quick = true;
        } else if let Some(set) = line.strip_prefix("env: ") {
            assert!(set.contains('='), "{theme}: not understood: {line}");
        } else if line == "cfg: sspr_loom" {
            defect.is_loom = true;
        } else if let Some(file) = line.strip_prefix("in: ") {
            defect.hunks.push((file.to_owned(), String::new(), String::new()));
        } else {
            let (_, old, new) =
                defect.hunks.last_mut().unwrap_or_else(|| panic!("{}: no file", defect.name));
            let (sign, code) = line.split_at(1);
            assert!(["-", "+", " "].contains(&sign), "{theme}: not understood: {line}");
            if sign != "+" {
                *old = format!("{old}{code}\n");
            }
            if sign != "-" {
                *new = format!("{new}{code}\n");
            }
        }
    }
    found
}

fn all() -> Vec<Defect> {
    let folder = fs::read_dir(root().join("tests/sabotage")).unwrap();
    let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: &std::path::PathBuf| {
        read(path.file_stem().unwrap().to_str().unwrap(), &fs::read_to_string(path).unwrap())
    };
    files.iter().flat_map(read).collect()
}

#[test]
fn the_text_that_each_defect_changes_is_there_once() {
    let mut stale = String::new();
    for defect in all() {
        assert!(!defect.hunks.is_empty(), "{}: changes nothing", defect.name);
        for (file, old, new) in &defect.hunks {
            let text = fs::read_to_string(root().join(file)).unwrap();
            let times = text.matches(old.trim_end_matches('\n')).count();
            if times != 1 {
                stale += &format!("\n{}, {file}, {times} times:\n{old}", defect.name);
            }
            assert_ne!(old, new, "{}, {file}", defect.name);
        }
    }
    assert!(stale.is_empty(), "{stale}");
}

#[test]
fn each_defect_names_tests_that_exist() {
    for defect in all() {
        let words: Vec<_> = defect.test.split(' ').collect();
        let targets: Vec<_> = words
            .windows(2)
            .filter(|pair| pair[0] == "--test")
            .map(|pair| [format!("tests/{}.rs", pair[1]), format!("tests/{}/main.rs", pair[1])])
            .collect();
        assert!(!targets.is_empty() || words.contains(&"--lib"), "{}: no test", defect.name);
        assert_eq!(defect.is_loom, defect.test.contains("interleavings"), "{}", defect.name);
        for target in targets {
            let is_there = target.iter().any(|file| root().join(file).is_file());
            assert!(is_there, "{}: no {target:?}", defect.name);
        }
    }
}

#[test]
fn defects_are_many_named_once_and_one_of_each_theme_is_quick() {
    let all = all();
    let names: BTreeSet<_> = all.iter().map(|defect| &defect.name).collect();
    let themes: BTreeSet<_> = all.iter().map(|defect| &defect.theme).collect();

    assert!(all.len() >= FEWEST, "{} defects", all.len());
    assert_eq!(names.len(), all.len(), "two defects of one name");
    for theme in themes {
        let quick = all.iter().filter(|it| it.theme == *theme && it.is_quick).count();
        assert_eq!(quick, 1, "{theme}");
    }
}
