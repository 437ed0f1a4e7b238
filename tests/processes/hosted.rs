//! The example `hosted`, as people use it: in Chromium, and with MSAL JS from npm. Each test starts
//! one of its own, on a port of its own.

#[path = "../../examples/hosted/clock.rs"]
mod clock;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::process::{Hosted, example, root};
use sspr::ports::Clock as _;

/// A port that was free a moment ago.
fn free_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}

#[test]
fn the_how_to_walks_through_every_screen_in_chromium() {
    Hosted::start(&["--ephemeral"]).walk("pages.mjs", &[]);
}

#[test]
fn a_known_password_is_changed_in_chromium_while_another_browser_is_signed_in() {
    Hosted::start(&["--ephemeral"]).walk("change.mjs", &[]);
}

#[test]
fn an_account_is_frozen_by_its_owner_and_got_back_in_chromium() {
    Hosted::start(&["--ephemeral"]).walk("freeze.mjs", &[]);
}

#[test]
fn staff_help_a_customer_by_telephone_in_chromium() {
    Hosted::start(&["--ephemeral"]).walk("help-desk.mjs", &[]);
}

#[test]
fn an_administrator_switches_sms_on_and_off_in_chromium() {
    Hosted::start(&["--ephemeral"]).walk("admin-sms.mjs", &[]);
}

#[test]
fn a_code_by_sms_resets_in_chromium_and_a_stranger_sees_the_same_pages() {
    Hosted::start(&["--ephemeral", "--sms"]).walk("sms.mjs", &[]);
}

#[test]
fn two_proofs_reset_in_chromium_and_a_stranger_sees_the_same_pages() {
    Hosted::start(&["--ephemeral", "--two-proofs"]).walk("two-proofs.mjs", &[]);
}

#[test]
fn msal_js_unmodified_gives_two_proofs_where_the_tenant_requires_them() {
    Hosted::start(&["--ephemeral", "--two-proofs"]).walk("msal-two-proofs.mjs", &[]);
}

#[test]
fn msal_js_unmodified_resets_by_sms_where_the_tenant_offers_it() {
    Hosted::start(&["--ephemeral", "--sms"]).walk("msal-sms.mjs", &[]);
}

#[test]
fn the_pages_hold_behind_proxies_and_beside_foreign_cookies_in_chromium() {
    Hosted::start(&["--ephemeral"]).walk("edges.mjs", &[]);
}

#[test]
fn msal_js_unmodified_resets_and_signs_in_on_both_versions() {
    let port = free_port();
    let origin = format!("http://localhost:{port}");
    let server = root().join("examples/single_page_app/serve.mjs");
    let variables = [("SPA_PORT", port.as_str()), ("SPA_SERVER", server.to_str().unwrap())];
    Hosted::start(&["--ephemeral", "--origin", &origin]).walk("msal.mjs", &variables);
}

#[test]
fn msal_js_unmodified_sees_every_outcome_that_entra_documents() {
    let arguments = ["--ephemeral", "--rules", "entra", "--disclosure", "entra"];
    Hosted::start(&arguments).walk("msal-outcomes.mjs", &[]);
}

