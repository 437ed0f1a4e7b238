//! Attacks that learn who has an account, or read what must stay secret.

use async_trait::async_trait;
use sspr::{
    Keyring, Sspr, TenantPolicy,
    adapters::{ManualClock, MemoryCodes, MemoryPolicies, SystemEntropy},
    domain::{Account, AccountId, EmailAddress, TenantId, Timestamp},
    engine::{SendOutcome, StartOutcome, VerifyOutcome},
    ports::{Applied, PasswordChange, SendErrorKind, StoreError, UserStore},
};

use crate::support::*;

const KNOWN: &str = "ada@example.com";
const UNKNOWN: &str = "eve@example.com";

/// Says what a call answered, without what is random and without the typed address.
fn said(outcome: &impl std::fmt::Debug) -> String {
    format!("{outcome:?}").replace("a***@", "M@").replace("e***@", "M@")
}

/// A user store that no request may reach.
struct Untouchable;

#[async_trait]
impl UserStore for Untouchable {
    async fn find_by_address(
        &self,
        _: &TenantId,
        _: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError> {
        panic!("the request path looked an account up");
    }

    async fn find(&self, _: &TenantId, _: &AccountId) -> Result<Option<Account>, StoreError> {
        panic!("the request path looked an account up");
    }

    async fn apply_change(&self, _: &PasswordChange) -> Result<Applied, StoreError> {
        panic!("the request path changed an account");
    }
}

/// Keycloak #26625, Symfony CVE-2021-21424: who has an account waited for the mail to be sent. The
/// request path looks nobody up and hands no mail over, so there is nothing to wait for.
#[test]
fn attack_37_the_request_path_neither_looks_up_nor_mails() {
    runtime().block_on(async {
        let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
        let keys = Keyring::generate(&SystemEntropy::new()).unwrap();
        let clock = ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000));
        // No courier is asked to work.
        let (sspr, _courier) = Sspr::builder(Untouchable, MemoryCodes::new(), policies, keys)
            .with_clock(clock.clone())
            .build();
        let outcome = sspr.start(&request(KNOWN), &client(1)).await.unwrap();
        let StartOutcome::Started(started) = outcome else { panic!("not started") };
        for _ in 0..6 {
            sspr.verify(&started.token, &wrong_code(), &client(1)).await.unwrap();
        }
        clock.advance(seconds(60));
        sspr.send(&started.token, &client(1)).await.unwrap();
        sspr.status(&started.token).await.unwrap();
    });
}

/// Django CVE-2024-45231: a mail that failed made an error page, for customers only. The courier
/// alone sees it.
#[test]
fn attack_39_a_mail_that_fails_shows_to_nobody() {
    on_every_store(|world| async move {
        let mut seen = Vec::new();
        for (typed, failure) in [
            (KNOWN, Some(SendErrorKind::Permanent)),
            (KNOWN, Some(SendErrorKind::Setup)),
            (KNOWN, Some(SendErrorKind::Transient)),
            (UNKNOWN, None),
        ] {
            world.clock.advance(hours(25));
            if let Some(kind) = failure {
                world.inbox.fail_next(kind, 1);
            }
            let base = sspr::ports::Clock::now(&world.clock);
            let token = world.started(typed, &client(1)).await;
            world.courier.drain(&world.inbox).await;
            assert!(world.inbox.messages().is_empty());
            let mut journey = Vec::new();
            for _ in 0..6 {
                journey.push(said(&world.verify(&token, &wrong_code()).await));
            }
            let again = world.sspr.send(&token, &client(1)).await.unwrap();
            let SendOutcome::TooSoon { resend_at } = again else { panic!("not too soon") };
            journey.push(format!("{:?}", resend_at.since(base)));
            seen.push(journey);
        }
        assert!(seen.iter().all(|journey| *journey == seen[0]), "{seen:?}");
    });
}

