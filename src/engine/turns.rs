//! The turns of a grant. Each turn pays for one slow hash.
//!
//! A submit takes its turns before it knows the account, in the call that reads its reset. Turns for
//! which it runs no hash are given back. A turn is a counter that admits one call, so that two
//! submits never hold the same turn, and a submit never gives back the turn of another one.
//!
//! With a breach check, the turns are taken after the check, in a call of their own. A caller that
//! leaves during the check, which may take seconds, then loses none.

use std::sync::PoisonError;

use crate::{
    domain::{Charge, CounterName, Digest, Family, Grant, Timestamp},
    error::Error,
    policy::Limits,
    ports::{Loaded, Swapped},
    sync::Mutex,
};

use super::{
    records::MAX_CONFLICTS,
    sspr::Inner,
    stored::Stored,
    throttle::{Throttle, names_any},
};

/// The turns that a submit holds and has run no hash for: the names of their counters.
#[derive(Default)]
pub(super) struct Turns(Mutex<Vec<Vec<CounterName>>>);

/// The result of asking for turns.
pub(super) enum Taken<T> {
    Yes(T),
    /// There is no such reset, or too few turns are left.
    No,
    /// Other submits of the grant were faster each time, or the clock is far behind.
    Later,
}

impl Turns {
    /// Spends one turn on a hash. The hash has begun from here on.
    pub(super) fn spend(&self) -> Option<Vec<CounterName>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Returns how many turns the submit holds.
    pub(super) fn held(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Takes back a turn whose hash has not begun.
    pub(super) fn refund(&self, turn: Option<Vec<CounterName>>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(turn);
    }

    fn add(&self, turns: Vec<Vec<CounterName>>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(turns);
    }

    fn take(&self) -> Vec<CounterName> {
        core::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).concat()
    }
}

impl Inner {
    /// Reads the live reset of a grant and takes this many of the grant's turns.
    pub(super) async fn read_with_turns(
        &self,
        grant: &Grant,
        count: usize,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<Taken<(Stored, Turns)>, Error> {
        let (id, hash) = (grant.record(), grant.hash());
        let throttle = self.throttle(id.tenant_tag(), limits);
        let mut mine: Vec<_> = throttle.turns(&hash).take(count).collect();
        for _ in 0..MAX_CONFLICTS {
            let charges = [throttle.submit(&hash), mine.concat()].concat();
            match self.codes.load(&id, &charges, now).await? {
                Loaded::Missing => return Ok(Taken::No),
                Loaded::Found(record) => {
                    let Some(stored) = Stored::alive(id, &record, now)? else {
                        return Ok(Taken::No);
                    };
                    // The windows of the turns began at `now`. By a clock that is far behind the
                    // reset, they would end before the grant does.
                    if stored.reset.touched_at.since(now) >= limits.tries_window / 2 {
                        return Ok(Taken::Later);
                    }
                    let turns = Turns::default();
                    turns.add(names(mine));
                    return Ok(Taken::Yes((stored, turns)));
                }
                Loaded::Refused(over) if names_any(&over, &[Family::Grants]) => {
                    return Ok(Taken::No);
                }
                Loaded::Refused(_) => {}
            }
            mine = self.free_turns(&throttle, &hash, count, now).await?;
            if mine.len() < count {
                return Ok(Taken::No);
            }
        }
        Ok(Taken::Later)
    }

    /// Takes this many further turns.
    pub(super) async fn take_turns(
        &self,
        grant: &Grant,
        count: usize,
        limits: &Limits,
        turns: &Turns,
        now: Timestamp,
    ) -> Result<Taken<()>, Error> {
        let hash = grant.hash();
        let throttle = self.throttle(grant.record().tenant_tag(), limits);
        for _ in 0..MAX_CONFLICTS {
            let mine = self.free_turns(&throttle, &hash, count, now).await?;
            if mine.len() < count {
                return Ok(Taken::No);
            }
            if self.codes.charge(&mine.concat(), now).await?.is_empty() {
                turns.add(names(mine));
                return Ok(Taken::Yes(()));
            }
        }
        Ok(Taken::Later)
    }

    /// Returns at most this many turns that nobody has taken.
    async fn free_turns(
        &self,
        throttle: &Throttle<'_>,
        grant: &Digest,
        count: usize,
        now: Timestamp,
    ) -> Result<Vec<Vec<Charge>>, Error> {
        let all: Vec<_> = throttle.turns(grant).collect();
        let questions =
            all.iter().flatten().map(|charge| Charge { amount: 0, limit: 0, ..*charge });
        let taken = self.codes.charge(&questions.collect::<Vec<_>>(), now).await?;
        let is_free = |turn: &Vec<Charge>| {
            !turn.iter().any(|charge| taken.iter().any(|over| over.name == charge.name))
        };
        let all = all.into_iter();
        Ok(all.filter(is_free).take(count).collect())
    }

    /// Gives back the turns that are left. If the store fails, or if other calls keep writing the
    /// record, they stay taken.
    pub(super) async fn give_back_turns(
        &self,
        stored: &Stored,
        turns: &Turns,
        limits: &Limits,
        now: Timestamp,
    ) {
        let names = turns.take();
        if names.is_empty() {
            return;
        }
        let mut reread: Option<Stored> = None;
        for _ in 0..MAX_CONFLICTS {
            let stored = reread.as_ref().unwrap_or(stored);
            let swapped = self.swap(stored, &stored.reset, &names, limits, now).await;
            let Ok(Swapped::Conflict { .. }) = swapped else { return };
            let Ok(Some(again)) = self.load(stored.id, now).await else { return };
            reread = Some(again);
        }
    }
}

/// Returns how many hashes a submit may run: two if it must compare the password with the current
/// one.
pub(super) const fn hashes(refuses_current: bool) -> usize {
    if refuses_current { 2 } else { 1 }
}

fn names(turns: Vec<Vec<Charge>>) -> Vec<Vec<CounterName>> {
    let names = |turn: Vec<Charge>| turn.iter().map(|charge| charge.name).collect();
    turns.into_iter().map(names).collect()
}
