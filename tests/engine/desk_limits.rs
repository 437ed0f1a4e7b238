//! The limits of the help desk: what counts, and who can use them up.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use async_trait::async_trait;
use sspr::{
    AccountId, Sspr,
    adapters::Argon2Pool,
    domain::{ActorId, Digest, Password, PasswordHash},
    engine::{Assisted, HelpDesk},
    ports::{HashError, HashQueue, PasswordHasher, PasswordMatch},
};

use crate::support::*;

fn desk(sspr: &Sspr, actor: &str) -> HelpDesk {
    sspr.help_desk(ActorId::parse(actor).unwrap())
}

fn ada() -> AccountId {
    AccountId::parse("ada").unwrap()
}

/// A hasher that counts its hashes, and can be busy.
#[derive(Clone)]
struct Counting {
    pool: Argon2Pool,
    hashes: Arc<AtomicUsize>,
    is_busy: Arc<AtomicBool>,
}

#[async_trait]
impl PasswordHasher for Counting {
    async fn hash(&self, text: Password, queue: HashQueue) -> Result<PasswordHash, HashError> {
        if self.is_busy.load(SeqCst) {
            return Err(HashError::Busy);
        }
        self.hashes.fetch_add(1, SeqCst);
        self.pool.hash(text, queue).await
    }

    async fn verify(
        &self,
        text: Password,
        hash: PasswordHash,
        queue: HashQueue,
    ) -> Result<PasswordMatch, HashError> {
        self.pool.verify(text, hash, queue).await
    }

    async fn verify_dummy(
        &self,
        text: Password,
        seed: Digest,
        queue: HashQueue,
    ) -> Result<(), HashError> {
        self.pool.verify_dummy(text, seed, queue).await
    }
}

#[test]
fn one_member_of_staff_leaves_an_action_for_a_colleague() {
    on_every_store(|world| async move {
        let (desk, colleague) = (desk(&world.sspr, "staff-17"), desk(&world.sspr, "staff-18"));
        let mut done = 0;
        for _ in 0..20 {
            let outcome = desk.unlock(&tenant(), &ada()).await.unwrap();
            done += usize::from(outcome.done().is_some());
        }
        let helped = colleague.assistance_code(&shop(), &ada()).await.unwrap();
        assert!(done == 4 && helped.done().is_some(), "{done}");
        let sixth = colleague.unlock(&tenant(), &ada()).await.unwrap();
        assert!(matches!(sixth, Assisted::TryLater { .. }), "{sixth:?}");
        let code = colleague.assistance_code(&shop(), &ada()).await.unwrap();
        assert!(matches!(code, Assisted::TryLater { .. }), "{code:?}");
    });
}

#[test]
fn an_action_that_is_refused_uses_up_none_and_costs_no_hash() {
    runtime().block_on(async {
        let world = World::memory().await;
        let hasher = Counting {
            hashes: Arc::default(),
            is_busy: Arc::default(),
            pool: world.hasher.clone(),
        };
        let (users, policies) = (world.users.in_memory(), world.policies.clone());
        let builder = Sspr::builder(users, world.codes.clone(), policies, world.keys.clone());
        let builder = builder.with_clock(world.clock.clone()).with_hasher(hasher.clone());
        let (sspr, _courier) = builder.build();
        let desk = desk(&sspr, "staff-17");
        let (contoso, id) = (tenant(), ada());
        let set = || desk.set_temporary_password(&contoso, &id);

        hasher.is_busy.store(true, SeqCst);
        for _ in 0..40 {
            let later = set().await.unwrap();
            assert!(matches!(later, Assisted::TryLater { .. }), "{later:?}");
        }
        hasher.is_busy.store(false, SeqCst);
        // Actions that this account cannot have.
        world.change_account("ada", |ada| ada.locked = true).await;
        for _ in 0..40 {
            let code = desk.assistance_code(&shop(), &ada()).await.unwrap();
            let password = set().await.unwrap();
            assert!(matches!(code, Assisted::Unavailable), "{code:?}");
            assert!(matches!(password, Assisted::Unavailable), "{password:?}");
        }
        world.change_account("ada", |ada| ada.locked = false).await;
        assert_eq!(hasher.hashes.load(SeqCst), 0);

        for action in 0..4 {
            assert!(set().await.unwrap().done().is_some(), "{action}");
        }
        let over = set().await.unwrap();
        assert!(matches!(over, Assisted::TryLater { .. }), "{over:?}");
        assert_eq!(hasher.hashes.load(SeqCst), 4, "an action beyond the limit costs no hash");
    });
}
