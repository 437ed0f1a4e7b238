//! The hosted pages without a browser: what outsiders learn, what is refused, what survives.

use std::sync::atomic::Ordering;

use crate::support::{
    NEW, OLD, World,
    browser::Browser,
    front::{FORM, KINDS, Named, Seen, build, flaky_world, form, furnish, get, post, send},
    seconds,
};
use axum::{Extension, Router};
use sspr::{
    Application,
    engine::Vouch,
    http::{Pages, ReturnTo, change_password},
};

struct Site {
    world: World,
    app: Router,
}

impl Site {
    async fn new() -> Self {
        let world = World::memory().await;
        furnish(&world).await;
        Self::over(world)
    }

    fn over(world: World) -> Self {
        let shop = Application::new("contoso", "sign-in", "shop").unwrap();
        let pages = Pages::new(&world.sspr, shop, Named);
        let pages = pages.with_home(ReturnTo::parse("/shop").unwrap());
        let app = Router::new()
            .nest("/account", pages.router())
            .merge(change_password(&ReturnTo::parse("/account").unwrap()));
        Self { app, world }
    }

    fn browser(&self) -> Browser {
        Browser::of(&self.app)
    }

    async fn code(&self) -> String {
        self.world.mailed_code().await.expose()
    }
}

/// Everything an outsider sees but random secrets and the address that was typed.
fn outside(seen: &Seen, mail: &str) -> String {
    let headers = seen.headers.iter().map(|(name, value)| {
        let value = value.to_str().unwrap();
        let shown = if name == "set-cookie" {
            let (name, rest) = value.split_once('=').unwrap();
            let (secret, guards) = rest.split_once(';').unwrap();
            format!("{name}={}{guards}", secret.len())
        } else {
            value.to_owned()
        };
        format!("{name}: {shown}")
    });
    let text =
        format!("{}\n{}\n{}", seen.status, headers.collect::<Vec<_>>().join("\n"), seen.body);
    let mask = sspr::domain::EmailAddress::parse(mail).unwrap().masked();
    let text = text.replace(&mask, "MASK").replace(mail, "MAIL");
    // The journey's id is random.
    let mut parts = text.split("flow=");
    let mut blanked = parts.next().unwrap().to_owned();
    for part in parts {
        blanked.push_str("flow=");
        blanked.push_str(&part[8..]);
    }
    blanked
}

#[tokio::test]
async fn every_kind_of_account_sees_the_same_bytes() {
    let mut journeys: Vec<(&str, Vec<String>)> = Vec::new();
    for mail in KINDS {
        let site = Site::new().await;
        let mut browser = site.browser();
        let mut seen =
            vec![browser.post("sign-in", &[("username", mail)]).await, browser.here().await];
        for _ in 0..2 {
            seen.push(browser.post("password", &[("password", "not the password")]).await);
            seen.push(browser.here().await);
        }
        seen.push(browser.post("reset", &[]).await);
        site.world.courier.drain(&site.world.inbox).await;
        seen.push(browser.here().await);
        for _ in 0..6 {
            seen.push(browser.post("code", &[("code", "00000000")]).await);
            seen.push(browser.here().await);
        }
        seen.push(browser.post("resend", &[]).await);
        for _ in 0..7 {
            site.world.clock.advance(seconds(61));
            seen.push(browser.post("resend", &[]).await);
            seen.push(browser.here().await);
        }
        for _ in 0..11 {
            seen.push(browser.post("password", &[("password", "not the password")]).await);
            seen.push(browser.here().await);
        }
        journeys.push((mail, seen.iter().map(|seen| outside(seen, mail)).collect()));
    }
    let (_, first) = &journeys[0];
    assert!(first.iter().any(|page| page.contains("Please try later")));
    assert!(first.iter().any(|page| page.contains("Sign-in is paused")));
    for (mail, journey) in &journeys[1..] {
        for (step, (one, other)) in first.iter().zip(journey).enumerate() {
            assert_eq!(one, other, "step {step}, {mail}");
        }
    }
}

