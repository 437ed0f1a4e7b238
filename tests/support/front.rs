//! Requests to a router, without a network.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{HeaderMap, HeaderValue, Request, request::Parts},
};
use sspr::{
    Keyring, TenantPolicy,
    adapters::{ManualClock, MemoryCodes, MemoryPolicies, MemoryUsers, SystemEntropy},
    domain::{
        AccountId, ApplicationId, GroupId, IdentityProvider, RecordId, SecondFactor, TenantId,
        Timestamp,
    },
    http::{
        IssueError, Issued, NewSession, SessionError, Sessions, SignInContext, TokenIssuer,
        TokenRequest, Tokens,
    },
    policy::AuthenticationMethodsPolicy,
    ports::{CodeStore, StoreError, StoreErrorKind},
    store::{Attempted, Charge, CounterName, Inserted, Loaded, Record, Swapped},
};
use tower::ServiceExt as _;

use super::{Users, World, account, tenant};

pub const FORM: &str = "application/x-www-form-urlencoded";
pub const JSON: &str = "application/json";

/// One answer, whole.
#[derive(Debug)]
pub struct Seen {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    pub fn text(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_else(|| panic!("no {name}: {}", self.body)).to_owned()
    }

    /// `name=value` of every cookie that is set.
    pub fn cookies(&self) -> Vec<String> {
        let lines = self.headers.get_all("set-cookie").iter();
        lines.map(|line| line.to_str().unwrap().split(';').next().unwrap().to_owned()).collect()
    }
}

pub async fn send(app: &Router, request: Request<Body>) -> Seen {
    let mut request = request;
    let peer: SocketAddr = "192.0.2.1:4000".parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, 1 << 20).await.unwrap();
    let body = String::from_utf8(bytes.to_vec()).unwrap();
    Seen { body, headers: parts.headers, status: parts.status.as_u16() }
}

pub async fn get(app: &Router, path: &str, headers: &[(&str, &str)]) -> Seen {
    send(app, build("GET", path, headers, "")).await
}

pub async fn post(app: &Router, path: &str, headers: &[(&str, &str)], body: &str) -> Seen {
    send(app, build("POST", path, &[&[("content-type", FORM)], headers].concat(), body)).await
}

