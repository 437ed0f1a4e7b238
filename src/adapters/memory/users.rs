//! A user store in memory, with an outbox.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
};

use async_trait::async_trait;

use crate::{
    domain::{Account, AccountId, EmailAddress, PasswordHash, TenantId, Timestamp},
    policy::TenantPolicy,
    ports::{
        Affected, Applied, Freeze, NOTICE_CLOCK_SLACK, NOTICE_LEASE, Notice, NoticeDelivery,
        NoticeId, Outbox, PasswordChange, PolicyPreview, StoreError, UserStore,
    },
    sync::{Mutex, MutexGuard},
};

/// Keeps accounts in memory. Clones share the accounts. Addresses match exactly.
#[derive(Clone, Debug, Default)]
pub struct MemoryUsers(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    accounts: HashMap<(TenantId, AccountId), Kept>,
    /// The accounts that each address finds. It has no address without an account.
    by_address: HashMap<(TenantId, EmailAddress), Vec<AccountId>>,
    notices: Vec<Waiting>,
    notices_so_far: u64,
}

#[derive(Debug)]
struct Kept {
    account: Account,
    pending_address: Option<EmailAddress>,
    signed_in_at: Option<Timestamp>,
}

#[derive(Debug)]
struct Waiting {
    notice: Notice,
    due_at: Timestamp,
    /// The time at which `due_at` was set.
    set_at: Timestamp,
}

impl MemoryUsers {
    /// Creates a store without accounts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an account, or replaces the account of that id.
    pub fn insert(&self, tenant: &TenantId, account: Account) {
        let kept = Kept { account, pending_address: None, signed_in_at: None };
        let mut state = self.lock();
        state.take(tenant, &kept.account.id.clone());
        state.put(tenant, kept);
    }

    /// Changes an account, and returns whether there is an account of that id. Generate a new
    /// [`Stamp`](crate::domain::Stamp) if the contract of stamps requires one.
    pub fn update(
        &self,
        tenant: &TenantId,
        id: &AccountId,
        change: impl FnOnce(&mut Account),
    ) -> bool {
        let mut state = self.lock();
        let key = (tenant.clone(), id.clone());
        let Some(mut account) = state.accounts.get(&key).map(|kept| kept.account.clone()) else {
            return false;
        };
        // Change a copy, so that a panic leaves the account as it was.
        change(&mut account);
        if let Some(kept) = state.take(tenant, id) {
            state.put(tenant, Kept { account, ..kept });
        }
        true
    }

    /// Removes an account, and returns whether it existed.
    pub fn remove(&self, tenant: &TenantId, id: &AccountId) -> bool {
        self.lock().take(tenant, id).is_some()
    }

    /// Notes a new address that the account has not confirmed yet. A reset cancels the change.
    pub fn set_pending_address(&self, tenant: &TenantId, id: &AccountId, address: EmailAddress) {
        if let Some(kept) = self.lock().accounts.get_mut(&(tenant.clone(), id.clone())) {
            kept.pending_address = Some(address);
        }
    }

    /// Returns the new address that the account has not confirmed yet.
    #[must_use]
    pub fn pending_address(&self, tenant: &TenantId, id: &AccountId) -> Option<EmailAddress> {
        let state = self.lock();
        state.accounts.get(&(tenant.clone(), id.clone()))?.pending_address.clone()
    }

    /// Returns when an account last signed in with its password.
    #[must_use]
    pub fn signed_in_at(&self, tenant: &TenantId, id: &AccountId) -> Option<Timestamp> {
        self.lock().accounts.get(&(tenant.clone(), id.clone()))?.signed_in_at
    }

    /// Locks the state. A poisoned lock is safe, because every change is made in one piece.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put(&mut self, tenant: &TenantId, kept: Kept) {
        let id = &kept.account.id;
        for address in found_by(&kept.account) {
            let ids = self.by_address.entry((tenant.clone(), address.clone())).or_default();
            if !ids.contains(id) {
                ids.push(id.clone());
            }
        }
        self.accounts.insert((tenant.clone(), id.clone()), kept);
    }

    fn take(&mut self, tenant: &TenantId, id: &AccountId) -> Option<Kept> {
        let kept = self.accounts.remove(&(tenant.clone(), id.clone()))?;
        for address in found_by(&kept.account) {
            let key = (tenant.clone(), address.clone());
            if let Some(ids) = self.by_address.get_mut(&key) {
                ids.retain(|other| other != id);
                if ids.is_empty() {
                    self.by_address.remove(&key);
                }
            }
        }
        Some(kept)
    }
}

/// Returns the addresses that find an account: those on file, and the recovery addresses.
fn found_by(account: &Account) -> impl Iterator<Item = &EmailAddress> {
    let back = account.frozen.iter().flat_map(|frozen| &frozen.recover_to);
    account.addresses.iter().chain(back)
}

