//! Four processes, sixteen callers in each, one reset: right codes, submits and wrong codes at once,
//! over and over. Prints the rows of the table in `PROOFS.md`, which names the long command.

use crate::servers;
use std::{
    collections::{BTreeSet, HashMap},
    future::Future,
    io::{BufRead, BufReader, Write},
    net::Ipv6Addr,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use crate::servers::{Postgres, Redis};
use sspr::{
    Application, Keyring, Sspr, TenantPolicy,
    adapters::{
        Argon2Pool, ManualClock, MemoryPolicies, PostgresOptions, PostgresStore, RedisCodes,
        RedisOptions, SqliteStore, SystemEntropy,
    },
    domain::{
        Account, AccountId, Code, EmailAddress, FlowToken, Grant, Password, Stamp, TenantId,
        Timestamp,
    },
    engine::{Client, Courier, Rejection, Request, StartOutcome, SubmitOutcome, VerifyOutcome},
    mail::EmailMessage,
    ports::{CodeStore, EmailSender, HashQueue, Outbox, PasswordHasher as _, SendError, UserStore},
};

const PROCESSES: usize = 4;
const CALLERS: usize = 16;
/// Trials under way at once.
const LANES: usize = 4;
/// Trials of each tenant: below its own threshold of wrong tries in a day.
const OF_A_TENANT: usize = 50;
const KEYS: &str = "sign=b3W-9cXq0nJxVvJm5oYkqk1y9rJmC0x2m5wQ1oUe7Zg index=Qm9v3rXk7LwT1yZp4sVn8cHd2fJg6aKe0uRi5tOxWqM";

fn on_runtime<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().unwrap().block_on(future)
}

fn trials() -> usize {
    std::env::var("SSPR_RACE_TRIALS").map_or(40, |trials| trials.parse().unwrap())
}

/// The stores of a URL: Postgres holds both; Redis's accounts are in a SQLite file after a `+`.
struct Stores {
    codes: Arc<dyn CodeStore>,
    users: Arc<dyn UserStore>,
    outbox: Arc<dyn Outbox>,
    accounts: Accounts,
}

enum Accounts {
    Postgres(sspr::adapters::PostgresUsers),
    Sqlite(sspr::adapters::SqliteUsers),
}

impl Accounts {
    async fn insert(&self, tenant: &TenantId, account: &Account) {
        match self {
            Self::Postgres(users) => users.insert(tenant, account).await.unwrap(),
            Self::Sqlite(users) => users.insert(tenant, account).await.unwrap(),
        }
    }
}

async fn stores(url: &str) -> Stores {
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

fn now() -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000)
}

fn hasher() -> Argon2Pool {
    Argon2Pool::new().with_parameters(64, 1, 1).unwrap()
}

fn engine(stores: &Stores) -> (Sspr, Courier) {
    // Four kinds of trials of each number.
    let tenants = (0..=4 * trials() / OF_A_TENANT)
        .map(|number| TenantPolicy::customers(&format!("tenant{number}")).unwrap());
    let (policies, keys) = (MemoryPolicies::from_iter(tenants), Keyring::parse(KEYS).unwrap());
    Sspr::builder(stores.users.clone(), stores.codes.clone(), policies, keys)
        .with_clock(ManualClock::new(now()))
        .with_hasher(hasher())
        // All of a process's callers may be of one tenant, which gets half of the places: who is
        // told to try later does not race.
        .with_submits(2 * LANES * CALLERS)
        .with_outbox(stores.outbox.clone())
        .build()
}

/// A network of its own for each trial: budgets of networks are another matter.
fn client(trial: usize) -> Client {
    let network = u128::try_from(trial).unwrap() << 72;
    Client::at(std::net::IpAddr::from(Ipv6Addr::from(network | 0x2001 << 112)))
}

