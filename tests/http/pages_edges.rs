//! The hosted pages where they meet the world: headers that others write, proxies, browsers that
//! keep no cookies, forms that come twice, callers that go away.

use std::{
    collections::BTreeSet,
    future::{Future, poll_fn},
    sync::{Arc, Mutex},
    task::Poll,
};

use crate::support::{
    NEW, OLD, Users, World,
    browser::Browser,
    front::{FORM, Named, Plain, Seen, form, get, post, send},
    seconds, shop,
};
use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderValue, Request, request::Parts},
};
use sspr::{
    Keyring, Sspr, TenantPolicy,
    adapters::{ManualClock, MemoryCodes, MemoryPolicies, MemoryUsers, SystemEntropy},
    domain::{RecordId, Timestamp},
    http::{
        Native, NewSession, Pages, PublicPathError, ReturnTo, SessionError, Sessions,
        SignInContext, TrustedProxies,
    },
    policy::{AfterReset, Brand, PasswordRules},
    ports::{Breach, BreachCheck, CodeStore, StoreError},
    store::{Attempted, Charge, CounterName, Inserted, Loaded, Record, Swapped},
};
use tower::ServiceExt as _;

fn pages(world: &World) -> Pages {
    Pages::new(&world.sspr, shop(), Named).with_home(ReturnTo::parse("/shop").unwrap())
}

fn mounted(pages: Pages) -> Router {
    Router::new().nest_service("/account", pages.router())
}

/// Brings a browser to the page where the new password is chosen.
async fn granted(browser: &mut Browser, world: &World) {
    let fields = [("username", "ada@example.com"), ("return_to", "/shop/cart")];
    browser.post("sign-in", &fields).await;
    browser.post("reset", &[]).await;
    let code = world.mailed_code().await.expose();
    browser.post("code", &[("code", &code)]).await;
    assert!(browser.at.starts_with("/account/new-password?"), "{}", browser.at);
}

/// A relative reference as browsers resolve it.
fn beside(page: &str, to: &str) -> String {
    if to.starts_with('/') {
        return to.to_owned();
    }
    let folder = page.split('?').next().unwrap().rsplit_once('/').unwrap().0;
    if to.starts_with('?') {
        return format!("{}{to}", page.split('?').next().unwrap());
    }
    format!("{folder}/{to}")
}

