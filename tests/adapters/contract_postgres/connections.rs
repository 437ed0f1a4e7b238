//! Connections that are used up, cut, ended or slow, and calls that nobody waits for.

use super::*;
use crate::proxy::*;

/// Killed with -9 in the middle of a race, many times: what was answered is there, and not twice.
#[test]
fn a_server_that_is_killed_loses_nothing_that_was_answered_and_is_found_again() {
    let cluster = Postgres::with(&["fsync=on"]);
    let options = options(&cluster.url("postgres"));
    on_runtime(async {
        PostgresStore::migrate(&options).await.unwrap();
        let store = PostgresStore::open(&options).await.unwrap();
        let (mut answered, mut unknown) = (0, 0);
        for round in 0..5_u8 {
            let (codes, one) = (store.codes(), record(round));
            // The same store, not opened again.
            eventually(|| codes.insert(&one, &[], now())).await;
            let begun = Arc::new(AtomicU32::new(0));
            let race: Vec<_> = (0..16)
                .map(|_| {
                    let (codes, begun) = (codes.clone(), begun.clone());
                    tokio::spawn(async move {
                        let (mut done, mut unknown) = (0_u32, 0_u32);
                        // Until the server is gone.
                        loop {
                            match codes.charge(&[charge(1)], now()).await {
                                Ok(over) => {
                                    done += u32::from(over.is_empty());
                                    begun.fetch_add(1, Ordering::Relaxed);
                                }
                                Err(error) => {
                                    assert!(error.is_transient(), "{error}");
                                    unknown += u32::from(error.kind() == StoreErrorKind::Unknown);
                                    return (done, unknown);
                                }
                            }
                        }
                    })
                })
                .collect();
            // In the middle of a race, however fast the machine is.
            while begun.load(Ordering::Relaxed) < 50 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            cluster.kill();
            for caller in race {
                let (done, lost) = caller.await.unwrap();
                answered += done;
                unknown += lost;
            }
            cluster.restart();
            let again = eventually(|| codes.insert(&one, &[], now())).await;
            assert_eq!(again, Inserted::Exists, "an answered insert was lost");
        }
        let value: u32 =
            cluster.sql("postgres", &["SELECT value FROM sspr.counter"]).trim().parse().unwrap();
        assert!(
            (answered..=answered + unknown).contains(&value),
            "{answered} answered, {unknown} unknown, {value} in the store"
        );
    });
}

/// A session of its own that holds a lock, and how it lets go.
async fn holding(url: &str, statement: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("BEGIN; {statement}")).await.unwrap();
    client
}

/// Waits until a statement of the database waits for a lock.
async fn waits_for_a_lock(observer: &tokio_postgres::Client) {
    let sql = "SELECT count(*) FROM pg_stat_activity \
               WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while observer.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A load that waits for a counter holds its record, so that no swap comes between what it reads and
/// what it charges.
#[test]
fn a_load_that_waits_to_charge_lets_no_swap_pass() {
    let url = cluster().url(&cluster().database("migrated"));
    on_runtime(async {
        let codes = PostgresStore::open(&options(&url)).await.unwrap().codes();
        let observer = holding(&url, "SELECT 1").await;
        observer.batch_execute("COMMIT").await.unwrap();
        codes.insert(&record(1), &[charge(1)], now()).await.unwrap();
        let holder = holding(&url, "UPDATE sspr.counter SET value = value").await;
        let (id, charges, loader) = (record(1).id, [charge(1)], codes.clone());
        let load = tokio::spawn(async move { loader.load(&id, &charges, now()).await });
        waits_for_a_lock(&observer).await;

        let mut swap =
            tokio::spawn(
                async move { codes.compare_and_swap(&record(1), 1, &[], &[], now()).await },
            );
        let two_wait = async {
            let sql = "SELECT count(*) FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
            while observer.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) < 2 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = two_wait => {}
            swapped = &mut swap => panic!("passed the load: {swapped:?}"),
        }
        holder.batch_execute("COMMIT").await.unwrap();
        let loaded = load.await.unwrap().unwrap().found().unwrap();
        assert_eq!(loaded.version, 1);
        assert_eq!(swap.await.unwrap().unwrap(), Swapped::Swapped { version: 2 });
    });
}

/// The pool itself is tested on a server that answers as it is told: `pool_tests.rs`.
#[test]
fn a_pool_that_is_used_up_says_so() {
    let database = cluster().database("migrated");
    let url = cluster().url(&database);
    let impatient = options(&url).with_connections(1).with_patience(Duration::from_secs(2));
    on_runtime(async {
        let patient = PostgresStore::open(&options(&url)).await.unwrap().codes();
        patient.charge(&[charge(1)], now()).await.unwrap();
        let codes = PostgresStore::open(&impatient).await.unwrap().codes();
        // Somebody holds the row, so the one connection waits for it: a caller that gets it has no
        // answer in time, and one that gets none has asked nothing.
        let client = holding(&url, "UPDATE sspr.counter SET value = value").await;
        let held = [charge(1)];
        let calls = (0..4).map(|_| codes.charge(&held, now()));
        let mut unknown = 0;
        for answer in futures_util::future::join_all(calls).await {
            let error = answer.unwrap_err();
            assert!(error.is_transient(), "{error:?}");
            unknown += u32::from(error.kind() == StoreErrorKind::Unknown);
        }
        client.batch_execute("ROLLBACK").await.unwrap();
        // Those that were cut off may have happened, and the others have not.
        let ask = |limit| [Charge { amount: 0, limit, ..charge(1) }];
        assert!(patient.charge(&ask(1 + unknown), now()).await.unwrap().is_empty());
        eventually(|| codes.charge(&held, now())).await;
    });
}

