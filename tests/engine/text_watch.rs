//! The watch over texts: when an event is raised, when texts to a block stop, and how a stop ends.

use sspr::{
    adapters::MemoryAudit,
    domain::{ActorId, FlowToken, Method, NumberBlock, StaffReason},
    engine::{Assisted, HelpDesk, StartOutcome},
    policy::{Limits, LimitsBuilder},
    ports::{Clock as _, EventKind, Limit, Outcome},
};

use crate::support::{
    PHONE, World, client, hours, on_every_store, phone, request, runtime, seconds, sms_policy,
    tenant,
};

/// Limits that leave the watch alone to stop texts, and a watch that looks after ten of them.
fn watching() -> LimitsBuilder {
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
        .text_watch_after(10)
}

async fn world(limits: LimitsBuilder) -> World {
    let world = World::memory().await.with_sms().await;
    world.watched(limits);
    world
}

fn desk(world: &World) -> HelpDesk {
    world.sspr.help_desk(ActorId::parse("staff-17").unwrap())
}

impl World {
    fn watched(&self, limits: LimitsBuilder) {
        self.policies.replace(sms_policy().with_limits(limits.build().unwrap()));
    }

    /// Asks for a text, and returns whether one was sent.
    async fn is_texted(&self, typed: &str) -> Option<FlowToken> {
        let before = self.inbox.texts().len();
        let asked = request(typed).by(Method::Sms);
        let token = match self.sspr.start(&asked, &client(1)).await.unwrap() {
            StartOutcome::Started(started) => started.token,
            other => panic!("{other:?}"),
        };
        self.courier.drain(&self.inbox).await;
        (self.inbox.texts().len() > before).then_some(token)
    }

    /// Asks for a text, and types its code.
    async fn texted_and_typed(&self, typed: &str, to: &str) {
        let token = self.is_texted(typed).await.expect("a text");
        let code = self.inbox.last_code_to(&phone(to)).unwrap();
        self.granted(&token, &code).await;
    }

    /// The outcomes of the watch.
    fn alarms(&self) -> Vec<Outcome> {
        let all = self.events.all().into_iter();
        let watch = all.filter(|event| event.kind == EventKind::TextWatch);
        watch
            .map(|event| {
                assert_eq!(event.tenant, Some(tenant()));
                event.outcome
            })
            .collect()
    }
}

#[test]
fn texts_to_a_block_whose_codes_nobody_types_stop_without_a_sign_of_it() {
    on_every_store(|world| async move {
        let world = world.with_sms().await;
        world.watched(watching());
        for _ in 0..10 {
            assert!(world.is_texted("ada@example.com").await.is_some());
        }
        assert!(world.alarms().is_empty());

        let answer = world.is_texted("ada@example.com").await;

        assert!(answer.is_none(), "the eleventh text is not sent");
        assert_eq!(world.alarms(), [Outcome::Suspicious, Outcome::Stopped]);
        let kept = world.events.all().into_iter().rfind(|it| it.kind == EventKind::Deliver);
        let kept = kept.unwrap();
        assert_eq!((kept.outcome, kept.limit), (Outcome::TryLater, Some(Limit::TextStop)));
        // Another process knows of the stop, and reports it no second time.
        let mut other = world.another(|builder| builder.with_sms(world.inbox.clone()));
        other.inbox = world.inbox.clone();
        assert!(other.is_texted("ada@example.com").await.is_none());
        assert!(other.alarms().is_empty());
        // Another block is served, and the owner gets a mail.
        world.add("eve@example.com", "eve").await;
        world.change_account("eve", |eve| eve.phones = vec![phone("+12065550100")]).await;
        assert!(world.is_texted("eve@example.com").await.is_some());
        let token = world.started("ada@example.com", &client(1)).await;
        let code = world.mailed_code().await;
        world.granted(&token, &code).await;
    });
}

#[test]
fn codes_that_are_typed_keep_texts_going_and_few_of_them_raise_the_alarm_once() {
    runtime().block_on(async {
        // Of ten texts, so many codes are typed.
        for (typed, alarms) in [(4, 0), (3, 1), (2, 1)] {
            let world = world(watching()).await;
            for round in 0..5 {
                for text in 0..10 {
                    if text < typed {
                        world.texted_and_typed("ada@example.com", PHONE).await;
                    } else {
                        let sent = world.is_texted("ada@example.com").await;
                        assert!(sent.is_some(), "{typed} of ten, text {text} of round {round}");
                    }
                }
            }
            assert_eq!(world.alarms(), vec![Outcome::Suspicious; alarms], "{typed} of ten");
        }
    });
}

