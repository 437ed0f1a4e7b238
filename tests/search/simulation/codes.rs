//! The code store of the world: memory behind a door where calls wait, fail and lose their answers.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::FutureExt;
use sspr::{
    adapters::MemoryCodes,
    domain::{Method, RecordId, Timestamp},
    flow::{ResetReason, decode_lockout, decode_reset, encode_lockout, encode_reset},
    ports::{CodeStore, StoreError, StoreErrorKind},
    store::{
        Attempted, Charge, CounterName, Family, Inserted, Loaded, Over, Record, StoredRecord,
        Swapped,
    },
};

use super::{
    defects::Defect,
    founding::{limits, tenant},
    hub::{Fate, Hub},
};

/// A time and an id: the size of a record that makes codes of notices void.
const VOID: usize = 8 + RecordId::BYTES;
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Longer than the margin of a sweep.
const LONG: Duration = Duration::from_secs(72 * 3600);

#[derive(Clone)]
pub struct Codes {
    pub inner: Arc<MemoryCodes>,
    pub hub: Hub,
    pub defect: Option<Defect>,
    /// Before the last write, for a store that answers so.
    pub before: Arc<Mutex<HashMap<RecordId, StoredRecord>>>,
    /// The counters of whole tenants, for a store that lets decoys count there.
    pub of_tenants: Arc<Mutex<Vec<Charge>>>,
}

impl Codes {
    pub fn new(hub: Hub, defect: Option<Defect>) -> Self {
        let inner = Arc::new(MemoryCodes::with_capacity(100_000, 400_000));
        Self { before: Arc::default(), defect, hub, inner, of_tenants: Arc::default() }
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
        if self.is(Defect::TextTriesAreFree) && goes_by_text(&record) {
            record.charges.clear();
        }
        if self.is(Defect::TextSupersedesNothing)
            && goes_by_text(&record)
            && let (Ok(mut next), Some(before)) =
                (decode_reset(&record.body), self.record(&record.id))
            && let Ok(before) = decode_reset(&before.body)
            && let (Some(bound), Some(earlier)) = (&next.bound, before.bound)
            && bound.number > earlier.number
        {
            next.bound = Some(earlier);
            record.body = encode_reset(&next);
        }
        if self.is(Defect::TriesEndEarly) {
            record.tries_limit = record.tries_limit.min(2);
        }
        if self.is(Defect::LockoutForgotten)
            && let Ok(lockout) = decode_lockout(&record.body)
        {
            record.body = encode_lockout(&lockout.cleared(lockout.touched_at));
        }
        // What makes codes of notices void is neither a reset nor a lockout, and short.
        if self.is(Defect::VoidForgotten) && record.body.len() == VOID {
            record.body = vec![0x80; VOID];
        }
        if self.is(Defect::TriesBeginAnew) {
            record.begins_challenge = true;
        }
        record
    }

    /// The charges that are really made with a write of this record.
    fn made(&self, charges: &[Charge], id: &RecordId) -> Vec<Charge> {
        let limits = limits(usize::from(id.tenant_tag() == tenant(1).tag()));
        let counts = |charge: &Charge, limit: u32, window: Duration| {
            let is_text = charge.name.family() == Some(Family::SilentTexts);
            is_text && (charge.limit, charge.window) == (limit, window)
        };
        let of_tenant = |charge: &Charge| counts(charge, limits.texts_per_tenant(), DAY);
        let mut made = charges.to_vec();
        match self.defect {
            Some(Defect::NumberUncounted) => {
                made.retain(|charge| !counts(charge, limits.texts_per_number(), DAY));
            }
            Some(Defect::BlockUncounted) => {
                made.retain(|charge| !counts(charge, limits.texts_per_block(), HOUR));
            }
            Some(Defect::TenantUncounted) => made.retain(|charge| !of_tenant(charge)),
            Some(Defect::NetworkUncounted) => {
                made.retain(|charge| charge.name.family() != Some(Family::Texts));
            }
            Some(Defect::DecoysCost) => {
                // It cannot tell the tenant's counter from the dummies, and charges all that it saw.
                let mut seen = self.of_tenants.lock().unwrap();
                let own: Vec<_> = made.iter().filter(|it| of_tenant(it)).copied().collect();
                let is_new = |it: &Charge| own.iter().all(|mine| mine.name != it.name);
                if !own.is_empty() {
                    made.extend(seen.iter().filter(|it| of_tenant(it) && is_new(it)));
                }
                seen.retain(is_new);
                seen.extend(own);
            }
            _ => {}
        }
        made
    }

