//! The caller's side of Entra's *OnOtpSend* event, against a handler that is written from Microsoft's
//! documentation, and against handlers that answer oddly.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::{Value, json};
use sspr::{
    adapters::{CaptureSender, OtpWebhook, OtpWebhookError},
    domain::{ApplicationId, Code, CorrelationId, EmailAddress, Method, TenantId, Timestamp},
    mail::{Content, EmailMessage, Language, Letter, StandardTemplates, Templates},
    policy::Brand,
    ports::{
        EmailSender, EngineEvent, EventKind, FailureKind, NoticeCause, Outcome, SendError,
        SendErrorKind::{self, Permanent, Setup, Transient, Unknown},
    },
};

use crate::{
    certificates,
    http_handler::{
        Handler,
        Step::{self, BreakOff, Close, Hang, Refuse, Say},
    },
    support::{World, client},
};

const CODE: &str = "04829173";
const JSON: &str = "application/json";
/// As Microsoft documents it.
const SENT: &str = r##"{"data":{"@odata.type":"microsoft.graph.OnOtpSendResponseData",
    "actions":[{"@odata.type":"microsoft.graph.OtpSend.continueWithDefaultBehavior"}]}}"##;

fn message(content: Content<'_>) -> EmailMessage {
    StandardTemplates::default().render(&Letter {
        application: Some(&ApplicationId::parse("shop").unwrap()),
        brand: &Brand::new("Larkfield").unwrap(),
        content,
        correlation: Some(CorrelationId::parse("c-1").unwrap()),
        language: Language::German,
        tenant: &TenantId::parse("contoso").unwrap(),
        to: &EmailAddress::parse("ada@example.com").unwrap(),
    })
}

fn passcode_of(code: &str) -> EmailMessage {
    let (code, lifetime) = (Code::parse(code).unwrap(), Duration::from_secs(600));
    message(Content::Passcode { code: &code, lifetime })
}

fn passcode() -> EmailMessage {
    passcode_of(CODE)
}

fn sent() -> Step {
    Say(200, JSON, SENT.to_owned())
}

fn webhook(handler: &Handler) -> OtpWebhook {
    let sender = OtpWebhook::new(&handler.url(), CaptureSender::new()).unwrap();
    sender.with_timeout(Duration::from_secs(30)).unwrap()
}

fn on_runtime<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The paths of all fields of an object.
fn paths(value: &Value, before: &str, into: &mut Vec<String>) {
    let Value::Object(fields) = value else { return into.push(before.to_owned()) };
    fields.iter().for_each(|(name, value)| paths(value, &format!("{before}/{name}"), into));
}

#[test]
fn the_request_has_the_documented_fields_and_both_spellings_of_the_code() {
    let handler = Handler::start(&[sent()]);
    on_runtime(webhook(&handler).send(&passcode())).unwrap();

    let seen = handler.seen();
    assert_eq!(seen[0].line, "POST /api/OnOtpSend?code=hunter2secret HTTP/1.1");
    assert_eq!(seen[0].header("content-type"), Some(JSON));
    assert_eq!(seen[0].header("client-request-id"), Some("c-1"));
    assert!(seen[0].header("authorization").is_none());
    let mut body = seen[0].body.clone();
    let otp = body["data"]["otpContext"].as_object_mut().unwrap();
    assert_eq!(otp.remove("onetimecode"), Some(json!(CODE)));
    let id = body["data"]["authenticationContext"]["correlationId"].take();
    let id = id.as_str().unwrap();
    let groups: Vec<usize> = id.split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12], "a GUID: {id}");
    let at = handler.url();
    assert_eq!(seen[0].header("host"), at.split('/').nth(2));
    body["data"]["authenticationContext"]["correlationId"] = json!("");
    let documented: Value = serde_json::from_str(include_str!("../data/otp_send.json")).unwrap();
    assert_eq!(body, documented);
    let mut all = Vec::new();
    paths(&body, "", &mut all);
    assert!(all.iter().all(|path| body.pointer(path).unwrap().is_string()), "all are texts");
}

