//! A sign-in that charges its failure before the comparison. If its caller leaves, the courier finds
//! out whether the password was right.

use core::time::Duration;
use std::sync::Arc;

use crate::{
    domain::{Charge, CorrelationId, Over, RecordId, Timestamp},
    error::Error,
    policy::Limits,
    ports::{HashError, Loaded},
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

    /// Records that the failure is about to be charged. If the caller leaves from here on, the
    /// courier finds out whether it was charged.
    fn expect(&mut self, failure: Option<ChargedFailure>) {
        if let Some(settlement) = &mut self.settlement {
            settlement.failure = failure;
        }
    }

    /// Charges a failure before the comparison, so that parallel guesses never share one.
    ///
    /// The charges of the call are made once: when the lockout is read or, if there is none yet, when
    /// it is written.
    pub(super) async fn charge(
        &mut self,
        (id, old): (RecordId, Option<RecordId>),
        mut charges: &[Charge],
        limits: &Limits,
        now: Timestamp,
    ) -> Result<Charging, Error> {
        let inner = self.inner.clone();
        for _ in 0..MAX_CONFLICTS {
            let kept = match inner.codes.load(&id, charges, now).await? {
                Loaded::Found(record) => {
                    charges = &[];
                    Some(Kept::read(&record, now)?)
                }
                Loaded::Refused(over) => return Ok(Charging::Refused(over)),
                Loaded::Missing => match old {
                    // Failures that were counted before a rotation of the index key go on under the
                    // new id.
                    Some(old) => inner.lockout(old, now).await?.map(Kept::renamed),
                    None => None,
                },
            };
            let Kept { lockout, version } = kept.unwrap_or_default();
            let charged = match lockout.charge(&terms(limits), now) {
                Ok(charged) => charged,
                Err(until) => return Ok(Charging::Locked(until)),
            };
            let next = version.saturating_add(1);
            self.expect(Some(ChargedFailure { id, lockout: charged, version: next }));
            match inner.write_lockout((id, version), &charged, limits, charges, now).await {
                Ok(Written::Yes) => {
                    self.is_charged = true;
                    return Ok(Charging::Charged);
                }
                Ok(Written::No) => self.expect(None),
                Ok(Written::Refused(over)) => {
                    self.expect(None);
                    return Ok(Charging::Refused(over));
                }
                // The failure may be charged, so the courier finds out.
                Err(error) if error.is_unknown() => return Err(error),
                Err(error) => {
                    self.expect(None);
                    return Err(error);
                }
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
