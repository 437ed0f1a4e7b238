//! Calls of the store that do two things at once: what they must not cost, tell or give twice.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use futures_util::FutureExt;
use sspr::{
    Keyring, Sspr, TenantPolicy,
    adapters::{MemoryCodes, MemoryPolicies, MemoryUsers},
    domain::{Account, AccountId, Password, RecordId, TenantId, Timestamp},
    engine::{Client, RedeemOutcome, SignInOutcome, StartOutcome, SubmitOutcome, VerifyOutcome},
    policy::PasswordRules,
    ports::{Applied, Clock as _, CodeStore, PasswordChange, StoreError, StoreErrorKind},
    store::{Attempted, Charge, CounterName, Inserted, Loaded, Over, Record, Swapped},
};

use crate::stranger::{Stage, network, typed};
use crate::support::{
    OLD, World, client, hours, password, request, runtime, seconds, stepped::*, tenant,
};

const GOOD: &str = "Four unrelated words, 1 by 1";

/// Counts calls and commits. It may be full, and swaps may fail.
#[derive(Default)]
struct Counting {
    codes: MemoryCodes,
    calls: AtomicUsize,
    commits: AtomicUsize,
    charged_network: AtomicUsize,
    is_full: bool,
    /// The number of swaps to come that fail.
    busy_swaps: AtomicUsize,
}

impl Counting {
    fn called(&self, charges: &[Charge]) {
        let _ = charges;
        self.calls.fetch_add(1, Ordering::SeqCst);
    }
    fn committed(&self, charges: &[Charge]) {
        self.commits.fetch_add(1, Ordering::SeqCst);
        if !charges.is_empty() {
            self.charged_network.fetch_add(1, Ordering::SeqCst);
        }
    }
    fn take(&self) -> (usize, usize, usize) {
        (
            self.calls.swap(0, Ordering::SeqCst),
            self.commits.swap(0, Ordering::SeqCst),
            self.charged_network.swap(0, Ordering::SeqCst),
        )
    }
}

#[async_trait]
impl CodeStore for Counting {
    async fn insert(
        &self,
        r: &Record,
        c: &[Charge],
        now: Timestamp,
    ) -> Result<Inserted, StoreError> {
        self.called(c);
        if self.is_full {
            return Ok(Inserted::Full);
        }
        let it = self.codes.insert(r, c, now).await?;
        if it == Inserted::Inserted {
            self.committed(c);
        }
        Ok(it)
    }
    async fn attempt(
        &self,
        id: &RecordId,
        c: &[Charge],
        now: Timestamp,
    ) -> Result<Attempted, StoreError> {
        self.called(c);
        self.codes.attempt(id, c, now).await
    }
    async fn load(
        &self,
        id: &RecordId,
        c: &[Charge],
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        self.called(c);
        let it = self.codes.load(id, c, now).await?;
        if matches!(it, Loaded::Found(_)) && !c.is_empty() {
            self.committed(c);
        }
        Ok(it)
    }
    async fn compare_and_swap(
        &self,
        r: &Record,
        expected: u64,
        c: &[Charge],
        clear: &[CounterName],
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        self.called(c);
        if one_of(&self.busy_swaps) {
            return Err(StoreError::new(StoreErrorKind::Busy, "busy"));
        }
        let it = self.codes.compare_and_swap(r, expected, c, clear, now).await?;
        if matches!(it, Swapped::Swapped { .. }) {
            self.committed(c);
        }
        Ok(it)
    }
    async fn charge(&self, c: &[Charge], now: Timestamp) -> Result<Vec<Over>, StoreError> {
        self.called(c);
        let over = self.codes.charge(c, now).await?;
        if over.is_empty() {
            self.committed(c);
        }
        Ok(over)
    }
    async fn delete_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.codes.delete_expired(now, limit).await
    }
}

fn counted(world: &World, codes: Arc<Counting>, keys: &Keyring) -> Sspr {
    let codes: Arc<dyn CodeStore> = codes;
    Sspr::builder(world.users.in_memory(), codes, world.policies.clone(), keys.clone())
        .with_clock(world.clock.clone())
        .with_hasher(world.hasher.clone())
        .build()
        .0
}

/// Users whose writes, or whose look-ups by id, fail.
#[derive(Clone, Default)]
struct Failing {
    apply: Arc<AtomicUsize>,
    find: Arc<AtomicUsize>,
}

fn one_of(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok()
}

