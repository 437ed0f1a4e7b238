//! Every header that security rests on, on every answer of every front.

use std::sync::{Arc, atomic::Ordering};

use crate::support::{
    NEW, OLD, World,
    front::{FORM, JSON, Named, Plain, Seen, build, flaky_world, form, get, post, send},
};
use axum::{
    Router,
    body::Body,
    http::{Request, request::Parts},
};
use sspr::{
    Application, TenantPolicy,
    domain::TenantId,
    http::{Access, Admin, Authorize, Authorized, Native, Pages, ReturnTo, health},
    ports::{
        PolicyChange, PolicyError, PolicySource, PolicyStore, RecordedChange, StoreError,
        StoreErrorKind, VersionedPolicy, Written,
    },
};

/// What every page of either kind sends.
const GUARDS: [(&str, &str); 8] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
         form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    ("referrer-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ("x-robots-tag", "noindex"),
];

fn guarded(seen: &Seen, what: &str) {
    for (name, value) in GUARDS {
        let all: Vec<_> = seen.headers.get_all(name).iter().collect();
        assert_eq!(all, [value], "{what}: {name}");
    }
    let asset = [".css", ".js", ".svg"].iter().any(|end| what.ends_with(end));
    let kept = if asset { "public, max-age=3600" } else { "no-store" };
    assert_eq!(seen.header("cache-control"), kept, "{what}");
    assert!(asset || !seen.header("content-type").is_empty() || seen.body.is_empty(), "{what}");
    says_when(seen, "5", what);
    for line in seen.headers.get_all("set-cookie") {
        let line = line.to_str().unwrap();
        if line.starts_with("session=") {
            continue;
        }
        assert!(line.starts_with("__Host-sspr-"), "{what}: {line}");
        for guard in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
            assert!(line.contains(guard), "{what}: {line}");
        }
        assert!(!line.to_ascii_lowercase().contains("domain="), "{what}: {line}");
    }
}

/// Whoever is told that nothing can be answered now is told when to ask again; nobody else is.
fn says_when(seen: &Seen, seconds: &str, what: &str) {
    let wanted = if seen.status == 503 { seconds } else { "" };
    assert_eq!(seen.header("retry-after"), wanted, "{what}: {}", seen.status);
}

/// Asks every page in every way; each answer must have its guards.
async fn every_page(app: &Router, cookie: &str, query: &str) -> Vec<u16> {
    let mut statuses = Vec::new();
    let pages = [
        "",
        "sign-in",
        "password",
        "locked",
        "reset",
        "resend",
        "code",
        "try-later",
        "unavailable",
        "start-again",
        "new-password",
        "change",
        "forgot",
        "done",
        "sign-out",
        "nowhere",
        "no/where",
        "sspr.css",
        "password.js",
        "countdown.js",
        "sms-code.js",
        "logo.svg",
    ];
    let all = form(&[
        ("username", "ada@example.com"),
        ("password", "not the password"),
        ("code", "00000000"),
        ("new-password", "short"),
        ("confirm-password", "other"),
    ]);
    for page in pages {
        let path = format!("/account/{page}");
        let asked = format!("{path}?{query}");
        let own = [("cookie", cookie)];
        let foreign =
            [("cookie", cookie), ("origin", "https://evil.example"), ("content-type", FORM)];
        for (method, headers, body) in [
            ("GET", &own[..], ""),
            ("HEAD", &own, ""),
            ("GET", &[], ""),
            ("POST", &[("cookie", cookie), ("content-type", FORM)], &*all),
            ("POST", &foreign, &*all),
            ("POST", &[("cookie", cookie), ("content-type", JSON)], "{}"),
            ("POST", &[("content-type", FORM)], "%"),
            ("DELETE", &own, ""),
            ("OPTIONS", &own, ""),
            ("TRACE", &own, ""),
        ] {
            let seen = send(app, build(method, &asked, headers, body)).await;
            statuses.push(seen.status);
            let cached = matches!(method, "GET" | "HEAD") && page.contains('.');
            guarded(&seen, if cached { page } else { "a page" });
            if seen.status >= 400 && method != "HEAD" {
                assert!(seen.body.contains("<!doctype html>"), "{method} {path}: {}", seen.status);
            }
        }
    }
    statuses
}

