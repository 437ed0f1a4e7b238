//! The courier: tries again, gives up, never sends what is stale, and survives being cut off.

use crate::support::*;
use sspr::{
    adapters::{CaptureSender, MemoryPolicies, SystemEntropy},
    domain::{CodeFormat, Keyring, LanguageTag},
    engine::{
        OpenOutcome, RedeemOutcome, RequestKey, SendOutcome, SignInOutcome, StartOutcome,
        SubmitOutcome, VerifyOutcome,
    },
    policy::{AfterReset, Disclosure, Limits, PasswordIssue, PasswordRules, TenantPolicy},
    ports::{
        Breach, BreachCheck, Clock, EventKind, HashQueue, Outcome, PasswordHasher, SendErrorKind,
    },
};

fn contoso() -> TenantPolicy {
    TenantPolicy::customers("contoso").unwrap()
}

fn outcomes(world: &World, kind: EventKind) -> Vec<Outcome> {
    let events = world.events.all();
    events.iter().filter(|event| event.kind == kind).map(|event| event.outcome).collect()
}

#[test]
fn a_mail_that_fails_for_now_is_tried_again_while_its_code_lives() {
    on_every_store(|world| async move {
        world.inbox.fail_next(SendErrorKind::Transient, 2);
        let token = world.started("ada@example.com", &client(1)).await;
        let first = world.courier.drain(&world.inbox).await;
        assert_eq!((first.sent, first.postponed), (0, 1));
        assert_eq!(world.courier.drain(&world.inbox).await.postponed, 0, "not before its pause");
        world.clock.advance(seconds(3));
        assert_eq!(world.courier.drain(&world.inbox).await.postponed, 1);
        world.clock.advance(seconds(10));
        assert_eq!(world.courier.drain(&world.inbox).await.sent, 1);
        let code = world.inbox.last_code().unwrap();
        assert!(matches!(world.verify(&token, &code).await, VerifyOutcome::Granted(_)));
    });
}

#[test]
fn a_drain_after_a_clock_that_stepped_back_sends_what_was_put_off() {
    runtime().block_on(async {
        let world = World::memory().await;
        world.inbox.fail_next(SendErrorKind::Transient, 1);
        world.started("ada@example.com", &client(1)).await;
        assert_eq!(world.courier.drain(&world.inbox).await.postponed, 1);

        world.clock.set(world.clock.now().before(seconds(40)));
        assert_eq!(world.courier.drain(&world.inbox).await.sent, 0, "its pause is not over");
        world.clock.advance(seconds(2));
        assert_eq!(world.courier.drain(&world.inbox).await.sent, 1);
    });
}

#[test]
fn a_mail_that_comes_too_late_is_not_sent_any_more() {
    on_every_store(|world| async move {
        world.inbox.fail_next(SendErrorKind::Transient, 1);
        world.started("ada@example.com", &client(1)).await;
        world.courier.drain(&world.inbox).await;
        world.clock.advance(seconds(541));
        let late = world.courier.drain(&world.inbox).await;
        assert_eq!((late.sent, late.failed), (0, 1), "less than a tenth of its life is left");
        let told: Vec<_> = world.events.all();
        let told = told.iter().rfind(|event| event.kind == EventKind::Deliver).unwrap();
        assert_eq!(told.outcome, Outcome::GivenUp);
        assert!(told.failure.is_some(), "why the last try failed");
    });
}

#[test]
fn a_refused_recipient_is_an_event_and_nothing_that_shows() {
    on_every_store(|world| async move {
        world.inbox.fail_next(SendErrorKind::Permanent, 1);
        let token = world.started("ada@example.com", &client(1)).await;
        assert_eq!(world.courier.drain(&world.inbox).await.failed, 1);
        assert!(outcomes(&world, EventKind::Deliver).contains(&Outcome::FailedPermanently));
        assert!(is_wrong(&world.verify(&token, &wrong_code()).await));
    });
}

#[test]
fn a_lost_courier_costs_a_mail_and_another_process_sends_the_next() {
    on_every_store(|world| async move {
        let token = world.started("ada@example.com", &client(1)).await;
        let other = world.another_process();
        assert_eq!(
            other.courier.drain(&other.inbox).await.sent,
            0,
            "the mail died with its process"
        );
        world.clock.advance(seconds(60));
        other.sent(&token, &client(1)).await;
        let code = other.mailed_code().await;
        assert!(matches!(other.verify(&token, &code).await, VerifyOutcome::Granted(_)));
    });
}

