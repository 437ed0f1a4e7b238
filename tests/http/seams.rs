//! Where the fronts meet the core: who is asked, what a client brings back, what stands on a page.

use std::sync::{Arc, Mutex};

use crate::support::{
    NEW, OLD, World,
    browser::Browser,
    front::{FORM, JSON, Named, Plain, Seen, build, flaky_world, form, furnish, get, post, send},
    tenant,
};
use axum::{
    Router,
    http::{HeaderValue, request::Parts},
};
use serde_json::{Value, json};
use sspr::{
    Application, TenantPolicy,
    domain::{ApplicationId, GroupId, SecondFactor, TenantId},
    engine::{RedeemOutcome, SecondFactorDemand, SignInOutcome},
    http::{
        Access, AccessKind, Admin, Authorize, Authorized, IssueError, Issued, Native, NewSession,
        Pages, ReturnTo, SessionError, Sessions, SignInContext, TokenIssuer, TokenRequest,
    },
    policy::Brand,
    ports::{PolicyChange, PolicySource as _, PolicyStore as _},
};

const ADMIN: &str = include_str!("../../src/http/admin/mod.rs");
const EMAIL: &str = "/tenants/contoso/v1.0/policies/authenticationMethodsPolicy/\
                     authenticationMethodConfigurations/email";
const FLOWS: &str = "/tenants/contoso/v1.0/identity/authenticationEventsFlows";

/// Notes what it is asked for, and lets only what it is told.
#[derive(Clone, Default)]
struct Asked {
    of_tenant: Arc<Mutex<Vec<AccessKind>>>,
    reads_only: bool,
}

#[async_trait::async_trait]
impl Authorize for Asked {
    async fn authorize(&self, _: &Parts, access: Access<'_>) -> Authorized {
        tokio::task::yield_now().await;
        if access.tenant.is_some() {
            self.of_tenant.lock().unwrap().push(access.kind);
        }
        if self.reads_only && access.kind == AccessKind::Write {
            return Authorized::Forbidden;
        }
        Authorized::As("root".to_owned())
    }
}

fn admin(world: &World, authorize: Asked) -> Router {
    Admin::new(&world.sspr, world.policies.clone(), authorize).router()
}

/// Every route of the administrator's side with its methods, as its source has them.
fn admin_routes() -> Vec<(&'static str, String)> {
    let mut routes = Vec::new();
    for rest in ADMIN.split(".route(").skip(1) {
        let path = rest.split('"').nth(1).unwrap().replace("{id}", "sign-in");
        let handlers = rest.split(".route(").next().unwrap().split(".fallback").next().unwrap();
        let below = path.starts_with("/policies/") || path.starts_with("/identity/");
        let path = format!("{}{path}", if below { "/tenants/contoso/v1.0" } else { "" });
        for (method, handler) in [
            ("GET", "get("),
            ("POST", "post("),
            ("PATCH", "patch("),
            ("PUT", "put("),
            ("DELETE", "delete("),
        ] {
            if handlers.contains(handler) {
                routes.push((method, path.clone()));
            }
        }
    }
    assert!(routes.len() >= 14, "{routes:?}");
    routes
}

