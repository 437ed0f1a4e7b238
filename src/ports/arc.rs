//! Implements every port for an `Arc`, so that several parts of a host can share one adapter.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    Applied, Attempted, AuditEvent, Breach, BreachCheck, CodeStore, EmailSender, EventSink,
    HashError, HashQueue, Inserted, Loaded, Notice, NoticeId, Outbox, PasswordChange,
    PasswordHasher, PasswordMatch, PolicyError, PolicySource, Record, SendError, StoreError,
    Swapped, UserStore,
};
use crate::{
    domain::{
        Account, AccountId, Charge, CounterName, Digest, EmailAddress, Over, Password,
        PasswordHash, RecordId, TenantId, Timestamp,
    },
    mail::EmailMessage,
    policy::TenantPolicy,
};

#[async_trait]
impl<T: CodeStore + ?Sized> CodeStore for Arc<T> {
    async fn insert(
        &self,
        record: &Record,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Inserted, StoreError> {
        (**self).insert(record, charges, now).await
    }

    async fn attempt(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Attempted, StoreError> {
        (**self).attempt(id, charges, now).await
    }

    async fn load(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        (**self).load(id, charges, now).await
    }

    async fn compare_and_swap(
        &self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        (**self).compare_and_swap(next, expected, charges, clear, now).await
    }

    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Vec<Over>, StoreError> {
        (**self).charge(charges, now).await
    }

    async fn delete_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        (**self).delete_expired(now, limit).await
    }
}

#[async_trait]
impl<T: UserStore + ?Sized> UserStore for Arc<T> {
    async fn find_by_address(
        &self,
        tenant: &TenantId,
        address: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError> {
        (**self).find_by_address(tenant, address).await
    }

    async fn find(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Option<Account>, StoreError> {
        (**self).find(tenant, account).await
    }

    async fn apply_reset(&self, change: &PasswordChange) -> Result<Applied, StoreError> {
        (**self).apply_reset(change).await
    }

    async fn rehash(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StoreError> {
        (**self).rehash(tenant, account, old, new).await
    }

    async fn signed_in(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        (**self).signed_in(tenant, account, at).await
    }
}

#[async_trait]
impl<T: Outbox + ?Sized> Outbox for Arc<T> {
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Notice>, StoreError> {
        (**self).due(now, limit).await
    }

    async fn postpone(
        &self,
        id: &NoticeId,
        tries: u32,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        (**self).postpone(id, tries, until, now).await
    }

    async fn done(&self, id: &NoticeId) -> Result<(), StoreError> {
        (**self).done(id).await
    }
}

#[async_trait]
impl<T: EmailSender + ?Sized> EmailSender for Arc<T> {
    async fn send(&self, message: &EmailMessage) -> Result<(), SendError> {
        (**self).send(message).await
    }
}

#[async_trait]
impl<T: PasswordHasher + ?Sized> PasswordHasher for Arc<T> {
    async fn hash(&self, password: Password, queue: HashQueue) -> Result<PasswordHash, HashError> {
        (**self).hash(password, queue).await
    }

    async fn verify(
        &self,
        password: Password,
        hash: PasswordHash,
        queue: HashQueue,
    ) -> Result<PasswordMatch, HashError> {
        (**self).verify(password, hash, queue).await
    }

    async fn verify_dummy(
        &self,
        password: Password,
        seed: Digest,
        queue: HashQueue,
    ) -> Result<(), HashError> {
        (**self).verify_dummy(password, seed, queue).await
    }
}

#[async_trait]
impl<T: BreachCheck + ?Sized> BreachCheck for Arc<T> {
    async fn check(&self, password: &Password) -> Breach {
        (**self).check(password).await
    }
}

impl<T: PolicySource + ?Sized> PolicySource for Arc<T> {
    fn policy(&self, tenant: &TenantId) -> Result<Option<Arc<TenantPolicy>>, PolicyError> {
        (**self).policy(tenant)
    }
}

impl<T: EventSink + ?Sized> EventSink for Arc<T> {
    fn emit(&self, event: &AuditEvent) {
        (**self).emit(event);
    }
}

#[cfg(test)]
#[path = "arc_tests.rs"]
mod tests;
