//! The delivery of one code: look the account up, decide, draw the code, bind it, and send the
//! mail.

use core::time::Duration;

use crate::{
    domain::{
        Account, AccountId, Charge, Code, CodeFormat, CorrelationId, Destination, Digest, Family,
        LimiterForm, Method, Over, PhoneNumber, Timestamp,
    },
    error::Error,
    flow::{Bound, Event, StageName, Step},
    policy::TenantPolicy,
    ports::{EmailSender, Failure, Limit, Outcome, Record, SendError, SendErrorKind, Swapped},
};

use super::{
    in_use::keep_those_in_use,
    queue::{Certainty, Drawn, Passcode, Ready},
    records::{MAX_CONFLICTS, terms},
    sends::TextOf,
    sspr::Inner,
    stored::Stored,
    text_watch::{Watched, is_to_be_judged},
    throttle::{Lane, Throttle, Who, names_any},
};

/// The number of times that one code is handed over if every answer leaves its arrival unknown.
pub(super) const UNKNOWN_TRIES: u32 = 2;

/// The counters that keep a message back without a sign of it.
const KEPT_BACK: [Family; 3] = [Family::SilentSends, Family::SilentTexts, Family::Stops];

/// The result of one try to deliver a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivered {
    Discarded,
    Failed,
    Postponed,
    Sent,
}

/// The account behind the typed address.
pub(super) enum Behind {
    /// Exactly one eligible account. If its code goes by SMS, the phone that it goes to.
    One(Box<Account>, Option<PhoneNumber>),
    /// No eligible account, so the reset is a decoy. The account here, if any, signs in in another
    /// way.
    Nobody(Option<Box<Account>>),
    /// Several eligible accounts, so the reset is a decoy. Administrators should know about it.
    Several,
}

/// The result of one try to deliver a code, with the details for its event.
pub(super) struct Tried {
    pub(super) delivered: Delivered,
    pub(super) outcome: Outcome,
    pub(super) failure: Option<Failure>,
}

/// The state of a code before its mail is handed over.
enum Prepared {
    /// The send is not written yet. The caller has left, but the write may still come.
    Awaited,
    /// The job is ready, or there is nothing to do.
    Done(Outcome),
}

impl Inner {
    /// Tries once to deliver a code. Each try but the first reads the record again.
    pub(super) async fn deliver(
        &self,
        sender: &impl EmailSender,
        passcode: &mut Passcode,
        certainty: &mut Certainty,
        unknown: &mut u32,
        correlation: Option<&CorrelationId>,
    ) -> Tried {
        let tried = |delivered, outcome| Tried { delivered, failure: None, outcome };
        let said = match self.prepare(passcode, certainty, correlation).await {
            Ok(Prepared::Done(said)) => said,
            Ok(Prepared::Awaited) => return tried(Delivered::Postponed, Outcome::FailedForNow),
            Err(error) => {
                let failure = Some(error.failure());
                // After a transient error the job stays, and the next try reads the record again.
                let delivered =
                    if error.is_transient() { Delivered::Postponed } else { Delivered::Failed };
                return Tried { failure, ..tried(delivered, Outcome::Error) };
            }
        };
        let Some(ready @ (Ready::Mail(_) | Ready::Text(_))) = &passcode.ready else {
            if said == Outcome::GivenUp {
                let failure = passcode.failure.take();
                return Tried { failure, ..tried(Delivered::Failed, said) };
            }
            return tried(Delivered::Discarded, said);
        };
        // The try counts as unknown until the answer is there, so it still counts if the courier is
        // dropped before.
        let before = *unknown;
        *unknown = before.saturating_add(1);
        let sent = self.hand_over(sender, ready).await;
        if !sent.as_ref().is_err_and(|error| error.kind() == SendErrorKind::Unknown) {
            *unknown = before;
        }
        let Err(error) = sent else {
            return tried(Delivered::Sent, Outcome::Ok);
        };
        let (delivered, outcome) = match error.kind() {
            SendErrorKind::Permanent => (Delivered::Failed, Outcome::FailedPermanently),
            // The user may have the code already, so it is handed over only one more time.
            SendErrorKind::Unknown if *unknown >= UNKNOWN_TRIES => {
                (Delivered::Failed, Outcome::GivenUp)
            }
            _ => (Delivered::Postponed, Outcome::FailedForNow),
        };
        passcode.failure = Some(Failure::from(&error));
        Tried { failure: passcode.failure.clone(), ..tried(delivered, outcome) }
    }

    /// Hands a message over, and does nothing for a decoy.
    async fn hand_over(&self, mail: &impl EmailSender, ready: &Ready) -> Result<(), SendError> {
        match (ready, &self.sms) {
            (Ready::Mail(message), _) => mail.send(message).await,
            (Ready::Text(message), Some(sms)) => sms.send_text(message).await,
            (Ready::Text(_), None) | (Ready::Discard, _) => Ok(()),
        }
    }

