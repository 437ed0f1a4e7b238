//! Entra's native-authentication API: the contract, its traps, and bad input.

use std::sync::Arc;

use crate::stranger::Ledger;
use crate::support::{
    NEW, OLD, Users, World,
    front::{FORM, JSON, KINDS, Plain, Seen, build, flaky_world, form, get, post, send},
    hours,
    native_api::{Api, OAUTH, ORIGIN, RESET, V2, is_error},
    seconds, tenant,
};
use axum::Extension;
use sspr::{
    Application, Keyring, TenantPolicy,
    adapters::{ManualClock, MemoryPolicies, MemoryUsers, SystemEntropy},
    domain::Timestamp,
    engine::Vouch,
    http::{Native, NativeApplication, OtherTenantError},
    policy::Disclosure,
    ports::PolicySource as _,
};

#[tokio::test]
async fn version_1_resets_and_signs_in() {
    let api = Api::new().await;

    let (token, code) = api.challenged("ada@example.com").await;
    let continued = api.go_on(&token, &code).await;
    let submitted = api.submit(&continued.text("continuation_token"), NEW).await;
    let polled = api.poll(&submitted.text("continuation_token")).await;
    let fields = [
        ("grant_type", "continuation_token"),
        ("scope", "openid profile offline_access"),
        ("client_info", "1"),
    ];
    let last = polled.text("continuation_token");
    let tokens = api.token(&[&fields[..], &[("continuation_token", &last)]].concat()).await;

    assert_eq!(continued.json()["expires_in"], 600);
    assert_eq!(polled.text("status"), "succeeded");
    let body = tokens.json();
    for name in ["access_token", "id_token", "refresh_token", "client_info", "scope"] {
        assert!(body[name].is_string(), "{name}");
    }
    assert_eq!(
        (body["token_type"].as_str(), body["expires_in"].as_u64()),
        (Some("Bearer"), Some(3600))
    );
    is_error(&api.sign_in("ada@example.com", OLD).await, "invalid_grant", None, 50126);
    assert_eq!(api.sign_in("ada@example.com", NEW).await.status, 200);
    let refreshed = api.token(&[("grant_type", "refresh_token"), ("refresh_token", "ada")]).await;
    assert_eq!(refreshed.status, 200);
    let foreign = api.token(&[("grant_type", "refresh_token"), ("refresh_token", "eve")]).await;
    is_error(&foreign, "invalid_grant", None, 70000);
}

#[tokio::test]
async fn trap_1_the_mail_leaves_on_challenge_not_on_start() {
    let api = Api::new().await;
    let started = api.start("ada@example.com").await.text("continuation_token");
    api.world.courier.drain(&api.world.inbox).await;
    assert!(api.world.inbox.messages().is_empty());
    api.challenge(&started).await;
    api.world.courier.drain(&api.world.inbox).await;
    assert_eq!(api.world.inbox.messages().len(), 1);
}

#[tokio::test]
async fn trap_2_a_wrong_code_keeps_the_token() {
    let api = Api::new().await;
    let (token, code) = api.challenged("ada@example.com").await;
    let wrong = if code == "00000000" { "11111111" } else { "00000000" };
    for typed in [wrong, "not a code", wrong] {
        is_error(
            &api.go_on(&token, typed).await,
            "invalid_grant",
            Some("invalid_oob_value"),
            50181,
        );
    }
    assert_eq!(api.go_on(&token, &code).await.status, 200);
}

#[tokio::test]
async fn trap_3_a_resend_replaces_the_token() {
    let api = Api::new().await;
    let (first, _) = api.challenged("ada@example.com").await;
    let early = api.challenge(&first).await;
    assert_eq!((early.status, early.header("retry-after")), (429, "60"));
    api.world.clock.advance(seconds(61));
    let second = api.challenge(&first).await.text("continuation_token");
    let code = api.code().await;
    is_error(&api.go_on(&first, &code).await, "expired_token", None, 552_003);
    is_error(&api.challenge(&first).await, "expired_token", None, 552_003);
    assert_eq!(api.go_on(&second, &code).await.status, 200);
}

