//! `send`: the request for a code.

use core::time::Duration;

use crate::{
    domain::{CodeFormat, EmailAddress, FlowToken, Method, TenantTag, Timestamp},
    error::Error,
    flow::{Event, Refusal, Sent, Step},
    policy::{Limits, TenantPolicy},
    ports::{EventKind, Limit, Outcome, Swapped},
};

use super::{
    Client, SendOutcome, SentCode, Sspr,
    call::Call,
    follow_up::FollowUp,
    queue::{Job, Kind, Passcode, Work},
    records::{MAX_CONFLICTS, terms},
    span::spanned,
    sspr::Inner,
    stored::Stored,
    throttle::{Lane, is_past_visible_cap, retry_at},
};

/// The longest random delay before the courier starts on a mail. It hides from the mail's timing
/// how long the request path took.
const SPREAD: Duration = Duration::from_millis(200);

impl Sspr {
    /// Requests a code. The first code of a reset goes by mail, and each later code goes in the
    /// same way as the previous one. After the first of two proofs, the code goes in the other way.
    ///
    /// The courier sends the message later, if exactly one eligible account has the address. It also
    /// sends the message if this call is dropped after its write.
    ///
    /// # Errors
    /// A store, the policy source or the source of randomness failed.
    ///
    /// # Security
    /// It looks up no account. Counters depend on the typed address and the client, so that known and
    /// unknown addresses reach their limits alike.
    pub async fn send(&self, token: &FlowToken, client: &Client) -> Result<SendOutcome, Error> {
        self.send_after(token, None, None, client).await
    }

    /// Requests a code in this way, for instance because the user has no phone at hand.
    ///
    /// A new code replaces the previous one, also if that one went in another way. Each method has
    /// its own cooldown. The answer is [`SendOutcome::Gone`] if the policy does not offer the
    /// method. It is also `Gone` if a code in this way was the first of two proofs.
    ///
    /// # Errors
    /// A store, the policy source or the source of randomness failed.
    ///
    /// # Security
    /// It looks up no account, as [`Sspr::send`]. For an account without a phone, the answers are the
    /// same and no message is sent.
    pub async fn send_by(
        &self,
        token: &FlowToken,
        method: Method,
        client: &Client,
    ) -> Result<SendOutcome, Error> {
        self.send_after(token, Some(method), None, client).await
    }

    /// Does what [`Sspr::send`] does, unless another code than `latest` is the latest one.
    pub(crate) async fn send_after(
        &self,
        token: &FlowToken,
        method: Option<Method>,
        latest: Option<Timestamp>,
        client: &Client,
    ) -> Result<SendOutcome, Error> {
        let call = self.inner.call(EventKind::Send, Some(client));
        if !self.admits(token.is_genuine(&self.inner.keys), token.scope()) {
            return call.report(Outcome::Rejected, Ok(SendOutcome::Gone));
        }
        let call = call.of_reset(token.record());
        let sending = self.send_at(token, method, latest, client, &call);
        let answer = spanned("send", client.correlation.as_ref(), sending).await;
        let outcome = match &answer {
            Ok(SendOutcome::Sent(_)) => Outcome::Ok,
            Ok(SendOutcome::TooSoon { .. } | SendOutcome::TryLater { .. }) => Outcome::TryLater,
            Ok(SendOutcome::Gone) => Outcome::Expired,
            Err(_) => Outcome::Error,
        };
        call.report(outcome, answer)
    }

    async fn send_at(
        &self,
        token: &FlowToken,
        method: Option<Method>,
        latest: Option<Timestamp>,
        client: &Client,
        call: &Call<'_>,
    ) -> Result<SendOutcome, Error> {
        let now = call.began;
        for _ in 0..MAX_CONFLICTS {
            let Some(stored) = self.inner.load(token.record(), now).await? else {
                return Ok(SendOutcome::Gone);
            };
            if !stored.reset.token.matches(&token.hash()) || stored.has_replaced(latest) {
                return Ok(SendOutcome::Gone);
            }
            let answer = self.send_from(&stored, token, (method, None), client, call).await?;
            if let Some(answer) = answer {
                return Ok(answer);
            }
        }
        Ok(SendOutcome::TryLater { retry_at: now })
    }

    /// Tries once to write the next send. Returns `None` after a conflict.
    pub(super) async fn send_from(
        &self,
        stored: &Stored,
        token: &FlowToken,
        (method, at_least): (Option<Method>, Option<CodeFormat>),
        client: &Client,
        call: &Call<'_>,
    ) -> Result<Option<SendOutcome>, Error> {
        let (inner, now) = (&*self.inner, call.began);
        let origin = &stored.reset.origin;
        let Some((policy, address)) =
            inner.policy(&origin.tenant)?.zip(inner.typed_address(token, origin))
        else {
            return Ok(Some(SendOutcome::Gone));
        };
        if !policy.offers_reset(&origin.user_flow, &origin.application) {
            return Ok(Some(SendOutcome::Gone));
        }
        let second = stored.reset.first.as_ref().map(|first| first.method.other());
        let last = stored.reset.sent.map(|sent| sent.method);
        let method = method.or(second).or(last).unwrap_or_default();
        if !inner.offers(method, &policy) {
            return Ok(Some(SendOutcome::Gone));
        }
        let tag = origin.tenant.tag();
        let long = at_least == Some(CodeFormat::Letters)
            || stored.reset.sent.is_some_and(|sent| sent.format == CodeFormat::Letters);
        let mut format = match long {
            true => CodeFormat::Letters,
            false => inner.first_format(tag, policy.limits(), now),
        };
        loop {
            let send = Event::Send { format, method };
            match self.write_send(stored, &policy, &address, client, send, now).await? {
                Written::Refused { past_cap: true, .. } if format == CodeFormat::Digits => {
                    format = CodeFormat::Letters;
                }
                Written::Refused { limit, retry_at, .. } => {
                    call.has_reached(limit);
                    return Ok(Some(SendOutcome::TryLater { retry_at }));
                }
                Written::Answer(answer) => return Ok(Some(answer)),
                Written::Conflict => return Ok(None),
            }
        }
    }

