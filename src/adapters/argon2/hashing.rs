//! The computation of one hash, and the text that is kept of it.

use argon2::{
    Algorithm, Params, Version,
    password_hash::phc::{self, Output, ParamsString, Salt},
};
use subtle::ConstantTimeEq;

use super::{
    cost::Cost,
    kernel::{Input, Kernel},
};
use crate::{
    domain::{Password, PasswordHash},
    ports::{HashError, PasswordMatch},
};

/// The length of a tag in bytes (RFC 9106 section 4).
const TAG: usize = 32;
/// The length of a salt in bytes (RFC 9106 section 4).
pub(super) const SALT: usize = 16;
/// A hash on file that is parsed and within the caps.
#[derive(Debug)]
pub(super) struct OnFile {
    cost: Cost,
    algorithm: Algorithm,
    version: Version,
    salt: Salt,
    tag: Output,
}

/// Returns the input for a password and a salt of the pool.
const fn of_today<'a>(cost: Cost, password: &'a [u8], salt: &'a [u8; SALT]) -> Input<'a> {
    Input {
        algorithm: Algorithm::Argon2id,
        cost,
        data: &[],
        password,
        salt,
        secret: &[],
        version: Version::V0x13,
    }
}

impl OnFile {
    /// Reads a hash. Before any work, refuses a hash that is not Argon2 or requires more than `cap`
    /// KiB.
    pub(super) fn read(hash: &PasswordHash, cap: u32) -> Result<Self, HashError> {
        let read = phc::PasswordHash::new(hash.expose()).map_err(|_| HashError::Unsupported)?;
        let algorithm =
            Algorithm::try_from(read.algorithm.as_str()).map_err(|_| HashError::Unsupported)?;
        let version = match read.version {
            Some(version) => Version::try_from(version).map_err(|_| HashError::Unsupported)?,
            None => Version::V0x10,
        };
        let params = Params::try_from(&read).map_err(|_| HashError::Unsupported)?;
        let (Some(salt), Some(tag)) = (read.salt, read.hash) else {
            return Err(HashError::Unsupported);
        };
        let cost =
            Cost { lanes: params.p_cost(), memory: params.m_cost(), passes: params.t_cost() };
        let cost = cost.checked(cap).map_err(|_| HashError::Unsupported)?;
        let plain = params.keyid().is_empty() && params.data().is_empty();
        if !plain || !(16..=64).contains(&tag.len()) {
            return Err(HashError::Unsupported);
        }
        Ok(Self { algorithm, cost, salt, tag, version })
    }

    pub(super) const fn cost(&self) -> Cost {
        self.cost
    }

    /// Verifies a password. After a larger hash, gives back the memory that `today` does not need.
    pub(super) fn verify(
        &self,
        password: &Password,
        today: Cost,
        kernel: &mut dyn Kernel,
    ) -> Result<PasswordMatch, HashError> {
        let mut tag = [0; 64];
        let tag = tag.get_mut(..self.tag.len()).ok_or(HashError::Unsupported)?;
        let input = Input {
            algorithm: self.algorithm,
            cost: self.cost,
            data: &[],
            password: password.expose().as_bytes(),
            salt: self.salt.as_ref(),
            secret: &[],
            version: self.version,
        };
        kernel.compute(&input, tag)?;
        kernel.shrink(today);
        let current = self.cost == today
            && self.algorithm == Algorithm::Argon2id
            && self.version == Version::V0x13
            && self.tag.len() >= TAG;
        Ok(match (bool::from(self.tag.as_bytes().ct_eq(tag)), current) {
            (true, true) => PasswordMatch::Match,
            (true, false) => PasswordMatch::MatchOutdated,
            (false, _) => PasswordMatch::Mismatch,
        })
    }
}

/// Hashes a new password.
pub(super) fn hash(
    password: &Password,
    salt: [u8; SALT],
    cost: Cost,
    kernel: &mut dyn Kernel,
) -> Result<PasswordHash, HashError> {
    let mut tag = [0; TAG];
    kernel.compute(&of_today(cost, password.expose().as_bytes(), &salt), &mut tag)?;
    let params = Params::new(cost.memory, cost.passes, cost.lanes, Some(TAG));
    let params = params.map_err(|_| HashError::Failed)?;
    let hash = phc::PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        hash: Some(Output::new(&tag).map_err(|_| HashError::Failed)?),
        params: ParamsString::try_from(&params).map_err(|_| HashError::Failed)?,
        salt: Some(Salt::new(&salt).map_err(|_| HashError::Failed)?),
        version: Some(Version::V0x13.into()),
    };
    PasswordHash::parse(&hash.to_string()).map_err(|_| HashError::Failed)
}

/// Does the work of a verification for an address without a hash.
pub(super) fn dummy(
    password: &Password,
    salt: [u8; SALT],
    (cost, today): (Cost, Cost),
    kernel: &mut dyn Kernel,
) -> Result<(), HashError> {
    let mut tag = [0; TAG];
    kernel.compute(&of_today(cost, password.expose().as_bytes(), &salt), &mut tag)?;
    kernel.shrink(today);
    // Make the comparison like any other, and ignore its result.
    let _ = bool::from(tag.ct_eq(&[0; TAG]));
    Ok(())
}
