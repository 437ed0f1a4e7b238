//! One `tracing` span for each call, if that feature is on.

use core::future::Future;

use crate::domain::CorrelationId;

/// Runs a call inside a span of that name. The fields are the call and the correlation id, never an
/// address or a secret.
#[cfg(feature = "tracing")]
pub(super) async fn spanned<F: Future + Send>(
    call: &'static str,
    correlation: Option<&CorrelationId>,
    future: F,
) -> F::Output
where
    F::Output: Send,
{
    use tracing::Instrument as _;
    let correlation = correlation.map(tracing::field::display);
    future.instrument(tracing::info_span!(target: "sspr", "sspr", call, correlation)).await
}

/// Runs a call.
#[cfg(not(feature = "tracing"))]
pub(super) async fn spanned<F: Future + Send>(
    _call: &'static str,
    _correlation: Option<&CorrelationId>,
    future: F,
) -> F::Output
where
    F::Output: Send,
{
    future.await
}
