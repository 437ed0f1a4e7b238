//! The examples `twilio` and `sendgrid` against a stand-in for the providers.

#[path = "../../examples/provider/https.rs"]
mod https;
#[path = "../../examples/sendgrid/sender.rs"]
mod sendgrid;
#[path = "../../examples/twilio/sender.rs"]
mod twilio;

use std::{net::TcpListener, time::Duration};

use serde_json::json;
use sspr::{
    domain::{EmailAddress, Method},
    mail::{EmailMessage, TextMessage},
    ports::{
        EmailSender, SendError,
        SendErrorKind::{self, Permanent, Setup, Transient, Unknown},
        SmsSender,
    },
};

use crate::{
    http_handler::{
        Handler,
        Step::{self, Close, Hang, Refuse, Say, SayWith},
    },
    support::{PHONE, World, client, request},
};
use sendgrid::SendGridSender;
use twilio::TwilioSender;

const ACCOUNT: &str = "AC00000000000000000000000000000000";
const SECRET: &str = "hunter2secret";
const FROM: &str = "+15005550006";
const JSON: &str = "application/json";
/// Long enough for a slow machine where something is answered.
const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(300);

fn origin(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn twilio(port: u16, timeout: Duration) -> TwilioSender {
    let sender = TwilioSender::at(&origin(port), ACCOUNT, SECRET, FROM).unwrap();
    sender.with_timeout(timeout)
}

fn sendgrid(port: u16, timeout: Duration) -> SendGridSender {
    let from = EmailAddress::parse("no-reply@larkfield.example").unwrap();
    SendGridSender::at(&origin(port), SECRET, from).unwrap().with_timeout(timeout)
}

/// A text and a mail with a code, as the courier makes them.
async fn messages() -> (TextMessage, EmailMessage) {
    let world = World::memory().await.with_sms().await;
    for method in [Method::Sms, Method::Email] {
        let ask = request("ada@example.com").by(method);
        world.sspr.start(&ask, &client(1)).await.unwrap().started().unwrap();
    }
    world.courier.drain(&world.inbox).await;
    (world.inbox.texts().remove(0), world.inbox.messages().remove(0))
}

/// What Twilio answers to a request that it refuses.
fn fault(status: u16, code: u32) -> Step {
    let message = format!("The number {PHONE} is not valid for {ACCOUNT}");
    let body = json!({
        "code": code,
        "message": message,
        "more_info": format!("https://www.twilio.com/docs/errors/{code}"),
        "status": status,
    });
    Say(status, JSON, body.to_string())
}

/// The text of a field of a form.
fn decoded(value: &str) -> String {
    let mut parts = value.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(part[2..].bytes());
    }
    String::from_utf8(bytes).unwrap()
}

fn is_discreet(error: &SendError) {
    let said = format!("{error} {error:?} {:?}", std::error::Error::source(error));
    for secret in [SECRET, PHONE, &PHONE[1..], ACCOUNT, "ada@", "is your code"] {
        assert!(!said.contains(secret), "{secret} is in: {said}");
    }
}

async fn outcome(result: Result<(), SendError>) -> Option<(SendErrorKind, String)> {
    let error = result.err()?;
    is_discreet(&error);
    Some((error.kind(), error.to_string()))
}

