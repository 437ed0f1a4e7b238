//! Measures resets over a network with a delay: how long a start and a whole reset take, how many
//! round trips a reset makes, and how many resets per second one Postgres and one Redis carry.
//! Hashing costs nothing here, and the users are in memory.
//! `cargo bench -p benches --features full --bench network`; with `-- waits` or `-- crowds` it makes
//! only one of its two tables.
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

#[path = "support/data.rs"]
mod data;
#[path = "network/far.rs"]
mod far;
#[path = "support/people.rs"]
mod people;
#[path = "../tests/support/servers.rs"]
mod servers;
#[path = "network/wire.rs"]
mod wire;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant as Wall},
};

use far::{Far, Servers};
use people::Service;
use tokio::sync::Barrier;

const COMMAND: &str = "cargo bench -p benches --features full --bench network";
/// Milliseconds each way, from the next room to another country.
const DELAYS: [f64; 4] = [0.5, 1.0, 5.0, 20.0];
const CROWD_DELAYS: [f64; 3] = [0.5, 5.0, 20.0];
/// The number of measured resets, one after the other, and of resets before them that open the
/// connections.
const RESETS: u32 = 100;
const FIRST: u32 = 5;
/// The number of users at once, and of connections to Postgres. Sixteen connections are the default.
const CROWDS: [(u32, usize); 3] = [(64, 16), (64, 64), (256, 64)];
/// How long each user of a crowd begins resets.
const TIME: Duration = Duration::from_secs(4);

fn each_way(milliseconds: f64) -> Duration {
    Duration::from_secs_f64(milliseconds / 1e3)
}

fn percentile(times: &mut [Duration], part: f64) -> String {
    times.sort_unstable();
    let index = ((times.len() - 1) as f64 * part).round() as usize;
    format!("{:.2}", times[index].as_secs_f64() * 1e3)
}

fn print(row: &[String]) {
    println!("| {} |", row.join(" | "));
}

/// Measures one user at a time: milliseconds of `start`, and of a whole reset.
async fn waits(servers: &Servers) {
    let columns = ["store", "ms each way", "start p50", "start p99", "reset p50", "reset p99"];
    let columns = [&columns[..], &["round trips of a reset"]].concat();
    println!("\n| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len()));
    let mut rows = Vec::new();
    for far in [Far::Postgres(16), Far::Redis] {
        for delay in DELAYS {
            let (codes, wire) = servers.codes(far, each_way(delay)).await;
            let service = Arc::new(Service::new(codes));
            for number in 0..FIRST {
                service.reset_straight(number).await;
            }
            let (mut starts, mut wholes) = (Vec::new(), Vec::new());
            wire.trips();
            for number in FIRST..FIRST + RESETS {
                let (start, whole) = service.reset_straight(number).await;
                starts.push(start);
                wholes.push(whole);
            }
            let trips = wire.trips() as f64 / f64::from(RESETS);
            let mut row = vec![far.name().to_owned(), delay.to_string()];
            for times in [&mut starts, &mut wholes] {
                row.extend([0.5, 0.99].map(|part| percentile(times, part)));
            }
            row.push(format!("{trips:.2}"));
            print(&row);
            rows.push(row);
        }
    }
    data::keep("network", COMMAND, &columns, &rows);
}

/// Measures many users at once: resets per second, and milliseconds of a reset.
async fn crowds(servers: &Servers) {
    let columns = ["store", "connections", "users", "ms each way", "resets/s", "p50", "p99"];
    println!("\n| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len()));
    let mut rows = Vec::new();
    let postgres = CROWDS.map(|(users, connections)| (users, Far::Postgres(connections)));
    for (users, far) in postgres.into_iter().chain([(64, Far::Redis), (256, Far::Redis)]) {
        for delay in CROWD_DELAYS {
            let (codes, _wire) = servers.codes(far, each_way(delay)).await;
            let service = Arc::new(Service::new(codes));
            let (per_second, mut times) = crowd(&service, users).await;
            let row = [
                far.name().to_owned(),
                far.connections().to_string(),
                users.to_string(),
                delay.to_string(),
                format!("{per_second:.0}"),
                percentile(&mut times, 0.5),
                percentile(&mut times, 0.99),
            ];
            print(&row);
            rows.push(row.to_vec());
        }
    }
    data::keep("network-crowds", COMMAND, &columns, &rows);
}

/// Lets this many users reset again and again, each time another account. Returns the resets per
/// second, and how long each reset took. A first reset of each user opens the connections.
async fn crowd(service: &Arc<Service>, users: u32) -> (f64, Vec<Duration>) {
    let (number, ready) = (Arc::new(AtomicU32::new(0)), Arc::new(Barrier::new(users as usize)));
    let tasks: Vec<_> = (0..users)
        .map(|_| {
            let (service, number, ready) = (service.clone(), number.clone(), ready.clone());
            tokio::spawn(async move {
                service.reset_straight(number.fetch_add(1, Ordering::Relaxed)).await;
                ready.wait().await;
                let (began, mut times) = (Wall::now(), Vec::new());
                while began.elapsed() < TIME {
                    let next = number.fetch_add(1, Ordering::Relaxed);
                    times.push(service.reset_straight(next).await.1);
                }
                (began.elapsed(), times)
            })
        })
        .collect();
    let (mut took, mut times) = (Duration::ZERO, Vec::new());
    for task in tasks {
        let (until_the_last, of_one) = task.await.unwrap();
        took = took.max(until_the_last);
        times.extend(of_one);
    }
    (times.len() as f64 / took.as_secs_f64(), times)
}

#[tokio::main]
async fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with('-')).collect();
    let is_asked = |name: &str| asked.is_empty() || asked.iter().any(|it| it == name);
    let servers = Servers::start().await;
    if is_asked("waits") {
        waits(&servers).await;
    }
    if is_asked("crowds") {
        crowds(&servers).await;
    }
}
