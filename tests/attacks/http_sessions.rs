//! Attacks on cookies, sessions and second factors.

use sspr::engine::SecondFactorDemand;

use crate::{
    site::{OAUTH, RESET, Site},
    support::{
        NEW, OLD,
        front::{form, get, post},
        seconds,
    },
};

/// Strapi CVE-2026-22706: sessions from before lived on after a reset. A session carries the
/// account's stamp of its beginning, and the reset gives the account another one.
#[tokio::test]
async fn attack_48_sessions_from_before_are_over() {
    let site = Site::new().await;
    let mut thief = site.browser();
    thief.post("sign-in", &[("username", "ada@example.com")]).await;
    thief.post("password", &[("password", OLD)]).await;
    let (mut owner, code) = site.waiting("ada@example.com").await;
    owner.finish(&code, NEW).await;
    let stamp = site.world.account("ada").await.unwrap().stamp;
    let sessions = site.sessions.0.lock().unwrap().clone();
    assert_eq!(sessions.len(), 2);
    assert_ne!(sessions[0].1, stamp, "the session from before");
    assert_eq!(sessions[1].1, stamp, "the one that the reset began");
    drop(sessions);
    thief.post("sign-in", &[("username", "ada@example.com")]).await;
    thief.post("password", &[("password", OLD)]).await;
    assert!(thief.at.contains("password"), "nor does the old password begin another");
}

/// The same where the database keeps the sessions: the old token opens nothing from the commit on.
#[cfg(feature = "sqlite")]
#[tokio::test]
async fn attack_48_a_stored_session_ends_in_the_commit_of_the_reset() {
    use crate::support::{Users, World, tenant};
    use sspr::{adapters::SystemEntropy, domain::AccountId, http::TrustedProxies};

    let world = World::sqlite().await;
    let Users::Sqlite(users) = world.users.clone() else { panic!("SQLite") };
    let ada = AccountId::parse("ada").unwrap();
    let stamp = world.account("ada").await.unwrap().stamp;
    let entropy = SystemEntropy::new();
    let token = users.open_session(&tenant(), &ada, stamp, &entropy).await.unwrap();
    assert_eq!(users.session(&tenant(), &token).await.unwrap(), Some(ada));
    let site = Site::over(world, TrustedProxies::none());
    let (mut owner, code) = site.waiting("ada@example.com").await;
    owner.finish(&code, NEW).await;
    assert!(owner.at.contains("done"), "{}", owner.at);
    assert_eq!(users.session(&tenant(), &token).await.unwrap(), None);
}

/// gumroad #4065: a reset signed people in without their second factor. The host is told that it is
/// required, the page does not say "signed in", and the API gives no tokens.
#[tokio::test]
async fn attack_50_no_front_signs_in_past_a_second_factor() {
    let site = Site::new().await;
    let (mut browser, code) = site.waiting("seco@example.com").await;
    browser.finish(&code, NEW).await;
    let (_, _, demand) = site.sessions.0.lock().unwrap().pop().unwrap();
    assert_eq!(demand, SecondFactorDemand::Required);
    let page = browser.get(&browser.at.clone()).await.body;
    assert!(!page.contains("signed in"), "{page}");

    site.world.clock.advance(crate::support::hours(25));
    let (token, code) = site.challenged("seco@example.com").await;
    let token = site.go_on(&token, &code).await.text("continuation_token");
    let token = site.submit(&token, "another good password").await.text("continuation_token");
    let fields = [
        ("grant_type", "continuation_token"),
        ("continuation_token", &*token),
        ("scope", "openid"),
    ];
    let seen = site.v1(&format!("{OAUTH}/token"), &fields).await;
    assert_eq!(seen.text("challenge_type"), "redirect");
    assert!(!seen.body.contains("access_token"), "{}", seen.body);
    let again = site.v1(&format!("{OAUTH}/token"), &fields).await;
    assert!(!again.body.contains("access_token"), "nor the second time: {}", again.body);
}

/// Kratos #1548: recovery failed for who was signed in already. The journey does not ask for the
/// host's session, nor for anybody else's.
#[tokio::test]
async fn attack_51_a_live_session_is_in_nobodys_way() {
    let site = Site::new().await;
    for session in ["session=0", "session=evil; session=0", "session="] {
        site.world.clock.advance(crate::support::hours(25));
        let mut browser = site.browser();
        browser.cookies.push(session.to_owned());
        browser.post("sign-in", &[("username", "ada@example.com")]).await;
        browser.post("reset", &[]).await;
        let code = site.code().await;
        let text = format!("a password beside {}", session.len());
        let done = browser.finish(&code, &text).await;
        assert!(browser.at.contains("done"), "{session}: {}", browser.at);
        assert!(done.cookies().iter().any(|cookie| cookie.starts_with("session=")));
    }
}

