//! The native-authentication API at its edges: what each answer carries, what each token is good
//! for, and what a client can make the service do.

use crate::support::{
    NEW, OLD, World, account,
    front::{FORM, JSON, Plain, Seen, build, flaky_world, form, furnish, get, post, send},
    hours,
    native_api::{Api, OAUTH, ORIGIN, RESET, V2, is_error, stuck_world},
    seconds, tenant,
};
use axum::{Router, http::HeaderValue};
use serde_json::{Value, json};
use sspr::{
    Application,
    domain::IdentityProvider,
    http::{IssueError, Issued, Native, NativeApplication, TokenIssuer, TokenRequest},
    policy::{Disclosure, Limits},
    ports::PolicySource as _,
};

/// What lets a policy of the world be changed.
fn change(world: &World, change: impl FnOnce(sspr::TenantPolicy) -> sspr::TenantPolicy) {
    let policy = world.policies.policy(&tenant()).unwrap().unwrap();
    world.policies.replace(change((*policy).clone()));
}

fn telling(world: &World) {
    change(world, |policy| policy.with_disclosure(Disclosure::EntraCompatible));
}

/// V2 up to a token that waits for its password, and has not been asked for it.
async fn v2_started(api: &Api, mail: &str) -> Seen {
    let fields = [("client_id", "shop"), ("scope", "openid offline_access")];
    let entry = post(&api.app, &format!("{OAUTH}/authorize-challenge"), &[], &form(&fields)).await;
    let token = entry.text("continuation_token");
    let body = json!({ "username": mail, "continuationToken": token });
    api.hal("POST", &format!("{V2}/signin/start"), &body).await
}

async fn v2_challenged(api: &Api, mail: &str) -> String {
    let started = v2_started(api, mail).await.text("continuationToken");
    let body = json!({ "continuationToken": started });
    let path = format!("{V2}/auth/methods/password/1/challenge");
    api.hal("POST", &path, &body).await.text("continuationToken")
}

async fn v2_verify(api: &Api, token: &str, password: &str) -> Seen {
    let body = json!({ "continuationToken": token, "password": password });
    api.hal("POST", &format!("{V2}/auth/methods/password/1/verify"), &body).await
}

async fn v2_leave(api: &Api, fields: &[(&str, &str)]) -> Seen {
    post(&api.app, &format!("{OAUTH}/authorize-challenge"), &[], &form(fields)).await
}

/// V2 up to a token of a finished reset.
async fn v2_reset(api: &Api, mail: &str) -> String {
    let fields = [("client_id", "shop"), ("scope", "openid offline_access")];
    let entry = post(&api.app, &format!("{OAUTH}/authorize-challenge"), &[], &form(&fields)).await;
    let step = async |method: &str, path: &str, mut body: Value, token: &str| {
        body["continuationToken"] = json!(token);
        api.hal(method, &format!("{V2}{path}"), &body).await.text("continuationToken")
    };
    let token = entry.text("continuation_token");
    let token = step("POST", "/resetpassword/start", json!({ "username": mail }), &token).await;
    let token = step("POST", "/auth/methods/email/1/challenge", json!({}), &token).await;
    let otp = json!({ "otp": api.code().await });
    let token = step("POST", "/auth/methods/email/1/verify", otp, &token).await;
    let token = step("PUT", "/resetpassword/update", json!({ "newPassword": NEW }), &token).await;
    step("POST", "/resetpassword/poll", json!({}), &token).await
}

/// The one form in which Microsoft's V2 clients see that a browser is needed.
fn leads_to_a_browser(seen: &Seen) {
    is_error_of(seen, "invalid_grant", Some("web_redirect_required"), 50076);
}

/// An error in V1's form, at an endpoint of either version.
fn is_error_of(seen: &Seen, error: &str, suberror: Option<&str>, number: u64) {
    assert_eq!(seen.status, 400, "{}", seen.body);
    let body = seen.json();
    assert_eq!(
        (body["error"].as_str(), body["suberror"].as_str(), body["error_codes"][0].as_u64()),
        (Some(error), suberror, Some(number)),
        "{}",
        seen.body
    );
}

