//! What the oracle says of the users table and of mail: changes of passwords, notices, codes.

use std::time::Duration;

use sspr::{
    adapters::code_in,
    domain::{Account, EmailAddress, Method, RecordId, Timestamp},
    engine::FreezeOutcome,
    flow::{ResetReason, StageName},
    mail::{EmailMessage, MailPurpose},
    ports::{Applied, Freeze, Notice, NoticeCause, NoticeDelivery, PasswordChange, SendErrorKind},
};

use super::{
    facts::*,
    methods::{Place, Proof, texted},
    oracle::Oracle,
};

/// How long a notice is tried.
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// What the mail system said of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Accepted,
    Permanent,
    ForNow(SendErrorKind),
}

impl Oracle {
    pub fn applied(
        &mut self,
        call: usize,
        change: &PasswordChange,
        done: &Applied,
        before: Option<Account>,
        after: Option<Account>,
    ) {
        let (Applied::Done { notice }, Some(before), Some(mut after)) = (done, before, after)
        else {
            return;
        };
        let (who, step) = ((change.tenant.clone(), change.account.clone()), self.step);
        let queued = *notice == NoticeDelivery::Queued;
        let (whose, at) = (who.clone(), change.at.as_micros());
        self.chosen.push(Chosen { at, by_code_to: None, who: whose });
        for to in before.destinations() {
            let key = (change.tenant.to_string(), to.as_str().to_owned(), change.at.as_micros());
            let cause = self.cause_for(call, to);
            let owed = self.owed.entry(key).or_insert(Owed {
                call,
                causes: Vec::new(),
                changes: 0,
                heard: false,
                put_off: 0,
                queued,
                told: false,
            });
            owed.changes += 1;
            owed.causes.push(cause);
            owed.heard = !self.calls[call].cut && !self.calls[call].faulted;
        }
        if after.stamp == before.stamp || after.password.as_ref() != Some(&change.password) {
            self.violated("I5 hash and stamp change together", || format!("call {call}: {who:?}"));
        }
        if let Some(frozen) = &before.frozen
            && (after.frozen.is_some()
                || after.addresses != frozen.recover_to
                || !after.phones.is_empty())
        {
            self.violated("I9 a recovery keeps what a thief may have added", || format!("{who:?}"));
        }
        // What the table was told, so that a table that forgets it is found out.
        after.must_change = change.must_change;
        after.password_expires_at = change.password_expires_at;
        if let Some(history) = self.accounts.get_mut(&who) {
            history.push(step, Some(after));
        }
        let about = &self.calls[call];
        let is_temporary = change.must_change && change.password_expires_at.is_some();
        let is_lasting = !change.must_change && change.password_expires_at.is_none();
        let by_staff = matches!(about.kind, Kind::Assist { .. });
        if (by_staff && !is_temporary) || (!by_staff && !is_lasting) {
            return self.violated("I5 staff set what must be changed", || format!("call {call}"));
        }
        let grant = match &about.kind {
            Kind::Submit { grant, .. } => grant,
            Kind::Change(_) => return self.changed_by_user(call, change, &before),
            Kind::Assist { .. } => return self.changed_by_staff(call, change),
            _ => {
                let seen = || format!("call {call}");
                return self.violated("I5 a change that nobody paid for", seen);
            }
        };
        if about.leaked {
            return self.violated("I6 a password that has leaked", || format!("call {call}"));
        }
        let (start, now) = (about.start, about.now.latest(about.touched));
        let (alone, text) = (about.now, grant.clone());
        let Some(facts) = self.records.get_mut(&change.operation) else { return };
        facts.applied = Some((change.password.clone(), step));
        let until = facts.grant_until.unwrap_or_default();
        let Some(grant) = self.grants.get_mut(&text) else {
            return self.violated("I5 only a grant changes a password", || format!("call {call}"));
        };
        let until = until.latest(grant.expires_at);
        let (dead, revived) = (now >= until, alone < until);
        grant.changes += 1;
        let (of, changes) = (grant.record, grant.changes);
        let bound = self.records[&of].binds[grant.bind].account.clone();
        if changes > 1 {
            self.violated("I1 a grant changes a password once", || format!("call {call}"));
        }
        if dead {
            let which =
                if revived { "I8 a dead grant is revived" } else { "I4 after expiry: grant" };
            self.violated(which, || format!("call {call}"));
        }
        let Some((owner, stamp, to)) = bound else { return };
        let reason = self.records[&of].reason;
        if let (ResetReason::Forgot, Place::Mailbox(address)) = (reason, &to) {
            self.chosen.last_mut().unwrap().by_code_to = Some(address.clone());
        }
        if owner != who || of != change.operation {
            self.violated("I4 the account", || format!("call {call}: {owner:?}, {who:?}"));
        } else if before.stamp != stamp || !to.is_of(&before) {
            self.violated("I4 the stamp and the address", || format!("call {call}: {who:?}"));
        } else if !self.some_time(Proof::of(reason, &to), &who, start, |_| true) {
            self.violated("I6 a change that policy forbids", || format!("call {call}: {who:?}"));
        }
    }

