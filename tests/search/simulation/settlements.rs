//! What the oracle says of sign-ins: each password is paid for, and a right one gets it back.

use std::time::Duration;

use sspr::{
    domain::{Account, RecordId, Timestamp},
    flow::Lockout,
};

use super::{facts::*, hub::Fate, oracle::Oracle};

impl Oracle {
    /// Whose comparison begins: a courier makes that of a caller who has left.
    pub fn compares(&mut self, asked: usize, password: &str) -> usize {
        let whose = self.whose_comparison(asked, password);
        self.calls[whose].compares = true;
        whose
    }

    fn whose_comparison(&self, asked: usize, password: &str) -> usize {
        let about = &self.calls[asked];
        if !matches!(about.kind, Kind::Courier) {
            return asked;
        }
        let waits = |call: &Call| {
            let same = match &call.kind {
                Kind::SignIn { password: it, .. } => it == password,
                // A repeat compares the new one.
                Kind::Change(it) => it.current == password || it.new == password,
                _ => false,
            };
            let owed = call.cut && !call.settled && !call.compares && self.lives(call);
            same && owed && call.process == about.process
        };
        let calls = || self.calls.iter();
        let charged = calls().position(|call| waits(call) && call.lockout.is_some());
        // Where others have charged too, nobody can tell whether this one is charged.
        // A change that was settled compares once more, where another call has sent its form. Whether
        // it has charged that is not known if its caller left meanwhile.
        let repeats = |call: &Call| {
            let same = matches!(&call.kind, Kind::Change(it) if it.new == password);
            same && call.cut && self.lives(call) && call.process == about.process
        };
        let waiting = charged.or_else(|| calls().position(waits));
        waiting.or_else(|| calls().position(repeats)).unwrap_or(asked)
    }

    /// A hash was made, or refused.
    pub fn hashed(&mut self, call: usize, fate: Fate, right: Option<bool>) {
        let about = &mut self.calls[call];
        let checks = matches!(about.kind, Kind::SignIn { .. } | Kind::Change(_));
        if checks && right.is_some() {
            about.compared = Some(match (fate, right) {
                (Fate::Answered, Some(true)) => Compared::Right,
                (Fate::Answered, _) => Compared::Wrong,
                (Fate::Refused | Fate::ReplyLost, _) => Compared::Failed,
            });
        }
        if fate == Fate::Refused {
            return;
        }
        match &about.kind {
            Kind::Submit { .. } => self.hashed_for_a_grant(call),
            // What a courier finds out once its caller has left, nobody hears.
            Kind::SignIn { .. } | Kind::Change(_) if about.lockout.is_none() && !about.cut => {
                self.violated("I2 a password compared uncharged", || format!("call {call}"));
            }
            Kind::Change(_) if right.is_none() && about.compared != Some(Compared::Right) => {
                self.violated("I11 a hash before the right password", || format!("call {call}"));
            }
            Kind::SignIn { .. } | Kind::Change(_) => {}
            Kind::Assist { deed: Deed::SetTemporaryPassword, .. } if right.is_none() => {}
            _ => self.violated("I11 a hash for nothing", || format!("call {call}")),
        }
    }

    /// A lockout was written: the first time in a call it is charged, then cleared or given back.
    pub fn locked(&mut self, call: usize, id: RecordId, lockout: Lockout, now: Timestamp) {
        let (touched, _) = self.locks.entry(id).or_default();
        *touched = touched.latest(now);
        let at = *touched;
        let about = &mut self.calls[call];
        if matches!(about.kind, Kind::Assist { .. }) {
            return self.forgiven(id, lockout);
        }
        // A change whose form was sent by another call compares once more, with the new password. By
        // then the account has another stamp, and with it another lockout.
        let is_other = about.lockout.is_some_and(|lockout| lockout != id);
        if matches!(about.kind, Kind::Change(_)) && is_other {
            (about.lockout, about.compared) = (None, None);
            (about.compares, about.settled) = (false, false);
        }
        let is_courier = matches!(about.kind, Kind::Courier);
        if !is_courier && self.calls[call].lockout.is_none() {
            self.calls[call].lockout = Some(id);
            return self.charged_a_failure(call, id, at);
        }
        let Some(by) = self.owed_a_failure(call, id) else {
            return self.violated("I2 a wrong password's failure is taken back", || {
                format!("call {call}")
            });
        };
        self.calls[by].settled = true;
        let forgets = self.calls[by].compared == Some(Compared::Right);
        let (_, times) = self.locks.entry(id).or_default();
        match forgets {
            _ if lockout.failures == 0 => times.clear(),
            // A right password forgets all that was charged before it.
            true => match times.iter().position(|(other, _)| *other == by) {
                Some(last) => drop(times.drain(..=last)),
                // Forgotten again, because the first answer was lost: these are of other calls.
                None => self.forgiven(id, lockout),
            },
            false => match times.iter().position(|(other, _)| *other == by) {
                Some(own) => drop(times.remove(own)),
                // A failure that is given back again, because the first answer was lost, is one of
                // another call.
                None => drop(times.drain(..times.len().min(1))),
            },
        }
    }

