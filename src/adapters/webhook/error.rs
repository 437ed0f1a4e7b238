//! The reasons why the settings of a webhook are not valid.

use thiserror::Error;

/// The reason why a setting of a webhook is not valid. The message never contains the URL, because
/// its query often holds a key.
#[derive(Clone, Copy, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum OtpWebhookError {
    /// The URL has no valid host, or it contains a user or a fragment.
    #[error(
        "webhook url: must look like https://handler.example/api/OnOtpSend?code=key, without a \
         user and without a fragment"
    )]
    Form,
    /// The text of a field is too long or has control characters.
    #[error("webhook: {0} must have at most 128 bytes, without control characters")]
    Field(&'static str),
    /// The extra root certificates cannot be read.
    #[error("webhook: the root certificates must be PEM text with at least one certificate")]
    Certificate,
    /// The port is not a number from 1 to 65535.
    #[error("webhook url: the port after the host must be 1 to 65535")]
    Port,
    /// The time limit is out of bounds.
    #[error("webhook: the time limit must be 100 milliseconds to 30 seconds")]
    Timeout,
    /// The URL is not encrypted, and the host is not this machine.
    #[error(
        "webhook url: must begin with https://; http:// is only for localhost, 127.0.0.0/8 or [::1]"
    )]
    Unprotected,
    /// No randomness could be drawn.
    #[error("webhook: no randomness could be drawn from this system")]
    Randomness,
}

debug_is_text!(OtpWebhookError);
