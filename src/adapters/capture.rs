//! An inbox instead of a mail system.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use crate::{
    domain::{Code, EmailAddress, PhoneNumber},
    mail::{EmailMessage, MailPurpose, TextMessage},
    ports::{EmailSender, SendError, SendErrorKind, SmsSender},
};

/// Keeps mails and text messages in memory instead of sending them, and fails on command. Clones
/// share one inbox.
///
/// Use it for tests and demonstrations only, because it exposes every code.
#[derive(Clone, Debug, Default)]
pub struct CaptureSender(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    messages: Vec<EmailMessage>,
    texts: Vec<TextMessage>,
    failures: VecDeque<SendErrorKind>,
}

impl State {
    /// Fails once for each failure that was asked for and not yet used up.
    fn take_failure(&mut self) -> Result<(), SendError> {
        match self.failures.pop_front() {
            Some(kind) => Err(SendError::new(kind, "the inbox was told to fail")),
            None => Ok(()),
        }
    }
}

impl CaptureSender {
    /// Creates an empty inbox.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the messages, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<EmailMessage> {
        self.lock().messages.clone()
    }

    /// Takes the messages out, oldest first.
    #[must_use]
    pub fn take(&self) -> Vec<EmailMessage> {
        std::mem::take(&mut self.lock().messages)
    }

    /// Returns the newest message to that address.
    #[must_use]
    pub fn last_to(&self, address: &EmailAddress) -> Option<EmailMessage> {
        self.lock().messages.iter().rev().find(|message| message.to == *address).cloned()
    }

    /// Returns the code in the newest passcode mail. The code of a notice, which freezes an account,
    /// does not count. [`code_in`] reads that one out of the notice.
    #[must_use]
    pub fn last_code(&self) -> Option<Code> {
        let state = self.lock();
        let mut mails = state.messages.iter().rev();
        mails.find(|mail| mail.purpose == MailPurpose::Passcode).and_then(code_in)
    }

    /// Returns the text messages, oldest first.
    #[must_use]
    pub fn texts(&self) -> Vec<TextMessage> {
        self.lock().texts.clone()
    }

    /// Returns the code in the newest text message to that number.
    #[must_use]
    pub fn last_code_to(&self, number: &PhoneNumber) -> Option<Code> {
        let state = self.lock();
        let mut texts = state.texts.iter().rev().filter(|text| text.to == *number);
        texts.find_map(|text| Code::parse(text.code.as_ref()?).ok())
    }

    /// Makes the next `times` messages fail in this way, mails and text messages alike.
    pub fn fail_next(&self, kind: SendErrorKind, times: usize) {
        self.lock().failures.extend(std::iter::repeat_n(kind, times));
    }

    /// Makes messages succeed again, and drops failures left by [`CaptureSender::fail_next`].
    pub fn heal(&self) {
        self.lock().failures.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl EmailSender for CaptureSender {
    async fn send(&self, message: &EmailMessage) -> Result<(), SendError> {
        let mut state = self.lock();
        state.take_failure()?;
        state.messages.push(message.clone());
        Ok(())
    }
}

#[async_trait]
impl SmsSender for CaptureSender {
    async fn send_text(&self, message: &TextMessage) -> Result<(), SendError> {
        let mut state = self.lock();
        state.take_failure()?;
        state.texts.push(message.clone());
        Ok(())
    }
}

/// Returns the code in a message. The code is alone on a line of the text part.
#[must_use]
pub fn code_in(message: &EmailMessage) -> Option<Code> {
    codes_in(message).next()
}

/// Returns each line of the text part that could be a code.
pub(super) fn codes_in(message: &EmailMessage) -> impl Iterator<Item = Code> {
    message.text.lines().filter(|line| !line.is_empty()).filter_map(|line| Code::parse(line).ok())
}