#[test]
fn it_starts_in_a_second_and_stops_when_asked() {
    let began = Instant::now();
    let mut hosted = Hosted::start(&["--ephemeral"]);
    let started = began.elapsed();

    let live = hosted.raw(b"GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let ready = hosted.raw(b"GET /health/ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let asked = Command::new("kill").arg(hosted.child.id().to_string()).status().unwrap();
    let ended = hosted.child.wait().unwrap();

    // A second on a quiet machine; other tests run beside this one.
    assert!(started < Duration::from_secs(5), "{started:?}");
    assert!(live.starts_with("HTTP/1.1 200") && ready.starts_with("HTTP/1.1 200"));
    assert!(asked.success() && ended.success());
}

#[test]
fn what_was_changed_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("kept.db");
    let patch = |hosted: &Hosted| {
        let body = r#"{"state":"disabled"}"#;
        let path = "/admin/tenants/contoso/v1.0/policies/authenticationMethodsPolicy/\
                    authenticationMethodConfigurations/email";
        hosted.raw(
            format!(
                "PATCH {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer \
                 {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                hosted.key,
                body.len()
            )
            .as_bytes(),
        )
    };
    let get = |hosted: &Hosted| {
        let path = "/admin/tenants/contoso/v1.0/policies/authenticationMethodsPolicy/\
                    authenticationMethodConfigurations/email";
        let key = &hosted.key;
        hosted.raw(
            format!(
                "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer \
                 {key}\r\n\r\n"
            )
            .as_bytes(),
        )
    };
    let first = Hosted::start(&["--db", db.to_str().unwrap()]);
    let second = Hosted::start(&["--db", db.to_str().unwrap()]);

    assert!(patch(&first).starts_with("HTTP/1.1 204"));
    // Another process on the same file supplies it within seconds.
    let deadline = Instant::now() + Duration::from_secs(10);
    let offers = |hosted: &Hosted| {
        let body = "client_id=63856651-0000-4000-8000-000000000000&username=a@example.com\
                    &challenge_type=oob+redirect";
        let length = body.len();
        let path = "/contoso.onmicrosoft.com/resetpassword/v1.0/start";
        let answer = hosted.raw(
            format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: \
                 application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{body}"
            )
            .as_bytes(),
        );
        answer.starts_with("HTTP/1.1 200")
    };
    assert!(!offers(&first));
    while offers(&second) {
        assert!(Instant::now() < deadline, "the other process still offers resets");
        std::thread::yield_now();
    }
    drop((first, second));

    let again = Hosted::start(&["--db", db.to_str().unwrap()]);
    assert!(get(&again).contains(r#""state":"disabled""#));
}

const CLIENT: &str = "63856651-0000-4000-8000-000000000000";

/// A form to the native API, from one network, and the answer.
fn native(hosted: &Hosted, network: &str, path: &str, fields: &str) -> String {
    let body = format!("client_id={CLIENT}&{fields}");
    let length = body.len();
    let path = format!("/contoso.onmicrosoft.com{path}");
    hosted.raw(
        format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-forwarded-for: {network}\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .as_bytes(),
    )
}

fn get(hosted: &Hosted, path: &str) -> String {
    hosted.raw(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes())
}

fn post(hosted: &Hosted, path: &str) -> String {
    hosted.raw(
        format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        )
        .as_bytes(),
    )
}

fn text<'a>(answer: &'a str, name: &str) -> &'a str {
    let value = answer.split(&format!("\"{name}\":\"")).nth(1);
    value.unwrap_or_else(|| panic!("no {name}: {answer}")).split('"').next().unwrap()
}

/// Asks for a code by the native API, and waits for the mail.
fn code(hosted: &Hosted, network: &str, mail: &str) -> String {
    let fields = format!("username={mail}&challenge_type=oob+redirect");
    let started = native(hosted, network, "/resetpassword/v1.0/start", &fields);
    let fields = format!("continuation_token={}", text(&started, "continuation_token"));
    let sent = native(hosted, network, "/resetpassword/v1.0/challenge", &fields);
    assert!(sent.starts_with("HTTP/1.1 200"), "{sent}");
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let answer = get(hosted, &format!("/inbox/code?to={mail}"));
        if answer.starts_with("HTTP/1.1 200") {
            assert!(answer.contains("content-type: text/plain"), "{answer}");
            return answer.split("\r\n\r\n").nth(1).unwrap().to_owned();
        }
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
        assert!(Instant::now() < deadline, "no mail to {mail}");
        std::thread::yield_now();
    }
}

