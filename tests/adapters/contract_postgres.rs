//! The contract of code store, user store and outbox on a real Postgres; PgBouncer; and databases
//! that cannot serve.

mod connections;

use crate::accounts;
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
use crate::servers::{PgBouncer, Postgres};
use sspr::{
    adapters::{PostgresOptions, PostgresStore, PostgresUsers},
    conformance::*,
    domain::{RecordId, TenantId, Timestamp},
    ports::{CodeStore, NOTICE_LEASE, NoticeCause, Outbox as _, StoreError, StoreErrorKind},
    store::{Charge, CounterName, Inserted, Record, Swapped},
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

/// Options whose time limits no machine is too slow for.
fn options(url: &str) -> PostgresOptions {
    let options = PostgresOptions::from_url(url).unwrap();
    options.without_clock_check().with_connections(8).with_patience(PATIENT)
}

const PATIENT: Duration = Duration::from_secs(60);

/// How many migrations there are.
const MIGRATIONS: &str = "9";

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

fn code_store(case: CodeStoreCase) -> CaseResult {
    on_runtime(async { case.check(&bench(&store().await)).await })
}

fn put(users: &PostgresUsers) -> PutAccount {
    let users = users.clone();
    Arc::new(move |tenant, account| {
        let users = users.clone();
        Box::pin(async move { users.insert(&tenant, &account).await })
    })
}

fn user_store(case: UserStoreCase) -> CaseResult {
    on_runtime(async {
        let users = store().await.users();
        case.check(&UserStoreBench::new(users.clone(), put(&users))).await
    })
}

fn outbox(case: OutboxCase) -> CaseResult {
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

fn audit_log(case: AuditLogCase) -> CaseResult {
    on_runtime(async {
        let retention = Duration::from_secs(3600);
        let log = store().await.audit().with_retention(retention);
        case.check(&AuditLogBench::new(log).with_retention(retention)).await
    })
}

mod audit_log_on_postgres {
    sspr::audit_log_conformance!(super::audit_log);
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
        let log = AuditLogCase::named("a_record_that_is_appended_again_is_kept_once").unwrap();
        log.check(&AuditLogBench::new(store.audit())).await.unwrap();
        let may = "SELECT has_table_privilege('app', 'sspr.audit', 'UPDATE')";
        assert_eq!(cluster().sql(&database, &[may]).trim(), "f", "a record never changes");
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
    assert_eq!(
        cluster().sql(&database, &["SELECT count(*) FROM sspr.migration"]).trim(),
        MIGRATIONS
    );
}

async fn refused(url: &str) -> (StoreErrorKind, String) {
    let error = PostgresStore::open(&options(url)).await.unwrap_err();
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
    cluster().sql(&older, &["DELETE FROM sspr.migration WHERE number > 1"]);
    cluster().sql(&newer, &["INSERT INTO sspr.migration VALUES (99)"]);
    cluster().sql(&half, &["DELETE FROM sspr.migration WHERE number = 1"]);
    let half_run = format!("{} migrations run", MIGRATIONS.parse::<u32>().unwrap() - 1);
    on_runtime(async {
        for (database, words) in [
            (&empty, "no schema sspr"),
            (&older, "at version 1"),
            (&newer, "newer release"),
            (&half, &*half_run),
        ] {
            let (kind, found) = refused(&cluster().url(database)).await;
            assert_eq!(kind, StoreErrorKind::Setup, "{found}");
            assert!(found.contains(words), "{found}");
        }
        let url = cluster().url("postgres");
        let (kind, found) = refused(&cluster().url("nowhere")).await;
        assert_eq!((kind, found.contains("no database of this")), (StoreErrorKind::Setup, true));
        let (kind, found) = refused(&url.replace("postgres@", "nobody:wrong@")).await;
        assert_eq!((kind, found.contains("refuses this user")), (StoreErrorKind::Setup, true));
        let (kind, found) =
            refused(&format!("postgres://postgres@127.0.0.1:{}/postgres", servers::free_port()))
                .await;
        assert_eq!((kind, found.contains("cannot be reached")), (StoreErrorKind::Busy, true));
        let (kind, found) = refused(&format!("{url}&sslmode=require")).await;
        assert_eq!((kind, found.contains("does not speak TLS")), (StoreErrorKind::Setup, true));
    });
}

fn charge(number: u8) -> Charge {
    let name = CounterName::from_bytes([number; 32]);
    Charge { amount: 1, limit: 1_000_000, name, tier: 0, window: Duration::from_secs(3600) }
}

fn now() -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000)
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
    let options = options.with_patience(PATIENT);
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
fn every_field_of_an_account_is_kept_and_the_optional_methods_do_what_they_say() {
    let database = cluster().database("migrated");
    on_runtime(async {
        let options = options(&cluster().url(&database));
        crate::check_accounts!(PostgresStore::open(&options).await.unwrap().users());
    });
    let sql = "SELECT tenant, signed_in_at FROM sspr.account WHERE signed_in_at IS NOT NULL";
    let found = cluster().sql(&database, &[sql]);
    assert_eq!(found.trim(), format!("contoso|{}", accounts::AT.as_micros()));
}

#[test]
fn a_session_is_valid_only_while_its_account_is_enabled_and_has_its_stamp() {
    let database = cluster().database("migrated");
    on_runtime(async {
        let options = options(&cluster().url(&database));
        let users = PostgresStore::open(&options).await.unwrap().users();
        crate::check_sessions!(users.clone());
        let ada = accounts::ada();
        let contoso = accounts::tenant("contoso");
        let entropy = accounts::entropy();
        let token = users.open_session(&contoso, &ada.id, ada.stamp, &entropy).await.unwrap();
        assert!(users.session(&contoso, &token).await.unwrap().is_some());
        cluster().sql(&database, &["DELETE FROM sspr.account WHERE tenant = 'contoso'"]);
        assert!(
            users.session(&contoso, &token).await.unwrap().is_none(),
            "of an account that is gone"
        );
    });
}

/// While a fleet is restarted, processes of the older version go on with their own statements.
#[test]
fn processes_of_an_older_version_queue_and_lease_notices_beside_new_ones() {
    let database = cluster().database("migrated");
    let sql = |statement: &str| cluster().sql(&database, &[statement]).trim().to_owned();
    on_runtime(async {
        let store = PostgresStore::open(&options(&cluster().url(&database))).await.unwrap();
        let users = store.users();
        let contoso = accounts::tenant("contoso");
        users.insert(&contoso, &accounts::ada()).await.unwrap();
        let applied = sql(&format!(
            "SELECT outcome FROM sspr.apply_reset('contoso', 'ada', '\\x{}', '\\x02', 'hash', \
             '\\x03', {}, ARRAY['ada@example.com'], 'de')",
            "01".repeat(16),
            now().as_micros(),
        ));
        assert_eq!(applied, "2");
        let due = users.due(now(), 10).await.unwrap();
        assert_eq!((due.len(), due[0].cause, due[0].tries), (1, NoticeCause::Unknown, 0));
        assert_eq!(due[0].language.as_ref().unwrap().as_str(), "de");
        // Leased by the new one: the older one's statement leaves it alone, and takes it later.
        let lease = |at: Timestamp| {
            sql(&format!(
                "WITH leased AS (UPDATE sspr.notice SET leased_until = {} WHERE id IN \
                 (SELECT n.id FROM sspr.notice AS n WHERE n.leased_until <= {} ORDER BY n.id \
                  LIMIT 10 FOR UPDATE SKIP LOCKED) RETURNING id) SELECT count(*) FROM leased",
                at.after(Duration::from_secs(60)).as_micros(),
                at.as_micros(),
            ))
        };
        assert_eq!(lease(now().after(Duration::from_secs(59))), "0");
        assert_eq!(lease(now().after(Duration::from_secs(60))), "1");
        assert!(users.due(now().after(Duration::from_secs(119)), 10).await.unwrap().is_empty());
        assert_eq!(users.due(now().after(Duration::from_secs(120)), 10).await.unwrap().len(), 1);
    });
}

/// How large a table is, with its index and what is kept beside it.
fn size(database: &str, table: &str) -> u64 {
    let sql = format!("SELECT pg_total_relation_size('sspr.{table}')");
    cluster().sql(database, &[&sql]).trim().parse().unwrap()
}

#[test]
fn refused_calls_write_nothing() {
    let database = cluster().database("migrated");
    on_runtime(async {
        let codes = PostgresStore::open(&options(&cluster().url(&database))).await.unwrap().codes();
        let full = [charge(1), Charge { limit: 0, ..charge(2) }];
        let one = record(1);
        codes.insert(&one, &[], now()).await.unwrap();
        let sizes = || ["record", "counter"].map(|table| size(&database, table));
        let before = sizes();
        for number in 0..200_u32 {
            let mut unique = [0; 16];
            unique[..4].copy_from_slice(&number.to_be_bytes());
            let id = RecordId::from_parts(one.id.tenant_tag(), unique);
            let body = noise(number, 4_000);
            let refused = Record { body: body.clone(), id, ..record(2) };
            let answer = codes.insert(&refused, &full, now()).await.unwrap();
            assert!(matches!(answer, Inserted::Refused(over) if over.len() == 1));
            let next = Record { body: body.clone(), ..record(1) };
            let answer = codes.compare_and_swap(&next, 1, &full, &[], now()).await.unwrap();
            assert!(matches!(answer, Swapped::Refused(_)));
            let answer = codes.compare_and_swap(&next, 7, &[], &[], now()).await.unwrap();
            assert!(matches!(answer, Swapped::Conflict { .. }));
            assert_eq!(codes.charge(&full, now()).await.unwrap().len(), 1);
            let known = Record { body, ..record(1) };
            let answer = codes.insert(&known, &[charge(3)], now()).await.unwrap();
            assert_eq!(answer, Inserted::Exists);
        }
        assert_eq!(sizes(), before);
    });
}

/// Bytes that do not compress.
fn noise(number: u32, length: usize) -> Vec<u8> {
    let mut seed = u64::from(number) + 1;
    let next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 56) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// A database of another encoding, with the schema in it all the same.
fn of_encoding(encoding: &str) -> String {
    let name = format!("of_{}", encoding.to_lowercase());
    cluster().sql(
        "postgres",
        &[&format!(
            "CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' \
             LC_COLLATE 'C' LC_CTYPE 'C'"
        )],
    );
    let mut statements = vec![
        "CREATE SCHEMA sspr; CREATE TABLE sspr.migration (number integer PRIMARY KEY)".to_owned(),
    ];
    let folder = std::path::Path::new("src/adapters/postgres/migrations");
    for number in 1..=MIGRATIONS.parse().unwrap() {
        statements.push(std::fs::read_to_string(folder.join(format!("{number:04}.sql"))).unwrap());
        statements.push(format!("INSERT INTO sspr.migration VALUES ({number})"));
    }
    let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
    cluster().sql(&name, &statements);
    name
}

#[test]
fn a_database_that_cannot_keep_every_address_is_refused() {
    for encoding in ["LATIN1", "WIN1252", "EUC_JP", "SQL_ASCII"] {
        let url = cluster().url(&of_encoding(encoding));
        on_runtime(async {
            for error in [
                PostgresStore::open(&options(&url)).await.unwrap_err(),
                PostgresStore::migrate(&options(&url)).await.unwrap_err(),
            ] {
                assert_eq!(error.kind(), StoreErrorKind::Setup, "{error:?}");
                let words = error.to_string();
                assert!(words.contains(encoding) && words.contains("ENCODING 'UTF8'"), "{words}");
            }
        });
    }
    on_runtime(async {
        let empty = cluster().database("template0");
        PostgresStore::migrate(&options(&cluster().url(&empty))).await.unwrap();
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
    let url = server.url("postgres").replace("127.0.0.1", "localhost") + "&sslmode=require";
    on_runtime(async {
        let trusting = options(&url).with_root_certificates(root.clone());
        PostgresStore::migrate(&trusting).await.unwrap();
        let codes = PostgresStore::open(&trusting).await.unwrap().codes();
        assert!(codes.charge(&[charge(1)], now()).await.unwrap().is_empty());
        let encrypted = "SELECT count(*) FROM pg_stat_ssl WHERE ssl AND pid <> pg_backend_pid()";
        assert_ne!(server.sql("postgres", &[encrypted]).trim(), "0");
        // The operating system does not know the root; and the name must be the certificate's.
        let other_name = server.url("postgres") + "&sslmode=require";
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
            Record { body: noise(number, 6_000), id, ..record(1) }
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
        assert!(
            codes.load(&large(written).id, &[], now()).await.unwrap().found().is_none(),
            "half written"
        );
        for number in 0..written {
            assert!(
                codes.load(&large(number).id, &[], now()).await.unwrap().found().is_some(),
                "lost"
            );
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

#[test]
fn a_damaged_notice_holds_up_no_other_and_is_told_when_it_is_alone() {
    let database = cluster().database("migrated");
    on_runtime(async {
        let store = PostgresStore::open(&options(&cluster().url(&database))).await.unwrap();
        let users = store.users();
        for (to, since) in [("no address", 2), ("ada@example.com", 1)] {
            let at = now().as_micros();
            let queued = format!(
                "INSERT INTO sspr.notice (tenant, address, changed_at, leased_until, cause) \
                 VALUES ('contoso', '{to}', {at}, {at} - {since}, 'reset')"
            );
            cluster().sql(&database, &[&queued]);
        }

        let due = users.due(now(), 1).await.unwrap_err();
        assert_eq!(due.kind(), StoreErrorKind::Corrupt);
        assert!(due.to_string().contains("address"), "{due}");
        let due = users.due(now(), 1).await.unwrap();
        assert_eq!(due[0].to.as_str(), "ada@example.com");
        let again = users.due(now().after(NOTICE_LEASE), 10).await.unwrap();
        assert_eq!(again.len(), 1, "of two that are due, the one that can be read");
    });
}
