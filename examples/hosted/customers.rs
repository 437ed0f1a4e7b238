//! Customers of every kind, in each tenant.

use sspr::{
    adapters::{Argon2Pool, SqliteUsers, SystemEntropy},
    domain::{
        Account, AccountId, EmailAddress, GroupId, IdentityProvider, Password, PhoneNumber,
        SecondFactor, Stamp, TenantId,
    },
    ports::{HashQueue, PasswordHasher as _, UserStore as _},
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

/// Puts in the named customers, and `more` of the name `customer1`, `customer2` and so on.
pub async fn furnish(users: &SqliteUsers, existing: Existing, more: u32) -> Outcome<()> {
    let hash = Argon2Pool::new().hash(Password::parse(PASSWORD)?, HashQueue::Submit).await?;
    for (tenant, _) in TENANTS {
        let tenant = TenantId::parse(tenant)?;
        let more = (1..=more).map(|number| format!("customer{number}"));
        for name in NAMES.into_iter().map(str::to_owned).chain(more) {
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
