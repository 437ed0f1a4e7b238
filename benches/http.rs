//! `open` over HTTP beside a bare axum handler in the same run, driven by `wrk`:
//! `cargo bench -p benches --features full --bench http`. Prints the rows for `benches/README.md`.
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

#[path = "support/table.rs"]
mod table;

use std::{
    collections::HashMap, ffi::OsString, fs, future::IntoFuture, net::SocketAddr, process::Command,
    time::Duration,
};

use axum::{Json, Router, routing::post};
use serde_json::{Value, json};
use sspr::{
    Application, Keyring, Sspr, TenantPolicy,
    adapters::{
        CaptureSender, MemoryCodes, MemoryPolicies, MemoryUsers, SqliteStore, SystemEntropy,
    },
    domain::{Account, AccountId, EmailAddress, Stamp, TenantId},
    engine::{Client, Courier, OpenOutcome, Request},
    ports::{CodeStore, UserStore},
};
use table::{Bar, Row, Twice, head};
use tokio::task::JoinHandle;

/// Rounds of a second a load, each load twice.
const ROUNDS: usize = 15;

/// Seconds of CPU a request, requests a second and median latency of one load, once in each round
/// and once again.
#[derive(Clone, Default)]
struct Figures {
    cpu: [Vec<f64>; 2],
    per_second: [Vec<f64>; 2],
    latency: [Vec<f64>; 2],
}

fn main() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let floor_script = script(
        folder.path(),
        "floor",
        "application/json",
        r#"{"username":"known@example.com","client_id":"shop"}"#,
    );
    let json = |name: &str| format!(r#"{{"username":"{name}@example.com","client_id":"shop"}}"#);
    let type_ = "application/json";
    let known = script(folder.path(), "known", type_, &json("known"));
    let unknown = script(folder.path(), "unknown", type_, &json("nobdy"));
    let loads = [
        (Server::Floor, "/floor", &floor_script),
        (Server::Memory, "/open", &known),
        (Server::Memory, "/open", &unknown),
        (Server::Sqlite, "/open", &known),
    ];
    // Rounds one after the other, so that a slow moment hits all of them.
    let mut figures = vec![Figures::default(); loads.len()];
    for _ in 0..ROUNDS {
        for again in 0..2 {
            for ((server, path, script), figures) in loads.iter().zip(&mut figures) {
                // A server of its own each time: a store that is full would refuse.
                let (at, served) = runtime.block_on(serve(*server));
                measure(at, path, script, figures, again);
                served.abort();
            }
        }
    }
    let [floor, known, unknown, sqlite] = &figures[..] else { panic!("four loads") };
    println!("CPU is the server process's; client and server share the cores.\n");
    head();
    let most = |must, aim| (Bar::AtMost(must), Some(Bar::AtMost(aim)));
    let cpu = |figures| twice(figures, |figures| &figures.cpu);
    let rate = |figures| twice(figures, |figures| &figures.per_second);
    let latency = |figures| twice(figures, |figures| &figures.latency);
    let what = "`open`, memory / bare axum handler, JSON in and out: CPU a request";
    Row::of("G6", what, cpu(known), cpu(floor), most(1.30, 1.15));
    let least = (Bar::AtLeast(0.80), None);
    Row::of("G6", "the same: requests a second", rate(known), rate(floor), least);
    let allowed = [vec![60e-6; ROUNDS], vec![60e-6; ROUNDS]];
    let what = "`open`, SQLite (WAL, FULL) / CPU allowed";
    Row::of("G6b", what, cpu(sqlite), (&allowed[0], &allowed[1]), most(1.0, 0.583));
    let alike = (Bar::Within(0.03), Some(Bar::Within(0.01)));
    let what = "`open`, memory, unknown / known: CPU a request";
    Row::of("G6c", what, cpu(unknown), cpu(known), alike);
    Row::of("G6c", "the same: median latency", latency(unknown), latency(known), alike);
    runtime.shutdown_timeout(Duration::from_secs(1));
}

#[derive(Clone, Copy)]
enum Server {
    Floor,
    Memory,
    Sqlite,
}

