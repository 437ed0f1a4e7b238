//! Attacks by guessing, and by keeping the owner out with it.

use std::sync::Arc;

use sspr::{
    TenantPolicy,
    domain::{Code, CodeFormat, FlowToken, LanguageTag},
    engine::{Client, Rejection, SendOutcome, SignInOutcome, StartOutcome, VerifyOutcome},
    policy::{Limits, LimitsBuilder, LimitsError},
    ports::EventKind,
};

use crate::support::*;

/// A client in one of many networks.
fn stranger(number: usize) -> Client {
    let [.., high, low] = number.to_be_bytes();
    Client::at(std::net::IpAddr::from([198, 18, high, low]))
}

/// Tries codes all at once, each from a network of its own; how many were compared.
async fn burst(world: &Arc<World>, tokens: &Arc<Vec<FlowToken>>, wrong: &'static str) -> usize {
    let outcomes = all(1000, |number| {
        let (world, tokens) = (world.clone(), tokens.clone());
        Box::pin(async move {
            let token = &tokens[number % tokens.len()];
            let code = Code::parse(wrong).unwrap();
            world.sspr.verify(token, &code, &stranger(number % 200)).await.unwrap()
        })
    })
    .await;
    assert!(!outcomes.iter().any(|outcome| matches!(outcome, VerifyOutcome::Granted(_))));
    outcomes.iter().filter(|outcome| is_wrong(outcome)).count()
}

/// Instagram 2019, Microsoft 2021: the whole code space in parallel from many addresses. A try is
/// charged atomically before it is compared, whoever makes it.
#[test]
fn attack_09_a_thousand_guesses_at_once_from_200_networks_are_five() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        let wrong = if code.expose() == "00000000" { "00000001" } else { "00000000" };
        let compared = burst(&Arc::new(world), &Arc::new(vec![token]), wrong).await;
        assert!((1..=5).contains(&compared), "{compared}");
    });
}

/// AWS Cognito 2021: 20 guesses were documented, 1,587 got through. What the README says is what
/// a race over many resets of one account comes to.
#[test]
fn attack_10_the_documented_number_of_guesses_is_the_real_one() {
    let readme = include_str!("../../README.md").replace('\n', " ");
    let limits = Limits::default();
    assert!(
        readme.contains(&format!("At most {} tries of each code", limits.tries_per_challenge()))
    );
    assert!(readme.contains(&format!("at most {} comparisons", limits.tries_per_window())));
    on_every_store(|world| async move {
        let mut tokens = Vec::new();
        for number in 0..8 {
            let outcome = world.sspr.start(&request("ada@example.com"), &stranger(number)).await;
            let StartOutcome::Started(started) = outcome.unwrap() else { panic!("not started") };
            assert_eq!(started.sent.code_length(), 8);
            tokens.push(started.token);
        }
        world.courier.drain(&world.inbox).await;
        let compared = burst(&Arc::new(world), &Arc::new(tokens), "00000000").await;
        assert!((1..=15).contains(&compared), "{compared}");
    });
}

/// Zitadel CVE-2023-47111: parallel sign-ins passed the lockout, which was counted after the
/// comparison. A failure is charged before.
#[test]
fn attack_11_parallel_passwords_do_not_pass_the_lockout() {
    on_every_store(|world| async move {
        let world = Arc::new(world);
        let outcomes = all(100, |number| {
            let world = world.clone();
            Box::pin(async move {
                let wrong = password(&format!("wrong password {number}"));
                let ask = request("ada@example.com");
                world.sspr.sign_in(&ask, &wrong, &stranger(number)).await.unwrap()
            })
        })
        .await;
        let compared = outcomes.iter().filter(|it| matches!(it, SignInOutcome::Rejected)).count();
        assert!((1..=10).contains(&compared), "{compared}");
        let right = world.sign_in("ada@example.com", OLD).await;
        assert!(matches!(right, SignInOutcome::LockedOut { .. }));
    });
}

/// Zitadel CVE-2024-32868 and others: no limit, or one that a setting takes away. Limits are there
/// without any setting, and none can be set to nothing or to what is too much.
#[test]
fn attack_13_no_setting_takes_a_limit_away() {
    type Set = fn(LimitsBuilder, u32) -> LimitsBuilder;
    let fields: [(&str, Set); 14] = [
        ("tries_per_challenge", LimitsBuilder::tries_per_challenge),
        ("tries_per_window", LimitsBuilder::tries_per_window),
        ("tries_per_streak", LimitsBuilder::tries_per_streak),
        ("sends_per_address_and_network", LimitsBuilder::sends_per_address_and_network),
        ("sends_per_address", LimitsBuilder::sends_per_address),
        ("sends_per_network", LimitsBuilder::sends_per_network),
        ("opens_per_network", LimitsBuilder::opens_per_network),
        ("network_tries", LimitsBuilder::network_tries),
        ("sends_per_device", LimitsBuilder::sends_per_device),
        ("sends_per_vouch", LimitsBuilder::sends_per_vouch),
        ("sends_per_account", LimitsBuilder::sends_per_account),
        ("submits_per_grant", LimitsBuilder::submits_per_grant),
        ("tenant_tries", LimitsBuilder::tenant_tries),
        ("lockout_threshold", LimitsBuilder::lockout_threshold),
    ];
    for (name, set) in fields {
        let error = set(Limits::builder(), 0).build().unwrap_err();
        assert!(matches!(error, LimitsError::Bound { field, .. } if field == name), "{name}");
    }
    for set in [fields[0].1, fields[1].1, fields[2].1, fields[11].1, fields[12].1] {
        assert!(set(Limits::builder(), u32::MAX).build().is_err());
    }
    let policy = TenantPolicy::customers("contoso").unwrap();
    assert_eq!(*policy.limits(), Limits::default());
}

