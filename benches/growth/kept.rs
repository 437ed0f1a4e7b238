//! The code stores, and how much each of them holds.

use std::{fs, sync::Arc};

use sspr::{
    adapters::{
        MemoryCodes, PostgresCodes, PostgresOptions, PostgresStore, RedisCodes, RedisOptions,
        SqliteCodes, SqliteStore,
    },
    ports::CodeStore,
};

use crate::servers::{Postgres, Redis};

/// One code store.
pub enum Kept {
    Memory(Arc<MemoryCodes>),
    Postgres(PostgresCodes, Postgres),
    Redis(RedisCodes, Redis),
    Sqlite(SqliteCodes, tempfile::TempDir),
}

impl Kept {
    /// Room for so many resets.
    pub fn memory(resets: usize) -> Self {
        Self::Memory(Arc::new(MemoryCodes::with_capacity(2 * resets, 16 * resets)))
    }

    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("sspr.db")).await.unwrap();
        Self::Sqlite(store.codes(), folder)
    }

    /// New ones of every kind.
    pub async fn all() -> [Self; 4] {
        let server = Postgres::with(&[]);
        let url = server.url("postgres");
        let options = PostgresOptions::from_url(&url).unwrap().without_clock_check();
        PostgresStore::migrate(&options).await.unwrap();
        let postgres = PostgresStore::open(&options).await.unwrap().codes();
        let redis = Redis::start();
        let options = RedisOptions::from_url(&redis.url()).unwrap().without_clock_check();
        let codes = RedisCodes::open(&options).await.unwrap();
        [
            Self::memory(1_000_000),
            Self::sqlite().await,
            Self::Postgres(postgres, server),
            Self::Redis(codes, redis),
        ]
    }

    pub fn name(&self) -> String {
        let name = match self {
            Self::Memory(_) => "memory",
            Self::Postgres(..) => "Postgres",
            Self::Redis(..) => "Redis",
            Self::Sqlite(..) => "SQLite",
        };
        name.to_owned()
    }

    pub fn codes(&self) -> Arc<dyn CodeStore> {
        match self {
            Self::Memory(codes) => codes.clone(),
            Self::Postgres(codes, _) => Arc::new(codes.clone()),
            Self::Redis(codes, _) => Arc::new(codes.clone()),
            Self::Sqlite(codes, _) => Arc::new(codes.clone()),
        }
    }

    /// Records and counters.
    pub async fn entries(&self) -> (usize, usize) {
        match self {
            Self::Memory(codes) => {
                let usage = codes.usage();
                (usage.records, usage.counters)
            }
            Self::Postgres(_, server) => {
                let count = |table: &str| {
                    let text = server.sql("postgres", &[&format!("SELECT count(*) FROM {table}")]);
                    text.trim().parse().unwrap()
                };
                (count("sspr.record"), count("sspr.counter"))
            }
            Self::Redis(_, server) => redis_entries(server).await,
            Self::Sqlite(_, folder) => {
                let file = rusqlite::Connection::open(folder.path().join("sspr.db")).unwrap();
                let count = |table: &str| {
                    let text = format!("SELECT count(*) FROM {table}");
                    file.query_row(&text, [], |row| row.get::<_, i64>(0)).unwrap() as usize
                };
                (count("sspr_record"), count("sspr_counter"))
            }
        }
    }

    /// Bytes of the files, or of this process where there are none.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Sqlite(_, folder) => {
                let files = fs::read_dir(folder.path()).unwrap().flatten();
                files.map(|file| file.metadata().unwrap().len()).sum()
            }
            _ => (crate::resident() * f64::from(1 << 20)) as u64,
        }
    }
}

async fn redis_entries(server: &Redis) -> (usize, usize) {
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut keys = async |pattern: &str| -> Vec<Vec<u8>> {
        redis::cmd("KEYS").arg(pattern).query_async(&mut connection).await.unwrap()
    };
    let (records, hashes) = (keys("*:r:*").await.len(), keys("*:c").await);
    let mut counters = 0;
    for hash in hashes {
        let length: usize =
            redis::cmd("HLEN").arg(hash).query_async(&mut connection).await.unwrap();
        counters += length;
    }
    (records, counters)
}
