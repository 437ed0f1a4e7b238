//! The subjects of feature `argon2-rust`.

use std::{cell::RefCell, hint::black_box};

use argon2_rust::{Algorithm, Argon2, Hasher, Params, Version};
use sspr::adapters::{Argon2Kernel, Argon2Pool, MemoryEvents, SystemClock};
use tokio::runtime::Runtime;

use super::{SALT, TEXT, one, seconds};

pub struct Subjects {
    pub pools: [Argon2Pool; 2],
    hashers: [RefCell<Hasher>; 2],
}

impl Subjects {
    pub fn new() -> Self {
        let bare = || Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::OWASP).hasher();
        Self {
            hashers: [(), ()].map(|()| RefCell::new(bare())),
            pools: [(), ()].map(|()| over(&Argon2Pool::new().with_threads(1))),
        }
    }

    pub fn add_to<'a>(
        &'a self,
        subjects: &mut Vec<Box<dyn FnMut() -> f64 + 'a>>,
        runtime: &'a Runtime,
    ) {
        for (pool, hasher) in self.pools.iter().zip(&self.hashers) {
            subjects.push(Box::new(move || seconds(|| one(runtime, pool))));
            subjects.push(Box::new(move || {
                seconds(|| {
                    let mut tag = [0; 32];
                    let mut hasher = hasher.borrow_mut();
                    hasher.hash_into(TEXT.as_bytes(), SALT, &mut tag).unwrap();
                    black_box(tag);
                })
            }));
        }
    }
}

/// The same pool with the fast kernel.
pub fn over(pool: &Argon2Pool) -> Argon2Pool {
    let pool = pool.with_fast_kernel(&SystemClock::new(), &MemoryEvents::new());
    assert_eq!(pool.kernel(), Argon2Kernel::Fast, "it fell back");
    pool
}
