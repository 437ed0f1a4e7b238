//! A service in memory, with as many customers as are asked for.

use std::sync::atomic::{AtomicUsize, Ordering};

use sspr::{
    Application, Courier, Keyring, Sspr, TenantPolicy,
    adapters::{
        Argon2Pool, CaptureSender, ManualClock, MemoryCodes, MemoryPolicies, MemoryUsers,
        SystemEntropy,
    },
    domain::{Account, AccountId, EmailAddress, Grant, PasswordHash, Stamp, TenantId, Timestamp},
    engine::{Client, Request, StartOutcome, VerifyOutcome},
};

pub const NEW: &str = "four other words will do";
/// What every customer signs in with before.
pub const OLD: &str = "password";

pub struct Service {
    pub sspr: Sspr,
    courier: Courier,
    users: MemoryUsers,
    inbox: CaptureSender,
    customers: AtomicUsize,
}

impl Service {
    pub fn new(pool: &Argon2Pool) -> Self {
        let users = MemoryUsers::new();
        let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
        let keys = Keyring::generate(&SystemEntropy::new()).unwrap();
        let (sspr, courier) = Sspr::builder(users.clone(), MemoryCodes::new(), policies, keys)
            .with_clock(ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000)))
            .with_hasher(pool.clone())
            .build();
        let (customers, inbox) = (AtomicUsize::new(0), CaptureSender::new());
        Self { courier, customers, inbox, sspr, users }
    }

    /// One more customer; their number.
    pub fn customer(&self) -> usize {
        let number = self.customers.fetch_add(1, Ordering::Relaxed);
        let id = AccountId::parse(&number.to_string()).unwrap();
        // The cost that is the default, so that a sign-in has nothing to replace.
        let hash = "$argon2id$v=19$m=19456,t=2,p=1$c2l4dGVlbiBieXRlcy4uLg$SM2xlxHIZhNQm3V1cWMibRtpWaG13zOE7rYddpTktPc";
        let account =
            Account::new(id, mail(number), Stamp::generate(&SystemEntropy::new()).unwrap());
        let account = account.with_password(PasswordHash::parse(hash).unwrap());
        self.users.insert(&tenant(), account);
        number
    }

    /// The grant of one more customer.
    pub async fn grant(&self) -> Grant {
        let (request, client) = (request(self.customer()), Client::unknown());
        let started = self.sspr.start(&request, &client).await.unwrap();
        let StartOutcome::Started(started) = started else { panic!("{started:?}") };
        self.courier.drain(&self.inbox).await;
        let code = sspr::adapters::code_in(&self.inbox.take().pop().unwrap()).unwrap();
        match self.sspr.verify(&started.token, &code, &client).await.unwrap() {
            VerifyOutcome::Granted(granted) => granted.grant,
            other => panic!("{other:?}"),
        }
    }
}

fn tenant() -> TenantId {
    TenantId::parse("contoso").unwrap()
}

fn mail(number: usize) -> EmailAddress {
    EmailAddress::parse(&format!("customer{number}@example.com")).unwrap()
}

pub fn request(number: usize) -> Request {
    Request::new(&Application::new("contoso", "sign-in", "shop").unwrap(), mail(number))
}
