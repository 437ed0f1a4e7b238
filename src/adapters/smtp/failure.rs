//! Failures, with their kinds and their words for the operator.

use std::{borrow::Cow, io};

use zeroize::Zeroizing;

use super::{
    reply::{Broken, Reply},
    scrub::scrubbed,
};
use crate::ports::{SendError, SendErrorKind};

/// A step of the dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Connect,
    Greeting,
    Hello,
    StartTls,
    Auth,
    Mail,
    Recipient,
    Data,
    Block,
    /// The final dot. From its first byte on, the message may have been accepted.
    End,
}

/// The reason why a message was not handed over.
#[derive(Debug)]
pub(super) struct Failure {
    kind: SendErrorKind,
    words: Cow<'static, str>,
    /// The words of the server or the system.
    reason: Vec<u8>,
    /// True if a new connection may succeed.
    pub(super) is_of_connection: bool,
}

impl Failure {
    pub(super) fn new(kind: SendErrorKind, words: impl Into<Cow<'static, str>>) -> Self {
        Self { is_of_connection: false, kind, reason: Vec::new(), words: words.into() }
    }

    pub(super) fn because(mut self, reason: impl Into<Vec<u8>>) -> Self {
        self.reason = reason.into();
        self
    }

    /// Returns the failure for a reply that the step does not accept. Only the code decides its
    /// kind.
    pub(super) fn refused(phase: Phase, reply: &Reply) -> Self {
        let kind = kind(phase, reply.code);
        let failure = Self::new(kind, words(phase, kind)).because(own_words(reply));
        Self { is_of_connection: reply.is_farewell(), ..failure }
    }

    /// Returns the failure for a server that has closed with a last reply, which answered no
    /// command.
    pub(super) fn closed(reply: &Reply) -> Self {
        Self { is_of_connection: true, ..Self::refused(Phase::Hello, reply) }
    }

    /// Returns the failure for more replies than the step needs. It is unknown which of them is the
    /// answer.
    pub(super) fn surplus(phase: Phase, reply: &Reply, more: &[u8]) -> Self {
        let reason = [&own_words(reply), &b", and then "[..], more].concat();
        let words = format!("the server answered more than once{}", hint(phase));
        let failure = match phase {
            Phase::StartTls => Self::unsafe_start(),
            Phase::End => Self::new(SendErrorKind::Unknown, words),
            _ => Self::new(SendErrorKind::Transient, words),
        };
        Self { is_of_connection: true, ..failure.because(reason) }
    }

    /// Returns the failure for an apparent refusal that answered an earlier command.
    pub(super) fn out_of_step(is_committed: bool) -> Self {
        let words = "the server's answers do not belong to the commands; an earlier one came twice \
                     or late";
        let kind = if is_committed { SendErrorKind::Unknown } else { SendErrorKind::Transient };
        Self { is_of_connection: true, ..Self::new(kind, words) }
    }

    /// Returns true if the message is given up because of this failure.
    pub(super) fn is_for_good(&self) -> bool {
        self.kind == SendErrorKind::Permanent
    }

    /// Returns the failure for words that no command had asked for.
    pub(super) fn unasked(said: &[u8]) -> Self {
        let words = "the server said something that it was not asked for";
        let failure = Self::new(SendErrorKind::Transient, words).because(said);
        Self { is_of_connection: true, ..failure }
    }

    /// Returns the failure for text after the answer to STARTTLS in the clear. Such text need not
    /// come from the server (CVE-2011-0411 and similar).
    pub(super) fn unsafe_start() -> Self {
        let words = "the server sent more than its answer before TLS began; the connection is \
                     not safe";
        Self::new(SendErrorKind::Setup, words)
    }

    /// Returns the failure for a missing reply.
    pub(super) fn broken(phase: Phase, broken: Broken) -> Self {
        let kind = match phase {
            Phase::End => SendErrorKind::Unknown,
            _ => SendErrorKind::Transient,
        };
        let is_garbled = matches!(broken, Broken::Garbled);
        let (what, reason) = match broken {
            Broken::Garbled => ("the server's answer is not SMTP", String::new()),
            Broken::Late => ("the server did not answer in time", String::new()),
            Broken::Lost(error) => ("the connection was lost", io_words(&error)),
        };
        let hint = match phase {
            Phase::Greeting if is_garbled => "; check host and port",
            Phase::Greeting => {
                " before its greeting; a port that begins with TLS needs an smtps:// URL"
            }
            _ => hint(phase),
        };
        let failure = Self::new(kind, format!("{what}{hint}")).because(reason);
        Self { is_of_connection: true, ..failure }
    }

    /// Returns the error for the courier, without the `secrets`.
    pub(super) fn into_error(self, secrets: &[Zeroizing<String>]) -> SendError {
        let secrets: Vec<&str> = secrets.iter().map(|secret| secret.as_str()).collect();
        let mut message = format!("smtp: {}", self.words);
        let reason = scrubbed(&self.reason, &secrets);
        if !reason.is_empty() {
            message.push_str(": ");
            message.push_str(&reason);
        }
        SendError::new(self.kind, message)
    }
}

