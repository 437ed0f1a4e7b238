//! The dialogue over a connection with simulated delays, so that no test waits.

use std::{collections::VecDeque, io};

use super::*;
use crate::ports::SendErrorKind::{Permanent, Setup, Transient, Unknown};

/// A server that answers step by step. The time of each answer only counts against the limit.
#[derive(Default)]
pub(in crate::adapters::smtp) struct Scripted {
    answers: VecDeque<(u64, Vec<u8>)>,
    limit: Duration,
    pub(in crate::adapters::smtp) sent: Vec<u8>,
    /// The number of bytes after which writing fails.
    breaks_after: Option<usize>,
    /// Text that arrives before this many commands are written.
    unasked: Option<(usize, &'static str)>,
    glances: usize,
}

impl Scripted {
    pub(in crate::adapters::smtp) fn new<'a>(
        answers: impl IntoIterator<Item = (u64, &'a str)>,
    ) -> Self {
        let answers = answers.into_iter().map(|(after, text)| (after, text.into())).collect();
        Self { answers, ..Self::default() }
    }
}

impl Read for Scripted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((after, text)) = self.answers.pop_front() else { return Ok(0) };
        if Duration::from_secs(after) > self.limit {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let (now, later) = text.split_at(text.len().min(buffer.len()));
        buffer[..now.len()].copy_from_slice(now);
        if !later.is_empty() {
            self.answers.push_front((0, later.to_vec()));
        }
        Ok(now.len())
    }
}

impl Write for Scripted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.breaks_after.is_some_and(|most| self.sent.len() + bytes.len() > most) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.sent.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Wire for Scripted {
    fn within(&mut self, limit: Duration) {
        self.limit = limit;
    }

    fn glance(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let at = self.glances;
        self.glances += 1;
        let Some((_, text)) = self.unasked.take_if(|(command, _)| *command == at) else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        buffer[..text.len()].copy_from_slice(text.as_bytes());
        Ok(text.len())
    }
}

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

/// Sends one message in a new session. Returns the result, and what was sent.
fn whole(wire: Scripted, limits: Limits, to: &str, from: &str) -> (Result<(), Failure>, String) {
    let mut session = Session::new(wire, limits);
    let (from, to) = (address(from), address(to));
    let envelope = Envelope { from: &from, to: &to };
    let done = session
        .greeting()
        .and_then(|()| session.hello("me.example"))
        .and_then(|()| session.send(envelope, b"Subject: x\r\n\r\nhi\r\n", || true));
    (done, String::from_utf8(session.wire.sent).unwrap())
}

fn sent(wire: Scripted) -> (Result<(), Failure>, String) {
    whole(wire, Limits::new(), "ada@x.example", "no-reply@y.example")
}

const GOOD: [&str; 6] = [
    "220 hi\r\n",
    "250-me\r\n250 SMTPUTF8\r\n",
    "250 ok\r\n",
    "250 ok\r\n",
    "354 go\r\n",
    "250 ok\r\n",
];

/// Returns friendly answers up to a step, which has this answer, and then the answer to QUIT.
fn refusing(step: usize, answer: &str) -> Scripted {
    let before = GOOD.into_iter().take(step);
    Scripted::new(before.chain([answer, "221 bye\r\n"]).map(|text| (0, text)))
}

fn kind(done: Result<(), Failure>) -> SendErrorKind {
    done.unwrap_err().into_error(&[]).kind()
}

#[test]
fn each_step_waits_as_long_as_rfc_5321_asks() {
    // The steps are greeting, EHLO, MAIL, RCPT, DATA and final dot.
    let limits = [300, 300, 300, 300, 120, 600];
    for (step, limit) in limits.into_iter().enumerate() {
        let late = |by: u64| {
            let answers = GOOD.into_iter().enumerate();
            sent(Scripted::new(
                answers.map(|(at, text)| (if at == step { limit + by } else { 0 }, text)),
            ))
        };

        assert!(late(0).0.is_ok(), "step {step}");
        let wanted = if step == 5 { Unknown } else { Transient };
        assert_eq!(kind(late(1).0), wanted, "step {step}");
    }
}

#[test]
fn a_shorter_timeout_holds_before_the_final_dot_only() {
    let limits = Limits { most: Duration::from_secs(2), end: Limits::END };
    for step in 0..6 {
        let answers = GOOD.into_iter().enumerate();
        let answers = answers.map(|(at, text)| (if at == step { 3 } else { 0 }, text));
        let done = whole(Scripted::new(answers), limits, "ada@x.example", "a@y.example").0;
        assert_eq!(done.is_ok(), step == 5, "step {step}");
    }
}