#[tokio::test]
async fn every_answer_of_the_pages_is_guarded_at_every_stage() {
    let (world, down) = flaky_world().await;
    let shop = || Application::new("contoso", "sign-in", "shop").unwrap();
    let app =
        Router::new().nest_service("/account", Pages::new(&world.sspr, shop(), Named).router());
    let mut statuses = Vec::new();
    let mut cookie = String::new();
    let mut query = String::new();
    for step in 0..6 {
        statuses.extend(every_page(&app, &cookie, &query).await);
        down.store(true, Ordering::SeqCst);
        statuses.extend(every_page(&app, &cookie, &query).await);
        down.store(false, Ordering::SeqCst);
        let code = if step == 2 { world.mailed_code().await.expose() } else { String::new() };
        let (page, fields) = match step {
            0 => ("sign-in", vec![("username", "grace@example.com")]),
            1 => ("reset", vec![]),
            2 => ("code", vec![("code", &*code)]),
            3 => ("new-password", vec![("new-password", NEW), ("confirm-password", NEW)]),
            _ => ("sign-out", vec![]),
        };
        if step == 0 {
            world.add("grace@example.com", "grace").await;
        }
        let path = format!("/account/{page}?{query}");
        let seen = post(&app, &path, &[("cookie", &cookie)], &form(&fields)).await;
        guarded(&seen, page);
        assert_eq!(seen.status, 303, "{page}");
        if let Some(own) =
            seen.cookies().iter().find(|it| !it.contains("-device-") && it.contains("sspr"))
        {
            cookie.clone_from(own);
        }
        if let Some((_, flow)) = seen.header("location").split_once('?') {
            flow.clone_into(&mut query);
        }
    }
    for status in [200, 303, 400, 403, 404, 405, 503] {
        assert!(statuses.contains(&status), "no answer was {status}");
    }
    // A tenant that has no policy.
    let nowhere = Application::new("nowhere", "sign-in", "shop").unwrap();
    let app =
        Router::new().nest_service("/account", Pages::new(&world.sspr, nowhere, Named).router());
    every_page(&app, "", "").await;
    // And where somebody comes in with the password.
    let app =
        Router::new().nest_service("/account", Pages::new(&world.sspr, shop(), Named).router());
    let seen = post(&app, "/account/sign-in", &[], "username=ada%40example.com").await;
    let path = format!("/account/{}", seen.header("location"));
    let cookie = seen.cookies().join("; ");
    let seen = post(&app, &path, &[("cookie", &cookie)], &form(&[("password", OLD)])).await;
    guarded(&seen, "signed in");
    assert!(seen.cookies().iter().any(|cookie| cookie.starts_with("__Host-sspr-device-")));
}

/// `Authorization: root` may all, others nothing.
struct ByHeader;

#[async_trait::async_trait]
impl Authorize for ByHeader {
    async fn authorize(&self, request: &Parts, _: Access<'_>) -> Authorized {
        match request.headers.get("authorization") {
            Some(named) if named == "root" => Authorized::As("root".to_owned()),
            Some(_) => Authorized::Forbidden,
            None => Authorized::SignIn(ReturnTo::parse("/administrator").unwrap()),
        }
    }
}

#[tokio::test]
async fn every_answer_of_the_administrators_side_is_guarded() {
    let world = World::memory().await;
    let admin = Admin::new(&world.sspr, world.policies.clone(), ByHeader);
    let app = Router::new().nest("/admin/", admin.router());
    let graph = "tenants/contoso/v1.0/policies/authenticationMethodsPolicy/\
                 authenticationMethodConfigurations/email";
    let sms = "tenants/contoso/v1.0/policies/authenticationMethodsPolicy/\
               authenticationMethodConfigurations/sms";
    let flows = "tenants/contoso/v1.0/identity/authenticationEventsFlows";
    let mut statuses = Vec::new();
    for page in [
        "",
        "events",
        "email.json",
        "sms.json",
        "policy",
        "sms",
        "explain",
        "nowhere",
        graph,
        sms,
        flows,
        "sspr.css",
        "?tenant=contoso",
        "?tenant=nobody",
        "flow",
    ] {
        for (method, headers, body) in [
            ("GET", &[("authorization", "root")][..], ""),
            ("GET", &[("authorization", "eve")], ""),
            ("GET", &[], ""),
            ("POST", &[("authorization", "root"), ("content-type", FORM)], "x=%"),
            ("POST", &[("authorization", "root"), ("content-type", FORM)], "version=0"),
            ("POST", &[("authorization", "root"), ("origin", "https://evil.example")], ""),
            ("PATCH", &[("authorization", "root"), ("content-type", JSON)], "{"),
            ("DELETE", &[("authorization", "root")], ""),
        ] {
            let seen = send(&app, build(method, &format!("/admin/{page}"), headers, body)).await;
            statuses.push(seen.status);
            for (name, value) in GUARDS {
                assert_eq!(seen.header(name), value, "{method} {page}: {name}, {}", seen.status);
            }
            if !page.ends_with(".css") || method != "GET" {
                assert_eq!(seen.header("cache-control"), "no-store", "{method} {page}");
            }
        }
    }
    for status in [200, 303, 400, 403, 404, 405] {
        assert!(statuses.contains(&status), "no answer was {status}");
    }
}

