//! The page "Change your password": who sees it, and what each outcome of the engine becomes.

use super::signed_in::{Site, change_form, page};
use crate::support::{
    NEW, OLD, World,
    browser::Browser,
    front::{Named, build, get, post, send},
    seconds, shop,
};
use axum::Router;
use sspr::{
    AccountId, Stamp, TenantPolicy,
    adapters::SystemEntropy,
    domain::IdentityProvider,
    http::{CurrentSession, NewSession, Pages, ReturnTo, SignInContext, change_password},
    policy::PasswordRules,
};

const WRONG: &str = "not the password of ada";

#[tokio::test]
async fn a_change_begins_another_session_and_ends_every_other_one() {
    let site = Site::new().await;
    let mut other = site.signed_in("ada@example.com").await;
    let mut browser = site.before_the_form().await;
    let before = site.last_session();
    let old_session = browser.cookies.iter().find(|it| it.starts_with("session=")).cloned();

    let seen = browser.change(OLD, NEW).await;

    assert_eq!(page(&seen), "done");
    assert_eq!(site.sessions(), 3, "one for each sign-in, and another one for the change");
    let kept = site.last_session();
    let ada = site.world.account("ada").await.unwrap();
    assert!(kept.stamp == ada.stamp && kept.stamp != before.stamp);
    assert!(!browser.cookies.contains(&old_session.unwrap()), "the session has another id");
    assert!(seen.cookies().iter().any(|it| it.starts_with("__Host-sspr-device-")));
    assert_eq!(site.world.notices_due().await, 1);
    let done = browser.here().await.body;
    assert!(
        done.contains("Your password is changed") && done.contains("You are still signed in as")
    );
    assert!(done.contains("ada@example.com") && done.contains("href=\"/shop\""), "{done}");
    browser.get("/account/change").await;
    assert!(browser.at.starts_with("/account/change?flow="), "this browser stays signed in");
    other.get("/account/change").await;
    assert!(other.at.starts_with("/account/sign-in"), "the other one does not");
    let signed_in = site.browser().sign_in("ada@example.com", NEW).await;
    assert_eq!(signed_in.header("location"), "/shop");
}

#[tokio::test]
async fn the_form_names_its_fields_as_password_managers_know_them() {
    let site = Site::new().await;
    let mut browser = site.before_the_form().await;
    let page = browser.here().await.body;
    for field in [
        "name=\"username\" type=\"text\" inputmode=\"email\" autocomplete=\"username\" dir=\"ltr\" \
         value=\"ada@example.com\" readonly",
        "name=\"current-password\" type=\"password\" autocomplete=\"current-password\"",
        "name=\"new-password\" type=\"password\" autocomplete=\"new-password\"",
        "name=\"confirm-password\" type=\"password\" autocomplete=\"new-password\"",
    ] {
        assert!(page.contains(field), "{field}: {page}");
    }
    assert_eq!(page.matches(" autofocus").count(), 1);
    assert_eq!(page.matches("<h1>").count(), 1);
    assert!(!page.contains("Step "), "{page}");
}

#[tokio::test]
async fn who_is_not_signed_in_signs_in_first_and_comes_back() {
    let site = Site::new().await;
    let mut browser = site.browser();
    let seen = browser.get("/account/change?return_to=/shop/settings").await;
    assert_eq!(page(&seen), "sign-in");
    let form = browser.here().await.body;
    let wanted = "/account/change?return_to=/shop/settings";
    assert!(form.contains(&format!("name=\"return_to\" value=\"{wanted}\"")), "{form}");

    let fields = [("username", "ada@example.com"), ("return_to", wanted)];
    browser.post("sign-in", &fields).await;
    browser.post("password", &[("password", OLD)]).await;
    assert_eq!(site.last_session().return_to, wanted);
    browser.follow(&browser.at.clone()).await;
    assert!(browser.at.starts_with("/account/change?flow="), "{}", browser.at);
    browser.change(OLD, NEW).await;
    assert!(browser.here().await.body.contains("href=\"/shop/settings\""));
}