#[async_trait]
impl UserSteps for Failing {
    async fn find(
        &self,
        users: &MemoryUsers,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Option<Account>, StoreError> {
        use sspr::ports::UserStore as _;
        if one_of(&self.find) {
            return Err(StoreError::new(StoreErrorKind::Busy, "down"));
        }
        users.find(tenant, account).await
    }
    async fn apply_change(
        &self,
        users: &MemoryUsers,
        change: &PasswordChange,
    ) -> Result<Applied, StoreError> {
        use sspr::ports::UserStore as _;
        if one_of(&self.apply) {
            return Err(StoreError::new(StoreErrorKind::Busy, "down"));
        }
        users.apply_change(change).await
    }
}

async fn granted(
    world: &World,
    failing: Failing,
    policies: MemoryPolicies,
) -> (Sspr, sspr::domain::Grant) {
    let (sspr, courier) = Sspr::builder(
        SteppedUsers(world.users.in_memory(), failing),
        world.codes.clone(),
        policies,
        world.keys.clone(),
    )
    .with_clock(world.clock.clone())
    .with_hasher(world.hasher.clone())
    .build();
    let started = sspr.start(&request("ada@example.com"), &client(1)).await.unwrap();
    let StartOutcome::Started(started) = started else { panic!("{started:?}") };
    courier.drain(&world.inbox).await;
    let code = world.inbox.last_code().unwrap();
    let granted = sspr.verify(&started.token, &code, &client(1)).await.unwrap();
    let VerifyOutcome::Granted(granted) = granted else { panic!("{granted:?}") };
    (sspr, granted.grant)
}

fn with(rules: PasswordRules) -> TenantPolicy {
    TenantPolicy::customers("contoso").unwrap().with_password_rules(rules)
}

#[test]
fn i11_a_policy_that_changes_buys_no_more_hashes() {
    runtime().block_on(async {
        let world = World::memory().await;
        let failing = Failing::default();
        failing.apply.store(1000, Ordering::SeqCst);
        let policies = MemoryPolicies::fixed(with(PasswordRules::entra()));
        let (sspr, grant) = granted(&world, failing, policies.clone()).await;
        let before = world.hasher.jobs();
        for _ in 0..20 {
            let _ = sspr.submit(&grant, &password(GOOD), &Client::unknown()).await;
        }
        let first = world.hasher.jobs() - before;
        policies.replace(with(PasswordRules::nist()));
        for _ in 0..20 {
            let _ = sspr.submit(&grant, &password(GOOD), &Client::unknown()).await;
        }
        let run = world.hasher.jobs() - before;
        assert!(run <= 10, "{first} hashes, then {run}");
    });
}

#[test]
fn i11_a_clock_that_steps_buys_no_more_hashes() {
    runtime().block_on(async {
        let world = World::memory().await;
        let failing = Failing::default();
        failing.apply.store(1000, Ordering::SeqCst);
        let policies = MemoryPolicies::fixed(with(PasswordRules::nist()));
        let (sspr, grant) = granted(&world, failing, policies.clone()).await;
        let (before, at) = (world.hasher.jobs(), world.clock.now());
        let mut runs = Vec::new();
        for back in [25, 0] {
            world.clock.set(at.before(hours(back)));
            for _ in 0..20 {
                let _ = sspr.submit(&grant, &password(GOOD), &Client::unknown()).await;
            }
            runs.push(world.hasher.jobs() - before);
        }
        assert!(runs[1] <= 10, "{runs:?}");
    });
}

#[test]
fn i1_a_ticket_signs_in_once_also_if_the_clock_was_far_ahead_for_a_while() {
    runtime().block_on(async {
        let world = World::memory().await;
        let ticket = world.reset().await;
        let at = world.clock.now();
        assert!(matches!(world.redeem(&ticket).await, RedeemOutcome::SignIn(_)));
        world.clock.set(at.after(hours(73)));
        for number in 0..20_000_u32 {
            // New counters of anybody, e.g. sign-ins at a locked address from many networks.
            let mut bytes = [0x55; 32];
            bytes[20..24].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_le_bytes());
            bytes[24..28].copy_from_slice(&number.to_le_bytes());
            let name = CounterName::from_bytes(bytes);
            let new = Charge { amount: 1, limit: 9, name, tier: 0, window: hours(1) };
            world.codes.charge(&[new], world.clock.now()).await.unwrap();
        }
        world.clock.set(at.after(seconds(1)));
        let again = world.redeem(&ticket).await;
        assert!(!matches!(again, RedeemOutcome::SignIn(_)), "signs in twice");
    });
}

