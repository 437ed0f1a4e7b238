//! The TLS settings of clients that trust the system's root certificates.

use std::{net::IpAddr, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use rustls_platform_verifier::{BuilderVerifierExt as _, Verifier};

/// Trusts the root certificates of the system, and these. The certificate and the name of a server
/// are always verified.
pub(super) fn client_config(
    roots: &[CertificateDer<'static>],
) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?;
    if roots.is_empty() {
        return Ok(builder.with_platform_verifier()?.with_no_client_auth());
    }
    let verifier = Verifier::new_with_extra_roots(roots.iter().cloned(), provider)?;
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    Ok(builder.with_no_client_auth())
}

/// Reads root certificates. Returns `None` unless there is at least one, and each is usable.
pub(super) fn roots_in(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let (mut roots, mut usable) = (Vec::new(), RootCertStore::empty());
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.ok()?;
        usable.add(certificate.clone()).ok()?;
        roots.push(certificate);
    }
    (!roots.is_empty()).then_some(roots)
}

/// Returns true for the hosts to which a connection needs no TLS.
pub(super) fn is_this_machine(host: &str) -> bool {
    let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(is_loopback)
}
