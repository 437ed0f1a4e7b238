//! The result of one round of the courier.

use super::deliver::Delivered;

/// The result of [`Courier::drain`](super::Courier::drain).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// How many mails were handed over.
    pub sent: usize,
    /// How many mails had no recipient and were discarded.
    pub discarded: usize,
    /// How many mails will be sent again.
    pub postponed: usize,
    /// How many mails were given up.
    pub failed: usize,
}

impl Drained {
    pub(super) const fn count(&mut self, delivered: Delivered) {
        match delivered {
            Delivered::Discarded => self.discarded += 1,
            Delivered::Failed => self.failed += 1,
            Delivered::Postponed => self.postponed += 1,
            Delivered::Sent => self.sent += 1,
        }
    }
}