/// V1 up to the challenge.
async fn initiated(api: &Api, mail: &str) -> Seen {
    let fields = [("username", mail), ("challenge_type", "password redirect")];
    api.v1(&format!("{OAUTH}/initiate"), &fields).await
}

async fn challenged(api: &Api, token: &str) -> Seen {
    api.v1(&format!("{OAUTH}/challenge"), &[("continuation_token", token)]).await
}

async fn enter(api: &Api, token: &str, password: &str, scope: &str) -> Seen {
    let fields = [
        ("continuation_token", token),
        ("grant_type", "password"),
        ("scope", scope),
        ("password", password),
    ];
    api.token(&fields).await
}

#[tokio::test]
async fn version_2_sends_a_second_factor_to_the_browser_in_the_form_that_its_clients_read() {
    let api = Api::new().await;
    let token = v2_challenged(&api, "seco@example.com").await;

    let wrong = v2_verify(&api, &token, "not the password").await;
    let right = v2_verify(&api, &token, OLD).await;

    assert_eq!(wrong.json()["error"]["innerError"]["code"], "invalidUserNameOrPassword");
    leads_to_a_browser(&right);
}

#[tokio::test]
async fn version_2_sends_a_second_factor_to_the_browser_after_a_reset_too() {
    let api = Api::new().await;
    let token = v2_reset(&api, "seco@example.com").await;
    let code = v2_leave(&api, &[("continuation_token", &token)]).await.text("code");

    let seen = api.token(&[("grant_type", "authorization_code"), ("code", &code)]).await;

    leads_to_a_browser(&seen);
}

#[tokio::test]
async fn an_account_that_the_host_locked_answers_alike_to_right_and_wrong_passwords() {
    let api = Api::new().await;
    for mail in ["lock@example.com", "none@example.com", "disa@example.com"] {
        for password in [OLD, "not the password"] {
            let seen = api.sign_in(mail, password).await;
            is_error(&seen, "invalid_grant", None, 50126);
            let token = v2_challenged(&api, mail).await;
            let seen = v2_verify(&api, &token, password).await;
            assert_eq!(seen.json()["error"]["innerError"]["code"], "invalidUserNameOrPassword");
        }
    }
}

#[tokio::test]
async fn a_right_password_of_an_account_that_the_host_locked_leaves_no_trace_in_the_lockout() {
    let api = Api::new().await;
    let mut errors = Vec::new();
    for (mail, guess) in [("lock@example.com", OLD), ("none@example.com", "a tenth guess")] {
        for _ in 0..9 {
            api.sign_in(mail, "not the password").await;
        }
        api.sign_in(mail, guess).await;
        errors.push(api.sign_in(mail, "not the password").await.json()["error_codes"][0].clone());
    }
    assert_eq!(errors, [50053, 50053]);
}

#[tokio::test]
async fn an_unsupported_challenge_type_is_called_so_wherever_one_is_listed() {
    let api = Api::new().await;
    let started = api.start("ada@example.com").await.text("continuation_token");
    let signing = initiated(&api, "ada@example.com").await.text("continuation_token");
    let names = [("username", "ada@example.com")];
    for (path, fields) in [
        (format!("{RESET}/start"), &names[..]),
        (format!("{OAUTH}/initiate"), &names),
        (format!("{RESET}/challenge"), &[("continuation_token", &*started)]),
        (format!("{OAUTH}/challenge"), &[("continuation_token", &*signing)]),
    ] {
        let listing = async |types: &str| {
            api.v1(&path, &[fields, &[("challenge_type", types)]].concat()).await
        };
        let unknown = listing("oob password carrier_pigeon redirect").await;
        is_error(&unknown, "unsupported_challenge_type", None, 901_001);
        let no_way_out = listing("oob password").await;
        is_error(&no_way_out, "unsupported_challenge_type", None, 901_007);
    }
}

