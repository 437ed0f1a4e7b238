//! The page "Change your password" twice: double clicks, lost answers, and cookies in wrong hands.

use super::signed_in::{Site, change_form, page};
use crate::support::browser::Browser;
use crate::support::{
    NEW, OLD,
    front::{Seen, form, post},
    hours,
};
use axum::Router;
use sspr::{domain::SecondFactor, engine::SecondFactorDemand};

async fn owned(app: &Router, path: String, cookie: String, body: String) -> Seen {
    post(app, &path, &[("cookie", &cookie)], &body).await
}

/// Sends the form of a browser's page, with the cookies that the browser has now.
async fn sent(browser: &Browser, current: &str, new: &str) -> Seen {
    let body = form(&change_form(current, new));
    owned(&browser.app, browser.path("change"), browser.cookie(), body).await
}

#[tokio::test]
async fn two_posts_of_one_form_change_once_and_each_answer_is_signed_in() {
    let site = Site::new().await;
    let browser = site.before_the_form().await;
    let (one, two) = tokio::join!(sent(&browser, OLD, NEW), sent(&browser, OLD, NEW));
    let later = sent(&browser, OLD, NEW).await;

    for seen in [&one, &two, &later] {
        assert_eq!(page(seen), "done");
        assert_eq!(seen.header("location"), one.header("location"));
        let mut browser = browser.clone();
        browser.keep(seen);
        assert!(browser.here().await.body.contains("You are still signed in as"));
        browser.get("/account/change").await;
        assert!(browser.at.starts_with("/account/change?flow="), "{}", browser.at);
        assert!(seen.cookies().iter().any(|it| it.starts_with("__Host-sspr-device-")));
    }
    assert_eq!(site.world.notices_due().await, 1);
    let ada = site.world.account("ada").await.unwrap();
    let begun = site.sessions.begun.lock().unwrap().clone();
    assert_eq!(begun.iter().filter(|session| session.stamp == ada.stamp).count(), 3);
    assert!(begun.iter().all(|session| session.second_factor == SecondFactorDemand::None));
}

#[tokio::test]
async fn a_repeat_after_a_lost_answer_ends_where_the_first_post_did() {
    let site = Site::new().await;
    let mut browser = site.before_the_form().await;
    let lost = sent(&browser, OLD, NEW).await;
    assert_eq!(page(&lost), "done");
    // The browser has the cookies of before, so its session has ended by now.
    site.world.clock.advance(hours(1));
    let again = browser.change(OLD, NEW).await;
    assert_eq!(again.header("location"), lost.header("location"));
    assert!(browser.here().await.body.contains("ada@example.com"));
    browser.get("/account/change").await;
    assert!(browser.at.starts_with("/account/change?flow="), "signed in: {}", browser.at);
    assert_eq!(site.world.notices_due().await, 1);
}

#[tokio::test]
async fn a_repeat_of_the_last_form_with_the_newest_cookie_is_answered_alike() {
    let site = Site::new().await;
    let mut browser = site.before_the_form().await;
    let form = browser.at.clone();
    let first = browser.change(OLD, NEW).await;
    let sessions = site.sessions();
    let again = browser.change(OLD, NEW).await;
    assert_eq!(again.header("location"), first.header("location"));
    // The way back shows the end as well, and a new visit shows a new form.
    assert_eq!(page(&browser.get(&form).await), "done");
    assert_eq!(site.sessions(), sessions);
    browser.get("/account/change").await;
    assert_ne!(browser.at, form);
    assert!(browser.here().await.body.contains("<h1>Change your password</h1>"));
}

#[tokio::test]
async fn a_repeat_with_another_new_password_is_no_repeat() {
    let site = Site::new().await;
    let browser = site.before_the_form().await;
    sent(&browser, OLD, NEW).await;
    let other = sent(&browser, OLD, "another one of hers 7").await;
    assert_eq!(page(&other), "sign-in");
    assert!(other.cookies().iter().all(|cookie| !cookie.starts_with("session=")));
    let signed_in = site.browser().sign_in("ada@example.com", NEW).await;
    assert_eq!(signed_in.header("location"), "/shop");
}

