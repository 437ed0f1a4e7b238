//! What a stranger can ask for without a code, and what each such request costs: port calls, bytes
//! that stay in the code store, mails, slow hashes. The tests bound it, the bench prints it.
#![allow(dead_code, reason = "each binary uses its own part")]

use std::net::Ipv4Addr;

use sspr::{
    Courier, Keyring, Sspr, TenantPolicy,
    adapters::{
        Argon2Pool, CaptureSender, ManualClock, MemoryPolicies, MemoryUsers, SystemEntropy,
    },
    domain::{Code, EmailAddress, FlowToken, Grant, Password, PasswordHash, Ticket, Timestamp},
    engine::{Client, Context, Rejection, Request, SignInOutcome, StartOutcome, VerifyOutcome},
    policy::Limits,
    ports::{HashQueue, PasswordHasher as _},
};

#[path = "ledger.rs"]
mod ledger;

use self::ledger::Finds;
pub use self::ledger::Ledger;
use crate::support::{OLD, account, cheap_hasher, password, request, seconds, tenant, wrong_code};

/// One thing to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    CombiningPassword,
    ForgedGrant,
    ForgedToken,
    HostileText,
    LongerCode,
    Look,
    Open,
    OpenLargest,
    Resend,
    SignInKnown,
    SignInLargest,
    SignInUnknown,
    StartUnknown,
    StartVictim,
    WrongCode,
}

/// Each, what it is, and the test in `stranger_cost.rs` that bounds it; roughly by cost.
pub const ASKS: [(Ask, &str, &str); 15] = [
    (
        Ask::SignInLargest,
        "sign-in: unknown address, the largest password",
        "the_largest_password_costs_one_hash",
    ),
    (
        Ask::SignInKnown,
        "sign-in: known address, wrong password",
        "a_known_address_buys_hashes_until_it_locks",
    ),
    (Ask::SignInUnknown, "sign-in: unknown address", "a_network_buys_as_many_hashes_as_it_may_try"),
    (
        Ask::LongerCode,
        "wrong code past the cap: a longer code goes out",
        "past_the_cap_one_longer_code_goes_out",
    ),
    (Ask::StartVictim, "start: passcode to a victim", "a_victim_gets_twenty_mails_a_day"),
    (
        Ask::StartUnknown,
        "start: unknown address",
        "an_unknown_address_costs_what_a_victim_costs_but_the_mail",
    ),
    (Ask::Resend, "send again", "one_network_resends_to_an_address_five_times_a_day"),
    (
        Ask::OpenLargest,
        "open: largest address and context",
        "a_network_fills_the_store_no_further_than_its_opens",
    ),
    (Ask::Open, "open: unknown address", "an_open_is_one_call_and_looks_nobody_up"),
    (Ask::WrongCode, "verify: wrong code in an own reset", "a_wrong_code_is_one_call"),
    (Ask::Look, "status: a poll of an own reset", "a_look_reads_once_and_leaves_nothing"),
    (Ask::ForgedToken, "verify: forged token", "a_forged_token_reaches_no_port"),
    (Ask::ForgedGrant, "submit: forged grant", "a_forged_grant_reaches_no_port"),
    (
        Ask::CombiningPassword,
        "password: 1,024 bytes of combining marks",
        "combining_marks_are_refused_before_any_hash",
    ),
    (
        Ask::HostileText,
        "a megabyte into every parser",
        "a_megabyte_is_refused_before_it_is_looked_at",
    ),
];

/// What one request cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Calls of the code store.
    pub calls: usize,
    /// Look-ups of accounts.
    pub finds: usize,
    /// Bytes more in the code store: records with what they charge, and counters.
    pub bytes: usize,
    pub mails: usize,
    pub hashes: u64,
}

/// A service whose ports are counted.
pub struct Stage {
    pub sspr: Sspr,
    pub courier: Courier,
    pub clock: ManualClock,
    pub hasher: Argon2Pool,
    pub inbox: CaptureSender,
    pub users: MemoryUsers,
    hash: PasswordHash,
    ledger: Ledger,
}

/// What a request needs that came before it.
pub enum Ready {
    Flow(FlowToken),
    Grant(Box<Grant>),
    Nothing,
    Password(String),
}