#[test]
fn a_call_that_nobody_waits_for_any_more_holds_up_nobody() {
    let database = cluster().database("migrated");
    let url = cluster().url(&database);
    on_runtime(async {
        let store = PostgresStore::open(&options(&url).with_connections(1)).await.unwrap();
        let codes = store.codes();
        codes.charge(&[charge(1)], now()).await.unwrap();
        let client = holding(&url, "UPDATE sspr.counter SET value = value").await;
        let held = [charge(1)];
        let mut cut = Box::pin(codes.charge(&held, now()));
        tokio::select! {
            biased;
            answer = &mut cut => panic!("answered without the lock: {answer:?}"),
            () = waits_for_a_lock(&client) => {}
        }
        drop(cut);
        // The lock is still held: on the same connection this would wait for it.
        assert!(codes.charge(&[charge(2)], now()).await.unwrap().is_empty());
        client.batch_execute("ROLLBACK").await.unwrap();
    });
}

#[test]
fn a_connection_that_the_server_ends_in_the_middle_of_a_call_is_told_and_replaced() {
    let database = cluster().database("migrated");
    let url = cluster().url(&database);
    on_runtime(async {
        let store = PostgresStore::open(&options(&url).with_connections(1)).await.unwrap();
        let codes = store.codes();
        codes.charge(&[charge(1)], now()).await.unwrap();
        let client = holding(&url, "UPDATE sspr.counter SET value = value").await;
        let held = [charge(1)];
        let end = async {
            waits_for_a_lock(&client).await;
            let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
            client.query(sql, &[]).await.unwrap();
        };
        let (answer, ()) = tokio::join!(codes.charge(&held, now()), end);
        let error = answer.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unknown, "{error:?}");
        // The very next call has a connection that works.
        assert!(codes.charge(&[charge(2)], now()).await.unwrap().is_empty());
        client.batch_execute("ROLLBACK").await.unwrap();
        let ask = [Charge { amount: 0, limit: 1, ..charge(1) }];
        assert!(codes.charge(&ask, now()).await.unwrap().is_empty(), "it was undone");
    });
}

#[test]
fn a_statement_that_the_server_stops_has_not_happened() {
    for setting in ["statement_timeout = '100ms'", "lock_timeout = '100ms'"] {
        let database = cluster().database("migrated");
        let url = cluster().url(&database);
        on_runtime(async {
            let open = || async { PostgresStore::open(&options(&url)).await.unwrap().codes() };
            let free = open().await;
            free.charge(&[charge(1)], now()).await.unwrap();
            cluster().sql("postgres", &[&format!("ALTER DATABASE {database} SET {setting}")]);
            let stopped = open().await;
            let client = holding(&url, "UPDATE sspr.counter SET value = value").await;
            let error = stopped.charge(&[charge(1)], now()).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Busy, "{setting}: {error:?}");
            client.batch_execute("ROLLBACK").await.unwrap();
            let ask = [Charge { amount: 0, limit: 1, ..charge(1) }];
            assert!(free.charge(&ask, now()).await.unwrap().is_empty(), "{setting}");
        });
    }
}

#[test]
fn opening_waits_no_longer_than_a_call() {
    let database = cluster().database("migrated");
    let url = cluster().url(&database);
    on_runtime(async {
        let client = holding(&url, "LOCK TABLE sspr.migration").await;
        let short = options(&url).with_patience(Duration::from_millis(500));
        let error = PostgresStore::open(&short).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Busy, "{error:?}");
        client.batch_execute("ROLLBACK").await.unwrap();
    });
}

/// A store behind a network, with connections made.
async fn behind(proxy: &Proxy, patience: Duration) -> sspr::adapters::PostgresCodes {
    let database = cluster().database("migrated");
    let url = format!("postgres://postgres@127.0.0.1:{}/{database}?connect_timeout=60", proxy.port);
    let options = options(&url).with_connections(1).with_patience(patience);
    PostgresStore::open(&options).await.unwrap().codes()
}

#[test]
fn each_verb_is_one_round_trip() {
    let proxy = Proxy::before(cluster().port);
    on_runtime(async {
        let codes = behind(&proxy, PATIENT).await;
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
    codes.compare_and_swap(&next, 1, &[charge(1)], &[charge(2).name], now()).await.unwrap();
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
    let proxy = Proxy::before(cluster().port);
    on_runtime(async {
        let codes = behind(&proxy, Duration::from_secs(20)).await;
        cut_for_ten_seconds(&proxy, &codes).await;
    });
}

#[test]
fn a_lost_answer_is_told_as_unknown_and_the_repeat_ends_where_the_first_did() {
    let proxy = Proxy::before(cluster().port);
    on_runtime(async {
        let codes = behind(&proxy, Duration::from_secs(20)).await;
        lost_answers(&proxy, &codes).await;
    });
}

/// Every clause also holds on a slow network.
#[test]
fn a_slow_network_bends_no_clause() {
    let proxy = Proxy::before(cluster().port);
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
