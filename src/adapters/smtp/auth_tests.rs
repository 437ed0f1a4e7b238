//! Authentication against scripted servers.

use super::*;
use crate::{
    adapters::smtp::session::{Limits, tests::Scripted},
    ports::SendErrorKind::{Setup, Transient},
};

fn password() -> Credentials {
    let (user, password) = ("me".to_owned().into(), "hunter2hunter2".to_owned().into());
    Credentials::Password { password, user }
}

fn token(token: &'static str) -> Credentials {
    let tokens: Tokens = Arc::new(move || Ok(token.to_owned()));
    Credentials::Token { tokens, user: "me@x.example".to_owned().into() }
}

/// Returns the result in words for the operator, and the lines that were sent.
fn present(
    credentials: &Credentials,
    offers: &str,
    answers: &[&'static str],
) -> (Result<(), SendError>, Vec<String>) {
    let hello = format!("250-me\r\n250 {offers}\r\n");
    let answers = answers.iter().map(|text| (0, *text));
    let wire = Scripted::new([(0, hello.as_str())].into_iter().chain(answers));
    let mut session = Session::new(wire, Limits::new());
    session.hello("h").unwrap();
    let mut secrets = credentials.secrets();
    let done = credentials.present(&mut session, &mut secrets);
    let sent = String::from_utf8(session.wire().sent.clone()).unwrap();
    let lines = sent.split_terminator("\r\n").skip(1).map(str::to_owned).collect();
    (done.map_err(|failure| failure.into_error(&secrets)), lines)
}

fn b64(text: &str) -> String {
    Base64::encode_string(text.as_bytes())
}

const XOAUTH2: &str = "user=me@x.example\u{1}auth=Bearer ya29.abc\u{1}\u{1}";

#[test]
fn plain_is_preferred_and_login_is_known() {
    let blob = b64("\0me\0hunter2hunter2");
    let (done, sent) = present(&password(), "AUTH LOGIN PLAIN", &["235 ok\r\n"]);
    assert!(done.is_ok());
    assert_eq!(sent, [format!("AUTH PLAIN {blob}")]);
    let (done, sent) = present(&password(), "AUTH PLAIN", &["334 \r\n", "235 ok\r\n"]);
    assert!(done.is_ok());
    assert_eq!(sent, [format!("AUTH PLAIN {blob}"), blob]);

    let answers = ["334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n", "235 ok\r\n"];
    let (done, sent) = present(&password(), "AUTH LOGIN", &answers);
    assert!(done.is_ok());
    assert_eq!(sent, ["AUTH LOGIN".to_owned(), b64("me"), b64("hunter2hunter2")]);
}

#[test]
fn a_token_is_presented_by_xoauth2() {
    let (done, sent) = present(&token("ya29.abc"), "AUTH PLAIN XOAUTH2", &["235 ok\r\n"]);
    assert!(done.is_ok());
    assert_eq!(sent, [format!("AUTH XOAUTH2 {}", b64(XOAUTH2))]);
}

#[test]
fn a_long_token_goes_on_a_line_of_its_own() {
    let long: &'static str = "t".repeat(2_000).leak();
    let (done, sent) = present(&token(long), "AUTH XOAUTH2", &["334 \r\n", "235 ok\r\n"]);
    assert!(done.is_ok());
    assert_eq!((sent.len(), sent[0].as_str()), (2, "AUTH XOAUTH2"));
    assert!(sent[1].len() > 2_000);
}

#[test]
fn the_error_challenge_of_xoauth2_is_answered_with_an_empty_line() {
    let challenge = "334 eyJzdGF0dXMiOiI0MDEifQ==\r\n";
    let refusal = "535 5.7.8 ya29.abc of me@x.example is not accepted\r\n";
    let (done, sent) = present(&token("ya29.abc"), "AUTH XOAUTH2", &[challenge, refusal]);
    assert_eq!(sent[1..], [String::new()]);
    let error = done.unwrap_err();
    assert_eq!(error.kind(), Setup);
    assert_eq!(
        error.to_string(),
        "smtp: the server refuses the credentials; check them in the URL, or the token: \
         535 5.7.8 … of … is not accepted"
    );
}

#[test]
fn a_token_is_asked_for_each_time_and_its_error_decides() {
    let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = count.clone();
    let tokens: Tokens = Arc::new(move || {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Err(SendError::new(Transient, "the token service is away"))
    });
    let credentials = Credentials::Token { tokens, user: "me".to_owned().into() };
    for asked in 1..=2 {
        let (done, sent) = present(&credentials, "AUTH XOAUTH2", &[]);
        let error = done.unwrap_err();
        assert_eq!((error.kind(), sent.len()), (Transient, 0));
        assert!(error.to_string().ends_with("the token service is away"), "{error}");
        assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), asked);
    }
    for bad in ["", "a b", "a\r\nRSET", "ü"] {
        let (done, sent) = present(&token(bad), "AUTH XOAUTH2", &[]);
        assert_eq!((done.unwrap_err().kind(), sent.len()), (Setup, 0), "{bad:?}");
    }
}

