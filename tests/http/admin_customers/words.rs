//! What the pages of the help desk say before and after an action.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::{ACTIONS, ADA, ByHeader, CUSTOMERS, Desk, Log, ROOT, router};
use crate::support::{
    World,
    front::{self, Seen, flaky_world, post},
    shop,
};
use axum::Router;
use sspr::{
    Application,
    adapters::MemoryAudit,
    http::Admin,
    policy::{Brand, UserFlow},
    ports::{AuditLog, AuditQuestion, AuditRecord, StoreError},
};

async fn confirm(desk: &Desk, action: &str) -> Seen {
    let path = format!("/admin/customer-confirm?tenant=contoso&action={action}");
    post(&desk.app, &path, &[ROOT], &front::form(&ADA)).await
}

#[tokio::test]
async fn before_an_action_the_page_says_what_it_does_and_asks_for_what_it_needs() {
    let desk = Desk::new().await;
    for (action, effects, first, last, gives_access) in [
        (
            "end-pause",
            5,
            "The customer can try passwords again at once.",
            "Each address on file gets a mail about it.",
            false,
        ),
        (
            "unfreeze",
            4,
            "The customer can sign in again, with the password from before.",
            "Each address that could get the account back gets a mail about it.",
            false,
        ),
        (
            "require-change",
            4,
            "The customer must choose a new password at the next sign-in.",
            "Each address on file gets a mail about it.",
            false,
        ),
        (
            "code",
            5,
            "You get a code that you tell the customer.",
            "The code works once, and stops working after 1 hour.",
            true,
        ),
        (
            "temporary-password",
            5,
            "The current password stops working at once.",
            "The temporary password stops working after 24 hours at the latest.",
            true,
        ),
    ] {
        let page = confirm(&desk, action).await.body;
        let list = page.split_once("<ul class=\"marks checks\">").unwrap().1;
        let list = list.split_once("</ul>").unwrap().0;
        let told: Vec<&str> =
            list.split("<li>").skip(1).map(|it| it.split_once("</li>").unwrap().0).collect();
        assert_eq!(told.len(), effects, "{action}: {told:?}");
        assert_eq!((told[0], told[effects - 1]), (first, last), "{action}");
        let warned = page.contains("Make sure first that you speak with the owner");
        assert_eq!(warned, gives_access, "{action}");
        assert_eq!(page.contains("name=\"application\""), action == "code", "{action}");
    }
}

#[tokio::test]
async fn a_form_that_is_sent_again_is_answered_as_its_action_needs() {
    for (action, _) in ACTIONS {
        let desk = Desk::new().await;
        let form = desk.confirm(action).await;
        assert_eq!(desk.send(action, &form, &[]).await.status, 200);
        let again = desk.send(action, &form, &[]).await;
        assert_eq!(again.status, 409, "{action}");
        let gives = action == "code" || action == "temporary-password";
        assert_eq!(again.body.contains("was shown once, in the first answer"), gives, "{action}");
        assert_eq!(again.body.contains("This answer has changed nothing."), !gives, "{action}");
    }
}

#[tokio::test]
async fn a_form_of_a_process_whose_clock_is_ahead_acts_once_for_all_of_its_time() {
    let desk = Desk::new().await;
    let form = desk.confirm("end-pause").await;
    let key = |micros: u64| format!("{}.00000000-0000-4000-8000-000000000000", micros);
    let now = 1_800_000_000_000_000;
    let ahead = key(now + 60_000_000);
    let too_far = key(now + 60_000_001);
    assert_eq!(desk.send("end-pause", &form, &[("key", &too_far)]).await.status, 409);
    assert_eq!(desk.send("end-pause", &form, &[("key", &ahead)]).await.status, 200);

    desk.world.clock.advance(std::time::Duration::from_secs(30 * 60 + 30));

    let again = desk.send("end-pause", &form, &[("key", &ahead)]).await;
    assert!(again.status == 409 && again.body.contains("Sent before"), "{}", again.body);
}

/// An audit log after whose first record the code store is down.
struct Breaking(MemoryAudit, Arc<AtomicBool>);

