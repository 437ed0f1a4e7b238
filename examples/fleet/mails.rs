//! Mails and texts as lines of a file that all nodes append to: address or number, purpose, code. For
//! demonstrations.

use std::{fs::OpenOptions, io::Write as _, path::PathBuf};

use sspr::{
    adapters::code_in,
    mail::{EmailMessage, MailPurpose, TextMessage},
    ports::{EmailSender, SendError, SendErrorKind, SmsSender},
};

#[derive(Clone)]
pub struct Mails(pub PathBuf);

#[async_trait::async_trait]
impl EmailSender for Mails {
    async fn send(&self, message: &EmailMessage) -> Result<(), SendError> {
        let purpose = match message.purpose {
            MailPurpose::Passcode => "code",
            MailPurpose::PasswordChanged => "notice",
            _ => "other",
        };
        let code = code_in(message).map(|code| code.expose()).unwrap_or_default();
        self.write(&format!("{} {purpose} {code}\n", message.to.as_str()))
    }
}

#[async_trait::async_trait]
impl SmsSender for Mails {
    async fn send_text(&self, message: &TextMessage) -> Result<(), SendError> {
        let code = message.code.as_ref().map_or("", |code| code.as_str());
        self.write(&format!("{} text {code}\n", message.to.as_str()))
    }
}

impl Mails {
    /// One short write to a file that only grows: lines of several processes stay whole.
    fn write(&self, line: &str) -> Result<(), SendError> {
        let written = OpenOptions::new().create(true).append(true).open(&self.0);
        written.and_then(|mut file| file.write_all(line.as_bytes())).map_err(|error| {
            SendError::new(SendErrorKind::Transient, "the file of mails cannot be written")
                .with_source(error)
        })
    }
}
