//! The stores on real servers, durable: a verb beside the raw driver's call (G10), and commits of
//! sixteen callers beside a single writer's (G11). `cargo bench --features full --bench stores`
#![allow(
    clippy::as_conversions,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "a bench stops loudly"
)]

#[path = "../tests/support/servers.rs"]
mod servers;

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant as Wall},
};

use servers::{Postgres, Redis};
use sspr::{
    adapters::{PostgresOptions, PostgresStore, RedisCodes, RedisOptions, SqliteStore},
    domain::{Charge, CounterName, Instant, RecordId, TenantId},
    ports::{CodeStore, Record},
};

const PAIRS: usize = 3_000;
const CALLERS: u64 = 16;
const TIME: Duration = Duration::from_secs(3);

fn now() -> Instant {
    Instant::from_micros(1_800_000_000_000_000)
}

fn record(number: u64, charges: Vec<Charge>) -> Record {
    let mut unique = [0; 16];
    unique[8..].copy_from_slice(&number.to_be_bytes());
    Record {
        begins_challenge: false,
        body: vec![7; 400],
        charges,
        expires_at: now().after(Duration::from_secs(3600)),
        id: RecordId::from_parts(TenantId::parse("contoso").unwrap().tag(), unique),
        tries_limit: u32::MAX - 1,
    }
}

