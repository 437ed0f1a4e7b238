//! The contract of every port on the adapters that are always there.

use std::sync::Arc;

use sspr::{
    TenantPolicy,
    adapters::{
        Argon2Pool, CaptureSender, ManualClock, MemoryAudit, MemoryCodes, MemoryPolicies,
        MemoryUsers, PolicyDirectory, SystemClock,
    },
    conformance::*,
    domain::{TenantId, Timestamp},
};

fn code_store(case: CodeStoreCase) -> CaseResult {
    block_on(case.check(&CodeStoreBench::new(MemoryCodes::new()).with_rounds(100)))
}

fn put(users: &MemoryUsers) -> PutAccount {
    let users = users.clone();
    Arc::new(move |tenant, account| {
        users.insert(&tenant, account);
        Box::pin(async { Ok(()) })
    })
}

fn user_store(case: UserStoreCase) -> CaseResult {
    let users = MemoryUsers::new();
    block_on(case.check(&UserStoreBench::new(users.clone(), put(&users))))
}

fn outbox(case: OutboxCase) -> CaseResult {
    let users = MemoryUsers::new();
    block_on(case.check(&OutboxBench::new(users.clone(), users.clone(), put(&users))))
}

fn sender(case: EmailSenderCase) -> CaseResult {
    let sender = CaptureSender::new();
    let inbox = sender.clone();
    let bench = EmailSenderBench::new(
        sender,
        Arc::new(move || {
            let messages = inbox.messages();
            Box::pin(async move {
                let received = messages.iter().map(|message| {
                    let to = vec![message.to.as_str().to_owned()];
                    Received::new(to, message.subject.to_string(), message.text.to_string())
                });
                received.collect()
            })
        }),
    );
    block_on(case.check(&bench))
}

fn hasher(case: PasswordHasherCase) -> CaseResult {
    let pool = Argon2Pool::new().with_parameters(64, 1, 1).unwrap();
    block_on(case.check(&PasswordHasherBench::new(pool)))
}

#[cfg(feature = "argon2-rust")]
fn fast_hasher(case: PasswordHasherCase) -> CaseResult {
    let (clock, events) = (SystemClock::new(), sspr::adapters::MemoryEvents::new());
    let pool = Argon2Pool::new().with_parameters(64, 1, 1).unwrap();
    let pool = pool.with_fast_kernel(&clock, &events);
    assert_eq!(pool.kernel(), sspr::adapters::Argon2Kernel::Fast);
    block_on(case.check(&PasswordHasherBench::new(pool)))
}

fn policies(case: PolicySourceCase) -> CaseResult {
    let source = MemoryPolicies::fixed(TenantPolicy::customers("Contoso").unwrap());
    block_on(case.check(&PolicySourceBench::new(source, TenantId::parse("Contoso").unwrap())))
}

fn policy_directory(case: PolicySourceCase) -> CaseResult {
    let folder = tempfile::tempdir().unwrap();
    let policy = TenantPolicy::customers("Contoso").unwrap().to_json().to_string();
    std::fs::write(folder.path().join("Contoso.json"), policy).unwrap();
    let source = PolicyDirectory::open(folder.path()).unwrap();
    block_on(case.check(&PolicySourceBench::new(source, TenantId::parse("Contoso").unwrap())))
}

fn manual_clock(case: ClockCase) -> CaseResult {
    let clock = ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000));
    let moved = clock.clone();
    block_on(case.check(&ClockBench::new(clock).moved_by(move |by| moved.advance(by))))
}

fn system_clock(case: ClockCase) -> CaseResult {
    block_on(case.check(&ClockBench::new(SystemClock::new())))
}

mod code_store_in_memory {
    sspr::code_store_conformance!(super::code_store);
}

mod user_store_in_memory {
    sspr::user_store_conformance!(super::user_store);
}

fn audit_log(case: AuditLogCase) -> CaseResult {
    block_on(case.check(&AuditLogBench::new(MemoryAudit::new())))
}

mod audit_log_in_memory {
    sspr::audit_log_conformance!(super::audit_log);
}

mod outbox_in_memory {
    sspr::outbox_conformance!(super::outbox);
}

mod capture_sender {
    sspr::email_sender_conformance!(super::sender);
}

mod argon2_pool {
    sspr::password_hasher_conformance!(super::hasher);
}

#[cfg(feature = "argon2-rust")]
mod argon2_pool_with_the_fast_kernel {
    sspr::password_hasher_conformance!(super::fast_hasher);
}

mod policies_in_memory {
    sspr::policy_source_conformance!(super::policies);
}

mod policies_in_a_folder {
    sspr::policy_source_conformance!(super::policy_directory);
}

mod clock_by_hand {
    sspr::clock_conformance!(super::manual_clock);
}

mod clock_of_the_system {
    sspr::clock_conformance!(super::system_clock);
}

#[test]
fn a_full_memory_store_refuses_and_evicts_nothing() {
    let store = MemoryCodes::with_capacity(6_400, 64);
    block_on(CodeStoreCase::when_full().check(&CodeStoreBench::new(store))).unwrap();
}
