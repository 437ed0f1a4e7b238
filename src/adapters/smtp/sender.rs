//! The sender: a thread that owns the connections, and the queue in front of it.

use std::{
    fmt,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use async_trait::async_trait;
use base64ct::{Base64UrlUnpadded, Encoding};
use futures_channel::oneshot;
use lettre::{
    Address, Message, SmtpTransport, Transport,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{
        PoolConfig,
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
        extension::ClientId,
    },
};

use super::{
    SmtpUrlError, errors,
    url::{Security, SmtpUrl},
};
use crate::{
    adapters::SystemEntropy,
    domain::{EmailAddress, Entropy},
    mail::EmailMessage,
    ports::{EmailSender, SendError, SendErrorKind},
};

/// Messages that may wait for the thread.
const QUEUE: usize = 64;

/// Hands mail to an SMTP server.
///
/// STARTTLS is required unless the URL says otherwise; a server that does not offer it gets no
/// mail. Connections are kept and used again. Clones share the thread; it ends with the last.
#[derive(Clone)]
pub struct SmtpSender {
    jobs: SyncSender<Job>,
    from: EmailAddress,
}

struct Job {
    message: Message,
    reply: oneshot::Sender<Result<(), SendError>>,
}

impl SmtpSender {
    /// Reads where to send mail:
    ///
    /// - `smtp://user:password@host:587?from=no-reply@example.com`: STARTTLS, or no mail;
    /// - `smtps://…:465?from=…`: TLS from the first byte;
    /// - `smtp://localhost:25?from=…&tls=none`: unprotected, for a server on this machine.
    ///
    /// Further parameters: `ca` (a file with one more root certificate), `hello` (the name given
    /// in EHLO; the sender's domain), `timeout` (seconds; 20). User and password are
    /// percent-encoded.
    ///
    /// # Errors
    /// [`SmtpUrlError`] names the part that is wrong. No connection is made yet.
    pub fn from_url(url: &str) -> Result<Self, SmtpUrlError> {
        let url = SmtpUrl::parse(url)?;
        let from = url.from.clone();
        let transport = transport(url)?;
        let (jobs, queue) = sync_channel(QUEUE);
        let thread = thread::Builder::new().name("sspr-smtp".to_owned());
        // Without a thread the queue's end is gone, and every send says so.
        let _ = thread.spawn(move || work(&transport, &queue));
        Ok(Self { from, jobs })
    }

    fn compose(&self, message: &EmailMessage) -> Result<Message, SendError> {
        let from = message.from.as_ref().unwrap_or(&self.from);
        let mailbox = |address: &EmailAddress, name: Option<String>| {
            let address = Address::new(address.local(), address.domain());
            address.map(|address| Mailbox::new(name, address)).map_err(|_| errors::message())
        };
        let mut id = [0; 16];
        SystemEntropy::new().fill(&mut id).map_err(|error| {
            SendError::new(SendErrorKind::Transient, "smtp: no message id could be drawn")
                .with_source(error)
        })?;
        let id = Base64UrlUnpadded::encode_string(&id);
        let builder = Message::builder()
            .from(mailbox(from, Some(message.from_name.clone()))?)
            .to(mailbox(&message.to, None)?)
            .subject(message.subject.as_str())
            .message_id(Some(format!("<{id}@{}>", from.domain())));
        let mut composed = builder
            .multipart(
                MultiPart::alternative()
                    .singlepart(part(ContentType::TEXT_PLAIN, &message.text))
                    .singlepart(part(ContentType::TEXT_HTML, &message.html)),
            )
            .map_err(|_| errors::message())?;
        let language = ("Content-Language", message.language.as_str());
        for (name, value) in EmailMessage::HEADERS.into_iter().chain([language]) {
            let name =
                HeaderName::new_from_ascii(name.to_owned()).map_err(|_| errors::message())?;
            composed.headers_mut().insert_raw(HeaderValue::new(name, value.to_owned()));
        }
        Ok(composed)
    }
}

#[async_trait]
impl EmailSender for SmtpSender {
    async fn send(&self, message: &EmailMessage) -> Result<(), SendError> {
        let message = self.compose(message)?;
        let (reply, answer) = oneshot::channel();
        self.jobs.try_send(Job { message, reply }).map_err(|_| errors::ended())?;
        answer.await.unwrap_or_else(|_| Err(errors::ended()))
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

fn transport(url: SmtpUrl) -> Result<SmtpTransport, SmtpUrlError> {
    let mut parameters = TlsParameters::builder(url.host.clone());
    if let Some(root) = &url.root {
        let root = Certificate::from_pem(root).map_err(|_| SmtpUrlError::Certificate)?;
        parameters = parameters.add_root_certificate(root);
    }
    let parameters = parameters.build().map_err(|_| SmtpUrlError::Certificate)?;
    let tls = match url.security {
        Security::None => Tls::None,
        Security::StartTls => Tls::Required(parameters),
        Security::Tls => Tls::Wrapper(parameters),
    };
    let mut builder = SmtpTransport::builder_dangerous(url.host)
        .port(url.port)
        .tls(tls)
        .timeout(Some(url.timeout))
        .hello_name(ClientId::Domain(url.hello))
        .pool_config(PoolConfig::new().max_size(2));
    if let Some((user, password)) = url.user {
        builder = builder.credentials(Credentials::new(user, password.as_str().to_owned()));
    }
    Ok(builder.build())
}

fn work(transport: &SmtpTransport, queue: &Receiver<Job>) {
    while let Ok(Job { message, reply }) = queue.recv() {
        if reply.is_canceled() {
            continue;
        }
        let result = transport.send(&message).map(drop).map_err(|error| errors::send(&error));
        // A caller that is gone does not care for the answer.
        let _ = reply.send(result);
    }
}
