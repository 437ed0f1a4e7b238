//! What somebody gets who guesses at every opportunity, against what `Limits` says of it: never
//! more, and no less, or the bound would say nothing.

use std::time::Duration;

use sspr::policy::{Limits, LimitsBuilder};

use super::siege::{Guess, Opened, Siege, Ways};
use crate::support::{hours, runtime, seconds};

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

fn defaults() -> LimitsBuilder {
    Limits::builder()
}

fn row(what: &str, numbers: &str, stated: u64, reached: u64) {
    println!("| {what} | {numbers} | {stated} | {reached} |");
    assert!(reached <= stated, "{what}, {numbers}: {reached} of {stated}");
}

/// Two windows of one budget, spent where they touch: one guess begins the first window, the rest
/// of its budget goes at its very end, and the next budget at once.
async fn two_windows(siege: &mut Siege, budget: u32, window: Duration) {
    let began = siege.now();
    let first = siege.open(0, 0).await;
    assert_eq!(siege.guess(&first, 0, false).await, Guess::Compared);
    siege.clock.set(began.after(window).before(seconds(300)));
    // As many as the budget takes, and more, all open before any of it is spent.
    let end = siege.prepare(0, budget).await;
    siege.spend(&end, 0).await;
    siege.clock.set(began.after(window));
    let next = siege.prepare(0, budget).await;
    siege.spend(&next, 0).await;
}

#[test]
fn one_code_is_compared_as_often_as_limits_say() {
    runtime().block_on(async {
        for tries in [1, 3, 5, 10] {
            let limits = defaults().tries_per_challenge(tries);
            let mut siege = Siege::of(limits, 3, 1).await;
            let opened = siege.open(0, 0).await;
            for _ in 0..30 {
                siege.guess(&opened, 0, false).await;
            }
            row("one code", &format!("{tries} tries"), tries.into(), siege.compared.len() as u64);
            assert_eq!(siege.compared.len() as u32, tries);
            // By luck the last one is right, or the one after.
            for (account, wrong, end) in [(1, tries - 1, Guess::Granted), (2, tries, Guess::InVain)]
            {
                let opened = siege.open(account, 0).await;
                for _ in 0..wrong {
                    siege.guess(&opened, 0, false).await;
                }
                assert_eq!(siege.guess(&opened, 0, true).await, end, "{tries}");
            }
        }
    });
}

#[test]
fn a_day_of_one_account_is_compared_as_often_as_limits_say() {
    runtime().block_on(async {
        for budget in [1, 5, 15, 50] {
            let limits = defaults().tries_per_window(budget);
            let stated = limits.build().unwrap().odds().guesses_per_account_day;
            let mut siege = Siege::of(limits, 1, 1).await;
            two_windows(&mut siege, budget, hours(24)).await;
            let reached = siege.most_within(hours(24));
            row("one account, a day", &format!("{budget} a window"), stated, reached);
            assert_eq!(reached, stated);
        }
    });
}

/// By mail and by text in turn: all codes share one budget.
#[test]
fn who_alternates_the_ways_is_compared_as_often_as_limits_say() {
    runtime().block_on(async {
        let by_turns = |limits| Siege::by(Ways::InTurn, limits, 1, 1);
        // One reset, asked for in both ways: none of them has to wait for the other.
        let mut siege = by_turns(defaults()).await;
        let mut opened = siege.open(0, 0).await;
        for _ in 0..18 {
            for _ in 0..5 {
                siege.guess(&opened, 0, false).await;
            }
            siege.clock.advance(seconds(31));
            assert!(siege.resend(&mut opened).await, "each way has a cooldown of its own");
        }
        row("one reset, sent in both ways", "19 sends", 15, siege.compared.len() as u64);
        assert_eq!(siege.compared.len(), 15);

        for budget in [1, 5, 15, 50] {
            let limits = defaults().tries_per_window(budget);
            let stated = limits.build().unwrap().odds().guesses_per_account_day;
            let mut siege = by_turns(limits).await;
            two_windows(&mut siege, budget, hours(24)).await;
            let reached = siege.most_within(hours(24));
            row("one account in both ways, a day", &format!("{budget} a window"), stated, reached);
            assert_eq!(reached, stated);
        }

        let limits = defaults().tries_per_streak(25).tries_per_window(50);
        let stated = limits.build().unwrap().odds().guesses_per_account_year;
        let mut siege = by_turns(limits).await;
        two_windows(&mut siege, 25, YEAR).await;
        let reached = siege.most_within(YEAR);
        row("one account in both ways, a year", "25 between right codes", stated, reached);
        assert_eq!(reached, stated);
    });
}

#[test]
fn a_tenant_whose_codes_go_both_ways_is_compared_as_often_as_limits_say() {
    runtime().block_on(async {
        let (threshold, accounts) = (50, 100);
        let limits = defaults().tenant_tries(threshold);
        let mut siege = Siege::by(Ways::InTurn, limits, accounts, 1).await;
        let reached = besieged(&mut siege, 1, accounts).await;
        let stated = 2 * u64::from(threshold);
        row("a tenant in both ways, a window", &format!("threshold {threshold}"), stated, reached);
        assert_eq!(reached, stated - 1);
    });
}

