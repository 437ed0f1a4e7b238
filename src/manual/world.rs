// The small world of the examples: included by them, and no module of the crate.

use sspr::adapters::{Argon2Pool, CaptureSender, MemoryCodes};
use sspr::adapters::{MemoryPolicies, MemoryUsers, SystemEntropy};
use sspr::{Account, AccountId, Application, Client, Courier, EmailAddress};
use sspr::{Keyring, Password, Request, Sspr, Stamp, TenantPolicy};

/// A service with one account, `ada@example.com`, whose password is `the old one`.
struct World {
    sspr: Sspr,
    courier: Courier,
    inbox: CaptureSender,
    request: Request,
    client: Client,
}

fn world() -> Result<World, Box<dyn std::error::Error>> {
    let entropy = SystemEntropy::new();
    let shop = Application::single("shop")?;
    let ada = EmailAddress::parse("ada@example.com")?;
    let hash = Argon2Pool::new().hash_blocking(&Password::parse("the old one")?)?;
    let account = Account::new(AccountId::parse("1")?, ada.clone(), Stamp::generate(&entropy)?);
    let users = MemoryUsers::new();
    users.insert(&shop.tenant, account.with_password(hash));
    let policies = MemoryPolicies::fixed(TenantPolicy::for_application(&shop)?);
    let keys = Keyring::generate(&entropy)?;
    let (sspr, courier) = Sspr::new(users, MemoryCodes::new(), policies, keys);
    let (inbox, client) = (CaptureSender::new(), Client::unknown());
    Ok(World { sspr, courier, inbox, request: Request::new(&shop, ada), client })
}
