//! Many submits at once, each row in a process of its own, so that memory begins anew.

use std::{
    env, fs,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use sspr::{
    adapters::Argon2Pool,
    domain::Password,
    engine::{Client, SignInOutcome, SubmitOutcome},
};

use super::{
    service::{NEW, OLD, Service, request},
    table::quantile,
};

const COUNT: &str = "SSPR_SUBMITS_AT_ONCE";
const THREADS: usize = 2;

/// How many submits this process is to make, if it is one for a row.
pub fn asked_for() -> Option<usize> {
    env::var(COUNT).ok()?.parse().ok()
}

pub fn table() {
    println!(
        "\nSubmits of one tenant at once; a pool of {THREADS} threads, which take 38 MiB of the growth (the rest is what waits: a task is some 13 KiB)"
    );
    println!(
        "| at once | hashed | TryLater | TryLater p50 | TryLater p99 | all answered in | sign-ins served meanwhile | RSS growth at its peak |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for count in [10, 100, 1_000, 10_000] {
        let program = env::current_exe().unwrap();
        let status = Command::new(program).env(COUNT, count.to_string()).status().unwrap();
        assert!(status.success());
    }
}

/// KiB of this process; 0 where the kernel does not say.
fn kib(field: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|line| line.trim_matches(|c: char| !c.is_ascii_digit()).parse().ok()).unwrap_or(0)
}

#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn now() -> Instant {
    Instant::now()
}

pub fn row(count: usize) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).build().unwrap().block_on(measure(count));
}

async fn measure(count: usize) {
    let pool = Argon2Pool::new().with_threads(THREADS);
    let service = Service::new(&pool);
    let customer = service.customer();
    let mut grants = Vec::new();
    for _ in 0..count {
        grants.push(service.grant().await);
    }
    let before = kib("VmRSS:");
    let over = Arc::new(AtomicBool::new(false));
    let sign_ins = tokio::spawn({
        let (sspr, over) = (service.sspr.clone(), over.clone());
        async move {
            let mut served = 0;
            while !over.load(Ordering::Relaxed) {
                let password = Password::parse(OLD).unwrap();
                let request = request(customer);
                let answer = sspr.sign_in(&request, &password, &Client::unknown()).await.unwrap();
                assert!(matches!(answer, SignInOutcome::SignedIn(_)), "{answer:?}");
                served += 1;
            }
            served
        }
    });
    let began = now();
    let mut tasks = Vec::new();
    for grant in grants {
        let sspr = service.sspr.clone();
        tasks.push(tokio::spawn(async move {
            let asked = now();
            let password = Password::parse(NEW).unwrap();
            let answer = sspr.submit(&grant, &password, &Client::unknown()).await.unwrap();
            (answer, asked.elapsed().as_secs_f64() * 1e6)
        }));
    }
    let (mut hashed, mut later) = (0, Vec::new());
    for task in tasks {
        match task.await.unwrap() {
            (SubmitOutcome::Changed(_), _) => hashed += 1,
            (SubmitOutcome::TryLater { .. }, micros) => later.push(micros),
            other => panic!("{other:?}"),
        }
    }
    let took = began.elapsed().as_secs_f64() * 1e3;
    over.store(true, Ordering::Relaxed);
    let served: u64 = sign_ins.await.unwrap();
    assert_eq!(pool.jobs(), hashed + served, "who is refused costs no hash");
    let grown = kib("VmHWM:").saturating_sub(before) as f64 / 1024.0;
    let at = |part| match later.len() {
        0 => "-".to_owned(),
        _ => format!("{:.1} µs", quantile(&later, part)),
    };
    let (p50, p99) = (at(0.5), at(0.99));
    let later = later.len();
    println!(
        "| {count} | {hashed} | {later} | {p50} | {p99} | {took:.0} ms | {served} | {grown:.1} MiB |"
    );
}