#[async_trait]
impl UserStore for MemoryUsers {
    async fn find_by_address(
        &self,
        tenant: &TenantId,
        address: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError> {
        let state = self.lock();
        let ids = state.by_address.get(&(tenant.clone(), address.clone()));
        let kept = ids.into_iter().flatten().filter_map(|id| {
            state.accounts.get(&(tenant.clone(), id.clone())).map(|kept| kept.account.clone())
        });
        Ok(kept.collect())
    }

    async fn find(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Option<Account>, StoreError> {
        let state = self.lock();
        let kept = state.accounts.get(&(tenant.clone(), account.clone()));
        Ok(kept.map(|kept| kept.account.clone()))
    }

    async fn apply_change(&self, change: &PasswordChange) -> Result<Applied, StoreError> {
        let mut state = self.lock();
        let key = (change.tenant.clone(), change.account.clone());
        let Some(kept) = state.accounts.get_mut(&key) else { return Ok(Applied::Stale) };
        if kept.account.last_change == Some(change.operation) {
            return Ok(Applied::Repeated { stamp: kept.account.stamp });
        }
        if kept.account.stamp != change.expected_stamp {
            return Ok(Applied::Stale);
        }
        kept.account.password = Some(change.password.clone());
        kept.account.stamp = change.next_stamp;
        kept.account.locked = false;
        kept.account.last_change = Some(change.operation);
        kept.account.must_change = change.must_change;
        kept.account.password_expires_at = change.password_expires_at;
        kept.pending_address = None;
        let is_found_otherwise = kept.account.frozen.is_some() || change.addresses.is_some();
        if is_found_otherwise && let Some(mut kept) = state.take(&change.tenant, &change.account) {
            kept.account.frozen = None;
            if let Some(addresses) = &change.addresses {
                kept.account.addresses.clone_from(addresses);
                kept.account.phones.clear();
            }
            state.put(&change.tenant, kept);
        }
        for recipient in &change.notify {
            state.notices_so_far += 1;
            let id = NoticeId(state.notices_so_far.to_string());
            let (tenant, to) = (change.tenant.clone(), recipient.to.clone());
            let mut notice = Notice::new(id, tenant, to, change.at);
            notice.account = Some(change.account.clone());
            notice.cause = recipient.cause;
            notice.language.clone_from(&change.language);
            notice.operation = Some(change.operation);
            state.notices.push(Waiting { due_at: change.at, notice, set_at: change.at });
        }
        Ok(Applied::Done { notice: NoticeDelivery::Queued })
    }

    fn keeps_marks(&self) -> bool {
        true
    }

    async fn require_change(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<bool, StoreError> {
        let mut state = self.lock();
        let kept = state.accounts.get_mut(&(tenant.clone(), account.clone()));
        Ok(kept.map(|kept| kept.account.must_change = true).is_some())
    }

    fn keeps_freezes(&self) -> bool {
        true
    }

    async fn freeze(&self, freeze: &Freeze) -> Result<bool, StoreError> {
        let mut state = self.lock();
        let key = (freeze.tenant.clone(), freeze.account.clone());
        let Some(stamp) = state.accounts.get(&key).map(|kept| kept.account.stamp) else {
            return Ok(false);
        };
        if stamp != freeze.expected_stamp {
            return Ok(stamp == freeze.next_stamp);
        }
        if let Some(mut kept) = state.take(&freeze.tenant, &freeze.account) {
            kept.account.stamp = freeze.next_stamp;
            kept.account.frozen.clone_from(&freeze.frozen);
            state.put(&freeze.tenant, kept);
        }
        Ok(true)
    }

    async fn rehash(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StoreError> {
        let mut state = self.lock();
        let kept = state.accounts.get_mut(&(tenant.clone(), account.clone()));
        let unchanged = kept.filter(|kept| kept.account.password.as_ref() == Some(old));
        Ok(unchanged.map(|kept| kept.account.password = Some(new.clone())).is_some())
    }

    async fn signed_in(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut state = self.lock();
        if let Some(kept) = state.accounts.get_mut(&(tenant.clone(), account.clone())) {
            kept.signed_in_at = Some(at);
        }
        Ok(())
    }
}

#[async_trait]
impl Outbox for MemoryUsers {
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Notice>, StoreError> {
        let mut state = self.lock();
        let latest = now.after(NOTICE_CLOCK_SLACK);
        let due = |waiting: &&mut Waiting| waiting.due_at <= now || waiting.set_at > latest;
        let mut due: Vec<_> = state.notices.iter_mut().filter(due).collect();
        // The sort is stable, so that of two notices with the same due time the first one goes
        // first.
        due.sort_by_key(|waiting| waiting.due_at);
        let leased = due.into_iter().take(limit).map(|waiting| {
            waiting.due_at = now.after(NOTICE_LEASE);
            waiting.set_at = now;
            waiting.notice.clone()
        });
        Ok(leased.collect())
    }

    async fn postpone(
        &self,
        id: &NoticeId,
        tries: u32,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut state = self.lock();
        let waiting = state.notices.iter_mut().find(|waiting| waiting.notice.id == *id);
        if let Some(waiting) = waiting {
            waiting.due_at = until;
            waiting.set_at = now;
            waiting.notice.tries = tries;
        }
        Ok(())
    }

    async fn done(&self, id: &NoticeId) -> Result<(), StoreError> {
        self.lock().notices.retain(|waiting| waiting.notice.id != *id);
        Ok(())
    }
}

#[async_trait]
impl PolicyPreview for MemoryUsers {
    async fn affected(&self, before: &TenantPolicy, after: &TenantPolicy) -> Option<Affected> {
        let state = self.lock();
        let of_tenant = state.accounts.iter().filter(|((tenant, _), _)| tenant == before.tenant());
        Some(Affected::among(before, after, of_tenant.map(|(_, kept)| &kept.account)))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::{
        adapters::SystemEntropy,
        domain::{Frozen, PasswordHash, RecordId, Stamp, Timestamp},
    };

    #[test]
    fn an_account_is_found_by_the_addresses_it_has_now() {
        let (users, tenant) = (MemoryUsers::new(), TenantId::parse("contoso").unwrap());
        let address = |text| EmailAddress::parse(text).unwrap();
        let id = |text| AccountId::parse(text).unwrap();
        let stamp = Stamp::generate(&SystemEntropy::new()).unwrap();
        let add = |text, mail| users.insert(&tenant, Account::new(id(text), address(mail), stamp));
        let found = |mail| {
            let found = users.find_by_address(&tenant, &address(mail)).now_or_never();
            let ids = found.unwrap().unwrap().into_iter().map(|account| account.id);
            ids.map(|id| id.as_str().to_owned()).collect::<Vec<_>>()
        };
        add("1", "ada@x.example");
        add("2", "ada@x.example");
        add("3", "eve@x.example");
        assert_eq!(found("ada@x.example"), ["1", "2"]);

        users.update(&tenant, &id("1"), |account| {
            account.addresses = vec![address("new@x.example")]
        });
        add("3", "new@x.example");
        users.remove(&tenant, &id("2"));

        assert_eq!(found("ada@x.example"), [""; 0]);
        assert_eq!(found("eve@x.example"), [""; 0]);
        assert_eq!(found("new@x.example"), ["1", "3"]);
    }

    #[test]
    fn a_change_ends_a_freeze_and_brings_addresses_each_without_the_other() {
        let (users, tenant) = (MemoryUsers::new(), TenantId::parse("contoso").unwrap());
        let address = |text| EmailAddress::parse(text).unwrap();
        let hash = PasswordHash::parse("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAA").unwrap();
        let stamp = |byte| Stamp::from_bytes([byte; 16]);
        for (is_frozen, addresses) in [(true, None), (false, Some("new@x.example"))] {
            let id = AccountId::parse("ada").unwrap();
            let mut ada = Account::new(id.clone(), address("ada@x.example"), stamp(1));
            let recover_to = vec![address("old@x.example")];
            let at = Timestamp::from_micros(1);
            ada.frozen = is_frozen.then_some(Frozen { at, recover_to });
            users.insert(&tenant, ada.clone());
            let operation = RecordId::from_bytes([7; RecordId::BYTES]);
            let mut change =
                PasswordChange::new(tenant.clone(), &ada, operation, (hash.clone(), stamp(2)), at);
            change.addresses = addresses.map(|text| vec![address(text)]);

            users.apply_change(&change).now_or_never().unwrap().unwrap();

            let after = users.find(&tenant, &id).now_or_never().unwrap().unwrap().unwrap();
            assert!(after.frozen.is_none());
            assert_eq!(after.addresses, [address(addresses.unwrap_or("ada@x.example"))]);
        }
    }

    #[test]
    fn a_new_address_waits_with_its_account_until_it_is_confirmed() {
        let (users, tenant) = (MemoryUsers::new(), TenantId::parse("contoso").unwrap());
        let address = |text| EmailAddress::parse(text).unwrap();
        let ada = AccountId::parse("ada").unwrap();
        let stamp = Stamp::generate(&SystemEntropy::new()).unwrap();
        users.insert(&tenant, Account::new(ada.clone(), address("ada@x.example"), stamp));
        assert_eq!(users.pending_address(&tenant, &ada), None);

        users.set_pending_address(&tenant, &ada, address("new@x.example"));

        assert_eq!(users.pending_address(&tenant, &ada), Some(address("new@x.example")));
        let eve = AccountId::parse("eve").unwrap();
        assert_eq!(users.pending_address(&tenant, &eve), None);
    }
}

#[cfg(sspr_loom)]
#[cfg(test)]
#[path = "users_interleavings_tests.rs"]
mod interleavings;
