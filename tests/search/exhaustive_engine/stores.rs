//! What the stores hold, as one value: copied with each state, compared, put back. The verbs keep
//! the contract of the ports; the public suite says so (feature `conformance`).

use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
    sync::Arc,
};

use sspr::{
    domain::{Account, AccountId, EmailAddress, RecordId, TenantId, Timestamp},
    ports::{
        Applied, Freeze, NOTICE_CLOCK_SLACK, NOTICE_LEASE, Notice, NoticeDelivery, NoticeId,
        PasswordChange,
    },
    store::{
        Attempted, Charge, CounterName, Inserted, Loaded, Over, Record, SWEEP_MARGIN, StoredRecord,
        Swapped,
    },
};

use crate::simulation::facts::finds;

/// Records, counters, accounts, notices.
#[derive(Clone, Default)]
pub struct Stores {
    pub records: BTreeMap<RecordId, Arc<Kept>>,
    counters: Arc<BTreeMap<CounterName, Counter>>,
    pub accounts: Vec<(TenantId, Arc<Account>)>,
    pub notices: Arc<Vec<Waiting>>,
    notices_so_far: u32,
    /// What a record was before its challenge began, for a store that writes it back.
    pub older: Option<Arc<Kept>>,
}

#[derive(Clone)]
pub struct Kept {
    record: Record,
    version: u64,
    touched_at: Timestamp,
    tries: u32,
}

#[derive(Clone, Copy, Hash)]
struct Counter {
    value: u64,
    ends_at: Timestamp,
    touched_at: Timestamp,
}

#[derive(Clone)]
pub struct Waiting {
    pub notice: Notice,
    due_at: Timestamp,
    set_at: Timestamp,
}

impl Kept {
    pub fn stored(&self) -> StoredRecord {
        StoredRecord {
            body: self.record.body.clone(),
            expires_at: self.record.expires_at,
            touched_at: self.touched_at,
            tries: self.tries,
            version: self.version,
        }
    }
}

// The code store.
impl Stores {
    pub fn insert(&mut self, record: &Record, charges: &[Charge], now: Timestamp) -> Inserted {
        if self.records.contains_key(&record.id) {
            return Inserted::Exists;
        }
        let over = self.charge(charges, now);
        if !over.is_empty() {
            return Inserted::Refused(over);
        }
        let kept = Kept { record: record.clone(), touched_at: now, tries: 0, version: 1 };
        self.records.insert(record.id, Arc::new(kept));
        Inserted::Inserted
    }

    pub fn attempt(&mut self, id: &RecordId, charges: &[Charge], now: Timestamp) -> Attempted {
        let Some(shared) = self.records.get(id) else { return Attempted::Missing };
        let mut kept = Kept::clone(shared);
        kept.touched_at = now.latest(kept.touched_at);
        if kept.touched_at >= kept.record.expires_at {
            return Attempted::Dead;
        }
        if kept.tries >= kept.record.tries_limit {
            return Attempted::Exhausted;
        }
        let refused = self.charge(charges, now);
        if !refused.is_empty() {
            return Attempted::Refused(refused);
        }
        kept.tries += 1;
        let mut charges = kept.record.charges.clone();
        charges.sort_by_key(|charge| charge.tier);
        let mut over = Vec::new();
        for tier in charges.chunk_by(|one, other| one.tier == other.tier) {
            over = self.charge(tier, now);
            if !over.is_empty() {
                break;
            }
        }
        let record = kept.stored();
        self.records.insert(*id, Arc::new(kept));
        Attempted::Charged { over, record }
    }

    pub fn load(&mut self, id: &RecordId, charges: &[Charge], now: Timestamp) -> Loaded {
        let Some(record) = self.record(id) else { return Loaded::Missing };
        let over = self.charge(charges, now);
        if over.is_empty() { Loaded::Found(record) } else { Loaded::Refused(over) }
    }

    /// What a record holds.
    pub fn record(&self, id: &RecordId) -> Option<StoredRecord> {
        self.records.get(id).map(|kept| kept.stored())
    }

