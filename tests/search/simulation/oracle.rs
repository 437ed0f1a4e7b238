//! The oracle: watches every port from outside, keeps its own books, and says which invariant does
//! not hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sspr::{
    domain::{Account, Code, CodeFormat, Keyring, Method, Purpose, RecordId, Stamp, Timestamp},
    flow::{Bound, Reset, ResetReason, Stage, decode_lockout, decode_reset},
    store::{Attempted, Charge, CounterName, Family, Inserted, Loaded, Over, Record, Swapped},
};

use super::{
    facts::*,
    founding::rules,
    methods::{Place, Proof, numbers, permitted},
    texts::TextBooks,
};

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
    pub latest: Timestamp,
    pub violation: Option<Violation>,
    /// What the keyrings of all deployments hold.
    pub rings: Vec<Keyring>,
    pub tenants: Vec<TenantFacts>,
    pub accounts: BTreeMap<Who, History<Option<Account>>>,
    pub records: HashMap<RecordId, RecordFacts>,
    pub grants: HashMap<String, GrantFacts>,
    pub tickets: HashMap<String, TicketFacts>,
    pub calls: Vec<Call>,
    /// What texts have cost.
    pub texts: TextBooks,
    /// What arrived where: record, code, and the text of the place.
    pub mailbox: Vec<(RecordId, String, String)>,
    /// The codes of notices that have arrived, and the passwords that were chosen, in order.
    pub freezes: Vec<FreezeCode>,
    pub chosen: Vec<Chosen>,
    pub budgets: BTreeMap<Who, Budget>,
    /// Notices that are owed, by tenant, address and time of the change.
    pub owed: BTreeMap<(String, String, i64), Owed>,
    /// What the clock of each process shows.
    pub clocks: Vec<Timestamp>,
    /// Whether the processes have an outbox.
    pub outbox: bool,
    /// When each process began.
    pub started: Vec<u64>,
    pub notices: BTreeMap<String, (String, String, i64)>,
    pub noticed: BTreeSet<(String, i64)>,
    pub locks: HashMap<RecordId, (Timestamp, Vec<(usize, Timestamp)>)>,
    /// How often the operation of a signed-in user or of staff has changed a password.
    pub operations: HashMap<(Who, RecordId), u32>,
    /// Which operation the form of a number was, and by which keyring.
    pub forms: HashMap<u32, (RecordId, usize, Stamp)>,
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

    /// Its caller goes away.
    pub fn cut(&mut self, call: usize) {
        self.calls[call].cut = true;
    }

    /// Whether a call's process has gone on living since it began.
    pub fn lives(&self, call: &Call) -> bool {
        self.started[call.process] <= call.start
    }

    /// The time of a call's process, as far as anybody has told.
    pub fn now_of(&self, call: usize) -> Timestamp {
        self.clocks.get(self.calls[call].process).copied().unwrap_or_default()
    }

    pub fn on_request_path(&self, call: usize) -> bool {
        self.calls.get(call).is_none_or(|call| !matches!(call.kind, Kind::Courier))
    }

    pub fn tenant_of(&self, facts: &RecordFacts) -> &TenantFacts {
        &self.tenants[facts.tenant]
    }

    /// Whether at some time from one step to another the administrator let the account reset by this
    /// proof and the account was as `like` says.
    pub fn some_time(
        &self,
        proof: Proof<'_>,
        who: &Who,
        from: u64,
        like: impl Fn(&Account) -> bool,
    ) -> bool {
        let Some((tenant, account)) = self.histories(who) else { return false };
        let may = |mode, it: &Account| permitted(proof, tenant.texts, mode, it) && like(it);
        let to = self.step;
        tenant.modes.during(from, to).any(|mode| {
            let mut accounts = account.during(from, to).flatten();
            accounts.any(|it| may(*mode, it))
        })
    }

    /// Whether that was so all the time.
    pub fn all_the_time(
        &self,
        proof: Proof<'_>,
        who: &Who,
        from: u64,
        like: impl Fn(&Account) -> bool,
    ) -> bool {
        let Some((tenant, account)) = self.histories(who) else { return false };
        let may = |mode, it: &Account| permitted(proof, tenant.texts, mode, it) && like(it);
        let to = self.step;
        tenant.modes.during(from, to).all(|mode| {
            account.during(from, to).all(|it| it.as_ref().is_some_and(|it| may(*mode, it)))
        })
    }

    fn histories(&self, who: &Who) -> Option<(&TenantFacts, &History<Option<Account>>)> {
        let tenant = self.tenants.iter().find(|facts| facts.id == who.0)?;
        Some((tenant, self.accounts.get(who)?))
    }

    /// Records that nobody may remove: they have not ended by any process's clock.
    pub fn alive(&self) -> Vec<RecordId> {
        let alive = self.records.iter().filter(|(_, facts)| self.latest < facts.expires_at);
        alive.map(|(id, _)| *id).collect()
    }

    // What the code store is asked.

    /// A call is about to write this record: its mail may be sent although another call of the same
    /// moment and request writes it.
    pub fn inserts(&mut self, call: usize, record: &Record) {
        if decode_reset(&record.body).is_ok() {
            self.calls[call].record.get_or_insert(record.id);
        }
    }

    pub fn inserted(&mut self, call: usize, record: &Record, done: &Inserted, now: Timestamp) {
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
        let Ok(reset) = decode_reset(&record.body) else { return };
        let (reason, ring) = (reset.origin.reason, self.calls[call].ring);
        let at = |who: &Who| self.tenants.iter().position(|facts| facts.id == who.0);
        // What staff and forced changes begin is for the account, whatever was typed.
        let (tenant, typed) = match (&self.calls[call].kind, reason) {
            (Kind::Open { tenant, typed, .. }, ResetReason::Forgot) => (*tenant, typed.clone()),
            (Kind::SignIn { tenant, address, .. }, ResetReason::MustChange) => {
                (*tenant, address.clone())
            }
            (Kind::Assist { deed: Deed::HandOverCode, who }, ResetReason::Assistance) => {
                let first =
                    self.accounts[who].last().as_ref().map(|it| it.destinations()[0].clone());
                let (Some(tenant), Some(first)) = (at(who), first) else { return };
                (tenant, first)
            }
            _ => return self.violated("I4 only an opening opens", || format!("call {call}")),
        };
        let step = self.step;
        let sends = reset.sent.map(|sent| SendFacts {
            by: sent.method,
            call,
            done: false,
            expires_at: sent.expires_at,
            number: sent.number,
            step,
            unknown: 0,
        });
        let bind = reset.bound.as_ref().map(|bound| Bind {
            account: self.identify(&record.id, &reset, bound),
            binding: bound.binding,
            digest: bound.code,
            expires_at: bound.expires_at,
            grants: BTreeSet::new(),
            key: bound.key,
            number: bound.number,
            short: false,
            step,
            tries: 0,
        });
        let grant_until = match reset.stage {
            Stage::Verified { expires_at, .. } => Some(expires_at),
            _ => None,
        };
        let facts = RecordFacts {
            applied: None,
            binds: bind.into_iter().collect(),
            ends_at: reset.ends_at,
            expires_at: record.expires_at,
            redeemed_by: None,
            key: self.rings[ring].signing(),
            reason,
            ring,
            sends: sends.into_iter().collect(),
            stages: History::new(reset.stage.name()),
            tenant,
            grant_until,
            ticket_stamp: None,
            ticket_until: None,
            touched: now,
            tries: 0,
            typed,
        };
        if *done != Inserted::Inserted {
            return;
        }
        if reset.sent.is_some_and(|sent| sent.method == Method::Sms) {
            self.asked_for_a_text(call, tenant, now);
        }
        if self.records.insert(record.id, facts).is_some() {
            // Opened again under its request's key, long after the first was swept: what that one
            // gave out is dead.
            self.grants.retain(|_, grant| grant.record != record.id);
            self.tickets.retain(|_, ticket| ticket.record != record.id);
        }
    }

    pub fn attempted(&mut self, call: usize, id: RecordId, answer: &Attempted, now: Timestamp) {
        let Some(facts) = self.records.get_mut(&id) else { return };
        let limit = self.tenants[facts.tenant].limits.tries_per_challenge();
        match answer {
            Attempted::Missing | Attempted::Dead | Attempted::Refused(_) => {}
            Attempted::Exhausted => {
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
    fn spend(&mut self, who: &Who, tenant: usize, now: Timestamp) {
        let limits = self.tenants[tenant].limits;
        let budget = self.budgets.entry(who.clone()).or_default();
        let at = now.latest(budget.touched);
        budget.touched = at;
        if at >= budget.window_ends {
            (budget.window_ends, budget.in_window) = (at.after(limits.tries_window()), 0);
        }
        if at >= budget.streak_ends {
            (budget.streak_ends, budget.in_streak) = (at.after(limits.streak_window()), 0);
        }
        budget.in_window += 1;
        budget.in_streak += 1;
        let (window, streak) = (budget.in_window, budget.in_streak);
        if window > limits.tries_per_window() || streak > limits.tries_per_streak() {
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
        now: Timestamp,
    ) {
        self.secrets(next);
        if let Swapped::Refused(over) = done {
            self.refused_to_bind(next, over, now);
        }
        if !matches!(done, Swapped::Swapped { .. }) {
            return;
        }
        if let Some(grant) = self.grant_of(call) {
            grant.turns.retain(|turn| !clear.contains(turn));
        }
        if let Ok(lockout) = decode_lockout(&next.body) {
            return self.locked(call, next.id, lockout, now);
        }
        let Ok(reset) = decode_reset(&next.body) else { return };
        let (step, mut asked) = (self.step, None);
        let Some(facts) = self.records.get_mut(&next.id) else { return };
        facts.touched = facts.touched.latest(now);
        facts.expires_at = next.expires_at;
        if let Some(sent) = reset.sent
            && facts.sends.last().is_none_or(|last| last.number < sent.number)
        {
            let (by, number, expires_at) = (sent.method, sent.number, sent.expires_at);
            let send = SendFacts { by, call, done: false, expires_at, number, step, unknown: 0 };
            facts.sends.push(send);
            asked = Some(facts.tenant).filter(|_| by == Method::Sms);
        }
        if *facts.stages.last() != reset.stage.name() {
            facts.stages.push(step, reset.stage.name());
        }
        match reset.stage {
            Stage::Verified { expires_at, .. } => facts.grant_until = Some(expires_at),
            Stage::Completed { expires_at, stamp, .. } => {
                (facts.ticket_until, facts.ticket_stamp) = (Some(expires_at), Some(stamp));
            }
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
            self.texts_to(&next.id, &bind, now);
            if let Some(facts) = self.records.get_mut(&next.id) {
                facts.binds.push(bind);
            }
        }
        if let Some(tenant) = asked {
            self.asked_for_a_text(call, tenant, now);
        }
        if !clear.is_empty() {
            let facts = self.records.get(&next.id);
            let account = facts.and_then(|facts| facts.binds.last()?.account.as_ref());
            if let Some(budget) = account.and_then(|(who, ..)| self.budgets.get_mut(who)) {
                budget.in_streak = 0;
            }
        }
    }

    /// The account, stamp and place whose digest a code carries; found by trying all. A code by text
    /// may have gone to whatever number.
    pub fn identify(&self, id: &RecordId, reset: &Reset, bound: &Bound) -> BoundTo {
        let origin = &reset.origin;
        let ring = self.ring_of(bound.key)?;
        let by_text = reset.sent.is_some_and(|sent| sent.method == Method::Sms);
        for (who, history) in self.accounts.iter().filter(|(who, _)| who.0 == origin.tenant) {
            let mut last = None;
            for account in history.newest(6).flatten() {
                let places: Vec<_> = match by_text {
                    true if last.replace(account.stamp) == Some(account.stamp) => continue,
                    true => numbers().map(Place::Phone).collect(),
                    false => account.destinations().iter().cloned().map(Place::Mailbox).collect(),
                };
                for place in places {
                    let fields = ring.under(bound.key, Purpose::Binding)?.tenant(&origin.tenant);
                    let fields = fields.text(account.id.as_str()).bytes(account.stamp.as_bytes());
                    let fields = fields.text(place.as_str()).bytes(id.as_bytes());
                    let fields = fields.number(bound.number.into()).text(origin.user_flow.as_str());
                    let digest = fields.text(origin.application.as_str()).digest();
                    if digest.matches(&bound.binding) {
                        return Some((who.clone(), account.stamp, place));
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

    /// A reset was read, with charges of the call, or refused.
    pub fn loaded(&mut self, call: usize, charges: &[Charge], loaded: &Loaded) {
        if !matches!(loaded, Loaded::Found(_)) {
            return;
        }
        if let Some(grant) = self.grant_of(call) {
            grant.turns.extend(turns_in(charges));
        }
        let family = Some(Family::Tickets);
        let redeems = charges.iter().any(|charge| charge.name.family() == family);
        let record = self.calls[call].record.filter(|_| redeems);
        // A day later its counter admits another call, which then meets a dead ticket.
        if let Some(facts) = record.and_then(|record| self.records.get_mut(&record)) {
            facts.redeemed_by.get_or_insert(call);
        }
    }

    /// A submit has taken turns, or has asked which ones are free.
    pub fn charged(&mut self, call: usize, charges: &[Charge], over: &[Over]) {
        let turns: Vec<_> = turns_in(charges).collect();
        if turns.is_empty() {
            return;
        }
        // The call may have read another record since, such as the lockout of its account.
        let Some(record) = self.grant_of(call).map(|grant| grant.record) else { return };
        let Some(tenant) = self.records.get(&record).map(|facts| facts.tenant) else { return };
        // Each submit may have to compare with the current password first.
        let forced = self.records[&record].reason == ResetReason::MustChange;
        let hashes = if forced || rules(tenant).refuses_current() { 2 } else { 1 };
        // During a rotation of the index key each turn has two names, which stand together.
        let names = self.rings[self.calls[call].ring].indexes(Purpose::Counter).count();
        let asks = charges.iter().all(|charge| charge.amount == 0);
        let Some(grant) = self.grant_of(call) else { return };
        let free = |turn: &&[CounterName]| !turn.iter().any(|name| grant.turns.contains(name));
        let few = asks && turns.chunks(names).filter(free).count() < hashes;
        if !asks && over.is_empty() {
            grant.turns.extend(turns);
        }
        self.calls[call].hash_refused |= few;
    }

    pub fn grant_of(&mut self, call: usize) -> Option<&mut GrantFacts> {
        let Kind::Submit { grant, .. } = &self.calls[call].kind else { return None };
        let text = grant.clone();
        self.grants.get_mut(&text)
    }

    /// Nothing that is secret stands in a record.
    fn secrets(&mut self, record: &Record) {
        let holds =
            |text: &str| record.body.windows(text.len()).any(|part| part == text.as_bytes());
        if holds("example.com") || holds("home.example") {
            self.violated("I10 an address at rest", || format!("{:?}", record.id));
        }
    }
}

/// The names of turns among these counters.
fn turns_in(charges: &[Charge]) -> impl Iterator<Item = CounterName> {
    let names = charges.iter().map(|charge| charge.name);
    names.filter(|name| name.family() == Some(Family::Turns))
}

pub type BoundTo = Option<(Who, Stamp, Place)>;
