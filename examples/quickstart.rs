//! A forgotten password, reset in memory: prints each step and ends signed in.
#![allow(clippy::print_stdout, reason = "an example talks")]
use sspr::{adapters::*, domain::*, engine::*, ports::PasswordHasher as _, *};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let entropy = SystemEntropy::new();
    let (tenant, ada) = (TenantId::parse("contoso")?, EmailAddress::parse("ada@example.com")?);
    let old = Password::parse("a password that Ada forgot")?;
    let hash = Argon2Pool::new().hash(old, ports::HashQueue::Submit).await?;
    let account = Account::new(AccountId::parse("1")?, ada.clone(), Stamp::generate(&entropy)?);
    let users = MemoryUsers::new();
    users.insert(&tenant, account.with_password(hash));
    let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso")?);
    let keys = Keyring::generate(&entropy)?;
    let (sspr, courier) = Sspr::new(users, MemoryCodes::new(), policies, keys);

    let (flow, shop) = (UserFlowId::parse("sign-in")?, ApplicationId::parse("shop")?);
    let (request, client) = (Request::new(tenant, flow, shop, ada), Client::unknown());
    let started = sspr.start(&request, &client).await?;
    let StartOutcome::Started(started) = started else { return Err("no reset here".into()) };
    println!("A code was asked for {}.", started.sent.masked_address);

    let inbox = CaptureSender::new();
    courier.drain(&inbox).await;
    let code = inbox.last_code().ok_or("no mail")?;
    println!("The mail says: {}", code.expose());

    let verified = sspr.verify(&started.token, &code, &client).await?;
    let VerifyOutcome::Granted(granted) = verified else { return Err("wrong code".into()) };
    let new = Password::parse("four unrelated words will do")?;
    let submitted = sspr.submit(&granted.grant, &new, &client).await?;
    let SubmitOutcome::Changed(changed) = submitted else { return Err("not changed".into()) };
    println!("The password is changed.");

    let redeemed = sspr.redeem(&changed.ticket).await?;
    let RedeemOutcome::SignIn(session) = redeemed else { return Err("not signed in".into()) };
    println!("Signed in as account {}.", session.account);
    Ok(())
}
