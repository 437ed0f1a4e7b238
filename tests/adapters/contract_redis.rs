//! The contract of the code store on real Redis and Valkey: one server, Cluster, failover; and
//! servers that cannot serve.

mod connections;

use crate::servers;
use std::{
    future::Future,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use crate::certificates;
use crate::servers::{Redis, free_port, until};
use sspr::{
    adapters::{RedisCodes, RedisOptions},
    conformance::*,
    domain::{RecordId, TenantId, TenantTag, Timestamp},
    ports::{CodeStore, StoreError, StoreErrorKind},
    store::{Attempted, Charge, CounterName, Inserted, Record},
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
    let options = RedisOptions::from_url(url).unwrap().without_clock_check();
    options.with_prefix(&prefix()).with_patience(Duration::from_secs(30))
}

fn bench(codes: RedisCodes) -> CodeStoreBench {
    CodeStoreBench::new(codes).with_spawn(|task| drop(tokio::spawn(task)))
}

fn check(server: &Redis, case: CodeStoreCase) -> CaseResult {
    on_runtime(async {
        let codes = RedisCodes::open(&options(&server.url())).await.unwrap();
        case.check(&bench(codes)).await
    })
}

fn redis(case: CodeStoreCase) -> CaseResult {
    static SERVER: OnceLock<Redis> = OnceLock::new();
    check(SERVER.get_or_init(Redis::start), case)
}

fn valkey(case: CodeStoreCase) -> CaseResult {
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
                let options = options.with_patience(Duration::from_secs(30));
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
        let options = options.with_patience(Duration::from_secs(60));
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
        assert!(codes.load(&record(1).id, &[], now()).await.unwrap().found().is_some());
    });
}

fn now() -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000)
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
    let error =
        RedisCodes::open(&options.with_patience(Duration::from_secs(30))).await.unwrap_err();
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
        let (kind, words) = refused(options(&format!("redis://127.0.0.1:{}/", free_port()))).await;
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
        let options = RedisOptions::from_url(&server.url()).unwrap();
        let options = options.with_patience(Duration::from_secs(60));
        let codes = RedisCodes::open(&options).await.unwrap();
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
        let error = codes.attempt(&record(1).id, &[], now()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Full, "no try without a charge: {error:?}");
        assert!(
            codes.load(&record(1).id, &[], now()).await.unwrap().found().is_some(),
            "readers go on"
        );
        server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
        assert!(
            codes.load(&record(2).id, &[], now()).await.unwrap().found().is_none(),
            "half written"
        );
        let attempted = codes.attempt(&record(1).id, &[], now()).await.unwrap();
        assert!(matches!(attempted, Attempted::Charged { record, .. } if record.tries == 1));
    });
}

/// When the server's own expiry removes a key, in milliseconds; `None` if never.
fn removed_at(server: &Redis, key: &str) -> Option<i64> {
    let told: i64 = server.cli(&["PEXPIRETIME", key]).trim().parse().unwrap();
    assert_ne!(told, -2, "no such key: {key}");
    (told >= 0).then_some(told)
}

fn server_time(server: &Redis) -> i64 {
    let told = server.cli(&["TIME"]);
    let seconds: i64 = told.lines().next().unwrap().trim().parse().unwrap();
    seconds * 1000
}