#[tokio::test]
async fn a_return_leaves_neither_the_application_nor_the_page_for_a_change() {
    let site = Site::new().await;
    for wanted in [
        "https://evil.example",
        "//evil.example",
        "/account/change/../../admin",
        "/account/changes",
        "/account/done",
        "/elsewhere/change",
        "/account/change/x",
        "/admin",
    ] {
        let mut browser = site.browser();
        browser.post("sign-in", &[("username", "ada@example.com"), ("return_to", wanted)]).await;
        let seen = browser.post("password", &[("password", OLD)]).await;
        assert_eq!(seen.header("location"), "/shop", "{wanted}");
        let encoded = wanted.replace('/', "%2F");
        browser.get(&format!("/account/change?return_to={encoded}")).await;
        let flow = browser.at.clone();
        browser.change(WRONG, "short").await;
        assert_eq!(browser.at, flow);
    }
    let mut browser = site.signed_in("ada@example.com").await;
    browser.get("/account/change?return_to=//evil.example").await;
    browser.change(OLD, NEW).await;
    assert!(browser.here().await.body.contains("href=\"/shop\""));
}

#[tokio::test]
async fn a_wrong_current_password_is_said_at_its_field_until_the_sign_in_is_paused() {
    let site = Site::new().await;
    let mut browser = site.before_the_form().await;
    let form = browser.at.clone();
    let mut wrong = 0;
    while browser.at == form {
        assert!(wrong < 12, "no lockout");
        browser.change(WRONG, NEW).await;
        wrong += 1;
        if wrong == 1 {
            let shown = browser.here().await.body;
            assert!(shown.contains("<title>Error: Change your password"), "{shown}");
            assert!(shown.contains("id=\"current-error\">That is not your current password"));
            assert!(
                shown.contains("aria-invalid=\"true\" aria-describedby=\"current-error caps\"")
            );
            assert_eq!(shown.matches(" autofocus").count(), 1);
            assert!(!shown.contains(WRONG) && !shown.contains(NEW));
        }
    }
    assert_eq!(wrong, 11, "as at the sign-in: the tenth one pauses it");
    assert!(browser.at.starts_with("/account/locked?"), "{}", browser.at);
    let locked = browser.here().await.body;
    assert!(locked.contains("Sign-in is paused") && locked.contains("ada@example.com"));
    // The right password does not help now, and the form is still there after the pause.
    browser.change(OLD, NEW).await;
    assert!(browser.at.starts_with("/account/locked?"));
    assert!(site.is_unchanged().await);
    site.world.clock.advance(seconds(61));
    browser.get(&form).await;
    assert_eq!(page(&browser.change(OLD, NEW).await), "done");
}

#[tokio::test]
async fn a_paused_user_resets_the_password_from_there() {
    let site = Site::new().await;
    site.world.change_account("ada", |ada| ada.locked = true).await;
    let mut browser = site.browser();
    // The host has locked the account, but keeps the session.
    site.world.change_account("ada", |ada| ada.locked = false).await;
    browser.sign_in("ada@example.com", OLD).await;
    site.world.change_account("ada", |ada| ada.locked = true).await;
    browser.get("/account/change").await;
    assert_eq!(page(&browser.change(OLD, NEW).await), "locked");
    assert!(browser.here().await.body.contains("is closed for now"));
    assert_eq!(page(&browser.post("reset", &[]).await), "code");
    let code = site.world.mailed_code().await.expose();
    assert_eq!(page(&browser.post("code", &[("code", &code)]).await), "new-password");
    // The journey is a reset now, with the words of a reset.
    let form = browser.here().await.body;
    assert!(form.contains("Step 2 of 2") && !form.contains("current-password"), "{form}");
    let choice = super::signed_in::CHOICE;
    assert_eq!(page(&browser.post("new-password", &choice).await), "done");
    assert!(browser.here().await.body.contains("You are signed in as"));
}

#[tokio::test]
async fn a_password_that_may_not_be_chosen_is_said_on_the_same_page() {
    let site = Site::new().await;
    let mut browser = site.before_the_form().await;
    let form = browser.at.clone();
    for (current, new, again, said) in [
        (OLD, "short", "short", "It is too short"),
        (OLD, "", "", "It is too short"),
        (OLD, "password password", "password password", "Please choose another password"),
        (OLD, OLD, OLD, "It is the password you have now."),
        (OLD, NEW, "something else entirely", "The two passwords differ."),
        (OLD, "a\tcontrol character here", "a\tcontrol character here", "cannot be used here"),
        ("", NEW, NEW, "That is not your current password"),
        ("a\u{7}b", NEW, NEW, "That is not your current password"),
        (&"x".repeat(2_000), NEW, NEW, "That is not your current password"),
    ] {
        let fields =
            [("current-password", current), ("new-password", new), ("confirm-password", again)];
        browser.post("change", &fields).await;
        assert_eq!(browser.at, form);
        let shown = browser.here().await.body;
        assert!(shown.contains(said), "{said}: {shown}");
        assert!(shown.contains("<title>Error: ") && shown.matches("role=\"alert\"").count() == 1);
        assert_eq!(shown.matches(" autofocus").count(), 1, "{said}");
    }
    // A field that is missing is an empty one, and a repeated field is refused.
    browser.post("change", &[]).await;
    assert_eq!(browser.at, form);
    let twice = [("current-password", OLD), ("current-password", OLD)];
    assert_eq!(browser.post("change", &twice).await.status, 400);
    assert!(site.is_unchanged().await);
    assert_eq!(page(&browser.change(OLD, NEW).await), "done");
}

