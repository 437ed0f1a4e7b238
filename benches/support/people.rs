//! People who have forgotten their passwords, and a service that helps them.
#![allow(dead_code, reason = "each bench uses its own part")]

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex},
    time::{Duration, Instant as Wall},
};

use async_trait::async_trait;
use sspr::{
    Application, Courier, Keyring, Sspr, TenantPolicy,
    adapters::{ManualClock, MemoryPolicies, MemoryUsers, SystemEntropy, code_in},
    domain::{
        Account, AccountId, Code, Digest, EmailAddress, FlowToken, Grant, Password, PasswordHash,
        Stamp, TenantId, Ticket, Timestamp,
    },
    engine::{
        Client, RedeemOutcome, Rejection, Request, StartOutcome, SubmitOutcome, VerifyOutcome,
    },
    mail::EmailMessage,
    ports::{
        CodeStore, EmailSender, HashError, HashQueue, PasswordHasher, PasswordMatch, SendError,
    },
};
use tokio::sync::oneshot;

/// One service over a code store, with users in memory and hashes that cost nothing.
pub struct Service {
    pub clock: ManualClock,
    sspr: Sspr,
    courier: Courier,
    users: MemoryUsers,
    mailroom: Mailroom,
    wrong: Code,
}

/// A user with an account.
struct Person {
    address: EmailAddress,
    client: Client,
    id: AccountId,
    number: u32,
    tenant: TenantId,
}

/// Hands each person the code of their mail.
#[derive(Clone, Default)]
struct Mailroom(Arc<Mutex<HashMap<EmailAddress, oneshot::Sender<Code>>>>);

/// Hashing would hide everything else.
struct Free;

