//! The bench of a case. It has the store, a way to run tasks, and separate ids and names.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use futures_channel::oneshot;

use super::super::{
    block_on,
    case_result::{CaseResult, Violation, hold},
    random::Random,
};
use crate::{
    domain::{Charge, CounterName, RecordId, TenantId, TenantTag, Timestamp},
    ports::{Attempted, CodeStore, Inserted, Record, StoreError, StoredRecord},
};

/// A task that runs beside the case.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;
/// A function that runs a task, on a separate thread or on the host's runtime.
pub type Spawn = Arc<dyn Fn(Task) + Send + Sync>;

/// The beginning of each case, 2027-01-15. The offsets of a case are added to it.
const START: i64 = 1_800_000_000_000_000;

/// A code store under test. Each case needs a fresh and empty one.
#[derive(Clone)]
pub struct CodeStoreBench {
    pub(super) store: Arc<dyn CodeStore>,
    spawn: Spawn,
    pub(super) seed: u64,
    pub(super) rounds: u32,
    tenant: TenantTag,
}

impl core::fmt::Debug for CodeStoreBench {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("CodeStoreBench").field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl CodeStoreBench {
    /// Creates a bench that runs parallel callers on threads.
    #[must_use]
    pub fn new(store: impl CodeStore + 'static) -> Self {
        // If a thread cannot be started, its task is dropped, and the case reports that it was
        // lost.
        let spawn = |task| drop(thread::Builder::new().spawn(move || block_on(task)));
        Self {
            rounds: 40,
            seed: 0x5eed,
            spawn: Arc::new(spawn),
            store: Arc::new(store),
            tenant: TenantId::parse("contoso").map_or(TenantTag::from_bytes([7; 8]), |it| it.tag()),
        }
    }

    /// Runs parallel callers as tasks of a runtime instead, for instance with `|task| {
    /// tokio::spawn(task); }`.
    #[must_use]
    pub fn with_spawn(mut self, spawn: impl Fn(Task) + Send + Sync + 'static) -> Self {
        self.spawn = Arc::new(spawn);
        self
    }

    /// Sets the seed of all random choices. A failed case prints its seed.
    #[must_use]
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the number of races and random histories. Default: 40.
    #[must_use]
    pub const fn with_rounds(mut self, rounds: u32) -> Self {
        self.rounds = rounds;
        self
    }

    pub(super) const fn random(&self) -> Random {
        Random::new(self.seed)
    }

    /// Returns an id of this case's tenant.
    pub(super) fn id(&self, number: u8) -> RecordId {
        id(self.tenant, number)
    }

    pub(super) fn name(&self, number: u8) -> CounterName {
        name(self.tenant, number)
    }

    /// Returns one charge of amount 1 with a window of one second.
    pub(super) fn charge(&self, number: u8, tier: u8, limit: u32) -> Charge {
        Charge { amount: 1, limit, name: self.name(number), tier, window: WINDOW }
    }

    /// Returns a record that lives for a day.
    pub(super) fn record(&self, number: u8, charges: &[Charge]) -> Record {
        Record {
            begins_challenge: false,
            body: vec![number; 8],
            charges: charges.to_vec(),
            expires_at: at(DAY),
            id: self.id(number),
            tries_limit: 5,
        }
    }

    /// Returns the same bench for another tenant.
    pub(super) fn tenant(&self, name: &str) -> Result<Self, Violation> {
        Ok(Self { tenant: TenantId::parse(name).map_err(Violation::of)?.tag(), ..self.clone() })
    }

    /// Inserts a record, and expects that it is written.
    pub(super) async fn put(&self, record: &Record, charges: &[Charge]) -> CaseResult {
        let answer = self.store.insert(record, charges, at(0)).await?;
        hold(answer == Inserted::Inserted, || format!("a new record was not written: {answer:?}"))
    }

