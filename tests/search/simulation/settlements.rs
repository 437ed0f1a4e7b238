//! What the oracle says of sign-ins: each password is paid for, and a right one gets it back.

use std::time::Duration;

use sspr::{
    domain::{RecordId, Timestamp},
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
            let same = matches!(&call.kind, Kind::SignIn { password: it, .. } if it == password);
            let owed = call.cut && !call.settled && !call.compares && self.lives(call);
            same && owed && call.process == about.process
        };
        let calls = || self.calls.iter();
        let charged = calls().position(|call| waits(call) && call.lockout.is_some());
        // Where others have charged too, nobody can tell whether this one is charged.
        charged.or_else(|| calls().position(waits)).unwrap_or(asked)
    }

    /// A hash was made, or refused.
    pub fn hashed(&mut self, call: usize, fate: Fate, right: Option<bool>) {
        let about = &mut self.calls[call];
        if matches!(about.kind, Kind::SignIn { .. }) {
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
            Kind::SignIn { .. } if about.lockout.is_none() && !about.cut => {
                self.violated("I2 a password compared uncharged", || format!("call {call}"));
            }
            Kind::SignIn { .. } => {}
            _ => self.violated("I11 a hash for nothing", || format!("call {call}")),
        }
    }

    /// A lockout was written: the first time in a call it is charged, then cleared or given back.
    pub fn locked(&mut self, call: usize, id: RecordId, lockout: Lockout, now: Timestamp) {
        let (touched, _) = self.locks.entry(id).or_default();
        *touched = touched.latest(now);
        let at = *touched;
        let is_courier = matches!(self.calls[call].kind, Kind::Courier);
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
            // A right password forgets all that was before it.
            true => times.retain(|(other, _)| *other > by),
            false => times.retain(|(other, _)| *other != by),
        }
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
        first.or_else(|| calls().position(mine))
    }

    /// Once the couriers have had their time: no right password is still paid for.
    pub fn all_settled(&mut self) {
        let open = self.calls.iter().position(|call| {
            let Kind::SignIn { tenant, address, .. } = &call.kind else { return false };
            let owed = call.cut && call.lockout.is_some() && !call.settled;
            let alive = self.lives(call);
            // Where nothing could be compared, and others charged too, nothing is given back.
            let paid = matches!(call.compared, Some(Compared::Wrong | Compared::Failed));
            let tenant = &self.tenants[*tenant].id;
            // A right password for an account that is disabled or locked is no better than a wrong one.
            let disabled = self.accounts.iter().any(|(who, history)| {
                let mut during = history.during(call.start, self.step).flatten();
                who.0 == *tenant
                    && during.any(|it| (it.disabled || it.locked) && it.addresses.contains(address))
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