    /// Does everything but handing over the message, and returns the state of the code.
    async fn prepare(
        &self,
        passcode: &mut Passcode,
        certainty: &mut Certainty,
        correlation: Option<&CorrelationId>,
    ) -> Result<Prepared, Error> {
        let mut behind: Option<Behind> = None;
        for _ in 0..MAX_CONFLICTS {
            let now = self.clock.now();
            let Some(policy) = self.policy(&passcode.tenant)? else {
                return Ok(Prepared::Done(Outcome::Unavailable));
            };
            let lifetime = policy.limits().code_lifetime;
            let written = passcode.written.take();
            let stored = match written.filter(|_| *certainty == Certainty::Certain) {
                // Whoever has written since then makes the swap fail, and it is read after all.
                Some(written) => Some(*written).filter(|it| now < it.reset.expires_at()),
                None => self.load(passcode.reset, now).await?,
            };
            if is_awaited(stored.as_ref(), passcode, *certainty, now) {
                return Ok(Prepared::Awaited);
            }
            let Some(stored) = stored.filter(|stored| is_latest(stored, passcode)) else {
                passcode.ready = None;
                return Ok(Prepared::Done(Outcome::Superseded));
            };
            if !is_of_use(&stored, passcode, lifetime, now) {
                passcode.ready = None;
                return Ok(Prepared::Done(Outcome::GivenUp));
            }
            *certainty = Certainty::Certain;
            if passcode.ready.is_some() {
                return Ok(Prepared::Done(Outcome::Decoy));
            }
            let bound = stored.reset.bound.as_ref();
            if let Some(drawn) = bound.and_then(|bound| passcode.take_drawn(&bound.code)) {
                passcode.ready = Some(drawn.ready);
                return Ok(Prepared::Done(drawn.outcome));
            }
            // Two callers asked at the same moment, and the answer to this one was lost. The mail
            // holds the other caller's code, and a second code would make it void.
            if bound.is_some_and(|bound| bound.number == passcode.sent.number) {
                return Ok(Prepared::Done(Outcome::Superseded));
            }
            let who = match behind.take() {
                Some(who) => who,
                None => self.who_is_behind(&policy, &stored, passcode).await?,
            };
            if let (Behind::One(account, _), Some(_)) = (&who, &self.audit) {
                passcode.account = Some(account.id.clone());
            }
            if let Some(outcome) =
                self.bind(&policy, &stored, passcode, &who, correlation, now).await?
            {
                return Ok(Prepared::Done(outcome));
            }
            behind = Some(who);
        }
        Ok(Prepared::Done(Outcome::Superseded))
    }

    async fn who_is_behind(
        &self,
        policy: &TenantPolicy,
        stored: &Stored,
        passcode: &Passcode,
    ) -> Result<Behind, Error> {
        let origin = &stored.reset.origin;
        let found = self.users.find_by_address(&passcode.tenant, &passcode.address).await?;
        let method = passcode.sent.method;
        let offered = policy.offers_reset(&origin.user_flow, &origin.application)
            && self.offers(method, policy);
        // Looking a number up takes long, so remember what was found.
        let mut phones: Vec<(AccountId, PhoneNumber)> = Vec::new();
        let (mut eligible, mut others): (Vec<_>, Vec<_>) = found.into_iter().partition(|account| {
            let is_served = || {
                let number = policy.phones(account).next();
                phones.extend(number.map(|number| (account.id.clone(), number.clone())));
                number.is_some()
            };
            let decision = || policy.decide_with(method, &origin.user_flow, account, is_served);
            offered
                && decision().is_available()
                && self.can_take_proofs(method, policy, &origin.user_flow, account)
                && self.has_given_first(stored, policy, account)
        });
        keep_those_in_use(&mut eligible);
        Ok(match (eligible.pop(), eligible.is_empty()) {
            (Some(account), true) => {
                let mut phones = phones.into_iter();
                let phone = phones.find(|(id, _)| *id == account.id).map(|(_, number)| number);
                Behind::One(Box::new(account), phone)
            }
            (Some(_), false) => Behind::Several,
            (None, _) => Behind::Nobody(others.pop().map(Box::new)),
        })
    }

