//! The charging of counters, and the charges of a record as bytes.

use std::time::Duration;

use rusqlite::{Connection, Error, OptionalExtension, params};

use super::errors;
use crate::domain::{Charge, CounterName, Over, Timestamp};

/// The size of one packed charge, with its tier, name, amount, limit and window.
const PACKED: usize = 1 + 32 + 4 + 4 + 8;

/// A counter after a charge.
struct Counter {
    value: i64,
    ends_at: i64,
    touched_at: i64,
}

/// Makes all charges of one tier or none. Returns every counter that is over.
///
/// It reads and decides everything before it writes, so that a flood of refused calls writes
/// nothing. The writer holds the lock of the database, so that no other process comes between.
pub(super) fn charge(
    connection: &Connection,
    charges: &[Charge],
    now: Timestamp,
) -> Result<Vec<Over>, Error> {
    let (mut over, mut writes) = (Vec::new(), Vec::new());
    for charge in charges {
        let counter = charged(connection, charge, now)?;
        if counter.value > i64::from(charge.limit) {
            let ends_at = Timestamp::from_micros(counter.ends_at);
            over.push(Over { ends_at, name: charge.name });
        } else if charge.amount > 0 {
            writes.push((charge.name, counter));
        }
    }
    if over.is_empty() {
        for (name, counter) in writes {
            write(connection, &name, &counter)?;
        }
    }
    Ok(over)
}

/// Makes charges tier by tier. The first tier that refuses ends the call, and earlier tiers stay
/// charged.
pub(super) fn charge_tiers(
    connection: &Connection,
    charges: &[Charge],
    now: Timestamp,
) -> Result<Vec<Over>, Error> {
    let mut tiers: Vec<u8> = charges.iter().map(|charge| charge.tier).collect();
    tiers.sort_unstable();
    tiers.dedup();
    for tier in tiers {
        let of_tier = charges.iter().filter(|charge| charge.tier == tier);
        let over = charge(connection, &of_tier.copied().collect::<Vec<_>>(), now)?;
        if !over.is_empty() {
            return Ok(over);
        }
    }
    Ok(Vec::new())
}

/// Resets a counter, so that its next charge begins a new window. It keeps the latest time that it
/// has seen.
pub(super) fn clear(
    connection: &Connection,
    name: &CounterName,
    now: Timestamp,
) -> Result<(), Error> {
    let sql = "UPDATE sspr_counter SET value = 0, ends_at = max(touched_at, ?2), \
               touched_at = max(touched_at, ?2) WHERE name = ?1";
    connection.prepare_cached(sql)?.execute(params![name.as_bytes(), now.as_micros()])?;
    Ok(())
}

fn charged(connection: &Connection, charge: &Charge, now: Timestamp) -> Result<Counter, Error> {
    let sql = "SELECT value, ends_at, touched_at FROM sspr_counter WHERE name = ?1";
    let before = connection.prepare_cached(sql)?.query_row([charge.name.as_bytes()], |row| {
        Ok(Counter { value: row.get(0)?, ends_at: row.get(1)?, touched_at: row.get(2)? })
    });
    let before = before.optional()?;
    let now = now.as_micros();
    let touched_at = before.as_ref().map_or(now, |counter| now.max(counter.touched_at));
    let live = before.filter(|counter| counter.ends_at > touched_at);
    let ends_at =
        live.as_ref().map_or(touched_at.saturating_add(micros(charge.window)), |it| it.ends_at);
    let value = live.map_or(0, |counter| counter.value).saturating_add(i64::from(charge.amount));
    Ok(Counter { ends_at, touched_at, value })
}

fn write(connection: &Connection, name: &CounterName, counter: &Counter) -> Result<(), Error> {
    let sql = "INSERT INTO sspr_counter (name, value, ends_at, touched_at) \
               VALUES (?1, ?2, ?3, ?4) ON CONFLICT (name) DO UPDATE SET \
               value = ?2, ends_at = ?3, touched_at = ?4";
    let values = params![name.as_bytes(), counter.value, counter.ends_at, counter.touched_at];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// Returns a window in microseconds, short enough that adding it to a time cannot overflow.
fn micros(window: Duration) -> i64 {
    i64::try_from(window.as_micros()).unwrap_or(i64::MAX).min(i64::MAX / 4)
}

pub(super) fn pack(charges: &[Charge]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(charges.len() * PACKED);
    for charge in charges {
        bytes.push(charge.tier);
        bytes.extend_from_slice(charge.name.as_bytes());
        bytes.extend_from_slice(&charge.amount.to_be_bytes());
        bytes.extend_from_slice(&charge.limit.to_be_bytes());
        bytes.extend_from_slice(&micros(charge.window).to_be_bytes());
    }
    bytes
}

pub(super) fn unpack(bytes: &[u8]) -> Result<Vec<Charge>, Error> {
    let chunks = bytes.chunks(PACKED);
    chunks.map(|chunk| one(chunk).ok_or_else(|| errors::damaged("charges"))).collect()
}

fn one(chunk: &[u8]) -> Option<Charge> {
    let (tier, rest) = chunk.split_first()?;
    let (name, rest) = rest.split_first_chunk::<32>()?;
    let (amount, rest) = rest.split_first_chunk::<4>()?;
    let (limit, rest) = rest.split_first_chunk::<4>()?;
    let window = u64::try_from(i64::from_be_bytes(*rest.first_chunk::<8>()?)).ok()?;
    Some(Charge {
        amount: u32::from_be_bytes(*amount),
        limit: u32::from_be_bytes(*limit),
        name: CounterName::from_bytes(*name),
        tier: *tier,
        window: Duration::from_micros(window),
    })
}
