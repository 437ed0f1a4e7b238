//! The conversion of charges to bytes, of keys to text, and of answers to values.

use core::time::Duration;

use redis::Value;

use super::errors;
use crate::{
    domain::{Charge, CounterName, Over, TenantTag, Timestamp},
    ports::StoreError,
};

/// The largest whole number that a script keeps exactly, 2^53 − 1. As a time it is in the year
/// 2255.
const LARGEST: i64 = (1 << 53) - 1;

/// Returns a time that a script keeps exactly.
pub(super) fn micros(instant: Timestamp) -> i64 {
    instant.as_micros().clamp(-LARGEST, LARGEST)
}

/// Returns the charges sorted by tier, in the layout that the scripts read.
pub(super) fn charges(charges: &[Charge]) -> Vec<u8> {
    let mut order: Vec<&Charge> = charges.iter().collect();
    order.sort_by_key(|charge| charge.tier);
    let mut bytes = Vec::with_capacity(charges.len() * 49);
    for charge in order {
        // A window has at most ten years, so that a sum stays exact.
        let window = charge.window.min(Duration::from_secs(10 * 365 * 24 * 3600));
        bytes.push(charge.tier);
        bytes.extend_from_slice(charge.name.as_bytes());
        bytes.extend_from_slice(&charge.amount.to_be_bytes());
        bytes.extend_from_slice(&charge.limit.to_be_bytes());
        bytes.extend_from_slice(&u64::try_from(window.as_micros()).unwrap_or(0).to_be_bytes());
    }
    bytes
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

/// Returns the prefix of a tenant's keys. The braces put all of them into one hash slot.
pub(super) fn tenant_prefix(prefix: &str, tenant: TenantTag) -> String {
    format!("{prefix}:{{{}}}", hex(tenant.as_bytes()))
}

/// The parts of a script's answer.
pub(super) struct Parts(std::vec::IntoIter<Value>);

impl Parts {
    pub(super) fn of(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Array(parts) => Ok(Self(parts.into_iter())),
            _ => Err(errors::damaged("answer")),
        }
    }

    pub(super) fn number(&mut self) -> Result<i64, StoreError> {
        match self.0.next() {
            Some(Value::Int(number)) => Ok(number),
            _ => Err(errors::damaged("number")),
        }
    }

    pub(super) fn version(&mut self) -> Result<u64, StoreError> {
        u64::try_from(self.number()?).map_err(|_| errors::damaged("version"))
    }

    pub(super) fn bytes(&mut self) -> Result<Vec<u8>, StoreError> {
        match self.0.next() {
            Some(Value::BulkString(bytes)) => Ok(bytes),
            _ => Err(errors::damaged("bytes")),
        }
    }

    /// Returns the remaining parts: counters that are over, with their ends.
    pub(super) fn over(mut self) -> Result<Vec<Over>, StoreError> {
        let mut over = Vec::new();
        while self.0.len() > 0 {
            let name = self.bytes()?.try_into().map_err(|_| errors::damaged("name"))?;
            let ends_at = Timestamp::from_micros(self.number()?);
            over.push(Over { ends_at, name: CounterName::from_bytes(name) });
        }
        Ok(over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_kept_within_what_a_script_counts_exactly() {
        let most = 9_007_199_254_740_991;
        for (given, kept) in [(i64::MAX, most), (most, most), (7, 7), (i64::MIN, -most)] {
            assert_eq!(micros(Timestamp::from_micros(given)), kept);
        }
    }

    #[test]
    fn a_window_is_packed_in_microseconds_and_has_at_most_ten_years() {
        let year = 365 * 24 * 3_600;
        for (seconds, kept) in [(1, 1), (10 * year, 10 * year), (11 * year, 10 * year)] {
            let name = CounterName::from_bytes([7; CounterName::BYTES]);
            let window = Duration::from_secs(seconds);
            let charge = Charge { amount: 2, limit: 3, name, tier: 1, window };
            let bytes = charges(&[charge]);
            let (_, window) = bytes.split_last_chunk::<8>().unwrap();
            assert_eq!(u64::from_be_bytes(*window), kept * 1_000_000, "{seconds}");
        }
    }
}
