use std::cell::RefCell;

use proptest::{
    collection::vec,
    prelude::any,
    sample::select,
    strategy::Strategy,
    test_runner::{Config, TestRunner},
};

use super::super::{kernel::Standard, vectors};
use super::*;

#[test]
fn it_passes_its_self_test() {
    assert!(vectors::pass(&mut *Fast::make()));
}

#[test]
fn both_kernels_compute_equal_tags() {
    let costs = (1..=4_u32).prop_flat_map(|lanes| {
        (8 * lanes..=256, 1..=4_u32).prop_map(move |(memory, passes)| Cost {
            lanes,
            memory,
            passes,
        })
    });
    let kinds = (
        select(vec![Algorithm::Argon2d, Algorithm::Argon2i, Algorithm::Argon2id]),
        select(vec![Version::V0x10, Version::V0x13]),
    );
    let texts = (vec(any::<u8>(), 0..300), vec(any::<u8>(), 8..=48));
    let extras = (vec(any::<u8>(), 0..=32), vec(any::<u8>(), 0..=32), 16..=64_usize);
    // Each kernel keeps its memory from case to case, like a thread of the pool.
    let kernels = RefCell::new((Fast::make(), Standard::make()));
    let runner = &mut TestRunner::new(Config { cases: 300, ..Config::default() });

    let outcome = runner.run(&(costs, kinds, texts, extras), |(cost, kinds, texts, extras)| {
        let ((algorithm, version), (password, salt)) = (kinds, texts);
        let (secret, data, length) = extras;
        let input = Input {
            algorithm,
            cost,
            data: &data,
            password: &password,
            salt: &salt,
            secret: &secret,
            version,
        };
        let (mut ours, mut theirs) = (vec![0; length], vec![1; length]);
        let (fast, standard) = &mut *kernels.borrow_mut();
        fast.compute(&input, &mut ours).unwrap();
        standard.compute(&input, &mut theirs).unwrap();
        proptest::prop_assert_eq!(ours, theirs);
        Ok(())
    });

    outcome.unwrap();
}

#[test]
fn memory_is_kept_from_hash_to_hash_and_given_back_after_a_larger_one() {
    let (algorithm, version) = (argon2_rust::Algorithm::Argon2id, argon2_rust::Version::V0x13);
    let mut fast = Fast(Argon2::new(algorithm, version, Params::DEFAULT).hasher());
    let today = Cost { lanes: 1, memory: 64, passes: 1 };
    let hash = |fast: &mut Fast, cost| {
        let input = Input {
            algorithm: Algorithm::Argon2id,
            cost,
            data: &[],
            password: b"password",
            salt: b"somesalt",
            secret: &[],
            version: Version::V0x13,
        };
        fast.compute(&input, &mut [0; 32]).unwrap();
        fast.shrink(today);
        fast.0.reserved_blocks()
    };

    assert_eq!(hash(&mut fast, today), 64);
    assert_eq!(hash(&mut fast, today), 64);
    assert_eq!(hash(&mut fast, Cost { memory: 128, ..today }), 0);
    assert_eq!(hash(&mut fast, today), 64);
}