#[test]
fn without_room_for_the_mail_nothing_is_promised() {
    runtime().block_on(async {
        let world = World::memory().await;
        let (sspr, courier) = sspr::Sspr::builder(
            sspr::adapters::MemoryUsers::new(),
            world.codes.clone(),
            MemoryPolicies::fixed(contoso()),
            world.keys.clone(),
        )
        .with_clock(world.clock.clone())
        .with_queue(1, 10)
        .build();
        let start = |n| {
            let sspr = sspr.clone();
            async move { sspr.start(&request("ada@example.com"), &client(n)).await.unwrap() }
        };
        assert!(matches!(start(1).await, StartOutcome::Started(_)));
        assert!(matches!(start(2).await, StartOutcome::TryLater { .. }));
        courier.drain(&world.inbox).await;
        assert!(matches!(start(3).await, StartOutcome::Started(_)), "the slot is free again");
    });
}

#[test]
fn it_runs_until_the_last_handle_is_gone_and_nothing_waits() {
    let runtime = runtime();
    runtime.block_on(async {
        let World { sspr, courier, inbox, clock, users, .. } = World::memory().await;
        let running = tokio::spawn(courier.run(inbox.clone()));
        let StartOutcome::Started(_) =
            sspr.start(&request("ada@example.com"), &client(1)).await.unwrap()
        else {
            panic!("started")
        };
        // Once: a clock that ran on would make the mail too old to be sent.
        clock.advance(seconds(1));
        while inbox.messages().is_empty() {
            tokio::task::yield_now().await;
        }
        drop((sspr, users));
        running.await.unwrap();
        assert_eq!(inbox.messages().len(), 1);
    });
}

#[test]
fn the_notice_goes_out_once_to_every_address_on_file() {
    on_every_store(|world| async move {
        world.change_account("ada", |ada| ada.addresses.push(address("ada@second.example"))).await;
        world.reset().await;
        let _ = world.inbox.take();
        assert_eq!(world.courier.drain(&world.inbox).await.sent, 2);
        let mut to: Vec<String> =
            world.inbox.take().iter().map(|mail| mail.to.as_str().to_owned()).collect();
        to.sort();
        assert_eq!(to, ["ada@example.com", "ada@second.example"]);
        world.clock.advance(hours(1));
        assert_eq!(world.courier.drain(&world.inbox).await.sent, 0, "once");
    });
}

#[test]
fn mail_goes_to_the_address_on_file_in_the_language_of_the_account() {
    on_every_store(|world| async move {
        world.change_account("ada", |ada| ada.language = LanguageTag::parse("de-AT").ok()).await;
        let request = request("ada@EXAMPLE.com").with_locale(LanguageTag::parse("fr").unwrap());
        world.sspr.start(&request, &client(1)).await.unwrap();
        world.courier.drain(&world.inbox).await;
        let mail = world.inbox.last_to(&address("ada@example.com")).unwrap();
        assert_eq!(mail.language.as_str(), "de");
    });
}

#[test]
fn weak_passwords_are_refused_with_reasons_and_the_grant_stays_good() {
    on_every_store(|world| async move {
        let policy = contoso().with_password_rules(PasswordRules::entra());
        world.policies.replace(policy);
        let (token, code) = world.started_with_code().await;
        let grant = world.granted(&token, &code).await;
        let weak = |outcome| match outcome {
            SubmitOutcome::Weak { issues } => issues,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            weak(world.submit(&grant, "Tr7!quo").await),
            [PasswordIssue::Short { least: 8 }]
        );
        let own = weak(world.submit(&grant, "Ada@example.com1").await);
        assert_eq!(own, [PasswordIssue::Personal]);
        world.change_account("ada", |_| {}).await;
        assert!(matches!(world.submit(&grant, "Tr7!quokkavex").await, SubmitOutcome::Changed(_)));
    });
}

#[test]
fn the_current_password_is_refused_where_the_rules_say_so() {
    on_every_store(|world| async move {
        world.policies.replace(contoso().with_password_rules(PasswordRules::entra()));
        let current = "Tr7!quokkavex";
        let hash = world.hash(current).await;
        world.change_account("ada", |ada| ada.password = Some(hash)).await;
        let (token, code) = world.started_with_code().await;
        let grant = world.granted(&token, &code).await;
        let outcome = world.submit(&grant, current).await;
        assert!(
            matches!(outcome, SubmitOutcome::Weak { issues } if issues == [PasswordIssue::SameAsCurrent])
        );
    });
}