/// Returns the kind of a refusal, by its code and step.
const fn kind(phase: Phase, code: u16) -> SendErrorKind {
    match (phase, code) {
        // Encryption or authentication is needed, refused, too weak, expired or disabled (RFC 4954
        // section 6 and RFC 5248).
        (_, 523 | 524 | 525 | 530 | 534 | 535 | 538) => SendErrorKind::Setup,
        // For a recipient, this code means "for now" (RFC 5321 section 4.5.3.1.10).
        (Phase::Recipient, 552) => SendErrorKind::Transient,
        // A bad sequence of commands says nothing about the recipient.
        (Phase::Recipient | Phase::Data, 503) => SendErrorKind::Setup,
        (Phase::Recipient | Phase::Data | Phase::Block | Phase::End, 500..=599) => {
            SendErrorKind::Permanent
        }
        // Before the recipient is named, a refusal concerns every mail alike.
        (_, 500..=599) => SendErrorKind::Setup,
        (Phase::End, 200..=399) => SendErrorKind::Unknown,
        _ => SendErrorKind::Transient,
    }
}

/// Returns the words for a refusal, with advice for the operator.
const fn words(phase: Phase, kind: SendErrorKind) -> &'static str {
    match (phase, kind) {
        (Phase::End, SendErrorKind::Unknown) => {
            "the server answered out of turn after the end of the message; it may have been \
             delivered"
        }
        (Phase::Auth, SendErrorKind::Setup) => {
            "the server refuses the credentials; check them in the URL, or the token"
        }
        (Phase::Recipient | Phase::Data | Phase::Block | Phase::End, SendErrorKind::Setup) => {
            "the server requires authentication or encryption; check the URL"
        }
        (Phase::Mail, SendErrorKind::Setup) => {
            "the server refuses the sender; check `from` and the credentials in the URL"
        }
        (Phase::StartTls, SendErrorKind::Setup) => {
            "the server refuses STARTTLS; check its certificate and set-up"
        }
        (_, SendErrorKind::Setup) => "the server refuses this client; check host and port",
        (Phase::Recipient, SendErrorKind::Permanent) => "the server refuses the recipient",
        (_, SendErrorKind::Permanent) => "the server refuses the message",
        (Phase::Connect | Phase::Greeting | Phase::Hello, _) => "the server is not ready now",
        (Phase::StartTls, _) => "the server cannot begin TLS now",
        (Phase::Auth, _) => "the server cannot check the credentials now",
        (Phase::Mail, _) => "the server does not take the sender now",
        (Phase::Recipient, _) => "the server does not take the recipient now",
        (Phase::Data | Phase::Block | Phase::End, _) => "the server does not take the message now",
    }
}

/// Returns the words for the step that failed.
const fn hint(phase: Phase) -> &'static str {
    match phase {
        Phase::Connect => " while connecting",
        Phase::Greeting => " as its greeting",
        Phase::Hello => " after EHLO",
        Phase::StartTls => " while TLS began",
        Phase::Auth => " after AUTH",
        Phase::Mail => " after MAIL FROM",
        Phase::Recipient => " after RCPT TO",
        Phase::Data => " after DATA",
        Phase::Block => " before the end of the message",
        Phase::End => " after the end of the message; it may have been delivered",
    }
}

/// Returns the code and text on one line. An enhanced status code that each line repeats is shown
/// once.
fn own_words(reply: &Reply) -> Vec<u8> {
    let mut out = reply.code.to_string().into_bytes();
    let mut status: &[u8] = &[];
    for line in reply.lines().filter(|line| !line.is_empty()) {
        let first = line.split(|byte| *byte == b' ').next().unwrap_or_default();
        let line = match line.strip_prefix(status) {
            Some(rest) if !status.is_empty() => rest.trim_ascii_start(),
            _ => line,
        };
        if is_status(first) {
            status = first;
        }
        out.push(b' ');
        out.extend_from_slice(line);
    }
    out
}

/// Returns true if a word is an enhanced status code (RFC 3463).
fn is_status(word: &[u8]) -> bool {
    let mut parts = word.split(|byte| *byte == b'.');
    let number = |part: &[u8]| (1..=3).contains(&part.len()) && part.iter().all(u8::is_ascii_digit);
    matches!(parts.next(), Some(b"2" | b"4" | b"5"))
        && parts.next().is_some_and(number)
        && parts.next().is_some_and(number)
        && parts.next().is_none()
}

