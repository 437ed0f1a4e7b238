//! The one connection that all callers share. It reconnects on its own.

use core::{fmt, time::Duration};
use std::io::{Error as IoError, ErrorKind};

use futures_util::lock::Mutex;
use redis::{
    Client, Cmd, RedisError, RedisResult, TlsCertificates, Value,
    aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
    cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo},
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};

use super::{
    errors,
    options::{Kind, RedisOptions},
};
use crate::ports::{StoreError, StoreErrorKind};

/// The most repeats of a command that the server did not carry out.
const REPEATS: u32 = 8;

pub(super) struct Connection {
    link: Link,
    patience: Duration,
}

enum Link {
    Single(ConnectionManager),
    Cluster(ClusterConnection),
    Sentinel(Box<Mutex<Watched>>),
}

/// The primary that the Sentinels named last. It is kept until it fails.
struct Watched {
    sentinels: SentinelClient,
    primary: Option<MultiplexedConnection>,
    patience: Duration,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}

impl Connection {
    pub(super) async fn open(options: &RedisOptions) -> Result<Self, StoreError> {
        let opened = match &options.kind {
            Kind::Single => single(options).await,
            Kind::Cluster => cluster(options).await,
            Kind::Sentinel { service } => sentinel(options, service).await,
        };
        // No command was sent yet, so nothing can have happened.
        let link = opened.map_err(|error| errors::command(error).of_a_read())?;
        Ok(Self { link, patience: options.patience })
    }

    /// Sends one command. Repeats it only if a server has said that it did not carry it out. Ends
    /// within the patience of this store, including repeats.
    pub(super) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        let mut refused = None;
        let repeated = self.repeat(command, &mut refused);
        match tokio::time::timeout(self.patience, repeated).await {
            Ok(answer) => answer,
            // Between two tries nothing has happened, because the last try was refused.
            Err(_) => {
                Err(refused.unwrap_or_else(|| RedisError::from(IoError::from(ErrorKind::TimedOut))))
            }
        }
    }

    /// Sends a command, and repeats it if the server refused it. Between two tries, `refused` holds
    /// the last refusal.
    async fn repeat(&self, command: &Cmd, refused: &mut Option<RedisError>) -> RedisResult<Value> {
        let mut repeats = 0;
        loop {
            *refused = None;
            match self.once(command).await {
                Err(error) if repeats < REPEATS && errors::may_be_repeated(&error) => {
                    repeats += 1;
                    *refused = Some(error);
                    // By now the client has begun to look up the new place of the slot.
                    tokio::time::sleep(Duration::from_millis(u64::from(10 * repeats))).await;
                }
                answer => return answer,
            }
        }
    }

    async fn once(&self, command: &Cmd) -> RedisResult<Value> {
        let answer = match &self.link {
            Link::Single(manager) => manager.clone().send_packed_command(command).await,
            Link::Cluster(cluster) => command.query_async(&mut cluster.clone()).await,
            Link::Sentinel(watched) => {
                let mut primary = watched.lock().await.primary().await?;
                primary.send_packed_command(command).await
            }
        };
        // A refusal of the server arrives as a value.
        let answer = answer.and_then(Value::extract_error);
        if let (Link::Sentinel(watched), Err(error)) = (&self.link, &answer)
            && is_gone(error)
        {
            watched.lock().await.primary = None;
        }
        answer
    }

    /// Checks that no server is configured to evict live entries.
    pub(super) async fn check_policy(&self) -> Result<(), StoreError> {
        let mut command = redis::cmd("INFO");
        command.arg("memory");
        let answer = match &self.link {
            Link::Cluster(cluster) => {
                let everywhere =
                    RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
                cluster.clone().route_command(command, everywhere).await
            }
            _ => self.send(&command).await,
        };
        let mut told = Vec::new();
        texts(answer.map_err(errors::command)?, &mut told);
        let policies: Vec<&str> = told
            .iter()
            .flat_map(|text| text.lines())
            .filter_map(|line| line.strip_prefix("maxmemory_policy:"))
            .map(str::trim)
            .collect();
        if policies.is_empty() {
            let words = "redis: the server does not tell its maxmemory-policy; allow INFO memory";
            return Err(StoreError::new(StoreErrorKind::Setup, words));
        }
        let evicting = policies.iter().find(|policy| **policy != "noeviction");
        evicting.map_or(Ok(()), |policy| Err(errors::evicts(policy)))
    }
}

impl Watched {
    async fn primary(&mut self) -> RedisResult<MultiplexedConnection> {
        if let Some(primary) = &self.primary {
            return Ok(primary.clone());
        }
        let mut config = redis::AsyncConnectionConfig::new();
        config = config.set_connection_timeout(Some(self.patience));
        config = config.set_response_timeout(Some(self.patience));
        let primary = self.sentinels.get_async_connection_with_config(&config).await?;
        Ok(self.primary.insert(primary).clone())
    }
}

