//! The order of changes that happen at the same time.

use core::hash::BuildHasher as _;
use std::hash::RandomState;

use futures_util::lock::{Mutex, MutexGuard};

use crate::domain::TenantId;

/// The queue of this process's changes that lost against faster ones. It admits one change per
/// tenant at a time, so that these changes do not overtake each other for ever.
pub(super) struct Turns {
    lanes: Vec<Mutex<()>>,
    hash: RandomState,
}

/// The number of lanes. Tenants of one lane wait for each other.
const LANES: u64 = 64;

impl Turns {
    pub(super) fn new() -> Self {
        Self { hash: RandomState::new(), lanes: (0..LANES).map(|_| Mutex::new(())).collect() }
    }

    pub(super) async fn take(&self, tenant: &TenantId) -> Option<MutexGuard<'_, ()>> {
        let lane = usize::try_from(self.hash.hash_one(tenant) % LANES).ok()?;
        Some(self.lanes.get(lane)?.lock().await)
    }
}