#[test]
fn i7_past_the_limit_customers_and_strangers_cost_the_same_calls() {
    runtime().block_on(async {
        let stage = Stage::cheap().await;
        stage.victim(1);
        // The owner signs in, as owners do.
        let owner = stage.sign_in(&typed("victim", 1), OLD, &network(77)).await;
        assert!(matches!(owner, SignInOutcome::SignedIn(_)), "{owner:?}");
        for number in 0..600 {
            stage.sign_in(&typed("filler", number), "wrong", &network(1)).await;
        }
        let mut costs = Vec::new();
        for mail in [typed("victim", 1), typed("nobody", 1)] {
            let (outcome, cost) = stage.cost(stage.sign_in(&mail, "wrong", &network(1))).await;
            assert!(matches!(outcome, SignInOutcome::TryLater { .. }), "{outcome:?}");
            costs.push(cost);
        }
        assert_eq!(costs[0], costs[1]);
    });
}

#[test]
fn i7_a_wrong_password_commits_as_often_for_customers_as_for_strangers() {
    runtime().block_on(async {
        let world = World::memory().await;
        let codes = Arc::new(Counting::default());
        let sspr = counted(&world, codes.clone(), &world.keys);
        let owner =
            sspr.sign_in(&request("ada@example.com"), &password(OLD), &client(9)).await.unwrap();
        assert!(matches!(owner, SignInOutcome::SignedIn(_)), "{owner:?}");
        let mut costs = Vec::new();
        for mail in ["ada@example.com", "bob@example.com"] {
            codes.take();
            sspr.sign_in(&request(mail), &password("wrong"), &client(1)).await.unwrap();
            costs.push(codes.take());
        }
        assert_eq!(costs[0], costs[1], "calls, commits, commits with charges");
    });
}

#[test]
fn a_full_store_ends_a_sign_in_at_once() {
    runtime().block_on(async {
        let world = World::memory().await;
        let codes = Arc::new(Counting { is_full: true, ..Counting::default() });
        let sspr = counted(&world, codes.clone(), &world.keys);
        let answer =
            sspr.sign_in(&request("bob@example.com"), &password("wrong"), &client(1)).await;
        let (calls, _, charged) = codes.take();
        assert!(matches!(answer, Ok(SignInOutcome::TryLater { .. })), "{answer:?}");
        assert_eq!((calls, charged), (2, 0));
    });
}

#[test]
fn a_lock_under_the_old_index_key_charges_the_network() {
    let key = |n: u8| {
        let bytes: Vec<u8> = (0..32_u8).map(|i| i.wrapping_mul(41).wrapping_add(n)).collect();
        <base64ct::Base64UrlUnpadded as base64ct::Encoding>::encode_string(&bytes)
    };
    runtime().block_on(async {
        let world = World::memory().await;
        let codes = Arc::new(Counting::default());
        let ring = |text: String| Keyring::parse(&text).unwrap();
        let before = ring(format!("sign={} index={}", key(1), key(2)));
        let after = ring(format!("sign={} index={} old-index={}", key(1), key(3), key(2)));
        let (a, b) =
            (counted(&world, codes.clone(), &before), counted(&world, codes.clone(), &after));
        for _ in 0..10 {
            a.sign_in(&request("ada@example.com"), &password("wrong"), &client(9)).await.unwrap();
        }
        codes.take();
        let locked =
            b.sign_in(&request("ada@example.com"), &password("wrong"), &client(1)).await.unwrap();
        assert!(matches!(locked, SignInOutcome::LockedOut { .. }), "{locked:?}");
        let (calls, _, charged) = codes.take();
        assert_eq!(charged, 1, "{calls} calls and no charge of the network");
    });
}

#[test]
fn a_user_store_that_is_down_costs_a_grant_nothing() {
    for (rules, most) in [(PasswordRules::nist(), 10), (PasswordRules::entra(), 5)] {
        runtime().block_on(async {
            let world = World::memory().await;
            let failing = Failing::default();
            let policies = MemoryPolicies::fixed(with(rules));
            let (sspr, grant) = granted(&world, failing.clone(), policies).await;
            let before = world.hasher.jobs();
            failing.find.store(most, Ordering::SeqCst);
            for _ in 0..most {
                assert!(sspr.submit(&grant, &password(GOOD), &Client::unknown()).await.is_err());
            }
            assert_eq!(world.hasher.jobs(), before, "no hash");
            let answer = sspr.submit(&grant, &password(GOOD), &Client::unknown()).await.unwrap();
            assert!(matches!(answer, SubmitOutcome::Changed(_)), "{answer:?}");
        });
    }
}

