//! What the oracle says of the other entrances: sign-ins, changes by signed-in users, forced
//! changes, and what staff do.

use std::collections::BTreeSet;

use sspr::{
    domain::{Account, Purpose},
    engine::{AssistanceOutcome, ChangeOutcome, Granted, SecondFactorDemand, SignInOutcome},
    flow::{ResetReason, StageName},
    ports::PasswordChange,
};

use super::{
    facts::*,
    founding::{plain, second_factor},
    methods::Proof,
    oracle::Oracle,
    verdicts::KEY_PURPOSE,
};

/// From which deployment on a process keeps its names under the second index key. Those before do
/// not know it.
const SECOND_INDEX: usize = 2;

impl Oracle {
    /// A change that a session asked for was made.
    pub fn changed_by_user(&mut self, call: usize, change: &PasswordChange, before: &Account) {
        let about = &self.calls[call];
        let Kind::Change(of) = &about.kind else { return };
        let (of, start, ring, leaked) = (of.clone(), about.start, about.ring, about.leaked);
        let seen = || format!("call {call}: {:?}", of.who);
        if let Some(key) = of.key {
            self.forms.entry(key).or_insert((change.operation, ring, change.next_stamp));
        }
        if self.counts_once(change) {
            return self.violated("I1 an operation changes a password once", seen);
        }
        if (change.tenant.clone(), change.account.clone()) != of.who {
            return self.violated("I4 the account of a session", seen);
        }
        if before.stamp != of.stamp {
            return self.violated("I9 an older session changes a password", seen);
        }
        if before.password.as_ref() != Some(&plain(&of.current)) {
            return self.violated("I5 a change without the right current password", seen);
        }
        if change.password != plain(&of.new) {
            return self.violated("I5 a change to what nobody typed", seen);
        }
        if leaked {
            return self.violated("I6 a password that has leaked", seen);
        }
        let history = &self.accounts[&of.who];
        let may = |it: &Account| may_sign_in(it) && !it.locked && it.stamp == of.stamp;
        let may = history.during(start, self.step).flatten().any(may);
        if !may {
            self.violated("I6 a change by who may not", seen);
        }
    }

    /// Staff have set a temporary password.
    pub fn changed_by_staff(&mut self, call: usize, change: &PasswordChange) {
        let Kind::Assist { deed, who } = &self.calls[call].kind else { return };
        let right = (change.tenant.clone(), change.account.clone()) == *who
            && *deed == Deed::SetTemporaryPassword;
        let seen = || format!("call {call}");
        if !right {
            return self.violated("I4 the account of staff", seen);
        }
        if self.counts_once(change) {
            self.violated("I1 an operation changes a password once", seen);
        }
    }

    fn counts_once(&mut self, change: &PasswordChange) -> bool {
        let who = (change.tenant.clone(), change.account.clone());
        let times = self.operations.entry((who, change.operation)).or_default();
        *times += 1;
        *times > 1
    }

    /// Judges the answer to a signed-in user.
    pub fn session_answered(&mut self, call: usize, outcome: &ChangeOutcome) {
        let about = &self.calls[call];
        let Kind::Change(of) = &about.kind else { return };
        let (start, ring, now) = (about.start, about.ring, about.now);
        let (current, new) = (plain(&of.current), plain(&of.new));
        let history = &self.accounts[&of.who];
        let some =
            |like: &dyn Fn(&Account) -> bool| history.during(start, self.step).flatten().any(like);
        let all = |like: &dyn Fn(&Account) -> bool| {
            history.during(start, self.step).all(|it| it.as_ref().is_some_and(like))
        };
        let form = of.key.and_then(|key| self.forms.get(&key));
        let form = form.filter(|(_, other, _)| self.knows_index(ring, *other));
        let is_mine = |it: &Account| {
            form.is_some_and(|(operation, _, stamp)| {
                it.last_change == Some(*operation) && it.stamp == *stamp && !it.must_change
            })
        };
        let fault = match outcome {
            ChangeOutcome::Changed(kept) => {
                let stands =
                    |it: &Account| it.stamp == kept.stamp && it.password.as_ref() == Some(&new);
                (!some(&stands)).then_some("I5 answered as changed by a session, and is not")
            }
            ChangeOutcome::WrongPassword => {
                let right = |it: &Account| {
                    it.stamp == of.stamp && it.password.as_ref() == Some(&current) && !it.locked
                };
                all(&right).then_some("I3 a right current password is refused")
            }
            ChangeOutcome::SessionEnded => {
                let live = |it: &Account| it.stamp == of.stamp && it.frozen.is_none();
                let done = |it: &Account| {
                    is_mine(it) && it.password.as_ref() == Some(&new) && it.frozen.is_none()
                };
                if all(&live) {
                    Some("I5 a live session is refused")
                } else {
                    all(&done).then_some("I5 a repeat of a change ends elsewhere")
                }
            }
            ChangeOutcome::Unavailable => {
                let may = |it: &Account| may_sign_in(it) && !it.has_expired_password(self.latest);
                (self.latest >= now && all(&may)).then_some("I6 a user who may change is refused")
            }
            ChangeOutcome::LockedOut { until: None } => {
                let open = |it: &Account| !it.locked;
                all(&open).then_some("I6 an open account is taken for locked")
            }
            _ => None,
        };
        if let Some(fault) = fault {
            let seen = format!("call {call}: {:?}", of.who);
            self.violated(fault, || seen);
        }
    }

