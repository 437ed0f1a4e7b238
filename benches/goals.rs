//! Prints the goals of the core: each figure beside its yardstick, both measured twice in one run.
//! `cargo bench -p benches --bench goals`; `scripts/goals` prints those of all benches.
#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a bench talks"
)]

#[path = "support/flow.rs"]
mod flow;
#[path = "support/table.rs"]
mod table;

use std::{collections::HashMap, hint::black_box, sync::Mutex, thread, time::Instant};

use chacha20poly1305::{ChaCha20Poly1305, aead::Aead};
use flow::{Flow, Service};
use hmac::{Hmac, KeyInit, Mac};
use rand::Rng;
use sha2::Sha256;
use sspr::{
    Keyring,
    adapters::SystemEntropy,
    domain::{Code, CodeFormat, Digest},
};
use subtle::ConstantTimeEq;
use table::{Bar, Row, head};

/// Rounds, each of every subject in turn and all of them twice, so that noise meets all alike.
const ROUNDS: usize = 21;

/// Seconds a call, once in each round, and once again.
type Samples = (Vec<f64>, Vec<f64>);

#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn seconds(call: impl FnOnce()) -> f64 {
    let began = Instant::now();
    call();
    began.elapsed().as_secs_f64()
}

/// The seconds of each subject. Its calls are made in one loop, which is compiled for each alone.
fn measured(calls: u32, subjects: &mut [&mut dyn FnMut(u32)]) -> Vec<Samples> {
    let mut samples = vec![Samples::default(); subjects.len()];
    for round in 0..ROUNDS {
        for again in [false, true] {
            for turn in 0..subjects.len() {
                let subject = (round + turn) % subjects.len();
                let spent = seconds(|| subjects[subject](calls)) / f64::from(calls);
                let (first, second) = &mut samples[subject];
                if again {
                    second.push(spent)
                } else {
                    first.push(spent)
                };
            }
        }
    }
    samples
}

/// So many calls of one thing.
fn looped<T>(mut call: impl FnMut() -> T) -> impl FnMut(u32) {
    move |calls| {
        for _ in 0..calls {
            drop(black_box(call()));
        }
    }
}

fn times(samples: &Samples, factor: f64) -> Samples {
    let scale = |all: &[f64]| all.iter().map(|one| one * factor).collect();
    (scale(&samples.0), scale(&samples.1))
}

fn sum(parts: &[Samples]) -> Samples {
    let add = |of: fn(&Samples) -> &Vec<f64>| {
        (0..ROUNDS).map(|round| parts.iter().map(|part| of(part)[round]).sum()).collect()
    };
    (add(|part| &part.0), add(|part| &part.1))
}

fn twice(samples: &Samples) -> table::Twice<'_> {
    (&samples.0, &samples.1)
}

fn most(must: f64, aim: f64) -> (Bar, Option<Bar>) {
    (Bar::AtMost(must), Some(Bar::AtMost(aim)))
}

fn main() {
    println!("{ROUNDS} rounds, everything twice in each\n");
    head();
    draw();
    let mac = check();
    whole_flow(&mac);
    two_threads();
    allocations();
}

fn draw() {
    let entropy = SystemEntropy::new();
    let mut random = rand::rng();
    let all = measured(
        100_000,
        &mut [
            &mut looped(|| Code::generate(CodeFormat::Digits, &entropy)),
            &mut looped(|| Code::generate(CodeFormat::Letters, &entropy)),
            &mut looped(|| random.next_u64()),
        ],
    );
    let what = "draw 8 digits / one word of the thread's generator";
    Row::of("G1", what, twice(&all[0]), twice(&all[2]), most(2.0, 1.3));
    let words = times(&all[2], 2.0);
    let bars = (Bar::None, None);
    Row::of("-", "draw 16 letters / two such words", twice(&all[1]), twice(&words), bars);
}

/// Answers what one keyed HMAC takes.
fn check() -> Samples {
    let keys = Keyring::generate(&SystemEntropy::new()).unwrap();
    let binding = Digest::from_bytes([1; 32]);
    let foreign = Digest::from_bytes([2; 32]);
    let right = Code::parse("48291736").unwrap();
    let wrong = Code::parse("11111111").unwrap();
    let stored = keys.code_digest(keys.signing(), &binding, &right).unwrap();
    let verify = |binding: &Digest, code: &Code| {
        let digest = keys.code_digest(keys.signing(), black_box(binding), black_box(code));
        digest.is_some_and(|digest| digest.matches(&stored))
    };
    let state = Hmac::<Sha256>::new(&[7; 64].into());
    let (message, tag) = ([3_u8; 40], [4_u8; 32]);
    let (mut raw, block) = ([0_u32; 8], [5_u8; 64]);
    let all = measured(
        20_000,
        &mut [
            &mut looped(|| verify(&binding, &right)),
            &mut looped(|| verify(&binding, &wrong)),
            &mut looped(|| verify(&foreign, &right)),
            &mut looped(|| {
                let mut mac = state.clone();
                mac.update(black_box(&message));
                let ours: [u8; 32] = mac.finalize().into_bytes().into();
                bool::from(ours.ct_eq(black_box(&tag)))
            }),
            &mut looped(|| sha2::block_api::compress256(&mut raw, black_box(&[block, block]))),
        ],
    );
    let (right, mac) = (twice(&all[0]), twice(&all[3]));
    let must = (Bar::AtMost(1.15), None);
    Row::of("G2", "check a right code / keyed HMAC cloned, ct_eq", right, mac, must);
    let aim = (Bar::None, Some(Bar::AtMost(1.5)));
    Row::of("G2", "the same / two bare compressions", right, twice(&all[4]), aim);
    let alike = (Bar::Within(0.05), Some(Bar::Within(0.005)));
    Row::of("G2b", "check a wrong code / a right one", twice(&all[1]), right, alike);
    Row::of("G2b", "check in a foreign reset / a right one", twice(&all[2]), right, alike);
    all[3].clone()
}

