//! Who acts in the world, and what they hold in their hands.

use std::net::IpAddr;

use sspr::{
    Application,
    domain::{
        AccountId, Code, CorrelationId, DeviceProof, FlowToken, Grant, Method, Password, RecordId,
        Ticket,
    },
    engine::{Client, Request, RequestKey, Vouch},
};

use super::{
    facts::*,
    founding::{address, tenant},
    hands::Hands,
    hub::{Fate, Weather},
    methods::{ABROAD, ANOTHER, NEIGHBOUR, SECOND, THIEFS, phone},
    settling::phones,
    verdicts::Answer,
    world::{PROCESSES, World},
};

const TYPED: [&str; 10] = [
    "ada@example.com",
    "ada@example.com",
    "ada+news@example.com",
    "ana@example.com",
    "ada@home.example",
    "eve@example.com",
    "shared@example.com",
    "grace@example.com",
    "solo@example.com",
    "nobody@example.com",
];
const WRONG: &str = "Nothing that was ever set, 1 by 1";

fn network(number: usize) -> Client {
    Client::at(IpAddr::from([192, 0, 2, number as u8]))
}

impl World {
    pub fn client(&mut self) -> Client {
        self.network = None;
        let client = match self.chance.below(10) {
            0 => Client::unknown(),
            1 => {
                let vouch = format!("solved-{}", self.chance.below(1000));
                network(self.chance.below(40)).with_vouch(Vouch::new(&vouch).unwrap())
            }
            _ => {
                let number = self.chance.below(40);
                self.network = Some(number);
                network(number)
            }
        };
        let device = self.chance.often(150);
        let device = self.chance.recent(&self.hands.devices, 6).filter(|_| device);
        self.network = self.network.filter(|_| device.is_none());
        self.known(match device {
            Some(text) => client.with_device(DeviceProof::parse(text).unwrap()),
            None => client,
        })
    }

    /// Every call is known by its number, also in the mails that it leads to.
    pub fn known(&self, client: Client) -> Client {
        client.with_correlation(CorrelationId::parse(&self.next_call().to_string()).unwrap())
    }

    /// A wrong password that nobody else types, so that a comparison tells whose it is.
    pub fn wrong_password(&mut self) -> String {
        self.hands.passwords += 1;
        format!("{WRONG}, {}", self.hands.passwords)
    }

    fn any_process(&mut self) -> usize {
        self.chance.below(PROCESSES)
    }

    /// Somebody does something, or something happens around them.
    pub fn something_new(&mut self) {
        let (roll, process) = (self.chance.below(111), self.any_process());
        if self.plan.stranger.is_some() && (18..57).contains(&roll) && !(24..42).contains(&roll) {
            return self.guess(process);
        }
        if self.plan.stranger.is_some() && (100..110).contains(&roll) {
            return self.enter_code(process);
        }
        match roll {
            0..12 => self.open(process),
            12..18 => self.resend(process),
            18..30 => self.type_code(process),
            30..42 => self.guess(process),
            42..52 => self.submit(process),
            52..57 => self.redeem(process),
            57..60 => self.sign_in(process),
            60 => self.look(process),
            61 => self.sweep(process),
            62..64 => self.forge(process),
            64..76 => self.drain(process),
            76..92 => self.time(),
            92 => self.crash(process),
            93 => self.rotate(process),
            94 => {
                let weather = [Weather::Calm, Weather::Calm, Weather::Breeze, Weather::Storm];
                let weather = *self.chance.pick(&weather).unwrap();
                self.set_weather(weather);
            }
            95 | 96 => {
                let modes = [Mode::On; 7].into_iter();
                let others =
                    [Mode::Off, Mode::Exclude, Mode::NoTexts, Mode::Abroad, Mode::MailOnly];
                let modes: Vec<_> = modes.chain(others).collect();
                let mode = *self.chance.pick(&modes).unwrap();
                let index = self.chance.below(2);
                self.set_mode(index, mode);
            }
            97..100 => self.change_somebody(),
            100..104 => self.change_password(process),
            104 => self.guess_password(process),
            105 => self.type_temporary(process),
            106 | 107 => self.staff(process),
            110 => self.freeze(process),
            _ => self.enter_code(process),
        }
    }

    fn open(&mut self, process: usize) {
        let index = self.chance.below(2);
        let typed = *self.chance.pick(&TYPED).unwrap();
        let typed = address(self.plan.stranger.unwrap_or(typed));
        // A key names one request: nobody brings it back on another day.
        let day = self.base / 86_400_000_000;
        let key = self.chance.often(200).then(|| (day * 4) as u8 ^ self.chance.below(4) as u8);
        let send = self.chance.often(700);
        let by = if self.chance.often(600) { Method::Sms } else { Method::Email };
        self.open_with(process, index, typed, (send, by), key);
    }

