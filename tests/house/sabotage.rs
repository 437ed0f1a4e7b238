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

/// The names of the tests below a folder, with the modules that they stand in.
fn tests_below(folder: &Path, modules: &str, into: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        // `held_tests.rs` is the module `held::tests`, and `held_interleavings_tests.rs` is
        // `held::interleavings`.
        let stem = stem.replace("_interleavings_tests", "::interleavings");
        let module = match stem.as_str() {
            "main" | "lib" | "mod" => modules.to_owned(),
            _ => format!("{modules}{}::", stem.replace("_tests", "::tests")),
        };
        if path.is_dir() {
            tests_below(&path, &module, into);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let functions = text.lines().filter_map(|line| {
                let (before, rest) = line.split_once("fn ")?;
                before.trim_start().chars().all(|c| c.is_lowercase() || c == ' ').then_some(rest)
            });
            let names = functions.map(|rest| rest.split(['(', '<']).next().unwrap_or_default());
            into.extend(
                names
                    .flat_map(|name| [format!("{module}{name}"), format!("{module}tests::{name}")]),
            );
            // A suite makes its tests in a module within the file.
            let inner = text.lines().filter_map(|line| {
                line.trim().strip_prefix("mod ")?.strip_suffix(" {").map(str::to_owned)
            });
            into.extend(inner);
        }
    }
}

/// A filter that matches no test lets every defect pass.
#[test]
fn each_defect_has_a_filter_that_matches_a_test() {
    let mut names = std::collections::BTreeMap::<String, Vec<String>>::new();
    let mut wrong = Vec::new();
    for defect in all() {
        let words: Vec<_> = defect.test.split(' ').collect();
        let named = words.windows(2).filter(|pair| pair[0] == "--test").map(|pair| pair[1]);
        let mut targets: Vec<_> = named.collect();
        targets.extend(words.contains(&"--lib").then_some("src"));
        // What stands behind the options.
        let takes_a_value = ["--features", "--test", "--profile"];
        let mut filters = words.iter().enumerate().filter(|(at, word)| {
            !word.starts_with('-')
                && !at.checked_sub(1).is_some_and(|at| takes_a_value.contains(&words[at]))
        });
        let Some((_, filter)) = filters.next() else { continue };
        let is_there = targets.iter().any(|target| {
            let known = names.entry((*target).to_owned()).or_insert_with(|| {
                let mut found = Vec::new();
                let folder =
                    if *target == "src" { "src".to_owned() } else { format!("tests/{target}") };
                match root().join(&folder).is_dir() {
                    true => tests_below(&root().join(folder), "", &mut found),
                    false => found.push((*filter).to_owned()),
                }
                found
            });
            known.iter().any(|name| name.contains(*filter))
        });
        if !is_there {
            wrong.push(format!("{}: {}", defect.name, defect.test));
        }
    }
    assert_eq!(wrong, [] as [String; 0]);
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