#[tokio::test]
async fn a_refresh_token_and_an_id_token_come_only_to_those_who_ask_for_them() {
    let api = Api::new().await;
    for (scope, id, refresh) in [
        ("openid", true, false),
        ("openid offline_access", true, true),
        ("offline_access api/.default", false, true),
        ("api/.default", false, false),
        ("openidx xoffline_access OFFLINE_ACCESS", false, false),
    ] {
        let has = |seen: &Seen| {
            assert_eq!(seen.status, 200, "{}", seen.body);
            let body = seen.json();
            assert!(body["access_token"].is_string() && body["client_info"].is_string());
            (body["id_token"].is_string(), body["refresh_token"].is_string())
        };
        // Version 1, with a password.
        let token = initiated(&api, "ada@example.com").await.text("continuation_token");
        let token = challenged(&api, &token).await.text("continuation_token");
        assert_eq!(has(&enter(&api, &token, OLD, scope).await), (id, refresh), "{scope}");
        // Version 2.
        let fields = [("client_id", "shop"), ("scope", scope)];
        let entry = v2_leave(&api, &fields).await.text("continuation_token");
        let body = json!({ "username": "ada@example.com", "continuationToken": entry });
        let started = api.hal("POST", &format!("{V2}/signin/start"), &body).await;
        let body = json!({ "continuationToken": started.text("continuationToken") });
        let path = format!("{V2}/auth/methods/password/1/challenge");
        let token = api.hal("POST", &path, &body).await.text("continuationToken");
        let token = v2_verify(&api, &token, OLD).await.text("continuationToken");
        let code = v2_leave(&api, &[("continuation_token", &token)]).await.text("code");
        let seen = api.token(&[("grant_type", "authorization_code"), ("code", &code)]).await;
        assert_eq!(has(&seen), (id, refresh), "{scope}");
    }
    // Version 1, after a reset.
    let granted = api.granted("aaaa@example.com").await;
    let done = api.submit(&granted, NEW).await.text("continuation_token");
    let fields = [("continuation_token", &*done), ("grant_type", "continuation_token")];
    let seen = api.token(&[&fields[..], &[("scope", "openid")]].concat()).await;
    assert!(seen.json()["id_token"].is_string() && seen.json()["refresh_token"].is_null());
    // A refresh token is used up where its issuer says so: the next one must come with the answer.
    let seen = api.token(&[("grant_type", "refresh_token"), ("refresh_token", "ada")]).await;
    assert!(seen.json()["refresh_token"].is_string());
}

#[tokio::test]
async fn a_password_is_taken_only_after_the_challenge() {
    let api = Api::new().await;
    let token = initiated(&api, "ada@example.com").await.text("continuation_token");
    let started = v2_started(&api, "ada@example.com").await.text("continuationToken");

    for _ in 0..20 {
        is_error(&enter(&api, &token, OLD, "openid").await, "invalid_request", None, 55200);
        let seen = v2_verify(&api, &started, OLD).await;
        assert_eq!(seen.json()["error"]["code"], "invalidContinuationToken", "{}", seen.body);
    }

    // None of it was a try, and the tokens are good where they belong.
    let token = challenged(&api, &token).await.text("continuation_token");
    assert_eq!(enter(&api, &token, OLD, "openid").await.status, 200);
}

#[tokio::test]
async fn a_token_of_a_sign_in_leads_to_tokens_once() {
    let api = Api::new().await;
    let token = initiated(&api, "ada@example.com").await.text("continuation_token");
    let token = challenged(&api, &token).await.text("continuation_token");
    let sibling = challenged(&api, &token).await.text("continuation_token");

    // A wrong password costs the client no token.
    is_error(&enter(&api, &token, "not this one", "openid").await, "invalid_grant", None, 50126);
    assert_eq!(enter(&api, &token, OLD, "openid").await.status, 200);

    for spent in [&token, &sibling, &challenged(&api, &token).await.text("continuation_token")] {
        is_error(&enter(&api, spent, OLD, "openid").await, "expired_token", None, 552_003);
    }
    // Another process knows it too.
    let other = Api::over(api.world.another_process());
    is_error(&enter(&other, &token, OLD, "openid").await, "expired_token", None, 552_003);
    assert_eq!(other.sign_in("ada@example.com", OLD).await.status, 200);
}

