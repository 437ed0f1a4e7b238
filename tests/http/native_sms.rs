//! The native API where a tenant sends codes by SMS as well.

use serde_json::{Value, json};

use crate::support::{
    NEW, PHONE, World,
    front::{Seen, form, post},
    native_api::{Api, OAUTH, RESET, V2},
    phone,
};

async fn api() -> Api {
    let world = World::memory().await.with_sms().await;
    world.add("eve@example.com", "eve").await;
    Api::over(world)
}

async fn entry(api: &Api) -> String {
    let body = form(&[("client_id", "shop"), ("scope", "openid")]);
    let path = format!("{OAUTH}/authorize-challenge");
    post(&api.app, &path, &[], &body).await.text("continuation_token")
}

async fn start(api: &Api, mail: &str) -> Seen {
    let body = json!({"continuationToken": entry(api).await, "username": mail});
    api.hal("POST", &format!("{V2}/resetpassword/start"), &body).await
}

/// Follows a link of an answer with its token, or with another one.
async fn follow(api: &Api, link: &Value, token: &str, more: Value) -> Seen {
    let mut body = json!({"continuationToken": token});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let method = if link["href"].as_str().unwrap().ends_with("update") { "PUT" } else { "POST" };
    api.hal(method, link["href"].as_str().unwrap(), &body).await
}

fn token(seen: &Seen) -> String {
    seen.text("continuationToken")
}

async fn text_code(api: &Api) -> String {
    api.world.courier.drain(&api.world.inbox).await;
    api.world.inbox.last_code_to(&phone(PHONE)).expect("a text").expose()
}

#[tokio::test]
async fn version_2_lists_mail_before_sms_with_one_hint_for_every_phone() {
    let api = api().await;
    for mail in ["ada@example.com", "eve@example.com", "bob@example.com"] {
        let started = start(&api, mail).await;
        let methods = started.json()["_embedded"]["methods"].clone();
        let listed: Vec<&str> =
            methods.as_array().unwrap().iter().map(|it| it["type"].as_str().unwrap()).collect();
        assert_eq!(listed, ["email", "sms"], "{mail}");
        assert_eq!(methods[1]["hint"], "+** *** ***");
        assert_ne!(methods[0]["id"], methods[1]["id"]);
    }
}

#[tokio::test]
async fn version_2_resets_with_a_code_by_sms() {
    let api = api().await;
    let started = start(&api, "ada@example.com").await;
    let sms = started.json()["_embedded"]["methods"][1]["_links"]["challenge"].clone();
    let sent = follow(&api, &sms, &token(&started), json!({})).await;
    let body = sent.json();
    assert_eq!((&body["type"], &body["action"]), (&json!("sms"), &json!("verify")));
    assert_eq!((&body["codeLength"], &body["hint"]), (&json!(8), &json!("+** *** ***")));
    assert!(body["_links"]["resend"]["href"].as_str().unwrap().contains("/sms/"));

    let otp = json!({"otp": text_code(&api).await});
    let verified = follow(&api, &body["_links"]["verify"], &token(&sent), otp).await;
    assert_eq!(verified.json()["action"], "update");
    let new = json!({"newPassword": NEW});
    let update = follow(&api, &verified.json()["_links"]["update"], &token(&verified), new).await;
    assert_eq!(update.json()["action"], "poll", "{}", update.body);
}

#[tokio::test]
async fn a_client_that_changes_its_mind_comes_with_the_first_token_again() {
    let api = api().await;
    let started = start(&api, "ada@example.com").await;
    let methods = started.json()["_embedded"]["methods"].clone();
    let first = follow(&api, &methods[0]["_links"]["challenge"], &token(&started), json!({})).await;
    assert_eq!(first.json()["type"], "email");
    let mailed = api.code().await;
    let second =
        follow(&api, &methods[1]["_links"]["challenge"], &token(&started), json!({})).await;
    assert_eq!(second.json()["type"], "sms", "{}", second.body);
    let texted = text_code(&api).await;

    let verify = &second.json()["_links"]["verify"];
    let wrong = follow(&api, verify, &token(&second), json!({"otp": mailed})).await;
    assert_eq!(wrong.status, 400, "the newest code counts: {}", wrong.body);
    let right = follow(&api, verify, &token(&second), json!({"otp": texted})).await;
    assert_eq!(right.json()["action"], "update", "{}", right.body);
}