struct Leaked;

#[async_trait::async_trait]
impl BreachCheck for Leaked {
    async fn check(&self, password: &sspr::domain::Password) -> Breach {
        if password.expose() == NEW { Breach::Known } else { Breach::Unavailable }
    }
}

#[test]
fn leaked_passwords_are_refused_and_an_unavailable_check_is_an_event() {
    runtime().block_on(async {
        let world = World::memory().await;
        let (sspr, courier) = sspr::Sspr::builder(
            world.users.in_memory(),
            world.codes.clone(),
            world.policies.clone(),
            world.keys.clone(),
        )
        .with_clock(world.clock.clone())
        .with_hasher(cheap_hasher())
        .with_events(world.events.clone())
        .with_breach_check(Leaked)
        .build();
        let world = World { sspr, courier, ..world };
        let (token, code) = world.started_with_code().await;
        let grant = world.granted(&token, &code).await;
        let leaked = world.submit(&grant, NEW).await;
        assert!(
            matches!(leaked, SubmitOutcome::Weak { issues } if issues == [PasswordIssue::Breached])
        );
        assert_eq!(outcomes(&world, EventKind::BreachCheck), [], "it did answer");
        world.changed(&grant, "another good long password").await;
        assert_eq!(outcomes(&world, EventKind::BreachCheck), [Outcome::Error]);
    });
}

#[test]
fn a_tenant_may_ask_for_a_sign_in_after_the_reset() {
    on_every_store(|world| async move {
        world.policies.replace(contoso().with_after_reset(AfterReset::RequireSignIn));
        let ticket = world.reset().await;
        assert!(matches!(world.redeem(&ticket).await, RedeemOutcome::RequireSignIn));
    });
}

#[test]
fn only_an_entra_compatible_tenant_tells_who_is_unknown() {
    on_every_store(|world| async move {
        let nobody = request("nobody@example.com");
        let strict = world.sspr.open(&nobody, &client(1)).await.unwrap();
        assert!(matches!(strict, OpenOutcome::Opened(_)));
        world.policies.replace(contoso().with_disclosure(Disclosure::EntraCompatible));
        let told = world.sspr.open(&nobody, &client(1)).await.unwrap();
        assert!(matches!(told, OpenOutcome::UnknownAccount));
        let known = world.sspr.open(&request("ada@example.com"), &client(1)).await.unwrap();
        assert!(matches!(known, OpenOutcome::Opened(_)));
    });
}

#[test]
fn keys_rotate_while_resets_are_under_way() {
    let key = |n: u8| {
        let bytes: Vec<u8> = (0..32_u8).map(|i| i.wrapping_mul(41).wrapping_add(n)).collect();
        <base64ct::Base64UrlUnpadded as base64ct::Encoding>::encode_string(&bytes)
    };
    let (old, new, index) = (key(1), key(2), key(3));
    let ring = |text: String| Keyring::parse(&text).unwrap();
    on_every_store(|world| {
        let before = ring(format!("sign={old} accept={new} index={index}"));
        let during = ring(format!("sign={new} accept={old} index={index}"));
        let after = ring(format!("sign={new} index={index}"));
        async move {
            let with = |world: &World, keys: &Keyring| {
                let World { users, codes, policies, clock, .. } = world;
                World::assemble(
                    users.clone(),
                    codes.clone(),
                    policies.clone(),
                    keys.clone(),
                    clock.clone(),
                    None,
                )
            };
            let (a, b, c) = (with(&world, &before), with(&world, &during), with(&world, &after));
            let (token, code) = a.started_with_code().await;
            let grant = b.granted(&token, &code).await;
            assert_eq!(a.granted(&token, &code).await.expose(), grant.expose());
            assert!(matches!(c.submit(&grant, NEW).await, SubmitOutcome::Rejected), "retired");
            let ticket = b.changed(&grant, NEW).await;
            assert_eq!(a.changed(&grant, NEW).await.expose(), ticket.expose());
            assert!(matches!(b.redeem(&ticket).await, RedeemOutcome::SignIn(_)));
        }
    });
}

