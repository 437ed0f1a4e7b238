//! The address of a signed-in user, for the page that changes a password.

use crate::{domain::EmailAddress, error::Error};

use super::{SecondFactorDemand, Session, Sspr, sign_in::has_password};

/// The user behind a session, as far as a form for another password needs it.
#[derive(Debug)]
pub(crate) enum SignedInAddress {
    /// The session no longer carries the stamp of the account.
    Ended,
    /// The user has a password that can be changed.
    Known {
        /// The first address on file.
        address: EmailAddress,
        /// Whether a new session of this user needs a second factor.
        second_factor: SecondFactorDemand,
    },
    /// No password can be changed here, as in
    /// [`ChangeOutcome::Unavailable`](super::ChangeOutcome).
    Unavailable,
}

impl Sspr {
    /// Returns the address of a signed-in user. [`Sspr::change`] decides again.
    ///
    /// # Errors
    /// The user store or the policy source failed.
    pub(crate) async fn signed_in_address(
        &self,
        session: &Session,
    ) -> Result<SignedInAddress, Error> {
        let (inner, application) = (&self.inner, &session.application);
        if self.password_policy(application)?.is_none() {
            return Ok(SignedInAddress::Unavailable);
        }
        let found = inner.users.find(&application.tenant, &session.account).await?;
        let Some(account) = found else { return Ok(SignedInAddress::Unavailable) };
        if account.stamp != session.stamp {
            return Ok(SignedInAddress::Ended);
        }
        let now = inner.clock.now();
        let may = has_password(&account) && !account.disabled && !account.has_expired_password(now);
        Ok(match account.addresses.first().filter(|_| may) {
            Some(address) => SignedInAddress::Known {
                address: address.clone(),
                second_factor: SecondFactorDemand::of(account.second_factor),
            },
            None => SignedInAddress::Unavailable,
        })
    }
}
