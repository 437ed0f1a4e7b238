//! The temporary password, which must be changed at the next sign-in.

use zeroize::Zeroizing;

use crate::{
    domain::{
        AccountId, Code, CodeFormat, Entropy, EntropyUnavailable, Password, Recipient, RecordId,
        Stamp, TenantId,
    },
    error::Error,
    ports::{
        Applied, EventKind, HashError, HashQueue, NoticeCause, NoticeRecipient, PasswordChange,
    },
};

use super::{Assisted, Call, Client, HelpDesk, TemporaryPassword, spanned, told};
use crate::engine::throttle::question;

impl HelpDesk {
    /// Sets a temporary password, ends every session of the account, and requires a new password at
    /// the next sign-in. Each address on file gets a notice.
    ///
    /// # Errors
    /// A store, the audit log, the policy source, the hasher or the source of randomness failed. If
    /// the password was set nevertheless, nobody knows it. Call again then.
    ///
    /// # Security
    /// The password has 138 random bits and expires after 24 hours by default. The temporary
    /// password of Entra never expires, so one that was written down stays valid for years. Prefer
    /// an assistance code, which leaves the current password in place until its owner has changed
    /// it.
    pub async fn set_temporary_password(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Assisted<TemporaryPassword>, Error> {
        let call = self.call(EventKind::TemporaryPassword, tenant, account);
        let set = spanned("temporary_password", None, self.set(tenant, account, &call)).await;
        told(call, set)
    }

    async fn set(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        call: &Call<'_>,
    ) -> Result<Assisted<TemporaryPassword>, Error> {
        let (inner, now) = (&self.sspr.inner, call.began);
        let limits = inner.limits(tenant.tag())?;
        let later = Assisted::TryLater { retry_at: now.after(limits.resend_cooldown / 10) };
        let Some(_place) = inner.submit_slots.take(tenant.tag()) else { return Ok(later) };
        let Some((policy, account)) = self.found(tenant, account, call).await? else {
            return Ok(Assisted::Unavailable);
        };
        // In a store without marks the password would never expire, and without an address nobody
        // would get a notice.
        if account.locked || account.destinations().is_empty() || !inner.users.keeps_marks() {
            return Ok(Assisted::Unavailable);
        }
        let limits = policy.limits();
        // Ask first, because a refused action must cost no hash. Charge last, because an action
        // that must try later must not use up the limits.
        let questions: Vec<_> = self.charges(&policy, &account).into_iter().map(question).collect();
        let over = inner.codes.charge(&questions, now).await?;
        if !over.is_empty() {
            return Ok(self.refused(&policy, &account, &over, call));
        }
        let Some(password) = random_password(&*inner.entropy)? else { return Ok(later) };
        let hash = match inner.hasher.hash(password.duplicate(), HashQueue::Submit).await {
            Ok(hash) => hash,
            Err(HashError::Busy) => return Ok(later),
            Err(error) => return Err(error.into()),
        };
        let expires_at = now.after(limits.temporary_password_lifetime);
        let operation = RecordId::generate(tenant.tag(), &*inner.entropy)?;
        let next_stamp = Stamp::generate(&*inner.entropy)?;
        let recipients = inner.recipients(&policy, &account);
        let recipient = |to: Recipient| NoticeRecipient::new(to, NoticeCause::TemporaryPassword);
        let change = PasswordChange {
            must_change: true,
            notify: recipients.map(recipient).collect(),
            password_expires_at: Some(expires_at),
            ..PasswordChange::new(tenant.clone(), &account, operation, (hash, next_stamp), now)
        };
        let client = Client::unknown();
        let Some(notices) = inner.prepare_notices(&change, &account, &client) else {
            return Ok(later);
        };
        if let Some(refused) = self.charge(&policy, &account, call).await? {
            notices.withdraw();
            return Ok(refused);
        }
        inner.void_earlier_codes(&change, &account, now).await?;
        Ok(match inner.apply_prepared(&change, &account, &client, notices, now).await? {
            Applied::Done { .. } | Applied::Repeated { .. } => {
                Assisted::Done(TemporaryPassword { expires_at, password })
            }
            // The account has changed meanwhile. A second look shows its new state.
            Applied::Stale => Assisted::TryLater { retry_at: now },
        })
    }
}

/// Returns a password of 32 letters in groups of four, which a person can read aloud.
fn random_password(entropy: &dyn Entropy) -> Result<Option<Password>, EntropyUnavailable> {
    let half = || Code::generate(CodeFormat::Letters, entropy).map(|code| code.expose());
    let (first, second) = (Zeroizing::new(half()?), Zeroizing::new(half()?));
    let text = Zeroizing::new(format!("{}-{}", *first, *second));
    Ok(Password::parse(&text).ok())
}