#[test]
fn the_servers_own_expiry_leaves_a_record_its_life_and_the_margin_of_the_sweep() {
    const HOUR: i64 = 3_600_000;
    const MARGIN: i64 = 24 * HOUR;
    let server = Redis::start();
    let hours = |hours: u64| Duration::from_secs(3600 * hours);
    on_runtime(async {
        let codes = RedisCodes::open(&options(&server.url()).with_prefix("kept")).await.unwrap();
        let key = |number: u8| {
            let id = record(number).id;
            let hex: String = id.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            let found = server.cli(&["--raw", "KEYS", "kept*"]);
            let found = found.lines().find(|key| key.ends_with(&hex)).map(str::to_owned);
            found.unwrap()
        };
        let lives = |number: u8, hours: u64| Record {
            expires_at: now().after(Duration::from_secs(3600 * hours)),
            ..record(number)
        };
        // However long it lives.
        for (number, life) in [(1, 1), (2, 24), (3, 20 * 365 * 24)] {
            let before = server_time(&server);
            codes.insert(&lives(number, life), &[charge(number)], now()).await.unwrap();
            let removed = removed_at(&server, &key(number)).unwrap();
            assert!(removed >= before + i64::try_from(life).unwrap() * HOUR + MARGIN, "{life}");
        }
        // An attempt and a charge leave it as it is.
        let inserted = removed_at(&server, &key(1)).unwrap();
        codes.attempt(&record(1).id, &[], now().after(hours(1) / 2)).await.unwrap();
        codes.charge(&[charge(1)], now().after(hours(1) / 2)).await.unwrap();
        assert_eq!(removed_at(&server, &key(1)), Some(inserted));
        // A swap never brings it nearer: not by a life that ends sooner, not by a clock ahead.
        let mut version = 1;
        let ahead = now().after(hours(12));
        for (life, at) in [(0, now()), (1, now()), (1, ahead), (12, ahead)] {
            codes.compare_and_swap(&lives(1, life), version, &[], &[], at).await.unwrap();
            version += 1;
            assert!(removed_at(&server, &key(1)).unwrap() >= inserted, "{life} hours");
        }
        // A longer life moves it on.
        let before = server_time(&server);
        codes.compare_and_swap(&lives(1, 9), version, &[], &[], now()).await.unwrap();
        assert!(removed_at(&server, &key(1)).unwrap() >= before + 9 * HOUR + MARGIN);
        // A refused swap and a refused insert set nothing.
        let full = [Charge { limit: 0, ..charge(1) }];
        let kept = removed_at(&server, &key(1));
        codes.compare_and_swap(&lives(1, 99), version + 1, &full, &[], now()).await.unwrap();
        codes.compare_and_swap(&lives(1, 99), 1, &[], &[], now()).await.unwrap();
        codes.insert(&lives(1, 99), &[], now()).await.unwrap();
        assert_eq!(removed_at(&server, &key(1)), kept);
        // What only the sweep may remove never goes by itself.
        let all = server.cli(&["--raw", "KEYS", "kept*"]);
        let lasting = all.lines().filter(|key| !key.contains(":r:"));
        let lasting: Vec<_> = lasting.map(|key| removed_at(&server, key)).collect();
        assert_eq!(lasting, [None; 3], "counters, ends and tenants: {all}");
    });
}

#[test]
fn a_sweep_finds_tenants_whose_list_the_server_has_lost() {
    let server = Redis::start();
    on_runtime(async {
        let shared = options(&server.url());
        let codes = RedisCodes::open(&shared).await.unwrap();
        codes.charge(&[charge(1)], now()).await.unwrap();
        // Restarted without its data, or replaced by a replica that had not heard of the tenant.
        server.cli(&["FLUSHALL"]);
        codes.charge(&[charge(1)], now()).await.unwrap();

        let late = now().after(Duration::from_secs(9 * 24 * 3600));
        assert_eq!(codes.delete_expired(late, 9).await.unwrap(), 1);
        // From now on other processes find it, too.
        codes.charge(&[charge(1)], now()).await.unwrap();
        let other = RedisCodes::open(&shared).await.unwrap();
        assert_eq!(other.delete_expired(late, 9).await.unwrap(), 1);
    });
}

/// Calls again while the server is not there, for as long as a slow machine may need.
async fn eventually<T, F: Future<Output = Result<T, StoreError>>>(call: impl Fn() -> F) -> T {
    for _ in 0..1_200 {
        match call().await {
            Ok(answer) => return answer,
            Err(error) => assert!(error.is_transient(), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not within a minute");
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

#[test]
fn a_sweep_removes_no_more_than_its_limit_of_all_tenants_together() {
    let server = Redis::start();
    on_runtime(async {
        let codes = RedisCodes::open(&options(&server.url())).await.unwrap();
        // More of one tenant than are swept at once.
        for (tenant, counters) in [("contoso", 450), ("fabrikam", 30)] {
            let tag = TenantId::parse(tenant).unwrap().tag();
            for number in 0..counters {
                let mut bytes = [0; 32];
                bytes[1..9].copy_from_slice(tag.as_bytes());
                bytes[30..].copy_from_slice(&u16::to_be_bytes(number));
                let charge = Charge { name: CounterName::from_bytes(bytes), ..charge(0) };
                assert!(codes.charge(&[charge], now()).await.unwrap().is_empty());
            }
        }
        let later = now().after(Duration::from_secs(48 * 3600));
        for (limit, removed) in [(250, 250), (215, 215), (1_000, 15), (1_000, 0)] {
            assert_eq!(codes.delete_expired(later, limit).await.unwrap(), removed, "{limit}");
        }
    });
}
