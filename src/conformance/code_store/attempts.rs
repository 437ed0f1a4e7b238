//! The clauses about attempts. They cover a record's own tries, the tiers of charges, and expiry.

use super::{
    super::case_result::{CaseResult, Violation, hold, same},
    bench::{CodeStoreBench, DAY, SECOND, at},
    records::loaded,
};
use crate::{
    domain::{Charge, CounterName, RecordId},
    ports::{Attempted, CodeStore as _, Record, StoredRecord},
};

/// Charges one try, which must succeed. Returns the record, and the sorted names of the counters
/// that are over.
async fn charged(
    bench: &CodeStoreBench,
    id: &RecordId,
    now: i64,
) -> Result<(StoredRecord, Vec<CounterName>), Violation> {
    match bench.attempt(id, now).await? {
        Attempted::Charged { over, record } => {
            let mut names: Vec<_> = over.iter().map(|over| over.name).collect();
            names.sort_unstable();
            Ok((record, names))
        }
        other => Err(Violation::new(format!("a try of a live record: {other:?}"))),
    }
}

pub(super) async fn tries_are_charged_first_and_exhausted_writes_nothing(
    bench: &CodeStoreBench,
) -> CaseResult {
    let record = bench.record(1, &[bench.charge(5, 1, 99)]);
    bench.put(&record, &[]).await?;
    for tries in 1..=5 {
        let (found, over) = charged(bench, &record.id, 1).await?;
        same("tries, this one counted", found.tries, tries)?;
        same("counters over", over, Vec::new())?;
        same("body", found.body, record.body.clone())?;
    }
    for _ in 0..4 {
        let answer = bench.attempt(&record.id, 2).await?;
        hold(matches!(answer, Attempted::Exhausted), || {
            format!("a sixth try of five: {answer:?}")
        })?;
    }
    bench.stands_at(5, 2, 5, "Exhausted charges nothing").await?;
    let after = loaded(bench, &record.id).await?;
    same("tries", after.tries, 5)?;
    same("touched at", after.touched_at, at(1))
}

pub(super) async fn the_callers_charges_are_made_with_the_try(
    bench: &CodeStoreBench,
) -> CaseResult {
    // The second tier of the record refuses from the second try on.
    let record = bench.record(1, &[bench.charge(5, 1, 9), bench.charge(6, 2, 1)]);
    bench.put(&record, &[]).await?;
    for tries in 1..=3 {
        let charges = [bench.charge(2, 0, 9), bench.charge(3, 0, 9)];
        match bench.store.attempt(&record.id, &charges, at(1)).await? {
            Attempted::Charged { record, over } => {
                same("tries, this one counted", record.tries, tries)?;
                let names: Vec<_> = over.iter().map(|over| over.name).collect();
                let expected = if tries == 1 { Vec::new() } else { vec![bench.name(6)] };
                same("counters of the record over", names, expected)?;
            }
            other => return Err(Violation::new(format!("a try within the limits: {other:?}"))),
        }
        for number in [2, 3] {
            bench.stands_at(number, 1, tries, "the caller's charges stand").await?;
        }
    }
    Ok(())
}

pub(super) async fn a_refused_caller_leaves_the_record_as_it_was(
    bench: &CodeStoreBench,
) -> CaseResult {
    let record = bench.record(1, &[bench.charge(5, 1, 9)]);
    bench.put(&record, &[]).await?;
    same("fills it", bench.charged(&[bench.charge(2, 0, 1)], 0).await?, true)?;
    for _ in 0..8 {
        let charges = [bench.charge(3, 0, 9), bench.charge(2, 0, 1), bench.charge(1, 0, 9)];
        match bench.store.attempt(&record.id, &charges, at(1)).await? {
            Attempted::Refused(over) => {
                let names: Vec<_> = over.iter().map(|over| over.name).collect();
                same("refused because of", names, vec![bench.name(2)])?;
            }
            other => return Err(Violation::new(format!("over its limit: {other:?}"))),
        }
    }
    let after = loaded(bench, &record.id).await?;
    same("tries after refused attempts", after.tries, 0)?;
    same("touched at", after.touched_at, at(0))?;
    for number in [1, 3, 5] {
        bench.stands_at(number, 1, 0, "a refused attempt charges nothing").await?;
    }
    Ok(())
}

pub(super) async fn tiers_are_taken_in_ascending_order(bench: &CodeStoreBench) -> CaseResult {
    // The charges are in descending order, and their names sort against their tiers.
    let charges = [bench.charge(3, 9, 1), bench.charge(7, 2, 2), bench.charge(9, 1, 3)];
    let record = bench.record(1, &charges);
    bench.put(&record, &[]).await?;
    let mut overs = Vec::new();
    for _ in 0..5 {
        overs.push(charged(bench, &record.id, 1).await?.1);
    }
    let expected = [vec![], vec![3], vec![7], vec![9], vec![9]];
    let expected: Vec<Vec<_>> =
        expected.iter().map(|names| names.iter().map(|it| bench.name(*it)).collect()).collect();
    same("counters over, try by try", overs, expected)
}

