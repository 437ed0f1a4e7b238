//! The ids that tie requests to log lines.

use crate::domain::{CorrelationId, Entropy};

/// Generates an id that ties a request to its log lines, in the form of a UUID (RFC 9562).
pub(super) fn fresh_correlation(entropy: &dyn Entropy) -> Option<CorrelationId> {
    let (high, low) = (entropy.word().ok()?, entropy.word().ok()?);
    // The bits of version 4 and of the variant 10.
    let high = (high & !0xf000) | 0x4000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    let text = format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    );
    CorrelationId::parse(&text).ok()
}
