//! The offer of a reset, as the native API makes it. The address comes first, and the reset is opened
//! with the request for its first code.

use crate::{
    domain::{FlowToken, Method, RecordId, Timestamp},
    error::Error,
    policy::{Disclosure, TenantPolicy},
    ports::{EventKind, Outcome},
};

use super::{Client, Request, Sspr, call::Call, reached_limit::by_family, throttle::retry_at};

/// The answers that a front may give for an address before a reset is open.
#[derive(Debug)]
pub(crate) enum Offer {
    /// A reset can be opened.
    Open {
        /// The token of the reset that [`Sspr::start_under`] opens.
        token: FlowToken,
        /// The ways in which a code can be sent, the same for every address.
        methods: &'static [Method],
        /// The time until which the front may hold the token, as long as a reset lives.
        until: Timestamp,
    },
    /// The tenant or the user flow offers no reset.
    Unavailable,
    /// No account can reset its password here with this address. Given only if the tenant chose to
    /// tell.
    UnknownAccount,
    /// A limit of look-ups was reached.
    TryLater {
        /// The time from which a retry makes sense.
        retry_at: Timestamp,
    },
}

impl Sspr {
    /// Takes an address for a reset, and writes nothing.
    ///
    /// # Errors
    /// A store or the policy source failed.
    ///
    /// # Security
    /// With `Disclosure::Strict` no port but the policy source is called. With `EntraCompatible`
    /// the network's budget of `open` is charged before the look-up, for every address alike.
    pub(crate) async fn offer(&self, request: &Request, client: &Client) -> Result<Offer, Error> {
        let call = self.inner.call_for(EventKind::Open, request, client);
        let answer = self.offer_at(request, client, &call).await;
        let refused = match &answer {
            Ok(Offer::Open { .. }) => None,
            Ok(Offer::Unavailable | Offer::UnknownAccount) => Some(Outcome::Unavailable),
            Ok(Offer::TryLater { .. }) => Some(Outcome::TryLater),
            Err(_) => Some(Outcome::Error),
        };
        match refused {
            Some(outcome) => call.report(outcome, answer),
            None => call.leave_to_the_next(answer),
        }
    }

    async fn offer_at(
        &self,
        request: &Request,
        client: &Client,
        call: &Call<'_>,
    ) -> Result<Offer, Error> {
        let (inner, now) = (&*self.inner, call.began);
        let policy = inner.policy(&request.application.tenant)?;
        let offered = |policy: &TenantPolicy| {
            policy.offers_reset(&request.application.user_flow, &request.application.id)
                && self.serves(&request.application)
        };
        let Some(policy) = policy.filter(|policy| offered(policy)) else {
            return Ok(Offer::Unavailable);
        };
        let limits = policy.limits();
        if request.disclosure.unwrap_or(policy.disclosure()) == Disclosure::EntraCompatible {
            let lane = inner.lane(&request.application.tenant, &request.address, client, now);
            let throttle = inner.throttle(request.application.tenant.tag(), limits);
            let over = inner.codes.charge(&throttle.open(&lane, client), now).await?;
            if !over.is_empty() {
                call.has_reached(by_family(&over));
                return Ok(Offer::TryLater { retry_at: retry_at(&over, now) });
            }
            if !self.is_eligible(&policy, request).await? {
                return Ok(Offer::UnknownAccount);
            }
        }
        let id = RecordId::generate(request.application.tenant.tag(), &*inner.entropy)?;
        let scope = self.scope_of(&request.application);
        let token = FlowToken::generate(&id, scope, &inner.keys, &*inner.entropy)?;
        let (methods, until) = (inner.methods(&policy), now.after(limits.reset_lifetime));
        Ok(Offer::Open { methods, token, until })
    }
}