#[test]
fn the_newest_passcode_of_each_of_many_customers_is_there_as_text() {
    let hosted = Hosted::start(&["--ephemeral", "--customers", "12"]);

    for number in 1..=12 {
        let code = code(&hosted, "192.0.2.1", &format!("customer{number}@example.com"));
        assert!(code.len() == 8 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
    }
    let nobody = get(&hosted, "/inbox/code?to=customer13@example.com");
    let capitals = get(&hosted, "/inbox/code?to=customer1@EXAMPLE.com");
    let unnamed = get(&hosted, "/inbox/code");
    assert!(nobody.starts_with("HTTP/1.1 404") && unnamed.starts_with("HTTP/1.1 400"));
    assert!(capitals.starts_with("HTTP/1.1 200"), "{capitals}");
}

#[test]
fn tests_come_from_as_many_networks_as_they_say() {
    let hosted = Hosted::start(&["--ephemeral"]);
    let challenge = |network: &str| {
        let fields = "username=ada@example.com&challenge_type=oob+redirect";
        let started = native(&hosted, network, "/resetpassword/v1.0/start", fields);
        let fields = format!("continuation_token={}", text(&started, "continuation_token"));
        native(&hosted, network, "/resetpassword/v1.0/challenge", &fields)
    };
    // One network can have five codes sent to an address.
    for _ in 0..5 {
        assert!(challenge("198.51.100.7").starts_with("HTTP/1.1 200"));
    }
    let refused = challenge("198.51.100.7");
    assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    assert!(challenge("198.51.101.7").starts_with("HTTP/1.1 200"));
}

#[test]
fn the_rules_and_the_disclosure_are_what_the_command_line_says_also_for_an_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("kept.db");
    let db = db.to_str().unwrap();
    let tells = |arguments: &[&str]| {
        let hosted = Hosted::start(&[&["--db", db], arguments].concat());
        let fields = "username=stranger@example.com&challenge_type=oob+redirect";
        let told = native(&hosted, "192.0.2.1", "/resetpassword/v1.0/start", fields);
        told.contains("user_not_found")
    };

    assert!(!tells(&[]));
    assert!(tells(&["--disclosure", "entra", "--rules", "entra"]));
    // What is not said stays.
    assert!(tells(&[]));
    assert!(!tells(&["--disclosure", "strict"]));
}

#[test]
fn a_bad_option_ends_it_with_code_two_and_says_what_is_wrong() {
    for (arguments, words) in [
        (&["--nonsense"][..], "no such option"),
        (&["--customers", "many"], "--customers many: give a number"),
        (&["--customers", "10001"], "at most 10000"),
        (&["--customers", "-1"], "give a number"),
        (&["--rules", "microsoft"], "give nist or entra"),
        (&["--disclosure", "all"], "give strict or entra"),
        (&["--disclosure"], "a value is missing"),
        (&["--db", "--ephemeral"], "a value is missing"),
        (&["--db", "x", "--ephemeral"], "leave it out"),
        (&["--rules", "nist", "--rules", "entra"], "give it once"),
        (&["--listen", "here"], "an address and a port"),
        (&["--listen", "0.0.0.0:0", "--test-controls"], "only on a loopback address"),
        (&["--origin", "*"], "origin"),
        (&["--smtp", "nonsense://x"], "smtp"),
    ] {
        let done = Command::new(example()).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.starts_with("hosted: ") && said.contains(words), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let help = Command::new(example()).arg("--help").output().unwrap();
    assert!(help.status.success());
    let said = String::from_utf8_lossy(&help.stdout);
    for option in ["--customers N", "--rules", "--disclosure", "--test-controls", "/inbox/code"] {
        assert!(said.contains(option), "{option}");
    }
}

#[test]
fn a_mail_server_that_is_away_is_warned_of_and_stops_nothing() {
    let url = format!("smtp://me:hunter2@127.0.0.1:{}?from=a@y.example", free_port());
    let mut child = Command::new(example())
        .args(["--ephemeral", "--listen", "127.0.0.1:0", "--smtp", &url])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut said, mut warned) = (String::new(), String::new());
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut said).unwrap();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut warned).unwrap();
    let at = said.split("http://").nth(1).unwrap().split('/').next().unwrap();
    let mut stream = TcpStream::connect(at).unwrap();
    stream.write_all(b"GET /health/live HTTP/1.0\r\nHost: here\r\n\r\n").unwrap();
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();

    assert!(warned.starts_with("hosted: warning: no mail can be sent now: smtp: "), "{warned}");
    assert!(warned.contains("cannot be reached") && !warned.contains("hunter2"), "{warned}");
    assert!(answer.contains(" 200 "), "{answer}");
}

#[test]
fn another_failure_ends_it_with_code_one() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();

    let done = Command::new(example()).args(["--ephemeral", "--listen", &at]).output().unwrap();

    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.starts_with("hosted: ") && said.contains(&at), "{said}");
}

#[test]
fn the_clock_is_moved_by_whole_seconds_and_by_nothing_else() {
    let hosted = Hosted::start(&["--ephemeral"]);
    for (query, status) in [
        ("?seconds=61", "204"),
        ("?seconds=-30", "204"),
        ("?seconds=soon", "400"),
        ("?seconds=", "400"),
        ("?minutes=1", "400"),
        ("", "400"),
    ] {
        let answer = post(&hosted, &format!("/test/clock{query}"));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{query}: {answer}");
    }
}

