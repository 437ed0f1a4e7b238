//! The contract of the code store on real Redis and Valkey: one server, Cluster, failover; and
//! servers that cannot serve.
#![cfg(all(feature = "conformance", feature = "redis"))]
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "tests stop loudly"
)]

#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/servers.rs"]
mod servers;

use std::{
    future::Future,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use proxy::{Proxy, Weather};
use servers::{Redis, free_port, until};
use sspr::{
    adapters::{RedisCodes, RedisOptions},
    conformance::*,
    domain::{Charge, CounterName, Instant, RecordId, TenantId, TenantTag},
    ports::{Attempted, CodeStore, Inserted, Record, StoreErrorKind},
};

fn on_runtime<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().unwrap().block_on(future)
}

/// A prefix of its own for each case: as good as an empty server.
fn prefix() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("test{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

fn options(url: &str) -> RedisOptions {
    RedisOptions::from_url(url).unwrap().without_clock_check().with_prefix(&prefix())
}

fn bench(codes: RedisCodes) -> CodeStoreBench {
    CodeStoreBench::new(codes).with_spawn(|task| drop(tokio::spawn(task)))
}

fn check(server: &Redis, case: CodeStoreCase) -> Verdict {
    on_runtime(async {
        let codes = RedisCodes::open(&options(&server.url())).await.unwrap();
        case.check(&bench(codes)).await
    })
}

fn redis(case: CodeStoreCase) -> Verdict {
    static SERVER: OnceLock<Redis> = OnceLock::new();
    check(SERVER.get_or_init(Redis::start), case)
}

fn valkey(case: CodeStoreCase) -> Verdict {
    static SERVER: OnceLock<Redis> = OnceLock::new();
    check(SERVER.get_or_init(Redis::valkey), case)
}

mod code_store_on_redis {
    sspr::code_store_conformance!(super::redis);
}

mod code_store_on_valkey {
    sspr::code_store_conformance!(super::valkey);
}

#[test]
fn a_full_redis_refuses_and_evicts_nothing() {
    let server = Redis::with("redis-server", &["--maxmemory", "4mb"]);
    check(&server, CodeStoreCase::when_full()).unwrap();
}

/// Three nodes that share the slots.
fn cluster(name: &str) -> Vec<Redis> {
    let nodes: Vec<Redis> = (0..3)
        .map(|_| Redis::with(name, &["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"]))
        .collect();
    let addresses: Vec<String> =
        nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
    let mut arguments = vec!["--cluster", "create"];
    arguments.extend(addresses.iter().map(String::as_str));
    arguments.extend(["--cluster-replicas", "0", "--cluster-yes"]);
    let told = nodes[0].cli(&arguments);
    until(&format!("the cluster to agree: {told}"), || {
        nodes.iter().all(|node| node.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok"))
    });
    nodes
}

#[test]
fn every_clause_holds_on_a_cluster_of_three() {
    for name in ["redis-server", "valkey-server"] {
        let nodes = cluster(name);
        let urls: Vec<String> = nodes.iter().map(Redis::url).collect();
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        on_runtime(async {
            for case in CodeStoreCase::all() {
                let options = RedisOptions::cluster(&urls).unwrap().without_clock_check();
                let codes = RedisCodes::open(&options.with_prefix(&prefix())).await.unwrap();
                case.check(&bench(codes).with_rounds(12)).await.unwrap();
            }
        });
        // The tenants of the histories lie on all three.
        let sizes: Vec<String> = nodes.iter().map(|node| node.cli(&["DBSIZE"])).collect();
        assert!(sizes.iter().all(|size| size.trim() != "0"), "{sizes:?}");
    }
}

#[test]
fn slots_that_move_between_nodes_lose_no_call() {
    let nodes = cluster("redis-server");
    let urls = [nodes[0].url()];
    on_runtime(async {
        let options = RedisOptions::cluster(&[urls[0].as_str()]).unwrap().without_clock_check();
        let codes = RedisCodes::open(&options).await.unwrap();
        let tag = TenantId::parse("contoso").unwrap().tag();
        codes.insert(&record(1), &[], now()).await.unwrap();
        // The whole tenant moves to another node while its counter is charged.
        let key: String = tag.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let slot = nodes[0].cli(&["CLUSTER", "KEYSLOT", &format!("{{{key}}}")]).trim().to_owned();
        let ids: Vec<String> =
            nodes.iter().map(|node| node.cli(&["CLUSTER", "MYID"]).trim().to_owned()).collect();
        let holds = |node: &Redis| {
            node.cli(&["CLUSTER", "COUNTKEYSINSLOT", &slot]).trim().parse::<u32>().unwrap_or(0) > 0
        };
        let charged = {
            let codes = codes.clone();
            tokio::spawn(async move {
                let (mut done, mut failed) = (0_u32, 0_u32);
                for _ in 0..4_000 {
                    match codes.charge(&[charge(1)], now()).await {
                        Ok(over) => done += u32::from(over.is_empty()),
                        Err(error) => {
                            assert_eq!(error.kind(), StoreErrorKind::Busy, "{error}");
                            failed += 1;
                        }
                    }
                }
                (done, failed)
            })
        };
        for _ in 0..4 {
            let from = nodes.iter().position(holds).unwrap();
            let to = (from + 1) % 3;
            nodes[to].cli(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &ids[from]]);
            nodes[from].cli(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &ids[to]]);
            let keys = nodes[from].cli(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"]);
            let port = nodes[to].port.to_string();
            let mut arguments = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"];
            arguments.extend(keys.lines());
            nodes[from].cli(&arguments);
            for node in [&nodes[to], &nodes[from], &nodes[3 - to - from]] {
                node.cli(&["CLUSTER", "SETSLOT", &slot, "NODE", &ids[to]]);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let (done, failed) = charged.await.unwrap();
        let ask = |limit| [Charge { amount: 0, limit, ..charge(1) }];
        assert!(codes.charge(&ask(done), now()).await.unwrap().is_empty(), "charged twice");
        assert!(!codes.charge(&ask(done - 1), now()).await.unwrap().is_empty(), "a charge is lost");
        assert!(done > 3_000, "{done} done, {failed} told to try again");
        assert!(codes.load(&record(1).id).await.unwrap().is_some());
    });
}

fn now() -> Instant {
    Instant::from_micros(1_800_000_000_000_000)
}

fn name(number: u8) -> CounterName {
    let mut bytes = [number; 32];
    bytes[1..9].copy_from_slice(TenantId::parse("contoso").unwrap().tag().as_bytes());
    CounterName::from_bytes(bytes)
}

fn charge(number: u8) -> Charge {
    let window = Duration::from_secs(3600);
    Charge { amount: 1, limit: 1_000_000, name: name(number), tier: 0, window }
}

fn record(number: u8) -> Record {
    let tenant: TenantTag = TenantId::parse("contoso").unwrap().tag();
    Record {
        begins_challenge: false,
        body: vec![number; 100],
        charges: Vec::new(),
        expires_at: now().after(Duration::from_secs(3600)),
        id: RecordId::from_parts(tenant, [number; 16]),
        tries_limit: 5,
    }
}

async fn refused(options: RedisOptions) -> (StoreErrorKind, String) {
    let error = RedisCodes::open(&options.with_patience(Duration::from_secs(1))).await.unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn a_server_that_cannot_serve_says_what_to_do() {
    let evicting = Redis::with("redis-server", &["--maxmemory-policy", "allkeys-lru"]);
    let guarded = Redis::with("redis-server", &["--requirepass", "right"]);
    on_runtime(async {
        let (kind, words) = refused(options(&evicting.url())).await;
        assert_eq!(kind, StoreErrorKind::Setup, "{words}");
        assert!(words.contains("allkeys-lru") && words.contains("noeviction"), "{words}");
        let wrong = guarded.url().replace("127.", ":wrong@127.");
        for url in [guarded.url(), wrong] {
            let (kind, words) = refused(options(&url)).await;
            assert_eq!(kind, StoreErrorKind::Setup, "{words}");
            assert!(!words.contains("wrong"), "{words}");
        }
        let (kind, words) = refused(options("redis://127.0.0.1:1/")).await;
        assert_eq!(kind, StoreErrorKind::Busy, "{words}");
        // Set wrongly later on: the sweep notices.
        let codes = RedisCodes::open(&options(&guarded.url().replace("127.", ":right@127."))).await;
        let codes = codes.unwrap();
        guarded.cli(&["-a", "right", "CONFIG", "SET", "maxmemory-policy", "volatile-ttl"]);
        let error = codes.delete_expired(now(), 9).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Setup, "{error}");
    });
}

#[test]
fn a_clock_that_is_off_is_refused_and_told_by_how_much() {
    let server = Redis::start();
    on_runtime(async {
        let codes =
            RedisCodes::open(&RedisOptions::from_url(&server.url()).unwrap()).await.unwrap();
        let clock = sspr::adapters::SystemClock::new();
        let now = || sspr::ports::Clock::now(&clock);
        for (off, served) in [(0, true), (20, true), (45, false), (86_400, false)] {
            let off = Duration::from_secs(off);
            for now in [now().after(off), now().before(off)] {
                match codes.charge(&[charge(1)], now).await {
                    Ok(_) => assert!(served, "{off:?}"),
                    Err(error) => {
                        assert!(!served, "{off:?}: {error}");
                        assert_eq!(error.kind(), StoreErrorKind::Clock, "{error:?}");
                        assert!(error.to_string().contains("seconds off"), "{error}");
                    }
                }
            }
        }
    });
}

#[test]
fn a_server_without_memory_refuses_and_recovers() {
    let server = Redis::start();
    on_runtime(async {
        let codes = RedisCodes::open(&options(&server.url())).await.unwrap();
        codes.insert(&record(1), &[charge(1)], now()).await.unwrap();
        server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
        let error = codes.insert(&record(2), &[charge(1)], now()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Full, "{error:?}");
        let error = codes.attempt(&record(1).id, now()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Full, "no try without a charge: {error:?}");
        assert!(codes.load(&record(1).id).await.unwrap().is_some(), "readers go on");
        server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
        assert!(codes.load(&record(2).id).await.unwrap().is_none(), "half written");
        let attempted = codes.attempt(&record(1).id, now()).await.unwrap();
        assert!(matches!(attempted, Attempted::Charged { record, .. } if record.tries == 1));
    });
}

/// `appendfsync always`: what was answered survives `kill -9`. The scripts are gone with the
/// server, and are sent again.
#[test]
fn a_server_that_is_killed_loses_nothing_that_was_answered_and_is_found_again() {
    let durable = ["--appendonly", "yes", "--appendfsync", "always"];
    let server = Redis::with("redis-server", &durable);
    on_runtime(async {
        let codes = RedisCodes::open(&options(&server.url())).await.unwrap();
        let (mut answered, mut unknown) = (0, 0);
        for round in 0..4_u8 {
            codes.insert(&record(round), &[], now()).await.unwrap();
            let race: Vec<_> = (0..16)
                .map(|_| {
                    let codes = codes.clone();
                    tokio::spawn(async move {
                        let mut done = 0_u32;
                        loop {
                            match codes.charge(&[charge(1)], now()).await {
                                Ok(over) => done += u32::from(over.is_empty()),
                                Err(error) => {
                                    assert!(error.is_transient(), "{error:?}");
                                    return (done, 1_u32);
                                }
                            }
                        }
                    })
                })
                .collect();
            tokio::time::sleep(Duration::from_millis(100)).await;
            server.kill();
            for caller in race {
                let (done, lost) = caller.await.unwrap();
                answered += done;
                unknown += lost;
            }
            server.restart();
            let mut again = codes.insert(&record(round), &[], now()).await;
            for _ in 0..50 {
                if again.is_ok() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
                again = codes.insert(&record(round), &[], now()).await;
            }
            assert_eq!(again.unwrap(), Inserted::Exists, "an answered insert was lost");
        }
        let ask = |limit| [Charge { amount: 0, limit, ..charge(1) }];
        assert!(answered > 100, "the race ran: {answered}");
        assert!(!codes.charge(&ask(answered - 1), now()).await.unwrap().is_empty(), "lost");
        assert!(codes.charge(&ask(answered + unknown), now()).await.unwrap().is_empty(), "twice");
    });
}

/// A process that does not outlive its test, however that ends.
struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn after_a_failover_the_sentinels_name_the_new_primary() {
    let first = Redis::start();
    let port = first.port.to_string();
    let second = Redis::with("redis-server", &["--replicaof", "127.0.0.1", &port]);
    until("the replica", || first.cli(&["INFO", "replication"]).contains("state=online"));
    let file = servers::folder("sentinel").join("sentinel.conf");
    let text = format!(
        "sentinel monitor store 127.0.0.1 {port} 1\nsentinel down-after-milliseconds store 1000\n\
         sentinel failover-timeout store 3000\n"
    );
    std::fs::write(&file, text).unwrap();
    let listening = free_port().to_string();
    let child = std::process::Command::new("redis-server")
        .arg(&file)
        .args(["--sentinel", "--port", &listening, "--bind", "127.0.0.1"])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let _ended = Ended(child);
    let port: u16 = listening.parse().unwrap();
    until("the sentinel", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    on_runtime(async {
        let url = format!("redis://127.0.0.1:{listening}/");
        let options = RedisOptions::sentinel(&[&url], "store").unwrap().without_clock_check();
        let codes = RedisCodes::open(&options).await.unwrap();
        codes.insert(&record(1), &[charge(1)], now()).await.unwrap();
        let sentinels = |port: &str| {
            let cli = std::process::Command::new("redis-cli")
                .args(["-p", port, "SENTINEL", "REPLICAS", "store"])
                .output();
            String::from_utf8(cli.unwrap().stdout).unwrap()
        };
        let replica = second.port.to_string();
        until("the sentinel to know the replica", || sentinels(&listening).contains(&replica));
        until("the replica to have it", || second.cli(&["DBSIZE"]).trim() != "0");
        first.kill();
        let mut failed = Vec::new();
        let found = async {
            loop {
                match codes.insert(&record(1), &[], now()).await {
                    Ok(answer) => return answer,
                    Err(error) => {
                        assert!(error.is_transient(), "{error:?}");
                        failed.push(error.kind());
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(60), found).await;
        assert_eq!(found.expect("a new primary within a minute"), Inserted::Exists);
        assert!(!failed.is_empty());
        assert!(second.cli(&["INFO", "replication"]).contains("role:master"));
    });
}

/// A store behind a network, with its scripts known to the server.
async fn behind(proxy: &Proxy, patience: Duration) -> RedisCodes {
    let options = options(&format!("redis://127.0.0.1:{}/", proxy.port)).with_patience(patience);
    RedisCodes::open(&options).await.unwrap()
}

#[test]
fn each_verb_is_one_round_trip() {
    let server = Redis::start();
    let proxy = Proxy::before(server.port);
    on_runtime(async {
        // The first process brings the scripts, and enters the tenant.
        let first = RedisCodes::open(&options(&server.url())).await.unwrap();
        every_verb(&first, 1, |_| ()).await;
        let codes = behind(&proxy, Duration::from_secs(5)).await;
        codes.charge(&[charge(9)], now()).await.unwrap();
        round_trips(&proxy, &codes).await;
    });
}

/// Every verb once, each told when it has answered.
async fn every_verb(codes: &dyn CodeStore, number: u8, told: impl Fn(&str)) {
    let (one, next) = (record(number), Record { body: b"next".to_vec(), ..record(number) });
    codes.insert(&one, &[charge(1), charge(2), charge(3)], now()).await.unwrap();
    told("insert");
    codes.attempt(&one.id, now()).await.unwrap();
    told("attempt");
    codes.load(&one.id).await.unwrap();
    told("load");
    codes.compare_and_swap(&next, 1, &[charge(1)], &[name(2)], now()).await.unwrap();
    told("compare_and_swap");
    codes.charge(&[charge(1), charge(2)], now()).await.unwrap();
    told("charge");
}

async fn round_trips(proxy: &Proxy, codes: &dyn CodeStore) {
    proxy.trips();
    every_verb(codes, 7, |verb| assert_eq!(proxy.trips(), 1, "{verb}")).await;
}

/// Cut for ten seconds: a clear error, and afterwards the same store goes on.
async fn cut_for_ten_seconds(proxy: &Proxy, codes: &dyn CodeStore) {
    codes.insert(&record(1), &[charge(1)], now()).await.unwrap();
    proxy.set(Weather::Cut);
    let cut = std::time::Duration::from_secs(10);
    let until = tokio::time::Instant::now() + cut;
    while tokio::time::Instant::now() < until {
        let error = codes.charge(&[charge(1)], now()).await.unwrap_err();
        assert!(error.is_transient(), "{error:?}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    proxy.set(Weather::Fair);
    let mut again = codes.insert(&record(1), &[charge(1)], now()).await;
    for _ in 0..100 {
        if again.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        again = codes.insert(&record(1), &[charge(1)], now()).await;
    }
    assert_eq!(again.unwrap(), Inserted::Exists, "what was answered before the cut is there");
    let ask = |limit| [Charge { amount: 0, limit, ..charge(1) }];
    assert!(codes.charge(&ask(1), now()).await.unwrap().is_empty(), "a refused call was charged");
}

/// The server did it and the answer was lost: the error says that nobody knows, and the repeated
/// call ends where the first one did.
async fn lost_answers(proxy: &Proxy, codes: &dyn CodeStore) {
    // Connected, and the script known there.
    codes.insert(&record(2), &[charge(5)], now()).await.unwrap();
    proxy.set(Weather::LosesAnswers);
    let error = codes.insert(&record(3), &[charge(4)], now()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unknown, "{error:?}");
    proxy.set(Weather::Fair);
    let mut again = codes.insert(&record(3), &[charge(4)], now()).await;
    for _ in 0..50 {
        if again.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        again = codes.insert(&record(3), &[charge(4)], now()).await;
    }
    assert_eq!(again.unwrap(), Inserted::Exists);
    let ask = [Charge { amount: 0, limit: 1, ..charge(4) }];
    assert!(codes.charge(&ask, now()).await.unwrap().is_empty(), "charged once");
}

#[test]
fn a_network_that_is_cut_for_ten_seconds_loses_nothing_and_is_found_again() {
    let server = Redis::start();
    let proxy = Proxy::before(server.port);
    on_runtime(async {
        let codes = behind(&proxy, Duration::from_secs(1)).await;
        cut_for_ten_seconds(&proxy, &codes).await;
    });
}

#[test]
fn a_lost_answer_is_told_as_unknown_and_the_repeat_ends_where_the_first_did() {
    let server = Redis::start();
    let proxy = Proxy::before(server.port);
    on_runtime(async {
        let codes = behind(&proxy, Duration::from_secs(1)).await;
        lost_answers(&proxy, &codes).await;
    });
}

/// Every clause also holds on a slow network.
#[test]
fn a_slow_network_bends_no_clause() {
    let server = Redis::start();
    let proxy = Proxy::before(server.port);
    proxy.set(Weather::Slow);
    on_runtime(async {
        for case in [
            "parallel_charges_admit_exactly_the_limit",
            "a_cancelled_call_happens_wholly_or_not_at_all",
            "random_concurrent_calls_have_an_order_that_explains_them",
        ] {
            let codes = behind(&proxy, Duration::from_secs(20)).await;
            let case = CodeStoreCase::named(case).unwrap();
            let bench = CodeStoreBench::new(codes).with_spawn(|task| drop(tokio::spawn(task)));
            case.check(&bench.with_rounds(4)).await.unwrap();
        }
    });
}

#[test]
fn over_tls_the_servers_certificate_is_verified() {
    let folder = servers::folder("certificates");
    certificates::write(&folder);
    let file = |name: &str| folder.join(name).display().to_string();
    let port = free_port().to_string();
    let (leaf, key, root) = (file("leaf.pem"), file("leaf.key"), file("ca.pem"));
    let _server = Redis::with(
        "redis-server",
        &[
            "--port",
            "0",
            "--tls-port",
            &port,
            "--tls-cert-file",
            &leaf,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &root,
            "--tls-auth-clients",
            "no",
        ],
    );
    let pem = std::fs::read(&root).unwrap();
    on_runtime(async {
        let url = format!("rediss://localhost:{port}/");
        let trusting = options(&url).with_root_certificates(pem.clone());
        let codes = RedisCodes::open(&trusting).await.unwrap();
        assert!(codes.charge(&[charge(1)], now()).await.unwrap().is_empty());
        // The operating system does not know the root; and the name must be the certificate's.
        let other_name = format!("rediss://127.0.0.1:{port}/");
        for options in [options(&url), options(&other_name).with_root_certificates(pem)] {
            let (kind, words) = refused(options).await;
            assert_eq!(kind, StoreErrorKind::Setup, "{words}");
            assert!(words.contains("certificate"), "{words}");
        }
    });
}