#[tokio::test]
async fn the_journey_ends_with_a_session_and_the_way_back() {
    let site = Site::new().await;
    let mut browser = site.browser();
    browser.get("/account/sign-in?return_to=/shop/cart").await;
    browser.post("sign-in", &[("username", "ada@example.com"), ("return_to", "/shop/cart")]).await;
    browser.post("reset", &[("password", "is not read")]).await;
    let code = site.code().await;
    browser.post("code", &[("code", &code)]).await;
    let done =
        browser.post("new-password", &[("new-password", NEW), ("confirm-password", NEW)]).await;
    assert!(done.cookies().contains(&"session=ada".to_owned()));
    assert!(done.cookies().iter().any(|cookie| cookie.starts_with("__Host-sspr-device-")));
    let page = browser.here().await.body;
    assert!(page.contains("href=\"/shop/cart\"") && page.contains("ada@example.com"));

    let mut other = site.browser();
    other.named("ada@example.com").await;
    let signed_in = other.post("password", &[("password", NEW)]).await;
    assert_eq!((signed_in.status, signed_in.header("location")), (303, "/shop"));
    let out = other.post("sign-out", &[]).await;
    assert!(out.cookies().contains(&"session=".to_owned()));
}

#[tokio::test]
async fn a_captcha_that_the_host_has_checked_opens_its_own_lane() {
    let site = Site::new().await;
    let asks = async |site: &Site| {
        let mut browser = site.browser();
        browser.named("ada@example.com").await;
        browser.post("reset", &[]).await.header("location").contains("code")
    };
    for _ in 0..5 {
        assert!(asks(&site).await);
    }
    assert!(!asks(&site).await, "what one network may ask of an address is spent");

    let vouch = Vouch::new("captcha-1").unwrap();
    let site = Site { app: site.app.layer(Extension(vouch)), ..site };
    assert!(asks(&site).await);
}

#[tokio::test]
async fn every_answer_has_the_headers_that_guard_it() {
    let site = Site::new().await;
    let mut browser = site.browser();
    browser.named("ada@example.com").await;
    for path in [
        "/account/sign-in",
        "/account/password",
        "/account/code",
        "/account/nowhere",
        "/account/sspr.css",
    ] {
        let seen = browser.get(path).await;
        let policy = seen.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe"));
        assert_eq!(seen.header("referrer-policy"), "same-origin");
        assert_eq!(seen.header("x-frame-options"), "DENY");
        assert_eq!(seen.header("x-content-type-options"), "nosniff");
        let expected = if path.ends_with("css") { "public, max-age=3600" } else { "no-store" };
        assert_eq!(seen.header("cache-control"), expected);
        assert!(!seen.body.contains("<script>") && !seen.body.contains(" style="));
    }
    let cookie =
        post(&site.app, "/account/sign-in", &[], &form(&[("username", "a@example.com")])).await;
    let line = cookie.header("set-cookie");
    assert!(
        line.starts_with("__Host-sspr-")
            && line.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax")
    );
    assert!(line.len() < 4_096);
}

#[tokio::test]
async fn pages_and_what_they_load_stay_below_twenty_kilobytes() {
    let site = Site::new().await;
    let mut browser = site.browser();
    browser.named("ada@example.com").await;
    let mut size = 0;
    for asset in ["sspr.css", "password.js", "countdown.js", "sms-code.js", "logo.svg"] {
        size += browser.get(&format!("/account/{asset}")).await.body.len();
    }
    browser.post("reset", &[]).await;
    let code = site.code().await;
    for tag in ["en", "ar", "fr"] {
        let page = browser.get(&format!("/account/code?ui_locales={tag}")).await;
        assert!(page.body.len() + size < 20_000, "{tag}: {}", page.body.len() + size);
    }
    browser.post("code", &[("code", &code)]).await;
    browser.post("new-password", &[("new-password", "short"), ("confirm-password", "short")]).await;
    for tag in ["en", "ar", "fr"] {
        let page = browser.get(&format!("/account/new-password?ui_locales={tag}")).await;
        assert!(page.body.len() + size < 20_000, "{tag}: {}", page.body.len() + size);
        assert!(!page.body.contains("short\""));
    }
}

