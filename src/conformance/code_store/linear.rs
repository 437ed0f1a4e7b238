//! Finds out whether some order of overlapping calls explains their answers. The search is by Wing
//! and Gong, and skips states that were seen before (Lowe).

use std::collections::BTreeSet;

use super::{history::Event, model::Model};

/// Returns true if calls in some order could have given these answers. Each call takes effect at
/// one moment between its beginning and its end. Takes at most 64 events.
pub(super) fn is_linearizable(history: &[Event]) -> bool {
    let mut seen = BTreeSet::new();
    search(history, 0, &Model::default(), &mut seen)
}

fn search(history: &[Event], done: u64, state: &Model, seen: &mut BTreeSet<(u64, Model)>) -> bool {
    let open = || (0_u32..).zip(history).filter(|(bit, _)| done & (1 << bit) == 0);
    // A call that ended before another one began comes before it.
    let Some(first_end) = open().map(|(_, event)| event.ended).min() else { return true };
    for (bit, event) in open().filter(|(_, event)| event.began <= first_end) {
        let mut next = state.clone();
        if next.run(&event.call) != event.answer {
            continue;
        }
        let done = done | (1 << bit);
        if seen.insert((done, next.clone())) && search(history, done, &next, seen) {
            return true;
        }
    }
    false
}

/// Leaves out calls that do not matter, as long as no order explains the rest. These are calls that
/// wrote nothing, and calls that began after all others had ended.
pub(super) fn shortest(history: &[Event]) -> Vec<Event> {
    let mut shortest = history.to_vec();
    for without in (0..history.len()).rev() {
        let mut fewer = shortest.clone();
        if without >= fewer.len() {
            continue;
        }
        let left_out = fewer.remove(without);
        let last = fewer.iter().all(|event| event.ended < left_out.began);
        if (last || !left_out.answer.wrote()) && !is_linearizable(&fewer) {
            shortest = fewer;
        }
    }
    shortest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::code_store::{
        bench::name,
        operation::{Answer, Call},
    };
    use crate::domain::{Charge, TenantTag, Timestamp};
    use core::time::Duration;
    use std::sync::Arc;

    fn charge(began: u64, ended: u64, limit: u32, admitted: bool) -> Event {
        let now = Timestamp::from_micros(0);
        let window = Duration::from_micros(9);
        let name = name(TenantTag::from_bytes([1; 8]), 1);
        let charge = Charge { amount: 1, limit, name, tier: 0, window };
        let over = crate::domain::Over { ends_at: now.after(window), name };
        let answer = Answer::Over(if admitted { Vec::new() } else { vec![over] });
        let call = Arc::new(Call::Charge(vec![charge], now));
        Event { answer, began, call, client: 0, ended }
    }

    #[test]
    fn an_order_is_found_where_there_is_one() {
        // The refused call began first and ended last.
        let history = [charge(0, 9, 1, false), charge(1, 2, 1, true)];
        assert!(is_linearizable(&history));
    }

    #[test]
    fn what_ended_before_counts_before() {
        let history = [charge(0, 1, 1, false), charge(2, 3, 1, true)];
        assert!(!is_linearizable(&history), "refused before anything was charged");
    }

    #[test]
    fn two_admitted_at_limit_one_are_inexplicable_and_the_story_is_short() {
        let history = [
            charge(0, 7, 0, false),
            charge(1, 4, 1, true),
            charge(2, 3, 1, true),
            charge(8, 9, 9, true),
        ];
        assert!(!is_linearizable(&history));
        assert_eq!(shortest(&history).len(), 2);
    }
}
