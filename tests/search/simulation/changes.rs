//! What the oracle says of the users table and of mail: changes of passwords, notices, codes.

use std::time::Duration;

use sspr::{
    adapters::code_in,
    domain::{Account, EmailAddress, RecordId, Timestamp},
    flow::StageName,
    mail::{EmailMessage, MailPurpose},
    ports::{Applied, Notice, NoticeDelivery, PasswordChange, SendErrorKind},
};

use super::{facts::*, oracle::Oracle};

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
        let (Applied::Done { notice }, Some(before), Some(after)) = (done, before, after) else {
            return;
        };
        let (who, step) = ((change.tenant.clone(), change.account.clone()), self.step);
        let queued = *notice == NoticeDelivery::Queued;
        for to in &before.addresses {
            let key = (change.tenant.to_string(), to.as_str().to_owned(), change.at.as_micros());
            let owed = self.owed.entry(key).or_insert(Owed {
                call,
                changes: 0,
                heard: false,
                put_off: 0,
                queued,
                told: false,
            });
            owed.changes += 1;
            owed.heard = !self.calls[call].cut && !self.calls[call].faulted;
        }
        if after.stamp == before.stamp || after.password.as_ref() != Some(&change.password) {
            self.violated("I5 hash and stamp change together", || format!("call {call}: {who:?}"));
        }
        if let Some(history) = self.accounts.get_mut(&who) {
            history.push(step, Some(after));
        }
        let about = &self.calls[call];
        let Kind::Submit { grant, .. } = &about.kind else {
            return self.violated("I5 only a submit changes a password", || format!("call {call}"));
        };
        if about.leaked {
            return self.violated("I6 a password that has leaked", || format!("call {call}"));
        }
        let (start, now) = (about.start, about.now.latest(about.touched));
        let (alone, text) = (about.now, grant.clone());
        let Some(facts) = self.records.get_mut(&change.reset) else { return };
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
        let Some((owner, stamp, address)) = bound else { return };
        if owner != who || of != change.reset {
            self.violated("I4 the account", || format!("call {call}: {owner:?}, {who:?}"));
        } else if before.stamp != stamp || !before.addresses.contains(&address) {
            self.violated("I4 the stamp and the address", || format!("call {call}: {who:?}"));
        } else if !self.some_time(&who, start, |_| true) {
            self.violated("I6 a change that policy forbids", || format!("call {call}: {who:?}"));
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
            if times > self.owed.get(&key).map_or(0, |owed| owed.changes) as usize {
                self.violated("I9 one notice of a change", || format!("{key:?}"));
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

    /// Once the couriers have had their time: each request for a code that is still of use has led
    /// to a mail.
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
                who.0 == *tenant && during.any(|it| it.addresses.contains(&facts.typed))
            });
            let (Some((who, _)), None) = (behind.next(), behind.next()) else { return None };
            let same = |it: &Account| it.addresses.contains(&facts.typed);
            self.all_the_time(who, send.step, same).then(|| format!("{id:?} {who:?}: {send:?}"))
        });
        if let Some(seen) = lost {
            self.violated("I13 a mail is lost", || seen);
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
        if message.purpose == MailPurpose::PasswordChanged {
            let at = message.subject.parse().unwrap_or_default();
            let key = (message.from_name.clone(), message.to.as_str().to_owned(), at);
            if let Some(owed) = self.owed.get_mut(&key) {
                owed.told |= done;
                owed.put_off += u32::from(!done);
            }
            return;
        }
        let (Some(code), Some((record, _))) = (code_in(message), self.record_of(message)) else {
            return;
        };
        let Some(bind) = self.bind_of(&record, &code.expose()) else { return };
        let Some(facts) = self.records.get_mut(&record) else { return };
        let number = facts.binds[bind].number;
        for send in facts.sends.iter_mut().filter(|send| send.number == number) {
            send.unknown += u32::from(said == Said::ForNow(SendErrorKind::Unknown));
            send.done |= done || send.unknown > 1;
        }
    }

    fn record_of(&self, message: &EmailMessage) -> Option<(RecordId, u64)> {
        let call: usize = message.correlation.as_ref()?.as_str().parse().ok()?;
        Some((self.calls.get(call)?.record?, self.calls[call].start))
    }

    pub fn typed_of(&self, message: &EmailMessage) -> Option<EmailAddress> {
        Some(self.records.get(&self.record_of(message)?.0)?.typed.clone())
    }

    pub fn mailed(&mut self, message: &EmailMessage) {
        let to = message.to.as_str().to_owned();
        if message.purpose == MailPurpose::PasswordChanged {
            if !self.owed.keys().any(|(_, owed, _)| *owed == to) {
                self.violated("I9 a notice without a change", || to);
            }
            return;
        }
        let (Some(code), Some((record, since))) = (code_in(message), self.record_of(message))
        else {
            return self.violated("I4 a mail of no reset", || to);
        };
        let Some(bind) = self.bind_of(&record, &code.expose()) else {
            return self.violated("I4 a mail with a code that never counted", || to);
        };
        let Some((who, stamp, address)) = self.records[&record].binds[bind].account.clone() else {
            return self.violated("I4 a mail for nobody", || to);
        };
        if address.as_str() != to {
            self.violated("I4 a mail to where no code is bound", || format!("{to}: {who:?}"));
        }
        if !self.some_time(&who, since, |account| account.stamp == stamp) {
            self.violated("I6 a code for who may not", || format!("{who:?}"));
        }
    }

    pub fn arrived(&mut self, message: &EmailMessage) {
        self.noticed.insert((message.to.as_str().to_owned(), 0));
        if let (Some(code), Some((record, _))) = (code_in(message), self.record_of(message)) {
            self.mailbox.push((record, code.expose(), message.to.as_str().to_owned()));
        }
    }
}
