//! What the hosted pages say at the ends of a step: the words, the links and the cookies.

use sspr::{
    domain::IdentityProvider,
    http::{Pages, ReturnTo, pages},
    policy::{AfterReset, UserFlow},
};

use crate::support::{
    NEW, World,
    browser::Browser,
    front::{Named, Seen, get},
    other_than, shop,
};
use axum::Router;

/// A browser before the pages, which lie at the root.
fn before(world: &World) -> Browser {
    let pages = Pages::new(&world.sspr, shop(), Named);
    let app = pages.with_home(ReturnTo::parse("/shop").unwrap()).router();
    Browser::before(&app, "")
}

/// A browser at the page for the code.
async fn asked(world: &World) -> Browser {
    let mut browser = before(world);
    browser.named("ada@example.com").await;
    browser.post("reset", &[]).await;
    assert!(browser.at.starts_with("/code?"), "{}", browser.at);
    browser
}

/// A browser at the page for the new password.
async fn granted(world: &World) -> Browser {
    let mut browser = asked(world).await;
    let code = world.mailed_code().await.expose();
    browser.post("code", &[("code", &code)]).await;
    assert!(browser.at.starts_with("/new-password?"), "{}", browser.at);
    browser
}

async fn choose(browser: &mut Browser, new: &str, again: &str) -> Seen {
    browser.post("new-password", &[("new-password", new), ("confirm-password", again)]).await
}

#[tokio::test]
async fn a_code_that_was_tried_too_often_is_told_until_a_newer_one_is_sent() {
    let world = World::memory().await;
    let mut browser = asked(&world).await;
    let wrong = other_than(&world.mailed_code().await).expose();
    for _ in 0..5 {
        browser.post("code", &[("code", &wrong)]).await;
    }
    assert!(browser.here().await.body.contains("That code was tried too often"));

    // In another window of the same browser, whose cookie does not come back here.
    world.clock.advance(std::time::Duration::from_secs(60));
    browser.clone().post("resend", &[]).await;
    world.mailed_code().await;
    let page = browser.here().await.body;
    assert!(page.contains("name=\"code\"") && !page.contains("tried too often"), "{page}");
}

#[tokio::test]
async fn the_page_for_the_code_names_the_other_ways_to_sign_in() {
    use IdentityProvider::{EmailPassword, Facebook, Google};
    for (providers, told) in [
        (&[EmailPassword][..], None),
        (&[EmailPassword, Google], Some("If you sign in with Google, ")),
        (&[EmailPassword, Facebook], Some("If you sign in with Facebook, ")),
        (&[EmailPassword, Facebook, Google], Some("If you sign in with Google or Facebook, ")),
    ] {
        let world = World::memory().await;
        let ids = providers.iter().map(|provider| match provider {
            Google => r#"{"id":"Google-OAUTH"}"#,
            Facebook => r#"{"id":"Facebook-OAUTH"}"#,
            _ => r#"{"id":"EmailPassword-OAUTH"}"#,
        });
        let ids = ids.collect::<Vec<_>>().join(",");
        let flow = format!(
            r#"{{"id":"sign-in","displayName":"Shop","conditions":{{"applications":{{"includeAllApplications":true}}}},"onAuthenticationMethodLoadStart":{{"identityProviders":[{ids}]}}}}"#
        );
        let flow = UserFlow::from_json(&flow).unwrap();
        let policy = sspr::TenantPolicy::customers("contoso").unwrap();
        world.policies.replace(policy.with_user_flows(vec![flow]).unwrap());

        let page = asked(&world).await.here().await.body;

        assert_eq!(page.contains("If you sign in with"), told.is_some(), "{page}");
        assert!(page.contains(told.unwrap_or_default()), "{told:?}: {page}");
    }
}

