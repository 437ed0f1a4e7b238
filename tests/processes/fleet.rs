//! A fleet under load for minutes: rolling restarts, kills, keys and codec rotated, one clock 20
//! seconds off and one 45; then: every acknowledged change is there, and none is twice.
//! `SSPR_FLEET_SECONDS=1800 cargo test --features full --test processes fleet:: -- --nocapture` is the long run.

mod older;

use crate::servers;
use std::{
    collections::{HashMap, HashSet},
    fs,
    future::Future,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::servers::{Postgres, Redis, free_port, until};
use sspr::{
    adapters::{Argon2Pool, PostgresOptions, PostgresStore, PostgresUsers, SystemEntropy},
    domain::{Account, AccountId, EmailAddress, Password, PhoneNumber, Stamp, TenantId},
    ports::{HashQueue, PasswordHasher as _},
};

const NODES: usize = 4;
const DRIVERS: usize = 12;
const CLIENT: &str = "63856651-0000-4000-8000-000000000000";
const JSON: &str = "application/json";
const FIRST: &str = "sign=b3W-9cXq0nJxVvJm5oYkqk1y9rJmC0x2m5wQ1oUe7Zg";
const SECOND: &str = "sign=Zk3c0d1Xw8sT5rQy7uVb2nMh6gJf9aLe4pKi1oHxCvE";
const INDEX: &str = "index=Qm9v3rXk7LwT1yZp4sVn8cHd2fJg6aKe0uRi5tOxWqM";

fn on_runtime<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().unwrap().block_on(future)
}

fn fleet() -> PathBuf {
    // target/debug/deps/fleet-… → target/debug/examples/fleet
    let own = std::env::current_exe().unwrap();
    let program = own.parent().unwrap().parent().unwrap().join("examples/fleet");
    assert!(program.is_file(), "build it: cargo build --features full --examples");
    program
}

/// What a deployment of a moment is made of.
#[derive(Clone)]
struct Release {
    keys: String,
    codec: &'static str,
}

struct Node {
    port: u16,
    clock: i64,
    child: Mutex<Option<Child>>,
}

struct Fleet {
    store: String,
    codes: Option<String>,
    mails: PathBuf,
    nodes: Vec<Node>,
    proxy: u16,
    _proxy: Mutex<Child>,
    running: Mutex<Vec<Release>>,
}

fn node(fleet: &Fleet, port: u16, clock: i64, release: &Release, output: Stdio) -> Child {
    let mut command = Command::new(self::fleet());
    command.args(["node", "--listen", &format!("127.0.0.1:{port}"), "--store", &fleet.store]);
    command.arg("--mails").arg(&fleet.mails).args(["--clock", &clock.to_string()]);
    command.args(["--codec", release.codec]).env("SSPR_KEYS", &release.keys);
    command.args(fleet.codes.iter().flat_map(|url| ["--codes", url]));
    command.stdout(output).stdin(Stdio::null()).spawn().unwrap()
}