/// What a child reads and answers: number of the trial, verb, secrets; then what each caller saw.
fn serve(url: &str) {
    on_runtime(async {
        let (sspr, _courier) = engine(&stores(url).await);
        let (lines, mut orders) = tokio::sync::mpsc::unbounded_channel::<String>();
        std::thread::spawn(move || {
            for line in std::io::stdin().lines() {
                let Ok(line) = line else { break };
                if lines.send(line).is_err() {
                    break;
                }
            }
        });
        println!("\n@ready");
        let mut tasks = tokio::task::JoinSet::new();
        while let Some(order) = orders.recv().await {
            let sspr = sspr.clone();
            tasks.spawn(async move {
                let words: Vec<&str> = order.split(' ').collect();
                let trial: usize = words[0].parse().unwrap();
                let callers: usize = words[2].parse().unwrap();
                let calls = (0..callers).map(|caller| {
                    let (sspr, words) = (sspr.clone(), words.clone());
                    async move { call(&sspr, trial, caller, &words).await }
                });
                let answers = futures_util::future::join_all(calls).await;
                let mut out = std::io::stdout().lock();
                writeln!(out, "\n@{trial} {}", answers.join(" ")).unwrap();
                out.flush().unwrap();
            });
        }
        while tasks.join_next().await.is_some() {}
    });
}

/// One caller's one call: a letter for what became of it, and the secret that it was given.
async fn call(sspr: &Sspr, trial: usize, caller: usize, words: &[&str]) -> String {
    let client = client(trial);
    match words[1] {
        "verify" => {
            let token = FlowToken::parse(words[3]).unwrap();
            let code = Code::parse(words[4]).unwrap();
            match sspr.verify(&token, &code, &client).await {
                Ok(VerifyOutcome::Granted(granted)) => format!("G{}", granted.grant.expose()),
                Ok(VerifyOutcome::Rejected(Rejection::WrongCode { .. })) => "W".to_owned(),
                Ok(VerifyOutcome::Rejected(_)) => "R".to_owned(),
                Err(error) => failed(&error),
            }
        }
        _ => {
            let grant = Grant::parse(words[3]).unwrap();
            let password = Password::parse(&format!("one of many words {}", caller % 2)).unwrap();
            match sspr.submit(&grant, &password, &client).await {
                Ok(SubmitOutcome::Changed(changed)) => format!("T{}", changed.ticket.expose()),
                Ok(_) => "R".to_owned(),
                Err(error) => failed(&error),
            }
        }
    }
}

fn failed(error: &sspr::Error) -> String {
    eprintln!("{error}: {:?}", std::error::Error::source(error).map(ToString::to_string));
    "E".to_owned()
}

#[test]
fn child_of_a_race() {
    if let Ok(url) = std::env::var("SSPR_RACE_STORE") {
        serve(&url);
    }
}

/// Codes by address, and how many notices came.
#[derive(Default)]
struct Inbox(Mutex<(HashMap<String, Code>, usize)>);

#[async_trait::async_trait]
impl EmailSender for Inbox {
    async fn send(&self, message: &EmailMessage) -> Result<(), SendError> {
        let mut inbox = self.0.lock().unwrap();
        match sspr::adapters::code_in(message) {
            Some(code) => drop(inbox.0.insert(message.to.as_str().to_owned(), code)),
            None => inbox.1 += 1,
        }
        Ok(())
    }
}

/// One of the processes, and who waits for its answers.
struct Process {
    child: Child,
    orders: Mutex<ChildStdin>,
    waiting: Arc<Mutex<HashMap<usize, mpsc::Sender<String>>>>,
}

impl Process {
    fn start(url: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["race::child_of_a_race", "--exact", "--nocapture", "--test-threads=1"])
            .env("SSPR_RACE_STORE", url)
            .env("SSPR_RACE_TRIALS", trials().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = Mutex::new(child.stdin.take().unwrap());
        let waiting = Arc::new(Mutex::new(HashMap::<usize, mpsc::Sender<String>>::new()));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.find(|line| line.as_ref().is_ok_and(|line| line == "@ready"));
        assert!(ready.is_some(), "a process did not start");
        let answered = waiting.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let Some(answer) = line.strip_prefix('@') else { continue };
                let (trial, answers) = answer.split_once(' ').unwrap();
                let waits = answered.lock().unwrap().remove(&trial.parse().unwrap());
                let _ = waits.unwrap().send(answers.to_owned());
            }
        });
        Self { child, orders, waiting }
    }

    fn order(&self, trial: usize, words: &str) -> mpsc::Receiver<String> {
        let (answer, wait) = mpsc::channel();
        self.waiting.lock().unwrap().insert(trial, answer);
        writeln!(self.orders.lock().unwrap(), "{trial} {words}").unwrap();
        wait
    }
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
    courier: Courier,
    inbox: Inbox,
    processes: Vec<Process>,
    old: sspr::domain::PasswordHash,
}

