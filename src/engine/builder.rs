//! The builder of a service.

use std::sync::Arc;

use crate::{
    domain::Keyring,
    mail::{StandardTemplates, Templates},
    ports::{
        AuditLog, BreachCheck, Clock, CodeStore, Entropy, EventSink, HostProofCheck, Outbox,
        PasswordHasher, PolicySource, SmsSender, UserStore,
    },
};

use super::{
    Courier, Sspr,
    audit::Audit,
    outboxes::Outboxes,
    pace::Pace,
    queue::{Queue, Room},
    sspr::Inner,
    submit_slots::SubmitSlots,
    tenants::Tenants,
};

/// A builder for a service with options, made by [`Sspr::builder`](super::Sspr::builder).
#[derive(Clone)]
#[must_use = "call `build`"]
pub struct Builder {
    users: Arc<dyn UserStore>,
    codes: Arc<dyn CodeStore>,
    policies: Arc<dyn PolicySource>,
    keys: Keyring,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    hasher: Arc<dyn PasswordHasher>,
    host_proofs: Option<Arc<dyn HostProofCheck>>,
    events: Vec<Arc<dyn EventSink>>,
    audit_log: Option<Arc<dyn AuditLog>>,
    audits_addresses: bool,
    breaches: Option<Arc<dyn BreachCheck>>,
    outbox: Option<Arc<dyn Outbox>>,
    sms: Option<Arc<dyn SmsSender>>,
    templates: Arc<dyn Templates>,
    room: Room,
    submits: usize,
}

/// The ports that the engine has no default for.
pub(crate) struct Ports {
    pub(crate) users: Arc<dyn UserStore>,
    pub(crate) codes: Arc<dyn CodeStore>,
    pub(crate) policies: Arc<dyn PolicySource>,
    pub(crate) keys: Keyring,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) hasher: Arc<dyn PasswordHasher>,
}

impl Builder {
    pub(crate) fn new(ports: Ports) -> Self {
        let Ports { users, codes, policies, keys, clock, entropy, hasher } = ports;
        Self {
            audit_log: None,
            audits_addresses: false,
            breaches: None,
            clock,
            codes,
            entropy,
            events: Vec::new(),
            hasher,
            host_proofs: None,
            keys,
            outbox: None,
            policies,
            room: Room::default(),
            sms: None,
            submits: SubmitSlots::DEFAULT,
            templates: Arc::new(StandardTemplates::default()),
            users,
        }
    }

    /// Uses another clock.
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Uses another source of randomness.
    ///
    /// # Security
    /// An attacker who can predict it can take over every account.
    pub fn with_entropy(mut self, entropy: impl Entropy + 'static) -> Self {
        self.entropy = Arc::new(entropy);
        self
    }

    /// Uses another hasher of passwords.
    pub fn with_hasher(mut self, hasher: impl PasswordHasher + 'static) -> Self {
        self.hasher = Arc::new(hasher);
        self
    }

    /// Keeps an audit log. There is one log; another call replaces it.
    ///
    /// [`Courier::run`] and [`Courier::drain`] write it. Up to 10,000 records wait in memory, and a
    /// crash loses those that wait. A log that fails is tried again after a second, and then with
    /// pauses up to a minute.
    ///
    /// # Security
    /// While the log fails, no action of the help desk is done. Every other call goes on.
    pub fn with_audit_log(mut self, log: impl AuditLog + 'static) -> Self {
        self.audit_log = Some(Arc::new(log));
        self
    }

    /// Writes the typed addresses into the audit log as well. Without this it has only their keyed
    /// hashes.
    ///
    /// # Security
    /// Strangers type addresses of people who have no account here. Whether you may keep them is a
    /// question of law.
    pub const fn with_addresses_in_audit_log(mut self) -> Self {
        self.audits_addresses = true;
        self
    }

