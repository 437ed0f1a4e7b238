//! The turns of a grant. Each turn pays for the slow hashes of one submit.
//!
//! A submit takes a turn in the call that reads its reset, before it knows the account. If it runs no
//! hash, it gives the turn back. A turn is a counter that admits one call, so that two submits never
//! hold the same turn, and a submit never gives back the turn of another one.

use crate::{
    domain::{Charge, CounterName, Family, Grant, RecordId, Timestamp},
    error::Error,
    policy::{Limits, TenantPolicy},
    ports::{Loaded, Swapped},
};

use super::{
    records::MAX_CONFLICTS,
    sspr::Inner,
    stored::Stored,
    throttle::{Throttle, names_any},
};

/// A turn that a submit holds: the names of its counter.
pub(super) struct Turn(Vec<CounterName>);

/// The result of asking for a turn.
pub(super) enum Taken {
    /// A turn, and the live reset of the grant.
    Turn(Box<Stored>, Turn),
    /// There is no such reset, or no turn is left.
    None,
    /// Other submits of the grant were faster each time.
    Contended,
}

impl Inner {
    /// Reads the live reset of a grant and takes one of the grant's turns.
    pub(super) async fn take_turn(
        &self,
        grant: &Grant,
        policy: &TenantPolicy,
        now: Timestamp,
    ) -> Result<Taken, Error> {
        let id = grant.record();
        let throttle = self.throttle(id.tenant_tag(), policy.limits());
        let turns = turns(policy);
        let mut turn = 0;
        for _ in 0..MAX_CONFLICTS {
            let mine = throttle.turn(&id, turn);
            let charges = [throttle.submit(&id), mine.clone()].concat();
            match self.codes.load(&id, &charges, now).await? {
                Loaded::Missing => return Ok(Taken::None),
                Loaded::Found(record) => {
                    let turn = Turn(mine.iter().map(|charge| charge.name).collect());
                    let stored = Stored::alive(id, &record, now)?;
                    return Ok(
                        stored.map_or(Taken::None, |stored| Taken::Turn(Box::new(stored), turn))
                    );
                }
                Loaded::Refused(over) if names_any(&over, &[Family::Grants]) => {
                    return Ok(Taken::None);
                }
                Loaded::Refused(_) => {}
            }
            // Somebody holds this turn, or has used it up.
            let Some(free) = self.free_turn(&throttle, &id, turns, now).await? else {
                return Ok(Taken::None);
            };
            turn = free;
        }
        Ok(Taken::Contended)
    }

    /// Returns a turn that nobody has taken.
    async fn free_turn(
        &self,
        throttle: &Throttle<'_>,
        id: &RecordId,
        turns: u32,
        now: Timestamp,
    ) -> Result<Option<u32>, Error> {
        let all = (0..turns).flat_map(|turn| throttle.turn(id, turn));
        let questions: Vec<_> =
            all.map(|charge| Charge { amount: 0, limit: 0, ..charge }).collect();
        let taken = self.codes.charge(&questions, now).await?;
        let is_free = |turn: &u32| {
            let charges = throttle.turn(id, *turn);
            !charges.iter().any(|charge| taken.iter().any(|over| over.name == charge.name))
        };
        Ok((0..turns).find(is_free))
    }

    /// Gives a turn back, because no hash was run. If other calls keep writing the record, the turn
    /// stays taken.
    pub(super) async fn give_back_turn(
        &self,
        stored: &Stored,
        turn: &Turn,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut reread: Option<Stored> = None;
        for _ in 0..MAX_CONFLICTS {
            let stored = reread.as_ref().unwrap_or(stored);
            match self.swap(stored, &stored.reset, &turn.0, limits, now).await? {
                Swapped::Swapped { .. } | Swapped::Missing | Swapped::Refused(_) => return Ok(()),
                Swapped::Conflict { .. } => {}
            }
            let Some(again) = self.load(stored.id, now).await? else { return Ok(()) };
            reread = Some(again);
        }
        Ok(())
    }
}

/// Returns how many turns a grant has. A submit runs two hashes if it must compare the password with
/// the current one, and one otherwise.
fn turns(policy: &TenantPolicy) -> u32 {
    let hashes = if policy.password_rules().refuses_current() { 2 } else { 1 };
    policy.limits().submits_per_grant / hashes
}
