//! Ports with a gate before and behind every call: a test stops a caller at the n-th gate and drops
//! it there.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use sspr::{
    adapters::{Argon2Pool, MemoryUsers},
    domain::{
        Account, AccountId, Digest, EmailAddress, Password, PasswordHash, RecordId, TenantId,
        Timestamp,
    },
    ports::{
        Applied, CodeStore, Freeze, HashError, HashQueue, NoticeDelivery, PasswordChange,
        PasswordHasher, PasswordMatch, StoreError, UserStore,
    },
    store::{Attempted, Charge, CounterName, Inserted, Loaded, Over, Record, Swapped},
};
use tokio::sync::Notify;

/// Counts what passes, and stops the caller that comes as the n-th.
#[derive(Clone, Default)]
pub struct Gate(Arc<Passing>);

#[derive(Default)]
struct Passing {
    passed: AtomicUsize,
    /// 0: nobody is stopped.
    stop_at: AtomicUsize,
    stopped: Notify,
    /// A call whose caller was dropped may be brought to its end by somebody else.
    released: Notify,
    /// Whether a write that was asked for happens after its caller has gone.
    late: AtomicBool,
}

impl Gate {
    /// Lets a call come as far as its n-th gate and drops it there; its answer if it came through.
    pub async fn cut<T>(&self, at: usize, call: impl Future<Output = T>) -> Option<T> {
        self.0.passed.store(0, Ordering::SeqCst);
        self.0.stop_at.store(at, Ordering::SeqCst);
        let answer = tokio::select! {
            biased;
            answer = call => Some(answer),
            () = self.0.stopped.notified() => None,
        };
        self.0.stop_at.store(0, Ordering::SeqCst);
        self.0.released.notify_waiters();
        answer
    }

    /// Makes writes happen after their callers have gone, as in a store with a thread of its own.
    pub fn with_late_writes(self) -> Self {
        self.0.late.store(true, Ordering::SeqCst);
        self
    }

    async fn pass(&self) {
        let passed = self.0.passed.fetch_add(1, Ordering::SeqCst) + 1;
        if passed == self.0.stop_at.load(Ordering::SeqCst) {
            let released = self.0.released.notified();
            self.0.stopped.notify_one();
            released.await;
        }
    }

    async fn around<T>(&self, call: impl Future<Output = T>) -> T {
        self.pass().await;
        let answer = call.await;
        self.pass().await;
        answer
    }

    /// As [`Gate::around`], but with late writes the call is under way before the first gate.
    async fn around_write<T: Send + 'static>(
        &self,
        call: impl Future<Output = T> + Send + 'static,
    ) -> T {
        if !self.0.late.load(Ordering::SeqCst) {
            return self.around(call).await;
        }
        let writes = tokio::spawn(async move {
            // Whoever is dropped at the first gate is gone before this.
            tokio::task::yield_now().await;
            call.await
        });
        self.around(async { writes.await.unwrap() }).await
    }
}

#[derive(Clone)]
pub struct Codes(pub Gate, pub Arc<dyn CodeStore>);

#[async_trait]
impl CodeStore for Codes {
    async fn insert(
        &self,
        record: &Record,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Inserted, StoreError> {
        let (store, record, charges) = (self.1.clone(), record.clone(), charges.to_vec());
        self.0.around_write(async move { store.insert(&record, &charges, now).await }).await
    }

    async fn attempt(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Attempted, StoreError> {
        let (store, id, charges) = (self.1.clone(), *id, charges.to_vec());
        self.0.around_write(async move { store.attempt(&id, &charges, now).await }).await
    }

    async fn load(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        let (store, id, charges) = (self.1.clone(), *id, charges.to_vec());
        let writes = !charges.is_empty();
        let load = async move { store.load(&id, &charges, now).await };
        if writes { self.0.around_write(load).await } else { self.0.around(load).await }
    }

    async fn compare_and_swap(
        &self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        let (store, next) = (self.1.clone(), next.clone());
        let (charges, clear) = (charges.to_vec(), clear.to_vec());
        let swap =
            async move { store.compare_and_swap(&next, expected, &charges, &clear, now).await };
        self.0.around_write(swap).await
    }

    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Vec<Over>, StoreError> {
        let (store, charges) = (self.1.clone(), charges.to_vec());
        self.0.around_write(async move { store.charge(&charges, now).await }).await
    }

    async fn delete_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.1.delete_expired(now, limit).await
    }
}

/// Accounts in memory, with or without an outbox.
#[derive(Clone)]
pub struct Users(pub Gate, pub MemoryUsers, pub NoticeDelivery);

#[async_trait]
impl UserStore for Users {
    async fn find_by_address(
        &self,
        tenant: &TenantId,
        address: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError> {
        self.0.around(self.1.find_by_address(tenant, address)).await
    }

    async fn find(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Option<Account>, StoreError> {
        self.0.around(self.1.find(tenant, account)).await
    }

    async fn apply_change(&self, change: &PasswordChange) -> Result<Applied, StoreError> {
        let (users, mut change, notice) = (self.1.clone(), change.clone(), self.2);
        if notice == NoticeDelivery::NotQueued {
            change.notify.clear();
        }
        let apply = async move {
            Ok(match users.apply_change(&change).await? {
                Applied::Done { .. } => Applied::Done { notice },
                other => other,
            })
        };
        self.0.around_write(apply).await
    }

    fn keeps_marks(&self) -> bool {
        self.1.keeps_marks()
    }

    async fn require_change(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<bool, StoreError> {
        let (users, tenant, account) = (self.1.clone(), tenant.clone(), account.clone());
        let mark = async move { users.require_change(&tenant, &account).await };
        self.0.around_write(mark).await
    }

    fn keeps_freezes(&self) -> bool {
        self.1.keeps_freezes()
    }

    async fn freeze(&self, freeze: &Freeze) -> Result<bool, StoreError> {
        let (users, freeze) = (self.1.clone(), freeze.clone());
        self.0.around_write(async move { users.freeze(&freeze).await }).await
    }

    async fn rehash(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StoreError> {
        self.0.around(self.1.rehash(tenant, account, old, new)).await
    }

    async fn signed_in(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.0.around(self.1.signed_in(tenant, account, at)).await
    }
}

#[derive(Clone)]
pub struct Hasher(pub Gate, pub Argon2Pool);

#[async_trait]
impl PasswordHasher for Hasher {
    async fn hash(&self, password: Password, queue: HashQueue) -> Result<PasswordHash, HashError> {
        self.0.around(self.1.hash(password, queue)).await
    }

    async fn verify(
        &self,
        password: Password,
        hash: PasswordHash,
        queue: HashQueue,
    ) -> Result<PasswordMatch, HashError> {
        self.0.around(self.1.verify(password, hash, queue)).await
    }

    async fn verify_dummy(
        &self,
        password: Password,
        seed: Digest,
        queue: HashQueue,
    ) -> Result<(), HashError> {
        self.0.around(self.1.verify_dummy(password, seed, queue)).await
    }
}
