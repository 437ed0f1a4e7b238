//! What the oracle says of the users table and of mail: changes of passwords, notices, codes.

use sspr::{
    adapters::code_in,
    domain::{Account, EmailAddress, RecordId},
    mail::{EmailMessage, MailPurpose},
    policy::Numbers,
    ports::{Applied, Notice, PasswordChange},
};

use super::{facts::*, oracle::Oracle};

impl Oracle {
    pub fn applied(
        &mut self,
        call: usize,
        change: &PasswordChange,
        done: &Applied,
        before: Option<Account>,
        after: Option<Account>,
    ) {
        let (Applied::Done { .. }, Some(before), Some(after)) = (done, before, after) else {
            return;
        };
        let (who, step) = ((change.tenant.clone(), change.account.clone()), self.step);
        for to in &before.addresses {
            let key = (change.tenant.to_string(), to.as_str().to_owned(), change.at.as_micros());
            *self.owed.entry(key).or_default() += 1;
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

    pub fn hashed(&mut self, call: usize) {
        let about = &self.calls[call];
        match &about.kind {
            Kind::Submit { .. } => {
                let Some(facts) = about.record.and_then(|id| self.records.get_mut(&id)) else {
                    return;
                };
                facts.hashes += 1;
                let hashes = facts.hashes;
                // Ten, also where a tenant says less: a process that has just started goes by the
                // defaults until it has met the tenant.
                if hashes > Numbers::default().submits_per_grant {
                    self.violated("I11 hashes of a grant", || format!("{hashes} (call {call})"));
                }
            }
            Kind::SignIn { .. } if about.lockout.is_none() => {
                self.violated("I2 a password compared uncharged", || format!("call {call}"));
            }
            Kind::SignIn { .. } => {}
            _ => self.violated("I11 a hash for nothing", || format!("call {call}")),
        }
    }

    pub fn noticed(&mut self, due: &[Notice]) {
        for notice in due {
            let (to, at) = (notice.to.as_str().to_owned(), notice.at.as_micros());
            let key = (notice.tenant.to_string(), to, at);
            self.notices.insert(notice.id.0.clone(), key.clone());
            let times = self.notices.values().filter(|other| **other == key).count();
            if times > self.owed.get(&key).copied().unwrap_or(0) as usize {
                self.violated("I9 one notice of a change", || format!("{key:?}"));
            }
        }
    }

    /// At the end, when everything that was due has been handed out.
    pub fn all_noticed(&mut self) {
        let owed: u32 = self.owed.values().sum();
        let found = self.notices.len();
        if owed as usize != found {
            self.violated("I9 one notice of a change", || format!("{owed} owed, {found} found"));
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
