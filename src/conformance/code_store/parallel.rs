//! The clauses about races between two to 64 callers.

use std::sync::Arc;

use super::{
    super::case_result::{CaseResult, Violation, hold, same},
    bench::{CodeStoreBench, at},
};
use crate::{
    domain::{Charge, CounterName},
    ports::{Attempted, CodeStore as _, Inserted, Loaded, Record, StoreError, Swapped},
};

/// The numbers of callers, used in turn.
const CALLERS: [u8; 5] = [2, 3, 8, 16, 64];

pub(super) async fn parallel_charges_admit_exactly_the_limit(bench: &CodeStoreBench) -> CaseResult {
    for (number, callers) in rounds(bench) {
        let charge = bench.charge(number, 0, 3);
        let bench_of = bench.clone();
        let admitted = bench
            .all(callers, move |_| {
                let bench = bench_of.clone();
                Box::pin(async move { bench.charged(&[charge], 1).await })
            })
            .await?;
        let expected = usize::from(callers.min(3));
        same(&format!("of {callers} charges, admitted"), count(admitted)?, expected)?;
        bench.stands_at(number, 1, u32::from(callers.min(3)), "what was admitted").await?;
    }
    Ok(())
}

pub(super) async fn parallel_charges_of_crossing_sets_lose_nothing(
    bench: &CodeStoreBench,
) -> CaseResult {
    let mut random = bench.random();
    for _ in 0..rounds_of(bench) {
        let base = u8::try_from(random.below(200)).unwrap_or(0);
        let before = totals(bench, base).await?;
        // Each caller takes some of twelve counters in its own order.
        let sets: Vec<Vec<Charge>> = (0..32)
            .map(|_| {
                let mut order: Vec<(u64, u8)> =
                    (0..12).filter(|_| random.chance(40)).map(|it| (0, it)).collect();
                order.iter_mut().for_each(|(key, _)| *key = random.next());
                order.sort_unstable();
                order.iter().map(|(_, it)| bench.charge(base + it, 0, 9)).collect()
            })
            .collect();
        let sets = Arc::new(sets);
        let (bench_of, shared) = (bench.clone(), sets.clone());
        let admitted = bench
            .all(32, move |caller| {
                let (bench, sets) = (bench_of.clone(), shared.clone());
                Box::pin(async move {
                    let set = sets.get(usize::from(caller)).cloned().unwrap_or_default();
                    bench.charged(&set, 1).await.map(|charged| (caller, charged))
                })
            })
            .await?;
        let mut expected = before;
        for answer in admitted {
            let (caller, charged) = answer?;
            for charge in sets.get(usize::from(caller)).into_iter().flatten().filter(|_| charged) {
                let counters = expected.iter_mut().zip(base..);
                counters
                    .filter(|(_, number)| bench.name(*number) == charge.name)
                    .for_each(|(value, _)| *value += 1);
            }
        }
        same("counters after 32 crossing charges", totals(bench, base).await?, expected)?;
    }
    Ok(())
}

pub(super) async fn parallel_inserts_of_one_id_write_once(bench: &CodeStoreBench) -> CaseResult {
    for (number, callers) in rounds(bench) {
        let (bench_of, charge) = (bench.clone(), bench.charge(number, 0, 99));
        let answers = bench
            .all(callers, move |caller| {
                let bench = bench_of.clone();
                Box::pin(async move {
                    let record = Record { body: vec![caller], ..bench.record(number, &[]) };
                    bench.store.insert(&record, &[charge], at(0)).await
                })
            })
            .await?;
        let mut written = 0;
        for answer in answers {
            match answer? {
                Inserted::Inserted => written += 1,
                Inserted::Exists => {}
                other => return Err(Violation::new(format!("a racing insert: {other:?}"))),
            }
        }
        same("inserts that wrote", written, 1)?;
        bench.stands_at(number, 0, 1, "only the writing insert charges").await?;
    }
    Ok(())
}

pub(super) async fn parallel_swaps_have_one_winner_and_losers_charge_nothing(
    bench: &CodeStoreBench,
) -> CaseResult {
    for (number, callers) in rounds(bench) {
        bench.put(&bench.record(number, &[]), &[]).await?;
        let (bench_of, charge) = (bench.clone(), bench.charge(number, 0, 99));
        let answers = bench
            .all(callers, move |caller| {
                let bench = bench_of.clone();
                Box::pin(async move {
                    let next = Record { body: vec![caller], ..bench.record(number, &[]) };
                    let swapped =
                        bench.store.compare_and_swap(&next, 1, &[charge], &[], at(1)).await?;
                    Ok::<_, StoreError>((caller, swapped))
                })
            })
            .await?;
        let mut winners = Vec::new();
        for answer in answers {
            match answer? {
                (caller, Swapped::Swapped { version: 2 }) => winners.push(caller),
                (_, Swapped::Conflict { version: 2 }) => {}
                (_, other) => return Err(Violation::new(format!("a racing swap: {other:?}"))),
            }
        }
        same("swaps that won", winners.len(), 1)?;
        let body = bench.read(&bench.id(number)).await?.map(|found| found.body);
        same("the body is the winner's", body, Some(winners))?;
        bench.stands_at(number, 1, 1, "losers charge nothing").await?;
    }
    Ok(())
}

