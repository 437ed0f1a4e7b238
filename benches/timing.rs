//! Whether time tells who has an account (I7): each call for a customer and for a stranger, in
//! random order, with a stranger again (who must not differ) and one with 30 µs more (who must).
//!
//! `cargo bench -p benches --features full --bench timing` prints the table of `benches/README.md`; a quiet
//! machine, some minutes. `SSPR_SAMPLES` says how many people of each kind (default 20,000).
#![allow(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "a bench stops loudly"
)]

#[path = "timing/judge.rs"]
mod judge;
#[path = "support/nobody.rs"]
mod nobody;
#[path = "timing/surfaces.rs"]
mod surfaces;

use std::{
    future::Future,
    hint::black_box,
    time::{Duration, Instant},
};

use judge::{Comparison, Verdict};
use rand::seq::SliceRandom as _;
use surfaces::{Engine, Http, Surface};

/// What the planted difference is.
const PLANTED: Duration = Duration::from_micros(30);

/// Who asks: people of one kind have names of one letter, and a number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Customer,
    Stranger,
    StrangerAgain,
    SlowStranger,
}

const KINDS: [Kind; 4] = [Kind::Customer, Kind::Stranger, Kind::StrangerAgain, Kind::SlowStranger];

impl Kind {
    /// As long as everybody's.
    pub fn address(self, number: usize) -> String {
        let letter = ["c", "s", "t", "u"][self as usize];
        format!("{letter}{number:07}@example.com")
    }
}

/// Takes the times of the calls of one person.
pub struct Clock<'a> {
    kind: Kind,
    step: usize,
    times: &'a mut [[Vec<f64>; 4]],
}

impl Clock<'_> {
    /// Times the next call.
    pub async fn time<T>(&mut self, call: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let answer = call.await;
        if self.kind == Kind::SlowStranger {
            let end = Instant::now() + PLANTED;
            while Instant::now() < end {
                black_box(());
            }
        }
        let took = began.elapsed().as_secs_f64();
        self.times[self.step][self.kind as usize].push(took);
        self.step += 1;
        answer
    }
}

async fn measure(surface: &impl Surface, people: usize) -> Vec<[Vec<f64>; 4]> {
    let mut times: Vec<[Vec<f64>; 4]> =
        surface.steps().iter().map(|_| Default::default()).collect();
    // A twentieth more at first, which is not counted: caches and pools fill.
    for number in 0..people + people / 20 {
        let mut kinds = KINDS;
        kinds.shuffle(&mut rand::rng());
        for kind in kinds {
            let mut clock = Clock { kind, step: 0, times: &mut times };
            surface.visit(&kind.address(number), &mut clock).await;
        }
    }
    for times in times.iter_mut().flatten() {
        times.drain(..people / 20);
    }
    times
}

/// Prints a row for each step; answers whether none tells.
fn report(surface: &impl Surface, times: &[[Vec<f64>; 4]]) -> bool {
    let bound = surface.bound().as_secs_f64();
    let mut silent = true;
    for (step, [customer, stranger, again, slow]) in surface.steps().iter().zip(times) {
        let told = Comparison::of(customer, stranger);
        let (same, planted) = (Comparison::of(again, stranger), Comparison::of(slow, stranger));
        let controlled = same.verdict(bound) != Verdict::Apart
            && planted.verdict(bound) == Verdict::Apart
            && (planted.difference - PLANTED.as_secs_f64()).abs() < PLANTED.as_secs_f64() / 2.0;
        let verdict = match told.verdict(bound) {
            _ if !controlled => "unclear: a control failed".to_owned(),
            Verdict::Apart => "TELLS".to_owned(),
            Verdict::Alike => format!("no difference above {:?}", surface.bound()),
            Verdict::Unclear => "unclear: more samples, or a quieter machine".to_owned(),
        };
        silent &= controlled && told.verdict(bound) == Verdict::Alike;
        let shown =
            |it: &Comparison| format!("{:+.2} ± {:.2}", 1e6 * it.difference, 3.29e6 * it.error);
        println!(
            "| {} | {step} | {} | {:.1} | {:.1} | {} | {} | {verdict} |",
            surface.name(),
            shown(&told),
            told.welch,
            told.mann_whitney,
            shown(&same),
            shown(&planted),
        );
    }
    silent
}

fn main() {
    let people = std::env::var("SSPR_SAMPLES").map_or(20_000, |it| it.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    println!("{people} people of each kind; differences in µs, with 99.9 %\n");
    println!(
        "| surface | call | customer − stranger | Welch t | Mann-Whitney z | stranger again | 30 µs planted | verdict |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    // Not on a disk, whose moods are a hundred times what is looked for.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    runtime.block_on(async {
        let engine = Engine::new(people).await;
        let mut silent = report(&engine, &measure(&engine, people).await);
        drop(engine);
        for file in [None, Some(folder.path().join("bench.db"))] {
            let http = Http::new(people, file).await;
            silent &= report(&http, &measure(&http, people).await);
        }
        println!("\n{}", if silent { "nothing tells" } else { "something tells, or is unclear" });
    });
}
