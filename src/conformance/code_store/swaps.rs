//! The clauses about swaps. They cover versions, charges, clears, and the fields that are replaced.

use super::{
    super::case_result::{CaseResult, Violation, hold, same},
    bench::{CodeStoreBench, DAY, SECOND, at},
    records::loaded,
};
use crate::{
    domain::{Charge, CounterName},
    ports::{Attempted, CodeStore as _, Record, Swapped},
};

async fn swap(
    bench: &CodeStoreBench,
    next: &Record,
    expected: u64,
    charges: &[Charge],
    clear: &[CounterName],
    now: i64,
) -> Result<Swapped, Violation> {
    Ok(bench.store.compare_and_swap(next, expected, charges, clear, at(now)).await?)
}

pub(super) async fn the_version_is_compared_and_raised_by_one(
    bench: &CodeStoreBench,
) -> CaseResult {
    let mut next = bench.record(1, &[]);
    bench.put(&next, &[]).await?;
    for version in 1..=20 {
        next.body = vec![u8::try_from(version).unwrap_or(0)];
        let answer = swap(bench, &next, version, &[], &[], 1).await?;
        same("a swap of the right version", answer, Swapped::Swapped { version: version + 1 })?;
        next.body = b"lost".to_vec();
        for wrong in [0, version, version + 2, u64::from(u32::MAX)] {
            let answer = swap(bench, &next, wrong, &[], &[], 1).await?;
            same("a swap of a wrong version", answer, Swapped::Conflict { version: version + 1 })?;
        }
    }
    let found = loaded(bench, &next.id).await?;
    same("version and body", (found.version, found.body), (21, vec![20]))
}

pub(super) async fn a_conflict_or_a_missing_record_charges_nothing(
    bench: &CodeStoreBench,
) -> CaseResult {
    let record = bench.record(1, &[]);
    bench.put(&record, &[bench.charge(3, 0, 9)]).await?;
    let (charges, clear) = ([bench.charge(2, 0, 9)], [bench.name(3)]);
    let conflict = swap(bench, &record, 7, &charges, &clear, 1).await?;
    same("a wrong version", conflict, Swapped::Conflict { version: 1 })?;
    let missing = swap(bench, &bench.record(8, &[]), 1, &charges, &clear, 1).await?;
    same("no record", missing, Swapped::Missing)?;
    hold(bench.read(&bench.id(8)).await?.is_none(), || {
        "a swap of a missing record made one".to_owned()
    })?;
    bench.stands_at(2, 1, 0, "Conflict and Missing charge nothing").await?;
    bench.stands_at(3, 1, 1, "Conflict and Missing clear nothing").await
}

pub(super) async fn a_refused_swap_changes_nothing(bench: &CodeStoreBench) -> CaseResult {
    let record = bench.record(1, &[]);
    bench.put(&record, &[bench.charge(2, 0, 1), bench.charge(3, 0, 9)]).await?;
    let next = Record { body: b"next".to_vec(), begins_challenge: true, ..record.clone() };
    bench.attempt(&record.id, 1).await?;
    let charges = [bench.charge(1, 0, 9), bench.charge(2, 0, 1)];
    match swap(bench, &next, 1, &charges, &[bench.name(3)], 1).await? {
        Swapped::Refused(over) => {
            let names: Vec<_> = over.iter().map(|over| over.name).collect();
            same("refused because of", names, vec![bench.name(2)])?;
        }
        other => return Err(Violation::new(format!("over its limit: {other:?}"))),
    }
    let found = loaded(bench, &record.id).await?;
    same("version, tries, body", (found.version, found.tries, found.body), (1, 1, record.body))?;
    bench.stands_at(1, 1, 0, "a refused swap charges nothing").await?;
    bench.stands_at(3, 1, 1, "a refused swap clears nothing").await
}

pub(super) async fn tries_are_kept_unless_a_challenge_begins(bench: &CodeStoreBench) -> CaseResult {
    let mut next = bench.record(1, &[]);
    bench.put(&next, &[]).await?;
    for _ in 0..5 {
        bench.attempt(&next.id, 1).await?;
    }
    // Another limit alone does not begin a new challenge.
    next.tries_limit = 4;
    swap(bench, &next, 1, &[], &[], 2).await?;
    same("tries after a swap", loaded(bench, &next.id).await?.tries, 5)?;
    let answer = bench.attempt(&next.id, 2).await?;
    hold(matches!(answer, Attempted::Exhausted), || format!("tries came back: {answer:?}"))?;
    next.begins_challenge = true;
    swap(bench, &next, 2, &[], &[], 3).await?;
    same("tries of a new challenge", loaded(bench, &next.id).await?.tries, 0)
}

