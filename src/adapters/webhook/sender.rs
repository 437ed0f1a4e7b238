//! The sender, which turns a passcode into a request to a handler.

use core::time::Duration;
use std::{fmt, sync::Arc};

use async_trait::async_trait;
use hmac::{Hmac, KeyInit as _};
use http_body_util::Full;
use hyper::{
    Request,
    body::Bytes,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT},
};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use tokio::runtime::Handle;
use zeroize::Zeroizing;

use super::{
    OtpWebhookError,
    exchange::{connect, exchange},
    payload::{Fixed, Otp, Payload, send_id},
    place::Place,
};
use crate::{
    adapters::{SystemEntropy, capture::codes_in},
    domain::{Code, Entropy as _},
    mail::{EmailMessage, MailPurpose, TextMessage},
    ports::{EmailSender, SendError, SendErrorKind, SmsSender},
};

/// The default time limit. It is five times as long as Entra's limit, because no user waits for the
/// answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The room for the body of a request.
const BODY: usize = 4096;

type Tokens = Arc<dyn Fn() -> Result<String, SendError> + Send + Sync>;

/// Sends passcodes through a handler for Entra's *OnOtpSend* event. A handler that you wrote for
/// Entra therefore works with this crate too, for example one that calls SendGrid, Twilio or Azure
/// Communication Services.
///
/// Only passcodes go to the handler, because Entra's event exists only for passcodes. The handler
/// writes the mail, so the subject, the texts and the sender of the crate's own mail are not used.
/// Every other mail, such as the notice of a changed password, goes to the second sender. Notices by
/// text go to the sender of [`OtpWebhook::with_other_texts`].
///
/// [`manual::mail`](crate::manual::mail) shows the request and the answer.
///
/// *Request*: a POST of JSON. `tenantId` and `appId` are the ids of this crate, `locale` is the
/// language of the mail, and `client.ip` and `market` are empty. `correlationId` is the same each
/// time the courier sends the same code, so that a handler can drop repeats. The correlation id of
/// the request that asked for the code is in the header `client-request-id`, if it is ASCII.
///
/// *Answer*: the code counts as sent if the handler answers with status 200 and with JSON that has
/// exactly one action, `microsoft.graph.OtpSend.continueWithDefaultBehavior`. The courier decides
/// what follows any other answer:
///
/// | answer | kind of the error |
/// |---|---|
/// | no connection, or none within the time limit; 425, 429, 503 | [`Transient`](SendErrorKind::Transient) |
/// | no answer within the time limit, a lost connection, 408, other 5xx; another body with status 200 | [`Unknown`](SendErrorKind::Unknown) |
/// | an untrusted certificate, an unknown host; a redirect, 401, 403, 404, 405 | [`Setup`](SendErrorKind::Setup) |
/// | any other status | [`Permanent`](SendErrorKind::Permanent) |
///
/// *Runtime*: it needs tokio with timers and I/O. Each code has a connection of its own. The
/// connection is not reused, because a server may close an idle connection at the moment at which
/// the next request is sent. Then nobody would know whether the code was sent. No redirect is
/// followed, and no proxy is used.
///
/// # Security
/// The handler gets the address and the code, so it is trusted like a mail server. The URL must be
/// `https://`, except for this machine. Errors show the status, and never the URL, the answer's
/// text, the address or the code. The code passes through buffers of the HTTP client that are not
/// wiped.
///
/// ```
/// use sspr::adapters::{CaptureSender, OtpWebhook};
///
/// // In production the second one is an `SmtpSender`.
/// let notices = CaptureSender::new();
/// let sender = OtpWebhook::new("https://mails.example/api/OnOtpSend?code=key", notices.clone())?;
///
/// let refused = OtpWebhook::new("http://mails.example/", notices).err();
/// assert!(refused.is_some_and(|told| told.to_string().contains("https://")));
/// # let _ = sender;
/// # Ok::<(), sspr::adapters::OtpWebhookError>(())
/// ```
#[derive(Clone)]
pub struct OtpWebhook {
    fixed: Fixed,
    key: Hmac<Sha256>,
    others: Arc<dyn EmailSender>,
    other_texts: Option<Arc<dyn SmsSender>>,
    place: Place,
    timeout: Duration,
    tokens: Option<Tokens>,
}

