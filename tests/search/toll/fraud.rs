//! Attackers who own accounts with phones, the owners beside them, and a provider that counts.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex},
    time::Duration,
};

use sspr::{
    Courier, Keyring, Sspr, TenantPolicy,
    adapters::{ManualClock, MemoryCodes, MemoryPolicies, MemoryUsers, SystemEntropy, code_in},
    domain::{ActorId, Code, FlowToken, Method, PasswordHash, Timestamp},
    engine::{Client, SendOutcome, StartOutcome, VerifyOutcome},
    mail::{EmailMessage, TextMessage},
    policy::Limits,
    ports::{Clock as _, EmailSender, SendError, SmsSender},
};

use crate::{
    simulation::chance::Chance,
    support::{account, phone, request, sms_policy, tenant, wrong_code},
};

const BEGIN: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
/// The accounts of the attackers, in the order of their kinds: many numbers of one block, of many
/// blocks, premium numbers, and numbers of another country.
const KINDS: [usize; 4] = [3_000, 5_000, 1_000, 1_000];
const NETWORKS: usize = 10_000;
/// Requests between two turns of the courier.
const TURN: usize = 50;
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Who has an ordinary account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    Apart,
    /// With a phone in the block that the attackers have most numbers of.
    InTheBlock,
}

impl Owner {
    const fn mail(self) -> &'static str {
        match self {
            Self::Apart => "owner@example.com",
            Self::InTheBlock => "neighbour@example.com",
        }
    }

    const fn number(self) -> &'static str {
        match self {
            Self::Apart => "+19175550142",
            Self::InTheBlock => "+14255559999",
        }
    }
}

/// A text as the provider took it.
#[derive(Clone, Debug)]
pub struct Text {
    pub at: Timestamp,
    pub number: String,
    pub code: String,
}

impl Text {
    pub fn block(&self) -> &str {
        &self.number[..self.number.len() - 4]
    }
}

#[derive(Clone)]
struct Provider {
    clock: ManualClock,
    texts: Arc<Mutex<Vec<Text>>>,
}

#[async_trait::async_trait]
impl SmsSender for Provider {
    async fn send_text(&self, message: &TextMessage) -> Result<(), SendError> {
        let code = message.code.as_ref().unwrap().to_string();
        let number = message.to.as_str().to_owned();
        self.texts.lock().unwrap().push(Text { at: self.clock.now(), code, number });
        Ok(())
    }

    /// Notices by text are told apart in `tests/engine/text_notices.rs`.
    fn sends_notices(&self) -> bool {
        false
    }
}

/// The last code to each owner.
#[derive(Clone, Default)]
struct Mails(Arc<Mutex<HashMap<String, String>>>);

#[async_trait::async_trait]
impl EmailSender for Mails {
    async fn send(&self, message: &EmailMessage) -> Result<(), SendError> {
        let to = message.to.as_str();
        if [Owner::Apart, Owner::InTheBlock].iter().any(|owner| owner.mail() == to)
            && let Some(code) = code_in(message)
        {
            self.0.lock().unwrap().insert(to.to_owned(), code.expose());
        }
        Ok(())
    }
}

pub struct Fraud {
    sspr: Sspr,
    courier: Courier,
    pub clock: ManualClock,
    pub limits: Limits,
    policy: TenantPolicy,
    provider: Provider,
    mails: Mails,
    chance: Chance,
    /// The phones of the attackers' accounts.
    phones: Vec<String>,
    /// Resets of the attackers that wait for a code: the account and the token.
    resets: VecDeque<(usize, String)>,
    /// When each network asked for a text.
    asked: Vec<(Timestamp, usize)>,
    waiting: usize,
    journeys: u8,
}

impl Fraud {
    pub async fn new(limits: Limits) -> Self {
        let policy = sms_policy().with_limits(limits);
        let (users, clock) = (MemoryUsers::new(), ManualClock::new(BEGIN));
        let provider = Provider { clock: clock.clone(), texts: Arc::default() };
        let keys = Keyring::generate(&SystemEntropy::new()).unwrap();
        let policies = MemoryPolicies::fixed(policy.clone());
        let (sspr, courier) = Sspr::builder(users.clone(), MemoryCodes::new(), policies, keys)
            .with_clock(clock.clone())
            .with_sms(provider.clone())
            .build();
        let phones = phones(&policy);
        let hash = PasswordHash::parse("$none$nobody_signs_in_here").unwrap();
        let settle = |mail: &str, id: &str, number: &str| {
            let mut account = account(mail, id).with_password(hash.clone());
            account.phones = vec![phone(number)];
            users.insert(&tenant(), account);
        };
        for (index, number) in phones.iter().enumerate() {
            settle(&mail_of(index), &format!("attacker-{index}"), number);
        }
        for owner in [Owner::Apart, Owner::InTheBlock] {
            settle(owner.mail(), owner.mail().split('@').next().unwrap(), owner.number());
        }
        Self {
            asked: Vec::new(),
            chance: Chance::new(1),
            clock,
            courier,
            journeys: 0,
            limits,
            mails: Mails::default(),
            phones,
            policy,
            provider,
            resets: VecDeque::new(),
            sspr,
            waiting: 0,
        }
    }