#[tokio::test]
async fn a_lost_reply_to_the_first_challenge_is_answered_again_without_a_second_mail() {
    let api = Api::new().await;
    let started = api.start("ada@example.com").await.text("continuation_token");
    api.challenge(&started).await;
    let code = api.code().await;
    let again = api.challenge(&started).await;
    assert_eq!(api.world.courier.drain(&api.world.inbox).await.sent, 0);
    assert_eq!(api.go_on(&again.text("continuation_token"), &code).await.status, 200);
}

#[tokio::test]
async fn a_captcha_that_the_host_has_checked_opens_its_own_lane() {
    let api = Api::new().await;
    let asks = async |api: &Api| {
        let started = api.start("ada@example.com").await.text("continuation_token");
        api.challenge(&started).await.status
    };
    for _ in 0..5 {
        assert_eq!(asks(&api).await, 200);
    }
    assert_eq!(asks(&api).await, 429, "what one network may ask of an address is spent");

    let vouch = Vouch::new("captcha-1").unwrap();
    let api = Api { app: api.app.layer(Extension(vouch)), ..api };
    assert_eq!(asks(&api).await, 200);
}

#[tokio::test]
async fn trap_4_a_rejected_password_keeps_the_token() {
    let api = Api::new().await;
    let token = api.granted("ada@example.com").await;
    let long = "long".repeat(100);
    for (password, suberror, number) in [
        ("short", "password_too_short", 553_002),
        ("password password", "password_banned", 553_005),
        (&*long, "password_too_long", 553_003),
        ("a\u{7}bell in a password", "password_is_invalid", 553_001),
    ] {
        is_error(&api.submit(&token, password).await, "invalid_grant", Some(suberror), number);
    }
    assert_eq!(api.submit(&token, NEW).await.status, 200);
}

#[tokio::test]
async fn traps_5_to_9_the_poll_is_terminal_repeatable_and_has_an_interval() {
    let api = Api::new().await;
    let token = api.granted("ada@example.com").await;
    let submitted = api.submit(&token, NEW).await;
    let interval = submitted.json()["poll_interval"].as_u64().unwrap();
    assert!((1..=15).contains(&interval));
    let token = submitted.text("continuation_token");
    for _ in 0..3 {
        let polled = api.poll(&token).await;
        assert_eq!((polled.status, polled.text("status")), (200, "succeeded".to_owned()));
        assert!(!polled.text("continuation_token").is_empty());
    }
}

#[tokio::test]
async fn trap_6_a_repeated_submit_ends_where_the_first_did() {
    let api = Api::new().await;
    let token = api.granted("ada@example.com").await;
    api.submit(&token, NEW).await;
    let again = api.submit(&token, NEW).await.text("continuation_token");
    assert_eq!(api.poll(&again).await.text("status"), "succeeded");
    is_error(&api.submit(&token, "another password 2026").await, "expired_token", None, 552_003);
}

#[tokio::test]
async fn traps_10_and_13_every_error_is_json_and_400_but_limits_and_breakage() {
    let api = Api::new().await;
    for path in [&format!("{RESET}/nowhere"), RESET, &format!("{V2}/nowhere")] {
        let seen = api.v1(path, &[]).await;
        assert_eq!(seen.status, 404);
        assert!(seen.json()["error"].is_string() || seen.json()["error"].is_object());
    }
    let seen = get(&api.app, &format!("{RESET}/start"), &[]).await;
    assert_eq!((seen.status, seen.json()["error"].as_str()), (405, Some("invalid_request")));
}

#[tokio::test]
async fn traps_11_and_14_a_challenge_says_channel_label_and_length() {
    let api = Api::new().await;
    let started = api.start("ada@example.com").await.text("continuation_token");
    let body = api.challenge(&started).await.json();
    assert_eq!(body["challenge_type"], "oob");
    assert_eq!(body["binding_method"], "prompt");
    assert_eq!(body["challenge_channel"], "email");
    assert_eq!(body["code_length"], 8);
    assert!(body["challenge_target_label"].as_str().unwrap().starts_with('a'));
}