    /// Draws a code, writes its digest into the record, and composes the mail. Returns `None` after
    /// a conflict.
    ///
    /// A decoy does the same work, with a dummy account and random bytes instead of a digest.
    async fn bind(
        &self,
        policy: &TenantPolicy,
        stored: &Stored,
        passcode: &mut Passcode,
        behind: &Behind,
        correlation: Option<&CorrelationId>,
        now: Timestamp,
    ) -> Result<Option<Outcome>, Error> {
        let Some(sent) = stored.reset.sent else { return Ok(Some(Outcome::Superseded)) };
        let form = passcode.address.limiter_form(policy.dot_rules());
        let (account, phone) = match behind {
            Behind::One(account, phone) => (Some(&**account), phone.as_ref()),
            Behind::Nobody(_) | Behind::Several => (None, None),
        };
        let who = account.map_or(Who::Dummy(&form), |account| Who::Account(&account.id));
        // A proof of a device from before a reset buys no more mails than no proof.
        let lane = match &passcode.lane {
            Lane::Trusted(device)
                if account.is_some_and(|it| !device.is_current(&it.stamp, &self.keys)) =>
            {
                &Lane::Everybody
            }
            lane => lane,
        };
        let on_file = || policy.destination(sent.method, account?, &passcode.address);
        let to = phone.map(Destination::Phone).or_else(on_file);
        let text_of = TextOf::next(&stored.reset, policy);
        let watched = Watched::of(to, text_of, sent.expires_at, policy.limits());
        let mut unjudged = policy.limits().text_watch_after;
        let mut format = sent.format;
        loop {
            let real = account.zip(to);
            let (code, bound) = self.draw(stored, real, who, policy, format)?;
            // Keep the code before the write. If the store's answer is lost, the next try finds it
            // bound.
            let digest = bound.code;
            let (ready, outcome) = {
                let code = (&code, correlation.cloned());
                self.compose(policy, stored, passcode, behind, to, code)
            };
            passcode.earlier.extend(passcode.drawn.replace(Drawn { digest, outcome, ready }));
            let throttle = self.throttle_of(stored, policy);
            let mut charges = throttle.silent_send(who, lane);
            if sent.method == Method::Sms {
                charges.extend(throttle.silent_text(who, to, text_of).map(|(_, charge)| charge));
                charges.extend(throttle.watched_text(who, watched.as_ref(), unjudged));
            }
            let written = self.write_bound(policy, stored, charges, bound, now).await?;
            if !matches!(written, Written::Yes) {
                // This code is certainly not bound.
                passcode.drawn = passcode.earlier.pop();
            }
            match written {
                Written::Yes => break,
                Written::Conflict => return Ok(None),
                Written::PastCap if format == CodeFormat::Digits => format = CodeFormat::Letters,
                Written::PastCap => return Ok(Some(Outcome::TryLater)),
                Written::SendsSpent(over) => {
                    passcode.limit = throttle.refused_delivery(who, lane, (to, text_of), &over);
                    return self.bind_without_message(policy, stored, &form, now).await;
                }
                Written::ToBeJudged => {
                    let Some(watched) = &watched else { return Ok(Some(Outcome::TryLater)) };
                    let Some(until) = self.judge(policy, watched, unjudged, now).await? else {
                        passcode.limit = Some(Limit::TextStop);
                        return self.bind_without_message(policy, stored, &form, now).await;
                    };
                    unjudged = until;
                }
                Written::NotWanted => return Ok(Some(Outcome::Superseded)),
            }
        }
        Ok(passcode.drawn.take().map(|drawn| {
            passcode.ready = Some(drawn.ready);
            drawn.outcome
        }))
    }

    /// Binds a code that nobody gets, because a limit that outsiders cannot see stands against the
    /// message. Like any other code, it takes the place of the last one and has tries of its own.
    /// Otherwise the tries that are left would tell that the limit is reached. Returns `None` after a
    /// conflict.
    async fn bind_without_message(
        &self,
        policy: &TenantPolicy,
        stored: &Stored,
        form: &LimiterForm,
        now: Timestamp,
    ) -> Result<Option<Outcome>, Error> {
        let mut format = stored.reset.sent.map_or(CodeFormat::Letters, |sent| sent.format);
        loop {
            let (_, bound) = self.draw(stored, None, Who::Dummy(form), policy, format)?;
            match self.write_bound(policy, stored, Vec::new(), bound, now).await? {
                Written::Conflict => return Ok(None),
                Written::NotWanted => return Ok(Some(Outcome::Superseded)),
                Written::PastCap if format == CodeFormat::Digits => format = CodeFormat::Letters,
                Written::PastCap | Written::SendsSpent(_) | Written::ToBeJudged | Written::Yes => {
                    return Ok(Some(Outcome::TryLater));
                }
            }
        }
    }

