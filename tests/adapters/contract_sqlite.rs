//! The contract of code store, user store and outbox on SQLite; and files that cannot serve.

use crate::accounts;
use std::{future::Future, sync::Arc, time::Duration};

use crate::support;
use crate::support::all;
use sspr::{
    adapters::{SqliteStore, SqliteUsers},
    conformance::*,
    domain::{RecordId, TenantId, Timestamp},
    ports::{CodeStore, NOTICE_LEASE, NoticeCause, Outbox as _, StoreErrorKind},
    store::{Attempted, Charge, CounterName, Inserted, Record, Swapped},
};

/// A file of its own for each case.
fn with_store<F: Future<Output = CaseResult>>(check: impl FnOnce(SqliteStore) -> F) -> CaseResult {
    let folder = tempfile::tempdir().unwrap();
    block_on(async { check(SqliteStore::open(folder.path().join("sspr.db")).await.unwrap()).await })
}

fn code_store(case: CodeStoreCase) -> CaseResult {
    with_store(|store| async move { case.check(&CodeStoreBench::new(store.codes())).await })
}

fn put(users: &SqliteUsers) -> PutAccount {
    let users = users.clone();
    Arc::new(move |tenant, account| {
        let users = users.clone();
        Box::pin(async move { users.insert(&tenant, &account).await })
    })
}

fn user_store(case: UserStoreCase) -> CaseResult {
    with_store(|store| async move {
        let users = store.users();
        case.check(&UserStoreBench::new(users.clone(), put(&users))).await
    })
}

fn outbox(case: OutboxCase) -> CaseResult {
    with_store(|store| async move {
        let users = store.users();
        case.check(&OutboxBench::new(users.clone(), users.clone(), put(&users))).await
    })
}

mod code_store_on_sqlite {
    sspr::code_store_conformance!(super::code_store);
}

mod user_store_on_sqlite {
    sspr::user_store_conformance!(super::user_store);
}

fn audit_log(case: AuditLogCase) -> CaseResult {
    let retention = Duration::from_secs(3600);
    with_store(|store| async move {
        let log = store.audit().with_retention(retention);
        case.check(&AuditLogBench::new(log).with_retention(retention)).await
    })
}

mod audit_log_on_sqlite {
    sspr::audit_log_conformance!(super::audit_log);
}

mod outbox_on_sqlite {
    sspr::outbox_conformance!(super::outbox);
}

#[test]
fn a_full_sqlite_store_refuses_and_evicts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    block_on(async {
        let path = folder.path().join("sspr.db");
        let store = SqliteStore::open_within(path, 300_000).await.unwrap();
        CodeStoreCase::when_full().check(&CodeStoreBench::new(store.codes())).await.unwrap();
    });
}

const START: i64 = 1_800_000_000_000_000;
const DAY: i64 = 24 * 3_600_000_000;
const WINDOW: i64 = 1_000_000;

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(START + micros)
}

fn id(number: u8) -> RecordId {
    RecordId::from_parts(TenantId::parse("contoso").unwrap().tag(), [number; 16])
}

fn name(number: u8) -> CounterName {
    CounterName::from_bytes([number; 32])
}

fn charge(number: u8, tier: u8, limit: u32) -> Charge {
    let window = Duration::from_micros(WINDOW as u64);
    Charge { amount: 1, limit, name: name(number), tier, window }
}

fn ask(number: u8, limit: u32) -> Charge {
    Charge { amount: 0, ..charge(number, 0, limit) }
}

fn record(number: u8, tries_limit: u32, charges: &[Charge]) -> Record {
    Record {
        begins_challenge: false,
        body: vec![number; 8],
        charges: charges.to_vec(),
        expires_at: at(DAY),
        id: id(number),
        tries_limit,
    }
}

/// The counter's value, found by asking.
async fn value(store: &Arc<dyn CodeStore>, number: u8, now: Timestamp) -> u32 {
    for limit in 0..1000 {
        if store.charge(&[ask(number, limit)], now).await.unwrap().is_empty() {
            return limit;
        }
    }
    panic!("a large counter");
}

async fn insert(store: &Arc<dyn CodeStore>, record: &Record, charges: &[Charge]) -> Inserted {
    store.insert(record, charges, at(0)).await.unwrap()
}

async fn refused(path: &std::path::Path) -> (StoreErrorKind, String) {
    let error = SqliteStore::open(path).await.unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn two_processes_on_one_file_share_one_truth() {
    support::runtime().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sspr.db");
        let stores =
            [SqliteStore::open(&file).await.unwrap(), SqliteStore::open(&file).await.unwrap()];
        let stores = Arc::new(stores.map(|store| store.codes()));
        let admitted = all(64, move |index| {
            let stores = stores.clone();
            Box::pin(async move {
                let store = &stores[index % 2];
                store.charge(&[charge(1, 0, 3)], at(1)).await.unwrap().is_empty()
            })
        })
        .await;
        assert_eq!(admitted.into_iter().filter(|admitted| *admitted).count(), 3);
    });
}

