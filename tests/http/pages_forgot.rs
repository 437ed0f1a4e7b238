//! The entrance for users who forgot the password, for hosts with a sign-in page of their own.

use super::signed_in::{CHOICE, Site, page};
use crate::support::front::{KINDS, Seen, form, furnish, get, post};
use sspr::{TenantPolicy, policy::AuthenticationMethodsPolicy};

#[tokio::test]
async fn one_address_leads_to_the_code_and_the_code_to_the_wanted_page() {
    let site = Site::new().await;
    let mut browser = site.browser();
    let shown = browser.follow("/account/forgot?return_to=/shop/cart").await.body;
    assert!(shown.contains("<h1>Reset your password</h1>") && shown.contains("Send a code"));
    assert!(shown.contains("autocomplete=\"username\"") && !shown.contains("type=\"password\""));
    let seen = browser.post("forgot", &[("username", " ada@example.com ")]).await;
    assert_eq!(page(&seen), "code");
    let code = site.world.mailed_code().await.expose();
    browser.post("code", &[("code", &code)]).await;
    assert_eq!(page(&browser.post("new-password", &CHOICE).await), "done");
    let done = browser.here().await.body;
    assert!(done.contains("You are signed in as") && done.contains("href=\"/shop/cart\""));
}

#[tokio::test]
async fn a_double_click_sends_one_code() {
    let site = Site::new().await;
    let mut browser = site.browser();
    browser.get("/account/forgot").await;
    let (path, cookie) = (browser.path("forgot"), browser.cookie());
    let body = form(&[("username", "ada@example.com")]);
    let mut told = Vec::new();
    for _ in 0..3 {
        let seen = post(&site.app, &path, &[("cookie", &cookie)], &body).await;
        assert_eq!(page(&seen), "code");
        told.push(seen);
    }
    browser.keep(&told[0]);
    browser.at = path.clone();
    assert_eq!(page(&browser.post("forgot", &[("username", "ada@example.com")]).await), "code");
    assert_eq!(site.world.courier.drain(&site.world.inbox).await.sent, 1);
    // Each answer holds the same reset.
    let code = site.world.inbox.last_code().unwrap().expose();
    browser.keep(&told[1]);
    assert_eq!(page(&browser.post("code", &[("code", &code)]).await), "new-password");
}

#[tokio::test]
async fn another_address_is_another_journey_and_the_first_code_stays_good() {
    let site = Site::new().await;
    site.world.add("eve@example.com", "eve").await;
    let mut browser = site.browser();
    browser.get("/account/forgot").await;
    let form = browser.at.clone();
    browser.post("forgot", &[("username", "ada@example.com")]).await;
    let ada = browser.at.clone();
    let code = site.world.mailed_code().await.expose();
    browser.at = form;
    assert!(!browser.here().await.body.contains("ada@example.com"));
    browser.post("forgot", &[("username", "eve@example.com")]).await;
    assert_ne!(browser.at, ada);
    browser.at = ada;
    assert_eq!(page(&browser.post("code", &[("code", &code)]).await), "new-password");
}

#[tokio::test]
async fn what_is_no_address_is_shown_again_and_sends_nothing() {
    let site = Site::new().await;
    let mut browser = site.browser();
    browser.get("/account/forgot?return_to=/shop/cart").await;
    let form = browser.at.clone();
    for typed in ["", "ada", "<img src=x>", &"a".repeat(400)] {
        browser.post("forgot", &[("username", typed)]).await;
        assert_eq!(browser.at, form);
        let shown = browser.here().await.body;
        assert!(!shown.contains("<img"), "{shown}");
        if !typed.is_empty() && typed.len() < 255 {
            assert!(shown.contains("<title>Error: ") && shown.contains("like name@example.com"));
        }
    }
    assert_eq!(page(&browser.post("forgot", &[("username", "ada@example.com")]).await), "code");
}

/// An answer without what is random in it, and without the address.
fn outside(seen: &Seen, mail: &str) -> String {
    let names: Vec<_> = seen.headers.keys().map(|name| name.as_str().to_owned()).collect();
    let sizes: Vec<_> = seen.cookies().iter().map(String::len).collect();
    let mask = sspr::domain::EmailAddress::parse(mail).unwrap().masked();
    let body = seen.body.replace(&mask, "MASK").replace(mail, "MAIL");
    let to = seen.headers.get("location").map(|to| to.to_str().unwrap().to_owned());
    let text = format!("{} {names:?} {sizes:?} {to:?}\n{body}", seen.status);
    let mut parts = text.split("flow=");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |told, part| format!("{told}flow={}", &part[8..]))
}