#[tokio::test]
async fn the_rules_of_the_tenant_are_listed_as_on_the_page_for_a_reset() {
    let site = Site::new().await;
    let policy = TenantPolicy::customers("contoso").unwrap();
    site.world.policies.replace(policy.with_password_rules(PasswordRules::entra()));
    let mut browser = site.before_the_form().await;
    let shown = browser.here().await.body;
    for rule in ["At least 8 characters", "Three of: ", "Without your name", "password.js"] {
        assert!(shown.contains(rule), "{rule}: {shown}");
    }
}

#[tokio::test]
async fn a_change_that_must_wait_leads_back_to_its_form() {
    let site = Site::new().await;
    let limits = sspr::policy::Limits::builder().network_tries(4).build().unwrap();
    let policy = TenantPolicy::customers("contoso").unwrap();
    site.world.policies.replace(policy.with_limits(limits));
    let mut browser = site.before_the_form().await;
    let form = browser.at.clone();
    // Strangers use up what their network may try. A device that has signed in before has a limit
    // of its own.
    for number in 0..4 {
        let mut stranger = site.browser();
        stranger.sign_in(&format!("nobody{number}@example.com"), WRONG).await;
    }
    browser.forget("__Host-sspr-device-");
    browser.change(OLD, NEW).await;
    assert!(browser.at.starts_with("/account/try-later?"), "{}", browser.at);
    let shown = browser.here().await.body;
    assert!(shown.contains("Please try later") && shown.contains("href=\"change?flow="), "{shown}");
    site.world.clock.advance(seconds(24 * 3_600));
    browser.get(&form).await;
    assert_eq!(page(&browser.change(OLD, NEW).await), "done");
}

#[tokio::test]
async fn an_account_without_a_password_here_is_told_so() {
    let spoil: [&dyn Fn(&mut sspr::Account); 3] =
        [&|ada| ada.disabled = true, &|ada| ada.password = None, &|ada| {
            ada.identity_providers = vec![IdentityProvider::Google]
        }];
    for spoil in spoil {
        let site = Site::new().await;
        let mut browser = site.before_the_form().await;
        site.world.change_account("ada", |ada| spoil(ada)).await;
        assert_eq!(page(&browser.change(OLD, NEW).await), "unavailable");
        let told = browser.here().await;
        assert!(told.body.contains("Your password cannot be changed here"), "{}", told.body);
        assert!(told.body.contains("Please ask contoso for help."), "{}", told.body);
        assert!(told.body.contains("href=\"/shop\"") && !told.body.contains("Back to sign in"));
        // Without a journey the form is not even shown.
        let told = browser.get("/account/change").await;
        assert!(told.body.contains("Your password cannot be changed here"), "{}", told.body);
    }
    let other = Site::new().await;
    let told = get(&other.app, "/account/unavailable", &[]).await.body;
    assert!(told.contains("Password reset is not offered here"), "{told}");
}

#[tokio::test]
async fn a_user_flow_without_passwords_offers_no_change() {
    let site = Site::new().await;
    let mut browser = site.before_the_form().await;
    let policy = TenantPolicy::customers("contoso").unwrap();
    site.world.policies.replace(policy.with_user_flows(Vec::new()).unwrap());
    let told = browser.get("/account/change").await;
    assert!(told.body.contains("Your password cannot be changed here"), "{}", told.body);
    assert_eq!(page(&browser.change(OLD, NEW).await), "unavailable");
}

