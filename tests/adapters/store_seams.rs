//! What a store keeps beside its contract: sessions, sign-ins, expiries of its own, connections.

use std::{future::Future, sync::OnceLock, time::Duration};

use crate::servers::{Postgres, Redis};
use crate::support::{account, tenant};
use sspr::{
    adapters::{
        PostgresOptions, PostgresStore, PostgresUsers, RedisCodes, RedisOptions, SessionToken,
        SqliteStore, SqliteUsers, SystemEntropy,
    },
    domain::{Account, AccountId, RecordId, Stamp, TenantId, Timestamp},
    ports::{CodeStore as _, StoreErrorKind, UserStore as _},
    store::{Charge, CounterName, Inserted, Record, Swapped},
};

fn cluster() -> &'static Postgres {
    static CLUSTER: OnceLock<Postgres> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let cluster = Postgres::start();
        cluster.sql("postgres", &["CREATE DATABASE migrated"]);
        let url = cluster.url("migrated");
        let migrate = || {
            on_runtime(async { PostgresStore::migrate(&options(&url)).await.unwrap() });
        };
        std::thread::scope(|scope| scope.spawn(migrate).join().unwrap());
        cluster
    })
}

fn options(url: &str) -> PostgresOptions {
    PostgresOptions::from_url(url).unwrap().without_clock_check().with_connections(4)
}

fn on_runtime<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().unwrap().block_on(future)
}

fn stamp() -> Stamp {
    Stamp::generate(&SystemEntropy::new()).unwrap()
}

fn fabrikam() -> TenantId {
    TenantId::parse("fabrikam").unwrap()
}

/// A user store with sessions, of either kind.
enum Users {
    Sqlite(SqliteUsers),
    Postgres(PostgresUsers),
}

impl Users {
    async fn put(&self, tenant: &TenantId, account: &Account) {
        match self {
            Self::Sqlite(users) => users.insert(tenant, account).await.unwrap(),
            Self::Postgres(users) => users.insert(tenant, account).await.unwrap(),
        }
    }

    async fn open(&self, tenant: &TenantId, account: &AccountId, stamp: Stamp) -> SessionToken {
        let entropy = SystemEntropy::new();
        match self {
            Self::Sqlite(users) => users.open_session(tenant, account, stamp, &entropy).await,
            Self::Postgres(users) => users.open_session(tenant, account, stamp, &entropy).await,
        }
        .unwrap()
    }

    async fn session(&self, tenant: &TenantId, token: &SessionToken) -> Option<AccountId> {
        match self {
            Self::Sqlite(users) => users.session(tenant, token).await.unwrap(),
            Self::Postgres(users) => users.session(tenant, token).await.unwrap(),
        }
    }

    async fn sign_in(&self, tenant: &TenantId, account: &AccountId, at: Timestamp) {
        match self {
            Self::Sqlite(users) => users.signed_in(tenant, account, at).await.unwrap(),
            Self::Postgres(users) => users.signed_in(tenant, account, at).await.unwrap(),
        }
    }
}

