//! Two worlds that differ in nothing but whether the address has an account. A stranger without the
//! mailbox does the same in both, in every order, and must see the same: the same answers to the
//! last byte, secrets included, after the same questions to the ports, of the same sizes.

use std::collections::HashSet;

use sspr::engine::OpenOutcome;

use super::{
    books::Broken,
    calls::{Answer, Call, Typed},
    deeds::{Budget, Deed},
    search::{Found, Reached},
    state::State,
    world::World,
};

pub fn explore(worlds: &[World; 2], left: Budget) -> Found {
    let first = [State::new(&worlds[0]), State::new(&worlds[1])];
    let mut seen = HashSet::from([key(&first, left)]);
    let mut states = HashSet::from([both(&first)]);
    let (mut edge, mut transitions) = (vec![(first, left, Vec::new())], 0);
    while let Some((twins, left, way)) = edge.pop() {
        for deed in deeds(&twins[0], &worlds[0], left) {
            let Some(rest) = left.after(deed) else { continue };
            let mut after = twins.clone();
            let mut sights = [String::new(), String::new()];
            for ((state, world), sight) in after.iter_mut().zip(worlds).zip(&mut sights) {
                let mut asked = Vec::new();
                match state.act(world, deed, Some(&mut asked)) {
                    Ok(answer) => *sight = seen_in(deed, answer, &asked),
                    Err(broken) => *sight = format!("{broken:?}"),
                }
            }
            transitions += 1;
            let mut way = way.clone();
            way.push(deed);
            if sights[0] != sights[1] {
                let broken = Some((Broken::I7StrangerSees, way));
                return Found { broken, reached: Reached::default(), states, transitions };
            }
            states.insert(both(&after));
            if seen.insert(key(&after, rest)) {
                edge.push((after, rest, way));
            }
        }
    }
    Found { broken: None, reached: Reached::default(), states, transitions }
}

fn key(twins: &[State; 2], left: Budget) -> (u128, [u8; 3]) {
    (both(twins), [left.deeds, left.stops, left.faults])
}

fn both([known, unknown]: &[State; 2]) -> u128 {
    known.digest() ^ unknown.digest().rotate_left(64)
}

/// What a stranger can do, and what can happen around one.
fn deeds(known: &State, world: &World, left: Budget) -> Vec<Deed> {
    let mut all = known.deeds(world, left);
    let call = Call::SignIn { account: 0, password: 1 };
    all.push(Deed::Whole { call, lost: false });
    all.retain(|deed| match deed {
        Deed::Whole { call, .. } => open_to_strangers(*call),
        // What a courier does is not seen, and takes as long for either.
        Deed::Begin { call: Call::Deliver { .. } } => false,
        Deed::Begin { call } => open_to_strangers(*call),
        Deed::Go { .. } | Deed::Kill { .. } | Deed::Restart => true,
        Deed::Leave { .. } | Deed::Land { .. } => true,
        Deed::Clock { .. } | Deed::Policy { .. } => true,
        Deed::SignOut { .. } | Deed::Readdress { .. } | Deed::Rephone { .. } => false,
        Deed::Disable { .. } | Deed::Mark { .. } => false,
    });
    all.retain(|deed| left.after(*deed).is_some());
    all
}

fn open_to_strangers(call: Call) -> bool {
    match call {
        Call::Open { .. } | Call::Send { .. } | Call::Deliver { .. } | Call::SignIn { .. } => true,
        Call::Verify { typed, .. } => typed == Typed::Wrong,
        Call::Submit { .. } | Call::Redeem { .. } | Call::Notices | Call::Tell { .. } => false,
        Call::Change { .. } | Call::Enter { .. } | Call::Freeze { .. } | Call::Issue => false,
    }
}

fn seen_in(deed: Deed, answer: Option<Answer>, asked: &[String]) -> String {
    if let Deed::Whole { call: Call::Deliver { .. }, .. } = deed {
        return String::new();
    }
    let token = match &answer {
        Some(Answer::Open(Ok(OpenOutcome::Opened(opened)))) => opened.token.expose(),
        _ => String::new(),
    };
    format!("{answer:?} {token} {asked:?}")
}