impl Ask {
    /// The limit that ends it, and its number.
    pub fn bound(self, limits: &Limits) -> String {
        let (lock, tries) = (limits.lockout_threshold(), limits.network_tries());
        let (address, pair) = (limits.sends_per_address(), limits.sends_per_address_and_network());
        let (opens, sends) = (limits.opens_per_network(), limits.sends_per_network());
        let challenge = limits.tries_per_challenge();
        match self {
            Self::CombiningPassword | Self::HostileText => "refused by the parser".to_owned(),
            Self::ForgedGrant | Self::ForgedToken => "refused by its check bytes".to_owned(),
            Self::LongerCode => format!("one per reset; {address} mails per address and day"),
            Self::Look => "nothing here: the front's rate limit".to_owned(),
            Self::Open | Self::OpenLargest => format!("{opens} per network and hour"),
            Self::Resend => format!("{pair} per address, network and day; one per minute"),
            Self::SignInKnown => {
                format!("{lock} per address, then locked; {tries} per network and hour")
            }
            Self::SignInLargest | Self::SignInUnknown => {
                format!("{tries} per network and hour; {lock} per address, then locked")
            }
            Self::StartUnknown => format!("{sends} per network and hour"),
            Self::StartVictim => {
                format!("{pair} per address, network and day; {address} per address and day")
            }
            Self::WrongCode => format!("{challenge} per code; {tries} per network and hour"),
        }
    }
}

/// A network of its own for each number.
pub fn network(number: u32) -> Client {
    Client::at(std::net::IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 + number)))
}

pub fn typed(name: &str, number: u32) -> String {
    format!("{name}{number}@example.com")
}

/// An address of 254 bytes, as long as any.
pub fn longest_address(number: u32) -> String {
    let label = "d".repeat(61);
    let local = format!("{number:a>64}");
    let domain = format!("{label}.{label}.{label}.net");
    assert_eq!(local.len() + 1 + domain.len(), 254);
    format!("{local}@{domain}")
}

/// 256 characters of four bytes.
pub fn largest_password() -> String {
    "\u{1f511}".repeat(256)
}

/// 1,024 bytes that normalisation must put into order: marks of falling combining class.
pub fn combining_marks() -> String {
    format!("{}{}", "\u{301}".repeat(256), "\u{316}".repeat(256))
}

