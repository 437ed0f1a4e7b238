//! The contract of code store, user store and outbox on a real Postgres; PgBouncer; and databases
//! that cannot serve.
#![cfg(all(feature = "conformance", feature = "postgres"))]
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
    sync::{Arc, OnceLock},
    time::Duration,
};

use proxy::{Proxy, Weather};
use servers::{PgBouncer, Postgres};
use sspr::{
    adapters::{PostgresOptions, PostgresStore, PostgresUsers},
    conformance::*,
    domain::{Charge, CounterName, Instant, RecordId, TenantId},
    ports::{CodeStore, Inserted, Record, StoreErrorKind},
};

/// One cluster for all tests of this file, with a migrated database to copy.
fn cluster() -> &'static Postgres {
    static CLUSTER: OnceLock<Postgres> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let cluster = Postgres::start();
        cluster.sql("postgres", &["CREATE DATABASE migrated"]);
        let options = options(&cluster.url("migrated"));
        let migrate = || on_runtime(async { PostgresStore::migrate(&options).await.unwrap() });
        // Whoever comes first may be on a runtime already.
        std::thread::scope(|scope| scope.spawn(migrate).join().unwrap());
        cluster
    })
}

fn options(url: &str) -> PostgresOptions {
    PostgresOptions::from_url(url).unwrap().without_clock_check().with_connections(8)
}

fn on_runtime<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().unwrap().block_on(future)
}

/// A database of its own for each case.
async fn store() -> PostgresStore {
    let database = cluster().database("migrated");
    PostgresStore::open(&options(&cluster().url(&database))).await.unwrap()
}

fn bench(store: &PostgresStore) -> CodeStoreBench {
    CodeStoreBench::new(store.codes()).with_spawn(|task| drop(tokio::spawn(task)))
}

fn code_store(case: CodeStoreCase) -> Verdict {
    on_runtime(async { case.check(&bench(&store().await)).await })
}

fn put(users: &PostgresUsers) -> PutAccount {
    let users = users.clone();
    Arc::new(move |tenant, account| {
        let users = users.clone();
        Box::pin(async move { users.insert(&tenant, &account).await })
    })
}

fn user_store(case: UserStoreCase) -> Verdict {
    on_runtime(async {
        let users = store().await.users();
        case.check(&UserStoreBench::new(users.clone(), put(&users))).await
    })
}

fn outbox(case: OutboxCase) -> Verdict {
    on_runtime(async {
        let users = store().await.users();
        case.check(&OutboxBench::new(users.clone(), users.clone(), put(&users))).await
    })
}

mod code_store_on_postgres {
    sspr::code_store_conformance!(super::code_store);
}

mod user_store_on_postgres {
    sspr::user_store_conformance!(super::user_store);
}

mod outbox_on_postgres {
    sspr::outbox_conformance!(super::outbox);
}

#[test]
fn every_clause_holds_through_pgbouncer_in_transaction_mode() {
    let pooler = PgBouncer::before(cluster());
    on_runtime(async {
        for case in CodeStoreCase::all() {
            let database = cluster().database("migrated");
            let store = PostgresStore::open(&options(&pooler.url(&database))).await.unwrap();
            case.check(&bench(&store).with_rounds(12)).await.unwrap();
        }
    });
}

#[test]
fn a_role_with_the_least_rights_can_do_everything_and_no_more() {
    let database = cluster().database("migrated");
    cluster().sql(&database, &[PostgresStore::ROLES]);
    cluster().sql(&database, &[PostgresStore::ROLES, "CREATE ROLE app LOGIN IN ROLE sspr_app"]);
    let url = cluster().url(&database).replace("postgres@", "app@");
    on_runtime(async {
        let store = PostgresStore::open(&options(&url)).await.unwrap();
        let codes = CodeStoreCase::named("a_cleared_counter_begins_anew").unwrap();
        codes.check(&bench(&store)).await.unwrap();
        let users = store.users();
        let case = OutboxCase::named("what_is_done_never_comes_back").unwrap();
        case.check(&OutboxBench::new(users.clone(), users.clone(), put(&users))).await.unwrap();
        // Nothing to do, so it may: with something to do, it may not.
        PostgresStore::migrate(&options(&url)).await.unwrap();
        cluster().sql(&database, &["DELETE FROM sspr.migration WHERE number > 1"]);
        let error = PostgresStore::migrate(&options(&url)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Setup, "{error}");
    });
}

