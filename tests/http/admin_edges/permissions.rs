//! Every route × every permission.

use std::{fs, path::Path};

use super::{Desk, EMAIL, FLOWS, JSON, SMS, Seen, build, front, send};

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Read,
    Write,
}
use Kind::{Read, Write};

/// Whether an answer is a page or Graph's JSON.
#[derive(Clone, Copy, PartialEq)]
enum Front {
    Graph,
    Page,
}
use Front::{Graph, Page};

/// Method, path, what it needs, and a body that would change something.
fn routes() -> Vec<(&'static str, String, Kind, Front, String)> {
    let query = "?tenant=contoso";
    let flow = r#"{"displayName": "x"}"#.to_owned();
    let provider = r#"{"onAuthenticationMethodLoadStart": {"identityProviders": []}}"#.to_owned();
    let form = |fields: &[(&str, &str)]| front::form(&[&[("version", "1")], fields].concat());
    let page = |path: &str| format!("/admin{path}{query}");
    vec![
        ("GET", page("/"), Read, Page, String::new()),
        ("GET", page("/email.json"), Read, Page, String::new()),
        ("GET", page("/events"), Read, Page, String::new()),
        ("POST", page("/explain"), Read, Page, form(&[("address", "ada@example.com")])),
        ("POST", page("/policy"), Write, Page, form(&[("include", "all_users")])),
        ("GET", page("/sms.json"), Read, Page, String::new()),
        (
            "POST",
            page("/sms"),
            Write,
            Page,
            form(&[
                ("state", "enabled"),
                ("include", "all_users"),
                ("countries", "US"),
                ("texts_per_number", "1"),
                ("texts_per_block", "2"),
                ("texts_per_network", "3"),
                ("texts_per_tenant", "4"),
            ]),
        ),
        ("POST", page("/user-flows"), Write, Page, form(&[("name", "New")])),
        (
            "POST",
            format!("{}&flow=sign-in", page("/user-flow")),
            Write,
            Page,
            form(&[("name", "Renamed"), ("idp", "Google-OAUTH"), ("all_applications", "yes")]),
        ),
        (
            "POST",
            page("/password-rules"),
            Write,
            Page,
            form(&[("rules", "entra"), ("min_length", "20")]),
        ),
        ("POST", page("/notices"), Write, Page, form(&[("freeze_codes", "on")])),
        ("GET", EMAIL.to_owned(), Read, Graph, String::new()),
        ("PATCH", EMAIL.to_owned(), Write, Graph, r#"{"state": "disabled"}"#.to_owned()),
        ("GET", SMS.to_owned(), Read, Graph, String::new()),
        ("PATCH", SMS.to_owned(), Write, Graph, r#"{"state": "enabled"}"#.to_owned()),
        ("DELETE", SMS.to_owned(), Write, Graph, String::new()),
        ("GET", FLOWS.to_owned(), Read, Graph, String::new()),
        ("POST", FLOWS.to_owned(), Write, Graph, flow),
        ("GET", format!("{FLOWS}/sign-in"), Read, Graph, String::new()),
        ("PATCH", format!("{FLOWS}/sign-in"), Write, Graph, provider),
    ]
}

async fn ask(desk: &Desk, who: Option<&str>, route: &(&str, String, Kind, Front, String)) -> Seen {
    let (method, path, _, front, body) = route;
    let content = if *front == Graph { JSON } else { front::FORM };
    let mut headers = vec![("content-type", content)];
    headers.extend(who.map(|who| ("authorization", who)));
    send(&desk.app, build(method, path, &headers, body)).await
}

#[tokio::test]
async fn every_route_asks_for_its_permission_and_changes_nothing_without_it() {
    for route in routes() {
        let (method, path, kind, front, _) = &route;
        for who in
            [None, Some("eve"), Some("lister"), Some("neighbour"), Some("reader"), Some("root")]
        {
            let desk = Desk::new().await;
            let before = [desk.stored("contoso"), desk.stored("fabrikam")];

            let seen = ask(&desk, who, &route).await;

            let case = format!("{method} {path} by {who:?}: {}", seen.body);
            let may = who == Some("root") || (who == Some("reader") && *kind == Read);
            match (who, may, front) {
                (_, true, _) => assert!((200..400).contains(&seen.status), "{case}"),
                (None, _, Page) => {
                    assert_eq!(
                        (seen.status, seen.header("location")),
                        (303, "/administrator"),
                        "{case}"
                    );
                }
                (None, _, Graph) => assert_eq!(seen.status, 401, "{case}"),
                (_, _, Page) => {
                    assert_eq!(seen.status, 403, "{case}");
                    assert!(seen.body.contains("You may not administer this tenant."), "{case}");
                }
                _ => assert_eq!(seen.status, 403, "{case}"),
            }
            if !may {
                let words = ["Contoso", "sign-in", "EmailPassword", "includeTargets", "ada@"];
                let told = words.iter().find(|word| seen.body.contains(*word));
                assert_eq!(told, None, "{case}");
            }
            let after = [desk.stored("contoso"), desk.stored("fabrikam")];
            assert_eq!(after != before, may && *kind == Write, "{case}");
            assert_eq!(after[1], before[1], "{case}");
        }
    }
}

#[tokio::test]
async fn a_tenant_named_in_the_query_of_a_graph_route_is_not_the_one_that_is_asked_about() {
    let desk = Desk::new().await;
    for route in routes().iter().filter(|route| route.3 == Graph) {
        let (method, path, kind, front, body) = route;
        let path = format!("{path}?tenant=fabrikam");
        let route = (*method, path, *kind, *front, body.clone());
        assert_eq!(ask(&desk, Some("neighbour"), &route).await.status, 403, "{method}");
    }
}

/// A route that is added without a row above is noticed.
#[test]
fn every_route_has_its_row() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/admin/mod.rs");
    let source = fs::read_to_string(source).unwrap();
    let methods = ["get(", "post(", ".patch(", ".post(", "put(", "delete("];
    let handlers: usize = ["graph::", "graph_methods::", "pages::"]
        .iter()
        .map(|module| {
            let at = |method: &&str| source.matches(&format!("{method}{module}")).count();
            ["get(", "post(", "patch(", "put(", "delete("].iter().map(at).sum::<usize>()
        })
        .sum();
    assert!(methods.len() > 5);
    assert_eq!(handlers, routes().len());
}
