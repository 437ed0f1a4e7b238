//! The locks, atomics and threads of loom, and functions that run a model in every interleaving of
//! its threads.

use std::{
    collections::BTreeSet,
    fmt::Debug,
    future::Future,
    pin::pin,
    sync::{Arc, LockResult, Mutex as Unseen, atomic::Ordering},
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

pub(crate) use loom::{
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, AtomicUsize},
    },
    thread,
};

/// The number of times that one interleaving may switch away from a thread that could go on.
/// `SSPR_PREEMPTIONS` overrides it.
const PREEMPTIONS: usize = 2;
/// An upper bound on the steps of a model in one interleaving.
const STEPS: usize = 100_000;
/// The stack size of a model's thread, in words.
const STACK: usize = 0x8000;

/// Threads that run at the same time, and a check of the state after all of them have ended.
pub(crate) struct Model<A, E> {
    pub(crate) threads: Vec<Box<dyn FnOnce() -> A + Send>>,
    pub(crate) end: Box<dyn FnOnce() -> E + Send>,
}

/// The answers of the threads, and the state after all of them have ended.
type Outcome<A, E> = (Vec<A>, E);
/// The number of interleavings that ended, and all of their outcomes.
type Seen<A, E> = (usize, BTreeSet<Outcome<A, E>>);

/// Binds a thread of a model, or its end, to the state that all of them share.
pub(crate) fn with<S: Send + Sync + 'static, A>(
    shared: &Arc<S>,
    act: impl FnOnce(&S) -> A + Send + 'static,
) -> Box<dyn FnOnce() -> A + Send> {
    let shared = shared.clone();
    Box::new(move || act(&shared))
}

/// Runs a model in every interleaving, prints how many there were, and returns every outcome. The
/// test fails if threads are stuck or one of them panics.
pub(crate) fn explore<A, E>(
    model: impl Fn() -> Model<A, E> + Send + Sync + 'static,
) -> BTreeSet<Outcome<A, E>>
where
    A: Debug + Ord + Send + 'static,
    E: Debug + Ord + Send + 'static,
{
    explore_within(None, model)
}

/// Runs a model that has too many interleavings, in only those with at most [`PREEMPTIONS`]
/// preemptions.
pub(crate) fn explore_bounded<A, E>(
    model: impl Fn() -> Model<A, E> + Send + Sync + 'static,
) -> BTreeSet<Outcome<A, E>>
where
    A: Debug + Ord + Send + 'static,
    E: Debug + Ord + Send + 'static,
{
    let bound = std::env::var("SSPR_PREEMPTIONS").map(|bound| bound.parse().unwrap());
    explore_within(Some(bound.unwrap_or(PREEMPTIONS)), model)
}

#[expect(clippy::disallowed_methods, reason = "says how long it took")]
fn explore_within<A, E>(
    preemptions: Option<usize>,
    model: impl Fn() -> Model<A, E> + Send + Sync + 'static,
) -> BTreeSet<Outcome<A, E>>
where
    A: Debug + Ord + Send + 'static,
    E: Debug + Ord + Send + 'static,
{
    let mut builder = loom::model::Builder::new();
    builder.max_branches = STEPS;
    builder.preemption_bound = preemptions;
    let seen = Arc::new(Unseen::new((0, BTreeSet::new())));
    let (kept, began) = (seen.clone(), Instant::now());

    builder.check(move || run(model(), &kept));

    let (times, outcomes) = std::mem::take(&mut *seen.lock().unwrap());
    let (test, took) = (std::thread::current(), began.elapsed().as_secs_f32());
    let name = test.name().unwrap_or_default().replace("::interleavings", "");
    let bound = preemptions.map_or("all".to_owned(), |bound| format!("preemptions: {bound}"));
    println!("| {name} | {bound} | {times} | {} | {took:.1} |", outcomes.len());
    outcomes
}

/// Runs one interleaving. The last thread that ends checks the end, because joining the threads
/// would add steps for loom to permute.
fn run<A, E>(model: Model<A, E>, seen: &Arc<Unseen<Seen<A, E>>>)
where
    A: Ord + Send + 'static,
    E: Ord + Send + 'static,
{
    let answers = model.threads.iter().map(|_| None).collect::<Vec<_>>();
    let rest = Arc::new(Unseen::new((answers, Some(model.end))));
    for (at, act) in model.threads.into_iter().enumerate() {
        let (rest, seen) = (rest.clone(), seen.clone());
        let body = move || {
            let answer = act();
            let (answers, end) = {
                let mut rest = rest.lock().unwrap();
                rest.0[at] = Some(answer);
                if rest.0.iter().any(Option::is_none) {
                    return;
                }
                (std::mem::take(&mut rest.0), rest.1.take().unwrap())
            };
            let outcome = (answers.into_iter().flatten().collect(), end());
            let mut seen = seen.lock().unwrap();
            seen.0 += 1;
            seen.1.insert(outcome);
        };
        thread::Builder::new().stack_size(STACK).spawn(body).unwrap();
    }
}

/// Runs a future to its end on a thread of a model.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let bell = Arc::new(Bell { rung: Mutex::new(false), changed: loom::sync::Condvar::new() });
    let waker = Waker::from(bell.clone());
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let mut rung = bell.rung.lock().unwrap();
        while !std::mem::take(&mut *rung) {
            rung = bell.changed.wait(rung).unwrap();
        }
    }
}

/// A waker for a thread of a model that waits for a future.
struct Bell {
    rung: Mutex<bool>,
    changed: loom::sync::Condvar,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        *self.rung.lock().unwrap() = true;
        self.changed.notify_one();
    }
}

/// A condition variable of loom whose waits can end early when the model says so. Loom's own waits
/// never do.
#[derive(Debug)]
pub(crate) struct Condvar {
    inner: loom::sync::Condvar,
    ran_out: loom::sync::atomic::AtomicBool,
}

pub(crate) struct Waited(bool);

impl Condvar {
    pub(crate) fn new() -> Self {
        Self {
            inner: loom::sync::Condvar::new(),
            ran_out: loom::sync::atomic::AtomicBool::new(false),
        }
    }

    pub(crate) fn notify_one(&self) {
        self.inner.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.inner.notify_all();
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.inner.wait(guard)
    }

    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        _: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, Waited)> {
        let guard = self.inner.wait(guard).unwrap();
        Ok((guard, Waited(self.ran_out.swap(false, Ordering::SeqCst))))
    }

    /// Ends the waits early. One waiter learns that its time ran out, and the others wake without a
    /// reason.
    pub(crate) fn run_out(&self) {
        self.ran_out.store(true, Ordering::SeqCst);
        self.inner.notify_all();
    }
}

impl Waited {
    pub(crate) fn timed_out(&self) -> bool {
        self.0
    }
}