/// What is changed of Ada, and whether her session lives on.
type Change = (&'static str, fn(&mut Account), bool);

const CHANGES: [Change; 6] = [
    ("nothing", |_| {}, true),
    ("locked", |ada| ada.locked = true, true),
    ("disabled", |ada| ada.disabled = true, false),
    (
        "disabled, and another stamp",
        |ada| {
            ada.disabled = true;
            ada.stamp = stamp();
        },
        false,
    ),
    ("another stamp", |ada| ada.stamp = stamp(), false),
    ("enabled again", |ada| ada.disabled = false, true),
];

async fn sessions_end_with_stamp_and_account(users: &Users) {
    let ada = account("ada@example.com", "ada");
    for (what, change, lives) in CHANGES {
        users.put(&tenant(), &ada).await;
        // Her namesake in another tenant is somebody else.
        let foreign = account("ada@example.com", "ada");
        users.put(&fabrikam(), &foreign).await;
        let own = users.open(&tenant(), &ada.id, ada.stamp).await;
        let other = users.open(&fabrikam(), &foreign.id, foreign.stamp).await;
        let stolen = users.open(&fabrikam(), &foreign.id, ada.stamp).await;
        let mut changed = ada.clone();
        change(&mut changed);
        users.put(&tenant(), &changed).await;

        let (here, there) = (tenant(), fabrikam());
        assert_eq!(users.session(&here, &own).await, lives.then(|| ada.id.clone()), "{what}");
        assert_eq!(users.session(&there, &other).await, Some(foreign.id.clone()), "{what}");
        assert_eq!(users.session(&there, &stolen).await, None, "{what}");
        assert_eq!(users.session(&here, &other).await, None, "{what}");
        assert_eq!(users.session(&there, &own).await, None, "{what}");
        let unknown = SessionToken::generate(&SystemEntropy::new()).unwrap();
        assert_eq!(users.session(&here, &unknown).await, None, "{what}");
    }
}

#[test]
fn a_session_lives_as_long_as_its_stamp_and_its_account_on_sqlite() {
    on_runtime(async {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("sspr.db")).await.unwrap();
        sessions_end_with_stamp_and_account(&Users::Sqlite(store.users())).await;
    });
}

#[test]
fn a_session_lives_as_long_as_its_stamp_and_its_account_on_postgres() {
    let database = cluster().database("migrated");
    on_runtime(async {
        let store = PostgresStore::open(&options(&cluster().url(&database))).await.unwrap();
        sessions_end_with_stamp_and_account(&Users::Postgres(store.users())).await;
    });
}

#[test]
fn a_sign_in_is_noted_for_the_tenants_own_account_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sspr.db");
    let database = cluster().database("migrated");
    on_runtime(async {
        let sqlite = SqliteStore::open(&file).await.unwrap();
        let postgres = PostgresStore::open(&options(&cluster().url(&database))).await.unwrap();
        for users in [Users::Sqlite(sqlite.users()), Users::Postgres(postgres.users())] {
            for tenant in [tenant(), fabrikam()] {
                for id in ["ada", "grace"] {
                    users.put(&tenant, &account(&format!("{id}@example.com"), id)).await;
                }
            }
            users
                .sign_in(&tenant(), &AccountId::parse("ada").unwrap(), Timestamp::from_micros(7))
                .await;
        }
    });
    let sql = "WHERE signed_in_at IS NOT NULL";
    let noted = rusqlite::Connection::open(&file).unwrap();
    let mut statement = noted
        .prepare(&format!(
            "SELECT tenant || '|' || id || '|' || signed_in_at FROM sspr_account {sql}"
        ))
        .unwrap();
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(rows.map(Result::unwrap).collect::<Vec<_>>(), ["contoso|ada|7"]);
    let noted = cluster()
        .sql(&database, &[&format!("SELECT tenant, id, signed_in_at FROM sspr.account {sql}")]);
    assert_eq!(noted.trim(), "contoso|ada|7");
}

fn charge(number: u8) -> Charge {
    Charge {
        amount: 1,
        limit: 1_000_000,
        name: CounterName::from_bytes([number; 32]),
        tier: 0,
        window: Duration::from_secs(3600),
    }
}

fn now() -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000)
}

