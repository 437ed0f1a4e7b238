//! What the oracle says of an answer: was it allowed, and if it was a refusal, is there an excuse?

use std::time::Duration;

use sspr::{
    Error,
    domain::{Account, Method},
    engine::{
        AssistanceCode, AssistanceOutcome, Assisted, ChangeOutcome, FreezeOutcome, OpenOutcome,
        RedeemOutcome, Rejection, SecondFactorDemand, SendOutcome, SignInOutcome, StartOutcome,
        StatusOutcome, SubmitOutcome, TemporaryPassword, VerifyOutcome,
    },
    flow::StageName,
};

use super::{
    facts::*,
    founding::{plain, second_factor},
    methods::{Proof, offers_texts},
    oracle::Oracle,
};

/// What a call came to.
#[allow(dead_code, reason = "the story shows all of it")]
#[derive(Debug)]
pub enum Answer {
    Open(Result<OpenOutcome, Error>),
    Start(Result<StartOutcome, Error>),
    Send(Result<SendOutcome, Error>),
    Verify(Result<VerifyOutcome, Error>),
    Submit(Result<SubmitOutcome, Error>),
    Redeem(Result<RedeemOutcome, Error>),
    SignIn(Result<SignInOutcome, Error>),
    Change(Result<ChangeOutcome, Error>),
    Enter(Result<AssistanceOutcome, Error>),
    Code(Result<Assisted<AssistanceCode>, Error>),
    Temporary(Result<Assisted<TemporaryPassword>, Error>),
    Deed(Result<Assisted<()>, Error>),
    Freeze(Result<FreezeOutcome, Error>),
    Look(Result<StatusOutcome, Error>),
    Sweep(Result<usize, Error>),
    Courier,
}

impl Oracle {
    /// Judges an answer.
    pub fn answered(&mut self, call: usize, answer: &Answer) {
        if let Kind::Garbage = self.calls[call].kind {
            let refused = matches!(
                answer,
                Answer::Verify(Ok(VerifyOutcome::Rejected(Rejection::Gone)))
                    | Answer::Submit(Ok(SubmitOutcome::Rejected))
                    | Answer::Redeem(Ok(RedeemOutcome::Rejected))
                    | Answer::Send(Ok(SendOutcome::Gone))
            );
            if !refused || self.calls[call].entered > 0 {
                self.violated("I11 a forged secret costs something", || format!("{answer:?}"));
            }
            return;
        }
        match answer {
            Answer::Start(Ok(StartOutcome::Started(started))) => {
                if let Kind::Open { by, .. } = self.calls[call].kind {
                    self.sent(call, Some(by), &started.sent);
                }
            }
            Answer::Send(Ok(SendOutcome::Sent(sent))) => {
                if let Kind::Send { by } = self.calls[call].kind {
                    self.sent(call, by, sent);
                }
            }
            Answer::Verify(Ok(outcome)) => self.verified(call, outcome),
            Answer::Submit(Ok(outcome)) => self.submitted(call, outcome),
            Answer::Redeem(Ok(outcome)) => self.redeemed(call, outcome),
            Answer::SignIn(Ok(outcome)) => self.signed_in(call, outcome),
            Answer::Change(Ok(outcome)) => self.session_answered(call, outcome),
            Answer::Enter(Ok(outcome)) => self.assisted(call, outcome),
            Answer::Freeze(Ok(outcome)) => self.freeze_answered(call, outcome),
            // The courier settles what is left of it.
            Answer::SignIn(Err(_)) | Answer::Change(Err(_)) => self.cut(call),
            Answer::Open(_)
            | Answer::Start(_)
            | Answer::Send(_)
            | Answer::Look(_)
            | Answer::Sweep(_)
            | Answer::Courier
            | Answer::Code(_)
            | Answer::Temporary(_)
            | Answer::Deed(_)
            | Answer::Freeze(Err(_))
            | Answer::Enter(Err(_))
            | Answer::Verify(Err(_))
            | Answer::Submit(Err(_))
            | Answer::Redeem(Err(_)) => {}
        }
    }

