//! Texts a code to your own phone by Twilio's API, and resets a password with it.
//! `TWILIO_ACCOUNT_SID=… TWILIO_AUTH_TOKEN=… TWILIO_FROM=+1… TO=+1… cargo run --features full
//! --example twilio`
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
    adapters::{
        Argon2Pool, CaptureSender, MemoryCodes, MemoryEvents, MemoryPolicies, MemoryUsers,
        SystemEntropy,
    },
    domain::{Code, Method, PhoneNumber},
    policy::AuthenticationMethodsPolicy,
};

use sender::TwilioSender;

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
    let account = variable("TWILIO_ACCOUNT_SID")?;
    let from = variable("TWILIO_FROM")?;
    let texts = TwilioSender::new(&account, &variable("TWILIO_AUTH_TOKEN")?, &from)?;
    let phone = PhoneNumber::parse(&variable("TO")?)?;
    let country = phone.country().ok_or("the number of TO belongs to no country")?;

    // One account with this phone, in a tenant that serves its country.
    let entropy = SystemEntropy::new();
    let shop = Application::single("shop")?;
    let ada = EmailAddress::parse("ada@example.com")?;
    let hash = Argon2Pool::new().hash_blocking(&Password::parse("what was it again?")?)?;
    let stamp = Stamp::generate(&entropy)?;
    let mut owner = Account::new(AccountId::parse("1")?, ada.clone(), stamp).with_password(hash);
    owner.phones = vec![phone];
    let users = MemoryUsers::new();
    users.insert(&shop.tenant, owner);
    let methods = AuthenticationMethodsPolicy::email_for_all().with_sms_for_all();
    let policy = TenantPolicy::for_application(&shop)?
        .with_authentication_methods(methods)
        .with_sms_countries([country])?;
    let (codes, keys) = (MemoryCodes::new(), Keyring::generate(&entropy)?);
    let events = MemoryEvents::new();
    let (sspr, courier) = Sspr::builder(users, codes, MemoryPolicies::fixed(policy), keys)
        .with_sms(texts)
        .with_events(events.clone())
        .build();

    let (ask, client) = (Request::new(&shop, ada).by(Method::Sms), Client::unknown());
    let started = sspr.start(&ask, &client).await?.started().ok_or("no reset is offered")?;
    // Mails are not sent here.
    courier.drain(&CaptureSender::new()).await;
    if let Some(failure) = events.all().into_iter().find_map(|event| event.failure) {
        return Err(failure.message.into());
    }
    println!("A text message is on its way. Type its code:");
    let mut typed = String::new();
    stdin().read_line(&mut typed)?;
    let verified = sspr.verify(&started.token, &Code::parse(&typed)?, &client).await?;
    let granted = verified.granted().ok_or("that is not the code")?;
    let new = Password::parse("four unrelated words will do")?;
    sspr.submit(&granted.grant, &new, &client).await?.changed().ok_or("not changed")?;
    println!("The password is changed.");
    Ok(())
}
