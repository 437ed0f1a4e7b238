//! The dialogue with a server (RFC 5321), over any connection.

use std::{
    io::{self, Read, Write},
    time::Duration,
};

use super::{
    failure::{Failure, Phase},
    reply::{Broken, Incoming, Reply},
};
use crate::{domain::EmailAddress, ports::SendErrorKind};

/// The longest block of a message that is written at once.
const BLOCK: usize = 8 * 1024;
/// The time to wait for a reply after writing has failed.
const LAST_WORD: Duration = Duration::from_secs(1);
/// The time that a kept connection may take to show that it works, or that it is closed.
const PROBE: Duration = Duration::from_secs(5);

/// A connection with a time limit.
pub(super) trait Wire: Read + Write {
    /// Makes reading and writing fail once this time is over.
    fn within(&mut self, limit: Duration);

    /// Reads what has arrived already. Never waits, and fails if nothing has arrived.
    fn glance(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
}

/// The time limits of RFC 5321 section 4.5.3.2.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The upper bound of each limit before the final dot.
    pub(super) most: Duration,
    /// The limit after the final dot. A shorter one leads to duplicate mails.
    pub(super) end: Duration,
}

/// The sender and the recipient.
#[derive(Clone, Copy)]
pub(super) struct Envelope<'a> {
    pub(super) from: &'a EmailAddress,
    pub(super) to: &'a EmailAddress,
}

/// The extensions that a server offers after EHLO.
#[derive(Debug, Default)]
struct Offers {
    auth: Vec<String>,
    start_tls: bool,
    utf8: bool,
}

/// One connection, with the known facts about its server.
pub(super) struct Session<W> {
    wire: W,
    incoming: Incoming,
    limits: Limits,
    offers: Offers,
    is_usable: bool,
}

impl Limits {
    pub(super) const CONNECT: Duration = Duration::from_secs(15);
    const REPLY: Duration = Duration::from_secs(5 * 60);
    const DATA: Duration = Duration::from_secs(2 * 60);
    const BLOCK: Duration = Duration::from_secs(3 * 60);
    pub(super) const END: Duration = Duration::from_secs(10 * 60);

    pub(super) const fn new() -> Self {
        Self { end: Self::END, most: Self::REPLY }
    }

    pub(super) fn of(&self, phase: Phase) -> Duration {
        let limit = match phase {
            Phase::End => return self.end,
            Phase::Connect => Self::CONNECT,
            Phase::Data => Self::DATA,
            Phase::Block => Self::BLOCK,
            Phase::Greeting
            | Phase::Hello
            | Phase::StartTls
            | Phase::Auth
            | Phase::Mail
            | Phase::Recipient => Self::REPLY,
        };
        limit.min(self.most)
    }
}

impl<W: Wire> Session<W> {
    pub(super) fn new(wire: W, limits: Limits) -> Self {
        let (incoming, offers) = (Incoming::default(), Offers::default());
        Self { incoming, is_usable: true, limits, offers, wire }
    }

    pub(super) const fn wire(&mut self) -> &mut W {
        &mut self.wire
    }

    /// Returns true if another message can be sent.
    pub(super) const fn is_usable(&self) -> bool {
        self.is_usable
    }

    pub(super) fn greeting(&mut self) -> Result<(), Failure> {
        self.wire.within(self.limits.of(Phase::Greeting));
        let reply = self.reply(Phase::Greeting)?;
        self.expect(2, Phase::Greeting, reply).map(drop)
    }

    /// Sends EHLO, and remembers the extensions of the server.
    pub(super) fn hello(&mut self, name: &str) -> Result<(), Failure> {
        let reply = self.command(Phase::Hello, &format!("EHLO {name}"))?;
        // An old server that offers no extensions (RFC 5321 section 3.2).
        if matches!(reply.code, 500 | 502) {
            self.offers = Offers::default();
            let reply = self.command(Phase::Hello, &format!("HELO {name}"))?;
            return self.expect(2, Phase::Hello, reply).map(drop);
        }
        let reply = self.expect(2, Phase::Hello, reply)?;
        self.offers = Offers::read(&reply);
        Ok(())
    }

    /// Asks for TLS, and gives the connection back for the handshake.
    pub(super) fn start_tls(mut self) -> Result<W, Failure> {
        if !self.offers.start_tls {
            let words = "the server does not offer STARTTLS; use a server that does, or an \
                         smtps:// URL";
            return Err(Failure::new(SendErrorKind::Setup, words));
        }
        let reply = self.command(Phase::StartTls, "STARTTLS")?;
        self.expect(2, Phase::StartTls, reply)?;
        if !self.incoming.is_empty() {
            return Err(Failure::unsafe_start());
        }
        Ok(self.wire)
    }