/// The handler knows codes alone. A notice by text needs another sender.
#[test]
fn a_notice_by_text_never_goes_to_the_handler() {
    for with_another in [false, true] {
        let handler = Handler::start(&[sent()]);
        let (sender, others) = (webhook(&handler), CaptureSender::new());
        on_runtime(async {
            let world = World::memory().await.with_sms().await;
            let sender = match with_another {
                true => sender.with_other_texts(others.clone()),
                false => sender,
            };
            let world = world.another(move |builder| builder.with_sms(sender));
            world.reset_by("ada@example.com", crate::support::NEW).await;
            world.courier.drain(&world.inbox).await;

            assert!(handler.seen().is_empty());
            assert_eq!(others.texts().len(), usize::from(with_another));
            assert_eq!(world.inbox.messages().len(), 2, "the code and the mail of the change");
            assert_eq!(world.notices_due().await, 0, "nothing waits for a sender that never comes");
        });
    }
}

/// Entra has no event for text messages, so the request has a type of its own and names its channel.
#[test]
fn a_code_by_sms_has_the_same_fields_with_its_number_and_its_channel() {
    let handler = Handler::start(&[sent()]);
    let sender = webhook(&handler);
    on_runtime(async {
        let world = World::memory().await.with_sms().await;
        let texts = sender.clone();
        let world = world.another(move |builder| builder.with_sms(texts));
        let asked = crate::support::request("ada@example.com").by(Method::Sms);
        let started = world.sspr.start(&asked, &client(1)).await.unwrap().started().unwrap();
        let drained = world.courier.drain(&world.inbox).await;
        assert_eq!((drained.sent, drained.failed), (1, 0));

        let seen = handler.seen();
        let body = &seen[0].body;
        assert_eq!(body["type"], "sspr.authenticationEvent.smsOtpSend");
        let otp = &body["data"]["otpContext"];
        assert_eq!(otp["channel"], "sms");
        assert_eq!(otp["identifier"], crate::support::PHONE);
        assert_eq!(otp["oneTimeCode"], otp["onetimecode"]);
        assert_eq!(body["source"], "/tenants/contoso/applications/shop");
        let documented: Value =
            serde_json::from_str(include_str!("../data/otp_send.json")).unwrap();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        paths(body, "", &mut ours);
        paths(&documented, "", &mut theirs);
        ours.retain(|path| !path.ends_with("/channel") && !path.ends_with("/onetimecode"));
        assert_eq!(ours, theirs);
        let code = Code::parse(otp["oneTimeCode"].as_str().unwrap()).unwrap();
        world.granted(&started.token, &code).await;
    });
}

#[test]
fn each_try_of_one_send_has_the_same_id_and_every_other_send_has_another() {
    let handler = Handler::start(&[sent()]);
    let sender = webhook(&handler);
    on_runtime(async {
        for code in [CODE, CODE, "11111111"] {
            sender.clone().send(&passcode_of(code)).await.unwrap();
        }
    });
    let another = webhook(&handler);
    on_runtime(another.send(&passcode())).unwrap();

    let id = |seen: &crate::http_handler::Seen| {
        let context = &seen.body["data"]["authenticationContext"];
        context["correlationId"].as_str().unwrap().to_owned()
    };
    let ids: Vec<String> = handler.seen().iter().map(id).collect();
    assert_eq!(ids[0], ids[1]);
    assert!(ids[1] != ids[2] && ids[2] != ids[3] && ids[0] != ids[3], "{ids:?}");
}

#[test]
fn each_id_is_a_uuid_of_ones_own_making_whose_other_bits_differ() {
    let handler = Handler::start(&[sent()]);
    let sender = webhook(&handler);
    on_runtime(async {
        for number in 0..24 {
            sender.send(&passcode_of(&format!("{:08}", 11_111_111 + number))).await.unwrap();
        }
    });
    let seen = handler.seen();
    let ids = seen.iter().map(|seen| &seen.body["data"]["authenticationContext"]["correlationId"]);
    let ids: Vec<&str> = ids.map(|id| id.as_str().unwrap()).collect();
    for place in 0..36 {
        let mut digits: Vec<u8> = ids.iter().map(|id| id.as_bytes()[place]).collect();
        digits.sort_unstable();
        digits.dedup();
        match place {
            8 | 13 | 18 | 23 => assert_eq!(digits, b"-"),
            14 => assert_eq!(digits, b"8"),
            19 => assert!(digits.len() > 1 && digits.iter().all(|it| b"89ab".contains(it))),
            _ => assert!(digits.len() > 4, "{place}: {ids:?}"),
        }
    }
}

