//! Where the database is, and how it is spoken to.

use core::{net::IpAddr, time::Duration};

use thiserror::Error;
use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};

/// How to reach a Postgres database.
///
/// A connection is encrypted and the server's certificate verified, unless the server is on this
/// machine (loopback address or Unix socket) or the URL says `sslmode=disable`. There is no mode
/// that can be talked out of encryption: `prefer` means `require`.
#[derive(Clone)]
pub struct PostgresOptions {
    pub(super) config: Config,
    pub(super) connections: usize,
    pub(super) patience: Duration,
    pub(super) roots: Option<Vec<u8>>,
    pub(super) drift: Option<Duration>,
}

/// Why a URL is not usable. Says nothing of its contents: it may hold a password.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "postgres url: not of the form postgres://user:password@host:port/database?sslmode=require"
)]
#[non_exhaustive]
pub struct PostgresUrlError;

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
    /// [`PostgresUrlError`].
    pub fn from_url(url: &str) -> Result<Self, PostgresUrlError> {
        let mut config: Config = url.parse().map_err(|_| PostgresUrlError)?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(PostgresUrlError);
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

    /// How many connections at most; 16 unless told.
    #[must_use]
    pub fn with_connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// How long one call may take in all, a wait for a free connection included; 5 seconds unless
    /// told. What takes longer ends with an error, and its connection is closed.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Trusts these certificates (PEM) instead of those of the operating system.
    #[must_use]
    pub fn with_root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots = Some(pem.into());
        self
    }

    /// Serves also when this process's clock is more than 30 seconds off the server's. For tests
    /// whose clock is moved by hand; in use it lets one wrong clock end resets of every process.
    #[must_use]
    pub const fn without_clock_check(mut self) -> Self {
        self.drift = None;
        self
    }
}

/// Whether every host is this machine.
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
    fn a_bad_url_is_refused_without_repeating_it() {
        for bad in ["", "postgres://", "http://u:secret@h/x", "secret", "user=a password=secret"] {
            let error = PostgresOptions::from_url(bad).unwrap_err();
            assert!(!error.to_string().contains("secret"));
        }
        let options = PostgresOptions::from_url("postgres://u:secret@127.0.0.1/x").unwrap();
        assert!(!format!("{options:?}").contains("secret"));
    }
}