/// laravel #13658: only customers were told to wait, because only their requests were counted. All
/// counters are keyed on what was typed.
#[test]
fn attack_40_strangers_are_told_to_wait_like_customers() {
    on_every_store(|world| async move {
        let mut seen = Vec::new();
        for (number, typed) in [(1, KNOWN), (2, UNKNOWN)] {
            let mut journey = Vec::new();
            let token = world.started(typed, &client(number)).await;
            journey.push(said(&world.sspr.send(&token, &client(number)).await.unwrap()));
            for _ in 0..6 {
                let outcome = world.sspr.start(&request(typed), &client(number)).await.unwrap();
                journey.push(said(&outcome).split("token").next().unwrap().to_owned());
                world.courier.drain(&world.inbox).await;
            }
            seen.push(journey);
        }
        assert!(seen[0].last().unwrap().starts_with("TryLater"), "{seen:?}");
        assert_eq!(seen[0], seen[1]);
    });
}

/// better-auth, guardian/gateway #3056: only customers ran out of tries. A decoy is a record with
/// tries and counters of its own.
#[test]
fn attack_41_strangers_run_out_of_tries_like_customers() {
    on_every_store(|world| async move {
        let mut seen = Vec::new();
        for (number, typed) in [(1, KNOWN), (2, UNKNOWN)] {
            let token = world.started(typed, &client(number)).await;
            let mut journey = Vec::new();
            for round in 0..4 {
                if round > 0 {
                    world.clock.advance(seconds(60));
                    let sent = world.sent(&token, &client(number)).await;
                    journey.push(format!("{:?}", sent.format));
                }
                world.courier.drain(&world.inbox).await;
                for _ in 0..10 {
                    let outcome = world.sspr.verify(&token, &wrong_code(), &client(number)).await;
                    journey.push(said(&outcome.unwrap()));
                }
            }
            seen.push(journey);
        }
        let without_instants = |journey: &[String]| {
            let cut = |text: &String| text.split("resend_at").next().unwrap().to_owned();
            journey.iter().map(cut).collect::<Vec<_>>()
        };
        assert_eq!(without_instants(&seen[0]), without_instants(&seen[1]));
        assert!(seen[0].iter().any(|it| it.contains("Exhausted")));
    });
}

/// n8n #29405, Kratos #3126: the code stood in a log line. No secret has a text form but by
/// `expose`, and no event, error or outcome shows one, also where the mail fails.
#[test]
fn attack_30_no_secret_is_written_into_a_log() {
    on_every_store(|world| async move {
        let mut lines = Vec::new();
        world.inbox.fail_next(SendErrorKind::Transient, 1);
        let token = world.started(KNOWN, &client(1)).await;
        lines.push(format!("{:?}", world.courier.drain(&world.inbox).await));
        world.clock.advance(seconds(10));
        let code = world.mailed_code().await;
        lines.push(format!("{token:?} {code:?} {:?}", world.inbox.messages()));
        let outcome = world.verify(&token, &other_than(&code)).await;
        lines.push(format!("{outcome:?}"));
        let outcome = world.verify(&token, &code).await;
        lines.push(format!("{outcome:?} {:?}", world.sspr.status(&token).await));
        let VerifyOutcome::Granted(granted) = outcome else { panic!("not granted") };
        lines.push(format!("{:?}", world.submit(&granted.grant, "password").await));
        let ticket = world.changed(&granted.grant, NEW).await;
        lines.push(format!("{ticket:?} {:?}", world.redeem(&ticket).await));
        lines.push(format!("{:?} {:?}", world.sign_in(KNOWN, NEW).await, world.keys));
        lines.push(format!("{:?} {:?}", password(NEW), world.account("ada").await));
        lines.push(format!("{:?} {:?} {:?}", world.sspr, world.courier, request(KNOWN)));
        lines.push(format!("{:?}", world.events.all()));
        let stored = world
            .codes
            .load(&token.record(), &[], Timestamp::from_micros(0))
            .await
            .unwrap()
            .found()
            .unwrap();
        lines.push(format!("{:?}", sspr::domain::Grant::parse(&code.expose())));
        let text = lines.join("\n");
        let hash = world.account("ada").await.unwrap().password.unwrap();
        for secret in [
            code.expose().as_str(),
            token.expose().as_str(),
            granted.grant.expose().as_str(),
            ticket.expose().as_str(),
            hash.expose(),
            OLD,
            NEW,
            KNOWN,
        ] {
            assert!(!text.contains(secret), "{secret:.4}… is shown");
            let bytes = secret.as_bytes();
            let held = stored.body.windows(bytes.len()).any(|window| window == bytes);
            assert!(!held, "{secret:.4}… is stored");
        }
    });
}