#[test]
fn ids_request_type_and_access_token_are_the_hosts() {
    let handler = Handler::start(&[sent()]);
    let sender = webhook(&handler).with_ids("listener-1", "extension-1").unwrap();
    let sender = sender.with_request_type("signUp").unwrap();
    let sender = sender.with_access_tokens(|| Ok("abc.def".to_owned()));
    on_runtime(sender.send(&passcode())).unwrap();

    let seen = handler.seen();
    assert_eq!(seen[0].header("authorization"), Some("Bearer abc.def"));
    let data = &seen[0].body["data"];
    assert_eq!(data["authenticationEventListenerId"], "listener-1");
    assert_eq!(data["customAuthenticationExtensionId"], "extension-1");
    assert_eq!(data["authenticationContext"]["requestType"], "signUp");
}

#[test]
fn a_token_that_there_is_not_or_that_fits_no_header_sends_nothing_and_is_not_shown() {
    let handler = Handler::start(&[sent()]);
    let down = || Err(SendError::new(Transient, "tokens: the issuer is down"));
    let error = on_runtime(webhook(&handler).with_access_tokens(down).send(&passcode()));
    assert_eq!(error.unwrap_err().to_string(), "tokens: the issuer is down");
    let broken = webhook(&handler).with_access_tokens(|| Ok("hunter2\nsecret".to_owned()));
    let error = on_runtime(broken.send(&passcode())).unwrap_err();
    assert_eq!(error.kind(), Setup);
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    let empty = webhook(&handler).with_access_tokens(|| Ok(String::new()));
    let error = on_runtime(empty.send(&passcode())).unwrap_err();
    assert_eq!((error.kind(), error.to_string().contains("empty")), (Setup, true));
    assert_eq!(handler.seen().len(), 0);
}

#[test]
fn every_other_mail_goes_to_the_second_sender() {
    let (handler, others) = (Handler::start(&[sent()]), CaptureSender::new());
    let sender = OtpWebhook::new(&handler.url(), others.clone()).unwrap();
    let (at, code) = (Timestamp::from_micros(0), Code::parse("BBBB-CCCC-DDDD-FFFF").unwrap());
    on_runtime(async {
        for content in [
            Content::PasswordChanged { at, cause: NoticeCause::CodeSentHere, freeze: Some(&code) },
            Content::AccountEvent { at, cause: NoticeCause::Frozen },
            Content::NoPasswordHere { providers: &[] },
        ] {
            sender.send(&message(content)).await.unwrap();
        }
    });
    assert_eq!((handler.seen().len(), others.messages().len()), (0, 3));
}

/// A script, the kind of the first failure with a part of its words, how it ends, and how many
/// requests there are.
type Row = (&'static str, Vec<Step>, Option<(SendErrorKind, &'static str)>, Outcome, usize);

