//! The pool, with its threads, its two queues and their jobs.

use std::{
    collections::VecDeque,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use async_trait::async_trait;
use futures_channel::oneshot;

use super::{
    cost::{Cost, ParametersError},
    hashing::{self, OnFile, SALT},
    kernel::{Kernel, Make, Standard},
};
#[cfg(any(test, feature = "argon2-rust"))]
use crate::ports::{Clock, EngineEvent, EventKind, EventSink, Outcome};
use crate::{
    adapters::SystemEntropy,
    domain::{Digest, Entropy, Password, PasswordHash},
    ports::{HashError, HashQueue, PasswordHasher, PasswordMatch},
    sync::{AtomicU64, Condvar, Mutex, MutexGuard, thread},
};

/// The number of parameter sets that are remembered for dummy hashes.
const SEEN: usize = 8;
/// The time that a thread rests before it wipes its memory. Wiping takes a twelfth of a hash, and
/// the next job would overwrite the memory anyway.
const REST: Duration = Duration::from_secs(1);
/// The most memory that a hash on file may ask for, in KiB.
const CAP: u32 = 128 * 1024;

/// Hashes with Argon2id on a few threads of its own. Clones share the threads, which end with the
/// last clone.
///
/// *Memory*: each thread reuses one buffer of 19 MiB by default. A hash on file may require at most
/// 128 MiB.
///
/// *Waiting*: at most 64 jobs wait in each [`HashQueue`]. The queues are served in turn, so that
/// neither queue starves. A full queue returns [`HashError::Busy`] at once. A caller that gives up
/// takes its job off the queue. A hash that panics returns [`HashError::Failed`], and its thread
/// continues.
///
/// # Security
/// The defaults are OWASP's: m = 19 MiB, t = 2, p = 1, a salt of 16 bytes and a tag of 32 bytes.
///
/// Passwords are wiped at once. A buffer is wiped after its thread has been idle for a second,
/// because wiping costs up to a tenth of a hash. Until then, an attacker who can read this
/// process's memory can quickly test guesses of a thread's last password
/// ([`manual::hashing`](crate::manual::hashing)). The fast kernel wipes its memory after each hash.
#[derive(Clone)]
pub struct Argon2Pool(Arc<Handle>);

/// The implementation of Argon2 that an [`Argon2Pool`] uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Argon2Kernel {
    /// The `argon2` crate, because the fast kernel has failed its self-test.
    Fallback,
    /// The `argon2-rust` crate, which has passed its self-test.
    Fast,
    /// The `argon2` crate. This is the default.
    Standard,
}

/// A guard that ends the threads when the last clone is dropped.
struct Handle {
    shared: Arc<Shared>,
    settings: Settings,
}

#[derive(Clone)]
struct Settings {
    threads: usize,
    queue: usize,
    cost: Cost,
    cap: u32,
    entropy: Arc<dyn Entropy>,
    kernel: Argon2Kernel,
    make: Make,
    rest: Duration,
}

struct Shared {
    state: Mutex<State>,
    arrived: Condvar,
    done: AtomicU64,
}

#[derive(Default)]
struct State {
    sign_in: VecDeque<Job>,
    submit: VecDeque<Job>,
    last: Option<HashQueue>,
    threads: usize,
    seen: Vec<Cost>,
    closed: bool,
}

struct Job {
    password: Password,
    work: Work,
}

enum Work {
    Hash { salt: [u8; SALT], reply: oneshot::Sender<Result<PasswordHash, HashError>> },
    Verify { on_file: OnFile, reply: oneshot::Sender<Result<PasswordMatch, HashError>> },
    Dummy { cost: Cost, salt: [u8; SALT], reply: oneshot::Sender<Result<(), HashError>> },
}

