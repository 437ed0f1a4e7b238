//! Prints the table of goals: each figure beside its yardstick, from one run.
//! `cargo bench --bench goals`
#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench talks"
)]

use std::{
    collections::HashMap,
    hint::black_box,
    sync::Mutex,
    time::{Duration, Instant},
};

use hmac::{Hmac, KeyInit, Mac};
use rand::Rng;
use sha2::Sha256;
use sspr::{
    Courier, Keyring, Sspr, TenantPolicy,
    adapters::{CaptureSender, ManualClock, MemoryCodes, MemoryUsers, Policies, SystemEntropy},
    domain::{
        Account, AccountId, ApplicationId, Code, CodeFormat, Digest, EmailAddress, PasswordHash,
        Stamp, TenantId, UserFlowId,
    },
    engine::{Client, Request, StartOutcome, VerifyOutcome},
};
use subtle::ConstantTimeEq;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Rounds, each of every subject in turn, so that noise meets all of them alike.
const ROUNDS: usize = 41;

/// The median nanoseconds of each subject.
#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn medians(calls: u32, subjects: &mut [&mut dyn FnMut()]) -> Vec<f64> {
    let mut samples = vec![Vec::with_capacity(ROUNDS); subjects.len()];
    for _ in 0..ROUNDS {
        for (subject, samples) in subjects.iter_mut().zip(&mut samples) {
            let began = Instant::now();
            (0..calls).for_each(|_| subject());
            samples.push(began.elapsed().as_nanos() as f64 / f64::from(calls));
        }
    }
    let median = |samples: &mut Vec<f64>| {
        samples.sort_by(f64::total_cmp);
        samples[ROUNDS / 2]
    };
    samples.iter_mut().map(median).collect()
}

fn row(goal: &str, what: &str, ours: f64, yardstick: f64, must: f64) {
    let ratio = ours / yardstick;
    let verdict =
        if ratio <= must { "met".to_owned() } else { format!("short by {:.2}x", ratio / must) };
    println!(
        "{goal:<5} {what:<52} {ours:>9.1} {yardstick:>9.1} {ratio:>6.2}x {must:>5.2}x  {verdict}"
    );
}

fn main() {
    let entropy = SystemEntropy::new();
    println!(
        "goal  what                                                   ours ns  yard ns   ratio   must"
    );

    let mut random = rand::rng();
    let codes = medians(
        100_000,
        &mut [
            &mut || drop(black_box(Code::draw(CodeFormat::Digits, &entropy))),
            &mut || drop(black_box(Code::draw(CodeFormat::Letters, &entropy))),
            &mut || {
                black_box(random.next_u64());
            },
        ],
    );
    row("G1", "draw 8 digits / one word of the thread's generator", codes[0], codes[2], 2.0);
    row("-", "draw 16 letters / two such words", codes[1], 2.0 * codes[2], 2.0);

    let keys = Keyring::draw(&entropy).unwrap();
    let binding = Digest::from_bytes([1; 32]);
    let foreign = Digest::from_bytes([2; 32]);
    let right = Code::parse("48291736").unwrap();
    let wrong = Code::parse("11111111").unwrap();
    let stored = keys.code_digest(keys.signing(), &binding, &right).unwrap();
    let verify = |binding: &Digest, code: &Code| {
        let digest = keys.code_digest(keys.signing(), black_box(binding), black_box(code));
        black_box(digest.is_some_and(|digest| digest.matches(&stored)))
    };
    let state = Hmac::<Sha256>::new(&[7; 64].into());
    let (message, tag) = ([3_u8; 40], [4_u8; 32]);
    let checks = medians(
        20_000,
        &mut [
            &mut || {
                black_box(verify(&binding, &right));
            },
            &mut || {
                black_box(verify(&binding, &wrong));
            },
            &mut || {
                black_box(verify(&foreign, &right));
            },
            &mut || {
                let mut mac = state.clone();
                mac.update(black_box(&message));
                let ours: [u8; 32] = mac.finalize().into_bytes().into();
                black_box(bool::from(ours.ct_eq(black_box(&tag))));
            },
        ],
    );
    row("G2", "check a right code / keyed HMAC cloned, ct_eq", checks[0], checks[3], 1.15);
    row(
        "G2b",
        "check a wrong code / a right one",
        checks[1].max(checks[0]),
        checks[1].min(checks[0]),
        1.05,
    );
    row(
        "G2b",
        "check in a foreign reset / a right one",
        checks[2].max(checks[0]),
        checks[2].min(checks[0]),
        1.05,
    );

    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut flow = Flow::new();
    let map: Mutex<HashMap<[u8; 16], [u8; 56]>> = Mutex::default();
    let mut number = 0_u128;
    let flows = medians(
        500,
        &mut [&mut || runtime.block_on(flow.run()), &mut || {
            number += 1;
            map.lock().unwrap().insert(number.to_le_bytes(), [0; 56]);
        }],
    );
    let parts = 3.0 * checks[3] + 5.0 * flows[1] + 120.0;
    row("G3", "whole flow, memory / 3 HMAC + 5 map writes + 120 ns", flows[0], parts, 2.0);

    let profiler = dhat::Profiler::builder().testing().build();
    let before = dhat::HeapStats::get().total_blocks;
    const FLOWS: u64 = 100;
    for _ in 0..FLOWS {
        runtime.block_on(flow.run());
    }
    let allocations = (dhat::HeapStats::get().total_blocks - before) as f64 / FLOWS as f64;
    let verdict = if allocations <= 12.0 {
        "met".to_owned()
    } else {
        format!("short by {:.1}x", allocations / 12.0)
    };
    println!("G3    allocations of one such flow: {allocations:.0} (must: 12)  {verdict}");

    let before = dhat::HeapStats::get().total_blocks;
    for _ in 0..1000 {
        drop(black_box(Code::draw(CodeFormat::Digits, &entropy)));
        {
            black_box(verify(&binding, &wrong));
        };
    }
    let spent = dhat::HeapStats::get().total_blocks - before;
    println!("G1,G2 allocations of 1,000 draws and checks: {spent} (must: 0)");
    drop(profiler);
}

