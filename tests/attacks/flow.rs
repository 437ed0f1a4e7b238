//! Attacks on the order of the steps, and on what changes between two of them.

use std::sync::Arc;

use sspr::{
    TenantPolicy,
    domain::{Account, ApplicationId, Grant, IdentityProvider, SecondFactor, Stamp, TenantId},
    engine::{
        Context, RedeemOutcome, Rejection, Request, SecondFactorDemand, SendOutcome, StartOutcome,
        SubmitOutcome, VerifyOutcome,
    },
    policy::{AuthenticationMethodsPolicy, UserFlow},
};

use crate::support::*;

/// UltimateHealth #1213: the step "new password" took an e-mail address and nothing else. It takes
/// a grant, which only a right code yields, once.
#[test]
fn attack_27_without_a_grant_no_password_is_set() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        for forged in [token.expose(), "A".repeat(107), token.expose().chars().rev().collect()] {
            let Ok(grant) = Grant::parse(&forged) else { continue };
            assert!(matches!(world.submit(&grant, NEW).await, SubmitOutcome::Rejected));
        }
        let grant = world.granted(&token, &code).await;
        let mut flipped = grant.expose().into_bytes();
        for place in [0, 40, 60, 90, 105] {
            let before = flipped[place];
            flipped[place] = if before == b'A' { b'B' } else { b'A' };
            let forged = Grant::parse(std::str::from_utf8(&flipped).unwrap()).unwrap();
            assert!(matches!(world.submit(&forged, NEW).await, SubmitOutcome::Rejected));
            flipped[place] = before;
        }
        assert_eq!(world.account("ada").await.unwrap().last_change, None);
        world.clock.advance(seconds(600));
        let old = world.submit(&grant, NEW).await;
        assert!(matches!(old, SubmitOutcome::Rejected), "a grant lives ten minutes");
    });
}

/// gogs #6414, itch.io #676: a secret stayed good after its address was taken off the account. The
/// address is in the code's digest, and the account's stamp too.
#[test]
fn attack_44_a_changed_address_ends_resets_under_way() {
    let moved = |ada: &mut Account| ada.addresses = vec![address("ada@new.example")];
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        // The stamp is left as it was, which a host must not do: the address alone is enough.
        world.change_account("ada", moved).await;
        assert!(is_wrong(&world.verify(&token, &code).await));
    });
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        let grant = world.granted(&token, &code).await;
        world.change_account("ada", moved).await;
        assert!(matches!(world.submit(&grant, NEW).await, SubmitOutcome::Rejected));
    });
    on_every_store(|world| async move {
        let typed = world.started("ada@example.com", &client(1)).await;
        world.change_account("ada", moved).await;
        world.courier.drain(&world.inbox).await;
        assert!(world.inbox.messages().is_empty(), "nobody has that address any more");
        assert!(is_wrong(&world.verify(&typed, &wrong_code()).await));
    });
}

/// Unleash #3451: the password was changed in another way, and the old secret still set another.
/// The stamp changes with the password and is in every digest.
#[test]
fn attack_45_a_password_changed_elsewhere_ends_resets_under_way() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        let second = world.started("ada@example.com", &client(2)).await;
        let second_code = world.mailed_code().await;
        let grant = world.granted(&second, &second_code).await;
        let hash = world.hash("set in her profile").await;
        world
            .change_account("ada", |ada| {
                ada.password = Some(hash);
                ada.stamp = Stamp::from_bytes([7; 16]);
            })
            .await;
        assert!(is_wrong(&world.verify(&token, &code).await));
        assert!(matches!(world.submit(&grant, NEW).await, SubmitOutcome::Rejected));
        assert_eq!(world.account("ada").await.unwrap().last_change, None);
    });
}

fn methods(json: &str) -> TenantPolicy {
    let methods = AuthenticationMethodsPolicy::from_email_json(json).unwrap();
    TenantPolicy::customers("contoso").unwrap().with_authentication_methods(methods)
}

fn all_but_staff() -> TenantPolicy {
    methods(
        r#"{"id":"Email","state":"enabled","includeTargets":[{"id":"all_users"}],
            "excludeTargets":[{"id":"staff"}]}"#,
    )
}