#[test]
fn a_store_survives_being_closed() {
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sspr.db");
        let codes: Arc<dyn CodeStore> = Arc::new(SqliteStore::open(&file).await.unwrap().codes());
        insert(&codes, &record(1, 5, &[]), &[charge(1, 0, 9)]).await;
        drop(codes);
        let codes: Arc<dyn CodeStore> = Arc::new(SqliteStore::open(&file).await.unwrap().codes());
        assert!(codes.load(&id(1), &[], at(0)).await.unwrap().found().is_some());
        assert_eq!(value(&codes, 1, at(1)).await, 1);
    });
}

#[test]
fn a_file_that_cannot_serve_says_what_to_do() {
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let missing = refused(&dir.path().join("nowhere").join("sspr.db")).await;
        assert_eq!(missing.0, StoreErrorKind::Setup);
        assert!(missing.1.contains("folder exists"), "{}", missing.1);

        let text = dir.path().join("notes.txt");
        std::fs::write(&text, "this is no database, whatever its name may be".repeat(99)).unwrap();
        let (kind, words) = refused(&text).await;
        assert_eq!(kind, StoreErrorKind::Setup);
        assert!(words.contains("not a SQLite database"), "{words}");

        let newer = dir.path().join("newer.db");
        drop(SqliteStore::open(&newer).await.unwrap());
        let connection = rusqlite::Connection::open(&newer).unwrap();
        connection.execute("INSERT INTO sspr_migration VALUES (99)", []).unwrap();
        let (kind, words) = refused(&newer).await;
        assert_eq!(kind, StoreErrorKind::Setup);
        assert!(words.contains("newer release"), "{words}");
    });
}

#[test]
fn a_full_database_refuses_loses_nothing_and_recovers() {
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sspr.db");
        let small = SqliteStore::open_within(&file, 200_000).await.unwrap();
        let codes: Arc<dyn CodeStore> = Arc::new(small.codes());
        let large = |number| {
            let mut record = record(number, 5, &[]);
            record.body = vec![number; 4000];
            record
        };
        let mut written = Vec::new();
        let error = loop {
            let number = u8::try_from(written.len()).unwrap();
            match codes.insert(&large(number), &[charge(number, 0, 9)], at(0)).await {
                Ok(answer) => {
                    assert_eq!(answer, Inserted::Inserted);
                    written.push(number);
                }
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), StoreErrorKind::Full, "{error}");
        assert!(error.to_string().contains("no room"), "{error}");
        assert!(written.len() > 10);
        for number in &written {
            assert!(codes.load(&id(*number), &[], at(0)).await.unwrap().found().is_some(), "lost");
            assert_eq!(value(&codes, *number, at(0)).await, 1);
        }
        let refused = u8::try_from(written.len()).unwrap();
        assert!(
            codes.load(&id(refused), &[], at(0)).await.unwrap().found().is_none(),
            "half written"
        );
        assert_eq!(value(&codes, refused, at(0)).await, 0, "half charged");

        assert!(codes.delete_expired(at(3 * DAY), 1000).await.unwrap() > 10);
        let again = codes.insert(&large(refused), &[], at(3 * DAY)).await.unwrap();
        assert_eq!(again, Inserted::Inserted, "room came back");
    });
}

/// A number in the file, as another program reads it.
fn number(file: &std::path::Path, sql: &str) -> i64 {
    rusqlite::Connection::open(file).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn every_field_of_an_account_is_kept_and_the_optional_methods_do_what_they_say() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("sspr.db");
    block_on(async { crate::check_accounts!(SqliteStore::open(&file).await.unwrap().users()) });
    let sql = "SELECT signed_in_at FROM sspr_account WHERE tenant = 'contoso'";
    assert_eq!(number(&file, sql), accounts::AT.as_micros());
    let sql = "SELECT count(*) FROM sspr_account WHERE signed_in_at IS NOT NULL";
    assert_eq!(number(&file, sql), 1);
}

#[test]
fn a_session_is_valid_only_while_its_account_is_enabled_and_has_its_stamp() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("sspr.db");
    block_on(async {
        let users = SqliteStore::open(&file).await.unwrap().users();
        crate::check_sessions!(users.clone());
        let ada = accounts::ada();
        let (contoso, entropy) = (accounts::tenant("contoso"), accounts::entropy());
        let token = users.open_session(&contoso, &ada.id, ada.stamp, &entropy).await.unwrap();
        assert!(users.session(&contoso, &token).await.unwrap().is_some());
        let removed = "DELETE FROM sspr_account WHERE tenant = 'contoso'";
        rusqlite::Connection::open(&file).unwrap().execute(removed, []).unwrap();
        assert!(
            users.session(&contoso, &token).await.unwrap().is_none(),
            "of an account that is gone"
        );
    });
}