    async fn write_send(
        &self,
        stored: &Stored,
        policy: &TenantPolicy,
        address: &EmailAddress,
        client: &Client,
        send: Event,
        now: Timestamp,
    ) -> Result<Written, Error> {
        let inner = &*self.inner;
        let origin = &stored.reset.origin;
        let limits = policy.limits();
        let throttle = inner.throttle(origin.tenant.tag(), limits);
        let next = match stored.reset.step(send, &terms(limits), now) {
            Step::Next(next) => next,
            Step::Refused(Refusal::TooSoon { resend_at }) => {
                return Ok(Written::Answer(SendOutcome::TooSoon { resend_at }));
            }
            Step::Stay | Step::Refused(_) => return Ok(Written::Answer(SendOutcome::Gone)),
        };
        let Some(sent) = next.sent else { return Ok(Written::Answer(SendOutcome::Gone)) };
        let lane = inner.lane(&origin.tenant, address, client, now);
        let form = address.limiter_form(policy.dot_rules());
        let mut charges = throttle.send(sent.method, &form, &lane, client);
        if sent.format == CodeFormat::Digits {
            charges.extend(throttle.questions(&origin.visible));
        }
        let record = inner.record(stored.id, &next, limits);
        let version = stored.version.saturating_add(1);
        let written = Stored { id: stored.id, reset: next, tries: 0, version };
        let Some(mail) = self.mail_after(written, sent, address, lane, client)? else {
            let retry_at = now.after(limits.resend_cooldown);
            return Ok(Written::Answer(SendOutcome::TryLater { retry_at }));
        };
        let swapped = inner.codes.compare_and_swap(&record, stored.version, &charges, &[], now);
        let answer = match swapped.await {
            Ok(Swapped::Swapped { .. }) => {
                mail.confirm();
                return Ok(Written::Answer(SendOutcome::Sent(SentCode::of(&sent, address))));
            }
            Ok(Swapped::Conflict { .. }) => Written::Conflict,
            Ok(Swapped::Missing) => Written::Answer(SendOutcome::Gone),
            Ok(Swapped::Refused(over)) => {
                let past_cap = is_past_visible_cap(&over);
                let lane = inner.lane(&origin.tenant, address, client, now);
                let limit = throttle.refused_send((sent.method, &form), &lane, client, &over);
                Written::Refused { limit, past_cap, retry_at: retry_at(&over, now) }
            }
            Err(error) => {
                mail.failed(&error);
                return Err(error.into());
            }
        };
        mail.withdraw();
        Ok(answer)
    }
}

impl Sspr {
    /// Prepares the mail of a send before the send is written, so that a caller who leaves loses no
    /// mail. `None` if the queue has no room: a send that is answered as sent is never dropped for
    /// want of it.
    pub(super) fn mail_after(
        &self,
        written: Stored,
        sent: Sent,
        address: &EmailAddress,
        lane: Lane,
        client: &Client,
    ) -> Result<Option<FollowUp>, Error> {
        let tenant = written.reset.origin.tenant.clone();
        let Some(slot) = self.inner.queue.reserve(Kind::Passcode, tenant.tag()) else {
            return Ok(None);
        };
        let delay = self.inner.time_below(SPREAD)?;
        let work = Work::Passcode(Passcode {
            account: None,
            address: address.clone(),
            begins: written.version == 1,
            drawn: None,
            earlier: Vec::new(),
            failure: None,
            lane,
            limit: None,
            ready: None,
            reset: written.id,
            sent,
            tenant,
            written: Some(Box::new(written)),
        });
        let job = Job::new(work, client.correlation.clone(), Some(slot));
        Ok(Some(FollowUp::new(self.inner.clone(), vec![job], delay)))
    }
}

impl Inner {
    /// Returns the format of a reset's first code: long if the tenant is under attack.
    pub(super) fn first_format(
        &self,
        tag: TenantTag,
        limits: &Limits,
        now: Timestamp,
    ) -> CodeFormat {
        match self.tenants.is_elevated(tag, limits.tenant_tries, now) {
            true => CodeFormat::Letters,
            false => CodeFormat::Digits,
        }
    }

    /// Returns a random duration below `most`.
    pub(super) fn time_below(&self, most: Duration) -> Result<Duration, Error> {
        let micros = u64::try_from(most.as_micros()).unwrap_or(1).max(1);
        Ok(Duration::from_micros(self.entropy.word()? % micros))
    }
}

impl SentCode {
    pub(super) fn of(sent: &Sent, address: &EmailAddress) -> Self {
        Self {
            expires_at: sent.expires_at,
            format: sent.format,
            masked_address: address.masked(),
            method: sent.method,
            resend_at: sent.resend_at,
        }
    }
}

enum Written {
    Answer(SendOutcome),
    Conflict,
    Refused { limit: Option<Limit>, past_cap: bool, retry_at: Timestamp },
}
