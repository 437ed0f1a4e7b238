//! The kernel of the `argon2-rust` crate.

use argon2::{Algorithm, Version};
use argon2_rust::{
    Argon2, Hasher, Params,
    params::{Memory, TagLen},
};

use super::{
    cost::Cost,
    kernel::{Input, Kernel},
};
use crate::ports::HashError;

/// A kernel that is faster than [`Standard`](super::kernel::Standard), most of all with AVX-512.
pub(super) struct Fast(Hasher);

impl Fast {
    pub(super) fn make() -> Box<dyn Kernel> {
        let (algorithm, version) = (argon2_rust::Algorithm::Argon2id, argon2_rust::Version::V0x13);
        Box::new(Self(Argon2::new(algorithm, version, Params::DEFAULT).hasher()))
    }
}

impl Kernel for Fast {
    fn compute(&mut self, input: &Input<'_>, tag: &mut [u8]) -> Result<(), HashError> {
        let Input { algorithm, version, cost, password, salt, secret, data } = *input;
        let length = u64::try_from(tag.len()).map_err(|_| HashError::Failed)?;
        // Lanes are filled one after the other, because the pool alone decides how many threads
        // work.
        let params = Params::builder()
            .memory(Memory::kib(cost.memory.into()))
            .passes(cost.passes)
            .lanes(cost.lanes)
            .threads(1)
            .tag_len(TagLen::bytes(length))
            .build()
            .map_err(|_| HashError::Failed)?;
        let algorithm = match algorithm {
            Algorithm::Argon2d => argon2_rust::Algorithm::Argon2d,
            Algorithm::Argon2i => argon2_rust::Algorithm::Argon2i,
            Algorithm::Argon2id => argon2_rust::Algorithm::Argon2id,
        };
        let version = match version {
            Version::V0x10 => argon2_rust::Version::V0x10,
            Version::V0x13 => argon2_rust::Version::V0x13,
        };
        self.0.set_argon2(Argon2::new(algorithm, version, params));
        self.0.hash_into_with_ad(password, salt, secret, data, tag).map_err(|_| HashError::Failed)
    }

    fn shrink(&mut self, today: Cost) {
        if self.0.reserved_blocks() > today.blocks() {
            self.0.clear();
        }
    }

    /// Does nothing, because the crate wipes the memory after each job.
    fn wipe(&mut self) {}
}

#[cfg(test)]
#[path = "fast_tests.rs"]
mod tests;
