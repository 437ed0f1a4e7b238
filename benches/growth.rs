//! Whole resets a second by how many people there are; what a week of load leaves behind; and how
//! large a store is after very many resets. Real servers, durable as they are by default.
//! `cargo bench -p benches --features full --bench growth`; with `-- throughput` the first table only,
//! and with `SSPR_GROWTH_RESETS=1000000` the last table is of a million resets.
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
#[path = "growth/kept.rs"]
mod kept;
#[path = "support/people.rs"]
mod people;
#[path = "../tests/support/servers.rs"]
mod servers;

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant as Wall},
};

use kept::Kept;
use people::Service;

/// How long each number of people is let loose.
const TIME: Duration = Duration::from_secs(2);
const PEOPLE: [u32; 4] = [1, 10, 100, 1_000];
/// The week: so many spells of so long, each with so many arrivals at a fixed rate.
const SPELLS: u32 = 56;
const SPELL: Duration = Duration::from_secs(3 * 3600);
const ARRIVALS: u32 = 25;
const RATE: f64 = 200.0;
/// Who come back again and again in that week.
const POPULATION: u32 = 200;

/// Microseconds of CPU that the threads of this process have used.
fn cpu() -> f64 {
    let threads = fs::read_dir("/proc/self/task").unwrap().flatten();
    let nanos = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    nanos.sum::<f64>() / 1e3
}

/// Mebibytes of this process that lie in memory.
fn resident() -> f64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: f64 = pages.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4096.0 / (1 << 20) as f64
}

fn percentile(times: &mut [Duration], part: f64) -> f64 {
    times.sort_unstable();
    let index = ((times.len() - 1) as f64 * part).round() as usize;
    times[index].as_secs_f64() * 1e3
}

/// So many people reset again and again, each time somebody else, until the time is over or
/// `most` resets are done; how many were, and how long that took.
async fn crowd(
    service: &Arc<Service>,
    number: &Arc<AtomicU32>,
    people: u32,
    time: Duration,
    most: u32,
) -> (u32, Duration) {
    let (began, first) = (Wall::now(), number.load(Ordering::Relaxed));
    let tasks: Vec<_> = (0..people)
        .map(|_| {
            let (service, number) = (service.clone(), number.clone());
            tokio::spawn(async move {
                while began.elapsed() < time {
                    let next = number.fetch_add(1, Ordering::Relaxed);
                    if next - first >= most {
                        return;
                    }
                    service.reset(next).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    ((number.load(Ordering::Relaxed) - first).min(most), began.elapsed())
}

async fn throughput() {
    let columns = ["store", "users", "resets/s", "CPU µs of a reset"];
    println!("\n| {} |\n|---|---|---|---|", columns.join(" | "));
    let mut rows = Vec::new();
    for kept in Kept::all().await {
        for people in PEOPLE {
            // New keys name new counters: nobody has been here before.
            let service = Arc::new(Service::new(kept.codes()));
            let number = Arc::new(AtomicU32::new(0));
            let before = cpu();
            let (done, took) = crowd(&service, &number, people, TIME, u32::MAX).await;
            let row = [
                kept.name(),
                people.to_string(),
                format!("{:.0}", f64::from(done) / took.as_secs_f64()),
                // Of this process: the servers are not counted.
                format!("{:.0}", (cpu() - before) / f64::from(done)),
            ];
            println!("| {} |", row.join(" | "));
            rows.push(row.to_vec());
        }
    }
    let command = "cargo bench -p benches --features full --bench growth";
    data::keep("growth", command, &columns, &rows);
}

async fn week() {
    println!(
        "\n| store | day | RSS MiB, this process | p50 ms | p99 ms | records | counters | swept |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for kept in Kept::all().await {
        let service = Arc::new(Service::new(kept.codes()));
        let mut times = Vec::new();
        for spell in 0..SPELLS {
            let began = Wall::now();
            let mut tasks = Vec::new();
            for arrival in 0..ARRIVALS {
                // The schedule does not wait for anybody: who is late has waited.
                let at = Duration::from_secs_f64(f64::from(arrival) / RATE);
                tokio::time::sleep_until((began + at).into()).await;
                let person = (spell * ARRIVALS + arrival) % POPULATION;
                let service = service.clone();
                tasks.push(tokio::spawn(async move {
                    service.reset(person).await;
                    began.elapsed().saturating_sub(at)
                }));
            }
            for task in tasks {
                times.push(task.await.unwrap());
            }
            service.clock.advance(SPELL);
            if spell % 8 == 7 {
                let swept = service.sweep().await;
                let (day, name, (records, counters)) =
                    (spell / 8 + 1, kept.name(), kept.entries().await);
                if [1, 4, 7].contains(&day) {
                    println!(
                        "| {name} | {day} | {:.1} | {:.2} | {:.2} | {records} | {counters} | {swept} |",
                        resident(),
                        percentile(&mut times, 0.5),
                        percentile(&mut times, 0.99),
                    );
                }
                times.clear();
            }
        }
    }
}

async fn size() {
    let asked: Option<u32> =
        std::env::var("SSPR_GROWTH_RESETS").ok().map(|asked| asked.parse().unwrap());
    println!("\n| store | resets | records | counters | bytes of files, or RSS |");
    println!("|---|---|---|---|---|");
    // A durable file takes its time: fewer of them, unless somebody asks.
    let (many, some) = (asked.unwrap_or(100_000), asked.unwrap_or(5_000));
    let stores = [(Kept::memory(many as usize), many), (Kept::sqlite().await, some)];
    for (kept, resets) in stores {
        let service = Arc::new(Service::new(kept.codes()));
        let (name, began) = (kept.name(), Wall::now());
        let number = Arc::new(AtomicU32::new(0));
        let (done, took) = crowd(&service, &number, 200, Duration::MAX, resets).await;
        let show = |when: &str, (records, counters), bytes: u64| {
            println!("| {name}, {when} | {resets} | {records} | {counters} | {bytes} |");
        };
        let per_second = f64::from(done) / took.as_secs_f64();
        show(&format!("{per_second:.0}/s"), kept.entries().await, kept.bytes());
        for (what, days) in [("three days later, swept", 3), ("a year later, swept", 366)] {
            service.clock.advance(Duration::from_secs(days * 24 * 3600));
            let sweep = Wall::now();
            let swept = service.sweep().await;
            let when = format!("{what}: {swept} in {:.1} s", sweep.elapsed().as_secs_f64());
            show(&when, kept.entries().await, kept.bytes());
        }
        say_time(&name, began);
    }
}

/// How long a part took, so that a run that has become slow is seen.
fn say_time(name: &str, began: Wall) {
    println!("<!-- {name}: {:.0} s -->", began.elapsed().as_secs_f64());
}

#[tokio::main]
async fn main() {
    let began = Wall::now();
    throughput().await;
    say_time("resets a second", began);
    if std::env::args().any(|argument| argument == "throughput") {
        return;
    }
    let began = Wall::now();
    week().await;
    say_time("the week", began);
    size().await;
}
