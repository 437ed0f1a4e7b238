//! The authenticator app of `second-factor@example.com` (RFC 6238, with SHA-256), and the host's check
//! of its codes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Router, routing::get};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use sspr::{
    domain::{AccountId, HostProof, TenantId},
    ports::{Clock as _, HostProofCheck, StoreError},
};
use subtle::ConstantTimeEq as _;

use crate::clock::ShiftedClock;

/// The secret of the app. A real host draws one for each account.
const SECRET: &[u8] = b"one secret for the demonstration";
/// The seconds for which the app shows a code.
const STEP: i64 = 30;

/// The host's side of the app.
#[derive(Clone)]
pub struct Authenticator {
    clock: ShiftedClock,
    /// The last step whose code each account has used: a code counts once.
    used: Arc<Mutex<HashMap<(TenantId, AccountId), i64>>>,
}

impl Authenticator {
    pub fn new(clock: ShiftedClock) -> Self {
        Self { clock, used: Arc::default() }
    }

    /// `GET /authenticator/code`: what the app shows now.
    pub fn router(self) -> Router {
        let show = move || async move { code(self.step()) };
        Router::new().route("/authenticator/code", get(show))
    }

    fn step(&self) -> i64 {
        self.clock.now().as_micros() / 1_000_000 / STEP
    }
}

#[async_trait::async_trait]
impl HostProofCheck for Authenticator {
    async fn check(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        proof: &HostProof,
    ) -> Result<bool, StoreError> {
        let (now, account) = (self.step(), (tenant.clone(), account.clone()));
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        // The clock of a phone may be a step off.
        let right = [now - 1, now, now + 1].into_iter().find(|step| {
            let is_new = used.get(&account).is_none_or(|last| step > last);
            is_new && bool::from(code(*step).as_bytes().ct_eq(proof.expose().as_bytes()))
        });
        if let Some(step) = right {
            used.insert(account, step);
        }
        Ok(right.is_some())
    }
}

/// The code of a step: six digits of its MAC.
fn code(step: i64) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).expect("any length is a key");
    mac.update(&step.to_be_bytes());
    let mac = mac.finalize().into_bytes();
    let at = usize::from(mac[31] & 15);
    let number = u32::from_be_bytes([mac[at] & 127, mac[at + 1], mac[at + 2], mac[at + 3]]);
    format!("{:06}", number % 1_000_000)
}
