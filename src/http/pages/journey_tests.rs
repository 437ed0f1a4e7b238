//! The journeys of a cookie, and what each keeps from one stage to the next.

use super::*;
use crate::adapters::SystemEntropy;

fn begun(stage: Stage, address: &str) -> Journey {
    Journey::begin(address, stage, &SystemEntropy::new()).unwrap()
}

/// A journey with everything that a journey can have.
fn full() -> Journey {
    let secret = |text: &str| Some(Secret::of(text.to_owned()));
    Journey {
        account: Some("ada".to_owned()),
        freeze: secret("code"),
        grant: secret("grant"),
        return_to: Some("/cart".to_owned()),
        stamp: Some([7; 16]),
        token: secret("token"),
        ..begun(Stage::Code, "ada@example.com")
    }
}

fn grant() -> Grant {
    Grant::parse(&"A".repeat(107)).unwrap()
}

#[test]
fn a_journey_that_begins_afresh_keeps_who_and_where_to_and_no_secret() {
    let before = full();
    let fresh = before.afresh(&SystemEntropy::new()).unwrap();

    assert_eq!((&fresh.id, &fresh.address), (&before.id, &before.address));
    assert_eq!(fresh.return_to.as_deref(), Some("/cart"));
    assert_eq!(fresh.page(), "password");
    assert!(fresh.token.is_none() && fresh.grant.is_none() && fresh.freeze.is_none());
    let keys = [&before, &fresh].map(|it| it.key.as_ref().unwrap().expose().to_owned());
    assert_ne!(keys[0], keys[1]);
}

#[test]
fn a_code_that_may_freeze_is_kept_until_the_answer_and_without_a_key() {
    let code = Code::parse("12345678").unwrap();
    let asked = full().freezing(&code);
    assert_eq!(asked.freeze.as_ref().map(Secret::expose), Some("12345678"));
    assert!(asked.request_key().is_none());

    let answered = asked.answered(Stage::Frozen);
    assert_eq!(answered.page(), "frozen");
    assert!(answered.freeze.is_none());
}

#[test]
fn after_a_password_that_must_be_changed_only_the_grant_is_kept() {
    let next = full().must_change(&grant());
    assert!(next.must_change && next.grant.is_some());
    assert!(next.account.is_none() && next.stamp.is_none());
    assert!(next.token.is_none() && next.key.is_none());
}

#[test]
fn only_an_entrance_that_nobody_has_used_is_offered_again() {
    let unused = |stage, address, wanted| {
        let mut jar = Jar::default();
        jar.put(Journey { return_to: Some("/a".to_owned()), ..begun(stage, address) });
        jar.unused(wanted).is_some()
    };
    assert!(unused(Stage::Forgot, "", Some("/a")));
    assert!(!unused(Stage::Forgot, "", Some("/b")));
    assert!(!unused(Stage::Forgot, "nobody", Some("/a")));
    assert!(!unused(Stage::Password, "", Some("/a")));
}

#[test]
fn a_form_is_empty_until_it_is_sent() {
    let sent = Some(Flash::WrongPassword);
    assert!(begun(Stage::Forgot, "").is_empty_form());
    assert!(!begun(Stage::Forgot, "nobody").is_empty_form());
    assert!(begun(Stage::Change, "").is_empty_form());
    assert!(!begun(Stage::Change, "").at(Stage::Change, sent).is_empty_form());
    assert!(!begun(Stage::Password, "").is_empty_form());
}
