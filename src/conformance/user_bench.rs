//! The user store under test, and the accounts and changes that the suites put into it.

use std::{future::Future, pin::Pin, sync::Arc};

use super::case_result::{CaseResult, Violation};
use crate::{
    domain::{
        Account, AccountId, EmailAddress, PasswordHash, RecordId, Stamp, TenantId, Timestamp,
    },
    ports::{Applied, NoticeCause, NoticeRecipient, PasswordChange, StoreError, UserStore},
};

/// A function that puts an account into the store under test in one transaction. It replaces an
/// account with the same id.
pub type PutAccount = Arc<
    dyn Fn(TenantId, Account) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>
        + Send
        + Sync,
>;

/// A user store under test. Each case needs a fresh and empty one.
///
/// The suite puts accounts whose ids are words, such as `ada`, and some with two addresses. A table
/// with numeric ids fails almost every case. In the test, let `put` note which number stands for a
/// word, and translate in the store under test. A table with one address for each account fails
/// `an_account_is_found_as_it_was_put` and `an_account_is_read_in_one_snapshot`. To leave such cases
/// out, check the cases of [`all`](crate::conformance::UserStoreCase::all) in a loop and skip them by
/// their names. A store that keeps no marks says so ([`UserStore::keeps_marks`]), and is not asked
/// for any. The same holds for freezes ([`UserStore::keeps_freezes`]).
#[derive(Clone)]
pub struct UserStoreBench {
    pub(super) store: Arc<dyn UserStore>,
    put: PutAccount,
}

impl core::fmt::Debug for UserStoreBench {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("UserStoreBench")
    }
}

impl UserStoreBench {
    /// Creates a bench for a store. `put` puts an account into it.
    #[must_use]
    pub fn new(store: impl UserStore + 'static, put: PutAccount) -> Self {
        Self { put, store: Arc::new(store) }
    }

    pub(super) async fn put(&self, account: &Account) -> CaseResult {
        Ok((self.put)(tenant()?, account.clone()).await?)
    }

    pub(super) async fn find(&self, account: &Account) -> Result<Account, Violation> {
        let found = self.store.find(&tenant()?, &account.id).await?;
        found.ok_or_else(|| Violation::new("an account that was put in is not found by its id"))
    }

    pub(super) async fn apply(&self, change: &PasswordChange) -> Result<Applied, StoreError> {
        self.store.apply_change(change).await
    }
}

pub(super) fn tenant() -> Result<TenantId, Violation> {
    TenantId::parse("contoso").map_err(Violation::of)
}

pub(super) fn address(text: &str) -> Result<EmailAddress, Violation> {
    EmailAddress::parse(text).map_err(Violation::of)
}

pub(super) fn stamp(number: u8) -> Stamp {
    Stamp::from_bytes([number; 16])
}

pub(super) fn hash(number: u8) -> Result<PasswordHash, Violation> {
    let text = format!("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA${number:043}");
    PasswordHash::parse(&text).map_err(Violation::of)
}

/// Returns a locked account with names, an address and a password.
pub(super) fn account(id: &str, mail: &str) -> Result<Account, Violation> {
    let parsed = AccountId::parse(id).map_err(Violation::of)?;
    let mut account = Account::new(parsed, address(mail)?, stamp(1)).with_password(hash(1)?);
    account.locked = true;
    account.names = vec!["Ada".to_owned(), "Löwe".to_owned()];
    Ok(account)
}

/// Returns a change of that account's password, as the engine requests it.
pub(super) fn change(account: &Account, operation: u8) -> Result<PasswordChange, Violation> {
    Ok(PasswordChange {
        account: account.id.clone(),
        addresses: None,
        at: Timestamp::from_micros(1_800_000_000_000_000),
        expected_stamp: account.stamp,
        language: None,
        must_change: false,
        next_stamp: stamp(operation),
        notify: account
            .addresses
            .iter()
            .map(|to| NoticeRecipient::new(to.clone(), NoticeCause::CodeSentHere))
            .collect(),
        operation: RecordId::from_parts(tenant()?.tag(), [operation; 16]),
        password: hash(operation)?,
        password_expires_at: None,
        tenant: tenant()?,
    })
}

/// Runs calls side by side.
pub(super) async fn all<T>(
    calls: impl Iterator<Item = impl Future<Output = Result<T, StoreError>>>,
) -> Result<Vec<T>, StoreError> {
    futures_util::future::join_all(calls).await.into_iter().collect()
}