#[tokio::test]
async fn a_code_of_version_2_is_exchanged_once_and_lives_no_longer_than_its_sign_in() {
    let api = Api::new().await;
    let exchange =
        async |code: &str| api.token(&[("grant_type", "authorization_code"), ("code", code)]).await;
    let leave =
        async |token: &str| v2_leave(&api, &[("continuation_token", token)]).await.text("code");
    let token = v2_challenged(&api, "ada@example.com").await;
    let done = v2_verify(&api, &token, OLD).await.text("continuationToken");
    let (first, second) = (leave(&done).await, leave(&done).await);

    assert_eq!(exchange(&first).await.status, 200);
    for spent in [&first, &second, &leave(&done).await] {
        is_error(&exchange(spent).await, "invalid_grant", None, 70000);
    }

    let token = v2_challenged(&api, "ada@example.com").await;
    let done = v2_verify(&api, &token, OLD).await.text("continuationToken");
    api.world.clock.advance(seconds(599));
    let late = leave(&done).await;
    api.world.clock.advance(seconds(1));
    is_error(&exchange(&late).await, "invalid_grant", None, 70000);
}

/// Fails the first time.
struct Shaky(std::sync::atomic::AtomicBool);

#[async_trait::async_trait]
impl TokenIssuer for Shaky {
    async fn issue(&self, request: TokenRequest<'_>) -> Result<Issued, IssueError> {
        if self.0.swap(false, std::sync::atomic::Ordering::SeqCst) {
            return Err(IssueError::new("down"));
        }
        Plain.issue(request).await
    }

    async fn refresh(
        &self,
        tenant: &sspr::domain::TenantId,
        application: &sspr::domain::ApplicationId,
        refresh_token: &str,
    ) -> Result<Issued, IssueError> {
        Plain.refresh(tenant, application, refresh_token).await
    }
}

#[tokio::test]
async fn an_issuer_that_could_not_answer_costs_nobody_a_sign_in() {
    let world = World::memory().await;
    furnish(&world).await;
    let issuer = Shaky(std::sync::atomic::AtomicBool::new(true));
    let shop = Application::new("contoso", "sign-in", "shop").unwrap();
    let router = Native::new(&world.sspr, shop, issuer).router();
    let api = Api { app: Router::new().nest("/contoso.onmicrosoft.com", router), world };
    let token = initiated(&api, "ada@example.com").await.text("continuation_token");
    let token = challenged(&api, &token).await.text("continuation_token");

    let down = enter(&api, &token, OLD, "openid").await;
    let again = enter(&api, &token, OLD, "openid").await;

    assert_eq!((down.status, again.status), (503, 200));
}

#[tokio::test]
async fn a_token_of_a_reset_lives_as_long_as_its_code() {
    let day = hours(24);
    for (numbers, waits, status) in [
        (Limits::builder().code_lifetime(day), hours(24) - seconds(1), 200),
        (Limits::builder().code_lifetime(day), hours(24), 400),
        (Limits::builder().code_lifetime(hours(3)), hours(2) + seconds(1), 200),
        (Limits::builder(), seconds(599), 200),
        (Limits::builder(), seconds(600), 400),
    ] {
        let api = Api::new().await;
        change(&api.world, |policy| policy.with_limits(numbers.build().unwrap()));
        let (token, code) = api.challenged("ada@example.com").await;
        api.world.clock.advance(waits);
        let seen = api.go_on(&token, &code).await;
        assert_eq!(seen.status, status, "{waits:?}: {}", seen.body);
        if status == 200 {
            let submitted = api.submit(&seen.text("continuation_token"), NEW).await;
            let polled = api.poll(&submitted.text("continuation_token")).await;
            assert_eq!(polled.text("status"), "succeeded");
        }
    }
    // A reset is open for sending codes as long as the policy says, before its first code too.
    let api = Api::new().await;
    let numbers = Limits::builder().reset_lifetime(day);
    change(&api.world, |policy| policy.with_limits(numbers.build().unwrap()));
    let started = api.start("ada@example.com").await.text("continuation_token");
    api.world.clock.advance(hours(23));
    assert_eq!(api.challenge(&started).await.status, 200);
}

