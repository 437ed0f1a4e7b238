//! What is on the wire: errors of the native API, pages, headers.

use std::time::Duration;

use axum::Router;
use sspr::{
    Application,
    http::{Native, Pages, ReturnTo, change_password},
    policy::Limits,
};

use crate::{
    limit,
    support::{
        NEW, World,
        front::{Named, Plain, Seen, form, get, post},
        seconds,
    },
};

const RESET: &str = "/contoso.onmicrosoft.com/resetpassword/v1.0";

struct Front {
    app: Router,
    world: World,
    /// The browser's cookies, and where it was sent.
    cookies: Vec<String>,
    at: String,
}

impl Front {
    async fn new() -> Self {
        let world = World::memory().await;
        let shop = Application::new("contoso", "sign-in", "shop").unwrap();
        let native = Native::new(&world.sspr, shop.clone(), Plain);
        let app = Router::new()
            .nest("/account", Pages::new(&world.sspr, shop, Named).router())
            .nest("/contoso.onmicrosoft.com", native.router())
            .merge(change_password(&ReturnTo::parse("/account").unwrap()));
        Self { app, at: String::new(), cookies: Vec::new(), world }
    }

    async fn api(&self, path: &str, fields: &[(&str, &str)]) -> Seen {
        let body = form(&[&[("client_id", "shop")], fields].concat());
        post(&self.app, &format!("{RESET}/{path}"), &[], &body).await
    }

    async fn api_start(&self) -> Seen {
        let fields = [("username", "ada@example.com"), ("challenge_type", "password oob redirect")];
        self.api("start", &fields).await
    }

    /// A continuation token that waits for a code.
    async fn api_challenged(&self) -> String {
        self.api_challenge().await.text("continuation_token")
    }

    /// The answer to the request for a first code.
    async fn api_challenge(&self) -> Seen {
        let token = self.api_start().await.text("continuation_token");
        self.api("challenge", &[("continuation_token", &token)]).await
    }

    async fn api_code(&self, token: &str, code: &str) -> Seen {
        let fields = [("continuation_token", token), ("grant_type", "oob"), ("oob", code)];
        self.api("continue", &fields).await
    }

    async fn page(&mut self, path: &str, headers: &[(&str, &str)]) -> Seen {
        let cookies = self.cookies.join("; ");
        get(&self.app, path, &[&[("cookie", &*cookies)], headers].concat()).await
    }

    /// Posts, and follows the redirect.
    async fn post(&mut self, page: &str, fields: &[(&str, &str)]) -> String {
        let query = self.at.split_once('?').map_or("", |(_, query)| query);
        let (path, cookies) = (format!("/account/{page}?{query}"), self.cookies.join("; "));
        let hostile = [
            ("cookie", &*cookies),
            ("x-forwarded-host", "evil.example"),
            ("forwarded", "host=evil.example"),
        ];
        let seen = post(&self.app, &path, &hostile, &form(fields)).await;
        for cookie in seen.cookies() {
            let name = cookie.split('=').next().unwrap().to_owned();
            self.cookies.retain(|kept| !kept.starts_with(&format!("{name}=")));
            self.cookies.push(cookie);
        }
        let to = seen.header("location");
        self.at = if to.starts_with('/') { to.to_owned() } else { format!("/account/{to}") };
        let at = self.at.clone();
        self.page(&at, &[]).await.body
    }

    /// The page that asks for the code, of a fresh browser.
    async fn code_page() -> (Self, String) {
        let mut front = Self::new().await;
        front.post("sign-in", &[("username", "ada@example.com")]).await;
        let page = front.post("reset", &[]).await;
        (front, page)
    }

    /// The page that asks for the new password.
    async fn password_page() -> (Self, String) {
        let (mut front, _) = Self::code_page().await;
        let code = front.world.mailed_code().await.expose();
        let page = front.post("code", &[("code", &code)]).await;
        (front, page)
    }
}

/// The tag that has this text in it.
fn tag<'a>(page: &'a str, text: &str) -> &'a str {
    let at = page.find(text).unwrap_or_else(|| panic!("no {text}: {page}"));
    let start = page[..at].rfind('<').unwrap();
    &page[start..at + page[at..].find('>').unwrap()]
}

