//! What a stranger's requests cost, and what ends them: the dearest things that can be asked for
//! without a code. `cargo bench -p benches --bench stranger`. `tests/engine/stranger_cost.rs` holds all but the CPU.
#![allow(
    clippy::as_conversions,
    clippy::cast_precision_loss,
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

#[path = "support/data.rs"]
mod data;
#[path = "../tests/support/mod.rs"]
mod support;

#[path = "../tests/support/stranger.rs"]
mod stranger;

use std::fs;

use sspr::{adapters::Argon2Pool, policy::Limits};
use stranger::{ASKS, Ask, Cost, Stage};

/// Rounds, each of every request in turn, so that noise meets all of them alike.
const ROUNDS: usize = 7;

/// So many in a batch that the clock's grain does not show, and so few that no limit ends them.
fn batch(ask: Ask) -> u32 {
    match ask {
        Ask::SignInKnown | Ask::SignInLargest | Ask::SignInUnknown => 3,
        // Each waits a minute for its cooldown, and a reset lives for an hour.
        Ask::LongerCode | Ask::Resend => 40,
        _ => 200,
    }
}

/// Microseconds of CPU that the threads of this process have used.
fn cpu() -> f64 {
    // What is running is accounted for when it yields.
    std::thread::yield_now();
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let nanos = threads.map(|thread| {
        let file = thread.unwrap().path().join("schedstat");
        let text = fs::read_to_string(file).unwrap();
        text.split_whitespace().next().unwrap().parse::<f64>().unwrap()
    });
    nanos.sum::<f64>() / 1e3
}

/// CPU of one request, and what else it cost.
async fn measure(ask: Ask, hasher: &Argon2Pool) -> (f64, Cost) {
    let (stage, other) = (Stage::new(hasher.clone()).await, Stage::cheap().await);
    let count = batch(ask);
    let mut ready = Vec::new();
    for number in 0..count {
        ready.push(stage.prepare(ask, number, &other).await);
    }
    let (_, cost) = stage.cost(stage.ask(ask, &ready[0], 0)).await;
    let before = cpu();
    for (number, ready) in (0..count).zip(&ready).skip(1) {
        stage.ask(ask, ready, number).await;
    }
    ((cpu() - before) / f64::from(count - 1), cost)
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let hasher = Argon2Pool::new();
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); ASKS.len()];
    let mut costs = vec![Cost::default(); ASKS.len()];
    for _ in 0..ROUNDS {
        for (index, (ask, ..)) in ASKS.iter().enumerate() {
            let (time, cost) = runtime.block_on(measure(*ask, &hasher));
            times[index].push(time);
            costs[index] = cost;
        }
    }
    let columns = [
        "what",
        "CPU µs",
        "store calls",
        "look-ups",
        "bytes stored",
        "mails",
        "Argon2 runs",
        "limited by",
        "test in `tests/engine/stranger_cost.rs`",
    ];
    println!("| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len()));
    let (limits, mut rows) = (Limits::default(), Vec::new());
    for ((ask, what, test), (times, cost)) in ASKS.iter().zip(times.iter_mut().zip(&costs)) {
        times.sort_by(f64::total_cmp);
        let Cost { bytes, calls, finds, hashes, mails } = cost;
        let [calls, finds, bytes, mails] = [calls, finds, bytes, mails].map(ToString::to_string);
        let counts = [calls, finds, bytes, mails, hashes.to_string()];
        let row = [
            vec![(*what).to_owned(), format!("{:.1}", times[ROUNDS / 2])],
            counts.to_vec(),
            vec![ask.bound(&limits), format!("`{test}`")],
        ]
        .concat();
        println!("| {} |", row.join(" | "));
        rows.push(row);
    }
    let command = "cargo bench -p benches --bench stranger";
    data::keep("stranger", command, &columns, &rows);
}
