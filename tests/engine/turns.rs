//! The turns of a grant: what costs one, what gives it back, and what ends the grant.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use sspr::{
    Sspr, TenantPolicy,
    adapters::MemoryPolicies,
    domain::{Grant, Password},
    engine::{Client, StartOutcome, SubmitOutcome, VerifyOutcome},
    policy::{PasswordIssue, PasswordRules},
    ports::{Breach, BreachCheck, HashError},
};

use crate::support::{OLD, World, client, password, request, runtime, stepped::*};

/// What the hasher and the breach check do.
#[derive(Clone, Default)]
struct Mood {
    is_busy: Arc<AtomicBool>,
    fails: Arc<AtomicBool>,
    finds_leaks: Arc<AtomicBool>,
    checks: Arc<AtomicUsize>,
}

#[async_trait]
impl HasherSteps for Mood {
    async fn before_hash(&self) -> Result<(), HashError> {
        self.before_verify().await
    }

    async fn before_verify(&self) -> Result<(), HashError> {
        match () {
            () if self.is_busy.load(Ordering::SeqCst) => Err(HashError::Busy),
            () if self.fails.load(Ordering::SeqCst) => Err(HashError::Failed),
            () => Ok(()),
        }
    }
}

#[async_trait]
impl BreachCheck for Mood {
    async fn check(&self, _: &Password) -> Breach {
        self.checks.fetch_add(1, Ordering::SeqCst);
        if self.finds_leaks.load(Ordering::SeqCst) { Breach::Known } else { Breach::NotKnown }
    }
}

/// A service, the grant of a reset in it, and the mood of its hasher and its breach check.
struct Granted {
    sspr: Sspr,
    grant: Grant,
    mood: Mood,
}

impl Granted {
    async fn with(world: &World, rules: PasswordRules) -> Self {
        world
            .change_account("ada", |ada| {
                ada.names = ["Margaret", "Hamilton"].map(str::to_owned).to_vec();
            })
            .await;
        let mood = Mood::default();
        let policy = TenantPolicy::customers("contoso").unwrap().with_password_rules(rules);
        let users = world.users.in_memory();
        let policies = MemoryPolicies::fixed(policy);
        let (sspr, courier) =
            Sspr::builder(users, world.codes.clone(), policies, world.keys.clone())
                .with_clock(world.clock.clone())
                .with_hasher(SteppedHasher(world.hasher.clone(), mood.clone()))
                .with_breach_check(mood.clone())
                .build();
        let started = sspr.start(&request("ada@example.com"), &client(1)).await.unwrap();
        let StartOutcome::Started(started) = started else { panic!("{started:?}") };
        courier.drain(&world.inbox).await;
        let code = world.inbox.last_code().unwrap();
        let granted = sspr.verify(&started.token, &code, &client(1)).await.unwrap();
        let VerifyOutcome::Granted(granted) = granted else { panic!("{granted:?}") };
        Self { grant: granted.grant, mood, sspr }
    }

    async fn submit(&self, text: &str) -> SubmitOutcome {
        self.sspr.submit(&self.grant, &password(text), &Client::unknown()).await.unwrap()
    }

    async fn is_weak_because(&self, text: &str, expected: PasswordIssue) {
        let answer = self.submit(text).await;
        let SubmitOutcome::Weak { issues } = answer else { panic!("{answer:?}") };
        assert_eq!(issues, [expected], "{text}");
    }
}

fn both() -> [PasswordRules; 2] {
    let entra = PasswordRules::entra();
    assert!(entra.refuses_current(), "a submit takes two hashes");
    [PasswordRules::nist(), entra]
}

/// A password that only the rules about the account refuse.
const OF_THE_ACCOUNT: &str = "Margaret.Hamilton1!";
/// A password that breaks no rule.
const GOOD: &str = "Four unrelated words, 1 by 1";

