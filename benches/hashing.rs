//! Prints what hashing costs beside bare primitives of the same run, and what too many submits at
//! once do. `cargo bench -p benches --bench hashing`, or with `--features argon2-rust` the fast rows as well.
#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a bench talks"
)]

#[cfg(feature = "argon2-rust")]
#[path = "hashing/fast.rs"]
mod fast;
#[path = "hashing/overload.rs"]
mod overload;
#[path = "hashing/scaling.rs"]
mod scaling;
#[path = "hashing/service.rs"]
mod service;
#[path = "support/table.rs"]
mod table;

use std::{
    cell::RefCell,
    fs,
    hint::black_box,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use argon2::{Argon2, Block, Params};
use rand::seq::SliceRandom;
use service::{NEW, Service};
use sspr::{
    adapters::Argon2Pool,
    domain::Password,
    engine::{Client, SubmitOutcome},
    ports::{HashQueue, PasswordHasher},
};
use table::{Bar, Row};
use tokio::runtime::Runtime;

/// OWASP's: 19 MiB, two passes, one lane.
const BLOCKS: usize = 19_456;
const TEXT: &str = "four unrelated words will do";
const SALT: &[u8] = b"sixteen bytes...";

/// Seconds that a call takes.
#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn seconds(call: impl FnOnce()) -> f64 {
    let began = Instant::now();
    call();
    began.elapsed().as_secs_f64()
}

/// Samples of each subject: rounds of every subject, each in another order (what ran before a
/// subject leaves its caches), until there are `most` or the time is up. The first is thrown away.
fn rounds(
    most: usize,
    time: Duration,
    subjects: &mut [Box<dyn FnMut() -> f64 + '_>],
) -> Vec<Vec<f64>> {
    let count = subjects.len();
    let mut samples = vec![Vec::new(); count];
    let mut spent = 0.0;
    let (mut order, mut random) = ((0..count).collect::<Vec<_>>(), rand::rng());
    for round in 0..=most {
        order.shuffle(&mut random);
        spent += seconds(|| {
            for &subject in &order {
                let sample = subjects[subject]();
                if round > 0 {
                    samples[subject].push(sample);
                }
            }
        });
        if round > 4 && spent > time.as_secs_f64() {
            break;
        }
    }
    samples
}

/// One hash through a pool, as a submit makes it.
fn one(runtime: &Runtime, pool: &Argon2Pool) {
    let password = Password::parse(TEXT).unwrap();
    drop(black_box(runtime.block_on(pool.hash(password, HashQueue::Submit)).unwrap()));
}

fn params() -> Params {
    Params::new(19_456, 2, 1, Some(32)).unwrap()
}

/// The `argon2` crate in a buffer that is kept: the yardstick.
fn reused(buffer: &mut [Block]) {
    let mut tag = [0; 32];
    let argon2 = Argon2::new(Default::default(), Default::default(), params());
    argon2.hash_password_into_with_memory(TEXT.as_bytes(), SALT, &mut tag, buffer).unwrap();
    black_box(tag);
}

/// A thread that hashes in a buffer that is kept, when it is told to: what any pool has to pay.
struct Waiting {
    tell: mpsc::SyncSender<()>,
    done: mpsc::Receiver<()>,
}

impl Waiting {
    fn new() -> Self {
        let (tell, told) = mpsc::sync_channel(0);
        let (finished, done) = mpsc::sync_channel(0);
        thread::spawn(move || {
            let mut buffer = vec![Block::new(); BLOCKS];
            while told.recv().is_ok() {
                reused(&mut buffer);
                finished.send(()).unwrap();
            }
        });
        Self { done, tell }
    }

    fn hash(&self) {
        self.tell.send(()).unwrap();
        self.done.recv().unwrap();
    }
}

fn allocating() {
    let mut tag = [0; 32];
    let argon2 = Argon2::new(Default::default(), Default::default(), params());
    argon2.hash_password_into(TEXT.as_bytes(), SALT, &mut tag).unwrap();
    black_box(tag);
}

/// How often the memory of the subjects is laid out anew: some places are slower than others, and
/// stay so.
const PLACES: usize = 8;

/// Each subject twice, the second time in memory and on a thread of its own: what differs between
/// the two is the machine.
fn one_thread(runtime: &Runtime) {
    let mut taken: Vec<Vec<f64>> = Vec::new();
    for _ in 0..PLACES {
        let more = in_one_place(runtime);
        taken.resize(more.len(), Vec::new());
        taken.iter_mut().zip(more).for_each(|(taken, more)| taken.extend(more));
    }
    judge(&taken);
    allocated(runtime, "the pool / `argon2`, allocating");
    let program = std::env::current_exe().unwrap();
    let status = std::process::Command::new(program).env(MAPPED.0, MAPPED.1).status().unwrap();
    assert!(status.success());
    faults(runtime, "a submit's hash, pool", &Argon2Pool::new().with_threads(1));
    #[cfg(feature = "argon2-rust")]
    faults(runtime, "fast pool", &fast::Subjects::new().pools[0]);
}

fn in_one_place(runtime: &Runtime) -> Vec<Vec<f64>> {
    let pools = [(), ()].map(|()| Argon2Pool::new().with_threads(1));
    let services = [0, 1].map(|index| Service::new(&pools[index]));
    let buffers = [(), ()].map(|()| RefCell::new(vec![Block::new(); BLOCKS]));
    let bare = |index: usize| seconds(|| reused(&mut buffers[index].borrow_mut()));
    let wipe = |index: usize| {
        seconds(|| buffers[index].borrow_mut().iter_mut().for_each(zeroize::Zeroize::zeroize))
    };
    let threads = [(), ()].map(|()| Waiting::new());
    let handed = |index: usize| seconds(|| threads[index].hash());
    let ours = |index: usize| seconds(|| one(runtime, &pools[index]));
    let whole = |index: usize| {
        let (grant, client) = (runtime.block_on(services[index].grant()), Client::unknown());
        seconds(|| {
            let password = Password::parse(NEW).unwrap();
            let answer = services[index].sspr.submit(&grant, &password, &client);
            let answer = runtime.block_on(answer).unwrap();
            assert!(matches!(answer, SubmitOutcome::Changed(_)), "{answer:?}");
        })
    };
    #[cfg(feature = "argon2-rust")]
    let fast = fast::Subjects::new();
    let mut subjects: Vec<Box<dyn FnMut() -> f64 + '_>> = Vec::new();
    for index in [0, 1] {
        subjects.push(Box::new(move || bare(index)));
        subjects.push(Box::new(move || ours(index)));
        subjects.push(Box::new(move || whole(index)));
        subjects.push(Box::new(move || wipe(index)));
        subjects.push(Box::new(move || handed(index)));
    }
    #[cfg(feature = "argon2-rust")]
    fast.add_to(&mut subjects, runtime);
    rounds(200, Duration::from_secs(5), &mut subjects)
}

fn judge(taken: &[Vec<f64>]) {
    let pair = |at: usize, apart: usize| (&taken[at][..], &taken[at + apart][..]);
    let [bare, ours, whole, wipe, handed] = [0, 1, 2, 3, 4].map(|at| pair(at, 5));

    println!("One thread, {} rounds: medians; of the ratios in a round also the quarters", {
        taken[0].len()
    });
    table::head();
    let most = |must, aim| (Bar::AtMost(must), Some(Bar::AtMost(aim)));
    let what = "a submit's hash, pool / bare `argon2`, reused";
    Row::of("G4, G4b", what, ours, bare, most(1.02, 1.005));
    Row::of("G4", "whole `submit`, memory / the same", whole, bare, most(1.02, 1.005));
    let what = "bare `argon2` on a thread that waits / on the caller's";
    Row::of("-", what, handed, bare, (Bar::None, None));
    Row::of("-", "a submit's hash, pool / on a thread that waits", ours, handed, (Bar::None, None));
    Row::of("-", "wiping 19 MiB / bare `argon2`, reused", wipe, bare, (Bar::None, None));
    if taken.len() > 10 {
        let (fast, fast_bare) = (pair(10, 2), pair(11, 2));
        Row::of("G4b", "fast pool / bare `argon2`, reused", fast, bare, most(1.0, 0.6));
        let what = "fast pool / bare `argon2-rust` (Node's best)";
        Row::of("G4b", what, fast, fast_bare, most(1.2, 1.02));
        Row::of("-", "wiping 19 MiB / fast pool", wipe, fast, (Bar::None, None));
    }
}

/// Hashing in memory that is allocated for each hash.
fn allocated(runtime: &Runtime, what: &str) {
    let pools = [(), ()].map(|()| Argon2Pool::new().with_threads(1));
    let mut subjects: Vec<Box<dyn FnMut() -> f64 + '_>> = Vec::new();
    for pool in &pools {
        subjects.push(Box::new(move || seconds(|| one(runtime, pool))));
        subjects.push(Box::new(|| seconds(allocating)));
    }
    let taken = rounds(40, Duration::from_secs(3), &mut subjects);
    let (ours, alloc) = ((&taken[0][..], &taken[2][..]), (&taken[1][..], &taken[3][..]));
    Row::faster("G4b", what, ours, alloc, Bar::AtLeast(1.5));
}

/// glibc soon learns to keep so large a buffer, so that the allocating API only writes it twice.
/// Other allocators, and this one if told, map it anew for each hash; told so, in a process of its
/// own.
const MAPPED: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "131072");

