//! Every header that security rests on, on every route of every surface, whatever the answer is.
//!
//! The routes are read from the source of the routers, so that a new one is tried as well.

use std::collections::BTreeSet;

use crate::support::{
    NEW, World,
    front::{FORM, JSON, Named, Plain, Seen, build, flaky_world, form, get, post, send},
};
use axum::{Router, http::request::Parts};
use sspr::{
    Application, Sspr,
    adapters::{MemoryCodes, MemoryPolicies, MemoryUsers},
    http::{
        Access, Admin, Authorize, Authorized, Native, NativeApplication, Pages, ReturnTo,
        change_password, health,
    },
};

const ORIGIN: &str = "https://shop.example";
const PAGES: &str = include_str!("../../src/http/pages/mod.rs");
const ADMIN: &str = include_str!("../../src/http/admin/mod.rs");
const NATIVE: &str = include_str!("../../src/http/native/mod.rs");
const ASSETS: &str = include_str!("../../src/http/hardening.rs");
const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];

/// `authorization: root` may everything, `eve` nothing, and without one there is a sign-in.
struct ByHeader;

#[async_trait::async_trait]
impl Authorize for ByHeader {
    async fn authorize(&self, request: &Parts, _: Access<'_>) -> Authorized {
        match request.headers.get("authorization").and_then(|value| value.to_str().ok()) {
            Some("root") => Authorized::As("root".to_owned()),
            Some(_) => Authorized::Forbidden,
            None => Authorized::SignIn(ReturnTo::parse("/administrator").unwrap()),
        }
    }
}

/// All surfaces over one service.
fn surfaces(sspr: &Sspr, policies: &MemoryPolicies) -> Router {
    let shop = Application::new("contoso", "sign-in", "shop").unwrap();
    let native = NativeApplication::new(shop.clone()).with_origin(ORIGIN).unwrap();
    let home = ReturnTo::parse("/shop").unwrap();
    let native = Native::new(sspr, native, Plain);
    Router::new()
        .nest("/account", Pages::new(sspr, shop, Named).with_home(home).router())
        .nest("/admin/", Admin::new(sspr, policies.clone(), ByHeader).router())
        .nest("/native", native.router())
        .nest("/health", health(sspr))
        .merge(change_password(&ReturnTo::parse("/account").unwrap()))
}

/// What a router's source routes: every text literal behind `.route(`.
fn routes(source: &str) -> Vec<String> {
    let routed = source.split(".route(").skip(1).map(|rest| {
        let literal = rest.split('"').nth(1).expect("a path");
        literal
            .replace("{email}", "/api/v2.0/auth/methods/email/1")
            .replace("{password}", "/api/v2.0/auth/methods/password/1")
            .replace("{id}", "sign-in")
    });
    routed.filter(|path| path.starts_with('/')).collect()
}

/// Every path of the pages, of what they load, and one that is not there.
fn page_paths() -> Vec<String> {
    let mut paths: Vec<String> = routes(PAGES).into_iter().chain(routes(ASSETS)).collect();
    paths.retain(|path| !path.starts_with("/.well-known") && path != "/");
    assert!(paths.len() >= 16, "{paths:?}");
    paths.push("/nowhere".to_owned());
    paths.iter().map(|path| format!("/account{path}")).chain(["/account".to_owned()]).collect()
}

/// Every path of the administrator's pages, of Graph's endpoints, and one of each that is not there.
fn admin_paths() -> Vec<String> {
    let graph = ["/policies/", "/identity/"];
    let own = routes(ADMIN).into_iter().map(|path| {
        let below = graph.iter().any(|start| path.starts_with(start));
        let tenant = if below { "/tenants/contoso/v1.0" } else { "" };
        format!("/admin{tenant}{path}")
    });
    let mut paths: Vec<String> = own.collect();
    assert!(paths.len() >= 11, "{paths:?}");
    paths.extend(routes(ASSETS).into_iter().map(|path| format!("/admin{path}")));
    paths.extend(["/admin/nowhere".to_owned(), "/admin/tenants/contoso/v1.0/nowhere".to_owned()]);
    paths
}

fn native_paths() -> Vec<String> {
    let mut paths: Vec<String> =
        routes(NATIVE).into_iter().map(|path| format!("/native{path}")).collect();
    assert!(paths.len() >= 18, "{paths:?}");
    paths.extend(["/native/nowhere".to_owned(), "/native/api/nowhere".to_owned()]);
    paths
}

fn has(seen: &Seen, name: &str, expected: &str, about: &str) {
    assert_eq!(seen.header(name), expected, "{name} of {about}");
    assert_eq!(seen.headers.get_all(name).iter().count(), 1, "{name} of {about}");
}

