//! The kernels, which are implementations of Argon2. A kernel computes a tag in memory that it
//! reuses.

use argon2::{Algorithm, Argon2, AssociatedData, Block, ParamsBuilder, Version};
use zeroize::Zeroize;

use super::cost::Cost;
use crate::ports::HashError;

/// The input from which a tag is computed.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) version: Version,
    pub(super) cost: Cost,
    pub(super) password: &'a [u8],
    pub(super) salt: &'a [u8],
    /// The secret, which is empty except in published vectors.
    pub(super) secret: &'a [u8],
    /// The associated data, which is empty except in published vectors.
    pub(super) data: &'a [u8],
}

/// One implementation of Argon2 with its memory. Each thread has its own.
pub(super) trait Kernel {
    /// Computes the tag. The memory grows to the largest cost in use.
    fn compute(&mut self, input: &Input<'_>, tag: &mut [u8]) -> Result<(), HashError>;

    /// Gives back the memory that `today` does not need.
    fn shrink(&mut self, today: Cost);

    /// Wipes the memory, if the last job left something in it.
    fn wipe(&mut self);
}

/// A function that creates the kernel of one thread.
pub(super) type Make = fn() -> Box<dyn Kernel>;

/// The kernel of the `argon2` crate.
#[derive(Default)]
pub(super) struct Standard(Vec<Block>);

impl Standard {
    pub(super) fn make() -> Box<dyn Kernel> {
        Box::new(Self::default())
    }
}

impl Kernel for Standard {
    fn compute(&mut self, input: &Input<'_>, tag: &mut [u8]) -> Result<(), HashError> {
        let Input { algorithm, version, cost, password, salt, secret, data } = *input;
        let data = AssociatedData::new(data).map_err(|_| HashError::Failed)?;
        let mut params = ParamsBuilder::new();
        params.m_cost(cost.memory).t_cost(cost.passes).p_cost(cost.lanes);
        params.output_len(tag.len()).data(data);
        let params = params.build().map_err(|_| HashError::Failed)?;
        let blocks = params.block_count();
        if self.0.len() < blocks {
            // Replace the vector instead of growing it, because growing would leave a copy of the
            // last job behind.
            self.wipe();
            self.0 = vec![Block::new(); blocks];
        }
        let memory = self.0.get_mut(..blocks).ok_or(HashError::Failed)?;
        let argon2 = Argon2::new_with_secret(secret, algorithm, version, params);
        let argon2 = argon2.map_err(|_| HashError::Failed)?;
        argon2
            .hash_password_into_with_memory(password, salt, tag, memory)
            .map_err(|_| HashError::Failed)
    }

    fn shrink(&mut self, today: Cost) {
        let blocks = today.blocks();
        if self.0.len() > blocks {
            self.wipe();
            self.0 = vec![Block::new(); blocks];
        }
    }

    fn wipe(&mut self) {
        self.0.iter_mut().zeroize();
    }
}

impl Drop for Standard {
    fn drop(&mut self) {
        self.wipe();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wiped_memory_holds_nothing_of_the_last_job() {
        let mut kernel = Standard::default();
        let input = Input {
            algorithm: Algorithm::Argon2id,
            cost: Cost { lanes: 1, memory: 64, passes: 2 },
            data: b"",
            password: b"password",
            salt: b"somesalt",
            secret: b"",
            version: Version::V0x13,
        };
        kernel.compute(&input, &mut [0; 32]).unwrap();
        let used = |kernel: &Standard| {
            kernel.0.iter().filter(|block| block.as_ref().iter().any(|word| *word != 0)).count()
        };
        assert_eq!(used(&kernel), 64);

        kernel.wipe();

        assert_eq!((kernel.0.len(), used(&kernel)), (64, 0));
    }

    #[test]
    fn memory_that_today_does_not_need_is_given_back() {
        let mut kernel = Standard(vec![Block::new(); 64]);
        let cost = |memory| Cost { lanes: 1, memory, passes: 1 };
        for (today, kept) in [(128, 64), (64, 64), (63, 63), (8, 8)] {
            kernel.shrink(cost(today));
            assert_eq!(kernel.0.len(), kept, "{today}");
        }
    }
}