    /// Whether one keyring still finds what another one has named.
    fn knows_index(&self, ring: usize, other: usize) -> bool {
        let names = |ring: usize| {
            let fields = self.rings[ring].indexes(Purpose::Change);
            fields.map(|fields| *fields.digest().as_bytes()).collect::<Vec<_>>()
        };
        names(other).first().is_some_and(|name| names(ring).contains(name))
    }

    pub fn signed_in(&mut self, call: usize, outcome: &SignInOutcome) {
        let about = &self.calls[call];
        let Kind::SignIn { tenant, password, .. } = &about.kind else { return };
        let (start, hash, now) = (about.start, plain(password), about.now);
        let tenant = &self.tenants[*tenant].id;
        match outcome {
            SignInOutcome::SignedIn(signed_in) => {
                let who = (tenant.clone(), signed_in.account.clone());
                let right = |it: &Account| {
                    it.password.as_ref() == Some(&hash)
                        && it.stamp == signed_in.stamp
                        && !it.disabled
                        && it.frozen.is_none()
                };
                let some = |like: &dyn Fn(&Account) -> bool| {
                    let history = self.accounts.get(&who);
                    history.is_some_and(|it| it.during(start, self.step).flatten().any(like))
                };
                let demanded = signed_in.second_factor == SecondFactorDemand::Required;
                let fault = if demanded != second_factor(&who) {
                    Some("I6 a sign-in without its second factor")
                } else if !some(&right) {
                    Some("I9 a sign-in with what is not on file")
                } else if !some(&|it| right(it) && !it.must_change) {
                    Some("I6 a session before the forced change")
                } else {
                    None
                };
                if let Some(fault) = fault {
                    self.violated(fault, || format!("{call}: {who:?}"));
                }
            }
            SignInOutcome::MustChange(granted) => {
                let record = self.calls[call].record;
                let facts = record.and_then(|record| self.records.get(&record));
                let bound = facts.and_then(|facts| facts.binds.first()?.account.clone());
                let (Some(record), Some((who, stamp, _))) = (record, bound) else {
                    return self.violated("I4 a grant for nobody", || format!("call {call}"));
                };
                let some = |like: &dyn Fn(&Account) -> bool| {
                    let history = self.accounts.get(&who);
                    history.is_some_and(|it| it.during(start, self.step).flatten().any(like))
                };
                let right = |it: &Account| {
                    let is_open = it.frozen.is_none();
                    it.password.as_ref() == Some(&hash) && it.stamp == stamp && is_open
                };
                let fault = if !some(&right) {
                    Some("I9 a forced change with what is not on file")
                } else if !some(&|it| right(it) && it.must_change) {
                    Some("I9 a mark outlives the change")
                } else if !some(&|it| right(it) && !it.has_expired_password(now)) {
                    Some("I4 after expiry: temporary password")
                } else {
                    None
                };
                if let Some(fault) = fault {
                    return self.violated(fault, || format!("{call}: {who:?}"));
                }
                self.given(record, 0, granted);
            }
            SignInOutcome::Frozen => {
                let right = |it: &Account| it.password.as_ref() == Some(&hash);
                let told =
                    self.accounts.iter().filter(|(who, _)| who.0 == *tenant).any(|(_, it)| {
                        let mut during = it.during(start, self.step).flatten();
                        during.any(|it| it.frozen.is_some() && right(it))
                    });
                if !told {
                    self.violated("I6 a freeze is told without the password", || {
                        format!("call {call}")
                    });
                }
            }
            _ => {}
        }
    }

