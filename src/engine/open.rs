//! `open` and `start`: the beginning of a reset.

use std::sync::Arc;

use crate::{
    domain::{
        Account, CodeFormat, Digest, Entropy, EntropyUnavailable, Family, FlowToken, Keyring,
        LimiterForm, Method, Purpose, RecordId, Timestamp,
    },
    error::Error,
    flow::{Event, Origin, Reset, ResetReason, Step},
    policy::{Disclosure, TenantPolicy},
    ports::{EventKind, Inserted, Limit, Outcome},
};

use super::{
    Client, OpenOutcome, Opened, Request, RequestKey, SendOutcome, SentCode, Sspr, StartOutcome,
    Started, VouchAdvice,
    call::Call,
    in_use::keep_those_in_use,
    reached_limit::by_family,
    records::terms,
    span::spanned,
    stored::Stored,
    throttle::{Lane, is_past_visible_cap, names_any, retry_at},
};

/// Derived bytes that replace entropy when a reset is opened under a request key. The same key,
/// address and application give the same secrets. Without the server's key they cannot be
/// predicted.
///
/// Time is divided into turns as long as a reset lives, and each turn has its own secrets. A reset
/// outlives the turn that it was opened in, so that no repeat finds a dead reset.
struct Derived {
    id: Digest,
    secret: Digest,
}

impl Derived {
    fn new(request: &Request, key: &RequestKey, keys: &Keyring, turn: u64) -> Self {
        let fields = keys.sign(Purpose::Opening).tenant(&request.application.tenant);
        let fields = fields.text(request.application.id.as_str()).text(request.address.as_str());
        let fields = fields.bytes(key.expose()).number(turn);
        let derive = |part| fields.clone().text(part).digest();
        Self { id: derive("id"), secret: derive("secret") }
    }
}

impl core::fmt::Debug for Derived {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Derived(…)")
    }
}

impl Entropy for Derived {
    /// Fills an id of 16 bytes or a secret of 32 bytes. Nothing else is derived.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable> {
        let from = match bytes.len() {
            16 => &self.id,
            32 => &self.secret,
            _ => return Err(EntropyUnavailable::new()),
        };
        bytes.iter_mut().zip(from.as_bytes()).for_each(|(to, from)| *to = *from);
        Ok(())
    }
}

/// A reset that is not written yet.
struct Draft {
    policy: Arc<TenantPolicy>,
    /// Whether the caller may learn of the reset. `false` only where the tenant tells which
    /// addresses have no account.
    known: bool,
    lane: Lane,
    form: LimiterForm,
    id: RecordId,
    token: FlowToken,
    reset: Reset,
}

/// The result of writing a reset with its first send.
enum Start {
    New(Box<Started>),
    /// An earlier call with the same request key has written it.
    Repeated(FlowToken),
    /// A limit refused the call. The kind says whether it limits opening or sending.
    TryLater {
        kind: EventKind,
        limit: Option<Limit>,
        retry_at: Timestamp,
    },
    Unavailable,
    UnknownAccount,
}

impl Sspr {
    /// Opens a reset, without sending a code yet.
    ///
    /// It looks up no account, except for tenants with
    /// [`Disclosure::EntraCompatible`](crate::policy::Disclosure).
    ///
    /// # Errors
    /// A store, the policy source or the source of randomness failed. A repeated call opens a new
    /// reset, and the first one expires.
    ///
    /// # Security
    /// Any two addresses cause the same calls of ports, with the same sizes. The answers differ only
    /// in random secrets and in the masked address.
    pub async fn open(&self, request: &Request, client: &Client) -> Result<OpenOutcome, Error> {
        let call = self.inner.call_for(EventKind::Open, request, client);
        let opening = self.open_at(request, client, &call);
        let answer = spanned("open", client.correlation.as_ref(), opening).await;
        let outcome = match &answer {
            Ok(OpenOutcome::Opened(opened)) => {
                call.has_reset(opened.token.record());
                Outcome::Ok
            }
            Ok(OpenOutcome::TryLater { .. }) => Outcome::TryLater,
            Ok(OpenOutcome::Unavailable | OpenOutcome::UnknownAccount) => Outcome::Unavailable,
            Err(_) => Outcome::Error,
        };
        call.report(outcome, answer)
    }