/// Without the clients' addresses: no limit of a network ends the run.
async fn serve(server: Server) -> (SocketAddr, JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        let file = tempfile::tempdir().unwrap();
        let (app, courier) = match server {
            Server::Floor => (floor(), None),
            Server::Memory => {
                let users = MemoryUsers::new();
                let tenant = TenantId::parse("contoso").unwrap();
                let known = EmailAddress::parse("known@example.com").unwrap();
                let stamp = Stamp::generate(&SystemEntropy::new()).unwrap();
                let id = AccountId::parse("known").unwrap();
                users.insert(&tenant, Account::new(id, known, stamp));
                api(users, MemoryCodes::new())
            }
            Server::Sqlite => {
                let store = SqliteStore::open(file.path().join("bench.db")).await.unwrap();
                api(store.users(), store.codes())
            }
        };
        let send = async {
            match courier {
                Some(courier) => courier.run(CaptureSender::new()).await,
                None => std::future::pending().await,
            }
        };
        // Connections are tasks of their own and end with their clients.
        tokio::select! {
            () = send => {}
            served = axum::serve(listener, app).into_future() => served.unwrap(),
        }
    });
    (at, served)
}

fn floor() -> Router {
    Router::new().route(
        "/floor",
        post(|Json(body): Json<Value>| async move {
            Json(json!({ "continuation_token": body["username"] }))
        }),
    )
}

fn api(
    users: impl UserStore + 'static,
    codes: impl CodeStore + 'static,
) -> (Router, Option<Courier>) {
    let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
    let keys = Keyring::generate(&SystemEntropy::new()).unwrap();
    let (sspr, courier) = Sspr::new(users, codes, policies, keys);
    let shop = Application::new("contoso", "sign-in", "shop").unwrap();
    // A route of the host's own. It opens a reset and sends nothing, because one address has few
    // mails.
    let open = post(move |Json(body): Json<Value>| async move {
        let address = EmailAddress::parse(body["username"].as_str().unwrap()).unwrap();
        let opened = sspr.open(&Request::new(&shop, address), &Client::unknown()).await.unwrap();
        let OpenOutcome::Opened(opened) = opened else { panic!("{opened:?}") };
        Json(json!({ "token": opened.token.expose() }))
    });
    (Router::new().route("/open", open), Some(courier))
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

fn twice(figures: &Figures, of: fn(&Figures) -> &[Vec<f64>; 2]) -> Twice<'_> {
    let [first, again] = of(figures);
    (first, again)
}

fn measure(at: SocketAddr, path: &str, script: &str, figures: &mut Figures, again: usize) {
    let before = cpu();
    let done = Command::new("wrk")
        .args(["-t1", "-c8", "-d1s", "-s", script, &format!("http://{at}{path}")])
        .output()
        .expect("wrk; install it with: apt-get install wrk");
    let spent = cpu().into_iter().map(|(thread, now)| now - before.get(&thread).unwrap_or(&0.0));
    let used = spent.sum::<f64>() / 1e9;
    let said = String::from_utf8_lossy(&done.stdout);
    let line = said.lines().find_map(|line| line.strip_prefix("figures")).expect("figures");
    let numbers: Vec<f64> = line.split_whitespace().map(|it| it.parse().unwrap()).collect();
    let [requests, duration, median, errors] = numbers[..] else { panic!("{line}") };
    assert!(errors == 0.0, "{said}");
    figures.cpu[again].push(used / requests);
    figures.latency[again].push(median / 1e6);
    figures.per_second[again].push(requests / (duration / 1e6));
}

/// Nanoseconds of CPU that each thread of this process has used: the scheduler's count, because
/// ticks are a hundredth of a second.
fn cpu() -> HashMap<OsString, f64> {
    let threads = fs::read_dir("/proc/self/task").unwrap().map(Result::unwrap);
    let of = |thread: fs::DirEntry| {
        let told = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        Some((thread.file_name(), told.split_whitespace().next()?.parse().unwrap()))
    };
    threads.filter_map(of).collect()
}
