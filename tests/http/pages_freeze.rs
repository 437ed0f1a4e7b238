//! The pages for the code of a notice, and the page of a frozen account.

use super::signed_in::{CHOICE, Site, page};
use crate::support::browser::Browser;
use crate::support::{
    NEW, OLD,
    front::{form, post},
};
use sspr::Code;

/// A site on which somebody has changed Ada's password, and the code of her notice.
async fn changed() -> (Site, Code) {
    let site = Site::new().await;
    site.world.offer_freezes();
    site.world.changed_in_session("ada", OLD, NEW).await;
    let code = site.world.freeze_code("ada@example.com").await.unwrap();
    (site, code)
}

async fn enter(browser: &mut Browser, code: &str) -> String {
    page(&browser.post("freeze", &[("code", code)]).await).to_owned()
}

async fn is_frozen(site: &Site) -> bool {
    site.world.account("ada").await.unwrap().frozen.is_some()
}

#[tokio::test]
async fn a_code_is_confirmed_freezes_the_account_and_leads_to_the_way_back() {
    let (site, code) = changed().await;
    let mut browser = site.browser();
    let first = browser.follow("/account/sign-in").await.body;
    assert!(first.contains("href=\"freeze\">Freeze my account</a>"), "{first}");
    let shown = browser.follow("/account/freeze").await.body;
    assert!(shown.contains("<h1>Freeze your account</h1>"), "{shown}");
    assert_eq!(enter(&mut browser, &code.expose()).await, "freeze-account");
    let shown = browser.here().await.body;
    assert!(shown.contains("<h1>Freeze the account now?</h1>"), "{shown}");
    assert!(!is_frozen(&site).await, "a mere look freezes nothing");

    assert_eq!(page(&browser.post("freeze-account", &[]).await), "frozen");

    assert!(is_frozen(&site).await);
    let shown = browser.here().await.body;
    assert!(shown.contains("<h1>The account is frozen</h1>"), "{shown}");
    assert!(shown.contains("href=\"forgot\">Get the account back</a>"), "{shown}");
    browser.follow("/account/forgot").await;
    assert_eq!(page(&browser.post("forgot", &[("username", "ada@example.com")]).await), "code");
    let mailed = site.world.mailed_code().await.expose();
    assert_eq!(page(&browser.post("code", &[("code", &mailed)]).await), "new-password");
    let choice = CHOICE.map(|(name, _)| (name, "another four unrelated words"));
    assert_eq!(page(&browser.post("new-password", &choice).await), "done");
    assert!(!is_frozen(&site).await);
}

#[tokio::test]
async fn whatever_freezes_nothing_gets_the_same_page() {
    let (site, code) = changed().await;
    let mut seen = Vec::new();
    for typed in ["BCDF-GHJK-LMNP-QRST", "48291736", "what?", "", &code.expose()[..18]] {
        let mut browser = site.browser();
        browser.get("/account/freeze").await;
        if enter(&mut browser, typed).await == "freeze-account" {
            browser.here().await;
            assert_eq!(page(&browser.post("freeze-account", &[]).await), "freeze");
        }
        let body = browser.here().await.body;
        assert!(body.contains("That code does not work"), "{body}");
        assert!(typed.is_empty() || !body.contains(typed), "{body}");
        let flow = browser.at.split_once("flow=").unwrap().1.to_owned();
        seen.push(body.replace(&flow, "…"));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
    assert!(!is_frozen(&site).await);
}

#[tokio::test]
async fn a_double_click_ends_at_the_same_page_and_no_link_freezes() {
    let (site, code) = changed().await;
    let mut browser = site.browser();
    browser.get("/account/freeze").await;
    enter(&mut browser, &code.expose()).await;
    for path in ["freeze-account", &format!("freeze?code={}", code.expose())] {
        browser.get(&format!("/account/{path}")).await;
        assert!(!is_frozen(&site).await, "{path}");
    }
    let (path, cookie) = (browser.path("freeze-account"), browser.cookie());
    for _ in 0..2 {
        let seen = post(&site.app, &path, &[("cookie", &cookie)], &form(&[])).await;
        assert_eq!(page(&seen), "frozen");
        browser.keep(&seen);
    }
    // The form of a browser that has the newer cookie leads there as well.
    assert_eq!(page(&browser.post("freeze-account", &[]).await), "frozen");
}

#[tokio::test]
async fn the_right_password_of_a_frozen_account_leads_to_its_way_back() {
    let (site, code) = changed().await;
    site.world.freeze(&code).await;
    let mut browser = site.browser();
    browser.post("sign-in", &[("username", "ada@example.com")]).await;
    assert_eq!(page(&browser.post("password", &[("password", OLD)]).await), "password");
    assert_eq!(page(&browser.post("password", &[("password", NEW)]).await), "frozen");
    assert!(browser.here().await.body.contains("Get the account back"));
    assert_eq!(site.sessions(), 0);
}

#[tokio::test]
async fn without_the_setting_there_is_no_such_page() {
    let site = Site::new().await;
    let mut browser = site.browser();
    assert_eq!(browser.get("/account/freeze").await.status, 404);
    assert_eq!(browser.post("freeze", &[("code", "BCDF-GHJK-LMNP-QRST")]).await.status, 404);
    assert!(!browser.follow("/account/sign-in").await.body.contains("freeze"));
}

#[tokio::test]
async fn every_language_has_the_pages() {
    let (site, code) = changed().await;
    for (tag, titles) in [
        ("ar", ["جمّد حسابك", "هل تريد تجميد الحساب الآن؟", "الحساب مجمّد"]),
        ("de", ["Ihr Konto einfrieren", "Konto jetzt einfrieren?", "Das Konto ist eingefroren"]),
        ("en", ["Freeze your account", "Freeze the account now?", "The account is frozen"]),
        ("es", ["Bloquee su cuenta", "¿Bloquear la cuenta ahora?", "La cuenta está bloqueada"]),
        ("fr", ["Gelez votre compte", "Geler le compte maintenant ?", "Le compte est gelé"]),
    ] {
        let mut browser = site.browser();
        let first = browser.follow(&format!("/account/freeze?ui_locales={tag}")).await.body;
        enter(&mut browser, &code.expose()).await;
        let second = browser.here().await.body;
        browser.post("freeze-account", &[]).await;
        let third = browser.here().await.body;
        for (body, title) in [first, second, third].iter().zip(titles) {
            assert!(body.contains(&format!("<h1>{title}</h1>")), "{tag}: {body}");
        }
    }
}
