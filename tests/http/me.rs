//! Graph's `POST /me/changePassword`, behind a token check like that of a host.

use crate::support::{
    NEW, OLD, World,
    front::{FORM, JSON, Seen, build, flaky_world, send},
    seconds, shop,
};
use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use serde_json::{Value, json};
use sspr::{
    AccountId, SignInOutcome, Stamp, TenantPolicy,
    adapters::MemoryUsers,
    domain::IdentityProvider,
    http::{CurrentSession, Me, TrustedProxies},
    policy::Limits,
    ports::{EventKind, UserStore as _},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, atomic::Ordering},
};

const PATH: &str = "/v1.0/me/changePassword";
const WRONG: &str = "not the password of ada";
/// What Microsoft answers to a password that breaks rules.
const WEAK: &str = "The specified password does not comply with password complexity requirements. \
                    Please provide a different password.";

/// The tokens of an API, each with its account and its stamp.
#[derive(Clone)]
struct Tokens {
    users: MemoryUsers,
    held: Arc<Mutex<BTreeMap<String, CurrentSession>>>,
}

/// Checks the token of a request, and gives it the stamp that the answer brings.
async fn check(State(tokens): State<Tokens>, mut request: Request, next: Next) -> Response {
    let token = request.headers().get("authorization").map(|it| it.to_str().unwrap().to_owned());
    let held = token.as_ref().and_then(|token| tokens.held.lock().unwrap().get(token).cloned());
    if let Some(session) = held {
        let account = tokens.users.find(&shop().tenant, &session.account).await.unwrap();
        if account.is_some_and(|account| account.stamp == session.stamp) {
            request.extensions_mut().insert(session);
        }
    }
    let response = next.run(request).await;
    if let (Some(token), Some(kept)) = (token, response.extensions().get::<CurrentSession>()) {
        tokens.held.lock().unwrap().insert(token, kept.clone());
    }
    response
}

struct Api {
    world: World,
    app: Router,
    tokens: Tokens,
}

impl Api {
    /// An API to which Ada is signed in with two tokens.
    async fn new() -> Self {
        Self::over(World::memory().await).await
    }

    async fn over(world: World) -> Self {
        let ada = world.account("ada").await.unwrap();
        let session = CurrentSession::new(ada.id, ada.stamp);
        let held = ["phone", "laptop"].map(|token| (token.to_owned(), session.clone()));
        let held = Arc::new(Mutex::new(BTreeMap::from(held)));
        let tokens = Tokens { held, users: world.users.in_memory() };
        let me = Me::new(&world.sspr, shop()).router();
        let me = me.layer(from_fn_with_state(tokens.clone(), check));
        Self { app: Router::new().nest("/v1.0", me), tokens, world }
    }

    async fn send(&self, token: &str, body: &Value) -> Seen {
        self.send_as(token, JSON, &body.to_string()).await
    }

    async fn send_as(&self, token: &str, media: &str, body: &str) -> Seen {
        let headers = [("authorization", token), ("content-type", media)];
        send(&self.app, build("POST", PATH, &headers, body)).await
    }

    async fn change(&self, token: &str, current: &str, new: &str) -> Seen {
        self.send(token, &json!({"currentPassword": current, "newPassword": new})).await
    }

    async fn signs_in(&self, password: &str) -> bool {
        let entered = self.world.sign_in("ada@example.com", password).await;
        matches!(entered, SignInOutcome::SignedIn(_))
    }
}

