//! The subjects of feature `argon2-rust`.

use std::{cell::RefCell, hint::black_box};

use argon2_rust::{Algorithm, Argon2, Params, Version};
use sspr::adapters::{Argon2Kernel, Argon2Pool, MemoryEvents, SystemClock};
use tokio::runtime::Runtime;

use super::{SALT, TEXT, one, seconds};

pub struct Subjects {
    pub pools: [Argon2Pool; 2],
    bare: [RefCell<Box<dyn FnMut()>>; 2],
}

/// The `argon2-rust` crate in memory that it keeps.
pub fn bare() -> impl FnMut() {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::OWASP);
    let mut hasher = argon2.hasher();
    move || {
        let mut tag = [0; 32];
        hasher.hash_into(TEXT.as_bytes(), SALT, &mut tag).unwrap();
        black_box(tag);
    }
}

impl Subjects {
    pub fn new() -> Self {
        Self {
            bare: [(), ()].map(|()| RefCell::new(Box::new(bare()) as _)),
            pools: [(), ()].map(|()| over(&Argon2Pool::new().with_threads(1))),
        }
    }

    pub fn add_to<'a>(
        &'a self,
        subjects: &mut Vec<Box<dyn FnMut() -> f64 + 'a>>,
        runtime: &'a Runtime,
    ) {
        for (pool, bare) in self.pools.iter().zip(&self.bare) {
            subjects.push(Box::new(move || seconds(|| one(runtime, pool))));
            subjects.push(Box::new(move || seconds(&mut **bare.borrow_mut())));
        }
    }
}

/// The same pool with the fast kernel.
pub fn over(pool: &Argon2Pool) -> Argon2Pool {
    let pool = pool.with_fast_kernel(&SystemClock::new(), &MemoryEvents::new());
    assert_eq!(pool.kernel(), Argon2Kernel::Fast, "it fell back");
    pool
}
