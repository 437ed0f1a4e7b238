//! `start` over HTTP beside a bare axum handler in the same run, driven by `wrk`:
//! `cargo bench --features full --bench http`. Prints the rows for `benches/README.md`.
#![allow(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "a bench stops loudly"
)]

use std::{fs, net::SocketAddr, process::Command, time::Duration};

use axum::{Json, Router, routing::post};
use serde_json::{Value, json};
use sspr::{
    Keyring, Sspr, TenantPolicy,
    adapters::{CaptureSender, MemoryCodes, MemoryUsers, Policies, SqliteStore, SystemEntropy},
    domain::{Account, AccountId, ApplicationId, EmailAddress, Stamp, TenantId},
    http::{IssueError, Issued, Native, NativeApplication, TokenIssuer, TokenRequest},
    ports::{CodeStore, UserStore},
};

struct Nobody;

#[async_trait::async_trait]
impl TokenIssuer for Nobody {
    async fn issue(&self, _: TokenRequest<'_>) -> Result<Issued, IssueError> {
        Ok(Issued::Refused)
    }
    async fn refresh(
        &self,
        _: &TenantId,
        _: &ApplicationId,
        _: &str,
    ) -> Result<Issued, IssueError> {
        Ok(Issued::Refused)
    }
}

/// CPU, requests a second and median latency of one load.
#[derive(Clone, Copy)]
struct Figures {
    cpu_micros: f64,
    per_second: f64,
    median_micros: f64,
}

fn main() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (floor, memory, sqlite) = runtime.block_on(async {
        let floor = Router::new().route(
            "/start",
            post(|Json(body): Json<Value>| async move {
                Json(json!({ "continuation_token": body["username"] }))
            }),
        );
        let users = MemoryUsers::new();
        let tenant = TenantId::parse("contoso").unwrap();
        let known = EmailAddress::parse("known@example.com").unwrap();
        let stamp = Stamp::draw(&SystemEntropy::new()).unwrap();
        users.insert(&tenant, Account::new(AccountId::parse("known").unwrap(), known, stamp));
        let store = SqliteStore::open(folder.path().join("bench.db")).await.unwrap();
        let memory = api(users, MemoryCodes::new());
        (serve(floor).await, serve(memory).await, serve(api(store.users(), store.codes())).await)
    });
    let floor_script = script(
        folder.path(),
        "floor",
        "application/json",
        r#"{"username":"known@example.com","client_id":"shop"}"#,
    );
    let form = |name: &str| {
        format!("client_id=shop&username={name}%40example.com&challenge_type=oob+redirect")
    };
    let type_ = "application/x-www-form-urlencoded";
    let known = script(folder.path(), "known", type_, &form("known"));
    let unknown = script(folder.path(), "unknown", type_, &form("nobdy"));
    let paths = ["/start", "/contoso/resetpassword/v1.0/start"];
    let loads = [
        ("bare axum handler, JSON in and out", floor, paths[0], &floor_script),
        ("the same again (A/A)", floor, paths[0], &floor_script),
        ("G6 start, memory, known", memory, paths[1], &known),
        ("G6c start, memory, unknown", memory, paths[1], &unknown),
        ("G6b start, SQLite (WAL, FULL)", sqlite, paths[1], &known),
    ];
    // Rounds one after the other, so that a slow moment hits all of them.
    let mut rounds: Vec<Vec<Figures>> = vec![Vec::new(); loads.len()];
    for _ in 0..5 {
        for (index, (_, at, path, script)) in loads.iter().enumerate() {
            rounds[index].push(measure(*at, path, script));
        }
    }
    let middle = |figures: &[Figures], of: fn(&Figures) -> f64| {
        let mut all: Vec<f64> = figures.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    println!("| load | CPU µs a request | of the bare handler | requests/s | p50 µs |");
    println!("|---|---|---|---|---|");
    let base = middle(&rounds[0], |figures| figures.cpu_micros);
    for ((name, ..), figures) in loads.iter().zip(&rounds) {
        let cpu = middle(figures, |figures| figures.cpu_micros);
        println!(
            "| {name} | {cpu:.1} | {:.2}x | {:.0} | {:.0} |",
            cpu / base,
            middle(figures, |figures| figures.per_second),
            middle(figures, |figures| figures.median_micros)
        );
    }
    runtime.shutdown_timeout(Duration::from_secs(1));
}

fn api(users: impl UserStore + 'static, codes: impl CodeStore + 'static) -> Router {
    let policies = Policies::fixed(TenantPolicy::customers("contoso").unwrap());
    let keys = Keyring::draw(&SystemEntropy::new()).unwrap();
    let (sspr, courier) = Sspr::new(users, codes, policies, keys);
    tokio::spawn(courier.run(CaptureSender::new()));
    let shop = NativeApplication::new("shop", "sign-in").unwrap();
    let api = Native::new(&sspr, TenantId::parse("contoso").unwrap(), Nobody);
    Router::new().nest("/contoso", api.with_application(shop).router())
}

/// Without the clients' addresses: no limit of a network ends the run.
async fn serve(app: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    at
}

fn script(folder: &std::path::Path, name: &str, content: &str, body: &str) -> String {
    let path = folder.join(format!("{name}.lua"));
    let lua = format!(
        "wrk.method = 'POST'\nwrk.headers['content-type'] = '{content}'\nwrk.body = '{body}'\n\
         done = function(summary, latency)\n\
         print('figures', summary.requests, summary.duration, latency:percentile(50), \
         summary.errors.status + summary.errors.read + summary.errors.timeout)\nend\n"
    );
    fs::write(&path, lua).unwrap();
    path.to_str().unwrap().to_owned()
}

fn measure(at: SocketAddr, path: &str, script: &str) -> Figures {
    let before = cpu();
    let done = Command::new("wrk")
        .args(["-t1", "-c8", "-d2s", "-s", script, &format!("http://{at}{path}")])
        .output()
        .expect("wrk; install it with: apt-get install wrk");
    let used = cpu() - before;
    let said = String::from_utf8_lossy(&done.stdout);
    let line = said.lines().find_map(|line| line.strip_prefix("figures")).expect("figures");
    let numbers: Vec<f64> = line.split_whitespace().map(|it| it.parse().unwrap()).collect();
    let [requests, duration, median, errors] = numbers[..] else { panic!("{line}") };
    assert!(errors == 0.0, "{said}");
    Figures {
        cpu_micros: used / requests,
        median_micros: median,
        per_second: requests / (duration / 1e6),
    }
}

/// Microseconds of CPU that this process has used.
fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    // 100 ticks a second on every Linux that this runs on.
    ticks * 10_000.0
}
