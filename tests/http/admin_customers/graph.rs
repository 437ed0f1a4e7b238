//! The two endpoints of Microsoft Graph that act for a user.

use super::{Desk, ROOT, router};
use crate::support::{
    NEW, OLD, account, client,
    front::{JSON, Seen, build, send},
    request,
};
use serde_json::{Value, json};
use sspr::{
    Application, Code, SignInOutcome,
    http::Admin,
    policy::{Limits, TenantPolicy},
};
use std::sync::atomic::Ordering;

const RESET: &str = "methods/28c10230-6103-485e-b985-444c60001490/resetPassword";
const PASS: &str = "temporaryAccessPassMethods";

async fn ask(desk: &Desk, user: &str, what: &str, body: &Value) -> Seen {
    let path = format!("/admin/tenants/contoso/v1.0/users/{user}/authentication/{what}");
    let headers = [ROOT, ("content-type", JSON)];
    send(&desk.app, build("POST", &path, &headers, &body.to_string())).await
}

/// A refusal with this code, whose message holds these words.
fn refused(seen: &Seen, status: u16, code: &str, words: &str) {
    let error = &seen.json()["error"];
    assert_eq!((seen.status, error["code"].as_str()), (status, Some(code)), "{}", seen.body);
    assert!(error["message"].as_str().unwrap().contains(words), "{words}: {}", seen.body);
    assert_eq!(seen.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_reset_answers_with_a_generated_temporary_password() {
    let desk = Desk::new().await;

    let body = json!({"newPassword": null, "@sspr.reason": "Ticket 8"});
    let seen = ask(&desk, "ada", RESET, &body).await;

    assert_eq!((seen.status, seen.header("cache-control")), (202, "no-store"), "{}", seen.body);
    assert_eq!(seen.text("@odata.context"), "#microsoft.graph.passwordResetResponse");
    assert_eq!(seen.text("@sspr.expirationDateTime"), "2027-01-16T08:00:00Z");
    let entered = desk.world.sign_in("ada@example.com", &seen.text("newPassword")).await;
    assert!(matches!(entered, SignInOutcome::MustChange(_)), "{entered:?}");
    assert_eq!(desk.lines(), ["root TemporaryPassword contoso/ada: Ticket 8"]);
}

#[tokio::test]
async fn a_reset_without_a_body_is_one_without_a_reason() {
    let desk = Desk::new().await;
    let path = format!("/admin/tenants/contoso/v1.0/users/ada/authentication/{RESET}");
    assert_eq!(send(&desk.app, build("POST", &path, &[ROOT], "")).await.status, 202);
    assert_eq!(desk.lines(), ["root TemporaryPassword contoso/ada: -"]);
    let seen = send(&desk.app, build("POST", &path, &[ROOT], "{}")).await;
    refused(&seen, 400, "BadRequest", "Content-Type: application/json is wanted.");
}

#[tokio::test]
async fn staff_never_choose_a_password() {
    let desk = Desk::new().await;
    for given in [json!(NEW), json!(""), json!(7)] {
        let seen = ask(&desk, "ada", RESET, &json!({"newPassword": given})).await;
        refused(&seen, 400, "BadRequest", "$.newPassword: staff never choose a password");
    }
    let entered = desk.world.sign_in("ada@example.com", OLD).await;
    assert!(matches!(entered, SignInOutcome::SignedIn(_)), "{entered:?}");
    assert_eq!(desk.lines().len(), 0);
}

#[tokio::test]
async fn an_access_pass_is_an_assistance_code() {
    let desk = Desk::new().await;
    let body = json!({
        "@odata.type": "#microsoft.graph.temporaryAccessPassAuthenticationMethod",
        "startDateTime": "2027-01-15T08:00:00Z",
        "lifetimeInMinutes": 60,
        "isUsableOnce": true,
        "@sspr.application": "shop",
    });

    for body in [body, json!({})] {
        let seen = ask(&desk, "ada", PASS, &body).await;

        assert_eq!((seen.status, seen.header("cache-control")), (201, "no-store"), "{}", seen.body);
        let made = seen.json();
        assert_eq!((&made["isUsable"], &made["isUsableOnce"]), (&json!(true), &json!(true)));
        assert_eq!(made["methodUsabilityReason"], "EnabledByPolicy");
        assert_eq!(made["lifetimeInMinutes"], 60);
        assert_eq!(made["startDateTime"], "2027-01-15T08:00:00Z");
        assert_eq!(made["createdDateTime"], "2027-01-15T08:00:00Z");
        assert!(made["id"].as_str().unwrap().len() == 36);
        let code = Code::parse(made["temporaryAccessPass"].as_str().unwrap()).unwrap();
        let asked = request("ada@example.com");
        let entered = desk.world.sspr.enter_assistance_code(&asked, &code, &client(1)).await;
        assert!(entered.unwrap().granted().is_some());
    }
}

#[tokio::test]
async fn what_a_pass_cannot_honour_is_refused_with_the_field() {
    let desk = Desk::new().await;
    for (body, words) in [
        (json!({"isUsableOnce": false}), "$.isUsableOnce: must be true"),
        (json!({"isUsableOnce": "true"}), "$.isUsableOnce: must be true"),
        (json!({"startDateTime": "2027-01-15T08:00:01Z"}), "$.startDateTime: must not be in the"),
        (json!({"startDateTime": "2027-01-15T01:00:00-08:00"}), "$.startDateTime: must not be"),
        (json!({"startDateTime": "tomorrow"}), "$.startDateTime: must be a date-time"),
        (json!({"startDateTime": 7}), "$.startDateTime: must be a string"),
        (json!({"lifetimeInMinutes": 480}), "$.lifetimeInMinutes: must be 60"),
        (json!({"lifetimeInMinutes": "60"}), "$.lifetimeInMinutes: must be 60"),
        (json!({"temporaryAccessPass": "BCDF-GHJK-LMNP-QRST"}), "$.temporaryAccessPass: is not"),
        (json!({"@odata.type": "#microsoft.graph.emailAuthenticationMethod"}), "$.@odata.type: "),
        (json!({"@sspr.application": "payroll"}), "$.@sspr.application: no such application"),
        (json!({"@sspr.reason": ""}), "$.@sspr.reason: reason: must not be empty"),
        (json!({"@sspr.reason": "a\nb"}), "$.@sspr.reason: reason: must not contain control"),
        (json!({"@sspr.reason": 7}), "$.@sspr.reason: must be a string"),
        (json!([]), "$: must be an object"),
    ] {
        let seen = ask(&desk, "ada", PASS, &body).await;
        refused(&seen, 400, "BadRequest", words);
    }
    refused(
        &ask(&desk, "ada", RESET, &json!({"force": true})).await,
        400,
        "BadRequest",
        "$.force:",
    );
    assert_eq!((desk.lines().len(), desk.world.events.all().len()), (0, 0));
}

#[tokio::test]
async fn a_tenant_with_several_applications_wants_one_named() {
    let desk = Desk::new().await;
    let admin = Admin::new(&desk.world.sspr, desk.world.policies.clone(), super::ByHeader);
    let mut admin = admin.with_help_desk();
    for id in ["shop", "payroll"] {
        let application = Application::new("contoso", "sign-in", id).unwrap();
        admin = admin.with_application(application, id);
    }
    let abroad = Application::new("fabrikam", "sign-in", "abroad").unwrap();
    let app = axum::Router::new()
        .nest("/admin/", admin.with_application(abroad, "Not of this tenant").router());
    let desk = Desk { app, ..desk };
    let seen = ask(&desk, "ada", PASS, &json!({})).await;
    refused(&seen, 400, "BadRequest", "$.@sspr.application: is wanted");
    let seen = ask(&desk, "ada", PASS, &json!({"@sspr.application": "abroad"})).await;
    refused(&seen, 400, "BadRequest", "no such application");
    let seen = ask(&desk, "ada", PASS, &json!({"@sspr.application": "payroll"})).await;
    assert_eq!(seen.text("@sspr.application"), "payroll");
}

#[tokio::test]
async fn unknown_users_and_other_tenants_are_not_found() {
    let desk = Desk::new().await;
    let mut grace = account("grace@example.com", "grace");
    grace.disabled = true;
    desk.world.insert(grace).await;
    for what in [RESET, PASS] {
        for user in ["nobody", "grace", "%20"] {
            let seen = ask(&desk, user, what, &json!({})).await;
            refused(&seen, 404, "Request_ResourceNotFound", "The user does not exist");
        }
    }
    let path = format!("/admin/tenants/nowhere/v1.0/users/ada/authentication/{RESET}");
    let headers = [ROOT, ("content-type", JSON)];
    let seen = send(&desk.app, build("POST", &path, &headers, "{}")).await;
    refused(&seen, 404, "Request_ResourceNotFound", "The user does not exist");
}

#[tokio::test]
async fn limits_and_a_broken_log_have_answers_of_their_own() {
    let desk = Desk::new().await;
    desk.log.broken.store(true, Ordering::SeqCst);
    for what in [RESET, PASS] {
        let seen = ask(&desk, "ada", what, &json!({})).await;
        refused(&seen, 503, "ServiceUnavailable", "could not be recorded, so nothing was done");
    }
    desk.log.broken.store(false, Ordering::SeqCst);
    let limits = Limits::builder().assists_per_account(1).build().unwrap();
    let policy = TenantPolicy::customers("contoso").unwrap().with_limits(limits);
    desk.world.policies.replace(policy);
    assert_eq!(ask(&desk, "ada", RESET, &json!({})).await.status, 202);
    for what in [RESET, PASS] {
        let seen = ask(&desk, "ada", what, &json!({})).await;
        refused(&seen, 429, "TooManyRequests", "Too many actions");
        assert_eq!(seen.header("retry-after"), "86401");
    }
}

#[tokio::test]
async fn the_address_of_a_user_never_answers_to_other_methods() {
    let desk = Desk::new().await;
    for what in [RESET, PASS] {
        let path = format!("/admin/tenants/contoso/v1.0/users/ada/authentication/{what}");
        let seen = send(&desk.app, build("GET", &path, &[ROOT], "")).await;
        refused(&seen, 405, "Request_BadRequest", "not allowed");
    }
    let off = Desk { app: router(&desk.world, false), ..desk };
    refused(
        &ask(&off, "ada", RESET, &json!({})).await,
        404,
        "Request_ResourceNotFound",
        "resource",
    );
}