#[test]
fn a_connection_whose_caller_gave_up_serves_nobody_else() {
    let database = cluster().database("migrated");
    let url = cluster().url(&database);
    on_runtime(async {
        let patient = PostgresStore::open(&options(&url)).await.unwrap().codes();
        patient.charge(&[charge(1)], now()).await.unwrap();
        let impatient = options(&url).with_connections(1).with_patience(Duration::from_secs(4));
        let codes = PostgresStore::open(&impatient).await.unwrap().codes();
        codes.charge(&[charge(2)], now()).await.unwrap();
        // Somebody holds one row, for longer than the only connection waits.
        let (client, connection) =
            tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let held = "BEGIN; UPDATE sspr.counter SET value = value WHERE name = decode(repeat('01', 32), 'hex')";
        client.batch_execute(held).await.unwrap();

        let cut = codes.charge(&[charge(1)], now()).await.unwrap_err();

        assert_eq!(cut.kind(), StoreErrorKind::Unknown, "{cut}");
        // While that statement still waits in the server, the next call has a connection of its own.
        assert!(codes.charge(&[charge(2)], now()).await.unwrap().is_empty());
        client.batch_execute("ROLLBACK").await.unwrap();
        assert!(codes.charge(&[charge(1)], now()).await.unwrap().is_empty());
    });
}

#[test]
fn a_caller_that_finds_no_free_connection_is_told_so_in_time() {
    let database = cluster().database("migrated");
    let url = cluster().url(&database);
    on_runtime(async {
        let patient = PostgresStore::open(&options(&url)).await.unwrap().codes();
        patient.charge(&[charge(1)], now()).await.unwrap();
        let impatient = options(&url).with_connections(1).with_patience(Duration::from_secs(4));
        let codes = PostgresStore::open(&impatient).await.unwrap().codes();
        let (client, connection) =
            tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute("BEGIN; UPDATE sspr.counter SET value = value").await.unwrap();

        // More callers than the one connection can serve, one patience after the other.
        let calls: Vec<_> = (0..8)
            .map(|_| {
                let codes = codes.clone();
                tokio::spawn(
                    async move { codes.charge(&[charge(1)], now()).await.unwrap_err().kind() },
                )
            })
            .collect();
        let mut kinds = Vec::new();
        for call in calls {
            kinds.push(call.await.unwrap());
        }

        assert!(kinds.contains(&StoreErrorKind::Busy), "no connection: {kinds:?}");
        client.batch_execute("ROLLBACK").await.unwrap();
    });
}

const DAY: u64 = 24 * 3600;

/// How long Redis keeps each record, in seconds; −1 is for ever.
fn kept(server: &Redis, prefix: &str) -> Vec<i64> {
    let keys = server.cli(&["KEYS", &format!("{prefix}:*:r:*")]);
    let mut kept = Vec::new();
    for key in keys.lines().filter(|key| !key.is_empty()) {
        let left: i64 = server.cli(&["PTTL", key]).trim().parse().unwrap();
        kept.push(if left < 0 { left } else { left / 1000 });
    }
    kept
}

fn record(number: u8, lives: Duration) -> Record {
    Record {
        begins_challenge: false,
        body: vec![number],
        charges: Vec::new(),
        expires_at: now().after(lives),
        id: RecordId::from_bytes([number; RecordId::BYTES]),
        tries_limit: 5,
    }
}

#[test]
fn redis_keeps_each_record_a_day_longer_than_it_ever_lived_and_no_longer() {
    let server = Redis::start();
    let open = |url: String| RedisOptions::from_url(&url).unwrap().without_clock_check();
    on_runtime(async {
        let codes = RedisCodes::open(&open(server.url())).await.unwrap();
        for hours in [1_u64, 24, 24 * 30] {
            let prefix = format!("kept{hours}");
            let options = open(server.url()).with_prefix(&prefix);
            let codes_of = RedisCodes::open(&options).await.unwrap();
            let within = |lives: u64, about: &str| {
                let least = i64::try_from(lives + DAY).unwrap();
                for left in kept(&server, &prefix) {
                    assert!((least..=least + 61).contains(&left), "{about}: {left}");
                }
                assert_eq!(kept(&server, &prefix).len(), 1, "{about}");
            };
            let lives = Duration::from_secs(hours * 3600);
            let inserted = codes_of.insert(&record(1, lives), &[], now()).await.unwrap();
            assert_eq!(inserted, Inserted::Inserted);
            within(hours * 3600, "inserted");

            // A swap that lengthens a life moves the server's own expiry. One that shortens it leaves
            // the expiry, because another process's clock may be behind.
            for (version, times) in [(1, 2), (2, 1)] {
                let next = record(1, lives * times);
                let swapped = codes_of.compare_and_swap(&next, version, &[], &[], now()).await;
                assert_eq!(swapped.unwrap(), Swapped::Swapped { version: version + 1 });
                within(2 * hours * 3600, "swapped");
            }
            codes_of.attempt(&record(1, lives).id, &[], now()).await.unwrap();
            within(2 * hours * 3600, "tried");
        }
        drop(codes);
    });
}

