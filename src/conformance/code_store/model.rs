//! The contract as a simple program. It has one state, and makes one call at a time. Every store
//! must give the same answers.

use std::collections::BTreeMap;

use super::operation::{Answer, Call, Snapshot, sorted};
use crate::{
    domain::{Charge, CounterName, Over, RecordId, Timestamp},
    ports::{Inserted, Record, Swapped},
};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Model {
    records: BTreeMap<RecordId, Row>,
    counters: BTreeMap<CounterName, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    version: u64,
    expires_at: Timestamp,
    touched_at: Timestamp,
    tries: u32,
    tries_limit: u32,
    charges: Vec<Line>,
    body: Vec<u8>,
}

/// A charge in a form that can be sorted, with its tier, name, amount, limit and window.
type Line = (u8, CounterName, u32, u32, core::time::Duration);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Counter {
    value: u64,
    ends_at: Timestamp,
    touched_at: Timestamp,
}

impl Model {
    pub(super) fn run(&mut self, call: &Call) -> Answer {
        match call {
            Call::Insert(record, charges, now) => {
                Answer::Inserted(self.insert(record, charges, *now))
            }
            Call::Attempt(id, charges, now) => self.attempt(id, charges, *now),
            Call::Load(id, charges, now) => self.load(id, charges, *now),
            Call::Swap(next, expected, charges, clear, now) => {
                Answer::Swapped(self.swap(next, *expected, charges, clear, *now))
            }
            Call::Charge(charges, now) => Answer::Over(self.charge(charges, *now)),
        }
    }

    fn insert(&mut self, record: &Record, charges: &[Charge], now: Timestamp) -> Inserted {
        if self.records.contains_key(&record.id) {
            return Inserted::Exists;
        }
        let over = self.charge(charges, now);
        if !over.is_empty() {
            return Inserted::Refused(over);
        }
        self.records.insert(record.id, Row::new(record, 1, now, 0));
        Inserted::Inserted
    }

    fn attempt(&mut self, id: &RecordId, charges: &[Charge], now: Timestamp) -> Answer {
        let Some(mut row) = self.records.get(id).cloned() else { return Answer::Missing };
        row.touched_at = now.latest(row.touched_at);
        if row.touched_at >= row.expires_at {
            return Answer::Dead;
        }
        if row.tries >= row.tries_limit {
            return Answer::Exhausted;
        }
        let refused = self.charge(charges, now);
        if !refused.is_empty() {
            return Answer::Refused(refused);
        }
        row.tries += 1;
        let (snapshot, lines) = (row.snapshot(), row.charges.clone());
        self.records.insert(*id, row);
        for group in lines.chunk_by(|a, b| a.0 == b.0) {
            let charges: Vec<Charge> = group.iter().copied().map(charge).collect();
            let over = self.charge(&charges, now);
            if !over.is_empty() {
                return Answer::Charged(snapshot, over);
            }
        }
        Answer::Charged(snapshot, Vec::new())
    }

    fn load(&mut self, id: &RecordId, charges: &[Charge], now: Timestamp) -> Answer {
        let Some(snapshot) = self.records.get(id).map(Row::snapshot) else {
            return Answer::Missing;
        };
        let over = self.charge(charges, now);
        if over.is_empty() { Answer::Loaded(snapshot) } else { Answer::Refused(over) }
    }

    fn swap(
        &mut self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        now: Timestamp,
    ) -> Swapped {
        let Some(row) = self.records.get(&next.id) else { return Swapped::Missing };
        if row.version != expected {
            return Swapped::Conflict { version: row.version };
        }
        let tries = if next.begins_challenge { 0 } else { row.tries };
        let row = Row::new(next, expected + 1, now.latest(row.touched_at), tries);
        let over = self.charge(charges, now);
        if !over.is_empty() {
            return Swapped::Refused(over);
        }
        for name in clear {
            if let Some(counter) = self.counters.get_mut(name) {
                let at = now.latest(counter.touched_at);
                *counter = Counter { ends_at: at, touched_at: at, value: 0 };
            }
        }
        self.records.insert(next.id, row);
        Swapped::Swapped { version: expected + 1 }
    }

    /// Makes all charges or none.
    fn charge(&mut self, charges: &[Charge], now: Timestamp) -> Vec<Over> {
        let (mut after, mut over) = (Vec::new(), Vec::new());
        for charge in charges {
            let before = self.counters.get(&charge.name).copied();
            let at = before.map_or(now, |counter| now.latest(counter.touched_at));
            let live = before.filter(|counter| at < counter.ends_at);
            let value = live.map_or(0, |counter| counter.value) + u64::from(charge.amount);
            let ends_at = live.map_or(at.after(charge.window), |counter| counter.ends_at);
            if value > u64::from(charge.limit) {
                over.push(Over { ends_at, name: charge.name });
            } else if charge.amount > 0 {
                after.push((charge.name, Counter { ends_at, touched_at: at, value }));
            }
        }
        if over.is_empty() {
            self.counters.extend(after);
        }
        sorted(over)
    }
}

impl Row {
    fn new(record: &Record, version: u64, touched_at: Timestamp, tries: u32) -> Self {
        let line = |it: &Charge| (it.tier, it.name, it.amount, it.limit, it.window);
        let mut charges: Vec<Line> = record.charges.iter().map(line).collect();
        charges.sort_unstable();
        Self {
            body: record.body.clone(),
            charges,
            expires_at: record.expires_at,
            touched_at,
            tries,
            tries_limit: record.tries_limit,
            version,
        }
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            body: self.body.clone(),
            expires_at: self.expires_at,
            touched_at: self.touched_at,
            tries: self.tries,
            version: self.version,
        }
    }
}

const fn charge((tier, name, amount, limit, window): Line) -> Charge {
    Charge { tier, name, amount, limit, window }
}
