//! The reasons why the URL of a mail server is not valid.

use thiserror::Error;

/// The reason why a URL is not valid. The message never contains the user or the password.
#[derive(Clone, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SmtpUrlError {
    /// The extra root certificates cannot be read.
    #[error("smtp url: `ca` must name a readable file with at least one certificate in PEM form")]
    Certificate,
    /// `connections` is not a number from 1 to 32.
    #[error("smtp url: `connections` must be 1 to 32")]
    Connections,
    /// `final_timeout` is not a number of seconds from 1 to 600.
    #[error("smtp url: `final_timeout` must be 1 to 600 seconds")]
    FinalTimeout,
    /// The URL does not have the expected form.
    #[error("smtp url: must look like smtp://user:password@host:587?from=no-reply@example.com")]
    Form,
    /// `from` is missing or is not an address.
    #[error("smtp url: `from` must be the address that mails come from")]
    From,
    /// `hello` is not a host name.
    #[error("smtp url: `hello` must be a host name, or an address in brackets")]
    Hello,
    /// The host is neither a name nor an address.
    #[error("smtp url: the host must be a name, an IPv4 address, or an IPv6 address in brackets")]
    Host,
    /// A parameter is unknown. Its name is given if it is almost a known name, and otherwise its
    /// place after `?`. The text there could be the rest of a password.
    #[error(
        "smtp url: parameter {0} is not known; only from, tls, ca, hello, timeout, final_timeout \
         and connections are"
    )]
    Parameter(String),
    /// There is a user without a password.
    #[error("smtp url: the user needs a password; access tokens need `with_access_tokens`")]
    Password,
    /// The port is not a number from 1 to 65535.
    #[error("smtp url: the port after the host must be 1 to 65535")]
    Port,
    /// A parameter is given twice.
    #[error("smtp url: `{0}` is given twice")]
    Repeated(&'static str),
    /// The system's root certificates cannot be read.
    #[error("smtp url: this system has no root certificates; install them, or name a file by `ca`")]
    Roots,
    /// `timeout` is not a number of seconds from 1 to 300.
    #[error("smtp url: `timeout` must be 1 to 300 seconds")]
    Timeout,
    /// `tls` has another value, or is `none` for a host that is not this machine.
    #[error(
        "smtp url: `tls` must be `required`; `none` is only for smtp:// to localhost, \
         127.0.0.0/8 or [::1]"
    )]
    Tls,
    /// With access tokens, the URL has no user, or it has a password.
    #[error("smtp url: with access tokens the URL must name the user, and no password")]
    Token,
}

debug_is_text!(SmtpUrlError);
