//! A race made certain: a second submit of one grant reads the account before the first one's
//! change, and everything else after it.
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "tests stop loudly"
)]

mod support;

use std::sync::{Arc, Mutex, OnceLock};

use sspr::{
    Keyring, Sspr, TenantPolicy,
    adapters::{CaptureSender, MemoryCodes, MemoryUsers, Policies, SystemEntropy},
    domain::{Account, AccountId, EmailAddress, Grant, TenantId},
    engine::{Client, StartOutcome, SubmitOutcome, VerifyOutcome},
    ports::{Applied, PasswordChange, PasswordHasher as _, Share, StoreError, UserStore},
};
use support::{NEW, account, cheap_hasher, password, request, tenant};

#[derive(Default)]
struct Shared {
    /// What the second submit reads first.
    stale: Mutex<Option<Account>>,
    second: OnceLock<(Sspr, Grant)>,
    answer: Mutex<Option<SubmitOutcome>>,
}

/// Runs a second submit inside the first one's change.
#[derive(Clone)]
struct Overtaken(MemoryUsers, Arc<Shared>);

#[async_trait::async_trait]
impl UserStore for Overtaken {
    async fn find_by_address(
        &self,
        tenant: &TenantId,
        address: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError> {
        self.0.find_by_address(tenant, address).await
    }

    async fn find(&self, tenant: &TenantId, id: &AccountId) -> Result<Option<Account>, StoreError> {
        let stale = self.1.stale.lock().unwrap().take();
        match stale {
            Some(stale) => Ok(Some(stale)),
            None => self.0.find(tenant, id).await,
        }
    }

    async fn apply_reset(&self, change: &PasswordChange) -> Result<Applied, StoreError> {
        let before = self.0.find(&change.tenant, &change.account).await?;
        let applied = self.0.apply_reset(change).await?;
        if let Applied::Done { .. } = applied {
            *self.1.stale.lock().unwrap() = before;
            let (sspr, grant) = self.1.second.get().unwrap();
            let second = sspr.submit(grant, &password(NEW), &Client::unknown()).await;
            *self.1.answer.lock().unwrap() = Some(second.unwrap());
        }
        Ok(applied)
    }
}

#[tokio::test]
async fn i5_a_submit_that_is_overtaken_ends_where_the_first_one_does() {
    let users = Overtaken(MemoryUsers::new(), Arc::default());
    let ada = account("ada@example.com", "ada");
    let old = password("the old password of Ada");
    let hash = cheap_hasher().hash(old, Share::Submit).await.unwrap();
    users.0.insert(&tenant(), ada.with_password(hash));
    let policies = Policies::fixed(TenantPolicy::customers("contoso").unwrap());
    let keys = Keyring::draw(&SystemEntropy::new()).unwrap();
    let (sspr, courier) = Sspr::builder(users.clone(), MemoryCodes::new(), policies, keys)
        .with_hasher(cheap_hasher())
        .build();
    let inbox = CaptureSender::new();
    let client = Client::unknown();
    let started = sspr.start(&request("ada@example.com"), &client).await.unwrap();
    let StartOutcome::Started(started) = started else { panic!("not started") };
    courier.drain(&inbox).await;
    let code = inbox.last_code().unwrap();
    let granted = sspr.verify(&started.token, &code, &client).await.unwrap();
    let VerifyOutcome::Granted(granted) = granted else { panic!("not granted") };
    let again = Grant::parse(&granted.grant.expose()).unwrap();
    assert!(users.1.second.set((sspr.clone(), again)).is_ok());

    let first = sspr.submit(&granted.grant, &password(NEW), &client).await.unwrap();

    let second = users.1.answer.lock().unwrap().take().unwrap();
    let (SubmitOutcome::Changed(first), SubmitOutcome::Changed(second)) = (first, second) else {
        panic!("the password was changed, and one of the two was told otherwise");
    };
    assert_eq!(first.ticket.expose(), second.ticket.expose());
}