/// The links of a page, as their addresses.
fn links(body: &str) -> Vec<String> {
    let hrefs = body.split(" href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    hrefs.map(|href| href.replace("&#38;", "&").replace("&amp;", "&")).collect()
}

fn language_link(body: &str, tag: &str) -> String {
    let suffix = format!("ui_locales={tag}");
    let mut found = links(body).into_iter().filter(|href| href.ends_with(&suffix));
    found.next().unwrap_or_else(|| panic!("no link to {tag}: {body}"))
}

const CHOICE: [(&str, &str); 2] = [("new-password", NEW), ("confirm-password", NEW)];

#[tokio::test]
async fn a_cookie_that_is_no_text_spoils_no_other() {
    let world = World::memory().await;
    let app = mounted(pages(&world));
    let mut browser = Browser::of(&app);
    browser.post("sign-in", &[("username", "ada@example.com")]).await;
    let own = browser.cookie();
    let latin = [&b"city=Z\xfcrich; "[..], own.as_bytes(), b"; \xff; x"].concat();
    let utf8 = format!("city=Zürich; {own}");
    for lines in [
        vec![&latin[..]],
        vec![utf8.as_bytes()],
        vec![b"city=Z\xfcrich", own.as_bytes()],
        vec![own.as_bytes(), b"\xfe"],
        vec![b"a=\"; =; ;;", own.as_bytes(), b"theme=dark"],
    ] {
        let mut request = Request::get(browser.at.clone()).body(Body::empty()).unwrap();
        for line in &lines {
            request.headers_mut().append("cookie", HeaderValue::from_bytes(line).unwrap());
        }
        let seen = send(&app, request).await;
        assert_eq!(seen.status, 200, "{lines:?}");
        assert!(seen.body.contains("Enter your password"), "{lines:?}");
    }
}

#[tokio::test]
async fn no_header_that_others_write_breaks_a_page() {
    let world = World::memory().await;
    let proxies = TrustedProxies::parse(["192.0.2.1"]).unwrap();
    let app = mounted(pages(&world).with_trusted_proxies(proxies));
    for name in [
        "accept-language",
        "cookie",
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-prefix",
        "x-forwarded-host",
        "user-agent",
        "referer",
        "accept",
        "x-real-ip",
    ] {
        for value in [&b"\xfc"[..], b"\xff\xfe\x80", "größer".as_bytes(), b",;=,", b""] {
            let mut request = Request::get("/account/sign-in").body(Body::empty()).unwrap();
            request.headers_mut().insert(name, HeaderValue::from_bytes(value).unwrap());
            assert_eq!(send(&app, request).await.status, 200, "{name}: {value:?}");
            let mut request = Request::post("/account/sign-in")
                .header("content-type", FORM)
                .body(Body::from("username=ada%40example.com"))
                .unwrap();
            request.headers_mut().insert(name, HeaderValue::from_bytes(value).unwrap());
            let seen = send(&app, request).await;
            assert!(seen.header("location").starts_with("password?"), "{name}: {value:?}");
        }
    }
    // What decides whether a form is our own is refused if it is unreadable.
    for (name, value) in [("origin", &b"\xfc"[..]), ("sec-fetch-site", b"\xfc")] {
        let mut request = Request::post("/account/sign-in")
            .header("content-type", FORM)
            .body(Body::from("username=ada%40example.com"))
            .unwrap();
        request.headers_mut().insert(name, HeaderValue::from_bytes(value).unwrap());
        assert_eq!(send(&app, request).await.status, 403, "{name}");
    }
}

#[tokio::test]
async fn our_own_forms_pass_without_fetch_metadata_and_a_null_origin_never_does() {
    let world = World::memory().await;
    let app = mounted(pages(&world));
    assert_eq!(get(&app, "/account/sign-in", &[]).await.header("referrer-policy"), "same-origin");
    for (origin, host, status) in [
        ("https://shop.example", "shop.example", 303),
        ("https://shop.example", "shop.example:443", 303),
        ("https://shop.example", "Shop.Example", 303),
        ("http://shop.example", "SHOP.example:80", 303),
        ("http://shop.example:8080", "shop.example:8080", 303),
        ("https://shop.example", "shop.example:80", 403),
        ("https://shop.example:8443", "shop.example", 403),
        ("https://evil.example", "shop.example", 403),
        ("https://shop.example.evil.example", "shop.example", 403),
        ("https://shop.example:443@evil.example", "shop.example", 403),
        ("null", "shop.example", 403),
    ] {
        let request = Request::post("/account/sign-in")
            .header("content-type", FORM)
            .header("origin", origin)
            .header("host", host);
        let request = request.body(Body::from("username=ada%40example.com")).unwrap();
        assert_eq!(send(&app, request).await.status, status, "{origin} at {host}");
    }
}

#[tokio::test]
async fn a_language_link_keeps_everything_else_of_the_address() {
    let world = World::memory().await;
    let app = mounted(pages(&world));
    let mut browser = Browser::of(&app);
    let first = "/account/sign-in?return_to=/shop/cart%3Fa%3D1%26b&utm=M%FCnchen&x=1";
    let page = browser.get(first).await;
    let german = browser.get(&beside(first, &language_link(&page.body, "de"))).await;
    assert!(
        german.body.contains("lang=\"de\"")
            && german.body.contains("value=\"/shop/cart?a=1&#38;b\"")
    );
    let back = language_link(&german.body, "en");
    assert_eq!(back, "?return_to=/shop/cart%3Fa%3D1%26b&utm=M%FCnchen&x=1&ui_locales=en");

    // On every page of the journey, and where the page reports an error.
    browser.post("sign-in", &[("username", "none"), ("return_to", "/shop/cart")]).await;
    let mut steps: Vec<(&str, Vec<(&str, String)>)> = vec![
        ("sign-in", vec![("username", "ada@example.com".to_owned())]),
        ("password", vec![("password", "wrong".to_owned())]),
        ("reset", Vec::new()),
    ];
    for step in 0.. {
        let page = browser.here().await;
        let flow = browser.at.split_once("flow=").unwrap().1.to_owned();
        let english = page.body.contains("<html lang=\"en\"");
        let link = language_link(&page.body, if english { "de" } else { "en" });
        assert!(link.contains(&format!("flow={flow}&")), "{link}");
        let other = browser.get(&beside(&browser.at.clone(), &link)).await;
        assert_eq!(other.status, 200, "{}", browser.at);
        let lead_back = links(&other.body).into_iter().find(|href| href.starts_with("sign-in"));
        if let Some(href) = lead_back {
            assert_eq!(href, "sign-in?return_to=/shop/cart", "{}", browser.at);
        }
        let Some((page, fields)) = steps.get(step).cloned() else { break };
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, &**value)).collect();
        browser.post(page, &fields).await;
        if page == "reset" {
            let code = world.mailed_code().await.expose();
            steps.push(("code", vec![("code", code)]));
            steps.push(("new-password", vec![("new-password", "short".to_owned())]));
            let choice = CHOICE.map(|(name, value)| (name, value.to_owned()));
            steps.push(("new-password", choice.to_vec()));
        }
    }
    assert!(browser.at.starts_with("/account/done"), "{}", browser.at);
    assert!(browser.here().await.body.contains("href=\"/shop/cart\""));
}