/// Start, one wrong code, the right one; the mail is counted apart.
fn whole_flow(mac: &Samples) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (mut plain, mut mailed) = (Flow::without_mail(), Flow::with_mail());
    let map: Mutex<HashMap<[u8; 16], [u8; 56]>> = Mutex::default();
    let mut number = 0_u128;
    let cipher = ChaCha20Poly1305::new(&[6; 32].into());
    let seal = |plain: &[u8]| cipher.encrypt(&[0; 12].into(), plain);
    let all = measured(
        300,
        &mut [
            &mut looped(|| runtime.block_on(plain.run())),
            &mut looped(|| runtime.block_on(mailed.run())),
            &mut looped(|| {
                number += 1;
                map.lock().unwrap().insert(number.to_le_bytes(), [0; 56]);
            }),
            &mut looped(|| seal(black_box(&[1; 256]))),
            &mut looped(|| seal(black_box(&[1; 130]))),
        ],
    );
    let goal =
        sum(&[times(mac, 3.0), times(&all[2], 5.0), (vec![120e-9; ROUNDS], vec![120e-9; ROUNDS])]);
    let what = "flow without its mail, memory / 3 HMAC, 5 map writes, 120 ns";
    Row::of("G3", what, twice(&all[0]), twice(&goal), most(2.0, 1.3));
    let asked = sum(&[
        times(mac, flow::MACS),
        times(&all[2], flow::STORE_CALLS),
        times(&all[3], 1.0),
        times(&all[4], 1.0),
    ]);
    let what = format!(
        "the same / the least that a reset needs: {} HMAC, {} map writes, 2 seals",
        flow::MACS,
        flow::STORE_CALLS
    );
    Row::of("G3", &what, twice(&all[0]), twice(&asked), most(2.0, 1.3));
    let what = "flow with its mail, 5 kB of text and HTML / without";
    Row::of("-", what, twice(&all[1]), twice(&all[0]), (Bar::None, None));
}

/// Two people at a time beside one, and what the cores make of arithmetic.
fn two_threads() {
    /// Long enough that what surrounds the flows does not count.
    const PEOPLE: usize = 2_000;
    let (service, apart) = (Service::new(), [Service::new(), Service::new()]);
    // Each round makes them twice on one thread and twice on two.
    service.enrol(ROUNDS * 2 * 3 * PEOPLE);
    apart.iter().for_each(|service| service.enrol(ROUNDS * 2 * 2 * PEOPLE));
    let spin = |_| {
        let mut number = 1_u64;
        for _ in 0..20_000_000_u64 {
            number = black_box(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
        black_box(number);
    };
    let together = |threads: usize, work: &(dyn Fn(usize) + Sync)| {
        seconds(|| {
            thread::scope(|scope| (0..threads).for_each(|one| drop(scope.spawn(move || work(one)))))
        })
    };
    // How many times as much two threads do as one.
    let gain = |work: &(dyn Fn(usize) + Sync)| 2.0 * together(1, work) / together(2, work);
    let shared = |_| service.reset_people(PEOPLE);
    let separate = |one: usize| apart[one].reset_people(PEOPLE);
    let [mut ours, mut alone, mut yard] = [(); 3].map(|()| Samples::default());
    for _ in 0..ROUNDS {
        for again in [false, true] {
            for (samples, work) in [
                (&mut ours, &shared as &(dyn Fn(usize) + Sync)),
                (&mut alone, &separate),
                (&mut yard, &spin),
            ] {
                let of = if again { &mut samples.1 } else { &mut samples.0 };
                of.push(gain(work));
            }
        }
    }
    let bars = (Bar::AtLeast(0.85), Some(Bar::AtLeast(0.95)));
    Row::of("G9", "flows, 2 threads to 1 / spin, 2 to 1", twice(&ours), twice(&yard), bars);
    let what = "the same / a service for each thread, 2 to 1";
    Row::of("-", what, twice(&ours), twice(&alone), (Bar::None, None));
    let what = "a service for each thread / spin, 2 to 1";
    Row::of("-", what, twice(&alone), twice(&yard), (Bar::None, None));
}

/// From the record that `tests/counts.rs` holds.
fn allocations() {
    let record = include_str!("../tests/data/counts.txt");
    let of = |step: &str| -> u32 {
        let line = record.lines().find(|line| line.starts_with(step)).unwrap();
        line.rsplit(' ').nth(1).unwrap().parse().unwrap()
    };
    let asked = of("open") + of("send") + of("guess") + of("verify");
    println!(
        "| G3 | allocations, open, send, a wrong code, the right one | {asked} | - | - | - | - | ≤ 12 | ≤ 8 | {} |",
        if asked <= 12 { "met" } else { "short" }
    );
}
