//! The remaining work of a sign-in whose caller has left: the comparison, and its effect on the
//! lockout.

use core::{fmt, future::Future, pin::Pin};

use crate::{
    domain::{RecordId, TenantId, Timestamp},
    flow::Lockout,
    policy::Limits,
    ports::{HashError, PasswordMatch},
};

/// A failure that was charged before the comparison, and the lockout after the charge.
#[derive(Clone, Debug)]
pub(super) struct ChargedFailure {
    pub(super) id: RecordId,
    pub(super) lockout: Lockout,
    pub(super) version: u64,
}

/// A comparison under way. It borrows nothing, so that the courier can finish it.
pub(super) type Comparison = Pin<Box<dyn Future<Output = Result<Compared, HashError>> + Send>>;

/// The result of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    Match(PasswordMatch),
    Mismatch,
    /// The hasher does not know the kind of the hash on file, so a dummy was compared.
    Unsupported,
}

/// The work that a sign-in still owes to the lockout, because it charged a failure before the
/// comparison.
pub(super) struct Settlement {
    pub(super) tenant: TenantId,
    /// The failure that is charged or about to be charged.
    pub(super) failure: Option<ChargedFailure>,
    pub(super) limits: Limits,
    pub(super) at: Timestamp,
    pub(super) owed: Owed,
    /// The effect of a right password on the failures.
    pub(super) if_right: IfRight,
    /// True if it is unknown whether the failure was charged. A right password forgets it
    /// nevertheless.
    pub(super) is_doubtful: bool,
}

/// The effect of a right password on the failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IfRight {
    /// The failures are forgotten, because the account may sign in.
    Forget,
    /// The failures stay, because the account is disabled or locked.
    Keep,
}

pub(super) enum Owed {
    /// The comparison, which shows whether the password was right.
    Comparison(Comparison),
    /// The failures are to be forgotten, because the password was right.
    Clearing,
    /// The failure is to be taken back, because no password was compared.
    Refund,
    /// Nothing, for instance because the password was wrong.
    Nothing,
}

impl Settlement {
    /// Finishes the comparison, and records the work that follows from it.
    pub(super) async fn compare(&mut self) -> Result<Compared, HashError> {
        let Owed::Comparison(comparison) = &mut self.owed else { return Ok(Compared::Mismatch) };
        let compared = comparison.await;
        self.owed = match &compared {
            Ok(Compared::Match(_)) if self.if_right == IfRight::Forget => Owed::Clearing,
            Ok(_) => Owed::Nothing,
            Err(_) if self.is_doubtful => Owed::Nothing,
            Err(_) => Owed::Refund,
        };
        compared
    }
}

impl fmt::Debug for Settlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settlement(…)")
    }
}
