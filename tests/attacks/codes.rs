//! Attacks on the code itself: how it is drawn, kept, read, compared, and used twice.

use core::time::Duration;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use sspr::{
    Keyring, Sspr, TenantPolicy,
    adapters::{ManualClock, MemoryCodes, MemoryPolicies, MemoryUsers, SystemEntropy},
    domain::{Code, CodeFormat, Purpose, Timestamp},
    engine::{OpenOutcome, RedeemOutcome, Rejection, StartOutcome, SubmitOutcome, VerifyOutcome},
    ports::{Entropy, EntropyUnavailable, HashQueue, PasswordHasher as _},
};

use crate::support::*;

/// Joomla 1.5.5, Devise CVE-2019-16109: an empty token matched rows without one. No text without
/// a code is one, and a reset that has no code yet accepts none.
#[test]
fn attack_07_where_no_code_was_sent_none_is_right() {
    for typed in
        ["", " ", "\t", "-", "....", "\u{a0}", "0", "null", "NULL", "undefined", "00000000 0"]
    {
        assert!(Code::parse(typed).is_err(), "{typed:?}");
    }
    on_every_store(|world| async move {
        let opened = world.opened("ada@example.com", &client(1)).await;
        let unsent = world.started("ada@example.com", &client(2)).await;
        for token in [&opened, &unsent] {
            for typed in ["00000000", "99999999", "BBBB-BBBB-BBBB-BBBB"] {
                let outcome = world.verify(token, &Code::parse(typed).unwrap()).await;
                assert!(is_wrong(&outcome), "{typed}: {outcome:?}");
            }
        }
        // A decoy has a digest of nothing: no code is behind it either.
        let decoy = world.started("nobody@example.com", &client(3)).await;
        world.courier.drain(&world.inbox).await;
        assert!(is_wrong(&world.verify(&decoy, &wrong_code()).await));
    });
}

/// better-auth PR #8067, Dovecot CVE-2026-27855: one code accepted twice in parallel. A hundred
/// right codes at once give one grant, and a hundred submits one change.
#[test]
fn attack_19_a_code_used_a_hundred_times_at_once_counts_once() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        let shared = Arc::new((world, token, code));
        let grants = all(100, |_| {
            let shared = shared.clone();
            Box::pin(async move {
                let (world, token, code) = &*shared;
                match world.sspr.verify(token, code, &client(1)).await {
                    Ok(VerifyOutcome::Granted(it)) => Some(it.grant.expose()),
                    _ => None,
                }
            })
        })
        .await;
        let mut grants: Vec<String> = grants.into_iter().flatten().collect();
        grants.sort_unstable();
        grants.dedup();
        assert_eq!(grants.len(), 1);
        let tickets = all(100, |number| {
            let (shared, grant) = (shared.clone(), grants[0].clone());
            Box::pin(async move {
                let grant = sspr::domain::Grant::parse(&grant).unwrap();
                let typed = password(&format!("one of two passwords {}", number % 2));
                match shared.0.sspr.submit(&grant, &typed, &client(1)).await {
                    Ok(SubmitOutcome::Changed(it)) => Some(it.ticket.expose()),
                    _ => None,
                }
            })
        })
        .await;
        let mut tickets: Vec<String> = tickets.into_iter().flatten().collect();
        tickets.sort_unstable();
        tickets.dedup();
        assert_eq!((tickets.len(), shared.0.notices_due().await), (1, 1));
    });
}

/// better-auth #3253: a code was good again after it had been used. After success it is dead, also
/// in another process and a day later.
#[test]
fn attack_20_a_used_code_stays_used() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        let grant = world.granted(&token, &code).await;
        let ticket = world.changed(&grant, NEW).await;
        let again = world.verify(&token, &code).await;
        assert!(matches!(again, VerifyOutcome::Rejected(Rejection::Gone)), "{again:?}");
        assert!(matches!(world.redeem(&ticket).await, RedeemOutcome::SignIn(_)));

        let replica = world.another_process();
        for wait in [0, 1, 24] {
            world.clock.advance(hours(wait));
            for at in [&world, &replica] {
                let again = at.verify(&token, &code).await;
                assert!(matches!(again, VerifyOutcome::Rejected(Rejection::Gone)), "{again:?}");
                let other = at.submit(&grant, "one more password of hers").await;
                assert!(matches!(other, SubmitOutcome::Rejected));
            }
        }
    });
}

