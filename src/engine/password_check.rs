//! The check of a password, with the failure that it charges before it compares.

use std::sync::Arc;

use crate::{
    domain::{Account, Charge, Digest, EmailAddress, Password, Purpose, TenantId, Timestamp},
    error::Error,
    policy::Limits,
    ports::{EventKind, HashError, HashQueue, Limit, Outcome, PasswordMatch},
};

use super::{
    Client,
    lockouts::LockoutOwner,
    reached_limit::by_family,
    settlement::{Compared, Comparison, IfRight, Owed, Settlement},
    settling::{Charging, Settling},
    sspr::{About, Inner},
    throttle::retry_at,
};

/// A password, and the account that it is compared with.
pub(super) struct PasswordCheck<'a> {
    pub(super) tenant: &'a TenantId,
    /// The only account that can be meant, or `None` if the address has no such account.
    pub(super) account: Option<&'a Account>,
    pub(super) address: &'a EmailAddress,
    pub(super) password: &'a Password,
    pub(super) if_right: IfRight,
    /// The charges of the call, which are made together with the failure.
    pub(super) charges: &'a [Charge],
    pub(super) limits: &'a Limits,
}

/// The result of a check.
pub(super) enum Checked {
    Right {
        verdict: PasswordMatch,
        /// The latest time that the lockout of the account has seen. A clock that has stepped back
        /// is behind it.
        seen: Timestamp,
    },
    Wrong,
    /// Too many passwords were wrong. None is compared until then.
    LockedOut(Timestamp),
    /// A limit of the caller was reached, or the hasher has no room.
    TryLater(Timestamp, Option<Limit>),
}

impl Inner {
    /// Charges a failure, compares the password, and forgets the failures if it is right.
    ///
    /// The check costs one slow hash with any account, or with none. If the caller goes away, the
    /// courier finishes the check.
    pub(super) async fn check_password(
        self: &Arc<Self>,
        check: PasswordCheck<'_>,
        client: &Client,
        now: Timestamp,
    ) -> Result<Checked, Error> {
        let PasswordCheck { tenant, account, address, limits, .. } = check;
        let settlement = Settlement {
            at: now,
            failure: None,
            if_right: check.if_right,
            is_doubtful: false,
            limits: *limits,
            owed: Owed::Comparison(self.comparison(&check)),
            tenant: tenant.clone(),
        };
        // Prepare this before the charge, so that the courier settles the check if the caller
        // leaves.
        let mut settling = Settling::new(self.clone(), client.correlation.clone(), settlement);
        let owner = account.map_or(LockoutOwner::Address(address), LockoutOwner::Account);
        let ids = self.lockout_ids(tenant, owner);
        match settling.charge(ids, check.charges, limits, now).await? {
            Charging::Charged => {}
            Charging::Locked(until) => return Ok(Checked::LockedOut(until)),
            Charging::Refused(over) => {
                return Ok(Checked::TryLater(retry_at(&over, now), by_family(&over)));
            }
            Charging::Contended => return Ok(Checked::TryLater(now, None)),
        }
        let seen = settling.latest().unwrap_or(now).latest(now);
        match settling.settle().await? {
            Ok(Compared::Match(verdict)) => Ok(Checked::Right { verdict, seen }),
            Ok(Compared::Mismatch) => Ok(Checked::Wrong),
            Ok(Compared::Unsupported) => {
                // It ends like a wrong password, because an error would reveal the account.
                let about = About::client(client).of(tenant);
                self.emit(EventKind::UnsupportedHash, Outcome::Error, about, now);
                Ok(Checked::Wrong)
            }
            Err(HashError::Busy) => {
                Ok(Checked::TryLater(now.after(limits.resend_cooldown / 10), None))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns a comparison that costs one slow hash for any account, or for none. It owns its
    /// data, so that the courier can finish it.
    fn comparison(&self, check: &PasswordCheck<'_>) -> Comparison {
        let fields = self.keys.indexes(Purpose::DummyHash).next();
        let fields = fields.map(|fields| fields.tenant(check.tenant));
        let seed = fields.map(|fields| fields.text(check.address.as_str()).digest());
        let seed = seed.unwrap_or(Digest::from_bytes([0; 32]));
        let hash = check.account.and_then(|account| account.password.clone());
        let (hasher, password) = (self.hasher.clone(), check.password.duplicate());
        Box::pin(async move {
            let mut compared = Compared::Mismatch;
            if let Some(hash) = hash {
                match hasher.verify(password.duplicate(), hash, HashQueue::SignIn).await {
                    Ok(PasswordMatch::Mismatch) => return Ok(Compared::Mismatch),
                    Ok(verdict) => return Ok(Compared::Match(verdict)),
                    Err(HashError::Unsupported) => compared = Compared::Unsupported,
                    Err(error) => return Err(error),
                }
            }
            hasher.verify_dummy(password, seed, HashQueue::SignIn).await?;
            Ok(compared)
        })
    }
}
