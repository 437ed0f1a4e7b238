//! A folder of policies that an administrator changes.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
};

use async_trait::async_trait;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::PolicyDirectory;
use crate::{
    domain::{Instant, TenantId},
    policy::TenantPolicy,
    ports::{
        PolicyChange, PolicyStore, RecordedChange, StoreError, StoreErrorKind, VersionedPolicy,
        Written,
    },
};

/// Reads and writes small files on the calling thread. Writers of all processes wait for each other
/// on a lock file; a policy is replaced by renaming a finished file over it. Changes are lines of
/// JSON in `NAME.changes`.
#[async_trait]
impl PolicyStore for PolicyDirectory {
    async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        Ok(Self::tenants(self))
    }

    async fn read(&self, tenant: &TenantId) -> Result<Option<VersionedPolicy>, StoreError> {
        self.stored(tenant)
    }

    async fn write(&self, change: &PolicyChange, expected: u64) -> Result<Written, StoreError> {
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.folder.join(".lock"))
            .map_err(unusable)?;
        lock.lock().map_err(unusable)?;
        let tenant = change.after.tenant();
        let version = self.stored(tenant)?.map_or(0, |stored| stored.version);
        if version != expected {
            return Ok(Written::Conflict { version });
        }
        let path = self.path(tenant);
        let text = format!("{:#}\n", change.after.to_json());
        // The record first: a change without a record would be worse than the reverse.
        append(&path.with_extension("changes"), &line(&change.record())).map_err(unusable)?;
        replace(&path, text.as_bytes()).map_err(unusable)?;
        drop(lock);
        // What was just written is read like anybody's change.
        self.reload().map_err(|error| {
            StoreError::new(StoreErrorKind::Unknown, "policy folder: cannot be read back")
                .with_source(error)
        })?;
        Ok(Written::Written { version: version_of(text.as_bytes()) })
    }

    async fn changes(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<Vec<RecordedChange>, StoreError> {
        let path = self.path(tenant).with_extension("changes");
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            other => other.map_err(unusable)?,
        };
        Ok(text.lines().rev().filter_map(recorded).take(limit).collect())
    }
}

impl PolicyDirectory {
    /// The file of a tenant: the one that was read, or a new one.
    fn path(&self, tenant: &TenantId) -> PathBuf {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut read = seen.iter().filter(|(_, seen)| seen.tenant == *tenant);
        if let Some((path, _)) = read.next() {
            return path.clone();
        }
        let plain =
            tenant.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let tag = tenant.tag();
        let name = if plain {
            tenant.as_str().to_owned()
        } else {
            tag.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
        };
        self.folder.join(name).with_extension("json")
    }

    fn stored(&self, tenant: &TenantId) -> Result<Option<VersionedPolicy>, StoreError> {
        let bytes = match fs::read(self.path(tenant)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(unusable)?,
        };
        let corrupt = |_| {
            let message = "policy folder: a policy file cannot be read; put it right";
            StoreError::new(StoreErrorKind::Corrupt, message)
        };
        let text = core::str::from_utf8(&bytes).map_err(|_| corrupt(()))?;
        let policy = TenantPolicy::from_json(text).map_err(|_| corrupt(()))?;
        Ok(Some(VersionedPolicy::new(Arc::new(policy), version_of(&bytes))))
    }
}

/// A version that any process computes alike; never 0.
pub(super) fn version_of(bytes: &[u8]) -> u64 {
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    let head = hash.first_chunk::<8>().map_or(0, |head| u64::from_be_bytes(*head));
    (head >> 12) | 1
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("fresh");
    let mut file = File::create(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(fresh, path)
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()
}

fn line(change: &RecordedChange) -> String {
    let value = json!({
        "at": change.at.as_micros(),
        "who": change.who,
        "what": change.what,
        "before": change.before,
        "after": change.after,
    });
    format!("{value}\n")
}

/// A line; `None` for one that a crash has cut short.
fn recorded(line: &str) -> Option<RecordedChange> {
    let value: Value = serde_json::from_str(line).ok()?;
    let text = |name| value.get(name).and_then(Value::as_str);
    let policy = |name| value.get(name).cloned().unwrap_or_default();
    let at = Instant::from_micros(value.get("at")?.as_i64()?);
    Some(RecordedChange::new(at, text("who")?, text("what")?, [policy("before"), policy("after")]))
}

fn unusable(error: io::Error) -> StoreError {
    let message = "policy folder: cannot be read or written; check that it exists and its rights";
    StoreError::new(StoreErrorKind::Setup, message).with_source(error)
}
