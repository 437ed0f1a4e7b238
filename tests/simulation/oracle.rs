//! The oracle: watches every port from outside, keeps its own books, and says which invariant does
//! not hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sspr::{
    adapters::code_in,
    domain::{
        Account, Charge, Code, CodeFormat, CounterName, EmailAddress, Family, Instant, Keyring,
        Over, Purpose, RecordId,
    },
    flow::{Bound, Lockout, Reset, Stage, decode_lockout, decode_reset},
    mail::{EmailMessage, MailPurpose},
    policy::Numbers,
    ports::{Applied, Attempted, Inserted, Notice, PasswordChange, Record, Swapped},
};

use super::facts::*;

/// An invariant that does not hold, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub invariant: &'static str,
    pub seen: String,
}

#[derive(Default)]
pub struct Oracle {
    pub step: u64,
    /// The latest time that any process has told.
    pub latest: Instant,
    pub violation: Option<Violation>,
    /// What the keyrings of all deployments hold.
    pub rings: Vec<Keyring>,
    pub tenants: Vec<TenantFacts>,
    pub accounts: BTreeMap<Who, History<Option<Account>>>,
    pub records: HashMap<RecordId, RecordFacts>,
    pub grants: HashMap<String, GrantFacts>,
    pub tickets: HashMap<String, TicketFacts>,
    pub calls: Vec<Call>,
    /// What arrived where: record, code, and the text of the address.
    pub mailbox: Vec<(RecordId, String, String)>,
    budgets: BTreeMap<Who, Budget>,
    /// Notices that are owed, by tenant, address and time of the change.
    owed: BTreeMap<(String, String, i64), u32>,
    notices: BTreeMap<String, (String, String, i64)>,
    noticed: BTreeSet<(String, i64)>,
    locks: HashMap<RecordId, (Instant, Vec<(usize, Instant)>)>,
}

impl Oracle {
    /// Takes note of the first invariant that does not hold.
    pub fn violated(&mut self, invariant: &'static str, seen: impl FnOnce() -> String) {
        if self.violation.is_none() {
            self.violation = Some(Violation { invariant, seen: seen() });
        }
    }

    pub fn entered(&mut self, call: usize) {
        self.calls[call].entered += 1;
    }

    pub fn faulted(&mut self, call: usize) {
        self.calls[call].faulted = true;
    }

    pub fn on_request_path(&self, call: usize) -> bool {
        !matches!(self.calls[call].kind, Kind::Courier)
    }

    pub fn tenant_of(&self, facts: &RecordFacts) -> &TenantFacts {
        &self.tenants[facts.tenant]
    }

    /// Whether at some time from one step to another the administrator let the account reset and
    /// the account was as `like` says.
    pub fn some_time(&self, who: &Who, from: u64, like: impl Fn(&Account) -> bool) -> bool {
        let (to, tenant) = (self.step, self.tenants.iter().find(|facts| facts.id == who.0));
        let (Some(tenant), Some(account)) = (tenant, self.accounts.get(who)) else { return false };
        tenant.modes.during(from, to).any(|mode| {
            account.during(from, to).flatten().any(|it| eligible(*mode, it) && like(it))
        })
    }

    /// Whether that was so all the time.
    pub fn all_the_time(&self, who: &Who, from: u64, like: impl Fn(&Account) -> bool) -> bool {
        let (to, tenant) = (self.step, self.tenants.iter().find(|facts| facts.id == who.0));
        let (Some(tenant), Some(account)) = (tenant, self.accounts.get(who)) else { return false };
        tenant.modes.during(from, to).all(|mode| {
            account
                .during(from, to)
                .all(|it| it.as_ref().is_some_and(|it| eligible(*mode, it) && like(it)))
        })
    }

    // What the code store is asked.

    pub fn inserted(&mut self, call: usize, record: &Record, done: &Inserted, now: Instant) {
        self.secrets(record);
        if let Ok(lockout) = decode_lockout(&record.body) {
            if *done == Inserted::Inserted {
                self.locked(call, record.id, lockout, now);
            }
            return;
        }
        if !matches!(done, Inserted::Inserted | Inserted::Exists) {
            return;
        }
        self.calls[call].record = Some(record.id);
        let Kind::Open { tenant, typed, .. } = &self.calls[call].kind else {
            return self.violated("I4 only an opening opens", || format!("call {call}"));
        };
        let facts = RecordFacts {
            applied: None,
            binds: Vec::new(),
            expires_at: record.expires_at,
            hashes: 0,
            hashes_charged: 0,
            key: self.rings[self.calls[call].ring].signing(),
            stages: History::new(sspr::flow::StageName::Opened),
            tenant: *tenant,
            grant_until: None,
            ticket_until: None,
            touched: now,
            tries: 0,
            typed: typed.clone(),
        };
        if *done == Inserted::Inserted && self.records.insert(record.id, facts).is_some() {
            // Opened again under its request's key, long after the first was swept: what that one
            // gave out is dead.
            self.grants.retain(|_, grant| grant.record != record.id);
            self.tickets.retain(|_, ticket| ticket.record != record.id);
        }
    }