/// A cookie tossed in by a neighbour domain stands beside the real one: given twice, neither is
/// taken. A journey that was planted whole is the planter's, and asks for the planter's code.
#[tokio::test]
async fn attack_own_39_a_tossed_cookie_takes_nothing_over() {
    let site = Site::new().await;
    let (mut victim, code) = site.waiting("ada@example.com").await;
    let (thief, _) = site.waiting("aaaa@example.com").await;
    let (own, planted) = (victim.cookie(), thief.cookie());
    for tossed in [format!("{planted}; {own}"), format!("{own}; {planted}")] {
        let headers = [("cookie", &*tossed)];
        let seen = post(&site.app, &victim.path("code"), &headers, &form(&[("code", &code)])).await;
        assert_eq!(seen.header("location"), "start-again");
    }
    let headers = [("cookie", &*planted)];
    let seen = post(&site.app, &thief.path("code"), &headers, &form(&[("code", &code)])).await;
    assert!(seen.header("location").starts_with("code?"), "{}", seen.header("location"));
    victim.post("code", &[("code", &code)]).await;
    assert!(victim.at.contains("new-password"));
}

/// Cookies of many kilobytes, of no encoding, or thousands of them: answered like none, and never
/// with an error.
#[tokio::test]
async fn attack_own_40_a_monstrous_cookie_is_none() {
    let site = Site::new().await;
    let (mut browser, code) = site.waiting("ada@example.com").await;
    let name = browser.cookies[0].split('=').next().unwrap().to_owned();
    for monster in [
        format!("{name}={}", "A".repeat(60_000)),
        format!("{name}={}", "!".repeat(4_000)),
        format!("{name}=\u{e4}\u{fc}"),
        name.clone(),
        format!("{name}==;;;=;{name}"),
        "a=b; ".repeat(10_000),
        format!("{}\0", browser.cookies[0]).replace('\0', "%00"),
        format!("{}A", browser.cookies[0]),
        browser.cookies[0][..browser.cookies[0].len() - 1].to_owned(),
    ] {
        let headers = [("cookie", &*monster)];
        let seen =
            post(&site.app, &browser.path("code"), &headers, &form(&[("code", &code)])).await;
        assert_eq!((seen.status, seen.header("location")), (303, "start-again"), "{monster:.60}");
        assert_eq!(get(&site.app, "/account/code", &headers).await.status, 303);
    }
    browser.post("code", &[("code", &code)]).await;
    assert!(browser.at.contains("new-password"));
}

/// An old cookie, kept from before the code was right or the password was set, leads back to no
/// earlier rights: what a reset is worth is in the store.
#[tokio::test]
async fn attack_own_41_a_cookie_from_before_brings_nothing_back() {
    let site = Site::new().await;
    let (mut browser, code) = site.waiting("ada@example.com").await;
    browser.post("code", &[("code", &code)]).await;
    let (kept, path) = (browser.cookie(), browser.path("new-password"));
    let fields = [("new-password", NEW), ("confirm-password", NEW)];
    browser.post("new-password", &fields).await;
    assert!(browser.at.contains("done"));
    let other =
        form(&[("new-password", "chosen by a thief"), ("confirm-password", "chosen by a thief")]);
    let seen = post(&site.app, &path, &[("cookie", &kept)], &other).await;
    assert_eq!(seen.header("location"), "start-again");
    // The same password again is the double click of the owner: it begins no second session.
    let before = site.sessions.0.lock().unwrap().len();
    post(&site.app, &path, &[("cookie", &kept)], &form(&fields)).await;
    assert_eq!(site.sessions.0.lock().unwrap().len(), before);
    site.world.clock.advance(seconds(1));
    let token = form(&[("code", &code)]);
    let path = path.replace("new-password", "code");
    let seen = post(&site.app, &path, &[("cookie", &kept)], &token).await;
    assert_eq!(seen.header("location"), "start-again");
}

/// The device's cookie opens a lane for its owner's mails. It is no sign-in, and none for whoever
/// takes it along to another address.
#[tokio::test]
async fn attack_own_42_a_devices_cookie_signs_nobody_in() {
    let site = Site::new().await;
    let mut owner = site.browser();
    owner.post("sign-in", &[("username", "ada@example.com")]).await;
    owner.post("password", &[("password", OLD)]).await;
    let device = owner.cookies.iter().find(|it| it.contains("-device-")).unwrap().clone();
    let mut thief = site.browser();
    thief.cookies.push(device.clone());
    let begun = site.sessions.0.lock().unwrap().len();
    thief.post("sign-in", &[("username", "ada@example.com")]).await;
    for page in ["password", "code", "new-password", "done"] {
        thief.get(&format!("/account/{page}")).await;
    }
    thief.post("password", &[("password", "not the password")]).await;
    assert_eq!(site.sessions.0.lock().unwrap().len(), begun);
    let mut started = 0;
    for _ in 0..20 {
        let mut thief = site.browser();
        thief.cookies.push(device.clone());
        thief.post("sign-in", &[("username", "aaaa@example.com")]).await;
        thief.post("reset", &[]).await;
        started += usize::from(thief.at.contains("/code?"));
    }
    assert_eq!(started, 5, "as many as without it");
    let seen = site.v1(&format!("{RESET}/challenge"), &[("continuation_token", &device)]).await;
    assert_eq!(seen.status, 400);
}