#[tokio::test]
async fn look_ups_of_addresses_are_counted_like_resets() {
    let api = Api::new().await;
    telling(&api.world);
    let mut answered = 0;
    for number in 0..300 {
        let mail = format!("guess{number}@example.com");
        let seen = match number % 3 {
            0 => initiated(&api, &mail).await,
            1 => v2_started(&api, &mail).await,
            _ => api.start(&mail).await,
        };
        if seen.status == 400 {
            assert!(seen.body.contains("user_not_found") || seen.body.contains("userNotFound"));
            answered += 1;
        } else {
            assert_eq!(seen.status, 429, "{}", seen.body);
            assert!(seen.header("retry-after").parse::<u64>().unwrap() <= 3600);
        }
    }
    assert_eq!(answered, Limits::default().opens_per_network());
    // Whoever is asked about, the refusal is the same.
    let refused = [
        initiated(&api, "ada@example.com").await.status,
        v2_started(&api, "ada@example.com").await.status,
    ];
    assert_eq!(refused, [429; 2]);
    api.world.clock.advance(hours(1));
    assert_eq!(initiated(&api, "ada@example.com").await.status, 200);
}

#[tokio::test]
async fn where_nobody_is_told_naming_an_address_is_neither_counted_nor_looked_up() {
    let (world, down) = flaky_world().await;
    let api = Api::over(world);
    down.store(true, std::sync::atomic::Ordering::SeqCst);

    for number in 0..300 {
        let mail = format!("guess{number}@example.com");
        let seen = [initiated(&api, &mail).await.status, v2_started(&api, &mail).await.status];
        assert_eq!(seen, [200; 2]);
    }
}

#[tokio::test]
async fn only_who_can_sign_in_with_a_password_is_told_from_a_stranger() {
    let api = Api::new().await;
    telling(&api.world);
    let mut google = account("goog@example.com", "goog");
    google.password = api.world.account("ada").await.unwrap().password;
    google.identity_providers = vec![IdentityProvider::Google];
    api.world.put(google).await;
    for (mail, known) in [
        ("aaaa@example.com", true),
        ("lock@example.com", true),
        ("seco@example.com", true),
        ("excl@example.com", true),
        ("disa@example.com", false),
        ("fede@example.com", false),
        ("otpo@example.com", false),
        ("goog@example.com", false),
        ("none@example.com", false),
    ] {
        let (first, second) = (initiated(&api, mail).await, v2_started(&api, mail).await);
        if known {
            assert_eq!((first.status, second.status), (200, 200), "{mail}");
        } else {
            is_error(&first, "user_not_found", None, 50034);
            let error = &second.json()["error"];
            assert_eq!(
                (error["code"].as_str(), error["innerError"]["code"].as_str()),
                (Some("invalidRequest"), Some("userNotFound")),
                "{mail}"
            );
        }
        // A reset tells of those who may reset, and of nobody else.
        let resets = known && mail != "excl@example.com";
        assert_eq!(api.start(mail).await.status == 200, resets, "{mail}");
    }
}

#[tokio::test]
async fn the_exit_of_version_2_compares_the_client() {
    let api = Api::new().await;
    let token = v2_challenged(&api, "ada@example.com").await;
    let signed_in = v2_verify(&api, &token, OLD).await.text("continuationToken");
    let reset = v2_reset(&api, "aaaa@example.com").await;
    for token in [&signed_in, &reset] {
        for other in ["other", "nobody", "shop2", "SHOP"] {
            let fields = [("continuation_token", &**token), ("client_id", other)];
            is_error(&v2_leave(&api, &fields).await, "invalid_request", None, 55200);
        }
        let twice =
            [("continuation_token", &**token), ("client_id", "shop"), ("client_id", "other")];
        is_error(&v2_leave(&api, &twice).await, "invalid_request", None, 90100);
        let fields = [("continuation_token", &**token), ("client_id", "shop")];
        let code = v2_leave(&api, &fields).await.text("code");
        // The code is of its client, too.
        let fields =
            [("client_id", "other"), ("grant_type", "authorization_code"), ("code", &code)];
        let foreign = post(&api.app, &format!("{OAUTH}/token"), &[], &form(&fields)).await;
        is_error(&foreign, "invalid_grant", None, 70000);
        let seen = api.token(&[("grant_type", "authorization_code"), ("code", &code)]).await;
        assert_eq!(seen.status, 200, "{}", seen.body);
    }
}