#[tokio::test]
async fn whoever_must_start_again_still_goes_where_they_wanted_to() {
    let world = World::memory().await;
    let app = mounted(pages(&world));
    let mut browser = Browser::of(&app);
    granted(&mut browser, &world).await;
    world.clock.advance(seconds(24 * 3_600));
    browser.post("new-password", &CHOICE).await;
    assert_eq!(browser.at, "/account/start-again?return_to=/shop/cart");
    let page = browser.here().await;
    let back = links(&page.body).into_iter().find(|href| href.starts_with("sign-in")).unwrap();
    let first = browser.get(&beside(&browser.at.clone(), &back)).await;
    assert!(first.body.contains("name=\"return_to\" value=\"/shop/cart\""));
    let german = language_link(&page.body, "de");
    assert!(german.contains("return_to=/shop/cart"), "{german}");
}

#[tokio::test]
async fn a_part_of_the_query_that_is_not_well_formed_takes_nothing_else_away() {
    let world = World::memory().await;
    let app = mounted(pages(&world));
    let mut browser = Browser::of(&app);
    browser.post("sign-in", &[("username", "ada@example.com")]).await;
    let first = browser.at.clone();
    browser.post("sign-in", &[("username", "grace@example.com")]).await;
    let page = browser.get(&format!("{first}&utm=%FC&x=%zz&%=&y")).await;
    assert!(page.body.contains("value=\"ada@example.com\""));
}

#[tokio::test]
async fn a_browser_that_refuses_cookies_is_told_so_on_every_page_of_a_journey() {
    let world = World::memory().await;
    let app = mounted(pages(&world));
    let to = post(&app, "/account/sign-in", &[], "username=ada%40example.com").await;
    let to = beside("/account/sign-in", to.header("location"));
    let flow = to.split_once('?').unwrap().1;
    for (tag, words) in [
        ("en", "Allow cookies for this site"),
        ("de", "Erlauben Sie Cookies"),
        ("fr", "Autorisez les cookies"),
        ("es", "Permita las cookies"),
        ("ar", "اسمح بملفات تعريف الارتباط"),
    ] {
        for page in ["sign-in", "password", "locked", "code", "try-later", "new-password", "done"] {
            let path = format!("/account/{page}?{flow}");
            let seen = get(&app, &path, &[("accept-language", tag)]).await;
            assert_eq!(seen.status, 200, "{page}");
            assert!(seen.body.contains(words), "{page}, {tag}: {}", seen.body);
        }
    }
    let again = post(&app, &format!("/account/reset?{flow}"), &[], "").await;
    let again = get(&app, &beside("/account/reset", again.header("location")), &[]).await;
    assert!(again.body.contains("Allow cookies for this site"));
    // The first form too, when what was typed is no address.
    let none = post(&app, "/account/sign-in", &[], "username=nobody").await;
    let none = get(&app, &beside("/account/sign-in", none.header("location")), &[]).await;
    assert!(none.body.contains("Allow cookies for this site"));
    // A browser that keeps cookies, on a journey that it has forgotten, begins anew.
    let mut other = Browser::of(&app);
    other.get("/account/sign-in?ui_locales=en").await;
    let seen = other.get(&to).await;
    assert_eq!((seen.status, seen.header("location")), (303, "sign-in"));
}

#[tokio::test]
async fn the_pages_are_found_with_and_without_a_slash_at_the_end() {
    let world = World::memory().await;
    let app = mounted(pages(&world));
    for path in
        ["/account", "/account/", "/account?return_to=/shop/x", "/account/?return_to=/shop/x"]
    {
        let seen = get(&app, path, &[]).await;
        assert_eq!(seen.status, 303, "{path}");
        let to = beside(path, seen.header("location"));
        let query = path.split_once('?').map_or_else(String::new, |(_, query)| format!("?{query}"));
        assert_eq!(to, format!("/account/sign-in{query}"), "{path}");
        assert_eq!(get(&app, &to, &[]).await.status, 200);
    }
    // A page that is missing deeper down finds its stylesheet and the way back.
    let path = "/account/no/such/page";
    let seen = get(&app, path, &[]).await;
    assert_eq!(seen.status, 404);
    for href in links(&seen.body) {
        let climbed = beside(path, &href).replace("/no/such/../../", "/");
        assert_eq!(
            get(&app, &climbed, &[]).await.status,
            if href.starts_with('?') { 404 } else { 200 },
            "{href}"
        );
    }
}

