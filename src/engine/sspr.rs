//! The service that hosts call.

use std::sync::Arc;

use crate::{
    domain::{
        AccountId, ActorId, Application, CorrelationId, EmailAddress, Keyring, Method, RecordId,
        Scope, TenantId, TenantTag, Timestamp,
    },
    error::Error,
    mail::Templates,
    policy::{Limits, TenantPolicy},
    ports::{
        BreachCheck, Clock, CodeStore, EngineEvent, Entropy, EventKind, EventSink, Failure,
        HostProofCheck, Limit, Outbox, Outcome, PasswordHasher, PolicySource, SmsSender, UserStore,
    },
};

use super::{
    Client,
    audit::Audit,
    outboxes::Outboxes,
    pace::Pace,
    queue::Queue,
    submit_slots::SubmitSlots,
    tenants::Tenants,
    throttle::{Lane, Throttle},
};

/// A service for self-service password reset. It is cheap to clone.
///
/// [`Sspr::new`] makes it together with the [`Courier`](super::Courier) that sends its mails.
///
/// # Security
/// A handle from [`Sspr::for_application`] accepts the secrets of one application only. A handle
/// without an application accepts the secrets of all its tenants. With that one, compare
/// [`SignIn::application`](super::SignIn) yourself.
#[derive(Clone, Debug)]
pub struct Sspr {
    /// The shared state. The fronts use its keys and entropy to seal and draw.
    pub(crate) inner: Arc<Inner>,
    /// The only application that the handle serves.
    own: Option<Arc<Own>>,
    _alive: Arc<Alive>,
}

/// An application, and its scope, which is made once.
#[derive(Debug)]
struct Own {
    application: Application,
    scope: Scope,
}

/// The state that the handles and the courier share.
pub(crate) struct Inner {
    pub(super) users: Arc<dyn UserStore>,
    pub(super) codes: Arc<dyn CodeStore>,
    pub(super) policies: Arc<dyn PolicySource>,
    pub(crate) keys: Keyring,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(super) hasher: Arc<dyn PasswordHasher>,
    pub(super) host_proofs: Option<Arc<dyn HostProofCheck>>,
    pub(super) events: Vec<Arc<dyn EventSink>>,
    pub(super) audit: Option<Arc<Audit>>,
    pub(crate) breaches: Option<Arc<dyn BreachCheck>>,
    pub(super) outbox: Option<Arc<dyn Outbox>>,
    pub(super) outboxes: Outboxes,
    pub(crate) sms: Option<Arc<dyn SmsSender>>,
    pub(super) templates: Arc<dyn Templates>,
    pub(super) queue: Arc<Queue>,
    pub(super) pace: Pace,
    pub(super) submit_slots: SubmitSlots,
    pub(super) tenants: Tenants,
}

/// A guard that ends the courier when the last handle is dropped.
#[derive(Debug)]
struct Alive(Arc<Queue>);

/// The subject of an event.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct About<'a> {
    pub(super) tenant: Option<&'a TenantId>,
    pub(super) reset: Option<RecordId>,
    pub(super) correlation: Option<&'a CorrelationId>,
    pub(super) failure: Option<&'a Failure>,
    pub(super) actor: Option<&'a ActorId>,
    pub(super) account: Option<&'a AccountId>,
    pub(super) limit: Option<Limit>,
}

impl Sspr {
    pub(super) fn over(inner: Arc<Inner>) -> Self {
        let alive = Arc::new(Alive(inner.queue.clone()));
        Self { _alive: alive, inner, own: None }
    }

    /// Returns a handle for one application. It treats the flow tokens, grants and tickets of every
    /// other application as unknown.
    #[must_use]
    pub fn for_application(&self, application: &Application) -> Self {
        let own = Own { application: application.clone(), scope: Scope::of(application) };
        Self { own: Some(Arc::new(own)), ..self.clone() }
    }

    /// Returns the current policy of a tenant, or `None` if the tenant does not exist.
    ///
    /// # Errors
    /// [`ErrorKind::Policy`](crate::ErrorKind).
    pub fn policy(&self, tenant: &TenantId) -> Result<Option<Arc<TenantPolicy>>, Error> {
        self.inner.policy(tenant)
    }

    /// Removes at most `limit` records and counters that ended at least a day ago, and at most `limit`
    /// audit records that are older than their log keeps them. Returns how many were removed.
    ///
    /// Call it regularly, for example every minute. Only the sizes of the stores depend on it.
    ///
    /// # Errors
    /// [`ErrorKind::Store`](crate::ErrorKind).
    pub async fn sweep(&self, limit: usize) -> Result<usize, Error> {
        let now = self.inner.clock.now();
        let expired = self.inner.codes.delete_expired(now, limit).await?;
        let old = match &self.inner.audit {
            Some(audit) => audit.log.delete_old(now, limit).await?,
            None => 0,
        };
        Ok(expired.saturating_add(old))
    }

