//! A sign-in in two steps, as the native API has it. The address comes first and the password
//! later.

use crate::{
    domain::{RecordId, TenantId, Timestamp},
    error::Error,
    policy::{Disclosure, TenantPolicy},
    ports::{EventKind, Inserted, Outcome, Record},
};

use super::{
    Client, Request, Sspr, call::Call, reached_limit::by_family, sign_in::only_one,
    throttle::retry_at,
};

/// The content of a marker, which nobody reads.
const MARK: &[u8] = b"used";

/// The answers that a front may give for an address before it has the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// Ask for the password.
    Known,
    /// No account signs in here with this address. Given only if the tenant chose to tell.
    Unknown,
    /// A limit of look-ups was reached.
    TryLater {
        /// The time from which a retry makes sense.
        retry_at: Timestamp,
    },
}

/// The result of using something that is valid once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    First,
    Repeated,
    /// The store is full, so the answer is unknown.
    Full {
        retry_at: Timestamp,
    },
}

impl Sspr {
    /// Takes an address for a sign-in.
    ///
    /// # Errors
    /// A store or the policy source failed.
    ///
    /// # Security
    /// With `Disclosure::Strict` no port but the policy source is called. With `EntraCompatible`
    /// the network's budget of `open` is charged before the look-up, for every address alike.
    /// `Unknown` covers everybody who cannot sign in with a password: strangers, and disabled,
    /// federated and ambiguous accounts.
    pub(crate) async fn name(&self, request: &Request, client: &Client) -> Result<Named, Error> {
        let call = self.inner.call_for(EventKind::SignIn, request, client);
        let answer = self.name_at(request, client, &call).await;
        let refused = match &answer {
            Ok(Named::TryLater { .. }) => Some(Outcome::TryLater),
            Ok(Named::Known | Named::Unknown) => None,
            Err(_) => Some(Outcome::Error),
        };
        match refused {
            Some(outcome) => call.report(outcome, answer),
            None => call.leave_to_the_next(answer),
        }
    }

    async fn name_at(
        &self,
        request: &Request,
        client: &Client,
        call: &Call<'_>,
    ) -> Result<Named, Error> {
        let (inner, now) = (&*self.inner, call.began);
        let policy = inner.policy(&request.application.tenant)?;
        let telling = |policy: &TenantPolicy| {
            let disclosure = request.disclosure.unwrap_or(policy.disclosure());
            let application = &request.application;
            let covered = policy.offers_password_sign_in(&application.user_flow, &application.id)
                && self.serves(application);
            covered && disclosure == Disclosure::EntraCompatible
        };
        // If the tenant does not tell, no account is looked up.
        let Some(policy) = policy.filter(|policy| telling(policy)) else {
            return Ok(Named::Known);
        };
        let lane = inner.lane(&request.application.tenant, &request.address, client, now);
        let throttle = inner.throttle(request.application.tenant.tag(), policy.limits());
        let charges = throttle.open(&lane, client);
        if !charges.is_empty() {
            let over = inner.codes.charge(&charges, now).await?;
            if !over.is_empty() {
                call.has_reached(by_family(&over));
                return Ok(Named::TryLater { retry_at: retry_at(&over, now) });
            }
        }
        let found =
            inner.users.find_by_address(&request.application.tenant, &request.address).await?;
        Ok(match only_one(found) {
            Some(account) if !account.disabled => Named::Known,
            Some(_) | None => Named::Unknown,
        })
    }

    /// Uses something that is good once, for instance a token that no record stands behind. Its
    /// `id` is random, and is remembered until `until` at least.
    ///
    /// # Errors
    /// The code store failed.
    pub(crate) async fn use_once(
        &self,
        tenant: &TenantId,
        id: [u8; 16],
        until: Timestamp,
    ) -> Result<Use, Error> {
        let inner = &*self.inner;
        let now = inner.clock.now();
        let marker = Record {
            begins_challenge: false,
            body: MARK.to_vec(),
            charges: Vec::new(),
            expires_at: until,
            id: RecordId::from_parts(tenant.tag(), id),
            tries_limit: 0,
        };
        Ok(match inner.codes.insert(&marker, &[], now).await? {
            Inserted::Inserted => Use::First,
            Inserted::Exists => Use::Repeated,
            Inserted::Full => Use::Full { retry_at: now },
            // Nothing was charged, so no counter can be over its limit.
            Inserted::Refused(over) => Use::Full { retry_at: retry_at(&over, now) },
        })
    }
}