fn rows() -> Vec<Row> {
    let said =
        |status: u16| vec![Say(status, "text/html", "<p>ada@example.com".to_owned()), sent()];
    let ok = |kind: &'static str, body: &str| vec![Say(200, kind, body.to_owned()), sent()];
    let again = |kind, part| Some((kind, part));
    let other = SENT.replace("continueWithDefaultBehavior", "somethingElse");
    let twice = SENT.replace("\"actions\":[", "\"actions\":[{\"@odata.type\":\"x\"},");
    let none = r#"{"data":{"actions":[]}}"#;
    let spelt = SENT.replace("microsoft.graph.OtpSend", "#Microsoft.Graph.otpSend");
    let long = format!("{{\"data\":{{\"actions\":[],\"x\":\"{}\"}}}}", "x".repeat(70_000));
    let large = SENT.replacen('{', &format!("{{\"x\":\"{}\",", "x".repeat(60_000)), 1);
    let (yes, no) = (Outcome::Ok, Outcome::FailedPermanently);
    vec![
        ("with much beside it", ok(JSON, &large), None, yes, 1),
        ("sent", vec![sent()], None, yes, 1),
        ("with a charset", ok("application/json; charset=utf-8", SENT), None, yes, 1),
        ("with a byte order mark", ok(JSON, &format!("\u{feff}{SENT}")), None, yes, 1),
        ("in other letters", ok("Application/JSON", &spelt), None, yes, 1),
        ("refused", said(400), again(Permanent, "answered 400"), no, 1),
        ("gone", said(410), again(Permanent, "answered 410"), no, 1),
        ("created", said(201), again(Permanent, "answered 201"), no, 1),
        ("redirected", said(302), again(Setup, "redirects are not followed"), yes, 2),
        ("moved", said(308), again(Setup, "redirects are not followed"), yes, 2),
        ("no key", said(401), again(Setup, "check the key"), yes, 2),
        ("wrong key", said(403), again(Setup, "check the key"), yes, 2),
        ("wrong path", said(404), again(Setup, "check the path"), yes, 2),
        ("wrong method", said(405), again(Setup, "check the path"), yes, 2),
        ("throttled", said(429), again(Transient, "answered 429"), yes, 2),
        ("broken", said(500), again(Unknown, "answered 500"), yes, 2),
        ("not made for this", said(501), again(Unknown, "answered 501"), yes, 2),
        ("too early", said(425), again(Transient, "answered 425"), yes, 2),
        ("down", said(503), again(Transient, "answered 503"), yes, 2),
        ("slow gateway", said(504), again(Unknown, "answered 504"), yes, 2),
        ("bad gateway", said(502), again(Unknown, "answered 502"), yes, 2),
        ("no JSON", ok("text/plain", SENT), again(Unknown, "not application/json"), yes, 2),
        ("empty", ok(JSON, ""), again(Unknown, "no list"), yes, 2),
        ("another form", ok(JSON, "[]"), again(Unknown, "no list"), yes, 2),
        ("no action", ok(JSON, none), again(Unknown, "exactly one"), yes, 2),
        ("two actions", ok(JSON, &twice), again(Unknown, "exactly one"), yes, 2),
        ("another action", ok(JSON, &other), again(Unknown, "action is not"), yes, 2),
        ("too long", ok(JSON, &long), again(Unknown, "longer than 64 KiB"), yes, 2),
        ("cut off", vec![BreakOff, sent()], again(Unknown, "within the handler's"), yes, 2),
        ("closed", vec![Close, sent()], again(Unknown, "before the handler's"), yes, 2),
        ("silent once", vec![Hang, sent()], again(Unknown, "in time"), yes, 2),
        ("silent twice", vec![Hang, Hang, sent()], again(Unknown, "in time"), Outcome::GivenUp, 2),
        ("refused, then taken", vec![Refuse, sent()], again(Unknown, "before"), yes, 2),
    ]
}

/// Starts a reset, and lets the courier try until nothing is left to try.
fn run(script: &[Step]) -> (Handler, Vec<EngineEvent>) {
    let handler = Handler::start(script);
    let hangs = script.iter().any(|step| matches!(step, Hang));
    let timeout = Duration::from_secs(if hangs { 1 } else { 30 });
    let sender = webhook(&handler).with_timeout(timeout).unwrap();
    let events = on_runtime(async {
        let world = World::memory().await;
        world.started("ada@example.com", &client(1)).await;
        world.try_to_send(&sender).await;
        world.events.all()
    });
    let is_delivery = |event: &EngineEvent| event.kind == EventKind::Deliver;
    (handler, events.into_iter().filter(is_delivery).collect())
}

