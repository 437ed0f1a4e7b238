//! Attacks that the types, or the versions of what is built on, leave no room for.

use std::{fs, path::Path};

use sspr::engine::StartOutcome;

use crate::support::*;

fn source(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The fields of a public struct or of an enum's variants, as they are written.
fn body<'a>(text: &'a str, head: &str) -> &'a str {
    let start = text.find(head).unwrap_or_else(|| panic!("no {head}")) + head.len();
    text[start..].split("\n}").next().unwrap()
}

/// Kirki CVE-2026-8206: the request named the account, and where to mail. A request has one
/// address, and no other type has a place for a destination: it comes from the account on file.
#[test]
fn attack_05_the_caller_never_names_a_destination() {
    let requests = source("src/engine/request.rs");
    for head in ["pub struct Request {", "pub struct Client {"] {
        let fields = body(&requests, head);
        let expected = usize::from(head.contains("Request"));
        assert_eq!(fields.matches("EmailAddress").count(), expected, "{head}");
        assert!(!fields.contains("to:") && !fields.contains("Vec<"), "{head}");
    }
    // One address of one value, taken by reference from the account. Of several ways back to a
    // frozen account, the typed address picks one.
    let deliver = source("src/engine/deliver.rs");
    let compose = source("src/engine/compose.rs");
    assert_eq!(deliver.matches("policy.destination(").count(), 1);
    assert_eq!(deliver.matches("account.destination(").count(), 0);
    assert_eq!(compose.matches("account.destination(").count(), 1);
    let policy = source("src/policy/tenant.rs");
    assert_eq!(policy.matches("account.destination(").count(), 1);
    assert_eq!(policy.matches("Destination::Phone").count(), 1);
    assert!(policy.contains("self.phones(account).next().map(Destination::Phone)"));
    let account = source("src/domain/account.rs");
    let picked = "pub fn destination(&self, typed: &EmailAddress) -> Option<&EmailAddress> {";
    assert!(body(&account, picked).contains("self.destinations().first()"));
    for text in [&deliver, &compose] {
        assert!(!text.contains("to: &passcode.address") && !text.contains("to: passcode"));
    }
    on_every_store(|world| async move {
        let outcome = world.sspr.start(&request("ada@example.com"), &client(1)).await.unwrap();
        assert!(matches!(outcome, StartOutcome::Started(_)));
        world
            .change_account("ada", |ada| {
                let second = address("ada@example.com");
                ada.addresses = vec![address("first@on.file.example"), second];
            })
            .await;
        world.courier.drain(&world.inbox).await;
        let to: Vec<_> = world.inbox.messages().iter().map(|it| it.to.clone()).collect();
        assert_eq!(to, [address("first@on.file.example")], "codes go to the first on file");
    });
}

/// loco's template, ncbo #60: secrets without an end. An end is a field that cannot be left out,
/// in the record, the code, the grant and the ticket.
#[test]
fn attack_64_nothing_is_without_an_end() {
    let reset = source("src/flow/reset.rs") + &source("src/flow/state.rs");
    let store = source("src/ports/code_store.rs");
    let outcome = source("src/engine/outcome.rs");
    for (text, head) in [
        (&reset, "pub struct Sent {"),
        (&reset, "pub struct Bound {"),
        (&store, "pub struct Record {"),
        (&outcome, "pub struct SentCode {"),
        (&outcome, "pub struct Granted {"),
        (&outcome, "pub struct ChangedPassword {"),
    ] {
        assert!(body(text, head).contains("expires_at: Timestamp"), "{head}");
    }
    assert!(body(&reset, "pub struct Reset {").contains("ends_at: Timestamp"));
    let stages = body(&reset, "pub enum Stage {");
    assert_eq!(stages.matches("expires_at: Timestamp").count(), 2, "grant and ticket");
    for text in [&reset, &store] {
        assert!(!text.contains("Option<Timestamp>"));
    }
    assert!(
        body(&source("src/domain/counter.rs"), "pub struct Charge {").contains("window: Duration")
    );
}

/// The version of a package in `Cargo.lock`; every one if there are several.
fn locked(lock: &str, name: &str) -> Vec<[u64; 3]> {
    let blocks = lock.split("[[package]]");
    let named = blocks.filter(|block| block.contains(&format!("\nname = \"{name}\"\n")));
    let version = |block: &str| {
        let text = block.split("version = \"").nth(1).unwrap().split('"').next().unwrap();
        let mut parts = text.split(['.', '-', '+']).map(|part| part.parse().unwrap_or(0));
        [(); 3].map(|()| parts.next().unwrap_or(0))
    };
    named.map(version).collect()
}

/// time RUSTSEC-2026-0009, rand RUSTSEC-2026-0097, lettre RUSTSEC-2026-0141: what is built on had
/// holes of its own. Floors stand in the manifest, and what is locked is above them.
#[test]
fn attack_70_dependencies_are_above_the_versions_with_holes() {
    let (lock, manifest) = (source("Cargo.lock"), source("Cargo.toml"));
    let patched = |name: &str, [major, minor, patch]: [u64; 3]| match (name, major, minor) {
        ("time", 0, 3) => patch >= 47,
        ("rand", 0, 8) => patch >= 6,
        ("rand", 0, 9) => patch >= 3,
        ("rand", 0, 10) => patch >= 1,
        ("lettre", 0, 11) => patch >= 22,
        _ => false,
    };
    for name in ["time", "rand", "lettre"] {
        let found = locked(&lock, name);
        assert!(!found.is_empty(), "{name} is not locked");
        for version in found {
            assert!(patched(name, version), "{name} {version:?}");
        }
        let line = manifest.lines().find(|line| line.starts_with(&format!("{name} = "))).unwrap();
        let floor = line.split("version = \"").nth(1).unwrap().split('"').next().unwrap();
        let parts: Vec<u64> = floor.split('.').map(|part| part.parse().unwrap()).collect();
        assert_eq!(parts.len(), 3, "{name}: a floor names its patch");
        assert!(patched(name, [parts[0], parts[1], parts[2]]), "{name} {floor}");
    }
    assert!(source("deny.toml").contains("yanked = \"deny\""));
}
