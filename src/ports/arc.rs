//! Implements every port for an `Arc`, so that several parts of a host can share one adapter.

use core::{future::Future, pin::Pin};
use std::sync::Arc;

use super::{
    Applied, Attempted, AuditLog, AuditQuestion, AuditRecord, Breach, BreachCheck, CodeStore,
    EmailSender, EngineEvent, EventSink, Freeze, HashError, HashQueue, HostProofCheck, Inserted,
    Loaded, Notice, NoticeId, Outbox, PasswordChange, PasswordHasher, PasswordMatch, PolicyError,
    PolicySource, Record, SendError, StoreError, Swapped, UserStore,
};
use crate::{
    domain::{
        Account, AccountId, Charge, CounterName, Digest, EmailAddress, HostProof, Over, Password,
        PasswordHash, RecordId, TenantId, Timestamp,
    },
    mail::EmailMessage,
    policy::TenantPolicy,
};

/// Hands calls to the adapter inside. Each call returns the adapter's own future, so it allocates
/// nothing.
macro_rules! hand_over {
    ($(fn $name:ident<$($life:lifetime),*>($($arg:ident: $type:ty),+) -> $answer:ty;)+) => {$(
        fn $name<'me, $($life,)* 'all>(
            &'me self,
            $($arg: $type),+
        ) -> Pin<Box<dyn Future<Output = $answer> + Send + 'all>>
        where
            'me: 'all,
            $($life: 'all,)*
            Self: 'all,
        {
            (**self).$name($($arg),+)
        }
    )+};
}

impl<T: CodeStore + ?Sized> CodeStore for Arc<T> {
    hand_over! {
        fn insert<'r, 'c>(
            record: &'r Record,
            charges: &'c [Charge],
            now: Timestamp
        ) -> Result<Inserted, StoreError>;
        fn attempt<'i, 'c>(
            id: &'i RecordId,
            charges: &'c [Charge],
            now: Timestamp
        ) -> Result<Attempted, StoreError>;
        fn load<'i, 'c>(
            id: &'i RecordId,
            charges: &'c [Charge],
            now: Timestamp
        ) -> Result<Loaded, StoreError>;
        fn compare_and_swap<'r, 'c, 'n>(
            next: &'r Record,
            expected: u64,
            charges: &'c [Charge],
            clear: &'n [CounterName],
            now: Timestamp
        ) -> Result<Swapped, StoreError>;
        fn charge<'c>(charges: &'c [Charge], now: Timestamp) -> Result<Vec<Over>, StoreError>;
        fn delete_expired<>(now: Timestamp, limit: usize) -> Result<usize, StoreError>;
    }
}

impl<T: UserStore + ?Sized> UserStore for Arc<T> {
    hand_over! {
        fn find_by_address<'t, 'a>(
            tenant: &'t TenantId,
            address: &'a EmailAddress
        ) -> Result<Vec<Account>, StoreError>;
        fn find<'t, 'a>(
            tenant: &'t TenantId,
            account: &'a AccountId
        ) -> Result<Option<Account>, StoreError>;
        fn apply_change<'c>(change: &'c PasswordChange) -> Result<Applied, StoreError>;
        fn require_change<'t, 'a>(
            tenant: &'t TenantId,
            account: &'a AccountId
        ) -> Result<bool, StoreError>;
        fn freeze<'f>(freeze: &'f Freeze) -> Result<bool, StoreError>;
        fn rehash<'t, 'a, 'o, 'n>(
            tenant: &'t TenantId,
            account: &'a AccountId,
            old: &'o PasswordHash,
            new: &'n PasswordHash
        ) -> Result<bool, StoreError>;
        fn signed_in<'t, 'a>(
            tenant: &'t TenantId,
            account: &'a AccountId,
            at: Timestamp
        ) -> Result<(), StoreError>;
    }

    fn keeps_marks(&self) -> bool {
        (**self).keeps_marks()
    }

    fn keeps_freezes(&self) -> bool {
        (**self).keeps_freezes()
    }
}

impl<T: Outbox + ?Sized> Outbox for Arc<T> {
    hand_over! {
        fn due<>(now: Timestamp, limit: usize) -> Result<Vec<Notice>, StoreError>;
        fn postpone<'i>(
            id: &'i NoticeId,
            tries: u32,
            until: Timestamp,
            now: Timestamp
        ) -> Result<(), StoreError>;
        fn done<'i>(id: &'i NoticeId) -> Result<(), StoreError>;
    }
}

impl<T: EmailSender + ?Sized> EmailSender for Arc<T> {
    hand_over! {
        fn send<'m>(message: &'m EmailMessage) -> Result<(), SendError>;
    }
}

impl<T: PasswordHasher + ?Sized> PasswordHasher for Arc<T> {
    hand_over! {
        fn hash<>(password: Password, queue: HashQueue) -> Result<PasswordHash, HashError>;
        fn verify<>(
            password: Password,
            hash: PasswordHash,
            queue: HashQueue
        ) -> Result<PasswordMatch, HashError>;
        fn verify_dummy<>(
            password: Password,
            seed: Digest,
            queue: HashQueue
        ) -> Result<(), HashError>;
    }
}

impl<T: HostProofCheck + ?Sized> HostProofCheck for Arc<T> {
    hand_over! {
        fn check<'t, 'a, 'p>(
            tenant: &'t TenantId,
            account: &'a AccountId,
            proof: &'p HostProof
        ) -> Result<bool, StoreError>;
    }
}

impl<T: BreachCheck + ?Sized> BreachCheck for Arc<T> {
    hand_over! {
        fn check<'p>(password: &'p Password) -> Breach;
    }
}

impl<T: PolicySource + ?Sized> PolicySource for Arc<T> {
    fn policy(&self, tenant: &TenantId) -> Result<Option<Arc<TenantPolicy>>, PolicyError> {
        (**self).policy(tenant)
    }
}

impl<T: AuditLog + ?Sized> AuditLog for Arc<T> {
    hand_over! {
        fn append<'r>(records: &'r [AuditRecord]) -> Result<(), StoreError>;
        fn about<'q>(question: &'q AuditQuestion) -> Result<Option<Vec<AuditRecord>>, StoreError>;
        fn delete_old<>(now: Timestamp, limit: usize) -> Result<usize, StoreError>;
    }
}

impl<T: EventSink + ?Sized> EventSink for Arc<T> {
    fn emit(&self, event: &EngineEvent) {
        (**self).emit(event);
    }
}

#[cfg(test)]
#[path = "arc_tests.rs"]
mod tests;
