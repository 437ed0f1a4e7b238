//! A forgotten password, reset in memory: prints each step and ends signed in.
//! `cargo run --example quickstart`
#![allow(clippy::print_stdout, reason = "an example talks")]
use sspr::{adapters::*, domain::*, engine::*, ports::PasswordHasher as _, *};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let entropy = SystemEntropy::new();
    let (tenant, shop) = (TenantId::parse("contoso")?, ApplicationId::parse("shop")?);
    let ada = EmailAddress::parse("ada@example.com")?;

    let users = MemoryUsers::new();
    let forgotten = Argon2Pool::new()
        .hash(Password::parse("a password that Ada forgot")?, ports::Share::Submit)
        .await?;
    let account = Account::new(AccountId::parse("1")?, ada.clone(), Stamp::draw(&entropy)?);
    users.insert(&tenant, account.with_password(forgotten));

    let policy = TenantPolicy::customers("contoso")?;
    let keys = Keyring::draw(&entropy)?;
    let (sspr, courier) = Sspr::new(users, MemoryCodes::new(), Policies::fixed(policy), keys);
    let inbox = CaptureSender::new();

    let client = Client::unknown();
    let request = Request::new(tenant, UserFlowId::parse("sign-in")?, shop, ada);
    let StartOutcome::Started(started) = sspr.start(&request, &client).await? else {
        return Ok(());
    };
    println!("A code was asked for {}.", started.sent.masked_address);

    courier.drain(&inbox).await;
    let code = inbox.last_code().ok_or("no mail")?;
    println!("The mail says: {}", code.expose());

    let VerifyOutcome::Granted(granted) = sspr.verify(&started.token, &code, &client).await? else {
        return Ok(());
    };
    let new = Password::parse("four unrelated words will do")?;
    let SubmitOutcome::Changed(changed) = sspr.submit(&granted.grant, &new, &client).await? else {
        return Ok(());
    };
    println!("The password is changed.");

    let RedeemOutcome::SignIn(session) = sspr.redeem(&changed.ticket).await? else { return Ok(()) };
    println!("Signed in as account {}.", session.account);
    Ok(())
}
