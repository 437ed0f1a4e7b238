//! What is refused, and that nothing happens then.

use std::sync::atomic::Ordering;

use super::{ACTIONS, ADA, Desk, ROOT};
use crate::support::{
    OLD,
    front::{self, flaky_world, post},
};
use sspr::{
    SignInOutcome,
    policy::{Limits, TenantPolicy},
};

async fn untouched(desk: &Desk, before: &sspr::Account) {
    let after = desk.world.account("ada").await.unwrap();
    assert!(after.stamp == before.stamp && !after.must_change);
    assert_eq!(desk.lines(), [] as [String; 0]);
}

#[tokio::test]
async fn a_missing_or_bad_reason_is_refused_with_its_rule_and_the_form_stays_usable() {
    let long = "a".repeat(501);
    for (action, _) in ACTIONS {
        let desk = Desk::new().await;
        let before = desk.world.account("ada").await.unwrap();
        let form = desk.confirm(action).await;
        for (reason, rule) in [
            ("", "reason: must not be empty"),
            ("   ", "reason: must not be empty"),
            (&*long, "reason: must have at most 500 characters"),
            ("two\r\nlines", "reason: must not contain control characters"),
            ("bell\u{7}", "reason: must not contain control characters"),
        ] {
            let seen = desk.send(action, &form, &[("reason", reason)]).await;
            assert_eq!(seen.status, 422, "{reason:?}");
            assert!(seen.body.contains(rule), "{reason:?}: {}", seen.body);
            assert!(seen.body.contains("<a href=\"#reason\">"), "{}", seen.body);
            assert!(seen.body.contains("aria-describedby=\"reason-error\""), "{}", seen.body);
            untouched(&desk, &before).await;
        }
        let longest = "ü".repeat(500);
        let seen = desk.send(action, &form, &[("reason", &longest)]).await;
        assert_eq!(seen.status, 200, "{}", seen.body);
        assert!(desk.lines()[0].ends_with(&longest));
    }
}

#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let desk = Desk::new().await;
    let before = desk.world.account("ada").await.unwrap();
    let form = desk.confirm("temporary-password").await;
    let mut fields: Vec<(&str, &str)> = form.iter().map(|(a, b)| (&**a, &**b)).collect();
    fields.push(("reason", "Ticket 7"));
    let path = "/admin/customer-action?tenant=contoso&action=temporary-password";
    for foreign in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
        let seen = post(&desk.app, path, &[ROOT, foreign], &front::form(&fields)).await;
        assert_eq!(seen.status, 403, "{}", seen.body);
        untouched(&desk, &before).await;
    }
}

#[tokio::test]
async fn a_form_that_was_tampered_with_is_refused() {
    let desk = Desk::new().await;
    let before = desk.world.account("ada").await.unwrap();
    desk.world.add("eve@example.com", "eve").await;
    let form = desk.confirm("end-pause").await;
    for (change, status) in [
        (("key", ""), 400),
        (("key", "1"), 400),
        (("key", "x.00000000-0000-4000-8000-000000000000"), 400),
        (("key", "1800009999000000.00000000-0000-4000-8000-000000000000"), 409),
        (("key", "-9223372036854775808.00000000-0000-4000-8000-000000000000"), 409),
        (("account", "eve"), 409),
        (("account", ""), 400),
        (("address", "eve@example.com"), 409),
        (("address", "ada"), 400),
        (("flow", ""), 400),
        (("unknown", "1"), 400),
    ] {
        let seen = desk.send("end-pause", &form, &[change]).await;
        assert_eq!(seen.status, status, "{change:?}: {}", seen.body);
        untouched(&desk, &before).await;
    }
    for action in ["", "unlock", "CODE"] {
        let seen = desk.send(action, &form, &[]).await;
        assert_eq!(seen.status, 404, "{action}: {}", seen.body);
        untouched(&desk, &before).await;
    }
}

#[tokio::test]
async fn a_limit_that_is_reached_is_told_with_its_end() {
    let desk = Desk::new().await;
    let limits = Limits::builder().assists_per_account(3).build().unwrap();
    let policy = TenantPolicy::customers("contoso").unwrap().with_limits(limits);
    desk.world.policies.replace(policy);
    for _ in 0..2 {
        assert_eq!(desk.act("end-pause", &[]).await.status, 200);
    }
    let before = desk.world.account("ada").await.unwrap();
    for (action, _) in ACTIONS {
        let seen = desk.act(action, &[]).await;
        assert_eq!((seen.status, seen.header("retry-after")), (429, "86401"), "{}", seen.body);
        assert!(seen.body.contains("Please try later"), "{}", seen.body);
        assert!(seen.body.contains("The next one is possible at 2027-01-16"), "{}", seen.body);
        assert!(!seen.body.contains("<code"), "{}", seen.body);
    }
    let after = desk.world.account("ada").await.unwrap();
    assert!(after.stamp == before.stamp && !after.must_change);
}

#[tokio::test]
async fn nothing_is_done_for_an_account_that_cannot_have_it() {
    let desk = Desk::new().await;
    let form = desk.confirm("temporary-password").await;
    desk.world.change_account("ada", |ada| ada.disabled = true).await;
    let seen = desk.send("temporary-password", &form, &[]).await;
    assert_eq!(seen.status, 409, "{}", seen.body);
    assert!(seen.body.contains("Not possible for this account"), "{}", seen.body);
}

#[tokio::test]
async fn an_action_that_cannot_be_recorded_is_not_done() {
    for (action, _) in ACTIONS {
        let desk = Desk::new().await;
        let before = desk.world.account("ada").await.unwrap();
        desk.log.broken.store(true, Ordering::SeqCst);
        let seen = desk.act(action, &[]).await;
        assert_eq!(seen.status, 503);
        assert!(seen.body.contains("could not be recorded, so nothing was done"), "{}", seen.body);
        untouched(&desk, &before).await;
        let entered = desk.world.sign_in("ada@example.com", OLD).await;
        assert!(matches!(entered, SignInOutcome::SignedIn(_)), "{entered:?}");
    }
}

#[tokio::test]
async fn a_store_that_is_down_is_told_and_nothing_is_done() {
    let (world, down) = flaky_world().await;
    let desk = Desk::over(world);
    let before = desk.world.account("ada").await.unwrap();
    let form = desk.confirm("temporary-password").await;
    down.store(true, Ordering::SeqCst);
    let seen = desk.send("temporary-password", &form, &[]).await;
    assert_eq!(seen.status, 503, "{}", seen.body);
    assert_eq!(desk.look_up("ada@example.com").await.status, 503);
    untouched(&desk, &before).await;
    down.store(false, Ordering::SeqCst);
    assert_eq!(desk.send("temporary-password", &form, &[]).await.status, 200);
}

#[tokio::test]
async fn the_methods_of_the_pages_are_only_those() {
    let desk = Desk::new().await;
    let query = "?tenant=contoso&action=code";
    for path in ["/admin/customer-confirm", "/admin/customer-action"] {
        let seen = front::get(&desk.app, &format!("{path}{query}"), &[ROOT]).await;
        assert_eq!((seen.status, seen.header("allow")), (405, "POST"), "{path}");
    }
    let path = "/admin/customer-confirm?tenant=nowhere";
    assert_eq!(post(&desk.app, path, &[ROOT], &front::form(&ADA)).await.status, 404);
}