#[tokio::test]
async fn rfc_6749_5_2_errors_are_json_with_400_and_never_kept() {
    let front = Front::new().await;
    let token = front.api_challenged().await;
    let seen = front.api_code(&token, "00000000").await;
    assert_eq!((seen.status, seen.header("cache-control")), (400, "no-store"));
    assert!(seen.header("content-type").starts_with("application/json"));
    let body = seen.json();
    assert_eq!(body["error"], "invalid_grant");
    assert!(body["error_description"].is_string());
}

#[tokio::test]
async fn rfc_6749_5_2_a_wrong_and_a_dead_code_have_one_error() {
    let front = Front::new().await;
    let token = front.api_challenged().await;
    let code = front.world.mailed_code().await;
    let wrong = crate::support::other_than(&code).expose();
    let refused = front.api_code(&token, &wrong).await.json();
    front.world.clock.advance(seconds(600));
    let dead = front.api_code(&token, &code.expose()).await.json();
    for field in ["error", "suberror", "error_codes"] {
        assert_eq!(refused[field], dead[field], "{field}");
    }
}

#[tokio::test]
async fn rfc_6749_5_2_descriptions_have_line_breaks_as_entras_do() {
    let front = Front::new().await;
    let token = front.api_challenged().await;
    let text = front.api_code(&token, "00000000").await.text("error_description");
    // The RFC allows none; the manual says so.
    assert!(text.contains("\r\nTrace ID: "));
}

#[tokio::test]
async fn rfc_9457_is_not_spoken() {
    let front = Front::new().await;
    let seen = front.api_code("nonsense", "00000000").await;
    assert!(!seen.header("content-type").contains("problem"), "{}", seen.body);
    assert!(seen.json()["type"].is_null());
}

#[tokio::test]
async fn rfc_6585_4_a_limit_is_429_and_never_kept() {
    let front = Front::new().await;
    limit(&front.world, Limits::builder().opens_per_network(1));
    front.api_challenge().await;
    let seen = front.api_challenge().await;
    assert_eq!((seen.status, seen.header("cache-control")), (429, "no-store"));
}

#[tokio::test]
async fn rfc_9110_10_2_3_whoever_waits_as_long_as_told_is_served() {
    let front = Front::new().await;
    limit(&front.world, Limits::builder().opens_per_network(1));
    front.api_challenge().await;
    front.world.clock.advance(seconds(60) + Duration::from_millis(500));
    let told: u64 = front.api_challenge().await.header("retry-after").parse().unwrap();
    assert_eq!(told, 3_540, "whole seconds, rounded up");
    front.world.clock.advance(seconds(told));
    assert_eq!(front.api_challenge().await.status, 200);
}

#[tokio::test]
async fn wcag_2_2_3_3_8_a_code_can_be_pasted_and_filled_in() {
    let (_, page) = Front::code_page().await;
    let input = tag(&page, "name=\"code\"");
    for wanted in ["type=\"text\"", "inputmode=\"numeric\"", "autocomplete=\"one-time-code\""] {
        assert!(input.contains(wanted), "{wanted}: {input}");
    }
    assert!(input.contains("maxlength=\"64\""), "no pasted code is cut: {input}");
    assert_eq!(page.matches("<input").count(), 1, "one box, not one for each digit");
    assert!(!page.contains("onpaste") && !page.contains("autocomplete=\"off\""));
}

#[tokio::test]
async fn wcag_2_2_2_2_1_the_time_limit_is_told_and_can_be_renewed() {
    let (mut front, page) = Front::code_page().await;
    assert!(page.contains("10 minutes"), "{page}");
    let (_, new) = (front.world.mailed_code().await, "Send a new code");
    assert!(page.contains(new));
    front.world.clock.advance(seconds(600));
    front.post("resend", &[]).await;
    let code = front.world.mailed_code().await.expose();
    let page = front.post("code", &[("code", &code)]).await;
    assert!(page.contains("name=\"new-password\""));
}

#[tokio::test]
async fn wcag_2_2_3_3_1_an_error_is_told_in_words_beside_its_field() {
    let (mut front, _) = Front::code_page().await;
    let page = front.post("code", &[("code", "12")]).await;
    assert!(page.contains("<title>Error: ") && page.contains("role=\"alert\""));
    let input = tag(&page, "name=\"code\"");
    assert!(input.contains("aria-invalid=\"true\"") && input.contains("code-error"), "{input}");
    assert!(page.contains("id=\"code-error\">Enter the 8 digits"));
}