/// What every answer carries, and what none carries.
fn is_hardened(seen: &Seen, what: &str) {
    for (name, value) in [
        ("cache-control", "no-store"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("vary", "origin"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("x-robots-tag", "noindex"),
    ] {
        assert_eq!(seen.headers.get_all(name).iter().collect::<Vec<_>>(), [value], "{what} {name}");
    }
    assert!(!seen.headers.contains_key("set-cookie"), "{what}");
    assert!(!seen.headers.contains_key("access-control-allow-credentials"), "{what}");
}

#[tokio::test]
async fn every_answer_has_its_headers() {
    let api = Api::new().await;
    let document = get(&api.app, "/contoso.onmicrosoft.com/openapi.json", &[]).await;
    for (path, methods) in document.json()["paths"].as_object().unwrap() {
        let path = format!("/contoso.onmicrosoft.com{path}");
        for method in methods.as_object().unwrap().keys() {
            let method = method.to_uppercase();
            let bodies =
                [(FORM, "client_id=shop"), (JSON, "{\"continuationToken\":\"x\"}"), ("", "")];
            for (media, body) in bodies {
                let headers = [("content-type", media), ("origin", ORIGIN)];
                let seen = send(&api.app, build(&method, &path, &headers, body)).await;
                assert!(seen.json().is_object());
                is_hardened(&seen, &format!("{method} {path} {media}"));
            }
        }
        for method in ["OPTIONS", "GET", "DELETE", "PUT", "POST"] {
            let seen = send(&api.app, build(method, &path, &[("origin", ORIGIN)], "")).await;
            is_hardened(&seen, &format!("{method} {path}"));
        }
    }
    let nowhere = ["/nowhere", "/api/v2.0/nowhere", "/oauth2/v2.0/initiate/", ""];
    for path in nowhere {
        let seen = get(&api.app, &format!("/contoso.onmicrosoft.com{path}"), &[]).await;
        assert_eq!(seen.status, 404);
        assert!(seen.json()["error"].is_string() || seen.json()["error"].is_object());
        is_hardened(&seen, path);
    }
    is_hardened(&document, "the document");
    is_hardened(&api.sign_in("ada@example.com", OLD).await, "tokens");
    let started = api.start("ada@example.com").await.text("continuation_token");
    let token = api.challenge(&started).await.text("continuation_token");
    let refused = api.challenge(&token).await;
    assert_eq!(refused.status, 429);
    is_hardened(&refused, "a limit");
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_json_that_says_so() {
    tokio::time::pause();
    let world = stuck_world().await;
    let api = Api::over(world);
    let entry = v2_leave(&api, &[("client_id", "shop")]).await.text("continuation_token");
    let body = json!({ "username": "ada@example.com", "continuationToken": entry });
    let started = api.start("ada@example.com").await.text("continuation_token");
    let named = api.hal("POST", &format!("{V2}/resetpassword/start"), &body).await.json();
    let body = json!({ "continuationToken": named["continuationToken"] });
    let before = tokio::time::Instant::now();

    let first = api.challenge(&started).await;
    let took = before.elapsed();
    let second = api.hal("POST", &format!("{V2}/auth/methods/email/1/challenge"), &body).await;

    assert!((30..31).contains(&took.as_secs()), "{took:?}");
    for seen in [&first, &second] {
        assert_eq!((seen.status, seen.header("retry-after")), (503, "30"), "{}", seen.body);
        is_hardened(seen, "overdue");
        assert!(!seen.header("client-request-id").is_empty());
    }
    assert_eq!(first.text("error"), "temporarily_unavailable");
    assert_eq!(second.json()["error"]["code"], "serviceUnavailable");
}

#[tokio::test]
async fn a_header_or_a_query_that_is_bad_in_one_part_is_read_in_the_others() {
    let api = Api::new().await;
    let id = "01a20da4-8211-7d1b-bee0-22d2fe32165a";
    let fields = [
        ("client_id", "shop"),
        ("username", "ada@example.com"),
        ("challenge_type", "oob redirect"),
    ];
    let path = format!("{RESET}/start");
    let asked = async |path: &str, bad: &[(&'static str, &'static [u8])]| {
        let mut request = build("POST", path, &[("content-type", FORM)], &form(&fields));
        for (name, value) in bad {
            request.headers_mut().append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        send(&api.app, request).await
    };
    let latin: &[u8] = b"Z\xfcrich";
    for (path, bad) in [
        (path.clone(), &[("client-request-id", latin), ("client-request-id", id.as_bytes())][..]),
        (path.clone(), &[("client-request-id", b"<b>"), ("client-request-id", id.as_bytes())]),
        (format!("{path}?client-request-id={id}&city=%fc&%=%"), &[("client-request-id", latin)]),
        (format!("{path}?city=%fc&client-request-id={id}"), &[("cookie", latin)]),
        (format!("{path}?{id}&client-request-id=%fc&client-request-id={id}"), &[]),
    ] {
        let seen = asked(&path, bad).await;
        assert_eq!(seen.status, 200, "{path}: {}", seen.body);
        assert_eq!(seen.header("client-request-id"), id, "{path}");
    }
    for name in ["cookie", "user-agent", "x-client-sku", "accept-language", "x-forwarded-for"] {
        let seen = asked(&path, &[(name, latin)]).await;
        assert_eq!(seen.status, 200, "{name}: {}", seen.body);
    }
}

#[tokio::test]
async fn a_body_past_sixteen_kibibytes_is_refused_whatever_is_right_in_it() {
    let api = Api::new().await;
    let token = v2_leave(&api, &[("client_id", "shop")]).await.text("continuation_token");
    let sized = |size: usize| {
        let mut body = json!({
            "username": "ada@example.com", "continuationToken": token, "more": "",
        });
        body["more"] = json!("a".repeat(size - body.to_string().len()));
        body
    };
    let started =
        async |size| api.hal("POST", &format!("{V2}/resetpassword/start"), &sized(size)).await;
    assert_eq!(started(16 * 1024).await.status, 200);
    let large = started(16 * 1024 + 1).await;
    assert_eq!(large.status, 400);
    assert!(large.json()["error"]["message"].as_str().unwrap().contains("body"), "{}", large.body);
}

#[tokio::test]
async fn an_origin_is_written_as_browsers_write_it_and_may_be_a_mobile_shells() {
    for (listed, sent) in [
        ("https://shop.example:443", "https://shop.example"),
        ("http://shop.example:80", "http://shop.example"),
        ("https://Shop.Example", "https://shop.example"),
        ("https://shop.example:8443", "https://shop.example:8443"),
        ("http://[2001:db8::1]:80", "http://[2001:db8::1]"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("ionic://localhost", "ionic://localhost"),
        ("tauri://localhost", "tauri://localhost"),
        ("ms-appx-web://com.example.shop", "ms-appx-web://com.example.shop"),
    ] {
        let world = World::memory().await;
        let shop = NativeApplication::new(Application::new("contoso", "sign-in", "shop").unwrap());
        let shop = shop.with_origin(listed).unwrap_or_else(|_| panic!("{listed}"));
        let api = Native::new(&world.sspr, shop, Plain).router();
        let seen = post(
            &api,
            "/oauth2/v2.0/authorize-challenge",
            &[("origin", sent)],
            &form(&[("client_id", "shop")]),
        )
        .await;
        assert_eq!((seen.status, seen.header("access-control-allow-origin")), (401, sent));
    }
    let shop = || NativeApplication::new(Application::new("contoso", "sign-in", "shop").unwrap());
    for bad in [
        "",
        "*",
        "null",
        "shop.example",
        "://shop.example",
        "https://",
        "https://*",
        "https://a/b",
        "https://a@b.example",
        "https://a?b",
        "https://a#b",
        "file://",
        "file://host",
        "data://x",
        "javascript://x",
        "blob://x",
        "https://shop.example:",
        "https://shop.example:0x1bb",
        "https://shop.example:99999",
        "1a://x",
        "h\u{e4}://x",
        "https://b\u{fc}cher.example",
    ] {
        assert!(shop().with_origin(bad).is_err(), "{bad}");
    }
}
