//! The ids that tie requests to log lines.

use crate::domain::{CorrelationId, Entropy, guid};

/// Generates an id that ties a request to its log lines.
pub(super) fn fresh_correlation(entropy: &dyn Entropy) -> Option<CorrelationId> {
    CorrelationId::parse(&fresh_id(entropy)?).ok()
}

/// Generates the text of such an id, in the form of a UUID (RFC 9562).
pub(super) fn fresh_id(entropy: &dyn Entropy) -> Option<String> {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes).ok()?;
    // The bits of version 4 and of the variant 10.
    let random = u128::from_be_bytes(bytes) & !(0xf0 << 72 | 0xc0 << 56);
    Some(guid(random | 0x40 << 72 | 0x80 << 56))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::EntropyUnavailable;

    #[derive(Debug)]
    struct Same(u8);

    impl Entropy for Same {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable> {
            bytes.fill(self.0);
            Ok(())
        }
    }

    #[test]
    fn an_id_has_the_form_of_a_random_uuid() {
        for (byte, text) in [
            (0x00, "00000000-0000-4000-8000-000000000000"),
            (0xff, "ffffffff-ffff-4fff-bfff-ffffffffffff"),
            (0x1a, "1a1a1a1a-1a1a-4a1a-9a1a-1a1a1a1a1a1a"),
        ] {
            assert_eq!(fresh_id(&Same(byte)).unwrap(), text);
        }
    }
}