/// Returns true if another server may be the primary now.
fn is_gone(error: &RedisError) -> bool {
    error.is_io_error() || error.is_unrecoverable_error() || errors::may_be_repeated(error)
}

/// Collects every text in an answer of one server or of many.
fn texts(answer: Value, told: &mut Vec<String>) {
    match answer {
        Value::BulkString(bytes) => told.push(String::from_utf8_lossy(&bytes).into_owned()),
        Value::VerbatimString { text, .. } => told.push(text),
        Value::Array(parts) => parts.into_iter().for_each(|part| texts(part, told)),
        Value::Map(pairs) => pairs.into_iter().for_each(|(_, part)| texts(part, told)),
        _ => {}
    }
}

fn certificates(options: &RedisOptions) -> TlsCertificates {
    TlsCertificates { client_tls: None, root_cert: options.roots.clone() }
}

async fn single(options: &RedisOptions) -> RedisResult<Link> {
    // rustls has one provider for each process, and the first call decides.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let Some(server) = options.servers.first() else { return Err(no_server()) };
    let client = if options.roots.is_some() {
        Client::build_with_tls(server.clone(), certificates(options))?
    } else {
        Client::open(server.clone())?
    };
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(options.patience))
        .set_response_timeout(Some(options.patience))
        .set_number_of_retries(2)
        .set_max_delay(options.patience);
    Ok(Link::Single(ConnectionManager::new_with_config(client, config).await?))
}

async fn cluster(options: &RedisOptions) -> RedisResult<Link> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut builder = ClusterClient::builder(options.servers.clone())
        .connection_timeout(options.patience)
        .response_timeout(options.patience)
        // A command that was cut off may have been carried out. Only `send` knows when a repeat is
        // safe.
        .retries(0);
    if options.roots.is_some() {
        builder = builder.certs(certificates(options));
    }
    Ok(Link::Cluster(builder.build()?.get_async_connection().await?))
}

async fn sentinel(options: &RedisOptions, service: &str) -> RedisResult<Link> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let Some(first) = options.servers.first() else { return Err(no_server()) };
    let addresses = options.servers.iter().map(|server| server.addr().clone());
    let primary = SentinelServerType::Master;
    let mut builder = SentinelClientBuilder::new(addresses, service, primary)?;
    let settings = first.redis_settings();
    builder = builder.set_client_to_redis_db(settings.db());
    if let Some(user) = settings.username() {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = settings.password() {
        builder = builder.set_client_to_redis_password(password);
    }
    if matches!(first.addr(), redis::ConnectionAddr::TcpTls { .. }) {
        let mode = redis::TlsMode::Secure;
        builder = builder.set_client_to_redis_tls_mode(mode).set_client_to_sentinel_tls_mode(mode);
    }
    if options.roots.is_some() {
        builder = builder
            .set_client_to_redis_certificates(certificates(options))
            .set_client_to_sentinel_certificates(certificates(options));
    }
    let mut watched =
        Watched { patience: options.patience, primary: None, sentinels: builder.build()? };
    watched.primary().await?;
    Ok(Link::Sentinel(Box::new(Mutex::new(watched))))
}

fn no_server() -> RedisError {
    RedisError::from((redis::ErrorKind::InvalidClientConfig, "no server is named"))
}

#[cfg(test)]
mod tests {
    use redis::ServerErrorKind;

    use super::*;

    #[test]
    fn every_text_of_an_answer_is_found_however_deep() {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let said = |text: &str| {
            let format = redis::VerbatimFormat::Text;
            Value::VerbatimString { format, text: text.to_owned() }
        };
        let answer = Value::Map(vec![
            (text("a server"), Value::Array(vec![text("one"), said("two")])),
            (text("another"), said("three")),
            (text("a third"), Value::Int(7)),
        ]);
        let mut told = Vec::new();
        texts(answer, &mut told);
        assert_eq!(told, ["one", "two", "three"]);
    }

    #[test]
    fn a_primary_is_looked_up_again_only_after_an_error_that_another_one_may_not_have() {
        let server = |it: ServerErrorKind| RedisError::from((redis::ErrorKind::Server(it), "so"));
        let lost = RedisError::from(IoError::from(ErrorKind::BrokenPipe));
        assert!(is_gone(&lost));
        assert!(is_gone(&RedisError::from(IoError::from(ErrorKind::TimedOut))));
        assert!(is_gone(&server(ServerErrorKind::ReadOnly)));
        assert!(is_gone(&server(ServerErrorKind::MasterDown)));
        assert!(!is_gone(&server(ServerErrorKind::ResponseError)));
        assert!(!is_gone(&server(ServerErrorKind::NoScript)));
    }
}
