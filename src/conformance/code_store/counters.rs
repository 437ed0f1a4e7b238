//! The clauses about counters. They cover windows, all-or-none charges, limits and names.

use std::collections::BTreeSet;

use super::{
    super::case_result::{CaseResult, hold, same},
    bench::{CodeStoreBench, DAY, SECOND, at},
};
use crate::domain::{Charge, CounterName};

pub(super) async fn a_window_begins_at_its_first_charge_and_ends_to_the_microsecond(
    bench: &CodeStoreBench,
) -> CaseResult {
    let limit = [bench.charge(1, 0, 2)];
    same("first charge", bench.charged(&limit, 7).await?, true)?;
    same("second charge", bench.charged(&limit, SECOND / 2).await?, true)?;
    let over = bench.store.charge(&limit, at(7 + SECOND - 1)).await?;
    let ends: Vec<_> = over.iter().map(|over| (over.name, over.ends_at)).collect();
    same("one microsecond before its end", ends, vec![(bench.name(1), at(7 + SECOND))])?;
    same("at its end", bench.charged(&limit, 7 + SECOND).await?, true)?;
    bench.stands_at(1, 7 + SECOND, 1, "a new window began").await?;
    bench.stands_at(1, 7 + 2 * SECOND - 1, 1, "the new window lasts as long").await?;
    bench.stands_at(1, 7 + 2 * SECOND, 0, "the new window ended").await
}

pub(super) async fn a_charge_inside_a_window_never_moves_its_end(
    bench: &CodeStoreBench,
) -> CaseResult {
    for step in 0..10 {
        let charged = bench.charged(&[bench.charge(1, 0, 100)], step * SECOND / 10).await?;
        same("a charge far below its limit", charged, true)?;
    }
    bench.stands_at(1, SECOND - 1, 10, "all ten fell in one window").await?;
    bench.stands_at(1, SECOND, 0, "the window ends one second after its first charge").await
}

pub(super) async fn a_clock_that_runs_back_reopens_no_window(bench: &CodeStoreBench) -> CaseResult {
    let one = [bench.charge(1, 0, 1)];
    same("first charge", bench.charged(&one, SECOND).await?, true)?;
    for back in [-1, -SECOND, -9 * 3600 * SECOND, -DAY] {
        let charged = bench.charged(&one, SECOND + back).await?;
        hold(!charged, || format!("a clock {back} microseconds back reopened the window"))?;
    }
    // A window that a process with a fast clock began also holds for a slow clock.
    let two = [bench.charge(2, 0, 2)];
    same("by a fast clock", bench.charged(&two, 5 * SECOND).await?, true)?;
    same("by a slow clock", bench.charged(&two, 0).await?, true)?;
    same("and once more", bench.charged(&two, 5 * SECOND + 10).await?, false)?;
    bench.stands_at(2, 6 * SECOND, 0, "the end was not moved by the slow clock").await
}

pub(super) async fn charges_are_all_or_none(bench: &CodeStoreBench) -> CaseResult {
    same("fills it", bench.charged(&[bench.charge(4, 0, 1)], 0).await?, true)?;
    let three = [bench.charge(9, 0, 9), bench.charge(4, 0, 1), bench.charge(1, 0, 9)];
    same("one of three is full", bench.charged(&three, 1).await?, false)?;
    for number in [1, 9] {
        bench.stands_at(number, 1, 0, "a refused call charges nothing").await?;
    }
    bench.stands_at(4, 1, 1, "a refused call charges nothing").await
}

pub(super) async fn the_answer_names_every_counter_that_is_over(
    bench: &CodeStoreBench,
) -> CaseResult {
    for number in [2, 200] {
        same("fills it", bench.charged(&[bench.charge(number, 0, 1)], 0).await?, true)?;
    }
    // The charges are in no order. A store that sorts them must still answer with the right names.
    let charges = [200, 3, 2, 120, 1].map(|number| bench.charge(number, 0, 1));
    let mut over: Vec<CounterName> =
        bench.store.charge(&charges, at(1)).await?.iter().map(|over| over.name).collect();
    over.sort_unstable();
    same("counters over their limit", over, vec![bench.name(2), bench.name(200)])
}