#[test]
fn a_redis_that_begins_to_evict_is_refused_at_the_next_sweep() {
    let server = Redis::start();
    on_runtime(async {
        let options = RedisOptions::from_url(&server.url()).unwrap().without_clock_check();
        let codes = RedisCodes::open(&options).await.unwrap();
        codes.charge(&[charge(1)], now()).await.unwrap();
        assert_eq!(codes.delete_expired(now(), 10).await.unwrap(), 0);
        for policy in ["allkeys-lru", "volatile-ttl", "allkeys-random"] {
            server.cli(&["CONFIG", "SET", "maxmemory-policy", policy]);

            let refused = codes.delete_expired(now(), 10).await.unwrap_err();

            assert_eq!(refused.kind(), StoreErrorKind::Setup, "{policy}");
            assert!(refused.to_string().contains(policy), "{refused}");
        }
        server.cli(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
        assert_eq!(codes.delete_expired(now(), 10).await.unwrap(), 0);
    });
}

/// Every text of an error, its causes included.
fn texts(error: &(dyn std::error::Error + 'static)) -> String {
    let mut all = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        all.push_str(&format!(" {inner} {inner:?}"));
        cause = inner.source();
    }
    all
}

#[test]
fn what_postgres_says_of_a_refused_row_repeats_nothing_that_is_in_it() {
    let database = cluster().database("migrated");
    let url = cluster().url(&database);
    let refuse = |table: &str, check: &str| {
        let sql =
            format!("ALTER TABLE sspr.{table} ADD CONSTRAINT refused CHECK ({check}) NOT VALID");
        cluster().sql(&database, &[&sql]);
    };
    on_runtime(async {
        let users = PostgresStore::open(&options(&url)).await.unwrap().users();
        let hash = "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U";
        let ada = account("ada@example.com", "ada");
        let ada = ada.with_password(sspr::domain::PasswordHash::parse(hash).unwrap());
        users.insert(&tenant(), &ada).await.unwrap();
        let mut errors = Vec::new();
        // As a host's own constraint, trigger or full disk would.
        refuse("account", "id <> 'ada'");
        errors.push(users.insert(&tenant(), &ada).await.unwrap_err());
        let at = Timestamp::from_micros(1);
        errors.push(users.signed_in(&tenant(), &ada.id, at).await.unwrap_err());
        let old = ada.password.clone().unwrap();
        errors.push(users.rehash(&tenant(), &ada.id, &old, &old).await.unwrap_err());
        let trigger = "CREATE FUNCTION sspr.tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                       RAISE EXCEPTION 'no % for %', NEW.password, NEW.id USING HINT = NEW.password; \
                       END $$; CREATE TRIGGER tell BEFORE UPDATE ON sspr.account FOR EACH ROW \
                       EXECUTE FUNCTION sspr.tell()";
        cluster().sql(&database, &[trigger]);
        errors.push(users.signed_in(&tenant(), &ada.id, at).await.unwrap_err());

        for error in errors {
            let said = texts(&error);
            for secret in ["ada@example.com", "argon2id", "c2VjcmV0"] {
                assert!(!said.contains(secret), "{secret} in {said}");
            }
            // What helps an operator is there.
            assert!(said.contains("23514") || said.contains("P0001"), "{said}");
        }
    });
}
