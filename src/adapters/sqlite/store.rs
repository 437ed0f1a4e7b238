//! One database file.

use std::{path::Path, sync::Arc, thread};

use futures_channel::oneshot;

use super::{
    SqliteAudit, SqliteCodes, SqliteUsers,
    connections::{Connections, no_thread},
    errors,
};
use crate::ports::StoreError;

/// One SQLite file that holds everything. Clones share the file, and several processes may open it.
///
/// The store needs no async runtime. Dropping the last handle finishes the queued jobs, and blocks
/// until they are done.
#[derive(Clone, Debug)]
pub struct SqliteStore(Arc<Connections>);

impl SqliteStore {
    /// Opens the file, creates it if it is missing, and brings its tables up to date.
    ///
    /// # Errors
    /// [`StoreError`] says what to do if the folder is missing or not writable. It does the same if
    /// the file is not a database or is of a newer release.
    ///
    /// # Examples
    /// ```
    /// use sspr::adapters::SqliteStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let folder = tempfile::tempdir()?;
    /// let store = SqliteStore::open(folder.path().join("sspr.db")).await?;
    /// let (users, codes) = (store.users(), store.codes());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_within(path, u64::MAX).await
    }

    /// Opens a file that never grows beyond this many bytes. A write that does not fit is refused
    /// with [`StoreErrorKind::Full`](crate::ports::StoreErrorKind::Full), and nothing is lost.
    ///
    /// # Errors
    /// [`StoreError`] as for [`SqliteStore::open`].
    ///
    /// # Examples
    /// ```
    /// use sspr::adapters::SqliteStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let folder = tempfile::tempdir()?;
    /// let file = folder.path().join("sspr.db");
    /// let store = SqliteStore::open_within(file, 64 * 1024 * 1024).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn open_within(path: impl AsRef<Path>, bytes: u64) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let (reply, answer) = oneshot::channel();
        let opening = thread::Builder::new().name("sspr-sqlite-open".to_owned());
        let spawned = opening.spawn(move || {
            // The caller may be gone, and then the answer does not matter.
            let _ = reply.send(Connections::open(&path, bytes));
        });
        if spawned.is_err() {
            return Err(no_thread());
        }
        let connections = answer.await.unwrap_or_else(|_| Err(errors::ended()))?;
        Ok(Self(Arc::new(connections)))
    }

    /// Returns an audit log in the same file, which keeps each record for 90 days.
    #[must_use]
    pub fn audit(&self) -> SqliteAudit {
        SqliteAudit::over(self.0.clone())
    }

    /// Returns the store for resets and counters.
    #[must_use]
    pub fn codes(&self) -> SqliteCodes {
        SqliteCodes::over(self.0.clone())
    }

    /// Returns a small user store in the same file, with an outbox and sessions. It is for
    /// demonstrations and for services without a users table.
    #[must_use]
    pub fn users(&self) -> SqliteUsers {
        SqliteUsers::over(self.0.clone())
    }

    pub(super) fn connections(&self) -> Arc<Connections> {
        self.0.clone()
    }
}