#[tokio::test]
async fn whoever_may_only_read_changes_nothing_by_any_route_and_every_route_asks() {
    let world = World::memory().await;
    let (email, flows) = (json!({"state": "disabled"}), json!({"displayName": "Another"}));
    for (method, path) in admin_routes() {
        let asked = Asked { reads_only: true, ..Asked::default() };
        let before = world.policies.policy(&tenant()).unwrap().unwrap().to_json();
        // Explaining reads, but has no address in its URL.
        let writes = method != "GET" && path != "/explain";
        let kind = if path.contains("/v1.0/") { JSON } else { FORM };
        let version = world.policies.read(&tenant()).await.unwrap().unwrap().version.to_string();
        let fields = match &*path {
            "/explain" => vec![("address", "ada@example.com")],
            "/policy" => vec![("version", &*version), ("include", "all_users")],
            "/user-flows" => vec![("version", &*version), ("name", "Another")],
            "/user-flow" => {
                vec![("version", &*version), ("name", "Another"), ("idp", "EmailPassword-OAUTH")]
            }
            _ => vec![("version", &*version), ("rules", "nist"), ("min_length", "20")],
        };
        let body = match kind {
            JSON if path.contains("Flows") => flows.to_string(),
            JSON => email.to_string(),
            _ => form(&fields),
        };
        let path = if kind == JSON { path } else { format!("{path}?tenant=contoso&flow=sign-in") };
        let app = admin(&world, asked.clone());

        let seen = send(&app, build(method, &path, &[("content-type", kind)], &body)).await;

        let kinds = asked.of_tenant.lock().unwrap().clone();
        let expected = if writes { AccessKind::Write } else { AccessKind::Read };
        assert_eq!(kinds.last(), Some(&expected), "{method} {path}: {kinds:?}");
        assert_eq!(seen.status == 403, writes, "{method} {path}: {} {}", seen.status, seen.body);
        let after = world.policies.policy(&tenant()).unwrap().unwrap().to_json();
        assert_eq!(before, after, "{method} {path}");
    }
}

#[tokio::test]
async fn an_if_match_that_is_not_the_stored_version_changes_nothing() {
    let world = World::memory().await;
    let app = admin(&world, Asked::default());
    let stored = get(&app, EMAIL, &[]).await.header("etag").to_owned();
    let change = |method: &'static str, path: &'static str, tag: &[u8], body: Value| {
        let mut request = build(method, path, &[("content-type", JSON)], &body.to_string());
        request.headers_mut().insert("if-match", HeaderValue::from_bytes(tag).unwrap());
        send(&app, request)
    };
    let before = world.policies.policy(&tenant()).unwrap().unwrap().to_json();
    for tag in [
        &b""[..],
        b"\"\"",
        b"W/\"\"",
        b"abc",
        b"\"0\"",
        b"W/\"0\"",
        b"-1",
        b"W/\"-1\"",
        b"1.0",
        b"99999999999999999999999",
        b"W/\"18446744073709551615\"",
        b"W/\"\xff\"",
        b"\xfc",
        b"**",
        b"null",
    ] {
        let email = change("PATCH", EMAIL, tag, json!({"state": "disabled"})).await;
        assert_eq!(email.status, 412, "{tag:?}: {}", email.body);
        let flow = "/tenants/contoso/v1.0/identity/authenticationEventsFlows/sign-in";
        let flow = change("PATCH", flow, tag, json!({"displayName": "Another"})).await;
        assert_eq!(flow.status, 412, "{tag:?}: {}", flow.body);
        let made = change("POST", FLOWS, tag, json!({"displayName": "Another"})).await;
        assert_ne!(made.status, 201, "{tag:?}: {}", made.body);
    }
    assert_eq!(world.policies.policy(&tenant()).unwrap().unwrap().to_json(), before);

    for tag in [stored.as_bytes(), b"*"] {
        let email = change("PATCH", EMAIL, tag, json!({"state": "disabled"})).await;
        assert_eq!(email.status, 204, "{tag:?}: {}", email.body);
    }
}

const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=y>&amp;";

/// No element and no attribute comes of the text, and it is there all the same.
fn is_escaped(seen: &Seen, about: &str) {
    for part in ["<script>", "<img", "onerror=y>"] {
        assert!(!seen.body.contains(part), "{about}: {part} in {}", seen.body);
    }
    assert!(!seen.body.contains("&amp;\"") || !seen.body.contains("\"'>"), "{about}");
}