    pub fn attempted(&mut self, call: usize, id: RecordId, answer: &Attempted, now: Instant) {
        let Some(facts) = self.records.get_mut(&id) else { return };
        let limit = self.tenants[facts.tenant].numbers.tries_per_challenge;
        match answer {
            Attempted::Missing | Attempted::Dead => {}
            Attempted::Exhausted => {
                facts.touched = facts.touched.latest(now);
                if facts.tries < limit {
                    let tries = facts.tries;
                    let seen = || format!("after {tries} tries (call {call})");
                    self.violated("I3 exhausted before its tries", seen);
                }
            }
            Attempted::Charged { record, over } => {
                let dead = facts.touched.latest(now) >= facts.expires_at;
                facts.touched = facts.touched.latest(now);
                facts.tries += 1;
                let Ok(reset) = decode_reset(&record.body) else { return };
                let number = reset.bound.as_ref().map(|bound| bound.number);
                self.calls[call].attempt = Some(Attempt { number, over: !over.is_empty() });
                let bind = facts.binds.iter_mut().find(|bind| Some(bind.number) == number);
                let mut who = None;
                let mut tries = 0;
                if let Some(bind) = bind {
                    bind.tries += 1;
                    tries = bind.tries;
                    let account = bind.account.as_ref().map(|(who, ..)| who.clone());
                    who = account.filter(|_| over.is_empty() && bind.short);
                }
                let tenant = facts.tenant;
                if dead {
                    self.violated("I8 a dead record is tried", || format!("call {call}"));
                }
                if tries > limit {
                    let seen = || format!("try {tries} (call {call})");
                    self.violated("I2 comparisons of a challenge", seen);
                }
                if let Some(who) = who {
                    self.spend(&who, tenant, now);
                }
            }
        }
    }

    /// One comparison of a short code of an account, or what may be one.
    fn spend(&mut self, who: &Who, tenant: usize, now: Instant) {
        let numbers = self.tenants[tenant].numbers;
        let budget = self.budgets.entry(who.clone()).or_default();
        let at = now.latest(budget.touched);
        budget.touched = at;
        if at >= budget.window_ends {
            (budget.window_ends, budget.in_window) = (at.after(numbers.tries_window), 0);
        }
        if at >= budget.streak_ends {
            (budget.streak_ends, budget.in_streak) = (at.after(numbers.streak_window), 0);
        }
        budget.in_window += 1;
        budget.in_streak += 1;
        let (window, streak) = (budget.in_window, budget.in_streak);
        if window > numbers.tries_per_window || streak > numbers.tries_per_streak {
            let seen = || format!("{window} in a window, {streak} since a right code: {who:?}");
            self.violated("I2 comparisons of an account", seen);
        }
    }

    pub fn swapped(
        &mut self,
        call: usize,
        next: &Record,
        done: &Swapped,
        clear: &[CounterName],
        now: Instant,
    ) {
        self.secrets(next);
        if !matches!(done, Swapped::Swapped { .. }) {
            return;
        }
        if let Ok(lockout) = decode_lockout(&next.body) {
            return self.locked(call, next.id, lockout, now);
        }
        let Ok(reset) = decode_reset(&next.body) else { return };
        let step = self.step;
        let Some(facts) = self.records.get_mut(&next.id) else { return };
        facts.touched = facts.touched.latest(now);
        facts.expires_at = next.expires_at;
        if *facts.stages.last() != reset.stage.name() {
            facts.stages.push(step, reset.stage.name());
        }
        match reset.stage {
            Stage::Verified { expires_at, .. } => facts.grant_until = Some(expires_at),
            Stage::Completed { expires_at, .. } => facts.ticket_until = Some(expires_at),
            _ => {}
        }
        let last = facts.binds.last().map_or(0, |bind| bind.number);
        if next.begins_challenge
            && let Some(bound) = &reset.bound
        {
            facts.tries = 0;
            let account = self.identify(&next.id, &reset, bound);
            let bind = Bind {
                account,
                binding: bound.binding,
                digest: bound.code,
                expires_at: bound.expires_at,
                grants: BTreeSet::new(),
                key: bound.key,
                number: bound.number,
                short: bound.format == CodeFormat::Digits,
                step,
                tries: 0,
            };
            if bind.number <= last {
                self.violated("I3 an older code replaces a newer", || format!("call {call}"));
            }
            if let Some(facts) = self.records.get_mut(&next.id) {
                facts.binds.push(bind);
            }
        }
        if !clear.is_empty() {
            let facts = self.records.get(&next.id);
            let account = facts.and_then(|facts| facts.binds.last()?.account.as_ref());
            if let Some(budget) = account.and_then(|(who, ..)| self.budgets.get_mut(who)) {
                budget.in_streak = 0;
            }
        }
    }

