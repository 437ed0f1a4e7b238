//! Four processes, sixteen callers in each, one reset: right codes, submits and wrong codes at once,
//! over and over, and the other entrances likewise. Prints the rows of the table in `PROOFS.md`, which names the long command.

mod changes;
mod inbox;
mod methods;
mod process;

use crate::servers;
use std::{
    collections::BTreeSet,
    future::Future,
    net::Ipv6Addr,
    sync::{Arc, Mutex},
    time::Duration,
};

use self::{
    inbox::Inbox,
    process::{Here, Process, call},
};
use crate::servers::{Postgres, Redis};
use sspr::{
    Application, Keyring, Sspr, TenantPolicy,
    adapters::{
        Argon2Pool, ManualClock, MemoryCodes, MemoryPolicies, MemoryUsers, PostgresOptions,
        PostgresStore, RedisCodes, RedisOptions, SqliteStore, SystemEntropy,
    },
    domain::{
        Account, AccountId, Code, EmailAddress, FlowToken, Password, PhoneNumber, Stamp, TenantId,
        Timestamp,
    },
    engine::{Client, Courier, Request, StartOutcome},
    policy::{AuthenticationMethodsPolicy, FreezeCodes, Limits},
    ports::{CodeStore, HashQueue, Outbox, PasswordHasher as _, UserStore},
};

const PROCESSES: usize = 4;
const CALLERS: usize = 16;
/// Trials under way at once.
const LANES: usize = 4;
/// Kinds of trials that have accounts of their own.
const KINDS: usize = 11;
/// The stores of one process, in which all callers are.
const MEMORY: &str = "memory";
const OLD: &str = "the old password 1";
/// Trials of each tenant: below its own threshold of wrong tries in a day.
const OF_A_TENANT: usize = 50;
const KEYS: &str = "sign=b3W-9cXq0nJxVvJm5oYkqk1y9rJmC0x2m5wQ1oUe7Zg index=Qm9v3rXk7LwT1yZp4sVn8cHd2fJg6aKe0uRi5tOxWqM";

fn on_runtime<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().unwrap().block_on(future)
}

fn trials() -> usize {
    std::env::var("SSPR_RACE_TRIALS").map_or(20, |trials| trials.parse().unwrap())
}

/// Trials of the other entrances. Each of them compares 64 passwords or more, which all charge one
/// lockout first: on Postgres that takes seconds.
fn few_trials(url: &str) -> usize {
    match std::env::var("SSPR_RACE_TRIALS") {
        Ok(_) => trials(),
        Err(_) => trials().min(if url.starts_with("postgres:") { 8 } else { 12 }),
    }
}

/// The stores of a URL: Postgres holds both; Redis's accounts are in a SQLite file after a `+`.
struct Stores {
    codes: Arc<dyn CodeStore>,
    users: Arc<dyn UserStore>,
    outbox: Arc<dyn Outbox>,
    accounts: Accounts,
}

enum Accounts {
    Memory(MemoryUsers),
    Postgres(sspr::adapters::PostgresUsers),
    Sqlite(sspr::adapters::SqliteUsers),
}

impl Accounts {
    async fn insert(&self, tenant: &TenantId, account: &Account) {
        match self {
            Self::Memory(users) => {
                users.insert(tenant, account.clone());
            }
            Self::Postgres(users) => users.insert(tenant, account).await.unwrap(),
            Self::Sqlite(users) => users.insert(tenant, account).await.unwrap(),
        }
    }
}

async fn stores(url: &str) -> Stores {
    if url == MEMORY {
        let users = MemoryUsers::new();
        return Stores {
            accounts: Accounts::Memory(users.clone()),
            codes: Arc::new(MemoryCodes::new()),
            outbox: Arc::new(users.clone()),
            users: Arc::new(users),
        };
    }
    if url.starts_with("postgres:") {
        let options = PostgresOptions::from_url(url).unwrap().without_clock_check();
        let patient = options.with_patience(Duration::from_secs(60));
        let store = PostgresStore::open(&patient).await.unwrap();
        let users = store.users();
        return Stores {
            accounts: Accounts::Postgres(users.clone()),
            codes: Arc::new(store.codes()),
            outbox: Arc::new(users.clone()),
            users: Arc::new(users),
        };
    }
    let (redis, file) = url.split_once('+').unwrap_or(("", url));
    let store = SqliteStore::open(file).await.unwrap();
    let users = store.users();
    let codes: Arc<dyn CodeStore> = if redis.is_empty() {
        Arc::new(store.codes())
    } else {
        let options = RedisOptions::from_url(redis).unwrap().without_clock_check();
        let patient = options.with_patience(Duration::from_secs(60));
        Arc::new(RedisCodes::open(&patient).await.unwrap())
    };
    Stores {
        accounts: Accounts::Sqlite(users.clone()),
        codes,
        outbox: Arc::new(users.clone()),
        users: Arc::new(users),
    }
}

