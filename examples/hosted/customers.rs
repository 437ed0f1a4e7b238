//! Customers of every kind, in each tenant.

use sspr::{
    TenantPolicy,
    adapters::{Argon2Pool, SqliteUsers, SystemEntropy},
    domain::{
        Account, AccountId, EmailAddress, GroupId, IdentityProvider, Password, PhoneNumber,
        SecondFactor, Stamp, TenantId,
    },
    ports::{Affected, HashQueue, PasswordHasher as _, PolicyPreview, UserStore as _},
};

use crate::{Outcome, STAFF, TENANTS};

/// The phone of `phone@example.com`.
pub const PHONE: &str = "+14255550123";

/// Everybody's first password.
pub const PASSWORD: &str = "the old password 1";

/// What happens to accounts that are there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    Keep,
    /// With a new stamp: they are created again.
    Replace,
}

/// Local: `ada`, `grace`. Of other kinds: what their names say.
const NAMES: [&str; 10] = [
    "ada",
    "grace",
    "locked",
    "disabled",
    "federated",
    "otp-only",
    "excluded",
    "second-factor",
    "must-change",
    "phone",
];

/// Counts customers for the administrator, one by one. A host with a table counts in one query.
pub struct Count {
    pub users: SqliteUsers,
    /// How many customers there are besides the named ones.
    pub more: u32,
}

#[async_trait::async_trait]
impl PolicyPreview for Count {
    async fn affected(&self, before: &TenantPolicy, after: &TenantPolicy) -> Option<Affected> {
        let mut accounts = Vec::new();
        for name in names(self.more) {
            let id = AccountId::parse(&name).ok()?;
            accounts.extend(self.users.find(before.tenant(), &id).await.ok()?);
        }
        Some(Affected::among(before, after, &accounts))
    }
}

/// The named customers, and as many more.
fn names(more: u32) -> impl Iterator<Item = String> {
    let more = (1..=more).map(|number| format!("customer{number}"));
    NAMES.into_iter().map(str::to_owned).chain(more)
}

/// Puts in the named customers, and `more` of the name `customer1`, `customer2` and so on.
pub async fn furnish(users: &SqliteUsers, existing: Existing, more: u32) -> Outcome<()> {
    let hash = Argon2Pool::new().hash(Password::parse(PASSWORD)?, HashQueue::Submit).await?;
    for (tenant, _) in TENANTS {
        let tenant = TenantId::parse(tenant)?;
        for name in names(more) {
            let id = AccountId::parse(&name)?;
            if existing == Existing::Keep && users.find(&tenant, &id).await?.is_some() {
                continue;
            }
            let address = EmailAddress::parse(&format!("{name}@example.com"))?;
            let stamp = Stamp::generate(&SystemEntropy::new())?;
            let mut account = Account::new(id, address, stamp).with_password(hash.clone());
            match name.as_str() {
                "locked" => account.locked = true,
                "disabled" => account.disabled = true,
                "federated" => {
                    account.identity_providers = vec![IdentityProvider::Google];
                    account.password = None;
                }
                "otp-only" => {
                    account.identity_providers = vec![IdentityProvider::EmailOtp];
                    account.password = None;
                }
                "excluded" => account.groups = vec![GroupId::parse(STAFF)?],
                "must-change" => account.must_change = true,
                "phone" => account.phones = vec![PhoneNumber::parse(PHONE)?],
                "second-factor" => account.second_factor = SecondFactor::Independent,
                _ => {}
            }
            users.insert(&tenant, &account).await?;
        }
    }
    Ok(())
}