#[test]
fn a_connection_that_ends_after_the_final_dot_leaves_the_outcome_unknown() {
    for answers in 0..6 {
        let done = sent(Scripted::new(GOOD.into_iter().take(answers).map(|text| (0, text)))).0;
        assert_eq!(kind(done), if answers == 5 { Unknown } else { Transient }, "{answers}");
    }
}

#[test]
fn a_refusal_is_heard_although_the_server_has_closed() {
    let mut answers = GOOD;
    answers[5] = "552 5.3.4 too large\r\n";
    let mut wire = Scripted::new(answers.map(|text| (0, text)));
    let whole = sent(Scripted::new(GOOD.map(|text| (0, text)))).1.len();
    wire.breaks_after = Some(whole - 8);
    assert_eq!(kind(sent(wire).0), Permanent);

    let mut wire = Scripted::new(GOOD.into_iter().take(5).map(|text| (0, text)));
    wire.breaks_after = Some(whole - 8);
    assert_eq!(kind(sent(wire).0), Transient);
    let mut wire = Scripted::new(GOOD.into_iter().take(5).map(|text| (0, text)));
    wire.breaks_after = Some(whole - 1);
    assert_eq!(kind(sent(wire).0), Unknown);
}

#[test]
fn a_line_that_could_not_be_written_was_not_refused() {
    // The server closes before RCPT TO and before DATA, with a reply about something else.
    for (at, line) in [(3, "RCPT TO:<ada@x.example>\r\n"), (4, "DATA\r\n")] {
        let mut answers = GOOD;
        answers[at] = "550 5.7.1 too many connections\r\n";
        let written = sent(Scripted::new(GOOD.map(|text| (0, text)))).1;
        let mut wire = Scripted::new(answers.map(|text| (0, text)));
        wire.breaks_after = written.find(line);
        let error = sent(wire).0.unwrap_err().into_error(&[]);
        assert_eq!(error.kind(), Setup, "{line}: {error}");
    }
}

#[test]
fn what_is_said_unasked_is_no_answer_to_what_follows() {
    // The text comes before EHLO, MAIL, RCPT, DATA or the final dot.
    for command in 0..5 {
        for unasked in ["550 no\r\n", "250 ok\r\n", "hm", "250 ok\r\n421 bye\r\n"] {
            let mut wire = Scripted::new(GOOD.map(|text| (0, text)));
            wire.unasked = Some((command, unasked));
            let (done, sent) = sent(wire);
            let error = done.unwrap_err().into_error(&[]);
            assert_eq!(error.kind(), Transient, "{command}: {error}");
            assert!(error.to_string().contains("not asked for: "), "{error}");
            assert!(!sent.ends_with(".\r\n"), "{command}: {sent}");
        }
        let mut wire = Scripted::new(GOOD.map(|text| (0, text)));
        wire.unasked = Some((command, "421 4.3.2 going down\r\n"));
        let error = sent(wire).0.unwrap_err().into_error(&[]);
        assert_eq!(error.kind(), Transient, "{command}");
        assert!(error.to_string().ends_with("421 4.3.2 going down"), "{error}");
    }
}

#[test]
fn a_second_answer_makes_the_first_one_unclear() {
    for step in 0..6 {
        for more in ["250 more\r\n", "550 more\r\n", "25", "hm\r\n"] {
            let both = [GOOD[step], more].concat();
            let mut answers = GOOD;
            answers[step] = &both;
            let done = sent(Scripted::new(answers.map(|text| (0, text)))).0;
            if (step, more) == (5, "250 more\r\n") {
                assert!(done.is_ok(), "both say that the message is taken");
                continue;
            }
            let error = done.unwrap_err().into_error(&[]);
            let wanted = if step == 5 { Unknown } else { Transient };
            assert_eq!(error.kind(), wanted, "{step}: {error}");
            assert!(error.to_string().contains("answered more than once"), "{error}");
        }
    }
    for (answer, wanted) in [
        ("550 no\r\n250 ok\r\n", Transient),
        ("550 no\r\n550 no\r\n", Transient),
        ("550 no\r\n421 too many errors\r\n", Permanent),
    ] {
        assert_eq!(kind(sent(refusing(3, answer)).0), wanted, "{answer}");
    }
    for (answer, wanted) in [
        ("554 no\r\n250 ok\r\n", Unknown),
        ("554 no\r\n554 no\r\n", Permanent),
        ("554 no\r\n421 bye\r\n", Permanent),
        ("451 no\r\n554 no\r\n", Unknown),
    ] {
        assert_eq!(kind(sent(refusing(5, answer)).0), wanted, "{answer}");
    }
}

