//! A folder of policies that an administrator changes.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;

use super::{PolicyDirectory, PolicyFileError, Seen, files, trail};
use crate::{
    adapters::policies::{MOST_CHANGES, corrupt, refused},
    domain::TenantId,
    policy::{DocumentError, TenantPolicy},
    ports::{
        DamagedPolicy, PolicyChange, PolicySource as _, PolicyStore, RecordedChange, StoreError,
        StoreErrorKind, VersionedPolicy, Written,
    },
};

/// Records among which a good policy is looked for.
const REMEMBERED: usize = 100;

/// Reads and writes small files on the calling thread. Writers of all processes wait for each other
/// on a lock file; a policy is replaced by renaming a finished file over it. Changes are lines of
/// JSON in `NAME.changes`, and older ones in `NAME.changes-old`: each of the two has at most a
/// change more than 1 MiB. A line that a crash has cut short is left out, and nothing else.
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
        let text = text(&change.after).map_err(refused)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.folder.join(".lock"))
            .map_err(unusable)?;
        lock.lock().map_err(unusable)?;
        let tenant = change.after.tenant();
        let stored = self.stored(tenant);
        if stored.version != expected {
            return Ok(Written::Conflict { version: stored.version });
        }
        // The record first: a change without a record would be worse than the reverse.
        trail::append(&stored.path.with_extension("changes"), &change.record())
            .map_err(unusable)?;
        replace(&stored.path, text.as_bytes()).map_err(unusable)?;
        let version = files::version_of(text.as_bytes());
        self.adopt(stored.path, VersionedPolicy::new(change.after.clone(), version));
        drop(lock);
        Ok(Written::Written { version })
    }

    async fn changes(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<Vec<RecordedChange>, StoreError> {
        let path = self.path(tenant).with_extension("changes");
        Ok(trail::read(&path, limit.min(MOST_CHANGES)).map_err(unusable)?.0)
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
        let path = self.path(tenant).with_extension("changes");
        Ok(trail::read(&path, 0).map_err(unusable)?.1)
    }
}

/// What is stored for a tenant.
struct Stored {
    path: PathBuf,
    /// 0 if there is nothing.
    version: u64,
    policy: Option<Result<TenantPolicy, DocumentError>>,
    text: String,
}

impl PolicyDirectory {
    /// The file of a tenant: the one that counts, or a new one.
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
            // It may have another name by now.
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

    /// Puts what was written in force, without reading what concerns others.
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

/// The text of a file: for people if it is small enough.
fn text(policy: &TenantPolicy) -> Result<String, DocumentError> {
    let compact = policy.to_text()?;
    let pretty = format!("{:#}\n", policy.to_json());
    let fits = u64::try_from(pretty.len()).is_ok_and(|bytes| bytes <= files::LARGEST);
    Ok(if fits { pretty } else { compact })
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("fresh");
    let mut file = File::create(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
        // A file cannot take the place of a folder.
        fs::rename(path, path.with_extension("not-a-file"))?;
    }
    fs::rename(fresh, path)?;
    // The new name, too, outlives a loss of power.
    if cfg!(unix)
        && let Some(folder) = path.parent()
    {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
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