    /// Charges one try of a record, without charges of the call.
    pub(super) async fn attempt(&self, id: &RecordId, now: i64) -> Result<Attempted, StoreError> {
        self.store.attempt(id, &[], at(now)).await
    }

    /// Reads a record, if there is one.
    pub(super) async fn read(&self, id: &RecordId) -> Result<Option<StoredRecord>, StoreError> {
        Ok(self.store.load(id, &[], at(0)).await?.found())
    }

    /// Makes charges, and returns whether they were made.
    pub(super) async fn charged(&self, charges: &[Charge], now: i64) -> Result<bool, StoreError> {
        Ok(self.store.charge(charges, at(now)).await?.is_empty())
    }

    /// Returns the value of a counter. Finds it with charges of amount 0.
    pub(super) async fn value(&self, number: u8, now: i64) -> Result<u32, Violation> {
        let ask = |limit| [Charge { amount: 0, limit, ..self.charge(number, 0, 0) }];
        let (mut low, mut high) = (0, 4096);
        while low < high {
            let middle = u32::midpoint(low, high);
            if self.charged(&ask(middle), now).await? { high = middle } else { low = middle + 1 }
        }
        Ok(low)
    }

    /// Checks that a counter has this value.
    pub(super) async fn stands_at(
        &self,
        number: u8,
        now: i64,
        value: u32,
        why: &str,
    ) -> CaseResult {
        let found = self.value(number, now).await?;
        hold(found == value, || {
            format!("counter {number} stands at {found}, where it should at {value}: {why}")
        })
    }

    /// Runs `callers` at once, and returns their answers.
    pub(super) async fn all<T: Send + 'static>(
        &self,
        callers: u8,
        make: impl Fn(u8) -> Pin<Box<dyn Future<Output = T> + Send>>,
    ) -> Result<Vec<T>, Violation> {
        let answers = Arc::new(Mutex::new(Vec::new()));
        let start = Arc::new(Barrier::new(callers));
        let mut waits = Vec::new();
        for caller in 0..callers {
            let (done, wait) = oneshot::channel();
            let (future, answers, start) = (make(caller), answers.clone(), start.clone());
            (self.spawn)(Box::pin(async move {
                start.pass().await;
                let answer = future.await;
                answers.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
                drop(answers);
                let _ = done.send(());
            }));
            waits.push(wait);
        }
        for wait in waits {
            let lost = |_| Violation::new("a parallel caller ended without an answer");
            wait.await.map_err(lost)?;
        }
        let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(core::mem::take(&mut *answers))
    }
}

pub(super) const WINDOW: Duration = Duration::from_secs(1);
/// One second in microseconds.
pub(super) const SECOND: i64 = 1_000_000;
pub(super) const DAY: i64 = 24 * 3_600 * SECOND;

/// Returns the time this many microseconds after the beginning of the case.
pub(super) const fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(START + micros)
}

pub(super) fn id(tenant: TenantTag, number: u8) -> RecordId {
    RecordId::from_parts(tenant, [number; 16])
}

/// Returns a counter name like those of the engine, with family, tenant and digest.
pub(super) fn name(tenant: TenantTag, number: u8) -> CounterName {
    let mut bytes = [number; CounterName::BYTES];
    let parts = core::iter::once(&5).chain(tenant.as_bytes());
    bytes.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
    CounterName::from_bytes(bytes)
}

/// A barrier that lets all callers go at once.
struct Barrier(Mutex<(u8, Vec<oneshot::Sender<()>>)>);

impl Barrier {
    const fn new(callers: u8) -> Self {
        Self(Mutex::new((callers, Vec::new())))
    }

    async fn pass(&self) {
        let wait = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.0 = state.0.saturating_sub(1);
            if state.0 == 0 {
                for waiting in state.1.drain(..) {
                    let _ = waiting.send(());
                }
                return;
            }
            let (go, wait) = oneshot::channel();
            state.1.push(go);
            wait
        };
        // If the senders are dropped, everybody may go too.
        let _ = wait.await;
    }
}