#[test]
fn an_outdated_hash_is_replaced_at_sign_in_and_the_stamp_stays() {
    on_every_store(|world| async move {
        let older = sspr::adapters::Argon2Pool::new().with_parameters(32, 1, 1).unwrap();
        let hash = older.hash(password(OLD), HashQueue::Submit).await.unwrap();
        world.change_account("ada", |ada| ada.password = Some(hash)).await;
        let before = world.account("ada").await.unwrap();
        assert!(matches!(world.sign_in("ada@example.com", OLD).await, SignInOutcome::SignedIn(_)));
        let after = world.account("ada").await.unwrap();
        assert_ne!(before.password, after.password);
        assert_eq!(before.stamp, after.stamp);
        assert!(matches!(world.sign_in("ada@example.com", OLD).await, SignInOutcome::SignedIn(_)));
    });
}

#[test]
fn a_tenant_under_attack_sends_longer_codes_and_refuses_nobody() {
    on_every_store(|world| async move {
        let numbers = Limits::builder().tenant_tries(10);
        world.policies.replace(contoso().with_limits(numbers.build().unwrap()));
        let (token, code) = world.started_with_code().await;
        for name in ["eve", "mallory", "trent"] {
            let typed = format!("{name}@example.com");
            let foreign = world.started(&typed, &client(99)).await;
            world.courier.drain(&CaptureSender::new()).await;
            for _ in 0..5 {
                world.sspr.verify(&foreign, &wrong_code(), &client(99)).await.unwrap();
            }
        }
        world.courier.drain(&world.inbox).await;
        assert!(outcomes(&world, EventKind::TenantTries).contains(&Outcome::LongerCode));
        let new = world.started("ada@example.com", &client(2)).await;
        let long = world.mailed_code().await;
        assert_eq!(long.format(), CodeFormat::Letters);
        assert!(matches!(world.verify(&new, &long).await, VerifyOutcome::Granted(_)));
        // A short code that was sent before is replaced by a longer one, once.
        let outcome = world.verify(&token, &code).await;
        assert!(format!("{outcome:?}").contains("LongerCodeSent"), "{outcome:?}");
        let long = world.mailed_code().await;
        assert!(matches!(world.verify(&token, &long).await, VerifyOutcome::Granted(_)));
        assert!(matches!(
            world.sspr.send(&token, &client(1)).await.unwrap(),
            SendOutcome::TooSoon { .. } | SendOutcome::Sent(_)
        ));
    });
}

#[test]
fn a_request_that_is_repeated_opens_one_reset_and_sends_one_mail() {
    on_every_store(|world| async move {
        let key = RequestKey::generate(&SystemEntropy::new()).unwrap();
        let open = |mail: &'static str, key: RequestKey| {
            let sspr = &world.sspr;
            async move {
                let asked = request(mail).with_key(key);
                match sspr.open(&asked, &client(1)).await.unwrap() {
                    OpenOutcome::Opened(opened) => opened.token,
                    other => panic!("not opened: {other:?}"),
                }
            }
        };

        let first = open("ada@example.com", key.clone()).await;
        let again = open("ada@example.com", key.clone()).await;
        let other_address = open("eve@example.com", key).await;
        let other_key = RequestKey::generate(&SystemEntropy::new()).unwrap();
        let other_key = open("ada@example.com", other_key).await;

        assert_eq!(first.expose(), again.expose());
        assert_ne!(first.expose(), other_address.expose());
        assert_ne!(first.expose(), other_key.expose());
        let sent = world.sspr.send(&first, &client(1)).await.unwrap();
        let refused = world.sspr.send(&again, &client(1)).await.unwrap();
        assert!(matches!(sent, SendOutcome::Sent(_)));
        assert!(matches!(refused, SendOutcome::TooSoon { .. }));
        assert_eq!(world.courier.drain(&world.inbox).await.sent, 1);
        // Whichever of the two tokens the browser kept, the code is its own.
        let code = world.inbox.last_code().unwrap();
        world.granted(&again, &code).await;
    });
}

#[test]
fn a_request_that_is_repeated_when_its_reset_is_dead_opens_a_living_one() {
    on_every_store(|world| async move {
        let key = RequestKey::generate(&SystemEntropy::new()).unwrap();
        let asked = request("ada@example.com").with_key(key);
        for _ in 0..3 {
            let StartOutcome::Started(it) = world.sspr.start(&asked, &client(1)).await.unwrap()
            else {
                panic!("not started")
            };
            world.granted(&it.token, &world.mailed_code().await).await;
            world.clock.advance(hours(1));
        }
    });
}
