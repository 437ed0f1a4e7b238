//! The limit on audit records of refusals, so that a stranger cannot fill the log.

use core::time::Duration;
use std::collections::HashMap;

use crate::{
    domain::{TenantTag, Timestamp},
    ports::{EventKind, Outcome},
};

/// How many records that are alike are kept in one window. The others are counted.
const MOST_ALIKE: u32 = 10;
/// How many records are kept in one window of calls without a network, or of all other networks once
/// too many are known. It is for each tenant, kind and outcome.
const MOST_OF_OTHERS: u32 = 1_000;
/// The length of a window.
const WINDOW: Duration = Duration::from_secs(60);
/// How many networks and kinds are told apart.
const MOST_KEYS: usize = 4_096;

/// The tenant and the kind of a refused call, how it ended, and the network that it came from.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Refusal {
    pub(super) tenant: Option<TenantTag>,
    pub(super) kind: EventKind,
    pub(super) outcome: Outcome,
    pub(super) network: Option<[u8; 17]>,
}

/// The refusals of the last minute.
#[derive(Default)]
pub(super) struct Flood(HashMap<Refusal, Seen>);

#[derive(Clone, Copy)]
struct Seen {
    since: Timestamp,
    kept: u32,
    left_out: u32,
}

impl Flood {
    /// Returns how many refusals like this one were left out before it, or `None` if this one is left
    /// out as well.
    pub(super) fn admit(&mut self, refusal: Refusal, now: Timestamp) -> Option<u32> {
        if self.0.len() >= MOST_KEYS {
            self.0.retain(|_, seen| is_open(seen.since, now));
        }
        let is_known = self.0.contains_key(&refusal) || self.0.len() < MOST_KEYS;
        let network = refusal.network.filter(|_| is_known);
        let key = Refusal { network, ..refusal };
        // Without a network, it is those of everybody.
        let most = if network.is_some() { MOST_ALIKE } else { MOST_OF_OTHERS };
        let fresh = Seen { kept: 0, left_out: 0, since: now };
        let seen = self.0.entry(key).or_insert(fresh);
        if !is_open(seen.since, now) {
            *seen = Seen { left_out: seen.left_out, ..fresh };
        }
        if seen.kept >= most {
            seen.left_out = seen.left_out.saturating_add(1);
            return None;
        }
        seen.kept = seen.kept.saturating_add(1);
        Some(core::mem::take(&mut seen.left_out))
    }
}

/// Returns true if a window is open. A clock that has stepped back opens another one.
fn is_open(since: Timestamp, now: Timestamp) -> bool {
    since <= now && now.since(since) < WINDOW
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000 + seconds * 1_000_000)
    }

    fn from(network: Option<[u8; 17]>) -> Refusal {
        let tenant = Some(TenantTag::from_bytes([1; 8]));
        Refusal { kind: EventKind::Open, network, outcome: Outcome::TryLater, tenant }
    }

    fn key(network: u8) -> Refusal {
        from(Some([network; 17]))
    }

    #[test]
    fn ten_that_are_alike_are_kept_in_a_minute_and_the_rest_is_counted() {
        let mut flood = Flood::default();
        for _ in 0..10 {
            assert_eq!(flood.admit(key(1), at(0)), Some(0));
        }
        assert_eq!(flood.admit(key(1), at(1)), None);
        assert_eq!(flood.admit(key(1), at(59)), None);
        assert_eq!(flood.admit(key(2), at(59)), Some(0), "another network");
        let other = Refusal { outcome: Outcome::Unavailable, ..key(1) };
        assert_eq!(flood.admit(other, at(59)), Some(0), "another outcome");
        let other = Refusal { tenant: Some(TenantTag::from_bytes([2; 8])), ..key(1) };
        assert_eq!(flood.admit(other, at(59)), Some(0), "another tenant");
        assert_eq!(flood.admit(key(1), at(60)), Some(2));
        assert_eq!(flood.admit(key(1), at(60)), Some(0));
        assert_eq!(flood.admit(key(1), at(-9)), Some(0), "a clock that has stepped back");
    }

    #[test]
    fn many_networks_share_one_place_and_memory_is_bounded() {
        let mut flood = Flood::default();
        let network = |number: u32| {
            let mut bytes = [0; 17];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            from(Some(bytes))
        };
        let kept = (0..20_000).filter(|it| flood.admit(network(*it), at(0)).is_some()).count();
        assert_eq!((kept, flood.0.len()), (5_096, 4_097));
        let later = (0..20_000).filter(|it| flood.admit(network(*it), at(61)).is_some()).count();
        assert_eq!((later, flood.0.len()), (5_096, 4_097));
    }

    #[test]
    fn of_calls_without_a_network_a_thousand_are_kept() {
        let mut flood = Flood::default();
        let kept = (0..2_000).filter(|_| flood.admit(from(None), at(0)).is_some()).count();
        assert_eq!(kept, 1_000);
    }
}
