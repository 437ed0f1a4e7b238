//! Attacks of our own on the tenant's purse: texts to numbers that earn their owner money.

use std::net::IpAddr;

use sspr::{
    domain::{ActorId, Method},
    engine::{Client, StartOutcome, VerifyOutcome},
    policy::Limits,
    ports::{EventKind, Limit, Outcome},
};

use crate::support::*;

/// One of many networks.
fn network(number: u32) -> Client {
    let [_, a, b, c] = number.to_be_bytes();
    Client::at(IpAddr::from([10, a, b, c]))
}

/// The address and the number of a customer, in a block of ten thousand numbers.
fn customer(block: u32, number: u32) -> (String, String) {
    (format!("c{block}-{number}@example.com"), format!("+1425{block:03}{number:04}"))
}

impl World {
    async fn with_customers(&self, blocks: u32, numbers: u32) {
        let hash = self.hash(OLD).await;
        for (block, number) in (0..blocks).flat_map(|it| (0..numbers).map(move |of| (it, of))) {
            let (mail, to) = customer(200 + block, number);
            let mut customer = account(&mail, mail.split('@').next().unwrap());
            customer.password = Some(hash.clone());
            customer.phones = vec![phone(&to)];
            self.insert(customer).await;
        }
    }

    /// Asks for a text from a network that has not asked before. Returns whether one went out.
    async fn pumped(&self, mail: &str, from: u32) -> Option<sspr::FlowToken> {
        let asked = request(mail).by(Method::Sms);
        let token = match self.sspr.start(&asked, &network(from)).await.unwrap() {
            StartOutcome::Started(started) => started.token,
            StartOutcome::TryLater { .. } => return None,
            other => panic!("{other:?}"),
        };
        (self.courier.drain(&self.inbox).await.sent > 0).then_some(token)
    }

    fn watch(&self, outcome: Outcome) -> usize {
        let all = self.events.all().into_iter();
        all.filter(|it| it.kind == EventKind::TextWatch && it.outcome == outcome).count()
    }
}

/// Whoever earns from texts to a block of numbers asks for codes to it, from a new network each time,
/// and never types one. At 20 texts an hour that were 480 a day for each block.
#[test]
fn attack_own_111_texts_to_one_block_are_asked_for_and_no_code_is_typed() {
    runtime().block_on(async {
        let world = World::memory().await.with_sms().await;
        world.with_customers(1, 200).await;
        let mut asked = 0;
        for _ in 0..48 {
            for _ in 0..30 {
                let (mail, _) = customer(200, asked % 200);
                let _ = world.pumped(&mail, asked).await;
                asked += 1;
            }
            world.clock.advance(hours(1));
        }

        // Three windows of the watch are touched, and a stop outlasts the window of its texts.
        let texts = world.inbox.texts().len();
        assert!((50..=150).contains(&texts), "{texts} of {asked}");
        assert!(world.watch(Outcome::Stopped) >= 1);
        // The customers still get their codes by mail, and the other blocks their texts.
        world.reset_by(&customer(200, 7).0, NEW).await;
        assert!(world.pumped("ada@example.com", 1_000_000).await.is_some());
    });
}

/// Ten thousand numbers in a hundred blocks, so that no block is conspicuous.
#[test]
fn attack_own_112_ten_thousand_numbers_are_each_sent_one_text() {
    runtime().block_on(async {
        let world = World::memory().await.with_sms().await;
        world.with_customers(100, 100).await;
        let mut asked = 0;
        for number in 0..100 {
            for block in 0..100 {
                let _ = world.pumped(&customer(200 + block, number).0, asked).await;
                asked += 1;
            }
            world.clock.advance(seconds(600));
        }

        let texts = u64::try_from(world.inbox.texts().len()).unwrap();
        assert_eq!(asked, 10_000);
        assert!(texts <= Limits::default().most_texts_per_day(), "{texts}");
        let mut events = world.events.all().into_iter();
        let kept = events.rfind(|it| it.kind == EventKind::Deliver).unwrap();
        assert_eq!(kept.limit, Some(Limit::TextsPerTenant), "operators see what was used up");
    });
}

/// Numbers that cost the caller more are put on file, and texts are asked for.
#[test]
fn attack_own_113_premium_prefixes_get_no_text_and_count_nothing() {
    runtime().block_on(async {
        let world = World::memory().await.with_sms().await;
        let premium =
            ["+19002345678", "+18003569377", "+18762345678", "+447781123456", "+881612345678"];
        for (index, number) in premium.into_iter().enumerate() {
            world.change_account("ada", |ada| ada.phones = vec![phone(number)]).await;
            let from = u32::try_from(index).unwrap();
            assert!(world.pumped("ada@example.com", from).await.is_none(), "{number}");
        }
        let kept = world.events.all().into_iter().filter(|it| it.kind == EventKind::Deliver);
        assert!(kept.map(|it| (it.outcome, it.limit)).all(|it| it == (Outcome::Decoy, None)));
    });
}

/// A fraudster with the phones at hand types a fifth of the codes, which is just enough to stay in
/// business. The alarm tells of it, and the other limits bound what it costs.
#[test]
fn attack_own_114_a_fraudster_types_just_enough_codes() {
    runtime().block_on(async {
        let world = World::memory().await.with_sms().await;
        world.with_customers(1, 200).await;
        let (mut asked, mut texts) = (0, 0);
        for _ in 0..12 {
            for _ in 0..40 {
                let (mail, to) = customer(200, asked % 200);
                if let Some(token) = world.pumped(&mail, asked).await {
                    if texts % 5 == 0 {
                        let code = world.inbox.last_code_to(&phone(&to)).unwrap();
                        let granted = world.sspr.verify(&token, &code, &network(asked)).await;
                        assert!(matches!(granted.unwrap(), VerifyOutcome::Granted(_)));
                    }
                    texts += 1;
                }
                asked += 1;
            }
            world.clock.advance(hours(1));
        }

        assert_eq!(world.watch(Outcome::Stopped), 0);
        assert!(world.watch(Outcome::Suspicious) >= 1, "operators know");
        assert!(texts <= 12 * 20, "{texts}");
    });
}

/// Somebody who knows customers of a block asks for texts to them only so that the block gets no more
/// texts. The stop ends without staff, and the owners have their mail meanwhile.
#[test]
fn attack_own_115_texts_are_stopped_for_the_neighbours_of_an_attacker() {
    runtime().block_on(async {
        let world = World::memory().await.with_sms().await;
        world.with_customers(1, 60).await;
        let mut asked = 0;
        while world.watch(Outcome::Stopped) == 0 {
            for _ in 0..20 {
                let _ = world.pumped(&customer(200, asked % 59).0, asked).await;
                asked += 1;
            }
            world.clock.advance(hours(1));
            assert!(asked < 1_000);
        }
        let (owner, _) = customer(200, 59);
        assert!(world.pumped(&owner, 100_000).await.is_none());
        world.reset_by(&owner, NEW).await;

        let desk = world.sspr.help_desk(ActorId::parse("staff").unwrap());
        let stops = desk.stopped_texts(&tenant()).await.unwrap();
        assert_eq!(stops.len(), 1, "one block alone is stopped");
        assert!(stops[0].ends_at <= sspr::ports::Clock::now(&world.clock).after(hours(24)));
        world.clock.advance(hours(24));
        assert!(world.pumped(&owner, 100_001).await.is_some());
    });
}
