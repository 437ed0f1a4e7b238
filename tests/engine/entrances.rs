//! Attacks on changes, forced changes and the help desk that worked once.

use crate::support::*;

use async_trait::async_trait;

use sspr::{
    Account, AccountId, ChangeOutcome, Session, SignInOutcome, Sspr, Stamp, SubmitOutcome,
    adapters::{MemoryUsers, SystemEntropy},
    domain::{ActorId, EmailAddress, Keyring, TenantId, Timestamp},
    engine::{Assisted, HelpDesk, RequestKey},
    ports::{Applied, PasswordChange, StoreError, UserStore},
};

const WRONG: &str = "not the password of ada";

fn desk(world: &World) -> HelpDesk {
    world.sspr.help_desk(ActorId::parse("staff-17").unwrap())
}

fn id(text: &str) -> AccountId {
    AccountId::parse(text).unwrap()
}

async fn temporary(world: &World) -> String {
    let set = desk(world).set_temporary_password(&tenant(), &id("ada")).await.unwrap();
    set.done().unwrap().password.expose().to_owned()
}

async fn session(world: &World) -> Session {
    let ada = world.account("ada").await.unwrap();
    Session::new(&shop(), ada.id, ada.stamp)
}

fn key() -> RequestKey {
    RequestKey::generate(&SystemEntropy::new()).unwrap()
}

#[test]
fn a_marked_account_cannot_keep_its_password_by_way_of_a_reset() {
    on_every_store(|world| async move {
        desk(&world).require_change(&tenant(), &id("ada")).await.unwrap().done().unwrap();
        let (token, code) = world.started_with_code().await;
        let grant = world.granted(&token, &code).await;
        let kept = world.submit(&grant, OLD).await;
        let ada = world.account("ada").await.unwrap();
        assert!(
            matches!(kept, SubmitOutcome::Weak { .. }) && ada.must_change,
            "kept: {kept:?}, must_change: {}",
            ada.must_change
        );
    });
}

#[test]
fn a_temporary_password_that_staff_know_cannot_become_a_lasting_one() {
    on_every_store(|world| async move {
        let known_to_staff = temporary(&world).await;
        let (token, code) = world.started_with_code().await;
        let grant = world.granted(&token, &code).await;
        let outcome = world.submit(&grant, &known_to_staff).await;
        world.clock.advance(hours(24 * 365));
        let later = world.sign_in("ada@example.com", &known_to_staff).await;
        assert!(
            !matches!(later, SignInOutcome::SignedIn(_)),
            "submit: {outcome:?}; a year later: {later:?}"
        );
    });
}

#[test]
fn a_repeat_of_a_change_gives_no_session_to_a_marked_account() {
    on_every_store(|world| async move {
        let first = session(&world).await.with_key(key());
        let (old, new) = (password(OLD), password(NEW));
        world.sspr.change(&first, &old, &new, &client(1)).await.unwrap().changed().unwrap();
        // The password NEW has leaked: staff require another one.
        desk(&world).require_change(&tenant(), &id("ada")).await.unwrap().done().unwrap();
        let entered = world.sign_in("ada@example.com", NEW).await;
        assert!(matches!(entered, SignInOutcome::MustChange(_)), "{entered:?}");
        // Days later, with no session at all (any stamp), but with the key of the old form.
        world.clock.advance(hours(24 * 30));
        let mut stale = first.clone();
        stale.stamp = Stamp::from_bytes([7; 16]);
        let again = world.sspr.change(&stale, &old, &new, &client(1)).await.unwrap();
        assert!(!matches!(again, ChangeOutcome::Changed(_)), "{again:?}");
    });
}

#[test]
fn a_code_of_staff_leaves_the_lock_that_the_host_has_set() {
    on_every_store(|world| async move {
        world.change_account("ada", |ada| ada.locked = true).await;
        let issued = desk(&world).assistance_code(&shop(), &id("ada")).await.unwrap();
        let Some(issued) = issued.done() else { return };
        let asked = request("ada@example.com");
        let entered = world.sspr.enter_assistance_code(&asked, &issued.code, &client(1)).await;
        let Some(granted) = entered.unwrap().granted() else { return };
        let ticket = world.changed(&granted.grant, NEW).await;
        let redeemed = world.redeem(&ticket).await;
        let ada = world.account("ada").await.unwrap();
        assert!(ada.locked, "the lock of the host is gone; {redeemed:?}");
    });
}

