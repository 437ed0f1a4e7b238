//! The files of a folder and their content.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::error::PolicyFileError;
use crate::{
    domain::TenantId,
    policy::{DocumentError, TenantPolicy},
};

/// The largest file that is read. Graph's own policies are at most 20 KB.
pub(super) const LARGEST: u64 = 1024 * 1024;

/// The content of a file, or the reason why it cannot be read. Every process computes the same
/// version for it.
pub(super) struct Content {
    pub(super) version: u64,
    pub(super) bytes: Result<Vec<u8>, PolicyFileError>,
}

impl Content {
    pub(super) fn read(path: &Path) -> Self {
        let file = name(path);
        let bytes = match bytes(path) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(PolicyFileError::NotAFile { file: file.clone() }),
            Err(source) => Err(PolicyFileError::Read { file: file.clone(), source }),
        };
        let version = match &bytes {
            // A modification time would not do. If two changes fall within one tick of the file
            // system's clock, the second would be missed.
            Ok(bytes) => version_of(bytes),
            Err(error) => version_of(error.to_string().as_bytes()),
        };
        let fits = |bytes: &Vec<u8>| u64::try_from(bytes.len()).is_ok_and(|it| it <= LARGEST);
        let bytes = bytes.and_then(|bytes| {
            if fits(&bytes) { Ok(bytes) } else { Err(PolicyFileError::TooLarge { file }) }
        });
        Self { bytes, version }
    }

    /// Returns true if there is no such file.
    pub(super) fn is_missing(&self) -> bool {
        let kind = match &self.bytes {
            Err(PolicyFileError::Read { source, .. }) => source.kind(),
            _ => return false,
        };
        kind == io::ErrorKind::NotFound
    }
}

/// Reads at most one byte more than the largest file may have. Returns `None` for anything but a
/// regular file, because reading a pipe might never end.
fn bytes(path: &Path) -> io::Result<Option<Vec<u8>>> {
    if !fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Returns every `*.json` of a folder, ordered by name.
pub(super) fn listed(folder: &Path) -> Result<Vec<PathBuf>, PolicyFileError> {
    let unreadable = |source| PolicyFileError::Read { file: name(folder), source };
    let entries = fs::read_dir(folder).map_err(unreadable)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut files = paths.collect::<io::Result<Vec<_>>>().map_err(unreadable)?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort_unstable();
    Ok(files)
}

/// Parses the policy in a file.
pub(super) fn parsed(path: &Path, bytes: &[u8]) -> Result<TenantPolicy, PolicyFileError> {
    let text = core::str::from_utf8(bytes).map_err(|_| DocumentError::new("$", "is not UTF-8"));
    text.and_then(TenantPolicy::from_json)
        .map_err(|error| PolicyFileError::Document { error, file: name(path) })
}

/// Returns the tenant of a file without a valid policy. It is the tenant that the content names, or
/// the one that the file is named after.
pub(super) fn tenant_of(path: &Path, text: &str) -> Option<TenantId> {
    let named = serde_json::from_str::<serde_json::Value>(text).ok();
    let named = named.as_ref().and_then(|document| document.get("tenant")?.as_str());
    let named = named.and_then(|tenant| TenantId::parse(tenant).ok());
    named.or_else(|| {
        let tenant = TenantId::parse(path.file_stem()?.to_str()?).ok()?;
        (name(path) == own_name(&tenant)).then_some(tenant)
    })
}

/// Returns the usual file name of a tenant.
pub(super) fn own_name(tenant: &TenantId) -> String {
    if is_plain(tenant.as_str()) {
        return format!("{tenant}.json");
    }
    format!("{}.json", tag(tenant))
}

/// Returns the file name of a tenant whose usual name is taken by another tenant.
pub(super) fn other_name(tenant: &TenantId) -> String {
    format!("_{}.json", tag(tenant))
}

fn tag(tenant: &TenantId) -> String {
    tenant.tag().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

pub(super) fn name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// Returns a version that every process computes alike. It is never 0.
pub(super) fn version_of(bytes: &[u8]) -> u64 {
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    let head = hash.first_chunk::<8>().map_or(0, |head| u64::from_be_bytes(*head));
    (head >> 12) | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(tenant: &str) -> String {
        own_name(&TenantId::parse(tenant).unwrap())
    }

    #[test]
    fn a_file_is_named_after_a_plain_tenant_and_after_the_tag_of_any_other() {
        assert_eq!(own("contoso-7"), "contoso-7.json");
        let mut others = ["../contoso", "a/b", "a.b", "a b", "con_toso", "größe"].map(own).to_vec();
        others.push(other_name(&TenantId::parse("contoso").unwrap())[1..].to_owned());
        for name in &others {
            let tag = name.strip_suffix(".json").unwrap();
            assert!(tag.len() == 16 && tag.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
        }
        others.sort_unstable();
        others.dedup();
        assert_eq!(others.len(), 7, "each tenant has its own");
    }

    #[test]
    fn a_file_of_one_mebibyte_is_read_and_a_longer_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contoso.json");
        for (length, is_read) in [(1_048_576, true), (1_048_577, false)] {
            fs::write(&path, vec![b' '; length]).unwrap();
            assert_eq!(Content::read(&path).bytes.is_ok(), is_read, "{length}");
        }
    }

    #[test]
    fn a_version_is_the_head_of_the_hash_and_odd_so_never_0() {
        for (text, version) in [("", 0x000e_3b0c_4429_8fc1), ("7", 0x0007_9026_99be_42c9)] {
            assert_eq!(version_of(text.as_bytes()), version, "{text:?}");
        }
    }
}