#[test]
fn each_answer_of_a_handler_ends_as_the_table_says_and_shows_no_secret() {
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let tried: Vec<_> = rows().into_iter().map(|row| scope.spawn(|| check(row))).collect();
        tried.into_iter().filter_map(|tried| tried.join().unwrap().err()).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check((name, script, first, end, requests): Row) -> Result<(), String> {
    let (handler, events) = run(&script);
    let seen = handler.seen();
    let failures: Vec<(SendErrorKind, String)> = events
        .iter()
        .filter_map(|event| {
            let failure = event.failure.as_ref()?;
            let FailureKind::Sender(kind) = failure.kind else { panic!("{failure:?}") };
            Some((kind, failure.message.clone()))
        })
        .collect();
    let shown = format!("{name}: {} requests, {failures:?}, {:?}", seen.len(), events.last());
    let ids: std::collections::BTreeSet<String> = seen
        .iter()
        .filter(|seen| seen.line != "refused")
        .map(|seen| seen.body["data"]["authenticationContext"]["correlationId"].to_string())
        .collect();
    let codes =
        seen.iter().filter_map(|seen| seen.body["data"]["otpContext"]["oneTimeCode"].as_str());
    let secrets: Vec<&str> = codes.chain(["ada", "example.com", "hunter2", "127.0.0.1"]).collect();
    for (_, words) in &failures {
        if let Some(secret) = secrets.iter().find(|secret| words.contains(**secret)) {
            return Err(format!("{shown}: shows {secret}"));
        }
    }
    let is_as_wanted = seen.len() == requests
        && ids.len() <= 1
        && events.last().map(|event| event.outcome) == Some(end)
        && match (first, failures.first()) {
            (None, None) => true,
            (Some((kind, part)), Some((first, words))) => kind == *first && words.contains(part),
            _ => false,
        };
    if is_as_wanted { Ok(()) } else { Err(shown) }
}

#[test]
fn each_code_has_a_connection_of_its_own() {
    let handler = Handler::start(&[sent()]);
    let sender = webhook(&handler);
    on_runtime(async {
        for _ in 0..3 {
            sender.send(&passcode()).await.unwrap();
        }
    });
    let connections: Vec<usize> = handler.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 1, 2]);
}

/// A server that does something with each connection. Answers its port.
fn server(does: impl Fn(TcpStream) + Send + 'static) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().for_each(|stream| does(stream.unwrap())));
    port
}

/// Before the first byte of the request nobody can have the code, so it is tried again and again.
#[test]
fn a_handshake_that_stalls_is_transient() {
    let held = std::sync::Mutex::new(Vec::new());
    let port = server(move |stream| held.lock().unwrap().push(stream));
    let url = format!("https://127.0.0.1:{port}/");
    let sender = OtpWebhook::new(&url, CaptureSender::new()).unwrap();
    let sender = sender.with_timeout(Duration::from_millis(500)).unwrap();
    for error in on_runtime(async { [sender.check().await, sender.send(&passcode()).await] }) {
        let error = error.unwrap_err();
        assert_eq!(error.kind(), Transient, "{error}");
        assert!(error.to_string().contains("within the time limit"), "{error}");
    }
}

/// After the last byte of the request the handler may have sent the code, whatever TLS says then.
#[test]
fn an_alert_of_tls_after_the_request_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    certificates::write(folder.path());
    let root = std::fs::read(folder.path().join("ca.pem")).unwrap();
    for last in [&[21, 3, 3, 0, 2, 2, 80][..], b"HTTP/1.1 502 Bad Gateway\r\n\r\n"] {
        let port = serve_tls(folder.path(), Some(last));
        let url = format!("https://localhost:{port}/");
        let sender = OtpWebhook::new(&url, CaptureSender::new()).unwrap();
        let sender = sender.with_roots(&root).unwrap();
        let error = on_runtime(sender.send(&passcode())).unwrap_err();
        assert_eq!(error.kind(), Unknown, "{error}");
    }
}

#[test]
fn an_endless_head_is_given_up_in_time() {
    let port = server(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let flood = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1_000);
        while stream.write_all(flood.as_bytes()).is_ok() {}
    });
    let url = format!("http://127.0.0.1:{port}/");
    let sender = OtpWebhook::new(&url, CaptureSender::new()).unwrap();
    let sender = sender.with_timeout(Duration::from_millis(500)).unwrap();
    let began = std::time::Instant::now();
    let error = on_runtime(sender.send(&passcode())).unwrap_err();
    assert_eq!(error.kind(), Unknown, "{error}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn without_a_runtime_the_error_says_what_is_missing() {
    let handler = Handler::start(&[sent()]);
    let sender = webhook(&handler);
    for error in [sender.check().now_or_never(), sender.send(&passcode()).now_or_never()] {
        let error = error.unwrap().unwrap_err();
        assert_eq!(error.kind(), Setup);
        assert!(error.to_string().contains("tokio"), "{error}");
    }
}