#[tokio::test]
async fn behind_a_proxy_that_takes_a_prefix_away_every_address_keeps_it() {
    let world = World::memory().await;
    let furnished = || {
        let help = ReturnTo::parse("/help").unwrap();
        let privacy = ReturnTo::parse("/auth/privacy").unwrap();
        let pages = pages(&world).with_help(help).with_privacy(privacy);
        pages.with_stylesheet(ReturnTo::parse("/brand.css").unwrap())
    };
    let trusted = || TrustedProxies::parse(["192.0.2.0/24"]).unwrap();
    let said = mounted(furnished().with_trusted_proxies(trusted()));
    let set = mounted(furnished().with_public_path("/auth/").unwrap());
    for (app, headers) in [
        (said, &[("x-forwarded-prefix", "/auth")][..]),
        (set.clone(), &[]),
        (set, &[("x-forwarded-prefix", "/elsewhere")]),
    ] {
        for path in ["/account", "/account/"] {
            let to = get(&app, path, headers).await.header("location").to_owned();
            assert_eq!(beside(&format!("/auth{path}"), &to), "/auth/account/sign-in");
        }
        for wanted in ["/shop/cart", "/auth/shop/cart"] {
            let page = get(&app, &format!("/account/sign-in?return_to={wanted}"), headers).await;
            for href in links(&page.body) {
                let to = beside("/auth/account/sign-in", &href);
                assert!(to.starts_with("/auth/"), "{href}");
            }
            assert!(
                page.body.contains("action=\"sign-in") && page.body.contains("\"/auth/brand.css\"")
            );
            assert!(
                page.body.contains("\"/auth/help\"") && page.body.contains("\"/auth/privacy\"")
            );
            let body = form(&[("username", "ada@example.com"), ("return_to", wanted)]);
            let seen = post(&app, "/account/sign-in", headers, &body).await;
            let cookie = seen.cookies().join("; ");
            assert!(seen.header("set-cookie").contains("; Path=/;"));
            let to = beside("/account/sign-in", seen.header("location"));
            let headers = [headers, &[("cookie", &*cookie)]].concat();
            let seen = post(&app, &to, &headers, &form(&[("password", OLD)])).await;
            assert_eq!(seen.header("location"), "/auth/shop/cart");
        }
    }
    // From nobody that is trusted, or no plain path: as if it were not there.
    let app = mounted(furnished());
    let believed = mounted(furnished().with_trusted_proxies(trusted()));
    for (app, value) in [(&app, "/auth"), (&believed, "//evil.example"), (&believed, "/a\"b")] {
        let page = get(app, "/account/sign-in", &[("x-forwarded-prefix", value)]).await;
        assert!(page.body.contains("\"/brand.css\"") && !page.body.contains("evil"), "{value}");
    }
    for bad in ["auth", "//auth", "/a/../b", "/a b", "/ä", "/a?x", "https://x.example"] {
        let refused = pages(&world).with_public_path(bad).map(|_| ());
        assert!(matches!(refused, Err(PublicPathError { .. })), "{bad}");
    }
}

#[tokio::test]
async fn version_twos_links_keep_a_prefix_that_a_proxy_takes_away() {
    let world = World::memory().await;
    let native = || Native::new(&world.sspr, shop(), Plain);
    let believed = || native().with_trusted_proxies(TrustedProxies::parse(["192.0.2.1"]).unwrap());
    let prefix = &[("x-forwarded-prefix", "/auth")][..];
    for (native, headers, expected) in [
        (native(), &[][..], "/contoso/api/"),
        (native(), prefix, "/contoso/api/"),
        (believed(), prefix, "/auth/contoso/api/"),
        (believed(), &[("x-forwarded-prefix", "//evil.example")], "/contoso/api/"),
        (native().with_public_path("/auth").unwrap(), &[], "/auth/contoso/api/"),
    ] {
        let app = Router::new().nest("/contoso", native.router());
        let path = "/contoso/oauth2/v2.0/authorize-challenge";
        let entry = post(&app, path, headers, "client_id=shop").await.json();
        for link in ["sign_in", "reset_password"] {
            assert!(entry[link].as_str().unwrap().starts_with(expected), "{entry}");
        }
    }
}

#[tokio::test]
async fn after_signing_out_no_page_says_who_was_signed_in() {
    let world = World::memory().await;
    let app = mounted(pages(&world));
    let mut browser = Browser::of(&app);
    granted(&mut browser, &world).await;
    browser.post("new-password", &CHOICE).await;
    let done = browser.at.clone();
    assert!(browser.here().await.body.contains("ada@example.com"));
    browser.post("sign-out", &[]).await;
    for page in ["done", "password", "code", "new-password", "locked", "sign-in", "start-again"] {
        let seen = browser.get(&done.replace("done", page)).await;
        assert!(!format!("{seen:?}").contains("ada@example.com"), "{page}");
    }

    // A host that ends the session itself does not tell the pages: they fall silent by themselves.
    let mut other = Browser::of(&app);
    world.clock.advance(seconds(3_600));
    granted(&mut other, &world).await;
    let another = "five more unrelated words then";
    let fields = [("new-password", another), ("confirm-password", another)];
    other.post("new-password", &fields).await;
    assert!(other.here().await.body.contains("ada@example.com"));
    world.clock.advance(seconds(5 * 60));
    let page = other.here().await.body;
    assert!(page.contains("Your password is changed") && !page.contains("ada@example.com"));
}