#[tokio::test]
async fn every_text_from_outside_is_escaped_on_every_administrators_page() {
    let world = World::memory().await;
    let policy = (*world.policies.policy(&tenant()).unwrap().unwrap()).clone();
    let brand = Brand::new("\"'><script>alert(1)</script><img src=x onerror=y>").unwrap();
    let groups = |list: &str| {
        format!(r#""{list}":[{{"targetType":"group","id":{}}}]"#, json!("a\"'><img src=x>"))
    };
    let email = format!(
        r##"{{"@odata.type":"#microsoft.graph.emailAuthenticationMethodConfiguration","id":"Email",
        "state":"enabled",{},{}}}"##,
        groups("includeTargets"),
        groups("excludeTargets")
    );
    let policy = policy.with_brand(brand);
    let policy = match sspr::policy::AuthenticationMethodsPolicy::from_email_json(&email) {
        Ok(methods) => policy.with_authentication_methods(methods),
        // An id that is refused at the door is on no page.
        Err(_) => policy,
    };
    world.policies.replace(policy.clone());
    // A host's own administrators, and what another program has recorded.
    let stored = world.policies.read(&tenant()).await.unwrap().unwrap();
    let mut document = policy.to_json();
    document["passwordRules"]["terms"] = json!([HOSTILE]);
    let after = TenantPolicy::from_json(&document.to_string()).unwrap_or_else(|_| policy.clone());
    let change = PolicyChange::new(
        sspr::domain::Timestamp::from_micros(0),
        HOSTILE,
        HOSTILE,
        Some(&stored.policy),
        after,
    );
    world.policies.write(&change, stored.version).await.unwrap();
    let shown = Admin::new(&world.sspr, world.policies.clone(), Asked::default())
        .with_group(&tenant(), GroupId::parse("staff").unwrap(), HOSTILE)
        .router();
    // Saved by the page itself, as far as the rules take it.
    let version =
        || async { world.policies.read(&tenant()).await.unwrap().unwrap().version.to_string() };
    let name = [("version", &*version().await), ("name", HOSTILE)].map(|(a, b)| (a, b.to_owned()));
    let name: Vec<(&str, &str)> = name.iter().map(|(a, b)| (*a, b.as_str())).collect();
    post(&shown, "/user-flows", &[], &form(&name)).await;
    let terms = [
        ("version", version().await),
        ("rules", "nist".to_owned()),
        ("min_length", "15".to_owned()),
        ("terms", HOSTILE.to_owned()),
    ];
    let terms: Vec<(&str, &str)> = terms.iter().map(|(a, b)| (*a, b.as_str())).collect();
    post(&shown, "/password-rules", &[], &form(&terms)).await;

    let query = form(&[("tenant", "contoso"), ("flow", HOSTILE)]);
    for path in ["/", "/events", &format!("/?{query}"), &format!("/nowhere?{query}")] {
        let seen = get(&shown, path, &[]).await;
        assert!(seen.header("content-type").starts_with("text/html"), "{path}");
        is_escaped(&seen, path);
    }
    let events = get(&shown, "/events", &[]).await;
    assert!(events.body.matches("alert(1)").count() >= 2, "who and what: {}", events.body);
    let page = get(&shown, "/", &[]).await;
    assert!(page.body.matches("alert(1)").count() >= 3, "brand, group, flow: {}", page.body);
    for (path, fields) in [
        ("/explain", vec![("address", HOSTILE)]),
        ("/user-flow", vec![("version", "0"), ("name", HOSTILE), ("idp", HOSTILE)]),
        ("/password-rules", vec![("version", "0"), ("min_length", HOSTILE)]),
        ("/policy", vec![("version", HOSTILE), ("include_group", HOSTILE), ("include", "groups")]),
    ] {
        let seen = post(&shown, &format!("{path}?{query}"), &[], &form(&fields)).await;
        is_escaped(&seen, path);
    }
}