#[tokio::test]
async fn posts_from_other_sites_are_refused_and_do_nothing() {
    let site = Site::new().await;
    let mut browser = site.browser();
    browser.named("ada@example.com").await;
    let query = browser.at.split_once('?').unwrap().1.to_owned();
    let cookie = browser.cookies.join("; ");
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        for page in
            ["reset", "password", "code", "new-password", "change", "forgot", "sign-out", "sign-in"]
        {
            let path = format!("/account/{page}?{query}");
            let headers = [("cookie", &*cookie), (name, value)];
            let seen = post(&site.app, &path, &headers, &form(&[("password", OLD)])).await;
            assert_eq!(seen.status, 403, "{page} {name}: {value}");
            assert!(seen.body.contains("came from another site"));
            assert!(seen.cookies().is_empty());
        }
    }
    assert_eq!(site.world.courier.drain(&site.world.inbox).await.sent, 0);
    let own = [("cookie", &*cookie), ("sec-fetch-site", "same-origin"), ("origin", "null")];
    let seen = post(&site.app, &format!("/account/reset?{query}"), &own, "").await;
    assert_eq!(seen.status, 303);
}

#[tokio::test]
async fn nobody_elses_cookie_token_or_application_is_worth_anything() {
    let site = Site::new().await;
    let mut browser = site.browser();
    browser.named("ada@example.com").await;
    browser.post("reset", &[]).await;
    let code = site.code().await;
    let good = browser.cookies.clone();
    let (name, value) = good[0].split_once('=').unwrap();
    let flipped: String = value.chars().rev().collect();
    for forged in [
        String::new(),
        format!("{name}={flipped}"),
        format!("{name}=x"),
        format!("{name}={}", "A".repeat(9_000)),
        format!("{}; {}", good[0], good[0]),
    ] {
        let path = format!("/account/code?{}", browser.at.split_once('?').unwrap().1);
        let seen = post(&site.app, &path, &[("cookie", &forged)], &form(&[("code", &code)])).await;
        assert_eq!((seen.status, seen.header("location")), (303, "start-again"));
    }
    // The same service, another application: the cookie's name alone does not make it.
    let other = Application::new("contoso", "sign-in", "other").unwrap();
    let app = Router::new().nest("/account", Pages::new(&site.world.sspr, other, Named).router());
    let named = get(&app, "/account/sign-in?ui_locales=de", &[]).await.cookies()[0]
        .split('=')
        .next()
        .unwrap()
        .to_owned();
    let seen = post(
        &app,
        "/account/code",
        &[("cookie", &format!("{named}={value}"))],
        &form(&[("code", &code)]),
    )
    .await;
    assert_eq!(seen.header("location"), "start-again");
    // And nothing of it was a try.
    assert!(
        browser
            .post("code", &[("code", &code)])
            .await
            .header("location")
            .starts_with("new-password")
    );
}

#[tokio::test]
async fn no_redirect_leaves_the_application() {
    let site = Site::new().await;
    for wanted in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/shop/../admin",
        "/admin",
        "javascript:alert(1)",
        "/shop\r\nx: y",
    ] {
        let mut browser = site.browser();
        browser.post("sign-in", &[("username", "aaaa@example.com"), ("return_to", wanted)]).await;
        let seen = browser.post("password", &[("password", OLD)]).await;
        assert_eq!(seen.header("location"), "/shop", "{wanted}");
    }
    let page = get(&site.app, "/account/sign-in?return_to=//evil.example", &[]).await;
    assert!(!page.body.contains("evil"));
    // A hostile host is never written anywhere.
    let hostile = [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "gopher"),
        ("forwarded", "host=evil.example"),
    ];
    for path in ["/account", "/account/sign-in", "/.well-known/change-password", "/account/nowhere"]
    {
        let seen = get(&site.app, path, &hostile).await;
        assert!(!format!("{seen:?}").contains("evil"), "{path}");
    }
    let known = get(&site.app, "/.well-known/change-password", &[]).await;
    assert_eq!((known.status, known.header("location")), (302, "/account/change"));
}

