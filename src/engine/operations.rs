//! Calls for operators: readiness, the queue, and why an account cannot reset.

use crate::{
    domain::{EmailAddress, TenantId, UserFlowId},
    error::Error,
    policy::Explanation,
};

use super::Sspr;

impl Sspr {
    /// Checks that the code store answers and agrees with the clock of this process. It is one call
    /// that charges nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Store`](crate::ErrorKind), or [`ErrorKind::Clock`](crate::ErrorKind) if the clock
    /// of this process is too far off the clock of its store.
    pub async fn probe(&self) -> Result<(), Error> {
        let now = self.inner.clock.now();
        self.inner.codes.charge(&[], now).await?;
        Ok(())
    }

    /// Returns how many mails wait for the courier of this process or are under way.
    #[must_use]
    pub fn queue_depth(&self) -> usize {
        self.inner.queue.depth()
    }

    /// Returns, for each account with an address, whether it may reset its password and why not.
    ///
    /// # Errors
    /// The user store or the policy source failed.
    ///
    /// # Security
    /// This is for administrators only. Never let the request of a customer reach it.
    pub async fn explain(
        &self,
        tenant: &TenantId,
        flow: &UserFlowId,
        address: &EmailAddress,
    ) -> Result<Vec<Explanation>, Error> {
        let Some(policy) = self.inner.policy(tenant)? else { return Ok(Vec::new()) };
        let found = self.inner.users.find_by_address(tenant, address).await?;
        Ok(found.iter().map(|account| self.inner.explain(&policy, flow, account)).collect())
    }
}