    fn draw(
        &self,
        stored: &Stored,
        real: Option<(&Account, Destination<'_>)>,
        who: Who<'_>,
        policy: &TenantPolicy,
        format: CodeFormat,
    ) -> Result<(Code, Bound), Error> {
        let key = self.keys.signing();
        let number = stored.reset.sends();
        let code = Code::generate(format, &*self.entropy)?;
        let mut nothing = [0; 64];
        self.entropy.fill(&mut nothing)?;
        let (first, second) = halves(&nothing);
        let digests = real.and_then(|(account, to)| {
            let of = (&stored.id, &*stored.reset.origin);
            let binding = self.binding(key, of, number, account, to.as_str())?;
            let digest = self.keys.code_digest(key, &binding, &code)?;
            Some((binding, digest))
        });
        let (binding, digest) = digests.unwrap_or((first, second));
        let throttle = self.throttle_of(stored, policy);
        // No account can have this id, so the sealed bytes of a decoy open to nothing.
        let sealed = real.map_or(&b"\0"[..], |(account, _)| account.id.as_str().as_bytes());
        let announced = stored.reset.sent.map_or(format, |sent| sent.format);
        let expires_at = stored.reset.sent.map_or(stored.reset.ends_at, |sent| sent.expires_at);
        let bound = Bound {
            account: self.seal_account(&stored.id, sealed)?,
            announced,
            binding,
            code: digest,
            expires_at,
            format,
            key,
            number,
            silent: throttle.silent(who),
        };
        Ok((code, bound))
    }

    async fn write_bound(
        &self,
        policy: &TenantPolicy,
        stored: &Stored,
        mut charges: Vec<Charge>,
        bound: Bound,
        now: Timestamp,
    ) -> Result<Written, Error> {
        let limits = policy.limits();
        let throttle = self.throttle_of(stored, policy);
        if bound.format == CodeFormat::Digits {
            charges.extend(throttle.questions(&bound.silent));
        }
        let event = Event::Bind(Box::new(bound));
        let Step::Next(next) = stored.reset.step(event, &terms(limits), now) else {
            return Ok(Written::NotWanted);
        };
        let record = Record { begins_challenge: true, ..self.record(stored.id, &next, limits) };
        let swapped =
            self.codes.compare_and_swap(&record, stored.version, &charges, &[], now).await?;
        Ok(match swapped {
            Swapped::Swapped { .. } => Written::Yes,
            Swapped::Conflict { .. } => Written::Conflict,
            Swapped::Missing => Written::NotWanted,
            Swapped::Refused(over) if names_any(&over, &KEPT_BACK) => Written::SendsSpent(over),
            Swapped::Refused(over) if is_to_be_judged(&over) => Written::ToBeJudged,
            Swapped::Refused(_) => Written::PastCap,
        })
    }

    fn throttle_of<'a>(&'a self, stored: &Stored, policy: &'a TenantPolicy) -> Throttle<'a> {
        self.throttle(stored.id.tenant_tag(), policy.limits())
    }
}

enum Written {
    Conflict,
    NotWanted,
    PastCap,
    SendsSpent(Vec<Over>),
    ToBeJudged,
    Yes,
}

impl Passcode {
    /// Takes the drawn code that is bound by this digest. The other drawn codes are void then.
    fn take_drawn(&mut self, digest: &Digest) -> Option<Drawn> {
        let mut all = self.drawn.iter().chain(&self.earlier);
        all.position(|drawn| digest.matches(&drawn.digest))?;
        let mut all = self.drawn.take().into_iter().chain(self.earlier.drain(..));
        all.find(|drawn| digest.matches(&drawn.digest))
    }
}

/// Returns true if the send may still be written, although its caller has left.
fn is_awaited(
    stored: Option<&Stored>,
    passcode: &Passcode,
    certainty: Certainty,
    now: Timestamp,
) -> bool {
    let Certainty::UnsureUntil(until) = certainty else { return false };
    let is_to_come = match stored {
        Some(stored) => stored.reset.sends() < passcode.sent.number,
        None => passcode.begins,
    };
    now < until && is_to_come
}

/// Returns true if a send is still the latest one of a reset that waits for its code.
fn is_latest(stored: &Stored, passcode: &Passcode) -> bool {
    stored.reset.stage.name() == StageName::CodeSent && stored.reset.sent == Some(passcode.sent)
}

/// Returns true if at least a tenth of the code's lifetime is left.
fn is_of_use(stored: &Stored, passcode: &Passcode, lifetime: Duration, now: Timestamp) -> bool {
    let left = passcode.sent.expires_at.since(now.latest(stored.reset.touched_at));
    left.saturating_mul(10) >= lifetime
}

fn halves(bytes: &[u8; 64]) -> (Digest, Digest) {
    let (mut first, mut second) = ([0; 32], [0; 32]);
    let (head, tail) = bytes.split_at(32);
    first.copy_from_slice(head);
    second.copy_from_slice(tail);
    (Digest::from_bytes(first), Digest::from_bytes(second))
}