    /// Opens a reset and requests its first code.
    ///
    /// A repeated request with the same [`RequestKey`] gets the answer of the first one. No second
    /// mail is sent before the cooldown ends.
    ///
    /// # Errors
    /// As [`Sspr::open`] and [`Sspr::send`].
    pub async fn start(&self, request: &Request, client: &Client) -> Result<StartOutcome, Error> {
        self.start_with(request, None, client).await
    }

    /// Opens a reset under a token of [`Sspr::offer`]. A repeat opens the same reset. The tenant has
    /// told what it tells of the address, and the look-up for it is paid.
    ///
    /// The caller has kept the token sealed, so that it is known to be genuine.
    #[cfg(feature = "axum")]
    pub(crate) async fn start_under(
        &self,
        request: &Request,
        token: FlowToken,
        client: &Client,
    ) -> Result<StartOutcome, Error> {
        if !self.admits(true, token.scope()) {
            return Ok(StartOutcome::Unavailable);
        }
        self.start_with(request, Some(token), client).await
    }

    async fn start_with(
        &self,
        request: &Request,
        token: Option<FlowToken>,
        client: &Client,
    ) -> Result<StartOutcome, Error> {
        let mut call = self.inner.call_for(EventKind::Open, request, client);
        let starting = self.start_at(request, token, client, call.began);
        let answer = spanned("start", client.correlation.as_ref(), starting).await;
        let outcome = match &answer {
            Ok(Start::New(started)) => {
                call.has_reset(started.token.record());
                call.goes_on(Outcome::Ok, EventKind::Send);
                Outcome::Ok
            }
            Ok(Start::Repeated(token)) => {
                call.has_reset(token.record());
                Outcome::Ok
            }
            Ok(Start::TryLater { kind, limit, .. }) => {
                call.turns_into(*kind);
                call.has_reached(*limit);
                Outcome::TryLater
            }
            Ok(Start::Unavailable | Start::UnknownAccount) => Outcome::Unavailable,
            Err(_) => Outcome::Error,
        };
        match call.report(outcome, answer)? {
            Start::New(started) => Ok(StartOutcome::Started(*started)),
            Start::Repeated(token) => self.send_again(token, request.method, client).await,
            Start::TryLater { retry_at, .. } => Ok(StartOutcome::TryLater { retry_at }),
            Start::Unavailable => Ok(StartOutcome::Unavailable),
            Start::UnknownAccount => Ok(StartOutcome::UnknownAccount),
        }
    }

    /// Requests a code of a reset that an earlier call has opened. If no other one can be sent yet
    /// and the code of that call is alive, the answer is the same.
    async fn send_again(
        &self,
        token: FlowToken,
        method: Method,
        client: &Client,
    ) -> Result<StartOutcome, Error> {
        let retry_at = match self.send_by(&token, method, client).await? {
            SendOutcome::Sent(sent) => return Ok(StartOutcome::Started(Started { sent, token })),
            SendOutcome::TooSoon { resend_at: retry_at } | SendOutcome::TryLater { retry_at } => {
                retry_at
            }
            SendOutcome::Gone => return Ok(StartOutcome::Unavailable),
        };
        // A code that is dead by now, or went another way, is no answer to somebody who asks for one.
        let now = self.inner.clock.now();
        let is_it = |sent: &SentCode| now < sent.expires_at && sent.method == method;
        let sent = self.sent_before(&token).await?.filter(is_it);
        Ok(match sent {
            Some(sent) => StartOutcome::Started(Started { sent, token }),
            None => StartOutcome::TryLater { retry_at },
        })
    }