    /// An account was frozen, or a freeze has ended.
    pub fn froze(
        &mut self,
        call: usize,
        freeze: &Freeze,
        before: Option<Account>,
        after: Option<Account>,
    ) {
        let (Some(before), Some(after)) = (before, after) else { return };
        if before.stamp == after.stamp && before.frozen == after.frozen {
            return;
        }
        let (who, step) = ((freeze.tenant.clone(), freeze.account.clone()), self.step);
        if let Some(history) = self.accounts.get_mut(&who) {
            history.push(step, Some(after.clone()));
        }
        let seen = || format!("call {call}: {who:?}");
        if after.stamp == before.stamp {
            return self.violated("I9 a freeze ends no session", seen);
        }
        if before.stamp != freeze.expected_stamp {
            return self.violated("I4 a freeze of what was not read", seen);
        }
        if after.password != before.password || after.addresses != before.addresses {
            return self.violated("I9 a freeze changes more", seen);
        }
        let code = match &self.calls[call].kind {
            Kind::Assist { deed: Deed::Unfreeze, who: whom } => {
                if after.frozen.is_some() || *whom != who {
                    self.violated("I4 the account of staff", seen);
                }
                return;
            }
            Kind::Freeze { tenant, code } => {
                let held = self.freezes.iter().find(|held| held.text == *code);
                held.filter(|held| held.tenant == self.tenants[*tenant].id).cloned()
            }
            _ => None,
        };
        let (Some(code), Some(frozen)) = (code, &after.frozen) else {
            return self.violated("I4 a freeze that nobody asked for", seen);
        };
        let ways = before.frozen.as_ref().map_or(&[][..], |frozen| &frozen.recover_to);
        let known = |to: &EmailAddress| *to == code.to || ways.contains(to);
        if who.0 != code.tenant || !frozen.recover_to.iter().all(known) {
            self.violated("I4 a way back that nobody was told", seen);
        } else if self.is_void(&who, &code) {
            self.violated("I4 a void code freezes", seen);
        }
    }

    /// Whether a reader of the mailbox of this code has chosen a password since. A clock that has
    /// stepped back meanwhile keeps the code valid.
    fn is_void(&self, who: &Who, code: &FreezeCode) -> bool {
        let later = self.chosen.iter().filter(|it| it.who == *who);
        let mut later = later.skip_while(|it| it.at != code.at).skip(1);
        later.any(|it| it.by_code_to.as_ref() == Some(&code.to) && it.at > code.at)
    }

    /// A courier could not write what a notice needs, so the notice waits.
    pub fn kept_back(&mut self, call: usize) {
        if matches!(self.calls[call].kind, Kind::Courier) {
            self.owed.values_mut().filter(|owed| !owed.told).for_each(|owed| owed.put_off += 1);
        }
    }

