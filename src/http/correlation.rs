//! The ids that tie requests to log lines.

use crate::domain::{CorrelationId, Entropy};

/// Generates an id that ties a request to its log lines.
pub(super) fn fresh_correlation(entropy: &dyn Entropy) -> Option<CorrelationId> {
    CorrelationId::parse(&fresh_id(entropy)?).ok()
}

/// Generates the text of such an id, in the form of a UUID (RFC 9562).
pub(super) fn fresh_id(entropy: &dyn Entropy) -> Option<String> {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes).ok()?;
    let mut text = String::with_capacity(36);
    for (place, byte) in bytes.into_iter().enumerate() {
        // The bits of version 4 and of the variant 10.
        let byte = match place {
            6 => byte & 0x0f | 0x40,
            8 => byte & 0x3f | 0x80,
            _ => byte,
        };
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let digits = [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16));
        text.extend(digits.into_iter().flatten());
    }
    Some(text)
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
