//! Turns errors of SQLite into errors that say what to do.

use rusqlite::{Error, ErrorCode};

use crate::ports::{StoreError, StoreErrorKind};

/// Returns the error of one statement before any commit. Nothing has happened.
pub(super) fn statement(error: Error) -> StoreError {
    if let Error::InvalidColumnName(what) = &error {
        let words = format!("sqlite: a row holds no valid {what}; correct it, or remove it");
        return StoreError::new(StoreErrorKind::Corrupt, words);
    }
    let (kind, message) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            StoreErrorKind::Busy,
            "sqlite: the database is locked by another process; try again, or end that process",
        ),
        Some(ErrorCode::DiskFull) => (
            StoreErrorKind::Full,
            "sqlite: no room for the database; free some, or let it grow further",
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => (
            StoreErrorKind::Setup,
            "sqlite: the database cannot be opened for writing; check that its folder exists and \
             that file and folder may be written",
        ),
        Some(ErrorCode::NotADatabase) => (
            StoreErrorKind::Setup,
            "sqlite: the file is not a SQLite database; name another file, or move it away",
        ),
        Some(ErrorCode::DatabaseCorrupt) => {
            (StoreErrorKind::Corrupt, "sqlite: the database is damaged; restore it from a backup")
        }
        None if matches!(
            error,
            Error::InvalidColumnType(..)
                | Error::FromSqlConversionFailure(..)
                | Error::IntegralValueOutOfRange(..)
        ) =>
        {
            (
                StoreErrorKind::Corrupt,
                "sqlite: a row holds a value of another type; correct it, or remove it",
            )
        }
        _ => (StoreErrorKind::Unknown, "sqlite: a statement failed"),
    };
    StoreError::new(kind, message).with_source(error)
}

/// Returns the error of a commit that a job shared with others. Whether it has happened is unknown.
pub(super) fn commit(error: &Error) -> StoreError {
    let message = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => {
            "sqlite: no room on the disk while committing; free some, or move the database"
        }
        _ => "sqlite: a commit failed; whether it happened is not known",
    };
    StoreError::new(StoreErrorKind::Unknown, message).with_source(error.to_string())
}

/// Returns the error for a transaction that SQLite itself has undone.
pub(super) fn undone() -> StoreError {
    StoreError::new(
        StoreErrorKind::Full,
        "sqlite: no room for the database; free some, or let it grow further",
    )
}

pub(super) fn busy() -> StoreError {
    StoreError::new(StoreErrorKind::Busy, "sqlite: too many jobs are waiting; try again")
}

pub(super) fn ended() -> StoreError {
    StoreError::new(StoreErrorKind::Unknown, "sqlite: the store's thread has ended")
}

pub(super) fn damaged(what: &'static str) -> Error {
    Error::InvalidColumnName(what.to_owned())
}

#[cfg(test)]
mod tests {
    use rusqlite::{ffi, types::Type};

    use super::*;

    fn sqlite(code: i32) -> Error {
        Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn each_error_of_a_statement_has_its_kind_and_says_what_to_do() {
        use StoreErrorKind::{Busy, Corrupt, Full, Setup, Unknown};
        let typed = || Error::InvalidColumnType(0, "a".to_owned(), Type::Blob);
        for (error, kind, words) in [
            (sqlite(ffi::SQLITE_BUSY), Busy, "locked by another process"),
            (sqlite(ffi::SQLITE_LOCKED), Busy, "locked by another process"),
            (sqlite(ffi::SQLITE_FULL), Full, "no room for the database"),
            (sqlite(ffi::SQLITE_READONLY), Setup, "cannot be opened for writing"),
            (sqlite(ffi::SQLITE_CANTOPEN), Setup, "cannot be opened for writing"),
            (sqlite(ffi::SQLITE_NOTADB), Setup, "not a SQLite database"),
            (sqlite(ffi::SQLITE_CORRUPT), Corrupt, "the database is damaged"),
            (typed(), Corrupt, "a value of another type"),
            (Error::IntegralValueOutOfRange(0, 1), Corrupt, "a value of another type"),
            (Error::InvalidColumnName("id".to_owned()), Corrupt, "holds no valid id"),
            (sqlite(ffi::SQLITE_CONSTRAINT), Unknown, "a statement failed"),
            (Error::QueryReturnedNoRows, Unknown, "a statement failed"),
        ] {
            let shown = error.to_string();
            let error = statement(error);
            assert_eq!(error.kind(), kind, "{shown}");
            assert!(error.to_string().contains(words), "{shown}: {error}");
        }
    }

    #[test]
    fn a_commit_that_failed_is_unknown_and_tells_of_a_full_disk() {
        for (code, words) in
            [(ffi::SQLITE_FULL, "no room on the disk"), (ffi::SQLITE_IOERR, "a commit failed")]
        {
            let error = commit(&sqlite(code));
            assert_eq!(error.kind(), StoreErrorKind::Unknown);
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
