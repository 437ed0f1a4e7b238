//! Random calls over a few records and counters, and their answers.

use core::{fmt, ops::Range, time::Duration};
use std::sync::Arc;

use super::{
    super::random::Random,
    bench::{id, name},
    operation::{Answer, Call},
};
use crate::{
    domain::{Charge, CounterName, RecordId, TenantId, TenantTag, Timestamp},
    ports::Record,
};

/// The number of counters in a history. The records charge the first ones, and the callers of
/// `attempt` charge the others.
const NAMES: u8 = 5;
const RECORDS: u8 = 3;

/// A generator of calls. Times are small numbers, so that a history is easy to read.
pub(super) struct Calls {
    pub(super) random: Random,
    tenant: TenantTag,
    now: i64,
}

impl Calls {
    /// Creates calls over records and counters that no other history of this suite uses.
    pub(super) fn new(seed: u64, history: u64) -> Self {
        Self::again(seed, history, 0)
    }

    /// Creates the same calls over other records and counters.
    pub(super) fn again(seed: u64, history: u64, time: u32) -> Self {
        let tenant = TenantId::parse(&format!("history {seed} {history} {time}"));
        let tenant = tenant.map_or(TenantTag::from_bytes([9; 8]), |tenant| tenant.tag());
        Self { now: 1_000, random: Random::new(seed ^ (history << 20)), tenant }
    }

    pub(super) fn draw(&mut self) -> Call {
        // Time mostly moves forward, but sometimes a clock runs behind.
        self.now += i64::from(self.random.below(40));
        let behind = if self.random.chance(15) { i64::from(self.random.below(120)) } else { 0 };
        let now = Timestamp::from_micros(self.now - behind);
        match self.random.below(100) {
            0..20 => Call::Insert(self.record(), self.charges(0..NAMES), now),
            20..50 => Call::Attempt(self.id(), self.charges(RECORDS..NAMES), now),
            50..60 => Call::Load(self.id(), self.charges(0..NAMES), now),
            60..85 => {
                let expected = u64::from(self.random.below(4)) + 1;
                let charges = self.charges(0..NAMES);
                Call::Swap(self.record(), expected, charges, self.names(), now)
            }
            _ => Call::Charge(self.charges(0..NAMES), now),
        }
    }

    fn record(&mut self) -> Record {
        let number = u8::try_from(self.random.below(256)).unwrap_or(0);
        let mut charges = self.charges(0..RECORDS);
        for charge in &mut charges {
            charge.tier = 1 + u8::try_from(self.random.below(2)).unwrap_or(0);
            charge.amount = 1;
        }
        Record {
            begins_challenge: self.random.chance(30),
            body: vec![number; 3],
            charges,
            expires_at: Timestamp::from_micros(self.now + i64::from(self.random.below(400))),
            id: self.id(),
            tries_limit: self.random.below(4),
        }
    }

    fn id(&mut self) -> RecordId {
        let number = u8::try_from(self.random.below(2)).unwrap_or(0);
        id(self.tenant, number)
    }

    fn names(&mut self) -> Vec<CounterName> {
        let tenant = self.tenant;
        (0..NAMES).filter(|_| self.random.chance(25)).map(|number| name(tenant, number)).collect()
    }

    fn charges(&mut self, numbers: Range<u8>) -> Vec<Charge> {
        let tenant = self.tenant;
        let mut charges = Vec::new();
        for number in numbers {
            if self.random.chance(40) {
                charges.push(Charge {
                    amount: self.random.below(3),
                    limit: self.random.below(4),
                    name: name(tenant, number),
                    tier: 0,
                    window: Duration::from_micros(u64::from(self.random.below(200)) + 1),
                });
            }
        }
        if self.random.chance(50) {
            charges.reverse();
        }
        charges
    }
}

/// One call of a history, with its client, its answer, and when it began and ended.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) client: u8,
    pub(super) call: Arc<Call>,
    pub(super) began: u64,
    pub(super) ended: u64,
    pub(super) answer: Answer,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, call, began, ended, answer } = self;
        write!(f, "[{began:>3}–{ended:>3}] client {client}: {call}\n            → {answer:?}")
    }
}
