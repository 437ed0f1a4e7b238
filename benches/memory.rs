//! The memory store beside bare maps of the same run: verbs, pauses, bytes, and what it does when
//! full. `cargo bench -p benches --bench memory`; with `SSPR_BENCH_LARGE=1` up to ten million records, which
//! takes 10 GiB.
#![allow(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "a bench talks"
)]

#[path = "memory/pauses.rs"]
mod pauses;
#[path = "memory/subjects.rs"]
mod subjects;

use std::{env, fs, process::Command, time::Instant};

use futures_util::FutureExt as _;
use pauses::{Pauses, hand_over, least};
use sspr::{adapters::MemoryCodes, ports::CodeStore as _, store::SWEEP_MARGIN};
use subjects::{Bare, LIFE, Ported, REAL, SMALL, Shape, Subject, at, id, record, scattered};

/// Rounds, each of every subject in turn and all of them twice, so that noise meets all alike.
const ROUNDS: usize = 21;
const VERBS: [&str; 4] = ["insert", "count", "consume", "insert, mean from none on"];
/// Head of a table of figures that have no yardstick.
const FIGURES: &str = "| goal | what | ours | must | aim | verdict |\n|---|---|---|---|---|---|";
/// Says what a child process measures: its heap holds nothing of what was measured before.
const CHILD: &str = "SSPR_BENCH_CHILD";
const PAUSES: &str = "pauses";
const PAUSES_OF_ENGINE: &str = "pauses, engine's";
/// Processes that make the same calls.
const RUNS: usize = 3;
/// Removed in one call of a sweep.
const SWEPT: usize = 1000;
const BYTES: [&str; 4] = ["ours", "bare", "ported", "ours, engine's"];