#[test]
fn a_check_connects_and_sends_nothing() {
    let handler = Handler::start(&[sent()]);
    on_runtime(webhook(&handler).check()).unwrap();
    assert_eq!(handler.seen().len(), 0);
}

#[test]
fn no_handler_there_is_transient() {
    // No test listens there, whatever runs beside this one.
    let url = "http://127.0.0.1:1/?code=hunter2secret";
    let sender = OtpWebhook::new(url, CaptureSender::new()).unwrap();
    let error = on_runtime(sender.send(&passcode())).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (Transient, "webhook: no connection to the handler")
    );
}

#[test]
fn a_mail_whose_code_cannot_be_told_from_its_text_is_not_sent() {
    #[derive(Debug)]
    struct Worded(&'static str);

    impl Templates for Worded {
        fn render(&self, letter: &Letter<'_>) -> EmailMessage {
            let Content::Passcode { code, .. } = letter.content else { panic!("{letter:?}") };
            let text = self.0.replace("{code}", &code.expose());
            letter.message(String::from("s").into(), text.into(), String::new().into())
        }

        fn text(&self, letter: &sspr::mail::TextLetter<'_>) -> zeroize::Zeroizing<String> {
            sspr::mail::StandardTemplates::default().text(letter)
        }
    }

    let (handler, code) = (Handler::start(&[sent()]), Code::parse(CODE).unwrap());
    let brand = Brand::new("Larkfield").unwrap();
    let (to, tenant) =
        (EmailAddress::parse("ada@example.com").unwrap(), TenantId::parse("contoso").unwrap());
    let mail = |words| {
        Worded(words).render(&Letter {
            application: None,
            brand: &brand,
            content: Content::Passcode { code: &code, lifetime: Duration::from_secs(600) },
            correlation: None,
            language: Language::English,
            tenant: &tenant,
            to: &to,
        })
    };
    for (words, told) in [
        ("Your code is {code}.", "alone on a line"),
        ("Call us:\n\n22 33 44 55\n\nYour code:\n\n{code}\n", "two lines"),
        ("{code}\n22 33 44 55\n", "two lines"),
    ] {
        let error = on_runtime(webhook(&handler).send(&mail(words))).unwrap_err();
        assert_eq!(error.kind(), Setup);
        assert!(error.to_string().contains(told), "{error}");
    }
    assert_eq!(handler.seen().len(), 0);
    on_runtime(webhook(&handler).send(&mail("{code}\nAgain:\n{code}\n"))).unwrap();
}

/// A handler behind TLS, which may say something last that is no TLS of its own. Answers its port.
fn serve_tls(folder: &Path, last: Option<&'static [u8]>) -> u16 {
    let certificates = vec![CertificateDer::from_pem_file(folder.join("leaf.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(folder.join("leaf.key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .unwrap();
    let config = Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream.unwrap());
            let mut request = vec![0; 16 * 1024];
            if stream.read(&mut request).is_err() {
                continue;
            }
            if let Some(last) = last {
                let _ = stream.sock.write_all(last);
                continue;
            }
            let length = SENT.len();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
            let _ = write!(stream, "{head}\r\ncontent-length: {length}\r\n\r\n{SENT}");
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    port
}

#[test]
fn a_handlers_certificate_and_name_are_verified() {
    let folder = tempfile::tempdir().unwrap();
    certificates::write(folder.path());
    let plain = Handler::start(&[sent()]);
    let root = std::fs::read(folder.path().join("ca.pem")).unwrap();
    let port = serve_tls(folder.path(), None);
    let other = tempfile::tempdir().unwrap();
    certificates::write(other.path());
    let other_root = std::fs::read(other.path().join("ca.pem")).unwrap();
    on_runtime(async {
        let at = |host: &str, port: u16| {
            OtpWebhook::new(&format!("https://{host}:{port}/"), CaptureSender::new()).unwrap()
        };
        let trusting = at("localhost", port).with_roots(&root).unwrap();
        trusting.check().await.unwrap();
        trusting.send(&passcode()).await.unwrap();
        // Those of an earlier call stay.
        trusting.with_roots(&other_root).unwrap().send(&passcode()).await.unwrap();
        let other_name = at("127.0.0.1", port).with_roots(&root).unwrap();
        let no_tls = at("127.0.0.1", plain.port());
        let distrusting = at("localhost", port).with_roots(&other_root).unwrap();
        for (sender, told) in [
            (at("localhost", port), "is not trusted"),
            (distrusting, "is not trusted"),
            (other_name, "is for another host"),
            (no_tls, "speaks no TLS"),
        ] {
            for error in [sender.check().await, sender.send(&passcode()).await] {
                let error = error.unwrap_err();
                assert_eq!(error.kind(), Setup, "{error}");
                assert!(error.to_string().contains(told), "{error}");
            }
        }
    });
    assert_eq!(plain.seen().len(), 0);
}

#[test]
fn a_setting_that_is_wrong_is_named_without_the_url() {
    let new = |url: &str| OtpWebhook::new(url, CaptureSender::new());
    let (form, open) = (OtpWebhookError::Form, OtpWebhookError::Unprotected);
    let port = OtpWebhookError::Port;
    for (url, wanted) in [
        ("", form),
        ("handler.example/hunter2", form),
        ("/api?code=hunter2", form),
        ("ftp://handler.example/hunter2", form),
        ("https://", form),
        ("https://:443/hunter2", form),
        ("https://me:hunter2@handler.example/", form),
        ("https://handler.example/#hunter2", form),
        ("https://handler example/hunter2", form),
        ("https://a..b/hunter2", form),
        ("https://*/hunter2", form),
        ("https://-bad!.example/hunter2", form),
        ("https://handler.example:99999/hunter2", port),
        ("https://handler.example:0/hunter2", port),
        ("https://handler.example:/hunter2", port),
        ("https://handler.example:abc/hunter2", port),
        ("http://localhost:70711/hunter2", port),
        ("http://handler.example/hunter2", open),
        ("http://127.0.0.1.handler.example/hunter2", open),
        ("http://localhost.handler.example/hunter2", open),
        ("http://10.0.0.1/hunter2", open),
    ] {
        let error = new(url).unwrap_err();
        assert_eq!(error, wanted, "{url}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
    for url in [
        "https://handler.example",
        "HTTPS://handler.example:8443/a?code=x%2F",
        "http://[::1]:7071/api",
        "http://LOCALHOST:7071/",
    ] {
        assert!(new(url).is_ok(), "{url}");
    }
    let good = || new("https://handler.example/").unwrap();
    for timeout in [0, 99, 30_001] {
        let error = good().with_timeout(Duration::from_millis(timeout)).unwrap_err();
        assert_eq!(error, OtpWebhookError::Timeout);
    }
    let hollow = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for pem in [&b"no PEM"[..], hollow] {
        assert_eq!(good().with_roots(pem).unwrap_err(), OtpWebhookError::Certificate);
    }
    assert!(good().with_ids("", "extension-1").is_ok());
    for text in ["a\nb", &"x".repeat(129)] {
        let error = good().with_request_type(text).unwrap_err();
        assert_eq!(error, OtpWebhookError::Field("the request type"));
        assert!(good().with_ids("a", text).is_err() && good().with_ids(text, "a").is_err());
    }
    assert_eq!(format!("{:?}", good()), "OtpWebhook(…)");
}

#[test]
fn a_caller_that_leaves_ends_the_request() {
    let handler = Handler::start(&[Hang, sent()]);
    let sender = webhook(&handler);
    on_runtime(async {
        let mail = passcode();
        let mut first = Box::pin(sender.send(&mail));
        // Until the handler has the request.
        while handler.seen().is_empty() {
            assert!((&mut first).now_or_never().is_none());
            tokio::task::yield_now().await;
        }
        drop(first);
        sender.send(&mail).await.unwrap();
    });
    let connections: Vec<usize> = handler.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 1]);
    handler.wait_until_the_client_has_gone();
}
