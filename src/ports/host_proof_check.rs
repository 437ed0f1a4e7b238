//! Port: the check of a proof that the host keeps, such as a code of an authenticator app.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{AccountId, HostProof, TenantId};

/// A check of second proofs that the host keeps, such as codes of an authenticator app, passkeys or
/// recovery codes.
///
/// [`Sspr::prove`](crate::Sspr::prove) calls the check after a right code, with the account of that
/// code. It charges a try before each call, so wrong proofs are limited as wrong codes are.
///
/// An account uses the check only if its [`second_factor`](crate::domain::Account::second_factor)
/// is `Independent` and the policy has [`HostProofs::On`](crate::policy::HostProofs::On).
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
    /// Returns whether the proof is right for this account.
    ///
    /// # Errors
    /// [`StoreError`] if the check cannot answer. The user has lost one try, and can try again.
    ///
    /// # Security
    /// Accept each one-time code only once. If a user repeats the call after a lost answer, the
    /// user then types the next code. The engine binds a right proof to this reset, this account
    /// and its current stamp.
    async fn check(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        proof: &HostProof,
    ) -> Result<bool, StoreError>;
}
