//! What came by mail and by text, and an outbox that only one process looks into.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use sspr::{
    adapters::code_in,
    domain::{Code, Timestamp},
    mail::{EmailMessage, MailPurpose, TextMessage},
    ports::{EmailSender, Notice, NoticeId, Outbox, SendError, SmsSender, StoreError},
};

/// Codes by address or number, and how many notices of changes came.
#[derive(Clone, Default)]
pub(super) struct Inbox(Arc<Mutex<(HashMap<String, Code>, usize)>>);

impl Inbox {
    /// Takes the latest code to an address or number.
    pub(super) fn take(&self, to: &str) -> Option<Code> {
        self.lock().0.remove(to)
    }

    /// The latest code to an address or number.
    pub(super) fn code_to(&self, to: &str) -> Option<String> {
        self.lock().0.get(to).map(Code::expose)
    }

    pub(super) fn notices(&self) -> usize {
        self.lock().1
    }

    fn lock(&self) -> MutexGuard<'_, (HashMap<String, Code>, usize)> {
        self.0.lock().unwrap()
    }
}

#[async_trait::async_trait]
impl EmailSender for Inbox {
    async fn send(&self, message: &EmailMessage) -> Result<(), SendError> {
        let mut inbox = self.lock();
        inbox.1 += usize::from(message.purpose == MailPurpose::PasswordChanged);
        if let Some(code) = code_in(message) {
            inbox.0.insert(message.to.as_str().to_owned(), code);
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl SmsSender for Inbox {
    async fn send_text(&self, message: &TextMessage) -> Result<(), SendError> {
        // A notice has no code, and nobody waits for one.
        let Some(code) = &message.code else { return Ok(()) };
        let code = Code::parse(code).unwrap();
        self.lock().0.insert(message.to.as_str().to_owned(), code);
        Ok(())
    }
}

/// An outbox that never has a notice: the process that counts them has the other end.
pub(super) struct Mute;

#[async_trait::async_trait]
impl Outbox for Mute {
    async fn due(&self, _: Timestamp, _: usize) -> Result<Vec<Notice>, StoreError> {
        Ok(Vec::new())
    }

    async fn postpone(
        &self,
        _: &NoticeId,
        _: u32,
        _: Timestamp,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        Ok(())
    }

    async fn done(&self, _: &NoticeId) -> Result<(), StoreError> {
        Ok(())
    }
}
