//! The watch over text messages: how many codes are typed of those that are sent to one block of
//! numbers.
//!
//! A fraudster who earns from texts asks for codes and types none. Each text and each right code is
//! counted in a write that happens anyway. Only a text past a checkpoint is judged, with further calls
//! of the store, by the courier.

use crate::{
    domain::{Charge, CounterName, Destination, Family, NumberBlock, Over, TenantId, Timestamp},
    error::Error,
    policy::{Limits, TenantPolicy},
    ports::{EventKind, Outcome},
};

use super::{
    sends::TextOf,
    sspr::{About, Inner},
    throttle::{Throttle, Who, names_any},
};

/// A block of numbers in one window of the watch. Second codes are watched by themselves, because
/// strangers, who type none, do not get them.
///
/// The window belongs to the code, so that a text and the right code count in the same window whenever
/// the code is typed.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    block: NumberBlock,
    of: TextOf,
    window: u64,
}

impl Watched {
    /// Returns the block.
    pub(super) const fn block(&self) -> &NumberBlock {
        &self.block
    }

    /// Returns the block and the window of a code that expires at this time, unless it goes by mail.
    pub(super) fn of(
        to: Option<Destination<'_>>,
        of: TextOf,
        expires_at: Timestamp,
        limits: &Limits,
    ) -> Option<Self> {
        let block = NumberBlock::of(to?.phone()?);
        Some(Self { block, of, window: expires_at.turn(limits.text_watch_window) })
    }

    /// Returns every window in which a code of the block can count now.
    fn now(block: &NumberBlock, of: TextOf, limits: &Limits, now: Timestamp) -> Vec<Self> {
        let until = now.after(limits.code_lifetime);
        let mut windows = [now, until].map(|at| at.turn(limits.text_watch_window)).to_vec();
        windows.dedup();
        windows.into_iter().map(|window| Self { block: block.clone(), of, window }).collect()
    }
}

/// A thing that the watch counts in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    /// Whether the window's alarm was raised.
    Alarm,
    Sent,
    Typed,
}

impl Count {
    const ALL: [Self; 3] = [Self::Alarm, Self::Sent, Self::Typed];

    const fn key(self) -> &'static str {
        match self {
            Self::Alarm => "alarm",
            Self::Sent => "sent",
            Self::Typed => "typed",
        }
    }
}

impl Throttle<'_> {
    /// Returns the charges of a text message, which is refused once `until` texts are counted, or
    /// while texts to the block are stopped. A decoy has dummies, which refuse nothing.
    pub(super) fn watched_text(
        &self,
        who: Who<'_>,
        watched: Option<&Watched>,
        until: u32,
    ) -> impl Iterator<Item = Charge> {
        let dummies = |kind: &'static str| {
            self.names(Family::Conversions, move |fields| who.key(fields.text(kind))).collect()
        };
        let (sent, stop): (Vec<_>, Vec<_>) = match watched {
            Some(watched) => (
                self.count(watched, Count::Sent),
                self.stop_names(&watched.block, watched.of).collect(),
            ),
            None => (dummies("no block"), dummies("no stop")),
        };
        let limit = if watched.is_some() { until } else { u32::MAX };
        let sent = sent.into_iter().map(move |name| self.of_window(name, 1, limit));
        sent.chain(stop.into_iter().map(|name| self.of_window(name, 0, 0)))
    }

    /// Returns the charges of a right code, which are never refused. A mailed code has none.
    pub(super) fn watched_code(
        &self,
        to: Destination<'_>,
        of: TextOf,
        expires_at: Timestamp,
    ) -> Vec<Charge> {
        let watched = Watched::of(Some(to), of, expires_at, self.limits);
        let names = watched.iter().flat_map(|watched| self.count(watched, Count::Typed));
        names.map(|name| self.of_window(name, 1, u32::MAX)).collect()
    }

    /// Asks whether fewer than this many codes were typed.
    fn typed_below(&self, watched: &Watched, count: u32) -> Vec<Charge> {
        let names = self.count(watched, Count::Typed).into_iter();
        names.map(|name| self.of_window(name, 0, count.saturating_sub(1))).collect()
    }

    /// Asks whether fewer than this many texts were sent.
    fn sent_below(&self, watched: &Watched, count: u32) -> Vec<Charge> {
        let names = self.count(watched, Count::Sent).into_iter();
        names.map(|name| self.of_window(name, 0, count.saturating_sub(1))).collect()
    }

    /// Returns the charges of the alarm, which is raised once in a window.
    fn alarm(&self, watched: &Watched) -> Vec<Charge> {
        let names = self.count(watched, Count::Alarm).into_iter();
        names.map(|name| self.of_window(name, 1, 1)).collect()
    }

    /// Returns the charges that stop texts to a block. A stop that stands refuses them.
    pub(super) fn stop(&self, watched: &Watched) -> Vec<Charge> {
        let window = self.limits.text_stop;
        let names = self.stop_names(&watched.block, watched.of);
        names.map(|name| Charge { amount: 1, limit: 1, name, tier: 0, window }).collect()
    }

    /// Returns the counters that must be cleared so that a block gets texts again.
    pub(super) fn resumed(&self, block: &NumberBlock, now: Timestamp) -> Vec<CounterName> {
        let mut names = Vec::new();
        for of in [TextOf::First, TextOf::Second] {
            names.extend(self.stop_names(block, of));
            for watched in Watched::now(block, of, self.limits, now) {
                names.extend(Count::ALL.into_iter().flat_map(|count| self.count(&watched, count)));
            }
        }
        names
    }

    fn stop_names(&self, block: &NumberBlock, of: TextOf) -> impl Iterator<Item = CounterName> {
        self.names(Family::Stops, move |fields| of.key(fields.text(block.as_str())))
    }

    fn count(&self, watched: &Watched, count: Count) -> Vec<CounterName> {
        let names = self.names(Family::Conversions, |fields| {
            let fields = fields.text(count.key()).text(watched.block.as_str());
            watched.of.key(fields.number(watched.window))
        });
        names.collect()
    }

    /// A counter outlives its window of the watch, because its name holds the window.
    fn of_window(&self, name: CounterName, amount: u32, limit: u32) -> Charge {
        let window = self.limits.text_watch_window.saturating_mul(2);
        Charge { amount, limit, name, tier: 0, window }
    }
}