fn tenant(trial: usize) -> TenantId {
    TenantId::parse(&format!("tenant{}", trial / OF_A_TENANT)).unwrap()
}

fn shop(trial: usize) -> Application {
    Application::new(tenant(trial).as_str(), "sign-in", "shop").unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000)
}

fn hasher() -> Argon2Pool {
    Argon2Pool::new().with_parameters(64, 1, 1).unwrap()
}

/// The engine of one process, whose couriers see the outbox or not.
fn engine(stores: &Stores, inbox: &Inbox, outbox: Arc<dyn Outbox>) -> (Sspr, Courier) {
    // Each call with a password is charged before it compares: 64 of them at once must not lock. All
    // phones are of few blocks.
    let limits = Limits::builder().lockout_threshold(1_000).network_tries(100_000);
    let limits = limits.texts_per_block(1_000_000).build().unwrap();
    let tenants = (0..=KINDS * trials() / OF_A_TENANT).map(|number| {
        let policy = TenantPolicy::customers(&format!("tenant{number}")).unwrap();
        let methods = AuthenticationMethodsPolicy::email_for_all().with_sms_for_all();
        let policy = policy.with_authentication_methods(methods);
        let policy = policy.with_sms_countries(["US"]).unwrap();
        policy.with_limits(limits).with_freeze_codes(FreezeCodes::On)
    });
    let (policies, keys) = (MemoryPolicies::from_iter(tenants), Keyring::parse(KEYS).unwrap());
    Sspr::builder(stores.users.clone(), stores.codes.clone(), policies, keys)
        .with_clock(ManualClock::new(now()))
        .with_hasher(hasher())
        // All of a process's callers may be of one tenant, which gets half of the places: who is
        // told to try later does not race.
        .with_submits(2 * LANES * CALLERS)
        .with_outbox(outbox)
        .with_sms(inbox.clone())
        .build()
}

/// A network of its own for each trial: budgets of networks are another matter.
fn client(trial: usize) -> Client {
    let network = u128::try_from(trial).unwrap() << 72;
    Client::at(std::net::IpAddr::from(Ipv6Addr::from(network | 0x2001 << 112)))
}

/// What one kind of trial came to.
#[derive(Debug, Default)]
struct Row {
    trials: usize,
    calls: usize,
    violations: usize,
    errors: usize,
}

impl Row {
    fn add(&mut self, answers: &[String], held: bool) {
        self.trials += 1;
        self.calls += answers.len();
        self.errors += answers.iter().filter(|answer| *answer == "E").count();
        self.violations += usize::from(!held);
    }
}

struct Race {
    stores: Stores,
    sspr: Sspr,
    here: Here,
    processes: Vec<Process>,
    old: sspr::domain::PasswordHash,
}

impl Race {
    async fn new(url: &str) -> Self {
        let stores = stores(url).await;
        let inbox = Inbox::default();
        let (sspr, courier) = engine(&stores, &inbox, stores.outbox.clone());
        let here = Here { courier: Arc::new(courier), inbox, sspr: sspr.clone() };
        let old = Password::parse(OLD).unwrap();
        let old = hasher().hash(old, HashQueue::Submit).await.unwrap();
        let processes = if url == MEMORY { 0 } else { PROCESSES };
        let processes = (0..processes).map(|_| Process::start(url)).collect();
        Self { here, old, processes, sspr, stores }
    }

    /// An account of its own.
    async fn account(&self, trial: usize, must_change: bool) -> (AccountId, EmailAddress, Stamp) {
        let mail = EmailAddress::parse(&format!("user{trial}@example.com")).unwrap();
        let id = AccountId::parse(&format!("user{trial}")).unwrap();
        let stamp = Stamp::generate(&SystemEntropy::new()).unwrap();
        let account = Account::new(id.clone(), mail.clone(), stamp);
        let mut account = account.with_password(self.old.clone());
        account.must_change = must_change;
        account.phones = vec![number_of(trial)];
        self.stores.accounts.insert(&tenant(trial), &account).await;
        (id, mail, stamp)
    }

    /// An account of its own, a reset, and its code.
    async fn reset(&self, trial: usize) -> (AccountId, FlowToken, Code) {
        let (id, mail, _) = self.account(trial, false).await;
        let request = Request::new(&shop(trial), mail.clone());
        let StartOutcome::Started(started) =
            self.sspr.start(&request, &client(trial)).await.unwrap()
        else {
            panic!("not started");
        };
        (id, started.token, self.code_to(mail.as_str()).await)
    }

    /// The code in the latest message to an address or a number.
    async fn code_to(&self, to: &str) -> Code {
        loop {
            self.here.courier.drain(&self.here.inbox).await;
            if let Some(code) = self.here.inbox.take(to) {
                return code;
            }
        }
    }

