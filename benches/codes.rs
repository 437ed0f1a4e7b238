//! Codes: drawing one, and checking a right and a wrong one.
//! `cargo bench -p benches --features criterion --bench codes`
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench stops loudly")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use sspr::{
    Keyring,
    adapters::SystemEntropy,
    domain::{Code, CodeFormat, Digest},
};

fn generation(criterion: &mut Criterion) {
    let entropy = SystemEntropy::new();
    let mut group = criterion.benchmark_group("generation");
    for format in [CodeFormat::Digits, CodeFormat::Letters] {
        group.bench_function(format!("{format:?}"), |bencher| {
            bencher.iter(|| Code::generate(black_box(format), &entropy));
        });
    }
    group.finish();
}

fn verification(criterion: &mut Criterion) {
    let keys = Keyring::generate(&SystemEntropy::new()).unwrap();
    let binding = Digest::from_bytes([1; 32]);
    let code = |text| Code::parse(text).unwrap();
    let right = code("48291736");
    let stored = keys.code_digest(keys.signing(), &binding, &right).unwrap();
    let mut group = criterion.benchmark_group("verification");
    for (name, typed) in [("right", right), ("wrong", code("11111111"))] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let digest = keys.code_digest(keys.signing(), &binding, black_box(&typed));
                digest.is_some_and(|digest| digest.matches(&stored))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, generation, verification);
criterion_main!(benches);
