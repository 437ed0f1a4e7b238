//! Shows how many resets a day one store carries: plays a peak, call by call, and looks at the waits.
//! `cargo run --release --example scale -- [--calls-per-second N] [--peak N] [--lanes N]
//! [--network MILLISECONDS] [--connections N]`
#![allow(clippy::print_stdout, reason = "an example talks")]

use std::{cmp::Reverse, collections::BinaryHeap};

/// Calls of the store for one finished reset, each of which commits, and for a guess.
const CALLS: f64 = 7.0;
const GUESSES: f64 = 0.3;
/// Nobody notices less.
const LONGEST_WAIT: f64 = 0.050;
const SECONDS: f64 = 600.0;

struct Store {
    /// Calls under way at once. Each holds its connection until the answer is back. Redis has one
    /// connection without this limit.
    connections: u32,
    /// Calls that the server works on at once: one for Redis.
    lanes: u32,
    /// Seconds of network each way.
    network: f64,
    /// Calls a second that all lanes together finish.
    rate: f64,
}

/// The 99th percentile of the time from a call to its answer, without the network's part, at so many
/// calls a second.
fn wait(store: &Store, calls_per_second: f64) -> f64 {
    let (mut now, mut seed) = (0.0, 7_u64);
    let idle = |count| (0..count).map(|_| Reverse(0)).collect::<BinaryHeap<Reverse<u64>>>();
    let (mut connections, mut lanes) = (idle(store.connections), idle(store.lanes));
    let mut waits = Vec::new();
    while now < SECONDS {
        // People arrive when they arrive (Poisson), and calls take now more, now less time.
        now += exponential(&mut seed) / calls_per_second;
        let Some(Reverse(connection)) = connections.pop() else { break };
        let Some(Reverse(lane)) = lanes.pop() else { break };
        let arrives = now.max(micros(connection)) + store.network;
        let begins = arrives.max(micros(lane));
        let ends = begins + exponential(&mut seed) * f64::from(store.lanes) / store.rate;
        lanes.push(Reverse(whole(ends * 1e6)));
        connections.push(Reverse(whole((ends + store.network) * 1e6)));
        waits.push(whole((ends - store.network - now) * 1e6));
    }
    waits.sort_unstable();
    let last = waits.len().saturating_sub(1 + waits.len() / 100);
    micros(waits.get(last).copied().unwrap_or(0))
}

fn exponential(seed: &mut u64) -> f64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let bits = u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(1);
    -((f64::from(bits) + 1.0) / (f64::from(u32::MAX) + 2.0)).ln()
}

#[expect(clippy::as_conversions, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(value: f64) -> u64 {
    value.max(0.0) as u64
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss)]
fn micros(value: u64) -> f64 {
    value as f64 / 1e6
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut store = Store { connections: 16, lanes: 16, network: 0.0, rate: 4_000.0 };
    let mut peak = 10.0;
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name}: needs a value"))?;
        match name.as_str() {
            "--calls-per-second" => store.rate = value.parse()?,
            "--peak" => peak = value.parse()?,
            "--connections" => store.connections = value.parse()?,
            "--lanes" => store.lanes = value.parse()?,
            "--network" => store.network = value.parse::<f64>()? / 1e3,
            _ => return Err(format!("{name}: no such option").into()),
        }
    }
    println!(
        "{} calls a second on {} lanes, {} connections, {} ms each way, peak {peak}",
        store.rate,
        store.lanes,
        store.connections,
        store.network * 1e3
    );
    // Beyond this the connections, not the server, are the limit.
    let trip = 2.0 * store.network + f64::from(store.lanes) / store.rate;
    let most_calls = store.rate.min(f64::from(store.connections) / trip);
    println!("{:>14} {:>12} {:>10}", "resets a day", "busy at peak", "p99 wait");
    let mut most = 0.0;
    for share in [0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98] {
        let calls = most_calls * share;
        let day = calls / peak / (CALLS + GUESSES) * 86_400.0;
        let wait = wait(&store, calls);
        println!("{day:>14.0} {:>11.0}% {:>7.1} ms", share * 100.0, wait * 1e3);
        if wait <= LONGEST_WAIT {
            most = day;
        }
    }
    println!("up to {most:.0} resets a day; then the next step");
    Ok(())
}
