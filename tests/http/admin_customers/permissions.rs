//! Who may do what at the help desk.

use std::{fs, path::Path};

use super::{ACTIONS, ADA, CUSTOMERS, Desk, router, visit};
use crate::support::{
    World,
    front::{self, FORM, JSON, Seen, build, get, send},
};
use sspr::http::AccessKind;

const USER: &str = "/admin/tenants/contoso/v1.0/users/ada/authentication";
const RESET: &str = "methods/28c10230-6103-485e-b985-444c60001490/resetPassword";

/// Every route of the help desk: method, path, what it needs, and a body that would do something.
fn routes(form: &[(String, String)]) -> Vec<(&'static str, String, Vec<AccessKind>, String)> {
    let customers = AccessKind::Customers;
    let mut all = vec![
        ("GET", CUSTOMERS.to_owned(), vec![customers], String::new()),
        ("POST", CUSTOMERS.to_owned(), vec![customers], front::form(&ADA[..1])),
    ];
    for (word, kind) in ACTIONS {
        let query = format!("?tenant=contoso&action={word}");
        let confirm = format!("/admin/customer-confirm{query}");
        all.push(("POST", confirm, vec![customers, kind], front::form(&ADA)));
        let mut fields: Vec<(&str, &str)> = form.iter().map(|(a, b)| (&**a, &**b)).collect();
        fields.push(("reason", "Ticket 7"));
        let act = format!("/admin/customer-action{query}");
        all.push(("POST", act, vec![customers, kind], front::form(&fields)));
    }
    let reset = format!("{USER}/{RESET}");
    all.push(("POST", reset, vec![AccessKind::TemporaryPassword], "{}".to_owned()));
    let pass = format!("{USER}/temporaryAccessPassMethods");
    all.push(("POST", pass, vec![AccessKind::AssistanceCode], "{}".to_owned()));
    all
}

async fn ask(desk: &Desk, who: Option<&str>, method: &str, path: &str, body: &str) -> Seen {
    let content = if path.contains("/v1.0/") { JSON } else { FORM };
    let mut headers = vec![("content-type", content)];
    headers.extend(who.map(|who| ("authorization", who)));
    send(&desk.app, build(method, path, &headers, body)).await
}

#[tokio::test]
async fn every_route_needs_its_permissions_and_does_nothing_without_them() {
    let all = [
        AccessKind::AssistanceCode,
        AccessKind::Customers,
        AccessKind::Read,
        AccessKind::RequireChange,
        AccessKind::TemporaryPassword,
        AccessKind::Unfreeze,
        AccessKind::Unlock,
        AccessKind::Write,
    ];
    let form = Desk::new().await.confirm("code").await;
    for (method, path, needed, body) in routes(&form) {
        let with = |kinds: &[AccessKind]| {
            let words: Vec<String> = kinds.iter().map(|kind| format!("{kind:?}")).collect();
            format!("agent {}", words.join(" "))
        };
        let just_enough = with(&needed);
        let mut cases = vec![(Some(just_enough), true), (None, false), (Some("eve".into()), false)];
        for missing in &needed {
            let rest: Vec<_> = all.iter().copied().filter(|kind| kind != missing).collect();
            cases.push((Some(with(&rest)), false));
        }
        for (who, may) in cases {
            let desk = Desk::new().await;
            let before = desk.world.account("ada").await.unwrap();

            let seen = ask(&desk, who.as_deref(), method, &path, &body).await;

            let case = format!("{method} {path} by {who:?}: {}", seen.body);
            let refusal = match (&who, path.contains("/v1.0/")) {
                (None, true) => 401,
                (None, false) => 303,
                _ => 403,
            };
            if may {
                assert!((200..300).contains(&seen.status), "{case}");
                continue;
            }
            assert_eq!(seen.status, refusal, "{case}");
            let after = desk.world.account("ada").await.unwrap();
            assert!(after.stamp == before.stamp && !after.must_change, "{case}");
            assert_eq!(desk.lines(), [] as [String; 0], "{case}");
            assert_eq!(desk.world.events.all().len(), 0, "{case}");
            // As a whole word: the random id of a request may well have these letters in it.
            let mut words = seen.body.split(|letter: char| !letter.is_alphanumeric());
            assert!(!words.any(|word| word == "ada"), "{case}");
            for told in ["sign-in", "Contoso"] {
                assert!(!seen.body.contains(told), "{case}");
            }
        }
    }
}

