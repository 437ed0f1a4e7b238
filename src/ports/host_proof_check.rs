//! Port: the check of a proof that the host keeps, such as a code of an authenticator app.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{AccountId, HostProof, TenantId};

/// A check of the second proof of a reset that the host keeps itself: a code of an authenticator
/// app, a passkey or a recovery code.
///
/// The engine asks it only after a right code, about the account of that code. It charges a try
/// before each question, so that all tries of a reset share one budget.
///
/// ```
/// use sspr::domain::{AccountId, HostProof, TenantId};
/// use sspr::ports::{HostProofCheck, StoreError};
///
/// struct Mine;
///
/// #[async_trait::async_trait]
/// impl HostProofCheck for Mine {
///     async fn check(
///         &self,
///         _tenant: &TenantId,
///         account: &AccountId,
///         proof: &HostProof,
///     ) -> Result<bool, StoreError> {
///         // Look the account's secret up, and compare in constant time.
///         let _ = (account, proof.expose());
///         Ok(false)
///     }
/// }
/// ```
#[async_trait]
pub trait HostProofCheck: Send + Sync {
    /// Answers whether this proof is the account's own.
    ///
    /// # Errors
    /// [`StoreError`] if there is no answer. The user may try again, and has lost one try.
    ///
    /// # Security
    /// Accept each one-time code only once. If the answer is yes, the engine binds it to this reset,
    /// this account and its present stamp.
    async fn check(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        proof: &HostProof,
    ) -> Result<bool, StoreError>;
}
