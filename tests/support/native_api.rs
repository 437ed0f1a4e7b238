//! The native-authentication API over a small world, as its clients call it.
#![allow(dead_code, reason = "each test binary uses its own part")]

use core::future::pending;
use std::sync::Arc;

use axum::Router;
use sspr::{
    Application, Keyring, TenantPolicy,
    adapters::{ManualClock, MemoryPolicies, MemoryUsers, SystemEntropy},
    domain::{RecordId, Timestamp},
    http::{Native, NativeApplication},
    ports::{CodeStore, StoreError},
    store::{Attempted, Charge, CounterName, Inserted, Loaded, Over, Record, Swapped},
};

use super::{
    Users, World,
    front::{JSON, Plain, Seen, build, form, furnish, post, send},
    shop,
};

pub const ORIGIN: &str = "https://shop.example";
pub const RESET: &str = "/contoso.onmicrosoft.com/resetpassword/v1.0";
pub const OAUTH: &str = "/contoso.onmicrosoft.com/oauth2/v2.0";
pub const V2: &str = "/contoso.onmicrosoft.com/api/v2.0";

pub struct Api {
    pub world: World,
    pub app: Router,
}

impl Api {
    pub async fn new() -> Self {
        let world = World::memory().await;
        furnish(&world).await;
        Self::over(world)
    }

    pub fn over(world: World) -> Self {
        let shop = NativeApplication::new(shop()).with_origin(ORIGIN).unwrap();
        let other = Application::new("contoso", "sign-in", "other").unwrap();
        let api = Native::new(&world.sspr, shop, Plain).with_application(other).unwrap().router();
        Self { app: Router::new().nest("/contoso.onmicrosoft.com", api), world }
    }

    pub async fn v1(&self, path: &str, fields: &[(&str, &str)]) -> Seen {
        let body = form(&[&[("client_id", "shop")], fields].concat());
        post(&self.app, path, &[], &body).await
    }

    pub async fn hal(&self, method: &str, path: &str, body: &serde_json::Value) -> Seen {
        let request = build(method, path, &[("content-type", JSON)], &body.to_string());
        send(&self.app, request).await
    }

    pub async fn start(&self, mail: &str) -> Seen {
        let fields = [("username", mail), ("challenge_type", "password oob redirect")];
        self.v1(&format!("{RESET}/start"), &fields).await
    }

    pub async fn challenge(&self, token: &str) -> Seen {
        self.v1(&format!("{RESET}/challenge"), &[("continuation_token", token)]).await
    }

    pub async fn go_on(&self, token: &str, code: &str) -> Seen {
        let fields = [("continuation_token", token), ("grant_type", "oob"), ("oob", code)];
        self.v1(&format!("{RESET}/continue"), &fields).await
    }

    pub async fn submit(&self, token: &str, password: &str) -> Seen {
        let fields = [("continuation_token", token), ("new_password", password)];
        self.v1(&format!("{RESET}/submit"), &fields).await
    }

    pub async fn poll(&self, token: &str) -> Seen {
        self.v1(&format!("{RESET}/poll_completion"), &[("continuation_token", token)]).await
    }

    pub async fn token(&self, fields: &[(&str, &str)]) -> Seen {
        self.v1(&format!("{OAUTH}/token"), fields).await
    }

    /// Up to a token that waits for its code, and the code.
    pub async fn challenged(&self, mail: &str) -> (String, String) {
        let started = self.start(mail).await.text("continuation_token");
        let token = self.challenge(&started).await.text("continuation_token");
        (token, self.code().await)
    }

    pub async fn code(&self) -> String {
        self.world.mailed_code().await.expose()
    }

    /// Up to a token that permits a new password.
    pub async fn granted(&self, mail: &str) -> String {
        let (token, code) = self.challenged(mail).await;
        self.go_on(&token, &code).await.text("continuation_token")
    }

    /// Up to a token that waits for its password.
    pub async fn sign_in(&self, mail: &str, password: &str) -> Seen {
        let fields = [("username", mail), ("challenge_type", "password redirect")];
        let token = self.v1(&format!("{OAUTH}/initiate"), &fields).await.text("continuation_token");
        let token = self.v1(&format!("{OAUTH}/challenge"), &[("continuation_token", &token)]).await;
        assert_eq!(token.text("challenge_type"), "password");
        let token = token.text("continuation_token");
        let grant = [("grant_type", "password"), ("scope", "openid"), ("password", password)];
        self.token(&[&grant[..], &[("continuation_token", &token)]].concat()).await
    }
}

/// A contract error of version 1.
pub fn is_error(seen: &Seen, error: &str, suberror: Option<&str>, number: u64) {
    assert_eq!(seen.status, 400, "{}", seen.body);
    let body = seen.json();
    assert_eq!(body["error"], error, "{}", seen.body);
    assert_eq!(body["suberror"].as_str(), suberror);
    assert_eq!(body["error_codes"][0], number);
    let description = seen.text("error_description");
    let ids = [seen.text("trace_id"), seen.text("correlation_id")];
    let expected = format!(
        "\r\nTrace ID: {}\r\nCorrelation ID: {}\r\nTimestamp: {}",
        ids[0],
        ids[1],
        seen.text("timestamp")
    );
    assert!(description.starts_with(&format!("AADSTS{number}: ")));
    assert!(description.ends_with(&expected), "{description}");
    assert_eq!(
        [seen.header("x-ms-request-id"), seen.header("client-request-id")],
        [&*ids[0], &*ids[1]]
    );
    assert_eq!(seen.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(seen.header("cache-control"), "no-store");
}

/// A store that never answers.
struct Stuck;

#[async_trait::async_trait]
impl CodeStore for Stuck {
    async fn insert(&self, _: &Record, _: &[Charge], _: Timestamp) -> Result<Inserted, StoreError> {
        pending().await
    }
    async fn attempt(
        &self,
        _: &RecordId,
        _: &[Charge],
        _: Timestamp,
    ) -> Result<Attempted, StoreError> {
        pending().await
    }
    async fn load(&self, _: &RecordId, _: &[Charge], _: Timestamp) -> Result<Loaded, StoreError> {
        pending().await
    }
    async fn compare_and_swap(
        &self,
        _: &Record,
        _: u64,
        _: &[Charge],
        _: &[CounterName],
        _: Timestamp,
    ) -> Result<Swapped, StoreError> {
        pending().await
    }
    async fn charge(&self, _: &[Charge], _: Timestamp) -> Result<Vec<Over>, StoreError> {
        pending().await
    }
    async fn delete_expired(&self, _: Timestamp, _: usize) -> Result<usize, StoreError> {
        pending().await
    }
}

/// A world whose code store never answers.
pub async fn stuck_world() -> World {
    let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
    let keys = Keyring::generate(&SystemEntropy::new()).unwrap();
    let clock = ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000));
    let users = Users::Memory(MemoryUsers::new());
    World::assemble(users, Arc::new(Stuck), policies, keys, clock, None)
}
