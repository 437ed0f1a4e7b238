//! A host's own users table behind the three methods; here the table is a map. And a code store of its
//! own, on a plain file (`files.rs`). Resets a password and shows the row before and after.
//! `cargo run --example custom_store`
#![allow(clippy::print_stdout, unreachable_pub, reason = "an example talks, and is no library")]

mod files;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use sspr::{
    Application, Keyring, Sspr, TenantPolicy,
    adapters::{Argon2Pool, CaptureSender, MemoryPolicies, SystemEntropy},
    domain::{Account, AccountId, EmailAddress, Password, PasswordHash, RecordId, Stamp, TenantId},
    engine::{Client, Request, StartOutcome, VerifyOutcome},
    ports::{
        Applied, HashQueue, NoticeDelivery, PasswordChange, PasswordHasher as _, StoreError,
        UserStore,
    },
};

/// A row as this host keeps it: its own columns, and the two that resets need.
#[derive(Clone, Debug)]
struct Row {
    mail: String,
    hash: String,
    failed_logins: u32,
    /// New with every change of password, addresses or rights; sessions carry it.
    stamp: [u8; 16],
    last_change: Option<RecordId>,
}

/// The host's users table, by id.
#[derive(Clone, Debug, Default)]
struct Table(Arc<Mutex<HashMap<String, Row>>>);

impl Table {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, Row>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A row as sspr sees it; `None` if the row is not one that could reset.
fn account(id: &str, row: &Row) -> Option<Account> {
    let (id, mail) = (AccountId::parse(id).ok()?, EmailAddress::parse(&row.mail).ok()?);
    let mut account = Account::new(id, mail, Stamp::from_bytes(row.stamp));
    account.password = PasswordHash::parse(&row.hash).ok();
    account.locked = row.failed_logins >= 10;
    account.last_change = row.last_change;
    Some(account)
}

#[async_trait]
impl UserStore for Table {
    // SELECT … WHERE mail = ?
    async fn find_by_address(
        &self,
        _tenant: &TenantId,
        address: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError> {
        let matches = |row: &Row| row.mail == address.as_str();
        Ok(self.with(|rows| {
            let found = rows.iter().filter(|(_, row)| matches(row));
            found.filter_map(|(id, row)| account(id, row)).collect()
        }))
    }

    // SELECT … WHERE id = ?
    async fn find(
        &self,
        _tenant: &TenantId,
        id: &AccountId,
    ) -> Result<Option<Account>, StoreError> {
        Ok(self.with(|rows| rows.get(id.as_str()).and_then(|row| account(id.as_str(), row))))
    }

    // UPDATE … SET hash = ?, stamp = ?, failed_logins = 0, last_change = ? WHERE id = ? AND stamp = ?
    async fn apply_change(&self, change: &PasswordChange) -> Result<Applied, StoreError> {
        Ok(self.with(|rows| {
            let Some(row) = rows.get_mut(change.account.as_str()) else { return Applied::Stale };
            if row.last_change == Some(change.operation) {
                return Applied::Repeated { stamp: Stamp::from_bytes(row.stamp) };
            }
            if Stamp::from_bytes(row.stamp) != change.expected_stamp {
                return Applied::Stale;
            }
            row.hash = change.password.expose().to_owned();
            row.stamp = *change.next_stamp.as_bytes();
            row.failed_logins = 0;
            row.last_change = Some(change.operation);
            Applied::Done { notice: NoticeDelivery::NotQueued }
        }))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let entropy = SystemEntropy::new();
    let old =
        Argon2Pool::new().hash(Password::parse("forgotten long ago")?, HashQueue::Submit).await?;
    let row = Row {
        failed_logins: 12,
        hash: old.expose().to_owned(),
        last_change: None,
        mail: "ada@example.com".to_owned(),
        stamp: *Stamp::generate(&entropy)?.as_bytes(),
    };
    let table = Table::default();
    table.with(|rows| rows.insert("1".to_owned(), row.clone()));
    println!("before: failed_logins = {}, stamp = {:02x?}", row.failed_logins, row.stamp);

    let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso")?);
    let folder = tempfile::tempdir()?; // a service would keep it
    let (sspr, courier) = Sspr::new(
        table.clone(),
        files::Files::open(folder.path())?,
        policies,
        Keyring::generate(&entropy)?,
    );
    let shop = Application::new("contoso", "sign-in", "shop")?;
    let ada = EmailAddress::parse("ada@example.com")?;
    let (client, inbox) = (Client::unknown(), CaptureSender::new());
    let started = sspr.start(&Request::new(&shop, ada), &client).await?;
    let StartOutcome::Started(started) = started else { return Err("not offered".into()) };
    courier.drain(&inbox).await;
    let code = inbox.last_code().ok_or("no mail")?;
    let verified = sspr.verify(&started.token, &code, &client).await?;
    let VerifyOutcome::Granted(granted) = verified else { return Err("not granted".into()) };
    let new = Password::parse("four unrelated words will do")?;
    sspr.submit(&granted.grant, &new, &client).await?;
    courier.drain(&inbox).await;

    let row = table.with(|rows| rows.get("1").cloned()).ok_or("no row")?;
    println!("after:  failed_logins = {}, stamp = {:02x?}", row.failed_logins, row.stamp);
    println!("mails:  {}", inbox.messages().len());
    Ok(())
}
