//! A folder of policies that an administrator changes.

use std::{
    fs::{File, OpenOptions},
    io,
    path::PathBuf,
    sync::Arc,
};

use async_trait::async_trait;

use super::{
    PolicyDirectory, PolicyFileError, Seen,
    exchange::{self, Made},
    files, trail,
};
use crate::{
    adapters::memory_policies::{MOST_CHANGES, corrupt, refused},
    domain::TenantId,
    policy::{DocumentError, TenantPolicy},
    ports::{
        DamagedPolicy, PolicyChange, PolicySource as _, PolicyStore, RecordedChange, StoreError,
        StoreErrorKind, VersionedPolicy, Written,
    },
};

/// The number of records that are searched for a good policy.
const REMEMBERED: usize = 100;

/// The file that writers lock.
const LOCK: &str = ".lock";

/// Reads and writes small files on the calling thread.
///
/// Writers of all processes wait for each other on a lock file. A policy is replaced by renaming a
/// finished file over it.
///
/// Changes are lines of JSON in `NAME.changes`, and older changes are in `NAME.changes-old`. Each
/// file has at most 1 MiB plus one change. Only a line that a crash has cut short is left out.
///
/// A change is recorded exactly if it was made. Until both are certain, the record waits in
/// `NAME.changes-next`, and the next write settles it.
#[async_trait]
impl PolicyStore for PolicyDirectory {
    async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        Ok(Self::tenants(self))
    }

    async fn read(&self, tenant: &TenantId) -> Result<Option<VersionedPolicy>, StoreError> {
        let stored = self.stored(tenant);
        let Some(policy) = stored.policy else { return Ok(None) };
        let policy = policy.map_err(corrupt)?;
        Ok(Some(VersionedPolicy::new(Arc::new(policy), stored.version)))
    }

    async fn write(&self, change: &PolicyChange, expected: u64) -> Result<Written, StoreError> {
        self.replace(change, expected, &mut |_| Ok(()))
    }

    async fn changes(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<Vec<RecordedChange>, StoreError> {
        Ok(self.recorded(tenant, limit.min(MOST_CHANGES))?.0)
    }

    async fn damaged(&self, tenant: &TenantId) -> Result<Option<DamagedPolicy>, StoreError> {
        let stored = self.stored(tenant);
        let in_force = self.policies.policy(tenant).ok().flatten();
        let fault = match stored.policy {
            Some(Ok(_)) => return Ok(None),
            Some(Err(fault)) => fault,
            None if in_force.is_none() => return Ok(None),
            None => DocumentError::new("$", "its file is gone"),
        };
        let recorded = self.changes(tenant, REMEMBERED).await?;
        let found = (stored.version, fault);
        let damaged = DamagedPolicy::new(tenant, found, in_force, &recorded, &stored.text);
        damaged.map(Some).map_err(corrupt)
    }

    async fn unreadable_changes(&self, tenant: &TenantId) -> Result<usize, StoreError> {
        Ok(self.recorded(tenant, 0)?.1)
    }
}

/// The stored policy of a tenant.
struct Stored {
    path: PathBuf,
    /// The version of the file, or 0 if there is none.
    version: u64,
    policy: Option<Result<TenantPolicy, DocumentError>>,
    text: String,
}