    /// The same order to some processes at once; what all their callers saw.
    fn all(&self, processes: std::ops::Range<usize>, trial: usize, words: &str) -> Vec<String> {
        self.orders(processes, trial, |_| words.to_owned())
    }

    /// An order of its own to each process at once.
    fn each(&self, trial: usize, words: impl Fn(usize) -> String) -> Vec<String> {
        self.orders(0..PROCESSES, trial, words)
    }

    fn orders(
        &self,
        processes: std::ops::Range<usize>,
        trial: usize,
        words: impl Fn(usize) -> String,
    ) -> Vec<String> {
        if self.processes.is_empty() {
            return self.at_once(processes, trial, words);
        }
        let order = |number: usize| self.processes[number].order(trial, &words(number));
        let waits: Vec<_> = processes.map(order).collect();
        let answers = waits.into_iter().map(|wait| wait.recv().unwrap());
        answers.flat_map(|it| it.split(' ').map(str::to_owned).collect::<Vec<_>>()).collect()
    }

    /// All callers in this process.
    fn at_once(
        &self,
        processes: std::ops::Range<usize>,
        trial: usize,
        words: impl Fn(usize) -> String,
    ) -> Vec<String> {
        let mut calls = Vec::new();
        for number in processes {
            let order = format!("{trial} {}", words(number));
            let callers: usize = order.split(' ').nth(2).unwrap().parse().unwrap();
            calls.extend((0..callers).map(|caller| {
                let (here, order) = (self.here.clone(), order.clone());
                tokio::spawn(async move {
                    let words: Vec<&str> = order.split(' ').collect();
                    call(&here, trial, caller, &words).await
                })
            }));
        }
        let answers = futures_util::future::join_all(calls);
        let answers = tokio::runtime::Handle::current().block_on(answers);
        answers.into_iter().map(Result::unwrap).collect()
    }

    fn secrets(answers: &[String], letter: char) -> BTreeSet<&str> {
        answers.iter().filter_map(|answer| answer.strip_prefix(letter)).collect()
    }

    /// Right codes at once, then submits at once.
    async fn right(&self, trial: usize) -> (Vec<String>, bool, Vec<String>, bool) {
        let (id, token, code) = self.reset(trial).await;
        let words = format!("verify {CALLERS} {} {}", token.expose(), code.expose());
        let granted = tokio::task::block_in_place(|| self.all(0..PROCESSES, trial, &words));
        let grants = Self::secrets(&granted, 'G');
        let one_grant = grants.len() == 1;
        let Some(grant) = grants.first() else { return (granted, false, Vec::new(), false) };
        let words = format!("submit {CALLERS} {grant}");
        let changed = tokio::task::block_in_place(|| self.all(0..PROCESSES, trial, &words));
        let tickets = Self::secrets(&changed, 'T').len();
        let account = self.stores.users.find(&tenant(trial), &id).await.unwrap().unwrap();
        let one_change = tickets == 1 && account.last_change.is_some();
        (granted, one_grant, changed, one_change)
    }

    /// Wrong codes at once: at most five are compared.
    async fn wrong(&self, trial: usize) -> (Vec<String>, bool) {
        let (_, token, code) = self.reset(trial).await;
        let words = format!("verify {CALLERS} {} {}", token.expose(), other_than(&code));
        let answers = tokio::task::block_in_place(|| self.all(0..PROCESSES, trial, &words));
        let compared = answers.iter().filter(|answer| *answer == "W").count();
        let none = Self::secrets(&answers, 'G').is_empty();
        (answers, compared <= 5 && none)
    }

    /// A wrong code in one process, and the right one just after in another.
    async fn after(&self, trial: usize) -> (Vec<String>, bool) {
        let (_, token, code) = self.reset(trial).await;
        let (one, two) = (trial % PROCESSES, (trial + 1) % PROCESSES);
        let words = format!("verify 1 {} {}", token.expose(), other_than(&code));
        let mut answers = tokio::task::block_in_place(|| self.all(one..one + 1, trial, &words));
        let words = format!("verify 1 {} {}", token.expose(), code.expose());
        answers.extend(tokio::task::block_in_place(|| self.all(two..two + 1, trial, &words)));
        let granted = Self::secrets(&answers, 'G').len() == 1;
        (answers, granted)
    }
}

/// The phone of an account.
fn number_of(trial: usize) -> PhoneNumber {
    let number = format!("+1206{:03}{:04}", 220 + trial / 10_000, trial % 10_000);
    PhoneNumber::parse(&number).unwrap()
}

fn other_than(code: &Code) -> String {
    let text = code.expose();
    let first = if text.starts_with('1') { '2' } else { '1' };
    format!("{first}{}", &text[1..])
}

