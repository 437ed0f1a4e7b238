//! Attacks by what stands in a body or a query.

use sspr::policy::Limits;

use crate::{
    site::{OAUTH, RESET, Site, V2},
    support::{
        NEW, OLD,
        front::{FORM, JSON, build, form, get, post, send},
        seconds,
    },
};

/// GitLab CVE-2023-7028: a list of addresses, and the link went to all of them. One field has one
/// value, which is one address, on the pages and in both versions of the API.
#[tokio::test]
async fn attack_04_a_list_of_addresses_reaches_nobody() {
    let site = Site::new().await;
    let types = "challenge_type=oob+redirect&client_id=shop";
    let (ada, eve) = ("ada%40example.com", "eve%40example.com");
    for names in [
        format!("username={ada}&username={eve}"),
        format!("username[]={ada}&username[]={eve}"),
        format!("username={ada}%2C{eve}"),
        format!("username={ada}%3B{eve}"),
        format!("username={ada}%0A{eve}"),
        format!("username={ada}%20{eve}"),
        format!("username={ada}%0d%0abcc%3A{eve}"),
        format!("username=%5B%22{ada}%22%2C%22{eve}%22%5D"),
        format!("username=Ada+%3C{ada}%3E"),
    ] {
        let body = format!("{names}&{types}");
        let seen = post(&site.app, &format!("{RESET}/start"), &[], &body).await;
        assert_eq!(seen.status, 400, "{names}: {}", seen.body);
        let seen = post(&site.app, "/account/sign-in", &[], &names).await;
        let mut browser = site.browser();
        browser.keep(&seen);
        browser.post("reset", &[]).await;
        assert!(browser.at.ends_with("start-again"), "{names}: {}", browser.at);
    }
    for body in [
        r#"{"username":["ada@example.com","eve@example.com"]}"#,
        r#"{"username":{"0":"ada@example.com"}}"#,
        r#"{"username":"ada@example.com","username":"eve@example.com"}"#,
        r#"["ada@example.com"]"#,
    ] {
        let path = format!("{V2}/resetpassword/start");
        let seen = send(&site.app, build("POST", &path, &[("content-type", JSON)], body)).await;
        assert_eq!(seen.status, 400, "{body}");
    }
    assert_eq!(site.mails().await, 0);
}

/// Strapi CVE-2019-18818, Devise CVE-2013-0233: an object or a number in place of the code matched
/// whatever was stored. A code is text of a fixed form; nothing else is even charged.
#[tokio::test]
async fn attack_08_an_operator_in_place_of_the_code_is_no_code() {
    let site = Site::new().await;
    let (token, code) = site.challenged("ada@example.com").await;
    let path = format!("{V2}/auth/methods/email/1/verify");
    for otp in [
        r#"{"$gt":0}"#,
        r#"{"$ne":null}"#,
        "null",
        "true",
        "0",
        &code,
        &format!("[\"{code}\"]"),
        "\"\"",
        "\"{\\\"$gt\\\":0}\"",
        "\"' OR 1=1 --\"",
        "\"%\"",
        "\".*\"",
    ] {
        let body = format!("{{\"continuationToken\":\"{token}\",\"otp\":{otp}}}");
        let seen = send(&site.app, build("POST", &path, &[("content-type", JSON)], &body)).await;
        assert_eq!(seen.status, 400, "{otp}: {}", seen.body);
    }
    for oob in ["oob[$gt]=0", "oob%5B%24ne%5D=x", "oob[]=1", "oob=%7B%22%24gt%22%3A0%7D"] {
        let head = form(&[("client_id", "shop"), ("continuation_token", &token)]);
        let body = format!("{head}&grant_type=oob&{oob}");
        assert_eq!(post(&site.app, &format!("{RESET}/continue"), &[], &body).await.status, 400);
    }
    assert_eq!(site.go_on(&token, &code).await.status, 200, "none of it was a try");
}