#[tokio::test]
async fn twilio_gets_one_form_with_the_number_the_sender_and_the_text() {
    let handler = Handler::start(&[Say(201, JSON, r#"{"status":"queued"}"#.to_owned())]);
    let (text, _) = messages().await;

    twilio(handler.port(), LONG).send_text(&text).await.unwrap();

    let seen = handler.seen();
    let path = format!("POST /2010-04-01/Accounts/{ACCOUNT}/Messages.json HTTP/1.1");
    assert_eq!((seen.len(), &seen[0].line), (1, &path));
    assert_eq!(seen[0].header("content-type"), Some("application/x-www-form-urlencoded"));
    let host = format!("127.0.0.1:{}", handler.port());
    assert_eq!(seen[0].header("host"), Some(&*host));
    // printf 'AC000…:hunter2secret' | base64
    let basic = "Basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDpodW50ZXIyc2VjcmV0";
    assert_eq!(seen[0].header("authorization"), Some(basic));
    let fields: Vec<(&str, String)> = seen[0]
        .text
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (name, decoded(value)))
        .collect();
    let expected =
        [("To", PHONE.to_owned()), ("From", FROM.to_owned()), ("Body", text.text.to_string())];
    assert_eq!(fields, expected);
}

#[tokio::test]
async fn what_twilio_answers_decides_whether_the_message_is_sent_again() {
    let (text, _) = messages().await;
    let later = |body: &str| SayWith(429, ("retry-after", "30"), body.to_owned());
    for (step, kind, words) in [
        (fault(400, 21211), Permanent, "code 21211; the recipient"),
        (fault(400, 21610), Permanent, "code 21610; the recipient"),
        (fault(400, 21614), Permanent, "code 21614; the recipient"),
        (fault(400, 21408), Setup, "code 21408; enable the country"),
        // The sender does not belong to the account.
        (fault(400, 21606), Setup, "code 21606; look the code up"),
        (fault(401, 20003), Setup, "code 20003; check the account"),
        (fault(404, 20404), Setup, "code 20404"),
        (later(r#"{"code":20429}"#), Transient, "asked again in 30 seconds"),
        (fault(429, 20429), Transient, "twilio: status 429"),
        (Say(503, "text/html", String::new()), Transient, "status 503"),
        (fault(500, 20500), Unknown, "status 500"),
        (Say(502, "text/html", "<p>".to_owned()), Unknown, "status 502"),
        (Say(400, "text/html", "<p>".to_owned()), Setup, "status 400; look"),
        (Say(400, JSON, "x".repeat(70_000)), Setup, "status 400; look"),
        (Say(200, JSON, "{}".to_owned()), Unknown, "201 is wanted"),
        (SayWith(307, ("location", "http://127.0.0.1:1/"), String::new()), Setup, "status 307"),
        (Close, Unknown, "broke off"),
        (Refuse, Unknown, "broke off"),
    ] {
        let handler = Handler::start(std::slice::from_ref(&step));
        let sent = twilio(handler.port(), LONG).send_text(&text).await;

        let (found, said) = outcome(sent).await.unwrap_or_else(|| panic!("{step:?} is an error"));
        assert_eq!(found, kind, "{step:?}: {said}");
        assert!(said.starts_with("twilio: ") && said.contains(words), "{said}");
        assert_eq!(handler.seen().len(), 1, "{step:?}: one request, and no redirect is followed");
    }
}

#[tokio::test]
async fn sendgrid_gets_both_parts_and_is_told_to_track_nothing() {
    let handler = Handler::start(&[Say(202, JSON, String::new())]);
    let (_, mail) = messages().await;

    sendgrid(handler.port(), LONG).send(&mail).await.unwrap();

    let seen = handler.seen();
    assert_eq!((seen.len(), seen[0].line.as_str()), (1, "POST /v3/mail/send HTTP/1.1"));
    assert_eq!(seen[0].header("authorization"), Some("Bearer hunter2secret"));
    assert_eq!(seen[0].header("content-type"), Some(JSON));
    let body = &seen[0].body;
    assert_eq!(body["personalizations"], json!([{"to": [{"email": "ada@example.com"}]}]));
    let from = json!({"email": "no-reply@larkfield.example", "name": "contoso"});
    assert_eq!((&body["from"], &body["subject"]), (&from, &json!(*mail.subject)));
    let parts = json!([
        {"type": "text/plain", "value": *mail.text},
        {"type": "text/html", "value": *mail.html},
    ]);
    assert_eq!(body["content"], parts);
    assert_eq!(body["headers"]["Auto-Submitted"], "auto-generated");
    for (setting, values) in body["tracking_settings"].as_object().unwrap() {
        assert_eq!(values["enable"], false, "{setting}");
    }
}

#[tokio::test]
async fn what_sendgrid_answers_decides_whether_the_mail_is_sent_again() {
    let (_, mail) = messages().await;
    let errors = |fields: &[&str]| {
        let each = fields.iter().map(|field| json!({"field": field, "message": "ada@example.com"}));
        json!({"errors": each.collect::<Vec<_>>()}).to_string()
    };
    let to = "personalizations.0.to.0.email";
    for (step, kind, words) in [
        (Say(400, JSON, errors(&[to])), Permanent, "the recipient was refused"),
        (Say(400, JSON, errors(&["from.email"])), Setup, "check the sender"),
        (Say(400, JSON, errors(&[to, "from.email"])), Setup, "check the sender"),
        (Say(400, JSON, errors(&[])), Setup, "check the sender"),
        (Say(401, JSON, errors(&[""])), Setup, "check the API key"),
        (Say(403, JSON, errors(&["from"])), Setup, "the permissions of the key"),
        (Say(404, JSON, String::new()), Setup, "check the URL"),
        (Say(413, JSON, String::new()), Permanent, "too large"),
        (SayWith(429, ("retry-after", "7"), String::new()), Transient, "again in 7 seconds"),
        (Say(429, JSON, String::new()), Transient, "status 429"),
        (Say(500, JSON, String::new()), Unknown, "status 500"),
        (Say(503, JSON, String::new()), Transient, "status 503"),
        (Say(200, JSON, String::new()), Unknown, "202 is wanted"),
        (Close, Unknown, "broke off"),
    ] {
        let handler = Handler::start(std::slice::from_ref(&step));
        let sent = sendgrid(handler.port(), LONG).send(&mail).await;

        let (found, said) = outcome(sent).await.unwrap_or_else(|| panic!("{step:?} is an error"));
        assert_eq!(found, kind, "{step:?}: {said}");
        assert!(said.starts_with("sendgrid: ") && said.contains(words), "{said}");
    }
}

#[tokio::test]
async fn a_provider_that_says_nothing_may_have_sent_the_message() {
    let (text, mail) = messages().await;
    let handler = Handler::start(&[Hang]);
    let sent = twilio(handler.port(), SHORT).send_text(&text).await;
    let expected = Some((Unknown, "twilio: no answer in time".to_owned()));
    assert_eq!(outcome(sent).await, expected);
    handler.wait_until_the_client_has_gone();
    let handler = Handler::start(&[Hang]);
    let sent = sendgrid(handler.port(), SHORT).send(&mail).await;
    assert_eq!(outcome(sent).await.unwrap().0, Unknown);
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_has_sent_nothing() {
    let (text, _) = messages().await;
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let sent = twilio(port, LONG).send_text(&text).await;
    assert_eq!(outcome(sent).await.unwrap(), (Transient, "twilio: no connection".to_owned()));
    // A server without TLS.
    let handler = Handler::start(&[Hang]);
    let origin = format!("https://127.0.0.1:{}", handler.port());
    let sender = TwilioSender::at(&origin, ACCOUNT, SECRET, FROM).unwrap();
    let (kind, said) = outcome(sender.send_text(&text).await).await.unwrap();
    assert!(kind == Setup && said.contains("no protected connection"), "{said}");
    assert!(handler.seen().is_empty());
}

#[test]
fn only_this_machine_is_talked_to_without_tls() {
    let refused = TwilioSender::at("http://api.twilio.com", ACCOUNT, SECRET, FROM);
    let Err(refused) = refused else { panic!("a secret without TLS") };
    assert_eq!(refused.to_string(), "twilio: the URL must begin with https://");
    assert!(TwilioSender::new(ACCOUNT, SECRET, FROM).is_ok());
    let from = EmailAddress::parse("no-reply@larkfield.example").unwrap();
    assert!(SendGridSender::new(SECRET, from.clone()).is_ok());
    assert!(SendGridSender::at("https://x.example", "a\nb", from).is_err());
}
