//! What is timed: the engine, and the native API's router without a network.

use std::{path::PathBuf, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request as HttpRequest,
};
use sspr::{
    Application, Courier, Keyring, Sspr, TenantPolicy,
    adapters::{
        CaptureSender, MemoryCodes, MemoryPolicies, MemoryUsers, SqliteStore, SystemEntropy,
    },
    domain::{Account, AccountId, Code, EmailAddress, Stamp, TenantId},
    engine::{Client, OpenOutcome, Request},
    http::Native,
    ports::{CodeStore, UserStore},
};
use tower::ServiceExt as _;

use super::{Clock, Kind, nobody::Nobody};

/// Something that one person after the other asks.
pub trait Surface: Sync {
    fn name(&self) -> &'static str;
    /// What is timed, in order.
    fn steps(&self) -> &'static [&'static str];
    /// What may not be exceeded.
    fn bound(&self) -> Duration;
    fn visit(&self, address: &str, clock: &mut Clock<'_>) -> impl Future<Output = ()> + Send;
}

fn tenant() -> TenantId {
    TenantId::parse("contoso").unwrap()
}

fn customer(number: usize) -> Account {
    let address = EmailAddress::parse(&Kind::Customer.address(number)).unwrap();
    let stamp = Stamp::generate(&SystemEntropy::new()).unwrap();
    Account::new(AccountId::parse(&number.to_string()).unwrap(), address, stamp)
}

fn service(users: impl UserStore + 'static, codes: impl CodeStore + 'static) -> (Sspr, Courier) {
    let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
    Sspr::new(users, codes, policies, Keyring::generate(&SystemEntropy::new()).unwrap())
}

fn users_in_memory(people: usize) -> MemoryUsers {
    let users = MemoryUsers::new();
    (0..people + people / 20).for_each(|number| users.insert(&tenant(), customer(number)));
    users
}

pub struct Engine {
    sspr: Sspr,
    courier: Courier,
    inbox: CaptureSender,
}

impl Engine {
    pub async fn new(people: usize) -> Self {
        let (sspr, courier) = service(users_in_memory(people), MemoryCodes::new());
        Self { courier, inbox: CaptureSender::new(), sspr }
    }
}

impl Surface for Engine {
    fn name(&self) -> &'static str {
        "engine, memory"
    }

    fn steps(&self) -> &'static [&'static str] {
        &["open", "send", "verify, wrong", "look", "send again"]
    }

    fn bound(&self) -> Duration {
        Duration::from_micros(1)
    }

    async fn visit(&self, address: &str, clock: &mut Clock<'_>) {
        let shop = Application::new("contoso", "sign-in", "shop").unwrap();
        let request = Request::new(&shop, EmailAddress::parse(address).unwrap());
        let (client, wrong) = (Client::unknown(), Code::parse("11111111").unwrap());
        let sspr = &self.sspr;
        let opened = clock.time(sspr.open(&request, &client)).await.unwrap();
        let OpenOutcome::Opened(opened) = opened else { panic!("{opened:?}") };
        let token = opened.token;
        clock.time(sspr.send(&token, &client)).await.unwrap();
        self.courier.drain(&self.inbox).await;
        drop(self.inbox.take());
        clock.time(sspr.verify(&token, &wrong, &client)).await.unwrap();
        clock.time(sspr.status(&token)).await.unwrap();
        clock.time(sspr.send(&token, &client)).await.unwrap();
        self.courier.drain(&self.inbox).await;
    }
}

pub struct Http {
    name: &'static str,
    app: Router,
    courier: Courier,
    inbox: CaptureSender,
}

impl Http {
    pub async fn new(people: usize, file: Option<PathBuf>) -> Self {
        let name = if file.is_some() { "HTTP, SQLite" } else { "HTTP, memory" };
        let (sspr, courier) = match file {
            None => service(users_in_memory(people), MemoryCodes::new()),
            Some(file) => {
                let store = SqliteStore::open(file).await.unwrap();
                let users = store.users();
                for number in 0..people + people / 20 {
                    users.insert(&tenant(), &customer(number)).await.unwrap();
                }
                service(users, store.codes())
            }
        };
        let shop = Application::new("contoso", "sign-in", "shop").unwrap();
        let native = Native::new(&sspr, shop, Nobody);
        Self { app: native.router(), courier, inbox: CaptureSender::new(), name }
    }

    /// Posts a form, and answers what the next one needs.
    async fn post(&self, step: &str, form: String, clock: &mut Clock<'_>) -> String {
        let request = HttpRequest::post(format!("/resetpassword/v1.0/{step}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form))
            .unwrap();
        let app = self.app.clone();
        let body = clock.time(async {
            let response = app.oneshot(request).await.unwrap();
            to_bytes(response.into_body(), 1 << 16).await.unwrap()
        });
        let answer: serde_json::Value = serde_json::from_slice(&body.await).unwrap();
        answer["continuation_token"].as_str().unwrap_or_default().to_owned()
    }
}

impl Surface for Http {
    fn name(&self) -> &'static str {
        self.name
    }

    fn steps(&self) -> &'static [&'static str] {
        &["/start", "/challenge", "/continue, wrong", "/challenge again"]
    }

    fn bound(&self) -> Duration {
        Duration::from_micros(20)
    }

    async fn visit(&self, address: &str, clock: &mut Clock<'_>) {
        let (id, types) = ("client_id=shop", "challenge_type=oob+redirect");
        let address = address.replace('@', "%40");
        let start = format!("{id}&{types}&username={address}");
        let token = self.post("start", start, clock).await;
        let challenge = format!("{id}&{types}&continuation_token={token}");
        let token = self.post("challenge", challenge, clock).await;
        assert!(!token.is_empty(), "a challenge has begun");
        self.courier.drain(&self.inbox).await;
        drop(self.inbox.take());
        let wrong = format!("{id}&grant_type=oob&oob=11111111&continuation_token={token}");
        self.post("continue", wrong, clock).await;
        let again = format!("{id}&{types}&continuation_token={token}");
        self.post("challenge", again, clock).await;
        self.courier.drain(&self.inbox).await;
    }
}