fn main() {
    let large = env::var_os("SSPR_BENCH_LARGE").is_some();
    let most = if large { 10_000_000 } else { 1_000_000 };
    match env::var(CHILD).as_deref() {
        Ok(PAUSES) => return calls(most, SMALL),
        Ok(PAUSES_OF_ENGINE) => return calls(250_000, REAL),
        Ok(what) => return bytes(what, most),
        Err(_) => {}
    }

    println!(
        "| goal | what | ours ns | same again | yardstick ns | ratio | must | aim | verdict |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let sizes = [10_000, 100_000, 1_000_000, 10_000_000];
    let mut ours = Vec::new();
    for (size, absolute) in sizes.into_iter().zip([100.0, 200.0, 200.0, 400.0]) {
        if size <= most {
            ours.push(verbs(size, SMALL, Some(absolute)));
        }
    }
    flatness(&ours);
    spread(1_000_000);
    verbs(100_000, REAL, None);
    verbs(1_000_000, REAL, None);
    pauses(PAUSES, most, SMALL);
    pauses(PAUSES_OF_ENGINE, 250_000, REAL);
    looked_through(most);
    println!("\n{FIGURES}");
    BYTES.into_iter().for_each(in_a_child);
    full();
}

/// Medians of both passes, by verb.
type Medians = [[f64; 2]; VERBS.len()];

/// Ours beside the yardsticks; answers ours.
fn verbs(size: u64, shape: Shape, absolute: Option<f64>) -> Medians {
    let store = MemoryCodes::with_capacity(size as usize * 5 / 4, size as usize * 6);
    let (bare, ported) = (Bare::default(), Ported::default());
    let mut subjects: Vec<&dyn Subject> = vec![&store, &ported];
    if shape.charges == 0 {
        subjects.push(&bare);
    }
    let measured = medians(size, shape, &subjects);
    for (verb, what) in VERBS.iter().enumerate() {
        let small = shape.charges == 0;
        let what = format!("{what}, {size} of {} B, {} charges", shape.body, shape.charges);
        if small {
            let (ours, bare) = (measured[0][verb], measured[2][verb]);
            row("G7", &format!("{what} / bare map"), ours, bare, 1.25, 1.1);
        }
        let (ours, ported) = (measured[0][verb], measured[1][verb]);
        row("-", &format!("{what} / map that does the port's work"), ours, ported, 1.25, 1.1);
        if let Some(must) = absolute {
            let ours = measured[0][verb];
            row("G7", &format!("{what} / ns allowed"), ours, [must, must], 1.0, 1.0);
        }
    }
    measured[0]
}

fn medians(size: u64, shape: Shape, subjects: &[&dyn Subject]) -> Vec<Medians> {
    let batch = (size / 5 / (2 * ROUNDS as u64)).clamp(1, 2000);
    let first = size - batch * 2 * ROUNDS as u64;
    let mut samples = vec![[(); VERBS.len()].map(|()| [Vec::new(), Vec::new()]); subjects.len()];
    fill(first, shape, subjects, &mut samples);
    let (mut numbers, now) = (first, at(size));
    for round in 0..ROUNDS {
        for pass in 0..2 {
            let fresh: Vec<_> = (numbers..numbers + batch).collect();
            numbers += batch;
            let used = (round * 2 + pass) as u64 * batch;
            // Scattered over all ages, each once: the stride shares no factor with a round number.
            let consumed: Vec<_> =
                (used..used + batch).map(|step| step * 7_368_787 % first).collect();
            let counted: Vec<_> = fresh.iter().map(|number| scattered(*number) % first).collect();
            let fresh: Vec<_> = fresh.iter().map(|n| record(shape, *n)).collect();
            let consumed: Vec<_> = consumed.iter().map(|n| record(shape, *n)).collect();
            let counted: Vec<_> = counted.iter().map(|number| id(*number)).collect();
            for (subject, samples) in subjects.iter().zip(&mut samples) {
                let took = [
                    time(|| fresh.iter().all(|record| subject.open(record, now))),
                    time(|| counted.iter().all(|id| subject.count(id, now))),
                    time(|| consumed.iter().all(|next| subject.consume(next, now))),
                ];
                for (samples, took) in samples.iter_mut().zip(took) {
                    samples[pass].push(took / batch as f64);
                }
            }
        }
    }
    let median = |mut samples: Vec<f64>| {
        samples.sort_by(f64::total_cmp);
        samples[samples.len() / 2]
    };
    samples.into_iter().map(|verbs| verbs.map(|passes| passes.map(median))).collect()
}

/// The first records, and what one took on average, growth of maps and lists included.
fn fill(
    size: u64,
    shape: Shape,
    subjects: &[&dyn Subject],
    samples: &mut [[[Vec<f64>; 2]; VERBS.len()]],
) {
    let mut spent = vec![[0.0; 2]; subjects.len()];
    for (from, pass) in (0..size).step_by(100).zip([0, 1].into_iter().cycle()) {
        let numbers = from..size.min(from + 100);
        let records: Vec<_> = numbers.map(|number| record(shape, number)).collect();
        for (subject, spent) in subjects.iter().zip(&mut spent) {
            spent[pass] += time(|| records.iter().all(|record| subject.open(record, at(from))));
        }
    }
    for (samples, spent) in samples.iter_mut().zip(spent) {
        for (samples, spent) in samples[VERBS.len() - 1].iter_mut().zip(spent) {
            samples.push(spent * 2.0 / size as f64);
        }
    }
}

fn time(call: impl FnOnce() -> bool) -> f64 {
    let began = Instant::now();
    assert!(call(), "a call did not do what it should");
    began.elapsed().as_nanos() as f64
}

/// One line. Where the same subject, measured twice, differs by as much as the verdict hangs on,
/// there is none.
fn row(goal: &str, what: &str, ours: [f64; 2], yard: [f64; 2], must: f64, aim: f64) {
    let apart = |[one, two]: [f64; 2]| (one - two).abs() / one.min(two);
    let mean = |[one, two]: [f64; 2]| f64::midpoint(one, two);
    let ratio = mean(ours) / mean(yard);
    let noise = apart(ours).max(apart(yard));
    let verdict = if (ratio - must).abs() < noise * must {
        format!("noisy, {:.0} %", noise * 100.0)
    } else if ratio <= aim {
        "met, aim too".to_owned()
    } else if ratio <= must {
        "met".to_owned()
    } else {
        format!("short by {:.2}x", ratio / must)
    };
    println!(
        "| {goal} | {what} | {:.0} | {:.0} | {:.0} | {ratio:.2}x | {must:.2}x | {aim:.2}x | {verdict} |",
        ours[0],
        ours[1],
        mean(yard),
    );
}

fn flatness(ours: &[Medians]) {
    for (verb, what) in VERBS.iter().enumerate() {
        let Some(last) = ours.get(3).map(|medians| medians[verb]) else { return };
        row("G7b", &format!("{what}, 1e7 / 1e4"), last, ours[0][verb], 6.0, 4.0);
        row("G7b", &format!("{what}, 1e7 / 1e6"), last, ours[2][verb], 2.5, 2.0);
    }
}

/// As many records in eight times as many shards: what part of [`flatness`] is the shards' own state,
/// which fits a cache only where they are few.
fn spread(size: u64) {
    let store = |room| MemoryCodes::with_capacity(room * 5 / 4, room * 6);
    let (dense, sparse) = (store(size as usize), store(size as usize * 10));
    let measured = medians(size, SMALL, &[&dense, &sparse]);
    for (verb, what) in VERBS.iter().enumerate() {
        let what = format!("{what}, {size} of 56 B, room for ten times as many / for these");
        row("-", &what, measured[1][verb], measured[0][verb], 2.5, 2.0);
    }
}

fn in_a_child(what: &str) {
    let printed = Command::new(env::current_exe().unwrap()).env(CHILD, what).output().unwrap();
    print!("{}", String::from_utf8(printed.stdout).unwrap());
}

/// What a sweep of everything costs.
fn looked_through(size: u64) {
    let bare = Bare::default();
    (0..size).for_each(|number| assert!(bare.open(&record(SMALL, number), at(number))));
    let began = Instant::now();
    let removed = bare.retain_half();
    let spent = began.elapsed().as_nanos() as f64;
    println!(
        "Beside it: a bare map of {size} that is looked through from end to end takes {:.0} ns for \
         each of the half that goes, {:.0} ms in all.",
        spent / removed as f64,
        spent / 1e6,
    );
}

/// Calls of a store that grows, whose records then expire and are swept.
fn calls(size: u64, shape: Shape) {
    let store = MemoryCodes::with_capacity(size as usize * 3 / 2, size as usize * 6);
    let mut idle = Pauses::with_capacity(size as usize);
    let nothing = |number| (0..200).fold(number, |seed, _| scattered(seed));
    (0..size).for_each(|number| _ = idle.time(|| nothing(number)));
    let mut grown = Pauses::with_capacity(size as usize);
    for number in 0..size {
        let (record, now) = (record(shape, number), at(number));
        assert!(grown.time(|| store.open(&record, now)), "no room");
    }
    let later = at(size * 2).after(SWEEP_MARGIN * 400 + LIFE);
    let mut inserted = Pauses::with_capacity(size as usize / 4);
    for number in size..size + size / 4 {
        let record = record(shape, number);
        assert!(inserted.time(|| store.open(&record, later)), "no room");
    }
    let mut swept = Pauses::default();
    let sweep = || store.delete_expired(later, SWEPT).now_or_never().unwrap().unwrap();
    while swept.time(sweep) == SWEPT {}
    hand_over(&[idle, grown, inserted, swept]);
}

fn pauses(what: &str, size: u64, shape: Shape) {
    let [idle, grown, inserted, swept] = &least(RUNS, CHILD, what)[..] else {
        panic!("four kinds of calls")
    };
    let of = format!("{size} of {} B, {} charges", shape.body, shape.charges);
    println!("\n{}", Pauses::HEAD);
    idle.row("no call, some arithmetic");
    grown.row(&format!("insert, growing to {of}"));
    inserted.row("insert, all of them expired");
    swept.row(&format!("delete_expired, {SWEPT} at a time"));
    // The last call of a sweep removes fewer.
    let each = swept.sum() / (swept.calls() * SWEPT) as f64;
    let longest = grown.longest_micros().max(inserted.longest_micros());
    println!("\n{FIGURES}");
    let verdict = if each <= 50.0 { "met" } else { "short" };
    println!("| G7c | an expired entry, {of} | {each:.0} ns | ≤ 50 ns | - | {verdict} |");
    let verdict = match longest {
        ..=300.0 => "met, aim too",
        ..=1000.0 => "met",
        _ if idle.longest_micros() > 1000.0 => "noisy",
        _ => "short",
    };
    println!("| G7c | longest insert, {of} | {longest:.0} µs | ≤ 1000 µs | ≤ 300 µs | {verdict} |");
}

/// Bytes by RSS while a store grows.
fn bytes(what: &str, most: u64) {
    let shape = if what == "ours, engine's" { REAL } else { SMALL };
    let size = if shape.charges == 0 { most as usize } else { 1_000_000 };
    let store: Box<dyn Subject> = match what {
        "bare" => Box::new(Bare::default()),
        "ported" => Box::new(Ported::default()),
        _ => Box::new(MemoryCodes::with_capacity(size * 5 / 4, size * 6)),
    };
    let before = resident();
    let (mut sum, mut worst, mut samples) = (0.0, 0.0_f64, 0.0);
    for number in 0..size as u64 {
        assert!(store.open(&record(shape, number), at(number)), "no room");
        // The last two doublings, every half per cent of the size.
        if number > size as u64 / 4 && number % (size as u64 / 200) == 0 {
            let each = (resident() - before) / (number + 1) as f64;
            (sum, worst, samples) = (sum + each, worst.max(each), samples + 1.0);
        }
    }
    let (mean, payload) = (sum / samples, (24 + shape.body) as f64);
    let of = format!("{what}, {size} of {} B, {} charges", shape.body, shape.charges);
    // The goals are those of a payload as small as the yardstick's.
    let (goal, judged) = if what == "ours" { ("G8", true) } else { ("-", false) };
    for (which, bytes, must, aim) in
        [("mean over fills", mean, 64.0, 40.0), ("worst fill", worst, 104.0, 40.0)]
    {
        let beyond = bytes - payload;
        let verdict = match (judged, beyond) {
            (false, _) => "-",
            (true, beyond) if beyond <= aim => "met, aim too",
            (true, beyond) if beyond <= must => "met",
            (true, _) => "short",
        };
        println!(
            "| {goal} | bytes beyond id and body, {which}: {of} | {beyond:.0} of {bytes:.0} | ≤ {must} | ≤ {aim} | {verdict} |"
        );
    }
}

fn resident() -> f64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: f64 = text.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4096.0
}

/// Twice as many records as there is room for.
fn full() {
    const ROOM: u64 = 100_000;
    let store = MemoryCodes::with_capacity(ROOM as usize, ROOM as usize);
    let written: Vec<_> =
        (0..2 * ROOM).filter(|number| store.open(&record(SMALL, *number), at(*number))).collect();
    let first = (0..).zip(&written).find(|(place, number)| place != *number);
    let lost = written.iter().filter(|number| !store.count(&id(**number), at(0))).count();
    println!(
        "\nFull: room for {ROOM}, {} tried: {} written, the first refused after {}; {lost} lost of those written.",
        2 * ROOM,
        written.len(),
        first.map_or(ROOM, |(place, _)| place),
    );
}