    /// The account, stamp and address whose digest a code carries; found by trying all.
    fn identify(&self, id: &RecordId, reset: &Reset, bound: &Bound) -> BoundTo {
        let origin = &reset.origin;
        let ring = self.ring_of(bound.key)?;
        for (who, history) in self.accounts.iter().filter(|(who, _)| who.0 == origin.tenant) {
            for account in history.newest(6).flatten() {
                for address in &account.addresses {
                    let fields = ring.under(bound.key, Purpose::Binding)?.tenant(&origin.tenant);
                    let fields = fields.text(account.id.as_str()).bytes(account.stamp.as_bytes());
                    let fields = fields.text(address.as_str()).bytes(id.as_bytes());
                    let fields = fields.number(bound.number.into()).text(origin.user_flow.as_str());
                    let digest = fields.text(origin.application.as_str()).digest();
                    if digest.matches(&bound.binding) {
                        return Some((who.clone(), account.stamp, address.clone()));
                    }
                }
            }
        }
        None
    }

    pub fn ring_of(&self, key: sspr::domain::KeyId) -> Option<&Keyring> {
        self.rings.iter().find(|ring| ring.under(key, Purpose::Binding).is_some())
    }

    /// Which of a record's codes this one is.
    pub fn bind_of(&self, record: &RecordId, code: &str) -> Option<usize> {
        let code = Code::parse(code).ok()?;
        let facts = self.records.get(record)?;
        facts.binds.iter().position(|bind| {
            let digest = self
                .ring_of(bind.key)
                .and_then(|ring| ring.code_digest(bind.key, &bind.binding, &code));
            digest.is_some_and(|digest| digest.matches(&bind.digest))
        })
    }

    pub fn charged(&mut self, call: usize, charges: &[Charge], over: &[Over]) {
        let grants = charges.iter().any(|charge| charge.name.family() == Some(Family::Grants));
        let Some(record) = self.calls[call].record.filter(|_| grants) else { return };
        if over.is_empty() {
            if let Some(facts) = self.records.get_mut(&record) {
                facts.hashes_charged += 1;
            }
        } else {
            self.calls[call].hash_refused = true;
        }
    }

    /// A lockout was written: the first time in a call it is charged, then cleared or given back.
    fn locked(&mut self, call: usize, id: RecordId, lockout: Lockout, now: Instant) {
        let (touched, times) = self.locks.entry(id).or_default();
        *touched = touched.latest(now);
        let at = *touched;
        if self.calls[call].lockout.replace(id).is_some() {
            if lockout.failures == 0 {
                times.clear();
            } else {
                times.retain(|(by, _)| *by != call);
            }
            return;
        }
        times.retain(|(_, time)| at.since(*time) < std::time::Duration::from_secs(60));
        times.push((call, at));
        if times.len() > 10 {
            let tries = times.len();
            self.violated("I2 lockout", || format!("{tries} passwords in a minute (call {call})"));
        }
    }

    /// Nothing that is secret stands in a record.
    fn secrets(&mut self, record: &Record) {
        let holds =
            |text: &str| record.body.windows(text.len()).any(|part| part == text.as_bytes());
        if holds("example.com") || holds("home.example") {
            self.violated("I10 an address at rest", || format!("{:?}", record.id));
        }
    }

    // What the users table is asked.

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

    // What the mail system is asked.

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

type BoundTo = Option<(Who, sspr::domain::Stamp, EmailAddress)>;
