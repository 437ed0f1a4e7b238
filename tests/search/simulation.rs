//! A world on one thread, from one seed: several processes over the same stores, owners and
//! strangers, stores, mail and texts that fail, clocks that jump, policies, stamps and keys that change.
//! Every wait of every call is a place where anything else may happen. An oracle that keeps its own
//! books judges each answer by the invariants of the design.
//!
//! ```sh
//! cargo test --test search simulation::                                             # some seconds
//! SSPR_STEPS=10000000 cargo test --release --test search simulation:: -- --nocapture # minutes
//! SSPR_SEED=7 cargo test --test search simulation::                                 # one world again, told in words
//! SSPR_DEFECT=SetupIsForGood cargo test --test search every_planted            # one planted defect
//! ```
//!
//! A failure prints the seed and the story of its world, one line for what happened.

pub mod actors;
pub mod chance;
pub mod changes;
pub mod codes;
pub mod cuts;
pub mod defects;
pub mod desk;
pub mod entrances;
pub mod facts;
pub mod founding;
pub mod hands;
pub mod hub;
pub mod last_act;
pub mod methods;
pub mod oracle;
pub mod ports;
pub mod settlements;
pub mod settling;
pub mod texts;
pub mod verdicts;
pub mod world;

use self::{
    defects::Defect,
    oracle::Violation,
    world::{Plan, Reached, World},
};
use sspr::policy::Disclosure;

/// Steps of one world, before its last act.
const WORLD: u64 = 4_000;
/// Steps of the usual run: seconds either way.
const USUAL: u64 = if cfg!(debug_assertions) { 150_000 } else { 2_000_000 };
/// Steps within which a planted defect must be found.
const PLANTED: u64 = 1_000_000;

struct Failure {
    violation: Violation,
    steps: u64,
    story: Vec<String>,
}

/// One world from its beginning to its end.
fn live(plan: Plan) -> Result<Reached, Box<Failure>> {
    let mut world = World::new(plan);
    let lived = (0..WORLD).try_for_each(|_| world.step()).and_then(|()| world.end());
    let steps = world.reached.steps;
    let story = world.hub.lock().story.take().unwrap_or_default();
    lived.map(|()| world.reached).map_err(|violation| Box::new(Failure { steps, story, violation }))
}

