//! The mail server and the sender's address, as a URL.

use std::{str::FromStr, time::Duration};

use zeroize::Zeroizing;

use super::{
    auth::{Credentials, Tokens},
    server::{Security, Server},
    session::Limits,
    tls::{self, Tls},
    url_error::SmtpUrlError,
};
use crate::{adapters::tls::is_this_machine, domain::EmailAddress, policy::meant};

/// The default number of connections that may be busy at once.
const CONNECTIONS: usize = 3;
const PARAMETERS: [&str; 7] =
    ["ca", "connections", "final_timeout", "from", "hello", "timeout", "tls"];

/// Parses a URL. Returns the server, and the address that mails come from.
pub(super) fn parse(
    url: &str,
    tokens: Option<Tokens>,
) -> Result<(Server, EmailAddress), SmtpUrlError> {
    let (scheme, rest) = url.split_once("://").ok_or(SmtpUrlError::Form)?;
    let is_tls = scheme.eq_ignore_ascii_case("smtps");
    if !is_tls && !scheme.eq_ignore_ascii_case("smtp") {
        return Err(SmtpUrlError::Form);
    }
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (user, place) = match place.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, place),
    };
    let credentials = credentials(user, tokens)?;
    let place = place.strip_suffix('/').unwrap_or(place);
    let (host, port) = host_and_port(place, if is_tls { 465 } else { 587 })?;
    let parameters = Parameters::read(query)?;
    let from = parameters.value("from").and_then(|from| EmailAddress::parse(from).ok());
    let from = from.ok_or(SmtpUrlError::From)?;
    let hello = match parameters.value("hello") {
        Some(hello) if is_name(hello) || is_literal(hello) => hello.to_owned(),
        Some(_) => return Err(SmtpUrlError::Hello),
        None => from.domain().to_owned(),
    };
    let roots = parameters.value("ca").map_or(Ok(Vec::new()), tls::roots)?;
    let security = match parameters.value("tls") {
        None | Some("required") if is_tls => Security::Tls(Tls::new(&host, &roots)?),
        None | Some("required") => Security::StartTls(Tls::new(&host, &roots)?),
        Some("none") if !is_tls && is_this_machine(&host) => Security::None,
        Some(_) => return Err(SmtpUrlError::Tls),
    };
    let mut limits = Limits::new();
    if let Some(seconds) = parameters.number("timeout", 300, SmtpUrlError::Timeout)? {
        limits.most = Duration::from_secs(seconds);
    }
    if let Some(seconds) = parameters.number("final_timeout", 600, SmtpUrlError::FinalTimeout)? {
        limits.end = Duration::from_secs(seconds);
    }
    let connections = parameters.number("connections", 32, SmtpUrlError::Connections)?;
    let connections = connections.unwrap_or(CONNECTIONS);
    Ok((Server { connections, credentials, hello, host, limits, port, security }, from))
}

/// The decoded parameters after `?`.
struct Parameters(Vec<(&'static str, Zeroizing<String>)>);

impl Parameters {
    fn read(query: &str) -> Result<Self, SmtpUrlError> {
        let mut read: Vec<(&'static str, Zeroizing<String>)> = Vec::new();
        let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
        for (place, parameter) in (1..).zip(parameters) {
            let (name, value) = match parameter.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (parameter, None),
            };
            let known = PARAMETERS.into_iter().find(|known| *known == name);
            let name = known.ok_or_else(|| unknown(place, name))?;
            let value = value.ok_or(SmtpUrlError::Form)?;
            if read.iter().any(|(other, _)| *other == name) {
                return Err(SmtpUrlError::Repeated(name));
            }
            read.push((name, decoded(value).ok_or(SmtpUrlError::Form)?));
        }
        Ok(Self(read))
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// Parses a number from 1 to `most`.
    fn number<N: FromStr + PartialOrd + From<u8>>(
        &self,
        name: &str,
        most: N,
        wrong: SmtpUrlError,
    ) -> Result<Option<N>, SmtpUrlError> {
        let Some(text) = self.value(name) else { return Ok(None) };
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| is_number && N::from(1) <= *number);
        number.filter(|number| *number <= most).map(Some).ok_or(wrong)
    }
}

fn unknown(place: usize, name: &str) -> SmtpUrlError {
    let name = meant(name, &PARAMETERS).map(|_| format!("`{name}`"));
    SmtpUrlError::Parameter(name.unwrap_or_else(|| place.to_string()))
}

fn host_and_port(place: &str, usual: u16) -> Result<(String, u16), SmtpUrlError> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (inner, after) = rest.split_once(']').ok_or(SmtpUrlError::Host)?;
            let address = inner.parse::<std::net::Ipv6Addr>().map_err(|_| SmtpUrlError::Host)?;
            let port = match after {
                "" => None,
                _ => Some(after.strip_prefix(':').ok_or(SmtpUrlError::Form)?),
            };
            (address.to_string(), port)
        }
        None => {
            let (host, port) = match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            };
            if !is_name(host) {
                return Err(if host.is_empty() { SmtpUrlError::Form } else { SmtpUrlError::Host });
            }
            (host.to_owned(), port)
        }
    };
    let port = match port {
        None => usual,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port > 0).ok_or(SmtpUrlError::Port)?
        }
        Some(_) => return Err(SmtpUrlError::Port),
    };
    Ok((host, port))
}

/// Returns true for a host name or an IPv4 address. The names of containers may have underscores.
fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(plain);
    let name = text.strip_suffix('.').unwrap_or(text);
    name.len() <= 253 && name.split('.').all(is_label)
}

/// Returns true for an address in brackets (RFC 5321 section 4.1.3).
fn is_literal(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    inner.is_some_and(|inner| match inner.strip_prefix("IPv6:") {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => inner.parse::<std::net::Ipv4Addr>().is_ok(),
    })
}

fn credentials(
    text: Option<&str>,
    tokens: Option<Tokens>,
) -> Result<Option<Credentials>, SmtpUrlError> {
    let (user, password) = match text.map(|text| text.split_once(':').ok_or(text)) {
        None => (None, None),
        Some(Ok((user, password))) => (Some(user), Some(password)),
        Some(Err(user)) => (Some(user), None),
    };
    let decode = |text: &str| decoded(text).ok_or(SmtpUrlError::Form);
    let user = user.map(decode).transpose()?;
    let password = password.map(decode).transpose()?;
    if user.as_ref().is_some_and(|user| user.is_empty()) {
        return Err(SmtpUrlError::Form);
    }
    match (user, password, tokens) {
        (None, _, None) => Ok(None),
        (Some(user), Some(password), None) => Ok(Some(Credentials::Password { password, user })),
        (Some(_), None, None) => Err(SmtpUrlError::Password),
        (Some(user), None, Some(tokens)) => Ok(Some(Credentials::Token { tokens, user })),
        (_, _, Some(_)) => Err(SmtpUrlError::Token),
    }
}

/// Decodes percent-encoding (RFC 3986 section 2.1).
fn decoded(text: &str) -> Option<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first == b'%' {
            let (digits, tail) = rest.split_at_checked(2)?;
            let digits = core::str::from_utf8(digits).ok()?;
            // The number parser would also accept a sign.
            let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            bytes.push(u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?);
            rest = tail;
        } else {
            bytes.push(*first);
        }
    }
    let text = core::str::from_utf8(&bytes).ok()?;
    (!text.chars().any(char::is_control)).then(|| Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
#[path = "url_tests.rs"]
mod tests;
