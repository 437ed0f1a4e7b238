//! Every order of events, to a depth: the real engine (`Sspr`, `Courier`, keys, tokens, codes), over
//! stores that are a value and can be copied with each state. `exhaustive.rs` does the same to the
//! pure machines alone, further; `simulation.rs` goes further still, by chance.
//!
//! Two accounts, two tenants, two resets; three people: the owner, a stranger who knows an address,
//! and one who has the mailbox of another account. They open, send, type right, wrong, older and
//! foreign codes, submit two passwords, redeem, sign in; couriers make mails. A call can be stopped
//! before each of its port calls, two at a time, and anything else happens meanwhile: so two calls
//! meet in every order of their port calls. Port calls are refused, or happen and lose their answer;
//! processes are killed between two port calls, with the mails that wait in them; answers and mails
//! get lost; clocks go on past the cooldown, the code and the reset, and back; policy goes off, on, and
//! excludes; accounts get new stamps, another first address, are disabled. Callers go away while a port call is under way, which then
//! happens at once, later or never; what must follow waits in the process's memory, and follows.
//!
//! One setting has no mail. Its owner is signed in and changes the password, once for each form. A
//! thief has a copy of the first session. An administrator requires another password at the next
//! sign-in, and staff hand a code over. Two wrong passwords pause the account, at whichever door.
//! In another setting the thief has changed the password, and the owner has the notice with its code.
//! In a third one codes go by mail or by text: the way is switched, the phone changes during a reset,
//! a country is not served any more, and the number has had its text of the day.
//!
//! ```sh
//! cargo test --test search exhaustive_engine::                                                   # seconds
//! SSPR_DEPTH=3 cargo test --release --test search exhaustive_engine:: -- --nocapture             # minutes, a million states
//! SSPR_SETTING=Texted cargo test --release --test search exhaustive_engine:: -- --nocapture      # one setting alone
//! ```
//!
//! **Bounds.** A search begins where nothing has happened, with codes in the mailboxes, with the day's
//! tries used up, with grants or with tickets in the hands, with a mark, with a code of staff or with a
//! notice, and goes on for `SSPR_DEPTH` events (from
//! codes one more, from nothing two); the port calls of a stopped call are no events. On its way at
//! most one fault happens and one call is stopped; in duels, of two or three events, two are. At most
//! three sends of a reset and three stamps of an account. The limits are small: two tries of a
//! challenge, three of an account, two submits and one kept back. From each state that has further to
//! go, while no call is stopped, the owner must get in.
//!
//! **Not explored.** Two calls in one process (each has its own; of a process's memory only the mails
//! that wait live on), policies and clocks that change while code runs that asks no port, networks,
//! lanes and device proofs, keys that rotate, longer codes by a tenant's wrong tries, breach checks,
//! second factors, sweeping, more than one fault.

pub mod books;
pub mod calls;
#[cfg(feature = "conformance")]
pub mod contract;
pub mod deeds;
pub mod defects;
pub mod desk;
pub mod last_act;
pub mod ports;
pub mod search;
pub mod state;
pub mod stores;
pub mod tape;
pub mod twins;
pub mod verdicts;
pub mod wide;
pub mod world;

use std::{collections::HashSet, time::Instant};

use self::{
    books::Broken,
    deeds::Budget,
    defects::Defect,
    search::{Asked, Found, Reached, Root, explore},
    state::State,
    world::{Behind, Setting, World},
};

/// Events in a row, in the usual run; without optimisation one less.
const DEPTH: u8 = if cfg!(debug_assertions) { 1 } else { 2 };

fn depth() -> u8 {
    let depth = std::env::var("SSPR_DEPTH").ok();
    depth.map_or(DEPTH, |depth| depth.parse().expect("a number"))
}

fn told(what: &str, left: Budget, found: &Found, began: Instant) {
    let Budget { deeds, stops, faults } = left;
    let (states, transitions) = (found.states.len(), found.transitions);
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{what}, {deeds} events, {stops} stops, {faults} faults: \
         {states} distinct states, {transitions} transitions, {seconds:.1} s"
    );
    assert!(found.broken.is_none(), "{what}: {:#?}", found.broken);
}