    pub fn swap(
        &mut self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        now: Timestamp,
    ) -> Swapped {
        let Some(kept) = self.records.get(&next.id).cloned() else { return Swapped::Missing };
        if kept.version != expected {
            return Swapped::Conflict { version: kept.version };
        }
        let over = self.charge(charges, now);
        if !over.is_empty() {
            return Swapped::Refused(over);
        }
        for name in clear {
            if let Some(counter) = Arc::make_mut(&mut self.counters).get_mut(name) {
                let at = now.latest(counter.touched_at);
                *counter = Counter { ends_at: at, touched_at: at, value: 0 };
            }
        }
        let version = expected + 1;
        let kept = Kept {
            record: next.clone(),
            touched_at: now.latest(kept.touched_at),
            tries: if next.begins_challenge { 0 } else { kept.tries },
            version,
        };
        self.records.insert(next.id, Arc::new(kept));
        Swapped::Swapped { version }
    }

    /// Writes back what a record was.
    pub fn write_back(&mut self, id: &RecordId) {
        let (Some(older), Some(kept)) = (&self.older, self.records.get(id)) else { return };
        if older.record.id == *id {
            let record = Record { body: older.record.body.clone(), ..kept.record.clone() };
            self.records.insert(*id, Arc::new(Kept { record, ..Kept::clone(kept) }));
        }
    }

    /// All or none.
    pub fn charge(&mut self, charges: &[Charge], now: Timestamp) -> Vec<Over> {
        let (mut plan, mut over) = (Vec::new(), Vec::new());
        for charge in charges {
            let before = self.counters.get(&charge.name);
            let at = before.map_or(now, |counter| now.latest(counter.touched_at));
            let live = before.filter(|counter| at < counter.ends_at);
            let ends_at = live.map_or(at.after(charge.window), |counter| counter.ends_at);
            let value = live.map_or(0, |counter| counter.value) + u64::from(charge.amount);
            if value > u64::from(charge.limit) {
                over.push(Over { ends_at, name: charge.name });
            } else if charge.amount > 0 {
                plan.push((charge.name, Counter { ends_at, touched_at: at, value }));
            }
        }
        if over.is_empty() && !plan.is_empty() {
            Arc::make_mut(&mut self.counters).extend(plan);
        }
        over
    }

    pub fn delete_expired(&mut self, now: Timestamp, limit: usize) -> usize {
        let dead = |end: Timestamp| end.after(SWEEP_MARGIN) <= now;
        let records = self.records.iter();
        let records = records.filter(|(_, it)| dead(it.record.expires_at.latest(it.touched_at)));
        let records: Vec<_> = records.map(|(id, _)| *id).take(limit).collect();
        let counters = self.counters.iter();
        let counters = counters.filter(|(_, it)| dead(it.ends_at.latest(it.touched_at)));
        let left = limit - records.len();
        let counters: Vec<_> = counters.map(|(name, _)| *name).take(left).collect();
        self.records.retain(|id, _| !records.contains(id));
        Arc::make_mut(&mut self.counters).retain(|name, _| !counters.contains(name));
        records.len() + counters.len()
    }
}

// The users table, with its outbox.
impl Stores {
    pub fn put(&mut self, tenant: &TenantId, account: Account) {
        match self.accounts.iter_mut().find(|(at, it)| at == tenant && it.id == account.id) {
            Some((_, kept)) => *kept = Arc::new(account),
            None => self.accounts.push((tenant.clone(), Arc::new(account))),
        }
    }

    pub fn update(&mut self, tenant: &TenantId, id: &AccountId, act: impl FnOnce(&mut Account)) {
        let found = self.accounts.iter_mut().find(|(at, it)| at == tenant && it.id == *id);
        if let Some((_, account)) = found {
            act(Arc::make_mut(account));
        }
    }

    pub fn find_by_address(&self, tenant: &TenantId, address: &EmailAddress) -> Vec<Account> {
        let of = self.accounts.iter().filter(|(at, _)| at == tenant);
        let found = of.filter(|(_, account)| finds(account, address));
        found.map(|(_, account)| Account::clone(account)).collect()
    }

    pub fn find(&self, tenant: &TenantId, id: &AccountId) -> Option<Account> {
        let found = self.accounts.iter().find(|(at, account)| at == tenant && account.id == *id);
        found.map(|(_, account)| Account::clone(account))
    }

