//! The number of statements that each verb takes inside the savepoint of the writer. A test fails
//! if a number changes. If the change is intended, change the number here.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rusqlite::{
    Connection,
    trace::{TraceEvent, TraceEventCodes},
};

use super::{charges, codes, schema, users, worker::in_savepoint};
use crate::{
    domain::{
        Account, AccountId, Charge, CounterName, EmailAddress, PasswordHash, RecordId, Stamp,
        TenantId, Timestamp,
    },
    ports::{Applied, Attempted, Inserted, Loaded, PasswordChange, Record, Swapped},
};

/// A connection that counts the statements it runs.
struct Counting {
    connection: Connection,
    statements: Arc<AtomicUsize>,
}

impl Counting {
    fn new() -> Self {
        let mut connection = schema::writer(Path::new(":memory:"), u64::MAX).unwrap();
        let statements = Arc::new(AtomicUsize::new(0));
        let seen = statements.clone();
        let count = move |_: TraceEvent<'_>| _ = seen.fetch_add(1, Ordering::Relaxed);
        connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(count)).unwrap();
        Self { connection, statements }
    }

    /// Returns the answer of a call, and how many statements it took.
    fn count<T>(&self, call: impl FnOnce(&Connection) -> T) -> (T, usize) {
        let before = self.statements.load(Ordering::Relaxed);
        let answer = call(&self.connection);
        (answer, self.statements.load(Ordering::Relaxed) - before)
    }
}

fn now() -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000)
}

fn charge(name: u8, tier: u8, amount: u32) -> Charge {
    let (name, window) = (CounterName::from_bytes([name; 32]), Duration::from_secs(60));
    Charge { amount, limit: 9, name, tier, window }
}

/// Returns a record with two counters of each tier, like those of the engine.
fn record() -> Record {
    Record {
        begins_challenge: false,
        body: b"body".to_vec(),
        charges: vec![charge(1, 1, 1), charge(2, 1, 1), charge(3, 2, 1), charge(4, 2, 1)],
        expires_at: now().after(Duration::from_secs(900)),
        id: RecordId::from_bytes([7; RecordId::BYTES]),
        tries_limit: 5,
    }
}

#[test]
fn each_verb_of_the_code_store_takes_the_statements_on_record() {
    let store = Counting::new();
    let (one, sends) = (record(), [charge(5, 0, 1), charge(6, 0, 1), charge(7, 0, 0)]);

    let inserted = store.count(|at| in_savepoint(at, |at| codes::insert(at, &one, &sends, now())));
    let caller = [charge(8, 0, 1)];
    let attempted =
        store.count(|at| in_savepoint(at, |at| codes::attempt(at, &one.id, &caller, now())));
    let caller = [charge(9, 0, 1)];
    let loaded = store.count(|at| in_savepoint(at, |at| codes::load(at, &one.id, &caller, now())));
    let clear = [charge(1, 1, 1).name, charge(3, 2, 1).name];
    let swapped = store
        .count(|at| in_savepoint(at, |at| codes::swap(at, &one, 1, &sends[..1], &clear, now())));
    let charged = store.count(|at| charges::charge(at, &sends, now()));

    // A read and a write of the record and of each charge. The third charge only asks.
    assert_eq!((inserted.0.unwrap(), inserted.1), (Inserted::Inserted, 2 + 2 + 3 + 2));
    // The record twice, the caller's charge, and the record's own.
    assert!(matches!(attempted.0.unwrap(), Attempted::Charged { over, .. } if over.is_empty()));
    assert_eq!(attempted.1, 2 + 2 + 2 + 4 + 4);
    assert!(matches!(loaded.0.unwrap(), Loaded::Found(_)));
    assert_eq!(loaded.1, 2 + 1 + 2);
    assert_eq!((swapped.0.unwrap(), swapped.1), (Swapped::Swapped { version: 2 }, 2 + 2 + 2 + 2));
    assert_eq!((charged.0.unwrap().len(), charged.1), (0, 3 + 2));
}

#[test]
fn a_refused_call_only_reads() {
    let store = Counting::new();
    let (one, full) = (record(), [charge(5, 0, 1), Charge { limit: 0, ..charge(6, 0, 1) }]);

    let refused = store.count(|at| in_savepoint(at, |at| codes::insert(at, &one, &full, now())));

    assert!(matches!(refused.0.unwrap(), Inserted::Refused(_)));
    // The savepoint, its rollback and its release, the record and each counter.
    assert_eq!(refused.1, 3 + 1 + 2);

    codes::insert(&store.connection, &one, &[], now()).unwrap();
    let attempted =
        store.count(|at| in_savepoint(at, |at| codes::attempt(at, &one.id, &full, now())));
    let loaded = store.count(|at| in_savepoint(at, |at| codes::load(at, &one.id, &full, now())));

    assert!(matches!(attempted.0.unwrap(), Attempted::Refused(_)));
    assert!(matches!(loaded.0.unwrap(), Loaded::Refused(_)));
    assert_eq!((attempted.1, loaded.1), (3 + 1 + 2, 3 + 1 + 2));
}

