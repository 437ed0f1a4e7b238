//! What the silent half of the guess budget does, that it does not show, and who may sign in at all.

use crate::support::*;
use sspr::{
    domain::{CodeFormat, FlowToken},
    engine::{Rejection, SignInOutcome, VerifyOutcome},
    policy::{Limits, LimitsBuilder, TenantPolicy},
    ports::SendErrorKind,
};

/// The account of Ada has a second address.
const OTHER: &str = "countess@example.com";

fn limited(world: &World, limits: LimitsBuilder) {
    let policy = TenantPolicy::customers("contoso").unwrap();
    world.policies.replace(policy.with_limits(limits.build().unwrap()));
}

async fn with_a_second_address(world: &World) {
    world.change_account("ada", |ada| ada.addresses.push(address(OTHER))).await;
}

/// A reset of that address, with whatever the courier makes of it.
async fn started_and_mailed(world: &World, typed: &str, from: u8) -> FlowToken {
    let token = world.started(typed, &client(from)).await;
    world.courier.drain(&world.inbox).await;
    token
}

/// Three challenges of five wrong short codes: the budget of a day.
async fn spend_the_day(world: &World, typed: &str, from: u8) {
    for _ in 0..3 {
        let token = started_and_mailed(world, typed, from).await;
        for _ in 0..5 {
            assert!(is_wrong(&world.verify(&token, &wrong_code()).await));
        }
    }
}

/// What an outsider sees of an answer.
fn seen(outcome: &VerifyOutcome) -> String {
    match outcome {
        VerifyOutcome::Granted(_) => "granted".to_owned(),
        VerifyOutcome::NextProof(_) => "next proof".to_owned(),
        VerifyOutcome::Rejected(Rejection::WrongCode { tries_left }) => format!("{tries_left}"),
        VerifyOutcome::Rejected(Rejection::LongerCodeSent(sent)) => format!("{:?}", sent.format),
        VerifyOutcome::Rejected(other) => format!("{other:?}"),
    }
}

#[test]
fn i2_asking_again_forgets_no_try_of_what_was_typed() {
    on_every_store(|world| async move {
        for (typed, from) in [("ada@example.com", 1), ("nobody@example.com", 2)] {
            let token = started_and_mailed(&world, typed, from).await;
            for _ in 0..3 {
                for _ in 0..5 {
                    assert!(is_wrong(&world.verify(&token, &wrong_code()).await), "{typed}");
                }
                world.clock.advance(seconds(61));
                world.sent(&token, &client(from)).await;
                world.courier.drain(&world.inbox).await;
            }
            world.clock.advance(seconds(61));
            let sent = world.sent(&token, &client(from)).await;
            assert_eq!(sent.format, CodeFormat::Letters, "{typed}: short codes are used up");
        }
    });
}

#[test]
fn i2_a_second_address_of_an_account_buys_no_further_comparisons() {
    on_every_store(|world| async move {
        with_a_second_address(&world).await;
        spend_the_day(&world, "ada@example.com", 1).await;

        let token = world.started(OTHER, &client(2)).await;
        let code = world.mailed_code().await;

        assert_eq!(code.format(), CodeFormat::Letters, "a short code would be guessed at again");
        assert!(matches!(world.verify(&token, &code).await, VerifyOutcome::Granted(_)));
    });
}

#[test]
fn i6_a_longer_code_that_the_silent_budget_caused_does_not_show() {
    on_every_store(|world| async move {
        with_a_second_address(&world).await;
        spend_the_day(&world, "ada@example.com", 1).await;

        let mut journeys = Vec::new();
        for (from, typed) in [(2, OTHER), (3, "strangers@example.com")] {
            let mut journey = Vec::new();
            for _ in 0..4 {
                let started = world.sspr.start(&request(typed), &client(from)).await.unwrap();
                let sspr::engine::StartOutcome::Started(started) = started else { panic!() };
                world.courier.drain(&world.inbox).await;
                journey.push(format!("{:?}", started.sent.format));
                for _ in 0..6 {
                    journey.push(seen(&world.verify(&started.token, &wrong_code()).await));
                }
            }
            journeys.push(journey);
        }

        assert_eq!(journeys[0], journeys[1]);
        assert!(journeys[0].contains(&"Letters".to_owned()), "the visible cap was reached");
    });
}

#[test]
fn a_right_code_clears_the_streak_of_its_account() {
    on_every_store(|world| async move {
        with_a_second_address(&world).await;
        limited(&world, Limits::builder().tries_per_streak(4));
        let (token, code) = world.started_with_code().await;
        for _ in 0..3 {
            assert!(is_wrong(&world.verify(&token, &other_than(&code)).await));
        }
        world.granted(&token, &code).await;

        world.started(OTHER, &client(2)).await;

        assert_eq!(world.mailed_code().await.format(), CodeFormat::Digits);
    });
}