#[tokio::test]
async fn the_end_leads_on_or_to_the_sign_in_as_the_tenant_wants_also_after_a_second_click() {
    for (after, way, button) in [
        (AfterReset::SignIn, "href=\"/shop\"", "Continue to"),
        (AfterReset::RequireSignIn, "href=\"sign-in\"", "Sign in with your new password."),
    ] {
        let world = World::memory().await;
        let policy = sspr::TenantPolicy::customers("contoso").unwrap();
        world.policies.replace(policy.with_after_reset(after));
        let mut first = granted(&world).await;
        let mut second = first.clone();
        for browser in [&mut first, &mut second] {
            assert_eq!(choose(browser, NEW, NEW).await.status, 303);
            let page = browser.here().await.body;
            assert!(page.contains(way) && page.contains(button), "{after:?}: {page}");
        }
    }
}

#[tokio::test]
async fn each_complaint_about_a_new_password_leads_to_its_field() {
    let world = World::memory().await;
    let mut browser = granted(&world).await;
    for (new, again, field) in [
        (NEW, "something else", "<a href=\"#confirm-password\">"),
        ("short", "short", "<a href=\"#new-password\">"),
    ] {
        choose(&mut browser, new, again).await;
        let page = browser.here().await.body;
        assert_eq!(page.matches("<li><a href=\"#").count(), 1, "{page}");
        assert!(page.contains(field), "{field}: {page}");
    }
}

#[tokio::test]
async fn whoever_keeps_cookies_is_told_that_the_page_is_old_and_anybody_else_of_cookies() {
    let world = World::memory().await;
    let mut browser = asked(&world).await;
    assert!(browser.get("/start-again").await.body.contains("This page is too old"));
    let page = before(&world).get("/start-again").await.body;
    assert!(page.contains("Cookies are needed"), "{page}");
}

#[tokio::test]
async fn a_page_that_there_is_not_is_called_so() {
    let world = World::memory().await;
    let seen = before(&world).get("/nowhere").await;
    assert_eq!(seen.status, 404);
    assert!(seen.body.contains("There is no such page."), "{}", seen.body);
}

#[tokio::test]
async fn each_other_language_is_offered_under_its_own_name() {
    let world = World::memory().await;
    let page = before(&world).get("/sign-in").await.body;
    for (tag, name) in [("ar", "العربية"), ("de", "Deutsch"), ("es", "Español"), ("fr", "Français")]
    {
        assert!(page.contains(&format!(" hreflang=\"{tag}\">{name}</a>")), "{name}: {page}");
    }
    let page = before(&world).get("/sign-in?ui_locales=de").await.body;
    assert!(page.contains(" hreflang=\"en\">English</a>"), "{page}");
}

#[tokio::test]
async fn signing_out_sets_our_cookie_only_where_there_is_a_journey_to_forget() {
    let world = World::memory().await;
    let mut browser = before(&world);
    assert_eq!(browser.post("sign-out", &[]).await.cookies(), ["session="]);
    let mut browser = asked(&world).await;
    assert_eq!(browser.post("sign-out", &[]).await.cookies().len(), 2);
}

#[tokio::test]
async fn the_first_page_is_named_relative_to_the_path_that_was_asked_for() {
    let world = World::memory().await;
    let app = Router::new().nest_service("/account", before(&world).app);
    for (path, to) in [("/account", "account/sign-in"), ("/account/", "sign-in")] {
        assert_eq!(get(&app, path, &[]).await.header("location"), to);
    }
    let set = Pages::new(&world.sspr, shop(), Named).with_public_path("/auth").unwrap();
    let app = Router::new().nest_service("/account", set.router());
    for path in ["/account", "/account/"] {
        assert_eq!(get(&app, path, &[]).await.header("location"), "/auth/account/sign-in");
    }
}

#[tokio::test]
async fn the_pages_with_their_defaults_are_served_by_one_call() {
    let world = World::memory().await;
    let seen = get(&pages(&world.sspr, shop(), Named), "/sign-in", &[]).await;
    assert!(seen.status == 200 && seen.body.contains("name=\"username\""), "{}", seen.body);
}
