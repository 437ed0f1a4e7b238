//! Every order of events, to a depth: the pure machines of `flow` themselves, between a small model
//! of stores and people. Two accounts in two tenants, two resets, three people (two owners, and a
//! stranger who guesses); answers and mails that are lost, crashes between two writes, clocks that go
//! back, policies that are switched, stamps that change elsewhere.
//!
//! ```sh
//! cargo test --test search exhaustive::                                                   # some seconds
//! SSPR_DEPTH=6 cargo test --release --test search exhaustive:: -- --nocapture             # above two million states
//! ```
//!
//! States are told apart by all that is in them. Each property is tested by a machine that is wrong
//! in one way: see `Wrong`.

pub mod machine;
pub mod model;
pub mod people;

use std::collections::{HashMap, HashSet};

use self::{
    machine::{Machine, Wrong},
    model::{Action, Begins, Broken, Setting, State},
};

/// Events in a row, in the usual run.
const DEPTH: usize = 4;
/// Events in a row within which a wrong machine must be found.
const WRONG_DEPTH: usize = 8;

struct Seen {
    states: usize,
    broken: Option<(Broken, Vec<Action>)>,
}

/// Breadth first: the shortest way to what is broken is found first.
fn explore(machine: &Machine, setting: Setting, first: State, depth: usize) -> Seen {
    let mut seen = HashSet::from([first.digest()]);
    let mut ways: HashMap<u128, (u128, Action)> = HashMap::new();
    let mut edge = vec![first];
    for _ in 0..depth {
        let mut next = Vec::new();
        for state in &edge {
            let from = state.digest();
            for action in state.actions(setting) {
                let mut after = state.clone();
                let done = after.act(machine, setting, action);
                let done = done.and_then(|moved| after.check(machine, setting).map(|()| moved));
                let to = after.digest();
                match done {
                    Ok(false) => continue,
                    Ok(true) => {}
                    Err(broken) => {
                        let mut way = vec![action];
                        let mut at = from;
                        while let Some((before, action)) = ways.get(&at) {
                            way.push(*action);
                            at = *before;
                        }
                        way.reverse();
                        return Seen { broken: Some((broken, way)), states: seen.len() };
                    }
                }
                if seen.insert(to) {
                    // The way is told only where something may be broken.
                    if machine.wrong.is_some() {
                        ways.insert(to, (from, action));
                    }
                    next.push(after);
                }
            }
        }
        edge = next;
    }
    Seen { broken: None, states: seen.len() }
}

#[test]
fn in_every_state_the_properties_hold() {
    let depth = std::env::var("SSPR_DEPTH").ok();
    let depth = depth.map_or(DEPTH, |depth| depth.parse().expect("a number"));
    let machine = Machine::new(None);
    let mut all = 0;
    for (setting, fresh, depth) in [
        (Setting::OneAccount, true, depth),
        (Setting::TwoTenants, true, depth),
        (Setting::OneAccount, false, depth),
        (Setting::TwoTenants, false, depth),
        (Setting::Alone, true, depth + 3),
        (Setting::TwoWays, true, depth + 2),
    ] {
        let delivered = State::delivered(&machine, setting);
        let first = if fresh { State::new(&machine) } else { delivered };
        let seen = explore(&machine, setting, first, depth);
        let from = if fresh { "nothing" } else { "two codes in the mailbox" };
        println!("{setting:?} from {from}, depth {depth}: {} distinct states", seen.states);
        assert!(seen.broken.is_none(), "{:?}", seen.broken);
        all += seen.states;
    }
    for begins in [Begins::Granted, Begins::HandedOver] {
        for (setting, depth) in [
            (Setting::OneAccount, depth),
            (Setting::TwoTenants, depth),
            (Setting::Alone, depth + 3),
        ] {
            let seen = explore(&machine, setting, State::begun(&machine, begins), depth);
            println!("{setting:?} from {begins:?}, depth {depth}: {} distinct states", seen.states);
            assert!(seen.broken.is_none(), "{:?}", seen.broken);
            all += seen.states;
        }
    }
    println!("{all} distinct states");
    assert!(all > 100_000, "{all} states are too few to prove anything");
}

#[test]
fn every_wrong_machine_breaks_its_property() {
    for wrong in Wrong::ALL {
        let machine = Machine::new(Some(wrong));
        let seen = match wrong {
            Wrong::OneCodeForAll => {
                let setting = Setting::OneAccount;
                explore(&machine, setting, State::delivered(&machine, setting), 2)
            }
            Wrong::WaysShareCooldown | Wrong::SwitchEndsCooldown => {
                explore(&machine, Setting::TwoWays, State::new(&machine), WRONG_DEPTH)
            }
            _ => explore(&machine, Setting::Alone, State::new(&machine), WRONG_DEPTH),
        };
        let Some((broken, way)) = seen.broken else {
            panic!("{wrong:?} is not found in {} states", seen.states)
        };
        println!("{wrong:?}: {broken:?} after {} states: {way:?}", seen.states);
        assert_eq!(broken, wrong.breaks(), "{wrong:?}: {way:?}");
    }
}

#[test]
fn a_wrong_machine_is_found_where_a_reset_begins_with_a_grant_or_a_code_of_staff() {
    for (wrong, begins) in [
        (Wrong::GrantNeverDies, Begins::Granted),
        (Wrong::TicketStays, Begins::Granted),
        (Wrong::TicketNeverDies, Begins::Granted),
        (Wrong::UsersTakeAll, Begins::Granted),
        (Wrong::CodeNeverDies, Begins::HandedOver),
        (Wrong::GrantNeverDies, Begins::HandedOver),
        (Wrong::TicketStays, Begins::HandedOver),
        (Wrong::UsersTakeAll, Begins::HandedOver),
        (Wrong::DecoyShows, Begins::HandedOver),
    ] {
        let machine = Machine::new(Some(wrong));
        let first = State::begun(&machine, begins);
        let seen = explore(&machine, Setting::Alone, first, WRONG_DEPTH);
        let Some((broken, way)) = seen.broken else {
            panic!("{wrong:?} from {begins:?} is not found in {} states", seen.states)
        };
        println!("{wrong:?} from {begins:?}: {broken:?} after {} states: {way:?}", seen.states);
        assert_eq!(broken, wrong.breaks(), "{wrong:?} from {begins:?}: {way:?}");
    }
}