    /// Judges the answer to a code of a notice.
    pub fn freeze_answered(&mut self, call: usize, outcome: &FreezeOutcome) {
        let about = &self.calls[call];
        let Kind::Freeze { tenant, code } = &about.kind else { return };
        let (start, tenant) = (about.start, self.tenants[*tenant].id.clone());
        let held = self.freezes.iter().find(|held| held.text == *code && held.tenant == tenant);
        let held = held.cloned();
        if *outcome != FreezeOutcome::Frozen {
            return;
        }
        let Some(code) = held else {
            return self.violated("I4 a code that no notice carried", || format!("call {call}"));
        };
        let is_frozen = self.accounts.iter().filter(|(who, _)| who.0 == tenant).any(|(_, it)| {
            let mut during = it.during(start, self.step).flatten();
            // By this code, or by that of an earlier change.
            during.any(|it| {
                it.frozen.as_ref().is_some_and(|frozen| {
                    frozen.recover_to.contains(&code.to) || frozen.at.as_micros() < code.at
                })
            })
        });
        if !is_frozen {
            self.violated("I5 answered as frozen, and is not", || format!("call {call}"));
        }
    }

    /// Staff have required a change.
    pub fn marked(&mut self, who: &Who, after: Option<Account>) {
        let step = self.step;
        if let (Some(history), Some(after)) = (self.accounts.get_mut(who), after) {
            let before = history.last().as_ref().map(|it| it.stamp);
            let moved = before != Some(after.stamp);
            history.push(step, Some(after));
            if moved {
                self.violated("I9 a mark ends sessions", || format!("{who:?}"));
            }
        }
    }

    pub fn hashed_for_a_grant(&mut self, call: usize) {
        let record = self.calls[call].record;
        let Some(tenant) = record.and_then(|id| self.records.get(&id)).map(|it| it.tenant) else {
            return;
        };
        let budget = self.tenants[tenant].limits.submits_per_grant();
        let Some(grant) = self.grant_of(call) else { return };
        grant.hashes += 1;
        let hashes = grant.hashes;
        if hashes > budget {
            self.violated("I11 hashes of a grant", || format!("{hashes} (call {call})"));
        }
    }

    pub fn noticed(&mut self, due: &[Notice]) {
        for notice in due {
            let (to, at) = (notice.to.as_str().to_owned(), notice.at.as_micros());
            let key = (notice.tenant.to_string(), to, at);
            self.notices.insert(notice.id.0.clone(), key.clone());
            let times = self.notices.values().filter(|other| **other == key).count();
            let owed = self.owed.get(&key);
            if times > owed.map_or(0, |owed| owed.changes) as usize {
                self.violated("I9 one notice of a change", || format!("{key:?}"));
            } else if owed.is_some_and(|owed| !owed.causes.contains(&notice.cause)) {
                let cause = notice.cause;
                self.violated("I9 a notice of another cause", || format!("{key:?} {cause:?}"));
            }
        }
    }

    /// At the end, when everything that was due has been handed out.
    pub fn all_noticed(&mut self) {
        let owed = self.owed.values().filter(|owed| owed.queued);
        let owed: u32 = owed.map(|owed| owed.changes).sum();
        let found = self.notices.len();
        if owed as usize != found {
            self.violated("I9 one notice of a change", || format!("{owed} owed, {found} found"));
        }
    }