/// Returns the words of a broken connection, or none if it merely ended.
fn io_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => String::new(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(phase: Phase, reply: &str) -> String {
        let reply = super::super::reply::Incoming::default().reply(&mut reply.as_bytes()).unwrap();
        Failure::refused(phase, &reply).into_error(&[]).to_string()
    }

    #[test]
    fn each_code_has_its_kind_in_each_step() {
        use Phase::{Auth, Block, Data, End, Greeting, Hello, Mail, Recipient, StartTls};
        use SendErrorKind::{Permanent, Setup, Transient, Unknown};
        let all = [Greeting, Hello, StartTls, Auth, Mail, Recipient, Data, Block, End];
        for phase in all {
            for code in [400, 421, 432, 450, 451, 452, 454, 499] {
                assert_eq!(kind(phase, code), Transient, "{phase:?} {code}");
            }
            for code in [523, 524, 525, 530, 534, 535, 538] {
                assert_eq!(kind(phase, code), Setup, "{phase:?} {code}");
            }
        }
        for phase in [Greeting, Hello, StartTls, Auth, Mail] {
            assert_eq!(kind(phase, 550), Setup, "{phase:?}");
            assert_eq!(kind(phase, 554), Setup, "{phase:?}");
        }
        for phase in [Recipient, Data, Block, End] {
            assert_eq!(kind(phase, 550), Permanent, "{phase:?}");
            assert_eq!(kind(phase, 599), Permanent, "{phase:?}");
        }
        assert_eq!(kind(Recipient, 552), Transient);
        assert_eq!(kind(End, 552), Permanent);
        assert_eq!((kind(Recipient, 503), kind(Data, 503)), (Setup, Setup));
        assert_eq!((kind(Data, 250), kind(Mail, 354)), (Transient, Transient));
        assert_eq!((kind(End, 354), kind(End, 220)), (Unknown, Unknown));
    }

    #[test]
    fn an_error_has_code_status_and_text_on_one_line() {
        assert_eq!(
            shown(Phase::Recipient, "550-5.1.1 no such\r\n550 5.1.1 mailbox <ada@x.example>\r\n"),
            "smtp: the server refuses the recipient: 550 5.1.1 no such mailbox <…>"
        );
        assert_eq!(
            shown(Phase::Auth, "535\r\n"),
            "smtp: the server refuses the credentials; check them in the URL, or the token: 535"
        );
        assert_eq!(
            shown(Phase::Mail, "451 4.3.0-not a status\r\n"),
            "smtp: the server does not take the sender now: 451 4.3.0-not a status"
        );
    }

    #[test]
    fn only_after_the_final_dot_the_outcome_is_unknown() {
        let broken = |phase| Failure::broken(phase, Broken::Late).into_error(&[]).kind();
        assert_eq!(broken(Phase::End), SendErrorKind::Unknown);
        assert_eq!(broken(Phase::Block), SendErrorKind::Transient);
        assert_eq!(broken(Phase::Greeting), SendErrorKind::Transient);
    }

    #[test]
    fn only_a_permanent_failure_is_for_good() {
        use SendErrorKind::{Permanent, Setup, Transient, Unknown};
        for (kind, is_for_good) in
            [(Permanent, true), (Setup, false), (Transient, false), (Unknown, false)]
        {
            assert_eq!(Failure::new(kind, "so it is").is_for_good(), is_for_good, "{kind:?}");
        }
    }

    #[test]
    fn what_belongs_to_one_connection_may_be_tried_on_another() {
        let reply = |text: &str| {
            super::super::reply::Incoming::default().reply(&mut text.as_bytes()).unwrap()
        };
        assert!(Failure::closed(&reply("450 later\r\n")).is_of_connection);
        assert!(Failure::surplus(Phase::Mail, &reply("250 ok\r\n"), b"250").is_of_connection);
        assert!(Failure::out_of_step(false).is_of_connection);
        assert!(Failure::unasked(b"250 ok").is_of_connection);
        assert!(Failure::broken(Phase::Mail, Broken::Late).is_of_connection);
        assert!(Failure::refused(Phase::Mail, &reply("421 bye\r\n")).is_of_connection);
        assert!(!Failure::refused(Phase::Mail, &reply("450 later\r\n")).is_of_connection);
        assert!(!Failure::unsafe_start().is_of_connection);
    }

    #[test]
    fn a_greeting_that_is_missing_and_one_that_is_not_smtp_have_their_own_hints() {
        let shown = |phase, broken| Failure::broken(phase, broken).into_error(&[]).to_string();
        let garbled = shown(Phase::Greeting, Broken::Garbled);
        assert!(garbled.ends_with("is not SMTP; check host and port"), "{garbled}");
        let late = shown(Phase::Greeting, Broken::Late);
        assert!(late.ends_with("needs an smtps:// URL"), "{late}");
    }

    #[test]
    fn a_status_has_three_numbers_of_three_digits_at_most() {
        for word in ["2.0.0", "4.2.1", "5.7.508", "5.123.456"] {
            assert!(is_status(word.as_bytes()), "{word}");
        }
        for word in [
            "", "5", "5.1", "5.1.1.1", "3.1.1", "5..1", "5.1.", "5.x.1", "5.1.x", "5.1234.1",
            "5.1.1234", "550", "5-1-1",
        ] {
            assert!(!is_status(word.as_bytes()), "{word}");
        }
    }

    #[test]
    fn a_connection_that_merely_ended_needs_no_words() {
        assert_eq!(io_words(&io::ErrorKind::UnexpectedEof.into()), "");
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(io_words(&reset), reset.to_string());
    }
}