/// Returns the number of cores that this process may use.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Argon2Pool {
    /// Creates a pool with one thread per core, at most four. The threads start with the first job.
    #[must_use]
    pub fn new() -> Self {
        Self::over(Settings {
            cap: CAP,
            cost: Cost::OWASP,
            entropy: Arc::new(SystemEntropy::new()),
            kernel: Argon2Kernel::Standard,
            make: Standard::make,
            queue: 64,
            rest: REST,
            threads: cores().min(4),
        })
    }

    /// Returns a pool with this many threads: at least one, and at most one per core. More threads
    /// would only push each other's 19 MiB out of the caches. Four threads on two cores hash 8 to
    /// 15 % less than two threads (`cargo bench -p benches --bench hashing`).
    #[must_use]
    pub fn with_threads(&self, threads: usize) -> Self {
        Self::over(Settings { threads: threads.clamp(1, cores()), ..self.0.settings.clone() })
    }

    /// Returns a pool in which at most this many jobs may wait in each queue.
    #[must_use]
    pub fn with_queue(&self, queue: usize) -> Self {
        Self::over(Settings { queue, ..self.0.settings.clone() })
    }

    /// Returns a pool with other parameters: memory in KiB, passes and lanes.
    ///
    /// # Errors
    /// [`ParametersError`] if Argon2id or the cap of the pool does not allow the parameters.
    ///
    /// # Security
    /// Use parameters below the defaults for tests only, because they make stolen hashes cheaper to
    /// guess.
    ///
    /// # Examples
    /// ```
    /// use sspr::adapters::Argon2Pool;
    ///
    /// // 46 MiB and one pass, as OWASP lists them.
    /// let pool = Argon2Pool::new().with_parameters(46 * 1024, 1, 1)?;
    /// assert!(pool.with_parameters(1, 1, 1).is_err());
    /// # Ok::<(), sspr::adapters::ParametersError>(())
    /// ```
    pub fn with_parameters(
        &self,
        memory: u32,
        passes: u32,
        lanes: u32,
    ) -> Result<Self, ParametersError> {
        let settings = self.0.settings.clone();
        let cost = Cost { lanes, memory, passes }.checked(settings.cap)?;
        Ok(Self::over(Settings { cost, ..settings }))
    }

    /// Returns a pool that takes its salts from another source.
    #[must_use]
    pub fn with_entropy(&self, entropy: impl Entropy + 'static) -> Self {
        Self::over(Settings { entropy: Arc::new(entropy), ..self.0.settings.clone() })
    }

    /// Returns a pool that uses the `argon2-rust` crate: the hashes are equal, and each takes half
    /// to three quarters of the time.
    ///
    /// The call first checks that the crate computes known tags, among them the tags of RFC 9106.
    /// The check takes as long as two hashes, on the calling thread. If the check fails, the pool
    /// continues with the `argon2` crate. [`Argon2Pool::kernel`] is then
    /// [`Argon2Kernel::Fallback`], and `events` receives one [`EventKind::HasherFallback`].
    ///
    /// # Security
    /// `argon2-rust` is not audited and uses `unsafe`. The consequences and the limits of the
    /// self-test are in [`manual::hashing`](crate::manual::hashing). The kernel's memory is wiped
    /// after each hash.
    #[cfg(feature = "argon2-rust")]
    #[must_use]
    pub fn with_fast_kernel(&self, clock: &impl Clock, events: &impl EventSink) -> Self {
        self.with_kernel(super::fast::Fast::make, clock, events)
    }

    /// Returns the implementation that the pool uses.
    #[must_use]
    pub fn kernel(&self) -> Argon2Kernel {
        self.0.settings.kernel
    }

    #[cfg(any(test, feature = "argon2-rust"))]
    fn with_kernel(&self, make: Make, clock: &impl Clock, events: &impl EventSink) -> Self {
        let began = clock.now();
        let (kernel, make) = if super::vectors::pass(&mut *make()) {
            (Argon2Kernel::Fast, make)
        } else {
            let now = clock.now();
            let mut event = EngineEvent::new(now, EventKind::HasherFallback, Outcome::Error);
            event.took = now.since(began);
            events.emit(&event);
            let standard: Make = Standard::make;
            (Argon2Kernel::Fallback, standard)
        };
        Self::over(Settings { kernel, make, ..self.0.settings.clone() })
    }

    /// Returns how many hashes the pool has begun, for tests and for monitoring.
    #[must_use]
    pub fn jobs(&self) -> u64 {
        self.0.shared.done.load(Ordering::Relaxed)
    }

    fn over(settings: Settings) -> Self {
        let shared =
            Shared { arrived: Condvar::new(), done: AtomicU64::new(0), state: Mutex::default() };
        shared.lock().seen.push(settings.cost);
        Self(Arc::new(Handle { settings, shared: Arc::new(shared) }))
    }

    /// Queues a job, and starts a thread if one more is allowed.
    fn submit(&self, job: Job, queue: HashQueue) -> Result<(), HashError> {
        let Handle { settings, shared } = &*self.0;
        let mut state = shared.lock();
        let waiting = state.queue(queue);
        waiting.retain(Job::is_awaited);
        if waiting.len() >= settings.queue {
            return Err(HashError::Busy);
        }
        waiting.push_back(job);
        if state.threads < settings.threads {
            let (worker, settings) = (shared.clone(), settings.clone());
            let thread = thread::Builder::new().name("sspr-argon2".to_owned());
            if thread.spawn(move || worker.work(&settings)).is_ok() {
                state.threads += 1;
            } else if state.threads == 0 {
                state.queue(queue).pop_back();
                return Err(HashError::Failed);
            }
        }
        drop(state);
        shared.arrived.notify_one();
        Ok(())
    }

    /// Hashes a password on the calling thread, for test data and for imports.
    ///
    /// It does not wait in a queue, and it blocks the thread for as long as one hash takes. Services
    /// use [`PasswordHasher::hash`].
    ///
    /// # Errors
    /// [`HashError::Failed`] if there is not enough randomness or memory.
    pub fn hash_blocking(&self, password: &Password) -> Result<PasswordHash, HashError> {
        let settings = &self.0.settings;
        let mut kernel = (settings.make)();
        let hash = hashing::hash(password, self.salt()?, settings.cost, &mut *kernel);
        kernel.wipe();
        hash
    }

    fn salt(&self) -> Result<[u8; SALT], HashError> {
        let mut salt = [0; SALT];
        let filled = self.0.settings.entropy.fill(&mut salt);
        filled.map(|()| salt).map_err(|_| HashError::Failed)
    }
}

