//! Nothing in the crate lets anybody choose what is drawn.

use std::{fs, path::Path};

/// Ways to a generator that is not the operating system's.
const BANNED: [&str; 12] = [
    "seed_from_u64",
    "from_seed",
    "SmallRng",
    "ThreadRng",
    "thread_rng",
    "rand::rng(",
    "from_rng(&mut rand",
    "ChaCha8Rng",
    "ChaCha12Rng",
    "ChaCha20Rng",
    "Xoshiro",
    "debug_assertions",
];
/// The one file that seeds a generator, from the operating system.
const SEEDS: &str = "adapters/system/entropy.rs";
/// Who may call itself a source of randomness: the system, and what repeats an opening under the
/// server's key, which gives no words and so no code.
const SOURCES: [&str; 2] = [SEEDS, "engine/open.rs"];

/// What a file does that it may not, its own tests apart.
fn faults(path: &str, text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
    let mut faults = Vec::new();
    let mut fault = |what: &str| faults.push(format!("{path}: {what}"));
    for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
        BANNED.iter().filter(|banned| line.contains(*banned)).for_each(|banned| fault(banned));
        if ["StdRng", "SeedableRng", "SysRng"].iter().any(|it| line.contains(it)) && path != SEEDS {
            fault("a generator of its own");
        }
        if line.contains("StdRng::") && !line.contains("StdRng::try_from_rng(&mut SysRng)") {
            fault("a seed that is not the system's");
        }
        // The suite for stores repeats its histories; it draws no secret.
        if line.contains("fn with_seed") && !path.starts_with("conformance/") {
            fault("a seed from outside");
        }
        if line.contains("impl Entropy for") && !SOURCES.contains(&path) {
            fault("a source of its own");
        }
        if path.starts_with("domain/") && line.contains('%') && line.contains("word()") {
            fault("a remainder of a random word");
        }
    }
    faults
}

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn no_source_file_seeds_a_generator_by_itself() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&root, &mut found);
    let mut seen = 0;
    let all: Vec<String> = found
        .iter()
        .filter(|path| !path.to_string_lossy().ends_with("_tests.rs"))
        .flat_map(|path| {
            seen += 1;
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
            faults(&name, &fs::read_to_string(path).unwrap())
        })
        .collect();
    assert_eq!(all, [""; 0]);
    assert!(seen > 100, "{seen} files");
}

#[test]
fn planted_seeds_are_found() {
    for (path, text) in [
        ("domain/a.rs", "let rng = Rng::seed_from_u64(7);"),
        ("engine/a.rs", "use rand::rngs::SmallRng;"),
        ("engine/a.rs", "let word = rand::rng().next_u64();"),
        ("engine/a.rs", "use rand::SeedableRng;"),
        ("adapters/system/entropy.rs", "let generator = StdRng::from_rng(&mut other);"),
        ("adapters/a.rs", "impl Entropy for Fixed {"),
        ("engine/builder.rs", "pub fn with_seed(mut self, seed: u64) -> Self {"),
        ("engine/a.rs", "if cfg!(debug_assertions) { return Ok(4); }"),
        ("domain/code.rs", "let number = entropy.word()? % 100_000_000;"),
    ] {
        assert_eq!(faults(path, text).len(), 1, "{path}: {text}");
    }
    let tested = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { seed_from_u64(1); } }";
    assert_eq!(faults("domain/a.rs", tested), [""; 0]);
}

#[test]
fn no_feature_is_there_to_choose_what_is_drawn() {
    let manifest = include_str!("../../../Cargo.toml");
    let features = manifest.split("[features]").nth(1).unwrap().split("\n[").next().unwrap();
    let names: Vec<&str> = features
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(" = ").map(|(name, _)| name))
        .collect();
    assert!(names.contains(&"full") && names.contains(&"conformance"), "{names:?}");
    for name in names {
        let suspect = ["seed", "rng", "random", "determin", "insecure", "test", "mock", "fixed"];
        assert!(!suspect.iter().any(|word| name.contains(word)), "{name}");
    }
    let rand = manifest.lines().find(|line| line.starts_with("rand = ")).unwrap();
    assert!(rand.contains("default-features = false") && rand.contains("sys_rng"), "{rand}");
}