/// What each answer of a page has, also a redirect, a refusal and a file.
fn is_hardened(seen: &Seen, about: &str) {
    has(seen, "x-content-type-options", "nosniff", about);
    has(seen, "x-frame-options", "DENY", about);
    has(seen, "cross-origin-opener-policy", "same-origin", about);
    has(seen, "cross-origin-resource-policy", "same-origin", about);
    has(seen, "x-robots-tag", "noindex", about);
    has(seen, "permissions-policy", "camera=(), geolocation=(), microphone=()", about);
    has(seen, "referrer-policy", "same-origin", about);
    let policy = seen.header("content-security-policy");
    let parts: BTreeSet<&str> = policy.split(';').map(str::trim).collect();
    for part in [
        "base-uri 'none'",
        "default-src 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "img-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
    ] {
        assert!(parts.contains(part), "no {part} in {policy} of {about}");
    }
    assert_eq!(parts.len(), 7, "{policy} of {about}");
}

/// Kept by nobody, but for the files that a page loads.
fn is_not_kept(seen: &Seen, path: &str, about: &str) {
    let is_file = routes(ASSETS).iter().any(|file| path.ends_with(file));
    if is_file && seen.status == 200 {
        has(seen, "cache-control", "public, max-age=3600", about);
        assert_eq!(seen.header("set-cookie"), "", "{about}");
    } else {
        has(seen, "cache-control", "no-store", about);
    }
}

/// A redirect that a request cannot lead off this origin.
fn stays_here(seen: &Seen, about: &str) {
    // What stands in the query is read, and judged, by the page that it leads to.
    let to = seen.header("location");
    let to = to.split('?').next().unwrap_or_default();
    assert!(
        !to.contains("://") && !to.starts_with("//") && !to.contains("evil"),
        "{to} of {about}"
    );
    assert!(!to.contains('\\'), "{to} of {about}");
}

/// Every one of our own cookies has all of its guards.
fn cookies_are_guarded(seen: &Seen, about: &str) {
    let lines = seen.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    for line in lines.filter(|line| line.contains("sspr")) {
        let attributes: Vec<&str> = line.split(';').skip(1).map(str::trim).collect();
        assert!(line.starts_with("__Host-sspr-"), "{line} of {about}");
        for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
            assert!(attributes.contains(&attribute), "no {attribute} in {line} of {about}");
        }
        // A device is remembered for half a year, a journey as long as its browser is open.
        let device = line.starts_with("__Host-sspr-device-");
        let expected: &[&str] = if device { &["Max-Age=15552000"] } else { &[] };
        let ages = attributes.iter().filter(|it| it.starts_with("Max-Age")).copied();
        assert_eq!(ages.collect::<Vec<_>>(), expected, "{line} of {about}");
        assert!(!line.to_ascii_lowercase().contains("domain="), "{line} of {about}");
        assert!(line.len() < 4_096, "{} bytes of {about}", line.len());
    }
}

#[tokio::test]
async fn every_answer_of_the_pages_has_every_header_whatever_is_asked() {
    let world = World::memory().await;
    let app = surfaces(&world.sspr, &world.policies);
    let hostile = "?flow=%0d%0aevil&return_to=https%3A%2F%2Fevil.example&ui_locales=de";
    for path in page_paths() {
        for method in METHODS {
            for (query, headers) in [
                ("", vec![("content-type", FORM)]),
                (hostile, vec![("content-type", FORM)]),
                ("", vec![("content-type", JSON)]),
                ("", vec![("content-type", FORM), ("sec-fetch-site", "cross-site")]),
                ("", vec![("content-type", FORM), ("cookie", "a=b"), ("origin", "null")]),
            ] {
                let request = build(method, &format!("{path}{query}"), &headers, "username=a");
                let seen = send(&app, request).await;

                let about = format!("{method} {path}{query} {headers:?}: {}", seen.status);
                is_hardened(&seen, &about);
                is_not_kept(&seen, &path, &about);
                stays_here(&seen, &about);
                cookies_are_guarded(&seen, &about);
                assert!(seen.status < 500, "{about}");
            }
        }
    }
}

#[tokio::test]
async fn every_answer_of_the_administrators_side_has_every_header_whoever_asks() {
    let world = World::memory().await;
    let app = surfaces(&world.sspr, &world.policies);
    for path in admin_paths() {
        for method in METHODS {
            for who in [None, Some("eve"), Some("root")] {
                for (query, kind) in
                    [("", FORM), ("?tenant=%2F%2Fevil&flow=//evil", FORM), ("", JSON)]
                {
                    let mut headers = vec![("content-type", kind)];
                    headers.extend(who.map(|who| ("authorization", who)));
                    let request = build(method, &format!("{path}{query}"), &headers, "{}");
                    let seen = send(&app, request).await;

                    let about = format!("{method} {path}{query} {headers:?}: {}", seen.status);
                    is_hardened(&seen, &about);
                    is_not_kept(&seen, &path, &about);
                    stays_here(&seen, &about);
                    cookies_are_guarded(&seen, &about);
                    assert!(seen.status < 500, "{about}");
                }
            }
        }
    }
}