    /// Returns the AUTH mechanisms that the server offers, in capitals.
    pub(super) fn mechanisms(&self) -> &[String] {
        &self.offers.auth
    }

    /// Sends a message. Calls `commit` just before the final dot, which may still forbid it.
    pub(super) fn send(
        &mut self,
        envelope: Envelope<'_>,
        message: &[u8],
        commit: impl FnOnce() -> bool,
    ) -> Result<(), Failure> {
        let parameter = self.utf8_parameter(envelope)?;
        let mut is_committed = false;
        let done = self.hand_over(envelope, parameter, message, || {
            is_committed = commit();
            is_committed
        });
        done.map_err(|failure| {
            if failure.is_for_good() && self.is_usable && !self.is_in_step() {
                return Failure::out_of_step(is_committed);
            }
            failure
        })
    }

    fn hand_over(
        &mut self,
        envelope: Envelope<'_>,
        parameter: &str,
        message: &[u8],
        commit: impl FnOnce() -> bool,
    ) -> Result<(), Failure> {
        let Envelope { from, to } = envelope;
        let mail = format!("MAIL FROM:<{}>{parameter}", from.as_str());
        let reply = self.command(Phase::Mail, &mail)?;
        // Here the recipient's address is refused (RFC 6531 section 3.5).
        let concerns_recipient = !parameter.is_empty() && from.as_str().is_ascii();
        let phase = match reply.code {
            550 | 553 | 555 if concerns_recipient => Phase::Recipient,
            _ => Phase::Mail,
        };
        self.expect(2, phase, reply)?;
        let reply = self.command(Phase::Recipient, &format!("RCPT TO:<{}>", to.as_str()))?;
        self.expect(2, Phase::Recipient, reply)?;
        let reply = self.command(Phase::Data, "DATA")?;
        self.expect(3, Phase::Data, reply)?;
        self.is_usable = false;
        for block in stuffed(message).chunks(BLOCK) {
            if let Some(reply) = self.write(Phase::Block, block)? {
                return Err(Failure::refused(Phase::Block, &reply));
            }
        }
        if !commit() {
            return Err(Failure::new(SendErrorKind::Transient, "nobody waits for the message"));
        }
        let reply = self.command(Phase::End, ".")?;
        self.is_usable = self.incoming.is_empty();
        self.expect(2, Phase::End, reply).map(drop)
    }

    /// Returns true if a kept connection still works.
    pub(super) fn probe(&mut self) -> bool {
        let kept = self.limits;
        self.limits.most = PROBE.min(kept.most);
        let reply = self.command(Phase::Mail, "RSET");
        self.limits = kept;
        reply.is_ok_and(|reply| reply.is(2)) && self.is_usable
    }

    /// Sends QUIT, and ignores the answer.
    pub(super) fn quit(mut self) {
        let _ = self.take_leave();
    }

    fn take_leave(&mut self) -> Result<Reply, Failure> {
        self.is_usable = false;
        self.limits.most = PROBE.min(self.limits.most);
        self.command(Phase::Mail, "QUIT")
    }

    /// Returns true if the last answer belongs to the last command.
    ///
    /// If an earlier answer came late and another one was taken for it, it would now precede the
    /// answer to QUIT. A server that says nothing more is believed.
    fn is_in_step(&mut self) -> bool {
        match self.take_leave() {
            Ok(reply) => reply.code == 221 || reply.is_farewell(),
            Err(_) => self.incoming.rest().is_some_and(|rest| rest.iter().all(Reply::is_farewell)),
        }
    }

    /// Writes a line, and reads its answer. The answer must be the only one, and it must come after
    /// the line was written.
    pub(super) fn command(&mut self, phase: Phase, line: &str) -> Result<Reply, Failure> {
        self.check_silence(phase)?;
        let line = zeroize::Zeroizing::new([line, "\r\n"].concat());
        match self.write(phase, line.as_bytes())? {
            Some(reply) => Ok(reply),
            None => self.reply(phase),
        }
    }

    /// Returns a reply whose code begins with this digit, or the failure.
    pub(super) fn expect(
        &mut self,
        first: u16,
        phase: Phase,
        reply: Reply,
    ) -> Result<Reply, Failure> {
        if reply.is(first) {
            return Ok(reply);
        }
        if reply.is_farewell() || !(reply.is(4) || reply.is(5)) {
            self.is_usable = false;
        }
        Err(Failure::refused(phase, &reply))
    }