    fn verified(&mut self, call: usize, outcome: &VerifyOutcome) {
        let about = &self.calls[call];
        let (Kind::Verify { code }, Some(record)) = (&about.kind, about.record) else { return };
        let (code, start, step) = (code.clone(), about.start, self.step);
        let (alone, now, ring) = (about.now, about.now.latest(about.touched), about.ring);
        let attempt = about.attempt.as_ref().map(|attempt| (attempt.number, attempt.over));
        let found = self.bind_of(&record, &code);
        let limit = {
            let Some(facts) = self.records.get(&record) else { return };
            self.tenant_of(facts).limits.tries_per_challenge()
        };
        match outcome {
            VerifyOutcome::NextProof(_) => panic!("no policy here requires two proofs"),
            VerifyOutcome::Granted(granted) => {
                let Some(index) = found else {
                    return self
                        .violated("I4 a code that never counted", || format!("call {call}"));
                };
                if attempt.is_none() {
                    self.violated("I2 a comparison uncharged", || format!("call {call}"));
                }
                let facts = self.records.get_mut(&record).unwrap();
                let newer = facts
                    .binds
                    .iter()
                    .any(|bind| bind.number > facts.binds[index].number && bind.step < start);
                let bind = &mut facts.binds[index];
                bind.grants.insert(granted.grant.expose());
                let (grants, expires_at) = (bind.grants.len(), bind.expires_at);
                let account = bind.account.clone();
                self.given(record, index, granted);
                let seen = || format!("call {call}");
                if grants > 1 {
                    self.violated("I1 a code yields one grant", seen);
                }
                if newer {
                    self.violated("I3 the newest code wins", seen);
                }
                if now >= expires_at {
                    let revived = alone < expires_at;
                    let which =
                        if revived { "I8 a dead code is revived" } else { "I4 after expiry: code" };
                    self.violated(which, seen);
                }
                let Some((who, stamp, to)) = account else {
                    return self.violated("I4 the code of a decoy", seen);
                };
                let same = |it: &Account| it.stamp == stamp && to.is_of(it);
                if !self.some_time(Proof::code(&to), &who, start, |_| true) {
                    self.violated("I6 a code that policy forbids", || format!("{call}: {who:?}"));
                } else if !self.some_time(Proof::code(&to), &who, start, same) {
                    self.violated("I4 the stamp and the address", || format!("{call}: {who:?}"));
                }
            }
            VerifyOutcome::Rejected(rejection) => {
                // Was the right one refused?
                let Some(index) = found else { return };
                let facts = &self.records[&record];
                let bind = &facts.binds[index];
                let Some((who, stamp, to)) = bind.account.clone() else { return };
                let newer = facts.binds.last().is_some_and(|last| last.number > bind.number);
                let other =
                    attempt.is_none_or(|(number, over)| over || number != Some(bind.number));
                let key_gone = [bind.key, facts.key]
                    .into_iter()
                    .any(|key| self.rings[ring].under(key, KEY_PURPOSE).is_none());
                let over = facts
                    .stages
                    .during(start, step)
                    .any(|stage| matches!(stage, StageName::Completed | StageName::Closed));
                // Once the password is changed the code has done its work, also before that is
                // written into the reset.
                let same = |it: &Account| to.is_of(it) && it.stamp == stamp;
                let changed = !self.all_the_time(Proof::code(&to), &who, start, same);
                let (dead, ended) = (bind.expires_at, facts.expires_at);
                // Where only longer codes count any more, and none can be sent.
                let modes = &self.tenant_of(facts).modes;
                let no_text = modes.during(start, step).any(|mode| !offers_texts(*mode));
                let by_text = facts.sends.iter().any(|send| send.by == Method::Sms);
                let too_short =
                    bind.short && (self.latest >= facts.ends_at || (by_text && no_text));
                let tries = facts.tries;
                let excused = match rejection {
                    // The clock may jump past the record's end while the call is under way.
                    Rejection::WrongCode { .. } => {
                        let ended = self.latest >= ended;
                        newer || other || key_gone || over || changed || ended
                    }
                    Rejection::Expired => self.latest >= dead,
                    Rejection::Exhausted => tries >= limit || newer,
                    Rejection::Gone => {
                        over || key_gone || changed || too_short || self.latest >= ended
                    }
                    Rejection::LongerCodeSent(_) | Rejection::TryLater { .. } => true,
                };
                if !excused {
                    self.violated("I3 a right code is refused", || {
                        format!("call {call}, {who:?}: {rejection:?}")
                    });
                }
            }
        }
    }

