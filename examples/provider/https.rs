//! One POST to a provider's HTTPS API, for the examples `twilio` and `sendgrid`.
//!
//! Each message has a connection of its own. A server may close an idle connection at the moment at
//! which the next request is sent, and then nobody would know whether the message was sent.

use std::{error::Error as StdError, io, pin::pin, sync::Arc, time::Duration};

use futures_util::future::{Either, select};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Request, Uri,
    body::Bytes,
    client::conn::http1,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{ClientConfig, crypto::aws_lc_rs};
use rustls_platform_verifier::BuilderVerifierExt as _;
use sspr::ports::{SendError, SendErrorKind};
use tokio::time::{Instant, timeout_at};
use tower_service::Service as _;

/// The longest error that is read.
const LONGEST_ANSWER: usize = 64 * 1024;

/// A provider's API.
#[derive(Clone)]
pub struct Api {
    /// The beginning of errors.
    name: &'static str,
    url: Uri,
    authorization: HeaderValue,
    connector: HttpsConnector<HttpConnector>,
    /// The time limit of a whole request.
    timeout: Duration,
}

/// The answer of a provider.
pub struct Answer {
    pub status: u16,
    /// The seconds after which the provider wants to be asked again.
    pub retry_after: Option<u64>,
    /// The body of an answer that is no success, as far as it arrived.
    pub body: Bytes,
}

impl Api {
    /// # Errors
    /// The URL or the secret cannot be used, or the system has no root certificates.
    pub fn new(
        name: &'static str,
        url: &str,
        authorization: &str,
    ) -> Result<Self, Box<dyn StdError + Send + Sync>> {
        let url: Uri = url.parse()?;
        let is_here = matches!(url.host(), Some("127.0.0.1"));
        if url.scheme_str() != Some("https") && !is_here {
            return Err(format!("{name}: the URL must begin with https://").into());
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_platform_verifier()?
            .with_no_client_auth();
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        let mut authorization = HeaderValue::from_str(authorization)?;
        // Otherwise `Debug` would show the secret.
        authorization.set_sensitive(true);
        let timeout = Duration::from_secs(10);
        Ok(Self { authorization, connector: connector.build(), name, timeout, url })
    }

    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Sends one request. No redirect is followed.
    ///
    /// # Errors
    /// There is no answer. The kind says whether the provider may have sent the message.
    pub async fn post(&self, content_type: &str, body: String) -> Result<Answer, SendError> {
        let deadline = Instant::now() + self.timeout;
        let connecting = self.connector.clone().call(self.url.clone());
        let stream = match timeout_at(deadline, connecting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) if is_tls(&*error) => {
                let words = "no protected connection; check the clock and the root certificates";
                return Err(self.error(SendErrorKind::Setup, words));
            }
            // Nothing was sent yet.
            _ => return Err(self.error(SendErrorKind::Transient, "no connection")),
        };
        let host = self.url.authority().map_or("", |authority| authority.as_str());
        let path = self.url.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::post(path)
            .header(HOST, host)
            .header(AUTHORIZATION, self.authorization.clone())
            .header(CONTENT_TYPE, content_type)
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| self.error(SendErrorKind::Setup, "the request cannot be written"))?;
        // From here on the provider may have sent the message, whatever goes wrong.
        let unknown = |words| self.error(SendErrorKind::Unknown, words);
        let (mut sender, connection) = http1::handshake(stream)
            .await
            .map_err(|_| unknown("the connection broke off before the answer"))?;
        let exchange = async {
            let answer = match timeout_at(deadline, sender.send_request(request)).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => return Err(unknown("the connection broke off before the answer")),
                Err(_) => return Err(unknown("no answer in time")),
            };
            let status = answer.status();
            let wait = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            let retry_after = wait.and_then(|seconds| seconds.trim().parse().ok());
            let mut body = Bytes::new();
            if !status.is_success() {
                let reading = Limited::new(answer.into_body(), LONGEST_ANSWER).collect();
                if let Ok(Ok(read)) = timeout_at(deadline, reading).await {
                    body = read.to_bytes();
                }
            }
            Ok(Answer { body, retry_after, status: status.as_u16() })
        };
        // The connection is polled beside the exchange and ends with it.
        match select(pin!(exchange), pin!(connection)).await {
            Either::Left((answer, _)) => answer,
            Either::Right((_, exchange)) => exchange.await,
        }
    }

    /// Makes an error. The words must not contain what the provider said, because providers repeat
    /// the recipient.
    pub fn error(&self, kind: SendErrorKind, words: &str) -> SendError {
        SendError::new(kind, format!("{}: {words}", self.name))
    }

    /// Judges the answers that mean the same for every provider: too many requests, and faults of
    /// the provider.
    pub fn busy_or_broken(&self, answer: &Answer) -> Option<SendError> {
        let status = answer.status;
        match status {
            425 | 429 | 503 => {
                let wait = answer.retry_after.map_or(String::new(), |seconds| {
                    format!("; it wants to be asked again in {seconds} seconds")
                });
                Some(self.error(SendErrorKind::Transient, &format!("status {status}{wait}")))
            }
            // A provider that broke may have sent the message before.
            408 | 500..=599 => {
                Some(self.error(SendErrorKind::Unknown, &format!("status {status}")))
            }
            _ => None,
        }
    }
}

/// Returns true if TLS has failed, and not the network.
fn is_tls(error: &(dyn StdError + 'static)) -> bool {
    // What an `io::Error` holds is not its source.
    let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let held = held.map(|held| -> &(dyn StdError + 'static) { held });
    error.is::<rustls::Error>() || held.or_else(|| error.source()).is_some_and(is_tls)
}
