//! What every store of policies promises.

use axum::{Router, body::Body, http::Request, http::request::Parts};
use serde_json::{Value, json};
use sspr::{
    adapters::MemoryPolicies,
    http::{Access, Admin, Authorize, Authorized},
    policy::AfterReset,
    ports::{PolicyStore, StoreErrorKind},
};
use tower::ServiceExt as _;

use super::{after_reset, change, deep, dropped_after, id, large, nested, policy, put, subjects};
use crate::support::{World, front};

const EMAIL: &str = "/admin/tenants/contoso/v1.0/policies/authenticationMethodsPolicy/\
                     authenticationMethodConfigurations/email";

struct Anybody;

#[async_trait::async_trait]
impl Authorize for Anybody {
    async fn authorize(&self, _: &Parts, _: Access<'_>) -> Authorized {
        Authorized::As("root".to_owned())
    }
}

fn patch(body: &Value, etag: Option<&str>) -> Request<Body> {
    let mut headers = vec![("content-type", front::JSON)];
    headers.extend(etag.map(|etag| ("if-match", etag)));
    front::build("PATCH", EMAIL, &headers, &body.to_string())
}

/// Everything that was asked of a store before has happened.
async fn settled(store: &dyn PolicyStore) {
    let stored = store.read(&id("other")).await.unwrap();
    let next = match stored.map(|stored| stored.policy.after_reset()) {
        Some(AfterReset::SignIn) => AfterReset::RequireSignIn,
        _ => AfterReset::SignIn,
    };
    put(store, policy("other").with_after_reset(next)).await;
}

#[tokio::test]
async fn a_write_whose_caller_goes_away_after_any_poll_is_in_force_iff_it_is_stored() {
    for subject in subjects().await {
        let store = &*subject.store;
        let mut version = put(store, policy("contoso")).await;
        let mut finished = false;
        for polls in 0..4 {
            for after in [AfterReset::RequireSignIn, AfterReset::SignIn] {
                let next = policy("contoso").with_after_reset(after);
                finished |= dropped_after(polls, store.write(&change(None, next), version));
                settled(store).await;

                let stored = store.read(&id("contoso")).await.unwrap().unwrap();
                let name = subject.name;
                assert_eq!(after_reset(store, "contoso"), stored.policy.after_reset(), "{name}");
                assert_eq!(stored.version != version, polls > 0, "{name}: {polls} polls");
                version = stored.version;
            }
        }
        assert!(finished || subject.name == "sqlite", "{}: no write finished", subject.name);
    }
}

#[tokio::test]
async fn an_administrators_request_that_is_cut_off_at_any_poll_is_in_force_iff_it_is_stored() {
    for subject in subjects().await {
        put(&*subject.store, policy("contoso")).await;
        let world = World::memory().await;
        let admin = Admin::new(&world.sspr, subject.store.clone(), Anybody);
        let app = Router::new().nest("/admin/", admin.router());
        for polls in 0..40 {
            let state = if polls % 2 == 0 { "disabled" } else { "enabled" };
            dropped_after(polls, app.clone().oneshot(patch(&json!({"state": state}), None)));
            settled(&*subject.store).await;

            let stored = subject.store.read(&id("contoso")).await.unwrap().unwrap();
            let in_force = subject.store.policy(&id("contoso")).unwrap().unwrap();
            assert_eq!(stored.policy, in_force, "{}: {polls} polls", subject.name);
        }
    }
}