#[tokio::test]
async fn a_session_that_ended_elsewhere_leads_to_the_sign_in_and_changes_nothing() {
    let site = Site::new().await;
    let mut browser = site.before_the_form().await;
    site.world.reset().await;
    let ada = site.world.account("ada").await.unwrap();
    let seen = browser.change(NEW, "another one of hers 7").await;
    assert_eq!(page(&seen), "sign-in");
    assert!(seen.header("location").ends_with("?return_to=/account/change"));
    assert!(site.world.account("ada").await.unwrap().stamp == ada.stamp);
    // The journey is over as well.
    assert_eq!(page(&browser.change(NEW, "another one of hers 7").await), "start-again");
}

#[tokio::test]
async fn a_host_that_forgets_the_stamp_is_found_out() {
    struct Careless(Stamp);
    #[async_trait::async_trait]
    impl sspr::http::Sessions for Careless {
        async fn begin(
            &self,
            _: SignInContext<'_>,
        ) -> Result<NewSession, sspr::http::SessionError> {
            Ok(NewSession::none())
        }
        async fn current(
            &self,
            _: &axum::http::request::Parts,
        ) -> Result<Option<CurrentSession>, sspr::http::SessionError> {
            Ok(Some(CurrentSession::new(AccountId::parse("ada").unwrap(), self.0)))
        }
        async fn end(
            &self,
            _: &axum::http::request::Parts,
        ) -> Result<Vec<axum::http::HeaderValue>, sspr::http::SessionError> {
            Ok(Vec::new())
        }
    }
    let world = World::memory().await;
    let old = Stamp::generate(&SystemEntropy::new()).unwrap();
    let pages = Pages::new(&world.sspr, shop(), Careless(old));
    let app = Router::new().nest_service("/account", pages.router());
    let seen = get(&app, "/account/change", &[]).await;
    assert_eq!(page(&seen), "sign-in");
    assert!(seen.cookies().is_empty());
}

#[tokio::test]
async fn a_host_that_says_nothing_of_its_sessions_offers_no_change() {
    let world = World::memory().await;
    let pages = Pages::new(&world.sspr, shop(), Named);
    let app = Router::new()
        .nest_service("/account", pages.router())
        .merge(change_password(&ReturnTo::parse("/account").unwrap()));
    let mut browser = Browser::of(&app);
    browser.follow("/.well-known/change-password").await;
    assert!(browser.at.starts_with("/account/sign-in?"), "{}", browser.at);
    let fields = [("username", "ada@example.com"), ("return_to", "/account/change")];
    browser.post("sign-in", &fields).await;
    browser.post("password", &[("password", OLD)]).await;
    // Not to the sign-in again, where the user comes from.
    let told = browser.here().await;
    assert_eq!(told.status, 200);
    assert!(told.body.contains("Your password cannot be changed here"), "{}", told.body);
    assert!(told.body.contains("href=\"/\""), "{}", told.body);
}

#[tokio::test]
async fn a_session_store_that_is_down_is_a_page_that_says_so() {
    let site = Site::new().await;
    let mut browser = site.before_the_form().await;
    browser.forget("session=");
    browser.cookies.push("session=broken".to_owned());
    for seen in [browser.here().await, browser.change(OLD, NEW).await] {
        assert_eq!(seen.status, 503);
        assert!(seen.body.contains("cannot answer right now") && seen.body.contains("Reference: "));
        assert!(!seen.body.contains("no session store"));
    }
    assert!(site.is_unchanged().await);
}

#[tokio::test]
async fn a_change_whose_session_cannot_be_begun_is_a_change_all_the_same() {
    let site = Site::new().await;
    let mut browser = site.before_the_form().await;
    site.sessions.full.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(page(&browser.change(OLD, NEW).await), "done");
    let shown = browser.here().await.body;
    assert!(shown.contains("Sign in with your new password.") && !shown.contains("signed in as"));
    site.sessions.full.store(false, std::sync::atomic::Ordering::SeqCst);
    let signed_in = site.browser().sign_in("ada@example.com", NEW).await;
    assert_eq!(signed_in.header("location"), "/shop");
}

#[tokio::test]
async fn well_known_leads_to_the_form_or_to_the_sign_in() {
    let site = Site::new().await;
    let known = get(&site.app, "/.well-known/change-password", &[]).await;
    assert_eq!((known.status, known.header("location")), (302, "/account/change"));
    let mut browser = site.browser();
    let form = browser.follow("/.well-known/change-password").await;
    assert!(form.body.contains("<h1>Sign in</h1>"), "{}", form.body);
    let mut browser = site.signed_in("ada@example.com").await;
    let form = browser.follow("/.well-known/change-password").await;
    assert!(form.body.contains("<h1>Change your password</h1>"), "{}", form.body);
}

