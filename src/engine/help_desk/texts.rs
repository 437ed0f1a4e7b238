//! The stops of text messages, and their end by staff.

use crate::{
    domain::{NumberBlock, TenantId},
    error::Error,
    ports::EventKind,
};

use super::{Assisted, HelpDesk, told};
use crate::engine::{
    StoppedBlock, call::Call, reached_limit::limit_among, span::spanned, stopped_texts::Listed,
    throttle::retry_at,
};

impl HelpDesk {
    /// Returns the blocks of numbers to which the watch has stopped codes by SMS, with the newest
    /// stop first. The list has at most 256 blocks. It is empty for a tenant that does not exist.
    ///
    /// # Errors
    /// The code store or the policy source failed.
    pub async fn stopped_texts(&self, tenant: &TenantId) -> Result<Vec<StoppedBlock>, Error> {
        let inner = &self.sspr.inner;
        let policy = inner.policy(tenant)?.filter(|_| self.sspr.serves_tenant(tenant));
        if policy.is_none() {
            return Ok(Vec::new());
        }
        inner.stopped_blocks(tenant, inner.clock.now()).await
    }

    /// Ends the stop of texts to a block of numbers. The counts of the watch begin at zero.
    ///
    /// The answer is the same for a block that is not stopped.
    ///
    /// # Errors
    /// The code store, the audit log or the policy source failed. A repeated call is harmless.
    ///
    /// # Security
    /// Do this only if customers requested the texts. If fraudsters requested them,
    /// [`text_watch_after`](crate::policy::Limits::text_watch_after) more texts (50 by default) can
    /// be sent before the next stop.
    pub async fn resume_texts(
        &self,
        tenant: &TenantId,
        block: &NumberBlock,
    ) -> Result<Assisted<()>, Error> {
        let staff = (&self.actor, self.reason.as_ref());
        let call = self.sspr.inner.call(EventKind::ResumeTexts, None).of_staff(staff, tenant);
        let resumed = spanned("resume_texts", None, self.resume(tenant, block, &call)).await;
        told(call, resumed)
    }

    async fn resume(
        &self,
        tenant: &TenantId,
        block: &NumberBlock,
        call: &Call<'_>,
    ) -> Result<Assisted<()>, Error> {
        let (inner, now) = (&self.sspr.inner, call.began);
        let policy = inner.policy(tenant)?.filter(|_| self.sspr.serves_tenant(tenant));
        let Some(policy) = policy else { return Ok(Assisted::Unavailable) };
        call.announce().await?;
        let throttle = inner.throttle(tenant.tag(), policy.limits());
        let limited = throttle.assist_tenant(&self.actor);
        let charges: Vec<_> = limited.iter().map(|(_, charge)| *charge).collect();
        let counters = (&charges[..], &throttle.resumed(block, now)[..]);
        let remove = |list: &mut Vec<StoppedBlock>| list.retain(|stop| stop.block != *block);
        Ok(match inner.change_list(tenant, counters, remove, now).await? {
            Listed::Changed => Assisted::Done(()),
            Listed::Refused(over) => {
                call.has_reached(limit_among(&limited, &over));
                Assisted::TryLater { retry_at: retry_at(&over, now) }
            }
            Listed::Busy => Assisted::TryLater { retry_at: now },
        })
    }
}
