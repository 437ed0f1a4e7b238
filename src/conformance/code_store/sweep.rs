//! The clauses about sweeps, which remove only what has been dead for a day.

use super::{
    super::case_result::{CaseResult, hold, same},
    bench::{CodeStoreBench, DAY, SECOND, at},
};
use crate::ports::{CodeStore as _, Record, Swapped};

pub(super) async fn the_sweep_takes_records_dead_for_a_day(bench: &CodeStoreBench) -> CaseResult {
    let record = bench.record(1, &[]);
    bench.put(&record, &[]).await?;
    bench.put(&Record { expires_at: at(DAY + 1), ..bench.record(2, &[]) }, &[]).await?;
    for now in [0, DAY, 2 * DAY - 1] {
        same("swept too early", bench.store.delete_expired(at(now), 100).await?, 0)?;
    }
    same("24 hours after its end", bench.store.delete_expired(at(2 * DAY), 100).await?, 1)?;
    hold(bench.read(&bench.id(1)).await?.is_none(), || "swept, and there".to_owned())?;
    hold(bench.read(&bench.id(2)).await?.is_some(), || {
        "the sweep took a record one microsecond too early".to_owned()
    })
}

pub(super) async fn the_sweep_takes_counters_ended_for_a_day(bench: &CodeStoreBench) -> CaseResult {
    same("a charge", bench.charged(&[bench.charge(1, 0, 9)], 0).await?, true)?;
    same("a live one", bench.charged(&[bench.charge(2, 0, 9)], DAY + SECOND).await?, true)?;
    let early = bench.store.delete_expired(at(DAY + SECOND - 1), 100).await?;
    same("swept too early", early, 0)?;
    let swept = bench.store.delete_expired(at(DAY + SECOND), 100).await?;
    same("24 hours after its end", swept, 1)?;
    bench.stands_at(2, DAY + SECOND, 1, "the sweep took a live counter").await
}

pub(super) async fn the_sweep_honours_its_limit(bench: &CodeStoreBench) -> CaseResult {
    for number in 0..5 {
        bench.put(&bench.record(number, &[]), &[bench.charge(number, 0, 9)]).await?;
    }
    let late = at(9 * DAY);
    same("with limit 0", bench.store.delete_expired(late, 0).await?, 0)?;
    let mut swept = Vec::new();
    for _ in 0..4 {
        swept.push(bench.store.delete_expired(late, 4).await?);
    }
    hold(swept.iter().all(|swept| *swept <= 4), || format!("more than the limit: {swept:?}"))?;
    same("swept in all", swept.iter().sum::<usize>(), 10)
}

pub(super) async fn the_sweep_leaves_what_was_touched_since(bench: &CodeStoreBench) -> CaseResult {
    // A slow process sweeps after a fast one has charged. Nothing alive may be removed.
    same("by a fast clock", bench.charged(&[bench.charge(1, 0, 9)], 5 * DAY).await?, true)?;
    same("swept", bench.store.delete_expired(at(5 * DAY - 30 * SECOND), 100).await?, 0)?;
    bench.stands_at(1, 5 * DAY, 1, "the sweep took a live counter").await?;
    // A window that has ended and begun again is alive, even if its first end is long past.
    same("begins", bench.charged(&[bench.charge(2, 0, 9)], 0).await?, true)?;
    same("begins again", bench.charged(&[bench.charge(2, 0, 9)], 5 * DAY).await?, true)?;
    same("swept", bench.store.delete_expired(at(5 * DAY), 100).await?, 0)?;
    bench.stands_at(2, 5 * DAY, 1, "the sweep took a live counter").await
}

pub(super) async fn the_sweep_goes_by_the_end_that_a_swap_has_given(
    bench: &CodeStoreBench,
) -> CaseResult {
    let record = bench.record(1, &[]);
    let lives = |days: i64| Record { expires_at: at(days * DAY), ..record.clone() };
    bench.put(&lives(1), &[]).await?;
    // Two swaps make the life longer. The second one comes from a process with a slow clock.
    for (version, days, now) in [(1, 3, DAY / 2), (2, 4, DAY / 4)] {
        let swapped =
            bench.store.compare_and_swap(&lives(days), version, &[], &[], at(now)).await?;
        same("a swap", swapped, Swapped::Swapped { version: version + 1 })?;
    }
    for now in [2 * DAY, 4 * DAY, 5 * DAY - 1] {
        same("swept too early", bench.store.delete_expired(at(now), 100).await?, 0)?;
        hold(bench.read(&bench.id(1)).await?.is_some(), || {
            format!("gone {} days before its margin was over", (5 * DAY - now) / DAY)
        })?;
    }
    same("24 hours after its new end", bench.store.delete_expired(at(5 * DAY), 100).await?, 1)
}