#[test]
fn past_the_budget_of_a_day_not_even_a_right_guess_at_an_old_code_gets_in() {
    runtime().block_on(async {
        for lucky in [14, 15] {
            let mut siege = Siege::of(defaults(), 1, 1).await;
            let opened = siege.prepare(0, 40).await;
            let mut ends = Vec::new();
            for number in 0..40 {
                let reset = &opened[number / 5];
                ends.push(siege.guess(reset, 0, number >= lucky).await);
            }
            let granted = ends.iter().filter(|end| **end == Guess::Granted).count();
            assert_eq!(granted, usize::from(lucky < 15), "{lucky}: {ends:?}");
        }
    });
}

#[test]
fn resends_buy_no_budget() {
    runtime().block_on(async {
        let mut siege = Siege::of(defaults(), 1, 1).await;
        let mut opened = siege.open(0, 0).await;
        let mut sends = 1;
        loop {
            for _ in 0..5 {
                siege.guess(&opened, 0, false).await;
            }
            siege.clock.advance(seconds(60));
            if sends == 19 || !siege.resend(&mut opened).await {
                break;
            }
            sends += 1;
        }
        row("one reset, sent again", &format!("{sends} sends"), 15, siege.compared.len() as u64);
        assert_eq!((sends, siege.compared.len()), (19, 15));
    });
}

#[test]
fn a_year_of_one_account_is_compared_as_often_as_limits_say() {
    runtime().block_on(async {
        let limits = defaults().tries_per_streak(25).tries_per_window(50);
        let stated = limits.build().unwrap().odds().guesses_per_account_year;
        let mut siege = Siege::of(limits, 1, 1).await;
        two_windows(&mut siege, 25, YEAR).await;
        let reached = siege.most_within(YEAR);
        row("one account, a year", "25 between right codes", stated, reached);
        assert_eq!(reached, stated);
    });
}

/// With the defaults a streak takes a week of days, so the two cannot touch at one instant: one
/// guess less.
#[test]
fn two_patient_years_of_one_account_stay_within_what_limits_say() {
    runtime().block_on(async {
        let stated = Limits::default().odds().guesses_per_account_year;
        let mut siege = Siege::of(defaults(), 1, 1).await;
        let began = siege.now();
        for day in (0..1).chain(358..375).chain(720..740) {
            siege.clock.set(began.after(hours(24 * day)));
            let opened = siege.prepare(0, if day == 0 { 1 } else { 15 }).await;
            if day == 0 {
                siege.guess(&opened[0], 0, false).await;
            } else {
                siege.spend(&opened, 0).await;
            }
        }
        let reached = siege.most_within(YEAR);
        row("one account, a year", "the defaults", stated, reached);
        assert_eq!((stated, reached), (200, 199));
    });
}

/// Every day of a year: up to the threshold at leisure, then all that is open at once, before any
/// courier adds it up.
async fn besieged(siege: &mut Siege, days: u64, accounts: usize) -> u64 {
    let threshold = siege.limits.tenant_tries() as usize;
    let (began, processes) = (siege.now(), siege.processes());
    let mut turn = 0;
    for day in 0..days {
        siege.clock.set(began.after(hours(24 * day)));
        let mut opened: Vec<Opened> = Vec::new();
        // Three resets an account and day: 15 guesses.
        for _ in 0..((processes + 1) * threshold).div_ceil(5) + 2 {
            opened.push(siege.open(turn / 3 % accounts, turn % 4).await);
            turn += 1;
        }
        let mut tries = opened.iter().flat_map(|reset| std::iter::repeat_n(reset, 5));
        for reset in tries.by_ref().take(threshold - 1) {
            siege.guess(reset, 0, false).await;
        }
        siege.couriers().await;
        for process in 0..processes {
            let before = siege.compared.len();
            for reset in tries.by_ref() {
                if siege.guess(reset, process, false).await == Guess::InVain
                    || siege.compared.len() - before > 10 * threshold
                {
                    break;
                }
            }
        }
        siege.couriers().await;
    }
    siege.most_within(YEAR)
}

#[test]
fn a_year_of_a_tenant_is_compared_as_often_as_limits_say() {
    runtime().block_on(async {
        let limits = defaults().tenant_tries(10);
        let stated = limits.build().unwrap().odds().guesses_per_tenant_year;
        let mut siege = Siege::of(limits, 300, 1).await;
        let reached = besieged(&mut siege, 370, 300).await;
        row("a tenant, a year", "threshold 10", stated, reached);
        // The guess that reaches the threshold is the last of its kind: one less in each window.
        assert_eq!(reached, stated - 366);
    });
}

#[test]
fn a_day_of_a_tenant_is_twice_the_threshold_and_each_more_process_adds_one() {
    runtime().block_on(async {
        for (threshold, processes) in [(1000, 1), (50, 1), (50, 2), (50, 3)] {
            let limits = defaults().tenant_tries(threshold);
            let accounts = 400;
            let mut siege = Siege::of(limits, accounts, processes).await;
            let reached = besieged(&mut siege, 1, accounts).await;
            let stated = (processes as u64 + 1) * u64::from(threshold);
            let what = format!("threshold {threshold}, {processes} processes");
            row("a tenant, a window", &what, stated, reached);
            assert_eq!(reached, stated - 1);
        }
    });
}