/// Policies that are read, and a store of them that cannot be reached.
struct Unreachable;

impl PolicySource for Unreachable {
    fn policy(&self, _: &TenantId) -> Result<Option<Arc<TenantPolicy>>, PolicyError> {
        Ok(None)
    }
}

#[async_trait::async_trait]
impl PolicyStore for Unreachable {
    async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        Err(down())
    }
    async fn read(&self, _: &TenantId) -> Result<Option<VersionedPolicy>, StoreError> {
        Err(down())
    }
    async fn write(&self, _: &PolicyChange, _: u64) -> Result<Written, StoreError> {
        Err(down())
    }
    async fn changes(&self, _: &TenantId, _: usize) -> Result<Vec<RecordedChange>, StoreError> {
        Err(down())
    }
}

fn down() -> StoreError {
    StoreError::new(StoreErrorKind::Busy, "down")
}

#[tokio::test]
async fn an_administrator_whose_store_is_down_is_told_when_to_ask_again() {
    let world = World::memory().await;
    let admin = Admin::new(&world.sspr, Unreachable, ByHeader);
    let app = Router::new().nest("/admin/", admin.router());
    let flows = "tenants/contoso/v1.0/identity/authenticationEventsFlows";
    for page in ["", "?tenant=contoso", "email.json?tenant=contoso", "events?tenant=contoso", flows]
    {
        let headers = [("authorization", "root")];
        let seen = send(&app, build("GET", &format!("/admin/{page}"), &headers, "")).await;
        assert_eq!(seen.status, 503, "{page}");
        says_when(&seen, "5", page);
    }
}

#[tokio::test]
async fn the_administrators_own_forms_pass_whatever_a_proxy_writes_as_host() {
    let world = World::memory().await;
    let admin = Admin::new(&world.sspr, world.policies.clone(), ByHeader);
    let app = Router::new().nest("/admin/", admin.router());
    for (origin, host, passes) in [
        ("https://shop.example", "shop.example", true),
        ("https://shop.example", "Shop.example:443", true),
        ("http://shop.example", "shop.example:80", true),
        ("https://shop.example", "shop.example:8443", false),
        ("https://evil.example", "shop.example", false),
        ("null", "shop.example", false),
    ] {
        let request = Request::post("/admin/explain?tenant=contoso")
            .header("content-type", FORM)
            .header("authorization", "root")
            .header("origin", origin)
            .header("host", host);
        let request = request.body(Body::from("address=ada%40example.com")).unwrap();
        let seen = send(&app, request).await;
        assert_eq!(seen.status != 403, passes, "{origin} at {host}: {}", seen.status);
    }
}

#[tokio::test]
async fn no_answer_of_the_native_api_or_of_health_may_be_kept() {
    let (world, down) = flaky_world().await;
    let shop = Application::new("contoso", "sign-in", "shop").unwrap();
    let native = Native::new(&world.sspr, shop, Plain);
    let app = Router::new().nest("/api", native.router()).nest("/health", health(&world.sspr));
    let start = form(&[
        ("client_id", "shop"),
        ("username", "ada@example.com"),
        ("challenge_type", "oob redirect"),
    ]);
    for broken in [false, true] {
        down.store(broken, Ordering::SeqCst);
        for path in [
            "/api/resetpassword/v1.0/start",
            "/api/resetpassword/v1.0/challenge",
            "/api/resetpassword/v1.0/continue",
            "/api/resetpassword/v1.0/submit",
            "/api/resetpassword/v1.0/poll_completion",
            "/api/oauth2/v2.0/initiate",
            "/api/oauth2/v2.0/challenge",
            "/api/oauth2/v2.0/token",
            "/api/oauth2/v2.0/authorize-challenge",
            "/api/api/v2.0/resetpassword/start",
            "/api/api/v2.0/signin/start",
        ] {
            for (content, body) in
                [(FORM, &*start), (FORM, "client_id=shop"), (JSON, "{}"), ("", "")]
            {
                let seen =
                    send(&app, build("POST", path, &[("content-type", content)], body)).await;
                assert_eq!(seen.header("cache-control"), "no-store", "{path}: {}", seen.status);
                assert!(seen.header("set-cookie").is_empty(), "{path}");
                assert!(seen.header("content-type").starts_with("application/"), "{path}");
                says_when(&seen, "30", path);
            }
        }
        for path in ["/health/live", "/health/ready"] {
            let seen = get(&app, path, &[]).await;
            assert_eq!(seen.header("cache-control"), "no-store", "{path}");
            assert_eq!(seen.header("x-content-type-options"), "nosniff", "{path}");
            says_when(&seen, "5", path);
        }
    }
    let request = Request::get("/health/ready").body(Body::empty()).unwrap();
    assert!([200, 503].contains(&send(&app, request).await.status));
}
