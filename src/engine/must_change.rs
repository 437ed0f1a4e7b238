//! The grant for a user who has typed the right password of an account that must change it.

use zeroize::Zeroizing;

use crate::{
    domain::{Account, CodeFormat, Digest, FlowToken, Grant, Purpose, RecordId, Sealed, Timestamp},
    error::Error,
    flow::{Bound, Origin, Reset, ResetReason},
    policy::Limits,
    ports::Inserted,
};

use super::{Granted, Request, Sspr, records::terms};

impl Sspr {
    /// Writes a reset that begins with a grant for this account, as it is now. Returns `None` if the
    /// code store is full.
    pub(super) async fn grant_change(
        &self,
        request: &Request,
        account: &Account,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<Option<Granted>, Error> {
        let inner = &*self.inner;
        let application = &request.application;
        let id = RecordId::generate(application.tenant.tag(), &*inner.entropy)?;
        let scope = self.scope_of(application);
        let mut secret = Zeroizing::new([0; 32]);
        inner.entropy.fill(&mut *secret)?;
        let check = inner.keys.sign(Purpose::TokenCheck);
        let grant = Grant::new(&id, scope, &Digest::from_bytes(*secret), check);
        // Nobody gets this token, so that no code can be requested or tried.
        let token = FlowToken::generate(&id, scope, &inner.keys, &*inner.entropy)?;
        let address = account.addresses.first().unwrap_or(&request.address);
        let origin = Origin {
            address: inner.seal_address(&token, address)?,
            application: application.id.clone(),
            context: request.context.as_bytes().to_vec(),
            locale: request.locale.clone(),
            reason: ResetReason::MustChange,
            tenant: application.tenant.clone(),
            user_flow: application.user_flow.clone(),
            visible: Vec::new(),
        };
        let bound = self.bound_to(&id, &origin, account, limits, now)?;
        let hash = grant.hash();
        let reset = Reset::granted(origin, token.hash(), bound, hash, &terms(limits), now);
        let record = inner.record(id, &reset, limits);
        match inner.codes.insert(&record, &[], now).await? {
            Inserted::Inserted => {
                let expires_at = now.after(limits.grant_lifetime);
                Ok(Some(Granted { expires_at, grant }))
            }
            // The id is random, so another record under it is as unlikely as a guessed grant.
            Inserted::Exists | Inserted::Full | Inserted::Refused(_) => Ok(None),
        }
    }

    /// Binds the account, its stamp and its first address to a reset without a code.
    pub(super) fn bound_to(
        &self,
        id: &RecordId,
        origin: &Origin,
        account: &Account,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<Bound, Error> {
        let inner = &*self.inner;
        let key = inner.keys.signing();
        let mut nothing = [0; 32];
        inner.entropy.fill(&mut nothing)?;
        let nothing = Digest::from_bytes(nothing);
        let binding = account
            .destinations()
            .first()
            .and_then(|address| inner.binding(key, (id, origin), 0, account, address.as_str()));
        let account: Sealed = inner.seal_account(id, account.id.as_str().as_bytes())?;
        Ok(Bound {
            account,
            announced: CodeFormat::Letters,
            // Without an address nothing can match this, and the grant permits nothing.
            binding: binding.unwrap_or(nothing),
            code: nothing,
            expires_at: now.after(limits.grant_lifetime),
            format: CodeFormat::Letters,
            key,
            number: 0,
            silent: Vec::new(),
        })
    }
}
