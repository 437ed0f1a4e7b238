//! The conversion between a reset and its record in the code store.

use std::sync::Arc;

use crate::{
    domain::{
        Account, AccountId, CounterName, Destination, Digest, EmailAddress, FlowToken, KeyId,
        Purpose, RecordId, Sealed, Timestamp,
    },
    error::Error,
    flow::{Bound, Origin, Reset, ResetTerms, encode_reset},
    policy::{Limits, TenantPolicy},
    ports::{Record, Swapped},
};

use super::{sspr::Inner, stored::Stored};

/// The number of conflicts that a call survives before it gives up. Each conflict means that
/// another call has written the record.
pub(super) const MAX_CONFLICTS: usize = 8;
/// The room for an account id. It is fixed, so that all sealed ids have the same length.
const ACCOUNT: usize = 128;
/// The room for an address. It is fixed, so that all sealed addresses have the same length.
const ADDRESS: usize = 254;

/// Returns the lifetimes that the limits of a policy give the machine.
pub(super) const fn terms(limits: &Limits) -> ResetTerms {
    ResetTerms {
        code: limits.code_lifetime,
        cooldown: limits.resend_cooldown,
        grant: limits.grant_lifetime,
        ticket: limits.ticket_lifetime,
    }
}

impl Inner {
    /// Reads a live reset. Returns `None` if it is missing or expired.
    pub(super) async fn load(&self, id: RecordId, now: Timestamp) -> Result<Option<Stored>, Error> {
        let Some(record) = self.codes.load(&id, &[], now).await?.found() else { return Ok(None) };
        Stored::alive(id, &record, now)
    }

    /// Returns the policy of the tenant that a record belongs to. Reads the record only if this
    /// process has not met the tenant.
    pub(super) async fn policy_of(
        &self,
        id: RecordId,
        now: Timestamp,
    ) -> Result<Option<Arc<TenantPolicy>>, Error> {
        if let Some(tenant) = self.tenants.named(id.tenant_tag()) {
            return self.policy(&tenant);
        }
        let Some(stored) = self.load(id, now).await? else { return Ok(None) };
        self.policy(&stored.reset.origin.tenant)
    }

    /// Returns the record of a reset.
    pub(super) fn record(&self, id: RecordId, reset: &Reset, limits: &Limits) -> Record {
        let throttle = self.throttle(id.tenant_tag(), limits);
        let visible = &reset.origin.visible;
        Record {
            begins_challenge: false,
            body: encode_reset(reset),
            charges: throttle.attempt(visible, reset.sent.as_ref(), reset.bound.as_ref()),
            expires_at: reset.expires_at(),
            id,
            tries_limit: limits.tries_per_challenge,
        }
    }

    /// Writes the next state of a reset and clears these counters with it. Changes nothing if
    /// another call has written since `stored` was read.
    pub(super) async fn swap(
        &self,
        stored: &Stored,
        next: &Reset,
        clear: &[CounterName],
        limits: &Limits,
        now: Timestamp,
    ) -> Result<Swapped, Error> {
        let record = self.record(stored.id, next, limits);
        Ok(self.codes.compare_and_swap(&record, stored.version, &[], clear, now).await?)
    }

    pub(super) fn seal_address(
        &self,
        token: &FlowToken,
        address: &EmailAddress,
    ) -> Result<Sealed, Error> {
        let (key, record) = (token.seal_key(), token.record());
        let plain = address.as_str().as_bytes();
        Ok(Sealed::seal(&key, record.as_bytes(), plain, ADDRESS, &*self.entropy)?)
    }

    /// Returns the typed address, or `None` if this token did not seal it.
    pub(super) fn typed_address(&self, token: &FlowToken, origin: &Origin) -> Option<EmailAddress> {
        let (key, record) = (token.seal_key(), token.record());
        let plain = origin.address.open(&key, record.as_bytes()).ok()?;
        EmailAddress::parse(core::str::from_utf8(&plain).ok()?).ok()
    }

    pub(super) fn seal_account(&self, id: &RecordId, account: &[u8]) -> Result<Sealed, Error> {
        let key = self.keys.sign(Purpose::AccountSeal).bytes(id.as_bytes()).digest();
        Ok(Sealed::seal(&key, id.as_bytes(), account, ACCOUNT, &*self.entropy)?)
    }

    /// Returns the account that a code was made for. Returns `None` for a decoy, or once the key is
    /// retired.
    pub(super) fn bound_account(&self, id: &RecordId, bound: &Bound) -> Option<AccountId> {
        let fields = self.keys.under(bound.key, Purpose::AccountSeal)?;
        let key = fields.bytes(id.as_bytes()).digest();
        let plain = bound.account.open(&key, id.as_bytes()).ok()?;
        AccountId::parse(core::str::from_utf8(&plain).ok()?).ok()
    }

    /// Returns the facts that a code's digest covers besides the code. If one of them changes, the
    /// code is dead.
    pub(super) fn binding(
        &self,
        key: KeyId,
        (id, origin): (&RecordId, &Origin),
        number: u32,
        account: &Account,
        destination: &str,
    ) -> Option<Digest> {
        let fields = self.keys.under(key, Purpose::Binding)?.tenant(&origin.tenant);
        let fields = fields.text(account.id.as_str()).bytes(account.stamp.as_bytes());
        let fields = fields.text(destination).bytes(id.as_bytes());
        let fields = fields.number(u64::from(number)).text(origin.user_flow.as_str());
        Some(fields.text(origin.application.as_str()).digest())
    }

    /// Returns the place on file that a code of this reset was sent to, if the account and its stamp
    /// are unchanged, and codes may still go there.
    pub(super) fn bound_destination<'a>(
        &self,
        stored: &Stored,
        bound: &Bound,
        policy: &TenantPolicy,
        account: &'a Account,
    ) -> Option<Destination<'a>> {
        let is_bound = |destination: &str| {
            let of = (&stored.id, &*stored.reset.origin);
            let binding = self.binding(bound.key, of, bound.number, account, destination);
            binding.is_some_and(|binding| binding.matches(&bound.binding))
        };
        let mut mailboxes = account.destinations().iter();
        if let Some(address) = mailboxes.find(|address| is_bound(address.as_str())) {
            return Some(Destination::Email(address));
        }
        let mut phones = policy.phones(account);
        phones.find(|number| is_bound(number.as_str())).map(Destination::Phone)
    }
}