impl Inner {
    /// Judges a block to which `sent` texts have gone. Returns the number of texts up to which it
    /// needs no other judgement, or `None` if texts to it are stopped.
    pub(super) async fn judge(
        &self,
        policy: &TenantPolicy,
        watched: &Watched,
        sent: u32,
        now: Timestamp,
    ) -> Result<Option<u32>, Error> {
        let (tenant, limits) = (policy.tenant(), policy.limits());
        let throttle = self.throttle(tenant.tag(), limits);
        let mut sent = sent;
        loop {
            if self.is_low(&throttle, tenant, watched, sent, now).await? {
                self.stop_texts(policy, watched, now).await?;
                return Ok(None);
            }
            let next = sent.saturating_add(sent.div_ceil(2));
            let is_below = self.codes.charge(&throttle.sent_below(watched, next), now).await?;
            if is_below.is_empty() || next == sent {
                return Ok(Some(next));
            }
            sent = next;
        }
    }

    /// Returns true if so few codes of `sent` were typed that texts must stop. Raises the alarm if few
    /// were typed.
    async fn is_low(
        &self,
        throttle: &Throttle<'_>,
        tenant: &TenantId,
        watched: &Watched,
        sent: u32,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let Limits { text_watch_alarm, text_watch_stop, .. } = *throttle.limits;
        let enough = share(sent, text_watch_alarm);
        // The alarm is counted only if too few were typed, because the charges are made together.
        let typed = throttle.typed_below(watched, enough);
        let charges: Vec<Charge> = typed.iter().copied().chain(throttle.alarm(watched)).collect();
        let over = self.codes.charge(&charges, now).await?;
        if is_any(&typed, &over) {
            return Ok(false);
        }
        if over.is_empty() {
            let about = About::default().of(tenant);
            self.emit(EventKind::TextWatch, Outcome::Suspicious, about, now);
        }
        let least = share(sent, text_watch_stop);
        Ok(self.codes.charge(&throttle.typed_below(watched, least), now).await?.is_empty())
    }
}

/// Returns true if a text was refused because its block must be judged.
pub(super) fn is_to_be_judged(over: &[Over]) -> bool {
    names_any(over, &[Family::Conversions])
}

fn is_any(charges: &[Charge], over: &[Over]) -> bool {
    over.iter().any(|over| charges.iter().any(|charge| charge.name == over.name))
}

/// Returns a share of a number in percent, rounded up.
fn share(of: u32, percent: u32) -> u32 {
    let share = u64::from(of).saturating_mul(u64::from(percent)).div_ceil(100);
    u32::try_from(share).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_up_and_never_overflows() {
        assert_eq!([share(50, 20), share(51, 20), share(10, 1)], [10, 11, 1]);
        assert_eq!(share(u32::MAX, 100), u32::MAX);
    }
}
