//! What a change would do, shown before it is saved.

use std::time::Duration;

use sspr::{
    TenantPolicy,
    adapters::MemoryPolicies,
    domain::Method,
    http::Admin,
    ports::{Affected, PolicyPreview, PolicySource as _},
};

use super::{ByHeader, Fields, ROOT, Router, World, front, get, post, tenant, untouched};
use crate::support::account;

const QUERY: &str = "?tenant=contoso&flow=sign-in";
const ASK: &str = "Show what this changes";
const NOT_COUNTED: &str = "The accounts could not be counted. You can save this all the same.";

struct Desk {
    policies: MemoryPolicies,
    app: Router,
}

impl Desk {
    fn of(world: &World, preview: impl PolicyPreview + 'static) -> Self {
        let policies = world.policies.clone();
        let admin = Admin::new(&world.sspr, policies.clone(), ByHeader).with_preview(preview);
        Self { app: Router::new().nest("/admin/", admin.router()), policies }
    }

    async fn send(&self, action: &str, change: impl Fn(&mut Fields)) -> front::Seen {
        let page = get(&self.app, &format!("/admin/{QUERY}"), &[ROOT]).await.body;
        let mut fields = untouched(&page, action);
        change(&mut fields);
        self.send_fields(action, &fields).await
    }

    async fn send_fields(&self, action: &str, fields: &Fields) -> front::Seen {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        post(&self.app, &format!("/admin/{action}{QUERY}"), &[ROOT], &front::form(&fields)).await
    }

    fn policy(&self) -> TenantPolicy {
        (*self.policies.policy(&tenant("contoso")).unwrap().unwrap()).clone()
    }
}

fn ask(fields: &mut Fields) {
    fields.push(("preview".to_owned(), "yes".to_owned()));
}

fn form_of<'a>(page: &'a str, action: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("action=\"{action}?")).unwrap();
    rest.split_once("</form>").unwrap().0
}

/// Ada and Grace can reset, and so can Bob of the staff.
async fn world() -> World {
    let world = World::memory().await;
    world.add("grace@example.com", "grace").await;
    world.add("bob@example.com", "bob").await;
    world.change_account("bob", |bob| bob.groups = vec!["staff".parse().unwrap()]).await;
    // No account without a password counts, and none of another tenant.
    world.insert(account("eve@example.com", "eve")).await;
    world.users.in_memory().insert(&tenant("fabrikam"), account("ivy@example.com", "ivy"));
    world
}

#[tokio::test]
async fn a_change_is_counted_first_and_saved_after_that() {
    let world = world().await;
    let desk = Desk::of(&world, world.users.in_memory());
    let page = get(&desk.app, &format!("/admin/{QUERY}"), &[ROOT]).await.body;
    for action in ["policy", "sms", "user-flow"] {
        let form = form_of(&page, action);
        assert!(form.contains(ASK) && !form.contains(">Save "), "{form}");
    }
    for action in ["password-rules", "notices"] {
        assert!(form_of(&page, action).contains(">Save "), "{action} affects no reset");
    }
    let before = desk.policy();

    let shown = desk.send("policy", |fields| {
        fields.push(("exclude_group".to_owned(), "staff".to_owned()));
        ask(fields);
    });
    let shown = shown.await;

    assert_eq!(shown.status, 200, "{}", shown.body);
    let form = form_of(&shown.body, "policy");
    assert!(form.contains("1 of 3 accounts could no longer reset a password."), "{form}");
    assert!(form.contains(">Save policy<") && !form.contains(ASK), "{form}");
    assert!(form_of(&shown.body, "sms").contains(ASK), "only this form was counted");
    assert_eq!(desk.policy(), before, "nothing is saved");

    let off = desk.send("policy", |fields| {
        fields.retain(|(name, _)| name != "state");
        ask(fields);
    });
    let off = off.await;
    assert!(off.body.contains("3 of 3 accounts could no longer reset"), "{}", off.body);
    // What was counted is what the form that comes with it saves.
    let saved = desk.send_fields("policy", &untouched(&off.body, "policy")).await;
    assert_eq!(saved.status, 303, "{}", saved.body);
    assert!(!desk.policy().authentication_methods().method(Method::Email).is_offered());
}

