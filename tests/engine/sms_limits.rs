//! The limits on text messages that nobody sees: whoever reaches them learns nothing.

use sspr::{
    domain::Method,
    engine::{SendOutcome, StartOutcome},
    policy::{Limits, LimitsBuilder},
};

use crate::support::{World, client, phone, request, runtime, seconds, sms_policy, wrong_code};

/// What a stranger sees of two codes by text, with as many wrong tries as each of them has.
async fn seen_by_a_stranger(world: &World, typed: &str, last: u8) -> Vec<String> {
    let from = client(last);
    let asked = request(typed).by(Method::Sms);
    let started = match world.sspr.start(&asked, &from).await.unwrap() {
        StartOutcome::Started(started) => started,
        other => panic!("not started: {other:?}"),
    };
    let mut seen = Vec::new();
    for turn in 0..2 {
        world.courier.drain(&world.inbox).await;
        for _ in 0..6 {
            let tried = world.sspr.verify(&started.token, &wrong_code(), &from).await.unwrap();
            seen.push(format!("{tried:?}"));
        }
        // The first code dies before the second one does.
        world.clock.advance(seconds(if turn == 0 { 570 } else { 40 }));
        let tried = world.sspr.verify(&started.token, &wrong_code(), &from).await.unwrap();
        seen.push(format!("{tried:?}"));
        if turn == 0 {
            let sent = world.sspr.send(&started.token, &from).await.unwrap();
            assert!(matches!(sent, SendOutcome::Sent(_)), "{sent:?}");
        }
    }
    seen
}

#[test]
fn i7_a_text_that_a_silent_limit_holds_back_looks_like_any_other() {
    let used_up: [(LimitsBuilder, &str); 3] = [
        (Limits::builder().texts_per_number(2), "+14255550123"),
        (Limits::builder().texts_per_block(2), "+14255559999"),
        (Limits::builder().texts_per_tenant(2), "+12065550100"),
    ];
    runtime().block_on(async {
        for (limits, number) in used_up {
            let world = World::memory().await.with_sms().await;
            world.policies.replace(sms_policy().with_limits(limits.build().unwrap()));
            world.add("eve@example.com", "eve").await;
            world.change_account("eve", |eve| eve.phones = vec![phone(number)]).await;
            // As many texts as are left are for somebody else.
            let use_up = async |last| {
                for last in [last, last + 1] {
                    let asked = request("ada@example.com").by(Method::Sms);
                    world.sspr.start(&asked, &client(last)).await.unwrap();
                    world.courier.drain(&world.inbox).await;
                }
                world.inbox.texts().len()
            };
            assert_eq!(use_up(1).await, 2);
            let known = seen_by_a_stranger(&world, "eve@example.com", 11).await;
            world.clock.advance(seconds(25 * 3600));
            assert_eq!(use_up(3).await, 4);
            let unknown = seen_by_a_stranger(&world, "nobody@example.com", 12).await;

            assert_eq!(known, unknown, "{number}");
            assert_eq!(world.inbox.texts().len(), 4, "the others got none");
        }
    });
}

#[test]
fn a_text_that_a_silent_limit_holds_back_ends_the_code_before_it() {
    runtime().block_on(async {
        let world = World::memory().await.with_sms().await;
        let limits = Limits::builder().texts_per_tenant(1).build().unwrap();
        world.policies.replace(sms_policy().with_limits(limits));
        let asked = request("ada@example.com").by(Method::Sms);
        world.sspr.start(&asked, &client(1)).await.unwrap();
        world.courier.drain(&world.inbox).await;
        let token = world.started("ada@example.com", &client(2)).await;
        let mailed = world.mailed_code().await;

        let sent = world.sspr.send_by(&token, Method::Sms, &client(2)).await.unwrap();
        world.courier.drain(&world.inbox).await;

        assert!(matches!(sent, SendOutcome::Sent(_)), "{sent:?}");
        let refused = world.verify(&token, &mailed).await;
        assert!(crate::support::is_wrong(&refused), "as it is for everybody: {refused:?}");
        world.clock.advance(seconds(61));
        world.sspr.send_by(&token, Method::Email, &client(2)).await.unwrap();
        let code = world.mailed_code().await;
        world.granted(&token, &code).await;
        assert_eq!(world.inbox.texts().len(), 1);
    });
}