/// A grant that a resend has ended uses up the turns of the next grant.
#[test]
fn i12_a_dead_grant_costs_the_next_one_nothing() {
    for (rules, turns) in [(PasswordRules::nist(), 10), (PasswordRules::entra(), 5)] {
        runtime().block_on(async {
            let world = World::memory().await;
            world.policies.replace(with(rules));
            let (token, code) = world.started_with_code().await;
            let first = world.granted(&token, &code).await;
            // The user is slow: the grant ends, the reset lives on.
            world.clock.advance(seconds(11 * 60));
            for _ in 0..turns {
                let dead = world.submit(&first, GOOD).await;
                assert!(matches!(dead, SubmitOutcome::Rejected), "{dead:?}");
            }
            world.sent(&token, &client(1)).await;
            let code = world.mailed_code().await;
            let second = world.granted(&token, &code).await;
            let answer = world.submit(&second, GOOD).await;
            assert!(matches!(answer, SubmitOutcome::Changed(_)), "{answer:?}");
        });
    }
}

/// The event of a ticket that is spent names no tenant in a process that has not met it.
#[test]
fn the_event_of_a_spent_ticket_names_its_tenant() {
    runtime().block_on(async {
        let world = World::memory().await;
        let ticket = world.reset().await;
        assert!(matches!(world.redeem(&ticket).await, RedeemOutcome::SignIn(_)));
        let other = world.another_process();
        assert!(matches!(other.redeem(&ticket).await, RedeemOutcome::RequireSignIn));
        let event = other.events.all().pop().unwrap();
        assert_eq!(event.tenant, Some(tenant()));
    });
}

#[derive(Clone, Default)]
struct SlowBreaches(Arc<AtomicUsize>);

#[async_trait]
impl sspr::ports::BreachCheck for SlowBreaches {
    async fn check(&self, _: &Password) -> sspr::ports::Breach {
        if one_of(&self.0) {
            std::future::pending::<()>().await;
        }
        sspr::ports::Breach::NotKnown
    }
}

/// Callers that leave during the breach check use up the grant without a hash.
#[test]
fn callers_that_leave_before_any_hash_cost_the_grant_nothing() {
    for (rules, turns) in [(PasswordRules::nist(), 10), (PasswordRules::entra(), 5)] {
        runtime().block_on(async {
            let world = World::memory().await;
            let slow = SlowBreaches::default();
            let (sspr, courier) = Sspr::builder(
                world.users.in_memory(),
                world.codes.clone(),
                MemoryPolicies::fixed(with(rules)),
                world.keys.clone(),
            )
            .with_clock(world.clock.clone())
            .with_hasher(world.hasher.clone())
            .with_breach_check(slow.clone())
            .build();
            let started = sspr.start(&request("ada@example.com"), &client(1)).await.unwrap();
            let StartOutcome::Started(started) = started else { panic!("{started:?}") };
            courier.drain(&world.inbox).await;
            let code = world.inbox.last_code().unwrap();
            let granted = sspr.verify(&started.token, &code, &client(1)).await.unwrap();
            let VerifyOutcome::Granted(granted) = granted else { panic!("{granted:?}") };
            let before = world.hasher.jobs();
            slow.0.store(turns, Ordering::SeqCst);
            for _ in 0..turns {
                let (new, client) = (password(GOOD), Client::unknown());
                let submit = sspr.submit(&granted.grant, &new, &client);
                assert!(submit.now_or_never().is_none(), "the check takes its time");
            }
            // What the courier can do, it does.
            courier.drain(&world.inbox).await;
            assert_eq!(world.hasher.jobs(), before);
            let answer =
                sspr.submit(&granted.grant, &password(GOOD), &Client::unknown()).await.unwrap();
            assert!(matches!(answer, SubmitOutcome::Changed(_)), "{answer:?}");
        });
    }
}

#[derive(Clone, Default)]
struct Moody(Arc<AtomicUsize>);

#[async_trait]
impl HasherSteps for Moody {
    async fn before_hash(&self) -> Result<(), sspr::ports::HashError> {
        self.before_verify().await
    }
    async fn before_verify(&self) -> Result<(), sspr::ports::HashError> {
        let n = self.0.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        if n.is_multiple_of(3) { Ok(()) } else { Err(sspr::ports::HashError::Busy) }
    }
}