    /// A grant was given out.
    pub fn given(&mut self, record: sspr::domain::RecordId, bind: usize, granted: &Granted) {
        let step = self.step;
        self.grants.entry(granted.grant.expose()).or_insert_with(|| GrantFacts {
            bind,
            changes: 0,
            hashes: 0,
            turns: BTreeSet::new(),
            expires_at: granted.expires_at,
            record,
            step,
            tickets: Default::default(),
        });
    }

    /// Judges the answer to a code that staff have handed over.
    pub fn assisted(&mut self, call: usize, outcome: &AssistanceOutcome) {
        let about = &self.calls[call];
        let Kind::Enter { tenant, typed, code } = &about.kind else { return };
        let (tenant, typed, start, ring) = (*tenant, typed.clone(), about.start, about.ring);
        let now = about.now.latest(about.touched);
        let held = about.record.filter(|record| self.bind_of(record, code).is_some());
        let facts = held.and_then(|record| self.records.get(&record));
        let bind = facts.and_then(|facts| facts.binds.first());
        let account = bind.and_then(|bind| bind.account.clone());
        let seen = || format!("call {call}");
        let (Some(record), Some(facts), Some(bind), Some((who, stamp, to))) =
            (held, facts, bind, account)
        else {
            if matches!(outcome, AssistanceOutcome::Granted(_)) {
                self.violated("I4 a code that staff never gave", seen);
            }
            return;
        };
        let same = |it: &Account| it.stamp == stamp && to.is_of(it);
        let is_here = |it: &Account| finds(it, &typed);
        let reason = ResetReason::Assistance;
        let proof = Proof::of(reason, &to);
        match outcome {
            AssistanceOutcome::Granted(granted) => {
                let fault = if facts.reason != reason || facts.tenant != tenant {
                    Some("I4 a code of another kind or tenant")
                } else if !self.accounts[&who].during(start, self.step).flatten().any(is_here) {
                    Some("I4 a code of staff for another address")
                } else if now >= bind.expires_at {
                    Some("I4 after expiry: code of staff")
                } else if !self.some_time(proof, &who, start, |_| true) {
                    Some("I6 a code of staff for who may not")
                } else if !self.some_time(proof, &who, start, same) {
                    Some("I4 the stamp and the address")
                } else {
                    None
                };
                let expose = granted.grant.expose();
                let bind = &mut self.records.get_mut(&record).unwrap().binds[0];
                bind.grants.insert(expose);
                let grants = bind.grants.len();
                self.given(record, 0, granted);
                if grants > 1 {
                    self.violated("I1 a code of staff yields one grant", seen);
                }
                if let Some(fault) = fault {
                    self.violated(fault, || format!("call {call}: {who:?}"));
                }
            }
            AssistanceOutcome::Rejected => {
                let key_gone = [bind.key, facts.key]
                    .into_iter()
                    .any(|key| self.rings[ring].under(key, KEY_PURPOSE).is_none());
                let unnamed = facts.ring >= SECOND_INDEX && ring < SECOND_INDEX;
                let over = facts
                    .stages
                    .during(start, self.step)
                    .any(|stage| matches!(stage, StageName::Completed | StageName::Closed));
                let like = |it: &Account| same(it) && is_here(it);
                let changed = !self.all_the_time(proof, &who, start, like);
                // The code ends with the grant that it has given.
                let ended = |grant| self.latest >= self.grants[grant].expires_at;
                let dead = self.latest >= bind.expires_at
                    || self.latest >= facts.expires_at
                    || bind.grants.iter().any(ended);
                let elsewhere = facts.tenant != tenant || facts.reason != reason;
                if !(key_gone || unnamed || over || changed || dead || elsewhere) {
                    self.violated("I3 a right code of staff is refused", || {
                        format!("call {call}, {who:?}")
                    });
                }
            }
            AssistanceOutcome::TryLater { .. } => {}
        }
    }
}