    /// Adds a sink of events.
    pub fn with_events(mut self, sink: impl EventSink + 'static) -> Self {
        self.events.push(Arc::new(sink));
        self
    }

    /// Refuses new passwords that this check knows to have leaked.
    pub fn with_breach_check(mut self, check: impl BreachCheck + 'static) -> Self {
        self.breaches = Some(Arc::new(check));
        self
    }

    /// Checks second proofs that the host keeps, such as codes of an authenticator app, in the
    /// tenants whose policy has them on
    /// ([`TenantPolicy::host_proofs`](crate::policy::TenantPolicy::host_proofs)). Without a check,
    /// no account can give such a proof, whatever the policy says.
    pub fn with_host_proof_check(mut self, check: impl HostProofCheck + 'static) -> Self {
        self.host_proofs = Some(Arc::new(check));
        self
    }

    /// Delivers the notices that the user store queues in its own transaction. Such a store answers
    /// [`NoticeDelivery::Queued`](crate::ports::NoticeDelivery::Queued) from
    /// [`apply_change`](crate::ports::UserStore::apply_change).
    pub fn with_outbox(mut self, outbox: impl Outbox + 'static) -> Self {
        self.outbox = Some(Arc::new(outbox));
        self
    }

    /// Sends codes by SMS as well, in the tenants whose policy has SMS on. Without a sender, no
    /// tenant offers SMS. The courier calls the sender.
    ///
    /// # Security
    /// An attacker who takes over a phone number gets the codes that are sent to it. Each message
    /// costs money, and fraudsters request many of them. Name only the countries in which you have
    /// customers, and choose [`Limits::texts_per_tenant`](crate::policy::Limits::texts_per_tenant).
    pub fn with_sms(mut self, sender: impl SmsSender + 'static) -> Self {
        self.sms = Some(Arc::new(sender));
        self
    }

    /// Uses other templates for mails.
    pub fn with_templates(mut self, templates: impl Templates + 'static) -> Self {
        self.templates = Arc::new(templates);
        self
    }

    /// Sets how many mails may wait in memory, for one tenant and for all tenants together. Default:
    /// 1,000 and 10,000. Beyond that, a request for a code is answered with `TryLater`.
    pub const fn with_queue(mut self, per_tenant: usize, in_all: usize) -> Self {
        self.room = Room { in_all, per_tenant };
        self
    }

    /// Sets how many submits may be under way. Default: 64, at least 1. Beyond that, a submit is
    /// answered with `TryLater` before any work.
    ///
    /// A tenant may hold as many slots as are free. One tenant alone gets half of them, and two
    /// tenants get a third each, so that no tenant keeps the others out. Do not set more slots than
    /// the hasher has room for (64 in an `Argon2Pool`). Otherwise the hasher refuses submits without
    /// regard to tenants.
    pub const fn with_submits(mut self, in_all: usize) -> Self {
        self.submits = in_all;
        self
    }

    /// Returns the service, and the courier that sends its mails.
    #[must_use = "without its courier running no mail is sent"]
    pub fn build(self) -> (Sspr, Courier) {
        let audit = self.audit_log.map(|log| Arc::new(Audit::new(log, self.audits_addresses)));
        let inner = Arc::new(Inner {
            audit,
            breaches: self.breaches,
            clock: self.clock,
            codes: self.codes,
            entropy: self.entropy,
            events: self.events,
            hasher: self.hasher,
            host_proofs: self.host_proofs,
            keys: self.keys,
            outbox: self.outbox,
            outboxes: Outboxes::default(),
            pace: Pace::default(),
            submit_slots: SubmitSlots::new(self.submits),
            policies: self.policies,
            queue: Arc::new(Queue::new(self.room)),
            sms: self.sms,
            templates: self.templates,
            tenants: Tenants::default(),
            users: self.users,
        });
        (Sspr::over(inner.clone()), Courier::over(inner))
    }
}

impl core::fmt::Debug for Builder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Builder(…)")
    }
}
