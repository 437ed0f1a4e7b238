//! A table of scripts for a mail server: each with the copies that it gets, and what the courier's
//! events say.

use crate::smtp_script::{
    Act::{Close, Drip, Hang, Say, SayAndClose},
    At,
    At::{Answer, Auth, Body, Data, End, Greeting, Hello, Mail, Quit, Rcpt, Rset},
    Line,
    Line::{Always, Once},
    ScriptedServer,
};
use crate::support::*;
use sspr::{
    adapters::SmtpSender,
    ports::{
        EngineEvent, EventKind, FailureKind, Outcome,
        SendErrorKind::{self, Permanent, Setup, Transient, Unknown},
    },
};

struct Row {
    name: &'static str,
    script: Vec<Line>,
    /// The kind of the first failure, and a part of its words.
    first: Option<(SendErrorKind, &'static str)>,
    end: Outcome,
    copies: usize,
    /// Whether the first failure depends on who is faster.
    is_race: bool,
    user: &'static str,
    more: &'static str,
}

fn row(
    name: &'static str,
    script: &[Line],
    first: impl Into<Option<(SendErrorKind, &'static str)>>,
    end: Outcome,
    copies: usize,
) -> Row {
    let (first, script) = (first.into(), script.to_vec());
    Row { copies, end, first, is_race: false, more: "", name, script, user: "" }
}

impl Row {
    fn user(self) -> Self {
        Self { user: "me:hunter2secret@", ..self }
    }

    fn race(self) -> Self {
        Self { is_race: true, ..self }
    }

    fn with(self, more: &'static str) -> Self {
        Self { more, ..self }
    }
}

/// Starts a reset, and lets the courier try until nothing is left to try.
fn run(row: &Row) -> (ScriptedServer, Vec<EngineEvent>) {
    let server = ScriptedServer::start(&row.script);
    let sender = SmtpSender::from_url(&server.url(row.user, row.more)).unwrap();
    let events = runtime().block_on(async {
        let world = World::memory().await;
        world.started("ada@example.com", &client(1)).await;
        world.try_to_send(&sender).await;
        assert_eq!(world.sspr.queue_depth(), 0, "{}: still tried", row.name);
        world.events.all()
    });
    let mut events = events;
    events.retain(|event| event.kind == EventKind::Deliver);
    (server, events)
}

/// What an event says of the sender: the kind, and the words.
fn failure(event: &EngineEvent) -> Option<(SendErrorKind, String)> {
    let failure = event.failure.as_ref()?;
    let FailureKind::Sender(kind) = failure.kind else { panic!("{failure:?}") };
    Some((kind, failure.message.clone()))
}

fn check(row: &Row) -> Result<(), String> {
    let (server, events) = run(row);
    let copies = server.messages();
    let codes: Vec<&str> =
        copies.iter().flat_map(|copy| copy.lines()).filter(|line| is_code(line)).collect();
    let failures: Vec<_> = events.iter().filter_map(failure).collect();
    let shown = format!("{}: {} copies, {failures:?}", row.name, copies.len());
    for (_, words) in &failures {
        let lower = words.to_lowercase();
        for secret in ["ada", "example.com", "hunter2", "secret"].iter().chain(&codes) {
            if lower.contains(secret) {
                return Err(format!("{shown}: shows {secret}"));
            }
        }
        if words.chars().any(char::is_control) || words.chars().count() > 300 {
            return Err(format!("{shown}: not fit to be shown"));
        }
    }
    let is_as_wanted = copies.len() == row.copies
        && events.last().map(|event| event.outcome) == Some(row.end)
        && match (row.first, failures.first()) {
            _ if row.is_race => true,
            (None, None) => true,
            (Some((kind, part)), Some((first, words))) => kind == *first && words.contains(part),
            _ => false,
        };
    if is_as_wanted { Ok(()) } else { Err(format!("{shown}, {:?}", events.last())) }
}

fn is_code(line: &str) -> bool {
    line.len() == 8 && line.bytes().all(|byte| byte.is_ascii_digit())
}

/// Runs the rows side by side, and says all that is wrong.
fn check_all(rows: &[Row]) {
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let tried: Vec<_> = rows.iter().map(|row| scope.spawn(move || check(row))).collect();
        tried.into_iter().filter_map(|tried| tried.join().unwrap().err()).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const OK: Outcome = Outcome::Ok;
const REFUSED: Outcome = Outcome::FailedPermanently;
const GIVEN_UP: Outcome = Outcome::GivenUp;

fn always(at: At, words: &'static [u8]) -> Line {
    Always(at, Say(words))
}

fn once(at: At, words: &'static [u8]) -> Line {
    Once(at, Say(words))
}

#[test]
fn the_code_of_each_reply_decides_whatever_its_text_is() {
    check_all(&[
        row("friendly", &[], None, OK, 1),
        row("latin-1 greeting", &[always(Greeting, b"220 f\xfcr dich\r\n")], None, OK, 1),
        row("latin-1 hello", &[always(Hello, b"250-\xfc\r\n250 \xff\r\n")], None, OK, 1),
        row("latin-1 sender", &[always(Mail, b"250 f\xfcr\r\n")], None, OK, 1),
        row("latin-1 recipient", &[always(Rcpt, b"250 f\xfcr\r\n")], None, OK, 1),
        row("latin-1 data", &[always(Data, b"354 f\xfcr\r\n")], None, OK, 1),
        row("latin-1 accepted", &[always(End, b"250 2.0.0 f\xfcr\r\n")], None, OK, 1),
        row("nul and escapes", &[always(End, b"250 \0\x1b[31m\r\n")], None, OK, 1),
        row("no text", &[always(End, b"250\r\n"), always(Rcpt, b"250 \r\n")], None, OK, 1),
        row("bare line feed", &[always(Rcpt, b"250-a\n250 ok\n")], None, OK, 1),
        row(
            "many lines",
            &[always(Greeting, b"220-a\r\n220-\r\n220-\xfc\r\n220 b\r\n")],
            None,
            OK,
            1,
        ),
        row("byte by byte", &[Always(End, Drip(b"250-2.0.0 a\r\n250 b\r\n"))], None, OK, 1),
        row(
            "other 2xx",
            &[always(Rcpt, b"251 will forward\r\n"), always(End, b"299 ok\r\n")],
            None,
            OK,
            1,
        ),
        row(
            "latin-1 greylisting",
            &[once(Rcpt, b"450 4.2.1 <ada@example.com> vor\xfcbergehend\r\n")],
            (Transient, "450 4.2.1"),
            OK,
            1,
        ),
        row(
            "latin-1 refusal",
            &[always(Rcpt, b"550-5.1.1 unbekannt:\r\n550 5.1.1 f\xfcr ada@example.com\r\n")],
            (Permanent, "refuses the recipient: 550 5.1.1 unbekannt: f\u{fffd}r"),
            REFUSED,
            0,
        ),
        row(
            "latin-1 after the dot",
            &[once(End, b"451 4.3.0 sp\xe4ter\r\n")],
            (Transient, "451 4.3.0 sp\u{fffd}ter"),
            OK,
            1,
        ),
        row(
            "latin-1 credentials",
            &[once(Auth, b"535 5.7.8 ung\xfcltig\r\n")],
            (Setup, "535 5.7.8 ung"),
            OK,
            1,
        )
        .user(),
        row("last code counts", &[once(Rcpt, b"250-ok\r\n451 no\r\n")], (Transient, "451"), OK, 1),
    ]);
}

#[test]
fn each_refusal_has_its_kind_in_each_step() {
    check_all(&[
        row(
            "greeting 421",
            &[once(Greeting, b"421 4.3.2 busy\r\n")],
            (Transient, "421 4.3.2"),
            OK,
            1,
        ),
        row(
            "greeting 554",
            &[always(Greeting, b"554 5.7.1 blocked\r\n")],
            (Setup, "554 5.7.1"),
            GIVEN_UP,
            0,
        ),
        row(
            "hello 421",
            &[Once(Hello, SayAndClose(b"421 bye\r\n"))],
            (Transient, "421 bye"),
            OK,
            1,
        ),
        row("hello 550", &[once(Hello, b"550 who\r\n")], (Setup, "550 who"), OK, 1),
        row("hello 502 and HELO", &[once(Hello, b"502 what\r\n")], None, OK, 1),
        row("auth 454", &[once(Auth, b"454 4.7.0 later\r\n")], (Transient, "454 4.7.0"), OK, 1)
            .user(),
        row("auth 535 that heals", &[once(Auth, b"535 5.7.8 no\r\n"); 3], (Setup, "535"), OK, 1)
            .user(),
        row("auth 535", &[always(Auth, b"535 5.7.8 me\r\n")], (Setup, "credentials"), GIVEN_UP, 0)
            .user(),
        row("auth 534", &[always(Auth, b"534 5.7.9 weak\r\n")], (Setup, "534"), GIVEN_UP, 0).user(),
        row("auth 538", &[always(Auth, b"538 tls\r\n")], (Setup, "538"), GIVEN_UP, 0).user(),
        row(
            "auth not offered",
            &[always(Hello, b"250 bare\r\n")],
            (Setup, "not offer AUTH"),
            GIVEN_UP,
            0,
        )
        .user(),
        row(
            "auth of another kind",
            &[always(Hello, b"250-h\r\n250 AUTH NTLM\r\n")],
            (Setup, "NTLM"),
            GIVEN_UP,
            0,
        )
        .user(),
        row(
            "auth by LOGIN",
            &[
                always(Hello, b"250-h\r\n250 AUTH LOGIN\r\n"),
                always(Auth, b"334 VXNlcm5hbWU6\r\n"),
                once(Answer, b"334 UGFzc3dvcmQ6\r\n"),
            ],
            None,
            OK,
            1,
        )
        .user(),
        row("mail 451", &[once(Mail, b"451 later\r\n")], (Transient, "451 later"), OK, 1),
        row(
            "mail 530",
            &[always(Mail, b"530 5.7.0 log in\r\n")],
            (Setup, "530 5.7.0"),
            GIVEN_UP,
            0,
        ),
        row(
            "mail 550",
            &[always(Mail, b"550 5.7.1 not yours\r\n")],
            (Setup, "sender"),
            GIVEN_UP,
            0,
        ),
        row(
            "rcpt 450",
            &[once(Rcpt, b"450 4.7.1 greylisted\r\n")],
            (Transient, "greylisted"),
            OK,
            1,
        ),
        row("rcpt 450 for 5 minutes", &[once(Rcpt, b"450 wait\r\n"); 6], (Transient, "450"), OK, 1),
        row("rcpt 450 for ever", &[always(Rcpt, b"450 wait\r\n")], (Transient, "450"), GIVEN_UP, 0),
        row(
            "rcpt 550",
            &[always(Rcpt, b"550 5.1.1 no\r\n")],
            (Permanent, "550 5.1.1 no"),
            REFUSED,
            0,
        ),
        row("rcpt 553", &[always(Rcpt, b"553 no\r\n")], (Permanent, "553"), REFUSED, 0),
        row("rcpt 552", &[once(Rcpt, b"552 too many\r\n")], (Transient, "552"), OK, 1),
        row("rcpt 530", &[once(Rcpt, b"530 5.7.0 log in\r\n")], (Setup, "530"), OK, 1),
        row("rcpt 503", &[once(Rcpt, b"503 AUTH first\r\n")], (Setup, "503"), OK, 1),
        row("data 451", &[once(Data, b"451 no\r\n")], (Transient, "451"), OK, 1),
        row("data 554", &[always(Data, b"554 no\r\n")], (Permanent, "554"), REFUSED, 0),
        row("data 250", &[once(Data, b"250 hm\r\n")], (Transient, "250"), OK, 1),
        row("end 421", &[Once(End, SayAndClose(b"421 4.3.0 bye\r\n"))], (Transient, "421"), OK, 1),
        row("end 452", &[once(End, b"452 4.3.1 disk\r\n")], (Transient, "452 4.3.1"), OK, 1),
        row(
            "end 554",
            &[always(End, b"554 5.7.1 spam\r\n")],
            (Permanent, "554 5.7.1 spam"),
            REFUSED,
            0,
        ),
        row("end 535", &[once(End, b"535 log in again\r\n")], (Setup, "535"), OK, 1),
        row(
            "an echo of everything",
            &[always(
                Rcpt,
                b"550 RCPT TO:<ada@example.com> by me, hunter2secret, of EXAMPLE.COM: no ada\r\n",
            )],
            (Permanent, "550 RCPT"),
            REFUSED,
            0,
        )
        .user(),
        row("a word without end", &[always(Rcpt, long())], (Permanent, "550 "), REFUSED, 0),
    ]);
}

/// A reply with a line of 30,000 letters.
fn long() -> &'static [u8] {
    [b"550 ", &[b'x'; 30_000][..], b"\r\n"].concat().leak()
}

#[test]
fn a_connection_that_ends_costs_a_try_and_after_the_final_dot_at_most_a_copy() {
    check_all(&[
        row("greeting", &[Once(Greeting, Close)], (Transient, "before its greeting"), OK, 1),
        row("hello", &[Once(Hello, Close)], (Transient, "lost after EHLO"), OK, 1),
        row("auth", &[Once(Auth, Close)], (Transient, "lost after AUTH"), OK, 1).user(),
        row("mail", &[Once(Mail, Close)], (Transient, "lost after MAIL"), OK, 1),
        row("rcpt", &[Once(Rcpt, Close)], (Transient, "lost after RCPT"), OK, 1),
        row("data", &[Once(Data, Close)], (Transient, "lost after DATA"), OK, 1),
        row("body", &[Once(Body, Close)], None, OK, 1).race(),
        row("end", &[Once(End, Close)], (Unknown, "may have been delivered"), OK, 2),
        row(
            "end for ever",
            &[Always(End, Close)],
            (Unknown, "may have been delivered"),
            GIVEN_UP,
            2,
        ),
        row("half a reply", &[Once(End, SayAndClose(b"250-2.0"))], (Unknown, "delivered"), OK, 2),
        row("half a line", &[Once(End, SayAndClose(b"25"))], (Unknown, "delivered"), OK, 2),
        row(
            "unclear and later",
            &[Once(End, Close), once(Rcpt, b"250 ok\r\n"), once(Rcpt, b"450 x\r\n")],
            (Unknown, "delivered"),
            OK,
            2,
        ),
        row(
            "unclear and refused",
            &[Once(End, Close), once(Rcpt, b"250 ok\r\n"), always(Rcpt, b"550 x\r\n")],
            (Unknown, "delivered"),
            REFUSED,
            1,
        ),
        row(
            "no SMTP",
            &[Once(Greeting, Say(b"HTTP/1.1 400 Bad Request\r\n"))],
            (Transient, "not SMTP"),
            OK,
            1,
        ),
        row("no SMTP at the end", &[Once(End, Say(b"hm\r\n"))], (Unknown, "not SMTP"), OK, 2),
        row("no class at the end", &[Once(End, Say(b"650 hm\r\n"))], (Unknown, "not SMTP"), OK, 2),
        row(
            "out of turn at the end",
            &[Once(End, Say(b"354 more\r\n"))],
            (Unknown, "out of turn"),
            OK,
            2,
        ),
        row("accepted and closed", &[Always(End, SayAndClose(b"250 ok\r\n"))], None, OK, 1),
        row("no answer to QUIT", &[Always(Quit, Close)], None, OK, 1),
        row("a rude answer to QUIT", &[always(Quit, b"554 \xfc\r\n")], None, OK, 1),
        row(
            "RSET fails",
            &[once(Rcpt, b"450 x\r\n"), Always(Rset, Close)],
            (Transient, "450"),
            OK,
            1,
        ),
        row(
            "RSET refused",
            &[once(Rcpt, b"450 x\r\n"), always(Rset, b"502 x\r\n")],
            (Transient, "450"),
            OK,
            1,
        ),
        row(
            "RSET 421",
            &[once(Rcpt, b"450 x\r\n"), always(Rset, b"421 x\r\n")],
            (Transient, "450"),
            OK,
            1,
        ),
    ]);
}

#[test]
fn a_surplus_answer_costs_a_try_and_is_never_the_answer_to_another_command() {
    const MORE: &str = "more than once";
    let before = |name, at, words| row(name, &[once(at, words)], (Transient, MORE), OK, 1);
    check_all(&[
        before("greeting", Greeting, b"220 hi\r\n220 hi\r\n"),
        before("before the greeting", Greeting, b"250 early\r\n220 hi\r\n"),
        before("half a greeting more", Greeting, b"220 hi\r\n22"),
        before("hello", Hello, b"250-hi\r\n250 SIZE 9\r\n250 ok\r\n"),
        before("auth", Auth, b"235 ok\r\n250 ok\r\n").user(),
        before("mail", Mail, b"250 ok\r\n250 ok\r\n"),
        before("rcpt", Rcpt, b"250 ok\r\n550 no\r\n"),
        before("rcpt refused", Rcpt, b"550 no\r\n250 ok\r\n"),
        before("rcpt and no answer", Rcpt, b"250 ok\r\nhm\r\n"),
        before("data", Data, b"354 go\r\n250 ok\r\n"),
        row(
            "the words of both",
            &[once(Rcpt, b"250 ok\r\n550 ada@example.com hunter2secret\x1b[31m\r\n")],
            (Transient, "after RCPT TO: 250 ok, and then 550 \u{2026} \u{2026} [31m"),
            OK,
            1,
        )
        .user(),
        row(
            "refused with a farewell",
            &[always(Rcpt, b"550 5.1.1 no\r\n421 4.7.0 too many errors\r\n")],
            (Permanent, "550 5.1.1 no"),
            REFUSED,
            0,
        ),
        row(
            "taken with a farewell",
            &[once(Rcpt, b"250 ok\r\n421 4.3.2 going down\r\n")],
            (Transient, "421 4.3.2 going down"),
            OK,
            1,
        ),
        row("accepted twice", &[always(End, b"250 queued\r\n250 extra\r\n")], None, OK, 1),
        row("accepted with a farewell", &[always(End, b"250 ok\r\n421 bye\r\n")], None, OK, 1),
        row(
            "accepted and refused",
            &[once(End, b"250 queued\r\n554 no\r\n")],
            (Unknown, MORE),
            OK,
            2,
        ),
        row("refused and accepted", &[once(End, b"554 no\r\n250 ok\r\n")], (Unknown, MORE), OK, 1),
        row(
            "refused twice",
            &[always(End, b"554 no\r\n554 no\r\n")],
            (Permanent, "554 no"),
            REFUSED,
            0,
        ),
        row("a second answer to QUIT", &[always(Quit, b"221 bye\r\n554 no\r\n")], None, OK, 1),
        row(
            "a second answer to RSET",
            &[once(Rcpt, b"450 x\r\n"), always(Rset, b"250 ok\r\n250 ok\r\n")],
            (Transient, "450"),
            OK,
            1,
        ),
    ]);
}

#[test]
fn a_server_that_says_nothing_costs_a_try_and_after_the_final_dot_at_most_a_copy() {
    const LATE: &str = "did not answer in time";
    let before =
        |name, at| row(name, &[Once(at, Hang)], (Transient, LATE), OK, 1).with("&timeout=1");
    check_all(&[
        before("greeting", Greeting),
        before("hello", Hello),
        before("auth", Auth).user(),
        before("mail", Mail),
        before("rcpt", Rcpt),
        before("data", Data),
        row("end", &[Once(End, Hang)], (Unknown, LATE), OK, 2).with("&final_timeout=3"),
        row("end for ever", &[Always(End, Hang)], (Unknown, LATE), GIVEN_UP, 2)
            .with("&final_timeout=1"),
    ]);
}