    /// What the notice to an address must say of a change.
    fn cause_for(&self, call: usize, to: &EmailAddress) -> NoticeCause {
        let text = match &self.calls[call].kind {
            Kind::Submit { grant, .. } => grant,
            Kind::Assist { .. } => return NoticeCause::TemporaryPassword,
            _ => return NoticeCause::ChangedByUser,
        };
        let of = self.grants.get(text).map(|grant| (&self.records[&grant.record], grant.bind));
        let Some((facts, bind)) = of else { return NoticeCause::Unknown };
        let went_to = facts.binds[bind].account.as_ref().map(|(.., place)| place);
        match (facts.reason, went_to) {
            (ResetReason::Assistance, _) => NoticeCause::CodeFromStaff,
            (ResetReason::MustChange, _) => NoticeCause::ChangedByUser,
            (_, Some(Place::Phone(_))) => NoticeCause::CodeSentByText,
            (_, Some(Place::Mailbox(here))) if here == to => NoticeCause::CodeSentHere,
            _ => NoticeCause::CodeSentElsewhere,
        }
    }

    /// Once the couriers have had their time: each request for a code that is still of use has led
    /// to a message.
    pub fn all_mailed(&mut self) {
        let lost = self.records.iter().find_map(|(id, facts)| {
            let send = facts.sends.last()?;
            let alive = self.lives(&self.calls[send.call]);
            let lifetime = self.tenants[facts.tenant].limits.code_lifetime();
            let of_use = self.latest.after(lifetime / 10) < send.expires_at;
            let waits = *facts.stages.last() == StageName::CodeSent;
            (alive && of_use && waits && !send.done).then_some(())?;
            let tenant = &self.tenants[facts.tenant].id;
            let mut behind = self.accounts.iter().filter(|(who, history)| {
                let mut during = history.during(send.step, self.step).flatten();
                who.0 == *tenant && during.any(|it| finds(it, &facts.typed))
            });
            let (Some((who, _)), None) = (behind.next(), behind.next()) else { return None };
            let finds_it = |it: &Account| finds(it, &facts.typed);
            let (texts, history) = (self.tenants[facts.tenant].texts, &self.accounts[who]);
            let modes = &self.tenants[facts.tenant].modes;
            let from = send.step;
            let is_due = modes.during(from, self.step).all(|mode| {
                let may = |it: &Account| match send.by {
                    Method::Email => eligible(*mode, it),
                    Method::Sms => texts && texted(*mode, it).is_some(),
                };
                let mut states = history.during(from, self.step);
                states.all(|it| it.as_ref().is_some_and(|it| finds_it(it) && may(it)))
            });
            is_due.then(|| (send.by, format!("{id:?} {who:?}: {send:?}")))
        });
        match lost {
            Some((Method::Email, seen)) => self.violated("I13 a mail is lost", || seen),
            Some((Method::Sms, seen)) => self.violated("I13 a text is lost", || seen),
            None => {}
        }
    }

    /// Once the couriers have had their time: each owner was told at each address. Those that were
    /// put off may still wait for their time.
    pub fn all_told(&mut self, put_off_too: bool) {
        let untold = self.owed.iter().find(|((.., at), owed)| {
            let alive = owed.queued || self.lives(&self.calls[owed.call]);
            let given_up = self.latest.since(Timestamp::from_micros(*at)) >= WEEK;
            // Its second try comes within the lull.
            let soon = owed.put_off == 0 || (owed.queued && owed.put_off == 1);
            let waits = !put_off_too && !soon;
            // A service with an outbox takes it that its store queues, until it hears otherwise.
            let taken_for_queued = self.outbox && !owed.queued && !owed.heard;
            alive && !given_up && !waits && !taken_for_queued && !owed.told
        });
        if let Some(seen) = untold.map(|untold| format!("{untold:?}")) {
            self.violated("I14 an owner is not told", || seen);
        }
    }

    /// What the mail system said of a message.
    pub fn handed(&mut self, message: &EmailMessage, said: Said) {
        let done = matches!(said, Said::Accepted | Said::Permanent);
        if message.purpose == MailPurpose::AccountEvent {
            return;
        }
        if message.purpose == MailPurpose::PasswordChanged {
            let at = message.subject.parse().unwrap_or_default();
            let key = (message.from_name.clone(), message.to.as_str().to_owned(), at);
            if let Some(owed) = self.owed.get_mut(&key) {
                owed.told |= done;
                owed.put_off += u32::from(!done);
            }
            return;
        }
        let of = self.record_of(message.correlation.as_ref());
        let (Some(code), Some((record, _))) = (code_in(message), of) else { return };
        let Some(bind) = self.bind_of(&record, &code.expose()) else { return };
        self.handed_over(&record, bind, said);
    }