#[tokio::test]
async fn bad_input_is_a_page_that_says_so_and_nothing_is_lost() {
    let site = Site::new().await;
    let mut browser = site.browser();
    browser.named("ada@example.com").await;
    browser.post("reset", &[]).await;
    let code = site.code().await;
    let path = format!("/account/code?{}", browser.at.split_once('?').unwrap().1);
    let cookie = browser.cookies.join("; ");
    let large = "code=".to_owned() + &"1".repeat(40_000);
    let many = "code=1&".repeat(100);
    for (content, body) in [
        ("application/json", "{}"),
        ("multipart/form-data", "x"),
        ("", "code=1"),
        (FORM, "code=%"),
        (FORM, "code=%ff%fe"),
        (FORM, "code=%00"),
        (FORM, &*large),
        (FORM, &*many),
    ] {
        let headers = [("cookie", &*cookie), ("content-type", content)];
        let seen = send(&site.app, build("POST", &path, &headers, body)).await;
        assert_eq!(seen.status, 400, "{content} {body:.20}");
        assert!(seen.body.contains("could not be read") && seen.body.contains("Reference: "));
    }
    // Read, and no code: uncharged.
    for typed in ["", "1", "one two three", &"9".repeat(64), "\u{202e}12345678", "<script>"] {
        let seen = browser.post("code", &[("code", typed)]).await;
        assert_eq!(seen.status, 303);
    }
    assert!(browser.here().await.body.contains("That code is not right"));
    let missing = browser.get("/account/../../etc/passwd").await;
    assert_eq!(missing.status, 404);
    let odd = browser.get("/account/code?flow=%zz&ui_locales=%3Cscript%3E").await;
    assert!(!odd.body.contains("<script>"));
    // Full-width digits, blanks and hyphens are how people type.
    let wide: String =
        code.chars().map(|c| char::from_u32(c as u32 - 0x30 + 0xff10).unwrap()).collect();
    let right =
        browser.post("code", &[("code", &format!(" {}-{} ", &wide[..12], &wide[12..]))]).await;
    assert!(right.header("location").starts_with("new-password"));

    let typed = "<img src=x onerror=alert(1)>";
    let mut other = site.browser();
    other.post("sign-in", &[("username", typed)]).await;
    let page = other.here().await;
    assert!(page.body.contains("Enter an e-mail address like") && !page.body.contains("<img"));
    assert!(page.body.contains("<title>Error: "));
}

#[tokio::test]
async fn while_a_store_is_down_pages_say_so_and_the_journey_goes_on_after() {
    let (world, down) = flaky_world().await;
    let site = Site::over(world);
    let mut browser = site.browser();
    browser.named("ada@example.com").await;

    let mut steps: Vec<(&str, Vec<(&str, String)>)> = vec![("reset", Vec::new())];
    for step in 0..3 {
        let (page, fields) = steps.last().unwrap().clone();
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        down.store(true, Ordering::SeqCst);
        let refused = browser.post(page, &fields).await;
        assert_eq!(refused.status, 503, "{page}");
        assert!(
            refused.body.contains("cannot answer right now")
                && refused.body.contains("Reference: ")
        );
        down.store(false, Ordering::SeqCst);
        assert_eq!(browser.post(page, &fields).await.status, 303, "{page}");
        steps.push(match step {
            0 => ("code", vec![("code", site.code().await)]),
            _ => (
                "new-password",
                vec![("new-password", NEW.to_owned()), ("confirm-password", NEW.to_owned())],
            ),
        });
    }
    assert!(browser.at.starts_with("/account/done"));
}

#[tokio::test]
async fn a_tenant_without_a_policy_has_no_pages() {
    let site = Site::new().await;
    let nowhere = Application::new("nowhere", "sign-in", "shop").unwrap();
    let app = Router::new().nest("/account", Pages::new(&site.world.sspr, nowhere, Named).router());
    let page = get(&app, "/account/sign-in", &[("accept-language", "de")]).await;
    assert_eq!(page.status, 404);
    assert!(page.body.contains("Diese Seite gibt es nicht"));
    let other = get(&app, "/account/sign-in", &[("accept-language", "tlh")]).await;
    assert!(other.body.contains("There is no such page"));
    let posted = post(&app, "/account/sign-in", &[], &form(&[("username", "a@example.com")])).await;
    assert_eq!(posted.status, 404);
}
