//! The cost of one hash: its parameters and their caps.

use thiserror::Error;

/// The most passes that a hash on file may ask for.
const MOST_PASSES: u32 = 10;
/// The most lanes that a hash on file may ask for.
const MOST_LANES: u32 = 4;

/// The parameters of Argon2id: memory in KiB, passes and lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) memory: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
}

/// The error for parameters that Argon2id or the cap of the pool does not allow.
#[derive(Clone, Copy, Error, PartialEq, Eq)]
#[error("password hasher: memory of 8 KiB a lane up to the cap, 1 to 10 passes, 1 to 4 lanes")]
#[non_exhaustive]
pub struct ParametersError;

debug_is_text!(ParametersError);

impl Cost {
    /// 19 MiB, two passes and one lane, as the OWASP Password Storage cheat sheet recommends.
    pub(super) const OWASP: Self = Self { lanes: 1, memory: 19_456, passes: 2 };

    pub(super) fn checked(self, cap: u32) -> Result<Self, ParametersError> {
        let passes = (1..=MOST_PASSES).contains(&self.passes);
        let lanes = (1..=MOST_LANES).contains(&self.lanes);
        let memory = self.memory >= 8 * self.lanes && self.memory <= cap;
        if passes && lanes && memory { Ok(self) } else { Err(ParametersError) }
    }

    /// Returns the number of blocks of 1 KiB that a hash may take.
    pub(super) fn blocks(self) -> usize {
        usize::try_from(self.memory).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lane_needs_eight_kibibytes_and_the_cap_is_the_most() {
        for lanes in 1..=4 {
            let allowed = |memory| Cost { memory, passes: 1, lanes }.checked(1_000).is_ok();
            assert_eq!(
                [8 * lanes - 1, 8 * lanes, 1_000, 1_001].map(allowed),
                [false, true, true, false]
            );
        }
        let allowed = |passes, lanes| Cost { memory: 1_000, passes, lanes }.checked(1_000).is_ok();
        assert!(
            allowed(10, 1) && !allowed(11, 1) && !allowed(0, 1) && !allowed(1, 0) && !allowed(1, 5)
        );
    }
}
