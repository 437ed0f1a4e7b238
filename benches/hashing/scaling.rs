//! What a second thread brings: the pool's, and that of the same work without the pool.

use std::{hint::black_box, sync::Barrier, thread, time::Duration};

use sspr::{
    adapters::Argon2Pool,
    domain::Password,
    ports::{HashQueue, PasswordHasher},
};
use tokio::runtime::Runtime;

use super::{
    TEXT, rounds, seconds,
    table::{self, Bar, Row, median, ratios},
};

/// Arithmetic without memory on so many threads at once: work done a second.
fn spin(threads: u32) -> f64 {
    const STEPS: u64 = 60_000_000;
    let work = || {
        let mut x = black_box(1_u64);
        for _ in 0..STEPS {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        }
        black_box(x);
    };
    let took = seconds(|| {
        thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    });
    f64::from(threads) / took
}

/// Hashes a second, with two callers for each thread.
fn throughput(runtime: &Runtime, pool: &Argon2Pool, threads: u32) -> f64 {
    const OF_A_CALLER: u32 = 4;
    let took = seconds(|| {
        runtime.block_on(async {
            let callers = (0..2 * threads).map(|_| async {
                for _ in 0..OF_A_CALLER {
                    let password = Password::parse(TEXT).unwrap();
                    drop(black_box(pool.hash(password, HashQueue::Submit).await.unwrap()));
                }
            });
            futures_util::future::join_all(callers).await
        });
    });
    f64::from(2 * threads * OF_A_CALLER) / took
}

/// Hashes a second of threads that share nothing, each with a hasher of its own in memory it keeps.
fn apart<H: FnMut()>(threads: u32, hasher: impl Fn() -> H + Sync) -> f64 {
    const OF_A_THREAD: u32 = 8;
    let begin = Barrier::new(threads as usize + 1);
    let work = || {
        let mut hash = hasher();
        hash();
        begin.wait();
        (0..OF_A_THREAD).for_each(|_| hash());
    };
    let took = thread::scope(|scope| {
        let working: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        begin.wait();
        seconds(|| working.into_iter().for_each(|thread| thread.join().unwrap()))
    });
    f64::from(threads * OF_A_THREAD) / took
}

pub fn table<H: FnMut()>(
    runtime: &Runtime,
    what: &str,
    pool: &Argon2Pool,
    bare: impl Fn() -> H + Sync,
) {
    let pools = [1, 2, 4].map(|threads| pool.with_threads(threads));
    let on = |index: usize| throughput(runtime, &pools[index], 1 << index);
    let taken = rounds(
        60,
        Duration::from_secs(40),
        &mut [
            Box::new(|| spin(1)),
            Box::new(|| spin(2)),
            Box::new(|| spin(2)),
            Box::new(|| on(0)),
            Box::new(|| on(1)),
            Box::new(|| on(1)),
            Box::new(|| on(2)),
            Box::new(|| on(2)),
            Box::new(|| apart(1, &bare)),
            Box::new(|| apart(2, &bare)),
            Box::new(|| apart(2, &bare)),
        ],
    );
    let of = |upper: usize, lower: usize| ratios(&taken[upper], &taken[lower]);
    let (spins, spins_again) = (of(1, 0), of(2, 0));
    let (ours, ours_again) = (of(4, 3), of(5, 3));
    let (bares, bares_again) = (of(9, 8), of(10, 8));
    println!(
        "\n{what}: {:.0}, {:.0}, {:.0} hashes a second on 1, 2, 4 threads; {} rounds",
        median(&taken[3]),
        median(&taken[4]),
        median(&taken[6]),
        taken[0].len()
    );
    table::head();
    let (ours, spins) = ((&ours[..], &ours_again[..]), (&spins[..], &spins_again[..]));
    let bares = (&bares[..], &bares_again[..]);
    let bars = (Bar::AtLeast(0.90), Some(Bar::AtLeast(0.97)));
    Row::of("G5", &format!("{what}: 2 threads to 1 / spin, 2 to 1"), ours, spins, bars);
    let (two, four) = ((&taken[4][..], &taken[5][..]), (&taken[6][..], &taken[7][..]));
    Row::of("G5", "4 threads / 2, hashes a second", four, two, (Bar::AtLeast(0.95), None));
    let none = (Bar::None, None);
    Row::of("-", "its hash without a pool: 2 threads to 1 / spin, 2 to 1", bares, spins, none);
    Row::of("-", "pool / its hash without it, each 2 threads to 1", ours, bares, none);
}
