//! For tests, off by default, on loopback only.
//!
//! | request | what it does |
//! |---|---|
//! | `POST /test/clock?seconds=N` | moves the clock ahead, or back with a negative number |
//! | `POST /test/restore` | puts accounts and policies back as they were at the first start |
//!
//! Limits last as they do: move the clock past them.

use axum::{
    Router,
    extract::Query,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::post,
};
use sspr::{
    adapters::{SqlitePolicies, SqliteUsers},
    domain::TenantId,
    ports::{Clock as _, PolicyChange, PolicyStore as _},
};

use crate::{Outcome, TENANTS, clock::ShiftedClock, customers, options::Settings};

/// What the controls change.
#[derive(Clone)]
pub struct World {
    pub clock: ShiftedClock,
    pub policies: SqlitePolicies,
    pub settings: Settings,
    pub users: SqliteUsers,
}

pub fn router(world: World) -> Router {
    let clock = world.clock.clone();
    let shift = move |Query(query): Query<Vec<(String, String)>>| async move {
        let given = query.iter().find(|(name, _)| name == "seconds");
        match given.and_then(|(_, seconds)| seconds.parse().ok()) {
            Some(seconds) => {
                clock.shift(seconds);
                StatusCode::NO_CONTENT.into_response()
            }
            None => refused("seconds: give a whole number, for instance ?seconds=61\n"),
        }
    };
    let restore = move || async move {
        match world.restore().await {
            Ok(()) => StatusCode::NO_CONTENT.into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
        }
    };
    Router::new().route("/test/clock", post(shift)).route("/test/restore", post(restore))
}

fn refused(words: &'static str) -> Response {
    (StatusCode::BAD_REQUEST, words).into_response()
}

impl World {
    async fn restore(&self) -> Outcome<()> {
        let customers = self.settings.customers;
        customers::furnish(&self.users, customers::Existing::Replace, customers).await?;
        for (tenant, name) in TENANTS {
            let stored = self.policies.read(&TenantId::parse(tenant)?).await?;
            let version = stored.as_ref().map_or(0, |stored| stored.version);
            let before = stored.as_ref().map(|stored| &*stored.policy);
            let policy = self.settings.first_policy(tenant, name)?;
            let now = self.clock.now();
            let change = PolicyChange::new(now, "test", "Restored", before, policy);
            self.policies.write(&change, version).await?;
        }
        Ok(())
    }
}
