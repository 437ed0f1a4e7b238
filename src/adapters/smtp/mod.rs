//! SMTP by lettre, on a thread of its own: no async runtime is needed.

mod errors;
mod sender;
mod url;

pub use sender::SmtpSender;
pub use url::SmtpUrlError;