#[async_trait]
impl sspr::ports::BreachCheck for Moody {
    async fn check(&self, _: &Password) -> sspr::ports::Breach {
        let n = self.0.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        if n.is_multiple_of(5) { sspr::ports::Breach::Known } else { sspr::ports::Breach::NotKnown }
    }
}

/// They give turns back all the time.
#[test]
fn i11_parallel_submits_of_all_kinds_buy_ten_hashes() {
    for rules in [PasswordRules::nist(), PasswordRules::entra()] {
        for _ in 0..20 {
            let rules = rules.clone();
            runtime().block_on(async move {
                let world = World::memory().await;
                let moody = Moody::default();
                let failing = Failing::default();
                failing.apply.store(1000, Ordering::SeqCst);
                let (sspr, courier) = Sspr::builder(
                    SteppedUsers(world.users.in_memory(), failing),
                    world.codes.clone(),
                    MemoryPolicies::fixed(with(rules)),
                    world.keys.clone(),
                )
                .with_clock(world.clock.clone())
                .with_hasher(SteppedHasher(world.hasher.clone(), moody.clone()))
                .with_breach_check(moody.clone())
                .build();
                let started = sspr.start(&request("ada@example.com"), &client(1)).await.unwrap();
                let StartOutcome::Started(started) = started else { panic!("{started:?}") };
                courier.drain(&world.inbox).await;
                let code = world.inbox.last_code().unwrap();
                let granted = sspr.verify(&started.token, &code, &client(1)).await.unwrap();
                let VerifyOutcome::Granted(granted) = granted else { panic!("{granted:?}") };
                let grant = granted.grant.expose();
                let before = world.hasher.jobs();
                let mut tasks = Vec::new();
                for _ in 0..4 {
                    let (sspr, grant) = (sspr.clone(), sspr::domain::Grant::parse(&grant).unwrap());
                    tasks.push(tokio::spawn(async move {
                        for _ in 0..20 {
                            let _ = sspr.submit(&grant, &password(GOOD), &Client::unknown()).await;
                        }
                    }));
                }
                for task in tasks {
                    task.await.unwrap();
                }
                let run = world.hasher.jobs() - before;
                assert!(run <= 10, "{run} hashes");
            });
        }
    }
}

/// The password is changed, and nobody knows whether the ticket was used before.
#[test]
fn without_room_for_its_counter_a_ticket_asks_for_a_sign_in() {
    runtime().block_on(async {
        let world = World::memory().await;
        let codes: Arc<dyn CodeStore> = Arc::new(MemoryCodes::with_capacity(10_000, 1_000));
        let world =
            World::assemble(world.users, codes, world.policies, world.keys, world.clock, None);
        let ticket = world.reset().await;
        for number in 0..20_000_u32 {
            let mut bytes = [0x55; 32];
            bytes[24..28].copy_from_slice(&number.to_le_bytes());
            let name = CounterName::from_bytes(bytes);
            let new = Charge { amount: 1, limit: 9, name, tier: 0, window: hours(1) };
            let _ = world.codes.charge(&[new], world.clock.now()).await;
        }
        let answer = world.sspr.redeem(&ticket).await;
        assert!(matches!(answer, Ok(RedeemOutcome::RequireSignIn)), "{answer:?}");
    });
}

/// The swap that gives a turn back fails: the user still learns what is wrong with the password.
#[test]
fn a_weak_password_is_weak_also_if_its_turn_cannot_be_given_back() {
    runtime().block_on(async {
        let world = World::memory().await;
        let codes = Arc::new(Counting::default());
        let dynamic: Arc<dyn CodeStore> = codes.clone();
        let world =
            World::assemble(world.users, dynamic, world.policies, world.keys, world.clock, None);
        world
            .change_account("ada", |ada| ada.names = vec!["Margaret".into(), "Hamilton".into()])
            .await;
        let (token, code) = world.started_with_code().await;
        let grant = world.granted(&token, &code).await;
        codes.busy_swaps.store(1, Ordering::SeqCst);
        let answer = world.sspr.submit(&grant, &password("Margaret.Hamilton1!"), &client(1)).await;
        assert!(matches!(answer, Ok(SubmitOutcome::Weak { .. })), "{answer:?}");
    });
}
