//! For tests, off by default, on loopback only: `POST /test/clock?seconds=N` moves the clock
//! ahead, `POST /test/restore` puts accounts and policies back as they were at the first start.
//! Limits last as they do: move the clock past them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::Query, http::StatusCode, routing::post};
use sspr::{
    adapters::{SqlitePolicies, SqliteUsers, SystemClock},
    domain::{Instant, TenantId},
    ports::{Clock, PolicyChange, PolicyStore as _, Sleep},
};

use crate::{Outcome, TENANTS, customers, first_policy};

/// The system's clock, moved ahead.
#[derive(Clone, Debug, Default)]
pub struct ShiftedClock(Arc<AtomicU64>);

impl Clock for ShiftedClock {
    fn now(&self) -> Instant {
        SystemClock::new().now().after(Duration::from_secs(self.0.load(Ordering::SeqCst)))
    }

    fn sleep_until(&self, instant: Instant) -> Sleep {
        let ahead = Duration::from_secs(self.0.load(Ordering::SeqCst));
        SystemClock::new().sleep_until(instant.before(ahead))
    }
}

#[derive(Clone)]
pub struct World {
    pub clock: ShiftedClock,
    pub policies: SqlitePolicies,
    pub users: SqliteUsers,
}

pub fn router(world: World) -> Router {
    let clock = world.clock.clone();
    let advance = move |Query(query): Query<Vec<(String, u64)>>| async move {
        for (_, seconds) in query.iter().filter(|(name, _)| name == "seconds") {
            clock.0.fetch_add(*seconds, Ordering::SeqCst);
        }
        StatusCode::NO_CONTENT
    };
    let restore = move || async move {
        match world.restore().await {
            Ok(()) => StatusCode::NO_CONTENT,
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    };
    Router::new().route("/test/clock", post(advance)).route("/test/restore", post(restore))
}

impl World {
    async fn restore(&self) -> Outcome<()> {
        customers::furnish(&self.users, customers::Existing::Replace).await?;
        for (tenant, name) in TENANTS {
            let tenant_id = TenantId::parse(tenant)?;
            let (version, before) = match self.policies.damaged(&tenant_id).await? {
                Some(damaged) => (damaged.version, Some(damaged.base)),
                None => match self.policies.read(&tenant_id).await? {
                    Some(stored) => (stored.version, Some(stored.policy)),
                    None => (0, None),
                },
            };
            let before = before.as_deref();
            let policy = first_policy(tenant, name)?;
            let now = self.clock.now();
            let change = PolicyChange::new(now, "test", "Restored", before, policy);
            self.policies.write(&change, version).await?;
        }
        Ok(())
    }
}
