//! Stores of policies: what is stored is read back, one tenant's damage stays its own, and a
//! caller who goes away loses nothing.

mod directory;
#[cfg(feature = "sqlite")]
mod sqlite;
mod stores;

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use serde_json::{Value, json};
use sspr::{
    TenantPolicy,
    adapters::{MemoryPolicies, PolicyDirectory},
    domain::{TenantId, Timestamp},
    policy::{AfterReset, UserFlow},
    ports::{PolicyChange, PolicyStore, Written},
};

/// A store with what its files lie in.
pub struct Subject {
    pub name: &'static str,
    pub store: Arc<dyn PolicyStore>,
    _folder: tempfile::TempDir,
}

/// One of each kind, empty.
pub async fn subjects() -> Vec<Subject> {
    let subject =
        |name, store: Arc<dyn PolicyStore>, folder| Subject { _folder: folder, name, store };
    let folder = tempfile::tempdir().unwrap();
    let mut all = vec![subject("memory", Arc::new(MemoryPolicies::default()), folder)];
    let folder = tempfile::tempdir().unwrap();
    let directory = PolicyDirectory::open(folder.path()).unwrap();
    all.push(subject("directory", Arc::new(directory), folder));
    #[cfg(feature = "sqlite")]
    {
        let folder = tempfile::tempdir().unwrap();
        let store = sspr::adapters::SqliteStore::open(folder.path().join("policies.db")).await;
        let policies = store.unwrap().policies().await.unwrap();
        all.push(subject("sqlite", Arc::new(policies), folder));
    }
    all
}

pub fn id(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

pub fn policy(tenant: &str) -> TenantPolicy {
    TenantPolicy::customers(tenant).unwrap()
}

/// A policy of so many levels, the way only a host can build it: each part was read alone.
pub fn deep(tenant: &str, levels: usize) -> Option<TenantPolicy> {
    let nested = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let flow = format!(r#"{{"displayName": "deep", "deep": {nested}}}"#);
    let flow = UserFlow::from_json(&flow).ok()?;
    Some(policy(tenant).with_user_flows(vec![flow]).unwrap())
}

/// A policy with so many bytes in a field that is kept.
pub fn large(tenant: &str, bytes: usize) -> TenantPolicy {
    let flow = json!({"displayName": "large", "unknown": "x".repeat(bytes)});
    let flow = UserFlow::from_json(&flow.to_string()).unwrap();
    policy(tenant).with_user_flows(vec![flow]).unwrap()
}

pub fn change(before: Option<&TenantPolicy>, after: TenantPolicy) -> PolicyChange {
    PolicyChange::new(Timestamp::from_micros(1), "root", "Something", before, after)
}

/// Stores a policy as whatever is newest; answers its version.
pub async fn put(store: &dyn PolicyStore, after: TenantPolicy) -> u64 {
    let tenant = after.tenant().clone();
    let stored = store.read(&tenant).await.unwrap();
    let version = stored.as_ref().map_or(0, |stored| stored.version);
    let change = change(stored.as_ref().map(|stored| &*stored.policy), after);
    match store.write(&change, version).await.unwrap() {
        Written::Written { version } => version,
        Written::Conflict { version } => panic!("conflict with {version}"),
    }
}

pub fn after_reset(store: &dyn PolicyStore, tenant: &str) -> AfterReset {
    store.policy(&id(tenant)).unwrap().unwrap().after_reset()
}

/// Polls so often, and then goes away; whether there was an answer.
pub fn dropped_after(polls: usize, future: impl Future) -> bool {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..polls).any(|_| matches!(future.as_mut().poll(&mut context), Poll::Ready(_)))
}

pub fn nested(levels: usize) -> Value {
    (1..levels).fold(json!([]), |value, _| json!([value]))
}
