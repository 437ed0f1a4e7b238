//! Rules that no behaviour shows: how secrets are compared, derived, drawn and kept out of sight.

use std::{collections::BTreeMap, fs, path::Path};

use sspr::{
    Keyring,
    domain::{Code, DeviceProof, Digest, FlowToken, Grant, Password, Ticket},
    engine::RequestKey,
};

/// Where each purpose of a digest is used. A second place would make two digests of one another.
const PURPOSES: [(&str, &[&str]); 19] = [
    ("AccountSeal", &["engine/records.rs"]),
    ("Assistance", &["engine/help_desk/assistance.rs"]),
    ("AuditSubject", &["engine/audit.rs"]),
    ("Binding", &["engine/records.rs"]),
    ("Change", &["engine/change.rs"]),
    ("Code", &["domain/digest.rs"]),
    ("Counter", &["domain/counter.rs"]),
    ("Device", &["domain/secret.rs"]),
    ("DummyHash", &["engine/password_check.rs"]),
    ("Freeze", &["engine/freeze_records.rs"]),
    ("Grant", &["engine/verify.rs"]),
    ("KeyId", &["domain/keyring.rs"]),
    ("Lockout", &["engine/lockouts.rs"]),
    ("NativeSeal", &["http/native/mod.rs"]),
    ("Opening", &["engine/open.rs"]),
    ("PageSeal", &["http/pages/mod.rs"]),
    ("Stops", &["engine/stopped_texts.rs"]),
    ("Ticket", &["engine/submit.rs"]),
    (
        "TokenCheck",
        &[
            "domain/secret.rs",
            "engine/help_desk/assistance.rs",
            "engine/must_change.rs",
            "engine/submit.rs",
            "engine/verify.rs",
        ],
    ),
];
/// What makes bytes of a secret or of its digest.
const BYTES: [&str; 5] = [".as_bytes()", ".digest()", ".expose()", ".hash()", ".secret()"];
/// Bytes that are compared with `==`, and are no secret: origins of web pages.
const NO_SECRET: [&str; 1] = ["listed.as_bytes() == origin.as_bytes()"];
/// A random delay: its bias says nothing.
const NO_DRAW: [&str; 1] = ["self.entropy.word()? % micros"];
const PRINTS: [&str; 5] = ["println!", "eprintln!", "print!(", "eprint!(", "dbg!("];
/// The files that may log: neither sees a secret.
const LOGGING: [&str; 2] = ["adapters/tracing_events.rs", "engine/span.rs"];

/// Code without comments and unit tests.
fn code(text: &str) -> String {
    let body = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let lines = body.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| line.split(" // ").next().unwrap()).collect::<Vec<_>>().join("\n")
}

fn faults(path: &str, text: &str) -> Vec<String> {
    let code = code(text);
    let mut faults = Vec::new();
    for line in code.lines() {
        let mut fault = |what: &str| faults.push(format!("{path}: {what}: {}", line.trim()));
        let compares = line.contains("==") || line.contains("!=");
        if compares
            && BYTES.iter().any(|made| line.contains(made))
            && !NO_SECRET.iter().any(|known| line.contains(known))
        {
            fault("compares what may be secret in a time that depends on it");
        }
        if line.contains("word()")
            && line.contains('%')
            && !NO_DRAW.iter().any(|it| line.contains(it))
        {
            fault("draws with a bias");
        }
        if PRINTS.iter().any(|print| line.contains(print)) {
            fault("prints");
        }
        let logs = !words(line, "tracing::").is_empty() || !words(line, "log::").is_empty();
        if logs && !LOGGING.contains(&path) {
            fault("logs");
        }
    }
    // An item ends at the first line that begins with `}` or ends with `;`.
    for (at, _) in code.match_indices("#[derive(") {
        let item = &code[at..];
        let end = item.find("\n}").into_iter().chain(item.find(";\n")).min();
        let item = &item[..end.unwrap_or(item.len())];
        let derived = item.lines().next().unwrap();
        if derived.contains("Debug") && item.contains("Zeroizing<") {
            faults.push(format!("{path}: a `Debug` that is derived shows what is wiped"));
        }
    }
    faults
}

fn walk(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, visit);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            visit(&path);
        }
    }
}

/// Every file of the crate but unit tests, by its path below `src`.
fn sources() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    walk(&root, &mut |path| {
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
        if !name.ends_with("_tests.rs") {
            found.insert(name, fs::read_to_string(path).unwrap());
        }
    });
    assert!(found.len() > 50, "the walk found the house");
    found
}

/// What follows each place where a word stands that is not the end of a longer one.
fn words<'a>(code: &'a str, word: &'a str) -> Vec<&'a str> {
    let whole = code.match_indices(word).filter(|(at, _)| {
        !code[..*at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
    });
    whole.map(|(at, word)| &code[at + word.len()..]).collect()
}

/// The purposes that a file's code names.
fn purposes(text: &str) -> Vec<String> {
    let code = code(text);
    let name = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric()).collect();
    words(&code, "Purpose::").into_iter().map(name).collect()
}

#[test]
fn no_secret_is_compared_drawn_printed_or_logged_carelessly() {
    let found: Vec<_> = sources().iter().flat_map(|(path, text)| faults(path, text)).collect();

    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn each_purpose_of_a_digest_is_used_in_its_own_place() {
    let mut used: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, text) in sources() {
        for purpose in purposes(&text) {
            let places = used.entry(purpose).or_default();
            if !places.contains(&path) {
                places.push(path.clone());
            }
        }
    }
    let known: BTreeMap<String, Vec<String>> = PURPOSES
        .iter()
        .map(|(name, files)| {
            ((*name).to_owned(), files.iter().map(|it| (*it).to_owned()).collect())
        })
        .collect();

    assert_eq!(used, known);
}

