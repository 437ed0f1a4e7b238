//! Passcodes by a webhook: the caller's side of Entra's *OnOtpSend* event.

mod answer;
mod error;
mod exchange;
mod payload;
mod place;
mod sender;

pub use error::OtpWebhookError;
pub use sender::OtpWebhook;