#[test]
fn a_refusal_counts_for_good_only_if_the_next_answer_fits_too() {
    for (step, more, wanted) in [
        (3, "221 bye\r\n", Permanent),
        (3, "421 bye\r\n", Permanent),
        (3, "", Permanent),
        // This is the answer to RCPT TO, because the one to MAIL FROM was taken for it.
        (3, "503 5.5.1 MAIL first\r\n", Transient),
        (3, "250 ok\r\n", Transient),
        (3, "503 5.5.1 MAIL first\r\n221 bye\r\n", Transient),
        (5, "221 bye\r\n", Permanent),
        (5, "250 queued\r\n", Unknown),
    ] {
        let mut wire = refusing(step, "550 no\r\n");
        wire.answers.pop_back();
        wire.answers.push_back((0, more.into()));
        let (done, sent) = sent(wire);
        assert_eq!(kind(done), wanted, "{step} {more:?}");
        assert!(sent.ends_with("\r\nQUIT\r\n"), "{sent}");
    }
    let mut wire = refusing(3, "550 no\r\n");
    wire.unasked = Some((3, "250 ok\r\n"));
    assert_eq!(kind(sent(wire).0), Transient);
}

#[test]
fn a_connection_on_which_too_much_was_said_serves_no_other_message() {
    for (answer, is_usable) in [
        ("250 ok\r\n", true),
        ("250 ok\r\n250 ok\r\n", false),
        ("250 ok\r\n421 bye\r\n", false),
        ("554 no\r\n250 ok\r\n", false),
    ] {
        let mut answers = GOOD;
        answers[5] = answer;
        let wire = Scripted::new(answers.into_iter().skip(2).map(|text| (0, text)));
        let mut session = Session::new(wire, Limits::new());
        let (from, to) = (address("a@y.example"), address("ada@x.example"));
        let _ = session.send(Envelope { from: &from, to: &to }, b"hi\r\n", || true);
        assert_eq!(session.is_usable(), is_usable, "{answer}");
    }
}

#[test]
fn lines_end_in_crlf_and_no_line_of_the_message_is_a_dot() {
    for (message, written) in [
        ("a\r\n", "a\r\n"),
        ("a", "a\r\n"),
        ("a\nb\rc\r\n", "a\r\nb\r\nc\r\n"),
        (".\n..\r\n.a\r.\r", "..\r\n...\r\n..a\r\n..\r\n"),
        ("a\r\r\nb\n\n", "a\r\n\r\nb\r\n\r\n"),
        ("a.\r\n", "a.\r\n"),
        ("", ""),
    ] {
        assert_eq!(stuffed(message.as_bytes()), written.as_bytes(), "{message:?}");
    }
}

#[test]
fn a_whole_dialogue_is_in_order() {
    let (done, sent) = sent(Scripted::new(GOOD.map(|text| (0, text))));
    assert!(done.is_ok());
    assert_eq!(
        sent,
        "EHLO me.example\r\nMAIL FROM:<no-reply@y.example>\r\nRCPT TO:<ada@x.example>\r\n\
         DATA\r\nSubject: x\r\n\r\nhi\r\n.\r\n"
    );
}

#[test]
fn nothing_is_committed_for_a_caller_that_has_left() {
    let wire = Scripted::new(GOOD.into_iter().skip(2).take(3).map(|text| (0, text)));
    let mut session = Session::new(wire, Limits::new());
    let (from, to) = (address("a@y.example"), address("ada@x.example"));
    let done = session.send(Envelope { from: &from, to: &to }, b"hi\r\n", || false);
    assert_eq!(kind(done), Transient);
    assert!(session.wire.sent.ends_with(b"DATA\r\nhi\r\n") && !session.is_usable());
}

#[test]
fn a_server_without_smtputf8_concerns_the_address_that_needs_it() {
    let plain = |text: &'static str| {
        let mut answers = GOOD;
        answers[1] = text;
        Scripted::new(answers.map(|text| (0, text)))
    };
    let (ascii, other) = ("a@y.example", "jörg@x.example");
    let bare = "250 me\r\n";
    assert_eq!(kind(whole(plain(bare), Limits::new(), other, ascii).0), Permanent);
    assert_eq!(kind(whole(plain(bare), Limits::new(), ascii, other).0), Setup);
    assert!(whole(plain(bare), Limits::new(), ascii, ascii).0.is_ok());

    let (done, sent) = whole(plain(GOOD[1]), Limits::new(), other, ascii);
    assert!(done.is_ok());
    assert!(sent.contains("MAIL FROM:<a@y.example> BODY=8BITMIME SMTPUTF8\r\n"), "{sent}");
    assert!(sent.contains("RCPT TO:<jörg@x.example>\r\n"), "{sent}");

    for (code, wanted) in [(553, Permanent), (555, Permanent), (550, Permanent), (530, Setup)] {
        let refusal = format!("{code} 5.6.7 no\r\n");
        let wire = refusing(2, &refusal);
        assert_eq!(kind(whole(wire, Limits::new(), other, ascii).0), wanted, "{code}");
        let wire = refusing(2, &refusal);
        assert_eq!(kind(whole(wire, Limits::new(), ascii, other).0), Setup, "{code}");
    }
}

