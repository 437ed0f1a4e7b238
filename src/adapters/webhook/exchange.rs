//! One connection to a handler, one request and its answer.

use core::{pin::pin, time::Duration};
use std::{error::Error as StdError, io};

use futures_util::future::{Either, select};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{Request, body::Bytes, client::conn::http1, header::CONTENT_TYPE};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use rustls::{AlertDescription, CertificateError};
use tokio::{net::TcpStream, time::timeout};
use tower_service::Service as _;

use super::{
    answer::{judge_body, judge_status},
    place::Place,
};
use crate::ports::{SendError, SendErrorKind};

/// The longest body of an answer that is read.
const LONGEST_ANSWER: usize = 64 * 1024;
/// The most bytes of the status line and the headers of an answer. It is the size of the read
/// buffer, so it also limits how many bytes of an endless head are read.
const LONGEST_HEAD: usize = 16 * 1024;

pub(super) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Connects, and begins TLS. No byte of a request has been written yet, so the courier can safely
/// repeat the request after a failure.
pub(super) async fn connect(place: &Place, most: Duration) -> Result<Stream, SendError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    // It is shared out among the addresses of the host.
    tcp.set_connect_timeout(Some(most));
    let connecting = async {
        if !place.is_protected() {
            let stream = tcp.call(place.url.clone()).await;
            return stream.map(MaybeHttpsStream::Http).map_err(|error| refused(&error));
        }
        let Some(tls) = &place.tls else {
            let words = "webhook: this system has no root certificates; install them, or give them by \
                         `with_roots`";
            return Err(SendError::new(SendErrorKind::Setup, words));
        };
        let mut https = HttpsConnector::from((tcp, tls.clone()));
        https.call(place.url.clone()).await.map_err(|error| refused(&*error))
    };
    let stream = timeout(most, connecting).await.unwrap_or_else(|_| {
        let words = "webhook: no connection to the handler within the time limit";
        Err(SendError::new(SendErrorKind::Transient, words))
    })?;
    if let MaybeHttpsStream::Http(stream) = &stream {
        let peer = stream.inner().peer_addr();
        if !peer.is_ok_and(|peer| peer.ip().to_canonical().is_loopback()) {
            let words = "webhook: `localhost` is not this machine here; use https://";
            return Err(SendError::new(SendErrorKind::Setup, words));
        }
    }
    Ok(stream)
}

/// Makes one request. As soon as the first byte of the request is written, the handler may have
/// sent the code. Only the answer of the handler shows whether it has.
pub(super) async fn exchange(
    stream: Stream,
    request: Request<Full<Bytes>>,
    most: Duration,
) -> Result<(), SendError> {
    let exchange = async {
        let mut builder = http1::Builder::new();
        let builder = builder.max_buf_size(LONGEST_HEAD);
        let (mut sender, connection) =
            builder.handshake(stream).await.map_err(|error| broken_off(error.into()))?;
        let (answer, connection) = (pin!(answer(&mut sender, request)), pin!(connection));
        match select(answer, connection).await {
            Either::Left((answer, _)) => answer,
            Either::Right((_, answer)) => answer.await,
        }
    };
    timeout(most, exchange).await.unwrap_or_else(|_| {
        let words = "webhook: the handler did not answer in time";
        Err(SendError::new(SendErrorKind::Unknown, words))
    })
}

async fn answer(
    sender: &mut http1::SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<(), SendError> {
    let answer = sender.send_request(request).await.map_err(|error| broken_off(error.into()))?;
    judge_status(answer.status())?;
    let content_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.map(str::to_owned);
    let body = Limited::new(answer.into_body(), LONGEST_ANSWER).collect().await;
    let body = body.map_err(|error| {
        let words = if error.is::<LengthLimitError>() {
            "webhook: the handler's answer is longer than 64 KiB"
        } else {
            "webhook: the connection broke off within the handler's answer"
        };
        SendError::new(SendErrorKind::Unknown, words)
    })?;
    judge_body(content_type.as_deref(), &body.to_bytes())
}

fn broken_off(error: Box<dyn StdError + Send + Sync>) -> SendError {
    let words = "webhook: the connection broke off before the handler's answer";
    SendError::new(SendErrorKind::Unknown, words).with_source(error)
}

/// Returns the reason for a connection that was not made.
fn refused(error: &(dyn StdError + 'static)) -> SendError {
    use CertificateError as Bad;
    let (kind, words) = match tls_error(error) {
        None if error.to_string().starts_with("dns error") => {
            (SendErrorKind::Setup, "webhook: the handler's host is not known")
        }
        None => (SendErrorKind::Transient, "webhook: no connection to the handler"),
        Some(rustls::Error::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. })) => {
            (SendErrorKind::Setup, "webhook: the handler's certificate has expired")
        }
        Some(rustls::Error::InvalidCertificate(
            Bad::NotValidForName | Bad::NotValidForNameContext { .. },
        )) => (SendErrorKind::Setup, "webhook: the handler's certificate is for another host"),
        Some(rustls::Error::InvalidCertificate(_)) => (
            SendErrorKind::Setup,
            "webhook: the handler's certificate is not trusted; give its root certificate by \
             `with_roots`",
        ),
        Some(rustls::Error::InvalidMessage(_)) => {
            (SendErrorKind::Setup, "webhook: the handler speaks no TLS on this port")
        }
        Some(rustls::Error::AlertReceived(AlertDescription::InternalError)) => {
            (SendErrorKind::Transient, "webhook: the handler's TLS has a fault of its own")
        }
        Some(_) => (
            SendErrorKind::Setup,
            "webhook: the handler and this client agree on no protected connection",
        ),
    };
    SendError::new(kind, words)
}

fn tls_error<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e rustls::Error> {
    // What an `io::Error` holds is not its source.
    let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let held = held.map(|held| -> &(dyn StdError + 'static) { held });
    let inner = held.or_else(|| error.source());
    error.downcast_ref::<rustls::Error>().or_else(|| inner.and_then(tls_error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_is_not_known_is_told_from_one_that_is_away() {
        for (reason, kind, words) in [
            ("dns error: no such name", SendErrorKind::Setup, "host is not known"),
            ("tcp connect error", SendErrorKind::Transient, "no connection"),
        ] {
            let error = refused(&io::Error::other(reason));
            assert_eq!(error.kind(), kind);
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