impl Fleet {
    fn start(store: String, codes: Option<String>, release: &Release) -> Self {
        let mails = servers::folder("fleet").join("mails");
        fs::write(&mails, "").unwrap();
        // One of them runs 20 seconds ahead all the time.
        let nodes: Vec<Node> = (0..NODES)
            .map(|number| Node {
                child: Mutex::new(None),
                clock: if number == 3 { 20 } else { 0 },
                port: free_port(),
            })
            .collect();
        let ports = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port));
        let proxy = free_port();
        let child = Command::new(self::fleet())
            .args(["proxy", "--listen", &format!("127.0.0.1:{proxy}"), "--nodes"])
            .arg(ports.collect::<Vec<_>>().join(","))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let running = Mutex::new(vec![release.clone(); NODES]);
        let fleet = Self { _proxy: Mutex::new(child), codes, mails, nodes, proxy, running, store };
        (0..NODES).for_each(|number| fleet.launch(number));
        fleet
    }

    fn launch(&self, number: usize) {
        let own = &self.nodes[number];
        let release = self.running.lock().unwrap()[number].clone();
        *own.child.lock().unwrap() = Some(node(self, own.port, own.clock, &release, Stdio::null()));
        until("a node to be ready", || ask(own.port, "GET", "/health/ready", "").0 == 200);
    }

    fn end(&self, number: usize, signal: &str) {
        let mut child = self.nodes[number].child.lock().unwrap().take().unwrap();
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        child.wait().unwrap();
    }

    /// One node after the other is replaced by the new release.
    fn roll_out(&self, release: &Release) {
        (0..NODES).for_each(|number| self.replace(number, release));
    }

    fn replace(&self, number: usize, release: &Release) {
        self.running.lock().unwrap()[number] = release.clone();
        self.end(number, "-TERM");
        self.launch(number);
    }

    /// The code that came last for an address, later than so many mails of the file.
    fn code(&self, address: &str, after: usize) -> Option<String> {
        self.message(address, "code", after)
    }

    /// The code in the last message of that kind, later than so many messages of the file.
    fn message(&self, to: &str, kind: &str, after: usize) -> Option<String> {
        let text = fs::read_to_string(&self.mails).unwrap();
        let codes = text.lines().skip(after).filter_map(|line| {
            let mut words = line.split(' ');
            let own = words.next() == Some(to) && words.next() == Some(kind);
            own.then(|| words.next().unwrap_or_default().to_owned())
        });
        codes.last()
    }

    fn mails(&self) -> usize {
        fs::read_to_string(&self.mails).unwrap().lines().count()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let nodes = self.nodes.iter().filter_map(|node| node.child.lock().unwrap().take());
        for mut child in nodes {
            let _ = child.kill();
            let _ = child.wait();
        }
        let proxy = self._proxy.get_mut().unwrap();
        let _ = proxy.kill();
        let _ = proxy.wait();
        let _ = fs::remove_dir_all(self.mails.parent().unwrap());
    }
}

/// One request on a connection of its own; status 0 if it broke.
fn ask(port: u16, method: &str, path: &str, body: &str) -> (u16, String) {
    ask_as(port, method, path, "application/x-www-form-urlencoded", body)
}

fn ask_as(port: u16, method: &str, path: &str, kind: &str, body: &str) -> (u16, String) {
    static NETWORK: AtomicUsize = AtomicUsize::new(0);
    let network = NETWORK.fetch_add(1, Ordering::Relaxed);
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return (0, String::new()) };
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: fleet\r\nConnection: close\r\n\
         X-Forwarded-For: 10.{}.{}.{}\r\nContent-Type: {kind}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        network >> 16 & 255,
        network >> 8 & 255,
        network & 255,
        body.len(),
    );
    let mut answer = String::new();
    if stream.write_all(request.as_bytes()).is_err() || stream.read_to_string(&mut answer).is_err()
    {
        return (0, String::new());
    }
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    (status, body.unwrap_or_default())
}

/// What the drivers saw.
#[derive(Default)]
struct Tally {
    changes: AtomicUsize,
    /// Requests repeated because a node was gone or did not answer.
    repeats: AtomicUsize,
    /// Codes asked for again because none came.
    resends: AtomicUsize,
    wrong: AtomicUsize,
    sign_ins: AtomicUsize,
}

/// A person at a browser, who tries again when nothing comes back.
struct Driver {
    fleet: Arc<Fleet>,
    tally: Arc<Tally>,
}

impl Driver {
    /// Asks until somebody answers: a status that is not "try later", and its JSON.
    fn post(&self, path: &str, fields: &[(&str, &str)]) -> (u16, serde_json::Value) {
        let body: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", value.replace(' ', "+")))
            .collect();
        let body = body.join("&");
        for _ in 0..2_000 {
            let path = format!("/contoso{path}");
            let (status, text) = ask(self.fleet.proxy, "POST", &path, &body);
            match (status, serde_json::from_str(&text)) {
                (200 | 400, Ok(json)) => return (status, json),
                (429, _) => thread::sleep(Duration::from_secs(1)),
                _ => {
                    self.tally.repeats.fetch_add(1, Ordering::Relaxed);
                    thread::sleep(Duration::from_millis(100));
                }
            }
        }
        panic!("{path}: nobody answers");
    }

    fn token(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let (status, json) = self.post(path, fields);
        assert_eq!(status, 200, "{path}: {json}");
        let token = json["continuation_token"].as_str();
        token.unwrap_or_else(|| panic!("{path}: {json}")).to_owned()
    }

