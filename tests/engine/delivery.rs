//! What becomes of a mail: when a port fails, and for somebody who signs in in another way.

use std::sync::{Arc, Mutex};

use crate::support::{stepped::*, *};
use async_trait::async_trait;
use sspr::{
    Sspr,
    adapters::{CaptureSender, ManualClock, MemoryPolicies, MemoryUsers},
    domain::{Account, AccountId, EmailAddress, IdentityProvider, TenantId},
    policy::{NoPasswordNotice, TenantPolicy},
    ports::{Applied, PasswordChange, StoreError, StoreErrorKind, UserStore},
};

/// A user store that fails as it is told.
struct Failing(Arc<Mutex<Option<StoreErrorKind>>>);

#[async_trait]
impl UserSteps for Failing {
    async fn find_by_address(
        &self,
        users: &MemoryUsers,
        tenant: &TenantId,
        address: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError> {
        if let Some(kind) = *self.0.lock().unwrap() {
            return Err(StoreError::new(kind, "the store was told to fail"));
        }
        users.find_by_address(tenant, address).await
    }
}

#[test]
fn a_user_store_that_fails_for_now_costs_time_and_one_that_is_damaged_the_mail() {
    runtime().block_on(async {
        let world = World::memory().await;
        let told = Arc::new(Mutex::new(Some(StoreErrorKind::Busy)));
        let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
        let users = SteppedUsers(world.users.in_memory(), Failing(told.clone()));
        let (sspr, courier) = Sspr::builder(users, world.codes, policies, world.keys)
            .with_clock(world.clock.clone())
            .build();
        let inbox = CaptureSender::new();
        let tell = |kind| *told.lock().unwrap() = kind;

        sspr.start(&request("ada@example.com"), &client(1)).await.unwrap();
        assert_eq!(courier.drain(&inbox).await.postponed, 1);
        tell(None);
        world.clock.advance(seconds(2));
        assert_eq!(courier.drain(&inbox).await.sent, 1);

        tell(Some(StoreErrorKind::Corrupt));
        sspr.start(&request("ada@example.com"), &client(2)).await.unwrap();
        assert_eq!(courier.drain(&inbox).await.failed, 1);
        assert_eq!(sspr.queue_depth(), 0, "given up");
    });
}

#[test]
fn who_signs_in_in_another_way_is_told_so_where_the_tenant_wishes_it() {
    on_every_store(|world| async move {
        let other = |id: &str| {
            let mut account = account(&format!("{id}@example.com"), id);
            account.identity_providers = vec![IdentityProvider::Google];
            account
        };
        let mut disabled = other("disabled");
        disabled.disabled = true;
        for account in [other("federated"), disabled] {
            world.insert(account).await;
        }
        let mails = async |id: &str, network: u8| {
            world.started(&format!("{id}@example.com"), &client(network)).await;
            world.courier.drain(&world.inbox).await;
            world.inbox.take()
        };
        let policy = TenantPolicy::customers("contoso").unwrap();
        assert_eq!(mails("federated", 1).await.len(), 0, "unless the tenant wishes it");

        world.policies.replace(policy.with_no_password_notice(NoPasswordNotice::On));
        let mail = mails("federated", 2).await;
        assert!(mail.iter().any(|mail| mail.text.contains("Google")), "{mail:?}");
        assert!(mail.iter().all(|mail| sspr::adapters::code_in(mail).is_none()));
        assert_eq!(mails("disabled", 3).await.len(), 0);
        assert_eq!(mails("nobody", 4).await.len(), 0);
    });
}

/// Answers that nobody knows whether a change has happened. It happens while the courier looks for
/// it, and the look takes longer than the courier's patience.
#[derive(Default)]
struct Late {
    change: Mutex<Option<PasswordChange>>,
    looks_at: Mutex<Option<ManualClock>>,
}

#[async_trait]
impl UserSteps for Arc<Late> {
    async fn find(
        &self,
        users: &MemoryUsers,
        tenant: &TenantId,
        id: &AccountId,
    ) -> Result<Option<Account>, StoreError> {
        let found = users.find(tenant, id).await;
        let looks_at = self.looks_at.lock().unwrap().take();
        let change = self.change.lock().unwrap().take_if(|_| looks_at.is_some());
        if let (Some(clock), Some(change)) = (looks_at, change) {
            users.apply_change(&change).await?;
            clock.advance(seconds(61));
        }
        found
    }

    async fn apply_change(
        &self,
        _: &MemoryUsers,
        change: &PasswordChange,
    ) -> Result<Applied, StoreError> {
        *self.change.lock().unwrap() = Some(change.clone());
        Err(StoreError::new(StoreErrorKind::Unknown, "the answer was lost"))
    }
}

#[test]
fn a_change_that_happens_during_the_couriers_last_look_is_told() {
    runtime().block_on(async {
        let world = World::memory().await;
        let late = Arc::new(Late::default());
        let users = SteppedUsers(world.users.in_memory(), late.clone());
        let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
        let (sspr, courier) =
            Sspr::builder(users, world.codes.clone(), policies, world.keys.clone())
                .with_clock(world.clock.clone())
                .with_hasher(cheap_hasher())
                .build();
        let (token, code) = world.started_with_code().await;
        let grant = world.granted(&token, &code).await;
        assert!(sspr.submit(&grant, &password(NEW), &client(1)).await.is_err());

        *late.looks_at.lock().unwrap() = Some(world.clock.clone());
        assert_eq!(courier.drain(&world.inbox).await.postponed, 1);
        world.clock.advance(seconds(1));
        assert_eq!(courier.drain(&world.inbox).await.sent, 1);
    });
}