fn race(store: &str, url: &str) {
    let others = few_trials(url);
    let in_both_ways = if others < trials() { others / 2 } else { others };
    let rows = on_runtime(async {
        let race = Arc::new(Race::new(url).await);
        let rows = Arc::new(Mutex::new([(); 12].map(|()| Row::default())));
        let lanes: Vec<_> = (0..LANES)
            .map(|lane| {
                let (race, rows) = (race.clone(), rows.clone());
                tokio::spawn(async move {
                    for number in (lane..trials()).step_by(LANES) {
                        let of = |kind: usize| KINDS * number + kind;
                        let (granted, one_grant, changed, one_change) = race.right(of(0)).await;
                        let (wrong, few) = race.wrong(of(1)).await;
                        let (after, let_in) = race.after(of(2)).await;
                        {
                            let mut rows = rows.lock().unwrap();
                            rows[0].add(&granted, one_grant);
                            rows[1].add(&changed, one_change);
                            rows[2].add(&wrong, few);
                            rows[3].add(&after, let_in);
                        }
                        if number >= others {
                            continue;
                        }
                        let (one, same) = race.changes(of(3), true).await;
                        let (many, once) = race.changes(of(4), false).await;
                        let (forced, first) = race.forced(of(5)).await;
                        let (codes, one_code) = race.codes_of_staff(of(6)).await;
                        let (freezes, frozen) = race.freezes(of(7)).await;
                        {
                            let mut rows = rows.lock().unwrap();
                            rows[4].add(&one, same);
                            rows[5].add(&many, once);
                            rows[6].add(&forced, first);
                            rows[7].add(&codes, one_code);
                            rows[8].add(&freezes, frozen);
                        }
                        if number >= in_both_ways {
                            continue;
                        }
                        let (by_text, one_grant) = race.right_by_text(of(8)).await;
                        let (sends, one_each) = race.sends_in_both_ways(of(9)).await;
                        let (wrong, budget) = race.wrong_in_both_ways(of(10)).await;
                        let mut rows = rows.lock().unwrap();
                        rows[9].add(&by_text, one_grant);
                        rows[10].add(&sends, one_each);
                        rows[11].add(&wrong, budget);
                    }
                })
            })
            .collect();
        for lane in lanes {
            lane.await.unwrap();
        }
        // One notice a change.
        race.here.courier.drain(&race.here.inbox).await;
        let notices = race.here.inbox.notices();
        let mut race = Arc::into_inner(race).unwrap();
        for process in &mut race.processes {
            process.child.kill().unwrap();
            process.child.wait().unwrap();
        }
        let mut rows = Arc::into_inner(rows).unwrap().into_inner().unwrap();
        let changes: usize = [1, 4, 5, 6, 8].map(|row| rows[row].trials).into_iter().sum();
        rows[1].violations += notices.abs_diff(changes);
        rows
    });
    let names = [
        "64 right codes: one distinct grant",
        "64 submits: one ticket, one change, one notice",
        "64 wrong codes: at most five compared",
        "a wrong code, then the right one elsewhere: granted",
        "64 changes of a session with one key: one change, one answer",
        "64 changes of a session with 64 keys: one change, one notice",
        "64 grants of a forced change: one change, one notice",
        "64 entries of a code of staff: one grant",
        "64 entries of the code of a notice: one freeze",
        "64 right codes by text: one distinct grant",
        "64 requests for a mail or a text: one of each, and the later code yields one grant",
        "64 wrong codes at two resets by mail and two by text: then no right one gets in",
    ];
    for (name, row) in names.into_iter().zip(&rows) {
        println!(
            "| {store} | {name} | {} | {} | {} | {} |",
            row.trials, row.calls, row.errors, row.violations
        );
    }
    assert!(rows.iter().all(|row| row.violations == 0), "{rows:?}");
}

#[test]
fn on_memory() {
    race("memory", MEMORY);
}

#[test]
fn on_sqlite() {
    let folder = servers::folder("race");
    race("SQLite", folder.join("sspr.db").to_str().unwrap());
}

#[test]
fn on_postgres() {
    let server = Postgres::start();
    let url = server.url("postgres");
    let options = PostgresOptions::from_url(&url).unwrap().with_patience(Duration::from_secs(60));
    on_runtime(async { PostgresStore::migrate(&options).await.unwrap() });
    race("Postgres", &url);
}

fn on_redis_like(name: &str, server: &Redis) {
    let folder = servers::folder("race");
    race(name, &format!("{}+{}", server.url(), folder.join("users.db").display()));
}

#[test]
fn on_redis() {
    on_redis_like("Redis", &Redis::start());
}

#[test]
fn on_valkey() {
    on_redis_like("Valkey", &Redis::valkey());
}