impl Race {
    async fn new(url: &str) -> Self {
        let stores = stores(url).await;
        let (sspr, courier) = engine(&stores);
        let old = Password::parse("the old password 1").unwrap();
        let old = hasher().hash(old, HashQueue::Submit).await.unwrap();
        let processes = (0..PROCESSES).map(|_| Process::start(url)).collect();
        Self { courier, inbox: Inbox::default(), old, processes, sspr, stores }
    }

    /// An account of its own, a reset, and its code.
    async fn reset(&self, trial: usize) -> (AccountId, FlowToken, Code) {
        let mail = EmailAddress::parse(&format!("user{trial}@example.com")).unwrap();
        let id = AccountId::parse(&format!("user{trial}")).unwrap();
        let stamp = Stamp::generate(&SystemEntropy::new()).unwrap();
        let account = Account::new(id.clone(), mail.clone(), stamp).with_password(self.old.clone());
        self.stores.accounts.insert(&tenant(trial), &account).await;
        let shop = Application::new(tenant(trial).as_str(), "sign-in", "shop").unwrap();
        let request = Request::new(&shop, mail.clone());
        let StartOutcome::Started(started) =
            self.sspr.start(&request, &client(trial)).await.unwrap()
        else {
            panic!("not started");
        };
        let code = loop {
            self.courier.drain(&self.inbox).await;
            if let Some(code) = self.inbox.0.lock().unwrap().0.remove(mail.as_str()) {
                break code;
            }
        };
        (id, started.token, code)
    }

    /// The same order to some processes at once; what all their callers saw.
    fn all(&self, processes: std::ops::Range<usize>, trial: usize, words: &str) -> Vec<String> {
        let waits: Vec<_> =
            self.processes[processes].iter().map(|it| it.order(trial, words)).collect();
        let answers = waits.into_iter().map(|wait| wait.recv().unwrap());
        answers.flat_map(|it| it.split(' ').map(str::to_owned).collect::<Vec<_>>()).collect()
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
        let one_change = tickets == 1 && account.last_reset.is_some();
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

fn other_than(code: &Code) -> String {
    let text = code.expose();
    let first = if text.starts_with('1') { '2' } else { '1' };
    format!("{first}{}", &text[1..])
}

fn race(store: &str, url: &str) {
    let rows = on_runtime(async {
        let race = Arc::new(Race::new(url).await);
        let rows = Arc::new(Mutex::new([(); 4].map(|()| Row::default())));
        let lanes: Vec<_> = (0..LANES)
            .map(|lane| {
                let (race, rows) = (race.clone(), rows.clone());
                tokio::spawn(async move {
                    for number in (lane..trials()).step_by(LANES) {
                        let (granted, one_grant, changed, one_change) =
                            race.right(3 * number).await;
                        let (wrong, few) = race.wrong(3 * number + 1).await;
                        let (after, let_in) = race.after(3 * number + 2).await;
                        let mut rows = rows.lock().unwrap();
                        rows[0].add(&granted, one_grant);
                        rows[1].add(&changed, one_change);
                        rows[2].add(&wrong, few);
                        rows[3].add(&after, let_in);
                    }
                })
            })
            .collect();
        for lane in lanes {
            lane.await.unwrap();
        }
        // One notice a change.
        race.courier.drain(&race.inbox).await;
        let notices = race.inbox.0.lock().unwrap().1;
        let mut race = Arc::into_inner(race).unwrap();
        for process in &mut race.processes {
            process.child.kill().unwrap();
            process.child.wait().unwrap();
        }
        let mut rows = Arc::into_inner(rows).unwrap().into_inner().unwrap();
        rows[1].violations += notices.abs_diff(rows[1].trials);
        rows
    });
    let names = [
        "64 right codes: one distinct grant",
        "64 submits: one ticket, one change, one notice",
        "64 wrong codes: at most five compared",
        "a wrong code, then the right one elsewhere: granted",
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