impl Default for Argon2Pool {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Argon2Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.0.settings;
        let mut shown = f.debug_struct("Argon2Pool");
        shown.field("cost", &settings.cost).field("kernel", &settings.kernel);
        shown.field("threads", &settings.threads);
        shown.finish_non_exhaustive()
    }
}

#[async_trait]
impl PasswordHasher for Argon2Pool {
    async fn hash(&self, password: Password, queue: HashQueue) -> Result<PasswordHash, HashError> {
        let (reply, answer) = oneshot::channel();
        let salt = self.salt()?;
        self.submit(Job { password, work: Work::Hash { reply, salt } }, queue)?;
        answer.await.unwrap_or(Err(HashError::Failed))
    }

    async fn verify(
        &self,
        password: Password,
        hash: PasswordHash,
        queue: HashQueue,
    ) -> Result<PasswordMatch, HashError> {
        let on_file = OnFile::read(&hash, self.0.settings.cap)?;
        self.0.shared.see(on_file.cost());
        let (reply, answer) = oneshot::channel();
        self.submit(Job { password, work: Work::Verify { on_file, reply } }, queue)?;
        answer.await.unwrap_or(Err(HashError::Failed))
    }

    async fn verify_dummy(
        &self,
        password: Password,
        seed: Digest,
        queue: HashQueue,
    ) -> Result<(), HashError> {
        let cost = self.0.shared.drawn(&seed, self.0.settings.cost);
        let (reply, answer) = oneshot::channel();
        let salt = seed.head();
        self.submit(Job { password, work: Work::Dummy { cost, reply, salt } }, queue)?;
        answer.await.unwrap_or(Err(HashError::Failed))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.arrived.notify_all();
    }
}

