//! Work that is left of a sign-in whose caller has gone: the comparison under way, and what its
//! result does to the lockout.

use core::{fmt, future::Future, pin::Pin};

use crate::{
    domain::{RecordId, TenantId, Timestamp},
    flow::Lockout,
    policy::Limits,
    ports::{HashError, PasswordMatch},
};

/// A failure that was charged before the comparison, and the lockout as it then was.
#[derive(Clone, Debug)]
pub(super) struct ChargedFailure {
    pub(super) id: RecordId,
    pub(super) lockout: Lockout,
    pub(super) version: u64,
}

/// A comparison under way. It borrows nothing, so that the courier can bring it to its end.
pub(super) type Comparison = Pin<Box<dyn Future<Output = Result<Compared, HashError>> + Send>>;

/// What a comparison came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    Match(PasswordMatch),
    Mismatch,
    /// The hash on file is of a kind that the hasher does not know; a dummy was compared.
    Unsupported,
}

/// What is still owed to a lockout whose failure was charged before the comparison.
pub(super) struct Settlement {
    pub(super) tenant: TenantId,
    /// The failure that is charged, or about to be.
    pub(super) failure: Option<ChargedFailure>,
    pub(super) limits: Limits,
    pub(super) at: Timestamp,
    pub(super) owed: Owed,
    /// What a right password does to the failures.
    pub(super) if_right: IfRight,
    /// Nobody can tell whether the failure was charged. A right password forgets it all the same.
    pub(super) is_doubtful: bool,
}

/// What a right password does to the failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IfRight {
    /// The account may sign in: its failures are forgotten.
    Forget,
    /// The account is disabled: its failures stay.
    Keep,
}

pub(super) enum Owed {
    /// To find out whether the password was right.
    Comparison(Comparison),
    /// To forget the failures: the password was right.
    Clearing,
    /// To give the failure back: nothing was compared.
    Refund,
    /// Nothing: the password was wrong.
    Nothing,
}

impl Settlement {
    /// Brings the comparison to its end, and notes what is owed then.
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
