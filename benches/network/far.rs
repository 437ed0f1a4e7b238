//! Code stores behind a network with a delay.

use std::{sync::Arc, time::Duration};

use sspr::{
    adapters::{PostgresOptions, PostgresStore, RedisCodes, RedisOptions},
    ports::CodeStore,
};

use crate::{
    servers::{Postgres, Redis},
    wire::Wire,
};

/// Private servers, each as durable as it is by default.
pub struct Servers {
    postgres: Postgres,
    redis: Redis,
}

/// A code store that is far away.
#[derive(Clone, Copy)]
pub enum Far {
    /// Postgres, with at most this many connections.
    Postgres(usize),
    Redis,
}

impl Far {
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres(_) => "Postgres",
            Self::Redis => "Redis",
        }
    }

    /// Returns the number of connections. On Redis all callers share one.
    pub fn connections(self) -> usize {
        match self {
            Self::Postgres(connections) => connections,
            Self::Redis => 1,
        }
    }
}

impl Servers {
    pub async fn start() -> Self {
        // The connections of one crowd may still be closing while the next one opens its own.
        let postgres = Postgres::with(&["max_connections=600"]);
        let servers = Self { postgres, redis: Redis::start() };
        let options = PostgresOptions::from_url(&servers.postgres.url("postgres")).unwrap();
        PostgresStore::migrate(&options.without_clock_check()).await.unwrap();
        servers
    }

    /// Opens a store behind a wire. The wire must live as long as the store is used.
    pub async fn codes(&self, far: Far, each_way: Duration) -> (Arc<dyn CodeStore>, Wire) {
        let (url, port) = match far {
            Far::Postgres(_) => (self.postgres.url("postgres"), self.postgres.port),
            Far::Redis => (self.redis.url(), self.redis.port),
        };
        let wire = Wire::before(port, each_way).await;
        let url = url.replace(&format!(":{port}/"), &format!(":{}/", wire.port));
        let codes: Arc<dyn CodeStore> = match far {
            Far::Postgres(connections) => {
                let options = PostgresOptions::from_url(&url).unwrap().without_clock_check();
                let options = options.with_connections(connections);
                Arc::new(PostgresStore::open(&options).await.unwrap().codes())
            }
            Far::Redis => {
                let options = RedisOptions::from_url(&url).unwrap().without_clock_check();
                Arc::new(RedisCodes::open(&options).await.unwrap())
            }
        };
        (codes, wire)
    }
}