#[tokio::test]
async fn staff_of_one_tenant_see_no_other() {
    let desk = Desk::new().await;
    desk.world.policies.replace(sspr::TenantPolicy::customers("fabrikam").unwrap());
    let agent = "agent Customers Unlock";
    let own = visit(&desk, "/admin/customers", agent).await;
    assert!(own.status == 200 && !own.body.contains("fabrikam"), "{}", own.body);
    let other = visit(&desk, "/admin/customers?tenant=fabrikam", agent).await;
    assert_eq!(other.status, 403);
}

#[tokio::test]
async fn the_navigation_shows_only_what_the_host_allows() {
    let desk = Desk::new().await;
    let link = "<a href=\"customers?tenant=contoso\">Customers</a>";
    for path in ["/admin/?tenant=contoso", "/admin/events?tenant=contoso"] {
        assert!(visit(&desk, path, "root").await.body.contains(link), "{path}");
        assert!(visit(&desk, path, "agent Read Customers").await.body.contains(link), "{path}");
        assert!(!visit(&desk, path, "agent Read Unlock").await.body.contains(link), "{path}");
    }
    let agent = visit(&desk, CUSTOMERS, "agent Customers").await.body;
    assert!(!agent.contains("Password reset") && !agent.contains("Events"), "{agent}");
    let root = visit(&desk, CUSTOMERS, "root").await.body;
    assert!(root.contains("Password reset") && root.contains("Events"), "{root}");
}

#[tokio::test]
async fn only_permitted_actions_have_a_button() {
    let desk = Desk::new().await;
    let body = front::form(&ADA[..1]);
    let seen = ask(&desk, Some("agent Customers Unlock"), "POST", CUSTOMERS, &body).await.body;
    assert!(seen.contains("End the pause"), "{seen}");
    assert!(!seen.contains("Set a temporary password") && !seen.contains("Hand over"), "{seen}");
}

#[tokio::test]
async fn without_a_help_desk_no_route_and_no_link_exists() {
    let world = World::memory().await;
    let desk = Desk { app: router(&world, false), log: super::Log::default(), world };
    for (method, path, ..) in routes(&[]) {
        let seen = ask(&desk, Some("root"), method, &path, "").await;
        assert_eq!(seen.status, 404, "{method} {path}: {}", seen.body);
    }
    let page = get(&desk.app, "/admin/?tenant=contoso", &[super::ROOT]).await.body;
    assert!(!page.contains("ustomers?tenant"), "{page}");
}

#[tokio::test]
async fn a_name_that_no_record_can_keep_does_nothing() {
    let desk = Desk::new().await;
    let who = "long Customers TemporaryPassword";
    let seen = visit(&desk, CUSTOMERS, who).await;
    assert!(seen.status == 403 && seen.body.contains("at most 128 bytes"), "{}", seen.body);
    let seen = ask(&desk, Some(who), "POST", &format!("{USER}/{RESET}"), "{}").await;
    assert_eq!(seen.status, 403, "{}", seen.body);
    assert_eq!(desk.lines().len(), 0);
}

/// A route that is added without a row above is noticed.
#[test]
fn every_route_has_its_row() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/admin/customers/mod.rs");
    let source = fs::read_to_string(source).unwrap();
    let calls = ["get(", "post(", "patch(", "put(", "delete("];
    let handlers: usize = ["graph::", "pages::"]
        .iter()
        .map(|module| {
            calls
                .iter()
                .map(|call| source.matches(&format!("{call}{module}")).count())
                .sum::<usize>()
        })
        .sum();
    let rows = routes(&[]);
    let paths: std::collections::BTreeSet<_> =
        rows.iter().map(|row| (row.0, row.1.split('?').next().unwrap())).collect();
    assert_eq!(handlers, paths.len());
}