    /// Writes a reset together with its first send, in one call of the store.
    async fn start_at(
        &self,
        request: &Request,
        token: Option<FlowToken>,
        client: &Client,
        now: Timestamp,
    ) -> Result<Start, Error> {
        let inner = &*self.inner;
        let is_offered = token.is_some();
        let Some(draft) = self.draft(request, token, client, now).await? else {
            return Ok(Start::Unavailable);
        };
        let method = request.method;
        if !inner.offers(method, &draft.policy) {
            return Ok(Start::Unavailable);
        }
        let limits = draft.policy.limits();
        let throttle = inner.throttle(draft.id.tenant_tag(), limits);
        // An offer of a tenant that tells who is unknown has charged this for its look-up.
        let is_paid = is_offered && draft.policy.disclosure() == Disclosure::EntraCompatible;
        let mut charges = if is_paid { Vec::new() } else { throttle.open(&draft.lane, client) };
        charges.extend(throttle.send(method, &draft.form, &draft.lane, client));
        let mut format = inner.first_format(draft.id.tenant_tag(), limits, now);
        loop {
            let send = Event::Send { format, method };
            let Step::Next(reset) = draft.reset.step(send, &terms(limits), now) else {
                return Ok(Start::Unavailable);
            };
            let written = Stored { id: draft.id, reset, tries: 0, version: 1 };
            let Some(sent) = written.reset.sent else { return Ok(Start::Unavailable) };
            let mut asked = charges.clone();
            if format == CodeFormat::Digits {
                asked.extend(throttle.questions(&written.reset.origin.visible));
            }
            let record = inner.record(draft.id, &written.reset, limits);
            let later = now.after(limits.resend_cooldown);
            let Some(mail) =
                self.mail_after(written, sent, &request.address, draft.lane.clone(), client)?
            else {
                let kind = EventKind::Send;
                return Ok(Start::TryLater { kind, limit: None, retry_at: later });
            };
            let inserted = match inner.codes.insert(&record, &asked, now).await {
                Ok(inserted) => inserted,
                Err(error) => {
                    mail.failed(&error);
                    return Err(error.into());
                }
            };
            match inserted {
                Inserted::Inserted | Inserted::Exists if !draft.known => {
                    mail.withdraw();
                    return Ok(Start::UnknownAccount);
                }
                Inserted::Inserted => {}
                Inserted::Exists => {
                    // If this look fails, the mail goes to the courier, which looks again.
                    let stored = inner.load(draft.id, now).await?;
                    if stored.and_then(|stored| stored.reset.sent) != Some(sent) {
                        mail.withdraw();
                        return Ok(Start::Repeated(draft.token));
                    }
                }
                Inserted::Full => {
                    mail.withdraw();
                    let kind = EventKind::Open;
                    return Ok(Start::TryLater { kind, limit: None, retry_at: later });
                }
                Inserted::Refused(over) => {
                    mail.withdraw();
                    if format == CodeFormat::Digits && is_past_visible_cap(&over) {
                        format = CodeFormat::Letters;
                        continue;
                    }
                    let opens = names_any(&over, &[Family::Opens]);
                    let kind = if opens { EventKind::Open } else { EventKind::Send };
                    let (form, lane) = (&draft.form, &draft.lane);
                    let limit = throttle.refused_send((method, form), lane, client, &over);
                    let retry_at = retry_at(&over, now);
                    return Ok(Start::TryLater { kind, limit, retry_at });
                }
            }
            mail.confirm();
            let sent = SentCode::of(&sent, &request.address);
            return Ok(Start::New(Box::new(Started { sent, token: draft.token })));
        }
    }

    /// Returns the code that an earlier call of the same request has asked for.
    async fn sent_before(&self, token: &FlowToken) -> Result<Option<SentCode>, Error> {
        let inner = &*self.inner;
        let Some(stored) = inner.load(token.record(), inner.clock.now()).await? else {
            return Ok(None);
        };
        let address = inner.typed_address(token, &stored.reset.origin);
        Ok(stored.reset.sent.zip(address).map(|(sent, address)| SentCode::of(&sent, &address)))
    }