#[tokio::test]
async fn a_change_of_a_user_flow_and_of_sms_is_counted_too() {
    let world = world().await;
    let desk = Desk::of(&world, world.users.in_memory());
    let shown = desk.send("user-flow", |fields| {
        fields.retain(|(name, _)| name != "idp");
        fields.push(("idp".to_owned(), "Google-OAUTH".to_owned()));
        ask(fields);
    });
    let shown = shown.await;
    assert!(form_of(&shown.body, "user-flow").contains("3 of 3 accounts"), "{}", shown.body);
    let shown = desk.send("sms", |fields| {
        fields.push(("state".to_owned(), "enabled".to_owned()));
        fields.retain(|(name, _)| name != "countries");
        fields.push(("countries".to_owned(), "US".to_owned()));
        ask(fields);
    });
    let shown = shown.await;
    let words = "No account would lose password reset. 3 can reset a password now.";
    let form = form_of(&shown.body, "sms");
    assert!(form.contains(words) && form.contains("value=\"US\""), "{form}");
    assert_eq!(desk.policy(), TenantPolicy::customers("contoso").unwrap());
}

#[tokio::test]
async fn what_cannot_be_saved_is_refused_instead_of_counted() {
    let world = world().await;
    let desk = Desk::of(&world, world.users.in_memory());
    let refused = desk.send("sms", |fields| {
        fields.push(("state".to_owned(), "enabled".to_owned()));
        ask(fields);
    });
    let refused = refused.await;
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("name at least one country"), "{}", refused.body);
    assert!(form_of(&refused.body, "sms").contains(ASK));
}

#[derive(Clone, Copy)]
enum Broken {
    Fails,
    Hangs,
    Panics,
}

#[async_trait::async_trait]
impl PolicyPreview for Broken {
    async fn affected(&self, _: &TenantPolicy, _: &TenantPolicy) -> Option<Affected> {
        match self {
            Self::Fails => None,
            Self::Hangs => std::future::pending().await,
            Self::Panics => panic!("a fault of the host"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_count_that_fails_or_takes_too_long_never_blocks_the_form() {
    let world = world().await;
    for broken in [Broken::Fails, Broken::Hangs, Broken::Panics] {
        let desk = Desk::of(&world, broken);
        let began = tokio::time::Instant::now();
        let shown = desk.send("policy", ask).await;
        assert!(began.elapsed() <= Duration::from_secs(3), "{:?}", began.elapsed());
        assert_eq!(shown.status, 200, "{}", shown.body);
        let form = form_of(&shown.body, "policy");
        assert!(form.contains(NOT_COUNTED) && form.contains(">Save policy<"), "{form}");
        let saved = desk.send_fields("policy", &untouched(&shown.body, "policy")).await;
        assert_eq!(saved.status, 303);
    }
}

#[tokio::test]
async fn without_a_port_there_is_nothing_to_ask_and_asking_saves_nothing() {
    let world = world().await;
    let desk = super::Desk {
        app: super::router(&world, world.policies.clone()),
        policies: world.policies.clone(),
    };
    let page = get(&desk.app, &format!("/admin/{QUERY}"), &[ROOT]).await.body;
    assert!(!page.contains(ASK) && page.contains(">Save policy<") && page.contains(">Save SMS<"));
    let before = desk.stored("contoso");
    let shown = desk.save("policy", QUERY, |fields| {
        fields.retain(|(name, _)| name != "state");
        ask(fields);
    });
    let shown = shown.await;
    assert_eq!(shown.status, 200);
    assert!(shown.body.contains(NOT_COUNTED), "{}", shown.body);
    assert_eq!(desk.stored("contoso"), before);
}