#[tokio::test]
async fn traps_15_and_16_known_challenge_types_and_blanks_are_taken_as_they_come() {
    let api = Api::new().await;
    assert_eq!(api.start("  ada@example.com ").await.status, 200);
    let path = format!("{RESET}/start");
    let asked = |types: &'static str| {
        let api = &api;
        let path = path.clone();
        async move { api.v1(&path, &[("username", "ada@example.com"), ("challenge_type", types)]).await }
    };
    is_error(&asked("oob").await, "unsupported_challenge_type", None, 901_007);
    let unknown = asked("oob carrier_pigeon redirect").await;
    is_error(&unknown, "unsupported_challenge_type", None, 901_001);
    let words = "The challenge_type list parameter contains an unsupported challenge type";
    assert!(unknown.text("error_description").contains(words));
    let redirect = asked("redirect").await;
    assert_eq!((redirect.status, redirect.text("challenge_type")), (200, "redirect".to_owned()));
}

#[tokio::test]
async fn parameters_are_named_when_they_are_missing_repeated_or_bad() {
    let api = Api::new().await;
    let start = format!("{RESET}/start");
    let named = |seen: &Seen, words: &str| {
        is_error(seen, "invalid_request", None, 90100);
        assert!(seen.text("error_description").contains(words), "{}", seen.body);
    };
    let types = ("challenge_type", "oob redirect");
    let words = "username parameter is empty or not valid";
    named(&api.v1(&start, &[types]).await, words);
    for bad in ["", " ", "nobody", "a@b@c", "a@example.com\0", "<script>@x"] {
        named(
            &api.v1(&start, &[("username", bad), types]).await,
            words
                .split(' ')
                .next()
                .filter(|_| !bad.contains('\0'))
                .map_or("well-formed", |_| words),
        );
    }
    named(&api.v1(&start, &[("username", "a@example.com")]).await, "challenge_type parameter");
    let nobody = post(&api.app, &start, &[], &form(&[("username", "a@example.com"), types])).await;
    named(&nobody, "client_id parameter is empty or not valid");
    let twice = [("username", "a@example.com"), ("username", "b@example.com"), types];
    named(&api.v1(&start, &twice).await, "username parameter is given more than once");
    let encoded = post(&api.app, &start, &[], "client_id=shop&username=%ff").await;
    named(&encoded, "well-formed");
    let json = send(&api.app, build("POST", &start, &[("content-type", JSON)], "{}")).await;
    named(&json, "application/x-www-form-urlencoded");
    let large = form(&[("username", &"a".repeat(20_000))]);
    named(&post(&api.app, &start, &[], &large).await, "too large");
    let unknown = post(
        &api.app,
        &start,
        &[],
        &form(&[("client_id", "nobody"), ("username", "a@example.com"), types]),
    )
    .await;
    is_error(&unknown, "unauthorized_client", None, 700_016);
}

#[tokio::test]
async fn forged_foreign_and_old_tokens_are_refused_and_cost_nothing() {
    let api = Api::new().await;
    let (token, code) = api.challenged("ada@example.com").await;
    let flipped: String = token.chars().rev().collect();
    for forged in ["x", &flipped, &"A".repeat(4_000), "../../etc/passwd"] {
        is_error(&api.go_on(forged, &code).await, "invalid_request", None, 55200);
    }
    // Another application of the same tenant.
    let fields = [
        ("client_id", "other"),
        ("continuation_token", &token),
        ("grant_type", "oob"),
        ("oob", &code),
    ];
    let foreign = post(&api.app, &format!("{RESET}/continue"), &[], &form(&fields)).await;
    is_error(&foreign, "invalid_request", None, 55200);
    // A token of one step at another.
    is_error(&api.submit(&token, NEW).await, "invalid_request", None, 55200);
    is_error(&api.poll(&token).await, "invalid_request", None, 55200);
    // None of it was a try.
    assert_eq!(api.go_on(&token, &code).await.status, 200);
    api.world.clock.advance(hours(3));
    is_error(&api.go_on(&token, &code).await, "expired_token", None, 552_003);
}