    pub fn texts(&self) -> Vec<Text> {
        self.provider.texts.lock().unwrap().clone()
    }

    /// How many texts were asked for and answered as sent.
    pub fn asked(&self) -> usize {
        self.asked.len()
    }

    pub fn is_served(&self, number: &str) -> bool {
        self.policy.serves(&phone(number))
    }

    /// So many requests in so much time.
    pub async fn attack(&mut self, requests: u64, time: Duration) {
        let (began, each) = (self.clock.now(), time / u32::try_from(requests).unwrap());
        for number in 0..requests {
            self.clock.set(began.after(each * u32::try_from(number).unwrap()));
            let network = self.chance.below(NETWORKS);
            match self.chance.below(100) {
                0..50 => self.start(network, Method::Sms).await,
                50..55 => self.start(network, Method::Email).await,
                55..75 => self.send(network, Method::Sms).await,
                75..85 => self.send(network, Method::Email).await,
                _ => self.verify(network).await,
            }
        }
        self.clock.set(began.after(time));
        self.work().await;
    }

    /// So many requests at one instant, each for an account whose phone is served.
    pub async fn burst(&mut self, requests: usize) {
        for index in 0..requests {
            let account = KINDS[0] + index % KINDS[1];
            self.start_for(account, index % NETWORKS, Method::Sms).await;
        }
        self.work().await;
    }

    pub async fn one_text(&mut self) {
        self.start_for(KINDS[0], 0, Method::Sms).await;
        self.work().await;
        assert_eq!(self.texts().len(), 1);
    }

    /// So many texts that one network asks for at one instant.
    pub async fn burst_from_one_network(&mut self, requests: usize) {
        for index in 0..requests {
            self.start_for(KINDS[0] + index, 0, Method::Sms).await;
        }
        self.work().await;
    }

    async fn start(&mut self, network: usize, method: Method) {
        let account = self.chance.below(self.phones.len());
        self.start_for(account, network, method).await;
    }

    async fn start_for(&mut self, account: usize, network: usize, method: Method) {
        let asked = request(&mail_of(account)).by(method);
        let started = self.sspr.start(&asked, &client(network)).await.unwrap();
        if let StartOutcome::Started(started) = started {
            self.was_sent(network, method);
            self.resets.push_back((account, started.token.expose()));
            if self.resets.len() > 1_000 {
                self.resets.pop_front();
            }
        }
        self.one_more().await;
    }

    fn some_reset(&mut self) -> Option<(usize, FlowToken)> {
        let index = self.chance.below(self.resets.len());
        let (account, token) = self.resets.get(index)?;
        Some((*account, FlowToken::parse(token).unwrap()))
    }

    async fn send(&mut self, network: usize, method: Method) {
        let Some((_, token)) = self.some_reset() else { return };
        let sent = self.sspr.send_by(&token, method, &client(network)).await.unwrap();
        if matches!(sent, SendOutcome::Sent(_)) {
            self.was_sent(network, method);
        }
        self.one_more().await;
    }

    /// The attackers read the texts of their own phones, so that their codes seem to be used.
    async fn verify(&mut self, network: usize) {
        let Some((account, token)) = self.some_reset() else { return };
        let number = &self.phones[account];
        let code = {
            let texts = self.provider.texts.lock().unwrap();
            let text = texts.iter().rev().take(2_000).find(|text| text.number == *number);
            text.map_or_else(wrong_code, |text| Code::parse(&text.code).unwrap())
        };
        let _ = self.sspr.verify(&token, &code, &client(network)).await.unwrap();
    }

    fn was_sent(&mut self, network: usize, method: Method) {
        if method == Method::Sms {
            self.asked.push((self.clock.now(), network));
        }
    }

    async fn one_more(&mut self) {
        self.waiting += 1;
        if self.waiting >= TURN {
            self.work().await;
        }
    }

    async fn work(&mut self) {
        self.waiting = 0;
        self.courier.drain(&self.mails).await;
    }