#[tokio::test]
async fn i7_without_a_phone_version_2_answers_with_the_same_bytes() {
    let api = api().await;
    let mut seen = Vec::new();
    for mail in ["ada@example.com", "eve@example.com", "bob@example.com"] {
        let started = start(&api, mail).await;
        let sms = started.json()["_embedded"]["methods"][1]["_links"]["challenge"].clone();
        let sent = follow(&api, &sms, &token(&started), json!({})).await;
        api.world.courier.drain(&api.world.inbox).await;
        let otp = json!({"otp": "00000000"});
        let verify = sent.json()["_links"]["verify"].clone();
        let wrong = follow(&api, &verify, &token(&sent), otp).await;
        let again = follow(&api, &sms, &token(&sent), json!({})).await;
        let masked = sspr::EmailAddress::parse(mail).unwrap().masked();
        let mut steps = Vec::new();
        for step in [started, sent, wrong, again] {
            let mut body = step.json();
            if body.get("continuationToken").is_some() {
                body["continuationToken"] = json!(token(&step).len());
            }
            let error = &mut body["error"];
            for name in ["timestamp", "traceId", "correlationId"] {
                if error.get(name).is_some() {
                    error[name] = json!(0);
                }
            }
            steps.push(format!("{} {body}", step.status).replace(&masked, "…"));
        }
        seen.push(steps);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    assert_eq!(api.world.inbox.texts().len(), 1);
}

#[tokio::test]
async fn version_1_knows_mails_only_and_sms_without_an_offer_is_refused() {
    let api = api().await;
    let (token_v1, _) = api.challenged("ada@example.com").await;
    assert!(!token_v1.is_empty() && api.world.inbox.texts().is_empty());
    let challenged = api.challenge(&token_v1).await;
    assert_ne!(challenged.json()["challenge_channel"], "sms");

    let plain = Api::new().await;
    let started = start(&plain, "aaaa@example.com").await;
    let methods = started.json()["_embedded"]["methods"].clone();
    assert_eq!(methods.as_array().unwrap().len(), 1);
    let forced = json!({"href": format!("{V2}/auth/methods/sms/2/challenge")});
    let refused = follow(&plain, &forced, &token(&started), json!({})).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    plain.world.courier.drain(&plain.world.inbox).await;
    assert!(plain.world.inbox.messages().is_empty() && plain.world.inbox.texts().is_empty());
}

#[tokio::test]
async fn version_1_sends_every_address_to_a_browser_where_two_proofs_are_required() {
    let api = Api::over(World::memory().await.with_two_codes().await);
    for mail in ["ada@example.com", "bob@example.com"] {
        let body = [("client_id", "shop"), ("username", mail), ("challenge_type", "oob redirect")];
        let seen = post(&api.app, &format!("{RESET}/start"), &[], &form(&body)).await;
        assert_eq!((seen.status, seen.text("challenge_type")), (200, "redirect".to_owned()));
    }
    api.world.courier.drain(&api.world.inbox).await;
    assert!(api.world.inbox.messages().is_empty());
}

#[tokio::test]
async fn version_2_does_so_where_the_second_proof_is_the_hosts() {
    let (world, _) = World::memory().await.with_app().await;
    let api = Api::over(world);
    for mail in ["ada@example.com", "bob@example.com"] {
        let seen = start(&api, mail).await;
        assert_eq!((seen.status, seen.text("suberror")), (400, "web_redirect_required".to_owned()));
    }
}

/// Gives the first proof by mail, and answers the link and the token for the new password.
async fn proved(api: &Api) -> (Value, String) {
    let started = start(api, "ada@example.com").await;
    let first = started.json()["_embedded"]["methods"][0]["_links"]["challenge"].clone();
    let challenged = follow(api, &first, &token(&started), json!({})).await;
    let code = api.world.mailed_code().await.expose();
    let verify = challenged.json()["_links"]["verify"].clone();
    let verified = follow(api, &verify, &token(&challenged), json!({"otp": code})).await;
    assert_eq!((verified.status, verified.text("action")), (200, "update".to_owned()));
    (verified.json()["_links"]["update"].clone(), token(&verified))
}

#[tokio::test]
async fn version_2_takes_the_new_password_before_the_second_proof_and_sets_it_after() {
    let api = Api::over(World::memory().await.with_two_codes().await);
    let (update, held) = proved(&api).await;
    let weak = follow(&api, &update, &held, json!({"newPassword": "qwertyuiop"})).await;
    assert_eq!(weak.status, 400, "{}", weak.body);
    let updated = follow(&api, &update, &held, json!({"newPassword": NEW})).await;
    assert_eq!((updated.status, updated.text("action")), (200, "poll".to_owned()));
    let poll = updated.json()["_links"]["poll"].clone();
    let polled = follow(&api, &poll, &token(&updated), json!({})).await;
    let asked = polled.json();
    assert_eq!(asked["action"], "challenge");
    assert_eq!(asked["challengeContext"]["authenticationFactor"], "multiFactor");
    let methods = asked["_embedded"]["methods"].as_array().unwrap();
    assert_eq!((methods.len(), &methods[0]["type"]), (1, &json!("sms")));
    assert_eq!(methods[0]["hint"], "+** *** ***23");

    let challenge = methods[0]["_links"]["challenge"].clone();
    let challenged = follow(&api, &challenge, &token(&polled), json!({})).await;
    assert_eq!(challenged.text("action"), "verify", "{}", challenged.body);
    let code = text_code(&api).await;
    let verify = challenged.json()["_links"]["verify"].clone();
    let wrong = follow(&api, &verify, &token(&challenged), json!({"otp": "00000000"})).await;
    assert!(wrong.body.contains("invalidOneTimeCode"), "{}", wrong.body);
    assert!(api.world.sign_in("ada@example.com", crate::support::OLD).await.signed_in().is_some());
    // A lost answer is asked for again.
    for _ in 0..2 {
        let done = follow(&api, &verify, &token(&challenged), json!({"otp": code})).await;
        assert_eq!((done.status, done.text("state")), (200, "continue".to_owned()));
    }
    assert!(api.world.sign_in("ada@example.com", NEW).await.signed_in().is_some());
}

#[tokio::test]
async fn no_step_of_version_2_goes_around_the_second_proof() {
    let api = Api::over(World::memory().await.with_two_codes().await);
    let (update, held) = proved(&api).await;
    let updated = follow(&api, &update, &held, json!({"newPassword": NEW})).await;
    let poll = updated.json()["_links"]["poll"].clone();
    let polled = follow(&api, &poll, &token(&updated), json!({})).await;
    let verify = json!({"href": format!("{V2}/auth/methods/email/1/verify")});
    let first = api.world.inbox.last_code().unwrap().expose();
    // Neither the first code, nor a second code that was not asked for, nor a code by mail.
    for (link, more) in [
        (&verify, json!({"otp": first})),
        (&poll, json!({})),
        (&json!({"href": format!("{V2}/auth/methods/email/1/challenge")}), json!({})),
    ] {
        let seen = follow(&api, link, &token(&polled), more).await;
        let is_asked = seen.json()["action"] == "challenge";
        assert!(seen.status == 400 || is_asked, "{}: {}", seen.status, seen.body);
    }
    let body = form(&[("client_id", "shop"), ("continuation_token", &token(&polled))]);
    let path = format!("{OAUTH}/authorize-challenge");
    assert_eq!(post(&api.app, &path, &[], &body).await.status, 400);
    assert!(api.world.sign_in("ada@example.com", NEW).await.signed_in().is_none());
}
