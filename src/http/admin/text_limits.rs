//! The limits on text messages, as the page shows them and its form names them.

use core::time::Duration;

use crate::policy::{Limits, LimitsBuilder};

/// One limit on text messages.
pub(super) struct TextLimit {
    /// The name of the field.
    pub(super) field: &'static str,
    pub(super) name: &'static str,
    pub(super) get: fn(&Limits) -> u32,
    pub(super) set: fn(LimitsBuilder, u32) -> LimitsBuilder,
    window: fn(&Limits) -> Duration,
}

pub(super) const TEXT_LIMITS: [TextLimit; 4] = [
    TextLimit {
        field: "texts_per_number",
        name: "Messages to one number",
        get: Limits::texts_per_number,
        set: LimitsBuilder::texts_per_number,
        window: |_| DAY,
    },
    TextLimit {
        field: "texts_per_block",
        name: "Messages to numbers that differ only in their last four digits",
        get: Limits::texts_per_block,
        set: LimitsBuilder::texts_per_block,
        window: |_| HOUR,
    },
    TextLimit {
        field: "texts_per_network",
        name: "Messages that one network can ask for",
        get: Limits::texts_per_network,
        set: LimitsBuilder::texts_per_network,
        window: Limits::network_window,
    },
    TextLimit {
        field: "texts_per_tenant",
        name: "Messages of the whole tenant",
        get: Limits::texts_per_tenant,
        set: LimitsBuilder::texts_per_tenant,
        window: |_| DAY,
    },
];

impl TextLimit {
    /// Returns the period for which the limit holds, in words.
    pub(super) fn period(&self, limits: &Limits) -> String {
        let seconds = (self.window)(limits).as_secs();
        let (count, unit) = match seconds {
            whole if whole.is_multiple_of(3600) => (whole / 3600, "hour"),
            whole if whole.is_multiple_of(60) => (whole / 60, "minute"),
            other => (other, "second"),
        };
        let plural = if count == 1 { "" } else { "s" };
        format!("in {count} {unit}{plural}")
    }
}

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_said_in_the_largest_unit_that_is_whole() {
        let said = |seconds| {
            let limits = Limits::builder().network_window(Duration::from_secs(seconds));
            let limits = limits.build().unwrap();
            TEXT_LIMITS.map(|limit| limit.period(&limits))
        };
        assert_eq!(said(3600), ["in 24 hours", "in 1 hour", "in 1 hour", "in 24 hours"]);
        assert_eq!(said(7200)[2], "in 2 hours");
        assert_eq!(said(60)[2], "in 1 minute");
        assert_eq!(said(5400)[2], "in 90 minutes");
        assert_eq!(said(90)[2], "in 90 seconds");
    }
}