#[tokio::test]
async fn the_browser_never_refuses_an_address_that_the_crate_accepts() {
    let world = World::memory().await;
    let app = mounted(pages(&world));
    for address in
        ["jörg@example.com", "अजय@डाटा.भारत", "हिन्दी@example.com", "o'hara&co@example.com"]
    {
        let mut browser = Browser::of(&app);
        let first = browser.get("/account/sign-in").await;
        browser.post("sign-in", &[("username", address)]).await;
        let second = browser.here().await;
        assert!(browser.at.starts_with("/account/password?"), "{address}: {}", browser.at);
        for page in [first, second] {
            let field = page.body.split("name=\"username\"").nth(1).unwrap();
            let field = field.split('>').next().unwrap();
            assert!(
                !page.body.contains("type=\"email\"") && field.contains("type=\"text\""),
                "{field}"
            );
            assert!(
                field.contains("inputmode=\"email\"")
                    && field.contains("autocomplete=\"username\"")
            );
        }
    }
    let mut browser = Browser::of(&app);
    granted(&mut browser, &world).await;
    let page = browser.here().await.body;
    assert!(!page.contains("type=\"email\"") && page.contains("novalidate"));
}

#[tokio::test]
async fn a_confirmation_in_another_normal_form_is_the_same_password() {
    let world = World::memory().await;
    let app = mounted(pages(&world));
    let mut browser = Browser::of(&app);
    granted(&mut browser, &world).await;
    let (composed, decomposed) =
        ("vier w\u{f6}rter f\u{fc}r ada", "vier wo\u{308}rter fu\u{308}r ada");
    let other = [("new-password", composed), ("confirm-password", "vier worter fur ada")];
    browser.post("new-password", &other).await;
    assert!(browser.here().await.body.contains("The two passwords differ"));
    for again in ["", "\u{1}", &"x".repeat(2_000)] {
        browser
            .post("new-password", &[("new-password", composed), ("confirm-password", again)])
            .await;
        assert!(browser.here().await.body.contains("The two passwords differ"), "{again:.9}");
    }
    let fields = [("new-password", composed), ("confirm-password", decomposed)];
    browser.post("new-password", &fields).await;
    assert!(browser.at.starts_with("/account/done"), "{}", browser.at);
    let mut other = Browser::of(&app);
    other.post("sign-in", &[("username", "ada@example.com")]).await;
    assert_eq!(
        other.post("password", &[("password", decomposed)]).await.header("location"),
        "/shop"
    );
}

#[tokio::test]
async fn a_code_is_taken_however_mail_programs_decorate_it() {
    let world = World::memory().await;
    let app = mounted(pages(&world));
    let mut browser = Browser::of(&app);
    browser.post("sign-in", &[("username", "ada@example.com")]).await;
    browser.post("reset", &[]).await;
    let code = world.mailed_code().await.expose();
    let (half, rest) = code.split_at(4);
    let pasted = format!("\u{feff}\u{2066}{half}\u{200b}\u{2014}\u{ad}{rest}\u{2069}\u{a0}");
    browser.post("code", &[("code", &pasted)]).await;
    assert!(browser.at.starts_with("/account/new-password"), "{}", browser.at);
}

struct Leaks;

#[async_trait::async_trait]
impl BreachCheck for Leaks {
    async fn check(&self, _: &sspr::domain::Password) -> Breach {
        Breach::NotKnown
    }
}

#[tokio::test]
async fn leaked_passwords_are_spoken_of_only_where_they_are_looked_up() {
    let words = [
        ("en", "common or leaked", "Not a common password"),
        ("de", "bekannt gewordenes", "Kein häufiges Passwort"),
        ("fr", "ou divulgué", "Pas un mot de passe courant"),
        ("es", "ni filtrada", "Que no sea una contraseña común"),
        ("ar", "مسرَّبة", "ليست كلمة مرور شائعة"),
    ];
    for checked in [false, true] {
        let world = World::memory().await;
        let app = mounted(pages(&world));
        let mut browser = Browser::of(&app);
        granted(&mut browser, &world).await;
        // The same stores and keys, so the journey goes on.
        let users = world.users.in_memory();
        let (codes, policies) = (world.codes.clone(), world.policies.clone());
        let builder = Sspr::builder(users, codes, policies, world.keys.clone());
        let builder = builder.with_clock(world.clock.clone()).with_hasher(world.hasher.clone());
        let builder = if checked { builder.with_breach_check(Leaks) } else { builder };
        let app = mounted(Pages::new(&builder.build().0, shop(), Named));
        browser.app = app.clone();
        for (tag, leaked, common) in words {
            let path = format!("{}&ui_locales={tag}", browser.at);
            let page = browser.get(&path).await.body;
            assert!(page.contains(common) || checked, "{tag}");
            assert_eq!(page.contains(leaked), checked, "{tag}");
        }
    }
}