#[tokio::test]
async fn an_administrator_who_repeats_a_change_after_a_lost_answer_is_told_that_it_is_made() {
    for subject in subjects().await {
        put(&*subject.store, policy("contoso")).await;
        let world = World::memory().await;
        let admin = Admin::new(&world.sspr, subject.store.clone(), Anybody);
        let app = Router::new().nest("/admin/", admin.router());
        let etag = front::get(&app, EMAIL, &[]).await.header("etag").to_owned();

        let body = json!({"state": "disabled"});
        let first = front::send(&app, patch(&body, Some(&etag))).await;
        let again = front::send(&app, patch(&body, Some(&etag))).await;

        assert_eq!((first.status, again.status), (204, 204), "{}", subject.name);
        assert_eq!(first.header("etag"), again.header("etag"));
        let changes = subject.store.changes(&id("contoso"), 10).await.unwrap();
        assert_eq!(changes.len(), 2, "made and changed once");
        // Somebody else's is nobody's repetition.
        let other = json!({"state": "enabled"});
        assert_eq!(front::send(&app, patch(&other, Some(&etag))).await.status, 412);
    }
}

#[tokio::test]
async fn whatever_a_patch_stores_can_be_read_back_however_deep_it_is() {
    for subject in subjects().await {
        put(&*subject.store, policy("contoso")).await;
        let world = World::memory().await;
        let admin = Admin::new(&world.sspr, subject.store.clone(), Anybody);
        let app = Router::new().nest("/admin/", admin.router());
        let mut seen = Vec::new();
        for levels in 80..130 {
            let body = json!({"deep": nested(levels)});
            let patched = front::send(&app, patch(&body, None)).await;
            let read = front::get(&app, EMAIL, &[]).await;
            assert_eq!(read.status, 200, "{}: {levels}", subject.name);
            assert_eq!(read.json()["deep"] == body["deep"], patched.status == 204);
            if patched.status == 400 {
                let words = patched.json()["error"]["message"].as_str().unwrap().to_owned();
                assert!(words.starts_with("$") && words.contains("nested deeper"), "{words}");
            }
            seen.push(patched.status);
        }
        assert_eq!((seen.first(), seen.last()), (Some(&204), Some(&400)));
        let changes = subject.store.changes(&id("contoso"), 1_000).await.unwrap();
        assert_eq!(changes.len(), 1 + seen.iter().filter(|status| **status == 204).count());
        assert_eq!(subject.store.unreadable_changes(&id("contoso")).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn what_would_not_be_read_back_is_not_stored() {
    for subject in subjects().await {
        let store = &*subject.store;
        let version = put(store, policy("contoso")).await;
        assert!(deep("contoso", 97).is_some() && deep("contoso", 98).is_none());
        put(store, deep("deep", 97).unwrap()).await;
        assert!(store.read(&id("deep")).await.unwrap().is_some());

        let refused = store.write(&change(None, large("contoso", 1024 * 1024)), version).await;

        let error = refused.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Refused, "{}", subject.name);
        assert!(error.to_string().contains("larger than 1 MiB"), "{error}");
        let stored = store.read(&id("contoso")).await.unwrap().unwrap();
        assert_eq!((stored.version, &*stored.policy), (version, &policy("contoso")));
        assert_eq!(store.changes(&id("contoso"), 10).await.unwrap().len(), 1);
        // Just below it is stored, in force and read.
        put(store, large("contoso", 1024 * 1024 - 8_192)).await;
        let stored = store.read(&id("contoso")).await.unwrap().unwrap();
        assert_eq!(store.policy(&id("contoso")).unwrap().unwrap(), stored.policy);
    }
}

#[tokio::test]
async fn the_records_of_one_tenant_are_bounded_and_crowd_out_no_other_tenants() {
    let store = MemoryPolicies::default();
    put(&store, policy("quiet")).await;
    for number in 0..1_100 {
        let after = match number % 2 {
            0 => AfterReset::RequireSignIn,
            _ => AfterReset::SignIn,
        };
        put(&store, policy("contoso").with_after_reset(after)).await;
    }
    let changes = store.changes(&id("contoso"), usize::MAX).await.unwrap();
    assert_eq!(changes.len(), 1_000);
    assert_eq!(changes[0].after["afterReset"], "signIn");
    assert_eq!(store.changes(&id("quiet"), 10).await.unwrap().len(), 1);
}
