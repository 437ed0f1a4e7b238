//! What the mail server or the network says, without addresses or text.

use std::{error::Error as _, io};

use lettre::transport::smtp;

use crate::ports::{SendError, SendErrorKind};

/// The class and the status code of an error; servers repeat addresses in their words, so those
/// are left out.
pub(super) fn send(error: &smtp::Error) -> SendError {
    let status = error.status().map_or_else(String::new, |code| format!(" (status {code})"));
    let (kind, message) = if error.is_tls() || is_handshake(error) {
        (SendErrorKind::Setup, "smtp: no protected connection; check the server's certificate")
    } else if error.is_client() {
        (SendErrorKind::Setup, "smtp: the server does not offer what is required, such as STARTTLS")
    } else if let Some(code) = error.status() {
        let code: u16 = code.into();
        match code {
            // RFC 4954: authentication required, refused, too weak, or only with TLS.
            530 | 534 | 535 | 538 => {
                (SendErrorKind::Setup, "smtp: the server refuses user and password")
            }
            400..=499 => (SendErrorKind::Transient, "smtp: the server cannot take the message now"),
            _ => (SendErrorKind::Permanent, "smtp: the server refuses the message"),
        }
    } else if error.is_timeout() {
        (SendErrorKind::Transient, "smtp: the server does not answer in time")
    } else {
        (SendErrorKind::Transient, "smtp: the server cannot be reached, or ended the connection")
    };
    SendError::new(kind, format!("{message}{status}"))
}

pub(super) fn message() -> SendError {
    SendError::new(SendErrorKind::Permanent, "smtp: the message cannot be written as a mail")
}

pub(super) fn ended() -> SendError {
    SendError::new(SendErrorKind::Transient, "smtp: the sending thread is busy or has ended")
}

/// A failed TLS handshake reaches us as input that is no valid data.
fn is_handshake(error: &smtp::Error) -> bool {
    let mut cause = error.source();
    while let Some(inner) = cause {
        let kind = inner.downcast_ref::<io::Error>().map(io::Error::kind);
        if kind == Some(io::ErrorKind::InvalidData) {
            return true;
        }
        cause = inner.source();
    }
    false
}