/// better-auth: asking for another code gave another full set of guesses, without end. The budget
/// of an account outlives its codes.
#[test]
fn attack_14_resending_gives_no_more_guesses_than_the_window_has() {
    on_every_store(|world| async move {
        let token = world.started("ada@example.com", &client(1)).await;
        let mut compared = 0;
        for round in 0..12 {
            world.courier.drain(&world.inbox).await;
            let short = world.inbox.last_code().unwrap().format() == CodeFormat::Digits;
            for _ in 0..3 {
                let outcome = world.verify(&token, &wrong_code()).await;
                compared += usize::from(short && is_wrong(&outcome));
            }
            world.clock.advance(seconds(60));
            // From another network each time: caps on mails are another matter.
            let sent = world.sspr.send(&token, &stranger(round)).await.unwrap();
            assert!(matches!(sent, SendOutcome::Sent(_)), "{sent:?}");
        }
        assert_eq!(compared, 15);
    });
}

/// Kratos PR #4606: one guess at each of very many accounts passes every limit of one account.
/// Past a tenant's threshold an event is raised, and short codes are neither sent nor compared.
#[test]
fn attack_16_one_guess_at_each_of_many_accounts_raises_the_alarm() {
    on_every_store(|world| async move {
        let limits = Limits::builder().tenant_tries(40).build().unwrap();
        let policy = TenantPolicy::customers("contoso").unwrap();
        world.policies.replace(policy.with_limits(limits));
        let (own, code) = world.started_with_code().await;
        for number in 0..50 {
            let typed = format!("customer{number}@example.com");
            let ask = request(&typed);
            let outcome = world.sspr.start(&ask, &stranger(number)).await.unwrap();
            let StartOutcome::Started(it) = outcome else { panic!("not started") };
            world.sspr.verify(&it.token, &wrong_code(), &stranger(number)).await.unwrap();
        }
        world.courier.drain(&world.inbox).await;
        let alarms = world.events.all();
        let alarms = alarms.iter().filter(|event| event.kind == EventKind::TenantTries).count();
        assert_eq!(alarms, 1, "one alarm, not one a guess");
        let sprayed = world.verify(&own, &code).await;
        let VerifyOutcome::Rejected(Rejection::LongerCodeSent(sent)) = sprayed else {
            panic!("a short code is still compared: {sprayed:?}");
        };
        assert_eq!(sent.format, CodeFormat::Letters);
        let long = world.mailed_code().await;
        assert!(matches!(world.verify(&own, &long).await, VerifyOutcome::Granted(_)));
    });
}

/// Zitadel CVE-2025-64102: whoever knows an address locks its owner out. Guesses at passwords and
/// codes cost the owner one longer code, and the reset opens the lock.
#[test]
fn attack_24_guessing_keeps_no_owner_out() {
    on_every_store(|world| async move {
        for number in 0..12 {
            let ask = request("ada@example.com");
            world.sspr.sign_in(&ask, &password("wrong"), &stranger(number)).await.unwrap();
        }
        for number in 0..3 {
            let ask = request("ada@example.com");
            let outcome = world.sspr.start(&ask, &stranger(number)).await.unwrap();
            let StartOutcome::Started(it) = outcome else { panic!("not started") };
            world.courier.drain(&world.inbox).await;
            for _ in 0..6 {
                world.sspr.verify(&it.token, &wrong_code(), &stranger(number)).await.unwrap();
            }
        }
        let locked = world.sign_in("ada@example.com", OLD).await;
        assert!(matches!(locked, SignInOutcome::LockedOut { .. }));

        let (token, code) = world.started_with_code().await;
        assert_eq!(code.format(), CodeFormat::Letters);
        let grant = world.granted(&token, &code).await;
        world.changed(&grant, NEW).await;
        let opened = world.sign_in("ada@example.com", NEW).await;
        assert!(matches!(opened, SignInOutcome::SignedIn(_)));
    });
}

/// Zitadel #12622: a mailbox was buried under reset mails. Caps stand per address, per network and
/// address, and per network, and they are in the store: another process does not forget them.
#[test]
fn attack_42_a_mailbox_is_not_buried() {
    on_every_store(|world| async move {
        let ask = |mail: String, number| {
            let world = &world;
            async move {
                let ask = request(&mail).with_locale(LanguageTag::parse("de").unwrap());
                let outcome = world.sspr.start(&ask, &stranger(number)).await.unwrap();
                usize::from(matches!(outcome, StartOutcome::Started(_)))
            }
        };
        let mut from_one = 0;
        for _ in 0..50 {
            from_one += ask("ada@example.com".to_owned(), 1).await;
        }
        assert_eq!(from_one, 5);
        for number in 2..100 {
            ask("ada@example.com".to_owned(), number).await;
        }
        world.courier.drain(&world.inbox).await;
        assert_eq!(world.inbox.messages().len(), 20, "a day's mails, from whatever networks");

        let restarted = world.another_process();
        let ask_again = request("ada@example.com");
        let after = restarted.sspr.start(&ask_again, &stranger(200)).await.unwrap();
        assert!(matches!(after, StartOutcome::TryLater { .. }), "{after:?}");
        let mut sprayed = 0;
        for number in 0..100 {
            sprayed += ask(format!("customer{number}@example.com"), 300).await;
        }
        assert_eq!(sprayed, 60, "an hour's mails of one network");
    });
}