#[tokio::test]
async fn every_answer_of_the_native_api_is_kept_by_nobody_and_read_by_listed_origins_only() {
    let world = World::memory().await;
    let app = surfaces(&world.sspr, &world.policies);
    for path in native_paths() {
        for method in METHODS.into_iter().chain(["OPTIONS"]) {
            for origin in [None, Some(ORIGIN), Some("https://evil.example"), Some("null")] {
                for kind in [FORM, JSON] {
                    let mut headers = vec![("content-type", kind)];
                    headers.extend(origin.map(|origin| ("origin", origin)));
                    let seen = send(&app, build(method, &path, &headers, "client_id=shop")).await;

                    let about = format!("{method} {path} {headers:?}: {}", seen.status);
                    has(&seen, "x-content-type-options", "nosniff", &about);
                    has(&seen, "cache-control", "no-store", &about);
                    assert!(seen.header("vary").contains("origin"), "{about}");
                    let admitted = if origin == Some(ORIGIN) { ORIGIN } else { "" };
                    assert_eq!(seen.header("access-control-allow-origin"), admitted, "{about}");
                    // Cookies are never read, so none is ever asked for or set.
                    assert_eq!(seen.header("access-control-allow-credentials"), "", "{about}");
                    assert_eq!(seen.header("set-cookie"), "", "{about}");
                    let json =
                        ["application/json; charset=utf-8", "application/hal+json; charset=utf-8"];
                    let is_json = json.contains(&seen.header("content-type"));
                    assert!(is_json || method == "OPTIONS" || method == "HEAD", "{about}");
                    stays_here(&seen, &about);
                }
            }
        }
    }
}

#[tokio::test]
async fn health_and_the_well_known_path_are_kept_by_nobody() {
    let (world, _) = flaky_world().await;
    let app = surfaces(&world.sspr, &world.policies);
    for path in ["/health/live", "/health/ready", "/.well-known/change-password"] {
        let seen = get(&app, path, &[]).await;

        has(&seen, "cache-control", "no-store", path);
        has(&seen, "x-content-type-options", "nosniff", path);
        stays_here(&seen, path);
    }
}

#[tokio::test]
async fn what_breaks_has_every_header_too() {
    // Without a policy, and while the store is down.
    let gone = World::memory().await;
    let users = MemoryUsers::new();
    let (sspr, _courier) =
        Sspr::builder(users, MemoryCodes::new(), MemoryPolicies::default(), gone.keys.clone())
            .build();
    let (flaky, down) = flaky_world().await;
    down.store(true, std::sync::atomic::Ordering::SeqCst);
    for app in [surfaces(&sspr, &MemoryPolicies::default()), surfaces(&flaky.sspr, &flaky.policies)]
    {
        for path in page_paths().into_iter().chain(admin_paths()) {
            for method in ["GET", "POST"] {
                let headers = [("content-type", FORM), ("authorization", "root")];
                let seen = send(&app, build(method, &path, &headers, "")).await;

                let about = format!("{method} {path}: {}", seen.status);
                is_hardened(&seen, &about);
                is_not_kept(&seen, &path, &about);
            }
        }
        let fields = [
            ("client_id", "shop"),
            ("username", "ada@example.com"),
            ("challenge_type", "oob redirect"),
        ];
        let started = post(&app, "/native/resetpassword/v1.0/start", &[], &form(&fields)).await;
        let token = started.json()["continuation_token"].as_str().unwrap_or("none").to_owned();
        let fields = [("client_id", "shop"), ("continuation_token", &*token)];
        let seen = post(&app, "/native/resetpassword/v1.0/challenge", &[], &form(&fields)).await;
        assert!(seen.status >= 400);
        has(&seen, "cache-control", "no-store", "a native call that breaks");
        let seen = get(&app, "/health/ready", &[]).await;
        has(&seen, "cache-control", "no-store", "not ready");
    }
}

/// One browser: its cookies, and where the last redirect led.
#[derive(Default)]
struct Browser {
    cookies: Vec<String>,
    at: String,
}

