//! Text messages by Twilio's Messages API.

use std::error::Error as StdError;

use base64ct::{Base64, Encoding as _};
use sspr::{
    mail::TextMessage,
    ports::{SendError, SendErrorKind, SmsSender},
};
use zeroize::Zeroizing;

use super::https::{Answer, Api};

/// What Twilio says about a recipient: the number is not valid (21211, 21217), has unsubscribed
/// (21610), cannot be reached from here (21612), or takes no text messages (21614).
const OF_RECIPIENT: [u64; 5] = [21211, 21217, 21610, 21612, 21614];
/// The country of the recipient is not enabled in the console of Twilio.
const COUNTRY: u64 = 21408;

/// Sends text messages from one number of an account at Twilio.
#[derive(Clone)]
pub struct TwilioSender {
    api: Api,
    from: String,
}

impl TwilioSender {
    /// Takes the SID of the account, its token, and a number of the account.
    ///
    /// # Errors
    /// A text cannot be used.
    pub fn new(
        account: &str,
        token: &str,
        from: &str,
    ) -> Result<Self, Box<dyn StdError + Send + Sync>> {
        Self::at("https://api.twilio.com", account, token, from)
    }

    /// Talks to another server than Twilio's.
    ///
    /// # Errors
    /// A text cannot be used.
    pub fn at(
        origin: &str,
        account: &str,
        token: &str,
        from: &str,
    ) -> Result<Self, Box<dyn StdError + Send + Sync>> {
        let url = format!("{origin}/2010-04-01/Accounts/{}/Messages.json", encode(account));
        let pair = Zeroizing::new(format!("{account}:{token}"));
        let basic = Zeroizing::new(format!("Basic {}", Base64::encode_string(pair.as_bytes())));
        Ok(Self { api: Api::new("twilio", &url, &basic)?, from: from.to_owned() })
    }

    /// Gives up after this time instead of 10 seconds.
    pub fn with_timeout(self, timeout: std::time::Duration) -> Self {
        Self { api: self.api.with_timeout(timeout), ..self }
    }

    fn judge(&self, answer: &Answer) -> Result<(), SendError> {
        let status = answer.status;
        if status == 201 {
            return Ok(());
        }
        if let Some(error) = self.api.busy_or_broken(answer) {
            return Err(error);
        }
        let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        // The message beside the code repeats the number, so it is left out.
        let code = said.get("code").and_then(serde_json::Value::as_u64);
        let (kind, hint) = match (status, code) {
            (400, Some(code)) if OF_RECIPIENT.contains(&code) => {
                (SendErrorKind::Permanent, "the recipient takes no messages from this sender")
            }
            (400, Some(COUNTRY)) => (
                SendErrorKind::Setup,
                "enable the country in the geo permissions, or stop serving it",
            ),
            // An answer that is no refusal says nothing about the message.
            (200..=299, _) => (SendErrorKind::Unknown, "201 is wanted"),
            (401 | 403, _) => (SendErrorKind::Setup, "check the account and its token"),
            _ => (SendErrorKind::Setup, "look the code up in Twilio's list of errors"),
        };
        let code = code.map_or(String::new(), |code| format!(", code {code}"));
        Err(self.api.error(kind, &format!("status {status}{code}; {hint}")))
    }
}

#[async_trait::async_trait]
impl SmsSender for TwilioSender {
    async fn send_text(&self, message: &TextMessage) -> Result<(), SendError> {
        let body = format!(
            "To={}&From={}&Body={}",
            encode(message.to.as_str()),
            encode(&self.from),
            encode(&message.text)
        );
        let answer = self.api.post("application/x-www-form-urlencoded", body).await?;
        self.judge(&answer)
    }
}

/// Encodes a value for a form or a path.
fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let each = text.bytes().map(|byte| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    each.collect()
}
