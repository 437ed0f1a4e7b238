//! Ports that a test steps into: a call goes to the one in memory, but for what the test overrides.

use async_trait::async_trait;
use sspr::{
    adapters::{Argon2Pool, MemoryUsers},
    domain::{Account, AccountId, Digest, EmailAddress, Password, PasswordHash, TenantId},
    ports::{
        Applied, HashError, HashQueue, PasswordChange, PasswordHasher, PasswordMatch, StoreError,
        UserStore,
    },
};

#[async_trait]
pub trait UserSteps: Send + Sync {
    async fn find_by_address(
        &self,
        users: &MemoryUsers,
        tenant: &TenantId,
        address: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError> {
        users.find_by_address(tenant, address).await
    }

    async fn find(
        &self,
        users: &MemoryUsers,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Option<Account>, StoreError> {
        users.find(tenant, account).await
    }

    async fn apply_change(
        &self,
        users: &MemoryUsers,
        change: &PasswordChange,
    ) -> Result<Applied, StoreError> {
        users.apply_change(change).await
    }
}

#[derive(Clone)]
pub struct SteppedUsers<S>(pub MemoryUsers, pub S);

#[async_trait]
impl<S: UserSteps> UserStore for SteppedUsers<S> {
    async fn find_by_address(
        &self,
        tenant: &TenantId,
        address: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError> {
        self.1.find_by_address(&self.0, tenant, address).await
    }

    async fn find(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Option<Account>, StoreError> {
        self.1.find(&self.0, tenant, account).await
    }

    async fn apply_change(&self, change: &PasswordChange) -> Result<Applied, StoreError> {
        self.1.apply_change(&self.0, change).await
    }
}

#[async_trait]
pub trait HasherSteps: Send + Sync {
    async fn before_hash(&self) -> Result<(), HashError> {
        Ok(())
    }

    async fn before_verify(&self) -> Result<(), HashError>;
}

#[derive(Clone)]
pub struct SteppedHasher<S>(pub Argon2Pool, pub S);

#[async_trait]
impl<S: HasherSteps> PasswordHasher for SteppedHasher<S> {
    async fn hash(&self, password: Password, queue: HashQueue) -> Result<PasswordHash, HashError> {
        self.1.before_hash().await?;
        self.0.hash(password, queue).await
    }

    async fn verify(
        &self,
        password: Password,
        hash: PasswordHash,
        queue: HashQueue,
    ) -> Result<PasswordMatch, HashError> {
        self.1.before_verify().await?;
        self.0.verify(password, hash, queue).await
    }

    async fn verify_dummy(
        &self,
        password: Password,
        seed: Digest,
        queue: HashQueue,
    ) -> Result<(), HashError> {
        self.1.before_verify().await?;
        self.0.verify_dummy(password, seed, queue).await
    }
}