    pub fn open_with(
        &mut self,
        process: usize,
        index: usize,
        typed: sspr::domain::EmailAddress,
        (send, by): (bool, Method),
        key: Option<u8>,
    ) {
        let client = self.client();
        let kind = Kind::Open { by, key, send, tenant: index, typed: typed.clone() };
        let mut request = request(index, typed).by(by);
        if let Some(key) = key {
            request = request.with_key(RequestKey::from_bytes([key; 32]));
        }
        let sspr = self.processes[process].sspr.clone();
        if send {
            self.begin(process, kind, None, async move {
                Answer::Start(sspr.start(&request, &client).await)
            });
        } else {
            self.begin(process, kind, None, async move {
                Answer::Open(sspr.open(&request, &client).await)
            });
        }
    }

    fn some_reset(&mut self) -> Option<(RecordId, FlowToken)> {
        let (record, token) = self.chance.recent(&self.hands.resets, 8)?;
        Some((*record, FlowToken::parse(token).unwrap()))
    }

    fn resend(&mut self, process: usize) {
        let Some((record, token)) = self.some_reset() else { return };
        let ways = [None, None, None, Some(Method::Email), Some(Method::Sms), Some(Method::Sms)];
        let by = *self.chance.pick(&ways).unwrap();
        let again = FlowToken::parse(&token.expose()).unwrap();
        self.send_with(process, record, again, by);
        // Both ways at the same time.
        if self.chance.often(100)
            && let Some(by) = by
        {
            let by = if by == Method::Email { Method::Sms } else { Method::Email };
            let other = self.any_process();
            self.send_with(other, record, token, Some(by));
        }
    }

    pub fn send_with(
        &mut self,
        process: usize,
        record: RecordId,
        token: FlowToken,
        by: Option<Method>,
    ) {
        let (sspr, client) = (self.processes[process].sspr.clone(), self.client());
        self.begin(process, Kind::Send { by }, Some(record), async move {
            Answer::Send(match by {
                Some(by) => sspr.send_by(&token, by, &client).await,
                None => sspr.send(&token, &client).await,
            })
        });
    }

    pub fn verify(&mut self, process: usize, record: RecordId, token: FlowToken, code: &str) {
        let (sspr, client) = (self.processes[process].sspr.clone(), self.client());
        let kind = Kind::Verify { code: code.to_owned() };
        let code = Code::parse(code).unwrap();
        self.begin(process, kind, Some(record), async move {
            Answer::Verify(sspr.verify(&token, &code, &client).await)
        });
    }

    /// Types a code that came by mail: once, or twice at the same time.
    fn type_code(&mut self, process: usize) {
        let shared = self.hub.lock();
        let Some((record, code, _)) = self.chance.recent(&shared.oracle.mailbox, 5).cloned() else {
            return;
        };
        drop(shared);
        let token = self.hands.resets.iter().find(|(other, _)| *other == record);
        let Some((_, text)) = token.cloned() else { return };
        self.verify(process, record, FlowToken::parse(&text).unwrap(), &code);
        if self.chance.often(250) {
            let other = self.any_process();
            self.verify(other, record, FlowToken::parse(&text).unwrap(), &code);
        }
    }

    /// Types a code that is not the one: drawn, or out of another reset's mail.
    fn guess(&mut self, process: usize) {
        let Some((record, token)) = self.some_reset() else { return };
        let mut code = format!("{:08}", self.chance.below(100_000_000));
        if self.chance.often(300) {
            let shared = self.hub.lock();
            let other = self.chance.recent(&shared.oracle.mailbox, 10);
            if let Some((_, other, _)) = other.filter(|_| self.plan.stranger.is_none()) {
                code.clone_from(other);
            }
        }
        if self.hub.lock().oracle.bind_of(&record, &code).is_none() {
            self.verify(process, record, token, &code);
        }
    }

    fn submit(&mut self, process: usize) {
        let grants = &mut self.hands.grants;
        let from = grants.len().saturating_sub(4);
        let Some(index) =
            (from < grants.len()).then(|| from + self.chance.below(grants.len() - from))
        else {
            return;
        };
        let times = if self.chance.often(300) { 2 } else { 1 };
        for time in 0..times {
            let process = if time == 0 { process } else { self.any_process() };
            if grants_used(&self.hands, index).is_empty() || self.chance.often(250) {
                self.hands.passwords += 1;
                let number = self.hands.passwords;
                self.hands.grants[index].2 = format!("Four unrelated Words, {number} by {number}");
            }
            let (record, grant, password) = self.hands.grants[index].clone();
            self.submit_with(process, record, grant, password);
        }
    }