    /// Returns the methods that this service and the policy offer for codes.
    #[cfg(feature = "axum")]
    pub(crate) fn offered_methods(&self, policy: &TenantPolicy) -> &'static [Method] {
        self.inner.methods(policy)
    }

    /// Returns true if a secret is genuine and the handle serves its application.
    pub(super) fn admits(&self, genuine: bool, scope: Scope) -> bool {
        genuine && self.own.as_ref().is_none_or(|own| own.scope == scope)
    }

    /// Returns the scope of an application.
    pub(super) fn scope_of(&self, application: &Application) -> Scope {
        match &self.own {
            Some(own) if own.is_for(application) => own.scope,
            Some(_) | None => Scope::of(application),
        }
    }

    /// Returns the policy of an application that the handle serves, if users sign in to it with a
    /// password.
    pub(super) fn password_policy(
        &self,
        application: &Application,
    ) -> Result<Option<Arc<TenantPolicy>>, Error> {
        let covers = |policy: &Arc<TenantPolicy>| {
            policy.offers_password_sign_in(&application.user_flow, &application.id)
                && self.serves(application)
        };
        Ok(self.inner.policy(&application.tenant)?.filter(covers))
    }

    /// Returns true if the handle serves an application of that tenant.
    pub(super) fn serves_tenant(&self, tenant: &TenantId) -> bool {
        self.own.as_ref().is_none_or(|own| own.application.tenant == *tenant)
    }

    /// Returns true if the handle serves that application.
    pub(super) fn serves(&self, application: &Application) -> bool {
        self.own.as_ref().is_none_or(|own| own.is_for(application))
    }
}

impl Own {
    /// The user flow does not matter, as in a scope.
    fn is_for(&self, application: &Application) -> bool {
        self.application.tenant == application.tenant && self.application.id == application.id
    }
}

impl Inner {
    pub(super) fn policy(&self, tenant: &TenantId) -> Result<Option<Arc<TenantPolicy>>, Error> {
        let policy = self.policies.policy(tenant)?;
        if policy.is_some() {
            self.tenants.meet(tenant);
        }
        Ok(policy)
    }

    /// Returns the methods that this service and the policy offer for codes, in the order in which
    /// users see them. They do not depend on any account.
    pub(super) fn methods(&self, policy: &TenantPolicy) -> &'static [Method] {
        match (self.offers(Method::Email, policy), self.offers(Method::Sms, policy)) {
            (true, true) => Method::ALL,
            (true, false) => &[Method::Email],
            (false, _) => &[],
        }
    }

    /// Returns true if this service and the policy offer codes in this way.
    pub(super) fn offers(&self, method: Method, policy: &TenantPolicy) -> bool {
        let has_sender = match method {
            Method::Email => true,
            Method::Sms => self.sms.is_some(),
        };
        has_sender && policy.offers_method(method)
    }

    /// Returns the lane of a call for this address.
    pub(super) fn lane(
        &self,
        tenant: &TenantId,
        address: &EmailAddress,
        client: &Client,
        now: Timestamp,
    ) -> Lane {
        let device = client.device.as_ref();
        let device = device.and_then(|proof| proof.device(tenant, address, &self.keys, now));
        Lane::of(device, client)
    }

    /// Returns the limits of the tenant with this tag, or the defaults until this process has met
    /// the tenant.
    pub(super) fn limits(&self, tag: TenantTag) -> Result<Limits, Error> {
        let policy = match self.tenants.named(tag) {
            Some(tenant) => self.policies.policy(&tenant)?,
            None => None,
        };
        Ok(policy.map_or_else(Limits::default, |policy| *policy.limits()))
    }

    pub(super) const fn throttle<'a>(
        &'a self,
        tenant: TenantTag,
        limits: &'a Limits,
    ) -> Throttle<'a> {
        Throttle::new(tenant, &self.keys, limits)
    }

    /// Sends an event to every sink.
    pub(super) fn emit(&self, kind: EventKind, outcome: Outcome, about: About<'_>, now: Timestamp) {
        let mut event = EngineEvent::new(now, kind, outcome);
        event.tenant = about.tenant.cloned();
        event.reset = about.reset;
        event.correlation = about.correlation.cloned();
        event.failure = about.failure.cloned();
        event.limit = about.limit;
        event.actor = about.actor.cloned();
        // Events are for operators, who learn of an account only what they must act on.
        let names_account = about.actor.is_some() || kind == EventKind::Freeze;
        event.account = about.account.filter(|_| names_account).cloned();
        event.took = self.clock.now().since(now);
        for sink in &self.events {
            sink.emit(&event);
        }
    }
}

impl core::fmt::Debug for Inner {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Inner(…)")
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<'a> About<'a> {
    pub(super) fn client(client: &'a Client) -> Self {
        Self { correlation: client.correlation.as_ref(), ..Self::default() }
    }

    pub(super) fn of(self, tenant: &'a TenantId) -> Self {
        Self { tenant: Some(tenant), ..self }
    }

    pub(super) fn reset(self, reset: RecordId) -> Self {
        Self { reset: Some(reset), ..self }
    }

    pub(super) fn failed(self, failure: Option<&'a Failure>) -> Self {
        Self { failure, ..self }
    }
}
