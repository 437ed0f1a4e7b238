//! The conversion of accounts to and from rows.

use rusqlite::{Connection, Error, OptionalExtension, Row, params};

use super::errors::damaged;
use crate::{
    adapters::sql,
    domain::{
        Account, AccountId, EmailAddress, Frozen, GroupId, LanguageTag, PasswordHash, PhoneNumber,
        RecordId, Stamp, TenantId, Timestamp,
    },
};

/// The query for one account, with its addresses in order. It is one statement, because a statement
/// sees one snapshot.
const SELECT: &str = "SELECT a.id, a.stamp, a.password, a.identity_providers, a.groups, \
    a.disabled, a.locked, a.second_factor, a.language, a.names, a.last_reset, \
    a.must_change, a.password_expires_at, \
    (SELECT json_group_array(e.address) FROM (SELECT address FROM sspr_address \
     WHERE tenant = a.tenant AND account = a.id ORDER BY position) AS e), a.frozen_at, \
    (SELECT json_group_array(r.address) FROM (SELECT address FROM sspr_recovery \
     WHERE tenant = a.tenant AND account = a.id ORDER BY position) AS r), a.phones FROM sspr_account AS a";

/// Finds the accounts with an address, and the frozen accounts with this recovery address.
pub(super) fn with_address(
    connection: &Connection,
    tenant: &TenantId,
    address: &EmailAddress,
) -> Result<Vec<Account>, Error> {
    let sql = format!(
        "{SELECT} WHERE a.tenant = ?1 AND a.id IN \
         (SELECT account FROM sspr_address WHERE tenant = ?1 AND address = ?2 \
         UNION SELECT account FROM sspr_recovery WHERE tenant = ?1 AND address = ?2)"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_map(params![tenant.as_str(), address.as_str()], account)?;
    found.collect()
}

/// Finds the account with an id.
pub(super) fn with_id(
    connection: &Connection,
    tenant: &TenantId,
    id: &AccountId,
) -> Result<Option<Account>, Error> {
    let sql = format!("{SELECT} WHERE a.tenant = ?1 AND a.id = ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_row(params![tenant.as_str(), id.as_str()], account).optional()
}

/// Reads an account. Every field is named, so that the compiler finds a new field of accounts.
fn account(row: &Row<'_>) -> Result<Account, Error> {
    let id: String = row.get(0)?;
    let password: Option<String> = row.get(2)?;
    let (providers, groups): (String, String) = (row.get(3)?, row.get(4)?);
    let language: Option<String> = row.get(8)?;
    let last_change: Option<Vec<u8>> = row.get(10)?;
    let (names, addresses): (String, String) = (row.get(9)?, row.get(13)?);
    let (frozen_at, recover_to): (Option<i64>, String) = (row.get(14)?, row.get(15)?);
    let read_group = |name: String| GroupId::parse(&name).map_err(|_| damaged("groups"));
    let read_address = |text: String| EmailAddress::parse(&text).map_err(|_| damaged("address"));
    let read_addresses = |json: &str| -> Result<Vec<EmailAddress>, Error> {
        list(json)?.into_iter().map(read_address).collect()
    };
    let recover_to = read_addresses(&recover_to)?;
    let read_phone = |text: String| PhoneNumber::parse(&text).map_err(|_| damaged("phones"));
    let phones = list(&row.get::<_, String>(16)?)?;
    Ok(Account {
        addresses: read_addresses(&addresses)?,
        disabled: row.get(5)?,
        frozen: frozen_at.map(|at| Frozen::new(Timestamp::from_micros(at), recover_to)),
        groups: list(&groups)?.into_iter().map(read_group).collect::<Result<_, _>>()?,
        id: AccountId::parse(&id).map_err(|_| damaged("id"))?,
        identity_providers: list(&providers)?.iter().map(|name| sql::provider(name)).collect(),
        language: language
            .map(|tag| LanguageTag::parse(&tag).map_err(|_| damaged("language")))
            .transpose()?,
        last_change: last_change
            .map(|id| <[u8; RecordId::BYTES]>::try_from(id).map_err(|_| damaged("last_reset")))
            .transpose()?
            .map(RecordId::from_bytes),
        locked: row.get(6)?,
        must_change: row.get(11)?,
        names: list(&names)?,
        password: password
            .map(|hash| PasswordHash::parse(&hash).map_err(|_| damaged("password")))
            .transpose()?,
        password_expires_at: row.get::<_, Option<i64>>(12)?.map(Timestamp::from_micros),
        phones: phones.into_iter().map(read_phone).collect::<Result<_, _>>()?,
        second_factor: sql::second_factor(row.get(7)?).ok_or_else(|| damaged("second_factor"))?,
        stamp: Stamp::from_bytes(row.get(1)?),
    })
}

/// Writes an account, or replaces the one with the same id.
pub(super) fn write(
    connection: &Connection,
    tenant: &TenantId,
    account: &Account,
) -> Result<(), Error> {
    let sql = "INSERT INTO sspr_account (tenant, id, stamp, password, identity_providers, groups, \
               disabled, locked, second_factor, language, names, last_reset, must_change, \
               password_expires_at, frozen_at, phones) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) \
               ON CONFLICT (tenant, id) DO UPDATE SET stamp = ?3, password = ?4, \
               identity_providers = ?5, groups = ?6, disabled = ?7, locked = ?8, \
               second_factor = ?9, language = ?10, names = ?11, last_reset = ?12, \
               must_change = ?13, password_expires_at = ?14, frozen_at = ?15, phones = ?16";
    let providers: Vec<&str> =
        account.identity_providers.iter().map(|p| sql::provider_name(*p)).collect();
    let groups: Vec<&str> = account.groups.iter().map(GroupId::as_str).collect();
    let phones: Vec<&str> = account.phones.iter().map(PhoneNumber::as_str).collect();
    connection.prepare_cached(sql)?.execute(params![
        tenant.as_str(),
        account.id.as_str(),
        account.stamp.as_bytes(),
        account.password.as_ref().map(PasswordHash::expose),
        serde_json::json!(providers).to_string(),
        serde_json::json!(groups).to_string(),
        account.disabled,
        account.locked,
        sql::second_factor_number(account.second_factor),
        account.language.as_ref().map(LanguageTag::as_str),
        serde_json::json!(account.names).to_string(),
        account.last_change.as_ref().map(|id| id.as_bytes().to_vec()),
        account.must_change,
        account.password_expires_at.map(Timestamp::as_micros),
        account.frozen.as_ref().map(|frozen| frozen.at.as_micros()),
        serde_json::json!(phones).to_string(),
    ])?;
    write_addresses(connection, (tenant, &account.id), &account.addresses)?;
    let back = account.frozen.as_ref().map_or(&[][..], |frozen| &frozen.recover_to);
    write_recovery(connection, (tenant, &account.id), back)
}

/// Replaces the addresses on file.
pub(super) fn write_addresses(
    connection: &Connection,
    of: (&TenantId, &AccountId),
    addresses: &[EmailAddress],
) -> Result<(), Error> {
    let gone = "DELETE FROM sspr_address WHERE tenant = ?1 AND account = ?2";
    let sql = "INSERT INTO sspr_address (tenant, address, account, position) \
               VALUES (?1, ?2, ?3, ?4)";
    replace(connection, (gone, sql), of, addresses)
}

/// Replaces the recovery addresses of a frozen account.
pub(super) fn write_recovery(
    connection: &Connection,
    of: (&TenantId, &AccountId),
    addresses: &[EmailAddress],
) -> Result<(), Error> {
    let gone = "DELETE FROM sspr_recovery WHERE tenant = ?1 AND account = ?2";
    let sql = "INSERT INTO sspr_recovery (tenant, address, account, position) \
               VALUES (?1, ?2, ?3, ?4)";
    replace(connection, (gone, sql), of, addresses)
}

fn replace(
    connection: &Connection,
    (gone, sql): (&str, &str),
    (tenant, account): (&TenantId, &AccountId),
    addresses: &[EmailAddress],
) -> Result<(), Error> {
    let (tenant, account) = (tenant.as_str(), account.as_str());
    connection.prepare_cached(gone)?.execute(params![tenant, account])?;
    for (address, position) in addresses.iter().zip(0_i64..) {
        let values = params![tenant, address.as_str(), account, position];
        connection.prepare_cached(sql)?.execute(values)?;
    }
    Ok(())
}

fn list(json: &str) -> Result<Vec<String>, Error> {
    serde_json::from_str(json).map_err(|_| damaged("list"))
}
