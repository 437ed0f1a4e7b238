//! A sign-in whose caller has left: its failure was charged, and the courier finds out whether the
//! password was right.

use core::{fmt, future::Future, pin::Pin, time::Duration};
use std::sync::Arc;

use crate::{
    domain::{CorrelationId, TenantId, Timestamp},
    error::Error,
    policy::Limits,
    ports::{HashError, PasswordMatch},
};

use super::{
    lockouts::ChargedFailure,
    queue::{Certainty, Job, PATIENCE, Work},
    sspr::Inner,
};

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

/// Settles a charged sign-in, or leaves that to the courier when it is dropped.
pub(super) struct Settling {
    inner: Arc<Inner>,
    correlation: Option<CorrelationId>,
    settlement: Option<Settlement>,
    /// Whether the failure is known to be charged.
    is_charged: bool,
}

impl Settling {
    pub(super) const fn new(
        inner: Arc<Inner>,
        correlation: Option<CorrelationId>,
        settlement: Settlement,
    ) -> Self {
        Self { correlation, inner, is_charged: false, settlement: Some(settlement) }
    }

    /// The failure is about to be charged. Whoever goes away from here on leaves it to the courier
    /// to see whether it was.
    pub(super) fn expect(&mut self, failure: Option<ChargedFailure>) {
        if let Some(settlement) = &mut self.settlement {
            settlement.failure = failure;
        }
    }

    /// The failure is charged.
    pub(super) const fn confirm(&mut self) {
        self.is_charged = true;
    }

    /// Brings the comparison to its end, and the lockout into line with it.
    ///
    /// # Errors
    /// The code store failed. The inner error is the hasher's: then the failure was given back.
    pub(super) async fn settle(mut self) -> Result<Result<Compared, HashError>, Error> {
        let Some(settlement) = self.settlement.as_mut() else { return Ok(Ok(Compared::Mismatch)) };
        let compared = settlement.compare().await;
        self.inner.pay(settlement).await?;
        self.settlement = None;
        Ok(compared)
    }
}

impl Settlement {
    /// Brings the comparison to its end, and notes what is owed then.
    async fn compare(&mut self) -> Result<Compared, HashError> {
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

impl Inner {
    /// Does what the caller of a sign-in would have done.
    pub(super) async fn finish_sign_in(&self, settlement: &mut Settlement) -> Result<(), Error> {
        // The lockout alone matters: nobody is there to be told of the comparison.
        let _ = settlement.compare().await;
        self.pay(settlement).await
    }

    /// Does what is owed to the lockout; afterwards nothing is.
    async fn pay(&self, settlement: &mut Settlement) -> Result<(), Error> {
        let Settlement { failure, limits, at, .. } = settlement;
        let Some(failure) = failure else { return Ok(()) };
        match settlement.owed {
            Owed::Clearing => self.forget_failures(failure, limits, *at).await?,
            Owed::Refund => self.give_back(failure, limits, *at).await?,
            Owed::Comparison(_) | Owed::Nothing => {}
        }
        settlement.owed = Owed::Nothing;
        Ok(())
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        let Some(settlement) = self.settlement.take() else { return };
        if matches!(settlement.owed, Owed::Nothing) || settlement.failure.is_none() {
            return;
        }
        let now = self.inner.clock.now();
        let job = Job::new(Work::Settlement(Box::new(settlement)), self.correlation.take(), None);
        let certainty = match self.is_charged {
            true => Certainty::Certain,
            false => Certainty::UnsureUntil(now.after(PATIENCE)),
        };
        self.inner.queue.push_after(Job { certainty, ..job }, Duration::ZERO, now);
    }
}

impl fmt::Debug for Settlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settlement(…)")
    }
}
