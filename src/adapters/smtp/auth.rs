//! Authentication (RFC 4954): PLAIN, LOGIN, and XOAUTH2 with the host's token.

use std::sync::Arc;

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use super::{
    failure::{Failure, Phase},
    session::{Session, Wire},
};
use crate::ports::{SendError, SendErrorKind};

/// The longest command line (RFC 5321 section 4.5.3.1.4). A longer secret is sent on its own lines.
const LINE: usize = 510;
/// The number of challenges that are answered at most.
const ROUNDS: usize = 4;

/// A function of the host that returns an access token.
pub(super) type Tokens = Arc<dyn Fn() -> Result<String, SendError> + Send + Sync>;

/// The credentials of this client.
pub(super) enum Credentials {
    Password { user: Zeroizing<String>, password: Zeroizing<String> },
    Token { user: Zeroizing<String>, tokens: Tokens },
}

/// One exchange, with a mechanism and its answers to the server's challenges.
struct Exchange {
    mechanism: &'static str,
    /// The answer that is sent with the command itself, if it fits.
    initial: Option<Zeroizing<String>>,
    answers: Vec<Zeroizing<String>>,
    token: Option<Zeroizing<String>>,
}

impl Credentials {
    /// Authenticates this client. Adds everything secret that was sent to `secrets`, so that no
    /// error shows it.
    pub(super) fn present<W: Wire>(
        &self,
        session: &mut Session<W>,
        secrets: &mut Vec<Zeroizing<String>>,
    ) -> Result<(), Failure> {
        let exchange = self.exchange(session.mechanisms())?;
        let sent = exchange.initial.iter().chain(&exchange.answers).chain(&exchange.token);
        secrets.extend(sent.cloned());
        run(session, exchange)
    }

    /// Returns the secrets that an error must not show.
    pub(super) fn secrets(&self) -> Vec<Zeroizing<String>> {
        match self {
            Self::Password { user, password } => vec![user.clone(), password.clone()],
            Self::Token { user, .. } => vec![user.clone()],
        }
    }

    fn exchange(&self, offered: &[String]) -> Result<Exchange, Failure> {
        let offers = |name: &str| offered.iter().any(|offered| offered == name);
        match self {
            Self::Password { user, password } if offers("PLAIN") => {
                let initial = encoded(&["\0", user, "\0", password]);
                let answers = vec![initial.clone()];
                Ok(Exchange { answers, initial: Some(initial), mechanism: "PLAIN", token: None })
            }
            Self::Password { user, password } if offers("LOGIN") => {
                let answers = vec![encoded(&[user]), encoded(&[password])];
                Ok(Exchange { answers, initial: None, mechanism: "LOGIN", token: None })
            }
            Self::Token { user, tokens } if offers("XOAUTH2") => {
                let token = Zeroizing::new(tokens().map_err(|error| {
                    let words = "the host gave no access token";
                    Failure::new(error.kind(), words).because(error.to_string())
                })?);
                if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                    let words = "the host's access token is empty or holds other characters than \
                                 visible ASCII";
                    return Err(Failure::new(SendErrorKind::Setup, words));
                }
                let initial = encoded(&["user=", user, "\u{1}auth=Bearer ", &token, "\u{1}\u{1}"]);
                // An error arrives as a challenge, which requires an empty answer.
                let answers = vec![Zeroizing::new(String::new())];
                let (initial, token) = (Some(initial), Some(token));
                Ok(Exchange { answers, initial, mechanism: "XOAUTH2", token })
            }
            Self::Password { .. } => Err(missing("user and password need PLAIN or LOGIN", offered)),
            Self::Token { .. } => Err(missing("an access token needs XOAUTH2", offered)),
        }
    }
}

/// Returns the failure if the server offers no mechanism that fits. It shows the offered names as
/// the server's own words.
fn missing(need: &str, offered: &[String]) -> Failure {
    if offered.is_empty() {
        let words = format!("the server does not offer AUTH; {need}");
        return Failure::new(SendErrorKind::Setup, words);
    }
    let known = |name: &&String| {
        name.len() <= 20 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let names: Vec<&str> = offered.iter().filter(known).take(8).map(String::as_str).collect();
    let only = if names.is_empty() { "" } else { ", only" };
    let words = format!("{need}, and the server offers no AUTH mechanism that fits{only}");
    Failure::new(SendErrorKind::Setup, words).because(names.join(" "))
}

fn run<W: Wire>(session: &mut Session<W>, exchange: Exchange) -> Result<(), Failure> {
    let Exchange { mechanism, initial, answers, .. } = exchange;
    let mut answers = answers.into_iter();
    let command = Zeroizing::new(match &initial {
        Some(initial) => format!("AUTH {mechanism} {}", **initial),
        None => format!("AUTH {mechanism}"),
    });
    let mut reply = if command.len() <= LINE {
        session.command(Phase::Auth, &command)?
    } else {
        let reply = session.command(Phase::Auth, &format!("AUTH {mechanism}"))?;
        match initial {
            Some(initial) if reply.is(3) => session.command(Phase::Auth, &initial)?,
            _ => reply,
        }
    };
    for _ in 0..ROUNDS {
        if !reply.is(3) {
            break;
        }
        // An asterisk cancels an exchange that has no more answers.
        let answer = answers.next();
        reply = session.command(Phase::Auth, answer.as_ref().map_or("*", |answer| answer))?;
    }
    if reply.is(3) {
        let words = "the server asks for more than the AUTH mechanism has; check its set-up";
        return Err(Failure::new(SendErrorKind::Setup, words));
    }
    session.expect(2, Phase::Auth, reply).map(drop)
}

fn encoded(parts: &[&str]) -> Zeroizing<String> {
    let plain = Zeroizing::new(parts.concat());
    Zeroizing::new(Base64::encode_string(plain.as_bytes()))
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;
