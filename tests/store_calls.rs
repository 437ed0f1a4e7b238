//! How many calls of the code store a journey takes: what one server carries is counted in these.
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "tests stop loudly"
)]

mod support;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use sspr::{
    Keyring, TenantPolicy,
    adapters::{ManualClock, MemoryCodes, MemoryUsers, Policies, SystemEntropy},
    domain::{Charge, CounterName, Instant, Over, RecordId},
    ports::{Attempted, CodeStore, Inserted, Loaded, Record, StoreError, Swapped},
};
use support::*;

#[derive(Clone, Default)]
struct Counted(Arc<(MemoryCodes, AtomicUsize)>);

impl Counted {
    fn store(&self) -> &MemoryCodes {
        self.0.1.fetch_add(1, Ordering::Relaxed);
        &self.0.0
    }

    fn calls(&self) -> usize {
        self.0.1.swap(0, Ordering::Relaxed)
    }
}

#[async_trait]
impl CodeStore for Counted {
    async fn insert(
        &self,
        record: &Record,
        charges: &[Charge],
        now: Instant,
    ) -> Result<Inserted, StoreError> {
        self.store().insert(record, charges, now).await
    }

    async fn attempt(&self, id: &RecordId, now: Instant) -> Result<Attempted, StoreError> {
        self.store().attempt(id, now).await
    }

    async fn load(&self, id: &RecordId) -> Result<Option<Loaded>, StoreError> {
        self.store().load(id).await
    }

    async fn compare_and_swap(
        &self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        now: Instant,
    ) -> Result<Swapped, StoreError> {
        self.store().compare_and_swap(next, expected, charges, clear, now).await
    }

    async fn charge(&self, charges: &[Charge], now: Instant) -> Result<Vec<Over>, StoreError> {
        self.store().charge(charges, now).await
    }

    async fn delete_expired(&self, now: Instant, limit: usize) -> Result<usize, StoreError> {
        self.store().delete_expired(now, limit).await
    }
}

#[test]
fn a_finished_reset_and_a_guess_take_so_many_calls() {
    runtime().block_on(async {
        let codes = Counted::default();
        let world = World::assemble(
            Users::Memory(MemoryUsers::new()),
            Arc::new(codes.clone()),
            Policies::fixed(TenantPolicy::customers("contoso").unwrap()),
            Keyring::draw(&SystemEntropy::new()).unwrap(),
            ManualClock::new(Instant::from_micros(1_800_000_000_000_000)),
            None,
        );
        world.add("ada@example.com", "ada").await;
        let token = world.started("ada@example.com", &client(1)).await;
        let started = codes.calls();
        let code = world.mailed_code().await;
        let delivered = codes.calls();
        world.verify(&token, &wrong_code()).await;
        let guessed = codes.calls();
        let grant = world.granted(&token, &code).await;
        let verified = codes.calls();
        let ticket = world.changed(&grant, NEW).await;
        let submitted = codes.calls();
        world.redeem(&ticket).await;
        let redeemed = codes.calls();
        let steps = [started, delivered, verified, submitted, redeemed];
        // `manual::scale` and `examples/scale.rs` reckon with these.
        assert_eq!((steps.iter().sum::<usize>(), guessed), (13, 2), "{steps:?}");
    });
}
