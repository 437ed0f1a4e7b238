//! TLS with rustls. The certificate and the name are always verified.

use std::{fs::File, io, io::Read as _, sync::Arc};

use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, ServerName},
};

use super::{
    failure::{Failure, Phase},
    url_error::SmtpUrlError,
};
use crate::{
    adapters::tls::{client_config, roots_in},
    ports::SendErrorKind,
};

/// The longest file of root certificates.
const LONGEST_FILE: u64 = 1024 * 1024;

/// The TLS settings for one server.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) config: Arc<ClientConfig>,
    pub(super) name: ServerName<'static>,
}

impl Tls {
    /// Trusts the root certificates of the system, and those in a file.
    pub(super) fn new(host: &str, roots: &[CertificateDer<'static>]) -> Result<Self, SmtpUrlError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| SmtpUrlError::Host)?;
        let config = client_config(roots).map_err(|_| SmtpUrlError::Roots)?;
        Ok(Self { config: Arc::new(config), name })
    }
}

/// Reads a PEM file of root certificates. There must be at least one, and each must be usable.
pub(super) fn roots(path: &str) -> Result<Vec<CertificateDer<'static>>, SmtpUrlError> {
    let wrong = |_| SmtpUrlError::Certificate;
    let mut pem = Vec::new();
    // Reading a pipe or a device might never end.
    if !std::fs::metadata(path).map_err(wrong)?.is_file() {
        return Err(SmtpUrlError::Certificate);
    }
    let file = File::open(path).map_err(wrong)?;
    file.take(LONGEST_FILE).read_to_end(&mut pem).map_err(wrong)?;
    roots_in(&pem).ok_or(SmtpUrlError::Certificate)
}

/// Returns the reason for a failed handshake: the certificate, the protocol or the connection.
pub(super) fn failure(error: io::Error) -> Failure {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let words = match inner {
        None => return Failure::broken(Phase::StartTls, error.into()),
        Some(rustls::Error::InvalidCertificate(_)) => {
            "the server's certificate is not trusted; check the host, or name its root \
             certificate by `ca`"
        }
        Some(rustls::Error::InvalidMessage(_)) => {
            "the server does not speak TLS on this port; an smtp:// URL begins with STARTTLS"
        }
        Some(_) => "the server and this client agree on no protected connection",
    };
    let reason = inner.map(ToString::to_string).unwrap_or_default();
    Failure::new(SendErrorKind::Setup, words).because(reason)
}
