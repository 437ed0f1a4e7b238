//! A sign-in that charges its failure before the comparison. If its caller leaves, the courier finds
//! out whether the password was right.

use core::time::Duration;
use std::sync::Arc;

use crate::{
    domain::{Charge, CorrelationId, Over, RecordId, Timestamp},
    error::Error,
    policy::Limits,
    ports::HashError,
};

use super::{
    lockouts::{Kept, MAX_CONFLICTS, Written, terms},
    queue::{Certainty, Job, PATIENCE, Work},
    settlement::{ChargedFailure, Compared, Owed, Settlement},
    sspr::Inner,
};

/// The result of charging a failure.
pub(super) enum Charging {
    Charged,
    Locked(Timestamp),
    /// These counters of the caller are over their limits.
    Refused(Vec<Over>),
    /// Other sign-ins wrote each time, or the store is full.
    Contended,
}

/// A charged sign-in. If it is dropped before it is settled, the courier settles it.
pub(super) struct Settling {
    inner: Arc<Inner>,
    correlation: Option<CorrelationId>,
    settlement: Option<Settlement>,
    /// True if the failure is known to be charged.
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

    /// Returns the latest time that the lockout has seen, once the failure is charged.
    pub(super) fn latest(&self) -> Option<Timestamp> {
        let failure = self.settlement.as_ref()?.failure.as_ref()?;
        Some(failure.lockout.touched_at)
    }

    /// Records that the failure is about to be charged. If the caller leaves from here on, the
    /// courier finds out whether it was charged.
    fn expect(&mut self, failure: Option<ChargedFailure>) {
        if let Some(settlement) = &mut self.settlement {
            settlement.failure = failure;
        }
    }

    /// Charges a failure before the comparison, so that parallel guesses never share one.
    ///
    /// The charges of the call are made together with the write of the lockout, or on their own if
    /// nothing is written. Customers and strangers therefore cause the same calls and commits.
    pub(super) async fn charge(
        &mut self,
        (id, old): (RecordId, Option<RecordId>),
        charges: &[Charge],
        limits: &Limits,
        now: Timestamp,
    ) -> Result<Charging, Error> {
        let inner = self.inner.clone();
        for _ in 0..MAX_CONFLICTS {
            let mut kept = inner.lockout(id, now).await?;
            if let (None, Some(old)) = (&kept, old) {
                // Failures that were counted before a rotation of the index key go on under the new
                // id.
                let before = inner.lockout(old, now).await?;
                kept = before.map(|before| Kept { version: 0, ..before });
            }
            let Kept { lockout, version } = kept.unwrap_or_default();
            let charged = match lockout.charge(&terms(limits), now) {
                Ok(charged) => charged,
                Err(until) => {
                    let over = inner.codes.charge(charges, now).await?;
                    let locked = over.is_empty().then_some(Charging::Locked(until));
                    return Ok(locked.unwrap_or(Charging::Refused(over)));
                }
            };
            let next = version.saturating_add(1);
            self.expect(Some(ChargedFailure { id, lockout: charged, version: next }));
            let written = inner.write_lockout((id, version), &charged, limits, charges, now).await;
            // If nobody knows whether the failure is charged, the courier finds out.
            let may_be_charged = match &written {
                Ok(written) => matches!(written, Written::Yes),
                Err(error) => error.is_unknown(),
            };
            if !may_be_charged {
                self.expect(None);
            }
            match written? {
                Written::Yes => {
                    self.is_charged = true;
                    return Ok(Charging::Charged);
                }
                Written::Overtaken => {}
                Written::Refused(over) => return Ok(Charging::Refused(over)),
                Written::Full => break,
            }
        }
        Ok(Charging::Contended)
    }

    /// Finishes the comparison, and updates the lockout accordingly.
    ///
    /// # Errors
    /// The code store failed. The inner error is from the hasher, and then the failure was taken
    /// back.
    pub(super) async fn settle(mut self) -> Result<Result<Compared, HashError>, Error> {
        let Some(settlement) = self.settlement.as_mut() else { return Ok(Ok(Compared::Mismatch)) };
        let compared = settlement.compare().await;
        self.inner.pay(settlement).await?;
        self.settlement = None;
        Ok(compared)
    }
}

impl Inner {
    /// Finishes a sign-in instead of its caller.
    pub(super) async fn finish_sign_in(&self, settlement: &mut Settlement) -> Result<(), Error> {
        // Only the lockout matters here, because the caller no longer waits for the result.
        let _ = settlement.compare().await;
        self.pay(settlement).await
    }

    /// Does the work that is owed to the lockout, so that nothing is owed afterwards.
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
