//! Requests to the fronts, in this process: whatever is posted, the answer is a page or an error of
//! the caller's, with the headers that guard it, and nothing breaks.
#![no_main]

use std::{cell::RefCell, net::SocketAddr};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{HeaderValue, Request, request::Parts},
};
use libfuzzer_sys::fuzz_target;
use sspr::{
    Application,
    Keyring, Sspr, TenantPolicy,
    adapters::{Argon2Pool, MemoryCodes, MemoryUsers, MemoryPolicies, SystemEntropy},
    domain::{AccountId, ApplicationId, EmailAddress, TenantId},
    engine::Courier,
    http::{
        SignInContext, NewSession, IssueError, Issued, Native, NativeApplication, Pages,
        SessionError, Sessions, TokenIssuer, TokenRequest, TrustedProxies,
    },
};
use sspr::policy::FreezeCodes;
use tower::ServiceExt as _;

const TYPES: [&str; 4] = [
    "application/x-www-form-urlencoded",
    "application/json",
    "application/x-www-form-urlencoded; charset=utf-8",
    "text/plain",
];
const POSTS: [&str; 24] = [
    "/account/sign-in",
    "/account/password",
    "/account/reset",
    "/account/resend",
    "/account/code",
    "/account/new-password",
    "/account/change",
    "/account/forgot",
    "/account/sign-out",
    "/account/freeze",
    "/account/freeze-account",
    "/contoso/resetpassword/v1.0/start",
    "/contoso/resetpassword/v1.0/challenge",
    "/contoso/resetpassword/v1.0/continue",
    "/contoso/resetpassword/v1.0/submit",
    "/contoso/resetpassword/v1.0/poll_completion",
    "/contoso/oauth2/v2.0/initiate",
    "/contoso/oauth2/v2.0/challenge",
    "/contoso/oauth2/v2.0/token",
    "/contoso/oauth2/v2.0/authorize-challenge",
    "/contoso/api/v2.0/resetpassword/start",
    "/contoso/api/v2.0/signin/start",
    "/contoso/api/v2.0/auth/methods/email/1/verify",
    "/contoso/api/v2.0/auth/methods/password/1/verify",
];
/// Requests after which the world is made anew, so that its counters and records stay few.
const LONGEST: usize = 500;

struct NoSessions;

#[async_trait::async_trait]
impl Sessions for NoSessions {
    async fn begin(&self, arrival: SignInContext<'_>) -> Result<NewSession, SessionError> {
        let line = format!("session={}", arrival.account);
        HeaderValue::from_str(&line).map(NewSession::with_cookie).map_err(SessionError::new)
    }

    async fn end(&self, _: &Parts) -> Result<Vec<HeaderValue>, SessionError> {
        Ok(Vec::new())
    }
}

struct NoTokens;

#[async_trait::async_trait]
impl TokenIssuer for NoTokens {
    async fn issue(&self, _: TokenRequest<'_>) -> Result<Issued, IssueError> {
        Ok(Issued::Refused)
    }

    async fn refresh(
        &self,
        _: &TenantId,
        _: &ApplicationId,
        _: &str,
    ) -> Result<Issued, IssueError> {
        Ok(Issued::Refused)
    }
}

struct World {
    app: Router,
    runtime: tokio::runtime::Runtime,
    asked: usize,
    _courier: Courier,
}