impl PolicyDirectory {
    /// Writes a policy, and calls `watch` before each step.
    pub(super) fn replace(
        &self,
        change: &PolicyChange,
        expected: u64,
        watch: exchange::Watch<'_>,
    ) -> Result<Written, StoreError> {
        let text = text(&change.after).map_err(refused)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.folder.join(LOCK))
            .map_err(unusable)?;
        lock.lock().map_err(unusable)?;
        let Stored { path, version, .. } = self.stored(change.after.tenant());
        exchange::settle(&path).map_err(unusable)?;
        if version != expected {
            return Ok(Written::Conflict { version });
        }
        let made = exchange::make(&path, version, text.as_bytes(), &change.record(), watch);
        let made = made.map_err(unusable)?;
        let version = files::version_of(text.as_bytes());
        self.adopt(path, VersionedPolicy::new(change.after.clone(), version));
        match made {
            Made::Durably => Ok(Written::Written { version }),
            Made::Perhaps(error) => Err(unsure(error)),
        }
    }

    /// Returns the newest changes, and how many records could not be read.
    fn recorded(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<(Vec<RecordedChange>, usize), StoreError> {
        let path = self.path(tenant);
        // Read even if the lock is not permitted. Then the newest change may be missing or may
        // appear twice.
        let lock = File::open(self.folder.join(LOCK)).ok();
        let lock = lock.filter(|lock| lock.lock_shared().is_ok());
        let done = exchange::done(&path).map_err(unusable)?;
        let added = done.as_ref().map(|done| &done.line);
        let read = trail::read(&exchange::trail_of(&path), added, limit).map_err(unusable);
        drop(lock);
        read
    }

    /// Returns the file that counts for a tenant, or the name of a new one.
    fn path(&self, tenant: &TenantId) -> PathBuf {
        let state = self.state();
        let owner = state.owners.get(tenant).filter(|_| !state.ambiguous.contains(tenant));
        if let Some(path) = owner {
            return path.clone();
        }
        let own = self.folder.join(files::own_name(tenant));
        let is_taken = state.owners.iter().any(|(other, path)| other != tenant && *path == own);
        if is_taken { self.folder.join(files::other_name(tenant)) } else { own }
    }

    fn stored(&self, tenant: &TenantId) -> Stored {
        let mut path = self.path(tenant);
        let mut content = files::Content::read(&path);
        if content.is_missing() && self.reload().is_ok() {
            // The file may have another name by now.
            path = self.path(tenant);
            content = files::Content::read(&path);
        }
        if content.is_missing() {
            let twice = "several files are about this tenant; keep one";
            let is_ambiguous = self.state().ambiguous.contains(tenant);
            let policy = is_ambiguous.then(|| Err(DocumentError::new("$", twice)));
            return Stored { path, policy, text: String::new(), version: 0 };
        }
        let (policy, text) = match content.bytes {
            Err(error) => (Err(fault(error)), String::new()),
            Ok(bytes) => {
                let policy = files::parsed(&path, &bytes).map_err(fault);
                (policy, String::from_utf8_lossy(&bytes).into_owned())
            }
        };
        let policy = policy.and_then(|policy| {
            let other =
                || DocumentError::new("$.tenant", "is not the tenant that it is stored for");
            if policy.tenant() == tenant { Ok(policy) } else { Err(other()) }
        });
        Stored { path, policy: Some(policy), text, version: content.version }
    }

    /// Puts a written policy in force, without reading other tenants' files.
    fn adopt(&self, path: PathBuf, policy: VersionedPolicy) {
        let mut state = self.state();
        let tenant = policy.policy.tenant().clone();
        state.faults.remove(&path);
        state.ambiguous.remove(&tenant);
        let seen = Seen { tenant: tenant.clone(), version: policy.version };
        state.seen.insert(path.clone(), seen);
        state.owners.insert(tenant, path);
        self.policies.adopt(policy);
    }
}

/// Returns the text of a file, formatted for people if it is small enough.
fn text(policy: &TenantPolicy) -> Result<String, DocumentError> {
    let compact = policy.to_text()?;
    let pretty = format!("{:#}\n", policy.to_json());
    let fits = u64::try_from(pretty.len()).is_ok_and(|bytes| bytes <= files::LARGEST);
    Ok(if fits { pretty } else { compact })
}

fn fault(error: PolicyFileError) -> DocumentError {
    match error {
        PolicyFileError::Document { error, .. } => error,
        other => DocumentError::new("$", other.to_string()),
    }
}

fn unusable(error: io::Error) -> StoreError {
    let message = "policy folder: cannot be read or written; check that it exists and its rights";
    StoreError::new(StoreErrorKind::Setup, message).with_source(error)
}

fn unsure(error: io::Error) -> StoreError {
    let message = "policy folder: written, but it might not outlive a loss of power; try again";
    StoreError::new(StoreErrorKind::Unknown, message).with_source(error)
}
