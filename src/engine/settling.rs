//! A sign-in that charges its failure before the comparison. If its caller leaves, the courier finds
//! out whether the password was right.

use core::time::Duration;
use std::sync::Arc;

use crate::{
    domain::{CorrelationId, RecordId, Timestamp},
    error::Error,
    flow::Lockout,
    policy::Limits,
    ports::HashError,
};

use super::{
    lockouts::{Kept, MAX_CONFLICTS, terms},
    queue::{Certainty, Job, PATIENCE, Work},
    settlement::{ChargedFailure, Compared, Owed, Settlement},
    sspr::Inner,
};

/// What charging a failure came to.
pub(super) enum Charging {
    Charged,
    Locked(Timestamp),
    Contended,
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
    fn expect(&mut self, failure: Option<ChargedFailure>) {
        if let Some(settlement) = &mut self.settlement {
            settlement.failure = failure;
        }
    }

    /// Charges a failure before the comparison, so that parallel guesses never share one.
    pub(super) async fn charge(
        &mut self,
        (id, old): (RecordId, Option<RecordId>),
        limits: &Limits,
        now: Timestamp,
    ) -> Result<Charging, Error> {
        let inner = self.inner.clone();
        for _ in 0..MAX_CONFLICTS {
            let mut kept = inner.lockout(id, now).await?;
            if let (None, Some(old)) = (&kept, old) {
                // What was counted before the index key was rotated goes on under the new name.
                let before = inner.lockout(old, now).await?;
                kept = before.map(|before| Kept { version: 0, ..before });
            }
            let Kept { lockout, version } =
                kept.unwrap_or(Kept { lockout: Lockout::default(), version: 0 });
            let charged = match lockout.charge(&terms(limits), now) {
                Ok(charged) => charged,
                Err(until) => return Ok(Charging::Locked(until)),
            };
            let next = version.saturating_add(1);
            self.expect(Some(ChargedFailure { id, lockout: charged, version: next }));
            match inner.write_lockout(id, version, &charged, limits, now).await {
                Ok(Some(_)) => {
                    self.is_charged = true;
                    return Ok(Charging::Charged);
                }
                Ok(None) => self.expect(None),
                // It may be charged: the courier finds out.
                Err(error) if error.is_unknown() => return Err(error),
                Err(error) => {
                    self.expect(None);
                    return Err(error);
                }
            }
        }
        Ok(Charging::Contended)
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
