//! An attacker who knows everything but the codes: any number of networks, every spelling, all the
//! patience in the world, and an observer who counts what is really compared.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use sspr::{
    Courier, Keyring, Sspr, TenantPolicy,
    adapters::{
        CaptureSender, ManualClock, MemoryCodes, MemoryPolicies, MemoryUsers, SystemEntropy,
    },
    domain::{Code, CodeFormat, FlowToken, Method, PasswordHash, Timestamp},
    engine::{Client, SendOutcome, StartOutcome, VerifyOutcome},
    policy::{Limits, LimitsBuilder},
    ports::{
        Clock as _, EngineEvent, EventKind, EventSink, HashQueue, Outcome, PasswordHasher as _,
    },
};

use crate::support::{
    OLD, account, address, cheap_hasher, other_than, password, phone, request, sms_policy, tenant,
};

/// Keeps how the last try of a code ended.
#[derive(Clone, Debug, Default)]
struct LastTry(Arc<Mutex<Option<Outcome>>>);

impl EventSink for LastTry {
    fn emit(&self, event: &EngineEvent) {
        if event.kind == EventKind::Verify {
            *self.0.lock().unwrap() = Some(event.outcome);
        }
    }
}

/// A reset that the attacker has opened, and the code that it waits for.
pub struct Opened {
    token: FlowToken,
    code: Option<Code>,
    /// So that the next code goes the other way, where there are two.
    sends: usize,
}

/// What one guess came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// A short code was compared, and was wrong.
    Compared,
    Granted,
    /// Nothing was compared, or a long code that nobody guesses.
    InVain,
}

/// The ways in which the attacker asks for codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ways {
    Mail,
    /// By mail and by text in turn, where texts have no limit of their own.
    InTurn,
}

pub struct Siege {
    ways: Ways,
    /// Processes on one store.
    processes: Vec<(Sspr, Courier)>,
    pub clock: ManualClock,
    pub limits: Limits,
    inbox: CaptureSender,
    /// How many texts were read.
    texts: usize,
    users: MemoryUsers,
    last: LastTry,
    networks: u32,
    /// When each short code was compared.
    pub compared: Vec<Timestamp>,
}

impl Siege {
    pub async fn of(limits: LimitsBuilder, accounts: usize, processes: usize) -> Self {
        Self::by(Ways::Mail, limits, accounts, processes).await
    }

