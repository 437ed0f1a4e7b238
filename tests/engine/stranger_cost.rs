//! What a stranger without a code can make the service do: each request has a bound in port calls,
//! stored bytes, mails and slow hashes, and a limit that ends it. `benches/stranger.rs` prints the
//! table.

use crate::stranger::*;
use crate::support::{NEW, hours, password, request, runtime, seconds, wrong_code};
use sspr::{
    engine::{
        OpenOutcome, Rejection, SendOutcome, SignInOutcome, StartOutcome, StatusOutcome,
        SubmitOutcome, VerifyOutcome,
    },
    policy::Limits,
};

fn limits() -> Limits {
    Limits::default()
}

/// What one such request costs; twice, with other numbers, to see that it is no accident.
async fn cost_of(ask: Ask) -> Cost {
    let (stage, other) = (Stage::cheap().await, Stage::cheap().await);
    let mut costs = Vec::new();
    for number in [1, 2] {
        let ready = stage.prepare(ask, number, &other).await;
        costs.push(stage.cost(stage.ask(ask, &ready, number)).await.1);
    }
    assert_eq!(costs[0], costs[1], "{ask:?}");
    costs[0]
}

/// Calls of the code store, look-ups, mails and hashes exactly, bytes at most.
fn is_within(cost: Cost, calls: usize, finds: usize, bytes: usize, mails: usize, hashes: u64) {
    assert!(cost.bytes <= bytes, "{cost:?}");
    assert_eq!(cost, Cost { bytes: cost.bytes, calls, finds, hashes, mails });
}

#[test]
fn the_table_names_tests_that_exist() {
    let source = include_str!("stranger_cost.rs");
    for (_, _, test) in ASKS {
        assert!(source.contains(&format!("fn {test}()")), "{test}");
    }
}

#[test]
fn an_open_is_one_call_and_looks_nobody_up() {
    runtime().block_on(async {
        is_within(cost_of(Ask::Open).await, 1, 0, 700, 0, 0);
    });
}

#[test]
fn a_network_fills_the_store_no_further_than_its_opens() {
    runtime().block_on(async {
        is_within(cost_of(Ask::OpenLargest).await, 1, 0, 1_600, 0, 0);
        let (stage, opens) = (Stage::cheap().await, limits().opens_per_network());
        let ((), cost) = stage
            .cost(async {
                for number in 0..opens + 50 {
                    let opened = stage.sspr.open(&largest_request(number), &network(1)).await;
                    let refused = matches!(opened.unwrap(), OpenOutcome::TryLater { .. });
                    assert_eq!(refused, number >= opens, "{number}");
                }
            })
            .await;
        // One record for each, and one counter for the network.
        assert_eq!(stage.entries(), (opens as usize, 1));
        assert!(cost.bytes <= opens as usize * 1_600, "{cost:?}");
        // All of it is gone two days later.
        stage.clock.advance(hours(49));
        stage.sweep().await;
        assert_eq!(stage.entries(), (0, 0));
    });
}

#[test]
fn an_unknown_address_costs_what_a_victim_costs_but_the_mail() {
    runtime().block_on(async {
        let unknown = cost_of(Ask::StartUnknown).await;
        let victim = cost_of(Ask::StartVictim).await;
        is_within(unknown, 2, 1, 1_300, 0, 0);
        assert_eq!(victim, Cost { mails: 1, ..unknown });
        // Sixty an hour from one network, to whomever.
        let (stage, sends) = (Stage::cheap().await, limits().sends_per_network());
        for number in 0..sends + 10 {
            let started = stage.start(&typed("nobody", number), &network(1)).await;
            let refused = matches!(started, StartOutcome::TryLater { .. });
            assert_eq!(refused, number >= sends, "{number}");
        }
    });
}

#[test]
fn a_victim_gets_twenty_mails_a_day() {
    runtime().block_on(async {
        let (stage, limits) = (Stage::cheap().await, limits());
        stage.victim(1);
        let spellings = ["victim1@example.com", "VICTIM1@example.com", "victim1+a@example.com"];
        let ((), cost) = stage
            .cost(async {
                // Every hour of a day, from a hundred networks, however it is spelt.
                for hour in 0..24 {
                    for from in 0..100 {
                        let client = network(hour * 100 + from);
                        stage.start(spellings[from as usize % 3], &client).await;
                    }
                    stage.clock.advance(seconds(3_590));
                }
            })
            .await;
        assert!(cost.mails <= limits.sends_per_address() as usize, "{cost:?}");
        assert!(cost.finds <= limits.sends_per_address() as usize, "{cost:?}");
        // From one network: five.
        let stage = Stage::cheap().await;
        stage.victim(1);
        let ((), cost) = stage
            .cost(async {
                for _ in 0..50 {
                    stage.start(spellings[0], &network(1)).await;
                }
            })
            .await;
        assert_eq!(cost.mails, limits.sends_per_address_and_network() as usize);
    });
}