/// Strapi CVE-2025-64526: the limiter's key was a field of the body, so another value was another
/// budget. Fields that a step does not have change nothing.
#[tokio::test]
async fn attack_17_a_foreign_field_is_no_other_budget() {
    let site = Site::new().await;
    let (mut browser, code) = site.waiting("ada@example.com").await;
    let wrong = if code == "00000000" { "11111111" } else { "00000000" };
    for number in 0..8 {
        let other = format!("customer{number}@example.com");
        let fields = [
            ("code", wrong),
            ("email", &*other),
            ("username", &other),
            ("ip", "198.51.100.1"),
            ("account", "eve"),
            ("tenant", "fabrikam"),
        ];
        browser.post("code", &fields).await;
    }
    let seen = browser.post("code", &[("code", &code)]).await;
    assert!(seen.header("location").starts_with("code?"), "five tries, whatever else is sent");

    let (token, code) = site.challenged("aaaa@example.com").await;
    let wrong = if code == "00000000" { "11111111" } else { "00000000" };
    for number in 0..8 {
        let other = format!("customer{number}@example.com");
        let fields = [
            ("continuation_token", &*token),
            ("grant_type", "oob"),
            ("oob", wrong),
            ("username", &other),
            ("email", &other),
        ];
        site.v1(&format!("{RESET}/continue"), &fields).await;
    }
    assert_eq!(site.go_on(&token, &code).await.status, 400);
}

/// UltimateHealth #1213 at its own level: the new password was posted with an e-mail address in
/// place of a proof. Without the grant that a right code gave, nothing is set.
#[tokio::test]
async fn attack_27_the_last_step_alone_sets_no_password() {
    let site = Site::new().await;
    let fields =
        [("new-password", NEW), ("confirm-password", NEW), ("username", "ada@example.com")];
    let mut nobody = site.browser();
    assert_eq!(nobody.post("new-password", &fields).await.header("location"), "start-again");
    let (mut browser, _) = site.waiting("ada@example.com").await;
    assert_eq!(browser.post("new-password", &fields).await.header("location"), "start-again");
    let (token, _) = site.challenged("ada@example.com").await;
    let seen = site.submit(&token, NEW).await;
    assert_eq!(seen.json()["error_codes"][0], 55200, "{}", seen.body);
    assert!(site.is_untouched("ada").await);
}

/// Response tampering: the client was told `success: false`, and changed it. There is no answer
/// that a client could bring back as its own, and no field that says how far it is.
#[tokio::test]
async fn attack_28_the_client_cannot_say_that_it_succeeded() {
    let site = Site::new().await;
    let (mut browser, code) = site.waiting("ada@example.com").await;
    let wrong = if code == "00000000" { "11111111" } else { "00000000" };
    for claim in ["verified", "success", "valid", "stage", "granted", "otp_verified", "step"] {
        for value in ["true", "1", "NewPassword", "n"] {
            let fields = [(claim, value), ("new-password", NEW), ("confirm-password", NEW)];
            let seen = browser.post("new-password", &fields).await;
            assert_eq!(seen.header("location"), "start-again", "{claim}={value}");
            browser.at = "/account/code".to_owned();
        }
    }
    browser.post("code", &[("code", wrong), ("verified", "true"), ("success", "true")]).await;
    assert!(browser.at.contains("/code"), "{}", browser.at);
    let (token, _) = site.challenged("aaaa@example.com").await;
    let fields = [
        ("continuation_token", &*token),
        ("new_password", NEW),
        ("status", "succeeded"),
        ("verified", "true"),
    ];
    assert_eq!(site.v1(&format!("{RESET}/submit"), &fields).await.status, 400);
    let fields = [("continuation_token", &*token), ("status", "succeeded")];
    assert_eq!(site.v1(&format!("{RESET}/poll_completion"), &fields).await.status, 400);
    assert!(site.is_untouched("ada").await && site.is_untouched("aaaa").await);
}

/// Flowise CVE-2025-58434: the answer to "I forgot" held the token. The code is in the mail alone:
/// in no header, cookie or body of either front.
#[tokio::test]
async fn attack_29_no_answer_holds_the_code() {
    let site = Site::new().await;
    let mut all = Vec::new();
    let mut browser = site.browser();
    all.push(browser.post("sign-in", &[("username", "ada@example.com")]).await);
    all.push(browser.post("reset", &[]).await);
    let first = site.code().await;
    all.push(browser.get(&browser.at.clone()).await);
    site.world.clock.advance(seconds(60));
    all.push(browser.post("resend", &[]).await);
    let second = site.code().await;
    all.push(browser.get(&browser.at.clone()).await);
    let started = site.start("aaaa@example.com").await;
    let fields = [("continuation_token", &*started.text("continuation_token"))];
    let challenged = site.v1(&format!("{RESET}/challenge"), &fields).await;
    let third = site.code().await;
    let token = challenged.text("continuation_token");
    all.extend([started, challenged]);
    all.push(site.go_on(&token, "00000001").await);
    all.push(browser.post("code", &[("code", &second)]).await);
    all.push(browser.get(&browser.at.clone()).await);
    all.push(site.go_on(&token, &third).await);
    let text = format!("{all:?}");
    for code in [first, second, third] {
        assert!(!text.contains(&code));
    }
}

