//! A forgotten password, reset in memory: prints each step and ends signed in.
#![allow(clippy::print_stdout, reason = "an example talks")]
use sspr::{
    Account, AccountId, Application, Client, EmailAddress, Keyring, Password, Request, Sspr, Stamp,
    TenantPolicy,
    adapters::{
        Argon2Pool, CaptureSender, MemoryCodes, MemoryPolicies, MemoryUsers, SystemEntropy,
    },
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // One account whose password is forgotten. Yours come from your database.
    let entropy = SystemEntropy::new();
    let shop = Application::single("shop")?;
    let ada = EmailAddress::parse("ada@example.com")?;
    let forgotten = Password::parse("what was it again?")?;
    let hash = Argon2Pool::new().hash_blocking(&forgotten)?;
    let stamp = Stamp::generate(&entropy)?;
    let account = Account::new(AccountId::parse("1")?, ada.clone(), stamp);
    let users = MemoryUsers::new();
    users.insert(&shop.tenant, account.with_password(hash));

    // The service, and the courier that sends its mails.
    let (sspr, courier) = Sspr::new(
        users,
        MemoryCodes::new(),
        MemoryPolicies::fixed(TenantPolicy::for_application(&shop)?),
        Keyring::generate(&entropy)?, // later: Keyring::from_env("SSPR_KEYS")
    );

    // 1. Ada types her address.
    let (request, client) = (Request::new(&shop, ada), Client::unknown());
    let started = sspr.start(&request, &client).await?.started().ok_or("no reset is offered")?;
    println!("A code was requested for {}.", started.sent.masked_address);

    // 2. The courier mails a code. Later: tokio::spawn(courier.run(smtp)).
    let inbox = CaptureSender::new();
    courier.drain(&inbox).await;
    let code = inbox.last_code().ok_or("no mail")?;
    println!("The mail says: {}", code.expose());

    // 3. The right code permits one new password.
    let verified = sspr.verify(&started.token, &code, &client).await?;
    let granted = verified.granted().ok_or("wrong code")?;
    let new = Password::parse("four unrelated words will do")?;
    let submitted = sspr.submit(&granted.grant, &new, &client).await?;
    let changed = submitted.changed().ok_or("not changed")?;
    println!("The password is changed.");

    // 4. The finished reset signs Ada in.
    let session = sspr.redeem(&changed.ticket).await?.sign_in().ok_or("not signed in")?;
    println!("Signed in as account {}.", session.account);
    Ok(())
}