#[test]
fn processes_that_migrate_at_once_migrate_once() {
    let database = cluster().database("template0");
    let options = options(&cluster().url(&database));
    on_runtime(async {
        let migrations = (0..16).map(|_| PostgresStore::migrate(&options));
        for migrated in futures_util::future::join_all(migrations).await {
            migrated.unwrap();
        }
        PostgresStore::open(&options).await.unwrap();
    });
    assert_eq!(cluster().sql(&database, &["SELECT count(*) FROM sspr.migration"]).trim(), "2");
}

async fn refused(url: &str) -> (StoreErrorKind, String) {
    let options = options(url).with_patience(Duration::from_secs(2));
    let error = PostgresStore::open(&options).await.unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn a_database_that_cannot_serve_says_what_to_do() {
    let (empty, older, newer, half) = (
        cluster().database("template0"),
        cluster().database("migrated"),
        cluster().database("migrated"),
        cluster().database("migrated"),
    );
    cluster().sql(&older, &["DELETE FROM sspr.migration WHERE number = 2"]);
    cluster().sql(&newer, &["INSERT INTO sspr.migration VALUES (99)"]);
    cluster().sql(&half, &["DELETE FROM sspr.migration WHERE number = 1"]);
    on_runtime(async {
        for (database, words) in [
            (&empty, "no schema sspr"),
            (&older, "at version 1"),
            (&newer, "newer release"),
            (&half, "1 migrations run"),
        ] {
            let (kind, found) = refused(&cluster().url(database)).await;
            assert_eq!(kind, StoreErrorKind::Setup, "{found}");
            assert!(found.contains(words), "{found}");
        }
        let url = cluster().url("postgres");
        let (kind, found) = refused(&url.replace("/postgres", "/nowhere")).await;
        assert_eq!((kind, found.contains("refuses this user")), (StoreErrorKind::Setup, true));
        let (kind, _) = refused(&url.replace("postgres@", "nobody:wrong@")).await;
        assert_eq!(kind, StoreErrorKind::Setup);
        let (kind, found) = refused("postgres://postgres@127.0.0.1:1/postgres").await;
        assert_eq!((kind, found.contains("cannot be reached")), (StoreErrorKind::Busy, true));
        let (kind, found) = refused(&format!("{url}?sslmode=require")).await;
        assert_eq!((kind, found.contains("does not speak TLS")), (StoreErrorKind::Setup, true));
    });
}

fn charge(number: u8) -> Charge {
    let name = CounterName::from_bytes([number; 32]);
    Charge { amount: 1, limit: 1_000_000, name, tier: 0, window: Duration::from_secs(3600) }
}

fn now() -> Instant {
    Instant::from_micros(1_800_000_000_000_000)
}

#[test]
fn a_read_only_server_says_so_and_changes_nothing() {
    let database = cluster().database("migrated");
    let statement = format!("ALTER DATABASE {database} SET default_transaction_read_only = on");
    cluster().sql("postgres", &[&statement]);
    on_runtime(async {
        let store = PostgresStore::open(&options(&cluster().url(&database))).await.unwrap();
        let error = store.codes().charge(&[charge(1)], now()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Setup);
        assert!(error.to_string().contains("read-only"), "{error}");
    });
}

#[test]
fn a_clock_that_is_off_is_refused_and_told_by_how_much() {
    let database = cluster().database("migrated");
    let options = PostgresOptions::from_url(&cluster().url(&database)).unwrap();
    on_runtime(async {
        let codes = PostgresStore::open(&options).await.unwrap().codes();
        let clock = sspr::adapters::SystemClock::new();
        let now = || sspr::ports::Clock::now(&clock);
        for (off, served) in [(0, true), (20, true), (45, false), (86_400, false)] {
            let off = Duration::from_secs(off);
            for now in [now().after(off), now().before(off)] {
                match codes.charge(&[charge(1)], now).await {
                    Ok(_) => assert!(served, "{off:?}"),
                    Err(error) => {
                        assert!(!served, "{off:?}: {error}");
                        assert_eq!(error.kind(), StoreErrorKind::Clock);
                        assert!(error.to_string().contains("seconds off"), "{error}");
                        assert!(codes.delete_expired(now, 9).await.is_err());
                    }
                }
            }
        }
    });
}

fn record(number: u8) -> Record {
    let tenant = TenantId::parse("contoso").unwrap().tag();
    Record {
        begins_challenge: false,
        body: vec![number; 100],
        charges: Vec::new(),
        expires_at: now().after(Duration::from_secs(3600)),
        id: RecordId::from_parts(tenant, [number; 16]),
        tries_limit: 5,
    }
}

/// Killed with -9 in the middle of a race, many times: what was answered is there, and not twice.
#[test]
fn a_server_that_is_killed_loses_nothing_that_was_answered_and_is_found_again() {
    let cluster = Postgres::with(&["fsync=on"]);
    let options = options(&cluster.url("postgres")).with_patience(Duration::from_secs(3));
    on_runtime(async {
        PostgresStore::migrate(&options).await.unwrap();
        let store = PostgresStore::open(&options).await.unwrap();
        let (mut answered, mut unknown) = (0, 0);
        for round in 0..5_u8 {
            let codes = store.codes();
            codes.insert(&record(round), &[], now()).await.unwrap();
            let race: Vec<_> = (0..16)
                .map(|_| {
                    let codes = codes.clone();
                    tokio::spawn(async move {
                        let (mut done, mut unknown) = (0_u32, 0_u32);
                        // Until the server is gone.
                        loop {
                            match codes.charge(&[charge(1)], now()).await {
                                Ok(over) => done += u32::from(over.is_empty()),
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
            tokio::time::sleep(Duration::from_millis(150)).await;
            cluster.kill();
            for caller in race {
                let (done, lost) = caller.await.unwrap();
                answered += done;
                unknown += lost;
            }
            cluster.restart();
            // The same store, not opened again.
            let again = codes.insert(&record(round), &[], now()).await;
            let again = match again {
                Err(error) if error.is_transient() => {
                    codes.insert(&record(round), &[], now()).await
                }
                other => other,
            };
            assert_eq!(again.unwrap(), Inserted::Exists, "an answered insert was lost");
        }
        let value: u32 =
            cluster.sql("postgres", &["SELECT value FROM sspr.counter"]).trim().parse().unwrap();
        assert!(answered > 100, "the race ran: {answered}");
        assert!(
            (answered..=answered + unknown).contains(&value),
            "{answered} answered, {unknown} unknown, {value} in the store"
        );
    });
}

#[test]
fn a_pool_that_is_used_up_says_so() {
    let database = cluster().database("migrated");
    let url = cluster().url(&database);
    let impatient = options(&url).with_connections(1).with_patience(Duration::from_secs(2));
    on_runtime(async {
        let patient = PostgresStore::open(&options(&url)).await.unwrap().codes();
        patient.charge(&[charge(1)], now()).await.unwrap();
        let codes = PostgresStore::open(&impatient).await.unwrap().codes();
        // Somebody holds the row; the one connection waits for it.
        let (client, connection) =
            tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute("BEGIN; UPDATE sspr.counter SET value = value").await.unwrap();
        let (first, second) = ([charge(1)], [charge(2)]);
        let (one, two) = tokio::join!(codes.charge(&first, now()), codes.charge(&second, now()));
        let kinds = [one.unwrap_err(), two.unwrap_err()].map(|error| error.kind());
        assert!(kinds.contains(&StoreErrorKind::Unknown), "cut off: {kinds:?}");
        assert!(kinds.contains(&StoreErrorKind::Busy), "no connection: {kinds:?}");
        client.batch_execute("ROLLBACK").await.unwrap();
        assert!(patient.charge(&[charge(2)], now()).await.unwrap().is_empty(), "and again");
    });
}

/// A store behind a network, with connections made.
async fn behind(proxy: &Proxy, patience: Duration) -> sspr::adapters::PostgresCodes {
    let database = cluster().database("migrated");
    let url = format!("postgres://postgres@127.0.0.1:{}/{database}", proxy.port);
    let options = options(&url).with_connections(1).with_patience(patience);
    PostgresStore::open(&options).await.unwrap().codes()
}

#[test]
fn each_verb_is_one_round_trip() {
    let proxy = Proxy::before(cluster().port);
    on_runtime(async {
        let codes = behind(&proxy, Duration::from_secs(5)).await;
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
    let proxy = Proxy::before(cluster().port);
    on_runtime(async {
        let codes = behind(&proxy, Duration::from_secs(1)).await;
        cut_for_ten_seconds(&proxy, &codes).await;
    });
}

#[test]
fn a_lost_answer_is_told_as_unknown_and_the_repeat_ends_where_the_first_did() {
    let proxy = Proxy::before(cluster().port);
    on_runtime(async {
        let codes = behind(&proxy, Duration::from_secs(1)).await;
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

#[test]
fn over_tls_the_servers_certificate_is_verified() {
    let folder = servers::folder("certificates");
    certificates::write(&folder);
    servers::give_to("postgres", &folder);
    let file = |name: &str| folder.join(name).display().to_string();
    let (certificate, key) = (
        format!("ssl_cert_file={}", file("leaf.pem")),
        format!("ssl_key_file={}", file("leaf.key")),
    );
    let server = Postgres::with(&["ssl=on", &certificate, &key]);
    let root = std::fs::read(folder.join("ca.pem")).unwrap();
    let url = server.url("postgres").replace("127.0.0.1", "localhost") + "?sslmode=require";
    on_runtime(async {
        let trusting = options(&url).with_root_certificates(root.clone());
        PostgresStore::migrate(&trusting).await.unwrap();
        let codes = PostgresStore::open(&trusting).await.unwrap().codes();
        assert!(codes.charge(&[charge(1)], now()).await.unwrap().is_empty());
        let encrypted = "SELECT count(*) FROM pg_stat_ssl WHERE ssl AND pid <> pg_backend_pid()";
        assert_ne!(server.sql("postgres", &[encrypted]).trim(), "0");
        // The operating system does not know the root; and the name must be the certificate's.
        let other_name = format!("{}?sslmode=require", server.url("postgres"));
        let strangers = [options(&url), options(&other_name).with_root_certificates(root)];
        for options in strangers {
            let error = PostgresStore::open(&options).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Setup, "{error:?}");
            assert!(error.to_string().contains("certificate"), "{error}");
        }
        let empty = options(&url).with_root_certificates("no certificate");
        assert_eq!(PostgresStore::open(&empty).await.unwrap_err().kind(), StoreErrorKind::Setup);
    });
}

/// A small disk of memory, gone with the test.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount() -> Self {
        let folder = servers::folder("disk");
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"])
            .arg(&folder)
            .status();
        assert!(
            mounted.unwrap().success(),
            "no small disk to fill: run as root, or leave this test out with SSPR_NO_MOUNT=1"
        );
        servers::give_to("postgres", &folder);
        Self(folder)
    }

    fn grow(&self) {
        let mut command = std::process::Command::new("mount");
        let grown = command.args(["-o", "remount,size=48m"]).arg(&self.0).status();
        assert!(grown.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the server may be on its way out still.
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_refuses_loses_nothing_and_recovers() {
    if std::env::var_os("SSPR_NO_MOUNT").is_some() {
        return;
    }
    let disk = SmallDisk::mount();
    let server = Postgres::start();
    let place = format!("CREATE TABLESPACE small LOCATION '{}'", disk.0.display());
    server.sql("postgres", &[&place, "CREATE DATABASE filled TABLESPACE small"]);
    on_runtime(async {
        let options = options(&server.url("filled"));
        PostgresStore::migrate(&options).await.unwrap();
        let codes = PostgresStore::open(&options).await.unwrap().codes();
        let large = |number: u32| {
            let mut unique = [0; 16];
            unique[..4].copy_from_slice(&number.to_be_bytes());
            let id = RecordId::from_parts(TenantId::parse("contoso").unwrap().tag(), unique);
            // Bytes that do not compress.
            let mut seed = u64::from(number) + 1;
            let body = (0..6_000).map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (seed >> 56) as u8
            });
            Record { body: body.collect(), id, ..record(1) }
        };
        let mut written = 0;
        let error = loop {
            match codes.insert(&large(written), &[charge(1)], now()).await {
                Ok(answer) => assert_eq!(answer, Inserted::Inserted),
                Err(error) => break error,
            }
            written += 1;
            assert!(written < 10_000, "the disk has no end");
        };
        assert_eq!(error.kind(), StoreErrorKind::Full, "{error:?}");
        assert!(error.to_string().contains("no room"), "{error}");
        assert!(codes.load(&large(written).id).await.unwrap().is_none(), "half written");
        for number in 0..written {
            assert!(codes.load(&large(number).id).await.unwrap().is_some(), "lost");
        }
        let ask = |limit| [Charge { amount: 0, limit, ..charge(1) }];
        assert!(codes.charge(&ask(written), now()).await.unwrap().is_empty(), "half charged");
        assert!(!codes.charge(&ask(written - 1), now()).await.unwrap().is_empty());
        // Room comes back, and nobody opens anything again.
        disk.grow();
        let again = codes.insert(&large(written), &[charge(1)], now()).await.unwrap();
        assert_eq!(again, Inserted::Inserted);
    });
}