impl OtpWebhook {
    /// Makes a sender for the handler at a URL. `others` sends every mail that is not a passcode.
    ///
    /// The query of the URL is kept, because it often holds the key of a cloud function. No
    /// connection is made yet: see [`OtpWebhook::check`].
    ///
    /// # Errors
    /// [`OtpWebhookError`] names the part that is wrong.
    pub fn new(url: &str, others: impl EmailSender + 'static) -> Result<Self, OtpWebhookError> {
        let mut key = Zeroizing::new([0; 64]);
        SystemEntropy::new().fill(&mut *key).map_err(|_| OtpWebhookError::Randomness)?;
        Ok(Self {
            fixed: Fixed {
                extension: String::new(),
                listener: String::new(),
                request_type: "passwordReset".to_owned(),
            },
            key: Hmac::new((&*key).into()),
            other_texts: None,
            others: Arc::new(others),
            place: Place::parse(url)?,
            timeout: TIMEOUT,
            tokens: None,
        })
    }

    /// Sets a time limit that applies twice: once to the connection, and once to the answer. The
    /// limit may be 100 milliseconds to 30 seconds. The default is 10 seconds.
    ///
    /// If the answer comes late, the courier makes the request once more, and the user may get two
    /// mails. Entra waits for two seconds, and some handlers take longer.
    ///
    /// # Errors
    /// [`OtpWebhookError::Timeout`].
    pub fn with_timeout(mut self, timeout: Duration) -> Result<Self, OtpWebhookError> {
        if !(Duration::from_millis(100)..=Duration::from_secs(30)).contains(&timeout) {
            return Err(OtpWebhookError::Timeout);
        }
        self.timeout = timeout;
        Ok(self)
    }

    /// Sends `Authorization: Bearer` with an access token. Entra sends a token of the tenant. A
    /// handler that checks tokens must trust the issuer of your tokens.
    ///
    /// `tokens` is called for each request, and must not block. If it fails, the send fails with
    /// its error, which must not show a token.
    #[must_use]
    pub fn with_access_tokens(
        mut self,
        tokens: impl Fn() -> Result<String, SendError> + Send + Sync + 'static,
    ) -> Self {
        self.tokens = Some(Arc::new(tokens));
        self
    }

    /// Sends every text message that is not a passcode with another sender. Without one, phones get no
    /// notice of a changed password.
    #[must_use]
    pub fn with_other_texts(mut self, others: impl SmsSender + 'static) -> Self {
        self.other_texts = Some(Arc::new(others));
        self
    }

    /// Trusts these root certificates as well, in PEM format. The certificates of the system and of
    /// earlier calls stay trusted.
    ///
    /// # Errors
    /// [`OtpWebhookError::Certificate`].
    pub fn with_roots(mut self, pem: &[u8]) -> Result<Self, OtpWebhookError> {
        self.place.trust(pem)?;
        Ok(self)
    }

    /// Sets `authenticationEventListenerId` and `customAuthenticationExtensionId`, for a handler
    /// that looks at them. They are empty by default.
    ///
    /// # Errors
    /// [`OtpWebhookError::Field`].
    pub fn with_ids(mut self, listener: &str, extension: &str) -> Result<Self, OtpWebhookError> {
        self.fixed.listener = field("the listener's id", listener)?;
        self.fixed.extension = field("the extension's id", extension)?;
        Ok(self)
    }

    /// Sets `requestType`. The default is `passwordReset`. Microsoft documents only `signUp`, so a
    /// handler that tells request types apart may need another one.
    ///
    /// # Errors
    /// [`OtpWebhookError::Field`].
    pub fn with_request_type(mut self, request_type: &str) -> Result<Self, OtpWebhookError> {
        self.fixed.request_type = field("the request type", request_type)?;
        Ok(self)
    }

    /// Connects as for a code, begins TLS, and sends nothing. Call it at the start, so that a wrong
    /// host or certificate shows before the first user waits for a code.
    ///
    /// Only a code shows whether the path, the key and the token are right.
    ///
    /// # Errors
    /// [`SendError`] as for [`EmailSender::send`] before the request.
    ///
    /// # Examples
    /// ```
    /// # async fn start(sender: sspr::adapters::OtpWebhook) {
    /// if let Err(error) = sender.check().await {
    ///     eprintln!("no code will be sent: {error}");
    /// }
    /// # }
    /// ```
    pub async fn check(&self) -> Result<(), SendError> {
        has_runtime()?;
        connect(&self.place, self.timeout).await.map(drop)
    }

