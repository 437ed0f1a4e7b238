//! The sender, which turns a URL into threads and a message into bytes.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use futures_channel::oneshot;
use lettre::message::{MultiPart, SinglePart, header::ContentType};
use zeroize::Zeroizing;

use super::{
    SmtpUrlError,
    attempt::Attempt,
    auth::Tokens,
    job::{Job, Mail},
    pool::Pool,
    url,
};
use crate::{
    adapters::{SystemClock, SystemEntropy, code_in, mime},
    domain::{Digest, EmailAddress, Entropy},
    mail::EmailMessage,
    ports::{Clock, EmailSender, SendError, SendErrorKind},
};

/// Hands mail to an SMTP server.
///
/// STARTTLS is required unless the URL says otherwise. A server that does not offer STARTTLS gets
/// no mail. Clones share their connections, which end with the last clone.
///
/// *Errors*: the server's reply code decides the kind, whatever its text says. The error shows the
/// code and the text without addresses, codes and credentials. After the final dot a lost
/// connection or an answer that does not come is
/// [`Unknown`](crate::ports::SendErrorKind::Unknown).
///
/// *Time*: each step has the limit of RFC 5321 section 4.5.3.2, for instance 10 minutes after the
/// final dot. A caller that leaves before the final dot stops the message. A caller that leaves
/// later does not: the connection hears the answer, unless its thread is needed.
///
/// *Bounds*: at most three connections are busy at once (`connections`). A connection that has
/// waited for five seconds, or for one second after the final dot, no longer counts. A message that
/// stalls therefore delays other messages by at most that time. If many messages stall, every third
/// one adds as much. There are at most 64 threads, and 256 messages may wait. A connection is kept
/// for 30 seconds, and a server may close it at any time.
#[derive(Clone)]
pub struct SmtpSender {
    pool: Arc<Pool>,
    from: EmailAddress,
}

impl SmtpSender {
    /// Reads the mail server's address and the sender from a URL:
    ///
    /// - `smtp://user:password@host:587?from=no-reply@example.com` requires STARTTLS.
    /// - `smtps://user:password@host:465?from=no-reply@example.com` begins with TLS.
    /// - `smtp://localhost:25?from=no-reply@example.com&tls=none` is unprotected. The host must be
    ///   `localhost`, `[::1]` or an address of 127.0.0.0/8.
    ///
    /// User and password are percent-encoded. IPv6 addresses are in brackets, as in `[::1]:25`.
    /// These parameters are optional:
    ///
    /// | parameter | meaning | default |
    /// |---|---|---|
    /// | `ca` | a PEM file with root certificates, trusted beside the system's | none |
    /// | `hello` | the name that EHLO gives | the sender's domain |
    /// | `timeout` | the most seconds for each step before the final dot, 1 to 300 | as in RFC 5321 |
    /// | `final_timeout` | the seconds to wait after the final dot, 1 to 600 | 600 |
    /// | `connections` | the connections that are busy at once, 1 to 32 | 3 |
    ///
    /// A short `final_timeout` makes copies, because a message is sent again if its answer comes
    /// late.
    ///
    /// # Errors
    /// [`SmtpUrlError`] names the part that is wrong. Certificates are read now. No connection is
    /// made yet.
    ///
    /// # Examples
    /// ```
    /// use sspr::adapters::SmtpSender;
    ///
    /// let sender = SmtpSender::from_url(
    ///     "smtp://user:secret@mail.example:587?from=no-reply@example.com",
    /// )?;
    /// let refused = SmtpSender::from_url("smtp://mail.example").err();
    /// assert!(refused.is_some_and(|told| told.to_string().contains("`from`")));
    /// # Ok::<(), sspr::adapters::SmtpUrlError>(())
    /// ```
    pub fn from_url(url: &str) -> Result<Self, SmtpUrlError> {
        Self::new(url, None)
    }

    /// Like [`SmtpSender::from_url`], but proves the user's identity by XOAUTH2 with an access
    /// token, as Microsoft 365 and Gmail require.
    ///
    /// The URL names the user without a password:
    /// `smtp://no-reply%40example.com@smtp.office365.com?from=no-reply@example.com`.
    ///
    /// `tokens` is called for each new connection, on the thread that opens it, and may block for
    /// a short time. Its error decides by its kind how the send fails. If the server refuses a
    /// token, the send fails with [`Setup`](crate::ports::SendErrorKind::Setup), and the next
    /// connection asks for another one.
    ///
    /// # Errors
    /// [`SmtpUrlError`] as for [`SmtpSender::from_url`], and [`SmtpUrlError::Token`] if the URL has
    /// no user or has a password.
    ///
    /// # Security
    /// The token is wiped after use, and no error shows it. An error of `tokens` must not hold a
    /// token.
    ///
    /// # Examples
    /// ```
    /// use std::sync::{Arc, RwLock};
    ///
    /// use sspr::adapters::SmtpSender;
    ///
    /// // A task of the host keeps this fresh.
    /// let newest = Arc::new(RwLock::new("ya29.first".to_owned()));
    /// let read = newest.clone();
    /// let sender = SmtpSender::with_access_tokens(
    ///     "smtp://me%40example.com@smtp.gmail.com?from=me@example.com",
    ///     move || Ok(read.read().map(|token| token.clone()).unwrap_or_default()),
    /// )?;
    /// # Ok::<(), sspr::adapters::SmtpUrlError>(())
    /// ```
    pub fn with_access_tokens(
        url: &str,
        tokens: impl Fn() -> Result<String, SendError> + Send + Sync + 'static,
    ) -> Result<Self, SmtpUrlError> {
        Self::new(url, Some(Arc::new(tokens)))
    }