#[tokio::test]
async fn a_token_of_the_sign_in_half_is_dead_at_its_end() {
    let api = Api::new().await;
    let fields = [("username", "ada@example.com"), ("challenge_type", "password redirect")];
    let initiated = api.v1(&format!("{OAUTH}/initiate"), &fields).await.text("continuation_token");
    let challenged = async |token: &str| {
        api.v1(&format!("{OAUTH}/challenge"), &[("continuation_token", token)]).await
    };
    let enter = async |token: &str| {
        let grant = [("grant_type", "password"), ("scope", "openid"), ("password", OLD)];
        api.token(&[&grant[..], &[("continuation_token", token)]].concat()).await
    };
    let token = challenged(&initiated).await.text("continuation_token");
    api.world.clock.advance(seconds(599));
    let later = challenged(&initiated).await.text("continuation_token");

    api.world.clock.advance(seconds(1));
    is_error(&challenged(&initiated).await, "expired_token", None, 552_003);
    is_error(&enter(&token).await, "expired_token", None, 552_003);
    api.world.clock.advance(seconds(598));
    assert_eq!(enter(&later).await.status, 200);
}

#[tokio::test]
async fn the_sign_in_half_says_what_entra_says() {
    let api = Api::new().await;
    is_error(&api.sign_in("ada@example.com", "not this one").await, "invalid_grant", None, 50126);
    is_error(&api.sign_in("none@example.com", OLD).await, "invalid_grant", None, 50126);
    let second = api.sign_in("seco@example.com", OLD).await;
    assert_eq!((second.status, second.text("challenge_type")), (200, "redirect".to_owned()));
    for _ in 0..10 {
        api.sign_in("ada@example.com", "not this one").await;
    }
    is_error(&api.sign_in("ada@example.com", OLD).await, "invalid_grant", None, 50053);
    let other = api.token(&[("grant_type", "device_code"), ("scope", "openid")]).await;
    is_error(&other, "unsupported_grant_type", None, 70003);
}

#[tokio::test]
async fn without_email_otp_no_reset_is_offered_and_no_mail_is_sent() {
    let api = Api::new().await;
    let policy = api.world.policies.policy(&tenant()).unwrap().unwrap();
    let off = r##"{"@odata.type":"#microsoft.graph.emailAuthenticationMethodConfiguration",
        "id":"Email","state":"disabled","includeTargets":[]}"##;
    let methods = sspr::policy::AuthenticationMethodsPolicy::from_email_json(off).unwrap();
    api.world.policies.replace((*policy).clone().with_authentication_methods(methods));
    is_error(&api.start("ada@example.com").await, "invalid_request", None, 500_222);
}

#[tokio::test]
async fn only_by_explicit_choice_an_unknown_user_is_told() {
    let api = Api::new().await;
    assert_eq!(api.start("none@example.com").await.status, 200);
    let policy = api.world.policies.policy(&tenant()).unwrap().unwrap();
    api.world.policies.replace((*policy).clone().with_disclosure(Disclosure::EntraCompatible));
    is_error(&api.start("none@example.com").await, "user_not_found", None, 50034);
    assert_eq!(api.start("aaaa@example.com").await.status, 200);
    let fields = [("username", "none@example.com"), ("challenge_type", "password redirect")];
    let initiated = api.v1(&format!("{OAUTH}/initiate"), &fields).await;
    is_error(&initiated, "user_not_found", None, 50034);
}

#[tokio::test]
async fn the_clients_own_request_id_is_echoed_if_it_is_one() {
    let api = Api::new().await;
    let body = form(&[("client_id", "shop")]);
    let path = format!("{RESET}/start");
    let id = "01a20da4-8211-7d1b-bee0-22d2fe32165a";
    let seen = post(&api.app, &path, &[("client-request-id", id)], &body).await;
    assert_eq!((seen.header("client-request-id"), &*seen.text("correlation_id")), (id, id));
    for bad in ["<script>", "a b", &"a".repeat(65), "x\u{e4}"] {
        let seen = post(&api.app, &path, &[("client-request-id", bad)], &body).await;
        assert_ne!(seen.header("client-request-id"), bad);
    }
    let seen = post(&api.app, &format!("{path}?client-request-id={id}"), &[], &body).await;
    assert_eq!(seen.header("client-request-id"), id);
}

