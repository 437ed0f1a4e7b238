//! The ids of a call, which every answer repeats.

use crate::domain::Timestamp;

/// The ids of a call, and its time.
pub(super) struct Ids {
    pub(super) trace: String,
    pub(super) correlation: String,
    pub(super) now: Timestamp,
}

impl Ids {
    /// Returns the time of the call as Entra writes it.
    pub(super) fn timestamp(&self) -> String {
        let at = self.now.to_civil();
        let (date, time) = (at.date(), at.time());
        format!("{date} {:02}:{:02}:{:02}Z", time.hour(), time.minute(), time.second())
    }
}
