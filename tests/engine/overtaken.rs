//! Races of submits made certain: one reads the account before another's change and everything
//! else after it, and many reach the hasher together.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, OnceLock},
};

use crate::support::{NEW, account, cheap_hasher, password, request, stepped::*, tenant};
use async_trait::async_trait;
use sspr::{
    Keyring, Sspr, TenantPolicy,
    adapters::{
        CaptureSender, MemoryCodes, MemoryPolicies, MemoryUsers, SystemClock, SystemEntropy,
    },
    domain::{Account, AccountId, Grant, RecordId, TenantId},
    engine::{Client, RedeemOutcome, StartOutcome, SubmitOutcome, VerifyOutcome},
    policy::PasswordRules,
    ports::{
        Applied, Clock as _, CodeStore as _, HashError, HashQueue, PasswordChange, PasswordHasher,
        StoreError, UserStore,
    },
    store::{Record, StoredRecord},
};

#[derive(Default)]
struct Shared {
    /// What the second submit reads first.
    stale: Mutex<Option<Account>>,
    second: OnceLock<(Sspr, Grant)>,
    answer: Mutex<Option<SubmitOutcome>>,
}

/// Runs a second submit inside the first one's change.
#[async_trait]
impl UserSteps for Arc<Shared> {
    async fn find(
        &self,
        users: &MemoryUsers,
        tenant: &TenantId,
        id: &AccountId,
    ) -> Result<Option<Account>, StoreError> {
        let stale = self.stale.lock().unwrap().take();
        match stale {
            Some(stale) => Ok(Some(stale)),
            None => users.find(tenant, id).await,
        }
    }

    async fn apply_change(
        &self,
        users: &MemoryUsers,
        change: &PasswordChange,
    ) -> Result<Applied, StoreError> {
        let before = users.find(&change.tenant, &change.account).await?;
        let applied = users.apply_change(change).await?;
        if let Applied::Done { .. } = applied {
            *self.stale.lock().unwrap() = before;
            let (sspr, grant) = self.second.get().unwrap();
            let second = sspr.submit(grant, &password(NEW), &Client::unknown()).await;
            *self.answer.lock().unwrap() = Some(second.unwrap());
        }
        Ok(applied)
    }
}

/// Loses its first answer, and repeats the change by itself.
struct Repeating;

#[async_trait]
impl UserSteps for Repeating {
    async fn apply_change(
        &self,
        users: &MemoryUsers,
        change: &PasswordChange,
    ) -> Result<Applied, StoreError> {
        users.apply_change(change).await?;
        users.apply_change(change).await
    }
}

/// Lets somebody else write the record before each swap of a redemption.
#[derive(Clone)]
struct Contended(Arc<MemoryCodes>, Arc<OnceLock<RecordId>>);

#[async_trait]
impl UserSteps for Contended {
    async fn find(
        &self,
        users: &MemoryUsers,
        tenant: &TenantId,
        id: &AccountId,
    ) -> Result<Option<Account>, StoreError> {
        if let Some(record) = self.1.get() {
            let now = SystemClock::new().now();
            let loaded = self.0.load(record, &[], now).await?.found();
            let StoredRecord { body, expires_at, version, .. } = loaded.unwrap();
            let (begins_challenge, charges, tries_limit) = (false, Vec::new(), 5);
            let id = *record;
            let next = Record { begins_challenge, body, charges, expires_at, id, tries_limit };
            self.0.compare_and_swap(&next, version, &[], &[], now).await?;
        }
        users.find(tenant, id).await
    }
}

/// Lets every other caller catch up before it compares.
struct Together;

