//! The conversion of accounts to and from rows.

use rusqlite::{Connection, Error, OptionalExtension, Row, params};

use super::errors::damaged;
use crate::{
    adapters::sql,
    domain::{
        Account, AccountId, EmailAddress, GroupId, LanguageTag, PasswordHash, RecordId, Stamp,
        TenantId,
    },
};

/// The query for one account, with its addresses in order. It is one statement, because a statement
/// sees one snapshot.
const SELECT: &str = "SELECT a.id, a.stamp, a.password, a.identity_providers, a.groups, \
    a.disabled, a.locked, a.second_factor, a.language, a.names, a.last_reset, \
    (SELECT json_group_array(e.address) FROM (SELECT address FROM sspr_address \
     WHERE tenant = a.tenant AND account = a.id ORDER BY position) AS e) FROM sspr_account AS a";

/// Finds the accounts with an address.
pub(super) fn with_address(
    connection: &Connection,
    tenant: &TenantId,
    address: &EmailAddress,
) -> Result<Vec<Account>, Error> {
    let sql = format!(
        "{SELECT} WHERE a.tenant = ?1 AND a.id IN \
         (SELECT account FROM sspr_address WHERE tenant = ?1 AND address = ?2)"
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
    let last_reset: Option<Vec<u8>> = row.get(10)?;
    let (names, addresses): (String, String) = (row.get(9)?, row.get(11)?);
    let read_group = |name: String| GroupId::parse(&name).map_err(|_| damaged("groups"));
    let read_address = |text: String| EmailAddress::parse(&text).map_err(|_| damaged("address"));
    Ok(Account {
        addresses: list(&addresses)?.into_iter().map(read_address).collect::<Result<_, _>>()?,
        disabled: row.get(5)?,
        groups: list(&groups)?.into_iter().map(read_group).collect::<Result<_, _>>()?,
        id: AccountId::parse(&id).map_err(|_| damaged("id"))?,
        identity_providers: list(&providers)?.iter().map(|name| sql::provider(name)).collect(),
        language: language
            .map(|tag| LanguageTag::parse(&tag).map_err(|_| damaged("language")))
            .transpose()?,
        last_reset: last_reset
            .map(|id| <[u8; RecordId::BYTES]>::try_from(id).map_err(|_| damaged("last_reset")))
            .transpose()?
            .map(RecordId::from_bytes),
        locked: row.get(6)?,
        names: list(&names)?,
        password: password
            .map(|hash| PasswordHash::parse(&hash).map_err(|_| damaged("password")))
            .transpose()?,
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
               disabled, locked, second_factor, language, names, last_reset) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) \
               ON CONFLICT (tenant, id) DO UPDATE SET stamp = ?3, password = ?4, \
               identity_providers = ?5, groups = ?6, disabled = ?7, locked = ?8, \
               second_factor = ?9, language = ?10, names = ?11, last_reset = ?12";
    let providers: Vec<&str> =
        account.identity_providers.iter().map(|p| sql::provider_name(*p)).collect();
    let groups: Vec<&str> = account.groups.iter().map(GroupId::as_str).collect();
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
        account.last_reset.as_ref().map(|id| id.as_bytes().to_vec()),
    ])?;
    let sql = "DELETE FROM sspr_address WHERE tenant = ?1 AND account = ?2";
    connection.prepare_cached(sql)?.execute(params![tenant.as_str(), account.id.as_str()])?;
    let sql = "INSERT INTO sspr_address (tenant, address, account, position) \
               VALUES (?1, ?2, ?3, ?4)";
    for (address, position) in account.addresses.iter().zip(0_i64..) {
        let (tenant, id) = (tenant.as_str(), account.id.as_str());
        let values = params![tenant, address.as_str(), id, position];
        connection.prepare_cached(sql)?.execute(values)?;
    }
    Ok(())
}

fn list(json: &str) -> Result<Vec<String>, Error> {
    serde_json::from_str(json).map_err(|_| damaged("list"))
}