    async fn send_otp(&self, otp: Otp<'_>, code: &Code) -> Result<(), SendError> {
        has_runtime()?;
        let request = self.request(otp, code)?;
        let stream = connect(&self.place, self.timeout).await?;
        exchange(stream, request, self.timeout).await
    }

    fn request(&self, otp: Otp<'_>, code: &Code) -> Result<Request<Full<Bytes>>, SendError> {
        let (spelt, id) = (Zeroizing::new(code.expose()), send_id(&self.key, otp, code));
        // With room for everything, so that no shorter copy of the code is left behind.
        let mut body = Zeroizing::new(Vec::with_capacity(BODY));
        serde_json::to_writer(&mut *body, &Payload::new(otp, &spelt, &id, &self.fixed))
            .map_err(|_| setup("webhook: the request could not be written"))?;
        let agent = concat!("sspr/", env!("CARGO_PKG_VERSION"));
        let mut request = Request::post(self.place.path())
            .header(HOST, self.place.authority())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, agent);
        // A gateway may refuse anything else.
        if let Some(correlation) = otp.correlation
            && correlation.as_str().bytes().all(|byte| byte.is_ascii_graphic())
        {
            request = request.header("client-request-id", correlation.as_str());
        }
        if let Some(tokens) = &self.tokens {
            let token = Zeroizing::new(tokens()?);
            if token.is_empty() {
                return Err(setup("webhook: the access token is empty"));
            }
            let bearer = Zeroizing::new(format!("Bearer {}", *token));
            let mut bearer = HeaderValue::from_str(&bearer)
                .map_err(|_| setup("webhook: the access token cannot stand in a header"))?;
            bearer.set_sensitive(true);
            request = request.header(AUTHORIZATION, bearer);
        }
        request
            .body(Full::new(Bytes::from_owner(body)))
            .map_err(|_| setup("webhook: the request could not be written"))
    }
}

#[async_trait]
impl EmailSender for OtpWebhook {
    async fn send(&self, message: &EmailMessage) -> Result<(), SendError> {
        if message.purpose != MailPurpose::Passcode {
            return self.others.send(message).await;
        }
        self.send_otp(message.into(), &only_code(message)?).await
    }
}

/// Entra has no such event for text messages. The request is the same, but its type is
/// `sspr.authenticationEvent.smsOtpSend`, `otpContext.channel` is `sms`, and the identifier is the
/// number in E.164.
#[async_trait]
impl SmsSender for OtpWebhook {
    async fn send_text(&self, message: &TextMessage) -> Result<(), SendError> {
        if message.purpose != MailPurpose::Passcode {
            let missing = || setup("webhook: a notice by text needs a second sender of texts");
            return self.other_texts.as_ref().ok_or_else(missing)?.send_text(message).await;
        }
        let code = message.code.as_ref().and_then(|code| Code::parse(code).ok());
        let code = code.ok_or_else(|| setup("webhook: the text message has no code"))?;
        self.send_otp(message.into(), &code).await
    }

    fn sends_notices(&self) -> bool {
        self.other_texts.as_ref().is_some_and(|sender| sender.sends_notices())
    }
}

impl fmt::Debug for OtpWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OtpWebhook(…)")
    }
}

fn setup(words: &str) -> SendError {
    SendError::new(SendErrorKind::Setup, words)
}

fn has_runtime() -> Result<(), SendError> {
    let missing = |_| setup("webhook: run the courier on tokio, with timers and I/O");
    Handle::try_current().map(drop).map_err(missing)
}

/// Returns the code in the text of a mail. Fails if two lines of the text could be codes and
/// differ, because the handler might then send the wrong one.
fn only_code(message: &EmailMessage) -> Result<Code, SendError> {
    let mut codes = codes_in(message);
    let first = codes
        .next()
        .ok_or_else(|| setup("webhook: the text of the mail must have the code alone on a line"))?;
    let spelt = Zeroizing::new(first.expose());
    let is_same =
        |other: Code| Zeroizing::new(other.expose()).as_bytes().ct_eq(spelt.as_bytes()).into();
    if codes.all(is_same) {
        return Ok(first);
    }
    Err(setup("webhook: two lines of the mail's text could be the code"))
}

fn field(name: &'static str, text: &str) -> Result<String, OtpWebhookError> {
    let is_good = text.len() <= 128 && !text.contains(char::is_control);
    if is_good { Ok(text.to_owned()) } else { Err(OtpWebhookError::Field(name)) }
}