/// aspnetcore #9953: every code that was ever sent stayed good. In one reset the newest counts;
/// in three resets each its own, until one of them is finished.
#[test]
fn attack_21_older_codes_die() {
    on_every_store(|world| async move {
        let (token, first) = world.started_with_code().await;
        let mut codes = vec![first];
        for _ in 0..2 {
            world.clock.advance(seconds(60));
            world.sent(&token, &client(1)).await;
            codes.push(world.mailed_code().await);
        }
        for old in &codes[..2] {
            assert!(is_wrong(&world.verify(&token, old).await));
        }
        let mut others = Vec::new();
        for network in [7, 8] {
            let other = world.started("ada@example.com", &client(network)).await;
            others.push((other, world.mailed_code().await));
        }
        let grant = world.granted(&token, &codes[2]).await;
        let held = world.granted(&others[0].0, &others[0].1).await;
        world.changed(&grant, NEW).await;
        assert!(is_wrong(&world.verify(&others[1].0, &others[1].1).await));
        let late = world.submit(&held, "one more password of hers").await;
        assert!(matches!(late, SubmitOutcome::Rejected));
    });
}

/// convex-auth #243, authentik CVE-2023-26481: A's own code changed B's password. The digest
/// covers account and reset, and the account comes from the record alone.
#[test]
fn attack_25_the_code_of_one_account_opens_no_other() {
    on_every_store(|world| async move {
        world.add("eve@example.com", "eve").await;
        let victim = world.started("ada@example.com", &client(1)).await;
        let adas = world.mailed_code().await;
        let own = world.started("eve@example.com", &client(2)).await;
        let eves = world.mailed_code().await;

        assert!(is_wrong(&world.verify(&victim, &eves).await));
        assert!(is_wrong(&world.verify(&own, &adas).await));

        let grant = world.granted(&own, &eves).await;
        world.changed(&grant, NEW).await;
        assert!(world.account("ada").await.unwrap().last_change.is_none());
        assert!(world.account("eve").await.unwrap().last_change.is_some());
    });
}

/// rubygems #6769: a code for signing up reset a password. The purpose is the first field of every
/// digest: no two purposes agree about the same fields.
#[test]
fn attack_26_a_secret_of_one_purpose_serves_no_other() {
    const PURPOSES: [Purpose; 14] = [
        Purpose::AccountSeal,
        Purpose::Binding,
        Purpose::Code,
        Purpose::Counter,
        Purpose::Device,
        Purpose::DummyHash,
        Purpose::Grant,
        Purpose::KeyId,
        Purpose::Lockout,
        Purpose::NativeSeal,
        Purpose::Opening,
        Purpose::PageSeal,
        Purpose::Ticket,
        Purpose::TokenCheck,
    ];
    let keys = Keyring::generate(&SystemEntropy::new()).unwrap();
    let of = |purpose| *keys.sign(purpose).tenant(&tenant()).text("ada").digest().as_bytes();
    for (at, one) in PURPOSES.into_iter().enumerate() {
        for other in &PURPOSES[at + 1..] {
            assert_ne!(of(one), of(*other), "{one:?} and {other:?}");
        }
    }
    // Nor do fields run into each other.
    let split = |a: &str, b: &str| *keys.sign(Purpose::Code).text(a).text(b).digest().as_bytes();
    assert_ne!(split("ada", "eve"), split("adae", "ve"));
    assert_ne!(split("", "adaeve"), split("adaeve", ""));
}

