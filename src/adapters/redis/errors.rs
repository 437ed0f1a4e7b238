//! Turns errors of Redis into errors that say what to do.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::ports::{StoreError, StoreErrorKind};

/// The prefix of the scripts' answer about the clock. The difference in seconds follows.
const CLOCK: &str = "SSPRCLOCK";

/// Returns the error of a failed command. If the server itself refused it, nothing has happened. If
/// the connection was lost, the outcome is unknown.
pub(super) fn command(error: RedisError) -> StoreError {
    let (kind, words) = match (error.kind(), error.code()) {
        (_, Some(CLOCK)) => {
            let words = format!(
                "redis: this process's clock is {} seconds off the server's, and at most 30 are \
                 allowed; set it right",
                error.detail().unwrap_or("many")
            );
            return StoreError::new(StoreErrorKind::Clock, words);
        }
        (_, Some("OOM")) => (
            StoreErrorKind::Full,
            "redis: the server has no memory left (maxmemory); give it more, or sweep",
        ),
        (_, Some("MISCONF")) => (
            StoreErrorKind::Full,
            "redis: the server cannot save to its disk and refuses to write; free some room there",
        ),
        (_, Some("NOREPLICAS")) => {
            (StoreErrorKind::Busy, "redis: too few replicas (min-replicas-to-write); try again")
        }
        (ErrorKind::Server(ServerErrorKind::ReadOnly), _) => (
            StoreErrorKind::Busy,
            "redis: this server is a replica; if no failover is under way, name the primary",
        ),
        (ErrorKind::AuthenticationFailed, _)
        | (ErrorKind::Server(ServerErrorKind::NoPerm), _)
        | (_, Some("NOAUTH" | "WRONGPASS" | "NOPERM")) => (
            StoreErrorKind::Setup,
            "redis: the server refuses this user or password, or a command; check url and ACL",
        ),
        (ErrorKind::Server(ServerErrorKind::CrossSlot), _) => (
            StoreErrorKind::Setup,
            "redis: keys of one tenant are in several slots; this proxy cannot serve",
        ),
        (ErrorKind::Server(_), Some("ERR") | None) | (ErrorKind::InvalidClientConfig, _) => {
            (StoreErrorKind::Setup, "redis: the server does not run the script; use 7.0 or newer")
        }
        (ErrorKind::Server(_), _) => (StoreErrorKind::Busy, "redis: the server is busy; try again"),
        (
            ErrorKind::ClusterConnectionNotFound
            | ErrorKind::MasterNameNotFoundBySentinel
            | ErrorKind::NoValidReplicasFoundBySentinel,
            _,
        ) => (StoreErrorKind::Busy, "redis: no primary is known just now; try again"),
        _ if error.is_connection_refusal() => (
            StoreErrorKind::Busy,
            "redis: the server cannot be reached; check that it runs, and the url",
        ),
        _ if is_certificate(&error) => (
            StoreErrorKind::Setup,
            "redis: the server's certificate is not trusted; give its root certificate, or check \
             the host's name",
        ),
        _ => (
            StoreErrorKind::Unknown,
            "redis: the connection was lost before the answer came; try again",
        ),
    };
    StoreError::new(kind, words).with_source(error)
}

/// Returns true if the server did not carry out the command, but another server will, or this one
/// will soon.
pub(super) fn may_be_repeated(error: &RedisError) -> bool {
    error.is_cluster_error()
        || matches!(
            error.kind(),
            ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
                | ErrorKind::ClusterConnectionNotFound
        )
}

pub(super) fn is_no_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

pub(super) fn evicts(policy: &str) -> StoreError {
    StoreError::new(
        StoreErrorKind::Setup,
        format!(
            "redis: maxmemory-policy is {policy}, which lets the server drop a live counter and so \
             gives away guesses; set it to noeviction"
        ),
    )
}

pub(super) fn mixed_tenants() -> StoreError {
    StoreError::new(StoreErrorKind::Setup, "redis: one call charges counters of one tenant only")
}

pub(super) fn damaged(what: &'static str) -> StoreError {
    let words =
        format!("redis: an answer holds no valid {what}; does another program write there?");
    StoreError::new(StoreErrorKind::Corrupt, words)
}

fn is_certificate(error: &RedisError) -> bool {
    error.to_string().contains("certificate")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_kind_and_says_what_to_do() {
        use ServerErrorKind::{BusyLoading, CrossSlot, NoPerm, ReadOnly, ResponseError};
        use StoreErrorKind::{Busy, Full, Setup, Unknown};
        let named =
            |code: &str| redis::make_extension_error(code.to_owned(), Some("so it is".to_owned()));
        let kind = |kind: ErrorKind| RedisError::from((kind, "so it is"));
        let server = |it: ServerErrorKind| kind(ErrorKind::Server(it));
        let io = |it: std::io::ErrorKind| RedisError::from(std::io::Error::from(it));
        for (error, expected, words) in [
            (named("OOM"), Full, "no memory left"),
            (named("MISCONF"), Full, "cannot save to its disk"),
            (named("NOREPLICAS"), Busy, "too few replicas"),
            (server(ReadOnly), Busy, "this server is a replica"),
            (named("NOAUTH"), Setup, "refuses this user or password"),
            (named("WRONGPASS"), Setup, "refuses this user or password"),
            (server(NoPerm), Setup, "refuses this user or password"),
            (kind(ErrorKind::AuthenticationFailed), Setup, "refuses this user or password"),
            (server(CrossSlot), Setup, "in several slots"),
            (server(ResponseError), Setup, "does not run the script"),
            (kind(ErrorKind::InvalidClientConfig), Setup, "does not run the script"),
            (server(BusyLoading), Busy, "the server is busy"),
            (kind(ErrorKind::ClusterConnectionNotFound), Busy, "no primary is known"),
            (kind(ErrorKind::MasterNameNotFoundBySentinel), Busy, "no primary is known"),
            (kind(ErrorKind::NoValidReplicasFoundBySentinel), Busy, "no primary is known"),
            (io(std::io::ErrorKind::ConnectionRefused), Busy, "cannot be reached"),
            (io(std::io::ErrorKind::BrokenPipe), Unknown, "the connection was lost"),
        ] {
            let shown = error.to_string();
            let error = command(error);
            assert_eq!(error.kind(), expected, "{shown}");
            assert!(error.to_string().contains(words), "{shown}: {error}");
        }
    }
}