#[test]
fn what_is_missing_is_named() {
    for (credentials, offers, parts) in [
        (password(), "SIZE", ["does not offer AUTH", "PLAIN or LOGIN"]),
        (password(), "AUTH GSSAPI NTLM", ["only: GSSAPI NTLM", "PLAIN or LOGIN"]),
        (password(), "AUTH XOAUTH2", ["only: XOAUTH2", "PLAIN or LOGIN"]),
        (token("t"), "AUTH PLAIN LOGIN", ["only: PLAIN LOGIN", "needs XOAUTH2"]),
        (token("t"), "STARTTLS", ["does not offer AUTH", "needs XOAUTH2"]),
    ] {
        let (done, sent) = present(&credentials, offers, &[]);
        let error = done.unwrap_err();
        assert_eq!((error.kind(), sent.len()), (Setup, 0));
        let words = error.to_string();
        assert!(parts.iter().all(|part| words.contains(part)), "{words}");
        assert!(!words.contains("STARTTLS"), "{words}");
    }
}

#[test]
fn a_refusal_never_shows_the_credentials() {
    let blob = b64("\0me\0hunter2hunter2");
    let refusal: &'static str =
        format!("535 5.7.8 {blob} is me with HUNTER2-hunter2, bG9uZ2xvbmdsb25nbG9uZ2xvbmc=\r\n")
            .leak();
    let (done, _) = present(&password(), "AUTH PLAIN", &[refusal]);
    let words = done.unwrap_err().to_string();
    assert!(words.ends_with("535 5.7.8 … is … with …, …"), "{words}");
}

#[test]
fn codes_of_authentication_have_their_kinds() {
    for (answer, wanted) in [
        ("535 no\r\n", Setup),
        ("534 weak\r\n", Setup),
        ("538 tls\r\n", Setup),
        ("504 what\r\n", Setup),
        ("454 later\r\n", Transient),
        ("432 4.3.2 busy\r\n", Transient),
        ("421 bye\r\n", Transient),
        ("535 f\u{fc}r\r\n", Setup),
    ] {
        let (done, _) = present(&password(), "AUTH PLAIN", &[answer]);
        assert_eq!(done.unwrap_err().kind(), wanted, "{answer}");
    }
    let endless = ["334 a\r\n"; 6];
    let (done, sent) = present(&password(), "AUTH LOGIN", &endless);
    assert_eq!(done.unwrap_err().kind(), Setup);
    assert!(sent.len() <= 6 && sent.contains(&"*".to_owned()));
}

#[test]
fn a_second_answer_proves_nothing() {
    for answers in [
        &["235 ok\r\n535 no\r\n"][..],
        &["334 \r\n235 ok\r\n"],
        &["334 \r\n", "535 no\r\n235 ok\r\n"],
    ] {
        let error = present(&password(), "AUTH PLAIN", answers).0.unwrap_err();
        assert_eq!(error.kind(), Transient, "{answers:?}: {error}");
        assert!(error.to_string().contains("more than once after AUTH"), "{error}");
    }
}

#[test]
fn a_mechanism_that_repeats_the_credentials_is_not_shown() {
    for offers in ["AUTH HUNTER2HUNTER2 NTLM", "AUTH hunter2-Hunter2 NTLM", "AUTH 04829173 NTLM"] {
        let words = present(&password(), offers, &[]).0.unwrap_err().to_string();
        assert!(words.ends_with("no AUTH mechanism that fits, only: … NTLM"), "{words}");
    }
    let words = present(&password(), "AUTH {}", &[]).0.unwrap_err().to_string();
    assert!(words.ends_with("no AUTH mechanism that fits"), "{words}");
}

#[test]
fn a_long_token_is_sent_only_after_the_server_has_asked_for_it() {
    let long = token("t".repeat(LINE).leak());
    let (done, sent) = present(&long, "AUTH XOAUTH2", &["334 \r\n", "235 ok\r\n"]);
    assert!(done.is_ok());
    assert_eq!((&*sent[0], sent.len()), ("AUTH XOAUTH2", 2));
    let (done, sent) = present(&long, "AUTH XOAUTH2", &["504 no\r\n", "235 ok\r\n"]);
    assert!(done.is_err());
    assert_eq!(sent, ["AUTH XOAUTH2"]);
}
