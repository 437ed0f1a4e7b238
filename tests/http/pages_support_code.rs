//! The page for a code that staff have handed over.

use super::signed_in::{CHOICE, Site, page};
use crate::support::browser::Browser;
use crate::support::{
    front::{form, post},
    shop,
};
use sspr::{
    AccountId,
    domain::ActorId,
    http::{Pages, ReturnTo},
};

async fn site() -> Site {
    let set = |pages: Pages| pages.with_home(ReturnTo::parse("/shop").unwrap()).with_help_desk();
    Site::with(set).await
}

async fn handed_over(site: &Site) -> String {
    let desk = site.world.sspr.help_desk(ActorId::parse("staff-17").unwrap());
    let ada = AccountId::parse("ada").unwrap();
    desk.assistance_code(&shop(), &ada).await.unwrap().done().unwrap().code.expose()
}

async fn enter(browser: &mut Browser, mail: &str, code: &str) -> String {
    page(&browser.post("support-code", &[("username", mail), ("code", code)]).await).to_owned()
}

#[tokio::test]
async fn a_code_of_staff_leads_to_a_new_password_and_the_wanted_page() {
    let site = site().await;
    let code = handed_over(&site).await;
    let mut browser = site.browser();
    let first = browser.follow("/account/sign-in?return_to=/shop/cart").await.body;
    assert!(first.contains("href=\"support-code?return_to=/shop/cart\""), "{first}");
    let shown = browser.follow("/account/support-code?return_to=/shop/cart").await.body;
    assert!(shown.contains("<h1>Enter the code from support</h1>"));
    let fields = [("username", " ada@example.com "), ("code", &*code), ("return_to", "/shop/cart")];
    assert_eq!(page(&browser.post("support-code", &fields).await), "new-password");
    assert_eq!(page(&browser.post("new-password", &CHOICE).await), "done");
    let done = browser.here().await.body;
    assert!(done.contains("You are signed in as") && done.contains("href=\"/shop/cart\""));
}

#[tokio::test]
async fn whatever_does_not_match_gets_the_same_page() {
    let site = site().await;
    site.world.add("eve@example.com", "eve").await;
    let code = handed_over(&site).await;
    let mut seen = Vec::new();
    for (mail, typed) in [
        ("eve@example.com", &*code),
        ("nobody@example.com", &*code),
        ("ada@example.com", "BCDF-GHJK-LMNP-QRST"),
        ("ada@example.com", "48291736"),
        ("ada@example.com", "what?"),
        ("not an address", &*code),
    ] {
        let mut browser = site.browser();
        browser.get("/account/support-code").await;
        assert_eq!(enter(&mut browser, mail, typed).await, "support-code");
        let body = browser.here().await.body;
        assert!(body.contains("That address and code do not match") && !body.contains(typed));
        let flow = browser.at.split_once("flow=").unwrap().1.to_owned();
        seen.push(body.replace(mail, "…").replace(&flow, "…"));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
    assert!(site.is_unchanged().await);
}

#[tokio::test]
async fn a_double_click_and_a_second_try_lead_on() {
    let site = site().await;
    let code = handed_over(&site).await;
    let mut browser = site.browser();
    browser.get("/account/support-code").await;
    assert_eq!(enter(&mut browser, "ada@example.com", "BCDF-GHJK-LMNP-QRST").await, "support-code");
    let (path, cookie) = (browser.path("support-code"), browser.cookie());
    let body = form(&[("username", "ada@example.com"), ("code", &code)]);
    for _ in 0..2 {
        let seen = post(&site.app, &path, &[("cookie", &cookie)], &body).await;
        assert_eq!(page(&seen), "new-password");
        browser.keep(&seen);
    }
    assert_eq!(page(&browser.post("new-password", &CHOICE).await), "done");
    // One notice of the code that was made, and one of the changed password.
    assert_eq!(site.world.courier.drain(&site.world.inbox).await.sent, 2);
}

#[tokio::test]
async fn without_a_help_desk_there_is_no_such_page() {
    let site = Site::new().await;
    let mut browser = site.browser();
    assert_eq!(browser.get("/account/support-code").await.status, 404);
    assert!(!browser.follow("/account/sign-in").await.body.contains("support-code"));
}

#[tokio::test]
async fn every_language_has_the_page() {
    let site = site().await;
    for (tag, title) in [
        ("ar", "أدخل الرمز من فريق الدعم"),
        ("de", "Code vom Support eingeben"),
        ("en", "Enter the code from support"),
        ("es", "Escriba el código del servicio de asistencia"),
        ("fr", "Saisissez le code de l’assistance"),
    ] {
        let mut browser = site.browser();
        let path = format!("/account/support-code?ui_locales={tag}");
        let body = browser.follow(&path).await.body;
        assert!(body.contains(title), "{tag}: {body}");
    }
}
