//! The stores on real servers, durable: a verb beside the raw driver's call (G10), commits of sixteen
//! callers beside a single writer's (G11), and how commits grow with the callers on SQLite.
//! `cargo bench -p benches --features full --bench stores`; with `-- callers` the last of them only
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

#[path = "support/data.rs"]
mod data;
#[path = "../tests/support/servers.rs"]
mod servers;
#[path = "support/table.rs"]
mod table;

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
    domain::{RecordId, TenantId, Timestamp},
    ports::CodeStore,
    store::{Charge, CounterName, Record},
};

use table::{Bar, Row, head, median};

/// Rounds, each of so many pairs of calls; every second one is the same again.
const ROUNDS: usize = 30;
const PAIRS: usize = 100;
const CALLERS: u64 = 16;
/// Numbers of callers of SQLite, whose commits share fsyncs.
const MORE_CALLERS: [u64; 7] = [1, 2, 4, 8, 16, 32, 64];
/// How long commits are counted, and how often.
const TIME: Duration = Duration::from_secs(1);
const COUNTS: usize = 4;

/// Figures of one subject, and of the same again.
type Samples = (Vec<f64>, Vec<f64>);

fn now() -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000)
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

/// Median seconds of both in each round, their calls made in turns.
async fn in_turns<A: Future, B: Future>(
    ours: impl Fn(usize) -> A,
    raw: impl Fn(usize) -> B,
) -> (Samples, Samples) {
    let (mut first, mut second) = (Samples::default(), Samples::default());
    for round in 0..ROUNDS {
        let (mut one, mut other) = (Vec::new(), Vec::new());
        for pair in 0..PAIRS {
            let began = Wall::now();
            ours(round * PAIRS + pair).await;
            one.push(began.elapsed().as_secs_f64());
            let began = Wall::now();
            raw(round * PAIRS + pair).await;
            other.push(began.elapsed().as_secs_f64());
        }
        put(&mut first, round, median(&one));
        put(&mut second, round, median(&other));
    }
    (first, second)
}

fn put(samples: &mut Samples, round: usize, figure: f64) {
    if round.is_multiple_of(2) {
        samples.0.push(figure)
    } else {
        samples.1.push(figure)
    };
}

fn of(samples: &Samples) -> table::Twice<'_> {
    (&samples.0, &samples.1)
}

fn trip(what: &str, ours: &Samples, raw: &Samples) {
    Row::of("G10", what, of(ours), of(raw), (Bar::AtMost(1.25), Some(Bar::AtMost(1.1))));
}

fn commits(what: &str, ours: &Samples, raw: &Samples) {
    Row::of("G11", what, of(ours), of(raw), (Bar::AtLeast(1.0), Some(Bar::AtLeast(3.0))));
}

/// Inserts by so many callers for a while; how many a second.
async fn inserts(codes: &Arc<dyn CodeStore>, number: &Arc<AtomicU64>, callers: u64) -> f64 {
    let began = Wall::now();
    let callers = (0..callers).map(|_| {
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
    let statement = client
        .prepare("SELECT * FROM sspr.attempt($1, '{}', '{}', '{}', '{}', $2, $3)")
        .await
        .unwrap();
    let (one, two) = (record(1, Vec::new()).id, record(2, Vec::new()).id);
    let (ours, raw) = in_turns(
        |_| codes.attempt(&one, &[], now()),
        |_| async {
            let (at, drift) = (now().as_micros(), None::<i64>);
            client.query(&statement, &[&&two.as_bytes()[..], &at, &drift]).await.unwrap()
        },
    )
    .await;
    trip("Postgres `attempt` / the same function, prepared", &ours, &raw);
    client.batch_execute("CREATE TABLE raw (id bigint PRIMARY KEY, body bytea)").await.unwrap();
    let statement = client.prepare("INSERT INTO raw VALUES ($1, $2)").await.unwrap();
    let (codes, number): (Arc<dyn CodeStore>, _) = (Arc::new(codes), numbers());
    let (mut single, mut many) = (Samples::default(), Samples::default());
    let (body, mut done) = (vec![7_u8; 400], 0_i64);
    for count in 0..2 * COUNTS {
        let (began, before) = (Wall::now(), done);
        while began.elapsed() < TIME {
            client.execute(&statement, &[&done, &body]).await.unwrap();
            done += 1;
        }
        put(&mut single, count, (done - before) as f64 / began.elapsed().as_secs_f64());
        put(&mut many, count, inserts(&codes, &number, CALLERS).await);
    }
    commits("Postgres, commits of 16 callers / of one writer with one row", &many, &single);
}

fn numbers() -> Arc<AtomicU64> {
    Arc::new(AtomicU64::new(1_000_000))
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
        |_| codes.attempt(&id, &[], now()),
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
    trip(&format!("{name} `attempt` / EVALSHA of a script by hand"), &ours, &raw);
}

async fn sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let raw = rusqlite::Connection::open(folder.path().join("raw.db")).unwrap();
    raw.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;").unwrap();
    raw.execute_batch("CREATE TABLE raw (id INTEGER PRIMARY KEY, body BLOB)").unwrap();
    let store = SqliteStore::open(folder.path().join("sspr.db")).await.unwrap();
    let (codes, number): (Arc<dyn CodeStore>, _) = (Arc::new(store.codes()), numbers());
    let (mut single, mut many) = (Samples::default(), Samples::default());
    let (body, mut done) = (vec![7_u8; 400], 0_i64);
    for count in 0..2 * COUNTS {
        let (began, before) = (Wall::now(), done);
        while began.elapsed() < TIME {
            let mut statement = raw.prepare_cached("INSERT INTO raw VALUES (?1, ?2)").unwrap();
            statement.execute(rusqlite::params![done, body]).unwrap();
            done += 1;
        }
        put(&mut single, count, (done - before) as f64 / began.elapsed().as_secs_f64());
        put(&mut many, count, inserts(&codes, &number, CALLERS).await);
    }
    commits("SQLite, commits of 16 callers / of one writer with one row", &many, &single);
}

/// Measures durable commits per second by the number of callers, on one file.
async fn sqlite_callers() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("sspr.db")).await.unwrap();
    let (codes, number): (Arc<dyn CodeStore>, _) = (Arc::new(store.codes()), numbers());
    let mut counts = vec![Vec::new(); MORE_CALLERS.len()];
    for _ in 0..COUNTS {
        for (callers, counts) in MORE_CALLERS.into_iter().zip(&mut counts) {
            counts.push(inserts(&codes, &number, callers).await);
        }
    }
    let columns = ["store", "callers", "commits/s", "of one caller"];
    println!("\n| {} |\n|---|---|---|---|", columns.join(" | "));
    let one = median(&counts[0]);
    let rows: Vec<_> = MORE_CALLERS
        .into_iter()
        .zip(&counts)
        .map(|(callers, counts)| {
            let many = median(counts);
            let figures = [format!("{many:.0}"), format!("{:.2}x", many / one)];
            ["SQLite".to_owned(), callers.to_string()].into_iter().chain(figures).collect()
        })
        .collect();
    rows.iter().for_each(|row: &Vec<String>| println!("| {} |", row.join(" | ")));
    let command = "cargo bench -p benches --features full --bench stores";
    data::keep("stores-callers", command, &columns, &rows);
}

#[tokio::main]
async fn main() {
    if std::env::args().any(|argument| argument == "callers") {
        return sqlite_callers().await;
    }
    head();
    postgres().await;
    redis_like("Redis", &Redis::start()).await;
    redis_like("Valkey", &Redis::valkey()).await;
    sqlite().await;
    sqlite_callers().await;
}
