//! The example `hosted`, as people use it: in Chromium, and with MSAL JS from npm. Each test starts
//! one of its own, on a port of its own.
#![cfg(all(feature = "axum", feature = "smtp", feature = "sqlite"))]
#![allow(
    clippy::as_conversions,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "tests stop loudly"
)]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

struct Hosted {
    child: Child,
    at: String,
    key: String,
    /// Kept open: a program that prints into a closed pipe stops.
    _output: BufReader<std::process::ChildStdout>,
}

impl Hosted {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(example())
            .args(["--listen", "127.0.0.1:0", "--test-controls"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = || {
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            line.trim_end().to_owned()
        };
        let first = line();
        let at = first.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
        let key = loop {
            if let Some((_, key)) = line().split_once("key=") {
                break key.to_owned();
            }
        };
        Self { _output: output, at, child, key }
    }

    /// Runs a script of the browser tests, and fails with what it printed.
    fn walk(&self, script: &str, variables: &[(&str, &str)]) {
        let tools = root().join("target/browser");
        assert!(
            tools.join("node_modules/playwright-core").exists()
                && Path::new("/usr/bin/chromium").exists(),
            "no browser to test with; install it with: scripts/node-env"
        );
        // Node looks for modules beside the script.
        let own = tools.join(format!("run-{}", self.at.replace(':', "-")));
        fs::create_dir_all(&own).unwrap();
        for entry in fs::read_dir(root().join("tests/browser")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "mjs") {
                fs::copy(&path, own.join(path.file_name().unwrap())).unwrap();
            }
        }
        let done = Command::new("node")
            .arg(own.join(script))
            .env("BASE", format!("http://{}", self.at))
            .env("KEY", &self.key)
            .env("MODULES", tools.join("node_modules"))
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        fs::remove_dir_all(own).unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        println!("{said}");
        assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    }

    fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.at).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        // A server that has answered may close before it has read all.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Hosted {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Built by `cargo test` beside the tests.
fn example() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.join("examples/hosted")
}

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