pub(super) async fn parallel_attempts_are_charged_exactly(bench: &CodeStoreBench) -> CaseResult {
    for round in 0..rounds_of(bench) {
        let number = u8::try_from(round % 64).unwrap_or(0) * 4;
        let charges = [bench.charge(number + 1, 1, 3), bench.charge(number + 2, 2, 2)];
        let record = bench.record(number, &charges);
        bench.put(&record, &[]).await?;
        let bench_of = bench.clone();
        // Twenty guesses, with the owner's swap among them.
        let answers = bench
            .all(21, move |caller| {
                let (bench, next) = (bench_of.clone(), record.clone());
                Box::pin(async move {
                    if caller == 10 {
                        let swapped =
                            bench.store.compare_and_swap(&next, 1, &[], &[], at(1)).await?;
                        let won = matches!(swapped, Swapped::Swapped { .. });
                        return Ok((won, None));
                    }
                    let attempted = bench.attempt(&next.id, 1).await?;
                    Ok::<_, StoreError>((true, Some(attempted)))
                })
            })
            .await?;
        let mut overs: Vec<Option<CounterName>> = Vec::new();
        for answer in answers {
            let (won, attempted) = answer?;
            hold(won, || "guesses starved the owner's swap".to_owned())?;
            if let Some(Attempted::Charged { over, .. }) = attempted {
                overs.push(over.first().map(|over| over.name));
            }
        }
        let count = |wanted| overs.iter().filter(|over| **over == wanted).count();
        same("tries charged of 20, with 5 allowed", overs.len(), 5)?;
        let by_tier = [None, Some(bench.name(number + 2)), Some(bench.name(number + 1))].map(count);
        same("with nothing over, the silent tier over, the visible one over", by_tier, [2, 1, 2])?;
    }
    Ok(())
}

pub(super) async fn parallel_attempts_of_one_caller_stay_within_its_limit(
    bench: &CodeStoreBench,
) -> CaseResult {
    for round in 0..rounds_of(bench) {
        let number = u8::try_from(round % 64).unwrap_or(0) * 4;
        let limit = 3;
        bench.put(&Record { tries_limit: 9, ..bench.record(number, &[]) }, &[]).await?;
        let (bench_of, charge) = (bench.clone(), bench.charge(number + 1, 0, limit));
        let answers = bench
            .all(16, move |_| {
                let bench = bench_of.clone();
                Box::pin(async move {
                    let answer = bench.store.attempt(&bench.id(number), &[charge], at(1)).await?;
                    Ok(matches!(answer, Attempted::Charged { .. }))
                })
            })
            .await?;
        same("attempts of 16 that were charged", count(answers)?, 3)?;
        bench.stands_at(number + 1, 1, limit, "one charge for each try").await?;
        let tries = bench.read(&bench.id(number)).await?.map(|record| record.tries);
        same("a refused attempt is no try", tries, Some(limit))?;
    }
    Ok(())
}

pub(super) async fn parallel_loads_admit_exactly_the_limit(bench: &CodeStoreBench) -> CaseResult {
    for (number, callers) in rounds(bench) {
        bench.put(&bench.record(number, &[]), &[]).await?;
        let (bench_of, charge) = (bench.clone(), bench.charge(number, 0, 1));
        // One swap among them asks for the same counter, so that only one of all is admitted.
        let answers = bench
            .all(callers, move |caller| {
                let bench = bench_of.clone();
                Box::pin(async move {
                    if caller == 1 {
                        let next = Record { body: vec![7], ..bench.record(number, &[]) };
                        let swapped =
                            bench.store.compare_and_swap(&next, 1, &[charge], &[], at(1)).await?;
                        return Ok(matches!(swapped, Swapped::Swapped { .. }));
                    }
                    let answer = bench.store.load(&bench.id(number), &[charge], at(1)).await?;
                    Ok::<_, StoreError>(matches!(answer, Loaded::Found(_)))
                })
            })
            .await?;
        same("calls that were admitted at limit 1", count(answers)?, 1)?;
    }
    Ok(())
}

