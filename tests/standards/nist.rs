//! NIST SP 800-63B-4.

use std::time::Duration;

use sspr::{
    adapters::Argon2Pool,
    domain::{Code, CodeFormat, Password, SecondFactor},
    engine::{SignInOutcome, SubmitOutcome, VerifyOutcome},
    policy::{Limits, LimitsError, PasswordIssue, PasswordRules},
    ports::{HashQueue, PasswordHasher as _},
};

use crate::{
    issues, limit,
    support::{NEW, World, address, client, hours, is_wrong, other_than, password, seconds},
    with_ada,
};

const FIFTEEN: &str = "🦔🐌🌵🎏🧭🪁🛶🧶🥁🪗🦕🍁🧊🪨🌋";

#[test]
fn nist_3_1_1_2_at_least_fifteen_characters() {
    let rules = PasswordRules::nist();
    assert_eq!(issues(&rules, "quiet river ben"), []);
    assert_eq!(issues(&rules, "quiet river be"), [PasswordIssue::Short { least: 15 }]);
}

#[test]
fn nist_3_1_1_2_never_fewer_than_eight_characters() {
    assert!(PasswordRules::nist().with_min_length(8).is_ok());
    assert!(PasswordRules::nist().with_min_length(7).is_err());
}

#[test]
fn nist_3_1_1_2_each_code_point_counts_as_one_character() {
    let fourteen: String = FIFTEEN.chars().skip(1).collect();
    assert_eq!(issues(&PasswordRules::nist(), FIFTEEN), []);
    let short = [PasswordIssue::Short { least: 15 }];
    assert_eq!(issues(&PasswordRules::nist(), &fourteen), short);
}

#[test]
fn nist_3_1_1_2_sixty_four_characters_and_more_are_permitted_and_none_is_cut() {
    let long: String = (0..256_u32).map(|n| char::from_u32(0x4e00 + 7 * n).unwrap()).collect();
    for length in [64, 256] {
        let text: String = long.chars().take(length).collect();
        assert_eq!(issues(&PasswordRules::nist(), &text), [], "{length}");
    }
    assert!(Password::parse(&format!("{long}x")).is_err());
    with_ada(|world| async move {
        let (token, code) = world.started_with_code().await;
        let grant = world.granted(&token, &code).await;
        world.changed(&grant, &long).await;
        let cut: String = long.chars().take(255).collect();
        assert!(matches!(world.sign_in("ada@example.com", &cut).await, SignInOutcome::Rejected));
        let whole = world.sign_in("ada@example.com", &long).await;
        assert!(matches!(whole, SignInOutcome::SignedIn(_)));
    });
}

#[test]
fn nist_3_1_1_2_printing_ascii_space_and_unicode_are_accepted() {
    let printing: String = (' '..='~').collect();
    assert_eq!(issues(&PasswordRules::nist(), &printing), []);
    assert_eq!(issues(&PasswordRules::nist(), "тихая река за старой мельницей"), []);
}

#[test]
fn nist_3_1_1_2_unicode_is_normalised_once_to_form_c() {
    assert_ne!(password("\u{fb01}sh").expose(), "fish", "not form KC");
    with_ada(|world| async move {
        let (token, code) = world.started_with_code().await;
        let grant = world.granted(&token, &code).await;
        world.changed(&grant, "une tre\u{300}s longue phrase").await;
        let typed = world.sign_in("ada@example.com", "une tr\u{e8}s longue phrase").await;
        assert!(matches!(typed, SignInOutcome::SignedIn(_)));
    });
}

#[test]
fn nist_3_1_1_2_no_kinds_of_characters_are_demanded() {
    for text in ["aquietriverbendsslowly", "A QUIET RIVER BENDS", "739 105 286 4017 93"] {
        assert_eq!(issues(&PasswordRules::nist(), text), [], "{text}");
    }
}

#[test]
fn nist_3_1_1_2_a_blocked_password_is_refused_with_the_reason_and_the_grant_stays_good() {
    with_ada(|world| async move {
        let (token, code) = world.started_with_code().await;
        let grant = world.granted(&token, &code).await;
        let SubmitOutcome::Weak { issues } = world.submit(&grant, "passwordpassword").await else {
            panic!("refused with reasons");
        };
        assert_eq!(issues, [PasswordIssue::Common]);
        assert_eq!(issues[0].to_string(), "It is on the list of common passwords.");
        assert!(matches!(world.submit(&grant, NEW).await, SubmitOutcome::Changed(_)));
    });
}

#[test]
fn nist_3_1_1_2_hashes_name_scheme_cost_and_a_salt_of_their_own() {
    with_ada(|_| async move {
        let pool = Argon2Pool::new();
        let one = pool.hash(password(NEW), HashQueue::Submit).await.unwrap();
        let other = pool.hash(password(NEW), HashQueue::Submit).await.unwrap();
        let parts: Vec<&str> = one.expose().split('$').collect();
        assert_eq!(parts[1..4], ["argon2id", "v=19", "m=19456,t=2,p=1"]);
        assert_ne!(parts[4], other.expose().split('$').nth(4).unwrap());
        assert!(parts[4].len() * 6 >= 32, "a salt of 32 bits at least");
    });
}