#[test]
fn an_old_server_is_greeted_with_helo() {
    let answers = ["220 hi\r\n", "502 what\r\n", "250 me\r\n", "250 a\r\n", "250 b\r\n"];
    let wire = Scripted::new(answers.into_iter().chain(GOOD.into_iter().skip(4)).map(|it| (0, it)));
    let (done, sent) = sent(wire);
    assert!(done.is_ok() && sent.contains("\r\nHELO me.example\r\n"), "{sent}");
}

#[test]
fn what_comes_with_the_answer_to_starttls_is_refused() {
    let opened = |answer: &str| {
        let offers = "250-me\r\n250 STARTTLS\r\n";
        let mut session = Session::new(Scripted::new([(0, offers), (0, answer)]), Limits::new());
        session.hello("me.example").unwrap();
        session.start_tls().map(drop)
    };
    assert!(opened("220 go\r\n").is_ok());
    assert_eq!(kind(opened("220 go\r\n250 injected\r\n")), Setup);
    assert_eq!(kind(opened("220 go\r\n421 injected\r\n")), Setup);
    assert_eq!(kind(opened("220 go\r\n\x16\x03")), Setup);
    assert_eq!(kind(opened("454 not now\r\n")), Transient);
    assert_eq!(kind(opened("501 no\r\n")), Setup);
}

#[test]
fn a_kept_connection_is_asked_first_and_not_for_long() {
    let probe = |after: u64, answer: &str| {
        let mut session = Session::new(Scripted::new([(after, answer)]), Limits::new());
        session.probe()
    };
    assert!(probe(5, "250 ok\r\n"));
    assert!(!probe(6, "250 ok\r\n"));
    assert!(!probe(0, "421 closing\r\n") && !probe(0, "250 ok\r\n421 closing\r\n"));
    assert!(!probe(0, ""));
}

#[test]
fn offers_are_read_in_every_form() {
    let read = |text: &str| {
        let mut session = Session::new(Scripted::new([(0, text)]), Limits::new());
        session.hello("me.example").unwrap();
        session.offers
    };
    let offers = read("250-starttls\r\n250-auth plain Login\r\n250-AUTH=XOAUTH2\r\n250 \u{fc}\r\n");
    assert!(!offers.start_tls && !offers.utf8);
    assert_eq!(offers.auth, ["PLAIN", "LOGIN", "XOAUTH2"]);
    assert!(read("250-me\r\n250-StartTLS\r\n250 SMTPUTF8\r\n").start_tls);
}

#[test]
fn after_a_farewell_or_an_answer_out_of_place_a_session_serves_nobody() {
    for (answer, is_usable) in [
        ("450 later\r\n", true),
        ("550 no\r\n", true),
        ("421 bye\r\n", false),
        ("250 ok\r\n", false),
    ] {
        let mut session = Session::new(Scripted::new([(0, answer)]), Limits::new());
        let reply = session.reply(Phase::Mail).unwrap();
        assert!(session.expect(3, Phase::Mail, reply).is_err());
        assert_eq!(session.is_usable, is_usable, "{answer}");
    }
}

#[test]
fn only_a_refusal_is_an_answer_to_what_could_not_be_written() {
    for (last, is_answer) in [("554 no\r\n", true), ("421 bye\r\n", true), ("250 ok\r\n", false)] {
        let mut wire = Scripted::new([(0, last)]);
        wire.breaks_after = Some(0);
        let mut session = Session::new(wire, Limits::new());
        let written = session.write(Phase::End, b".\r\n");
        assert_eq!(written.is_ok_and(|reply| reply.is_some()), is_answer, "{last}");
    }
}

#[test]
fn each_step_has_the_time_that_rfc_5321_gives_it() {
    let seconds = |phase| Limits::new().of(phase).as_secs();
    assert_eq!([Phase::Greeting, Phase::Mail, Phase::Recipient].map(seconds), [300; 3]);
    assert_eq!([Phase::Data, Phase::Block, Phase::End].map(seconds), [120, 180, 600]);
}