fn switched_off() -> TenantPolicy {
    methods(r#"{"id":"Email","state":"disabled","includeTargets":[{"id":"all_users"}]}"#)
}

/// The administrator disables the account, excludes its group or takes the flow away between two
/// steps: the next step sees it, and says what it says of anybody.
#[test]
fn attack_47_what_is_withdrawn_between_two_steps_is_withdrawn() {
    type Withdraw = fn(&World, &mut Account);
    let ways: [(&str, Withdraw); 5] = [
        ("disabled", |_, ada| ada.disabled = true),
        ("excluded", |world, ada| {
            ada.groups = vec![group("staff")];
            world.policies.replace(all_but_staff());
        }),
        ("method off", |world, _| world.policies.replace(switched_off())),
        ("flow gone", |world, _| {
            let none = TenantPolicy::customers("contoso").unwrap().with_user_flows(Vec::new());
            world.policies.replace(none.unwrap());
        }),
        ("federated", |_, ada| ada.identity_providers = vec![IdentityProvider::Google]),
    ];
    for (what, withdraw) in ways {
        for step in 0..4 {
            on_every_store(|world| async move {
                let token = world.started("ada@example.com", &client(1)).await;
                let apply = async || {
                    let mut ada = world.account("ada").await.unwrap();
                    withdraw(&world, &mut ada);
                    world.put(ada).await;
                };
                if step == 0 {
                    apply().await;
                    world.courier.drain(&world.inbox).await;
                    assert!(world.inbox.messages().is_empty(), "{what}: mail");
                    return;
                }
                let code = world.mailed_code().await;
                if step == 1 {
                    apply().await;
                    assert!(is_wrong(&world.verify(&token, &code).await), "{what}: verify");
                    return;
                }
                let grant = world.granted(&token, &code).await;
                if step == 2 {
                    apply().await;
                    let submitted = world.submit(&grant, NEW).await;
                    assert!(matches!(submitted, SubmitOutcome::Rejected), "{what}: submit");
                    return;
                }
                let ticket = world.changed(&grant, NEW).await;
                apply().await;
                let redeemed = world.redeem(&ticket).await;
                assert!(matches!(redeemed, RedeemOutcome::Rejected), "{what}: redeem");
            });
        }
    }
}

/// flask-security #258, authentik #18639: a reset signed people in past their second factor. The
/// demand is part of the outcome; who has no independent factor left may not reset at all.
#[test]
fn attack_50_a_reset_replaces_no_second_factor() {
    on_every_store(|world| async move {
        world.change_account("ada", |ada| ada.second_factor = SecondFactor::Independent).await;
        let ticket = world.reset().await;
        let RedeemOutcome::SignIn(it) = world.redeem(&ticket).await else { panic!("redeems") };
        assert_eq!(it.second_factor, SecondFactorDemand::Required);
    });
    on_every_store(|world| async move {
        world.change_account("ada", |ada| ada.second_factor = SecondFactor::SameMailbox).await;
        world.started("ada@example.com", &client(1)).await;
        world.courier.drain(&world.inbox).await;
        assert!(world.inbox.messages().is_empty(), "one mailbox would be both factors");
    });
}

/// Devise CVE-2026-32700: two starts at once left the token of one with the address of the other.
/// A start is one row, written in one piece.
#[test]
fn attack_66_parallel_starts_mix_nothing() {
    on_every_store(|world| async move {
        for number in 0..8 {
            world.add(&format!("user{number}@example.com"), &format!("user{number}")).await;
        }
        let world = Arc::new(world);
        let started = all(8, |number| {
            let world = world.clone();
            Box::pin(async move {
                let ask = request(&format!("user{number}@example.com"));
                let ask = ask.with_context(Context::new(number.to_string()).unwrap());
                match world.sspr.start(&ask, &client(number as u8)).await.unwrap() {
                    StartOutcome::Started(it) => (number, it.token),
                    other => panic!("not started: {other:?}"),
                }
            })
        })
        .await;
        world.courier.drain(&world.inbox).await;
        for (number, token) in started {
            let to = address(&format!("user{number}@example.com"));
            let mail = world.inbox.last_to(&to).unwrap();
            let code = sspr::adapters::code_in(&mail).unwrap();
            let grant = world.granted(&token, &code).await;
            let ticket = world.changed(&grant, NEW).await;
            let RedeemOutcome::SignIn(it) = world.redeem(&ticket).await else { panic!("redeems") };
            assert_eq!(it.account.as_str(), format!("user{number}"));
            assert_eq!(it.context.as_bytes(), number.to_string().as_bytes());
        }
    });
}

fn fabrikam() -> TenantId {
    TenantId::parse("fabrikam").unwrap()
}

async fn insert_at_fabrikam(world: &World, account: Account) {
    match &world.users {
        Users::Memory(users) => users.insert(&fabrikam(), account),
        #[cfg(feature = "sqlite")]
        Users::Sqlite(users) => users.insert(&fabrikam(), &account).await.unwrap(),
    }
}

/// The Drupal and authentik family: a secret of one realm opened another, where the same id and
/// address live. The tenant is in record ids, scopes, digests and counters.
#[test]
fn attack_67_a_secret_of_one_tenant_is_none_of_anothers() {
    on_every_store(|world| async move {
        world.policies.replace(TenantPolicy::customers("fabrikam").unwrap());
        let ada = world.account("ada").await.unwrap();
        insert_at_fabrikam(&world, ada).await;
        let shop = application(fabrikam().as_str());
        let ask = Request::new(&shop, address("ada@example.com"));
        let StartOutcome::Started(there) = world.sspr.start(&ask, &client(2)).await.unwrap() else {
            panic!("not started");
        };
        let code_there = world.mailed_code().await;
        let (here, code_here) = world.started_with_code().await;

        assert!(is_wrong(&world.verify(&here, &code_there).await));
        assert!(is_wrong(&world.verify(&there.token, &code_here).await));

        let own = world.sspr.for_application(&application("contoso"));
        let foreign = world.sspr.for_application(&shop);
        let outcome = foreign.verify(&here, &code_here, &client(1)).await.unwrap();
        assert!(matches!(outcome, VerifyOutcome::Rejected(Rejection::Gone)));
        assert!(matches!(foreign.send(&here, &client(1)).await.unwrap(), SendOutcome::Gone));
        let grant = world.granted(&here, &code_here).await;
        let outcome = foreign.submit(&grant, &password(NEW), &client(1)).await.unwrap();
        assert!(matches!(outcome, SubmitOutcome::Rejected));
        let ticket = world.changed(&grant, NEW).await;
        assert!(matches!(foreign.redeem(&ticket).await.unwrap(), RedeemOutcome::Rejected));
        assert!(matches!(own.redeem(&ticket).await.unwrap(), RedeemOutcome::SignIn(_)));

        // Fabrikam's Ada has her own password, and her own budget.
        let outcome = world.sspr.verify(&there.token, &code_there, &client(2)).await.unwrap();
        assert!(matches!(outcome, VerifyOutcome::Granted(_)));
    });
}

/// A user flow is what an administrator ties applications to: a reset opened for an application
/// that the flow does not cover is never opened.
#[test]
fn attack_own_02_a_flow_lends_nothing_to_applications_that_it_does_not_cover() {
    on_every_store(|world| async move {
        let json = r##"{"@odata.type":"#microsoft.graph.externalUsersSelfServiceSignUpEventsFlow",
            "id":"sign-in","displayName":"Sign in",
            "conditions":{"applications":{"includeAllApplications":false,
                "includeApplications":[{"appId":"shop"}]}},
            "onAuthenticationMethodLoadStart":{
                "@odata.type":
                    "#microsoft.graph.onAuthenticationMethodLoadStartExternalUsersSelfServiceSignUp",
                "identityProviders":[{"@odata.type":"#microsoft.graph.builtInIdentityProvider",
                    "id":"EmailPassword-OAUTH","identityProviderType":"EmailPassword"}]}}"##;
        let flow = UserFlow::from_json(json).unwrap();
        let policy = TenantPolicy::customers("contoso").unwrap();
        world.policies.replace(policy.with_user_flows(vec![flow]).unwrap());
        let mut ask = request("ada@example.com");
        ask.application.id = ApplicationId::parse("payroll").unwrap();
        let outcome = world.sspr.start(&ask, &client(1)).await.unwrap();
        assert!(matches!(outcome, StartOutcome::Unavailable), "{outcome:?}");
        world.started("ada@example.com", &client(1)).await;
    });
}