#[test]
fn nist_3_2_2_no_more_than_one_hundred_comparisons_can_be_configured() {
    let numbers = |tries_per_streak| Limits::builder().tries_per_streak(tries_per_streak);
    assert!(numbers(100).build().is_ok());
    let field = "tries_per_streak";
    let error = numbers(101).build().unwrap_err();
    assert!(matches!(error, LimitsError::Bound { field: named, .. } if named == field));
}

#[test]
fn nist_3_2_2_past_the_cap_only_codes_of_sixty_four_bits_go_out() {
    assert!(CodeFormat::Letters.codes() > 1 << 64);
    with_ada(|world| async move {
        limit(&world, Limits::builder().tries_per_streak(5));
        let (token, code) = world.started_with_code().await;
        for _ in 0..5 {
            world.verify(&token, &other_than(&code)).await;
        }
        for day in [0, 2, 30, 300] {
            world.clock.advance(hours(24 * day));
            let (_, code) = world.started_with_code().await;
            assert_eq!(code.format(), CodeFormat::Letters, "after {day} days more");
        }
    });
}

#[test]
fn nist_3_2_2_a_right_code_clears_the_accounts_count_and_not_what_outsiders_see() {
    with_ada(|world| async move {
        limit(&world, Limits::builder().tries_per_streak(5));
        let both = vec![address("ada@example.com"), address("lovelace@example.com")];
        world.change_account("ada", |ada| ada.addresses = both).await;
        let (token, code) = world.started_with_code().await;
        for _ in 0..4 {
            world.verify(&token, &other_than(&code)).await;
        }
        world.granted(&token, &code).await;
        world.started("lovelace@example.com", &client(2)).await;
        assert_eq!(world.mailed_code().await.format(), CodeFormat::Digits, "cleared");
        world.started("ada@example.com", &client(2)).await;
        assert_eq!(world.mailed_code().await.format(), CodeFormat::Letters, "as outsiders expect");
    });
}

#[test]
fn nist_3_2_2_signing_in_is_never_closed_by_wrong_codes() {
    with_ada(|world| async move {
        spend_every_try(&world).await;
        let signed_in = world.sign_in("ada@example.com", crate::support::OLD).await;
        assert!(matches!(signed_in, SignInOutcome::SignedIn(_)));
    });
}

async fn spend_every_try(world: &World) {
    for network in 1..5 {
        let token = world.started("ada@example.com", &client(network)).await;
        let code = world.mailed_code().await;
        for _ in 0..6 {
            let guess = match code.format() {
                CodeFormat::Digits => other_than(&code),
                CodeFormat::Letters => Code::parse("00000000").unwrap(),
            };
            world.sspr.verify(&token, &guess, &client(network)).await.unwrap();
        }
    }
}

#[test]
fn nist_4_2_1_2_a_code_has_at_least_six_digits() {
    for format in [CodeFormat::Digits, CodeFormat::Letters] {
        assert!(format.length() >= 6 && format.codes() >= 1_000_000, "{format:?}");
    }
}

#[test]
fn nist_4_2_1_2_a_code_by_email_lives_a_day_at_most() {
    let day = hours(24);
    let numbers = |code_lifetime| Limits::builder().code_lifetime(code_lifetime);
    assert!(numbers(day).build().is_ok());
    assert!(numbers(day + Duration::from_micros(1)).build().is_err(), "never clamped");
    assert!(Limits::default().code_lifetime() <= day);
}

#[test]
fn nist_4_2_1_2_codes_go_to_the_first_address_on_file_whichever_was_typed() {
    with_ada(|world| async move {
        let both = vec![address("ada@example.com"), address("lovelace@example.com")];
        world.change_account("ada", |ada| ada.addresses = both).await;
        world.started("lovelace@example.com", &client(1)).await;
        world.courier.drain(&world.inbox).await;
        let to: Vec<String> =
            world.inbox.messages().iter().map(|mail| mail.to.as_str().to_owned()).collect();
        assert_eq!(to, ["ada@example.com"]);
    });
}

#[test]
fn nist_3_1_3_1_one_mailbox_is_never_two_factors() {
    with_ada(|world| async move {
        world.change_account("ada", |ada| ada.second_factor = SecondFactor::SameMailbox).await;
        let token = world.started("ada@example.com", &client(1)).await;
        world.courier.drain(&world.inbox).await;
        assert!(world.inbox.messages().is_empty());
        world.clock.advance(seconds(1));
        let zero = Code::parse("00000000").unwrap();
        assert!(matches!(world.verify(&token, &zero).await, VerifyOutcome::Rejected(_)));
    });
}

#[test]
fn nist_3_1_3_2_a_new_code_ends_the_old_one_and_frees_no_budget() {
    with_ada(|world| async move {
        let (token, old) = world.started_with_code().await;
        world.verify(&token, &other_than(&old)).await;
        world.clock.advance(seconds(60));
        world.sent(&token, &client(1)).await;
        let new = world.mailed_code().await;
        assert!(is_wrong(&world.verify(&token, &old).await));
        assert!(matches!(world.verify(&token, &new).await, VerifyOutcome::Granted(_)));
    });
}
