//! The place of a handler: its URL, and what its certificate is checked against.

use std::sync::Arc;

use hyper::Uri;
use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, ServerName},
};

use super::OtpWebhookError;
use crate::adapters::tls::{client_config, is_this_machine, roots_in};

/// The URL of a handler, with the settings of TLS.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) url: Uri,
    /// `None` if neither the system nor the caller provides root certificates.
    pub(super) tls: Option<Arc<ClientConfig>>,
    roots: Vec<CertificateDer<'static>>,
}

impl Place {
    pub(super) fn parse(url: &str) -> Result<Self, OtpWebhookError> {
        // `Uri` drops a fragment without a word.
        if url.contains('#') {
            return Err(OtpWebhookError::Form);
        }
        let url: Uri = url.parse().map_err(|_| OtpWebhookError::Form)?;
        let authority = url.authority().ok_or(OtpWebhookError::Form)?;
        let host = authority.host();
        // What is no host and port, such as a user, is no name either.
        let rest = authority.as_str().strip_prefix(host).ok_or(OtpWebhookError::Form)?;
        let port = rest.strip_prefix(':').map(str::parse::<u16>);
        if !rest.is_empty() && !matches!(port, Some(Ok(1..))) {
            return Err(OtpWebhookError::Port);
        }
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        ServerName::try_from(bare.unwrap_or(host)).map_err(|_| OtpWebhookError::Form)?;
        match url.scheme_str() {
            Some("https") => {}
            Some("http") if is_this_machine(bare.unwrap_or(host)) => {}
            Some("http") => return Err(OtpWebhookError::Unprotected),
            _ => return Err(OtpWebhookError::Form),
        }
        let tls = client_config(&[]).ok().map(Arc::new);
        Ok(Self { roots: Vec::new(), tls, url })
    }

    /// Trusts more root certificates.
    pub(super) fn trust(&mut self, pem: &[u8]) -> Result<(), OtpWebhookError> {
        let more = roots_in(pem).ok_or(OtpWebhookError::Certificate)?;
        let roots = [self.roots.as_slice(), &more].concat();
        let config = client_config(&roots).map_err(|_| OtpWebhookError::Certificate)?;
        (self.roots, self.tls) = (roots, Some(Arc::new(config)));
        Ok(())
    }

    pub(super) fn is_protected(&self) -> bool {
        self.url.scheme_str() == Some("https")
    }

    pub(super) fn authority(&self) -> &str {
        self.url.authority().map_or("", |authority| authority.as_str())
    }

    pub(super) fn path(&self) -> &str {
        self.url.path_and_query().map_or("/", |path| path.as_str())
    }
}