#[tokio::test]
async fn who_sleeps_by_the_demonstrations_clock_notices_when_it_is_moved() {
    let clock = clock::ShiftedClock::default();
    let (began, hour) = (clock.now(), Duration::from_secs(3600));
    let mut sleeper = clock.sleep_until(began.after(hour));
    let pending = |sleeper: &mut sspr::ports::Sleep| {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        sleeper.as_mut().poll(&mut context).is_pending()
    };
    assert!(pending(&mut sleeper));
    clock.shift(-7200);
    assert!(pending(&mut sleeper), "the hour is further away than before");
    clock.shift(7200 + 3599);
    assert!(pending(&mut sleeper) || clock.now() >= began.after(hour));
    let sleeper = tokio::spawn(sleeper);
    tokio::task::yield_now().await;

    clock.shift(1);

    // Not the hour that is left by the system's clock.
    tokio::time::timeout(Duration::from_secs(30), sleeper).await.unwrap().unwrap();
}

#[tokio::test]
async fn who_sleeps_by_a_manual_clock_notices_when_it_is_moved_either_way() {
    let start = sspr::domain::Timestamp::from_micros(1_800_000_000_000_000);
    let (clock, hour) = (sspr::adapters::ManualClock::new(start), Duration::from_secs(3600));
    let sleeper = tokio::spawn(clock.sleep_until(start.after(hour)));
    tokio::task::yield_now().await;

    clock.set(start.before(hour));
    tokio::task::yield_now().await;
    assert!(!sleeper.is_finished());
    clock.set(start.after(hour));
    tokio::time::timeout(Duration::from_secs(30), sleeper).await.unwrap().unwrap();
}

#[test]
fn hostile_connections_are_answered_or_closed_and_the_next_one_is_served() {
    let hosted = Hosted::start(&["--ephemeral"]);
    let page = "/contoso/account/sign-in";

    // A body that says it is 32 MB, and one that never comes.
    let large = format!(
        "POST {page} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: \
         application/x-www-form-urlencoded\r\ncontent-length: 33554432\r\n\r\n{}",
        "a".repeat(1 << 20)
    );
    let refused = hosted.raw(large.as_bytes());
    let half: Vec<TcpStream> = (0..64)
        .map(|_| {
            let mut stream = TcpStream::connect(&hosted.at).unwrap();
            stream.write_all(format!("POST {page} HTTP/1.1\r\nhost: x\r\n").as_bytes()).unwrap();
            stream
        })
        .collect();
    let long_header =
        format!("GET {page} HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "a".repeat(1 << 20));
    let too_long = hosted.raw(long_header.as_bytes());
    let nonsense = hosted.raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n");
    let served = hosted
        .raw(format!("GET {page} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes());

    assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 4"), "{refused}");
    assert!(too_long.is_empty() || too_long.starts_with("HTTP/1.1 4"), "{too_long}");
    assert!(nonsense.is_empty() || nonsense.starts_with("HTTP/1.1 4"), "{nonsense}");
    assert!(served.starts_with("HTTP/1.1 200"));
    drop(half);
}

#[test]
fn the_native_api_keeps_its_own_openapi_document() {
    let tool = root().join("target/python/bin/schemathesis");
    assert!(tool.exists(), "no schemathesis to test with; install it with: scripts/python-env");
    let hosted = Hosted::start(&["--ephemeral"]);
    let url = format!("http://{}/contoso.onmicrosoft.com", hosted.at);
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,\
                  response_schema_conformance";

    // Bounded for CI; the longer run: more `--max-examples`.
    let done = Command::new(tool)
        .args(["run", &format!("{url}/openapi.json"), "--url", &url, "--checks", checks])
        .args([
            "--max-examples",
            "40",
            "--seed",
            "20261124",
            "--phases",
            "examples,coverage,fuzzing",
        ])
        .args(["--suppress-health-check", "all", "--no-color", "--generation-database", "none"])
        .current_dir(root().join("target"))
        .output()
        .unwrap();

    let said = String::from_utf8_lossy(&done.stdout);
    let tail: String = said.chars().skip(said.chars().count().saturating_sub(6_000)).collect();
    assert!(done.status.success(), "{tail}{}", String::from_utf8_lossy(&done.stderr));
}