/// Minor faults of this process so far: field 10 of its `stat`.
fn minor_faults() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(7)?.parse().ok()
}

fn faults(runtime: &Runtime, what: &str, pool: &Argon2Pool) {
    const HASHES: u64 = 10;
    let faults = |work: &mut dyn FnMut()| {
        let before = minor_faults()?;
        work();
        Some(minor_faults()? - before)
    };
    (0..5).for_each(|_| one(runtime, pool));
    let ours = faults(&mut || (0..HASHES).for_each(|_| one(runtime, pool)));
    let again = faults(&mut || (0..HASHES).for_each(|_| one(runtime, pool)));
    let nothing = faults(&mut || ());
    let alloc = faults(&mut || (0..HASHES).for_each(|_| allocating()));
    let (Some(ours), Some(again), Some(nothing), Some(alloc)) = (ours, again, nothing, alloc)
    else {
        return println!("(no /proc: page faults are not counted)");
    };
    let verdict = if ours.max(again) == 0 { "met" } else { "short" };
    println!(
        "| G4 | page faults of {HASHES} hashes, {what} / allocating | {ours} | {alloc} | - | again: {again} | nothing: {nothing} | 0 | 0 | {verdict} |"
    );
}

fn main() {
    if let Some(count) = overload::asked_for() {
        return overload::row(count);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    if std::env::var(MAPPED.0).is_ok_and(|threshold| threshold == MAPPED.1) {
        return allocated(&runtime, "the same where malloc maps each buffer");
    }
    let took = seconds(|| {
        one_thread(&runtime);
        scaling::table(&runtime, "pool", &Argon2Pool::new(), || {
            let mut buffer = vec![Block::new(); BLOCKS];
            move || reused(&mut buffer)
        });
        #[cfg(feature = "argon2-rust")]
        scaling::table(&runtime, "fast pool", &fast::over(&Argon2Pool::new()), fast::bare);
        overload::table();
    });
    println!("\n{took:.0} s in all");
}
