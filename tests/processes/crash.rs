//! `kill -9` at random points of a running flow on SQLite, many times; then: nothing half done,
//! nothing lost that was answered.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use crate::support::*;
use sspr::{
    Keyring, TenantPolicy,
    adapters::{ManualClock, MemoryPolicies, SqliteStore},
    domain::{FlowToken, Grant, Timestamp},
    engine::{RedeemOutcome, SignInOutcome, SubmitOutcome},
};

/// Kills; each at another moment.
const KILLS: u64 = 60;
const KEYS: &str = "sign=b3W-9cXq0nJxVvJm5oYkqk1y9rJmC0x2m5wQ1oUe7Zg index=Qm9v3rXk7LwT1yZp4sVn8cHd2fJg6aKe0uRi5tOxWqM";

async fn world(file: &Path, micros: i64) -> World {
    let store = SqliteStore::open(file).await.unwrap();
    World::assemble(
        Users::Sqlite(store.users()),
        Arc::new(store.codes()),
        MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap()),
        Keyring::parse(KEYS).unwrap(),
        ManualClock::new(Timestamp::from_micros(micros)),
        None,
    )
}

/// The child: says on stdout what it was answered, line by line, and submits until it is killed.
#[test]
fn child_that_is_killed() {
    let Ok(file) = std::env::var("SSPR_CRASH_DB") else { return };
    let micros = std::env::var("SSPR_CRASH_AT").unwrap().parse().unwrap();
    let stops_after: u64 = std::env::var("SSPR_CRASH_STOP").unwrap().parse().unwrap();
    let said = std::cell::Cell::new(0);
    let say = |line: String| {
        {
            let mut out = std::io::stdout().lock();
            writeln!(out, "\n@{line}").unwrap();
            out.flush().unwrap();
        }
        said.set(said.get() + 1);
        if said.get() == stops_after {
            std::thread::park();
        }
    };
    runtime().block_on(async {
        let world = world(Path::new(&file), micros).await;
        let (token, code) = world.started_with_code().await;
        say(format!("token {}", token.expose()));
        let grant = world.granted(&token, &code).await;
        say(format!("grant {}", grant.expose()));
        let chosen = format!("a brand new password {micros}");
        let ticket = world.changed(&grant, &chosen).await;
        say(format!("ticket {}", ticket.expose()));
        let RedeemOutcome::SignIn(_) = world.redeem(&ticket).await else { panic!("redeems") };
        say("redeemed x".to_owned());
        std::thread::park();
    });
}

#[test]
fn killed_at_any_moment_nothing_is_half_done_and_nothing_answered_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("sspr.db");
    let mut start = 1_800_000_000_000_000_i64;
    let mut password_now = OLD.to_owned();
    runtime().block_on(async { world(&file, start).await.add("ada@example.com", "ada").await });
    let mut reached = std::collections::BTreeMap::<&str, u32>::new();

    for kill in 0..KILLS {
        start += 2 * 24 * 3_600_000_000;
        // Takes what earlier rounds left in the outbox, so that only this round's notices are due.
        runtime().block_on(async { world(&file, start).await.notices_due().await });
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["crash::child_that_is_killed", "--exact", "--nocapture", "--test-threads=1"])
            .env("SSPR_CRASH_DB", &file)
            .env("SSPR_CRASH_AT", start.to_string())
            .env("SSPR_CRASH_STOP", if kill % 8 < 4 { kill % 4 + 1 } else { 0 }.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The moment: after so many answers, and a little more. Some are surely that moment, however
        // slow this process is.
        let (answers, more) = (kill % 4, Duration::from_micros(kill * kill * 13 % 6000));
        let mut answered = Vec::new();
        for line in lines.map_while(Result::ok) {
            if let Some(answer) = line.strip_prefix('@') {
                answered.push(answer.to_owned());
                if answered.len() as u64 > answers {
                    break;
                }
            }
        }
        spin(more);
        child.kill().unwrap();
        child.wait().unwrap();

        let find = |what: &str| {
            let line = answered.iter().find_map(|line| line.strip_prefix(what));
            line.map(|secret| secret.trim().to_owned())
        };
        let chosen = format!("a brand new password {start}");
        runtime().block_on(async {
            let world = world(&file, start + 1_000_000).await;
            let signs_in = |text: String| {
                let world = &world;
                async move {
                    let outcome = world.sign_in("ada@example.com", &text).await;
                    matches!(outcome, SignInOutcome::SignedIn(_))
                }
            };
            let (old, new) = (signs_in(password_now.clone()).await, signs_in(chosen.clone()).await);
            assert!(old != new, "kill {kill}: exactly one password works");
            assert_eq!(
                world.notices_due().await,
                usize::from(new),
                "kill {kill}: hash and notice together"
            );
            if find("ticket").is_some() {
                assert!(new, "kill {kill}: what was answered as changed is changed");
            }
            if let Some(token) = find("token") {
                let token = FlowToken::parse(&token).unwrap();
                let looked = format!("{:?}", world.sspr.status(&token).await.unwrap());
                assert!(looked.contains("ResetStatus"), "kill {kill}: an answered reset is there");
            }
            // A retry ends where the first try would have.
            if let Some(grant) = find("grant") {
                let grant = Grant::parse(&grant).unwrap();
                match world.submit(&grant, &chosen).await {
                    SubmitOutcome::Changed(changed) => {
                        if let Some(ticket) = find("ticket") {
                            assert_eq!(changed.ticket.expose(), ticket, "kill {kill}");
                        }
                    }
                    SubmitOutcome::Rejected => assert!(new, "kill {kill}: redeemed already"),
                    other => panic!("kill {kill}: {other:?}"),
                }
                assert!(signs_in(chosen.clone()).await, "kill {kill}: the retry changed it");
                password_now = chosen;
                *reached.entry("grant").or_default() += 1;
            } else if new {
                password_now = chosen;
            }
            *reached.entry(if new { "changed" } else { "not changed" }).or_default() += 1;
        });
    }
    assert_eq!(reached.len(), 3, "every kind of moment was hit: {reached:?}");
}

/// Waits a few microseconds without sleeping: the moment of a kill needs no precision.
#[expect(clippy::disallowed_methods, reason = "the moment of a kill is real time")]
fn spin(time: Duration) {
    let began = std::time::Instant::now();
    while began.elapsed() < time {
        std::hint::spin_loop();
    }
}
