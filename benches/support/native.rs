//! The first two requests of a reset through the native API, without a socket, in memory.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode, header::CONTENT_TYPE},
};
use serde_json::Value;
use sspr::{
    Application, Courier, Keyring, Sspr, TenantPolicy,
    adapters::{MemoryCodes, MemoryPolicies, MemoryUsers, SystemEntropy},
    http::Native,
};
use tower::ServiceExt;

use crate::nobody::Nobody;

/// The API of a small service. Its courier does not run, so at most 1,000 resets can be opened.
pub struct Front {
    app: Router,
    _courier: Courier,
    people: u32,
}

impl Front {
    pub fn new() -> Self {
        let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
        let keys = Keyring::generate(&SystemEntropy::new()).unwrap();
        let (sspr, courier) = Sspr::new(MemoryUsers::new(), MemoryCodes::new(), policies, keys);
        let shop = Application::new("contoso", "sign-in", "shop").unwrap();
        let app = Router::new().nest("/contoso", Native::new(&sspr, shop, Nobody).router());
        Self { _courier: courier, app, people: 0 }
    }

    /// `/start`. Returns the continuation token.
    pub async fn start(&mut self) -> String {
        self.people += 1;
        let form = format!(
            "client_id=shop&username=user{:05}%40example.com&challenge_type=oob+redirect",
            self.people
        );
        self.post("start", form).await
    }

    /// `/start`, and `/challenge` with its token.
    pub async fn start_and_challenge(&mut self) -> String {
        let token = self.start().await;
        self.post("challenge", format!("client_id=shop&continuation_token={token}")).await
    }

    async fn post(&self, step: &str, form: String) -> String {
        let request = Request::post(format!("/contoso/resetpassword/v1.0/{step}"))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form))
            .unwrap();
        let response = self.app.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), 65_536).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(status, StatusCode::OK, "{body}");
        body.get("continuation_token").and_then(Value::as_str).unwrap().to_owned()
    }
}