impl Service {
    pub fn new(codes: Arc<dyn CodeStore>) -> Self {
        let users = MemoryUsers::new();
        let clock = ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000));
        let (sspr, courier) = Sspr::builder(
            users.clone(),
            codes,
            MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap()),
            Keyring::generate(&SystemEntropy::new()).unwrap(),
        )
        .with_clock(clock.clone())
        .with_hasher(Free)
        // A thousand people of one tenant, which gets half of the places.
        .with_submits(2_000)
        .with_outbox(users.clone())
        .build();
        let (mailroom, wrong) = (Mailroom::default(), Code::parse("00000000").unwrap());
        Self { clock, courier, mailroom, sspr, users, wrong }
    }

    /// Start, the mail, one wrong code, the right one, the new password.
    pub async fn reset(&self, number: u32) {
        let person = self.enrol(number);
        let mut mail = self.mailroom.expect(&person.address);
        let token = self.start(&person).await;
        self.courier.drain(&self.mailroom).await;
        let mut code = mail.await.unwrap();
        mail = self.mailroom.expect(&person.address);
        let mut typed = &self.wrong;
        let grant = loop {
            match self.sspr.verify(&token, typed, &person.client).await.unwrap() {
                VerifyOutcome::Granted(granted) => break granted.grant,
                VerifyOutcome::Rejected(Rejection::WrongCode { .. }) => {}
                // The tenant has had its thousand wrong tries of the day: codes get longer.
                VerifyOutcome::Rejected(Rejection::LongerCodeSent(_)) => {
                    self.courier.drain(&self.mailroom).await;
                    code = mail.await.unwrap();
                    mail = self.mailroom.expect(&person.address);
                }
                other => panic!("{number}: {other:?}"),
            }
            typed = &code;
        };
        self.submit(&person, &grant).await;
        self.leave(&person);
    }

    /// Start, the mail, the right code, the new password, the sign-in. The courier works beside the
    /// user, as it does in a service. Returns how long the start and the whole reset took.
    pub async fn reset_straight(self: &Arc<Self>, number: u32) -> (Duration, Duration) {
        let person = self.enrol(number);
        let mail = self.mailroom.expect(&person.address);
        let began = Wall::now();
        let token = self.start(&person).await;
        let start = began.elapsed();
        let service = self.clone();
        tokio::spawn(async move { service.courier.drain(&service.mailroom).await });
        let code = mail.await.unwrap();
        let grant = match self.sspr.verify(&token, &code, &person.client).await.unwrap() {
            VerifyOutcome::Granted(granted) => granted.grant,
            other => panic!("{number}: {other:?}"),
        };
        let ticket = self.submit(&person, &grant).await;
        let redeemed = self.sspr.redeem(&ticket).await.unwrap();
        assert!(matches!(redeemed, RedeemOutcome::SignIn(_)), "{number}: {redeemed:?}");
        let whole = began.elapsed();
        self.leave(&person);
        (start, whole)
    }

    /// Gives a person an account.
    fn enrol(&self, number: u32) -> Person {
        let address = EmailAddress::parse(&format!("p{number}@example.com")).unwrap();
        let tenant = TenantId::parse("contoso").unwrap();
        let account = AccountId::parse(&format!("p{number}")).unwrap();
        let stamp = Stamp::generate(&SystemEntropy::new()).unwrap();
        let account = Account::new(account, address.clone(), stamp);
        let id = account.id.clone();
        self.users.insert(&tenant, account.with_password(hash()));
        let client = Client::at(IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 + number)));
        Person { address, client, id, number, tenant }
    }

    async fn start(&self, person: &Person) -> FlowToken {
        let shop = Application::new("contoso", "sign-in", "shop").unwrap();
        let request = Request::new(&shop, person.address.clone());
        match self.sspr.start(&request, &person.client).await.unwrap() {
            StartOutcome::Started(started) => started.token,
            other => panic!("{}: {other:?}", person.number),
        }
    }

    async fn submit(&self, person: &Person, grant: &Grant) -> Ticket {
        let new = Password::parse("four unrelated words will do").unwrap();
        match self.sspr.submit(grant, &new, &person.client).await.unwrap() {
            SubmitOutcome::Changed(changed) => changed.ticket,
            other => panic!("{}: {other:?}", person.number),
        }
    }

    /// Removes a person, because the users in memory are searched from end to end.
    fn leave(&self, person: &Person) {
        self.mailroom.forget(&person.address);
        self.users.remove(&person.tenant, &person.id);
    }

    /// Sweeps until nothing is left to sweep; how many entries went.
    pub async fn sweep(&self) -> usize {
        let mut swept = 0;
        loop {
            match self.sspr.sweep(1_000).await.unwrap() {
                0 => return swept,
                some => swept += some,
            }
        }
    }
}

impl Mailroom {
    fn expect(&self, address: &EmailAddress) -> oneshot::Receiver<Code> {
        let (send, receive) = oneshot::channel();
        self.0.lock().unwrap().insert(address.clone(), send);
        receive
    }

    fn forget(&self, address: &EmailAddress) {
        self.0.lock().unwrap().remove(address);
    }
}

#[async_trait]
impl EmailSender for Mailroom {
    async fn send(&self, message: &EmailMessage) -> Result<(), SendError> {
        if let Some(code) = code_in(message)
            && let Some(person) = self.0.lock().unwrap().remove(&message.to)
        {
            let _ = person.send(code);
        }
        Ok(())
    }
}

#[async_trait]
impl PasswordHasher for Free {
    async fn hash(&self, _: Password, _: HashQueue) -> Result<PasswordHash, HashError> {
        Ok(hash())
    }

    async fn verify(
        &self,
        _: Password,
        _: PasswordHash,
        _: HashQueue,
    ) -> Result<PasswordMatch, HashError> {
        Ok(PasswordMatch::Mismatch)
    }

    async fn verify_dummy(&self, _: Password, _: Digest, _: HashQueue) -> Result<(), HashError> {
        Ok(())
    }
}

fn hash() -> PasswordHash {
    let text =
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    PasswordHash::parse(text).unwrap()
}
