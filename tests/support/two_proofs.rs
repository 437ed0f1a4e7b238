//! Worlds whose tenant requires two proofs.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use sspr::{
    domain::{AccountId, HostProof, SecondFactor, TenantId},
    policy::{HostProofs, RequiredProofs, TenantPolicy},
    ports::{HostProofCheck, StoreError, StoreErrorKind},
};

use super::{World, sms_policy};

/// The code that the authenticator app shows.
pub const RIGHT: &str = "271828";

/// A host that knows one code of an authenticator app, and who was asked about.
#[derive(Clone, Default)]
pub struct App {
    asked: Arc<Mutex<Vec<String>>>,
    fails: Arc<AtomicBool>,
    /// Whether the code counts once, and whether it was used.
    once: Arc<AtomicBool>,
    used: Arc<AtomicBool>,
}

#[async_trait::async_trait]
impl HostProofCheck for App {
    async fn check(
        &self,
        _: &TenantId,
        account: &AccountId,
        proof: &HostProof,
    ) -> Result<bool, StoreError> {
        self.asked.lock().unwrap().push(account.to_string());
        if self.fails.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Busy, "told to fail"));
        }
        let is_right = proof.expose() == RIGHT;
        let was_used = is_right && self.used.swap(true, Ordering::SeqCst);
        Ok(is_right && !(was_used && self.once.load(Ordering::SeqCst)))
    }
}

impl App {
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub fn accept_once(&self) {
        self.once.store(true, Ordering::SeqCst);
    }

    pub fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }
}

/// A tenant whose resets need a code by mail and one by SMS.
pub fn two_codes() -> TenantPolicy {
    sms_policy().with_required_proofs(RequiredProofs::Two)
}

impl World {
    /// The same world, where a reset needs a code by mail and one by SMS.
    pub async fn with_two_codes(&self) -> Self {
        let world = self.with_sms().await;
        world.policies.replace(two_codes());
        world
    }

    /// The same world, where the second proof is another code or one of an app. Ada has both.
    pub async fn with_two_codes_and_app(&self) -> Self {
        let texts = self.with_two_codes().await.inbox;
        let sender = texts.clone();
        let mut world =
            self.another(|builder| builder.with_sms(sender).with_host_proof_check(App::default()));
        world.inbox = texts;
        world.policies.replace(two_codes().with_host_proofs(HostProofs::On));
        world.change_account("ada", |ada| ada.second_factor = SecondFactor::Independent).await;
        world
    }

    /// The same world, where a reset needs a code by mail and one of an app. Ada has one.
    pub async fn with_app(&self) -> (Self, App) {
        let app = App::default();
        let world = self.another(|builder| builder.with_host_proof_check(app.clone()));
        let policy = TenantPolicy::customers("contoso").unwrap();
        let policy = policy.with_required_proofs(RequiredProofs::Two);
        world.policies.replace(policy.with_host_proofs(HostProofs::On));
        world.change_account("ada", |ada| ada.second_factor = SecondFactor::Independent).await;
        (world, app)
    }
}
