//! Attacks by way of the new password.

use sspr::{
    domain::{Password, PasswordError},
    engine::{RedeemOutcome, SignInOutcome, SubmitOutcome},
};

use crate::support::*;

/// Django CVE-2013-1443, CVE-2021-45115: very long passwords, and costly comparisons with other
/// attributes, kept the server busy. Size is judged first, before any hash and any normalisation.
#[test]
fn attack_52_an_oversized_password_costs_nothing() {
    on_every_store(|world| async move {
        let (token, code) = world.started_with_code().await;
        let grant = world.granted(&token, &code).await;
        let hashes = world.hasher.jobs();
        for (text, error) in [
            ("x".repeat(1 << 20), PasswordError::TooLong),
            ("\u{301}".repeat(1_000_000), PasswordError::TooLong),
            (format!("a{}", "\u{301}".repeat(511)), PasswordError::TooLong),
            ("\u{fdfa}".repeat(257), PasswordError::TooLong),
            ("x".repeat(257), PasswordError::TooLong),
            (String::new(), PasswordError::Empty),
        ] {
            assert_eq!(Password::parse(&text).unwrap_err(), error, "{} bytes", text.len());
        }
        // The longest that is one is judged against names and brand before it is hashed.
        let longest = "contoso".repeat(36);
        let outcome = world.submit(&grant, &longest).await;
        assert!(matches!(outcome, SubmitOutcome::Weak { .. }), "{outcome:?}");
        assert_eq!(world.hasher.jobs(), hashes);
    });
}

/// Okta 2024-10-30: bcrypt cut its input off, and a long name left nothing of the password. Every
/// byte of a password is hashed, and nothing else with it.
#[test]
fn attack_53_every_byte_of_a_password_counts() {
    on_every_store(|world| async move {
        let long = "four unrelated words will do ".repeat(8);
        let (token, code) = world.started_with_code().await;
        let grant = world.granted(&token, &code).await;
        world.changed(&grant, &long).await;
        for cut in [8, 55, 64, 71, 72, 73, 127, 128, 129, 200, long.len() - 1] {
            world.clock.advance(hours(25));
            for typed in [long[..cut].to_owned(), format!("{}~{}", &long[..cut], &long[cut + 1..])]
            {
                let outcome = world.sign_in("ada@example.com", &typed).await;
                assert!(matches!(outcome, SignInOutcome::Rejected), "{cut}");
            }
        }
        let outcome = world.sign_in("ada@example.com", &long).await;
        assert!(matches!(outcome, SignInOutcome::SignedIn(_)));
    });
}

/// A NUL ended a password early, and one form of a letter did not match the other. NUL and its like
/// are no password anywhere; both forms of a letter are one, in reset and sign-in alike.
#[test]
fn attack_54_nul_is_refused_and_forms_of_a_letter_are_one() {
    for text in ["a good password\0", "\0", "a\0good password", "tab\tbed password", "esc\u{1b}ape"]
    {
        assert_eq!(Password::parse(text).unwrap_err(), PasswordError::Control, "{text:?}");
    }
    on_every_store(|world| async move {
        let (decomposed, composed) =
            ("cafe\u{301} creme bru\u{302}le\u{301}e", "caf\u{e9} creme br\u{fb}l\u{e9}e");
        let (token, code) = world.started_with_code().await;
        let grant = world.granted(&token, &code).await;
        world.changed(&grant, decomposed).await;
        for typed in [decomposed, composed] {
            let outcome = world.sign_in("ada@example.com", typed).await;
            assert!(matches!(outcome, SignInOutcome::SignedIn(_)));
        }
        // Case, blanks and compatibility forms are the person's own.
        for typed in [
            "Caf\u{e9} creme br\u{fb}l\u{e9}e",
            " caf\u{e9} creme br\u{fb}l\u{e9}e",
            "cafe creme brulee",
        ] {
            let outcome = world.sign_in("ada@example.com", typed).await;
            assert!(matches!(outcome, SignInOutcome::Rejected), "{typed}");
        }
    });
}

/// Slow hashes as an amplifier: wrong codes and forged grants made the server hash. The code comes
/// before the password, and what is wrong with a password is said to who has the grant only.
#[test]
fn attack_55_wrong_codes_buy_no_hash() {
    on_every_store(|world| async move {
        let hashes = world.hasher.jobs();
        let (token, code) = world.started_with_code().await;
        for _ in 0..1000 {
            world.verify(&token, &other_than(&code)).await;
        }
        let forged = sspr::domain::Grant::parse(&token.expose()).unwrap();
        for text in [NEW, "password", "contoso"] {
            let outcome = world.submit(&forged, text).await;
            assert!(matches!(outcome, SubmitOutcome::Rejected), "{text}: {outcome:?}");
        }
        assert_eq!(world.hasher.jobs(), hashes);
    });
}

/// A ticket from before a second reset: the first thief of a mailbox finishes, the owner resets
/// again, and the thief redeems what was kept. The stamp has moved on.
#[test]
fn attack_own_05_a_kept_ticket_dies_with_the_next_reset() {
    on_every_store(|world| async move {
        let kept = world.reset().await;
        let token = world.started("ada@example.com", &client(2)).await;
        let code = world.mailed_code().await;
        let grant = world.granted(&token, &code).await;
        let fresh = world.changed(&grant, "chosen by the owner").await;
        assert!(matches!(world.redeem(&kept).await, RedeemOutcome::Rejected));
        assert!(matches!(world.redeem(&fresh).await, RedeemOutcome::SignIn(_)));
    });
}
