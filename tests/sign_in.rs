//! Signing in with a password: where it is offered, and what a failure costs.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "tests stop loudly"
)]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use sspr::{
    Sspr,
    adapters::{Argon2Pool, Policies},
    domain::{ApplicationId, Digest, Password, PasswordHash},
    engine::SignInOutcome,
    policy::{TenantPolicy, UserFlow},
    ports::{Clock, HashError, PasswordHasher, Share, Verdict},
};
use support::*;

/// A policy whose one user flow is for the application `shop`, with that identity provider.
fn only_shop(provider: &str) -> TenantPolicy {
    let json = format!(
        r##"{{"@odata.type":"#microsoft.graph.externalUsersSelfServiceSignUpEventsFlow",
        "id":"sign-in","displayName":"Sign in",
        "conditions":{{"applications":{{"includeAllApplications":false,
            "includeApplications":[{{"appId":"shop"}}]}}}},
        "onAuthenticationMethodLoadStart":{{
            "@odata.type":
                "#microsoft.graph.onAuthenticationMethodLoadStartExternalUsersSelfServiceSignUp",
            "identityProviders":[{{"id":"{provider}"}}]}}}}"##
    );
    let flow = UserFlow::from_json(&json).unwrap();
    TenantPolicy::customers("contoso").unwrap().with_user_flows(vec![flow]).unwrap()
}

#[test]
fn a_password_signs_in_where_the_flow_has_passwords_and_covers_the_application() {
    on_every_store(|world| async move {
        let signs_in = async |application: &str| {
            let mut ask = request("ada@example.com");
            ask.application = ApplicationId::parse(application).unwrap();
            let answer = world.sspr.sign_in(&ask, &password(OLD), &client(1)).await.unwrap();
            matches!(answer, SignInOutcome::SignedIn(_))
        };
        world.policies.replace(only_shop("EmailPassword-OAUTH"));
        assert!(signs_in("shop").await);
        assert!(!signs_in("payroll").await, "another application");
        world.policies.replace(only_shop("EmailOtpSignup-OAUTH"));
        assert!(!signs_in("shop").await, "a flow without passwords");
    });
}

#[test]
fn a_success_forgets_the_failures_before_it() {
    on_every_store(|world| async move {
        for _ in 0..3 {
            for _ in 0..9 {
                let wrong = world.sign_in("ada@example.com", "not the password").await;
                assert!(matches!(wrong, SignInOutcome::Rejected), "{wrong:?}");
            }
            let right = world.sign_in("ada@example.com", OLD).await;
            assert!(matches!(right, SignInOutcome::SignedIn(_)), "{right:?}");
        }
    });
}

/// A hasher that can be told to be busy.
struct Moody {
    pool: Argon2Pool,
    busy: AtomicBool,
}

impl Moody {
    fn free(&self) -> Result<(), HashError> {
        if self.busy.load(Ordering::SeqCst) { Err(HashError::Busy) } else { Ok(()) }
    }
}

#[async_trait]
impl PasswordHasher for &'static Moody {
    async fn hash(&self, password: Password, share: Share) -> Result<PasswordHash, HashError> {
        self.free()?;
        self.pool.hash(password, share).await
    }

    async fn verify(
        &self,
        password: Password,
        hash: PasswordHash,
        share: Share,
    ) -> Result<Verdict, HashError> {
        self.free()?;
        self.pool.verify(password, hash, share).await
    }

    async fn verify_dummy(
        &self,
        password: Password,
        seed: Digest,
        share: Share,
    ) -> Result<(), HashError> {
        self.free()?;
        self.pool.verify_dummy(password, seed, share).await
    }
}

#[test]
fn what_a_busy_hasher_did_not_compare_is_no_failure_and_may_be_tried_again_in_six_seconds() {
    runtime().block_on(async {
        let world = World::memory().await;
        let busy = AtomicBool::new(true);
        let hasher: &'static Moody =
            Box::leak(Box::new(Moody { busy, pool: world.hasher.clone() }));
        let policies = Policies::fixed(TenantPolicy::customers("contoso").unwrap());
        let (sspr, _courier) =
            Sspr::builder(world.users.in_memory(), world.codes, policies, world.keys)
                .with_clock(world.clock.clone())
                .with_hasher(hasher)
                .build();
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
        hasher.busy.store(false, Ordering::SeqCst);
        assert!(matches!(sign_in("nobody@example.com", OLD).await, SignInOutcome::Rejected));
        for _ in 0..9 {
            let wrong = sign_in("ada@example.com", "not the password").await;
            assert!(matches!(wrong, SignInOutcome::Rejected), "{wrong:?}");
        }
        assert!(matches!(sign_in("ada@example.com", OLD).await, SignInOutcome::SignedIn(_)));
    });
}