/// What a code's try charges: two visible counters and two silent ones.
fn charges() -> Vec<Charge> {
    let tag = TenantId::parse("contoso").unwrap().tag();
    let charge = |number: u8, tier| {
        let mut name = [number; 32];
        name[1..9].copy_from_slice(tag.as_bytes());
        let window = Duration::from_secs(86_400);
        Charge { amount: 1, limit: u32::MAX, name: CounterName::from_bytes(name), tier, window }
    };
    vec![charge(1, 1), charge(2, 1), charge(3, 2), charge(4, 2)]
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Medians of both, taken in turns.
async fn in_turns<A: Future, B: Future>(
    ours: impl Fn(usize) -> A,
    raw: impl Fn(usize) -> B,
) -> (Duration, Duration) {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for turn in 0..PAIRS {
        let began = Wall::now();
        ours(turn).await;
        first.push(began.elapsed());
        let began = Wall::now();
        raw(turn).await;
        second.push(began.elapsed());
    }
    (median(first), median(second))
}

fn row(what: &str, ours: f64, raw: f64, unit: &str, must: &str) {
    println!("| {what} | {ours:.1} {unit} | {raw:.1} {unit} | {:.2}x | {must} |", ours / raw);
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Inserts by sixteen callers for a while; how many a second.
async fn inserts(codes: Arc<dyn CodeStore>) -> f64 {
    let number = Arc::new(AtomicU64::new(1_000_000));
    let began = Wall::now();
    let callers = (0..CALLERS).map(|_| {
        let (codes, number) = (codes.clone(), number.clone());
        tokio::spawn(async move {
            let mut done = 0_u64;
            while began.elapsed() < TIME {
                let next = number.fetch_add(1, Ordering::Relaxed);
                codes.insert(&record(next, Vec::new()), &[], now()).await.unwrap();
                done += 1;
            }
            done
        })
    });
    let mut done = 0;
    for caller in callers.collect::<Vec<_>>() {
        done += caller.await.unwrap();
    }
    done as f64 / began.elapsed().as_secs_f64()
}

async fn postgres() {
    // Durable, as a server is by default.
    let server = Postgres::with(&[]);
    let options = PostgresOptions::from_url(&server.url("postgres")).unwrap().without_clock_check();
    PostgresStore::migrate(&options).await.unwrap();
    let codes = PostgresStore::open(&options).await.unwrap().codes();
    let (client, connection) =
        tokio_postgres::connect(&server.url("postgres"), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    for number in [1, 2] {
        codes.insert(&record(number, charges()), &[], now()).await.unwrap();
    }
    let statement = client.prepare("SELECT * FROM sspr.attempt($1, $2, $3)").await.unwrap();
    let (one, two) = (record(1, Vec::new()).id, record(2, Vec::new()).id);
    let (ours, raw) = in_turns(
        |_| codes.attempt(&one, now()),
        |_| async {
            let (at, drift) = (now().as_micros(), None::<i64>);
            client.query(&statement, &[&&two.as_bytes()[..], &at, &drift]).await.unwrap()
        },
    )
    .await;
    row(
        "G10 Postgres `attempt`, raw: the same function prepared",
        micros(ours),
        micros(raw),
        "µs",
        "≤ 1.25x",
    );
    client.batch_execute("CREATE TABLE raw (id bigint PRIMARY KEY, body bytea)").await.unwrap();
    let statement = client.prepare("INSERT INTO raw VALUES ($1, $2)").await.unwrap();
    let (began, body, mut done) = (Wall::now(), vec![7_u8; 400], 0_i64);
    while began.elapsed() < TIME {
        client.execute(&statement, &[&done, &body]).await.unwrap();
        done += 1;
    }
    let single = done as f64 / began.elapsed().as_secs_f64();
    let many = inserts(Arc::new(codes)).await;
    row("G11 Postgres, 16 callers, raw: one writer, one row", many, single, "/s", "≥ 1.0x, aim 3x");
}

async fn redis_like(name: &str, server: &Redis) {
    let options = RedisOptions::from_url(&server.url()).unwrap().without_clock_check();
    let codes = RedisCodes::open(&options).await.unwrap();
    codes.insert(&record(1, charges()), &[], now()).await.unwrap();
    let client = redis::Client::open(server.url()).unwrap();
    let connection = client.get_multiplexed_async_connection().await.unwrap();
    // By hand, for these four counters only: the same reads and writes.
    let script = redis::Script::new(
        "local r = redis.call('HMGET', KEYS[1], 'v', 'e', 't', 'n', 'l', 'c', 'b')
         redis.call('HMGET', KEYS[2], '1', '2', '3', '4')
         redis.call('HSET', KEYS[1], 'n', ARGV[1], 't', ARGV[1])
         for i = 1, 4 do redis.call('HSET', KEYS[2], i, ARGV[1]) end
         return {3, r[1], r[2], r[3], r[4], r[7]}",
    );
    let mut first = connection.clone();
    let raw: () = redis::cmd("HSET")
        .arg("{raw}r")
        .arg(&["v", "1", "e", "1", "t", "1", "n", "1", "l", "1", "c", "1"])
        .arg("b")
        .arg(vec![7_u8; 400])
        .query_async(&mut first)
        .await
        .unwrap();
    let () = raw;
    let id = record(1, Vec::new()).id;
    let (ours, raw) = in_turns(
        |_| codes.attempt(&id, now()),
        |turn| {
            let (mut connection, script) = (connection.clone(), script.clone());
            async move {
                let mut call = script.key("{raw}r");
                let call = call.key("{raw}c").arg(turn);
                call.invoke_async::<redis::Value>(&mut connection).await.unwrap()
            }
        },
    )
    .await;
    let what = format!("G10 {name} `attempt`, raw: EVALSHA of a script by hand");
    row(&what, micros(ours), micros(raw), "µs", "≤ 1.25x");
    println!("| {name}, 16 callers | {:.0} inserts/s | | | |", inserts(Arc::new(codes)).await);
}

async fn sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let raw = rusqlite::Connection::open(folder.path().join("raw.db")).unwrap();
    raw.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;").unwrap();
    raw.execute_batch("CREATE TABLE raw (id INTEGER PRIMARY KEY, body BLOB)").unwrap();
    let (began, body, mut done) = (Wall::now(), vec![7_u8; 400], 0_i64);
    while began.elapsed() < TIME {
        let mut statement = raw.prepare_cached("INSERT INTO raw VALUES (?1, ?2)").unwrap();
        statement.execute(rusqlite::params![done, body]).unwrap();
        done += 1;
    }
    let single = done as f64 / began.elapsed().as_secs_f64();
    let store = SqliteStore::open(folder.path().join("sspr.db")).await.unwrap();
    let many = inserts(Arc::new(store.codes())).await;
    row("G11 SQLite, 16 callers, raw: one writer, one row", many, single, "/s", "≥ 1.0x, aim 3x");
}

#[tokio::main]
async fn main() {
    println!("| what | sspr | raw | ratio | must |\n|---|---|---|---|---|");
    postgres().await;
    redis_like("Redis", &Redis::start()).await;
    redis_like("Valkey", &Redis::valkey()).await;
    sqlite().await;
}
