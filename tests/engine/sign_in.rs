//! Signing in with a password: where it is offered, and what a failure costs.

use crate::{late, support::*};
use sspr::{
    adapters::Argon2Pool,
    domain::{AccountId, ApplicationId, Timestamp},
    engine::SignInOutcome,
    policy::{TenantPolicy, UserFlow},
    ports::{HashQueue, PasswordHasher as _},
};

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
            ask.application.id = ApplicationId::parse(application).unwrap();
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

/// The store's optional methods, called and awaited: what nobody waits for never happens.
#[test]
fn a_sign_in_is_noted_and_replaces_an_outdated_hash_on_every_store() {
    on_every_store(|world| async move {
        let outdated = Argon2Pool::new().with_parameters(32, 1, 1).unwrap();
        let hash = outdated.hash(password(OLD), HashQueue::Submit).await.unwrap();
        world.change_account("ada", |ada| ada.password = Some(hash.clone())).await;
        let noted = || async {
            match &world.users {
                Users::Memory(users) => {
                    let ada = AccountId::parse("ada").unwrap();
                    users.signed_in_at(&tenant(), &ada).map(Timestamp::as_micros)
                }
                #[cfg(feature = "sqlite")]
                Users::Sqlite(_) => {
                    let file = world.dir.as_ref().unwrap().path().join("sspr.db");
                    let file = rusqlite::Connection::open(file).unwrap();
                    let sql = "SELECT signed_in_at FROM sspr_account WHERE id = 'ada'";
                    file.query_row(sql, [], |row| row.get::<_, Option<i64>>(0)).unwrap()
                }
            }
        };

        let wrong = world.sign_in("ada@example.com", "not the password").await;
        assert!(matches!(wrong, SignInOutcome::Rejected), "{wrong:?}");
        assert_eq!(noted().await, None, "a wrong password is no sign-in");
        let unchanged = world.account("ada").await.unwrap().password;
        assert!(unchanged == Some(hash.clone()));

        let right = world.sign_in("ada@example.com", OLD).await;
        assert!(matches!(right, SignInOutcome::SignedIn(_)), "{right:?}");
        let now = sspr::ports::Clock::now(&world.clock);
        assert_eq!(noted().await, Some(now.as_micros()));
        let replaced = world.account("ada").await.unwrap().password.unwrap();
        assert!(replaced != hash && replaced.expose().contains("m=64,"), "the hash of today");
    });
}

#[test]
fn a_failure_that_is_charged_during_the_couriers_last_look_is_settled() {
    runtime().block_on(async {
        let world = World::memory().await;
        let (sspr, courier, late) = late::service(&world);
        // Longer than the courier's patience.
        *late.takes.lock().unwrap() = seconds(61);
        let (ada, right) = (request("ada@example.com"), password(OLD));

        // Ten failures lock an account.
        for _ in 0..11 {
            late.waits(&world);
            assert!(sspr.sign_in(&ada, &right, &client(1)).await.is_err());
            courier.drain(&world.inbox).await;
            assert!(late.has_looked());
            world.clock.advance(seconds(1));
            courier.drain(&world.inbox).await;
        }

        let answer = sspr.sign_in(&ada, &right, &client(1)).await.unwrap();
        assert!(matches!(answer, SignInOutcome::SignedIn(_)), "{answer:?}");
    });
}

#[test]
fn a_right_password_whose_failure_was_never_charged_forgets_no_other() {
    runtime().block_on(async {
        let world = World::memory().await;
        let (sspr, courier, late) = late::service(&world);
        let (ada, wrong) = (request("ada@example.com"), password(NEW));
        for _ in 0..5 {
            sspr.sign_in(&ada, &wrong, &client(1)).await.unwrap();
        }

        late.waits(&world);
        assert!(sspr.sign_in(&ada, &password(OLD), &client(1)).await.is_err());
        late.forgets();
        for _ in 0..70 {
            courier.drain(&world.inbox).await;
            world.clock.advance(seconds(1));
        }

        for _ in 0..5 {
            sspr.sign_in(&ada, &wrong, &client(1)).await.unwrap();
        }
        let answer = sspr.sign_in(&ada, &password(OLD), &client(1)).await.unwrap();
        assert!(matches!(answer, SignInOutcome::LockedOut { .. }), "{answer:?}");
    });
}
