//! What operators ask: is it up, how full is it, and why can somebody not reset.

use crate::{
    domain::{EmailAddress, TenantId, UserFlowId},
    error::Error,
    policy::Explanation,
};

use super::Sspr;

impl Sspr {
    /// Whether the code store answers this process, and agrees with its clock: one call that
    /// charges nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Store`](crate::ErrorKind), or [`ErrorKind::Clock`](crate::ErrorKind) if this
    /// process's clock is too far from its store's.
    pub async fn probe(&self) -> Result<(), Error> {
        let now = self.inner.clock.now();
        self.inner.codes.charge(&[], now).await?;
        Ok(())
    }

    /// Mails that wait for the courier of this process, or that it has in hand.
    #[must_use]
    pub fn queue_depth(&self) -> usize {
        self.inner.queue.depth()
    }

    /// For each account on an address, whether it may reset its password in a user flow, and why
    /// not. **For administrators only**: a customer's request must never reach it.
    ///
    /// # Errors
    /// The user store or the policy source failed.
    pub async fn explain(
        &self,
        tenant: &TenantId,
        flow: &UserFlowId,
        address: &EmailAddress,
    ) -> Result<Vec<Explanation>, Error> {
        let Some(policy) = self.inner.policy(tenant)? else { return Ok(Vec::new()) };
        let found = self.inner.users.find_by_address(tenant, address).await?;
        Ok(found.iter().map(|account| policy.explain(flow, account)).collect())
    }
}