#[tokio::test]
async fn a_page_offers_the_groups_of_its_own_tenant_only() {
    let world = World::memory().await;
    world.policies.replace(TenantPolicy::customers("fabrikam").unwrap());
    let fabrikam = TenantId::parse("fabrikam").unwrap();
    let group = |id: &str| GroupId::parse(id).unwrap();
    let app = Admin::new(&world.sspr, world.policies.clone(), Asked::default())
        .with_group(&tenant(), group("ours"), "Staff of Contoso")
        .with_group(&fabrikam, group("theirs"), "Staff of Fabrikam")
        .router();
    for (named, own, other) in
        [("contoso", "Staff of Contoso", "theirs"), ("fabrikam", "Staff of Fabrikam", "ours\"")]
    {
        let page = get(&app, &format!("/?tenant={named}"), &[]).await.body;

        assert!(page.contains(own), "{named}");
        assert!(!page.contains(other), "{named}");
    }
}

/// The length of the journeys' cookie.
fn journeys(browser: &Browser) -> usize {
    let own = |cookie: &&String| {
        cookie.starts_with("__Host-sspr-") && !cookie.starts_with("__Host-sspr-device-")
    };
    browser.cookies.iter().find(own).map_or(0, String::len)
}

/// From the address to a new password.
async fn reset(browser: &mut Browser, world: &World, mail: &str) -> Seen {
    browser.named(mail).await;
    browser.post("reset", &[]).await;
    let code = world.mailed_code().await.expose();
    browser.post("code", &[("code", &code)]).await;
    browser.post("new-password", &[("new-password", NEW), ("confirm-password", NEW)]).await
}

fn pages(world: &World, sessions: impl Sessions + 'static) -> Router {
    let shop = Application::new("contoso", "sign-in", "shop").unwrap();
    Pages::new(&world.sspr, shop, sessions).router()
}

#[tokio::test]
async fn a_browser_keeps_of_a_journey_what_its_next_step_needs_and_nothing_of_an_ended_one() {
    let world = World::memory().await;
    let app = pages(&world, Named);
    let mut browser = Browser::before(&app, "");
    browser.post("sign-in", &[("username", "ada@example.com")]).await;
    let named = journeys(&browser);
    browser.post("reset", &[]).await;
    let asked = journeys(&browser);
    let code = world.mailed_code().await.expose();
    browser.post("code", &[("code", &code)]).await;
    let granted = journeys(&browser);
    browser.post("new-password", &[("new-password", NEW), ("confirm-password", NEW)]).await;
    let done = journeys(&browser);

    // What is sealed has one of a few lengths; a token, and then a grant, make it longer by one.
    assert!(asked > named + 80, "{named} {asked}");
    assert!(granted > asked + 80, "{asked} {granted}");
    // Where the journey ended and where it leads are not as long as either of them.
    assert!(done <= asked && done < granted, "a finished journey keeps no secret: {done}");

    // A sign-in ends its journey: nothing of it is left, not even the address.
    let mut browser = Browser::before(&app, "");
    let before = {
        let mut fresh = Browser::before(&app, "");
        fresh.get("/sign-in?ui_locales=en").await;
        journeys(&fresh)
    };
    browser.post("sign-in", &[("username", "ada@example.com")]).await;
    let at = browser.at.clone();
    browser.post("password", &[("password", NEW)]).await;
    assert!(journeys(&browser) <= before, "{} {before}", journeys(&browser));
    let again = browser.get(&at).await;
    assert_eq!((again.status, again.header("location")), (303, "sign-in"), "{}", again.body);
}

/// Each kind of second factor, and whether it is asked for.
const FACTORS: [(SecondFactor, SecondFactorDemand); 3] = [
    (SecondFactor::None, SecondFactorDemand::None),
    (SecondFactor::Independent, SecondFactorDemand::Required),
    (SecondFactor::SameMailbox, SecondFactorDemand::Required),
];

