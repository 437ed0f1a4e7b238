//! The addresses of the servers, and the terms of the connection.

use core::time::Duration;

use redis::{ConnectionInfo, IntoConnectionInfo};
use thiserror::Error;

use crate::adapters::server_options::server_options;

/// The options for a connection to Redis or Valkey.
///
/// With `rediss://`, the connection is encrypted and the server's certificate is verified.
/// `redis://` does neither. Use it only on this machine and in closed networks.
#[derive(Clone)]
pub struct RedisOptions {
    pub(super) servers: Vec<ConnectionInfo>,
    pub(super) kind: Kind,
    pub(super) prefix: String,
    pub(super) patience: Duration,
    pub(super) roots: Option<Vec<u8>>,
    pub(super) drift: Option<Duration>,
}

/// The kind of server at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Single,
    Cluster,
    Sentinel { service: String },
}

/// The reason why a URL is not valid. The message contains no part of the URL, because the URL may
/// contain a password.
#[derive(Clone, Copy, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedisUrlError {
    /// The database after the host is not a number.
    #[error("redis url: the database after the host must be a number")]
    Database,
    /// The URL does not have the expected form.
    #[error("redis url: not of the form rediss://user:password@host:port/database")]
    Form,
    /// No URL is given.
    #[error("redis url: at least one URL must be given")]
    Missing,
    /// The URL has an unknown scheme.
    #[error("redis url: it must begin with rediss:// or redis://")]
    Scheme,
}

debug_is_text!(RedisUrlError);

fn fault(url: &str, error: &redis::RedisError) -> RedisUrlError {
    let known = ["redis", "rediss", "valkey", "valkeys", "redis+unix", "valkey+unix", "unix"];
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    if !scheme.is_some_and(|scheme| known.contains(&scheme.as_str())) {
        return RedisUrlError::Scheme;
    }
    // The parser has its own words for each rule.
    if error.to_string().contains("database number") {
        RedisUrlError::Database
    } else {
        RedisUrlError::Form
    }
}

impl core::fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("RedisOptions")
            .field("kind", &self.kind)
            .field("servers", &self.servers.len())
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl RedisOptions {
    /// Creates options for one server.
    ///
    /// # Errors
    /// [`RedisUrlError`] if the URL is not valid.
    ///
    /// # Examples
    /// ```
    /// use sspr::adapters::RedisOptions;
    ///
    /// let options = RedisOptions::from_url("rediss://:secret@cache.example/0")?
    ///     .with_prefix("accounts");
    /// assert!(RedisOptions::from_url("http://cache.example").is_err());
    /// # Ok::<(), sspr::adapters::RedisUrlError>(())
    /// ```
    pub fn from_url(url: &str) -> Result<Self, RedisUrlError> {
        Self::of(&[url], Kind::Single)
    }

    /// Creates options for a Cluster, from the URLs of some of its nodes.
    ///
    /// # Errors
    /// [`RedisUrlError`] if a URL is not valid or none is given.
    ///
    /// # Examples
    /// ```
    /// use sspr::adapters::RedisOptions;
    ///
    /// let nodes = ["rediss://one.example", "rediss://two.example"];
    /// let options = RedisOptions::cluster(&nodes)?;
    /// # Ok::<(), sspr::adapters::RedisUrlError>(())
    /// ```
    pub fn cluster(urls: &[&str]) -> Result<Self, RedisUrlError> {
        Self::of(urls, Kind::Cluster)
    }

    /// Creates options for the primary that these Sentinels name for a service. The user, password
    /// and database of the first URL are used for the primary.
    ///
    /// # Errors
    /// [`RedisUrlError`] if a URL is not valid or none is given.
    ///
    /// # Examples
    /// ```
    /// use sspr::adapters::RedisOptions;
    ///
    /// let sentinels = ["redis://one.example:26379", "redis://two.example:26379"];
    /// let options = RedisOptions::sentinel(&sentinels, "mymaster")?;
    /// # Ok::<(), sspr::adapters::RedisUrlError>(())
    /// ```
    pub fn sentinel(urls: &[&str], service: &str) -> Result<Self, RedisUrlError> {
        Self::of(urls, Kind::Sentinel { service: service.to_owned() })
    }

    fn of(urls: &[&str], kind: Kind) -> Result<Self, RedisUrlError> {
        let read = |url: &&str| (*url).into_connection_info().map_err(|error| fault(url, &error));
        let servers = urls.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if servers.is_empty() {
            return Err(RedisUrlError::Missing);
        }
        Ok(Self {
            drift: Some(Duration::from_secs(30)),
            kind,
            patience: Duration::from_secs(2),
            prefix: "sspr".to_owned(),
            roots: None,
            servers,
        })
    }

    /// Sets the prefix of every key. The default is `sspr`. Services that share a server need
    /// different prefixes.
    #[must_use]
    pub fn with_prefix(mut self, prefix: &str) -> Self {
        // Braces mark the hash slot, and the keys of a tenant have braces of their own.
        self.prefix = prefix.replace(['{', '}'], "");
        self
    }

    /// Sets how long one call may take. The default is 2 seconds. A longer call ends with an error,
    /// and may or may not have taken effect.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    server_options!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_url_is_refused_and_a_password_is_not_shown() {
        for bad in ["", "http://secret@h", "secret"] {
            let error = RedisOptions::from_url(bad).unwrap_err();
            assert!(!error.to_string().contains("secret"));
        }
        use RedisUrlError::{Database, Form, Missing, Scheme};
        assert_eq!(RedisOptions::cluster(&[]).unwrap_err(), Missing);
        for (bad, wrong) in [
            ("http://secret@h", Scheme),
            ("secret", Scheme),
            ("redis://:secret@h/secret", Database),
            ("redis://:secret@h:notaport/0", Form),
            ("rediss://:secret@h#secret", Form),
        ] {
            let error = RedisOptions::from_url(bad).unwrap_err();
            assert_eq!(error, wrong, "{bad}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        let options = RedisOptions::from_url("redis://:secret@127.0.0.1/").unwrap();
        assert!(!format!("{options:?}").contains("secret"));
    }
}