#[test]
fn a_lock_of_the_host_that_comes_after_a_code_of_staff_stays() {
    on_every_store(|world| async move {
        let asked = request("ada@example.com");
        let mut codes = Vec::new();
        for _ in 0..2 {
            let issued = desk(&world).assistance_code(&shop(), &id("ada")).await.unwrap();
            codes.push(issued.done().unwrap().code);
        }
        let entered = world.sspr.enter_assistance_code(&asked, &codes[0], &client(1)).await;
        let grant = entered.unwrap().granted().unwrap().grant;
        world.change_account("ada", |ada| ada.locked = true).await;
        let entered = world.sspr.enter_assistance_code(&asked, &codes[1], &client(1)).await;
        assert!(entered.unwrap().granted().is_none());
        let submitted = world.submit(&grant, NEW).await;
        assert!(matches!(submitted, SubmitOutcome::Rejected), "{submitted:?}");
        let ada = world.account("ada").await.unwrap();
        assert!(ada.locked && ada.last_change.is_none());
    });
}

#[test]
fn i8_a_temporary_password_that_was_refused_as_expired_stays_expired_if_the_clock_runs_back() {
    on_every_store(|world| async move {
        let set = desk(&world).set_temporary_password(&tenant(), &id("ada")).await.unwrap();
        let set = set.done().unwrap();
        world.clock.set(set.expires_at.after(seconds(60)));
        let late = world.sign_in("ada@example.com", set.password.expose()).await;
        assert!(matches!(late, SignInOutcome::Rejected), "{late:?}");
        let back = Timestamp::from_micros(set.expires_at.as_micros() - 60_000_000);
        world.clock.set(back);
        let revived = world.sign_in("ada@example.com", set.password.expose()).await;
        assert!(matches!(revived, SignInOutcome::Rejected), "{revived:?}");
    });
}

#[test]
fn i8_a_code_of_staff_that_was_refused_as_expired_stays_expired_if_the_clock_runs_back() {
    on_every_store(|world| async move {
        // The second code was used in time, so that its record outlives it by the grant.
        for used in [false, true] {
            let issued = desk(&world).assistance_code(&shop(), &id("ada")).await.unwrap();
            let issued = issued.done().unwrap();
            let (asked, at) = (request("ada@example.com"), client(1));
            let enter = || world.sspr.enter_assistance_code(&asked, &issued.code, &at);
            let minute = |past: i64| {
                Timestamp::from_micros(issued.expires_at.as_micros() + past * 60_000_000)
            };
            if used {
                world.clock.set(minute(-1));
                assert!(enter().await.unwrap().granted().is_some());
            }
            world.clock.set(minute(1));
            assert!(enter().await.unwrap().granted().is_none(), "used: {used}");
            world.clock.set(minute(-2));
            let revived = enter().await.unwrap();
            assert!(revived.granted().is_none(), "used: {used}");
        }
    });
}

/// A store of a host whose table has no columns for the marks.
#[derive(Clone)]
struct WithoutMarks(MemoryUsers);

