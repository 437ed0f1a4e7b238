//! The end of a freeze, by staff.

use crate::{
    domain::{AccountId, RecordId, Stamp, TenantId},
    error::Error,
    ports::{EventKind, Freeze, NoticeCause},
};

use super::{Assisted, HelpDesk, told};
use crate::engine::{call::Call, freeze_records::Void, span::spanned};

impl HelpDesk {
    /// Ends the freeze of an account. The password and the addresses on file stay as they were.
    /// Sessions stay ended. Every code that froze the account is void from then on. Each recovery
    /// address ([`Frozen::recover_to`](crate::domain::Frozen::recover_to)) gets a notice.
    ///
    /// For an account that is not frozen, nothing happens and the answer is the same.
    ///
    /// # Errors
    /// A store, the audit log, the policy source or the source of randomness failed. A repeated
    /// call is harmless.
    ///
    /// # Security
    /// Do this only if the owner says that the freeze was a mistake. After a theft the thief knows
    /// the password and may have added an address. Then make an assistance code for the owner. The
    /// new password ends the freeze, and the account keeps only its recovery addresses.
    pub async fn unfreeze(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Assisted<()>, Error> {
        let call = self.call(EventKind::Unfreeze, tenant, account);
        let ended = spanned("unfreeze", None, self.unfreeze_at(tenant, account, &call)).await;
        told(call, ended)
    }

    async fn unfreeze_at(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        call: &Call<'_>,
    ) -> Result<Assisted<()>, Error> {
        let (inner, now) = (&self.sspr.inner, call.began);
        let Some((policy, account)) = self.found(tenant, account, call).await? else {
            return Ok(Assisted::Unavailable);
        };
        let Some(frozen) = &account.frozen else {
            let refused = self.charge(&policy, &account, call).await?;
            return Ok(refused.unwrap_or(Assisted::Done(())));
        };
        let Some(notices) = self.notices(NoticeCause::Unfrozen, tenant, &account, None, now)?
        else {
            return Ok(Assisted::TryLater { retry_at: now });
        };
        if let Some(refused) = self.charge(&policy, &account, call).await? {
            notices.withdraw();
            return Ok(refused);
        }
        let operation = RecordId::generate(tenant.tag(), &*inner.entropy)?;
        let ended = async {
            for to in &frozen.recover_to {
                let which = Void::To(to);
                inner.void_freeze_codes(tenant, &account.id, which, operation, now).await?;
            }
            let next_stamp = Stamp::generate(&*inner.entropy)?;
            let freeze = Freeze::new(tenant.clone(), &account, next_stamp, None);
            Ok(inner.users.freeze(&freeze).await?)
        };
        let ended: Result<bool, Error> = ended.await;
        notices.settle(&ended, |ended| *ended);
        // The account has changed meanwhile. A second look shows its new state.
        Ok(if ended? { Assisted::Done(()) } else { Assisted::TryLater { retry_at: now } })
    }
}