pub(super) async fn a_swap_replaces_what_each_try_charges(bench: &CodeStoreBench) -> CaseResult {
    let record = bench.record(1, &[bench.charge(5, 1, 9)]);
    bench.put(&record, &[]).await?;
    let next = Record {
        body: b"next".to_vec(),
        charges: vec![bench.charge(6, 1, 9)],
        expires_at: at(2 * DAY),
        tries_limit: 1,
        ..record
    };
    swap(bench, &next, 1, &[], &[], 1).await?;
    let answer = bench.attempt(&next.id, DAY + 1).await?;
    hold(matches!(answer, Attempted::Charged { .. }), || format!("the new expiry: {answer:?}"))?;
    let answer = bench.attempt(&next.id, DAY + 1).await?;
    hold(matches!(answer, Attempted::Exhausted), || format!("the new limit: {answer:?}"))?;
    bench.stands_at(5, DAY + 1, 0, "the old charges are gone").await?;
    bench.stands_at(6, DAY + 1, 1, "the new charges are made").await
}

pub(super) async fn a_cleared_counter_begins_anew(bench: &CodeStoreBench) -> CaseResult {
    let record = bench.record(1, &[]);
    bench.put(&record, &[bench.charge(1, 0, 1), bench.charge(2, 0, 1)]).await?;
    swap(bench, &record, 1, &[], &[bench.name(1)], SECOND / 2).await?;
    bench.stands_at(1, SECOND / 2, 0, "cleared").await?;
    bench.stands_at(2, SECOND / 2, 1, "not cleared").await?;
    same("room again", bench.charged(&[bench.charge(1, 0, 1)], SECOND / 2).await?, true)?;
    bench.stands_at(1, SECOND + 1, 1, "its window began with the charge after the clear").await
}

pub(super) async fn a_cleared_counter_remembers_time(bench: &CodeStoreBench) -> CaseResult {
    let record = bench.record(1, &[]);
    bench.put(&record, &[bench.charge(1, 0, 3)]).await?;
    same("a later charge", bench.charged(&[bench.charge(1, 0, 3)], 500).await?, true)?;
    swap(bench, &record, 1, &[], &[bench.name(1)], 400).await?;
    same("by a slow clock", bench.charged(&[bench.charge(1, 0, 3)], 0).await?, true)?;
    bench.stands_at(1, 500 + SECOND - 1, 1, "the window is counted from what was seen").await?;
    bench.stands_at(1, 500 + SECOND, 0, "the window is counted from what was seen").await
}

pub(super) async fn charges_are_decided_before_the_clears(bench: &CodeStoreBench) -> CaseResult {
    let record = bench.record(1, &[]);
    bench.put(&record, &[bench.charge(1, 0, 1)]).await?;
    let (charge, clear) = ([bench.charge(1, 0, 1)], [bench.name(1)]);
    let answer = swap(bench, &record, 1, &charge, &clear, 1).await?;
    hold(matches!(answer, Swapped::Refused(_)), || {
        format!("a full counter that the same call clears: {answer:?}")
    })?;
    let charge = [bench.charge(1, 0, 2)];
    let answer = swap(bench, &record, 1, &charge, &clear, 1).await?;
    same("with room", answer, Swapped::Swapped { version: 2 })?;
    bench.stands_at(1, 1, 0, "charged, then cleared").await
}

pub(super) async fn a_clear_of_an_unknown_name_is_nothing(bench: &CodeStoreBench) -> CaseResult {
    let record = bench.record(1, &[]);
    bench.put(&record, &[]).await?;
    let answer = swap(bench, &record, 1, &[], &[bench.name(77)], 9 * SECOND).await?;
    same("a swap that clears an unknown name", answer, Swapped::Swapped { version: 2 })?;
    // If the clear had made a counter, that counter would have seen nine seconds.
    same("a first charge", bench.charged(&[bench.charge(77, 0, 1)], 0).await?, true)?;
    bench.stands_at(77, SECOND, 0, "the window began with the first charge").await
}