#[tokio::test]
async fn cors_is_for_the_exact_origins_of_an_application() {
    let api = Api::new().await;
    let path = format!("{RESET}/start");
    let asked = "content-type,client-request-id,x-client-sku";
    let preflight = |origin: &'static str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", asked),
        ];
        send(&api.app, build("OPTIONS", &path, &headers, ""))
    };
    let allowed = preflight(ORIGIN).await;
    assert_eq!(allowed.status, 204);
    assert_eq!(allowed.header("access-control-allow-origin"), ORIGIN);
    assert_eq!(allowed.header("access-control-allow-methods"), "POST, PUT");
    assert_eq!(allowed.header("access-control-allow-headers"), asked);
    assert_eq!(allowed.header("access-control-allow-credentials"), "");
    for origin in
        ["https://evil.example", "https://shop.example.evil.example", "null", "http://shop.example"]
    {
        let refused = preflight(origin).await;
        assert_eq!(refused.header("access-control-allow-origin"), "", "{origin}");
        let fields = [
            ("client_id", "shop"),
            ("username", "ada@example.com"),
            ("challenge_type", "oob redirect"),
        ];
        let seen = post(&api.app, &path, &[("origin", origin)], &form(&fields)).await;
        is_error(&seen, "unauthorized_client", None, 700_016);
    }
    assert!(
        NativeApplication::new(Application::new("contoso", "b", "a").unwrap())
            .with_origin("*")
            .is_err()
    );
    assert!(
        NativeApplication::new(Application::new("contoso", "b", "a").unwrap())
            .with_origin("https://a.example/x")
            .is_err()
    );
}

#[tokio::test]
async fn version_2_leads_by_links_of_its_own_path() {
    let api = Api::new().await;
    let entry = post(
        &api.app,
        &format!("{OAUTH}/authorize-challenge"),
        &[("x-forwarded-host", "evil.example"), ("host", "evil.example")],
        &form(&[("client_id", "shop"), ("scope", "openid")]),
    )
    .await;
    assert_eq!(entry.status, 401);
    assert!(!entry.body.contains("evil"));
    let next = |seen: &Seen| seen.json()["continuationToken"].as_str().unwrap().to_owned();
    let href =
        |seen: &Seen, link: &str| seen.json()["_links"][link]["href"].as_str().unwrap().to_owned();

    let body = serde_json::json!({"username": "ada@example.com", "continuationToken": entry.text("continuation_token")});
    let started = api.hal("POST", &entry.text("reset_password"), &body).await;
    let method = started.json()["_embedded"]["methods"][0].clone();
    assert_eq!(started.json()["challengeContext"]["authenticationFactor"], "singleFactor");
    assert_eq!(method["type"], "email");
    let link = method["_links"]["challenge"]["href"].as_str().unwrap();
    assert!(link.starts_with("/contoso.onmicrosoft.com/api/v2.0/"));
    let challenged =
        api.hal("POST", link, &serde_json::json!({"continuationToken": next(&started)})).await;
    assert_eq!(
        (challenged.text("action"), challenged.json()["codeLength"].as_u64()),
        ("verify".to_owned(), Some(8))
    );
    let code = api.code().await;
    let body = |otp: &str| serde_json::json!({"continuationToken": next(&challenged), "otp": otp});
    let wrong = api.hal("POST", &href(&challenged, "verify"), &body("0000 0001")).await;
    assert_eq!(
        (wrong.status, wrong.header("content-type")),
        (400, "application/hal+json; charset=utf-8")
    );
    assert_eq!(wrong.json()["error"]["code"], "invalidGrant");
    assert_eq!(wrong.json()["error"]["innerError"]["code"], "invalidOneTimeCode");
    let verified = api.hal("POST", &href(&challenged, "verify"), &body(&code)).await;
    let body = |password: &str| serde_json::json!({"continuationToken": next(&verified), "newPassword": password});
    let weak = api.hal("PUT", &href(&verified, "update"), &body("short")).await;
    assert_eq!(weak.json()["error"]["innerError"]["code"], "passwordTooShort");
    let updated = api.hal("PUT", &href(&verified, "update"), &body(NEW)).await;
    let polled = api
        .hal(
            "POST",
            &href(&updated, "poll"),
            &serde_json::json!({"continuationToken": next(&updated)}),
        )
        .await;
    assert_eq!(polled.text("state"), "continue");
    let left = post(
        &api.app,
        &format!("{OAUTH}/authorize-challenge"),
        &[],
        &form(&[("continuation_token", &next(&polled))]),
    )
    .await;
    let code = left.text("code");
    let tokens = api.token(&[("grant_type", "authorization_code"), ("code", &code)]).await;
    assert_eq!(tokens.status, 200, "{}", tokens.body);
    // A code is no continuation token, and a ticket signs in once.
    is_error(&api.poll(&code).await, "invalid_request", None, 55200);
    let again = api.token(&[("grant_type", "authorization_code"), ("code", &code)]).await;
    is_error(&again, "invalid_grant", None, 50132);
}