#[async_trait::async_trait]
impl AuditLog for Breaking {
    async fn append(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        self.1.store(true, Ordering::SeqCst);
        self.0.append(records).await
    }

    async fn about(
        &self,
        question: &AuditQuestion,
    ) -> Result<Option<Vec<AuditRecord>>, StoreError> {
        self.0.about(question).await
    }
}

#[tokio::test]
async fn an_action_that_breaks_in_the_middle_is_told_so() {
    for (action, told) in [
        ("end-pause", "The action may or may not have been done."),
        ("code", "The action may or may not have been done."),
        ("temporary-password", "The current password may have been replaced."),
    ] {
        let (world, down) = flaky_world().await;
        let world = world.with_audit_log(Breaking(MemoryAudit::new(), down));
        let desk = Desk { app: router(&world, true), log: Log::default(), world };
        let seen = desk.act(action, &[]).await;
        assert_eq!(seen.status, 503, "{action}: {}", seen.body);
        assert!(seen.body.contains(told), "{action}: {}", seen.body);
    }
}

#[tokio::test]
async fn every_page_has_the_name_of_the_tenant_and_each_refusal_is_marked_as_one() {
    let desk = Desk::new().await;
    let policy = sspr::TenantPolicy::customers("contoso").unwrap();
    desk.world.policies.replace(policy.with_brand(Brand::new("Larkfield").unwrap()));
    let form = desk.confirm("end-pause").await;
    let pages = [
        (desk.look_up("ada@example.com").await, false),
        (confirm(&desk, "end-pause").await, false),
        (desk.send("end-pause", &form, &[]).await, false),
        (desk.send("end-pause", &form, &[]).await, true),
        (desk.look_up("nobody").await, true),
    ];
    for (seen, refused) in pages {
        let (status, page) = (seen.status, seen.body);
        let title = page.split_once("<title>").unwrap().1.split_once("</title>").unwrap().0;
        assert!(title.ends_with("Larkfield"), "{status}: {title}");
        assert_eq!(title.starts_with("Error: "), refused, "{status}: {title}");
    }
}

#[tokio::test]
async fn the_user_flow_and_the_application_that_were_chosen_stay_chosen() {
    let world = World::memory().await;
    let policy = sspr::TenantPolicy::customers("contoso").unwrap();
    let second = UserFlow::from_json(r#"{"id": "second", "displayName": "Second"}"#).unwrap();
    let flows = [policy.user_flows(), &[second]].concat();
    world.policies.replace(policy.with_user_flows(flows).unwrap());
    let other = Application::new("contoso", "sign-in", "other").unwrap();
    let admin = Admin::new(&world.sspr, world.policies.clone(), ByHeader);
    let admin = admin.with_application(shop(), "The shop").with_application(other, "Another");
    let app = Router::new().nest("/admin/", admin.with_help_desk().router());

    for flow in ["sign-in", "second"] {
        let body = front::form(&[("address", "nobody@example.com"), ("flow", flow)]);
        let page = post(&app, CUSTOMERS, &[ROOT], &body).await.body;
        assert_eq!(page.matches(" selected>").count(), 2, "with the tenant: {page}");
        assert!(page.contains(&format!("<option value=\"{flow}\" selected>")), "{page}");
    }
    let desk = Desk { app, log: Log::default(), world };
    let form = desk.confirm("code").await;
    for name in ["The shop", "Another"] {
        let page = confirm(&desk, "code").await.body;
        let end = page.find(&format!(">{name}</option>")).unwrap();
        let value = page[..end].rsplit_once("value=\"").unwrap().1;
        let value = value.split_once('"').unwrap().0.to_owned();
        let seen = desk.send("code", &form, &[("application", &value), ("reason", "")]).await;
        assert_eq!(seen.status, 422, "{}", seen.body);
        assert!(seen.body.contains(&format!(" selected>{name}</option>")), "{}", seen.body);
        assert_eq!(seen.body.matches(" selected>").count(), 1, "{}", seen.body);
    }
}
