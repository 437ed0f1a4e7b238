//! OWASP cheat sheets and the Web Security Testing Guide.

use std::time::Duration;

use sspr::{
    adapters::Argon2Pool,
    domain::{Code, CodeFormat},
    engine::{SendOutcome, SignInOutcome, VerifyOutcome},
    policy::Limits,
    ports::{HashQueue, PasswordHasher as _},
};

use crate::{
    support::{NEW, client, other_than, password, seconds},
    with_ada,
};

#[test]
fn owasp_forgot_password_a_code_has_six_to_twelve_digits() {
    assert!((6..=12).contains(&CodeFormat::Digits.length()));
}

#[test]
fn owasp_forgot_password_blanks_inside_a_code_are_ignored() {
    with_ada(|world| async move {
        let (token, code) = world.started_with_code().await;
        let text = code.expose();
        let spaced = format!(" {} {} ", &text[..4], &text[4..]);
        let typed = Code::parse(&spaced).unwrap();
        assert!(matches!(world.verify(&token, &typed).await, VerifyOutcome::Granted(_)));
    });
}

#[test]
fn owasp_forgot_password_nothing_of_the_account_changes_before_a_right_code() {
    with_ada(|world| async move {
        let before = world.account("ada").await.unwrap();
        for network in 1..4 {
            let token = world.started("ada@example.com", &client(network)).await;
            let code = world.mailed_code().await;
            for _ in 0..6 {
                let guess = other_than(&code);
                world.sspr.verify(&token, &guess, &client(network)).await.unwrap();
            }
        }
        let after = world.account("ada").await.unwrap();
        assert!(before.stamp == after.stamp && before.password == after.password);
        assert_eq!((before.locked, before.disabled), (after.locked, after.disabled));
        let old = world.sign_in("ada@example.com", crate::support::OLD).await;
        assert!(matches!(old, SignInOutcome::SignedIn(_)), "no lock before a right code");
    });
}

#[test]
fn owasp_forgot_password_no_mail_holds_a_password_or_a_link() {
    with_ada(|world| async move {
        world.reset().await;
        world.courier.drain(&world.inbox).await;
        let mails = world.inbox.messages();
        assert_eq!(mails.len(), 2, "the code and the notice");
        for mail in mails {
            for part in [&mail.subject, &mail.text, &mail.html] {
                for hidden in [NEW, crate::support::OLD, "http://", "https://", "href"] {
                    assert!(!part.contains(hidden), "{hidden}");
                }
            }
        }
    });
}

#[test]
fn owasp_forgot_password_a_new_code_can_be_asked_for_after_a_minute() {
    with_ada(|world| async move {
        let token = world.started("ada@example.com", &client(1)).await;
        world.clock.advance(seconds(60) - Duration::from_micros(1));
        let early = world.sspr.send(&token, &client(1)).await.unwrap();
        assert!(matches!(early, SendOutcome::TooSoon { .. }));
        world.clock.advance(Duration::from_micros(1));
        world.sent(&token, &client(1)).await;
    });
}

#[test]
fn owasp_multifactor_resends_overwrite_and_codes_are_not_repeated() {
    with_ada(|world| async move {
        let (token, first) = world.started_with_code().await;
        world.clock.advance(seconds(60));
        world.sent(&token, &client(1)).await;
        let second = world.mailed_code().await;
        // One pair in 10^8 is equal by chance.
        assert_ne!(first.expose(), second.expose());
        assert!(matches!(world.verify(&token, &first).await, VerifyOutcome::Rejected(_)));
        assert!(matches!(world.verify(&token, &second).await, VerifyOutcome::Granted(_)));
    });
}

#[test]
fn owasp_authentication_wrong_passwords_lock_for_a_time_that_doubles() {
    with_ada(|world| async move {
        let numbers = Limits::default();
        let mut wait = numbers.lockout_first();
        for _ in 0..numbers.lockout_threshold() {
            world.sign_in("ada@example.com", "not the password").await;
        }
        for _ in 0..4 {
            let locked = world.sign_in("ada@example.com", crate::support::OLD).await;
            let SignInOutcome::LockedOut { until: Some(until) } = locked else {
                panic!("locked: {locked:?}");
            };
            assert_eq!(until.since(sspr::ports::Clock::now(&world.clock)), wait);
            world.clock.advance(wait);
            wait *= 2;
            let wrong = world.sign_in("ada@example.com", "not the password").await;
            assert!(matches!(wrong, SignInOutcome::Rejected));
        }
    });
}

#[test]
fn owasp_password_storage_argon2id_with_nineteen_mebibytes_two_passes_one_lane() {
    with_ada(|_| async move {
        let hash = Argon2Pool::new().hash(password(NEW), HashQueue::Submit).await.unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    });
}

#[test]
fn owasp_password_storage_each_of_the_five_sets_can_be_chosen() {
    let sets = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];
    with_ada(|_| async move {
        for (memory, passes) in sets {
            let pool = Argon2Pool::new().with_parameters(memory, passes, 1).unwrap();
            let hash = pool.hash(password(NEW), HashQueue::Submit).await.unwrap();
            assert!(hash.expose().contains(&format!("m={memory},t={passes},p=1")));
        }
    });
}
