//! Start, one wrong code, the right one, in memory.
#![allow(dead_code, reason = "each bench uses its own part")]

use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sspr::{
    Application, Courier, Keyring, Sspr, TenantPolicy,
    adapters::{
        CaptureSender, ManualClock, MemoryCodes, MemoryPolicies, MemoryUsers, SystemEntropy,
        code_in,
    },
    domain::{
        Account, AccountId, Code, EmailAddress, FlowToken, PasswordHash, Stamp, TenantId, Timestamp,
    },
    engine::{Client, Request, StartOutcome, VerifyOutcome},
    mail::{Content, EmailMessage, Letter, Templates},
};

/// Keyed digests of one flow, as callgrind counts them: `start`, the courier, a wrong code and the
/// right one make 17 of several fields, and 3 of a code.
pub const MACS: f64 = 20.0;
/// Calls of the code store and the user store: 1, 2, 1, 3.
pub const STORE_CALLS: f64 = 7.0;

/// One person again and again, with two years between.
pub struct Flow {
    clock: ManualClock,
    desk: Desk,
    request: Request,
    /// As long as the customer's, and nobody's.
    stranger: Request,
}

/// Who asks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Customer,
    Stranger,
}

/// Everybody once.
pub struct Service {
    codes: Arc<MemoryCodes>,
    users: MemoryUsers,
    keys: Keyring,
    people: AtomicUsize,
}

struct Desk {
    sspr: Sspr,
    courier: Courier,
    inbox: CaptureSender,
    wrong: Code,
}

/// The code on a line, and nothing else.
#[derive(Debug)]
struct CodeAlone;

impl Templates for CodeAlone {
    fn render(&self, letter: &Letter<'_>) -> EmailMessage {
        let Content::Passcode { code, .. } = letter.content else { panic!("{letter:?}") };
        letter.message(String::new().into(), code.expose().into(), String::new().into())
    }

    fn text(&self, letter: &sspr::mail::TextLetter<'_>) -> zeroize::Zeroizing<String> {
        sspr::mail::StandardTemplates::default().text(letter)
    }
}

impl Flow {
    pub fn with_mail() -> Self {
        Self::new(None)
    }

    pub fn without_mail() -> Self {
        Self::new(Some(CodeAlone))
    }

    fn new(templates: Option<CodeAlone>) -> Self {
        let (users, clock) = (MemoryUsers::new(), ManualClock::new(Timestamp::from_micros(1)));
        let (request, stranger) = (customer(&users, 1), request_of(2));
        let desk = Desk::new(users, Arc::new(MemoryCodes::new()), keys(), &clock, templates);
        Self { clock, desk, request, stranger }
    }

    pub async fn run(&mut self) {
        self.wait();
        self.desk.serve(&self.request).await;
    }

    /// What a customer and a stranger can do alike: start, and a wrong code. No courier.
    pub async fn ask(&mut self, who: Who) {
        self.wait();
        let request = if who == Who::Customer { &self.request } else { &self.stranger };
        let token = self.desk.start(request).await;
        self.desk.guess(&token).await;
    }

    /// Two years later: no counter of an earlier flow is in the way.
    fn wait(&self) {
        self.clock.advance(Duration::from_secs(2 * 365 * 24 * 3600));
    }
}

impl Service {
    pub fn new() -> Self {
        let (codes, users) = (Arc::new(MemoryCodes::new()), MemoryUsers::new());
        Self { codes, keys: keys(), people: AtomicUsize::new(0), users }
    }

    /// Has accounts for so many more people.
    pub fn enrol(&self, people: usize) {
        let first = self.people.load(Ordering::Relaxed);
        (first..first + people).for_each(|number| drop(customer(&self.users, number)));
    }

    /// So many of those enrolled, on this thread; the stores are everybody's.
    pub fn reset_people(&self, people: usize) {
        let clock = ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000));
        let (codes, keys) = (self.codes.clone(), self.keys.clone());
        let desk = Desk::new(self.users.clone(), codes, keys, &clock, Some(CodeAlone));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for _ in 0..people {
            let request = request_of(self.people.fetch_add(1, Ordering::Relaxed));
            runtime.block_on(desk.serve(&request));
        }
    }
}

impl Desk {
    fn new(
        users: MemoryUsers,
        codes: Arc<MemoryCodes>,
        keys: Keyring,
        clock: &ManualClock,
        templates: Option<CodeAlone>,
    ) -> Self {
        let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
        let builder = Sspr::builder(users, codes, policies, keys).with_clock(clock.clone());
        let (sspr, courier) = match templates {
            Some(templates) => builder.with_templates(templates).build(),
            None => builder.build(),
        };
        Self { courier, inbox: CaptureSender::new(), sspr, wrong: Code::parse("11111111").unwrap() }
    }

    async fn serve(&self, request: &Request) {
        let token = self.start(request).await;
        self.courier.drain(&self.inbox).await;
        let code = code_in(&self.inbox.take().pop().unwrap()).unwrap();
        self.guess(&token).await;
        let right = self.sspr.verify(&token, &code, &Client::unknown()).await.unwrap();
        assert!(matches!(right, VerifyOutcome::Granted(_)), "{right:?}");
    }

    async fn start(&self, request: &Request) -> FlowToken {
        match self.sspr.start(request, &Client::unknown()).await.unwrap() {
            StartOutcome::Started(started) => started.token,
            other => panic!("{other:?}"),
        }
    }

    async fn guess(&self, token: &FlowToken) {
        black_box(self.sspr.verify(token, &self.wrong, &Client::unknown()).await.unwrap());
    }
}

fn keys() -> Keyring {
    Keyring::generate(&SystemEntropy::new()).unwrap()
}

/// One more customer, and what they ask for.
fn customer(users: &MemoryUsers, number: usize) -> Request {
    let request = request_of(number);
    let id = AccountId::parse(&number.to_string()).unwrap();
    let hash =
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    let account = Account::new(id, mail(number), Stamp::generate(&SystemEntropy::new()).unwrap());
    users.insert(&tenant(), account.with_password(PasswordHash::parse(hash).unwrap()));
    request
}

fn request_of(number: usize) -> Request {
    Request::new(&Application::new("contoso", "sign-in", "shop").unwrap(), mail(number))
}

fn mail(number: usize) -> EmailAddress {
    EmailAddress::parse(&format!("person{number}@example.com")).unwrap()
}

fn tenant() -> TenantId {
    TenantId::parse("contoso").unwrap()
}