    async fn open_at(
        &self,
        request: &Request,
        client: &Client,
        call: &Call<'_>,
    ) -> Result<OpenOutcome, Error> {
        let (inner, now) = (&*self.inner, call.began);
        let Some(Draft { form: _, id, known, lane, policy, reset, token }) =
            self.draft(request, None, client, now).await?
        else {
            return Ok(OpenOutcome::Unavailable);
        };
        let (tag, limits) = (id.tenant_tag(), policy.limits());
        let charges = inner.throttle(tag, limits).open(&lane, client);
        let record = inner.record(id, &reset, limits);
        match inner.codes.insert(&record, &charges, now).await? {
            // The id was drawn or derived here. If it exists, the same request has written it.
            Inserted::Inserted | Inserted::Exists if known => {}
            Inserted::Inserted | Inserted::Exists => return Ok(OpenOutcome::UnknownAccount),
            Inserted::Full => {
                let retry_at = now.after(limits.resend_cooldown);
                return Ok(OpenOutcome::TryLater { retry_at });
            }
            Inserted::Refused(over) => {
                call.has_reached(by_family(&over));
                return Ok(OpenOutcome::TryLater { retry_at: retry_at(&over, now) });
            }
        }
        Ok(OpenOutcome::Opened(Opened {
            ends_at: reset.ends_at,
            masked_address: request.address.masked(),
            methods: inner.methods(&policy),
            token,
            vouch: if inner.tenants.is_elevated(tag, limits.tenant_tries, now) {
                VouchAdvice::Wanted
            } else {
                VouchAdvice::NotNeeded
            },
        }))
    }

    /// Makes a reset without writing it. `None` if the tenant or the user flow offers none.
    async fn draft(
        &self,
        request: &Request,
        given: Option<FlowToken>,
        client: &Client,
        now: Timestamp,
    ) -> Result<Option<Draft>, Error> {
        let inner = &*self.inner;
        let Some(policy) = inner.policy(&request.application.tenant)? else { return Ok(None) };
        let offered = policy.offers_reset(&request.application.user_flow, &request.application.id);
        if !offered || !self.serves(&request.application) {
            return Ok(None);
        }
        let tag = request.application.tenant.tag();
        let limits = policy.limits();
        let known = match request.disclosure.unwrap_or(policy.disclosure()) {
            Disclosure::EntraCompatible if given.is_none() => {
                self.is_eligible(&policy, request).await?
            }
            Disclosure::EntraCompatible | Disclosure::Strict => true,
        };
        let lane = inner.lane(&request.application.tenant, &request.address, client, now);
        let derived = request.key.as_ref().map(|key| {
            let turn = now.turn(limits.reset_lifetime);
            Derived::new(request, key, &inner.keys, turn)
        });
        let entropy: &dyn Entropy = match &derived {
            Some(derived) => derived,
            None => &*inner.entropy,
        };
        let token = match given {
            Some(token) => token,
            None => {
                let id = RecordId::generate(tag, entropy)?;
                FlowToken::generate(&id, self.scope_of(&request.application), &inner.keys, entropy)?
            }
        };
        let form = request.address.limiter_form(policy.dot_rules());
        let origin = Origin {
            address: inner.seal_address(&token, &request.address)?,
            application: request.application.id.clone(),
            context: request.context.as_bytes().to_vec(),
            locale: request.locale.clone(),
            reason: ResetReason::Forgot,
            tenant: request.application.tenant.clone(),
            user_flow: request.application.user_flow.clone(),
            visible: inner.throttle(tag, limits).visible(&form),
        };
        let (id, hash) = (token.record(), token.hash());
        let reset = Reset::opened(origin, hash, limits.reset_lifetime, now);
        Ok(Some(Draft { form, id, known, lane, policy, reset, token }))
    }

    /// Returns true if exactly one eligible account has the address.
    ///
    /// It runs only if the tenant chose to tell, and then for every address alike.
    pub(super) async fn is_eligible(
        &self,
        policy: &TenantPolicy,
        request: &Request,
    ) -> Result<bool, Error> {
        let mut found =
            self.inner.users.find_by_address(&request.application.tenant, &request.address).await?;
        let flow = &request.application.user_flow;
        let can_reset = |account: &Account| {
            let mut methods = self.inner.methods(policy).iter();
            methods.any(|method| {
                policy.decide_by(*method, flow, account).is_available()
                    && self.inner.can_take_proofs(*method, policy, flow, account)
            })
        };
        found.retain(can_reset);
        keep_those_in_use(&mut found);
        Ok(found.len() == 1)
    }
}
