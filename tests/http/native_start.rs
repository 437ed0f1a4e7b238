//! The first request of the native API writes nothing: what its token is good for, and how often.

use crate::support::{NEW, native_api::Api, seconds};

/// A repeat of the first /challenge, after the first code has died, and past the limit of sends.
#[tokio::test]
async fn a_challenge_that_sends_nothing_and_whose_code_is_dead_is_not_answered_as_sent() {
    let api = Api::new().await;
    let named = api.start("ada@example.com").await.text("continuation_token");
    assert_eq!(api.challenge(&named).await.status, 200);
    for _ in 0..4 {
        let other = api.start("ada@example.com").await.text("continuation_token");
        assert_eq!(api.challenge(&other).await.status, 200);
    }
    let fifth = api.start("ada@example.com").await.text("continuation_token");
    assert_eq!(api.challenge(&fifth).await.status, 429, "the limit is reached");
    api.world.courier.drain(&api.world.inbox).await;
    api.world.clock.advance(seconds(20 * 60));
    let again = api.challenge(&named).await;
    let mails = api.world.courier.drain(&api.world.inbox).await.sent;
    assert!(
        again.status == 429 || mails == 1,
        "{} with {mails} mails: {}",
        again.status,
        again.body
    );
}

#[tokio::test]
async fn the_token_of_a_finished_reset_ends_with_its_ticket_however_often_it_is_polled() {
    let api = Api::new().await;
    let token = api.granted("ada@example.com").await;
    let mut token = api.submit(&token, NEW).await.text("continuation_token");
    for _ in 0..4 {
        api.world.clock.advance(seconds(60));
        token = api.poll(&token).await.text("continuation_token");
    }
    api.world.clock.advance(seconds(60));
    let polled = api.poll(&token).await;
    assert_eq!((polled.status, &*polled.text("error")), (400, "expired_token"));
}

/// Two /challenge calls of one token within a second send one mail.
#[tokio::test]
async fn a_lost_reply_at_the_turn_of_the_hour_is_answered_again_without_a_second_mail() {
    let api = Api::new().await;
    // To the last second of a turn: turns are as long as a reset lives.
    let now = sspr::ports::Clock::now(&api.world.clock).as_micros();
    let hour = 3_600_000_000;
    let at = sspr::domain::Timestamp::from_micros((now / hour + 1) * hour - 500_000);
    api.world.clock.set(at);
    let named = api.start("ada@example.com").await.text("continuation_token");
    api.challenge(&named).await;
    let code = api.code().await;
    api.world.clock.advance(seconds(1));
    let again = api.challenge(&named).await.text("continuation_token");
    let mails = api.world.courier.drain(&api.world.inbox).await.sent;
    let seen = api.go_on(&again, &code).await;
    assert_eq!((mails, seen.status), (0, 200), "{}", seen.body);
}

/// The reply to /challenge is lost, and the repeat goes to a process that signs with the next key.
#[tokio::test]
async fn a_repeated_challenge_during_a_rotation_sends_one_mail() {
    use crate::support::World;
    use sspr::Keyring;
    let key = |n: u8| {
        let bytes: Vec<u8> = (0..32_u8).map(|i| i.wrapping_mul(41).wrapping_add(n)).collect();
        <base64ct::Base64UrlUnpadded as base64ct::Encoding>::encode_string(&bytes)
    };
    let ring = |text: String| Keyring::parse(&text).unwrap();
    let (old, new, index) = (key(1), key(2), key(3));
    let before = ring(format!("sign={old} accept={new} index={index}"));
    let during = ring(format!("sign={new} accept={old} index={index}"));
    let world = Api::new().await.world;
    let process = |keys: Keyring| {
        let World { users, codes, policies, clock, .. } = &world;
        Api::over(World::assemble(
            users.clone(),
            codes.clone(),
            policies.clone(),
            keys,
            clock.clone(),
            None,
        ))
    };
    let (a, b) = (process(before), process(during));
    let named = a.start("ada@example.com").await.text("continuation_token");
    assert_eq!(a.challenge(&named).await.status, 200);
    let code = a.code().await;
    let again = b.challenge(&named).await.text("continuation_token");
    let mails = b.world.courier.drain(&b.world.inbox).await.sent;
    let seen = b.go_on(&again, &code).await;
    assert_eq!((mails, seen.status), (0, 200), "{}", seen.body);
}

/// A network that may open four resets an hour opens four.
#[tokio::test]
async fn a_reset_costs_its_network_one_open() {
    use sspr::{
        TenantPolicy,
        policy::{Disclosure, Limits},
    };
    for disclosure in [Disclosure::Strict, Disclosure::EntraCompatible] {
        let api = Api::new().await;
        let limits = Limits::builder().opens_per_network(4).build().unwrap();
        let policy = TenantPolicy::customers("contoso").unwrap();
        api.world.policies.replace(policy.with_limits(limits).with_disclosure(disclosure));
        for reset in 0..4 {
            let started = api.start("ada@example.com").await;
            assert_eq!(started.status, 200, "{disclosure:?} {reset}: {}", started.body);
            let sent = api.challenge(&started.text("continuation_token")).await;
            assert_eq!(sent.status, 200, "{disclosure:?} {reset}: {}", sent.body);
        }
    }
}