    pub fn submit_with(&mut self, process: usize, record: RecordId, grant: String, text: String) {
        let kind = Kind::Submit { grant: grant.clone(), password: text.clone() };
        let (sspr, client) = (self.processes[process].sspr.clone(), self.client());
        let (grant, password) = (Grant::parse(&grant).unwrap(), Password::parse(&text).unwrap());
        self.begin(process, kind, Some(record), async move {
            Answer::Submit(sspr.submit(&grant, &password, &client).await)
        });
    }

    fn redeem(&mut self, process: usize) {
        let Some((record, ticket)) = self.chance.recent(&self.hands.tickets, 3).cloned() else {
            return;
        };
        self.redeem_with(process, record, &ticket);
        if self.chance.often(400) {
            let other = self.any_process();
            self.redeem_with(other, record, &ticket);
        }
    }

    pub fn redeem_with(&mut self, process: usize, record: RecordId, ticket: &str) {
        let sspr = self.processes[process].sspr.clone();
        let kind = Kind::Redeem { ticket: ticket.to_owned() };
        let ticket = Ticket::parse(ticket).unwrap();
        self.begin(process, kind, Some(record), async move {
            Answer::Redeem(sspr.redeem(&ticket).await)
        });
    }

    fn sign_in(&mut self, process: usize) {
        let (index, typed) = (self.chance.below(2), *self.chance.pick(&TYPED).unwrap());
        let typed = self.plan.stranger.unwrap_or(typed);
        let id = AccountId::parse(typed.split(['@', '+']).next().unwrap()).unwrap();
        let right = self.chance.often(500) && self.plan.stranger.is_none();
        let shared = self.hub.lock();
        let account = shared.oracle.accounts.get(&(tenant(index), id));
        let hash = account.and_then(|history| history.last().as_ref()?.password.clone());
        drop(shared);
        let text = hash.filter(|_| right).map(|hash| hash.expose()[5..].replace('_', " "));
        let text = text.unwrap_or_else(|| self.wrong_password());
        self.sign_in_with(process, index, typed, &text);
    }

    pub fn sign_in_with(&mut self, process: usize, index: usize, typed: &str, text: &str) {
        let (sspr, client) = (self.processes[process].sspr.clone(), self.client());
        let (password, to) = (text.to_owned(), address(typed));
        let kind = Kind::SignIn { address: to.clone(), password, tenant: index };
        let (request, password) = (request(index, to), Password::parse(text).unwrap());
        self.begin(process, kind, None, async move {
            Answer::SignIn(sspr.sign_in(&request, &password, &client).await)
        });
    }

    fn look(&mut self, process: usize) {
        let Some((record, token)) = self.some_reset() else { return };
        let sspr = self.processes[process].sspr.clone();
        self.begin(process, Kind::Look, Some(record), async move {
            Answer::Look(sspr.status(&token).await)
        });
    }

    /// Not among twins: when a record was written is told by what goes.
    fn sweep(&mut self, process: usize) {
        if self.plan.stranger.is_some() {
            return;
        }
        let sspr = self.processes[process].sspr.clone();
        let most = 1 + self.chance.below(40);
        self.begin(
            process,
            Kind::Sweep,
            None,
            async move { Answer::Sweep(sspr.sweep(most).await) },
        );
    }

    /// Somebody else's secret with one character changed.
    fn forge(&mut self, process: usize) {
        let Some((_, text)) = self.chance.recent(&self.hands.resets, 8).cloned() else { return };
        let at = 10 + self.chance.below(80);
        let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
        let forged = format!("{}{other}{}", &text[..at], &text[at + 1..]);
        let (sspr, client) = (self.processes[process].sspr.clone(), self.client());
        let which = self.chance.below(4);
        self.begin(process, Kind::Garbage, None, async move {
            let code = Code::parse("12345678").unwrap();
            let password = Password::parse(WRONG).unwrap();
            match which {
                0 => {
                    let token = FlowToken::parse(&forged).unwrap();
                    Answer::Verify(sspr.verify(&token, &code, &client).await)
                }
                1 => {
                    let token = FlowToken::parse(&forged).unwrap();
                    Answer::Send(sspr.send(&token, &client).await)
                }
                2 => {
                    let grant = Grant::parse(&text).unwrap();
                    Answer::Submit(sspr.submit(&grant, &password, &client).await)
                }
                _ => Answer::Redeem(sspr.redeem(&Ticket::parse(&text).unwrap()).await),
            }
        });
    }

