//! Toll fraud: attackers with 10,000 accounts, each with a phone, ask for texts from 10,000 networks,
//! through the real engine and by a manual clock. What is sent in any 24 hours stays within the bound
//! that `Limits` prints, no limit is passed on the way, and an owner still gets a code.
//!
//! ```sh
//! cargo test --test search toll::                                                       # 10,000 requests
//! SSPR_REQUESTS=1000000 cargo test --release --test search toll:: -- --nocapture        # a million
//! ```

mod fraud;

use std::time::Duration;

use sspr::{domain::Method, policy::Limits};

use self::fraud::{Fraud, Owner};
use crate::support::{hours, runtime, seconds};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn requests() -> u64 {
    std::env::var("SSPR_REQUESTS").map_or(10_000, |text| text.parse().expect("a number"))
}

/// The bound as an administrator reads it.
fn printed_bound(limits: &Limits) -> usize {
    let text = limits.to_string();
    let line = text.lines().last().unwrap();
    let words = line.strip_prefix("Where SMS is on, the most expensive 24 hours cost ");
    let number = words.and_then(|words| words.strip_suffix(" text messages."));
    let number: usize = number.unwrap_or_else(|| panic!("{line}")).parse().unwrap();
    // Notices have a limit of their own, and the sender here takes none.
    number - 2 * limits.notice_texts_per_tenant() as usize
}

/// What was sent, against each limit. Two windows of a limit can touch, so it is counted twice.
fn stays_within_the_limits(fraud: &Fraud, what: &str) {
    let limits = &fraud.limits;
    let bound = printed_bound(limits);
    let twice = |limit: u32| 2 * limit as usize;
    let texts = fraud.texts();
    let rows = [
        ("a tenant, 24 hours", bound, fraud::most(&texts, DAY, |_| String::new())),
        (
            "a number, 24 hours",
            twice(limits.texts_per_number()),
            fraud::most(&texts, DAY, |text| text.number.clone()),
        ),
        (
            "a block, an hour",
            twice(limits.texts_per_block()),
            fraud::most(&texts, hours(1), |text| text.block().to_owned()),
        ),
    ];
    for (of, stated, reached) in rows {
        println!("| {what} | texts of {of} | {stated} | {reached} |");
        assert!(reached <= stated, "{what}, {of}: {reached} of {stated}");
    }
    let (stated, reached) = (twice(limits.texts_per_network()), fraud.most_asked_by_a_network());
    println!("| {what} | texts that a network asked for, an hour | {stated} | {reached} |");
    assert!(reached <= stated, "{what}, a network: {reached} of {stated}");
    let served = texts.iter().all(|text| fraud.is_served(&text.number));
    assert!(served, "{what}: a text to a number that the tenant does not serve");
    assert!(!texts.is_empty() && fraud.asked() > texts.len(), "{what}: nothing was held back");
}

#[test]
fn texts_cost_at_most_what_is_printed_and_the_owner_gets_a_code() {
    runtime().block_on(async {
        let all = requests();
        let mut fraud = Fraud::new(Limits::default()).await;
        let (turns, mut by_text) = (20, 0);
        for turn in 0..turns {
            // An address can be sent twenty codes a day.
            for owner in [Owner::Apart, Owner::InTheBlock].into_iter().filter(|_| turn % 3 == 0) {
                let left = fraud.has_budget_for(owner);
                let got = fraud.owner_gets_in(owner, Method::Sms).await;
                let is_stopped = fraud.is_stopped(owner).await;
                assert_eq!(got, left && !is_stopped, "turn {turn}, {owner:?}: {is_stopped}");
                by_text += usize::from(got);
                assert!(fraud.owner_gets_in(owner, Method::Email).await, "turn {turn}, {owner:?}");
            }
            fraud.attack(all / turns, DAY / u32::try_from(turns).unwrap()).await;
        }
        // A day later the tenant has texts again, and the first one is for the owner.
        fraud.clock.advance(hours(25));
        assert!(fraud.owner_gets_in(Owner::Apart, Method::Sms).await);

        stays_within_the_limits(&fraud, &format!("{all} requests in a day"));
        println!("{by_text} codes for an owner by text before the limit of the day was reached");
        assert!(by_text > 0, "the owner got a text while there was a budget");
    });
}

/// The worst day: one text begins a window, the rest goes at its very end, and the next window at
/// once.
#[test]
fn the_most_expensive_day_is_the_one_that_is_printed() {
    runtime().block_on(async {
        let limits = Limits::builder().texts_per_tenant(300).build().unwrap();
        let mut fraud = Fraud::new(limits).await;
        fraud.one_text().await;
        fraud.clock.advance(DAY - seconds(600));
        fraud.burst(1_000).await;
        fraud.clock.advance(seconds(600));
        fraud.burst(1_000).await;

        stays_within_the_limits(&fraud, "two windows that touch");
        let reached = fraud::most(&fraud.texts(), DAY, |_| String::new());
        assert_eq!(reached, printed_bound(&limits), "the bound is not too wide either");
        assert!(fraud.owner_gets_in(Owner::Apart, Method::Email).await);
        assert!(!fraud.owner_gets_in(Owner::Apart, Method::Sms).await, "no text is left");
    });
}

/// The limits that hold where the tenant's is out of reach.
#[test]
fn a_block_and_a_number_are_bounded_where_the_tenant_is_not() {
    runtime().block_on(async {
        let limits = Limits::builder().texts_per_tenant(1_000_000).build().unwrap();
        let mut fraud = Fraud::new(limits).await;
        fraud.attack(requests() / 4, hours(6)).await;

        stays_within_the_limits(&fraud, "a tenant without a limit of its own");
        let block = fraud::most(&fraud.texts(), hours(1), |text| text.block().to_owned());
        assert!(block >= limits.texts_per_block() as usize, "a block was used up: {block}");
    });
}

/// What each count finds: a limit that is not there.
#[test]
fn without_a_limit_the_count_for_it_is_passed() {
    runtime().block_on(async {
        let high = Limits::builder().texts_per_block(1_000_000).texts_per_number(1_000_000);
        let limits = high.texts_per_network(1_000_000).texts_per_tenant(1_000_000);
        let mut fraud = Fraud::new(limits.build().unwrap()).await;
        fraud.attack(6_000, hours(1)).await;
        fraud.burst_from_one_network(60).await;

        let (texts, usual) = (fraud.texts(), Limits::default());
        let twice = |limit: u32| 2 * limit as usize;
        let tenant = fraud::most(&texts, DAY, |_| String::new());
        let block = fraud::most(&texts, hours(1), |text| text.block().to_owned());
        assert!(tenant > printed_bound(&usual), "{tenant} texts of a tenant");
        assert!(block > twice(usual.texts_per_block()), "{block} texts to a block");
        let network = fraud.most_asked_by_a_network();
        assert!(network > twice(usual.texts_per_network()), "{network} asked by a network");
    });
}