    /// What was said of the message with one of a reset's codes.
    pub fn handed_over(&mut self, record: &RecordId, bind: usize, said: Said) {
        let done = matches!(said, Said::Accepted | Said::Permanent);
        let Some(facts) = self.records.get_mut(record) else { return };
        let number = facts.binds[bind].number;
        for send in facts.sends.iter_mut().filter(|send| send.number == number) {
            send.unknown += u32::from(said == Said::ForNow(SendErrorKind::Unknown));
            send.done |= done || send.unknown > 1;
        }
    }

    /// Whether staff have begun an action for an account that had this address then.
    fn was_helped(&self, to: &EmailAddress) -> bool {
        self.calls.iter().any(|call| {
            let is_told = |history: &History<Option<Account>>| {
                let mut states = history.during(call.start, self.step).flatten();
                states.any(|account| finds(account, to))
            };
            match &call.kind {
                Kind::Assist { who, .. } => self.accounts.get(who).is_some_and(is_told),
                Kind::Freeze { .. } => self.accounts.values().any(is_told),
                _ => false,
            }
        })
    }

    pub fn typed_of(&self, message: &EmailMessage) -> Option<EmailAddress> {
        let (record, _) = self.record_of(message.correlation.as_ref())?;
        Some(self.records.get(&record)?.typed.clone())
    }

    pub fn mailed(&mut self, message: &EmailMessage) {
        let to = message.to.as_str().to_owned();
        if message.purpose == MailPurpose::AccountEvent {
            if !self.was_helped(&message.to) {
                self.violated("I9 a notice of staff who did nothing", || to);
            }
            return;
        }
        if message.purpose == MailPurpose::PasswordChanged {
            if !self.owed.keys().any(|(_, owed, _)| *owed == to) {
                self.violated("I9 a notice without a change", || to);
            }
            return;
        }
        let of = self.record_of(message.correlation.as_ref());
        let (Some(code), Some((record, since))) = (code_in(message), of) else {
            return self.violated("I4 a mail of no reset", || to);
        };
        let Some(bind) = self.bind_of(&record, &code.expose()) else {
            return self.violated("I4 a mail with a code that never counted", || to);
        };
        let Some((who, stamp, place)) = self.records[&record].binds[bind].account.clone() else {
            return self.violated("I4 a mail for nobody", || to);
        };
        if place != Place::Mailbox(message.to.clone()) {
            self.violated("I4 a mail to where no code is bound", || format!("{to}: {who:?}"));
        }
        if !self.some_time(Proof::code(&place), &who, since, |account| account.stamp == stamp) {
            self.violated("I6 a code for who may not", || format!("{who:?}"));
        }
    }

    pub fn arrived(&mut self, message: &EmailMessage) {
        self.noticed.insert((message.to.as_str().to_owned(), 0));
        let tenant = self.tenants.iter().find(|it| it.id.as_str() == message.from_name);
        if message.purpose == MailPurpose::PasswordChanged
            && let (Some(code), Some(tenant)) = (code_in(message), tenant)
        {
            self.freezes.push(FreezeCode {
                at: message.subject.parse().unwrap_or_default(),
                tenant: tenant.id.clone(),
                text: code.expose(),
                to: message.to.clone(),
            });
        }
        let of = self.record_of(message.correlation.as_ref());
        if let (Some(code), Some((record, _))) = (code_in(message), of) {
            self.mailbox.push((record, code.expose(), message.to.as_str().to_owned()));
        }
    }
}