/// Passwords of a megabyte at the door: a body is bounded before it is read, and what is too long
/// is no password, without a hash.
#[tokio::test]
async fn attack_52_an_oversized_body_is_not_read() {
    let site = Site::new().await;
    let (mut browser, code) = site.waiting("ada@example.com").await;
    browser.post("code", &[("code", &code)]).await;
    let hashes = site.world.hasher.jobs();
    let huge = "x".repeat(1 << 20);
    for text in [huge.as_str(), &huge[..5_000]] {
        let fields = [("new-password", text), ("confirm-password", text)];
        assert_eq!(browser.post("new-password", &fields).await.status, 400);
    }
    let marks = "\u{301}".repeat(500);
    let fields = [("new-password", &*marks), ("confirm-password", &marks)];
    assert_eq!(browser.post("new-password", &fields).await.status, 303);
    assert!(browser.at.contains("new-password"));
    assert_eq!(site.world.hasher.jobs(), hashes);
    let fields = [("new-password", NEW), ("confirm-password", NEW)];
    browser.post("new-password", &fields).await;
    assert!(browser.at.contains("done"), "the grant is still good: {}", browser.at);
}

/// A field given twice is read one way here and another way by a filter in front. The form is
/// refused whole: never its first, and never its last.
#[tokio::test]
async fn attack_own_30_a_field_given_twice_is_neither_of_the_two() {
    let site = Site::new().await;
    let (mut browser, code) = site.waiting("ada@example.com").await;
    for fields in [[("code", "1"), ("code", &*code)], [("code", &*code), ("code", "1")]] {
        assert_eq!(browser.post("code", &fields).await.status, 400);
        assert!(browser.at.contains("/code?"), "{}", browser.at);
    }
    let (token, code) = site.challenged("aaaa@example.com").await;
    let fields =
        [("continuation_token", &*token), ("grant_type", "oob"), ("oob", "1"), ("oob", &*code)];
    assert_eq!(site.v1(&format!("{RESET}/continue"), &fields).await.status, 400);
    assert_eq!(site.go_on(&token, &code).await.status, 200);
    for (page, fields) in [
        ("password", [("password", OLD), ("password", "x")]),
        ("password", [("password", "x"), ("password", OLD)]),
        ("sign-in", [("username", "ada@example.com"), ("username", "eve@example.com")]),
        ("sign-in", [("return_to", "/cart"), ("return_to", "/checkout")]),
        ("new-password", [("new-password", OLD), ("new-password", "x")]),
        ("new-password", [("confirm-password", OLD), ("confirm-password", OLD)]),
    ] {
        let seen = browser.post(page, &fields).await;
        assert_eq!(seen.status, 400, "{page}: {}", seen.body);
        assert!(seen.body.contains("could not be read") && seen.header("location").is_empty());
    }
}

/// Encoded twice, or cut off: a text is decoded once, and what does not decode is refused whole.
#[tokio::test]
async fn attack_own_31_percent_encoding_is_undone_once() {
    let site = Site::new().await;
    let tail = "&challenge_type=oob+redirect&client_id=shop";
    for name in [
        "ada%2540example.com",
        "ada%40example.com%00",
        "ada%40example.com%2500",
        "ada%40example.com%",
        "ada%u0040example.com",
        "ada%C0%80%40example.com",
        "ada%C1%80example.com",
        "ada&#64;example.com",
    ] {
        let body = format!("username={name}{tail}");
        let seen = post(&site.app, &format!("{RESET}/start"), &[], &body).await;
        assert_eq!(seen.status, 400, "{name}: {}", seen.body);
    }
    for path in
        ["/account/%63ode", "/account/code%2f", "/account/./reset", "/account/code/../reset"]
    {
        let (browser, _) = site.waiting("ada@example.com").await;
        let before = site.mails().await;
        let cookie = browser.cookie();
        let seen = post(&site.app, path, &[("cookie", &cookie)], "").await;
        assert!(seen.status == 404 || seen.status == 303, "{path}: {}", seen.status);
        assert_eq!(site.mails().await, before);
        site.world.clock.advance(crate::support::hours(25));
    }
}