    fn read(&self, mut loaded: StoredRecord) -> StoredRecord {
        if self.is(Defect::TimeForgotten) {
            loaded.touched_at = Timestamp::from_micros(i64::MIN);
            // And what the body remembers.
            let Ok(mut reset) = decode_reset(&loaded.body) else { return loaded };
            reset.touched_at = Timestamp::from_micros(i64::MIN);
            loaded.body = encode_reset(&reset);
        }
        loaded
    }

    /// What a record holds.
    fn record(&self, id: &RecordId) -> Option<StoredRecord> {
        let read = now(self.inner.load(id, &[], Timestamp::from_micros(0)));
        read.ok().and_then(Loaded::found)
    }

    fn keep_before(&self, id: &RecordId) {
        if self.is(Defect::ReadsAreStale)
            && let Some(record) = self.record(id)
        {
            self.before.lock().unwrap().insert(*id, record);
        }
    }

    /// One call: `act` is what it does to the store.
    async fn happens<T: Send>(
        &self,
        verb: &str,
        detail: impl FnOnce() -> String,
        act: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match self.hub.perform(verb, detail, act).await {
            Some((_, Fate::ReplyLost)) if verb == "load" || self.is(Defect::OutcomeTakenForNo) => {
                Err(refused())
            }
            Some((_, Fate::ReplyLost)) => Err(lost()),
            Some((answer, _)) => answer,
            None => Err(refused()),
        }
    }
}

/// Whether a record is a reset whose latest code goes by text.
fn goes_by_text(record: &Record) -> bool {
    let sent = decode_reset(&record.body).ok().and_then(|reset| reset.sent);
    sent.is_some_and(|sent| sent.method == Method::Sms)
}

/// The answer of a store that has it at once.
pub fn now<T>(answer: impl Future<Output = T>) -> T {
    answer.now_or_never().expect("a store in memory does not wait")
}

pub fn refused() -> StoreError {
    StoreError::new(StoreErrorKind::Busy, "the store has a bad day")
}

pub fn lost() -> StoreError {
    StoreError::new(StoreErrorKind::Unknown, "the answer was lost")
}

#[async_trait::async_trait]
impl CodeStore for Codes {
    async fn insert(
        &self,
        record: &Record,
        charges: &[Charge],
        at: Timestamp,
    ) -> Result<Inserted, StoreError> {
        self.hub.note(|oracle, call| oracle.inserts(call, record));
        let sizes = || format!("{} {}", record.body.len(), charges.len());
        let (codes, record_, charges_) = (self.clone(), record.clone(), charges.to_vec());
        let act = move || {
            let charges = codes.made(&charges_, &record_.id);
            let answer = now(codes.inner.insert(&codes.written(&record_), &charges, at));
            if let Ok(inserted) = &answer {
                codes.hub.note(|oracle, call| oracle.inserted(call, &record_, inserted, at));
            }
            answer
        };
        let answer = self.happens("insert", sizes, act).await;
        if answer.is_err() {
            self.hub.note(|oracle, call| oracle.kept_back(call));
        }
        answer
    }

    async fn attempt(
        &self,
        id: &RecordId,
        charges: &[Charge],
        at: Timestamp,
    ) -> Result<Attempted, StoreError> {
        let (codes, id, charges) = (self.clone(), *id, charges.to_vec());
        let act = move || {
            let mut answer = now(codes.inner.attempt(&id, &charges, at))?;
            if codes.is(Defect::TimeForgotten)
                && matches!(answer, Attempted::Dead)
                && let Some(record) = codes.record(&id)
                && at < record.expires_at
            {
                answer = Attempted::Charged { over: Vec::new(), record };
            }
            if let Attempted::Charged { record, over } = answer {
                answer = Attempted::Charged { over, record: codes.read(record) };
            }
            codes.hub.note(|oracle, call| oracle.attempted(call, id, &answer, at));
            Ok(answer)
        };
        self.happens("attempt", String::new, act).await
    }

