//! How long single calls take, and what of that is the machine's.

use std::{env, fs, path::Path, process::Command, time::Instant};

/// Upper edges of the columns, in microseconds. What is longer stands in the last one.
const EDGES: [u32; 5] = [1, 10, 100, 300, 1000];

/// What calls took that a process made one after the other, in nanoseconds.
///
/// Calls that only compute tell what the machine does to any call.
#[derive(Default)]
pub struct Pauses(Vec<u32>);

impl Pauses {
    pub const HEAD: &str = "| what | < 1 µs | < 10 | < 100 | < 300 µs | < 1 ms | more | longest µs |\n\
         |---|---|---|---|---|---|---|---|";

    pub fn with_capacity(calls: usize) -> Self {
        Self(Vec::with_capacity(calls))
    }

    /// Times one call.
    pub fn time<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let answer = call();
        self.0.push(u32::try_from(began.elapsed().as_nanos()).unwrap_or(u32::MAX));
        answer
    }

    pub fn longest_micros(&self) -> f64 {
        f64::from(self.0.iter().copied().max().unwrap_or_default()) / 1e3
    }

    /// All calls together, in nanoseconds.
    pub fn sum(&self) -> f64 {
        self.0.iter().copied().map(f64::from).sum()
    }

    pub fn calls(&self) -> usize {
        self.0.len()
    }

    pub fn row(&self, what: &str) {
        let mut columns = [0; EDGES.len() + 1];
        for nanos in &self.0 {
            let column = EDGES.iter().position(|edge| *nanos < edge * 1000);
            columns[column.unwrap_or(EDGES.len())] += 1;
        }
        let columns = columns.map(|count: u32| count.to_string()).join(" | ");
        println!("| {what} | {columns} | {:.0} |", self.longest_micros());
    }
}

/// The same calls, in the same order, by so many processes: of each call the least that any of
/// them took. What the store itself does in a call it does in all of them; what the machine takes
/// away meets another call each time.
pub fn least(runs: usize, child: &str, what: &str) -> Vec<Pauses> {
    let folder = tempfile::tempdir().unwrap();
    let mut least: Vec<Pauses> = Vec::new();
    for run in 0..runs {
        let to = folder.path().join(run.to_string());
        let mut process = Command::new(env::current_exe().unwrap());
        assert!(process.env(child, what).env(TO, &to).status().unwrap().success());
        let read = read(&to);
        if least.is_empty() {
            least = read;
            continue;
        }
        for (least, now) in least.iter_mut().zip(read) {
            assert_eq!(least.0.len(), now.0.len(), "not the same calls");
            least.0.iter_mut().zip(now.0).for_each(|(least, now)| *least = now.min(*least));
        }
    }
    least
}

/// Where a process leaves what it measured.
const TO: &str = "SSPR_BENCH_TO";

/// Hands over to the process that asked.
pub fn hand_over(all: &[Pauses]) {
    let mut bytes = Vec::new();
    for Pauses(each) in all {
        bytes.extend_from_slice(&(each.len() as u32).to_le_bytes());
        each.iter().for_each(|nanos| bytes.extend_from_slice(&nanos.to_le_bytes()));
    }
    fs::write(env::var_os(TO).unwrap(), bytes).unwrap();
}

fn read(from: &Path) -> Vec<Pauses> {
    let bytes = fs::read(from).unwrap();
    let mut numbers =
        bytes.chunks_exact(4).map(|four| u32::from_le_bytes(four.try_into().unwrap()));
    let mut all = Vec::new();
    while let Some(length) = numbers.next() {
        all.push(Pauses(numbers.by_ref().take(length as usize).collect()));
    }
    all
}