#[tokio::test]
async fn version_2_names_bad_fields_and_bad_tokens() {
    let api = Api::new().await;
    let start = format!("{V2}/resetpassword/start");
    for body in [
        "",
        "[]",
        "{\"continuationToken\":[1]}",
        "{\"username\":\"a\",\"username\":\"b\"}",
        "\u{0}",
        "{\"otp\":{}}",
    ] {
        let seen = send(&api.app, build("POST", &start, &[("content-type", JSON)], body)).await;
        assert_eq!(
            (seen.status, seen.json()["error"]["code"].as_str()),
            (400, Some("invalidRequest")),
            "{body}"
        );
    }
    let seen = api
        .hal(
            "POST",
            &start,
            &serde_json::json!({"continuationToken": "x", "username": "a@b.example"}),
        )
        .await;
    assert_eq!(seen.json()["error"]["code"], "invalidContinuationToken");
    let seen = send(&api.app, build("POST", &start, &[("content-type", FORM)], "a=b")).await;
    assert_eq!(seen.json()["error"]["code"], "invalidRequest");
    let large = serde_json::json!({"username": "a".repeat(40_000)});
    assert_eq!(api.hal("POST", &start, &large).await.status, 400);
}

/// What an outsider sees of one answer: everything but ids and random secrets.
fn outside(seen: &Seen, mail: &str) -> String {
    let local = mail.split('@').next().unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
    fn blank(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(fields) => {
                for (name, value) in fields {
                    let random = [
                        "continuation_token",
                        "continuationToken",
                        "trace_id",
                        "traceId",
                        "correlation_id",
                        "correlationId",
                        "error_description",
                    ];
                    if random.contains(&name.as_str()) {
                        // Lengths are seen too.
                        *value = serde_json::json!(value.as_str().map(str::len));
                    }
                    blank(value);
                }
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(blank),
            _ => {}
        }
    }
    blank(&mut value);
    let ids = ["x-ms-request-id", "client-request-id"];
    let headers = seen.headers.iter().map(|(name, value)| {
        let value = value.to_str().unwrap();
        if ids.contains(&name.as_str()) {
            format!("{name}: {}", value.len())
        } else {
            format!("{name}: {value}")
        }
    });
    let headers = headers.collect::<Vec<_>>().join("\n");
    let mask = sspr::domain::EmailAddress::parse(mail).unwrap().masked();
    let body = value.to_string().replace(&mask, "MASK").replace(local, "LOCAL");
    format!("{}\n{headers}\n{body}", seen.status)
}

