//! `start`: a reset and its first send in one call of the code store.

use std::{collections::BTreeSet, sync::Arc};

use crate::{late, support::*};
use sspr::{
    Sspr, StartOutcome,
    adapters::{MemoryCodes, MemoryPolicies},
    domain::CodeFormat,
    policy::{Disclosure, Limits, LimitsBuilder, TenantPolicy},
    ports::{EventKind, Outcome},
};

fn policy(limits: LimitsBuilder) -> TenantPolicy {
    let policy = TenantPolicy::customers("contoso").unwrap();
    policy.with_limits(limits.build().unwrap())
}

/// A world whose code store tells what it holds.
async fn counted(policy: TenantPolicy) -> (World, Arc<MemoryCodes>, Sspr) {
    let world = World::memory().await;
    let codes = Arc::new(MemoryCodes::new());
    let policies = MemoryPolicies::fixed(policy);
    let users = world.users.in_memory();
    let (sspr, _courier) = Sspr::builder(users, codes.clone(), policies, world.keys.clone())
        .with_clock(world.clock.clone())
        .with_events(world.events.clone())
        .build();
    (world, codes, sspr)
}

#[tokio::test]
async fn a_start_that_a_limit_refuses_writes_nothing_and_counts_nothing() {
    let (world, codes, sspr) = counted(policy(Limits::builder().sends_per_address(2))).await;
    let start = async |typed: &str, network: u8| {
        sspr.start(&request(typed), &client(network)).await.unwrap()
    };
    for network in [1, 2] {
        let answer = start("ada@example.com", network).await;
        assert!(matches!(answer, StartOutcome::Started(_)), "{answer:?}");
    }
    let before = codes.usage();

    let refused = start("ada@example.com", 3).await;
    assert!(matches!(refused, StartOutcome::TryLater { .. }), "{refused:?}");
    assert_eq!(codes.usage(), before);
    let told = world.events.all().pop().unwrap();
    assert_eq!((told.kind, told.outcome, told.reset), (EventKind::Send, Outcome::TryLater, None));
    assert_eq!(sspr.queue_depth(), 2, "no room is held for it");
    let other = start("someone@example.com", 3).await;
    assert!(matches!(other, StartOutcome::Started(_)), "{other:?}");
}

#[tokio::test]
async fn a_start_past_the_cap_of_the_network_is_told_as_one_that_opens_too_much() {
    let (world, codes, sspr) = counted(policy(Limits::builder().opens_per_network(1))).await;
    let ada = request("ada@example.com");
    sspr.start(&ada, &client(1)).await.unwrap();
    let before = codes.usage();

    let refused = sspr.start(&request("someone@example.com"), &client(1)).await.unwrap();
    assert!(matches!(refused, StartOutcome::TryLater { .. }), "{refused:?}");
    assert_eq!(codes.usage(), before);
    let told = world.events.all().pop().unwrap();
    assert_eq!((told.kind, told.outcome), (EventKind::Open, Outcome::TryLater));
}

#[test]
fn a_start_past_the_visible_cap_announces_the_longer_code() {
    on_every_store(|world| async move {
        // Three challenges of five wrong short codes: the budget of a day.
        for network in 1..=3 {
            let token = world.started("nobody@example.com", &client(network)).await;
            world.courier.drain(&world.inbox).await;
            for _ in 0..5 {
                assert!(is_wrong(&world.verify(&token, &wrong_code()).await));
            }
        }

        let started = world.sspr.start(&request("nobody@example.com"), &client(4)).await.unwrap();
        let sent = started.started().unwrap().sent;
        assert_eq!(sent.format, CodeFormat::Letters);
        let other = world.sspr.start(&request("ada@example.com"), &client(4)).await.unwrap();
        assert_eq!(other.started().unwrap().sent.format, CodeFormat::Digits);
    });
}

#[tokio::test]
async fn where_the_tenant_tells_an_unknown_address_costs_the_store_the_same() {
    let open = policy(Limits::builder()).with_disclosure(Disclosure::EntraCompatible);
    let mut seen = BTreeSet::new();
    for typed in ["ada@example.com", "someone@example.com"] {
        let (_world, codes, sspr) = counted(open.clone()).await;
        let answer = sspr.start(&request(typed), &client(1)).await.unwrap();
        let is_known = typed.starts_with("ada");
        assert_eq!(matches!(answer, StartOutcome::Started(_)), is_known, "{answer:?}");
        assert_eq!(sspr.queue_depth(), usize::from(is_known));
        let usage = codes.usage();
        seen.insert((usage.records, usage.counters));
    }
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[tokio::test]
async fn a_start_that_is_written_while_the_courier_looks_for_it_is_mailed() {
    let world = World::memory().await;
    let (sspr, courier, late) = late::service(&world);
    late.waits(&world);
    let ada = request("ada@example.com");
    assert!(sspr.start(&ada, &client(1)).await.is_err(), "nobody knows whether it has begun");

    assert_eq!(courier.drain(&world.inbox).await.postponed, 1);
    assert!(late.has_looked());
    world.clock.advance(seconds(1));
    assert_eq!(courier.drain(&world.inbox).await.sent, 1);
}

#[tokio::test]
async fn a_code_whose_binding_nobody_heard_of_is_mailed() {
    let world = World::memory().await;
    let (sspr, courier, late) = late::service(&world);
    let started = sspr.start(&request("ada@example.com"), &client(1)).await.unwrap();
    let token = started.started().unwrap().token;

    late.waits(&world);
    assert_eq!(courier.drain(&world.inbox).await.postponed, 1);
    world.clock.advance(seconds(2));
    assert_eq!(courier.drain(&world.inbox).await.sent, 1);
    let code = world.inbox.last_code().unwrap();
    let verified = sspr.verify(&token, &code, &client(1)).await.unwrap();
    assert!(verified.granted().is_some(), "the code that was bound is the one in the mail");
}
