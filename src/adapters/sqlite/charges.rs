//! Charging counters, and keeping a record's charges as bytes.

use std::time::Duration;

use rusqlite::{Connection, Error, OptionalExtension, params};

use super::{
    errors,
    worker::{Writes, in_savepoint},
};
use crate::domain::{Charge, CounterName, Instant, Over};

/// Bytes of one packed charge: tier, name, amount, limit, window.
const PACKED: usize = 1 + 32 + 4 + 4 + 8;

/// Makes all charges of one tier or none; answers every counter that is over.
pub(super) fn charge(
    connection: &Connection,
    charges: &[Charge],
    now: Instant,
) -> Result<Vec<Over>, Error> {
    in_savepoint(connection, |connection| {
        let mut over = Vec::new();
        for charge in charges {
            let (value, ends_at) = if charge.amount == 0 {
                ask(connection, charge, now)?
            } else {
                add(connection, charge, now)?
            };
            if value > i64::from(charge.limit) {
                over.push(Over { ends_at: Instant::from_micros(ends_at), name: charge.name });
            }
        }
        let writes = if over.is_empty() { Writes::Stand } else { Writes::Undone };
        Ok((over, writes))
    })
}

/// Makes charges tier by tier; the first tier that refuses ends it, earlier ones stand.
pub(super) fn charge_tiers(
    connection: &Connection,
    charges: &[Charge],
    now: Instant,
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

/// Begins a counter anew at its next charge; what it has seen of time is kept.
pub(super) fn clear(
    connection: &Connection,
    name: &CounterName,
    now: Instant,
) -> Result<(), Error> {
    let sql = "UPDATE sspr_counter SET value = 0, ends_at = max(touched_at, ?2), \
               touched_at = max(touched_at, ?2) WHERE name = ?1";
    connection.prepare_cached(sql)?.execute(params![name.as_bytes(), now.as_micros()])?;
    Ok(())
}

fn ask(connection: &Connection, charge: &Charge, now: Instant) -> Result<(i64, i64), Error> {
    let sql = "SELECT value, ends_at FROM sspr_counter \
               WHERE name = ?1 AND ends_at > max(touched_at, ?2)";
    let found = connection
        .prepare_cached(sql)?
        .query_row(params![charge.name.as_bytes(), now.as_micros()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    Ok(found.unwrap_or((0, now.as_micros())))
}

fn add(connection: &Connection, charge: &Charge, now: Instant) -> Result<(i64, i64), Error> {
    let sql = "INSERT INTO sspr_counter (name, value, ends_at, touched_at) \
               VALUES (?1, ?2, ?3 + ?4, ?3) ON CONFLICT (name) DO UPDATE SET \
               value = ?2 + CASE WHEN ends_at <= max(touched_at, ?3) THEN 0 ELSE value END, \
               ends_at = CASE WHEN ends_at <= max(touched_at, ?3) \
                 THEN max(touched_at, ?3) + ?4 ELSE ends_at END, \
               touched_at = max(touched_at, ?3) RETURNING value, ends_at";
    let values =
        params![charge.name.as_bytes(), charge.amount, now.as_micros(), micros(charge.window)];
    connection.prepare_cached(sql)?.query_row(values, |row| Ok((row.get(0)?, row.get(1)?)))
}

/// A window in microseconds, short enough that adding it to an instant cannot overflow.
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
