//! The texts of second codes: strangers, who never get that far, cannot use them up for an owner.

use sspr::{
    domain::{Code, FlowToken, Method},
    engine::{SendOutcome, StartOutcome, VerifyOutcome},
    policy::{Limits, LimitsBuilder},
    ports::{EventKind, Outcome},
};

use crate::support::{PHONE, World, client, phone, request, runtime, two_proofs::two_codes};

/// Limits that only the ones under test refuse.
fn wide() -> LimitsBuilder {
    Limits::builder()
        .texts_per_block(10_000)
        .texts_per_number(10_000)
        .texts_per_network(10_000)
        .texts_per_tenant(10_000)
        .sends_per_account(10_000)
        .sends_per_address(10_000)
        .sends_per_address_and_network(10_000)
        .sends_per_network(10_000)
        .opens_per_network(10_000)
}

async fn world(limits: LimitsBuilder) -> World {
    let world = World::memory().await.with_two_codes().await;
    world.policies.replace(two_codes().with_limits(limits.build().unwrap()));
    world
}

impl World {
    /// Asks for a first code by SMS again and again, until no more are sent.
    async fn strangers_use_up(&self, typed: &str) -> usize {
        loop {
            let before = self.inbox.texts().len();
            let asked = request(typed).by(Method::Sms);
            let started = self.sspr.start(&asked, &client(9)).await.unwrap();
            assert!(matches!(started, StartOutcome::Started(_)), "{started:?}");
            self.courier.drain(&self.inbox).await;
            if self.inbox.texts().len() == before {
                return before;
            }
        }
    }

    /// Begins a reset with the code in a mail, and asks for the second code. Returns it, if it was sent.
    async fn second_text(&self) -> (FlowToken, Option<Code>) {
        let token = self.started("ada@example.com", &client(1)).await;
        let code = self.mailed_code().await;
        let proved = self.verify(&token, &code).await;
        assert!(matches!(proved, VerifyOutcome::NextProof(_)), "{proved:?}");
        let before = self.inbox.texts().len();
        let sent = self.sspr.send_by(&token, Method::Sms, &client(1)).await.unwrap();
        assert!(matches!(sent, SendOutcome::Sent(_)), "{sent:?}");
        self.courier.drain(&self.inbox).await;
        let is_sent = self.inbox.texts().len() > before;
        (token, self.inbox.last_code_to(&phone(PHONE)).filter(|_| is_sent))
    }
}

#[test]
fn i12_strangers_who_use_up_the_limits_on_texts_keep_no_owner_from_the_second_code() {
    let limits = [
        wide().texts_per_number(6),
        wide().texts_per_block(6),
        wide().texts_per_tenant(6),
        wide().text_watch_after(10),
    ];
    runtime().block_on(async {
        for (turn, limits) in limits.into_iter().enumerate() {
            let world = world(limits).await;
            let first = world.strangers_use_up("ada@example.com").await;
            assert!(first < 12, "{first}");
            let (token, code) = world.second_text().await;
            let code = code.unwrap_or_else(|| panic!("no second code in turn {turn}"));
            world.granted(&token, &code).await;
        }
    });
}

#[test]
fn first_and_second_codes_together_stay_within_each_limit() {
    let limits =
        [wide().texts_per_number(5), wide().texts_per_block(5), wide().texts_per_tenant(5)];
    runtime().block_on(async {
        for limits in limits {
            let world = world(limits).await;
            assert_eq!(world.strangers_use_up("ada@example.com").await, 2);
            for turn in 0..5 {
                assert_eq!(world.second_text().await.1.is_some(), turn < 3, "{turn}");
            }
            assert_eq!(world.inbox.texts().len(), 5);
        }
    });
}

#[test]
fn second_codes_that_nobody_types_stop_second_codes_alone() {
    runtime().block_on(async {
        let world = world(wide().text_watch_after(10)).await;
        for _ in 0..10 {
            assert!(world.second_text().await.1.is_some());
        }
        assert!(world.second_text().await.1.is_none());
        let stops = world.events.all().into_iter();
        let stops = stops.filter(|it| it.kind == EventKind::TextWatch);
        assert_eq!(stops.filter(|it| it.outcome == Outcome::Stopped).count(), 1);
        let asked = request("ada@example.com").by(Method::Sms);
        let before = world.inbox.texts().len();
        world.sspr.start(&asked, &client(1)).await.unwrap();
        world.courier.drain(&world.inbox).await;
        assert_eq!(world.inbox.texts().len(), before + 1, "a first code is sent");
    });
}