#[test]
fn i11_ninety_nine_passwords_that_the_account_refuses_leave_a_grant_as_good_as_new() {
    for rules in both() {
        runtime().block_on(async {
            let world = World::memory().await;
            let granted = Granted::with(&world, rules).await;
            let hashes = world.hasher.jobs();

            for _ in 0..99 {
                granted.is_weak_because(OF_THE_ACCOUNT, PasswordIssue::Personal).await;
            }
            assert_eq!(world.hasher.jobs(), hashes, "without a hash");

            let changed = granted.submit(GOOD).await;
            assert!(matches!(changed, SubmitOutcome::Changed(_)), "{changed:?}");
            let ended = granted.submit(GOOD).await;
            assert!(matches!(ended, SubmitOutcome::Rejected), "the hundred and first: {ended:?}");
        });
    }
}

#[test]
fn i11_a_grant_buys_a_hundred_breach_checks_and_a_leaked_password_no_hash() {
    for rules in both() {
        runtime().block_on(async {
            let world = World::memory().await;
            let granted = Granted::with(&world, rules).await;
            let hashes = world.hasher.jobs();
            granted.mood.finds_leaks.store(true, Ordering::SeqCst);

            for _ in 0..100 {
                granted.is_weak_because(GOOD, PasswordIssue::Breached).await;
            }
            for _ in 0..20 {
                let ended = granted.submit(GOOD).await;
                assert!(matches!(ended, SubmitOutcome::Rejected), "{ended:?}");
            }
            assert_eq!(granted.mood.checks.load(Ordering::SeqCst), 100);
            assert_eq!(world.hasher.jobs(), hashes);
        });
    }
}

#[test]
fn a_busy_hasher_costs_a_grant_nothing() {
    for rules in both() {
        runtime().block_on(async {
            let world = World::memory().await;
            let granted = Granted::with(&world, rules).await;
            granted.mood.is_busy.store(true, Ordering::SeqCst);
            for _ in 0..30 {
                let later = granted.submit(GOOD).await;
                assert!(matches!(later, SubmitOutcome::TryLater { .. }), "{later:?}");
            }
            granted.mood.is_busy.store(false, Ordering::SeqCst);

            let changed = granted.submit(GOOD).await;
            assert!(matches!(changed, SubmitOutcome::Changed(_)), "{changed:?}");
        });
    }
}

/// The comparison runs one hash, and the turn of the other one comes back.
#[test]
fn i11_the_current_password_costs_a_grant_one_hash() {
    runtime().block_on(async {
        let world = World::memory().await;
        let granted = Granted::with(&world, PasswordRules::entra()).await;
        let hashes = world.hasher.jobs();
        for _ in 0..9 {
            granted.is_weak_because(OLD, PasswordIssue::SameAsCurrent).await;
        }
        let ended = granted.submit(OLD).await;
        assert!(matches!(ended, SubmitOutcome::Rejected), "one turn is too few: {ended:?}");
        assert_eq!(world.hasher.jobs() - hashes, 9);
    });
}

/// A hasher that fails may have run the hash.
#[test]
fn i11_a_failing_hasher_uses_up_the_grant() {
    // Of two turns the second one comes back. The last one alone is too few.
    for (rules, turns) in both().into_iter().zip([10, 9]) {
        runtime().block_on(async {
            let world = World::memory().await;
            let granted = Granted::with(&world, rules).await;
            granted.mood.fails.store(true, Ordering::SeqCst);
            let client = Client::unknown();
            for turn in 0..turns + 3 {
                let answer = granted.sspr.submit(&granted.grant, &password(GOOD), &client).await;
                assert_eq!(answer.is_err(), turn < turns, "submit {turn}: {answer:?}");
            }
        });
    }
}

#[test]
fn i11_whatever_is_submitted_in_whatever_order_a_grant_buys_ten_hashes() {
    for rules in both() {
        runtime().block_on(async {
            let world = World::memory().await;
            let granted = Granted::with(&world, rules).await;
            let hashes = world.hasher.jobs();
            for number in 0..40 {
                granted.mood.is_busy.store(number % 7 == 3, Ordering::SeqCst);
                granted.mood.finds_leaks.store(number % 5 == 2, Ordering::SeqCst);
                let text = if number % 3 == 0 { OF_THE_ACCOUNT } else { OLD };
                granted.submit(text).await;
            }
            let run = world.hasher.jobs() - hashes;
            assert!((5..=10).contains(&run), "{run} hashes");
        });
    }
}
