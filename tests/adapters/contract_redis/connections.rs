//! Connections that are cut, ended or slow, and calls that nobody waits for.

use super::*;
use crate::proxy::*;

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
            let one = record(round);
            eventually(|| codes.insert(&one, &[], now())).await;
            let begun = Arc::new(AtomicU32::new(0));
            let race: Vec<_> = (0..16)
                .map(|_| {
                    let (codes, begun) = (codes.clone(), begun.clone());
                    tokio::spawn(async move {
                        let mut done = 0_u32;
                        loop {
                            match codes.charge(&[charge(1)], now()).await {
                                Ok(over) => {
                                    done += u32::from(over.is_empty());
                                    begun.fetch_add(1, Ordering::Relaxed);
                                }
                                Err(error) => {
                                    assert!(error.is_transient(), "{error:?}");
                                    return (done, 1_u32);
                                }
                            }
                        }
                    })
                })
                .collect();
            // In the middle of a race, however fast the machine is.
            while begun.load(Ordering::Relaxed) < 100 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            server.kill();
            for caller in race {
                let (done, lost) = caller.await.unwrap();
                answered += done;
                unknown += lost;
            }
            server.restart();
            let again = eventually(|| codes.insert(&one, &[], now())).await;
            assert_eq!(again, Inserted::Exists, "an answered insert was lost");
        }
        let ask = |limit| [Charge { amount: 0, limit, ..charge(1) }];
        assert!(!codes.charge(&ask(answered - 1), now()).await.unwrap().is_empty(), "lost");
        assert!(codes.charge(&ask(answered + unknown), now()).await.unwrap().is_empty(), "twice");
    });
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
        let options = options.with_patience(Duration::from_secs(30));
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
        loop {
            match codes.insert(&record(1), &[], now()).await {
                Ok(answer) => {
                    assert_eq!(answer, Inserted::Exists);
                    break;
                }
                Err(error) => {
                    assert!(error.is_transient(), "{error:?}");
                    failed.push(error.kind());
                    assert!(failed.len() < 600, "no new primary");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        assert!(!failed.is_empty());
        assert!(second.cli(&["INFO", "replication"]).contains("role:master"));
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

/// Answers come over one connection: a call that nobody waits for takes its own with it.
#[test]
fn a_call_that_is_cut_off_leaves_its_answer_to_nobody_else() {
    let server = Redis::start();
    on_runtime(async {
        let options = options(&server.url());
        let patient = options.clone().with_patience(Duration::from_secs(60));
        let short = options.with_patience(Duration::from_millis(200));
        let codes = RedisCodes::open(&patient).await.unwrap();
        let impatient = RedisCodes::open(&short).await.unwrap();
        codes.insert(&record(1), &[charge(1)], now()).await.unwrap();
        server.pause();
        let error = impatient.charge(&[charge(1)], now()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unknown, "{error:?}");
        let id = record(1).id;
        for polls in 1..6 {
            let mut call = Box::pin(codes.attempt(&id, &[], now()));
            for _ in 0..polls {
                assert!(futures_util::FutureExt::now_or_never(&mut call).is_none());
                tokio::task::yield_now().await;
            }
        }
        server.go_on();
        for codes in [&codes, &impatient] {
            let mut loaded = codes.load(&record(1).id, &[], now()).await;
            while loaded.as_ref().is_err_and(|error| error.is_transient()) {
                loaded = codes.load(&record(1).id, &[], now()).await;
            }
            assert_eq!(loaded.unwrap().found().unwrap().body, vec![1; 100]);
            let asked = codes.charge(&[Charge { amount: 0, limit: 9, ..charge(1) }], now()).await;
            assert!(asked.unwrap().is_empty());
        }
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
        let codes = behind(&proxy, Duration::from_secs(20)).await;
        codes.charge(&[charge(9)], now()).await.unwrap();
        round_trips(&proxy, &codes).await;
    });
}

/// Every verb once, each told when it has answered.
async fn every_verb(codes: &dyn CodeStore, number: u8, told: impl Fn(&str)) {
    let (one, next) = (record(number), Record { body: b"next".to_vec(), ..record(number) });
    codes.insert(&one, &[charge(1), charge(2), charge(3)], now()).await.unwrap();
    told("insert");
    codes.attempt(&one.id, &[], now()).await.unwrap();
    told("attempt");
    codes.load(&one.id, &[], now()).await.unwrap();
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
    let (record_1, charged) = (record(1), [charge(1)]);
    codes.insert(&record_1, &charged, now()).await.unwrap();
    proxy.set(Weather::Cut);
    let cut = std::time::Duration::from_secs(10);
    let until = tokio::time::Instant::now() + cut;
    while tokio::time::Instant::now() < until {
        let error = codes.charge(&[charge(1)], now()).await.unwrap_err();
        assert!(error.is_transient(), "{error:?}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    proxy.set(Weather::Fair);
    let again = eventually(|| codes.insert(&record_1, &charged, now())).await;
    assert_eq!(again, Inserted::Exists, "what was answered before the cut is there");
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
    let (record_3, charged) = (record(3), [charge(4)]);
    let again = eventually(|| codes.insert(&record_3, &charged, now())).await;
    assert_eq!(again, Inserted::Exists);
    let ask = [Charge { amount: 0, limit: 1, ..charge(4) }];
    assert!(codes.charge(&ask, now()).await.unwrap().is_empty(), "charged once");
}

#[test]
fn a_network_that_is_cut_for_ten_seconds_loses_nothing_and_is_found_again() {
    let server = Redis::start();
    let proxy = Proxy::before(server.port);
    on_runtime(async {
        let codes = behind(&proxy, Duration::from_secs(20)).await;
        cut_for_ten_seconds(&proxy, &codes).await;
    });
}

#[test]
fn a_lost_answer_is_told_as_unknown_and_the_repeat_ends_where_the_first_did() {
    let server = Redis::start();
    let proxy = Proxy::before(server.port);
    on_runtime(async {
        let codes = behind(&proxy, Duration::from_secs(20)).await;
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
fn the_patience_of_a_call_holds_for_its_repeats_together() {
    let server = Redis::start();
    on_runtime(async {
        let patient = options(&server.url());
        let short = patient.clone().with_patience(Duration::from_millis(50));
        let [patient, short] = [
            RedisCodes::open(&patient).await.unwrap(),
            eventually(|| RedisCodes::open(&short)).await,
        ];
        patient.charge(&[charge(1)], now()).await.unwrap();
        let id = record(1).id;
        eventually(|| short.load(&id, &[], now())).await;
        // A replica says that it has not done it, and every call is made again.
        server.cli(&["REPLICAOF", "127.0.0.1", &free_port().to_string()]);
        let server = &server;
        let calls = |codes: RedisCodes| async move {
            server.cli(&["CONFIG", "RESETSTAT"]);
            let error = codes.charge(&[charge(1)], now()).await.unwrap_err();
            assert!(error.is_transient(), "{error:?}");
            server.cli(&["INFO", "commandstats"]).matches("calls=9,").count()
        };
        assert_eq!(calls(patient).await, 1, "eight repeats of a script");
        assert_eq!(calls(short).await, 0, "not as many in a twentieth of a second");
    });
}
