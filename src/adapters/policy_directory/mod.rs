//! Policies in a folder of JSON files, which are read again when they change.

mod edit;
mod error;
mod exchange;
mod files;
mod store;
mod trail;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub use error::PolicyFileError;

use super::{MemoryPolicies, PolicyFault};
use crate::{
    domain::TenantId,
    policy::TenantPolicy,
    ports::{PolicyError, PolicySource, VersionedPolicy},
};

/// Policies from one `*.json` file per tenant, as [`TenantPolicy::from_json`] reads it. Clones
/// share the policies.
///
/// Call [`PolicyDirectory::reload`] regularly, because it reads every file. A bad file never
/// replaces a good policy and does not affect other tenants. [`PolicyDirectory::faults`] names the
/// file, and the administrator's side repairs it. A missing file never removes a policy. To switch
/// a tenant off, change its document.
///
/// A file may have any name that ends in `.json`. If several files are about one tenant, only the
/// file with the tenant's name is used. Without such a file, all of them are ignored.
#[derive(Clone, Debug)]
pub struct PolicyDirectory {
    folder: PathBuf,
    policies: MemoryPolicies,
    state: Arc<Mutex<State>>,
}

/// The result of [`PolicyDirectory::reload`].
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Reloaded {
    /// The tenants that have a new policy.
    pub changed: Vec<TenantId>,
    /// The files that could not be used. The policies that they would have replaced stay in force.
    pub errors: Vec<PolicyFileError>,
}

/// The known state of the files.
#[derive(Debug, Default)]
struct State {
    /// The file that counts for each tenant.
    owners: HashMap<TenantId, PathBuf>,
    /// The files that were read, with the version of their content.
    seen: HashMap<PathBuf, Seen>,
    /// The tenants for which there are several files.
    ambiguous: HashSet<TenantId>,
    /// The files that could not be used, with their tenants and faults.
    faults: BTreeMap<PathBuf, (Option<TenantId>, String)>,
}

#[derive(Debug)]
struct Seen {
    version: u64,
    tenant: TenantId,
}

impl PolicyDirectory {
    /// Reads every policy of a folder. A file that cannot be used is left out, and
    /// [`PolicyDirectory::faults`] names it. Until the file is repaired, no user of its tenant can
    /// reset a password.
    ///
    /// # Errors
    /// [`PolicyFileError`] if the folder itself cannot be read.
    ///
    /// # Examples
    /// ```
    /// use sspr::adapters::PolicyDirectory;
    ///
    /// let missing = PolicyDirectory::open("/no/such/folder");
    /// let told = missing.unwrap_err().to_string();
    /// assert!(told.contains("cannot be read"));
    /// ```
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, PolicyFileError> {
        let folder = folder.as_ref().to_owned();
        let directory = Self { folder, policies: MemoryPolicies::default(), state: Arc::default() };
        directory.reload()?;
        Ok(directory)
    }

    /// Reads every file, and takes over the changes since the last call.
    ///
    /// # Errors
    /// [`PolicyFileError`] if the folder cannot be read. Every policy then stays in force.
    pub fn reload(&self) -> Result<Reloaded, PolicyFileError> {
        let mut state = self.state();
        let mut reloaded = Reloaded::default();
        let mut readable: BTreeMap<TenantId, Vec<Found>> = BTreeMap::new();
        let paths = files::listed(&self.folder)?;
        state.faults.clear();
        state.seen.retain(|path, _| paths.contains(path));
        for path in paths {
            match self.found(&path, &state) {
                Ok(found) => readable.entry(found.tenant.clone()).or_default().push(found),
                Err((tenant, error)) => {
                    state.faults.insert(path, (tenant, error.to_string()));
                    reloaded.errors.push(error);
                }
            }
        }
        state.ambiguous.clear();
        for (tenant, found) in readable {
            let own = self.folder.join(files::own_name(&tenant));
            let is_taken = found.len() > 1 || state.faults.contains_key(&own);
            for found in found {
                if is_taken && found.path != own {
                    state.ambiguous.insert(tenant.clone());
                    let error = PolicyFileError::Twice { file: files::name(&found.path) };
                    state.faults.insert(found.path, (Some(tenant.clone()), error.to_string()));
                    reloaded.errors.push(error);
                    continue;
                }
                if let Some(policy) = found.policy {
                    let policy = VersionedPolicy::new(Arc::new(policy), found.version);
                    self.policies.adopt(policy);
                    reloaded.changed.push(tenant.clone());
                }
                let seen = Seen { tenant: tenant.clone(), version: found.version };
                // No other tenant owns this file any more.
                state.owners.retain(|_, path| *path != found.path);
                state.owners.insert(tenant.clone(), found.path.clone());
                state.seen.insert(found.path, seen);
            }
            // The file with the tenant's usual name counts, even if other files name the tenant.
            if state.owners.get(&tenant) == Some(&own) {
                state.ambiguous.remove(&tenant);
            }
        }
        Ok(reloaded)
    }

    /// Returns the tenants that have a policy.
    #[must_use]
    pub fn tenants(&self) -> Vec<TenantId> {
        let mut tenants = self.policies.tenants();
        let state = self.state();
        tenants.extend(state.faults.values().filter_map(|(tenant, _)| tenant.clone()));
        tenants.sort_unstable();
        tenants.dedup();
        tenants
    }