    async fn load(
        &self,
        id: &RecordId,
        charges: &[Charge],
        at: Timestamp,
    ) -> Result<Loaded, StoreError> {
        let (codes, id, charges) = (self.clone(), *id, charges.to_vec());
        let (kind, sizes) =
            if charges.is_empty() { ("load", 0) } else { ("load and charge", charges.len()) };
        let act = move || {
            let stale = codes.is(Defect::ReadsAreStale) && codes.hub.lock().chance.often(300);
            let before = codes.before.lock().unwrap().get(&id).cloned().filter(|_| stale);
            let mut loaded = now(codes.inner.load(&id, &charges, at))?;
            codes.hub.note(|oracle, call| oracle.loaded(call, &charges, &loaded));
            if let Loaded::Found(record) = &loaded
                && codes.is(Defect::StaffCodeLost)
                && decode_reset(&record.body)
                    .is_ok_and(|reset| reset.origin.reason == ResetReason::Assistance)
            {
                return Ok(Loaded::Missing);
            }
            if let Loaded::Found(mut record) = loaded {
                // The body of before under the version of now.
                if let Some(before) = before {
                    record.body = before.body;
                }
                loaded = Loaded::Found(codes.read(record));
            }
            Ok(loaded)
        };
        self.happens(kind, || sizes.to_string(), act).await
    }

    async fn compare_and_swap(
        &self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        at: Timestamp,
    ) -> Result<Swapped, StoreError> {
        let sizes = || format!("{} {} {}", next.body.len(), charges.len(), clear.len());
        let (codes, next_) = (self.clone(), next.clone());
        let (charges_, clear_) = (charges.to_vec(), clear.to_vec());
        let act = move || {
            codes.keep_before(&next_.id);
            let written = codes.written(&next_);
            let charges = codes.made(&charges_, &next_.id);
            let swap = |version| {
                now(codes.inner.compare_and_swap(&written, version, &charges, &clear_, at))
            };
            let mut answer = swap(expected);
            if let (true, Ok(Swapped::Conflict { version })) =
                (codes.is(Defect::VersionsNotCompared), &answer)
            {
                answer = swap(*version);
            }
            if let Ok(swapped) = &answer {
                codes.hub.note(|oracle, call| oracle.swapped(call, &next_, swapped, &clear_, at));
            }
            answer
        };
        self.happens("compare_and_swap", sizes, act).await
    }

    async fn charge(&self, charges: &[Charge], at: Timestamp) -> Result<Vec<Over>, StoreError> {
        // Totals of tenants come in no fixed order: nothing may depend on it.
        let totals = charges
            .first()
            .is_some_and(|charge| charge.name.family() == Some(sspr::store::Family::TenantTries));
        if totals {
            return self.inner.charge(charges, at).await;
        }
        let (codes, charges_) = (self.clone(), charges.to_vec());
        let act = move || {
            let answer = now(codes.inner.charge(&charges_, at));
            if let Ok(over) = &answer {
                codes.hub.note(|oracle, call| oracle.charged(call, &charges_, over));
            }
            answer
        };
        self.happens("charge", || charges.len().to_string(), act).await
    }

    async fn delete_expired(&self, at: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let codes = self.clone();
        let act = move || {
            let at = if codes.is(Defect::SweepsTheLiving) { at.after(LONG) } else { at };
            let answer = now(codes.inner.delete_expired(at, limit));
            let locks: Vec<_> = codes.hub.lock().oracle.locks.keys().copied().collect();
            for id in locks.into_iter().filter(|id| codes.record(id).is_none()) {
                codes.hub.lock().oracle.lock_swept(id);
            }
            let alive = codes.hub.lock().oracle.alive();
            for id in alive {
                if codes.record(&id).is_none() {
                    let seen = || format!("{id:?}");
                    codes.hub.lock().oracle.violated("I3 a living record is swept", seen);
                }
            }
            answer
        };
        self.happens("delete_expired", String::new, act).await
    }
}
