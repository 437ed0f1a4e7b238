//! The pages where a tenant requires two proofs.

use sspr::http::{Pages, ReturnTo};

use super::signed_in::{CHOICE, Site, page};
use crate::support::{PHONE, World, browser::Browser, phone, two_proofs::RIGHT};

fn over(world: World) -> Site {
    Site::over(world, |pages: Pages| pages.with_home(ReturnTo::parse("/shop").unwrap()))
}

async fn site() -> Site {
    over(World::memory().await.with_two_codes().await)
}

async fn forgot(site: &Site, mail: &str) -> Browser {
    let mut browser = site.browser();
    browser.post("sign-in", &[("username", mail)]).await;
    browser.post("reset", &[]).await;
    browser
}

async fn text_code(site: &Site) -> String {
    site.world.courier.drain(&site.world.inbox).await;
    site.world.inbox.last_code_to(&phone(PHONE)).expect("a text with a code").expose()
}

/// A browser whose first code, by mail, was right.
async fn proved(site: &Site) -> Browser {
    let mut browser = forgot(site, "ada@example.com").await;
    browser.post("send-code", &[("by", "email")]).await;
    let code = site.world.mailed_code().await.expose();
    assert_eq!(page(&browser.post("code", &[("code", &code)]).await), "next-proof");
    browser
}

#[tokio::test]
async fn a_code_by_mail_and_one_by_sms_lead_to_a_new_password() {
    let site = site().await;
    let mut browser = proved(&site).await;
    let shown = browser.here().await.body;
    assert!(shown.contains("<h1>One more proof</h1>"), "{shown}");
    assert!(shown.contains("***23") && !shown.contains("0123"), "{shown}");
    assert!(!shown.contains("value=\"email\""), "the mailbox has given its proof: {shown}");
    assert_eq!(page(&browser.post("next-proof", &[("by", "sms")]).await), "code");
    let shown = browser.here().await.body;
    assert!(shown.contains("href=\"next-proof?flow="), "{shown}");
    assert!(shown.contains("is on its way to") && shown.contains("***23"), "{shown}");
    assert!(!shown.contains("get the code by e-mail") && !shown.contains("If "), "{shown}");
    let code = text_code(&site).await;
    assert_eq!(page(&browser.post("code", &[("code", &code)]).await), "new-password");
    assert_eq!(page(&browser.post("new-password", &CHOICE).await), "done");
    assert!(browser.here().await.body.contains("You are signed in as"));
}

#[tokio::test]
async fn a_code_of_an_app_is_the_second_proof() {
    let (world, _) = World::memory().await.with_app().await;
    let site = over(world);
    let mut browser = forgot(&site, "ada@example.com").await;
    let code = site.world.mailed_code().await.expose();
    assert_eq!(page(&browser.post("code", &[("code", &code)]).await), "next-proof");
    let shown = browser.here().await.body;
    assert!(shown.contains("Code of your authenticator app"), "{shown}");
    assert!(!shown.contains("name=\"by\""), "{shown}");
    for (typed, words) in [("314159", "3 tries left"), ("", "enter the code that it shows now")] {
        assert_eq!(page(&browser.post("next-proof", &[("proof", typed)]).await), "next-proof");
        let shown = browser.here().await.body;
        assert!(shown.contains(words), "{typed:?}: {shown}");
    }
    assert_eq!(page(&browser.post("next-proof", &[("proof", RIGHT)]).await), "new-password");
    assert_eq!(page(&browser.post("new-password", &CHOICE).await), "done");
}

#[tokio::test]
async fn whoever_cannot_give_two_proofs_sees_the_same_pages_until_a_right_code() {
    let site = site().await;
    site.world.add("eve@example.com", "eve").await;
    let mut seen = Vec::new();
    for mail in ["ada@example.com", "eve@example.com", "bob@example.com"] {
        let mut browser = forgot(&site, mail).await;
        let mut pages = vec![browser.here().await.body];
        for by in ["sms", "email"] {
            browser.post("send-code", &[("by", by)]).await;
            site.world.courier.drain(&site.world.inbox).await;
            pages.push(browser.here().await.body);
        }
        browser.post("code", &[("code", "00000000")]).await;
        pages.push(browser.here().await.body);
        for form in [[("by", "sms")], [("by", "email")], [("proof", RIGHT)]] {
            browser.post("next-proof", &form).await;
            pages.push(browser.here().await.body);
        }
        let flow = browser.at.split_once("flow=").unwrap().1.to_owned();
        let masked = sspr::EmailAddress::parse(mail).unwrap().masked();
        seen.push(pages.join("").replace(&flow, "…").replace(mail, "…").replace(&masked, "…"));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
}

#[tokio::test]
async fn no_form_of_another_step_goes_around_the_second_proof() {
    let site = site().await;
    let mut browser = proved(&site).await;
    for (path, form) in [
        ("new-password", &CHOICE[..]),
        ("send-code", &[("by", "email")]),
        ("send-code", &[("by", "sms")]),
    ] {
        let answer = browser.clone().post(path, form).await;
        let to = page(&answer);
        assert!(["next-proof", "start-again"].contains(&to), "{path}: {to}");
    }
    assert!(site.world.inbox.texts().is_empty());
    // A reload shows the same page, and a double click sends one text.
    let path = browser.path("next-proof");
    assert_eq!(browser.get(&path).await.status, 200);
    for _ in 0..2 {
        assert_eq!(page(&browser.clone().post("next-proof", &[("by", "sms")]).await), "code");
    }
    text_code(&site).await;
    assert_eq!(site.world.inbox.texts().len(), 1);
    // The page that asks how to get the first code ends nothing.
    browser.post("next-proof", &[("by", "sms")]).await;
    assert_eq!(page(&browser.post("send-code", &[("by", "email")]).await), "code");
}

#[tokio::test]
async fn the_page_is_there_in_every_language() {
    let site = site().await;
    let mut browser = proved(&site).await;
    for (tag, title) in [
        ("ar", "إثبات ثانٍ"),
        ("de", "Ein zweiter Nachweis"),
        ("en", "One more proof"),
        ("es", "Una segunda prueba"),
        ("fr", "Une deuxième preuve"),
    ] {
        let path = format!("{}&ui_locales={tag}", browser.path("next-proof"));
        let shown = browser.get(&path).await.body;
        assert!(shown.contains(title), "{tag}: {shown}");
    }
}