#[test]
fn in_every_state_of_the_engine_the_properties_hold() {
    let (began, depth) = (Instant::now(), depth());
    let (mut states, mut transitions, mut reached) = (0, 0, Reached::default());
    let one = std::env::var("SSPR_SETTING").ok();
    let asked = |setting: &Setting| one.as_ref().is_none_or(|one| *one == format!("{setting:?}"));
    for setting in Setting::ALL.into_iter().filter(asked) {
        let mut seen = HashSet::new();
        let world = World::new(setting, None, Behind::Owner);
        let closer = matches!(
            setting,
            Setting::Alone
                | Setting::Entrances
                | Setting::Notified
                | Setting::Texted
                | Setting::Twice
        );
        for root in Root::of(setting) {
            // A change, and a courier that tells of it.
            let more = u8::from(setting == Setting::Unqueued);
            let steps = Budget { deeds: root.deeds(setting, depth) + more, faults: 1, stops: 1 };
            let deeds = if setting == Setting::Alone { depth.clamp(2, 3) } else { 2 };
            let duel = Budget { deeds, faults: 1, stops: 2 };
            let from = root != Root::Nothing || setting == Setting::Entrances;
            let duels = closer && from && (depth > 1 || setting == Setting::Alone);
            for left in [Some(steps), Some(duel).filter(|_| duels)].into_iter().flatten() {
                let began = Instant::now();
                let found = explore(&world, State::at(&world, root), left, Asked::LastActToo);
                told(&format!("{setting:?} from {root:?}"), left, &found, began);
                transitions += found.transitions;
                reached.add(found.reached);
                seen.extend(found.states);
            }
        }
        states += seen.len();
    }
    let seconds = began.elapsed().as_secs();
    println!(
        "{states} distinct states, {transitions} transitions, {seconds} s; every property holds; \
         {reached:?}"
    );
    let Reached { grants, changes, sign_ins, longer, errors, texted, .. } = reached;
    let Reached { kept, forced, assisted, frozen, .. } = reached;
    let least =
        [grants, changes, sign_ins, longer, errors, texted].into_iter().min().unwrap_or_default();
    let without_mail = [kept, forced, assisted, frozen].into_iter().min().unwrap_or_default();
    let all = one.is_none();
    assert!(!all || (least > 20 && without_mail > 5), "little happens: {reached:?}");
    assert!(states > 5_000, "{states} states are too few to prove anything");
}

#[test]
fn i7_a_stranger_sees_the_same_in_twin_worlds() {
    for (setting, other, more) in [
        (Setting::Alone, Behind::Nobody, 2),
        (Setting::Texted, Behind::Phoneless, 2),
        (Setting::Texted, Behind::Nobody, 2),
    ] {
        let left = Budget { deeds: depth() + more, faults: 1, stops: 1 };
        let worlds = [Behind::Owner, other].map(|behind| World::new(setting, None, behind));

        let began = Instant::now();
        let found = twins::explore(&worlds, left);

        told(&format!("twins, {setting:?}, {other:?}"), left, &found, began);
        assert!(found.states.len() > 100, "{} states", found.states.len());
    }
}

#[test]
fn every_planted_defect_breaks_its_property() {
    for defect in Defect::ALL {
        let (setting, root, deeds, stops) = defect.lies();
        let left = Budget { deeds, faults: defect.faults(), stops };
        let world = |behind| World::new(setting, Some(defect), behind);
        let found = match defect.breaks() {
            Broken::I7StrangerSees => {
                let other = match setting {
                    Setting::Texted => Behind::Phoneless,
                    _ => Behind::Nobody,
                };
                twins::explore(&[world(Behind::Owner), world(other)], left)
            }
            breaks => {
                let from_the_start =
                    matches!(defect, Defect::RandomnessRepeats | Defect::TextTriesAreFree);
                let rooted = Some(defect).filter(|_| from_the_start);
                let first = State::at(&World::new(setting, rooted, Behind::Owner), root);
                let last = breaks == Broken::I12DoorClosed;
                let asked = if last { Asked::LastActToo } else { Asked::Steps };
                explore(&world(Behind::Owner), first, left, asked)
            }
        };
        let Some((broken, way)) = found.broken else {
            panic!("{defect:?} is not found in {} states", found.states.len())
        };
        println!("{defect:?}: {broken:?} after {} states: {way:?}", found.states.len());
        assert_eq!(broken, defect.breaks(), "{defect:?}: {way:#?}");
    }
    println!("{} defects, each found by its property", Defect::ALL.len());
}