#[tokio::test]
async fn each_second_factor_stays_demanded_after_a_sign_in_and_after_a_reset() {
    for (factor, expected) in FACTORS {
        let world = World::memory().await;
        world.change_account("ada", |ada| ada.second_factor = factor).await;
        let SignInOutcome::SignedIn(signed_in) = world.sign_in("ada@example.com", OLD).await else {
            panic!("{factor:?}")
        };
        assert_eq!(signed_in.second_factor, expected, "{factor:?}");
        // A factor in the same mailbox proves nothing beside a code, so there is no reset with it.
        let resets = factor != SecondFactor::SameMailbox;
        let demanded = expected == SecondFactorDemand::Required;
        if resets {
            let ticket = world.reset().await;
            let RedeemOutcome::SignIn(redeemed) = world.redeem(&ticket).await else {
                panic!("{factor:?}")
            };
            assert_eq!(redeemed.second_factor, expected, "{factor:?}");
        }

        // And on the pages, and in the native API.
        let world = World::memory().await;
        world.change_account("ada", |ada| ada.second_factor = factor).await;
        if resets {
            let app = pages(&world, Named);
            let mut browser = Browser::before(&app, "");
            reset(&mut browser, &world, "ada@example.com").await;
            let done = browser.here().await;
            assert_eq!(done.body.contains("signed in"), !demanded, "{factor:?}: {}", done.body);
        }
        let password = if resets { NEW } else { OLD };
        let native = native(&world, &tenant());
        let named = [("username", "ada@example.com"), ("challenge_type", "password redirect")];
        let token = v1(&native, "oauth2/v2.0/initiate", &named).await.text("continuation_token");
        let token = v1(&native, "oauth2/v2.0/challenge", &[("continuation_token", &token)]).await;
        let token = token.text("continuation_token");
        let fields = [
            ("grant_type", "password"),
            ("scope", "openid offline_access"),
            ("password", password),
            ("continuation_token", &*token),
        ];
        let entered = v1(&native, "oauth2/v2.0/token", &fields).await;
        assert_eq!(
            entered.body.contains("access_token"),
            !demanded,
            "{factor:?}: {}",
            entered.body
        );
    }
}

/// The API of a tenant, with two applications.
fn native(world: &World, tenant: &TenantId) -> Router {
    native_with(world, tenant, Plain)
}

fn native_with(world: &World, tenant: &TenantId, issuer: impl TokenIssuer + 'static) -> Router {
    let application = |id: &str| Application::new(tenant.as_str(), "sign-in", id).unwrap();
    let native = Native::new(&world.sspr, application("shop"), issuer);
    native.with_application(application("other")).unwrap().router()
}

async fn v1(app: &Router, path: &str, fields: &[(&str, &str)]) -> Seen {
    let body = form(&[&[("client_id", "shop")], fields].concat());
    post(app, &format!("/{path}"), &[], &body).await
}

async fn v2(app: &Router, method: &str, path: &str, body: &Value) -> Seen {
    let path = format!("/api/v2.0/{path}");
    send(app, build(method, &path, &[("content-type", JSON)], &body.to_string())).await
}

fn next(seen: &Seen) -> String {
    let token = seen.json()["continuationToken"].as_str().map(str::to_owned);
    token.unwrap_or_else(|| panic!("no token: {}", seen.body))
}

/// A token of each step of version 2, by the path that takes it, and the code at the end.
struct Walked {
    tokens: Vec<(&'static str, &'static str, Value)>,
    /// What version 2's exit takes, and the code that it gave for it.
    left: Vec<(String, String)>,
}