#[tokio::test]
async fn a_stolen_journey_without_a_session_changes_nothing() {
    let site = Site::new().await;
    let mut thief = site.before_the_form().await;
    thief.forget("session=");
    let sessions = site.sessions();
    // The thief even knows the password.
    for (current, new) in [(OLD, NEW), (OLD, OLD), ("not the password", NEW)] {
        let mut thief = thief.clone();
        let seen = thief.change(current, new).await;
        assert!(["sign-in", "change"].contains(&page(&seen)), "{}", seen.header("location"));
    }
    assert_eq!(page(&thief.here().await), "sign-in");
    assert!(site.is_unchanged().await);
    assert_eq!(site.sessions(), sessions);
    assert_eq!(site.world.notices_due().await, 0);
}

#[tokio::test]
async fn the_session_of_another_account_changes_nothing_and_sees_its_own_form() {
    let site = Site::new().await;
    site.world.add("eve@example.com", "eve").await;
    let eve = site.signed_in("eve@example.com").await;
    let mut browser = site.before_the_form().await;
    browser.forget("session=");
    let session = eve.cookies.iter().find(|it| it.starts_with("session=")).unwrap();
    browser.cookies.push(session.clone());

    let shown = browser.here().await;
    assert_eq!(page(&shown), "change");
    let shown = browser.follow("/account/change").await.body;
    assert!(shown.contains("eve@example.com") && !shown.contains("ada@example.com"));
    let mut browser = site.before_the_form().await;
    browser.forget("session=");
    browser.cookies.push(session.clone());
    assert_eq!(page(&browser.change(OLD, NEW).await), "sign-in");
    for id in ["ada", "eve"] {
        assert!(site.world.account(id).await.unwrap().last_change.is_none(), "{id}");
    }
}

#[tokio::test]
async fn a_repeat_without_a_session_demands_the_second_factor() {
    let site = Site::new().await;
    let browser = {
        let browser = site.before_the_form().await;
        site.world.change_account("ada", |ada| ada.second_factor = SecondFactor::Independent).await;
        browser
    };
    let first = sent(&browser, OLD, NEW).await;
    assert_eq!(page(&first), "done");
    assert_eq!(site.last_session().second_factor, SecondFactorDemand::None);
    // A session was past the second factor. The password alone is not.
    let mut again = browser.clone();
    again.change(OLD, NEW).await;
    assert_eq!(site.last_session().second_factor, SecondFactorDemand::Required);
    let shown = again.here().await.body;
    assert!(shown.contains("Your password is changed") && !shown.contains("signed in as"));
}

#[tokio::test]
async fn two_tabs_are_two_forms() {
    let site = Site::new().await;
    let mut tab = site.before_the_form().await;
    let first = tab.at.clone();
    tab.get("/account/change").await;
    let second = tab.at.clone();
    assert_ne!(first, second);
    tab.change(OLD, NEW).await;
    // The first tab was opened before the change. It is still a form, of the session that stayed.
    tab.at = first;
    assert!(tab.here().await.body.contains("<h1>Change your password</h1>"));
    assert_eq!(page(&tab.change(NEW, "another one of hers 7").await), "done");
    assert_eq!(site.world.notices_due().await, 2);
}

#[tokio::test]
async fn empty_forms_push_no_journey_of_another_tab_out() {
    let site = Site::new().await;
    let mut browser = site.signed_in("ada@example.com").await;
    browser.post("sign-in", &[("username", "ada@example.com")]).await;
    browser.post("reset", &[]).await;
    let reset = browser.at.clone();
    browser.get("/account/change").await;
    browser.change("not the password of ada", NEW).await;
    let refused = browser.at.clone();
    // A link of another site opens the page again and again.
    for _ in 0..20 {
        browser.get("/account/change").await;
    }
    let newest = browser.at.clone();

    for (tab, words) in [(&reset, "Enter your code"), (&refused, "not your current password")] {
        browser.at.clone_from(tab);
        let seen = browser.here().await;
        assert!(seen.body.contains(words), "{tab}: {} {}", browser.at, seen.body);
    }
    browser.at = newest;
    assert_eq!(page(&browser.change(OLD, NEW).await), "done");
}

#[tokio::test]
async fn a_finished_change_keeps_no_key_and_signing_out_forgets_it() {
    let site = Site::new().await;
    let mut browser = site.before_the_form().await;
    browser.change(OLD, NEW).await;
    let done = browser.at.clone();
    browser.post("sign-out", &[]).await;
    browser.at.clone_from(&done);
    assert_eq!(page(&browser.here().await), "sign-in");
    assert_eq!(page(&browser.change(OLD, NEW).await), "start-again");
}