#[tokio::test]
async fn what_the_page_says_of_personal_words_is_what_the_tenants_rules_refuse() {
    let words = [
        (
            "en",
            ["Not just your name", "made only of your name"],
            ["Without your name", "contains a part of your"],
        ),
        (
            "de",
            ["Nicht nur Ihr Name", "besteht nur aus Ihrem Namen"],
            ["Ohne Ihren Namen", "enthält einen Teil Ihrer"],
        ),
        (
            "fr",
            ["Pas seulement votre nom", "ne contient que votre nom"],
            ["Sans votre nom", "contient une partie de"],
        ),
        (
            "es",
            ["Que no sea solo su nombre", "Solo contiene su nombre"],
            ["Sin su nombre", "Contiene una parte de"],
        ),
        ("ar", ["ليست مجرد اسمك", "لا تتكوّن إلا من اسمك"], ["لا تتضمن اسمك", "تتضمن جزءًا من عنوان"]),
    ];
    let nothing_else = "Ada@Example.com Ada@Example.com 1";
    for (rules, is_nist) in [(PasswordRules::nist(), true), (PasswordRules::entra(), false)] {
        let world = World::memory().await;
        world
            .policies
            .replace(TenantPolicy::customers("contoso").unwrap().with_password_rules(rules));
        let app = mounted(pages(&world));
        let mut browser = Browser::of(&app);
        granted(&mut browser, &world).await;
        let only = [("new-password", nothing_else), ("confirm-password", nothing_else)];
        browser.post("new-password", &only).await;
        for (tag, made_of, contains) in words {
            let page = browser.get(&format!("{}&ui_locales={tag}", browser.at)).await.body;
            let (said, other) = if is_nist { (made_of, contains) } else { (contains, made_of) };
            assert!(said.iter().all(|text| page.contains(text)), "{tag}: {page}");
            assert!(!other.iter().any(|text| page.contains(text)), "{tag}: {page}");
        }
        let among = "my Ada@Example.com rocks 1";
        browser.post("new-password", &[("new-password", among), ("confirm-password", among)]).await;
        assert_eq!(browser.at.starts_with("/account/done"), is_nist, "{}", browser.at);
    }
}

/// Sessions that count how many have begun.
#[derive(Clone, Default)]
struct Counted(Arc<Mutex<usize>>);

#[async_trait::async_trait]
impl Sessions for Counted {
    async fn begin(&self, _: SignInContext<'_>) -> Result<NewSession, SessionError> {
        *self.0.lock().unwrap() += 1;
        Ok(NewSession::with_cookie(HeaderValue::from_static("session=1")))
    }

