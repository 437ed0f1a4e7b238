//! Mails by SendGrid's API, version 3.

use std::error::Error as StdError;

use serde_json::{Value, json};
use sspr::{
    domain::EmailAddress,
    mail::EmailMessage,
    ports::{EmailSender, SendError, SendErrorKind},
};
use zeroize::Zeroizing;

use super::https::{Answer, Api};

/// Sends mails by SendGrid.
#[derive(Clone)]
pub struct SendGridSender {
    api: Api,
    /// The sender of brands that have none of their own.
    from: EmailAddress,
}

impl SendGridSender {
    /// Takes an API key that may send mails, and a verified sender.
    ///
    /// # Errors
    /// The key cannot be used.
    pub fn new(key: &str, from: EmailAddress) -> Result<Self, Box<dyn StdError + Send + Sync>> {
        Self::at("https://api.sendgrid.com", key, from)
    }

    /// Talks to another server than SendGrid's.
    ///
    /// # Errors
    /// The key cannot be used.
    pub fn at(
        origin: &str,
        key: &str,
        from: EmailAddress,
    ) -> Result<Self, Box<dyn StdError + Send + Sync>> {
        let bearer = Zeroizing::new(format!("Bearer {key}"));
        Ok(Self { api: Api::new("sendgrid", &format!("{origin}/v3/mail/send"), &bearer)?, from })
    }

    /// Gives up after this time instead of 10 seconds.
    pub fn with_timeout(self, timeout: std::time::Duration) -> Self {
        Self { api: self.api.with_timeout(timeout), ..self }
    }

    fn body(&self, message: &EmailMessage) -> Value {
        let from = message.from.as_ref().unwrap_or(&self.from);
        let headers = EmailMessage::HEADERS.map(|(name, value)| (name.to_owned(), json!(value)));
        json!({
            "personalizations": [{ "to": [{ "email": message.to.as_str() }] }],
            "from": { "email": from.as_str(), "name": message.from_name },
            "subject": *message.subject,
            "content": [
                { "type": "text/plain", "value": *message.text },
                { "type": "text/html", "value": *message.html },
            ],
            "headers": Value::Object(headers.into_iter().collect()),
            // A mail about a password has no links and no images, and nobody needs to know who
            // reads it.
            "tracking_settings": {
                "click_tracking": { "enable": false, "enable_text": false },
                "open_tracking": { "enable": false },
                "subscription_tracking": { "enable": false },
            },
        })
    }

    fn judge(&self, answer: &Answer) -> Result<(), SendError> {
        let status = answer.status;
        if status == 202 {
            return Ok(());
        }
        if let Some(error) = self.api.busy_or_broken(answer) {
            return Err(error);
        }
        let (kind, hint) = match status {
            400 if is_about_recipient(&answer.body) => {
                (SendErrorKind::Permanent, "the recipient was refused")
            }
            400 => (SendErrorKind::Setup, "the mail was refused; check the sender"),
            401 => (SendErrorKind::Setup, "check the API key"),
            403 => (SendErrorKind::Setup, "check the permissions of the key and the sender"),
            413 => (SendErrorKind::Permanent, "the mail is too large"),
            // An answer that is no refusal says nothing about the mail.
            200..=299 => (SendErrorKind::Unknown, "202 is wanted"),
            _ => (SendErrorKind::Setup, "check the URL"),
        };
        Err(self.api.error(kind, &format!("status {status}; {hint}")))
    }
}

/// Returns true if every fault that SendGrid names is in the recipient's address.
fn is_about_recipient(body: &[u8]) -> bool {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let errors = said.get("errors").and_then(Value::as_array).cloned().unwrap_or_default();
    let is_recipient = |error: &Value| {
        let field = error.get("field").and_then(Value::as_str).unwrap_or_default();
        field.starts_with("personalizations") && field.contains(".to")
    };
    !errors.is_empty() && errors.iter().all(is_recipient)
}

#[async_trait::async_trait]
impl EmailSender for SendGridSender {
    async fn send(&self, message: &EmailMessage) -> Result<(), SendError> {
        let body = self.body(message).to_string();
        let answer = self.api.post("application/json", body).await?;
        self.judge(&answer)
    }
}