#[test]
fn planted_faults_are_found() {
    for (path, text) in [
        ("flow/a.rs", "if given.as_bytes() == grant.as_bytes() {"),
        ("flow/a.rs", "if a.expose() != b {"),
        ("engine/a.rs", "let same = fields.digest().head::<16>() == mac;"),
        ("domain/a.rs", "Ok(entropy.word()? % bound)"),
        ("engine/a.rs", "println!(\"{}\", code.expose());"),
        ("engine/a.rs", "tracing::debug!(code);"),
        ("domain/a.rs", "#[derive(Clone, Debug)]\npub struct A(Zeroizing<String>);\n"),
        ("domain/a.rs", "#[derive(Debug)]\nstruct A {\n    a: Zeroizing<[u8; 2]>,\n}\n"),
    ] {
        assert_eq!(faults(path, text).len(), 1, "{path}: {text}");
    }
    assert_eq!(purposes("MailPurpose::A; Purpose::Grant; // Purpose::B"), ["Grant"]);
}

#[test]
fn what_is_allowed_is_not_a_fault() {
    for (path, text) in [
        ("flow/a.rs", "if given.matches(&grant) {"),
        ("flow/a.rs", "// a.as_bytes() == b.as_bytes()"),
        ("engine/span.rs", "use tracing::Instrument as _;"),
        ("domain/a.rs", "#[derive(Clone)]\nstruct A(Zeroizing<String>);\n"),
        ("domain/a.rs", "#[derive(Debug)]\nstruct B(u8);\nstruct A(Zeroizing<String>);\n"),
        ("domain/a.rs", "#[cfg(test)]\nmod tests { fn t() { println!(\"\"); } }"),
    ] {
        assert_eq!(faults(path, text), Vec::<String>::new(), "{text}");
    }
}

/// Whether a type implements a trait, asked without a bound: a constant of the type itself goes
/// before one of a trait.
macro_rules! implements {
    ($secret:ty, $wanted:path) => {{
        #[allow(dead_code, reason = "read only where the trait is not implemented")]
        trait Otherwise {
            const IMPLEMENTS: bool = false;
        }
        impl<T> Otherwise for T {}
        struct Asked<T>(std::marker::PhantomData<T>);
        #[allow(dead_code, reason = "read only where the trait is implemented")]
        impl<T: $wanted> Asked<T> {
            const IMPLEMENTS: bool = true;
        }
        <Asked<$secret>>::IMPLEMENTS
    }};
}

macro_rules! bare {
    ($($secret:ty),+) => {
        [$((stringify!($secret), [
            implements!($secret, PartialEq),
            implements!($secret, std::fmt::Display),
            implements!($secret, serde::Serialize),
            implements!($secret, std::hash::Hash),
            implements!($secret, PartialOrd),
        ])),+]
    };
}

#[test]
fn secrets_have_no_equality_order_hash_or_text() {
    let secrets =
        bare![Code, DeviceProof, Digest, FlowToken, Grant, Keyring, Password, RequestKey, Ticket];

    for (name, has) in secrets {
        assert_eq!(has, [false; 5], "{name}: ==, text, serde, hash, order");
    }
    assert!(implements!(String, PartialEq) && implements!(u8, std::fmt::Display));
}

#[test]
fn what_opens_something_is_never_copied_silently() {
    let cloned = [
        implements!(Code, Clone),
        implements!(DeviceProof, Clone),
        implements!(FlowToken, Clone),
        implements!(Grant, Clone),
        implements!(Password, Clone),
        implements!(Ticket, Clone),
    ];

    assert_eq!(cloned, [false; 6]);
}

/// What a feature takes away from the rest, rather than adds to it. Each is compiled wherever its
/// feature is off.
const TAKEN_AWAY: [&str; 2] = ["not(feature = \"idn\")", "not(feature = \"tracing\")"];

/// What would be compiled with two features and with neither alone.
fn needs_two(text: &str) -> Vec<String> {
    let code = code(text);
    let gates = code.lines().filter(|line| line.contains("cfg") && line.contains("feature"));
    let needs = |gate: &&str| {
        let less = TAKEN_AWAY.iter().fold((*gate).to_owned(), |gate, it| gate.replace(it, ""));
        less.contains("all(") || less.contains("not(")
    };
    gates.filter(needs).map(|gate| gate.trim().to_owned()).collect()
}

/// So each feature alone and all at once, which `scripts/test` compiles, prove every choice.
#[test]
fn features_only_add() {
    for (path, text) in sources() {
        assert_eq!(needs_two(&text), [""; 0], "{path}");
    }
    for (text, found) in [
        ("#[cfg(feature = \"axum\")]", 0),
        ("#[cfg(any(feature = \"axum\", feature = \"smtp\"))]", 0),
        ("#[cfg(not(feature = \"idn\"))]", 0),
        ("#[cfg(all(feature = \"axum\", feature = \"smtp\"))]", 1),
        ("#[cfg(not(feature = \"smtp\"))]", 1),
    ] {
        assert_eq!(needs_two(text).len(), found, "{text}");
    }
}

#[test]
fn the_gate_runs_every_test_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let gate = fs::read_to_string(root.join("scripts/test")).unwrap();
    let lists = gate.split("--test").skip(1).map(|rest| rest.split_whitespace().next().unwrap());
    let named: Vec<&str> =
        lists.flat_map(|list| list.split(['=', '{', '}', ',', ';', ')'])).collect();
    for entry in fs::read_dir(root.join("tests")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let is_program = path.join("main.rs").is_file() && !path.join("Cargo.toml").is_file();
        if is_program || path.extension().is_some_and(|it| it == "rs") {
            assert!(named.contains(&name), "{name}");
        }
    }
}
