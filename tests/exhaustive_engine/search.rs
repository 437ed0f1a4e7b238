//! The search: breadth first, each state once for each budget that nothing reached it with more of.

use std::collections::{HashMap, HashSet, VecDeque};

use super::{
    books::Broken,
    calls::{Call, Typed},
    state::{Budget, Deed, State},
    world::World,
};

/// A state, and the stops and faults that are left.
type Key = (u128, u8, u8);

/// Where a search begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// Nothing has happened.
    Nothing,
    /// A code for each reset is in its mailbox.
    Codes,
    /// Who can has a grant for each.
    Grants,
    /// Who can has a ticket for the first reset.
    Tickets,
}

impl Root {
    pub const ALL: [Self; 4] = [Self::Nothing, Self::Codes, Self::Grants, Self::Tickets];

    /// Little can happen at first: from there it goes further.
    pub fn deeds(self, depth: u8) -> u8 {
        match self {
            Self::Nothing => depth + 2,
            Self::Codes => depth + 1,
            Self::Grants | Self::Tickets => depth,
        }
    }
}

/// Whether from each state the owner must get in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Steps,
    LastActToo,
}

pub struct Found {
    pub states: HashSet<u128>,
    pub transitions: usize,
    pub broken: Option<(Broken, Vec<Deed>)>,
}

impl State {
    pub fn at(world: &World, root: Root) -> Self {
        let mut state = Self::new(world);
        let mut whole = |call| {
            state.act(world, Deed::Whole { call, lost: false }, None).expect("it holds");
        };
        let number = 1;
        for reset in (0..world.resets()).filter(|_| root != Root::Nothing) {
            whole(Call::Open { reset });
            whole(Call::Send { reset });
            whole(Call::Deliver { lost: false, number, reset, tried: 1 });
            let grants = matches!(root, Root::Grants | Root::Tickets);
            if grants && world.reads(reset, reset) {
                whole(Call::Verify { reset, typed: Typed::Mailed { number, reset } });
                if root == Root::Tickets {
                    whole(Call::Submit { number, password: 1, reset });
                }
            }
        }
        state
    }
}

/// The shortest way to what is broken is found first.
pub fn explore(world: &World, first: State, left: Budget, of: Asked) -> Found {
    let mut seen: HashMap<u128, u16> = HashMap::from([(first.digest(), mask(left))]);
    let mut ways: HashMap<Key, (Key, Deed)> = HashMap::new();
    let (mut edges, mut transitions) = (VecDeque::from([(first, left)]), 0);
    while let Some((state, left)) = edges.pop_front() {
        let from = (state.digest(), left.stops, left.faults);
        if of == Asked::LastActToo
            && state.threads.is_empty()
            && let Err(broken) = state.owner_gets_in(world)
        {
            return Found {
                broken: Some((broken, told(&ways, from))),
                states: seen.into_keys().collect(),
                transitions,
            };
        }
        for deed in state.deeds(world, left) {
            let Some(rest) = left.after(deed) else { continue };
            let mut after = state.clone();
            let done = after.act(world, deed, None);
            transitions += 1;
            if let Err(broken) = done {
                let mut way = told(&ways, from);
                way.push(deed);
                return Found {
                    broken: Some((broken, way)),
                    states: seen.into_keys().collect(),
                    transitions,
                };
            }
            let to = after.digest();
            let been = seen.entry(to).or_default();
            let (fresh, mine) = (*been & bit(rest) == 0, mask(rest));
            *been |= mine;
            if fresh {
                ways.insert((to, rest.stops, rest.faults), (from, deed));
                let free = rest.deeds > 0 || !after.threads.is_empty();
                if free && rest.deeds == left.deeds {
                    edges.push_front((after, rest));
                } else if free {
                    edges.push_back((after, rest));
                }
            }
        }
    }
    Found { broken: None, states: seen.into_keys().collect(), transitions }
}

/// How a state was reached.
fn told(ways: &HashMap<Key, (Key, Deed)>, mut at: Key) -> Vec<Deed> {
    let mut way = Vec::new();
    while let Some((before, deed)) = ways.get(&at) {
        way.push(*deed);
        at = *before;
    }
    way.reverse();
    way
}

fn bit(left: Budget) -> u16 {
    1 << (left.stops * 4 + left.faults)
}

/// Everything that can be done with this budget, or with less.
fn mask(left: Budget) -> u16 {
    let less =
        (0..=left.stops).flat_map(|stops| (0..=left.faults).map(move |faults| (stops, faults)));
    less.map(|(stops, faults)| bit(Budget { faults, stops, ..left })).fold(0, |all, bit| all | bit)
}