#[test]
fn a_block_that_was_fine_at_first_is_judged_again() {
    runtime().block_on(async {
        let world = world(watching()).await;
        for _ in 0..10 {
            world.texted_and_typed("ada@example.com", PHONE).await;
        }
        let mut texts = 10;
        while world.is_texted("ada@example.com").await.is_some() {
            texts += 1;
            assert!(texts < 100, "ten right codes are a fifth of fifty");
        }
        // The watch looks at 10, 15, 23, 35, 53 and 80 texts.
        assert_eq!(texts, 53);
        assert_eq!(world.alarms(), [Outcome::Suspicious, Outcome::Stopped]);
    });
}

#[test]
fn a_wrong_code_a_repeated_one_and_a_mailed_one_do_not_count() {
    runtime().block_on(async {
        let world = world(watching()).await;
        let token = world.is_texted("ada@example.com").await.unwrap();
        let code = world.inbox.last_code_to(&phone(PHONE)).unwrap();
        for _ in 0..3 {
            world.granted(&token, &code).await;
        }
        for _ in 0..9 {
            let token = world.started("ada@example.com", &client(1)).await;
            let mailed = world.mailed_code().await;
            world.granted(&token, &mailed).await;
            let token = world.is_texted("ada@example.com").await.unwrap();
            let _ = world.verify(&token, &crate::support::wrong_code()).await;
        }
        assert!(world.is_texted("ada@example.com").await.is_none(), "one of ten was typed");
    });
}

#[test]
fn attack_a_code_that_is_typed_again_after_another_request_counts_once() {
    runtime().block_on(async {
        let world = world(watching()).await;
        let token = world.is_texted("ada@example.com").await.unwrap();
        let code = world.inbox.last_code_to(&phone(PHONE)).unwrap();
        world.granted(&token, &code).await;
        // The courier has not sent the other code yet, so that the typed one counts again.
        for _ in 0..4 {
            world.clock.advance(seconds(61));
            world.sspr.send_by(&token, Method::Email, &client(1)).await.unwrap();
            world.granted(&token, &code).await;
        }
        for _ in 0..9 {
            assert!(world.is_texted("ada@example.com").await.is_some());
        }
        assert!(world.is_texted("ada@example.com").await.is_none(), "one of ten was typed");
    });
}

#[test]
fn a_code_counts_in_the_window_of_its_text() {
    runtime().block_on(async {
        let limits = watching().text_watch_window(hours(1)).text_stop(hours(1));
        let world = world(limits).await;
        // Five minutes before a window ends.
        let into = world.clock.now().as_micros().rem_euclid(3_600_000_000);
        let into = u64::try_from(into / 1_000_000).unwrap();
        world.clock.advance(seconds(3600 - into + 3300 - 600));
        let mut open = Vec::new();
        for _ in 0..10 {
            let token = world.is_texted("ada@example.com").await.unwrap();
            open.push((token, world.inbox.last_code_to(&phone(PHONE)).unwrap()));
        }
        world.clock.advance(seconds(599));
        for (token, code) in open {
            world.granted(&token, &code).await;
        }
        // None of those codes stands for a text of the next window.
        for _ in 0..10 {
            assert!(world.is_texted("ada@example.com").await.is_some());
        }
        assert!(world.is_texted("ada@example.com").await.is_none());
    });
}

#[test]
fn a_stop_ends_by_itself_and_another_one_can_follow() {
    runtime().block_on(async {
        let limits = watching().text_watch_window(hours(2)).text_stop(hours(3));
        let world = world(limits).await;
        for stops in 1..3 {
            for _ in 0..10 {
                assert!(world.is_texted("ada@example.com").await.is_some());
            }
            assert!(world.is_texted("ada@example.com").await.is_none());
            let listed = desk(&world).stopped_texts(&tenant()).await.unwrap();
            assert_eq!(listed.len(), 1);
            assert_eq!(listed[0].ends_at, world.clock.now().after(hours(3)));
            // The next window of the watch has begun, and the stop still stands.
            world.clock.advance(seconds(3 * 3600 - 1));
            assert!(world.is_texted("ada@example.com").await.is_none());
            let kept = world.events.all().into_iter().rfind(|it| it.kind == EventKind::Deliver);
            assert_eq!(kept.unwrap().limit, Some(Limit::TextStop));
            world.clock.advance(seconds(1));
            assert!(desk(&world).stopped_texts(&tenant()).await.unwrap().is_empty());
            let stopped = world.alarms().into_iter().filter(|it| *it == Outcome::Stopped);
            assert_eq!(stopped.count(), stops);
        }
    });
}