async fn walk(world: &World, app: &Router) -> Walked {
    let entry = || async {
        let fields = [("scope", "openid offline_access")];
        v1(app, "oauth2/v2.0/authorize-challenge", &fields).await.text("continuation_token")
    };
    let mut tokens = Vec::new();
    let mut left = Vec::new();
    let ada = |token: &str| json!({"continuationToken": token, "username": "ada@example.com"});

    let first = entry().await;
    tokens.push(("POST", "resetpassword/start", ada(&first)));
    tokens.push(("POST", "signin/start", ada(&first)));
    let opened = next(&v2(app, "POST", "resetpassword/start", &ada(&first)).await);
    let body = json!({"continuationToken": opened});
    tokens.push(("POST", "auth/methods/email/1/challenge", body.clone()));
    let sent = next(&v2(app, "POST", "auth/methods/email/1/challenge", &body).await);
    let code = world.mailed_code().await.expose();
    let body = json!({"continuationToken": sent, "otp": code});
    tokens.push(("POST", "auth/methods/email/1/verify", body.clone()));
    let granted = next(&v2(app, "POST", "auth/methods/email/1/verify", &body).await);
    let body = json!({"continuationToken": granted, "newPassword": NEW});
    tokens.push(("PUT", "resetpassword/update", body.clone()));
    let updated = next(&v2(app, "PUT", "resetpassword/update", &body).await);
    let body = json!({"continuationToken": updated});
    tokens.push(("POST", "resetpassword/poll", body.clone()));
    let finished = next(&v2(app, "POST", "resetpassword/poll", &body).await);
    let named = next(&v2(app, "POST", "signin/start", &ada(&entry().await)).await);
    let body = json!({"continuationToken": named});
    tokens.push(("POST", "auth/methods/password/1/challenge", body.clone()));
    let asked = next(&v2(app, "POST", "auth/methods/password/1/challenge", &body).await);
    let body = json!({"continuationToken": asked, "password": NEW});
    tokens.push(("POST", "auth/methods/password/1/verify", body.clone()));
    let signed_in = next(&v2(app, "POST", "auth/methods/password/1/verify", &body).await);
    for token in [finished, signed_in] {
        let fields = [("continuation_token", &*token)];
        let code = v1(app, "oauth2/v2.0/authorize-challenge", &fields).await.text("code");
        left.push((token, code));
    }
    Walked { left, tokens }
}

#[tokio::test]
async fn what_one_tenants_client_brings_opens_nothing_in_another_tenant() {
    let world = World::memory().await;
    world.policies.replace(TenantPolicy::customers("fabrikam").unwrap());
    let fabrikam = TenantId::parse("fabrikam").unwrap();
    let (own, foreign) = (native(&world, &tenant()), native(&world, &fabrikam));
    let Walked { left, tokens } = walk(&world, &own).await;

    for (method, path, body) in tokens {
        let seen = v2(&foreign, method, path, &body).await;
        assert_eq!(seen.status, 400, "{path}: {}", seen.body);
        assert_eq!(
            seen.json()["error"]["code"],
            "invalidContinuationToken",
            "{path}: {}",
            seen.body
        );
    }
    for (token, code) in left {
        let fields = [("continuation_token", &*token)];
        let exit = v1(&foreign, "oauth2/v2.0/authorize-challenge", &fields).await;
        assert!(exit.status == 400 && !exit.body.contains("\"code\""), "{}", exit.body);
        let fields = [("grant_type", "authorization_code"), ("code", &*code)];
        let tokens = v1(&foreign, "oauth2/v2.0/token", &fields).await;
        assert!(tokens.status == 400 && !tokens.body.contains("access_token"), "{}", tokens.body);
        // At home it is worth what it says.
        assert_eq!(v1(&own, "oauth2/v2.0/token", &fields).await.status, 200);
    }
}

#[tokio::test]
async fn the_exit_and_the_tokens_of_version_2_are_for_the_client_that_began() {
    let world = World::memory().await;
    let app = native(&world, &tenant());
    let Walked { left, .. } = walk(&world, &app).await;
    for (token, code) in left {
        let as_client = |client: &'static str, fields: &[(&str, &str)], path: &str| {
            let body = form(&[&[("client_id", client)], fields].concat());
            let path = format!("/oauth2/v2.0/{path}");
            let app = app.clone();
            async move { post(&app, &path, &[], &body).await }
        };
        let exit = [("continuation_token", &*token)];
        for client in ["other", "nobody"] {
            let seen = as_client(client, &exit, "authorize-challenge").await;
            assert!(seen.status == 400 && !seen.body.contains("\"code\":\""), "{}", seen.body);
            let fields = [("grant_type", "authorization_code"), ("code", &*code)];
            let seen = as_client(client, &fields, "token").await;
            assert!(seen.status == 400 && !seen.body.contains("access_token"), "{}", seen.body);
        }
        // A code is no continuation token, nor the other way round.
        let swapped =
            as_client("shop", &[("continuation_token", &*code)], "authorize-challenge").await;
        assert_eq!(swapped.status, 400, "{}", swapped.body);
        let fields = [("grant_type", "authorization_code"), ("code", &*token)];
        let swapped = as_client("shop", &fields, "token").await;
        assert!(
            swapped.status == 400 && !swapped.body.contains("access_token"),
            "{}",
            swapped.body
        );
    }
}

