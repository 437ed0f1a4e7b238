//! Attacks with secrets of one front, step, application or tenant at another.

use axum::Router;
use sspr::{
    TenantPolicy,
    http::{Native, Pages},
};

use crate::{
    site::{Kept, OAUTH, RESET, Site, V2, fabrikam},
    support::{
        NEW, OLD,
        front::{JSON, Plain, build, form, post, send},
    },
};

/// Both fronts seal what the client keeps. Cookie and continuation token are sealed for their own
/// purpose, so none is read in the other's place.
#[tokio::test]
async fn attack_own_43_a_cookie_is_no_token_and_a_token_no_cookie() {
    let site = Site::new().await;
    let (mut browser, code) = site.waiting("ada@example.com").await;
    let (name, value) = browser.cookies[0].split_once('=').unwrap();
    assert_eq!(site.go_on(value, &code).await.status, 400);
    let (token, other) = site.challenged("aaaa@example.com").await;
    let cookie = format!("{name}={token}");
    let headers = [("cookie", &*cookie)];
    let seen = post(&site.app, &browser.path("code"), &headers, &form(&[("code", &other)])).await;
    assert_eq!(seen.header("location"), "start-again");
    browser.post("code", &[("code", &code)]).await;
    assert!(browser.at.contains("new-password"));
    assert_eq!(site.go_on(&token, &other).await.status, 200);
}

/// Each step's token at every other step: each is refused, and the one that it is for still works.
#[tokio::test]
async fn attack_own_44_a_token_of_one_step_opens_no_other() {
    let site = Site::new().await;
    let initiated = site
        .v1(
            &format!("{OAUTH}/initiate"),
            &[("username", "ada@example.com"), ("challenge_type", "password redirect")],
        )
        .await
        .text("continuation_token");
    let started = site.start("ada@example.com").await.text("continuation_token");
    let asked = site
        .v1(&format!("{OAUTH}/challenge"), &[("continuation_token", &*initiated)])
        .await
        .text("continuation_token");
    let (challenged, code) = site.challenged("ada@example.com").await;
    let granted = site.go_on(&challenged, &code).await.text("continuation_token");
    let token = async |token: &str, step: &str| {
        let fields = [
            ("continuation_token", token),
            ("oob", &*code),
            ("new_password", NEW),
            ("password", OLD),
            ("scope", "openid"),
        ];
        let grant = match step {
            "continue" => "oob",
            "token" => "continuation_token",
            _ => "password",
        };
        let fields = [&fields[..], &[("grant_type", grant)]].concat();
        let path = match step {
            "token" | "password" => format!("{OAUTH}/token"),
            "sign-in" => format!("{OAUTH}/challenge"),
            step => format!("{RESET}/{step}"),
        };
        site.v1(&path, &fields).await.status
    };
    for (name, held, own) in [
        ("initiated", &initiated, &["sign-in"][..]),
        ("asked", &asked, &["sign-in", "password"]),
        ("started", &started, &["challenge"]),
        ("granted", &granted, &["submit"]),
    ] {
        for step in
            ["challenge", "continue", "submit", "poll_completion", "sign-in", "token", "password"]
        {
            if !own.contains(&step) {
                assert_eq!(token(held, step).await, 400, "{name} at {step}");
            }
        }
    }
    assert!(site.is_untouched("ada").await);
    assert_eq!(token(&asked, "password").await, 200);
    assert_eq!(token(&granted, "submit").await, 200);
}

/// One service, two tenants, the same application id: a token of one is not read by the other's
/// API, nor a cookie by its pages.
#[tokio::test]
async fn attack_own_45_another_tenants_fronts_read_nothing() {
    let site = Site::new().await;
    site.world.policies.replace(TenantPolicy::customers("fabrikam").unwrap());
    let api = Native::new(&site.world.sspr, fabrikam(), Plain);
    let pages = Pages::new(&site.world.sspr, fabrikam(), Kept::default());
    let there = Router::new().nest("/account", pages.router()).nest("/api", api.router());

    let (token, code) = site.challenged("ada@example.com").await;
    let fields = [
        ("client_id", "shop"),
        ("continuation_token", &*token),
        ("grant_type", "oob"),
        ("oob", &code),
    ];
    let seen = post(&there, &format!("{RESET}/continue"), &[], &form(&fields)).await;
    assert_eq!(seen.status, 400, "{}", seen.body);
    let (mut browser, page_code) = site.waiting("aaaa@example.com").await;
    let name = post(&there, "/account/sign-in", &[], "username=a%40b.example").await.cookies();
    let name = name[0].split('=').next().unwrap();
    let value = browser.cookies[0].split_once('=').unwrap().1;
    let cookie = format!("{name}={value}");
    let headers = [("cookie", &*cookie)];
    let seen = post(&there, &browser.path("code"), &headers, &form(&[("code", &page_code)])).await;
    assert_eq!(seen.header("location"), "start-again");
    assert_eq!(site.go_on(&token, &code).await.status, 200);
    browser.post("code", &[("code", &page_code)]).await;
    assert!(browser.at.contains("new-password"));
}

