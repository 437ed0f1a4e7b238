//! The code store of the world: memory behind a door where calls wait, fail and lose their answers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use sspr::{
    adapters::MemoryCodes,
    domain::{Charge, CounterName, Instant, Over, RecordId},
    ports::{Attempted, CodeStore, Inserted, Loaded, Record, StoreError, StoreErrorKind, Swapped},
};

use super::{
    defects::Defect,
    hub::{Fate, Hub},
};

/// Longer than the margin of a sweep.
const LONG: Duration = Duration::from_secs(72 * 3600);

#[derive(Clone)]
pub struct Codes {
    pub inner: Arc<MemoryCodes>,
    pub hub: Hub,
    pub defect: Option<Defect>,
    /// Before the last write, for a store that answers so.
    pub before: Arc<Mutex<HashMap<RecordId, Loaded>>>,
}

impl Codes {
    pub fn new(hub: Hub, defect: Option<Defect>) -> Self {
        let inner = Arc::new(MemoryCodes::with_capacity(100_000, 400_000));
        Self { before: Arc::default(), defect, hub, inner }
    }

    fn is(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    /// What is really written.
    fn written(&self, record: &Record) -> Record {
        let mut record = record.clone();
        if self.is(Defect::ChargesForgotten) {
            record.charges.clear();
        }
        if self.is(Defect::TriesEndEarly) {
            record.tries_limit = record.tries_limit.min(2);
        }
        if self.is(Defect::TriesBeginAnew) {
            record.begins_challenge = true;
        }
        record
    }

    fn read(&self, mut loaded: Loaded) -> Loaded {
        if self.is(Defect::TimeForgotten) {
            loaded.touched_at = Instant::from_micros(i64::MIN);
            // And what the body remembers.
            let Ok(mut reset) = sspr::flow::decode_reset(&loaded.body) else { return loaded };
            reset.touched_at = Instant::from_micros(i64::MIN);
            loaded.body = sspr::flow::encode_reset(&reset);
        }
        loaded
    }

    async fn keep_before(&self, id: &RecordId) {
        if self.is(Defect::ReadsAreStale)
            && let Ok(Some(loaded)) = self.inner.load(id).await
        {
            self.before.lock().unwrap().insert(*id, loaded);
        }
    }
}

pub fn refused() -> StoreError {
    StoreError::new(StoreErrorKind::Busy, "the store has a bad day")
}

pub fn lost() -> StoreError {
    StoreError::new(StoreErrorKind::Unknown, "the answer was lost")
}

/// What the caller hears.
fn hear<T>(fate: Fate, answer: Result<T, StoreError>, read: bool) -> Result<T, StoreError> {
    match fate {
        Fate::ReplyLost if read => Err(refused()),
        Fate::ReplyLost => Err(lost()),
        Fate::Answered | Fate::Refused => answer,
    }
}

#[async_trait::async_trait]
impl CodeStore for Codes {
    async fn insert(
        &self,
        record: &Record,
        charges: &[Charge],
        now: Instant,
    ) -> Result<Inserted, StoreError> {
        let sizes = || format!("{} {}", record.body.len(), charges.len());
        let fate = self.hub.enter("insert", sizes).await;
        if fate == Fate::Refused {
            return Err(refused());
        }
        let answer = self.inner.insert(&self.written(record), charges, now).await;
        if let Ok(inserted) = &answer {
            let mut shared = self.hub.lock();
            let call = shared.current;
            shared.oracle.inserted(call, record, inserted, now);
        }
        hear(fate, answer, false)
    }

    async fn attempt(&self, id: &RecordId, now: Instant) -> Result<Attempted, StoreError> {
        let fate = self.hub.enter("attempt", String::new).await;
        if fate == Fate::Refused {
            return Err(refused());
        }
        let mut answer = self.inner.attempt(id, now).await?;
        if self.is(Defect::TimeForgotten)
            && matches!(answer, Attempted::Dead)
            && let Some(record) = self.inner.load(id).await?
            && now < record.expires_at
        {
            answer = Attempted::Charged { over: Vec::new(), record };
        }
        if let Attempted::Charged { record, over } = answer {
            answer = Attempted::Charged { over, record: self.read(record) };
        }
        {
            let mut shared = self.hub.lock();
            let call = shared.current;
            shared.oracle.attempted(call, *id, &answer, now);
        }
        hear(fate, Ok(answer), false)
    }

    async fn load(&self, id: &RecordId) -> Result<Option<Loaded>, StoreError> {
        let fate = self.hub.enter("load", String::new).await;
        if fate == Fate::Refused {
            return Err(refused());
        }
        let stale = self.is(Defect::ReadsAreStale) && self.hub.lock().chance.often(300);
        let before = self.before.lock().unwrap().get(id).cloned().filter(|_| stale);
        let answer = match before {
            // The body of before under the version of now.
            Some(before) => self
                .inner
                .load(id)
                .await
                .map(|loaded| loaded.map(|loaded| Loaded { body: before.body, ..loaded })),
            None => self.inner.load(id).await,
        };
        hear(fate, answer.map(|loaded| loaded.map(|loaded| self.read(loaded))), true)
    }

    async fn compare_and_swap(
        &self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        now: Instant,
    ) -> Result<Swapped, StoreError> {
        let sizes = || format!("{} {} {}", next.body.len(), charges.len(), clear.len());
        let fate = self.hub.enter("compare_and_swap", sizes).await;
        if fate == Fate::Refused {
            return Err(refused());
        }
        self.keep_before(&next.id).await;
        let written = self.written(next);
        let inner = &self.inner;
        let mut answer = inner.compare_and_swap(&written, expected, charges, clear, now).await;
        if let (true, Ok(Swapped::Conflict { version })) =
            (self.is(Defect::VersionsNotCompared), &answer)
        {
            answer = inner.compare_and_swap(&written, *version, charges, clear, now).await;
        }
        if let Ok(swapped) = &answer {
            let mut shared = self.hub.lock();
            let call = shared.current;
            shared.oracle.swapped(call, next, swapped, clear, now);
        }
        hear(fate, answer, false)
    }

    async fn charge(&self, charges: &[Charge], now: Instant) -> Result<Vec<Over>, StoreError> {
        // Totals of tenants come in no fixed order: nothing may depend on it.
        let totals = charges
            .first()
            .is_some_and(|charge| charge.name.family() == Some(sspr::domain::Family::TenantTries));
        if totals {
            return self.inner.charge(charges, now).await;
        }
        let fate = self.hub.enter("charge", || charges.len().to_string()).await;
        if fate == Fate::Refused {
            return Err(refused());
        }
        let answer = self.inner.charge(charges, now).await;
        if let Ok(over) = &answer {
            let mut shared = self.hub.lock();
            let call = shared.current;
            shared.oracle.charged(call, charges, over);
        }
        hear(fate, answer, false)
    }

    async fn delete_expired(&self, now: Instant, limit: usize) -> Result<usize, StoreError> {
        let fate = self.hub.enter("delete_expired", String::new).await;
        if fate == Fate::Refused {
            return Err(refused());
        }
        let now = if self.is(Defect::SweepsTheLiving) { now.after(LONG) } else { now };
        let answer = self.inner.delete_expired(now, limit).await;
        let alive = self.hub.lock().oracle.alive();
        for id in alive {
            if self.inner.load(&id).await?.is_none() {
                let seen = || format!("{id:?}");
                self.hub.lock().oracle.violated("I3 a living record is swept", seen);
            }
        }
        hear(fate, answer, false)
    }
}