pub(super) async fn asking_writes_nothing(bench: &CodeStoreBench) -> CaseResult {
    let ask = [Charge { amount: 0, ..bench.charge(1, 0, 0) }];
    same("an unknown counter stands at 0", bench.charged(&ask, 0).await?, true)?;
    same("a charge", bench.charged(&[bench.charge(1, 0, 5)], 10).await?, true)?;
    let over = bench.store.charge(&ask, at(SECOND / 2)).await?;
    let ends: Vec<_> = over.iter().map(|over| over.ends_at).collect();
    same("the window began with the charge, not with a question", ends, vec![at(10 + SECOND)])?;
    bench.charged(&ask, 5 * SECOND).await?;
    same("in the old window", bench.charged(&[bench.charge(1, 0, 1)], 20).await?, false)
}

pub(super) async fn limits_are_those_of_the_call(bench: &CodeStoreBench) -> CaseResult {
    for (limit, charged) in [(1, true), (1, false), (3, true), (2, false), (3, true), (3, false)] {
        let found = bench.charged(&[bench.charge(1, 0, limit)], 0).await?;
        same(&format!("with limit {limit}"), found, charged)?;
    }
    let zero = bench.charged(&[bench.charge(2, 0, 0)], 0).await?;
    same("with limit 0", zero, false)
}

pub(super) async fn large_amounts_never_wrap_around(bench: &CodeStoreBench) -> CaseResult {
    let most = [Charge { amount: u32::MAX, limit: u32::MAX, ..bench.charge(1, 0, 0) }];
    same("exactly the largest limit", bench.charged(&most, 0).await?, true)?;
    for _ in 0..3 {
        same("past the largest limit", bench.charged(&most, 1).await?, false)?;
    }
    let one = [Charge { limit: u32::MAX, ..bench.charge(1, 0, 0) }];
    same("one more", bench.charged(&one, 1).await?, false)?;
    let five = [Charge { amount: 5, ..bench.charge(2, 0, 9) }];
    same("five of nine", bench.charged(&five, 0).await?, true)?;
    same("ten of nine", bench.charged(&five, 0).await?, false)?;
    bench.stands_at(2, 0, 5, "amounts are added whole").await
}

pub(super) async fn names_are_compared_byte_for_byte(bench: &CodeStoreBench) -> CaseResult {
    // The tails are, as text, A and a, a NUL, invalid UTF-8, a quote, braces, a wild card and white
    // space.
    let tails = [b'A', b'a', 0, 0xff, b'\'', b'{', b'}', b'%', b' ', b'\n'];
    let mut names = BTreeSet::new();
    for place in [0, 8, 20, 31] {
        for tail in tails {
            let mut bytes = *bench.name(0).as_bytes();
            bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte = tail);
            names.insert(CounterName::from_bytes(bytes));
        }
    }
    for first in [true, false] {
        for name in &names {
            let charge = [Charge { name: *name, ..bench.charge(0, 0, 1) }];
            hold(bench.charged(&charge, 0).await? == first, || {
                format!("names run together: {:02x?} with another one", name.as_bytes())
            })?;
        }
    }
    Ok(())
}

pub(super) async fn tenants_share_no_counter(bench: &CodeStoreBench) -> CaseResult {
    let other = bench.tenant("fabrikam")?;
    for tenant in [bench, &other] {
        let full = [tenant.charge(1, 0, 1)];
        same("the first of a tenant", tenant.charged(&full, 0).await?, true)?;
    }
    bench.put(&bench.record(1, &[]), &[]).await?;
    hold(bench.read(&other.id(1)).await?.is_none(), || {
        "a tenant reads another one's record".to_owned()
    })
}