impl World {
    fn new() -> Self {
        let entropy = SystemEntropy::new();
        let (users, tenant) = (MemoryUsers::new(), TenantId::parse("contoso").unwrap());
        let ada = sspr::domain::Account::new(
            AccountId::parse("ada").unwrap(),
            EmailAddress::parse("ada@example.com").unwrap(),
            sspr::domain::Stamp::generate(&entropy).unwrap(),
        );
        users.insert(&tenant, ada);
        let policy = TenantPolicy::customers("contoso").unwrap();
        let policies = MemoryPolicies::fixed(policy.with_freeze_codes(FreezeCodes::On));
        let keys = Keyring::generate(&entropy).unwrap();
        let hasher = Argon2Pool::new().with_threads(1).with_parameters(8, 1, 1).unwrap();
        let (sspr, courier) =
            Sspr::builder(users, MemoryCodes::with_capacity(10_000, 40_000), policies, keys)
                .with_hasher(hasher)
                .build();
        let shop = Application::new("contoso", "sign-in", "shop").unwrap();
        let proxies = TrustedProxies::parse(["192.0.2.0/24"]).unwrap();
        let pages = Pages::new(&sspr, shop.clone(), NoSessions).with_trusted_proxies(proxies);
        let native = NativeApplication::new(shop);
        let native = native.with_origin("https://shop.example").unwrap();
        let native = Native::new(&sspr, native, NoTokens);
        let app = Router::new().nest("/account", pages.router()).nest("/contoso", native.router());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        Self { _courier: courier, app, asked: 0, runtime }
    }
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::new(World::new());
}

/// The first byte chooses path and type, the next line is a cookie, a language and whose word is
/// passed on, the rest is the body.
fn request(bytes: &[u8]) -> Option<(Request<Body>, bool)> {
    let (first, rest) = bytes.split_first()?;
    let path = POSTS[usize::from(*first) % POSTS.len()];
    let media_type = TYPES[usize::from(*first) / POSTS.len() % TYPES.len()];
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (line, body) = rest.split_at(end);
    let body = body.strip_prefix(b"\n").unwrap_or(body);
    let mut parts = line.split(|byte| *byte == b'\t');
    let mut request = Request::builder().method("POST").uri(path).header("host", "shop.example");
    request = request.header("content-type", media_type);
    for name in ["cookie", "accept-language", "x-forwarded-for", "client-request-id", "origin"] {
        let Some(value) = parts.next() else { break };
        request = request.header(name, HeaderValue::from_bytes(value).ok()?);
    }
    let peer: SocketAddr = "192.0.2.1:4000".parse().unwrap();
    let is_page = path.starts_with("/account");
    let mut request = request.body(Body::from(body.to_vec())).ok()?;
    request.extensions_mut().insert(ConnectInfo(peer));
    Some((request, is_page))
}

fuzz_target!(|bytes: &[u8]| {
    let Some((request, is_page)) = request(bytes) else { return };
    WORLD.with_borrow_mut(|world| {
        world.asked += 1;
        if world.asked > LONGEST {
            *world = World::new();
        }
        let app = world.app.clone();
        world.runtime.block_on(async {
            let response = app.oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            let known = [200, 303, 400, 401, 403, 404, 405, 413, 415, 422, 429];
            assert!(known.contains(&status), "{status}");
            let headers = response.headers().clone();
            assert_eq!(headers["cache-control"], "no-store");
            if is_page {
                assert_eq!(headers["x-content-type-options"], "nosniff");
                assert_eq!(headers["x-frame-options"], "DENY");
                let location = headers.get("location").map(|it| it.to_str().unwrap());
                assert!(location.is_none_or(|to| !to.starts_with("//") && !to.contains("://")));
                for cookie in headers.get_all("set-cookie") {
                    let line = cookie.to_str().unwrap();
                    assert!(line.starts_with("__Host-sspr-") && line.contains("; HttpOnly"));
                    assert!(line.len() <= 4096, "{}", line.len());
                }
            } else {
                assert!(headers.get("set-cookie").is_none());
            }
            let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
            let body = core::str::from_utf8(&body).expect("answers are UTF-8");
            if !is_page {
                let answer: serde_json::Value = serde_json::from_str(body).expect("JSON");
                assert!(status == 200 || answer["error"] != serde_json::Value::Null);
            } else if status != 303 {
                assert!(body.contains("<!doctype html>") && !body.contains("<script>"));
            }
        });
    });
});