    /// Returns the faults of the last [`PolicyDirectory::reload`], for the host's logs.
    #[must_use]
    pub fn faults(&self) -> Vec<PolicyFault> {
        let state = self.state();
        let fault = |(tenant, message): &(Option<TenantId>, String)| PolicyFault {
            message: message.clone(),
            tenant: tenant.clone(),
        };
        state.faults.values().map(fault).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a file. Its policy is included only if it is new. The error comes with the tenant of
    /// the file, if it is known.
    fn found(
        &self,
        path: &Path,
        state: &State,
    ) -> Result<Found, (Option<TenantId>, PolicyFileError)> {
        let seen = state.seen.get(path);
        let about = |text: &str| {
            let named = seen.map(|seen| seen.tenant.clone());
            named.or_else(|| files::tenant_of(path, text))
        };
        let content = files::Content::read(path);
        let bytes = content.bytes.map_err(|error| (about(""), error))?;
        if let Some(seen) = seen.filter(|seen| seen.version == content.version) {
            let (path, tenant) = (path.to_owned(), seen.tenant.clone());
            return Ok(Found { path, policy: None, tenant, version: content.version });
        }
        let policy = files::parsed(path, &bytes)
            .map_err(|error| (about(core::str::from_utf8(&bytes).unwrap_or_default()), error))?;
        let (path, tenant) = (path.to_owned(), policy.tenant().clone());
        Ok(Found { path, policy: Some(policy), tenant, version: content.version })
    }
}

struct Found {
    path: PathBuf,
    tenant: TenantId,
    version: u64,
    policy: Option<TenantPolicy>,
}

impl PolicySource for PolicyDirectory {
    fn policy(&self, tenant: &TenantId) -> Result<Option<Arc<TenantPolicy>>, PolicyError> {
        if let Some(policy) = self.policies.policy(tenant)? {
            return Ok(Some(policy));
        }
        let state = self.state();
        let own = self.folder.join(files::own_name(tenant));
        let of_tenant =
            |(_, (of, _)): &(&PathBuf, &(Option<TenantId>, String))| of.as_ref() == Some(tenant);
        let fault = state
            .faults
            .get(&own)
            .or_else(|| state.faults.iter().find(of_tenant).map(|(_, fault)| fault));
        match fault {
            Some((_, message)) => {
                let error = "policy folder: the tenant's policy cannot be read; repair it";
                Err(PolicyError::new(error).with_source(message.clone()))
            }
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

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
    fn of_several_files_about_one_tenant_the_one_of_its_name_counts_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a.json"), document("contoso", AfterReset::RequireSignIn)).unwrap();
        fs::write(path("b.json"), document("contoso", AfterReset::RequireSignIn)).unwrap();
        let directory = PolicyDirectory::open(folder.path()).unwrap();
        let contoso = TenantId::parse("contoso").unwrap();
        assert!(directory.policy(&contoso).is_err());
        let errors = directory.reload().unwrap().errors;
        assert!(matches!(&*errors, [PolicyFileError::Twice { .. }, PolicyFileError::Twice { .. }]));

        fs::write(path("contoso.json"), document("contoso", AfterReset::SignIn)).unwrap();
        for directory in [&directory, &PolicyDirectory::open(folder.path()).unwrap()] {
            assert_eq!(directory.reload().unwrap().errors.len(), 2);
            assert_eq!(after_reset(directory), AfterReset::SignIn);
            assert_eq!(directory.faults()[0].tenant.as_ref(), Some(&contoso));
        }
    }

    #[test]
    fn a_folder_that_is_missing_does_not_open() {
        let folder = tempfile::tempdir().unwrap();
        let missing = PolicyDirectory::open(folder.path().join("nowhere")).unwrap_err();
        assert!(missing.to_string().contains("nowhere: cannot be read"));
    }

    #[test]
    fn a_file_that_is_about_another_tenant_now_belongs_to_that_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shared.json");
        fs::write(&path, document("contoso", AfterReset::SignIn)).unwrap();
        let directory = PolicyDirectory::open(folder.path()).unwrap();
        fs::write(&path, document("fabrikam", AfterReset::SignIn)).unwrap();
        directory.reload().unwrap();
        let owners: Vec<String> =
            directory.state().owners.keys().map(ToString::to_string).collect();
        assert_eq!(owners, ["fabrikam"]);
    }

    #[test]
    fn a_second_file_about_a_tenant_makes_both_count_for_nothing_until_one_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let contoso = TenantId::parse("contoso").unwrap();
        fs::write(path("a.json"), document("contoso", AfterReset::SignIn)).unwrap();
        let directory = PolicyDirectory::open(folder.path()).unwrap();
        fs::write(path("b.json"), document("contoso", AfterReset::SignIn)).unwrap();
        directory.reload().unwrap();
        assert!(directory.state().ambiguous.contains(&contoso));
        fs::remove_file(path("b.json")).unwrap();
        directory.reload().unwrap();
        assert!(!directory.state().ambiguous.contains(&contoso));
    }
}
