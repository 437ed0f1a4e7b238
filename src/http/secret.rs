//! A secret on its way through a client.

use serde::{Deserialize, Serialize};
use zeroize::Zeroize as _;

/// The text form of a token inside data that is sealed for a client. Wiped on drop.
#[derive(Clone, Deserialize, Serialize)]
#[serde(transparent)]
pub(super) struct Secret(String);

impl Secret {
    pub(super) const fn of(text: String) -> Self {
        Self(text)
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