    fn new(url: &str, tokens: Option<Tokens>) -> Result<Self, SmtpUrlError> {
        let (server, from) = url::parse(url, tokens)?;
        Ok(Self { from, pool: Arc::new(Pool::new(server)) })
    }

    /// Connects as for a mail but sends none: reaches the server, begins TLS, greets, and proves
    /// the user's identity. Call it at the start, so that a wrong password shows before the first
    /// user waits for a code.
    ///
    /// The connection is a new one and is kept for the first mail. The check does not show whether
    /// the server accepts the sender's address, because only a mail shows that.
    ///
    /// # Errors
    /// [`SendError`] as for [`EmailSender::send`] before a recipient is named. An operator must
    /// correct [`Setup`](crate::ports::SendErrorKind::Setup).
    /// [`Transient`](crate::ports::SendErrorKind::Transient) may pass.
    ///
    /// *Time*: each step has its own limit, as for a mail. A caller that leaves ends the connection.
    ///
    /// # Examples
    /// ```
    /// # async fn start() -> Result<(), sspr::adapters::SmtpUrlError> {
    /// let url = "smtp://user:password@mail.example.com:587?from=no-reply@example.com";
    /// let sender = sspr::adapters::SmtpSender::from_url(url)?;
    /// if let Err(error) = sender.check().await {
    ///     eprintln!("no mail will be sent: {error}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn check(&self) -> Result<(), SendError> {
        self.hand_over(None, Vec::new()).await
    }

    /// Lets a thread serve a mail, or only open a connection.
    async fn hand_over(
        &self,
        mail: Option<Mail>,
        secrets: Vec<Zeroizing<String>>,
    ) -> Result<(), SendError> {
        let shared = &self.pool.0;
        let pool = shared.clone();
        let attempt = Arc::new(Attempt::new(move || pool.lags()));
        let (reply, answer) = oneshot::channel();
        let job = Job { attempt: attempt.clone(), mail, reply, secrets };
        let _caller = shared.submit(job)?;
        answer.await.unwrap_or_else(|_| {
            let kind = if attempt.is_committed() {
                SendErrorKind::Unknown
            } else {
                SendErrorKind::Transient
            };
            Err(SendError::new(kind, "smtp: the sending thread has ended"))
        })
    }

    fn compose(&self, message: &EmailMessage) -> Result<Zeroizing<Vec<u8>>, SendError> {
        let mut id = [0; 32];
        SystemEntropy::new().fill(&mut id).map_err(|error| {
            SendError::new(SendErrorKind::Transient, "smtp: no message id could be drawn")
                .with_source(error)
        })?;
        let now = SystemClock::new().now();
        let headers = mime::headers(message, &self.from, now, &Digest::from_bytes(id));
        let body = MultiPart::alternative()
            .singlepart(part(ContentType::TEXT_PLAIN, &message.text))
            .singlepart(part(ContentType::TEXT_HTML, &message.html));
        let body = Zeroizing::new(body.formatted());
        Ok(Zeroizing::new([headers.as_bytes(), &body].concat()))
    }
}

#[async_trait]
impl EmailSender for SmtpSender {
    async fn send(&self, message: &EmailMessage) -> Result<(), SendError> {
        let mail = Mail {
            from: message.from.as_ref().unwrap_or(&self.from).clone(),
            message: self.compose(message)?,
            to: message.to.clone(),
        };
        self.hand_over(Some(mail), secrets(message)).await
    }
}

impl fmt::Debug for SmtpSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SmtpSender(…)")
    }
}

fn part(kind: ContentType, text: &str) -> SinglePart {
    SinglePart::builder().header(kind).body(text.to_owned())
}

/// Returns the parts of a message that a server may repeat and no error may show.
fn secrets(message: &EmailMessage) -> Vec<Zeroizing<String>> {
    let to = &message.to;
    let code = code_in(message).map(|code| code.expose().to_string());
    let all = [to.as_str(), to.local(), to.domain()].map(str::to_owned).into_iter().chain(code);
    all.map(Zeroizing::new).collect()
}