    async fn end(&self, _: &Parts) -> Result<Vec<HeaderValue>, SessionError> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn two_posts_of_one_new_password_form_are_answered_alike_and_sign_in_once() {
    for (after, begun) in [(AfterReset::SignIn, 1), (AfterReset::RequireSignIn, 0)] {
        let world = World::memory().await;
        let policy = TenantPolicy::customers("contoso").unwrap();
        world.policies.replace(policy.with_after_reset(after));
        let sessions = Counted::default();
        let app = mounted(Pages::new(&world.sspr, shop(), sessions.clone()));
        let mut browser = Browser::of(&app);
        granted(&mut browser, &world).await;
        let (path, cookie) = (browser.path("new-password"), browser.cookie());
        let repeat = || post_owned(&app, path.clone(), cookie.clone());
        let first = repeat().await;
        assert!(first.header("location").starts_with("done?flow="));
        for _ in 0..3 {
            // With the cookie of the form's page, as a double click or a lost answer has it.
            let again = repeat().await;
            assert_eq!((again.status, again.header("location")), (303, first.header("location")));
            let cookie = again.cookies().join("; ");
            let to = beside(&path, again.header("location"));
            let page = get(&app, &to, &[("cookie", &cookie)]).await;
            assert!(page.body.contains("Your password is changed"));
            assert!(!page.body.contains("You are signed in"), "a repeat signs nobody in");
        }
        // With the cookie of the first answer.
        browser.keep(&first);
        let again = browser.post("new-password", &CHOICE).await;
        assert_eq!(again.header("location"), first.header("location"));
        assert_eq!(*sessions.0.lock().unwrap(), begun);
        // Another password is no repeat.
        let thief =
            [("new-password", "chosen by a thief"), ("confirm-password", "chosen by a thief")];
        let seen = post(&app, &path, &[("cookie", &cookie)], &form(&thief)).await;
        assert!(seen.header("location").starts_with("start-again"));
        // And once the ticket's life is over, nothing is repeated.
        world.clock.advance(seconds(24 * 3_600));
        assert!(repeat().await.header("location").starts_with("start-again"));
    }
}

#[tokio::test]
async fn a_click_of_a_page_from_before_a_finished_reset_begins_anew() {
    let world = World::memory().await;
    let app = mounted(pages(&world));
    let mut browser = Browser::of(&app);
    browser.post("sign-in", &[("username", "ada@example.com")]).await;
    let mut old = browser.clone();
    browser.post("reset", &[]).await;
    let code = world.mailed_code().await.expose();
    browser.post("code", &[("code", &code)]).await;
    browser.post("new-password", &CHOICE).await;

    world.clock.advance(seconds(1));
    let again = old.post("reset", &[]).await;
    let to = again.header("location");
    assert_eq!((again.status, to.split('?').next()), (303, Some("password")), "{to}");
    world.clock.advance(seconds(60));
    let sent = old.post("reset", &[]).await;
    assert!(sent.header("location").starts_with("code?"), "{}", sent.header("location"));
}

async fn post_owned(app: &Router, path: String, cookie: String) -> Seen {
    post(app, &path, &[("cookie", &cookie)], &form(&CHOICE)).await
}

/// Polls a request `polls` times and drops it; the answer if it was ready by then.
async fn cut(app: &Router, path: &str, cookie: &str, body: &str, polls: usize) -> Option<Seen> {
    let request = Request::post(path).header("content-type", FORM).header("cookie", cookie);
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let mut answer = Box::pin(app.clone().oneshot(request));
    let mut left = polls;
    let ready = poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match answer.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer.unwrap())),
            Poll::Pending => Poll::Pending,
        }
    });
    let response = ready.await?;
    let (parts, _) = response.into_parts();
    Some(Seen { body: String::new(), headers: parts.headers, status: parts.status.as_u16() })
}

/// A store that lets its caller go away before and after each call.
struct Yielding(MemoryCodes);

#[async_trait::async_trait]
impl CodeStore for Yielding {
    async fn insert(
        &self,
        record: &Record,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Inserted, StoreError> {
        around(self.0.insert(record, charges, now)).await
    }
    async fn attempt(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Attempted, StoreError> {
        around(self.0.attempt(id, charges, now)).await
    }
    async fn load(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        around(self.0.load(id, charges, now)).await
    }
    async fn compare_and_swap(
        &self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        around(self.0.compare_and_swap(next, expected, charges, clear, now)).await
    }
    async fn charge(
        &self,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Vec<sspr::store::Over>, StoreError> {
        around(self.0.charge(charges, now)).await
    }
    async fn delete_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        around(self.0.delete_expired(now, limit)).await
    }
}

async fn around<T>(call: impl Future<Output = T>) -> T {
    tokio::task::yield_now().await;
    let answer = call.await;
    tokio::task::yield_now().await;
    answer
}

async fn yielding_world() -> World {
    let codes: Arc<dyn CodeStore> = Arc::new(Yielding(MemoryCodes::new()));
    let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
    let keys = Keyring::generate(&SystemEntropy::new()).unwrap();
    let clock = ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000));
    let users = Users::Memory(MemoryUsers::new());
    let world = World::assemble(users, codes, policies, keys, clock, None);
    world.add("ada@example.com", "ada").await;
    world
}

