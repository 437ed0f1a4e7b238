//! Answers that were lost, and changes that come at once.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use sspr::{
    TenantPolicy,
    adapters::MemoryPolicies,
    domain::TenantId,
    ports::{
        PolicyChange, PolicyError, PolicySource, PolicyStore, RecordedChange, StoreError,
        VersionedPolicy, Written,
    },
};

use super::{Desk, EMAIL, FLOWS, JSON, ROOT, World, build, get, message, router, send};

fn shop() -> Value {
    json!({
        "displayName": "Shop",
        "onAuthenticationMethodLoadStart": {"identityProviders": [{"id": "EmailPassword-OAUTH"}]},
    })
}

#[tokio::test]
async fn a_user_flow_that_is_made_again_because_the_answer_was_lost_is_answered_as_before() {
    let desk = Desk::new().await;
    let etag = get(&desk.app, FLOWS, &[ROOT]).await.header("etag").to_owned();
    for tag in [None, Some(("if-match", &*etag))] {
        let name = format!("Shop {}", tag.is_some());
        let mut flow = shop();
        flow["displayName"] = json!(name);
        let etag = get(&desk.app, FLOWS, &[ROOT]).await.header("etag").to_owned();
        let headers: Vec<(&str, &str)> = tag.iter().map(|(name, _)| (*name, &*etag)).collect();

        let first = desk.json("POST", FLOWS, &headers, &flow).await;
        let before = desk.stored("contoso");
        let again = desk.json("POST", FLOWS, &headers, &flow).await;

        assert_eq!((first.status, again.status), (201, 201), "{tag:?}: {}", again.body);
        for header in ["etag", "location"] {
            assert_eq!(again.header(header), first.header(header), "{tag:?}");
        }
        assert_eq!(again.json(), first.json(), "{tag:?}");
        assert_eq!(desk.stored("contoso"), before, "{tag:?}");
    }
}

#[tokio::test]
async fn only_the_very_change_that_was_made_last_by_the_same_administrator_is_a_repeat() {
    let desk = Desk::new().await;
    let mut other = shop();
    other["priority"] = json!(7);
    assert_eq!(desk.json("POST", FLOWS, &[], &shop()).await.status, 201);
    let stored = desk.stored("contoso");

    assert_eq!(desk.json("POST", FLOWS, &[], &other).await.status, 400);
    let headers = [("authorization", "second"), ("content-type", JSON)];
    let by_another = send(&desk.app, build("POST", FLOWS, &headers, &shop().to_string())).await;
    assert_eq!(by_another.status, 400, "{}", by_another.body);
    assert_eq!(message(&by_another), "$.displayName: another user flow has this name");
    assert_eq!(desk.stored("contoso"), stored);

    assert_eq!(desk.json("PATCH", EMAIL, &[], &json!({"state": "disabled"})).await.status, 204);
    assert_eq!(desk.json("POST", FLOWS, &[], &shop()).await.status, 400);
}

#[tokio::test]
async fn a_user_flow_that_the_page_adds_again_is_answered_as_before() {
    let desk = Desk::new().await;
    // A name that cannot be an id, so that the page gives one.
    let name = "\u{e9}".repeat(200);
    let fields =
        [("version", &*version(&desk).await), ("name", &*name)].map(|(a, b)| (a, b.to_owned()));
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, &**value)).collect();
    let body = super::front::form(&fields);
    let add = || super::post(&desk.app, "/admin/user-flows?tenant=contoso", &[ROOT], &body);
    assert_eq!(add().await.status, 303);
    let stored = desk.stored("contoso");
    assert_eq!(add().await.status, 303);
    assert_eq!(desk.stored("contoso"), stored);
}

async fn version(desk: &Desk) -> String {
    let seen = get(&desk.app, EMAIL, &[ROOT]).await;
    seen.header("etag").trim_start_matches("W/").trim_matches('"').to_owned()
}

/// Policies in memory between whose reading and writing others get their turn, as in a database.
struct Slow {
    policies: MemoryPolicies,
    /// Every write comes too late.
    is_late: bool,
}

impl PolicySource for Slow {
    fn policy(&self, tenant: &TenantId) -> Result<Option<Arc<TenantPolicy>>, PolicyError> {
        self.policies.policy(tenant)
    }
}

#[async_trait]
impl PolicyStore for Slow {
    async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        PolicyStore::tenants(&self.policies).await
    }

    async fn read(&self, tenant: &TenantId) -> Result<Option<VersionedPolicy>, StoreError> {
        let read = self.policies.read(tenant).await;
        tokio::task::yield_now().await;
        read
    }

    async fn write(&self, change: &PolicyChange, expected: u64) -> Result<Written, StoreError> {
        if self.is_late {
            return Ok(Written::Conflict { version: expected + 1 });
        }
        self.policies.write(change, expected).await
    }

    async fn changes(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<Vec<RecordedChange>, StoreError> {
        self.policies.changes(tenant, limit).await
    }
}

#[tokio::test]
async fn a_hundred_changes_at_once_of_different_fields_are_all_made() {
    let world = World::memory().await;
    let policies = world.policies.clone();
    let app = router(&world, Slow { is_late: false, policies: policies.clone() });
    let patches = (0..100).map(|number| {
        let body = json!({ format!("field{number:0>3}of"): number }).to_string();
        let headers = [ROOT, ("content-type", JSON)];
        let (app, request) = (app.clone(), build("PATCH", EMAIL, &headers, &body));
        tokio::spawn(async move { send(&app, request).await })
    });
    let patches: Vec<_> = patches.collect();
    for patch in patches {
        let seen = patch.await.unwrap();
        assert_eq!(seen.status, 204, "{}", seen.body);
    }
    let email = get(&app, EMAIL, &[ROOT]).await.json();
    for number in 0..100 {
        assert_eq!(email[format!("field{number:0>3}of")], number);
    }
}

#[tokio::test]
async fn a_change_that_is_late_each_time_ends_with_when_to_try_again() {
    let world = World::memory().await;
    let app = router(&world, Slow { is_late: true, policies: world.policies.clone() });
    let headers = [ROOT, ("content-type", JSON)];
    let seen = send(&app, build("PATCH", EMAIL, &headers, r#"{"state": "disabled"}"#)).await;
    assert_eq!((seen.status, seen.header("retry-after")), (503, "5"), "{}", seen.body);
    assert_eq!(seen.json()["error"]["code"], "ServiceUnavailable");
}