#[tokio::test]
async fn a_form_of_another_site_changes_nothing() {
    let site = Site::new().await;
    let browser = site.before_the_form().await;
    let (path, cookie) = (browser.path("change"), browser.cookie());
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        for path in [path.clone(), path.replace("/change?", "/forgot?")] {
            let headers = [("cookie", &*cookie), (name, value)];
            let body = crate::support::front::form(&change_form(OLD, NEW));
            let seen = post(&site.app, &path, &headers, &body).await;
            assert_eq!(seen.status, 403, "{name}: {value}");
            assert!(seen.cookies().is_empty());
        }
    }
    for method in ["PUT", "DELETE", "PATCH"] {
        let seen = send(&site.app, build(method, &path, &[("cookie", &cookie)], "")).await;
        assert_eq!((seen.status, seen.header("allow")), (405, "GET,HEAD,POST"));
    }
    assert!(site.is_unchanged().await);
}

#[tokio::test]
async fn a_browser_that_refuses_cookies_is_told() {
    let site = Site::new().await;
    let mut browser = site.signed_in("ada@example.com").await;
    let own = browser.cookies.clone();
    let refusing = |cookies: &[String]| -> Vec<String> {
        cookies.iter().filter(|it| it.starts_with("session=")).cloned().collect()
    };
    browser.cookies = refusing(&own);
    browser.get("/account/change").await;
    browser.cookies = refusing(&browser.cookies);
    let told = browser.here().await;
    assert!(told.body.contains("Cookies are needed"), "{}", told.body);
    assert_eq!(page(&browser.change(OLD, NEW).await), "start-again");
    browser.cookies = refusing(&browser.cookies);
    assert!(browser.here().await.body.contains("Cookies are needed"));
    assert!(site.is_unchanged().await);
}

#[tokio::test]
async fn every_language_has_the_page_and_its_answers() {
    let site = Site::new().await;
    let mut browser = site.before_the_form().await;
    let form = browser.at.clone();
    let words = [
        ("en", "Change your password", "Current password", "That is not your current password"),
        ("de", "Ihr Passwort ändern", "Jetziges Passwort", "Das ist nicht Ihr jetziges Passwort"),
        (
            "fr",
            "Changez votre mot de passe",
            "Mot de passe actuel",
            "Ce n’est pas votre mot de passe actuel",
        ),
        ("es", "Cambie su contraseña", "Contraseña actual", "Esa no es su contraseña actual"),
        ("ar", "غيّر كلمة المرور", "كلمة المرور الحالية", "هذه ليست كلمة المرور الحالية"),
    ];
    for (tag, title, label, wrong) in words {
        browser.get(&format!("{form}&ui_locales={tag}")).await;
        browser.change(WRONG, NEW).await;
        let shown = browser.here().await.body;
        assert!(shown.contains(&format!("<html lang=\"{tag}\"")), "{shown}");
        for text in [title, label, wrong] {
            assert!(shown.contains(text), "{tag}: {text}: {shown}");
        }
        assert!(shown.len() + 10_800 < 20_000, "{tag}: {}", shown.len());
    }
    // The notice is in the language of the pages if the account has none.
    browser.get(&format!("{form}&ui_locales=de")).await;
    browser.change(OLD, NEW).await;
    assert!(browser.here().await.body.contains("Sie sind weiterhin als"));
    site.world.courier.drain(&site.world.inbox).await;
    let mail = &site.world.inbox.messages()[0];
    assert!(mail.subject.contains("Passwort"), "{mail:?}");
}

#[tokio::test]
async fn behind_a_proxy_that_strips_a_prefix_the_way_back_has_it() {
    let home = ReturnTo::parse("/shop").unwrap();
    let site = Site::with(|pages| pages.with_home(home).with_public_path("/auth").unwrap()).await;
    let seen = get(&site.app, "/account/change", &[]).await;
    assert_eq!(seen.header("location"), "sign-in?return_to=/auth/account/change");
    let mut browser = site.browser();
    let fields = [("username", "ada@example.com"), ("return_to", "/auth/account/change")];
    browser.post("sign-in", &fields).await;
    let seen = browser.post("password", &[("password", OLD)]).await;
    assert_eq!(seen.header("location"), "/auth/account/change?after=sign-in");
}