    pub fn drain(&mut self, process: usize) {
        let Some(courier) = self.processes[process].courier.clone() else { return };
        let (mail, call) = (self.mail(), self.next_call());
        if self.plan.stranger.is_some() {
            let fails = self.hub.lock().weather == Weather::Storm && self.chance.often(300);
            let fate = if fails { Fate::Refused } else { Fate::Answered };
            self.hub.lock().couriers = Some(fate);
        }
        self.begin(process, Kind::Courier, None, async move {
            courier.drain(&mail).await;
            Answer::Courier
        });
        if self.plan.stranger.is_some() {
            self.hurry(call);
        }
    }

    fn time(&mut self) {
        let second = 1_000_000;
        let micros = match self.chance.below(200) {
            0..120 => self.chance.below(5 * second) as i64,
            120..170 => (30 + self.chance.below(60)) as i64 * second as i64,
            170..182 => (200 + self.chance.below(900)) as i64 * second as i64,
            // Not among twins: what is swept by the way depends on names, and names on the address.
            182 if self.plan.stranger.is_none() => {
                self.chance.below(3 * 86_400) as i64 * second as i64
            }
            _ => -(self.chance.below(3600) as i64) * second as i64,
        };
        self.pass(micros);
    }

    /// A deployment: the next ring comes when all processes carry the last one.
    fn rotate(&mut self, process: usize) {
        let all = self.processes.iter().all(|process| process.ring == self.deployed);
        if all && self.deployed + 1 < self.rings.len() {
            self.deployed += 1;
        }
        self.crash(process);
    }

    fn change_somebody(&mut self) {
        let mut id = *self.chance.pick(&["ada", "ada", "eve"]).unwrap();
        if self.plan.stranger.is_some() {
            id = "eve";
        }
        let who = (tenant(self.chance.below(2)), AccountId::parse(id).unwrap());
        let roll = self.chance.below(36);
        if roll >= 28 {
            return self.change_phones(&who, roll);
        }
        match if roll == 27 { 9 } else { roll % 9 } {
            9 => self.change(&who, "has an address that a thief reads", |account, stamp| {
                let thiefs = format!("thief-{}@evil.example", account.id.as_str());
                account.addresses = vec![address(&thiefs)];
                account.stamp = stamp;
            }),
            7 | 8 => self.change(&who, "must have another password", |account, _| {
                account.must_change = true;
            }),
            0 | 1 => self.change(&who, "signs out everywhere", |account, stamp| {
                account.stamp = stamp;
            }),
            2 => self.change(&who, "has another first address", |account, stamp| {
                account.addresses.reverse();
                account.stamp = stamp;
            }),
            3 => self.change(&who, "is disabled", |account, stamp| {
                account.disabled = true;
                account.stamp = stamp;
            }),
            4 => self.change(&who, "is locked by the host", |account, _| account.locked = true),
            _ => self.change(&who, "is as ever", |account, stamp| {
                if std::mem::take(&mut account.disabled) {
                    account.stamp = stamp;
                }
                account.locked = false;
                let id = account.id.as_str();
                let is_thiefs = account.addresses == [address(&format!("thief-{id}@evil.example"))];
                if is_thiefs && account.frozen.is_none() {
                    let own =
                        ["example.com", "home.example"].map(|at| address(&format!("{id}@{at}")));
                    let own = own.into_iter().take(if id == "ada" { 2 } else { 1 });
                    account.addresses = own.collect();
                    account.stamp = stamp;
                }
            }),
        }
    }
}

impl World {
    /// Another phone is on file, or none, with a new stamp.
    fn change_phones(&mut self, who: &Who, roll: usize) {
        let (what, phones) = match roll {
            28 | 29 => ("has another phone", vec![phone(ANOTHER)]),
            30 => ("has no phone", Vec::new()),
            31 => ("has a phone abroad", vec![phone(ABROAD)]),
            32 => ("has a phone that a thief holds", vec![phone(THIEFS)]),
            33 => ("has two phones", vec![phone(SECOND), phone(NEIGHBOUR)]),
            _ => (
                "has the phones of before",
                phones(usize::from(who.0 == tenant(1)), who.1.as_str()),
            ),
        };
        self.change(who, what, |account, stamp| {
            account.phones = phones;
            account.stamp = stamp;
        });
    }
}

fn grants_used(hands: &Hands, index: usize) -> &str {
    &hands.grants[index].2
}

pub fn request(index: usize, typed: sspr::domain::EmailAddress) -> Request {
    let shop = Application::new(tenant(index).as_str(), "sign-in", "shop").unwrap();
    Request::new(&shop, typed)
}