pub fn build(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header("host", "shop.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

/// `name=value&…`, encoded.
pub fn form(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let pairs = fields.iter().map(|(name, value)| format!("{name}={}", encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// Sessions that say who came.
pub struct Named;

#[async_trait::async_trait]
impl Sessions for Named {
    async fn begin(&self, context: SignInContext<'_>) -> Result<NewSession, SessionError> {
        let line = format!("session={}", context.account);
        Ok(NewSession::with_cookie(HeaderValue::from_str(&line).unwrap()))
    }

    async fn end(&self, _: &Parts) -> Result<Vec<HeaderValue>, SessionError> {
        Ok(vec![HeaderValue::from_static("session=")])
    }
}

/// Tokens that say whose they are; a refresh token is the account's name.
pub struct Plain;

#[async_trait::async_trait]
impl TokenIssuer for Plain {
    async fn issue(&self, request: TokenRequest<'_>) -> Result<Issued, IssueError> {
        if request.scope.contains("forbidden") {
            return Ok(Issued::InvalidScope);
        }
        let texts = ["access".to_owned(), "a.b.c".to_owned(), request.account.to_string()];
        let lifetime = std::time::Duration::from_secs(3600);
        Ok(Issued::Tokens(Tokens::new(request.account.clone(), texts, lifetime, request.scope)))
    }

    async fn refresh(
        &self,
        _: &TenantId,
        _: &ApplicationId,
        refresh_token: &str,
    ) -> Result<Issued, IssueError> {
        let Ok(account) = AccountId::parse(refresh_token) else { return Ok(Issued::Refused) };
        if account.as_str() != "ada" {
            return Ok(Issued::Refused);
        }
        let texts = ["access".to_owned(), "a.b.c".to_owned(), "ada".to_owned()];
        let lifetime = std::time::Duration::from_secs(3600);
        Ok(Issued::Tokens(Tokens::new(account, texts, lifetime, "openid")))
    }
}

/// Addresses of one length, and the accounts of every kind behind them: what an outsider must not
/// tell apart.
pub const KINDS: [&str; 9] = [
    "aaaa@example.com",
    "disa@example.com",
    "fede@example.com",
    "otpo@example.com",
    "excl@example.com",
    "lock@example.com",
    "seco@example.com",
    "same@example.com",
    "none@example.com",
];

/// Puts the accounts of [`KINDS`] in; `aaaa` is an ordinary one, `none` is nobody.
pub async fn furnish(world: &World) {
    let ada = world.account("ada").await.expect("Ada");
    for mail in KINDS.iter().filter(|mail| !mail.starts_with("none")) {
        let id = mail.split('@').next().unwrap();
        let mut account = account(mail, id);
        account.password.clone_from(&ada.password);
        match id {
            "disa" => account.disabled = true,
            "fede" => {
                account.identity_providers = vec![IdentityProvider::Google];
                account.password = None;
            }
            "otpo" => {
                account.identity_providers = vec![IdentityProvider::EmailOtp];
                account.password = None;
            }
            "excl" => account.groups = vec![GroupId::parse("staff").unwrap()],
            "lock" => account.locked = true,
            "seco" => account.second_factor = SecondFactor::Independent,
            "same" => account.second_factor = SecondFactor::SameMailbox,
            _ => {}
        }
        world.put(account).await;
    }
    let excluding = r##"{"@odata.type":"#microsoft.graph.emailAuthenticationMethodConfiguration",
        "id":"Email","state":"enabled","includeTargets":[{"targetType":"group","id":"all_users"}],
        "excludeTargets":[{"targetType":"group","id":"staff"}]}"##;
    let policy = sspr::ports::PolicySource::policy(&world.policies, &tenant()).unwrap().unwrap();
    let methods = AuthenticationMethodsPolicy::from_email_json(excluding).unwrap();
    world.policies.replace((*policy).clone().with_authentication_methods(methods));
}

/// A store that can be taken down.
struct Flaky(MemoryCodes, Arc<AtomicBool>);

impl Flaky {
    fn up(&self) -> Result<&MemoryCodes, StoreError> {
        if self.1.load(Ordering::SeqCst) {
            Err(StoreError::new(StoreErrorKind::Busy, "down"))
        } else {
            Ok(&self.0)
        }
    }
}

#[async_trait::async_trait]
impl CodeStore for Flaky {
    async fn insert(
        &self,
        record: &Record,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Inserted, StoreError> {
        self.up()?.insert(record, charges, now).await
    }
    async fn attempt(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Attempted, StoreError> {
        self.up()?.attempt(id, charges, now).await
    }
    async fn load(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        self.up()?.load(id, charges, now).await
    }
    async fn compare_and_swap(
        &self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        self.up()?.compare_and_swap(next, expected, charges, clear, now).await
    }
    async fn charge(
        &self,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Vec<sspr::store::Over>, StoreError> {
        self.up()?.charge(charges, now).await
    }
    async fn delete_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.up()?.delete_expired(now, limit).await
    }
}

/// Ada's world on a store that can be taken down, and what takes it down.
pub async fn flaky_world() -> (World, Arc<AtomicBool>) {
    let down = Arc::new(AtomicBool::new(false));
    let codes: Arc<dyn CodeStore> = Arc::new(Flaky(MemoryCodes::new(), down.clone()));
    let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
    let keys = Keyring::generate(&SystemEntropy::new()).unwrap();
    let clock = ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000));
    let users = Users::Memory(MemoryUsers::new());
    let world = World::assemble(users, codes, policies, keys, clock, None);
    world.add("ada@example.com", "ada").await;
    (world, down)
}