impl Shared {
    fn work(&self, settings: &Settings) {
        let mut kernel = (settings.make)();
        while let Some(job) = self.next(&mut *kernel, settings.rest) {
            self.done.fetch_add(1, Ordering::Relaxed);
            // A panic fails only the job that caused it. The thread goes on with the other jobs.
            let served = catch_unwind(AssertUnwindSafe(|| job.serve(settings.cost, &mut *kernel)));
            if served.is_err() {
                kernel = (settings.make)();
            }
        }
    }

    /// Returns the next job whose caller still waits, from each queue in turn. Returns `None` once
    /// the pool is closed. Wipes the kernel's memory if no job comes for a while.
    fn next(&self, kernel: &mut dyn Kernel, rest: Duration) -> Option<Job> {
        let mut state = self.lock();
        let mut is_wiped = false;
        loop {
            while let Some(job) = state.pop() {
                if job.is_awaited() {
                    return Some(job);
                }
            }
            if state.closed {
                return None;
            }
            if is_wiped {
                state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let waited = self.arrived.wait_timeout(state, rest);
            let (locked, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            state = locked;
            if waited.timed_out() && state.sign_in.is_empty() && state.submit.is_empty() {
                drop(state);
                kernel.wipe();
                is_wiped = true;
                state = self.lock();
            }
        }
    }

    fn see(&self, cost: Cost) {
        let mut state = self.lock();
        if !state.seen.contains(&cost) && state.seen.len() < SEEN {
            state.seen.push(cost);
        }
    }

    /// Returns one of the parameter sets in use. It is always the same for one seed.
    fn drawn(&self, seed: &Digest, today: Cost) -> Cost {
        let state = self.lock();
        let last = seed.as_bytes().last().copied().unwrap_or_default();
        let index = usize::from(last) % state.seen.len().max(1);
        state.seen.get(index).copied().unwrap_or(today)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    const fn queue(&mut self, queue: HashQueue) -> &mut VecDeque<Job> {
        match queue {
            HashQueue::SignIn => &mut self.sign_in,
            HashQueue::Submit => &mut self.submit,
        }
    }

    /// Removes the first job of the queue that was not served last, or else of the other queue.
    fn pop(&mut self) -> Option<Job> {
        let order = match self.last {
            Some(HashQueue::SignIn) => [HashQueue::Submit, HashQueue::SignIn],
            Some(HashQueue::Submit) | None => [HashQueue::SignIn, HashQueue::Submit],
        };
        let (queue, job) =
            order.into_iter().find_map(|queue| Some((queue, self.queue(queue).pop_front()?)))?;
        self.last = Some(queue);
        Some(job)
    }
}

impl Job {
    /// Does the job. Ignores a failure to answer, because the caller may be gone.
    fn serve(self, today: Cost, kernel: &mut dyn Kernel) {
        let Self { password, work } = self;
        match work {
            Work::Hash { salt, reply } => {
                let _ = reply.send(hashing::hash(&password, salt, today, kernel));
            }
            Work::Verify { on_file, reply } => {
                let _ = reply.send(on_file.verify(&password, today, kernel));
            }
            Work::Dummy { cost, salt, reply } => {
                let _ = reply.send(hashing::dummy(&password, salt, (cost, today), kernel));
            }
        }
    }

    fn is_awaited(&self) -> bool {
        !match &self.work {
            Work::Hash { reply, .. } => reply.is_canceled(),
            Work::Verify { reply, .. } => reply.is_canceled(),
            Work::Dummy { reply, .. } => reply.is_canceled(),
        }
    }
}

#[cfg(not(sspr_loom))]
#[cfg(test)]
#[path = "settings_tests.rs"]
mod settings_tests;

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;

#[cfg(sspr_loom)]
#[cfg(test)]
#[path = "pool_interleavings_tests.rs"]
mod interleavings;
