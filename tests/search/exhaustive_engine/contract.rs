//! The stores of the search keep the contract: the public suite says so.

use std::sync::{Arc, Mutex};

use sspr::{
    conformance::*,
    domain::{Account, AccountId, EmailAddress, RecordId, TenantId, Timestamp},
    ports::{Applied, CodeStore, Notice, NoticeId, Outbox, PasswordChange, StoreError, UserStore},
    store::{Attempted, Charge, CounterName, Inserted, Loaded, Over, Record, Swapped},
};

use super::stores::Stores;

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Stores>>);

impl Shared {
    fn with<T>(&self, act: impl FnOnce(&mut Stores) -> T) -> Result<T, StoreError> {
        Ok(act(&mut self.0.lock().unwrap()))
    }
}

#[async_trait::async_trait]
impl CodeStore for Shared {
    async fn insert(
        &self,
        r: &Record,
        c: &[Charge],
        now: Timestamp,
    ) -> Result<Inserted, StoreError> {
        self.with(|stores| stores.insert(r, c, now))
    }

    async fn attempt(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Attempted, StoreError> {
        self.with(|stores| stores.attempt(id, charges, now))
    }

    async fn load(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        self.with(|stores| stores.load(id, charges, now))
    }

    async fn compare_and_swap(
        &self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        self.with(|stores| stores.swap(next, expected, charges, clear, now))
    }

    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Vec<Over>, StoreError> {
        self.with(|stores| stores.charge(charges, now))
    }

    async fn delete_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.with(|stores| stores.delete_expired(now, limit))
    }
}

#[async_trait::async_trait]
impl UserStore for Shared {
    async fn find_by_address(
        &self,
        tenant: &TenantId,
        address: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError> {
        self.with(|stores| stores.find_by_address(tenant, address))
    }

    async fn find(&self, tenant: &TenantId, id: &AccountId) -> Result<Option<Account>, StoreError> {
        self.with(|stores| stores.find(tenant, id))
    }

    async fn apply_change(&self, change: &PasswordChange) -> Result<Applied, StoreError> {
        self.with(|stores| stores.apply_change(change))
    }
}

#[async_trait::async_trait]
impl Outbox for Shared {
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Notice>, StoreError> {
        self.with(|stores| stores.due(now, limit))
    }

    async fn postpone(
        &self,
        id: &NoticeId,
        tries: u32,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.with(|stores| stores.postpone(id, tries, until, now))
    }

    async fn done(&self, id: &NoticeId) -> Result<(), StoreError> {
        self.with(|stores| stores.done(id))
    }
}

fn code_store(case: CodeStoreCase) -> CaseResult {
    block_on(case.check(&CodeStoreBench::new(Shared::default()).with_rounds(20)))
}

fn put(shared: &Shared) -> PutAccount {
    let shared = shared.clone();
    Arc::new(move |tenant, account| {
        let put = shared.with(|stores| stores.put(&tenant, account));
        Box::pin(async move { put })
    })
}

fn user_store(case: UserStoreCase) -> CaseResult {
    let shared = Shared::default();
    block_on(case.check(&UserStoreBench::new(shared.clone(), put(&shared))))
}

fn outbox(case: OutboxCase) -> CaseResult {
    let shared = Shared::default();
    block_on(case.check(&OutboxBench::new(shared.clone(), shared.clone(), put(&shared))))
}

mod codes {
    sspr::code_store_conformance!(super::code_store);
}

mod users {
    sspr::user_store_conformance!(super::user_store);
}

mod notices {
    sspr::outbox_conformance!(super::outbox);
}
