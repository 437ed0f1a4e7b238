//! Mails a code to your own address by SendGrid's API, and resets a password with it.
//! `SENDGRID_API_KEY=… FROM=no-reply@… TO=you@… cargo run --features full --example sendgrid`
#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "an example talks, and is no library"
)]

#[path = "../provider/https.rs"]
#[allow(dead_code, reason = "tests call a stand-in, with a time limit of their own")]
mod https;
#[allow(dead_code, reason = "tests call a stand-in, with a time limit of their own")]
mod sender;

use std::{env::var, error::Error, io::stdin, process::ExitCode};

use sspr::{
    Account, AccountId, Application, Client, EmailAddress, Keyring, Password, Request, Sspr, Stamp,
    TenantPolicy,
    adapters::{Argon2Pool, MemoryCodes, MemoryEvents, MemoryPolicies, MemoryUsers, SystemEntropy},
    domain::Code,
};

use sender::SendGridSender;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn variable(name: &str) -> Result<String, String> {
    var(name).map_err(|_| format!("set the environment variable {name}"))
}

async fn run() -> Result<(), Box<dyn Error + Send + Sync>> {
    let from = EmailAddress::parse(&variable("FROM")?)?;
    let mails = SendGridSender::new(&variable("SENDGRID_API_KEY")?, from)?;
    let to = EmailAddress::parse(&variable("TO")?)?;

    // One account with this address.
    let entropy = SystemEntropy::new();
    let shop = Application::single("shop")?;
    let hash = Argon2Pool::new().hash_blocking(&Password::parse("what was it again?")?)?;
    let stamp = Stamp::generate(&entropy)?;
    let owner = Account::new(AccountId::parse("1")?, to.clone(), stamp).with_password(hash);
    let users = MemoryUsers::new();
    users.insert(&shop.tenant, owner);
    let policies = MemoryPolicies::fixed(TenantPolicy::for_application(&shop)?);
    let (codes, keys) = (MemoryCodes::new(), Keyring::generate(&entropy)?);
    let events = MemoryEvents::new();
    let (sspr, courier) =
        Sspr::builder(users, codes, policies, keys).with_events(events.clone()).build();

    let (ask, client) = (Request::new(&shop, to), Client::unknown());
    let started = sspr.start(&ask, &client).await?.started().ok_or("no reset is offered")?;
    courier.drain(&mails).await;
    if let Some(failure) = events.all().into_iter().find_map(|event| event.failure) {
        return Err(failure.message.into());
    }
    println!("A mail is on its way. Type its code:");
    let mut typed = String::new();
    stdin().read_line(&mut typed)?;
    let verified = sspr.verify(&started.token, &Code::parse(&typed)?, &client).await?;
    let granted = verified.granted().ok_or("that is not the code")?;
    let new = Password::parse("four unrelated words will do")?;
    sspr.submit(&granted.grant, &new, &client).await?.changed().ok_or("not changed")?;
    println!("The password is changed.");
    Ok(())
}