/// A client that changes its id between two steps: the application is in the token, and what one
/// application opened, another neither goes on with nor exchanges for its own tokens.
#[tokio::test]
async fn attack_own_46_a_client_that_changes_its_name_is_not_served() {
    let site = Site::new().await;
    let as_other = |path: String, fields: Vec<(&'static str, String)>| {
        let fields = [vec![("client_id", "other".to_owned())], fields].concat();
        let app = site.app.clone();
        async move {
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            post(&app, &path, &[], &form(&fields)).await
        }
    };
    let started = site.start("ada@example.com").await.text("continuation_token");
    let fields = vec![("continuation_token", started)];
    assert_eq!(as_other(format!("{RESET}/challenge"), fields).await.status, 400);
    let (token, code) = site.challenged("ada@example.com").await;
    let fields = vec![
        ("continuation_token", token.clone()),
        ("grant_type", "oob".to_owned()),
        ("oob", code.clone()),
    ];
    assert_eq!(as_other(format!("{RESET}/continue"), fields).await.status, 400);
    let granted = site.go_on(&token, &code).await.text("continuation_token");
    let fields = vec![("continuation_token", granted.clone()), ("new_password", NEW.to_owned())];
    assert_eq!(as_other(format!("{RESET}/submit"), fields).await.status, 400);
    assert!(site.is_untouched("ada").await);
    let submitted = site.submit(&granted, NEW).await.text("continuation_token");
    let fields = vec![
        ("continuation_token", submitted.clone()),
        ("grant_type", "continuation_token".to_owned()),
        ("scope", "openid".to_owned()),
    ];
    assert_eq!(as_other(format!("{OAUTH}/token"), fields).await.status, 400);
    let fields = [
        ("continuation_token", &*submitted),
        ("grant_type", "continuation_token"),
        ("scope", "openid"),
    ];
    assert_eq!(site.v1(&format!("{OAUTH}/token"), &fields).await.status, 200);
    // Once.
    assert_eq!(site.v1(&format!("{OAUTH}/token"), &fields).await.status, 400);
}

/// A reset that was begun over one front goes on over the other only with that front's own secret;
/// and both share one budget, so two fronts are not twice as many guesses.
#[tokio::test]
async fn attack_own_47_two_fronts_are_one_budget() {
    let site = Site::new().await;
    let mut short = 0;
    for _ in 0..3 {
        let (mut browser, code) = site.waiting("ada@example.com").await;
        for _ in 0..5 {
            short += usize::from(code.len() == 8);
            browser.post("code", &[("code", "00000000")]).await;
        }
    }
    assert_eq!(short, 15);
    let handle = site.world.sspr.for_application(&crate::support::shop());
    assert!(format!("{handle:?}").len() < 400, "a handle shows nothing");
    let started = site.start("ada@example.com").await.text("continuation_token");
    let fields = [("continuation_token", &*started)];
    let seen = site.v1(&format!("{RESET}/challenge"), &fields).await;
    assert_eq!(seen.json()["code_length"], 16, "{}", seen.body);
}

/// V2 takes its ids of methods in the path: a method that was not offered is not there, and a code
/// in a path is not read.
#[tokio::test]
async fn attack_own_48_a_path_names_no_other_method_and_no_other_account() {
    let site = Site::new().await;
    let (token, code) = site.challenged("ada@example.com").await;
    let body = serde_json::json!({ "continuationToken": token, "otp": code }).to_string();
    for path in [
        "auth/methods/sms/1/verify",
        "auth/methods/email/eve@example.com/verify",
        "auth/methods/email/../email/1/verify",
        "auth/methods/email/2/verify",
        "auth/methods//1/verify",
        "auth/methods/email/1/verify/x",
        "users/ada/password",
    ] {
        let path = format!("{V2}/{path}");
        let seen = send(&site.app, build("POST", &path, &[("content-type", JSON)], &body)).await;
        let granted = seen.status == 200;
        assert!(!granted, "{path}: {} {}", seen.status, seen.body);
    }
    assert!(site.is_untouched("ada").await);
    assert_eq!(site.go_on(&token, &code).await.status, 200);
}