#[async_trait]
impl UserStore for WithoutMarks {
    async fn find_by_address(
        &self,
        tenant: &TenantId,
        address: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError> {
        self.0.find_by_address(tenant, address).await
    }

    async fn find(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Option<Account>, StoreError> {
        self.0.find(tenant, account).await
    }

    async fn apply_change(&self, change: &PasswordChange) -> Result<Applied, StoreError> {
        let mut change = change.clone();
        change.must_change = false;
        change.password_expires_at = None;
        self.0.apply_change(&change).await
    }
}

#[test]
fn a_store_without_marks_gives_staff_no_lasting_password() {
    runtime().block_on(async {
        let world = World::memory().await;
        let users = world.users.in_memory();
        let (sspr, _courier) = Sspr::builder(
            WithoutMarks(users.clone()),
            world.codes.clone(),
            world.policies.clone(),
            world.keys.clone(),
        )
        .with_outbox(users)
        .with_clock(world.clock.clone())
        .with_hasher(world.hasher.clone())
        .build();
        let desk = sspr.help_desk(ActorId::parse("staff-17").unwrap());
        let marked = desk.require_change(&tenant(), &id("ada")).await.unwrap();
        assert!(matches!(marked, Assisted::Unavailable));
        let set = desk.set_temporary_password(&tenant(), &id("ada")).await.unwrap();
        assert!(matches!(set, Assisted::Unavailable), "{set:?}");
        let asked = request("ada@example.com");
        let entered = sspr.sign_in(&asked, &password(OLD), &client(1)).await.unwrap();
        assert!(matches!(entered, SignInOutcome::SignedIn(_)), "nothing changed: {entered:?}");
    });
}

const K: [&str; 4] = [
    "w5fG0mYc4kX1nJq8ZtR2LbVh7sPyE3oUaD9eKiTQxMA",
    "Bn4TqS8vWzK1rMhY6uXeGd0LfPj3CaRi5OoNk7EtVQs",
    "Cn4TqS8vWzK1rMhY6uXeGd0LfPj3CaRi5OoNk7EtVQs",
    "Dn4TqS8vWzK1rMhY6uXeGd0LfPj3CaRi5OoNk7EtVQs",
];

fn with_keys(world: &World, keys: &str) -> World {
    World::assemble(
        world.users.clone(),
        world.codes.clone(),
        world.policies.clone(),
        Keyring::parse(keys).unwrap(),
        world.clock.clone(),
        world.dir.clone(),
    )
}

#[test]
fn a_repeat_answers_the_same_in_a_process_that_signs_with_the_next_key() {
    on_every_store(|world| async move {
        let before = with_keys(&world, &format!("sign={} accept={} index={}", K[0], K[1], K[2]));
        let after = with_keys(&world, &format!("sign={} accept={} index={}", K[1], K[0], K[2]));
        let session = session(&world).await.with_key(key());
        let (old, new) = (password(OLD), password(NEW));
        let first = before.sspr.change(&session, &old, &new, &client(1)).await.unwrap();
        assert!(matches!(first, ChangeOutcome::Changed(_)), "{first:?}");
        // Its answer is lost; the balancer sends the repeat to a process of the next deployment.
        let again = after.sspr.change(&session, &old, &new, &client(1)).await.unwrap();
        assert!(matches!(again, ChangeOutcome::Changed(_)), "{again:?}");
    });
}

#[test]
fn explain_shows_the_pause_while_the_index_key_is_rotated() {
    on_every_store(|world| async move {
        let before = with_keys(&world, &format!("sign={} index={}", K[0], K[2]));
        let after = with_keys(&world, &format!("sign={} index={} old-index={}", K[0], K[3], K[2]));
        for _ in 0..10 {
            before.sign_in("ada@example.com", WRONG).await;
        }
        let entered = after.sign_in("ada@example.com", OLD).await;
        assert!(matches!(entered, SignInOutcome::LockedOut { .. }), "{entered:?}");
        let flow = shop().user_flow;
        let mail = address("ada@example.com");
        let found = desk(&after).explain(&tenant(), &flow, &mail).await.unwrap();
        let report = &found[0];
        assert!(
            report.paused_until.is_some() && report.wrong_passwords == 10,
            "she is locked out, but staff see: {report:?}"
        );
    });
}

#[test]
fn staff_cannot_replace_a_password_of_which_nobody_is_told() {
    on_every_store(|world| async move {
        world.change_account("ada", |ada| ada.addresses.clear()).await;
        let set = desk(&world).set_temporary_password(&tenant(), &id("ada")).await.unwrap();
        assert!(matches!(set, Assisted::Unavailable), "{set:?}");
    });
}

/// A store without an outbox, which loses one reply.
#[derive(Clone)]
struct Lost(MemoryUsers, std::sync::Arc<std::sync::atomic::AtomicBool>);

#[async_trait]
impl UserStore for Lost {
    async fn find_by_address(
        &self,
        tenant: &TenantId,
        address: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError> {
        self.0.find_by_address(tenant, address).await
    }

    async fn find(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Option<Account>, StoreError> {
        self.0.find(tenant, account).await
    }

    async fn apply_change(&self, change: &PasswordChange) -> Result<Applied, StoreError> {
        let applied = self.0.apply_change(change).await?;
        if self.1.swap(false, std::sync::atomic::Ordering::SeqCst) {
            return Err(StoreError::new(sspr::ports::StoreErrorKind::Unknown, "lost the reply"));
        }
        // No outbox in the store.
        Ok(match applied {
            Applied::Done { .. } => {
                Applied::Done { notice: sspr::ports::NoticeDelivery::NotQueued }
            }
            other => other,
        })
    }
}

#[test]
fn a_repeat_brings_no_ended_session_back() {
    on_every_store(|world| async move {
        world
            .change_account("ada", |ada| {
                ada.second_factor = sspr::domain::SecondFactor::Independent;
            })
            .await;
        let first = session(&world).await.with_key(key());
        let (old, new) = (password(OLD), password(NEW));
        world.sspr.change(&first, &old, &new, &client(1)).await.unwrap().changed().unwrap();
        // The host ends every session: a stolen one, an address that was taken off the account, an
        // account that was disabled for a while. The password stays.
        world.clock.advance(hours(24 * 90));
        let fresh = Stamp::generate(&SystemEntropy::new()).unwrap();
        world.change_account("ada", |ada| ada.stamp = fresh).await;
        let again = world.sspr.change(&first, &old, &new, &client(1)).await.unwrap();
        if let ChangeOutcome::Changed(kept) = &again {
            assert!(kept.stamp != fresh, "an ended session got the stamp that is valid now");
        }
    });
}

#[test]
fn a_key_that_lives_as_long_as_the_session_permits_a_second_change() {
    on_every_store(|world| async move {
        let first = session(&world).await.with_key(RequestKey::from_bytes([9; 32]));
        let (old, new) = (password(OLD), password(NEW));
        let kept = world.sspr.change(&first, &old, &new, &client(1)).await.unwrap();
        let mut second = first.clone();
        second.stamp = kept.changed().unwrap().stamp;
        let mut said = Vec::new();
        for _ in 0..11 {
            let third = password("a third one of hers 8");
            let again = world.sspr.change(&second, &new, &third, &client(1)).await.unwrap();
            said.push(format!("{again:?}"));
        }
        assert!(said[0].starts_with("Changed"), "all passwords were right: {said:?}");
    });
}

#[test]
fn i14_a_key_that_is_used_again_silences_no_notice() {
    runtime().block_on(async {
        let world = World::memory().await;
        let users = world.users.in_memory();
        let lose = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (sspr, courier) = Sspr::builder(
            Lost(users.clone(), lose.clone()),
            world.codes.clone(),
            world.policies.clone(),
            world.keys.clone(),
        )
        .with_clock(world.clock.clone())
        .with_hasher(world.hasher.clone())
        .build();
        let texts: Vec<_> =
            [OLD, NEW, "a third one of hers 8", "a fourth one of hers 9"].map(password).into();
        lose.store(true, std::sync::atomic::Ordering::SeqCst);
        // The first change is made, but its reply is lost: its notice waits for the courier.
        let first = session(&world).await.with_key(RequestKey::from_bytes([9; 32]));
        assert!(sspr.change(&first, &texts[0], &texts[1], &client(1)).await.is_err());
        // Another one.
        let other = session(&world).await.with_key(RequestKey::from_bytes([8; 32]));
        let done = sspr.change(&other, &texts[1], &texts[2], &client(1)).await.unwrap();
        assert!(matches!(done, ChangeOutcome::Changed(_)), "{done:?}");
        // The first key again, in a session that is valid.
        let again = session(&world).await.with_key(RequestKey::from_bytes([9; 32]));
        let done = sspr.change(&again, &texts[2], &texts[3], &client(1)).await.unwrap();
        assert!(matches!(done, ChangeOutcome::Changed(_)), "{done:?}");
        for _ in 0..4 {
            courier.drain(&world.inbox).await;
            world.clock.advance(seconds(2));
        }
        assert_eq!(world.inbox.messages().len(), 3, "three changes, three notices");
    });
}
