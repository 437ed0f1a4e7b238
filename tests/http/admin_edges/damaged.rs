//! A stored policy that cannot be read is repaired through the administrator's side.

use std::fs;

use serde_json::json;
use sspr::{
    TenantPolicy,
    adapters::PolicyDirectory,
    domain::Method,
    policy::{AfterReset, MethodState},
    ports::PolicySource as _,
};

use super::{
    EMAIL, FLOWS, JSON, ROOT, Router, SMS, TenantId, World, build, front, get, post, router, send,
    untouched,
};

struct Damaged {
    folder: tempfile::TempDir,
    running: PolicyDirectory,
    world: World,
}

impl Damaged {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for tenant in ["contoso", "fabrikam"] {
            let policy = TenantPolicy::customers(tenant).unwrap();
            let policy = policy.with_after_reset(AfterReset::RequireSignIn);
            let path = folder.path().join(tenant).with_extension("json");
            fs::write(path, policy.to_json().to_string()).unwrap();
        }
        let running = PolicyDirectory::open(folder.path()).unwrap();
        Self { folder, running, world: World::memory().await }
    }

    fn damage(&self, change: impl Fn(String) -> String) {
        let path = self.folder.path().join("contoso.json");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, change(text)).unwrap();
        self.running.reload().unwrap();
    }

    fn running(&self) -> Router {
        router(&self.world, self.running.clone())
    }

    fn started(&self) -> (Router, PolicyDirectory) {
        let started = PolicyDirectory::open(self.folder.path()).unwrap();
        (router(&self.world, started.clone()), started)
    }
}

fn contoso(policies: &PolicyDirectory) -> TenantPolicy {
    (*policies.policy(&TenantId::parse("contoso").unwrap()).unwrap().unwrap()).clone()
}

async fn patch(app: &Router, etag: &str, body: &serde_json::Value) -> front::Seen {
    let headers = [ROOT, ("content-type", JSON), ("if-match", etag)];
    send(app, build("PATCH", EMAIL, &headers, &body.to_string())).await
}

#[tokio::test]
async fn a_damaged_policy_is_repaired_from_what_is_in_force() {
    let desk = Damaged::new().await;
    desk.damage(|text| text[..100].to_owned());
    let app = desk.running();

    let seen = get(&app, EMAIL, &[ROOT]).await;
    assert_eq!((seen.status, &seen.json()["state"]), (200, &json!("enabled")), "{}", seen.body);
    assert!(seen.text("@sspr.damaged").contains("not complete JSON"), "{}", seen.body);
    assert!(get(&app, FLOWS, &[ROOT]).await.body.contains("@sspr.damaged"));
    let page = get(&app, "/admin/?tenant=contoso", &[ROOT]).await;
    assert!(page.status == 200 && page.body.contains("To be repaired"), "{}", page.body);
    let fabrikam = get(&app, "/admin/?tenant=fabrikam", &[ROOT]).await;
    assert!(fabrikam.status == 200 && !fabrikam.body.contains("To be repaired"));

    // What was read can be sent back as it is.
    let patched = patch(&app, seen.header("etag"), &seen.json()).await;
    assert_eq!(patched.status, 204, "{}", patched.body);
    let seen = get(&app, EMAIL, &[ROOT]).await;
    assert!(seen.status == 200 && !seen.body.contains("@sspr"), "{}", seen.body);
    let (_, started) = desk.started();
    assert!(started.faults().is_empty());
    assert_eq!(contoso(&started).after_reset(), AfterReset::RequireSignIn);
    assert_eq!(contoso(&started), contoso(&desk.running));
}

#[tokio::test]
async fn a_form_of_the_page_repairs_as_well() {
    let desk = Damaged::new().await;
    desk.damage(|_| String::new());
    let app = desk.running();
    let page = get(&app, "/admin/?tenant=contoso", &[ROOT]).await.body;
    let fields = untouched(&page, "policy");
    let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    let saved = post(&app, "/admin/policy?tenant=contoso", &[ROOT], &front::form(&fields)).await;
    assert_eq!(saved.status, 303, "{}", saved.body);
    assert!(desk.started().1.faults().is_empty());
}

#[tokio::test]
async fn what_can_be_read_is_kept_where_there_is_no_good_policy() {
    let desk = Damaged::new().await;
    desk.damage(|text| text.replace("\"limits\"", "\"Limits\""));
    let (app, started) = desk.started();
    let seen = get(&app, EMAIL, &[ROOT]).await;
    assert!(seen.text("@sspr.damaged").contains("$.Limits"), "{}", seen.body);
    assert_eq!(patch(&app, seen.header("etag"), &json!({})).await.status, 204);
    assert_eq!(contoso(&started).after_reset(), AfterReset::RequireSignIn);
    assert_eq!(
        contoso(&started).authentication_methods().method(Method::Email).state(),
        MethodState::Enabled
    );
}

#[tokio::test]
async fn an_exclude_that_cannot_be_read_is_not_forgotten_by_a_change_of_something_else() {
    let desk = Damaged::new().await;
    desk.damage(|text| text.replace("\"excludeTargets\"", "\"excludeTarget\""));
    let (app, started) = desk.started();
    let seen = get(&app, EMAIL, &[ROOT]).await;
    assert_eq!(seen.json()["state"], "disabled");

    let part = json!({"state": "enabled", "includeTargets": [{"id": "all_users"}]});
    let refused = patch(&app, seen.header("etag"), &part).await;
    assert_eq!(refused.status, 400);
    assert!(super::message(&refused).contains("excludeTargets are wanted"), "{}", refused.body);

    let sms = json!({"state": "enabled"});
    let headers = [ROOT, ("content-type", JSON)];
    let refused = send(&app, build("PATCH", SMS, &headers, &sms.to_string())).await;
    assert_eq!(refused.status, 400, "SMS may have had excludes as well");
    assert!(super::message(&refused).contains("excludeTargets are wanted"), "{}", refused.body);

    let mut whole = part;
    whole["excludeTargets"] = json!([{"id": "staff"}]);
    assert_eq!(patch(&app, seen.header("etag"), &whole).await.status, 204);
    assert_eq!(contoso(&started).authentication_methods().method(Method::Email).exclude().len(), 1);
}

#[tokio::test]
async fn a_change_on_another_version_of_a_damaged_policy_is_refused() {
    let desk = Damaged::new().await;
    let before = get(&desk.running(), EMAIL, &[ROOT]).await.header("etag").to_owned();
    desk.damage(|_| "{".to_owned());
    let seen = patch(&desk.running(), &before, &json!({"state": "disabled"})).await;
    assert_eq!(seen.status, 412);
}
