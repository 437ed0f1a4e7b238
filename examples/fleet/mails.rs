//! Mails as lines of a file that all nodes append to: address, purpose, code. For demonstrations.

use std::{fs::OpenOptions, io::Write as _, path::PathBuf};

use sspr::{
    adapters::code_in,
    mail::{EmailMessage, MailPurpose},
    ports::{EmailSender, SendError, SendErrorKind},
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
        let line = format!("{} {purpose} {code}\n", message.to.as_str());
        // One short write to a file that only grows: lines of several processes stay whole.
        let written = OpenOptions::new().create(true).append(true).open(&self.0);
        written.and_then(|mut file| file.write_all(line.as_bytes())).map_err(|error| {
            SendError::new(SendErrorKind::Transient, "the file of mails cannot be written")
                .with_source(error)
        })
    }
}
