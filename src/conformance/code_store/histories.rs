//! Compares random histories with the model.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use super::{
    super::case_result::{CaseResult, Violation},
    bench::CodeStoreBench,
    history::{Calls, Event},
    linear::{is_linearizable, shortest},
    model::Model,
    operation::Call,
};
use crate::ports::StoreError;

/// The number of calls in a history by one caller.
const LENGTH: usize = 60;
/// The most callers of a concurrent history. Each of them makes as many calls as `CALLS` says.
const CLIENTS: u32 = 6;
const CALLS: u32 = 6;

pub(super) async fn random_calls_answer_as_the_model_does(bench: &CodeStoreBench) -> CaseResult {
    for history in 0..u64::from(bench.rounds) {
        let mut calls = Calls::new(bench.seed, history);
        let drawn: Vec<Call> = (0..LENGTH).map(|_| calls.draw()).collect();
        if let Some(story) = differs(bench, &drawn).await? {
            return Err(shrunk(bench, history, story).await?);
        }
    }
    Ok(())
}

/// Plays a history. Returns the story if the store differs from the model.
async fn differs(bench: &CodeStoreBench, calls: &[Call]) -> Result<Option<String>, StoreError> {
    let mut model = Model::default();
    let mut story = String::new();
    for call in calls {
        let (got, expected) = (call.run(&*bench.store).await?, model.run(call));
        story.push_str(&format!("\n  {call}\n    → {got:?}"));
        if got != expected {
            return Ok(Some(format!("{story}\n    where the contract says {expected:?}")));
        }
    }
    Ok(None)
}

/// Returns the same history with as few calls as still show the difference. Each try uses its own
/// records and counters.
async fn shrunk(
    bench: &CodeStoreBench,
    history: u64,
    mut story: String,
) -> Result<Violation, StoreError> {
    let mut keep: Vec<usize> = (0..LENGTH).collect();
    for (tries, without) in (1..).zip((0..LENGTH).rev()) {
        let fewer: Vec<usize> = keep.iter().copied().filter(|it| *it != without).collect();
        // `history` decides which calls are drawn, and `tries` the tenant. The calls therefore stay
        // the same over fresh records.
        let mut calls = Calls::again(bench.seed, history, tries);
        let drawn: Vec<Call> = (0..LENGTH).map(|_| calls.draw()).collect();
        let kept: Vec<Call> =
            (0..).zip(drawn).filter(|(it, _)| fewer.contains(it)).map(|(_, call)| call).collect();
        if let Some(told) = differs(bench, &kept).await? {
            (keep, story) = (fewer, told);
        }
    }
    let seed = bench.seed;
    Ok(Violation::new(format!("seed {seed}, history {history}, in {} calls:{story}", keep.len())))
}

pub(super) async fn random_concurrent_calls_have_an_order_that_explains_them(
    bench: &CodeStoreBench,
) -> CaseResult {
    for history in 0..u64::from(bench.rounds) {
        let events = play(bench, history).await?;
        if is_linearizable(&events) {
            continue;
        }
        let mut story = format!("seed {}, history {history}: no order of these calls", bench.seed);
        story.push_str(" gives their answers");
        for event in shortest(&events) {
            story.push_str(&format!("\n  {event}"));
        }
        return Err(Violation::new(story));
    }
    Ok(())
}

/// Plays a history of two to six clients, each of which makes one call after the other.
async fn play(bench: &CodeStoreBench, history: u64) -> Result<Vec<Event>, Violation> {
    // The histories by one caller use the numbers below this one.
    let mut calls = Calls::new(bench.seed, history + (1 << 32));
    let clients = 2 + calls.random.below(CLIENTS - 1);
    let scripts: Vec<Vec<Arc<Call>>> =
        (0..clients).map(|_| (0..CALLS).map(|_| Arc::new(calls.draw())).collect()).collect();
    let (scripts, clock) = (Arc::new(scripts), Arc::new(AtomicU64::new(0)));
    let events = Arc::new(Mutex::new(Vec::new()));
    let (store, noted) = (bench.store.clone(), events.clone());
    let ended = bench
        .all(u8::try_from(clients).unwrap_or(2), move |client| {
            let (store, scripts, clock, events) =
                (store.clone(), scripts.clone(), clock.clone(), noted.clone());
            Box::pin(async move {
                for call in scripts.get(usize::from(client)).into_iter().flatten() {
                    let began = clock.fetch_add(1, Ordering::SeqCst);
                    let answer = call.run(&*store).await?;
                    let ended = clock.fetch_add(1, Ordering::SeqCst);
                    let event = Event { answer, began, call: call.clone(), client, ended };
                    events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
                }
                Ok::<_, StoreError>(())
            })
        })
        .await?;
    ended.into_iter().collect::<Result<(), _>>()?;
    let mut events = events.lock().unwrap_or_else(PoisonError::into_inner);
    let mut events = core::mem::take(&mut *events);
    events.sort_unstable_by_key(|event| event.began);
    Ok(events)
}
