//! The conversion of values to and from columns.

use core::time::Duration;

use tokio_postgres::{Row, types::FromSql};

use super::errors;
use crate::{
    adapters::sql,
    domain::{
        Account, AccountId, Charge, CounterName, EmailAddress, Frozen, GroupId, LanguageTag, Over,
        PasswordHash, PhoneNumber, RecordId, Stamp, Timestamp,
    },
    ports::StoreError,
};

/// Charges as arrays, sorted by tier and name, which is the order of locks.
pub(super) struct Charges<'c> {
    pub(super) tiers: Vec<i16>,
    pub(super) names: Vec<&'c [u8]>,
    pub(super) amounts: Vec<i64>,
    pub(super) limits: Vec<i64>,
    pub(super) windows: Vec<i64>,
}

impl<'c> Charges<'c> {
    pub(super) fn sorted(charges: &'c [Charge]) -> Self {
        let mut order: Vec<&'c Charge> = charges.iter().collect();
        order.sort_unstable_by_key(|charge| (charge.tier, charge.name));
        Self {
            amounts: order.iter().map(|charge| i64::from(charge.amount)).collect(),
            limits: order.iter().map(|charge| i64::from(charge.limit)).collect(),
            names: order.iter().map(|charge| &charge.name.as_bytes()[..]).collect(),
            tiers: order.iter().map(|charge| i16::from(charge.tier)).collect(),
            windows: order.iter().map(|charge| micros(charge.window)).collect(),
        }
    }
}

/// Returns a window in microseconds, short enough that adding it to a time cannot overflow.
fn micros(window: Duration) -> i64 {
    i64::try_from(window.as_micros()).unwrap_or(i64::MAX).min(i64::MAX / 4)
}

pub(super) fn get<'r, T: FromSql<'r>>(row: &'r Row, column: &str) -> Result<T, StoreError> {
    row.try_get(column).map_err(errors::column)
}

pub(super) fn instant(row: &Row, column: &str) -> Result<Timestamp, StoreError> {
    get(row, column).map(Timestamp::from_micros)
}

pub(super) fn unsigned(row: &Row, column: &'static str) -> Result<u64, StoreError> {
    u64::try_from(get::<i64>(row, column)?).map_err(|_| errors::damaged(column))
}

/// Returns the counters that are over.
pub(super) fn over(row: &Row) -> Result<Vec<Over>, StoreError> {
    let names: Option<Vec<&[u8]>> = get(row, "over_names")?;
    let ends: Option<Vec<i64>> = get(row, "over_ends")?;
    let pairs = names.into_iter().flatten().zip(ends.into_iter().flatten());
    let over = pairs.map(|(name, ends_at)| {
        let name = name.try_into().map_err(|_| errors::damaged("name"))?;
        let ends_at = Timestamp::from_micros(ends_at);
        Ok(Over { ends_at, name: CounterName::from_bytes(name) })
    });
    over.collect()
}

pub(super) fn stamp(bytes: &[u8]) -> Result<Stamp, StoreError> {
    bytes.try_into().map(Stamp::from_bytes).map_err(|_| errors::damaged("stamp"))
}

/// Reads an account with its addresses. Every field is named, so that the compiler finds a new
/// field of accounts.
pub(super) fn account(row: &Row) -> Result<Account, StoreError> {
    let read_group = |name| GroupId::parse(name).map_err(|_| errors::damaged("group"));
    let read_address = |text| EmailAddress::parse(text).map_err(|_| errors::damaged("address"));
    // For an account without an address, this list is null.
    let addresses: Option<Vec<&str>> = get(row, "addresses")?;
    let password: Option<&str> = get(row, "password")?;
    let language: Option<&str> = get(row, "language")?;
    let last_change: Option<&[u8]> = get(row, "last_reset")?;
    let frozen_at: Option<i64> = get(row, "frozen_at")?;
    let recover_to: Vec<&str> = get(row, "recover_to")?;
    let recover_to = recover_to.into_iter().map(read_address).collect::<Result<_, _>>()?;
    let read_phone = |text| PhoneNumber::parse(text).map_err(|_| errors::damaged("phone"));
    let phones: Vec<&str> = get(row, "phones")?;
    Ok(Account {
        addresses: addresses.into_iter().flatten().map(read_address).collect::<Result<_, _>>()?,
        disabled: get(row, "disabled")?,
        frozen: frozen_at.map(|at| Frozen::new(Timestamp::from_micros(at), recover_to)),
        groups: get::<Vec<&str>>(row, "groups")?
            .into_iter()
            .map(read_group)
            .collect::<Result<_, _>>()?,
        id: AccountId::parse(get(row, "id")?).map_err(|_| errors::damaged("id"))?,
        identity_providers: get::<Vec<&str>>(row, "identity_providers")?
            .into_iter()
            .map(sql::provider)
            .collect(),
        language: language
            .map(|tag| LanguageTag::parse(tag).map_err(|_| errors::damaged("language")))
            .transpose()?,
        last_change: last_change
            .map(|id| {
                id.try_into().map(RecordId::from_bytes).map_err(|_| errors::damaged("last_reset"))
            })
            .transpose()?,
        locked: get(row, "locked")?,
        must_change: get(row, "must_change")?,
        names: get(row, "names")?,
        password: password
            .map(|hash| PasswordHash::parse(hash).map_err(|_| errors::damaged("password")))
            .transpose()?,
        password_expires_at: get::<Option<i64>>(row, "password_expires_at")?
            .map(Timestamp::from_micros),
        phones: phones.into_iter().map(read_phone).collect::<Result<_, _>>()?,
        second_factor: sql::second_factor(get(row, "second_factor")?)
            .ok_or_else(|| errors::damaged("second factor"))?,
        stamp: stamp(get(row, "stamp")?)?,
    })
}
