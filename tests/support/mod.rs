//! One small world for journeys: two stores behind one face, a manual clock, a captured inbox.
#![allow(dead_code, reason = "each test binary uses its own part")]

#[cfg(feature = "axum")]
pub mod browser;
#[cfg(feature = "axum")]
pub mod front;
#[cfg(feature = "axum")]
pub mod native_api;
pub mod stepped;
pub mod two_proofs;

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use sspr::{
    Application, Sspr,
    adapters::{
        Argon2Pool, CaptureSender, ManualClock, MemoryCodes, MemoryEvents, MemoryPolicies,
        MemoryUsers, SystemEntropy,
    },
    domain::{
        Account, AccountId, Code, EmailAddress, FlowToken, Grant, GroupId, Keyring, Password,
        PasswordHash, PhoneNumber, Stamp, TenantId, Ticket, Timestamp,
    },
    engine::{
        Builder, ChangeOutcome, Client, Courier, FreezeOutcome, OpenOutcome, RedeemOutcome,
        Request, SendOutcome, SentCode, Session, SignInOutcome, StartOutcome, SubmitOutcome,
        VerifyOutcome,
    },
    mail::MailPurpose,
    policy::{AuthenticationMethodsPolicy, FreezeCodes, TenantPolicy},
    ports::{AuditLog, CodeStore, HashQueue, Outbox, PasswordHasher, UserStore},
};

pub const OLD: &str = "the old password of Ada";
/// The phone of Ada in a world with SMS.
pub const PHONE: &str = "+14255550123";
pub const NEW: &str = "four unrelated words will do";

pub struct World {
    pub sspr: Sspr,
    pub courier: Courier,
    pub users: Users,
    pub codes: Arc<dyn CodeStore>,
    pub policies: MemoryPolicies,
    pub keys: Keyring,
    pub clock: ManualClock,
    pub inbox: CaptureSender,
    pub events: MemoryEvents,
    pub hasher: Argon2Pool,
    pub dir: Option<Arc<tempfile::TempDir>>,
}

/// The user store of either kind, with what tests do to accounts.
#[derive(Clone)]
pub enum Users {
    Memory(MemoryUsers),
    #[cfg(feature = "sqlite")]
    Sqlite(sspr::adapters::SqliteUsers),
}

impl Users {
    pub fn in_memory(&self) -> MemoryUsers {
        match self {
            Self::Memory(users) => users.clone(),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => panic!("these are on SQLite"),
        }
    }
}

pub fn tenant() -> TenantId {
    TenantId::parse("contoso").unwrap()
}

pub fn phone(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).unwrap()
}

/// A tenant with e-mail and SMS.
pub fn sms_policy() -> TenantPolicy {
    let methods = AuthenticationMethodsPolicy::email_for_all().with_sms_for_all();
    let policy = TenantPolicy::customers("contoso").unwrap();
    policy.with_authentication_methods(methods).with_sms_countries(["US", "CA"]).unwrap()
}

pub fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

/// The shop of a tenant.
pub fn application(tenant: &str) -> Application {
    Application::new(tenant, "sign-in", "shop").unwrap()
}

pub fn shop() -> Application {
    application("contoso")
}

pub fn request(typed: &str) -> Request {
    Request::new(&shop(), address(typed))
}

pub fn client(last: u8) -> Client {
    Client::at(std::net::IpAddr::from([192, 0, 2, last]))
}

pub fn password(text: &str) -> Password {
    Password::parse(text).unwrap()
}

pub fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A code that is surely not `code`.
pub fn other_than(code: &Code) -> Code {
    let text = code.expose();
    let first = if text.starts_with('1') { '2' } else { '1' };
    Code::parse(&format!("{first}{}", &text[1..])).unwrap()
}

pub fn wrong_code() -> Code {
    Code::parse("00000000").unwrap()
}