#[tokio::test]
async fn every_kind_of_account_sees_the_same_bytes() {
    let mut all: Vec<Vec<String>> = Vec::new();
    for mail in KINDS {
        let site = Site::new().await;
        furnish(&site.world).await;
        let mut browser = site.browser();
        let mut seen = vec![browser.get("/account/forgot").await, browser.here().await];
        let form = browser.at.clone();
        for _ in 0..8 {
            seen.push(browser.post("forgot", &[("username", mail)]).await);
            site.world.courier.drain(&site.world.inbox).await;
            seen.push(browser.here().await);
            seen.push(browser.post("code", &[("code", "00000000")]).await);
            seen.push(browser.here().await);
            seen.push(browser.get(&form).await);
        }
        all.push(seen.iter().map(|seen| outside(seen, mail)).collect());
    }
    for (mail, told) in KINDS.iter().zip(&all) {
        for (step, (one, other)) in all[0].iter().zip(told).enumerate() {
            assert_eq!(one, other, "step {step}, {mail}");
        }
    }
}

#[tokio::test]
async fn links_of_other_sites_push_no_journey_out_of_the_cookie() {
    let site = Site::new().await;
    let mut browser = site.browser();
    browser.post("sign-in", &[("username", "ada@example.com")]).await;
    browser.post("reset", &[]).await;
    let reset = browser.at.clone();
    let code = site.world.mailed_code().await.expose();
    let mut forms = std::collections::BTreeSet::new();
    for _ in 0..12 {
        browser.get("/account/forgot").await;
        forms.insert(browser.at.clone());
    }
    assert_eq!(forms.len(), 1);
    browser.at = reset;
    assert_eq!(page(&browser.post("code", &[("code", &code)]).await), "new-password");
}

#[tokio::test]
async fn where_no_reset_is_offered_the_entrance_says_so() {
    let site = Site::new().await;
    let mut browser = site.browser();
    browser.get("/account/forgot").await;
    let json = r#"{"id":"Email","state":"disabled","includeTargets":[]}"#;
    let methods = AuthenticationMethodsPolicy::from_email_json(json).unwrap();
    let policy = TenantPolicy::customers("contoso").unwrap();
    site.world.policies.replace(policy.with_authentication_methods(methods));
    let seen = browser.post("forgot", &[("username", "ada@example.com")]).await;
    assert_eq!(page(&seen), "unavailable");
    assert!(browser.here().await.body.contains("Password reset is not offered here"));
    assert_eq!(page(&get(&site.app, "/account/forgot", &[]).await), "unavailable");
}

#[tokio::test]
async fn without_cookies_nothing_is_sent_and_the_page_says_why() {
    let site = Site::new().await;
    let mut browser = site.browser();
    browser.get("/account/forgot").await;
    browser.cookies.clear();
    assert!(browser.here().await.body.contains("Cookies are needed"));
    let seen = browser.post("forgot", &[("username", "ada@example.com")]).await;
    assert_eq!(page(&seen), "start-again");
    assert_eq!(site.world.courier.drain(&site.world.inbox).await.sent, 0);
    // A return to another place is not taken over.
    let mut browser = site.browser();
    browser.follow("/account/forgot?return_to=//evil.example").await;
    assert!(!browser.here().await.body.contains("evil"));
}

#[tokio::test]
async fn every_language_has_the_entrance() {
    let site = Site::new().await;
    let mut browser = site.browser();
    browser.get("/account/forgot").await;
    for (tag, title, button) in [
        ("de", "Ihr Passwort zurücksetzen", "Code senden"),
        ("fr", "Réinitialisez votre mot de passe", "Envoyer un code"),
        ("es", "Restablezca su contraseña", "Enviar un código"),
        ("ar", "أعد تعيين كلمة المرور", "إرسال رمز"),
        ("en", "Reset your password", "Send a code"),
    ] {
        let shown = browser.get(&format!("{}&ui_locales={tag}", browser.at)).await.body;
        assert!(shown.contains(title) && shown.contains(button), "{tag}: {shown}");
    }
}