    fn submitted(&mut self, call: usize, outcome: &SubmitOutcome) {
        let about = &self.calls[call];
        let Kind::Submit { grant: text, password } = &about.kind else { return };
        let (text, hash, start, step) = (text.clone(), plain(password), about.start, self.step);
        let (ring, hash_refused) = (about.ring, about.hash_refused);
        let Some(grant) = self.grants.get_mut(&text) else { return };
        let facts = &self.records[&grant.record];
        let bind = &facts.binds[grant.bind];
        let Some((who, stamp, to)) = bind.account.clone() else { return };
        let seen = || format!("call {call}, {who:?}");
        match outcome {
            SubmitOutcome::Changed(changed) => {
                grant.tickets.insert(changed.ticket.expose());
                let tickets = grant.tickets.len();
                let record = grant.record;
                let mine = facts.applied.as_ref().is_some_and(|(other, _)| *other == hash);
                self.tickets.entry(changed.ticket.expose()).or_insert(TicketFacts {
                    expires_at: changed.expires_at,
                    record,
                    sign_ins: 0,
                });
                if tickets > 1 {
                    self.violated("I1 a grant yields one ticket", seen);
                }
                if !mine {
                    self.violated("I5 answered as changed, and is not", seen);
                }
            }
            SubmitOutcome::Rejected => {
                let (since, record, dead) = (grant.step.min(start), grant.record, grant.expires_at);
                let other = facts.applied.as_ref().is_some_and(|(other, _)| *other != hash);
                let spent = hash_refused;
                let key_gone = self.rings[ring].under(bind.key, KEY_PURPOSE).is_none();
                let newer = facts.binds.len() > grant.bind + 1;
                let moved = newer
                    || facts
                        .stages
                        .during(start, step)
                        .any(|stage| matches!(stage, StageName::Opened | StageName::CodeSent));
                let same = |it: &Account| {
                    (it.stamp == stamp && to.is_of(it)) || it.last_change == Some(record)
                };
                let proof = Proof::of(facts.reason, &to);
                let changed = !self.all_the_time(proof, &who, since, same);
                // The grant's own end, or that of the ticket it was spent for.
                let spent_for = facts.ticket_until.is_some_and(|until| self.latest >= until);
                let dead = dead.latest(facts.grant_until.unwrap_or_default());
                let dead = self.latest >= dead || spent_for;
                let excused = other || spent || key_gone || moved || changed || dead;
                if !excused {
                    self.violated("I5 a live grant is refused", seen);
                }
            }
            SubmitOutcome::Weak { .. } | SubmitOutcome::TryLater { .. } => {}
        }
    }

    fn redeemed(&mut self, call: usize, outcome: &RedeemOutcome) {
        let about = &self.calls[call];
        let Kind::Redeem { ticket: text } = &about.kind else { return };
        let (start, step, ring) = (about.start, self.step, about.ring);
        let (alone, now) = (about.now, about.now.latest(about.touched));
        let Some(ticket) = self.tickets.get_mut(text) else { return };
        let facts = &self.records[&ticket.record];
        let Some((_, applied)) = facts.applied else { return };
        let Some((who, ..)) = facts.binds.last().and_then(|bind| bind.account.clone()) else {
            return;
        };
        let key = facts.binds.last().map(|bind| bind.key);
        let (record, expires_at, reason) = (ticket.record, ticket.expires_at, facts.reason);
        let seen = || format!("call {call}, {who:?}");
        match outcome {
            RedeemOutcome::SignIn(sign_in) => {
                let stamp = facts.ticket_stamp;
                ticket.sign_ins += 1;
                let times = ticket.sign_ins;
                let same = |it: &Account| {
                    it.stamp == sign_in.stamp && it.id == sign_in.account && it.id == who.1
                };
                let demanded = sign_in.second_factor == SecondFactorDemand::Required;
                if demanded != second_factor(&who) {
                    self.violated("I6 a reset replaces no second factor", seen);
                }
                if stamp != Some(sign_in.stamp) {
                    self.violated("I9 a ticket outlives its stamp", seen);
                }
                if times > 1 {
                    self.violated("I1 a ticket signs in once", seen);
                }
                if now >= expires_at {
                    let revived = alone < expires_at;
                    let which = if revived {
                        "I8 a dead ticket is revived"
                    } else {
                        "I4 after expiry: ticket"
                    };
                    self.violated(which, seen);
                }
                let proof = Proof::any_way(reason);
                if !self.some_time(proof, &who, start, |_| true) {
                    self.violated("I6 a sign-in that policy forbids", seen);
                } else if !self.some_time(proof, &who, start, same) {
                    self.violated("I9 a sign-in with an old stamp", seen);
                }
            }
            RedeemOutcome::RequireSignIn => {
                let facts = &self.records[&record];
                let used = facts.redeemed_by.is_some_and(|other| other != call);
                let behind = facts.touched.since(alone) >= Duration::from_secs(12 * 3600);
                let marked =
                    self.accounts[&who].during(start, step).flatten().any(|it| it.must_change);
                if !used && !behind && !marked {
                    self.violated("I5 a fresh ticket counts as used", seen);
                }
            }
            RedeemOutcome::Rejected => {
                let key_gone =
                    key.is_none_or(|key| self.rings[ring].under(key, KEY_PURPOSE).is_none());
                let stays = |it: &Account| it.last_change == Some(record);
                let stamps: std::collections::BTreeSet<_> = self.accounts[&who]
                    .during(applied, step)
                    .flatten()
                    .filter(|it| it.last_change == Some(record))
                    .map(|it| *it.stamp.as_bytes())
                    .collect();
                let proof = Proof::any_way(reason);
                let changed =
                    stamps.len() > 1 || !self.all_the_time(proof, &who, applied + 1, stays);
                if !(key_gone || changed || self.latest >= expires_at) {
                    self.violated("I5 a live ticket is refused", seen);
                }
            }
        }
    }
}

pub const KEY_PURPOSE: sspr::domain::Purpose = sspr::domain::Purpose::Binding;
