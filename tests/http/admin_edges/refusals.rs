//! Whatever the JSON endpoints refuse, they refuse as Graph does.

use std::time::Duration;

use axum::http::request::Parts;
use sspr::http::{Access, Admin, Authorize, Authorized};

use super::{Desk, EMAIL, FLOWS, JSON, ROOT, Router, Seen, World, build, get, message, send};

fn is_graphs(seen: &Seen, status: u16, code: &str) {
    assert_eq!(seen.status, status, "{}", seen.body);
    assert_eq!(seen.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(seen.json()["error"]["code"], code, "{}", seen.body);
    assert!(!message(seen).is_empty(), "{}", seen.body);
}

#[tokio::test]
async fn a_page_of_another_origin_is_refused_in_the_form_of_what_it_asked_for() {
    let desk = Desk::new().await;
    let headers = [ROOT, ("content-type", JSON), ("origin", "https://evil.example")];
    for (method, path) in [("PATCH", EMAIL), ("POST", FLOWS)] {
        let seen = send(&desk.app, build(method, path, &headers, "{}")).await;
        is_graphs(&seen, 403, "Authorization_RequestDenied");
    }
    let seen = send(&desk.app, build("POST", "/admin/policy?tenant=contoso", &headers, "")).await;
    assert_eq!(seen.status, 403);
    assert!(seen.body.contains("came from another site"), "{}", seen.body);
    let seen = send(&desk.app, build("DELETE", "/admin/policy", &[ROOT], "")).await;
    assert_eq!((seen.status, seen.header("allow")), (405, "POST"));
    assert!(seen.header("content-type").starts_with("text/html"));
}

/// A host whose own look-up never ends.
struct Stuck;

#[async_trait::async_trait]
impl Authorize for Stuck {
    async fn authorize(&self, _: &Parts, _: Access<'_>) -> Authorized {
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        Authorized::Forbidden
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_takes_too_long_is_given_up_in_the_form_of_what_was_asked_for() {
    let world = World::memory().await;
    let admin = Admin::new(&world.sspr, world.policies.clone(), Stuck);
    let app = Router::new().nest("/admin/", admin.router());
    is_graphs(&get(&app, EMAIL, &[]).await, 408, "RequestTimeout");
    let page = get(&app, "/admin/", &[]).await;
    assert_eq!(page.status, 408);
    assert!(page.body.contains("The answer took too long"), "{}", page.body);
}

#[tokio::test]
async fn a_tenant_that_there_cannot_be_is_an_error_of_graphs_and_only_for_whoever_may() {
    let desk = Desk::new().await;
    let flows = "v1.0/identity/authenticationEventsFlows";
    for path in [
        format!("/admin/tenants/%ff/{flows}"),
        format!("/admin/tenants/contoso/{flows}/%ff"),
        format!("/admin/tenants/%01/{flows}"),
        format!("/admin/tenants/%ff/{}", EMAIL.split_once("contoso/").unwrap().1),
    ] {
        let seen = get(&desk.app, &path, &[]).await;
        is_graphs(&seen, 401, "InvalidAuthenticationToken");
        let eve = get(&desk.app, &path, &[("authorization", "eve")]).await;
        is_graphs(&eve, 403, "Authorization_RequestDenied");
        is_graphs(&get(&desk.app, &path, &[ROOT]).await, 400, "BadRequest");
    }
    // The pages alike: what a query names is not looked at before.
    for query in ["?tenant=%01", "?tenant=%ff", "?tenant=a&tenant=b", "?flow=a&flow=b"] {
        let path = format!("/admin/{query}");
        assert_eq!(get(&desk.app, &path, &[]).await.status, 303, "{query}");
        assert_eq!(get(&desk.app, &path, &[("authorization", "eve")]).await.status, 403, "{query}");
        let seen = get(&desk.app, &path, &[ROOT]).await;
        assert!([400, 404].contains(&seen.status), "{query}: {}", seen.status);
    }
}

#[tokio::test]
async fn a_number_out_of_range_is_told_as_such() {
    let desk = Desk::new().await;
    for (body, words) in [
        (r#"{"foo": 1e999}"#, "$: a number is out of range (line 1, column "),
        (r#"{"foo": }"#, "$: not well-formed JSON (line 1, column "),
        (r#"{"foo": 1"#, "$: not complete JSON (line 1, column "),
    ] {
        let request = build("PATCH", EMAIL, &[ROOT, ("content-type", JSON)], body);
        let seen = send(&desk.app, request).await;
        is_graphs(&seen, 400, "BadRequest");
        assert!(message(&seen).starts_with(words), "{}", seen.body);
    }
}
