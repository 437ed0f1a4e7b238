//! What is told of time: when to try again, and until when something is good.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::support::{stepped::*, *};
use async_trait::async_trait;
use sspr::{
    Sspr,
    adapters::{MemoryPolicies, MemoryUsers},
    engine::{
        Courier, OpenOutcome, RedeemOutcome, SignInOutcome, StartOutcome, SubmitOutcome,
        VerifyOutcome,
    },
    policy::TenantPolicy,
    ports::{Clock, HashError},
};

#[test]
fn a_network_that_opened_too_much_is_told_when_its_hour_is_over() {
    on_every_store(|world| async move {
        let began = world.clock.now();
        let open =
            async || world.sspr.open(&request("nobody@example.com"), &client(1)).await.unwrap();
        for _ in 0..120 {
            assert!(matches!(open().await, OpenOutcome::Opened(_)));
        }
        world.clock.advance(seconds(60));
        let OpenOutcome::TryLater { retry_at } = open().await else { panic!("too many") };
        assert_eq!(retry_at, began.after(hours(1)));
        world.clock.advance(hours(1) - seconds(60));
        assert!(matches!(open().await, OpenOutcome::Opened(_)));
    });
}

#[test]
fn a_grant_and_a_ticket_are_good_until_the_instants_that_are_told() {
    on_every_store(|world| async move {
        for late in [false, true] {
            let (token, code) = world.started_with_code().await;
            let VerifyOutcome::Granted(granted) = world.verify(&token, &code).await else {
                panic!("granted")
            };
            assert_eq!(granted.expires_at, world.clock.now().after(seconds(600)));
            let SubmitOutcome::Changed(changed) = world.submit(&granted.grant, NEW).await else {
                panic!("changed")
            };
            let left = changed.expires_at.since(world.clock.now());
            assert_eq!(left, seconds(300));
            world.clock.advance(if late { left } else { left - seconds(1) });
            let redeemed = world.redeem(&changed.ticket).await;
            assert_eq!(matches!(redeemed, RedeemOutcome::SignIn(_)), !late, "{redeemed:?}");
            world.clock.advance(hours(1));
        }
    });
}

/// A hasher that can be told to be busy.
#[derive(Clone, Default)]
struct Moody(Arc<AtomicBool>);

impl Moody {
    fn set_busy(&self, busy: bool) {
        self.0.store(busy, Ordering::SeqCst);
    }
}

#[async_trait]
impl HasherSteps for Moody {
    async fn before_hash(&self) -> Result<(), HashError> {
        self.before_verify().await
    }

    async fn before_verify(&self) -> Result<(), HashError> {
        if self.0.load(Ordering::SeqCst) { Err(HashError::Busy) } else { Ok(()) }
    }
}

/// The same world's service with it.
fn moody(world: &World) -> (Sspr, Courier, Moody) {
    let moody = Moody::default();
    let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
    let users: MemoryUsers = world.users.in_memory();
    let (sspr, courier) = Sspr::builder(users, world.codes.clone(), policies, world.keys.clone())
        .with_clock(world.clock.clone())
        .with_hasher(SteppedHasher(world.hasher.clone(), moody.clone()))
        .build();
    (sspr, courier, moody)
}

#[test]
fn what_a_busy_hasher_did_not_compare_is_no_failure_and_may_be_tried_again_in_six_seconds() {
    runtime().block_on(async {
        let world = World::memory().await;
        let (sspr, _courier, hasher) = moody(&world);
        hasher.set_busy(true);
        let sign_in = async |mail: &str, text: &str| {
            sspr.sign_in(&request(mail), &password(text), &client(1)).await.unwrap()
        };
        for mail in ["ada@example.com", "nobody@example.com"] {
            for _ in 0..20 {
                let answer = sign_in(mail, "not the password").await;
                let SignInOutcome::TryLater { retry_at } = answer else { panic!("{answer:?}") };
                assert_eq!(
                    retry_at,
                    world.clock.now().after(seconds(6)),
                    "a tenth of the cooldown"
                );
            }
        }
        hasher.set_busy(false);
        assert!(matches!(sign_in("nobody@example.com", OLD).await, SignInOutcome::Rejected));
        for _ in 0..9 {
            let wrong = sign_in("ada@example.com", "not the password").await;
            assert!(matches!(wrong, SignInOutcome::Rejected), "{wrong:?}");
        }
        assert!(matches!(sign_in("ada@example.com", OLD).await, SignInOutcome::SignedIn(_)));
    });
}

#[test]
fn a_submit_that_met_a_busy_hasher_may_come_again_in_six_seconds() {
    runtime().block_on(async {
        let world = World::memory().await;
        let (sspr, courier, hasher) = moody(&world);
        let started = sspr.start(&request("ada@example.com"), &client(1)).await.unwrap();
        let StartOutcome::Started(started) = started else { panic!("{started:?}") };
        courier.drain(&world.inbox).await;
        let code = world.inbox.last_code().unwrap();
        let granted = sspr.verify(&started.token, &code, &client(1)).await.unwrap();
        let VerifyOutcome::Granted(granted) = granted else { panic!("{granted:?}") };
        let submit =
            async || sspr.submit(&granted.grant, &password(NEW), &client(1)).await.unwrap();

        hasher.set_busy(true);
        let SubmitOutcome::TryLater { retry_at } = submit().await else { panic!("busy") };
        assert_eq!(retry_at, world.clock.now().after(seconds(6)));
        hasher.set_busy(false);
        assert!(matches!(submit().await, SubmitOutcome::Changed(_)));
    });
}

#[test]
fn a_reset_whose_account_may_not_is_closed_and_does_not_come_back_with_the_permission() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        let grant = world.granted(&token, &code).await;
        world.change_account("ada", |ada| ada.disabled = true).await;
        assert!(matches!(world.submit(&grant, NEW).await, SubmitOutcome::Rejected));
        world.change_account("ada", |ada| ada.disabled = false).await;
        assert!(matches!(world.submit(&grant, NEW).await, SubmitOutcome::Rejected));
        assert!(matches!(world.sign_in("ada@example.com", OLD).await, SignInOutcome::SignedIn(_)));
    });
}