#[tokio::test]
async fn every_limit_and_every_breakage_of_both_versions_says_when_to_try_again() {
    let (world, down) = flaky_world().await;
    let app = native(&world, &tenant());
    let entry = v1(&app, "oauth2/v2.0/authorize-challenge", &[]).await.text("continuation_token");
    let named = json!({"continuationToken": entry, "username": "ada@example.com"});
    let fields = [("username", "ada@example.com"), ("challenge_type", "oob redirect")];
    // The request for the first code is the first step that is counted.
    let challenged = async || {
        let started = v1(&app, "resetpassword/v1.0/start", &fields).await;
        let token = started.text("continuation_token");
        let first =
            v1(&app, "resetpassword/v1.0/challenge", &[("continuation_token", &token)]).await;
        let token = next(&v2(&app, "POST", "resetpassword/start", &named).await);
        let body = json!({ "continuationToken": token });
        [first, v2(&app, "POST", "auth/methods/email/1/challenge", &body).await]
    };
    let mut limited = [None, None];
    for _ in 0..2_000 {
        for (seen, kept) in challenged().await.into_iter().zip(&mut limited) {
            if seen.status == 429 {
                *kept = Some(seen);
            }
        }
        if limited.iter().all(Option::is_some) {
            break;
        }
    }
    for seen in limited.map(|seen| seen.expect("a limit")) {
        let seconds: u64 = seen.header("retry-after").parse().expect("whole seconds");
        assert!(seconds > 0, "{}", seen.body);
    }
    down.store(true, std::sync::atomic::Ordering::SeqCst);
    for seen in challenged().await {
        assert_eq!(seen.status, 503, "{}", seen.body);
        assert_eq!(seen.header("retry-after"), "30");
    }
}

const CAUSE: &str = "cause-for-the-log-alone";

/// A host whose sessions and tokens cannot be had.
struct Broken;

#[async_trait::async_trait]
impl Sessions for Broken {
    async fn begin(&self, _: SignInContext<'_>) -> Result<NewSession, SessionError> {
        Err(SessionError::new(CAUSE))
    }

    async fn end(&self, _: &Parts) -> Result<Vec<HeaderValue>, SessionError> {
        Err(SessionError::new(CAUSE))
    }
}

#[async_trait::async_trait]
impl TokenIssuer for Broken {
    async fn issue(&self, _: TokenRequest<'_>) -> Result<Issued, IssueError> {
        Err(IssueError::new(CAUSE))
    }

    async fn refresh(
        &self,
        _: &TenantId,
        _: &ApplicationId,
        _: &str,
    ) -> Result<Issued, IssueError> {
        Err(IssueError::new(CAUSE))
    }
}