/// Joomla 2008 (mt_rand), OpenMeetings CVE-2016-0783 (md5 of the time): codes were predictable.
/// They are the system's randomness, even, and nothing of the clock is in them.
#[test]
fn attack_34_codes_are_even_and_owe_nothing_to_the_clock() {
    const DRAWS: usize = 40_000;
    let entropy = SystemEntropy::new();
    let (mut single, mut pairs) = ([[0_u32; 10]; 8], [[0_u32; 100]; 7]);
    for _ in 0..DRAWS {
        let code = Code::generate(CodeFormat::Digits, &entropy).unwrap().expose();
        let digits: Vec<usize> = code.bytes().map(|byte| usize::from(byte - b'0')).collect();
        digits.iter().zip(&mut single).for_each(|(digit, counts)| counts[*digit] += 1);
        let neighbours = digits.windows(2).map(|pair| 10 * pair[0] + pair[1]);
        neighbours.zip(&mut pairs).for_each(|(pair, counts)| counts[pair] += 1);
    }
    // Chance alone exceeds these once in some ten million runs.
    single.iter().for_each(|counts| assert!(chi_square(counts, DRAWS) < 53.0, "{counts:?}"));
    pairs.iter().for_each(|counts| assert!(chi_square(counts, DRAWS) < 195.0));

    on_every_store(|world| async move {
        // The clock stands still.
        let (one, first) = world.started_with_code().await;
        let (other, second) = world.started_with_code().await;
        assert_ne!(first.expose(), second.expose());
        assert_ne!(one.expose()[40..], other.expose()[40..]);
    });
}

fn chi_square(counts: &[u32], draws: usize) -> f64 {
    let expected = draws as f64 / counts.len() as f64;
    counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum()
}

/// Zitadel's `GenerateRandomString`: an off-by-one left the last symbol out. Every symbol comes at
/// every place, the first, the last and a leading zero too.
#[test]
fn attack_35_every_symbol_comes_at_every_place() {
    let entropy = SystemEntropy::new();
    for (format, alphabet) in
        [(CodeFormat::Digits, "0123456789"), (CodeFormat::Letters, "BCDFGHJKLMNPQRSTVWXZ")]
    {
        let mut seen = vec![std::collections::BTreeMap::<char, u32>::new(); format.length()];
        for _ in 0..4_000 {
            let code = Code::generate(format, &entropy).unwrap().expose().replace('-', "");
            assert_eq!(code.len(), format.length());
            code.chars().zip(&mut seen).for_each(|(c, counts)| *counts.entry(c).or_default() += 1);
        }
        for counts in &seen {
            assert_eq!(counts.keys().collect::<String>(), alphabet);
            let (least, even) = (counts.values().min().unwrap(), 4_000 / alphabet.len() as u32);
            assert!(*least > even / 2, "{counts:?}");
        }
    }
}

/// totp-rs RUSTSEC-2022-0018: a comparison that stops at the first difference. Digests are compared
/// in constant time, and there is no other way to compare one.
#[test]
fn attack_36_digests_have_one_comparison_and_it_is_constant_in_time() {
    let text = include_str!("../../src/domain/digest.rs");
    assert!(text.contains("#[derive(Clone, Copy)]\npub struct Digest([u8; 32]);"));
    assert!(!text.contains("PartialEq for Digest"));
    assert!(text.contains("ct_eq"));
    let secrets = include_str!("../../src/domain/secret.rs");
    assert!(!secrets.contains("PartialEq for") && secrets.contains(".ct_eq("));
    for length in 0..64 {
        let typed = "1".repeat(length);
        assert_eq!(Code::parse(&typed).is_ok(), length == 8, "{length}");
    }
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        // Wrong in the first place or in the last, it is wrong alike.
        let text = code.expose();
        let flip = |c: char| if c == '1' { '2' } else { '1' };
        let first = format!("{}{}", flip(text.chars().next().unwrap()), &text[1..]);
        let last = format!("{}{}", &text[..7], flip(text.chars().last().unwrap()));
        for (typed, left) in [(first, 4), (last, 3)] {
            let outcome = world.verify(&token, &Code::parse(&typed).unwrap()).await;
            let expected = Rejection::WrongCode { tries_left: left };
            assert!(matches!(outcome, VerifyOutcome::Rejected(got) if got == expected));
        }
    });
}

/// Draws codes that begin with a zero.
#[derive(Debug)]
struct LeadingZero(SystemEntropy);