#[test]
fn a_notice_of_an_older_version_is_kept_and_waits_for_no_future_of_a_clock_that_stepped_back() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("sspr.db");
    let older = rusqlite::Connection::open(&file).unwrap();
    older.execute_batch("CREATE TABLE sspr_migration (number INTEGER PRIMARY KEY) STRICT").unwrap();
    for number in 1..=2 {
        let sql = format!("src/adapters/sqlite/migrations/{number:04}.sql");
        older.execute_batch(&std::fs::read_to_string(sql).unwrap()).unwrap();
        older.execute("INSERT INTO sspr_migration VALUES (?1)", [number]).unwrap();
    }
    let sql = "INSERT INTO sspr_notice (tenant, address, changed_at, leased_until) \
               VALUES ('contoso', ?1, ?2, ?3)";
    let minute = 60_000_000;
    for (to, until) in [("leased@example.com", START + minute), ("due@example.com", START)] {
        older.execute(sql, rusqlite::params![to, START - minute, until]).unwrap();
    }
    drop(older);

    block_on(async {
        let users = SqliteStore::open(&file).await.unwrap().users();
        let due = users.due(at(0), 10).await.unwrap();
        let told: Vec<&str> = due.iter().map(|notice| notice.to.as_str()).collect();
        assert_eq!(told, ["due@example.com"]);
        assert_eq!((due[0].cause, due[0].tries), (NoticeCause::Unknown, 0));
        users.done(&due[0].id).await.unwrap();
        // The lease was taken at the start: a clock two minutes behind knows nothing of it.
        assert!(users.due(at(-minute), 10).await.unwrap().is_empty());
        assert_eq!(users.due(at(-2 * minute), 10).await.unwrap().len(), 1);
    });
}

/// How large the file and what is written beside it are.
fn sizes(file: &std::path::Path) -> [u64; 2] {
    let beside = file.with_extension("db-wal");
    [file, &beside].map(|file| std::fs::metadata(file).map_or(0, |data| data.len()))
}

#[test]
fn refused_calls_write_nothing() {
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sspr.db");
        let codes: Arc<dyn CodeStore> = Arc::new(SqliteStore::open(&file).await.unwrap().codes());
        let one = Record { body: vec![1; 4000], ..record(1, 5, &[]) };
        insert(&codes, &one, &[charge(1, 0, 9)]).await;
        let full = [charge(1, 0, 9), charge(2, 0, 0)];
        let before = sizes(&file);
        for number in 2..=200 {
            let refused = Record { body: vec![number; 4000], ..record(number, 5, &[]) };
            assert!(matches!(insert(&codes, &refused, &full).await, Inserted::Refused(_)));
            let next = Record { body: vec![number; 4000], ..one.clone() };
            let answer = codes.compare_and_swap(&next, 1, &full, &[], at(0)).await.unwrap();
            assert!(matches!(answer, Swapped::Refused(_)));
            let answer = codes.compare_and_swap(&next, 7, &[], &[], at(0)).await.unwrap();
            assert!(matches!(answer, Swapped::Conflict { .. }));
            assert_eq!(codes.charge(&full, at(0)).await.unwrap().len(), 1);
            assert_eq!(insert(&codes, &next, &[charge(3, 0, 9)]).await, Inserted::Exists);
            assert!(matches!(
                codes.attempt(&id(number), &[], at(0)).await.unwrap(),
                Attempted::Missing
            ));
        }
        assert_eq!(sizes(&file), before);
    });
}

#[test]
fn a_locked_database_loses_nothing_and_recovers() {
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sspr.db");
        let codes: Arc<dyn CodeStore> = Arc::new(SqliteStore::open(&file).await.unwrap().codes());
        insert(&codes, &record(1, 5, &[]), &[]).await;

        let other = rusqlite::Connection::open(&file).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let error = codes.charge(&[charge(1, 0, 9)], at(0)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Busy, "{error}");
        assert!(codes.load(&id(1), &[], at(0)).await.unwrap().found().is_some(), "readers go on");
        other.execute_batch("ROLLBACK").unwrap();

        assert!(codes.charge(&[charge(1, 0, 9)], at(0)).await.unwrap().is_empty());
        assert_eq!(value(&codes, 1, at(0)).await, 1, "the refused charge was not made");
    });
}

#[test]
fn a_damaged_notice_holds_up_no_other_and_is_told_when_it_is_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("sspr.db");
    block_on(async {
        let users = SqliteStore::open(&file).await.unwrap().users();
        let outside = rusqlite::Connection::open(&file).unwrap();
        let sql = "INSERT INTO sspr_notice (tenant, address, changed_at, leased_until, cause) \
                   VALUES ('contoso', ?1, ?2, ?3, 'reset')";
        for (to, since) in [("no address", 2), ("ada@example.com", 1)] {
            outside.execute(sql, rusqlite::params![to, START, START - since]).unwrap();
        }

        let due = users.due(at(0), 1).await.unwrap_err();
        assert_eq!(due.kind(), StoreErrorKind::Corrupt);
        assert!(due.to_string().contains("address"), "{due}");
        let due = users.due(at(0), 1).await.unwrap();
        assert_eq!(due[0].to.as_str(), "ada@example.com");
        let leased = i64::try_from(NOTICE_LEASE.as_micros()).unwrap();
        let again = users.due(at(leased), 10).await.unwrap();
        assert_eq!(again.len(), 1, "of two that are due, the one that can be read");
    });
}
