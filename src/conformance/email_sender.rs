//! The suite for e-mail senders. A message arrives whole, at one recipient, once.

use std::{future::Future, pin::Pin, sync::Arc};

use zeroize::Zeroizing;

use super::{
    case_result::{CaseResult, Violation, same},
    clauses,
    user_bench::address,
};
use crate::{
    domain::{LanguageTag, TenantId},
    mail::{EmailMessage, MailPurpose},
    ports::EmailSender,
};

clauses! {
    /// One clause of the e-mail sender's contract.
    EmailSenderCase over EmailSenderBench;
    /// Makes one test for each clause of the e-mail sender's contract. The argument is a function
    /// from [`EmailSenderCase`](crate::conformance::EmailSenderCase) to
    /// [`CaseResult`](crate::conformance::CaseResult).
    email_sender_conformance;
    in self:
        a_message_reaches_its_one_recipient
        the_text_arrives_as_it_was_written
        every_letter_of_every_script_arrives
        long_lines_and_many_lines_arrive
        what_looks_like_a_header_stays_text
        a_line_that_is_a_dot_does_not_end_the_message
        a_display_name_arrives_as_it_was_written
        parallel_messages_do_not_mix;
}

/// A message as it arrived, after decoding.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// The recipients of the envelope.
    pub recipients: Vec<String>,
    /// The decoded subject.
    pub subject: String,
    /// The plain-text part. Its lines end in `\n`.
    pub text: String,
    /// The decoded name before the sender's address, if the bench can read it.
    pub sender_name: Option<String>,
}

impl Received {
    /// Creates a message as it arrived.
    #[must_use]
    pub const fn new(recipients: Vec<String>, subject: String, text: String) -> Self {
        Self { recipients, sender_name: None, subject, text }
    }

    /// Adds the name before the sender's address, as a mail program reads it.
    #[must_use]
    pub fn with_sender_name(self, name: impl Into<String>) -> Self {
        Self { sender_name: Some(name.into()), ..self }
    }
}

type Inbox = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Vec<Received>> + Send>> + Send + Sync>;

/// A sender under test, and the messages that it delivered. Each case needs an empty inbox.
#[derive(Clone)]
pub struct EmailSenderBench {
    sender: Arc<dyn EmailSender>,
    inbox: Inbox,
}

impl core::fmt::Debug for EmailSenderBench {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("EmailSenderBench")
    }
}

impl EmailSenderBench {
    /// Creates a bench for a sender. `inbox` reads the messages that have arrived so far.
    #[must_use]
    pub fn new(sender: impl EmailSender + 'static, inbox: Inbox) -> Self {
        Self { inbox, sender: Arc::new(sender) }
    }

    /// Sends one text, and expects that it arrives unchanged and alone.
    async fn arrives(&self, subject: &str, text: &str) -> CaseResult {
        let message = message("ada@example.com", subject, text)?;
        self.delivers(&message).await
    }

    /// Sends one message, and expects that it arrives unchanged and alone.
    async fn delivers(&self, message: &EmailMessage) -> CaseResult {
        let before = (self.inbox)().await.len();
        self.sender.send(message).await.map_err(Violation::of)?;
        let arrived = (self.inbox)().await;
        let new = arrived.get(before..).unwrap_or_default();
        let [received] = new else {
            return Err(Violation::new(format!("sent one message, {} arrived", new.len())));
        };
        same("recipients", received.recipients.clone(), vec!["ada@example.com".to_owned()])?;
        same("subject", received.subject.as_str(), message.subject.as_str())?;
        if let Some(name) = &received.sender_name {
            same("sender's name", name.as_str(), message.from_name.as_str())?;
        }
        let text = message.text.trim_end_matches('\n');
        same("text", received.text.trim_end_matches('\n'), text)
    }
}

fn message(to: &str, subject: &str, text: &str) -> Result<EmailMessage, Violation> {
    Ok(EmailMessage {
        application: None,
        correlation: None,
        from: None,
        from_name: "Contoso".to_owned(),
        html: Zeroizing::new(format!("<!doctype html><p>{}</p>", text.replace('<', "&lt;"))),
        language: LanguageTag::parse("en").map_err(Violation::of)?,
        purpose: MailPurpose::Passcode,
        subject: Zeroizing::new(subject.to_owned()),
        tenant: TenantId::parse("contoso").map_err(Violation::of)?,
        text: Zeroizing::new(text.to_owned()),
        to: address(to)?,
    })
}

async fn a_message_reaches_its_one_recipient(bench: &EmailSenderBench) -> CaseResult {
    bench.arrives("Your code", "Your code is 12345678.\n").await
}

async fn the_text_arrives_as_it_was_written(bench: &EmailSenderBench) -> CaseResult {
    bench.arrives("a = b?", "50 % off = not this mail?\n\n  indented\n\nlast line\n").await
}

async fn every_letter_of_every_script_arrives(bench: &EmailSenderBench) -> CaseResult {
    bench.arrives("رمزك · Größe · コード", "رمزك هو 12345678\nGröße, ñ, 漢字, 🙂\n").await
}

async fn long_lines_and_many_lines_arrive(bench: &EmailSenderBench) -> CaseResult {
    // RFC 5322 section 2.1.1 allows 998 characters on a line, so a longer line must be encoded.
    let text = format!("{}\n{}", "long ".repeat(400).trim_end(), "line\n".repeat(300));
    bench.arrives("Long", &text).await
}

async fn what_looks_like_a_header_stays_text(bench: &EmailSenderBench) -> CaseResult {
    bench.arrives("Code", "Bcc: eve@example.com\nSubject: other\n\nFrom here on\n").await
}

async fn a_line_that_is_a_dot_does_not_end_the_message(bench: &EmailSenderBench) -> CaseResult {
    bench.arrives("Code", "before\n.\n..\n.after\n").await
}

async fn a_display_name_arrives_as_it_was_written(bench: &EmailSenderBench) -> CaseResult {
    // Only the first of these names may stand without quotes (RFC 5322 section 3.2.3).
    for name in ["Contoso", "Contoso Inc.", "A, B; C", "a@b <c>", "Say \"hi\" \\", "Größe 漢字"]
    {
        let mut message = message("ada@example.com", "Your code", "Your code is 12345678.\n")?;
        message.from_name = name.to_owned();
        bench.delivers(&message).await?;
    }
    Ok(())
}

async fn parallel_messages_do_not_mix(bench: &EmailSenderBench) -> CaseResult {
    let mut messages = Vec::new();
    for number in 0..8 {
        let to = format!("user{number}@example.com");
        messages.push(message(&to, "Code", &format!("for user{number}\n"))?);
    }
    let sent = messages.iter().map(|message| bench.sender.send(message));
    for answer in futures_util::future::join_all(sent).await {
        answer.map_err(Violation::of)?;
    }
    let mut arrived = (bench.inbox)().await;
    arrived.sort_by(|a, b| a.recipients.cmp(&b.recipients));
    same("arrived", arrived.len(), 8)?;
    for (number, received) in (0..).zip(&arrived) {
        let whom = format!("user{number}@example.com");
        same("recipients", received.recipients.clone(), vec![whom])?;
        same("text", received.text.trim_end(), format!("for user{number}").as_str())?;
    }
    Ok(())
}