/// A refusal with this code, whose message holds these words. It has an id, and no new session.
fn refused(seen: &Seen, status: u16, code: &str, words: &str) {
    let error = &seen.json()["error"];
    assert_eq!((seen.status, error["code"].as_str()), (status, Some(code)), "{}", seen.body);
    assert!(error["message"].as_str().unwrap().contains(words), "{words}: {}", seen.body);
    assert_eq!(error["innerError"]["request-id"].as_str(), Some(seen.header("request-id")));
    assert_eq!(seen.header("cache-control"), "no-store");
    assert_eq!(seen.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn a_change_keeps_its_own_session_and_ends_every_other_one() {
    let api = Api::new().await;

    let seen = api.change("phone", OLD, NEW).await;

    assert_eq!((seen.status, seen.body.as_str()), (204, ""));
    assert_eq!(seen.header("cache-control"), "no-store");
    assert!(api.signs_in(NEW).await && !api.signs_in(OLD).await);
    assert_eq!(api.world.notices_due().await, 1);
    let ada = api.world.account("ada").await.unwrap();
    let kept = api.tokens.held.lock().unwrap()["phone"].clone();
    assert!(kept.account == ada.id && kept.stamp == ada.stamp);
    let other = api.change("laptop", NEW, "another one of hers 7").await;
    refused(&other, 401, "InvalidAuthenticationToken", "Sign in again.");
    assert_eq!(api.change("phone", NEW, "another one of hers 7").await.status, 204);
}

#[tokio::test]
async fn the_answer_and_the_event_have_one_id() {
    let api = Api::new().await;
    let seen = api.change("phone", OLD, NEW).await;
    let events = api.world.events.all();
    let event = events.iter().find(|event| event.kind == EventKind::Change).unwrap();
    let id = event.correlation.as_ref().unwrap().as_str();
    assert_eq!(seen.header("request-id"), id);

    let refused = api.change("phone", WRONG, NEW).await;
    let events = api.world.events.all();
    let ids = events.iter().filter_map(|event| event.correlation.as_ref());
    assert!(ids.map(|id| id.as_str()).any(|id| id == refused.header("request-id")));
}

#[tokio::test]
async fn a_wrong_current_password_counts_towards_the_lockout_of_the_sign_in() {
    let api = Api::new().await;
    for guess in 0..10 {
        let seen = api.change("phone", &format!("{WRONG} {guess}"), NEW).await;
        refused(&seen, 400, "Request_BadRequest", "The current password is not correct.");
        assert!(seen.json()["error"].get("details").is_none(), "{}", seen.body);
    }
    let seen = api.change("phone", OLD, NEW).await;
    refused(&seen, 429, "TooManyRequests", "Too many passwords were wrong.");
    assert_eq!(seen.header("retry-after"), "60");
    api.world.clock.advance(core::time::Duration::from_micros(1));
    let still = api.change("phone", OLD, NEW).await;
    assert_eq!(still.header("retry-after"), "60", "rounded up");
    assert!(!api.signs_in(OLD).await, "nor at the sign-in");
    api.world.clock.advance(seconds(60));
    assert_eq!(api.change("phone", OLD, NEW).await.status, 204);
}

#[tokio::test]
async fn guesses_of_one_network_are_limited_and_a_trusted_proxy_tells_networks_apart() {
    let api = Api::new().await;
    let limits = Limits::builder().network_tries(20).lockout_threshold(1_000).build().unwrap();
    let policy = TenantPolicy::customers("contoso").unwrap().with_limits(limits);
    api.world.policies.replace(policy);
    let proxies = TrustedProxies::parse(["192.0.2.0/24"]).unwrap();
    let me = Me::new(&api.world.sspr, shop()).with_trusted_proxies(proxies).router();
    let me = me.layer(from_fn_with_state(api.tokens.clone(), check));
    let body = json!({"currentPassword": WRONG, "newPassword": NEW}).to_string();
    let guess = async |from: &str| {
        let headers =
            [("authorization", "phone"), ("content-type", JSON), ("x-forwarded-for", from)];
        send(&me, build("POST", "/me/changePassword", &headers, &body)).await
    };
    for _ in 0..20 {
        refused(&guess("198.51.100.7").await, 400, "Request_BadRequest", "not correct");
    }
    let over = guess("198.51.100.7").await;
    refused(&over, 429, "TooManyRequests", "Too many requests; try again later.");
    assert!(over.header("retry-after").parse::<u64>().unwrap() > 0);
    refused(&guess("203.0.113.9").await, 400, "Request_BadRequest", "not correct");
}

#[tokio::test]
async fn a_new_password_is_refused_with_each_rule_that_it_breaks() {
    let api = Api::new().await;
    let long = "a".repeat(257);
    for (new, code) in [
        ("short", "too_short"),
        ("", "too_short"),
        (&long, "too_long"),
        ("four unrelated\nwords will do", "invalid_characters"),
        (OLD, "same_as_current"),
    ] {
        let seen = api.change("phone", OLD, new).await;
        refused(&seen, 400, "Request_BadRequest", WEAK);
        let details = seen.json()["error"]["details"].clone();
        assert_eq!(details[0]["code"], code, "{}", seen.body);
        assert_eq!(details[0]["target"], "newPassword", "{}", seen.body);
        let message = details[0]["message"].as_str().unwrap();
        assert!(message.starts_with("It ") && !message.contains("0 characters"), "{message}");
    }
    assert!(api.signs_in(OLD).await, "and no try was counted");
}

#[tokio::test]
async fn who_is_not_signed_in_changes_nothing() {
    let api = Api::new().await;
    for token in ["", "nobody"] {
        let seen = api.change(token, OLD, NEW).await;
        refused(&seen, 401, "InvalidAuthenticationToken", "Nobody is signed in");
    }
    // The check of a host that compares no stamps.
    let me = Me::new(&api.world.sspr, shop()).router();
    for (id, stamp) in [("ada", [7; 16]), ("eve", [7; 16])] {
        let body = json!({"currentPassword": OLD, "newPassword": NEW}).to_string();
        let mut request = build("POST", "/me/changePassword", &[("content-type", JSON)], &body);
        let session = CurrentSession::new(AccountId::parse(id).unwrap(), Stamp::from_bytes(stamp));
        request.extensions_mut().insert(session);
        let seen = send(&me, request).await;
        let status = if id == "ada" { 401 } else { 403 };
        assert_eq!(seen.status, status, "{id}: {}", seen.body);
    }
    assert!(api.signs_in(OLD).await);
}

#[tokio::test]
async fn the_body_is_an_object_with_two_strings_and_is_never_quoted() {
    let api = Api::new().await;
    let both = json!({"currentPassword": OLD, "newPassword": NEW}).to_string();
    let twice = format!("{{\"currentPassword\":\"x\",{}", &both[1..]);
    let large = json!({"currentPassword": "a".repeat(20_000), "newPassword": NEW}).to_string();
    let object = "must be a JSON object with the strings currentPassword and newPassword";
    for (media, body, words) in [
        (FORM, both.as_str(), "Content-Type: application/json is wanted."),
        ("text/plain", &both, "Content-Type: application/json is wanted."),
        (JSON, "", object),
        (JSON, "[]", object),
        (JSON, &both[..both.len() - 1], object),
        (JSON, &twice, object),
        (JSON, &large, "larger than 16 KiB"),
        (JSON, &json!({"currentPassword": OLD}).to_string(), object),
        (JSON, &json!({"newPassword": NEW}).to_string(), object),
        (JSON, &json!({"currentPassword": OLD, "newPassword": null}).to_string(), object),
        (JSON, &json!({"currentPassword": 7, "newPassword": NEW}).to_string(), object),
        (JSON, &json!({"currentPassword": OLD, "newPassword": NEW, "x": 1}).to_string(), object),
    ] {
        let seen = api.send_as("phone", media, body).await;
        refused(&seen, 400, "BadRequest", words);
        assert!(!seen.body.contains(OLD) && !seen.body.contains(NEW), "{}", seen.body);
    }
    assert!(api.signs_in(OLD).await);
    let media = "application/json; charset=utf-8";
    assert_eq!(api.send_as("phone", media, &both).await.status, 204);
}

#[tokio::test]
async fn a_current_password_that_can_be_none_is_a_wrong_one() {
    let api = Api::new().await;
    for current in ["", "a\nb", &"a".repeat(2_000)] {
        let seen = api.change("phone", current, NEW).await;
        refused(&seen, 400, "Request_BadRequest", "The current password is not correct.");
    }
}

#[tokio::test]
async fn an_account_that_has_no_password_here_is_refused() {
    let api = Api::new().await;
    let changed = |ada: &mut sspr::Account| ada.identity_providers = vec![IdentityProvider::Google];
    api.world.change_account("ada", changed).await;
    let seen = api.change("phone", OLD, NEW).await;
    refused(&seen, 403, "Authorization_RequestDenied", "no password that can be changed here");
}

#[tokio::test]
async fn an_account_that_the_host_has_locked_confirms_no_password() {
    let api = Api::new().await;
    api.world.change_account("ada", |ada| ada.locked = true).await;
    for current in [OLD, WRONG] {
        let seen = api.change("phone", current, NEW).await;
        refused(&seen, 400, "Request_BadRequest", "The current password is not correct.");
    }
}

#[tokio::test]
async fn a_store_that_is_down_is_told_without_a_reason() {
    let (world, down) = flaky_world().await;
    let api = Api::over(world).await;
    down.store(true, Ordering::SeqCst);
    let seen = api.change("phone", OLD, NEW).await;
    refused(&seen, 503, "ServiceUnavailable", "may or may not be changed");
    assert!(!seen.header("retry-after").is_empty());
    down.store(false, Ordering::SeqCst);
    assert_eq!(api.change("phone", OLD, NEW).await.status, 204);
}

#[tokio::test]
async fn other_methods_and_paths_have_errors_of_the_same_form() {
    let api = Api::new().await;
    for method in ["GET", "PUT", "PATCH", "DELETE"] {
        let seen = send(&api.app, build(method, PATH, &[("authorization", "phone")], "")).await;
        refused(&seen, 405, "Request_BadRequest", "not allowed");
        assert_eq!(seen.header("allow"), "POST");
    }
    for path in ["/v1.0/me", "/v1.0/me/", "/v1.0/me/changepassword", "/v1.0/users/ada"] {
        let seen = send(&api.app, build("POST", path, &[("authorization", "phone")], "")).await;
        refused(&seen, 404, "Request_ResourceNotFound", "no such resource");
    }
}