/// Parameters split between query and body: secrets are read from the body alone, so none stands
/// in a log of addresses, and none that stands in a link acts.
#[tokio::test]
async fn attack_own_32_what_stands_in_the_query_is_not_read() {
    let site = Site::new().await;
    let query = form(&[
        ("client_id", "shop"),
        ("username", "ada@example.com"),
        ("challenge_type", "oob redirect"),
    ]);
    let seen = post(&site.app, &format!("{RESET}/start?{query}"), &[], "").await;
    assert_eq!(seen.status, 400);
    let (token, code) = site.challenged("ada@example.com").await;
    let body =
        form(&[("client_id", "shop"), ("continuation_token", &token), ("grant_type", "oob")]);
    let path = format!("{RESET}/continue?oob={code}");
    assert_eq!(post(&site.app, &path, &[], &body).await.status, 400);

    let (mut browser, code) = site.waiting("aaaa@example.com").await;
    let cookie = browser.cookie();
    for path in
        [format!("{}&code={code}", browser.path("code")), browser.path(&format!("code/{code}"))]
    {
        let seen = get(&site.app, &path, &[("cookie", &cookie)]).await;
        assert!(!seen.header("location").contains("new-password"), "{path}");
        let seen = post(&site.app, &path, &[("cookie", &cookie)], "").await;
        assert!(!seen.header("location").contains("new-password"), "{path}");
    }
    browser.post("code", &[("code", &code)]).await;
    assert!(browser.at.contains("new-password"), "and none of it was a try");
}

/// Two content types, or one that a browser sends without asking: a body is read under the one
/// type that its step has.
#[tokio::test]
async fn attack_own_33_a_body_under_another_type_is_not_read() {
    let site = Site::new().await;
    let fields = form(&[
        ("client_id", "shop"),
        ("username", "ada@example.com"),
        ("challenge_type", "oob redirect"),
    ]);
    for types in [
        vec![("content-type", "text/plain")],
        vec![("content-type", JSON)],
        vec![("content-type", "multipart/form-data; boundary=x")],
        vec![("content-type", FORM), ("content-type", JSON)],
        vec![("content-type", JSON), ("content-type", FORM)],
        vec![("content-type", "application/x-www-form-urlencoded, text/plain")],
        vec![],
    ] {
        let request = build("POST", &format!("{RESET}/start"), &types, &fields);
        assert_eq!(send(&site.app, request).await.status, 400, "{types:?}");
        let request = build("POST", "/account/sign-in", &types, "username=ada%40example.com");
        assert_eq!(send(&site.app, request).await.status, 400, "{types:?}");
    }
    for path in ["challenge", "initiate", "token", "authorize-challenge"] {
        let path = format!("{OAUTH}/{path}");
        let seen = send(&site.app, build("POST", &path, &[("content-type", JSON)], "{}")).await;
        assert_eq!(seen.status, 400, "{path}");
    }
}

/// django-allauth 65.21.1: a limit of three, and 32 of 40 parallel posts were evaluated, because
/// the count stood in the session. The count is in the store, whatever the cookie says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attack_12_parallel_posts_with_one_cookie_are_five_tries() {
    let site = Site::new().await;
    let (browser, code) = site.waiting("ada@example.com").await;
    let wrong = if code == "00000000" { "11111111" } else { "00000000" };
    let (path, cookie) = (browser.path("code"), browser.cookie());
    let mut tasks = Vec::new();
    for _ in 0..40 {
        let (app, path, cookie) = (site.app.clone(), path.clone(), cookie.clone());
        tasks.push(tokio::spawn(async move {
            let seen = post(&app, &path, &[("cookie", &cookie)], &form(&[("code", wrong)])).await;
            assert_eq!(seen.status, 303);
            seen.cookies()
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let events = site.world.events.all();
    let compared = events.iter().filter(|event| {
        event.kind == sspr::ports::EventKind::Verify
            && event.outcome == sspr::ports::Outcome::Rejected
    });
    assert_eq!(compared.count(), Limits::default().tries_per_challenge() as usize);
    // An older cookie is as good as a new one: replaying it gives no further try.
    let seen = post(&site.app, &path, &[("cookie", &cookie)], &form(&[("code", &code)])).await;
    assert!(seen.header("location").starts_with("code?"), "{}", seen.header("location"));
}