#[test]
fn one_network_resends_to_an_address_five_times_a_day() {
    runtime().block_on(async {
        is_within(cost_of(Ask::Resend).await, 3, 1, 0, 1, 0);
        let stage = Stage::cheap().await;
        stage.victim(1);
        let token = stage.started(&typed("victim", 1), &network(1)).await;
        let (mut sent, mut refused) = (1, 0);
        for _ in 0..50 {
            stage.clock.advance(seconds(60));
            let (outcome, cost) = stage
                .cost(async {
                    let outcome = stage.sspr.send(&token, &network(1)).await.unwrap();
                    stage.courier.drain(&stage.inbox).await;
                    outcome
                })
                .await;
            if matches!(outcome, SendOutcome::Sent(_)) {
                sent += 1;
            } else {
                refused += 1;
                is_within(cost, 2, 0, 0, 0, 0);
            }
        }
        assert_eq!((sent, refused), (limits().sends_per_address_and_network(), 46));
        // Within the cooldown it is one read.
        let token = stage.started(&typed("nobody", 2), &network(2)).await;
        let (outcome, cost) = stage.cost(stage.sspr.send(&token, &network(2))).await;
        assert!(matches!(outcome.unwrap(), SendOutcome::TooSoon { .. }));
        is_within(cost, 1, 0, 0, 0, 0);
    });
}