impl Stage {
    pub async fn new(hasher: Argon2Pool) -> Self {
        let (users, ledger) = (MemoryUsers::new(), Ledger::default());
        let clock = ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000));
        let (sspr, courier) = Sspr::builder(
            Finds(users.clone(), ledger.clone()),
            ledger.clone(),
            MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap()),
            Keyring::generate(&SystemEntropy::new()).unwrap(),
        )
        .with_clock(clock.clone())
        .with_hasher(hasher.clone())
        .build();
        let hash = hasher.hash(password(OLD), HashQueue::Submit).await.unwrap();
        Self { clock, courier, hash, hasher, inbox: CaptureSender::new(), ledger, sspr, users }
    }

    /// With a hasher that costs next to nothing.
    pub async fn cheap() -> Self {
        Self::new(cheap_hasher()).await
    }

    /// Somebody who has an account.
    pub fn victim(&self, number: u32) {
        let mail = typed("victim", number);
        let account = account(&mail, &format!("victim{number}"));
        self.users.insert(&tenant(), account.with_password(self.hash.clone()));
    }

    /// What has been spent since the last call.
    pub async fn cost<T>(&self, asked: impl Future<Output = T>) -> (T, Cost) {
        let (bytes, hashes) = (self.ledger.bytes(), self.hasher.jobs());
        let _ = (self.inbox.take(), self.ledger.take());
        let answer = asked.await;
        let (calls, finds) = self.ledger.take();
        let cost = Cost {
            bytes: self.ledger.bytes().saturating_sub(bytes),
            calls,
            finds,
            hashes: self.hasher.jobs() - hashes,
            mails: self.inbox.take().len(),
        };
        (answer, cost)
    }

    pub async fn start(&self, mail: &str, client: &Client) -> StartOutcome {
        let outcome = self.sspr.start(&request(mail), client).await.unwrap();
        self.courier.drain(&self.inbox).await;
        outcome
    }

    pub async fn started(&self, mail: &str, client: &Client) -> FlowToken {
        match self.start(mail, client).await {
            StartOutcome::Started(started) => started.token,
            other => panic!("not started: {other:?}"),
        }
    }

    pub async fn verify(&self, token: &FlowToken, code: &Code, client: &Client) -> VerifyOutcome {
        self.sspr.verify(token, code, client).await.unwrap()
    }

    pub async fn sign_in(&self, mail: &str, text: &str, client: &Client) -> SignInOutcome {
        self.sspr.sign_in(&request(mail), &password(text), client).await.unwrap()
    }

    /// A grant of a finished `verify`, by somebody who read the mail.
    pub async fn grant(&self, number: u32) -> Grant {
        self.victim(number);
        let token = self.started(&typed("victim", number), &network(number)).await;
        let code = self.inbox.last_code().unwrap();
        match self.verify(&token, &code, &network(number)).await {
            VerifyOutcome::Granted(granted) => granted.grant,
            other => panic!("not granted: {other:?}"),
        }
    }

    /// Spends the comparisons of short codes that an address has in a day, from other networks.
    pub async fn spend_tries(&self, mail: &str, number: u32) {
        for other in 1..=3 {
            let client = network(0x40_0000 * other + number);
            let token = self.started(mail, &client).await;
            for _ in 0..5 {
                self.verify(&token, &wrong_code(), &client).await;
            }
        }
    }

    /// Does what must come before; `other` is a service with other keys.
    pub async fn prepare(&self, ask: Ask, number: u32, other: &Self) -> Ready {
        let client = network(number);
        match ask {
            Ask::ForgedGrant => Ready::Grant(Box::new(other.grant(number).await)),
            Ask::ForgedToken => Ready::Flow(other.started(&typed("nobody", number), &client).await),
            Ask::LongerCode => {
                self.victim(number);
                let mail = typed("victim", number);
                let token = self.started(&mail, &client).await;
                self.spend_tries(&mail, number).await;
                Ready::Flow(token)
            }
            Ask::Look | Ask::WrongCode => {
                Ready::Flow(self.started(&typed("nobody", number), &client).await)
            }
            Ask::Resend => {
                self.victim(number);
                let token = self.started(&typed("victim", number), &client).await;
                self.clock.advance(seconds(60));
                Ready::Flow(token)
            }
            Ask::SignInKnown | Ask::StartVictim => {
                self.victim(number);
                Ready::Nothing
            }
            Ask::CombiningPassword => Ready::Password(combining_marks()),
            Ask::HostileText => Ready::Password("x".repeat(1 << 20)),
            Ask::Open
            | Ask::OpenLargest
            | Ask::SignInLargest
            | Ask::SignInUnknown
            | Ask::StartUnknown => Ready::Nothing,
        }
    }

    /// Asks once, and lets the courier do what follows.
    pub async fn ask(&self, ask: Ask, ready: &Ready, number: u32) {
        let client = network(number);
        let (nobody, victim) = (typed("nobody", number), typed("victim", number));
        match (ask, ready) {
            (Ask::CombiningPassword, Ready::Password(text)) => {
                assert!(Password::parse(text).is_err());
            }
            (Ask::ForgedGrant, Ready::Grant(grant)) => {
                let new = password(crate::support::NEW);
                self.sspr.submit(grant, &new, &client).await.unwrap();
            }
            (Ask::ForgedToken | Ask::LongerCode | Ask::WrongCode, Ready::Flow(token)) => {
                let outcome = self.verify(token, &wrong_code(), &client).await;
                let longer =
                    matches!(outcome, VerifyOutcome::Rejected(Rejection::LongerCodeSent(_)));
                assert_eq!(longer, ask == Ask::LongerCode, "{outcome:?}");
                if longer {
                    self.courier.drain(&self.inbox).await;
                }
            }
            (Ask::HostileText, Ready::Password(text)) => {
                assert!(EmailAddress::parse(text).is_err() && Code::parse(text).is_err());
                assert!(FlowToken::parse(text).is_err() && Grant::parse(text).is_err());
                assert!(Ticket::parse(text).is_err() && Password::parse(text).is_err());
            }
            (Ask::Look, Ready::Flow(token)) => {
                self.sspr.status(token).await.unwrap();
            }
            (Ask::Open, _) => {
                self.sspr.open(&request(&nobody), &client).await.unwrap();
            }
            (Ask::OpenLargest, _) => {
                self.sspr.open(&largest_request(number), &client).await.unwrap();
            }
            (Ask::Resend, Ready::Flow(token)) => {
                self.sspr.send(token, &client).await.unwrap();
                self.courier.drain(&self.inbox).await;
            }
            (Ask::SignInKnown, _) => {
                self.sign_in(&victim, "wrong", &client).await;
            }
            (Ask::SignInLargest, _) => {
                self.sign_in(&nobody, &largest_password(), &client).await;
            }
            (Ask::SignInUnknown, _) => {
                self.sign_in(&nobody, "wrong", &client).await;
            }
            (Ask::StartUnknown, _) => {
                self.started(&nobody, &client).await;
            }
            (Ask::StartVictim, _) => {
                self.started(&victim, &client).await;
            }
            (ask, _) => panic!("not prepared: {ask:?}"),
        }
    }

    /// Removes what has long ended.
    pub async fn sweep(&self) {
        while self.sspr.sweep(1_000).await.unwrap() > 0 {}
    }

    /// Records and counters of the code store.
    pub fn entries(&self) -> (usize, usize) {
        self.ledger.entries()
    }
}

/// Everything as large as it may be.
pub fn largest_request(number: u32) -> Request {
    let context = Context::new(vec![7; Context::MAX_BYTES]).unwrap();
    request(&longest_address(number)).with_context(context)
}
