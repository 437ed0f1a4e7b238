//! Turns errors of Postgres into errors that say what to do.

use deadpool_postgres::PoolError;
use tokio_postgres::{
    Error,
    error::{DbError, Severity, SqlState},
};

use crate::ports::{StoreError, StoreErrorKind};

/// The code that `sspr.check_clock` raises. Its message is the difference in seconds.
const CLOCK: &str = "SS030";

/// Returns the error for a missing connection. Nothing has happened.
pub(super) fn connection(error: PoolError) -> StoreError {
    let (kind, words) = match &error {
        PoolError::Backend(backend) => match backend.code() {
            Some(code) if *code == SqlState::INVALID_CATALOG_NAME => (
                StoreErrorKind::Setup,
                "postgres: the server has no database of this name; create it, or check the url",
            ),
            Some(code) if code.code().starts_with("28") => (
                StoreErrorKind::Setup,
                "postgres: the server refuses this user, password or database; check the url and \
                 the server's pg_hba.conf",
            ),
            Some(_) => {
                (StoreErrorKind::Busy, "postgres: the server takes no connection; try again")
            }
            None if is_certificate(backend) => (
                StoreErrorKind::Setup,
                "postgres: the server's certificate is not trusted; give its root certificate, or \
                 check the host's name",
            ),
            None if backend.to_string().contains("TLS") => (
                StoreErrorKind::Setup,
                "postgres: the server does not speak TLS; switch it on there, or say \
                 sslmode=disable",
            ),
            None => (
                StoreErrorKind::Busy,
                "postgres: the server cannot be reached; check that it runs, and the url",
            ),
        },
        PoolError::Timeout(_) => (
            StoreErrorKind::Busy,
            "postgres: the server cannot be reached in time; check that it runs, and the url",
        ),
        _ => (StoreErrorKind::Busy, "postgres: no connection; try again"),
    };
    StoreError::new(kind, words).with_source(error)
}

/// Returns the error of a failed statement. If the server itself refused it, nothing has happened.
/// If the connection was lost, the outcome is unknown.
pub(super) fn statement(error: Error) -> StoreError {
    let Some(database) = error.as_db_error() else {
        let words = "postgres: the connection was lost before the answer came; try again";
        return StoreError::new(StoreErrorKind::Unknown, words).with_source(error);
    };
    let code = database.code();
    let (kind, words) = match code.code() {
        CLOCK => {
            let words = format!(
                "postgres: this process's clock is {} seconds off the server's, and at most 30 are \
                 allowed; set it right",
                database.message()
            );
            return StoreError::new(StoreErrorKind::Clock, words);
        }
        "40001" | "40P01" | "55P03" => {
            (StoreErrorKind::Busy, "postgres: too much at once on the same rows; try again")
        }
        "57014" => (StoreErrorKind::Busy, "postgres: the statement took too long; try again"),
        "53100" => (StoreErrorKind::Full, "postgres: no room on the server's disk; free some"),
        "53200" => (StoreErrorKind::Full, "postgres: the server is out of memory"),
        "25006" => (
            StoreErrorKind::Setup,
            "postgres: this server is read-only, perhaps a replica; connect to the primary",
        ),
        "42501" => (
            StoreErrorKind::Setup,
            "postgres: this user may not use a part of the schema sspr; run `PostgresStore::ROLES` \
             after each migration, and grant the user the role sspr_app",
        ),
        "3F000" | "42P01" | "42703" | "42883" => (
            StoreErrorKind::Setup,
            "postgres: the schema sspr is missing or incomplete; run the migrations",
        ),
        code if code.starts_with("57P") => (
            StoreErrorKind::Unknown,
            "postgres: the server ended the connection, and whether it happened is not known; try \
             again",
        ),
        "XX001" | "XX002" => {
            (StoreErrorKind::Corrupt, "postgres: the database is damaged; restore it from a backup")
        }
        _ => (StoreErrorKind::Unknown, "postgres: a statement failed"),
    };
    StoreError::new(kind, words).with_source(cause(database))
}

/// Returns the code of a refusal, and the names of the objects in it. The server's own message is
/// left out, because it repeats the refused row with addresses, hashes and stamps.
fn cause(refusal: &DbError) -> String {
    let mut words = format!("SQLSTATE {}", refusal.code().code());
    for (what, name) in [
        ("table", refusal.table()),
        ("column", refusal.column()),
        ("constraint", refusal.constraint()),
        ("routine", refusal.routine()),
    ] {
        if let Some(name) = name {
            words.push_str(&format!(", {what} {name}"));
        }
    }
    words
}

/// Returns true if the connection can serve the next statement after this error. That is so if the
/// server itself has answered without ending the session.
pub(super) fn leaves_the_connection(error: &Error) -> bool {
    error.as_db_error().is_some_and(|database| {
        !matches!(database.parsed_severity(), None | Some(Severity::Fatal | Severity::Panic))
    })
}

/// Returns true if the server itself undid the transaction and asks for another try.
pub(super) fn may_be_repeated(error: &Error) -> bool {
    let codes = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
    error.code().is_some_and(|code| codes.contains(code))
}

/// Returns the error of a call that was ended because it took too long.
pub(super) fn too_long(asked: bool) -> StoreError {
    if asked {
        let words = "postgres: no answer in time, and whether it happened is not known; try again";
        StoreError::new(StoreErrorKind::Unknown, words)
    } else {
        let words = "postgres: every connection is in use; try again, or allow more";
        StoreError::new(StoreErrorKind::Busy, words)
    }
}

pub(super) fn damaged(what: &'static str) -> StoreError {
    let words = format!("postgres: a row of schema sspr holds no valid {what}");
    StoreError::new(StoreErrorKind::Corrupt, words)
}

/// Returns the error of a column that does not have the expected type.
pub(super) fn column(error: Error) -> StoreError {
    damaged("column").with_source(error)
}

fn is_certificate(error: &Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if inner.to_string().contains("certificate") {
            return true;
        }
        cause = inner.source();
    }
    false
}
