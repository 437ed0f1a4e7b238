//! The clauses about calls that are cut off and answers that are lost.

use core::{future::poll_fn, task::Poll};

use super::{
    super::case_result::{CaseResult, Violation, hold, same},
    bench::{CodeStoreBench, at},
    operation::{Answer, Call},
    records::loaded,
};
use crate::ports::{Attempted, CodeStore as _, Inserted, Record, Swapped};

/// The most polls after which a call is dropped. Few stores need so many polls to answer.
const POLLS: u8 = 12;

/// Polls a call at most this often, then drops it. Returns its answer if it ended.
async fn cut(bench: &CodeStoreBench, call: &Call, polls: u8) -> Option<Answer> {
    let mut future = Box::pin(call.run(&*bench.store));
    let mut left = polls;
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(|answer| answer.ok())
    })
    .await
}

pub(super) async fn a_cancelled_call_happens_wholly_or_not_at_all(
    bench: &CodeStoreBench,
) -> CaseResult {
    for polls in 0..POLLS {
        let base = polls * 16;
        let record = bench.record(base, &[]);
        let charges = [0, 1, 2].map(|it| bench.charge(base + it, 0, 9));
        let insert = Call::Insert(record.clone(), charges.to_vec(), at(0));
        cut(bench, &insert, polls).await;
        // The repeated call waits for anything that the first one left behind.
        let again = insert.run(&*bench.store).await?;
        hold(matches!(again, Answer::Inserted(Inserted::Inserted | Inserted::Exists)), || {
            format!("after an insert that was cut at await {polls}: {again:?}")
        })?;
        for it in 0..3 {
            bench.stands_at(base + it, 0, 1, "one insert is one charge of each").await?;
        }

        let next = Record { body: b"next".to_vec(), ..record.clone() };
        let charges = [3, 4].map(|it| bench.charge(base + it, 0, 9));
        let swap = Call::Swap(next, 1, charges.to_vec(), vec![bench.name(base)], at(1));
        cut(bench, &swap, polls).await;
        let again = swap.run(&*bench.store).await?;
        let happened = matches!(
            again,
            Answer::Swapped(Swapped::Swapped { version: 2 } | Swapped::Conflict { version: 2 })
        );
        hold(happened, || format!("after a swap that was cut at await {polls}: {again:?}"))?;
        bench.stands_at(base, 1, 0, "the clear belongs to the swap").await?;
        for it in 3..5 {
            bench.stands_at(base + it, 1, 1, "one swap is one charge of each").await?;
        }

        let charges = [5, 6].map(|it| bench.charge(base + it, 0, 9));
        let charge = Call::Charge(charges.to_vec(), at(1));
        cut(bench, &charge, polls).await;
        charge.run(&*bench.store).await?;
        let value = bench.value(base + 5, 1).await?;
        hold((1..=2).contains(&value), || format!("two charges, one cut: {value}"))?;
        bench.stands_at(base + 6, 1, value, "a charge is all or none").await?;

        let call = Call::Load(record.id, vec![bench.charge(base + 7, 0, 9)], at(1));
        cut(bench, &call, polls).await;
        call.run(&*bench.store).await?;
        let value = bench.value(base + 7, 1).await?;
        hold((1..=2).contains(&value), || format!("two loads that charge, one cut: {value}"))?;

        let call = Call::Attempt(record.id, vec![bench.charge(base + 8, 0, 9)], at(1));
        cut(bench, &call, polls).await;
        call.run(&*bench.store).await?;
        let tries = loaded(bench, &record.id).await?.tries;
        hold((1..=2).contains(&tries), || format!("two tries, one cut: {tries}"))?;
        bench.stands_at(base + 8, 1, tries, "the caller pays for each try").await?;
    }
    Ok(())
}

pub(super) async fn a_repeated_insert_answers_exists(bench: &CodeStoreBench) -> CaseResult {
    let record = bench.record(1, &[]);
    for expected in [Inserted::Inserted, Inserted::Exists, Inserted::Exists] {
        let answer = bench.store.insert(&record, &[bench.charge(1, 0, 1)], at(0)).await?;
        same("the same insert, call by call", answer, expected)?;
    }
    bench.stands_at(1, 0, 1, "a repeated insert charges nothing").await
}

pub(super) async fn a_repeated_swap_answers_conflict(bench: &CodeStoreBench) -> CaseResult {
    let next = Record { body: b"next".to_vec(), ..bench.record(1, &[]) };
    bench.put(&bench.record(1, &[]), &[]).await?;
    let (won, lost) = (Swapped::Swapped { version: 2 }, Swapped::Conflict { version: 2 });
    for expected in [won, lost.clone(), lost] {
        let charge = [bench.charge(1, 0, 1)];
        let answer = bench.store.compare_and_swap(&next, 1, &charge, &[], at(1)).await?;
        same("the same swap, call by call", answer, expected)?;
    }
    same("the body tells that it happened", loaded(bench, &next.id).await?.body, next.body)?;
    bench.stands_at(1, 1, 1, "a repeated swap charges nothing").await
}

pub(super) async fn a_lost_answer_gives_nobody_a_try(bench: &CodeStoreBench) -> CaseResult {
    let mut random = bench.random();
    for round in 0..8 {
        let record = bench.record(round, &[bench.charge(round, 1, 4)]);
        bench.put(&record, &[]).await?;
        let mut compared = 0;
        for _ in 0..12 {
            // The answer of a cut call is lost, whether the call happened or not, and the caller
            // asks again.
            let polls = u8::try_from(random.below(u32::from(POLLS))).unwrap_or(1);
            cut(bench, &Call::Attempt(record.id, Vec::new(), at(1)), polls).await;
            match bench.attempt(&record.id, 1).await? {
                Attempted::Charged { over, .. } => compared += u32::from(over.is_empty()),
                Attempted::Exhausted => {}
                other => return Err(Violation::new(format!("{other:?}"))),
            }
        }
        hold(compared <= 4, || format!("{compared} comparisons where the counter allows 4"))?;
        bench.stands_at(round, 1, bench.value(round, 1).await?.min(4), "never past it").await?;
    }
    Ok(())
}