pub(super) async fn a_refusing_first_tier_leaves_the_second_uncharged(
    bench: &CodeStoreBench,
) -> CaseResult {
    let charges = [bench.charge(7, 2, 9), bench.charge(5, 1, 1), bench.charge(6, 1, 9)];
    let record = bench.record(1, &charges);
    bench.put(&record, &[]).await?;
    charged(bench, &record.id, 1).await?;
    let (found, over) = charged(bench, &record.id, 1).await?;
    same("counters over", over, vec![bench.name(5)])?;
    same("a refused try is a try", found.tries, 2)?;
    bench.stands_at(6, 1, 1, "the refusing tier is all or none").await?;
    bench.stands_at(7, 1, 1, "tier 2 is not reached when tier 1 refuses").await
}

pub(super) async fn a_refusing_second_tier_leaves_the_first_charged(
    bench: &CodeStoreBench,
) -> CaseResult {
    let charges = [bench.charge(5, 1, 9), bench.charge(7, 2, 1), bench.charge(8, 2, 9)];
    let record = bench.record(1, &charges);
    bench.put(&record, &[]).await?;
    charged(bench, &record.id, 1).await?;
    let (_, over) = charged(bench, &record.id, 1).await?;
    same("counters over", over, vec![bench.name(7)])?;
    bench.stands_at(5, 1, 2, "tier 1 stays charged: outsiders see the same").await?;
    bench.stands_at(8, 1, 1, "the refusing tier is all or none").await
}

pub(super) async fn an_attempt_never_changes_the_version(bench: &CodeStoreBench) -> CaseResult {
    let record = bench.record(1, &[bench.charge(5, 1, 2)]);
    bench.put(&record, &[]).await?;
    for _ in 0..8 {
        let answer = bench.attempt(&record.id, 1).await?;
        if let Attempted::Charged { record, .. } = answer {
            same("the version in the answer", record.version, 1)?;
        }
        same("version", loaded(bench, &record.id).await?.version, 1)?;
    }
    Ok(())
}

pub(super) async fn a_record_is_dead_at_its_expiry_to_the_microsecond(
    bench: &CodeStoreBench,
) -> CaseResult {
    let record = bench.record(1, &[]);
    bench.put(&record, &[]).await?;
    charged(bench, &record.id, DAY - 1).await?;
    for now in [DAY, DAY + 1] {
        let answer = bench.attempt(&record.id, now).await?;
        hold(matches!(answer, Attempted::Dead), || {
            format!("{} microseconds after its expiry: {answer:?}", now - DAY)
        })?;
    }
    Ok(())
}

pub(super) async fn the_dead_the_missing_and_the_exhausted_charge_nothing(
    bench: &CodeStoreBench,
) -> CaseResult {
    let record = bench.record(1, &[bench.charge(5, 1, 9)]);
    bench.put(&record, &[]).await?;
    let used_up = Record { tries_limit: 0, ..bench.record(3, &[bench.charge(5, 1, 9)]) };
    bench.put(&used_up, &[]).await?;
    same("fills it", bench.charged(&[bench.charge(4, 0, 1)], DAY).await?, true)?;
    // Each of them answers before a charge of the caller could be refused.
    for charges in [vec![bench.charge(6, 0, 9)], vec![bench.charge(6, 0, 9), bench.charge(4, 0, 1)]]
    {
        let dead = bench.store.attempt(&record.id, &charges, at(DAY)).await?;
        hold(matches!(dead, Attempted::Dead), || format!("a dead record: {dead:?}"))?;
        let missing = bench.store.attempt(&bench.id(2), &charges, at(DAY)).await?;
        hold(matches!(missing, Attempted::Missing), || format!("an unknown id: {missing:?}"))?;
        let none = bench.store.attempt(&used_up.id, &charges, at(DAY - 1)).await?;
        hold(matches!(none, Attempted::Exhausted), || format!("no try left: {none:?}"))?;
    }
    same("tries of the dead", loaded(bench, &record.id).await?.tries, 0)?;
    bench.stands_at(5, DAY, 0, "the record's charges are not made").await?;
    bench.stands_at(6, DAY, 0, "the caller's charges are not made").await
}

pub(super) async fn a_clock_that_runs_back_revives_no_record(bench: &CodeStoreBench) -> CaseResult {
    let record = bench.record(1, &[]);
    bench.put(&record, &[]).await?;
    charged(bench, &record.id, DAY - 1).await?;
    let sooner = Record { expires_at: at(DAY - 1), ..record.clone() };
    bench.store.compare_and_swap(&sooner, 1, &[], &[], at(0)).await?;
    let answer = bench.attempt(&record.id, 0).await?;
    hold(matches!(answer, Attempted::Dead), || {
        format!("the record has seen its expiry, and a slow clock tries it: {answer:?}")
    })
}

pub(super) async fn expiry_is_judged_by_the_callers_clock(bench: &CodeStoreBench) -> CaseResult {
    // Ten years in the past and in the future, by any server's clock.
    for (number, years) in [(1, -10), (2, 10)] {
        let begins = years * 365 * DAY;
        let record = Record { expires_at: at(begins + SECOND), ..bench.record(number, &[]) };
        bench.store.insert(&record, &[bench.charge(number, 0, 1)], at(begins)).await?;
        charged(bench, &record.id, begins + SECOND - 1).await?;
        let one = [Charge { ..bench.charge(number, 0, 1) }];
        same("inside the window", bench.charged(&one, begins + SECOND - 1).await?, false)?;
        let dead = bench.attempt(&record.id, begins + SECOND).await?;
        hold(matches!(dead, Attempted::Dead), || format!("at its expiry: {dead:?}"))?;
        same("at the window's end", bench.charged(&one, begins + SECOND).await?, true)?;
    }
    Ok(())
}