/// The same world again, told.
fn told(plan: Plan) -> String {
    let Err(failure) = live(Plan { told: true, ..plan }) else { return "it held".to_owned() };
    let Failure { violation, steps, story } = *failure;
    let from = story.len().saturating_sub(2_000);
    format!(
        "SSPR_SEED={} after {steps} steps: {}: {}\n{}",
        plan.seed,
        violation.invariant,
        violation.seen,
        story[from..].join("\n"),
    )
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn in_every_world_the_invariants_hold() {
    if let Some(seed) = number("SSPR_SEED") {
        let plan = Plan { seed, told: true, ..Plan::default() };
        let mut world = World::new(plan);
        let lived = (0..WORLD).try_for_each(|_| world.step()).and_then(|()| world.end());
        println!("{}", world.hub.lock().story.take().unwrap_or_default().join("\n"));
        assert_eq!(lived, Ok(()));
        return;
    }
    let (steps, first) = (number("SSPR_STEPS").unwrap_or(USUAL), number("SSPR_FIRST").unwrap_or(1));
    let (mut all, mut seed) = (Reached::default(), first);
    while all.steps < steps {
        let plan = Plan { seed, ..Plan::default() };
        match std::panic::catch_unwind(|| live(plan)) {
            Ok(Ok(reached)) => all.add(reached),
            Ok(Err(_)) => panic!("{}", told(plan)),
            Err(_) => panic!("SSPR_SEED={seed}: the world or the engine panicked"),
        }
        seed += 1;
    }
    println!("{} worlds: {all:?}", seed - first);
    let each =
        [all.grants, all.changes, all.sign_ins, all.longer, all.errors, all.crashes, all.swept];
    let others = [all.own_changes, all.forced, all.assisted, all.temporaries, all.frozen];
    let by_text = [all.texts, all.refused_texts, all.switches, all.texted_grants];
    let each = each.into_iter().chain(others).chain(by_text).chain([all.texted_journeys]);
    assert!(each.clone().all(|count| count > 15), "a world in which little happens: {all:?}");
}

/// What a stranger sees who has nothing but an address, and what the ports are asked on the way.
fn seen_by_a_stranger(seed: u64, typed: &'static str, disclosure: Disclosure) -> Vec<String> {
    let stranger = Some(typed);
    let plan = Plan { disclosure, seed, stranger, told: true, ..Plan::default() };
    let mut world = World::new(plan);
    (0..WORLD).for_each(|_| world.step().expect("the invariants hold"));
    let mut shared = world.hub.lock();
    let story = shared.story.take().unwrap_or_default().into_iter();
    // Ids are drawn, or derived from what was typed.
    let answers = story.map(|line| line.replace(typed, "ADDRESS"));
    let answers = answers.map(|line| line.split(" (reset").next().unwrap_or_default().to_owned());
    answers.chain(shared.asked.take().unwrap_or_default()).collect()
}

#[test]
fn i7_a_stranger_sees_the_same_whoever_has_the_address() {
    // With a phone, without one, and nobody.
    let (known, phoneless, unknown) = ("ada@example.com", "ana@example.com", "axa@example.com");
    for seed in 1..=number("SSPR_TWINS").unwrap_or(8) {
        let seen = |typed| seen_by_a_stranger(seed, typed, Disclosure::Strict);
        let first = seen(known);

        for other in [phoneless, unknown] {
            let second = seen(other);
            let differs = first.iter().zip(&second).position(|(one, other)| one != other);
            if let Some(at) = differs {
                let [one, two] =
                    [&first, &second].map(|it| it[at.saturating_sub(30)..=at].join("\n"));
                panic!("seed {seed}: for {known}\n{one}\nand for {other}\n{two}");
            }
            assert_eq!(first.len(), second.len(), "seed {seed}: {other}");
        }
        let count = |words: &str| first.iter().filter(|line| line.contains(words)).count();
        let (answered, texts) = (count("is answered"), count("method: Sms"));
        assert!(answered > 100, "{answered} answers");
        assert_eq!(texts > 5, seed % 5 != 0, "seed {seed}: {texts} codes by text");
    }

    // The control: where the tenant chose to tell, it shows.
    let twins =
        [known, unknown].map(|typed| seen_by_a_stranger(1, typed, Disclosure::EntraCompatible));
    assert_ne!(twins[0], twins[1]);
}

#[test]
fn a_failing_seed_replays_exactly() {
    let plan = Plan { defect: Some(Defect::StampKept), seed: 1, ..Plan::default() };
    let plan = (1..).map(|seed| Plan { seed, ..plan }).find(|plan| live(*plan).is_err()).unwrap();

    let stories = [told(plan), told(plan)];

    assert_eq!(stories[0], stories[1]);
    assert!(stories[0].contains("I5 hash and stamp"), "{}", stories[0]);
}

#[test]
fn every_planted_defect_is_found_and_named() {
    let one = std::env::var("SSPR_DEFECT").ok();
    let asked = |defect: &Defect| one.as_ref().is_none_or(|one| *one == format!("{defect:?}"));
    for defect in Defect::ALL.into_iter().filter(asked) {
        let (mut steps, mut found) = (0, None);
        for seed in 1.. {
            match live(Plan { defect: Some(defect), seed, ..Plan::default() }) {
                Ok(reached) => steps += reached.steps,
                Err(failure) => {
                    steps += failure.steps;
                    found = Some(failure.violation);
                }
            }
            if found.is_some() || steps > PLANTED {
                break;
            }
        }
        let Some(violation) = found else { panic!("{defect:?} is not found in {steps} steps") };
        println!("{defect:?}: {} after {steps} steps: {}", violation.invariant, violation.seen);
        let named = defect.breaks().iter().any(|name| violation.invariant.starts_with(name));
        assert!(named, "{defect:?} is called {}: {}", violation.invariant, violation.seen);
    }
}