#[tokio::test]
async fn what_a_port_of_the_host_says_when_it_fails_is_on_no_page_and_in_no_answer() {
    let world = World::memory().await;
    let app = pages(&world, Broken);
    let mut browser = Browser::before(&app, "");
    browser.post("sign-in", &[("username", "ada@example.com")]).await;
    let mut answers = vec![browser.post("password", &[("password", OLD)]).await];
    assert_eq!(answers[0].status, 503);
    answers.push(browser.post("sign-out", &[]).await);
    assert_eq!(answers[1].status, 503);
    let mut browser = Browser::before(&app, "");
    let done = reset(&mut browser, &world, "ada@example.com").await;
    assert!(done.header("location").starts_with("done"), "the password is changed all the same");
    let done = browser.here().await;
    assert!(!done.body.contains("signed in"), "{}", done.body);
    answers.push(done);

    let api = native_with(&world, &tenant(), Broken);
    let named = [("username", "ada@example.com"), ("challenge_type", "password redirect")];
    let token = v1(&api, "oauth2/v2.0/initiate", &named).await.text("continuation_token");
    let token = v1(&api, "oauth2/v2.0/challenge", &[("continuation_token", &token)]).await;
    let token = token.text("continuation_token");
    let grant = [
        ("grant_type", "password"),
        ("scope", "openid offline_access"),
        ("password", NEW),
        ("continuation_token", &*token),
    ];
    answers.push(v1(&api, "oauth2/v2.0/token", &grant).await);
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", "ada")];
    answers.push(v1(&api, "oauth2/v2.0/token", &refresh).await);
    for seen in &answers[3..] {
        assert_eq!(seen.status, 503, "{}", seen.body);
    }
    for seen in answers {
        assert!(!seen.body.contains(CAUSE) && !seen.body.contains(NEW), "{}", seen.body);
    }
}

#[tokio::test]
async fn every_text_from_outside_is_escaped_on_every_page() {
    let world = World::memory().await;
    furnish(&world).await;
    let policy = world.policies.policy(&tenant()).unwrap().unwrap();
    let brand = Brand::new("\"'><script>alert(1)</script><img src=x onerror=y>").unwrap();
    world.policies.replace((*policy).clone().with_brand(brand));
    let app = pages(&world, Named);
    let mut browser = Browser::before(&app, "");
    let query = form(&[("return_to", HOSTILE), ("flow", HOSTILE), ("ui_locales", HOSTILE)]);
    browser.post("sign-in", &[("username", HOSTILE), ("return_to", HOSTILE)]).await;
    let shown = browser.here().await;
    assert!(shown.body.contains("alert(1)"), "what was typed is shown again");
    let mut seen = vec![shown];
    let hostile = "a'\"<img>`{}|@example.com";
    for mail in [hostile, "ada@example.com"] {
        let mut browser = Browser::before(&app, "");
        browser.post("sign-in", &[("username", mail)]).await;
        seen.push(browser.here().await);
        browser.post("password", &[("password", HOSTILE)]).await;
        seen.push(browser.here().await);
        browser.post("reset", &[]).await;
        browser.post("code", &[("code", HOSTILE)]).await;
        seen.push(browser.here().await);
    }
    for path in
        ["/sign-in", "/password", "/code", "/done", "/unavailable", "/start-again", "/nowhere"]
    {
        seen.push(browser.get(&format!("{path}?{query}")).await);
    }
    for seen in seen {
        is_escaped(&seen, "a page");
    }
    assert_eq!(ReturnTo::parse(HOSTILE).ok(), None);
}

#[tokio::test]
async fn a_browser_with_many_tabs_sends_a_cookie_that_browsers_keep_and_the_newest_tab_goes_on() {
    let world = World::memory().await;
    let app = pages(&world, Named);
    let mut browser = Browser::before(&app, "");
    let long = format!("{}@{}.example", "a".repeat(64), "b".repeat(60));
    for _ in 0..12 {
        browser.at.clear();
        let mail = [("username", &*long), ("return_to", "/cart?with=a&long=tail")];
        browser.post("sign-in", &mail).await;
        browser.post("reset", &[]).await;
        // Browsers keep 4,096 bytes of a cookie, its name and attributes included.
        assert!(journeys(&browser) < 4_000, "{}", journeys(&browser));
    }
    browser.at.clear();
    browser.post("sign-in", &[("username", "ada@example.com")]).await;
    browser.post("reset", &[]).await;
    let code = world.mailed_code().await.expose();
    browser.post("code", &[("code", &code)]).await;
    assert!(browser.at.starts_with("/new-password"), "{}", browser.at);
    assert_eq!(browser.here().await.status, 200);
}
