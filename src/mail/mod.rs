//! What a mail says.

mod message;

pub use message::{EmailMessage, MailPurpose};