#[async_trait]
impl HasherSteps for Together {
    async fn before_verify(&self) -> Result<(), HashError> {
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

async fn account_of_ada() -> Account {
    let old = password("the old password of Ada");
    let hash = cheap_hasher().hash(old, HashQueue::Submit).await.unwrap();
    account("ada@example.com", "ada").with_password(hash)
}

/// A crate over `users` with `hasher`, and the grant of a reset in it.
async fn granted(
    users: impl UserStore + 'static,
    hasher: impl PasswordHasher + 'static,
    rules: PasswordRules,
) -> (Sspr, Grant) {
    granted_over(users, Arc::new(MemoryCodes::new()), hasher, rules).await
}

async fn granted_over(
    users: impl UserStore + 'static,
    codes: Arc<MemoryCodes>,
    hasher: impl PasswordHasher + 'static,
    rules: PasswordRules,
) -> (Sspr, Grant) {
    let policy = TenantPolicy::customers("contoso").unwrap().with_password_rules(rules);
    let policies = MemoryPolicies::fixed(policy);
    let keys = Keyring::generate(&SystemEntropy::new()).unwrap();
    let (sspr, courier) = Sspr::builder(users, codes, policies, keys).with_hasher(hasher).build();
    let inbox = CaptureSender::new();
    let client = Client::unknown();
    let started = sspr.start(&request("ada@example.com"), &client).await.unwrap();
    let StartOutcome::Started(started) = started else { panic!("not started") };
    courier.drain(&inbox).await;
    let code = inbox.last_code().unwrap();
    let granted = sspr.verify(&started.token, &code, &client).await.unwrap();
    let VerifyOutcome::Granted(granted) = granted else { panic!("not granted") };
    (sspr, granted.grant)
}

#[tokio::test]
async fn i5_a_submit_that_is_overtaken_ends_where_the_first_one_does() {
    let users = SteppedUsers(MemoryUsers::new(), Arc::<Shared>::default());
    users.0.insert(&tenant(), account_of_ada().await);
    let (sspr, grant) = granted(users.clone(), cheap_hasher(), PasswordRules::nist()).await;
    let again = Grant::parse(&grant.expose()).unwrap();
    assert!(users.1.second.set((sspr.clone(), again)).is_ok());

    let first = sspr.submit(&grant, &password(NEW), &Client::unknown()).await.unwrap();

    let second = users.1.answer.lock().unwrap().take().unwrap();
    let (SubmitOutcome::Changed(first), SubmitOutcome::Changed(second)) = (first, second) else {
        panic!("the password was changed, and one of the two was told otherwise");
    };
    assert_eq!(first.ticket.expose(), second.ticket.expose());
}

#[tokio::test]
async fn i5_a_change_that_the_store_repeated_by_itself_ends_in_a_ticket() {
    let users = MemoryUsers::new();
    users.insert(&tenant(), account_of_ada().await);
    let (sspr, grant) =
        granted(SteppedUsers(users, Repeating), cheap_hasher(), PasswordRules::nist()).await;

    let answer = sspr.submit(&grant, &password(NEW), &Client::unknown()).await.unwrap();

    assert!(matches!(answer, SubmitOutcome::Changed(_)), "{answer:?}");
}

#[tokio::test]
async fn i5_submits_that_go_in_step_do_not_spend_the_grant_for_nothing() {
    let entra = PasswordRules::entra();
    assert!(entra.refuses_current(), "each submit compares before it hashes");
    for (submits, rules) in [2, 3, 5, 6, 9, 10, 11, 31]
        .into_iter()
        .flat_map(|submits| [(submits, PasswordRules::nist()), (submits, entra.clone())])
    {
        let users = MemoryUsers::new();
        users.insert(&tenant(), account_of_ada().await);
        let pool = cheap_hasher();
        let (sspr, grant) =
            granted(users, SteppedHasher(pool.clone(), Together), rules.clone()).await;
        let client = Client::unknown();
        let answers = futures_util::future::join_all((0..submits).map(|_| async {
            sspr.submit(&grant, &password("Four unrelated words, 1 by 1"), &client).await.unwrap()
        }));

        let tickets: BTreeSet<String> = answers
            .await
            .iter()
            .filter_map(|answer| match answer {
                SubmitOutcome::Changed(changed) => Some(changed.ticket.expose().to_string()),
                _ => None,
            })
            .collect();

        assert_eq!(tickets.len(), 1, "{submits} submits in step, {rules:?}");
        assert!(pool.jobs() <= 10, "{} hashes for one grant, {submits} submits", pool.jobs());
    }
}

#[tokio::test]
async fn a_redemption_is_not_held_up_by_others_who_write_the_reset() {
    let codes = Arc::new(MemoryCodes::new());
    let contended = Contended(codes.clone(), Arc::default());
    let users = SteppedUsers(MemoryUsers::new(), contended.clone());
    users.0.insert(&tenant(), account_of_ada().await);
    let (sspr, grant) = granted_over(users, codes, cheap_hasher(), PasswordRules::nist()).await;
    let client = Client::unknown();
    let submitted = sspr.submit(&grant, &password(NEW), &client).await.unwrap();
    let ticket = submitted.changed().unwrap().ticket;

    contended.1.set(ticket.record()).unwrap();
    let answers = [sspr.redeem(&ticket).await.unwrap(), sspr.redeem(&ticket).await.unwrap()];
    assert!(
        matches!(answers, [RedeemOutcome::SignIn(_), RedeemOutcome::RequireSignIn]),
        "{answers:?}"
    );
}