    /// With the record of a lockout, all that was charged there is forgotten.
    pub fn lock_swept(&mut self, id: RecordId) {
        self.locks.remove(&id);
        let charged = self.calls.iter_mut().filter(|call| call.lockout == Some(id));
        charged.for_each(|call| call.settled = true);
    }

    /// Staff have ended a pause. Failures that were charged meanwhile stay.
    fn forgiven(&mut self, id: RecordId, lockout: Lockout) {
        let (_, times) = self.locks.entry(id).or_default();
        let left = usize::try_from(lockout.failures).unwrap_or(usize::MAX);
        times.drain(..times.len().saturating_sub(left));
    }

    fn charged_a_failure(&mut self, call: usize, id: RecordId, at: Timestamp) {
        let (_, times) = self.locks.entry(id).or_default();
        times.retain(|(_, time)| at.since(*time) < Duration::from_secs(60));
        times.push((call, at));
        if times.len() > 10 {
            let tries = times.len();
            self.violated("I2 lockout", || format!("{tries} passwords in a minute (call {call})"));
        }
    }

    /// Whose failure may be taken back by this call.
    fn owed_a_failure(&self, call: usize, id: RecordId) -> Option<usize> {
        let owed = |about: &Call| {
            let is_here = about.lockout.is_none_or(|lockout| lockout == id);
            is_here && matches!(about.compared, Some(Compared::Right | Compared::Failed))
        };
        if owed(&self.calls[call]) {
            return Some(call);
        }
        let process = self.calls[call].process;
        // A courier that was killed may have its last write happen later.
        let killed = !self.lives(&self.calls[call]);
        let alive = |it: &Call| killed || self.lives(it);
        let mine = |it: &Call| it.cut && it.process == process && owed(it) && alive(it);
        let calls = || self.calls.iter();
        let open = |about: &Call| mine(about) && !about.settled;
        let first = calls().position(|about| open(about) && about.lockout.is_some());
        let first = first.or_else(|| calls().position(open));
        // A write whose answer was lost is made again.
        let first = first.or_else(|| calls().position(mine));
        // A form that another call has sent compares once more, under the lockout of the next stamp.
        let is_form = |it: &Call| matches!(&it.kind, Kind::Change(it) if it.key.is_some());
        first.or_else(|| {
            calls().position(|it| {
                let right = it.compared == Some(Compared::Right);
                it.cut && is_form(it) && right && it.process == process && alive(it)
            })
        })
    }

    /// Once the couriers have had their time: no right password is still paid for.
    pub fn all_settled(&mut self) {
        let open = self.calls.iter().position(|call| {
            if !matches!(call.kind, Kind::SignIn { .. } | Kind::Change(_)) {
                return false;
            }
            let is_whose = |who: &Who, it: &Account| match &call.kind {
                Kind::SignIn { tenant, address, .. } => {
                    who.0 == self.tenants[*tenant].id && finds(it, address)
                }
                Kind::Change(it) => *who == it.who,
                _ => false,
            };
            let owed = call.cut && call.lockout.is_some() && !call.settled;
            let alive = self.lives(call);
            // Where nothing could be compared, and others charged too, nothing is given back.
            let paid = matches!(call.compared, Some(Compared::Wrong | Compared::Failed));
            // A right password for an account that is disabled or locked is no better than a wrong
            // one, and neither is a temporary one that has expired.
            let disabled = self.accounts.iter().any(|(who, history)| {
                let mut during = history.during(call.start, self.step).flatten();
                let latest = self.latest;
                let barred = |it: &Account| {
                    let is_shut = it.disabled || it.locked || it.frozen.is_some();
                    is_shut || it.has_expired_password(latest)
                };
                during.any(|it| barred(it) && is_whose(who, it))
            });
            owed && alive && !paid && !disabled
        });
        if let Some(call) = open {
            let about = &self.calls[call];
            let seen = format!("call {call}: {:?}", about.compared);
            self.violated("I13 a right password that was cut off stays charged", || seen);
        }
    }
}