#[tokio::test]
async fn a_form_that_is_cut_off_anywhere_and_sent_again_ends_where_it_would_have() {
    for polls in 0..100 {
        let world = yielding_world().await;
        let app = mounted(pages(&world));
        let mut browser = Browser::of(&app);
        let mut over = true;
        let mut steps = vec![
            ("sign-in", form(&[("username", "ada@example.com")]), "password?"),
            ("reset", String::new(), "code?"),
        ];
        for step in 0.. {
            let Some((page, body, expected)) = steps.get(step).cloned() else { break };
            let (path, cookie) = (browser.path(page), browser.cookie());
            over &= cut(&app, &path, &cookie, &body, polls).await.is_some();
            // The browser has kept nothing of that answer.
            let seen = post(&app, &path, &[("cookie", &cookie)], &body).await;
            assert!(
                seen.header("location").starts_with(expected),
                "{page} after {polls}: {seen:?}"
            );
            browser.at = path;
            browser.keep(&seen);
            if page == "reset" {
                let code = world.mailed_code().await.expose();
                steps.push(("code", form(&[("code", &code)]), "new-password?"));
                steps.push(("new-password", form(&CHOICE), "done?"));
            }
        }
        let mut other = Browser::of(&app);
        other.post("sign-in", &[("username", "ada@example.com")]).await;
        assert_eq!(other.post("password", &[("password", NEW)]).await.header("location"), "/shop");
        world.courier.drain(&world.inbox).await;
        let mails = world.inbox.messages();
        assert_eq!(mails.iter().filter(|mail| mail.subject.contains("changed")).count(), 1);
        if over {
            assert!(polls > 5, "the caller went away nowhere");
            return;
        }
    }
    panic!("no step is ever over");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_longer_than_half_a_minute_is_ended() {
    let world = World::memory().await;
    let app = mounted(pages(&world));
    for page in ["sign-in", "password", "reset", "resend", "code", "new-password"] {
        let began = tokio::time::Instant::now();
        let never =
            Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
        let request = Request::post(format!("/account/{page}")).header("content-type", FORM);
        let mut request = request.body(never).unwrap();
        let peer: std::net::SocketAddr = "192.0.2.1:4000".parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        let seen = tokio::time::timeout(seconds(600), send(&app, request)).await;
        let seen = seen.unwrap_or_else(|_| panic!("{page} waits for ever"));
        assert_eq!(seen.status, 408, "{page}");
        assert!(seen.body.contains("Something went wrong"), "{page}");
        assert_eq!(began.elapsed().as_secs(), 30, "{page}");
    }
}

/// Whatever comes from outside, on every page that may show it.
#[tokio::test]
async fn every_text_from_outside_is_escaped_on_every_page() {
    const HOSTILE: &str = "<b id=x>\"'&{address}[link]";
    let world = World::memory().await;
    let brand = Brand::new(HOSTILE).unwrap();
    let policy = TenantPolicy::customers("contoso").unwrap().with_brand(brand);
    world.policies.replace(policy);
    let path = |text: &str| ReturnTo::parse(text).unwrap();
    let hostile_path = "/shop/<b>\"'&{x}";
    let pages = pages(&world).with_help(path(hostile_path)).with_privacy(path(hostile_path));
    let app = mounted(pages.with_stylesheet(path(hostile_path)));
    let mut shown = BTreeSet::new();
    let mut check = |at: &str, seen: &Seen| {
        let page = at.split('?').next().unwrap().to_owned();
        let body = &seen.body;
        for raw in
            ["<b id", "<b>\"", "\"'&", "'&{", "&{", "<img", "<script>", "onerror=\"", "=\"><"]
        {
            assert!(!body.contains(raw), "{page}: {raw}: {body}");
        }
        assert!(
            body.contains("&#60;b id=x&#62;") || body.contains("&lt;b id=x&gt;"),
            "{page}: {body}"
        );
        shown.insert(page);
    };
    let query = "return_to=/shop/%3Cb%3E%22'%26&x=%3Cimg%3E%22&y=<img>\"'&ui_locales=%3Cscript%3E";
    let query = query.replace(['<', '>', '"'], "");
    for page in
        ["sign-in", "unavailable", "start-again", "nowhere/<b>".replace(['<', '>'], "").as_str()]
    {
        let at = format!("/account/{page}?{query}");
        let seen = get(&app, &at, &[("cookie", "x=<img>"), ("user-agent", "<script>")]).await;
        check(&at, &seen);
    }
    let mut browser = Browser::of(&app);
    let address = "o'hara&{address}`|~@example.com";
    browser.post("sign-in", &[("username", "<img src=x onerror=\"x\">'&")]).await;
    check(&browser.at.clone(), &browser.here().await);
    browser.post("sign-in", &[("username", address), ("return_to", hostile_path)]).await;
    check(&browser.at.clone(), &browser.here().await);
    browser.post("reset", &[]).await;
    check(&browser.at.clone(), &browser.here().await);
    for _ in 0..12 {
        browser.post("password", &[("password", "<img src=x>")]).await;
    }
    assert!(browser.at.contains("locked"), "{}", browser.at);
    check(&browser.at.clone(), &browser.here().await);
    let mut asking = Browser::of(&app);
    while !asking.at.contains("try-later") {
        asking.post("sign-in", &[("username", address)]).await;
        asking.post("reset", &[]).await;
    }
    check(&asking.at.clone(), &asking.here().await);
    let mut browser = Browser::of(&app);
    browser.post("sign-in", &[("username", "ada@example.com"), ("return_to", hostile_path)]).await;
    world.clock.advance(seconds(24 * 3_600));
    browser.post("reset", &[]).await;
    let code = world.mailed_code().await.expose();
    browser.post("code", &[("code", &code)]).await;
    browser
        .post("new-password", &[("new-password", "<img>"), ("confirm-password", "<b id=x>")])
        .await;
    check(&browser.at.clone(), &browser.here().await);
    browser.post("new-password", &CHOICE).await;
    check(&browser.at.clone(), &browser.here().await);
    assert_eq!(shown.len(), 10, "{shown:?}");
}