    /// Writes all bytes. If a server refuses and closes, its reply is read although writing failed.
    fn write(&mut self, phase: Phase, bytes: &[u8]) -> Result<Option<Reply>, Failure> {
        self.wire.within(self.limits.of(phase));
        let Err(error) = self.wire.write_all(bytes).and_then(|()| self.wire.flush()) else {
            return Ok(None);
        };
        self.is_usable = false;
        self.wire.within(LAST_WORD);
        match self.incoming.reply(&mut self.wire) {
            Ok(reply) if !(reply.is(4) || reply.is(5)) => Err(Failure::broken(phase, error.into())),
            // A line that was not written has no answer, so this reply is not about the recipient.
            Ok(reply) if matches!(phase, Phase::Recipient | Phase::Data) => {
                Err(Failure::closed(&reply))
            }
            Ok(reply) => Ok(Some(reply)),
            Err(_) => Err(Failure::broken(phase, error.into())),
        }
    }

    /// Reads the one answer to the last line.
    fn reply(&mut self, phase: Phase) -> Result<Reply, Failure> {
        let reply = self.incoming.reply(&mut self.wire).map_err(|broken: Broken| {
            self.is_usable = false;
            Failure::broken(phase, broken)
        })?;
        if self.incoming.is_empty() {
            return Ok(reply);
        }
        self.is_usable = false;
        // A goodbye may follow any answer. After the final dot, several answers may also agree.
        let is_known = self.incoming.rest().is_some_and(|rest| {
            let agrees = |more: &Reply| phase == Phase::End && reply.is(more.code / 100);
            rest.iter().all(|more| more.is_farewell() || agrees(more))
        });
        if is_known {
            return Ok(reply);
        }
        Err(Failure::surplus(phase, &reply, self.incoming.bytes()))
    }

    /// Fails if anything was received since the last answer, because it would be taken for the next
    /// one.
    pub(super) fn check_silence(&mut self, phase: Phase) -> Result<(), Failure> {
        if self.incoming.is_empty() {
            let Self { incoming, wire, .. } = self;
            incoming.take_in(|buffer| wire.glance(buffer));
        }
        if self.incoming.is_empty() {
            return Ok(());
        }
        self.is_usable = false;
        let rest = self.incoming.rest().unwrap_or_default();
        Err(match rest.first().filter(|reply| reply.is_farewell()) {
            Some(farewell) => Failure::refused(phase, farewell),
            None => Failure::unasked(self.incoming.bytes()),
        })
    }

    /// Returns the parameter for addresses with non-ASCII letters (RFC 6531).
    fn utf8_parameter(&self, envelope: Envelope<'_>) -> Result<&'static str, Failure> {
        let Envelope { from, to } = envelope;
        if from.as_str().is_ascii() && to.as_str().is_ascii() {
            return Ok("");
        }
        if self.offers.utf8 {
            return Ok(" BODY=8BITMIME SMTPUTF8");
        }
        let (kind, words) = if from.as_str().is_ascii() {
            let words = "the server does not offer SMTPUTF8, which this recipient's address needs";
            (SendErrorKind::Permanent, words)
        } else {
            let words = "the server does not offer SMTPUTF8, which the sender's address needs; \
                         choose an ASCII address for `from`";
            (SendErrorKind::Setup, words)
        };
        Err(Failure::new(kind, words))
    }
}

impl Offers {
    fn read(reply: &Reply) -> Self {
        let mut offers = Self::default();
        // The first line is the name of the server.
        for line in reply.lines().skip(1) {
            let line = String::from_utf8_lossy(line).to_ascii_uppercase();
            // The old form is `AUTH=LOGIN PLAIN`.
            let mut words = line.split([' ', '\t', '=']).filter(|word| !word.is_empty());
            match words.next() {
                Some("AUTH") => offers.auth.extend(words.map(str::to_owned)),
                Some("SMTPUTF8") => offers.utf8 = true,
                Some("STARTTLS") => offers.start_tls = true,
                _ => {}
            }
        }
        offers
    }
}

/// Returns the message with CRLF at the end of each line, and with leading dots doubled.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + message.len() / 32 + 2);
    let mut last = b'\n';
    for byte in message {
        if last == b'\r' && *byte != b'\n' {
            out.push(b'\n');
            last = b'\n';
        }
        match byte {
            b'\n' if last != b'\r' => out.push(b'\r'),
            b'.' if last == b'\n' => out.push(b'.'),
            _ => {}
        }
        out.push(*byte);
        last = *byte;
    }
    match last {
        b'\n' => {}
        b'\r' => out.push(b'\n'),
        _ => out.extend_from_slice(b"\r\n"),
    }
    out
}

#[cfg(test)]
#[path = "session_tests.rs"]
pub(super) mod tests;