#[test]
fn staff_see_what_is_stopped_and_end_a_stop() {
    on_every_store(|world| async move {
        let log = MemoryAudit::new();
        let texts = world.inbox.clone();
        let _ = world.with_sms().await;
        let mut world = world.another(|it| it.with_sms(texts.clone()).with_audit_log(log.clone()));
        world.inbox = texts;
        world.watched(watching());
        let block = NumberBlock::of(&phone(PHONE));
        assert!(desk(&world).stopped_texts(&tenant()).await.unwrap().is_empty());
        while world.is_texted("ada@example.com").await.is_some() {}

        let listed = desk(&world).stopped_texts(&tenant()).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!((&listed[0].block, listed[0].at), (&block, world.clock.now()));
        assert_eq!(listed[0].ends_at, world.clock.now().after(hours(24)));
        let because = StaffReason::parse("Launch day").unwrap();
        let resumed = desk(&world).with_reason(because).resume_texts(&tenant(), &block).await;
        assert!(matches!(resumed.unwrap(), Assisted::Done(())));

        assert!(desk(&world).stopped_texts(&tenant()).await.unwrap().is_empty());
        // Ten more texts go out before the next stop.
        for _ in 0..10 {
            assert!(world.is_texted("ada@example.com").await.is_some());
        }
        assert!(world.is_texted("ada@example.com").await.is_none());
        let event = world.events.all().into_iter().find(|it| it.kind == EventKind::ResumeTexts);
        let event = event.unwrap();
        assert_eq!((event.outcome, event.tenant), (Outcome::Ok, Some(tenant())));
        assert_eq!(event.actor, ActorId::parse("staff-17").ok());
        world.courier.drain(&world.inbox).await;
        let kept: Vec<_> =
            log.records().into_iter().filter(|it| it.activity == EventKind::ResumeTexts).collect();
        let outcomes: Vec<_> = kept.iter().map(|record| record.outcome).collect();
        assert_eq!(outcomes, [Outcome::Started, Outcome::Ok]);
        assert!(kept.iter().all(|it| it.reason.as_ref().unwrap().as_str() == "Launch day"));
    });
}

#[test]
fn staff_of_another_application_or_past_their_limit_end_no_stop() {
    runtime().block_on(async {
        let world = world(watching().assists_per_actor(1)).await;
        let block = NumberBlock::of(&phone(PHONE));
        while world.is_texted("ada@example.com").await.is_some() {}
        let elsewhere = world.sspr.for_application(&crate::support::application("fabrikam"));
        let stranger = elsewhere.help_desk(ActorId::parse("eve").unwrap());
        let refused = stranger.resume_texts(&tenant(), &block).await.unwrap();
        assert!(matches!(refused, Assisted::Unavailable));
        assert!(stranger.stopped_texts(&tenant()).await.unwrap().is_empty());

        desk(&world).resume_texts(&tenant(), &block).await.unwrap().done().unwrap();
        while world.is_texted("ada@example.com").await.is_some() {}
        let refused = desk(&world).resume_texts(&tenant(), &block).await.unwrap();
        assert!(matches!(refused, Assisted::TryLater { .. }));
        assert!(world.is_texted("ada@example.com").await.is_none(), "it stays stopped");
        let event = world.events.all().into_iter().rfind(|it| it.kind == EventKind::ResumeTexts);
        assert_eq!(event.unwrap().limit, Some(Limit::AssistsPerActor));
    });
}

#[test]
fn a_watch_that_is_off_stops_nothing_and_says_nothing() {
    runtime().block_on(async {
        let world = world(watching().text_watch_after(u32::MAX)).await;
        for _ in 0..40 {
            assert!(world.is_texted("ada@example.com").await.is_some());
        }
        assert!(world.alarms().is_empty());
    });
}

#[test]
fn strangers_without_a_phone_stop_nothing() {
    runtime().block_on(async {
        let world = world(watching()).await;
        for _ in 0..30 {
            assert!(world.is_texted("nobody@example.com").await.is_none());
        }
        assert!(world.alarms().is_empty());
        let all = world.events.all().into_iter();
        let mut delivered = all.filter(|event| event.kind == EventKind::Deliver);
        assert!(delivered.all(|it| (it.outcome, it.limit) == (Outcome::Decoy, None)));
        assert!(world.is_texted("ada@example.com").await.is_some());
    });
}