#[test]
fn an_old_code_gets_no_new_tries_when_another_is_asked_for() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        for _ in 0..4 {
            assert!(is_wrong(&world.verify(&token, &other_than(&code)).await));
        }
        world.clock.advance(seconds(60));

        // The mail with the new one is not yet made: the old one still counts.
        world.sent(&token, &client(1)).await;

        assert!(is_wrong(&world.verify(&token, &other_than(&code)).await));
        let right = world.verify(&token, &code).await;
        assert!(matches!(right, VerifyOutcome::Rejected(Rejection::Exhausted)));
    });
}

#[test]
fn an_account_is_mailed_so_often_a_day_however_it_is_addressed() {
    on_every_store(|world| async move {
        with_a_second_address(&world).await;
        limited(&world, Limits::builder().sends_per_account(2));

        for (from, typed) in [(1, "ada@example.com"), (2, OTHER), (3, OTHER)] {
            started_and_mailed(&world, typed, from).await;
        }

        assert_eq!(world.inbox.messages().len(), 2);
    });
}

#[test]
fn a_code_goes_to_the_first_address_on_file_whichever_was_typed() {
    on_every_store(|world| async move {
        with_a_second_address(&world).await;

        started_and_mailed(&world, OTHER, 1).await;

        let messages = world.inbox.messages();
        let to: Vec<_> = messages.iter().map(|message| message.to.as_str()).collect();
        assert_eq!(to, ["ada@example.com"]);
    });
}

#[test]
fn a_notice_that_failed_for_now_is_sent_when_its_lease_ends() {
    on_every_store(|world| async move {
        world.reset().await;
        world.inbox.fail_next(SendErrorKind::Transient, 1);

        let first = world.courier.drain(&world.inbox).await;
        world.clock.advance(seconds(60));
        let second = world.courier.drain(&world.inbox).await;

        assert_eq!((first.sent, first.postponed), (0, 1));
        assert_eq!((second.sent, world.notices_due().await), (1, 0));
    });
}

#[test]
fn of_two_sends_that_wait_only_the_newest_is_mailed() {
    on_every_store(|world| async move {
        let token = world.started("ada@example.com", &client(1)).await;
        world.clock.advance(seconds(60));
        world.sent(&token, &client(1)).await;

        let code = world.mailed_code().await;

        assert_eq!(world.inbox.messages().len(), 1);
        assert!(matches!(world.verify(&token, &code).await, VerifyOutcome::Granted(_)));
    });
}

#[test]
fn a_mail_that_failed_is_not_tried_again_once_a_newer_code_was_asked_for() {
    on_every_store(|world| async move {
        world.inbox.fail_next(SendErrorKind::Transient, 1);
        let token = world.started("ada@example.com", &client(1)).await;
        assert_eq!(world.courier.drain(&world.inbox).await.postponed, 1);
        world.clock.advance(seconds(60));
        world.sent(&token, &client(1)).await;

        let code = world.mailed_code().await;

        assert_eq!(world.inbox.messages().len(), 1);
        assert!(matches!(world.verify(&token, &code).await, VerifyOutcome::Granted(_)));
    });
}

#[test]
fn a_network_that_tries_codes_too_often_is_told_to_try_later() {
    on_every_store(|world| async move {
        limited(&world, Limits::builder().network_tries(2));
        let (token, code) = world.started_with_code().await;
        for _ in 0..2 {
            assert!(is_wrong(&world.verify(&token, &other_than(&code)).await));
        }

        let third = world.verify(&token, &code).await;
        let elsewhere = world.sspr.verify(&token, &code, &client(2)).await.unwrap();

        assert!(matches!(third, VerifyOutcome::Rejected(Rejection::TryLater { .. })));
        assert!(matches!(elsewhere, VerifyOutcome::Granted(_)));
    });
}

#[test]
fn i7_a_wrong_password_costs_one_hash_whoever_it_is() {
    on_every_store(|world| async move {
        for mail in ["ada@example.com", "nobody@example.com"] {
            let before = world.hasher.jobs();
            let outcome = world.sign_in(mail, "not the password").await;
            assert!(matches!(outcome, SignInOutcome::Rejected));
            assert_eq!(world.hasher.jobs() - before, 1, "{mail}");
        }
    });
}

#[test]
fn who_is_disabled_locked_or_not_alone_on_an_address_does_not_sign_in() {
    on_every_store(|world| async move {
        let right = world.sign_in("ada@example.com", OLD).await;
        assert!(matches!(right, SignInOutcome::SignedIn(_)));

        world.change_account("ada", |ada| ada.locked = true).await;
        let locked = world.sign_in("ada@example.com", OLD).await;
        assert!(matches!(locked, SignInOutcome::LockedOut { until: None }));

        world
            .change_account("ada", |ada| {
                ada.locked = false;
                ada.disabled = true;
            })
            .await;
        let disabled = world.sign_in("ada@example.com", OLD).await;
        assert!(matches!(disabled, SignInOutcome::Rejected));

        world.change_account("ada", |ada| ada.disabled = false).await;
        world.add("ada@example.com", "her twin").await;
        let ambiguous = world.sign_in("ada@example.com", OLD).await;
        assert!(matches!(ambiguous, SignInOutcome::Rejected));
    });
}
