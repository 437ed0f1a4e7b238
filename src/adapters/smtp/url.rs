//! Where to send mail, as a URL.

use std::{fs, time::Duration};

use thiserror::Error;
use zeroize::Zeroizing;

use crate::domain::EmailAddress;

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Security {
    /// STARTTLS, or no mail.
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// None. Only where the URL says so.
    None,
}

/// A URL, read.
pub(super) struct SmtpUrl {
    pub(super) security: Security,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: Option<(String, Zeroizing<String>)>,
    pub(super) from: EmailAddress,
    pub(super) hello: String,
    pub(super) root: Option<Vec<u8>>,
    pub(super) timeout: Duration,
}

/// Why a URL is not usable. The message never holds the user or the password.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SmtpUrlError {
    /// The extra root certificate cannot be read.
    #[error("smtp url: `ca` must name a file with a certificate in PEM form")]
    Certificate,
    /// Not of the form that is expected.
    #[error("smtp url: must look like smtp://user:password@host:587?from=no-reply@example.com")]
    Form,
    /// `from` is missing or no address.
    #[error("smtp url: `from` must be the address that mails come from")]
    From,
    /// `hello` is no host name.
    #[error("smtp url: `hello` must be a host name")]
    Hello,
    /// A parameter that is not known.
    #[error("smtp url: only from, tls, ca, hello and timeout are known")]
    Parameter,
    /// `timeout` is no number of seconds from 1 to 120.
    #[error("smtp url: `timeout` must be 1 to 120 seconds")]
    Timeout,
    /// `tls` is something else.
    #[error("smtp url: `tls` must be `required`, or `none` for a server on this machine")]
    Tls,
}

impl SmtpUrl {
    pub(super) fn parse(url: &str) -> Result<Self, SmtpUrlError> {
        let (scheme, rest) = url.split_once("://").ok_or(SmtpUrlError::Form)?;
        let (mut security, usual_port) = match scheme {
            "smtp" => (Security::StartTls, 587),
            "smtps" => (Security::Tls, 465),
            _ => return Err(SmtpUrlError::Form),
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (user, place) = match place.rsplit_once('@') {
            Some((user, place)) => (Some(credentials(user)?), place),
            None => (None, place),
        };
        let (host, port) = host_and_port(place.trim_end_matches('/'), usual_port)?;
        let (mut from, mut hello, mut root) = (None, None, None);
        let mut timeout = Duration::from_secs(20);
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').ok_or(SmtpUrlError::Form)?;
            let value = decoded(value).ok_or(SmtpUrlError::Form)?;
            match name {
                "from" => from = EmailAddress::parse(&value).ok(),
                "hello" if is_host(&value) => hello = Some(value.to_string()),
                "hello" => return Err(SmtpUrlError::Hello),
                "ca" => {
                    root = Some(fs::read(&*value).map_err(|_| SmtpUrlError::Certificate)?);
                }
                "tls" if *value == "none" => security = Security::None,
                "tls" if *value == "required" => {}
                "tls" => return Err(SmtpUrlError::Tls),
                "timeout" => {
                    let seconds: u64 = value.parse().map_err(|_| SmtpUrlError::Timeout)?;
                    if !(1..=120).contains(&seconds) {
                        return Err(SmtpUrlError::Timeout);
                    }
                    timeout = Duration::from_secs(seconds);
                }
                _ => return Err(SmtpUrlError::Parameter),
            }
        }
        let from = from.ok_or(SmtpUrlError::From)?;
        let hello = hello.unwrap_or_else(|| from.domain().to_owned());
        Ok(Self { from, hello, host, port, root, security, timeout, user })
    }
}

fn host_and_port(place: &str, usual: u16) -> Result<(String, u16), SmtpUrlError> {
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| SmtpUrlError::Form)?),
        None => (place, usual),
    };
    if is_host(host) { Ok((host.to_owned(), port)) } else { Err(SmtpUrlError::Form) }
}

fn is_host(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    !text.is_empty() && text.len() <= 253 && text.bytes().all(plain)
}

fn credentials(text: &str) -> Result<(String, Zeroizing<String>), SmtpUrlError> {
    let (user, password) = text.split_once(':').ok_or(SmtpUrlError::Form)?;
    let user = decoded(user).ok_or(SmtpUrlError::Form)?;
    Ok((user.to_string(), decoded(password).ok_or(SmtpUrlError::Form)?))
}

/// Percent-decoding (RFC 3986 section 2.1).
fn decoded(text: &str) -> Option<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first == b'%' {
            let (digits, tail) = rest.split_at_checked(2)?;
            let digits = core::str::from_utf8(digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = tail;
        } else {
            bytes.push(*first);
        }
    }
    let text = core::str::from_utf8(&bytes).ok()?;
    (!text.chars().any(char::is_control)).then(|| Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(url: &str) -> SmtpUrlError {
        SmtpUrl::parse(url).err().unwrap()
    }

    #[test]
    fn a_whole_url_is_read() {
        let url = SmtpUrl::parse(
            "smtp://me%40x.example:p%3Aw@mail.x.example?from=no-reply@x.example&timeout=5",
        )
        .unwrap();
        let (user, password) = url.user.unwrap();
        assert_eq!((user.as_str(), password.as_str()), ("me@x.example", "p:w"));
        assert_eq!((url.host.as_str(), url.port), ("mail.x.example", 587));
        assert_eq!((url.security, url.hello.as_str()), (Security::StartTls, "x.example"));
        let url = SmtpUrl::parse("smtps://h:1465?from=a@x.example&hello=me.example").unwrap();
        assert_eq!(
            (url.security, url.port, url.hello.as_str()),
            (Security::Tls, 1465, "me.example")
        );
    }

    #[test]
    fn what_is_wrong_is_named_and_never_shown() {
        assert_eq!(error("http://h?from=a@x.example"), SmtpUrlError::Form);
        assert_eq!(error("smtp://h"), SmtpUrlError::From);
        assert_eq!(error("smtp://h?from=nobody"), SmtpUrlError::From);
        assert_eq!(error("smtp://h:x?from=a@x.example"), SmtpUrlError::Form);
        assert_eq!(error("smtp://h?from=a@x.example&tls=maybe"), SmtpUrlError::Tls);
        assert_eq!(error("smtp://h?from=a@x.example&hello=a%20b"), SmtpUrlError::Hello);
        assert_eq!(error("smtp://h?from=a@x.example&timeout=0"), SmtpUrlError::Timeout);
        assert_eq!(error("smtp://h?from=a@x.example&bcc=b"), SmtpUrlError::Parameter);
        assert_eq!(error("smtp://h?from=a@x.example&ca=/nowhere"), SmtpUrlError::Certificate);
        let secret = error("smtp://user:hunter2@:25?from=a@x.example").to_string();
        assert!(!secret.contains("hunter2"));
    }
}