/// An account that is deleted and made anew under its old id and address is another account: it has
/// another stamp, and what was under way for the first opens nothing.
#[test]
fn attack_own_03_a_recreated_account_inherits_no_reset() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        let second = world.started("ada@example.com", &client(2)).await;
        let second_code = world.mailed_code().await;
        let grant = world.granted(&second, &second_code).await;
        let hash = world.hash(OLD).await;
        world.put(account("ada@example.com", "ada").with_password(hash)).await;
        assert!(is_wrong(&world.verify(&token, &code).await));
        assert!(matches!(world.submit(&grant, NEW).await, SubmitOutcome::Rejected));
    });
}

/// Resend and verify at once: whichever wins, the reset ends in at most one change, and a code that
/// was replaced before it was compared is wrong.
#[test]
fn attack_own_04_a_resend_that_races_a_verify_gives_no_second_change() {
    on_every_store(|world| async move {
        let world = Arc::new(world);
        for round in 0..12_u8 {
            world.clock.advance(hours(25));
            let (token, old) = world.started_with_code().await;
            world.clock.advance(seconds(60));
            let at = client(round);
            let (verified, sent, _) = tokio::join!(
                world.sspr.verify(&token, &old, &at),
                world.sspr.send(&token, &at),
                world.courier.drain(&world.inbox),
            );
            assert!(matches!(sent.unwrap(), SendOutcome::Sent(_) | SendOutcome::Gone));
            let mut grants = Vec::new();
            if let VerifyOutcome::Granted(it) = verified.unwrap() {
                grants.push(it.grant);
            }
            let newest = world.mailed_code().await;
            for code in [&old, &newest] {
                if let VerifyOutcome::Granted(it) = world.verify(&token, code).await {
                    grants.push(it.grant);
                }
            }
            assert!(!grants.is_empty(), "one of the two is right");
            let mut changes = 0;
            for (number, grant) in grants.iter().enumerate() {
                let text = format!("another password {round} {number}");
                let outcome = world.submit(grant, &text).await;
                changes += u8::from(matches!(outcome, SubmitOutcome::Changed(_)));
            }
            assert_eq!(changes, 1, "round {round}");
        }
    });
}