#[test]
fn an_account_is_read_with_its_addresses_in_one_statement() {
    let store = Counting::new();
    let tenant = TenantId::parse("contoso").unwrap();
    let address = EmailAddress::parse("ada@example.com").unwrap();
    let id = AccountId::parse("ada").unwrap();
    let mut account = Account::new(id.clone(), address.clone(), Stamp::from_bytes([1; 16]));
    account.addresses.push(EmailAddress::parse("ada@work.example").unwrap());
    super::rows::write(&store.connection, &tenant, &account).unwrap();

    let by_id = store.count(|at| super::rows::with_id(at, &tenant, &id));
    let by_address = store.count(|at| super::rows::with_address(at, &tenant, &address));

    assert_eq!(by_id.0.unwrap().unwrap().addresses, account.addresses);
    assert_eq!(by_address.0.unwrap()[0].addresses, account.addresses);
    assert_eq!((by_id.1, by_address.1), (1, 1));
}

#[test]
fn a_change_of_a_password_takes_the_statements_on_record() {
    let store = Counting::new();
    let (tenant, stamp) = (TenantId::parse("contoso").unwrap(), Stamp::from_bytes([1; 16]));
    let address = EmailAddress::parse("ada@example.com").unwrap();
    let account = Account::new(AccountId::parse("ada").unwrap(), address.clone(), stamp);
    super::rows::write(&store.connection, &tenant, &account).unwrap();
    for (token, tenant) in [(1_u8, "contoso"), (2, "contoso"), (3, "fabrikam")] {
        let sql = "INSERT INTO sspr_session VALUES (?1, ?2, 'ada', x'01')";
        store.connection.execute(sql, rusqlite::params![[token], tenant]).unwrap();
    }
    let hash = PasswordHash::parse(
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
    );
    let change = PasswordChange {
        account: account.id.clone(),
        addresses: None,
        at: now(),
        expected_stamp: stamp,
        language: None,
        must_change: false,
        next_stamp: Stamp::from_bytes([2; 16]),
        notify: vec![crate::ports::NoticeRecipient::new(
            address,
            crate::ports::NoticeCause::CodeSentHere,
        )],
        operation: RecordId::from_bytes([7; RecordId::BYTES]),
        password: hash.unwrap(),
        password_expires_at: None,
        tenant,
    };

    let applied = store.count(|at| in_savepoint(at, |at| users::apply(at, &change)));

    assert!(matches!(applied.0.unwrap(), Applied::Done { .. }));
    // The savepoint, the account, its ways back, its sessions and one notice.
    assert_eq!(applied.1, 2 + 1 + 1 + 1 + 1);
    let left = "SELECT tenant FROM sspr_session";
    let left = store.connection.query_row(left, [], |row| row.get::<_, String>(0));
    assert_eq!(left.unwrap(), "fabrikam", "sessions of the account are gone");
}

#[test]
fn a_planted_statement_is_counted() {
    let store = Counting::new();
    let planted = |at: &Connection| {
        at.execute_batch("SELECT 1").unwrap();
        charges::charge(at, &[charge(1, 0, 1)], now())
    };

    assert_eq!(store.count(planted).1, 2 + 1);
}

#[test]
fn the_writer_syncs_every_commit_and_the_reader_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sspr.db");
    let writer = schema::writer(&path, u64::MAX).unwrap();
    let reader = schema::reader(&path).unwrap();
    let pragma = |connection: &Connection, name: &str| -> String {
        let read = connection.query_row(&format!("PRAGMA {name}"), [], |row| {
            row.get_ref(0).map(|it| format!("{it:?}"))
        });
        read.unwrap()
    };

    // The value 2 is FULL. Without it, a loss of power may lose a commit that was answered.
    assert_eq!(pragma(&writer, "synchronous"), "Integer(2)");
    assert!(pragma(&writer, "journal_mode").contains("Text"));
    assert_eq!(pragma(&reader, "query_only"), "Integer(1)");
    assert!(pragma(&writer, "busy_timeout").contains("5000"));
    assert!(pragma(&reader, "busy_timeout").contains("5000"));
}