    pub async fn by(ways: Ways, limits: LimitsBuilder, accounts: usize, processes: usize) -> Self {
        let limits = limits.texts_per_block(u32::MAX).texts_per_number(u32::MAX);
        let limits = limits.texts_per_tenant(u32::MAX).build().unwrap();
        let policy = match ways {
            Ways::Mail => TenantPolicy::customers("contoso").unwrap(),
            Ways::InTurn => sms_policy(),
        };
        let (policy, inbox) = (policy.with_limits(limits), CaptureSender::new());
        let (users, codes) = (MemoryUsers::new(), Arc::new(MemoryCodes::new()));
        let (policies, last) = (MemoryPolicies::fixed(policy), LastTry::default());
        let keys = Keyring::generate(&SystemEntropy::new()).unwrap();
        let clock = ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000));
        let build = |_| {
            let (codes, policies, keys) = (codes.clone(), policies.clone(), keys.clone());
            let builder = Sspr::builder(users.clone(), codes, policies, keys);
            let builder = builder.with_sms(inbox.clone());
            builder.with_clock(clock.clone()).with_events(last.clone()).build()
        };
        let processes = (0..processes).map(build).collect();
        let siege = Self {
            clock: clock.clone(),
            compared: Vec::new(),
            inbox: inbox.clone(),
            last: last.clone(),
            networks: 0,
            limits,
            processes,
            texts: 0,
            users: users.clone(),
            ways,
        };
        let hash = cheap_hasher().hash(password(OLD), HashQueue::Submit).await.unwrap();
        (0..accounts).for_each(|number| siege.settle_in(number, &hash));
        siege
    }

    /// Four addresses each, two of them aliases.
    fn settle_in(&self, number: usize, hash: &PasswordHash) {
        let mut account = account(&spelling(number, 0), &format!("account-{number}"));
        account.addresses.extend((1..4).map(|other| address(&spelling(number, other))));
        account.phones = vec![phone(&format!("+1206555{number:04}"))];
        self.users.insert(&tenant(), account.with_password(hash.clone()));
    }

    pub fn processes(&self) -> usize {
        self.processes.len()
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Never the same network twice.
    fn somewhere(&mut self) -> Client {
        self.networks += 1;
        Client::at(std::net::IpAddr::from(std::net::Ipv4Addr::from_bits(
            0x0a00_0000 + self.networks,
        )))
    }

    /// Lets every courier of every process work, and tells what the newest message says.
    pub async fn couriers(&mut self) -> Option<Code> {
        for (_, courier) in &self.processes {
            courier.drain(&self.inbox).await;
        }
        let texts = self.inbox.texts();
        // Notices have no code.
        let newest = texts.iter().skip(self.texts).rev().find_map(|text| text.code.as_ref());
        let code = newest.map(|code| Code::parse(code).unwrap());
        self.texts = texts.len();
        let mails = self.inbox.take();
        code.or_else(|| mails.iter().rev().find_map(sspr::adapters::code_in))
    }

    fn way(&self, turn: usize) -> Method {
        if self.ways == Ways::InTurn && turn % 2 == 1 { Method::Sms } else { Method::Email }
    }

    /// Opens a reset of an account, under one of its spellings.
    pub async fn open(&mut self, account: usize, turn: usize) -> Opened {
        // Longer codes that earlier tries have led to are on their way.
        self.couriers().await;
        let (from, typed) = (self.somewhere(), spelling(account, turn % 4));
        let asked = request(&typed).by(self.way(turn));
        match self.processes[0].0.start(&asked, &from).await.unwrap() {
            StartOutcome::Started(started) => {
                Opened { code: self.couriers().await, sends: turn + 1, token: started.token }
            }
            other => panic!("the attacker opens too many: {other:?}"),
        }
    }

    /// As many resets as it takes for so many guesses, and one more.
    pub async fn prepare(&mut self, account: usize, guesses: u32) -> Vec<Opened> {
        let mut opened = Vec::new();
        for turn in 0..=guesses.div_ceil(self.limits.tries_per_challenge()) {
            opened.push(self.open(account, turn as usize).await);
        }
        opened
    }

    pub async fn resend(&mut self, opened: &mut Opened) -> bool {
        let from = self.somewhere();
        let method = self.way(opened.sends);
        opened.sends += 1;
        let sent = self.processes[0].0.send_by(&opened.token, method, &from).await.unwrap();
        opened.code = self.couriers().await;
        matches!(sent, SendOutcome::Sent(_))
    }

    /// One guess in the process of that number: wrong, or by luck the right code.
    pub async fn guess(&mut self, opened: &Opened, process: usize, is_right: bool) -> Guess {
        let from = self.somewhere();
        let short = opened.code.as_ref().filter(|code| code.format() == CodeFormat::Digits);
        let guess = match short {
            Some(code) if is_right => Code::parse(&code.expose()).unwrap(),
            Some(code) => other_than(code),
            None => Code::parse("00000000").unwrap(),
        };
        let answer = self.processes[process].0.verify(&opened.token, &guess, &from).await.unwrap();
        let outcome = self.last.0.lock().unwrap().take();
        if short.is_none() || !matches!(outcome, Some(Outcome::Ok | Outcome::Rejected)) {
            return Guess::InVain;
        }
        self.compared.push(self.now());
        match answer {
            VerifyOutcome::Granted(_) => Guess::Granted,
            VerifyOutcome::NextProof(_) => panic!("one proof is enough here"),
            VerifyOutcome::Rejected(_) => Guess::Compared,
        }
    }

    /// Guesses at all of these until nothing is compared any more; answers how many were.
    pub async fn spend(&mut self, opened: &[Opened], process: usize) -> usize {
        let before = self.compared.len();
        for reset in opened {
            for _ in 0..=self.limits.tries_per_challenge() {
                self.guess(reset, process, false).await;
            }
        }
        self.compared.len() - before
    }

    /// The most that was compared in any stretch of that length, its ends included.
    pub fn most_within(&self, length: Duration) -> u64 {
        let all = &self.compared;
        let from = |start: usize| {
            all[start..].iter().take_while(|at| at.since(all[start]) <= length).count()
        };
        (0..all.len()).map(from).max().unwrap_or(0) as u64
    }
}

fn spelling(account: usize, spelling: usize) -> String {
    match spelling {
        0 => format!("victim{account}@example.com"),
        1 => format!("victim{account}+shop@example.com"),
        2 => format!("Victim{account}@example.com"),
        _ => format!("v.{account}@elsewhere.example"),
    }
}
