//! The pages where a tenant sends codes by SMS as well.

use sspr::http::{Pages, ReturnTo};

use super::signed_in::{CHOICE, Site, page};
use crate::support::browser::Browser;
use crate::support::{PHONE, World, hours, phone, seconds, sms_policy};
use sspr::policy::Limits;

async fn site() -> Site {
    let set = |pages: Pages| pages.with_home(ReturnTo::parse("/shop").unwrap());
    Site::over(World::memory().await.with_sms().await, set)
}

/// Goes from the address to the choice.
async fn forgot(site: &Site, mail: &str) -> Browser {
    let mut browser = site.browser();
    browser.post("sign-in", &[("username", mail)]).await;
    assert_eq!(page(&browser.post("reset", &[]).await), "send-code");
    browser
}

async fn text_code(site: &Site) -> String {
    site.world.courier.drain(&site.world.inbox).await;
    site.world.inbox.last_code_to(&phone(PHONE)).expect("a text with a code").expose()
}

#[tokio::test]
async fn a_code_by_sms_leads_to_a_new_password() {
    let site = site().await;
    let mut browser = forgot(&site, "ada@example.com").await;
    let choice = browser.here().await.body;
    assert!(choice.contains("<h1>How do you want to get the code?</h1>"), "{choice}");
    assert!(!choice.contains("0123") && !choice.contains("+1"), "{choice}");
    assert_eq!(page(&browser.post("send-code", &[("by", "sms")]).await), "code");
    let shown = browser.here().await.body;
    assert!(shown.contains("has an account with a phone, a text message"), "{shown}");
    assert!(shown.contains("autocomplete=\"one-time-code\""), "{shown}");
    let code = text_code(&site).await;
    assert_eq!(page(&browser.post("code", &[("code", &code)]).await), "new-password");
    assert_eq!(page(&browser.post("new-password", &CHOICE).await), "done");
    assert!(browser.here().await.body.contains("You are signed in as"));
}