/// Runs one body on memory and on SQLite.
pub fn on_every_store<F: Future<Output = ()>>(body: impl Fn(World) -> F) {
    let runtime = runtime();
    runtime.block_on(async { body(World::memory().await).await });
    #[cfg(feature = "sqlite")]
    runtime.block_on(async {
        let world = World::sqlite().await;
        // A body may take only parts of its world: the folder stays until it has ended.
        let folder = world.dir.clone();
        body(world).await;
        drop(folder);
    });
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

impl World {
    pub async fn memory() -> Self {
        let users = MemoryUsers::new();
        let codes: Arc<dyn CodeStore> = Arc::new(MemoryCodes::new());
        Self::over(Users::Memory(users), codes, None).await
    }

    #[cfg(feature = "sqlite")]
    pub async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = sspr::adapters::SqliteStore::open(dir.path().join("sspr.db")).await.unwrap();
        Self::over(Users::Sqlite(store.users()), Arc::new(store.codes()), Some(Arc::new(dir))).await
    }

    async fn over(
        users: Users,
        codes: Arc<dyn CodeStore>,
        dir: Option<Arc<tempfile::TempDir>>,
    ) -> Self {
        let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
        let keys = Keyring::generate(&SystemEntropy::new()).unwrap();
        let clock = ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000));
        let world = Self::assemble(users, codes, policies, keys, clock, dir);
        world.add("ada@example.com", "ada").await;
        world
    }

    pub fn assemble(
        users: Users,
        codes: Arc<dyn CodeStore>,
        policies: MemoryPolicies,
        keys: Keyring,
        clock: ManualClock,
        dir: Option<Arc<tempfile::TempDir>>,
    ) -> Self {
        Self::assemble_with((users, codes, policies, keys, clock, dir), |builder| builder)
    }

    #[allow(clippy::type_complexity, reason = "the parts of a world, in one place")]
    fn assemble_with(
        (users, codes, policies, keys, clock, dir): (
            Users,
            Arc<dyn CodeStore>,
            MemoryPolicies,
            Keyring,
            ManualClock,
            Option<Arc<tempfile::TempDir>>,
        ),
        more: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let (events, hasher) = (MemoryEvents::new(), cheap_hasher());
        let builder = match &users {
            Users::Memory(memory) => {
                Sspr::builder(memory.clone(), codes.clone(), policies.clone(), keys.clone())
                    .with_outbox(memory.clone())
            }
            #[cfg(feature = "sqlite")]
            Users::Sqlite(sqlite) => {
                Sspr::builder(sqlite.clone(), codes.clone(), policies.clone(), keys.clone())
                    .with_outbox(sqlite.clone())
            }
        };
        #[cfg(feature = "tracing")]
        let builder = builder.with_events(sspr::adapters::TracingEvents::new());
        let (sspr, courier) = more(builder)
            .with_clock(clock.clone())
            .with_events(events.clone())
            .with_hasher(hasher.clone())
            .build();
        let inbox = CaptureSender::new();
        Self { dir, clock, codes, courier, events, hasher, inbox, keys, policies, sspr, users }
    }

    /// The same stores and keys under another process's engine.
    pub fn another_process(&self) -> Self {
        self.another(|builder| builder)
    }

    /// The same stores under an engine that puts texts into its inbox, where Ada has a phone.
    pub async fn with_sms(&self) -> Self {
        let texts = self.inbox.clone();
        let mut world = self.another(|builder| builder.with_sms(texts.clone()));
        world.inbox = texts;
        world.policies.replace(sms_policy());
        world.change_account("ada", |ada| ada.phones = vec![phone(PHONE)]).await;
        world
    }

    /// The same stores and keys under an engine with an audit log.
    pub fn with_audit_log(&self, log: impl AuditLog + 'static) -> Self {
        self.another(|builder| builder.with_audit_log(log))
    }

    /// The same stores and keys under another engine.
    pub fn another(&self, more: impl FnOnce(Builder) -> Builder) -> Self {
        let (users, codes, policies) =
            (self.users.clone(), self.codes.clone(), self.policies.clone());
        let (keys, clock, dir) = (self.keys.clone(), self.clock.clone(), self.dir.clone());
        Self::assemble_with((users, codes, policies, keys, clock, dir), more)
    }

    pub async fn add(&self, mail: &str, id: &str) {
        let hash = self.hasher.hash(password(OLD), HashQueue::Submit).await.unwrap();
        self.insert(account(mail, id).with_password(hash)).await;
    }

    pub async fn insert(&self, account: Account) {
        match &self.users {
            Users::Memory(users) => {
                users.insert(&tenant(), account);
            }
            #[cfg(feature = "sqlite")]
            Users::Sqlite(users) => users.insert(&tenant(), &account).await.unwrap(),
        }
    }

    pub async fn hash(&self, text: &str) -> PasswordHash {
        self.hasher.hash(password(text), HashQueue::Submit).await.unwrap()
    }

    pub async fn account(&self, id: &str) -> Option<Account> {
        let id = AccountId::parse(id).unwrap();
        match &self.users {
            Users::Memory(users) => users.find(&tenant(), &id).await.unwrap(),
            #[cfg(feature = "sqlite")]
            Users::Sqlite(users) => users.find(&tenant(), &id).await.unwrap(),
        }
    }

    pub async fn notices_due(&self) -> usize {
        let now = sspr::ports::Clock::now(&self.clock).after(hours(1));
        match &self.users {
            Users::Memory(users) => users.due(now, 100).await.unwrap().len(),
            #[cfg(feature = "sqlite")]
            Users::Sqlite(users) => users.due(now, 100).await.unwrap().len(),
        }
    }

    pub async fn opened(&self, typed: &str, client: &Client) -> FlowToken {
        match self.sspr.open(&request(typed), client).await.unwrap() {
            OpenOutcome::Opened(opened) => opened.token,
            other => panic!("not opened: {other:?}"),
        }
    }

    pub async fn started(&self, typed: &str, client: &Client) -> FlowToken {
        match self.sspr.start(&request(typed), client).await.unwrap() {
            StartOutcome::Started(started) => started.token,
            other => panic!("not started: {other:?}"),
        }
    }

    pub async fn sent(&self, token: &FlowToken, client: &Client) -> SentCode {
        match self.sspr.send(token, client).await.unwrap() {
            SendOutcome::Sent(sent) => sent,
            other => panic!("not sent: {other:?}"),
        }
    }

    /// Lets the courier work, and reads the newest code out of the inbox.
    /// Lets the courier try until nothing is left to try.
    pub async fn try_to_send(&self, sender: &impl sspr::ports::EmailSender) {
        for _ in 0..40 {
            if self.courier.drain(sender).await.postponed == 0 {
                break;
            }
            self.clock.advance(seconds(61));
        }
    }

    pub async fn mailed_code(&self) -> Code {
        self.courier.drain(&self.inbox).await;
        self.inbox.last_code().expect("a mail with a code")
    }

    /// A reset that waits for its code, and the code.
    pub async fn started_with_code(&self) -> (FlowToken, Code) {
        let token = self.started("ada@example.com", &client(1)).await;
        (token, self.mailed_code().await)
    }

    pub async fn verify(&self, token: &FlowToken, code: &Code) -> VerifyOutcome {
        self.sspr.verify(token, code, &client(1)).await.unwrap()
    }

    pub async fn granted(&self, token: &FlowToken, code: &Code) -> Grant {
        match self.verify(token, code).await {
            VerifyOutcome::Granted(granted) => granted.grant,
            other => panic!("not granted: {other:?}"),
        }
    }

    pub async fn submit(&self, grant: &Grant, text: &str) -> SubmitOutcome {
        self.sspr.submit(grant, &password(text), &client(1)).await.unwrap()
    }

    pub async fn changed(&self, grant: &Grant, text: &str) -> Ticket {
        match self.submit(grant, text).await {
            SubmitOutcome::Changed(changed) => changed.ticket,
            other => panic!("not changed: {other:?}"),
        }
    }

    /// The whole journey of Ada, from forgotten to redeemable.
    pub async fn reset(&self) -> Ticket {
        let (token, code) = self.started_with_code().await;
        let grant = self.granted(&token, &code).await;
        self.changed(&grant, NEW).await
    }

    pub async fn redeem(&self, ticket: &Ticket) -> RedeemOutcome {
        self.sspr.redeem(ticket).await.unwrap()
    }

    pub async fn sign_in(&self, mail: &str, text: &str) -> SignInOutcome {
        self.sspr.sign_in(&request(mail), &password(text), &client(9)).await.unwrap()
    }

    /// Lets notices carry a code that freezes the account.
    pub fn offer_freezes(&self) {
        let policy = TenantPolicy::customers("contoso").unwrap();
        self.policies.replace(policy.with_freeze_codes(FreezeCodes::On));
    }

    /// Changes the password as anybody with a session and the current password does.
    pub async fn changed_in_session(&self, id: &str, current: &str, new: &str) {
        let it = self.account(id).await.expect("the account");
        let session = Session::new(&shop(), it.id, it.stamp);
        let (current, new) = (password(current), password(new));
        let outcome = self.sspr.change(&session, &current, &new, &client(1)).await.unwrap();
        assert!(matches!(outcome, ChangeOutcome::Changed(_)), "{outcome:?}");
    }

    /// Lets the courier work, and reads the code out of the newest notice of a change to an address.
    pub async fn freeze_code(&self, to: &str) -> Option<Code> {
        self.courier.drain(&self.inbox).await;
        let mails = self.inbox.messages();
        let mut mails = mails.iter().rev().filter(|it| it.to == address(to));
        let notice = mails.find(|it| it.purpose == MailPurpose::PasswordChanged)?;
        sspr::adapters::code_in(notice)
    }

    pub async fn freeze(&self, code: &Code) -> FreezeOutcome {
        self.sspr.freeze(&shop(), code, &client(1)).await.unwrap()
    }

    /// A reset by a typed address, up to the new password.
    pub async fn reset_by(&self, typed: &str, new: &str) -> Ticket {
        let token = self.started(typed, &client(1)).await;
        let code = self.mailed_code().await;
        let grant = self.granted(&token, &code).await;
        self.changed(&grant, new).await
    }

    /// Changes an account as the host's own code would.
    pub async fn change_account(&self, id: &str, change: impl FnOnce(&mut Account)) {
        let mut account = self.account(id).await.expect("the account");
        change(&mut account);
        self.put(account).await;
    }

    /// Puts an account in, or another one in its place.
    pub async fn put(&self, account: Account) {
        match &self.users {
            Users::Memory(users) => {
                users.insert(&tenant(), account);
            }
            #[cfg(feature = "sqlite")]
            Users::Sqlite(users) => users.insert(&tenant(), &account).await.unwrap(),
        }
    }
}

pub fn account(mail: &str, id: &str) -> Account {
    let stamp = Stamp::generate(&SystemEntropy::new()).unwrap();
    Account::new(AccountId::parse(id).unwrap(), address(mail), stamp)
}

pub fn cheap_hasher() -> Argon2Pool {
    Argon2Pool::new().with_parameters(64, 1, 1).unwrap()
}

pub fn group(name: &str) -> GroupId {
    GroupId::parse(name).unwrap()
}

pub fn is_wrong(outcome: &VerifyOutcome) -> bool {
    matches!(outcome, VerifyOutcome::Rejected(sspr::engine::Rejection::WrongCode { .. }))
}

/// Collects what runs in parallel.
pub async fn all<T: Send + 'static>(
    count: usize,
    make: impl Fn(usize) -> std::pin::Pin<Box<dyn Future<Output = T> + Send>>,
) -> Vec<T> {
    let results = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for index in 0..count {
        let (future, results) = (make(index), results.clone());
        tasks.push(tokio::spawn(async move {
            let result = future.await;
            results.lock().unwrap().push(result);
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    Arc::into_inner(results).unwrap().into_inner().unwrap()
}