pub(super) async fn parallel_loads_read_and_charge_at_one_moment(
    bench: &CodeStoreBench,
) -> CaseResult {
    for round in 0..bench.rounds {
        let number = u8::try_from(round % 250).unwrap_or(0);
        bench.put(&bench.record(number, &[]), &[]).await?;
        let (bench_of, charge) = (bench.clone(), bench.charge(number, 0, 9));
        // One loads with a charge. The other one swaps, and then asks whether it was charged.
        let answers = bench
            .all(2, move |caller| {
                let bench = bench_of.clone();
                Box::pin(async move {
                    let id = bench.id(number);
                    if caller == 0 {
                        let answer = bench.store.load(&id, &[charge], at(1)).await?;
                        let version = answer.found().map_or(0, |record| record.version);
                        return Ok((version == 1, false));
                    }
                    let next = bench.record(number, &[]);
                    bench.store.compare_and_swap(&next, 1, &[], &[], at(1)).await?;
                    let asks = Charge { amount: 0, limit: 0, ..charge };
                    Ok::<_, StoreError>((false, bench.charged(&[asks], 1).await?))
                })
            })
            .await?;
        let (mut read_the_first, mut was_uncharged) = (false, false);
        for answer in answers {
            let (first, uncharged) = answer?;
            read_the_first |= first;
            was_uncharged |= uncharged;
        }
        hold(!(read_the_first && was_uncharged), || {
            "a load read what stood before a swap, and charged after it".to_owned()
        })?;
    }
    Ok(())
}

pub(super) async fn parallel_clears_and_charges_agree(bench: &CodeStoreBench) -> CaseResult {
    for (number, callers) in rounds(bench) {
        bench.put(&bench.record(number, &[]), &[bench.charge(number, 0, 9)]).await?;
        let bench_of = bench.clone();
        let answers = bench
            .all(callers, move |caller| {
                let bench = bench_of.clone();
                Box::pin(async move {
                    if caller == 0 {
                        let (next, clear) = (bench.record(number, &[]), [bench.name(number)]);
                        bench.store.compare_and_swap(&next, 1, &[], &clear, at(1)).await?;
                        return Ok(false);
                    }
                    bench.charged(&[bench.charge(number, 0, 100)], 1).await
                })
            })
            .await?;
        let charged = u32::try_from(count(answers)?).unwrap_or(0);
        same("charges far below the limit", charged, u32::from(callers) - 1)?;
        let value = bench.value(number, 1).await?;
        // Each charge came before the clear and is gone, or came after it and counts.
        hold(value <= charged, || {
            format!("one charge, cleared, and {charged} more: the counter stands at {value}")
        })?;
    }
    Ok(())
}

pub(super) async fn parallel_loads_see_one_version_whole(bench: &CodeStoreBench) -> CaseResult {
    for round in 0..rounds_of(bench) {
        let number = u8::try_from(round % 250).unwrap_or(0);
        bench.put(&Record { body: vec![1; 64], ..bench.record(number, &[]) }, &[]).await?;
        let bench_of = bench.clone();
        let answers = bench
            .all(8, move |caller| {
                let bench = bench_of.clone();
                Box::pin(async move {
                    if caller == 0 {
                        for version in 1_i32..=6 {
                            let body = vec![u8::try_from(version + 1).unwrap_or(0); 64];
                            let expires_at = at(i64::from(version) + 1);
                            let mut next = bench.record(number, &[]);
                            (next.body, next.expires_at) = (body, expires_at);
                            let version = u64::from(version.unsigned_abs());
                            bench.store.compare_and_swap(&next, version, &[], &[], at(0)).await?;
                        }
                        return Ok(None);
                    }
                    let mut last = None;
                    for _ in 0..6 {
                        last = bench.read(&bench.id(number)).await?;
                        let whole = last.as_ref().is_some_and(|found| {
                            let byte = u8::try_from(found.version).unwrap_or(0);
                            let ends = i64::try_from(found.version).ok();
                            found.body == [byte; 64]
                                && (byte == 1 || ends.map(at) == Some(found.expires_at))
                        });
                        if !whole {
                            break;
                        }
                        last = None;
                    }
                    Ok::<_, StoreError>(last)
                })
            })
            .await?;
        for answer in answers {
            if let Some(torn) = answer? {
                return Err(Violation::new(format!("a load mixes two versions: {torn:?}")));
            }
        }
    }
    Ok(())
}

/// Returns a different number for each round, and how many callers race in it.
fn rounds(bench: &CodeStoreBench) -> impl Iterator<Item = (u8, u8)> {
    let rounds = u8::try_from(rounds_of(bench)).unwrap_or(u8::MAX);
    (0..rounds).zip(CALLERS.into_iter().cycle())
}

/// Returns fewer rounds than for single histories, because one race is many calls.
fn rounds_of(bench: &CodeStoreBench) -> u32 {
    (bench.rounds / 4).max(1)
}

fn count(answers: Vec<Result<bool, StoreError>>) -> Result<usize, Violation> {
    let mut count = 0;
    for answer in answers {
        count += usize::from(answer?);
    }
    Ok(count)
}

async fn totals(bench: &CodeStoreBench, base: u8) -> Result<Vec<u32>, Violation> {
    let mut totals = Vec::new();
    for number in base..base + 12 {
        totals.push(bench.value(number, 1).await?);
    }
    Ok(totals)
}
