//! Keys from the environment, or the demonstration's own: beside the database, which a real service
//! must never do.

use std::{fs, path::Path};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use sspr::{Keyring, adapters::SystemEntropy, ports::Entropy as _};

use crate::Outcome;

pub fn beside(file: &Path) -> Outcome<Keyring> {
    if std::env::var_os("SSPR_KEYS").is_some() {
        return Ok(Keyring::from_env("SSPR_KEYS")?);
    }
    let beside = file.with_extension("keys");
    if !beside.exists() {
        fs::write(&beside, format!("sign={} index={}\n", secret()?, secret()?))?;
    }
    Ok(Keyring::parse(&fs::read_to_string(beside)?)?)
}

/// 256 random bits as text.
pub fn secret() -> Outcome<String> {
    Ok(Base64UrlUnpadded::encode_string(&random()?))
}

pub fn random() -> Outcome<[u8; 32]> {
    let mut bytes = [0; 32];
    SystemEntropy::new().fill(&mut bytes)?;
    Ok(bytes)
}
