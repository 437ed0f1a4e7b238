//! What the answers of the native API say: times, texts and ways on.

use serde_json::json;

use crate::support::{
    OLD,
    front::{form, post},
    native_api::{Api, OAUTH, RESET, V2, is_error},
};

#[tokio::test]
async fn the_time_of_an_error_is_that_of_the_clock_as_entra_writes_it() {
    let api = Api::new().await;
    api.world.clock.advance(core::time::Duration::from_millis(61_999));
    let seen = api.v1(&format!("{RESET}/start"), &[]).await;
    assert_eq!(seen.text("timestamp"), "2027-01-15 08:01:01Z");
}

#[tokio::test]
async fn a_parameter_that_is_missing_is_named_in_a_whole_sentence() {
    let api = Api::new().await;
    let seen = api.v1(&format!("{RESET}/start"), &[]).await;
    let sentence = "AADSTS90100: The username parameter is empty or not valid.\r\n";
    assert!(seen.text("error_description").starts_with(sentence), "{}", seen.body);
}

#[tokio::test]
async fn a_challenge_is_made_where_the_client_supports_it_and_else_leads_to_a_browser() {
    let api = Api::new().await;
    let started = api.start("ada@example.com").await.text("continuation_token");
    let fields = [("username", "ada@example.com"), ("challenge_type", "password redirect")];
    let signing = api.v1(&format!("{OAUTH}/initiate"), &fields).await.text("continuation_token");
    for (path, token, supported, other) in [
        (format!("{RESET}/challenge"), &started, "oob", "password"),
        (format!("{OAUTH}/challenge"), &signing, "password", "oob"),
    ] {
        for (listed, made) in [
            (format!("{other} redirect"), "redirect"),
            (format!("{supported} redirect"), supported),
            (format!("{other} {supported} redirect"), supported),
        ] {
            let fields = [("continuation_token", &**token), ("challenge_type", &*listed)];
            let seen = api.v1(&path, &fields).await;
            assert_eq!(
                (seen.status, &*seen.text("challenge_type")),
                (200, made),
                "{path}: {listed}"
            );
        }
    }
}

#[tokio::test]
async fn a_pause_of_the_sign_in_has_its_own_name_in_each_version() {
    let api = Api::new().await;
    for _ in 0..10 {
        api.sign_in("ada@example.com", "not the password").await;
    }
    is_error(&api.sign_in("ada@example.com", OLD).await, "invalid_grant", None, 50053);

    let entry = form(&[("client_id", "shop"), ("scope", "openid offline_access")]);
    let entry = post(&api.app, &format!("{OAUTH}/authorize-challenge"), &[], &entry).await;
    let mut token = entry.text("continuation_token");
    for (path, name, value) in [
        ("/signin/start", "username", "ada@example.com"),
        ("/auth/methods/password/1/challenge", "none", ""),
    ] {
        let body = json!({"continuationToken": token, name: value});
        token = api.hal("POST", &format!("{V2}{path}"), &body).await.text("continuationToken");
    }
    let body = json!({"continuationToken": token, "password": OLD});
    let seen = api.hal("POST", &format!("{V2}/auth/methods/password/1/verify"), &body).await;
    assert_eq!(seen.json()["error"]["innerError"]["code"], "userLockedOut", "{}", seen.body);
}