    /// Whether an owner's phone can have one more text, by our own count of those that were sent.
    pub fn has_budget_for(&self, owner: Owner) -> bool {
        let texts = self.texts();
        let (of, now) = (owner.number(), self.clock.now());
        let count = |window: Duration, is_it: &dyn Fn(&Text) -> bool| {
            let (mut ends, mut count) = (None, 0);
            for text in texts.iter().filter(|text| is_it(text)) {
                if ends.is_none_or(|ends| text.at >= ends) {
                    (ends, count) = (Some(text.at.after(window)), 0);
                }
                count += 1;
            }
            if ends.is_some_and(|ends| now < ends) { count } else { 0 }
        };
        count(DAY, &|_| true) < self.limits.texts_per_tenant()
            && count(DAY, &|text| text.number == of) < self.limits.texts_per_number()
            && count(HOUR, &|text| text.block() == &of[..of.len() - 4])
                < self.limits.texts_per_block()
    }

    /// Whether the watch has stopped texts to the owner's block.
    pub async fn is_stopped(&self, owner: Owner) -> bool {
        let desk = self.sspr.help_desk(ActorId::parse("staff").unwrap());
        let stopped = desk.stopped_texts(&tenant()).await.unwrap();
        stopped.iter().any(|it| owner.number().starts_with(it.block.as_str()))
    }

    /// An owner asks for a code from home, and types it if it comes.
    pub async fn owner_gets_in(&mut self, owner: Owner, method: Method) -> bool {
        self.work().await;
        let before = self.texts().len();
        // Each time from another network, as people on the way are.
        self.journeys += 1;
        let from = Client::at(IpAddr::from([198, 51, 100, self.journeys]));
        let asked = request(owner.mail()).by(method);
        let started = match self.sspr.start(&asked, &from).await.unwrap() {
            StartOutcome::Started(started) => started,
            other => panic!("{owner:?}, {method}: {other:?}"),
        };
        self.mails.0.lock().unwrap().clear();
        self.work().await;
        let code = match method {
            Method::Email => self.mails.0.lock().unwrap().get(owner.mail()).cloned(),
            Method::Sms => {
                let texts = self.texts();
                let text = texts[before..].iter().find(|text| text.number == owner.number());
                text.map(|text| text.code.clone())
            }
        };
        let Some(code) = code else { return false };
        let code = Code::parse(&code).unwrap();
        let verified = self.sspr.verify(&started.token, &code, &from).await.unwrap();
        assert!(matches!(verified, VerifyOutcome::Granted(_)), "{owner:?}: {verified:?}");
        true
    }

    pub fn most_asked_by_a_network(&self) -> usize {
        most_of(self.asked.iter().map(|(at, network)| (*network, *at)), HOUR)
    }
}

/// The most texts of one kind in any stretch of that length, its ends included.
pub fn most(texts: &[Text], length: Duration, of: impl Fn(&Text) -> String) -> usize {
    most_of(texts.iter().map(|text| (of(text), text.at)), length)
}

fn most_of<K: Ord>(all: impl Iterator<Item = (K, Timestamp)>, length: Duration) -> usize {
    let mut by = BTreeMap::<K, Vec<Timestamp>>::new();
    all.for_each(|(of, at)| by.entry(of).or_default().push(at));
    let longest = |times: &Vec<Timestamp>| {
        let mut first = 0;
        let counts = (0..times.len()).map(|last| {
            while times[last].since(times[first]) > length {
                first += 1;
            }
            last + 1 - first
        });
        counts.max().unwrap_or(0)
    };
    by.values().map(longest).max().unwrap_or(0)
}

fn client(network: usize) -> Client {
    let bits = 0x0a00_0000 + u32::try_from(network).unwrap();
    Client::at(IpAddr::from(Ipv4Addr::from_bits(bits)))
}

fn mail_of(index: usize) -> String {
    format!("attacker{index}@example.com")
}

/// The phones of the attackers, by kind.
fn phones(policy: &TenantPolicy) -> Vec<String> {
    let areas = [206, 212, 213, 302, 305, 312, 404, 415, 503, 512, 602, 617, 702, 713, 801, 904];
    let one_block = (0..KINDS[0]).map(|index| format!("+1425555{index:04}"));
    // Ten numbers of each block.
    let many_blocks = (0..KINDS[1]).map(|index| {
        let (block, last) = (index % 500, index / 500);
        format!("+1{}{}{last:04}", areas[block % areas.len()], 300 + block / areas.len())
    });
    let premium = (0..KINDS[2]).map(|index| format!("+1900234{index:04}"));
    let abroad = (0..KINDS[3]).map(|index| format!("+4915123{index:06}"));
    let all: Vec<_> = one_block.chain(many_blocks).chain(premium).chain(abroad).collect();
    let served = |range: std::ops::Range<usize>| {
        all[range].iter().filter(|number| policy.serves(&phone(number))).count()
    };
    let good = KINDS[0] + KINDS[1];
    assert_eq!(served(0..good), good, "each of these takes texts");
    assert_eq!(served(good..all.len()), 0, "none of these may get one");
    all
}