impl Browser {
    async fn post(&mut self, app: &Router, page: &str, fields: &[(&str, &str)]) -> Seen {
        let query = self.at.split_once('?').map_or("", |(_, query)| query);
        let cookies = self.cookies.join("; ");
        let path = format!("/account/{page}?{query}");
        let seen = post(app, &path, &[("cookie", &cookies)], &form(fields)).await;
        is_hardened(&seen, &path);
        is_not_kept(&seen, &path, &path);
        stays_here(&seen, &path);
        cookies_are_guarded(&seen, &path);
        for cookie in seen.cookies() {
            let name = cookie.split('=').next().unwrap().to_owned();
            self.cookies.retain(|kept| !kept.starts_with(&format!("{name}=")));
            self.cookies.push(cookie);
        }
        self.at = seen.header("location").to_owned();
        seen
    }

    /// The names of the cookies that a browser of this application holds.
    fn has_device(&self) -> bool {
        self.cookies.iter().any(|cookie| cookie.starts_with("__Host-sspr-device-"))
    }
}

#[tokio::test]
async fn each_step_of_a_journey_sets_guarded_cookies_and_remembers_the_device_at_its_end() {
    let world = World::memory().await;
    let app = surfaces(&world.sspr, &world.policies);
    let mut browser = Browser::default();

    browser.post(&app, "sign-in", &[("username", "ada@example.com")]).await;
    browser.post(&app, "password", &[("password", "not her password")]).await;
    browser.post(&app, "reset", &[]).await;
    let code = world.mailed_code().await.expose();
    browser.post(&app, "code", &[("code", "00000000")]).await;
    browser.post(&app, "resend", &[]).await;
    browser.post(&app, "code", &[("code", &code)]).await;
    assert!(!browser.has_device(), "nobody has signed in yet");
    let fields = [("new-password", NEW), ("confirm-password", NEW)];
    let done = browser.post(&app, "new-password", &fields).await;
    assert!(done.header("location").starts_with("done"), "{}", done.header("location"));
    assert!(browser.has_device(), "a finished reset remembers its device");

    let mut other = Browser::default();
    other.post(&app, "sign-in", &[("username", "ada@example.com")]).await;
    let entered = other.post(&app, "password", &[("password", NEW)]).await;
    assert_eq!(entered.header("location"), "/shop");
    assert!(other.has_device(), "a sign-in remembers its device");
    let out = other.post(&app, "sign-out", &[]).await;
    assert!(out.cookies().contains(&"session=".to_owned()), "the host ends its own session");
}

#[tokio::test]
async fn a_method_that_a_page_has_not_is_refused_with_a_page_that_says_which_it_has() {
    let world = World::memory().await;
    let app = surfaces(&world.sspr, &world.policies);
    let mut refused = 0;
    for path in page_paths() {
        for method in METHODS {
            let seen = send(&app, build(method, &path, &[], "")).await;
            if seen.status != 405 {
                continue;
            }
            refused += 1;
            let allowed = seen.header("allow");
            assert!(!allowed.is_empty() && !allowed.contains(method), "{method} {path}: {allowed}");
            assert!(method == "HEAD" || seen.body.contains("<!doctype html>"), "{method} {path}");
        }
    }
    assert!(refused > 50, "{refused}");
}

#[tokio::test]
async fn what_a_request_names_cannot_change_where_an_administrator_is_led() {
    let world = World::memory().await;
    world.policies.replace(sspr::TenantPolicy::customers("fabrikam").unwrap());
    let app = surfaces(&world.sspr, &world.policies);
    let root = ("authorization", "root");
    let email = "/admin/tenants/contoso/v1.0/policies/authenticationMethodsPolicy/\
                 authenticationMethodConfigurations/email";
    for flow in ["a&tenant=fabrikam", "a#evil", "a\r\nset-cookie: x=y", "../..", "a b", "ä"] {
        let tag = get(&app, email, &[root]).await.header("etag").to_owned();
        let version = tag.trim_start_matches("W/").trim_matches('"');
        let fields = form(&[("version", version), ("rules", "nist"), ("min_length", "15")]);
        let query = form(&[("tenant", "contoso"), ("flow", flow)]);
        let path = format!("/admin/password-rules?{query}");
        let seen = post(&app, &path, &[root], &fields).await;

        assert_eq!(seen.status, 303, "{flow}: {}", seen.body);
        let to = seen.header("location").strip_prefix("./?").expect("its own page");
        let names: Vec<&str> = to.split('&').map(|pair| pair.split('=').next().unwrap()).collect();
        assert_eq!(names, ["tenant", "flow", "saved"], "{flow}: {to}");
        assert!(to.is_ascii() && !to.contains('#'), "{flow}: {to}");
        assert_eq!(seen.header("set-cookie"), "", "{flow}");
    }
}
