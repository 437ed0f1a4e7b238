//! A right password that must be changed before anybody is signed in.

use super::signed_in::{CHOICE, Site, page};
use crate::support::browser::Browser;
use crate::support::{
    NEW, OLD,
    front::{form, post},
};
use sspr::{TenantPolicy, policy::AfterReset};

async fn marked() -> Site {
    let site = Site::new().await;
    site.world.change_account("ada", |ada| ada.must_change = true).await;
    site
}

/// A browser in which Ada has typed her right password.
async fn before_the_form(site: &Site, return_to: &str) -> Browser {
    let mut browser = site.browser();
    let fields = [("username", "ada@example.com"), ("return_to", return_to)];
    browser.post("sign-in", &fields).await;
    let seen = browser.post("password", &[("password", OLD)]).await;
    assert_eq!(page(&seen), "new-password");
    assert!(!browser.holds("session="), "nobody is signed in");
    browser
}

#[tokio::test]
async fn the_user_chooses_a_password_is_signed_in_and_goes_to_the_wanted_page() {
    let site = marked().await;
    let mut browser = before_the_form(&site, "/shop/cart").await;
    let shown = browser.here().await.body;
    assert!(shown.contains("Before you go on, choose a new password."), "{shown}");
    assert!(shown.contains("Change password") && !shown.contains("Reset password"), "{shown}");
    assert!(!shown.contains("Step ") && !shown.contains("current-password"), "{shown}");
    assert_eq!(site.sessions(), 0);

    // The password that must be changed cannot be kept.
    browser.post("new-password", &[("new-password", OLD), ("confirm-password", OLD)]).await;
    let shown = browser.here().await.body;
    assert!(shown.contains("It is the password you have now.") && shown.contains("Before you go"));

    assert_eq!(page(&browser.post("new-password", &CHOICE).await), "done");
    let done = browser.here().await.body;
    assert!(
        done.contains("You are signed in as") && done.contains("href=\"/shop/cart\""),
        "{done}"
    );
    let ada = site.world.account("ada").await.unwrap();
    assert!(!ada.must_change && site.last_session().stamp == ada.stamp);
    browser.get("/account/change").await;
    assert!(browser.at.starts_with("/account/change?flow="), "{}", browser.at);
}

#[tokio::test]
async fn two_posts_of_the_form_are_answered_alike_and_sign_in_once() {
    for after in [AfterReset::SignIn, AfterReset::RequireSignIn] {
        let site = marked().await;
        let policy = TenantPolicy::customers("contoso").unwrap();
        site.world.policies.replace(policy.with_after_reset(after));
        let browser = before_the_form(&site, "/shop/cart").await;
        let (path, cookie) = (browser.path("new-password"), browser.cookie());
        let mut told = Vec::new();
        for _ in 0..3 {
            let seen = post(&site.app, &path, &[("cookie", &cookie)], &form(&CHOICE)).await;
            let mut browser = browser.clone();
            browser.keep(&seen);
            let shown = browser.here().await.body;
            assert!(shown.contains("Your password is changed"), "{shown}");
            assert!(shown.contains("href=\"/shop/cart\""), "{after:?}: {shown}");
            told.push(seen.header("location").to_owned());
        }
        assert!(told.iter().all(|to| *to == told[0]), "{told:?}");
        assert_eq!(site.sessions(), 1);
        assert_eq!(site.world.notices_due().await, 1);
    }
}

#[tokio::test]
async fn every_language_has_the_lead() {
    let site = marked().await;
    let mut browser = before_the_form(&site, "/shop").await;
    for (tag, lead) in [
        ("de", "Bevor es weitergeht, wählen Sie bitte ein neues Passwort."),
        ("fr", "Avant de continuer, choisissez un nouveau mot de passe."),
        ("es", "Antes de continuar, elija una contraseña nueva."),
        ("ar", "قبل المتابعة، اختر كلمة مرور جديدة"),
        ("en", "Before you go on, choose a new password."),
    ] {
        let shown = browser.get(&format!("{}&ui_locales={tag}", browser.at)).await.body;
        assert!(shown.contains(lead), "{tag}: {shown}");
    }
}

#[tokio::test]
async fn who_came_to_change_the_password_is_not_asked_to_change_it_again() {
    let site = marked().await;
    let mut browser = before_the_form(&site, "/account/change").await;
    browser.post("new-password", &CHOICE).await;
    let done = browser.here().await.body;
    assert!(done.contains("href=\"/shop\"") && !done.contains("/account/change"), "{done}");
}

#[tokio::test]
async fn a_reset_that_follows_is_a_reset_again() {
    let site = marked().await;
    let mut browser = before_the_form(&site, "/shop").await;
    assert_eq!(page(&browser.post("reset", &[]).await), "code");
    let code = site.world.mailed_code().await.expose();
    browser.post("code", &[("code", &code)]).await;
    let shown = browser.here().await.body;
    assert!(shown.contains("Step 2 of 2") && !shown.contains("Before you go on"), "{shown}");
    assert_eq!(
        page(
            &browser
                .post("new-password", &[("new-password", NEW), ("confirm-password", NEW)])
                .await
        ),
        "done"
    );
}