impl Entropy for LeadingZero {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable> {
        self.0.fill(bytes)?;
        if let Ok(word) = <&mut [u8; 8]>::try_from(bytes) {
            *word = ((5_u64 << 56) + (1 << 37)).to_le_bytes();
        }
        Ok(())
    }
}

/// GoogleAuth #37: codes were numbers, so a leading zero was lost and "+12345" was a code. A code
/// is eight digits, as they stand.
#[test]
fn attack_58_a_leading_zero_counts() {
    for typed in
        ["1234567", "+1234567", "1_234567", "0x123456", "1e234567", "12345678.0", "-12345678-1"]
    {
        assert!(Code::parse(typed).is_err(), "{typed}");
    }
    runtime().block_on(async {
        let users = MemoryUsers::new();
        let hash = cheap_hasher().hash(password(OLD), HashQueue::Submit).await.unwrap();
        users.insert(&tenant(), account("ada@example.com", "ada").with_password(hash));
        let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
        let keys = Keyring::generate(&SystemEntropy::new()).unwrap();
        let (sspr, courier) = Sspr::builder(users, MemoryCodes::new(), policies, keys)
            .with_clock(ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000)))
            .with_entropy(LeadingZero(SystemEntropy::new()))
            .build();
        let outcome = sspr.start(&request("ada@example.com"), &client(1)).await.unwrap();
        let StartOutcome::Started(started) = outcome else { panic!("not started") };
        let inbox = sspr::adapters::CaptureSender::new();
        courier.drain(&inbox).await;
        let code = inbox.last_code().unwrap();
        assert!(code.expose().starts_with('0') && code.expose().len() == 8);
        let text = inbox.messages()[0].text.clone();
        assert!(text.lines().any(|line| line == code.expose()), "the zero is in the mail");
        let outcome = sspr.verify(&started.token, &code, &client(1)).await.unwrap();
        assert!(matches!(outcome, VerifyOutcome::Granted(_)));
    });
}

/// Keycloak CVE-2024-7318: a code was good for a while after its end. At its last instant it is
/// dead, to the microsecond, and before it is not.
#[test]
fn attack_63_a_code_is_dead_at_its_end_to_the_microsecond() {
    for (after, good) in [(599_999_999, true), (600_000_000, false), (600_000_001, false)] {
        on_every_store(|world| async move {
            let (token, code) = world.started_with_code().await;
            world.clock.advance(Duration::from_micros(after));
            let outcome = world.verify(&token, &code).await;
            assert_eq!(matches!(outcome, VerifyOutcome::Granted(_)), good, "{after}: {outcome:?}");
        });
    }
}

/// GoTrue, better-auth: codes at rest were plain, or a fast hash that the whole code space is
/// tried against in a second. What is stored is a digest under a key that is not in the store.
#[test]
fn attack_69_a_stolen_store_tells_no_code() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        let body = world
            .codes
            .load(&token.record(), &[], Timestamp::from_micros(0))
            .await
            .unwrap()
            .found()
            .unwrap()
            .body;
        let holds = |bytes: &[u8]| body.windows(bytes.len()).any(|window| window == bytes);
        let typed = code.expose();
        assert!(!holds(typed.as_bytes()));
        let id = token.record();
        for salt in [&b""[..], id.as_bytes(), b"ada", b"ada@example.com", token.expose().as_bytes()]
        {
            for hash in [
                Sha256::new().chain_update(salt).chain_update(typed.as_bytes()).finalize(),
                Sha256::new().chain_update(typed.as_bytes()).chain_update(salt).finalize(),
            ] {
                assert!(!holds(&hash));
            }
        }
        // The right code under other keys is worth nothing: the thief has the record, not the key.
        let thief = World::assemble(
            world.users.clone(),
            world.codes.clone(),
            world.policies.clone(),
            Keyring::generate(&SystemEntropy::new()).unwrap(),
            world.clock.clone(),
            None,
        );
        let OpenOutcome::Opened(_) =
            thief.sspr.open(&request("ada@example.com"), &client(1)).await.unwrap()
        else {
            panic!("not opened");
        };
        let outcome = thief.verify(&token, &code).await;
        assert!(matches!(outcome, VerifyOutcome::Rejected(Rejection::Gone)));
    });
}