/// Start, the mail, one wrong code, the right one.
struct Flow {
    clock: ManualClock,
    sspr: Sspr,
    courier: Courier,
    inbox: CaptureSender,
    request: Request,
    wrong: Code,
}

impl Flow {
    fn new() -> Self {
        let entropy = SystemEntropy::new();
        let (users, tenant) = (MemoryUsers::new(), TenantId::parse("contoso").unwrap());
        let ada = EmailAddress::parse("ada@example.com").unwrap();
        let hash =
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        let account = Account::new(
            AccountId::parse("1").unwrap(),
            ada.clone(),
            Stamp::draw(&entropy).unwrap(),
        );
        users.insert(&tenant, account.with_password(PasswordHash::parse(hash).unwrap()));
        let clock = ManualClock::new(sspr::domain::Instant::from_micros(1));
        let (sspr, courier) = Sspr::builder(
            users,
            MemoryCodes::new(),
            Policies::fixed(TenantPolicy::customers("contoso").unwrap()),
            Keyring::draw(&entropy).unwrap(),
        )
        .with_clock(clock.clone())
        .build();
        let (flow, shop) =
            (UserFlowId::parse("sign-in").unwrap(), ApplicationId::parse("shop").unwrap());
        Self {
            clock,
            courier,
            inbox: CaptureSender::new(),
            request: Request::new(tenant, flow, shop, ada),
            sspr,
            wrong: Code::parse("11111111").unwrap(),
        }
    }

    async fn run(&mut self) {
        // Two years later: no counter of an earlier flow is in the way.
        self.clock.advance(Duration::from_secs(2 * 365 * 24 * 3600));
        let client = Client::unknown();
        let started = self.sspr.start(&self.request, &client).await.unwrap();
        let StartOutcome::Started(started) = started else { panic!("{started:?}") };
        self.courier.drain(&self.inbox).await;
        let code = sspr::adapters::code_in(&self.inbox.take().pop().unwrap()).unwrap();
        black_box(self.sspr.verify(&started.token, &self.wrong, &client).await.unwrap());
        let right = self.sspr.verify(&started.token, &code, &client).await.unwrap();
        assert!(matches!(right, VerifyOutcome::Granted(_)), "{right:?}");
    }
}