#[tokio::test]
async fn every_kind_of_account_is_answered_with_the_same_bytes() {
    let mut journeys: Vec<(&str, Vec<String>)> = Vec::new();
    for mail in KINDS {
        let api = Api::new().await;
        let mut seen = Vec::new();
        let started = api.start(mail).await;
        let challenged = api.challenge(&started.text("continuation_token")).await;
        api.world.courier.drain(&api.world.inbox).await;
        let token = challenged.text("continuation_token");
        let early = api.challenge(&token).await;
        seen.extend([started, challenged, early]);
        for _ in 0..7 {
            seen.push(api.go_on(&token, "00000000").await);
        }
        api.world.clock.advance(seconds(61));
        seen.push(api.challenge(&token).await);
        for _ in 0..12 {
            seen.push(api.sign_in(mail, "not the password").await);
        }
        let entry = post(
            &api.app,
            &format!("{OAUTH}/authorize-challenge"),
            &[],
            &form(&[("client_id", "shop")]),
        )
        .await;
        let body = serde_json::json!({"username": mail, "continuationToken": entry.text("continuation_token")});
        let started = api.hal("POST", &entry.text("reset_password"), &body).await;
        let signing = api.hal("POST", &entry.text("sign_in"), &body).await;
        let next = serde_json::json!({"continuationToken": started.text("continuationToken")});
        let challenged =
            api.hal("POST", &format!("{V2}/auth/methods/email/1/challenge"), &next).await;
        let next = serde_json::json!({"continuationToken": challenged.text("continuationToken"), "otp": "00000000"});
        seen.push(api.hal("POST", &format!("{V2}/auth/methods/email/1/verify"), &next).await);
        let next = serde_json::json!({"continuationToken": signing.text("continuationToken"), "password": "wrong one"});
        seen.push(api.hal("POST", &format!("{V2}/auth/methods/password/1/verify"), &next).await);
        seen.extend([entry, started, signing, challenged]);
        journeys.push((mail, seen.iter().map(|seen| outside(seen, mail)).collect()));
    }
    let (_, first) = &journeys[0];
    for (mail, journey) in &journeys[1..] {
        for (step, (one, other)) in first.iter().zip(journey).enumerate() {
            assert_eq!(one, other, "step {step}, {mail}");
        }
        assert_eq!(first.len(), journey.len());
    }
}

#[tokio::test]
async fn the_document_lists_what_is_served_and_nothing_else() {
    let api = Api::new().await;
    let served = get(&api.app, "/contoso.onmicrosoft.com/openapi.json", &[]).await;
    assert_eq!(served.body, Native::document());
    let document = served.json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    let listed: usize = paths.values().map(|path| path.as_object().unwrap().len()).sum();
    assert_eq!(listed, 19);
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            let path = format!("/contoso.onmicrosoft.com{path}");
            let seen = send(&api.app, build(&method.to_uppercase(), &path, &[], "")).await;
            assert_eq!(seen.status, 400, "{method} {path}");
            assert!(operation["responses"]["400"].is_object());
            let other = if method == "put" { "POST" } else { "PUT" };
            assert_eq!(send(&api.app, build(other, &path, &[], "")).await.status, 405);
        }
    }
}

#[tokio::test]
async fn while_a_store_is_down_the_answer_is_503_json_and_the_flow_goes_on_after() {
    let (world, down) = flaky_world().await;
    let api = Api::over(world);
    let set = |state| down.store(state, std::sync::atomic::Ordering::SeqCst);
    let is_down = |seen: &Seen| {
        assert_eq!((seen.status, seen.header("retry-after")), (503, "30"), "{}", seen.body);
        assert_eq!(seen.text("error"), "temporarily_unavailable");
        assert!(!seen.text("correlation_id").is_empty());
    };

    // The first step writes nothing, so it needs no store.
    set(true);
    let started = api.start("ada@example.com").await.text("continuation_token");
    is_down(&api.challenge(&started).await);
    set(false);
    let token = api.challenge(&started).await.text("continuation_token");
    let code = api.code().await;
    set(true);
    is_down(&api.go_on(&token, &code).await);
    set(false);
    let token = api.go_on(&token, &code).await.text("continuation_token");
    set(true);
    is_down(&api.submit(&token, NEW).await);
    set(false);
    let token = api.submit(&token, NEW).await.text("continuation_token");
    set(true);
    assert_eq!(api.poll(&token).await.text("status"), "succeeded");
}