#[tokio::test]
async fn whoever_has_no_phone_sees_the_same_pages_until_a_right_code() {
    let site = site().await;
    site.world.add("eve@example.com", "eve").await;
    let mut seen = Vec::new();
    for mail in ["ada@example.com", "eve@example.com", "bob@example.com"] {
        let mut browser = forgot(&site, mail).await;
        let mut pages = vec![browser.here().await.body];
        browser.post("send-code", &[("by", "sms")]).await;
        site.world.courier.drain(&site.world.inbox).await;
        pages.push(browser.here().await.body);
        browser.post("code", &[("code", "00000000")]).await;
        pages.push(browser.here().await.body);
        browser.post("resend", &[]).await;
        pages.push(browser.here().await.body);
        browser.post("send-code", &[("by", "email")]).await;
        pages.push(browser.here().await.body);
        let flow = browser.at.split_once("flow=").unwrap().1.to_owned();
        let masked = sspr::EmailAddress::parse(mail).unwrap().masked();
        seen.push(pages.join("").replace(&flow, "…").replace(mail, "…").replace(&masked, "…"));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    assert_eq!(site.world.inbox.texts().len(), 1);
}

/// A browser fills in the code of a text where the page asks it to. Whether the page asks depends
/// on the way that was chosen, and on no account.
#[tokio::test]
async fn the_page_for_a_code_by_sms_asks_the_browser_for_the_text_whoever_looks() {
    let site = site().await;
    let script = "<script src=\"sms-code.js\" defer></script>";
    for mail in ["ada@example.com", "bob@example.com"] {
        let mut browser = forgot(&site, mail).await;
        assert!(!browser.here().await.body.contains(script), "no code is on its way");
        browser.post("send-code", &[("by", "sms")]).await;
        assert!(browser.here().await.body.contains(script), "{mail}");
        browser.post("send-code", &[("by", "email")]).await;
        assert!(!browser.here().await.body.contains(script), "{mail}: the code comes by mail");
    }
    let browser = site.browser();
    let asset = browser.clone().get("/account/sms-code.js").await;
    assert_eq!((asset.status, asset.header("content-type")), (200, "text/javascript"));
    assert!(asset.body.len() < 2_000, "{}", asset.body.len());
}

#[tokio::test]
async fn the_code_can_be_got_the_other_way_at_once() {
    let site = site().await;
    let mut browser = forgot(&site, "ada@example.com").await;
    browser.post("send-code", &[("by", "sms")]).await;
    let shown = browser.here().await.body;
    assert!(shown.contains("href=\"send-code?flow="), "{shown}");
    let path = browser.path("send-code");
    assert_eq!(browser.get(&path).await.status, 200);
    assert_eq!(page(&browser.post("send-code", &[("by", "email")]).await), "code");
    let shown = browser.here().await.body;
    assert!(!shown.contains("with a phone"), "{shown}");
    let code = site.world.mailed_code().await.expose();
    assert_eq!(page(&browser.post("code", &[("code", &code)]).await), "new-password");
    // After the right code there is nothing to choose.
    assert_eq!(page(&browser.get(&path).await), "new-password");
    assert_eq!(page(&browser.post("send-code", &[("by", "sms")]).await), "new-password");
}

#[tokio::test]
async fn whoever_begins_again_after_an_hour_chooses_again() {
    let site = site().await;
    let mut browser = forgot(&site, "ada@example.com").await;
    assert_eq!(page(&browser.post("send-code", &[("by", "sms")]).await), "code");
    assert_eq!(page(&browser.post("reset", &[]).await), "code", "the reset goes on");
    let code = text_code(&site).await;
    site.world.clock.advance(hours(2));

    assert_eq!(page(&browser.post("reset", &[]).await), "send-code");

    assert_eq!(site.world.courier.drain(&site.world.inbox).await.sent, 0, "nobody chose a mail");
    assert_eq!(page(&browser.post("send-code", &[("by", "sms")]).await), "code");
    let newer = text_code(&site).await;
    assert_ne!(code, newer);
    assert_eq!(page(&browser.post("code", &[("code", &newer)]).await), "new-password");
    // After the right code, a new reset begins with the choice as well.
    assert_eq!(page(&browser.post("reset", &[]).await), "send-code");
}

#[tokio::test]
async fn whoever_waits_for_something_else_is_not_asked_how_to_get_a_code() {
    let site = site().await;
    let limits = Limits::builder().network_tries(1).texts_per_network(1).build().unwrap();
    site.world.policies.replace(sms_policy().with_limits(limits));
    let mut browser = site.browser();
    for _ in 0..2 {
        browser.sign_in("ada@example.com", "not the password").await;
    }
    assert!(browser.at.contains("/try-later?"), "{}", browser.at);
    let path = browser.path("send-code");
    assert_eq!(page(&browser.get(&path).await), "try-later");
    assert_eq!(page(&browser.post("send-code", &[("by", "sms")]).await), "try-later");
    assert!(site.world.inbox.texts().is_empty());

    // Whoever waits for a text may have a mail, and whoever waits to type a code another one.
    let mut browser = forgot(&site, "ada@example.com").await;
    browser.post("send-code", &[("by", "sms")]).await;
    site.world.clock.advance(seconds(61));
    assert_eq!(page(&browser.post("send-code", &[("by", "sms")]).await), "try-later");
    assert_eq!(browser.get(&browser.path("send-code")).await.status, 200);
    assert_eq!(page(&browser.post("send-code", &[("by", "email")]).await), "code");
    let tried = browser.post("code", &[("code", "00000000")]).await;
    assert_eq!(page(&tried), "try-later", "the network has used its one try up");
    assert_eq!(browser.get(&browser.path("send-code")).await.status, 200);
}

#[tokio::test]
async fn a_double_click_on_a_choice_sends_one_text() {
    let site = site().await;
    let browser = forgot(&site, "ada@example.com").await;
    for _ in 0..2 {
        let mut same = browser.clone();
        assert_eq!(page(&same.post("send-code", &[("by", "sms")]).await), "code");
    }
    site.world.courier.drain(&site.world.inbox).await;
    assert_eq!(site.world.inbox.texts().len(), 1);
}

#[tokio::test]
async fn where_only_mails_are_offered_there_is_no_choice() {
    let site = Site::new().await;
    let mut browser = site.browser();
    browser.post("sign-in", &[("username", "ada@example.com")]).await;
    assert_eq!(page(&browser.post("reset", &[]).await), "code");
    assert!(!browser.here().await.body.contains("send-code"));
    let path = browser.path("send-code");
    assert_eq!(page(&browser.get(&path).await), "start-again");
    // Whoever asks for a text all the same gets none.
    site.world.clock.advance(seconds(61));
    assert_eq!(page(&browser.post("send-code", &[("by", "sms")]).await), "code");
    let method = browser.here().await.body;
    assert!(!method.contains("with a phone"), "{method}");
}

#[tokio::test]
async fn the_choice_is_there_in_every_language() {
    let site = site().await;
    for (tag, title) in [
        ("ar", "كيف تريد الحصول على الرمز؟"),
        ("de", "Wie möchten Sie den Code erhalten?"),
        ("en", "How do you want to get the code?"),
        ("es", "¿Cómo quiere recibir el código?"),
        ("fr", "Comment voulez-vous recevoir le code"),
    ] {
        let mut browser = forgot(&site, "ada@example.com").await;
        let path = format!("{}&ui_locales={tag}", browser.path("send-code"));
        let shown = browser.get(&path).await.body;
        assert!(shown.contains(title), "{tag}: {shown}");
    }
}
