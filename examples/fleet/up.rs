//! Four nodes and the proxy, started as children; mails on the terminal.

use std::{
    process::{Child, Command},
    time::Duration,
};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use sspr::{
    adapters::{Argon2Pool, PostgresOptions, PostgresStore, SystemEntropy},
    domain::{Account, AccountId, EmailAddress, Password, Stamp, TenantId},
    ports::{Entropy as _, HashQueue, PasswordHasher as _, UserStore as _},
};

use crate::{Options, Outcome, TENANT, node};

const NODES: [u16; 4] = [8101, 8102, 8103, 8104];
const PROXY: &str = "127.0.0.1:8100";

pub async fn run(options: &Options) -> Outcome<()> {
    node::migrate(options).await?;
    furnish(options).await?;
    let folder = tempfile::tempdir()?;
    let mails = folder.path().join("mails");
    std::fs::write(&mails, "")?;
    let keys = match std::env::var("SSPR_KEYS") {
        Ok(keys) => keys,
        Err(_) => format!("sign={} index={}", key()?, key()?),
    };
    let mut children = Vec::new();
    for port in NODES {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["node", "--listen", &format!("127.0.0.1:{port}"), "--store", &options.store]);
        command.arg("--mails").arg(&mails).env("SSPR_KEYS", &keys);
        command.args(options.codes.iter().flat_map(|url| ["--codes", url]));
        children.push(command.spawn()?);
    }
    let nodes = NODES.map(|port| format!("127.0.0.1:{port}")).join(",");
    let mut command = Command::new(std::env::current_exe()?);
    children.push(command.args(["proxy", "--listen", PROXY, "--nodes", &nodes]).spawn()?);
    println!("The native API at http://{PROXY}/contoso, ada@example.com. Ctrl-C ends it.");
    print_mails(&mails).await?;
    children.iter_mut().for_each(end);
    Ok(())
}

/// A key for this demonstration only: it ends with it.
fn key() -> Outcome<String> {
    let mut key = [0; 32];
    SystemEntropy::new().fill(&mut key)?;
    Ok(Base64UrlUnpadded::encode_string(&key))
}

/// One customer, unless she is there.
async fn furnish(options: &Options) -> Outcome<()> {
    let users = PostgresStore::open(&PostgresOptions::from_url(&options.store)?).await?.users();
    let (tenant, id) = (TenantId::parse(TENANT)?, AccountId::parse("ada")?);
    if users.find(&tenant, &id).await?.is_none() {
        let old = Password::parse("the old password 1")?;
        let hash = Argon2Pool::new().hash(old, HashQueue::Submit).await?;
        let stamp = Stamp::generate(&SystemEntropy::new())?;
        let ada = Account::new(id, EmailAddress::parse("ada@example.com")?, stamp);
        users.insert(&tenant, &ada.with_password(hash)).await?;
    }
    Ok(())
}

async fn print_mails(file: &std::path::Path) -> Outcome<()> {
    let mut printed = 0;
    loop {
        let text = std::fs::read_to_string(file)?;
        for line in text.lines().skip(printed) {
            println!("mail: {line}");
        }
        printed = text.lines().count();
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(()),
            () = tokio::time::sleep(Duration::from_millis(300)) => {}
        }
    }
}

fn end(child: &mut Child) {
    // It may have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}
