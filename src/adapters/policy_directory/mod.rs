//! Policies in a folder of JSON files, read again when they change.

mod store;

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use thiserror::Error;

use super::Policies;
use crate::{
    domain::TenantId,
    policy::{DocumentError, TenantPolicy},
    ports::{PolicyError, PolicySource},
};

/// Largest file that is read: Graph's own policies are at most 20 KB.
const LARGEST: u64 = 1024 * 1024;

/// One `*.json` file a tenant, as [`TenantPolicy::from_json`] reads it.
///
/// Call [`PolicyDirectory::reload`] now and then; it reads every file. A bad file never
/// replaces a good policy, and a file that is gone never takes one away: switch a tenant off by
/// its own document. Clones share the policies.
#[derive(Clone, Debug)]
pub struct PolicyDirectory {
    folder: PathBuf,
    policies: Policies,
    seen: Arc<Mutex<HashMap<PathBuf, Seen>>>,
}

/// What [`PolicyDirectory::reload`] found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Reloaded {
    /// Tenants whose policy is new.
    pub changed: Vec<TenantId>,
    /// Files that could not be used; the policies they would have replaced stay in force.
    pub errors: Vec<PolicyFileError>,
}

/// A policy file, or their folder, that could not be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PolicyFileError {
    /// What it says is not a policy.
    #[error("policy file {file}: {error}")]
    Document {
        /// The file's name.
        file: String,
        /// The JSON path and the rule.
        error: DocumentError,
    },
    /// It could not be read.
    #[error("policy file {file}: cannot be read; check that it exists and may be read")]
    Read {
        /// The file's or the folder's name.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// It is larger than 1 MiB.
    #[error("policy file {file}: larger than 1 MiB")]
    TooLarge {
        /// The file's name.
        file: String,
    },
    /// Another file is about the same tenant.
    #[error("policy file {file}: another file is about this tenant; keep one")]
    Twice {
        /// The file's name.
        file: String,
    },
}

#[derive(Debug)]
struct Seen {
    version: u64,
    tenant: TenantId,
}

impl PolicyDirectory {
    /// Reads every policy of a folder.
    ///
    /// # Errors
    /// The first file that cannot be used: at the start nothing is left out silently.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, PolicyFileError> {
        let folder = folder.as_ref().to_owned();
        let directory = Self { folder, policies: Policies::default(), seen: Arc::default() };
        match directory.reload()?.errors.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(directory),
        }
    }

    /// Reads every file, and takes what has changed since the last time.
    ///
    /// # Errors
    /// The folder cannot be read; every policy stays in force.
    pub fn reload(&self) -> Result<Reloaded, PolicyFileError> {
        let mut reloaded = Reloaded::default();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for file in self.files()? {
            match self.read(&file, &mut seen) {
                Ok(Some(tenant)) => reloaded.changed.push(tenant),
                Ok(None) => {}
                Err(error) => reloaded.errors.push(error),
            }
        }
        Ok(reloaded)
    }

    /// The tenants that have a policy.
    #[must_use]
    pub fn tenants(&self) -> Vec<TenantId> {
        self.policies.tenants()
    }

    fn files(&self) -> Result<Vec<PathBuf>, PolicyFileError> {
        let unreadable = |source| PolicyFileError::Read { file: name(&self.folder), source };
        let entries = fs::read_dir(&self.folder).map_err(unreadable)?;
        let paths = entries.map(|entry| entry.map(|entry| entry.path()));
        let mut files = paths.collect::<io::Result<Vec<_>>>().map_err(unreadable)?;
        files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        files.sort_unstable();
        Ok(files)
    }

    fn read(
        &self,
        path: &Path,
        seen: &mut HashMap<PathBuf, Seen>,
    ) -> Result<Option<TenantId>, PolicyFileError> {
        let file = name(path);
        let unreadable = |source| PolicyFileError::Read { file: file.clone(), source };
        if fs::metadata(path).map_err(unreadable)?.len() > LARGEST {
            return Err(PolicyFileError::TooLarge { file });
        }
        let json = fs::read_to_string(path).map_err(unreadable)?;
        // Its time would not do: of two changes within one tick of the file system's clock the
        // second would be missed.
        let version = store::version_of(json.as_bytes());
        if seen.get(path).is_some_and(|seen| seen.version == version) {
            return Ok(None);
        }
        let policy = TenantPolicy::from_json(&json)
            .map_err(|error| PolicyFileError::Document { error, file: file.clone() })?;
        let tenant = policy.tenant().clone();
        let taken = |(other, seen): (&PathBuf, &Seen)| {
            other.as_path() != path && seen.tenant == tenant && other.exists()
        };
        if seen.iter().any(taken) {
            return Err(PolicyFileError::Twice { file });
        }
        // Under another name it is the same tenant's.
        seen.retain(|_, seen| seen.tenant != tenant);
        // Only what was read well counts as seen: a bad file is reported each time.
        seen.insert(path.to_owned(), Seen { tenant: tenant.clone(), version });
        self.policies.replace(policy);
        Ok(Some(tenant))
    }
}