    pub fn apply_change(&mut self, change: &PasswordChange) -> Applied {
        let Some(account) = self.find(&change.tenant, &change.account) else {
            return Applied::Stale;
        };
        if account.last_change == Some(change.operation) {
            return Applied::Repeated { stamp: account.stamp };
        }
        if account.stamp != change.expected_stamp {
            return Applied::Stale;
        }
        self.update(&change.tenant, &change.account, |account| {
            account.last_change = Some(change.operation);
            if let Some(addresses) = &change.addresses {
                account.addresses.clone_from(addresses);
                account.phones.clear();
            }
            account.frozen = None;
            account.locked = false;
            account.must_change = change.must_change;
            account.password = Some(change.password.clone());
            account.password_expires_at = change.password_expires_at;
            account.stamp = change.next_stamp;
        });
        for recipient in &change.notify {
            self.notices_so_far += 1;
            let id = NoticeId(self.notices_so_far.to_string());
            let (tenant, to) = (change.tenant.clone(), recipient.to.clone());
            let mut notice = Notice::new(id, tenant, to, change.at);
            notice.account = Some(change.account.clone());
            notice.cause = recipient.cause;
            notice.language.clone_from(&change.language);
            notice.operation = Some(change.operation);
            let waiting = Waiting { due_at: change.at, notice, set_at: change.at };
            Arc::make_mut(&mut self.notices).push(waiting);
        }
        Applied::Done { notice: NoticeDelivery::Queued }
    }

    pub fn freeze(&mut self, freeze: &Freeze) -> bool {
        let Some(account) = self.find(&freeze.tenant, &freeze.account) else { return false };
        if account.stamp != freeze.expected_stamp {
            return account.stamp == freeze.next_stamp;
        }
        self.update(&freeze.tenant, &freeze.account, |account| {
            account.frozen.clone_from(&freeze.frozen);
            account.stamp = freeze.next_stamp;
        });
        true
    }

    pub fn due(&mut self, now: Timestamp, limit: usize) -> Vec<Notice> {
        let latest = now.after(NOTICE_CLOCK_SLACK);
        let waiting = Arc::make_mut(&mut self.notices).iter_mut();
        let mut due: Vec<_> = waiting.filter(|it| it.due_at <= now || it.set_at > latest).collect();
        due.sort_by_key(|waiting| waiting.due_at);
        let leased = due.into_iter().take(limit).map(|waiting| {
            (waiting.due_at, waiting.set_at) = (now.after(NOTICE_LEASE), now);
            waiting.notice.clone()
        });
        leased.collect()
    }

    pub fn postpone(&mut self, id: &NoticeId, tries: u32, until: Timestamp, now: Timestamp) {
        let mut waiting = Arc::make_mut(&mut self.notices).iter_mut();
        if let Some(waiting) = waiting.find(|waiting| waiting.notice.id == *id) {
            (waiting.due_at, waiting.set_at, waiting.notice.tries) = (until, now, tries);
        }
    }

    pub fn done(&mut self, id: &NoticeId) {
        Arc::make_mut(&mut self.notices).retain(|waiting| waiting.notice.id != *id);
    }
}

impl Hash for Stores {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for (id, kept) in &self.records {
            let Kept { record, version, touched_at, tries } = &**kept;
            (id, version, touched_at, tries, record.expires_at).hash(state);
            (record.tries_limit, &record.body).hash(state);
            record.charges.iter().for_each(|charge| charge.name.hash(state));
        }
        self.counters.hash(state);
        for (_, account) in &self.accounts {
            (account.stamp.as_bytes(), account.last_change, account.disabled).hash(state);
            (account.must_change, account.frozen.is_some()).hash(state);
            account.password.as_ref().map(|hash| hash.expose()).hash(state);
            account.addresses.iter().for_each(|address| address.as_str().hash(state));
            account.phones.hash(state);
        }
        for waiting in &*self.notices {
            (&waiting.notice.id, waiting.notice.tries, waiting.due_at, waiting.set_at).hash(state);
        }
    }
}