/// A small world whose code store counts its calls.
async fn counted() -> (Api, Ledger) {
    let ledger = Ledger::default();
    let world = World::assemble(
        Users::Memory(MemoryUsers::new()),
        Arc::new(ledger.clone()),
        MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap()),
        Keyring::generate(&SystemEntropy::new()).unwrap(),
        ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000)),
        None,
    );
    world.add("ada@example.com", "ada").await;
    (Api::over(world), ledger)
}

#[tokio::test]
async fn a_reset_through_the_api_makes_seven_calls_of_the_code_store() {
    let (api, ledger) = counted().await;
    let calls = || ledger.take().0;
    calls();

    let started = api.start("ada@example.com").await.text("continuation_token");
    let mut steps = vec![calls()];
    let token = api.challenge(&started).await.text("continuation_token");
    steps.push(calls());
    let code = api.code().await;
    steps.push(calls());
    let token = api.go_on(&token, &code).await.text("continuation_token");
    steps.push(calls());
    let token = api.submit(&token, NEW).await.text("continuation_token");
    steps.push(calls());
    let token = api.poll(&token).await.text("continuation_token");
    steps.push(calls());
    let fields = [
        ("grant_type", "continuation_token"),
        ("continuation_token", &*token),
        ("scope", "openid"),
    ];
    let signed_in = api.token(&fields).await;
    assert_eq!(signed_in.status, 200, "{}", signed_in.body);
    steps.push(calls());

    assert_eq!(
        steps,
        [0, 1, 1, 2, 2, 0, 1],
        "start, challenge, mail, continue, submit, poll, token"
    );
}

#[tokio::test]
async fn a_first_challenge_that_is_repeated_opens_one_reset_and_sends_one_mail() {
    let (api, ledger) = counted().await;
    let started = api.start("ada@example.com").await.text("continuation_token");

    let mut last = String::new();
    for _ in 0..3 {
        let seen = api.challenge(&started).await;
        assert_eq!(seen.status, 200, "{}", seen.body);
        last = seen.text("continuation_token");
    }
    assert_eq!(ledger.entries().0, 1, "one record");
    let code = api.code().await;
    assert_eq!(api.world.inbox.messages().len(), 1);
    assert_eq!(api.go_on(&last, &code).await.status, 200);
}

#[tokio::test]
async fn a_token_of_the_first_step_lives_as_long_as_a_reset() {
    let (api, _) = counted().await;
    let started = api.start("ada@example.com").await.text("continuation_token");
    let late = api.start("ada@example.com").await.text("continuation_token");

    api.world.clock.advance(seconds(3_599));
    assert_eq!(api.challenge(&started).await.status, 200);
    api.world.clock.advance(seconds(1));
    let refused = api.challenge(&late).await;
    assert_eq!((refused.status, &*refused.text("error")), (400, "expired_token"));
}

#[tokio::test]
async fn a_guess_under_the_token_of_an_older_code_costs_a_try_and_compares_nothing() {
    let (api, _) = counted().await;
    let started = api.start("ada@example.com").await.text("continuation_token");
    let old = api.challenge(&started).await.text("continuation_token");
    api.code().await;
    api.world.clock.advance(seconds(60));
    let new = api.challenge(&old).await.text("continuation_token");
    let code = api.code().await;

    for _ in 0..4 {
        let refused = api.go_on(&old, &code).await;
        assert_eq!((refused.status, &*refused.text("error")), (400, "expired_token"));
    }
    assert_eq!(api.challenge(&old).await.text("error"), "expired_token");
    assert_eq!(api.go_on(&new, &code).await.status, 200, "the fifth try");
}

#[tokio::test]
async fn an_application_of_another_tenant_is_refused_when_the_api_is_made() {
    let world = World::memory().await;
    let of = |tenant: &str| Application::new(tenant, "sign-in", "other").unwrap();
    let api = || Native::new(&world.sspr, Application::single("contoso").unwrap(), Plain);
    assert!(api().with_application(of("contoso")).is_ok());
    assert!(matches!(api().with_application(of("fabrikam")), Err(OtherTenantError { .. })));
}
