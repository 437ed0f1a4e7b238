//! Every text from outside × every page.

use serde_json::json;
use sspr::{
    Sspr, TenantPolicy,
    adapters::MemoryPolicies,
    domain::{GroupId, TenantId, Timestamp},
    http::Admin,
    policy::{Brand, PasswordRules, UserFlow},
    ports::{Breach, BreachCheck, PolicyChange, PolicyStore as _},
};

use super::{ByHeader, ROOT, Router, World, front};
use crate::support::front::{get, post};

/// What no page may show as it is, whatever stands around it.
const HOSTILE: &str = "\"'><img src=x onerror=1>&amp;</textarea></title>";

fn hostile(place: &str) -> String {
    format!("{place}{HOSTILE}")
}

fn tenant() -> TenantId {
    TenantId::parse(&hostile("tenant")).unwrap()
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

async fn app() -> Router {
    let world = World::memory().await;
    let methods = json!({"authenticationMethodConfigurations": [{
        "id": "Email", "state": "enabled", hostile("key"): hostile("value"),
        "includeTargets": [{"id": hostile("group")}, {"targetType": "user", "id": hostile("user")}],
        "excludeTargets": [{"id": hostile("out")}, {"targetType": "user", "id": hostile("outsider")}],
    }]});
    let flow = json!({
        "id": hostile("flow"), "displayName": hostile("name"),
        "conditions": {"applications": {"includeApplications": [{"appId": hostile("app")}]}},
        "onAuthenticationMethodLoadStart": {"identityProviders": [{"id": hostile("provider")}]},
    });
    let nowhere = json!({"id": "nowhere", "displayName": hostile("nowhere")});
    let flows = [flow, nowhere].map(|flow| UserFlow::from_json(&flow.to_string()).unwrap());
    let methods = sspr::policy::AuthenticationMethodsPolicy::from_json(&methods.to_string());
    let policy = TenantPolicy::new(tenant(), flows.to_vec(), methods.unwrap()).unwrap();
    let policy = policy
        .with_brand(Brand::new(&hostile("b")).unwrap())
        .with_password_rules(PasswordRules::nist().with_terms([&*hostile("t")]).unwrap());
    let policies = MemoryPolicies::default();
    let at = Timestamp::from_micros(1);
    let mut change = PolicyChange::new(at, &hostile("who"), &hostile("what"), None, policy);
    change.before = json!({hostile("old"): hostile("was"), "text": "x", "list": [hostile("item")]});
    policies.write(&change, 0).await.unwrap();
    let admin = Admin::new(&world.sspr, policies, ByHeader)
        .with_group(&tenant(), GroupId::parse("named").unwrap(), &hostile("of the host"))
        .with_group(&tenant(), GroupId::parse(&hostile("id of the host")).unwrap(), "Named");
    Router::new().nest("/admin/", admin.router())
}

#[tokio::test]
async fn no_text_from_outside_stands_on_a_page_as_it_is() {
    let app = app().await;
    let tenant = format!("?tenant={}", encoded(tenant().as_str()));
    let flow = format!("&flow={}", encoded(&hostile("flow")));
    let form = |fields: &[(&str, &str)]| front::form(&[&[("version", "1")], fields].concat());
    let mut pages = Vec::new();
    for path in [
        format!("/admin/{tenant}"),
        format!("/admin/{tenant}{flow}"),
        format!("/admin/{tenant}&flow={}&saved={}", encoded(HOSTILE), encoded(HOSTILE)),
        format!("/admin/events{tenant}"),
        format!("/admin/?tenant={}", encoded(HOSTILE)),
        format!("/admin/{}", encoded(HOSTILE)),
        format!("/admin/?tenant={0}&tenant={0}", encoded(HOSTILE)),
    ] {
        pages.push((path.clone(), get(&app, &path, &[ROOT]).await));
    }
    for (path, body) in [
        ("policy", form(&[("include", "groups"), ("include_group", &hostile(" bad"))])),
        ("policy", form(&[("state", "enabled"), ("include", "groups")])),
        ("user-flows", form(&[("name", &hostile("name"))])),
        ("user-flow", form(&[("name", &"<".repeat(300))])),
        ("user-flow", form(&[("name", "x"), ("applications", &"<".repeat(300))])),
        ("password-rules", form(&[("rules", HOSTILE), ("min_length", HOSTILE)])),
        ("password-rules", form(&[("min_length", "15"), ("terms", "<i>")])),
        ("explain", form(&[("address", HOSTILE)])),
        ("explain", form(&[("address", "\"<img src=x>\"@example.com")])),
        ("explain", "address=%zz<img src=x>".to_owned()),
        ("policy", front::form(&[("version", HOSTILE)])),
    ] {
        let path = format!("/admin/{path}{tenant}{flow}");
        pages.push((path.clone(), post(&app, &path, &[ROOT], &body).await));
    }
    for (path, seen) in &pages {
        if seen.status == 303 {
            assert!(!seen.header("location").contains(['<', '"', '\'']), "{path}");
            continue;
        }
        assert!(seen.header("content-type").starts_with("text/html"), "{path}");
        for sign in ["<img", "\"'>", "'><", "</textarea></title>", "<<<", "<i>"] {
            assert!(!seen.body.contains(sign), "{path} has {sign}: {}", seen.body);
        }
    }
    // All of them were there to be seen.
    let shown: String = pages.iter().map(|(_, seen)| seen.body.as_str()).collect();
    for place in [
        "tenant",
        "group",
        "user",
        "out",
        "outsider",
        "flow",
        "name",
        "app",
        "b",
        "t",
        "who",
        "what",
        "old",
        "was",
        "item",
        "key",
        "value",
        "of the host",
        "id of the host",
        "nowhere",
    ] {
        assert!(
            shown.contains(&format!("{place}&#34;&#39;&#62;&#60;img"))
                || shown.contains(&format!("{place}\\&#34;&#39;&#62;&#60;img")),
            "{place}"
        );
    }
}

#[tokio::test]
async fn what_is_answered_as_json_is_not_read_as_a_page() {
    let app = app().await;
    let tenant = encoded(tenant().as_str());
    for path in [
        format!("/admin/email.json?tenant={tenant}"),
        format!("/admin/tenants/{tenant}/v1.0/identity/authenticationEventsFlows"),
        format!("/admin/tenants/{tenant}/v1.0/{}", encoded(HOSTILE)),
    ] {
        let seen = get(&app, &path, &[ROOT]).await;
        assert!(seen.header("content-type").starts_with("application/json"), "{path}");
        assert_eq!(seen.header("x-content-type-options"), "nosniff", "{path}");
        seen.json();
    }
}

#[tokio::test]
async fn the_page_says_what_taking_a_provider_out_does_and_which_passwords_are_refused() {
    let world = World::memory().await;
    let build = |is_checked: bool| {
        let (users, codes) = (world.users.in_memory(), world.codes.clone());
        let builder = Sspr::builder(users, codes, world.policies.clone(), world.keys.clone());
        let builder = if is_checked { builder.with_breach_check(Leaks) } else { builder };
        let admin = Admin::new(&builder.build().0, world.policies.clone(), ByHeader);
        Router::new().nest("/admin/", admin.router())
    };
    for (is_checked, leaked) in
        [(false, "Leaked passwords are not looked up"), (true, "Leaked passwords are refused, too")]
    {
        let page = get(&build(is_checked), "/admin/?tenant=contoso", &[ROOT]).await.body;
        assert!(page.contains("they can no longer sign in with their password, nor reset it"));
        assert!(page.contains("what is made only of the person's name"), "{page}");
        assert!(page.contains(leaked), "{page}");
    }
}

struct Leaks;

#[async_trait::async_trait]
impl BreachCheck for Leaks {
    async fn check(&self, _: &sspr::domain::Password) -> Breach {
        Breach::NotKnown
    }
}

#[tokio::test]
async fn the_page_explains_that_a_flow_covers_no_application() {
    let world = World::memory().await;
    let kiosk = json!({"id": "kiosk", "displayName": "Kiosk", "onAuthenticationMethodLoadStart":
        {"identityProviders": [{"id": "EmailPassword-OAUTH"}]}});
    let kiosk = UserFlow::from_json(&kiosk.to_string()).unwrap();
    let policy = TenantPolicy::customers("contoso").unwrap().with_user_flows(vec![kiosk]).unwrap();
    world.policies.replace(policy);
    let admin = Admin::new(&world.sspr, world.policies.clone(), ByHeader);
    let app = Router::new().nest("/admin/", admin.router());
    let address = front::form(&[("address", "ada@example.com")]);
    let seen = post(&app, "/admin/explain?tenant=contoso&flow=kiosk", &[ROOT], &address).await;
    assert!(seen.body.contains("- the user flow covers no application; add one to it"));
    assert!(seen.body.contains("Add an application to: Kiosk."), "{}", seen.body);
}