#[test]
fn a_wrong_code_is_one_call() {
    runtime().block_on(async {
        // The counters of the network and of what was typed begin: five of 44 bytes.
        is_within(cost_of(Ask::WrongCode).await, 1, 0, 5 * 44, 0, 0);
        let (stage, limits) = (Stage::cheap().await, limits());
        let (tries, most) = (limits.tries_per_challenge(), limits.network_tries());
        let mut answers = [0_u32; 3];
        for number in 0..most / tries + 1 {
            let token = stage.started(&typed("nobody", number), &network(1 + number)).await;
            for _ in 0..tries + 1 {
                let (outcome, cost) =
                    stage.cost(stage.verify(&token, &wrong_code(), &network(0))).await;
                match outcome {
                    VerifyOutcome::Rejected(Rejection::WrongCode { .. }) => answers[0] += 1,
                    // Whoever is refused leaves nothing behind.
                    VerifyOutcome::Rejected(Rejection::Exhausted) => {
                        answers[1] += 1;
                        is_within(cost, 1, 0, 0, 0, 0);
                    }
                    VerifyOutcome::Rejected(Rejection::TryLater { .. }) => {
                        answers[2] += 1;
                        is_within(cost, 1, 0, 0, 0, 0);
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!(answers, [most, most / tries, tries + 1]);
    });
}

#[test]
fn what_a_network_leaves_for_a_year_is_one_counter_for_each_open() {
    runtime().block_on(async {
        // Every reset under an address of its own, each with its five tries.
        let (stage, limits) = (Stage::cheap().await, limits());
        for number in 0..limits.opens_per_network() {
            let opened = stage.sspr.open(&request(&typed("nobody", number)), &network(1)).await;
            let OpenOutcome::Opened(opened) = opened.unwrap() else { panic!("not opened") };
            for _ in 0..limits.tries_per_challenge() {
                stage.verify(&opened.token, &wrong_code(), &network(1)).await;
            }
        }
        stage.clock.advance(hours(49));
        stage.sweep().await;
        // What is remembered for a year: the comparisons since the last right code.
        assert_eq!(stage.entries(), (0, limits.opens_per_network() as usize));
        stage.clock.advance(hours(366 * 24));
        stage.sweep().await;
        assert_eq!(stage.entries(), (0, 0));
    });
}

#[test]
fn past_the_cap_one_longer_code_goes_out() {
    runtime().block_on(async {
        // Two of the calls add the wrong tries so far to the tenant's: once a round of the courier.
        is_within(cost_of(Ask::LongerCode).await, 5, 1, 100, 1, 0);
        let stage = Stage::cheap().await;
        stage.victim(1);
        let token = stage.started(&typed("victim", 1), &network(1)).await;
        stage.spend_tries(&typed("victim", 1), 1).await;
        let ((), cost) = stage
            .cost(async {
                for _ in 0..50 {
                    stage.verify(&token, &wrong_code(), &network(1)).await;
                    stage.courier.drain(&stage.inbox).await;
                }
            })
            .await;
        assert_eq!((cost.mails, cost.finds, cost.hashes), (1, 1, 0), "{cost:?}");
        assert!(cost.calls <= 50 + 3 + 2 * 50, "{cost:?}");
    });
}

#[test]
fn a_look_reads_once_and_leaves_nothing() {
    runtime().block_on(async {
        is_within(cost_of(Ask::Look).await, 1, 0, 0, 0, 0);
        let stage = Stage::cheap().await;
        let token = stage.started(&typed("nobody", 1), &network(1)).await;
        for _ in 0..1_000 {
            let (outcome, cost) = stage.cost(stage.sspr.status(&token)).await;
            assert!(matches!(outcome.unwrap(), StatusOutcome::Status(_)));
            is_within(cost, 1, 0, 0, 0, 0);
        }
    });
}

#[test]
fn a_forged_token_reaches_no_port() {
    runtime().block_on(async {
        is_within(cost_of(Ask::ForgedToken).await, 0, 0, 0, 0, 0);
        let (stage, other) = (Stage::cheap().await, Stage::cheap().await);
        let forged = other.started(&typed("nobody", 1), &network(1)).await;
        let (_, cost) = stage
            .cost(async {
                for _ in 0..1_000 {
                    stage.verify(&forged, &wrong_code(), &network(1)).await;
                    stage.sspr.send(&forged, &network(1)).await.unwrap();
                    stage.sspr.status(&forged).await.unwrap();
                }
            })
            .await;
        assert_eq!(cost, Cost::default());
    });
}

#[test]
fn a_forged_grant_reaches_no_port() {
    runtime().block_on(async {
        is_within(cost_of(Ask::ForgedGrant).await, 0, 0, 0, 0, 0);
        let (stage, other) = (Stage::cheap().await, Stage::cheap().await);
        stage.victim(1);
        let forged = other.grant(1).await;
        let (new, client) = (password(NEW), network(1));
        for _ in 0..1_000 {
            let (outcome, cost) = stage.cost(stage.sspr.submit(&forged, &new, &client)).await;
            assert!(matches!(outcome.unwrap(), SubmitOutcome::Rejected));
            assert_eq!(cost, Cost::default());
        }
    });
}

#[test]
fn a_known_address_buys_hashes_until_it_locks() {
    runtime().block_on(async {
        let known = cost_of(Ask::SignInKnown).await;
        is_within(known, 2, 1, 150, 0, 1);
        assert_eq!(known, cost_of(Ask::SignInUnknown).await, "whoever it is");
        let (stage, threshold) = (Stage::cheap().await, limits().lockout_threshold());
        stage.victim(1);
        for (mail, first) in [(typed("victim", 1), 0), (typed("nobody", 1), 1 << 20)] {
            let mut hashes = 0;
            // A whole day, every minute, from networks that never end.
            for turn in 0..24 * 60_u32 {
                let (outcome, cost) =
                    stage.cost(stage.sign_in(&mail, "wrong", &network(first + turn))).await;
                hashes += cost.hashes;
                let locked = matches!(outcome, SignInOutcome::LockedOut { .. });
                assert_eq!(cost.hashes, u64::from(!locked));
                assert!(cost.calls <= 2, "{cost:?}");
                assert!(!locked || turn >= threshold);
                stage.clock.advance(seconds(60));
            }
            // Ten, then one after each lock of 1, 2, 4, … minutes, at the longest five hours.
            assert_eq!(hashes, u64::from(threshold) + 12, "{mail}");
        }
    });
}

#[test]
fn a_network_buys_as_many_hashes_as_it_may_try() {
    runtime().block_on(async {
        let (stage, tries) = (Stage::cheap().await, limits().network_tries());
        let ((), cost) = stage
            .cost(async {
                for number in 0..tries + 100 {
                    let outcome =
                        stage.sign_in(&typed("nobody", number), "wrong", &network(1)).await;
                    let refused = matches!(outcome, SignInOutcome::TryLater { .. });
                    assert_eq!(refused, number >= tries, "{number}");
                }
            })
            .await;
        assert_eq!(cost.hashes, u64::from(tries));
        // Past the limit a sign-in costs a look-up and a call that writes nothing.
        assert_eq!(cost.finds, tries as usize + 100);
        // A lockout for each address, and one counter; gone when they are forgotten.
        assert_eq!(stage.entries(), (tries as usize, 1));
        assert!(cost.bytes <= tries as usize * 100, "{cost:?}");
        stage.clock.advance(hours(49));
        stage.sweep().await;
        assert_eq!(stage.entries(), (0, 0));
    });
}

#[test]
fn the_largest_password_costs_one_hash() {
    runtime().block_on(async {
        assert_eq!(password(&largest_password()).expose().len(), 1_024);
        assert_eq!(cost_of(Ask::SignInLargest).await, cost_of(Ask::SignInUnknown).await);
    });
}

#[test]
fn combining_marks_are_refused_before_any_hash() {
    runtime().block_on(async {
        assert_eq!(combining_marks().len(), 1_024);
        assert_eq!(cost_of(Ask::CombiningPassword).await, Cost::default());
    });
}

#[test]
fn a_megabyte_is_refused_before_it_is_looked_at() {
    runtime().block_on(async {
        assert_eq!(cost_of(Ask::HostileText).await, Cost::default());
    });
}

#[test]
fn mails_that_wait_are_bounded() {
    runtime().block_on(async {
        // Nobody sends: a thousand of a tenant wait, and nobody else is told that one left.
        let stage = Stage::cheap().await;
        let mut started = 0;
        for number in 0..1_100 {
            let request = request(&typed("nobody", number));
            match stage.sspr.start(&request, &network(number)).await.unwrap() {
                StartOutcome::Started(_) => started += 1,
                other => assert!(matches!(other, StartOutcome::TryLater { .. }), "{other:?}"),
            }
        }
        assert_eq!((started, stage.sspr.queue_depth()), (1_000, 1_000));
    });
}