impl PolicySource for PolicyDirectory {
    fn policy(&self, tenant: &TenantId) -> Result<Option<Arc<TenantPolicy>>, PolicyError> {
        self.policies.policy(tenant)
    }
}

fn name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::AfterReset;

    fn document(tenant: &str, after: AfterReset) -> String {
        TenantPolicy::customers(tenant).unwrap().with_after_reset(after).to_json().to_string()
    }

    fn after_reset(directory: &PolicyDirectory) -> AfterReset {
        let contoso = TenantId::parse("contoso").unwrap();
        directory.policy(&contoso).unwrap().unwrap().after_reset()
    }

    #[test]
    fn a_change_that_shows_neither_in_the_length_nor_in_the_time_takes_effect() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("contoso.json");
        fs::write(&file, document("contoso", AfterReset::SignIn)).unwrap();
        let written = fs::metadata(&file).unwrap().modified().unwrap();
        let directory = PolicyDirectory::open(folder.path()).unwrap();
        assert!(directory.reload().unwrap().changed.is_empty());

        let other = document("contoso", AfterReset::SignIn).replace(":15,", ":16,");
        fs::write(&file, other).unwrap();
        fs::File::options().write(true).open(&file).unwrap().set_modified(written).unwrap();

        assert_eq!(directory.reload().unwrap().changed.len(), 1);
        let contoso = TenantId::parse("contoso").unwrap();
        let policy = directory.policy(&contoso).unwrap().unwrap();
        assert_eq!(policy.password_rules().min_length(), 16);
    }

    #[test]
    fn a_changed_file_takes_effect_and_a_bad_one_never_does() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("contoso.json");
        fs::write(&file, document("contoso", AfterReset::SignIn)).unwrap();
        let directory = PolicyDirectory::open(folder.path()).unwrap();
        assert_eq!(after_reset(&directory), AfterReset::SignIn);

        let good = document("contoso", AfterReset::RequireSignIn);
        fs::write(&file, &good).unwrap();
        assert_eq!(directory.reload().unwrap().changed.len(), 1);
        assert_eq!(after_reset(&directory), AfterReset::RequireSignIn);
        assert!(directory.reload().unwrap().changed.is_empty());

        fs::write(&file, &good[..good.len() / 2]).unwrap();
        let errors = directory.reload().unwrap().errors;
        assert!(errors[0].to_string().contains("contoso.json: $: not complete JSON"));
        assert_eq!(after_reset(&directory), AfterReset::RequireSignIn);

        let renamed = folder.path().join("renamed.json");
        fs::rename(&file, &renamed).unwrap();
        fs::write(&renamed, document("contoso", AfterReset::SignIn)).unwrap();
        assert!(directory.reload().unwrap().errors.is_empty());
        assert_eq!(after_reset(&directory), AfterReset::SignIn);

        fs::remove_file(&renamed).unwrap();
        directory.reload().unwrap();
        assert_eq!(after_reset(&directory), AfterReset::SignIn);
    }

    #[test]
    fn a_folder_with_a_bad_file_does_not_open() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.json"), document("contoso", AfterReset::SignIn)).unwrap();
        fs::write(folder.path().join("b.json"), document("contoso", AfterReset::SignIn)).unwrap();
        let twice = PolicyDirectory::open(folder.path()).unwrap_err();
        assert!(matches!(twice, PolicyFileError::Twice { file } if file == "b.json"));

        let missing = PolicyDirectory::open(folder.path().join("nowhere")).unwrap_err();
        assert!(missing.to_string().contains("nowhere: cannot be read"));
    }
}