    /// A reset with its code. When no mail comes the person asks again, and at last begins anew.
    fn code(&self, mail: &str) -> (String, String) {
        let client = ("client_id", CLIENT);
        let start = [client, ("username", mail), ("challenge_type", "oob redirect")];
        loop {
            let mut token = self.token("/resetpassword/v1.0/start", &start);
            // A courier was killed with the mail in hand: after the pause any other process can
            // send again.
            for patience in [62, 25] {
                let before = self.fleet.mails();
                token = self.challenge(&token);
                let asked = Instant::now();
                while asked.elapsed() < Duration::from_secs(patience) {
                    if let Some(code) = self.fleet.code(mail, before) {
                        return (token, code);
                    }
                    thread::sleep(Duration::from_millis(100));
                }
                self.tally.resends.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// The whole journey, whatever happens to the fleet on the way.
    fn reset(&self, mail: &str, password: &str, guess: bool) {
        let client = ("client_id", CLIENT);
        let (token, code) = self.code(mail);
        let path = "/resetpassword/v1.0/continue";
        if guess {
            let wrong = if code.starts_with('1') { "22222222" } else { "11111111" };
            let fields =
                [client, ("continuation_token", &token), ("grant_type", "oob"), ("oob", wrong)];
            assert_eq!(self.post(path, &fields).0, 400);
            self.tally.wrong.fetch_add(1, Ordering::Relaxed);
        }
        let fields =
            [client, ("continuation_token", &token), ("grant_type", "oob"), ("oob", &code)];
        let token = self.token(path, &fields);
        let fields = [client, ("continuation_token", &token), ("new_password", password)];
        let token = self.token("/resetpassword/v1.0/submit", &fields);
        self.tally.changes.fetch_add(1, Ordering::Relaxed);
        let fields = [client, ("continuation_token", &token)];
        self.token("/resetpassword/v1.0/poll_completion", &fields);
        self.signs_in(mail, password);
    }

    fn challenge(&self, token: &str) -> String {
        let fields = [
            ("client_id", CLIENT),
            ("continuation_token", token),
            ("challenge_type", "oob redirect"),
        ];
        self.token("/resetpassword/v1.0/challenge", &fields)
    }

    fn signs_in(&self, mail: &str, password: &str) {
        // A token of a sign-in works once: where its answer was lost, the person signs in again.
        for _ in 0..5 {
            let (status, json) = self.tries_to_sign_in(mail, password);
            if json["error"] == "expired_token" {
                continue;
            }
            assert_eq!(status, 200, "{mail} does not sign in: {json}");
            self.tally.sign_ins.fetch_add(1, Ordering::Relaxed);
            return;
        }
        panic!("{mail} does not sign in: five answers were lost");
    }

    fn tries_to_sign_in(&self, mail: &str, password: &str) -> (u16, serde_json::Value) {
        let client = ("client_id", CLIENT);
        let challenges = ("challenge_type", "password redirect");
        let fields = [client, ("username", mail), challenges];
        let token = self.token("/oauth2/v2.0/initiate", &fields);
        let fields = [client, ("continuation_token", &token), challenges];
        let token = self.token("/oauth2/v2.0/challenge", &fields);
        let fields = [
            client,
            ("continuation_token", &token),
            ("grant_type", "password"),
            ("password", password),
            ("scope", "openid"),
        ];
        self.post("/oauth2/v2.0/token", &fields)
    }
}

/// The phone of an account. Few are of one block.
fn number_of(account: usize) -> PhoneNumber {
    let number = format!("+1206{}{account:04}", 220 + account % 500);
    PhoneNumber::parse(&number).unwrap()
}

/// Accounts with the old password, and a trigger that notes every change of one.
async fn furnish(server: &Postgres, url: &str, accounts: usize) -> PostgresUsers {
    let options = PostgresOptions::from_url(url).unwrap();
    PostgresStore::migrate(&options).await.unwrap();
    let users = PostgresStore::open(&options).await.unwrap().users();
    let old = Password::parse("the old password 1").unwrap();
    let hasher = Argon2Pool::new().with_parameters(1024, 1, 1).unwrap();
    let hash = hasher.hash(old, HashQueue::Submit).await.unwrap();
    for number in 0..accounts {
        let stamp = Stamp::generate(&SystemEntropy::new()).unwrap();
        let mail = EmailAddress::parse(&format!("user{number}@example.com")).unwrap();
        let id = AccountId::parse(&format!("user{number}")).unwrap();
        let mut account = Account::new(id, mail, stamp);
        account.phones = vec![number_of(number)];
        let tenant = TenantId::parse("contoso").unwrap();
        users.insert(&tenant, &account.with_password(hash.clone())).await.unwrap();
    }
    server.sql(
        "postgres",
        &[
            "CREATE TABLE noted (account text NOT NULL)",
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN INSERT INTO noted VALUES (new.id); RETURN new; END'",
            "CREATE TRIGGER noting AFTER UPDATE OF stamp ON sspr.account FOR EACH ROW \
             EXECUTE FUNCTION note()",
        ],
    );
    users
}

fn run(server: &Postgres, codes: Option<String>, time: Duration) {
    // Nobody forgets twice: a customer's budget of mails is for hours.
    let accounts = 3_000;
    let url = server.url("postgres");
    on_runtime(furnish(server, &url, accounts));
    let old = Release { codec: "this", keys: format!("{FIRST} {INDEX}") };
    let fleet = Arc::new(Fleet::start(url, codes, &old));
    let (tally, over) = (Arc::new(Tally::default()), Arc::new(AtomicBool::new(false)));
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();

    let drivers: Vec<_> = (0..DRIVERS)
        .map(|_| {
            let driver = Driver { fleet: fleet.clone(), tally: tally.clone() };
            let (over, next) = (over.clone(), next.clone());
            thread::spawn(move || {
                let mut changed = HashMap::<String, String>::new();
                while !over.load(Ordering::Relaxed) {
                    let journey = next.fetch_add(1, Ordering::Relaxed);
                    if journey >= accounts {
                        break;
                    }
                    let mail = format!("user{journey}@example.com");
                    let password = format!("brand new words {journey}");
                    driver.reset(&mail, &password, journey % 3 == 0);
                    changed.insert(mail, password);
                    // The next person comes a moment later. Without the pause this test takes both
                    // cores for three minutes, from everything that runs beside it.
                    thread::sleep(Duration::from_secs(2));
                }
                changed
            })
        })
        .collect();

    a_node_far_off_refuses_to_serve(&fleet, &old);
    chaos(&fleet, &tally, began, time);
    over.store(true, Ordering::Relaxed);
    let mut changed = HashMap::<String, String>::new();
    for driver in drivers {
        changed.extend(driver.join().unwrap());
    }
    check(server, &fleet, &tally, &changed);
}

/// 45 seconds off: not ready, no request served, and it says why.
fn a_node_far_off_refuses_to_serve(fleet: &Fleet, release: &Release) {
    let port = free_port();
    let mut child = node(fleet, port, 45, release, Stdio::piped());
    until("the node to listen", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    assert_eq!(ask(port, "GET", "/health/ready", "").0, 503);
    let start =
        format!("client_id={CLIENT}&username=user0@example.com&challenge_type=oob+redirect");
    // The first step needs no store, so the second one is refused.
    let (status, started) = ask(port, "POST", "/contoso/resetpassword/v1.0/start", &start);
    assert_eq!(status, 200, "{started}");
    let token: serde_json::Value = serde_json::from_str(&started).unwrap();
    let token = token["continuation_token"].as_str().unwrap();
    let challenge = format!("client_id={CLIENT}&continuation_token={token}");
    assert_eq!(ask(port, "POST", "/contoso/resetpassword/v1.0/challenge", &challenge).0, 503);
    child.kill().unwrap();
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    child.wait().unwrap();
    // As it was when the server looked, which may be seconds after the node read its clock.
    let off = said.split(" seconds off").next().and_then(|words| words.rsplit(' ').next());
    let off: u32 = off.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{said}"));
    assert!((31..=45).contains(&off), "{said}");
}

/// Kills and restarts all the time; keys and codec in three deployments. A slow machine takes
/// longer, until there is enough to judge.
fn chaos(fleet: &Fleet, tally: &Tally, began: Instant, time: Duration) {
    let part = |share: f64| time.mul_f64(share);
    let deployments = [
        // Accept the second key; read the next release's records.
        (
            part(0.12),
            Release { codec: "both", keys: format!("{FIRST} {INDEX} accept={}", key(SECOND)) },
        ),
        // Sign with it, accept the first; write the next release's records.
        (
            part(0.30),
            Release { codec: "next", keys: format!("{SECOND} {INDEX} accept={}", key(FIRST)) },
        ),
        // The first is gone, long enough after for what it signed to have ended.
        (part(0.85), Release { codec: "next", keys: format!("{SECOND} {INDEX}") }),
    ];
    let mut deployments = deployments.into_iter().peekable();
    let mut turn = 0_usize;
    let few = |tally: &Tally| tally.changes.load(Ordering::Relaxed) <= 50;
    while began.elapsed() < time || deployments.peek().is_some() || turn <= 10 || few(tally) {
        if let Some((_, release)) = deployments.next_if(|(from, _)| began.elapsed() >= *from) {
            fleet.roll_out(&release);
            continue;
        }
        let number = (turn * 7 + 1) % NODES;
        // Mostly killed, couriers with mails in hand and all; now and then asked to go.
        fleet.end(number, if turn % 4 == 3 { "-TERM" } else { "-KILL" });
        thread::sleep(Duration::from_millis(300));
        fleet.launch(number);
        thread::sleep(Duration::from_millis(2_500));
        turn += 1;
    }
}

fn key(named: &str) -> &str {
    named.split_once('=').unwrap().1
}

fn check(
    server: &Postgres,
    fleet: &Arc<Fleet>,
    tally: &Arc<Tally>,
    changed: &HashMap<String, String>,
) {
    let count = |number: &AtomicUsize| number.load(Ordering::Relaxed);
    println!(
        "{} changes, {} wrong codes, {} sign-ins, {} requests repeated, {} codes sent again",
        count(&tally.changes),
        count(&tally.wrong),
        count(&tally.sign_ins),
        count(&tally.repeats),
        count(&tally.resends),
    );
    assert!(count(&tally.repeats) > 0, "and was disturbed");
    // Every acknowledged change is there …
    let driver = Driver { fleet: fleet.clone(), tally: tally.clone() };
    for (mail, password) in changed {
        driver.signs_in(mail, password);
    }
    // … and none is twice.
    let noted = server.sql("postgres", &["SELECT account, count(*) FROM noted GROUP BY account"]);
    let mut noted: HashMap<String, usize> = noted
        .lines()
        .map(|line| line.split_once('|').unwrap())
        .map(|(account, times)| (format!("{account}@example.com"), times.parse().unwrap()))
        .collect();
    for mail in changed.keys() {
        assert_eq!(noted.remove(mail), Some(1), "{mail}");
    }
    assert!(noted.is_empty(), "changed and not acknowledged: {noted:?}");
    // A notice for each, at least once; a lease of one killed with its notice ends after a minute.
    until_notices(&fleet.mails, changed);
}

fn until_notices(mails: &Path, changed: &HashMap<String, String>) {
    let missing = || {
        let text = fs::read_to_string(mails).unwrap();
        let told: HashSet<&str> =
            text.lines().filter_map(|line| line.strip_suffix(" notice ")).collect();
        changed.keys().filter(|mail| !told.contains(mail.as_str())).count()
    };
    for _ in 0..1_200 {
        if missing() == 0 {
            return;
        }
        thread::sleep(Duration::from_millis(500));
    }
    panic!("{} notices are missing", missing());
}

fn seconds() -> Duration {
    let told = std::env::var("SSPR_FLEET_SECONDS").map_or(190, |seconds| seconds.parse().unwrap());
    Duration::from_secs(told)
}

#[test]
fn on_postgres_every_acknowledged_change_is_there_and_none_is_twice() {
    run(&Postgres::start(), None, seconds());
}

#[test]
fn with_resets_on_redis_every_acknowledged_change_is_there_and_none_is_twice() {
    let redis = Redis::start();
    run(&Postgres::start(), Some(redis.url()), seconds());
}