#[tokio::test]
async fn wcag_2_2_3_3_3_a_refused_password_comes_with_what_would_do() {
    let (mut front, _) = Front::password_page().await;
    let fields = [("new-password", "too short"), ("confirm-password", "too short")];
    let page = front.post("new-password", &fields).await;
    assert!(page.contains("role=\"alert\"") && page.contains("15"), "{page}");
}

#[tokio::test]
async fn wcag_2_2_3_3_7_no_address_is_asked_for_twice() {
    let (_, page) = Front::password_page().await;
    let input = tag(&page, "name=\"username\"");
    assert!(input.contains("value=\"ada@example.com\"") && input.contains("readonly"), "{input}");
}

#[tokio::test]
async fn wcag_2_2_4_1_3_what_happened_is_announced() {
    let (mut front, _) = Front::code_page().await;
    front.world.clock.advance(seconds(60));
    let page = front.post("resend", &[]).await;
    assert!(tag(&page, "id=\"code-hint\"").contains("role=\"status\""));
}

#[tokio::test]
async fn wcag_2_2_3_1_1_pages_say_their_language_and_direction() {
    let mut front = Front::new().await;
    for (language, wanted) in [("de", "lang=\"de\" dir=\"ltr\""), ("ar", "lang=\"ar\" dir=\"rtl\"")]
    {
        let page = front.page("/account/sign-in", &[("accept-language", language)]).await.body;
        assert!(tag(&page, "<html").contains(wanted) || page.contains(wanted), "{language}");
    }
}

#[tokio::test]
async fn asvs_6_2_6_password_fields_hide_what_is_typed() {
    let (_, page) = Front::password_page().await;
    for name in ["new-password", "confirm-password"] {
        assert!(tag(&page, &format!("name=\"{name}\"")).contains("type=\"password\""));
    }
}

#[tokio::test]
async fn asvs_6_2_7_password_managers_know_both_fields_and_the_account() {
    let (_, page) = Front::password_page().await;
    assert_eq!(page.matches("autocomplete=\"new-password\"").count(), 2);
    assert_eq!(page.matches("autocomplete=\"username\"").count(), 1);
    assert!(!page.contains("onpaste") && page.contains("minlength=\"15\""));
}

#[tokio::test]
async fn nist_3_1_1_2_the_page_says_why_a_password_is_refused() {
    let (mut front, _) = Front::password_page().await;
    let fields = [("new-password", "passwordpassword"), ("confirm-password", "passwordpassword")];
    let page = front.post("new-password", &fields).await;
    assert!(page.contains("role=\"alert\"") && !page.contains("value=\"passwordpassword\""));
    let page =
        front.post("new-password", &[("new-password", NEW), ("confirm-password", NEW)]).await;
    assert!(page.contains("ada@example.com"), "the grant was still good");
}

#[tokio::test]
async fn owasp_forgot_password_the_new_password_is_typed_twice() {
    let (mut front, _) = Front::password_page().await;
    let fields = [("new-password", NEW), ("confirm-password", "four unrelated words will don't")];
    let page = front.post("new-password", &fields).await;
    assert!(page.contains("name=\"confirm-password\"") && page.contains("role=\"alert\""));
}

#[tokio::test]
async fn wstg_athn_09_a_hostile_host_reaches_no_mail() {
    // Every post of this browser claims a host of its own.
    let (mut front, _) = Front::password_page().await;
    front.post("new-password", &[("new-password", NEW), ("confirm-password", NEW)]).await;
    front.world.courier.drain(&front.world.inbox).await;
    let mails = front.world.inbox.messages();
    assert_eq!(mails.len(), 2);
    for mail in mails {
        assert!(!format!("{}{}{}", *mail.subject, *mail.text, *mail.html).contains("evil"));
    }
}

#[tokio::test]
async fn w3c_change_password_url_is_a_temporary_redirect_and_others_are_not_found() {
    let mut front = Front::new().await;
    let known = front.page("/.well-known/change-password", &[]).await;
    assert_eq!((known.status, known.header("location")), (302, "/account/change"));
    let other = "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200";
    assert_eq!(front.page(other, &[]).await.status, 404);
}
