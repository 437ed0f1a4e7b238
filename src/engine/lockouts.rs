//! Sign-in lockouts in the code store. A failure is charged before each comparison, and taken back
//! after a right password.

use core::cmp::Ordering;

use crate::{
    domain::{Account, Charge, EmailAddress, Over, Purpose, RecordId, TenantId, Timestamp},
    error::Error,
    flow::{Lockout, LockoutTerms, decode_lockout, encode_lockout},
    policy::Limits,
    ports::{Inserted, Record, Swapped},
};

use super::{settlement::ChargedFailure, sspr::Inner};

/// The number of conflicts that a charge survives. Each conflict means that another sign-in of the
/// account has written.
pub(super) const MAX_CONFLICTS: usize = 64;

/// The knowledge whether a caller that has left charged its failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charged {
    No,
    NotYet,
    /// Other calls have written since, so the answer is lost.
    Perhaps,
    Yes,
}

/// The result of writing a lockout.
pub(super) enum Written {
    Yes,
    /// Another call was faster.
    Overtaken,
    Full,
    /// These counters of the call are over their limits.
    Refused(Vec<Over>),
}

/// A lockout and its version in the store. Version 0 means that it is not written yet.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) lockout: Lockout,
    pub(super) version: u64,
}

/// The owner of a lockout.
#[derive(Clone, Copy)]
pub(super) enum LockoutOwner<'a> {
    Account(&'a Account),
    /// An address that no single account signs in with.
    Address(&'a EmailAddress),
}

impl Inner {
    /// Finds out whether a sign-in has charged the failure that it was about to charge.
    pub(super) async fn is_charged(
        &self,
        failure: Option<&ChargedFailure>,
        now: Timestamp,
    ) -> Result<Charged, Error> {
        let Some(failure) = failure else { return Ok(Charged::No) };
        let loaded = self.codes.load(&failure.id, &[], now).await?;
        let Some(loaded) = loaded.found() else { return Ok(Charged::NotYet) };
        Ok(match loaded.version.cmp(&failure.version) {
            Ordering::Less => Charged::NotYet,
            Ordering::Equal if decode_lockout(&loaded.body)? != failure.lockout => Charged::No,
            Ordering::Equal => Charged::Yes,
            Ordering::Greater => Charged::Perhaps,
        })
    }

    /// Forgets this failure and all earlier ones, because the password was right. Failures that
    /// other calls charged later stay.
    pub(super) async fn forget_failures(
        &self,
        failure: &ChargedFailure,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.take_back(failure, failure.lockout.failures, limits, now).await
    }

    /// Takes one failure back, because no password was compared.
    pub(super) async fn give_back(
        &self,
        failure: &ChargedFailure,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.take_back(failure, 1, limits, now).await
    }

    async fn take_back(
        &self,
        failure: &ChargedFailure,
        count: u32,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<(), Error> {
        let ChargedFailure { id, lockout, version } = failure;
        let mut kept = Kept { lockout: *lockout, version: *version };
        for _ in 0..MAX_CONFLICTS {
            let next = kept.lockout.without(count, &terms(limits), now);
            let written = self.write_lockout((*id, kept.version), &next, limits, &[], now).await?;
            if matches!(written, Written::Yes) {
                return Ok(());
            }
            let Some(again) = self.lockout(*id, now).await? else { return Ok(()) };
            kept = again;
        }
        Ok(())
    }

    /// Returns the lockout under an id, if there is one.
    pub(super) async fn lockout(
        &self,
        id: RecordId,
        now: Timestamp,
    ) -> Result<Option<Kept>, Error> {
        let Some(record) = self.codes.load(&id, &[], now).await?.found() else { return Ok(None) };
        // A lockout that was not touched for its whole lifetime begins again at zero.
        let lockout = decode_lockout(&record.body)?;
        let old = now.latest(lockout.touched_at) >= record.expires_at;
        let lockout = if old { lockout.cleared(now) } else { lockout };
        Ok(Some(Kept { lockout, version: record.version }))
    }

    /// Writes a lockout together with the charges. Version 0 stands for a lockout that is new.
    pub(super) async fn write_lockout(
        &self,
        (id, version): (RecordId, u64),
        lockout: &Lockout,
        limits: &Limits,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Written, Error> {
        let until = lockout.locked_until.unwrap_or(now).latest(lockout.touched_at);
        let record = Record {
            begins_challenge: false,
            body: encode_lockout(lockout),
            charges: Vec::new(),
            expires_at: until.after(limits.lockout_memory),
            id,
            tries_limit: 0,
        };
        if version == 0 {
            return Ok(match self.codes.insert(&record, charges, now).await? {
                Inserted::Inserted => Written::Yes,
                Inserted::Refused(over) => Written::Refused(over),
                Inserted::Exists => Written::Overtaken,
                Inserted::Full => Written::Full,
            });
        }
        Ok(match self.codes.compare_and_swap(&record, version, charges, &[], now).await? {
            Swapped::Swapped { .. } => Written::Yes,
            Swapped::Refused(over) => Written::Refused(over),
            Swapped::Conflict { .. } | Swapped::Missing => Written::Overtaken,
        })
    }

    /// Returns the id of a lockout and, during a rotation of the index key, its former id.
    ///
    /// The lockout belongs to the account and its stamp. Without an account it belongs to the
    /// address.
    pub(super) fn lockout_ids(
        &self,
        tenant: &TenantId,
        owner: LockoutOwner<'_>,
    ) -> (RecordId, Option<RecordId>) {
        let mut ids = self.keys.indexes(Purpose::Lockout).map(|fields| {
            let fields = fields.tenant(tenant);
            let fields = match owner {
                LockoutOwner::Account(account) => {
                    fields.number(1).text(account.id.as_str()).bytes(account.stamp.as_bytes())
                }
                // The key is the exact spelling. A spelling without an account must not lock
                // another address, whether that one has an account or not.
                LockoutOwner::Address(address) => fields.number(0).text(address.as_str()),
            };
            RecordId::from_parts(tenant.tag(), fields.digest().head())
        });
        let none = RecordId::from_parts(tenant.tag(), [0; 16]);
        (ids.next().unwrap_or(none), ids.next())
    }
}

pub(super) const fn terms(limits: &Limits) -> LockoutTerms {
    LockoutTerms {
        first: limits.lockout_first,
        longest: limits.lockout_longest,
        threshold: limits.lockout_threshold,
    }
}
