//! What operators ask of a process: is it up, how full is it, why can somebody not reset.

use crate::support::*;
use async_trait::async_trait;
use sspr::{
    ErrorKind, Sspr,
    adapters::{MemoryPolicies, MemoryUsers},
    domain::{RecordId, TenantId, Timestamp, UserFlowId},
    policy::TenantPolicy,
    ports::{CodeStore, StoreError, StoreErrorKind},
    store::{Attempted, Charge, CounterName, Inserted, Loaded, Over, Record, Swapped},
};

/// A code store that cannot be reached.
struct Gone;

fn gone() -> StoreError {
    StoreError::new(StoreErrorKind::Busy, "the store is not there")
}

#[async_trait]
impl CodeStore for Gone {
    async fn insert(&self, _: &Record, _: &[Charge], _: Timestamp) -> Result<Inserted, StoreError> {
        Err(gone())
    }

    async fn attempt(
        &self,
        _: &RecordId,
        _: &[Charge],
        _: Timestamp,
    ) -> Result<Attempted, StoreError> {
        Err(gone())
    }

    async fn load(&self, _: &RecordId, _: &[Charge], _: Timestamp) -> Result<Loaded, StoreError> {
        Err(gone())
    }

    async fn compare_and_swap(
        &self,
        _: &Record,
        _: u64,
        _: &[Charge],
        _: &[CounterName],
        _: Timestamp,
    ) -> Result<Swapped, StoreError> {
        Err(gone())
    }

    async fn charge(&self, _: &[Charge], _: Timestamp) -> Result<Vec<Over>, StoreError> {
        Err(gone())
    }

    async fn delete_expired(&self, _: Timestamp, _: usize) -> Result<usize, StoreError> {
        Err(gone())
    }
}

#[test]
fn a_probe_asks_the_store() {
    runtime().block_on(async {
        let world = World::memory().await;
        world.sspr.probe().await.unwrap();

        let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
        let (sspr, _courier) =
            Sspr::builder(MemoryUsers::new(), Gone, policies, world.keys.clone()).build();
        assert_eq!(sspr.probe().await.unwrap_err().kind(), ErrorKind::Store { transient: true });
    });
}

#[test]
fn the_queues_depth_is_what_waits_for_the_courier() {
    on_every_store(|world| async move {
        assert_eq!(world.sspr.queue_depth(), 0);
        for network in 1..4 {
            world.started("ada@example.com", &client(network)).await;
        }
        assert_eq!(world.sspr.queue_depth(), 3);
        world.courier.drain(&world.inbox).await;
        assert_eq!(world.sspr.queue_depth(), 0);
    });
}

#[test]
fn each_account_on_an_address_is_explained_and_a_foreign_tenant_has_none() {
    on_every_store(|world| async move {
        world.add("ada@example.com", "second").await;
        let flow = UserFlowId::parse("sign-in").unwrap();
        let mail = address("ada@example.com");
        let explained = world.sspr.explain(&tenant(), &flow, &mail).await.unwrap();
        assert_eq!(explained.len(), 2);
        assert!(explained.iter().all(|it| it.decision().is_available()), "{explained:?}");

        let other = TenantId::parse("fabrikam").unwrap();
        assert_eq!(world.sspr.explain(&other, &flow, &mail).await.unwrap().len(), 0);
    });
}

#[test]
fn a_sweep_removes_what_has_been_dead_for_a_day_up_to_its_limit_and_a_tenants_policy_is_told() {
    on_every_store(|world| async move {
        for network in 1..4 {
            world.started("ada@example.com", &client(network)).await;
        }
        assert_eq!(world.sspr.sweep(1_000).await.unwrap(), 0);
        world.clock.advance(hours(48));
        assert_eq!(world.sspr.sweep(2).await.unwrap(), 2);
        assert!(world.sspr.sweep(1_000).await.unwrap() > 2);
        assert_eq!(world.sspr.sweep(1_000).await.unwrap(), 0);

        assert!(world.sspr.policy(&tenant()).unwrap().is_some());
        assert!(world.sspr.policy(&TenantId::parse("fabrikam").unwrap()).unwrap().is_none());
    });
}
