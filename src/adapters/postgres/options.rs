//! The address of the database, and the terms of the connection.

use core::{net::IpAddr, time::Duration};

use thiserror::Error;
use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};

use crate::{adapters::server_options::server_options, policy::meant};

/// The options for a connection to a Postgres database.
///
/// A connection is encrypted and the server's certificate is verified. The exceptions are a server
/// on this machine (loopback address or Unix socket) and a URL with `sslmode=disable`. No mode can
/// be downgraded to an unencrypted connection: `prefer` means `require`.
#[derive(Clone)]
pub struct PostgresOptions {
    pub(super) config: Config,
    pub(super) connections: usize,
    pub(super) patience: Duration,
    pub(super) roots: Option<Vec<u8>>,
    pub(super) drift: Option<Duration>,
}

/// The reason why a URL is not valid. The message contains at most names of options, because the
/// URL may contain a password.
#[derive(Clone, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PostgresUrlError {
    /// The URL does not have the expected form.
    #[error(
        "postgres url: not of the form postgres://user:password@host:port/database?sslmode=require"
    )]
    Form,
    /// The URL has no host.
    #[error("postgres url: it names no host")]
    Host,
    /// An option is unknown. Its name is given if it is almost a known name.
    #[error("postgres url: {} is not known", .0.as_ref().map_or_else(unnamed, quoted))]
    Unknown(Option<String>),
    /// An option has a value that is not allowed.
    #[error("postgres url: `{0}` has a value that it cannot have")]
    Value(&'static str),
}

debug_is_text!(PostgresUrlError);

/// The names of the options that `tokio-postgres` knows in a URL.
const NAMES: [&str; 19] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "sslmode",
    "sslnegotiation",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

fn unnamed() -> String {
    "an option".to_owned()
}

fn quoted(name: &String) -> String {
    format!("`{name}`")
}

/// Finds out which part of a URL is wrong. The parser says so only in words, which are matched here
/// but not passed on, because they may contain a piece of a password.
fn fault(error: &tokio_postgres::Error) -> PostgresUrlError {
    let words = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let name = |before: &str| words.strip_prefix(before)?.strip_prefix('`')?.strip_suffix('`');
    if let Some(name) = name("invalid value for option ") {
        let known = NAMES.into_iter().find(|known| *known == name);
        return known.map_or(PostgresUrlError::Form, PostgresUrlError::Value);
    }
    match name("unknown option ") {
        Some(name) => {
            let is_near = meant(name, &NAMES).is_some();
            PostgresUrlError::Unknown(is_near.then(|| name.to_owned()))
        }
        None => PostgresUrlError::Form,
    }
}

impl core::fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("connections", &self.connections)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

impl PostgresOptions {
    /// Reads a URL or a `key=value` string as libpq knows them.
    ///
    /// # Errors
    /// [`PostgresUrlError`] if the URL is not valid.
    ///
    /// # Examples
    /// ```
    /// use sspr::adapters::PostgresOptions;
    ///
    /// let url = "postgres://sspr:secret@db.example/accounts";
    /// let options = PostgresOptions::from_url(url)?.with_connections(8);
    /// let told = PostgresOptions::from_url("postgres://").unwrap_err();
    /// assert_eq!(told.to_string(), "postgres url: it names no host");
    /// # Ok::<(), sspr::adapters::PostgresUrlError>(())
    /// ```
    pub fn from_url(url: &str) -> Result<Self, PostgresUrlError> {
        let mut config: Config = url.parse().map_err(|error| fault(&error))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(PostgresUrlError::Host);
        }
        if config.get_ssl_mode() == SslMode::Prefer {
            let mode = if is_here(&config) { SslMode::Disable } else { SslMode::Require };
            config.ssl_mode(mode);
        }
        if config.get_application_name().is_none() {
            config.application_name("sspr");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(3));
        }
        Ok(Self {
            config,
            connections: 16,
            drift: Some(Duration::from_secs(30)),
            patience: Duration::from_secs(5),
            roots: None,
        })
    }

    /// Sets the most connections. The default is 16.
    #[must_use]
    pub fn with_connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// Sets how long one call may take, including the wait for a free connection. The default is 5
    /// seconds. A longer call ends with an error, and its connection is closed.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    server_options!();
}

/// Returns true if every host is this machine.
fn is_here(config: &Config) -> bool {
    let loopback = |host: &Host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    config.get_hosts().iter().all(loopback)
        && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_talks_a_connection_out_of_encryption() {
        let mode = |url: &str| PostgresOptions::from_url(url).unwrap().config.get_ssl_mode();
        assert_eq!(mode("postgres://a@db.example/x"), SslMode::Require);
        assert_eq!(mode("postgres://a@db.example/x?sslmode=prefer"), SslMode::Require);
        assert_eq!(mode("postgres://a@10.0.0.7/x"), SslMode::Require);
        assert_eq!(mode("postgres://a@localhost,db.example/x"), SslMode::Require);
        assert_eq!(mode("postgres://a@127.0.0.1/x"), SslMode::Disable);
        assert_eq!(mode("host=/run/postgresql user=a"), SslMode::Disable);
        assert_eq!(mode("postgres://a@127.0.0.1/x?sslmode=require"), SslMode::Require);
        assert_eq!(mode("postgres://a@db.example/x?sslmode=disable"), SslMode::Disable);
    }

    #[test]
    fn what_is_wrong_with_a_url_is_named_and_never_shown() {
        use PostgresUrlError::{Form, Host, Unknown, Value};
        let named = |name: &str| Unknown(Some(name.to_owned()));
        for (bad, wrong) in [
            ("postgres://u:secret@h/x?sslmod=require", named("sslmod")),
            ("postgres://u:secret@h/x?sslmode=secret", Value("sslmode")),
            ("postgres://u:secret@h:notaport/x", Value("port")),
            ("postgres://u:secret@h:99999/x", Value("port")),
            ("postgres://u:secret@h/x?connect_timeout=secret", Value("connect_timeout")),
            ("postgres://u:5@h/x?secret=1", Unknown(None)),
            ("host=h password=a secret=b", Unknown(None)),
            ("host=h Port=1", named("Port")),
            ("user=a password=secret", Host),
            ("http://u:secret@h/x", Form),
        ] {
            let error = PostgresOptions::from_url(bad).unwrap_err();
            assert_eq!(error, wrong, "{bad}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
        let error = named("sslmod").to_string();
        assert_eq!(error, "postgres url: `sslmod` is not known");
        assert_eq!(Unknown(None).to_string(), "postgres url: an option is not known");
    }

    #[test]
    fn a_bad_url_is_refused_without_repeating_it() {
        for bad in ["", "postgres://", "http://u:secret@h/x", "secret", "user=a password=secret"] {
            let error = PostgresOptions::from_url(bad).unwrap_err();
            assert!(!error.to_string().contains("secret"));
        }
        let options = PostgresOptions::from_url("postgres://u:secret@127.0.0.1/x").unwrap();
        assert!(!format!("{options:?}").contains("secret"));
    }
}
