//! Port: the source of everything unguessable. The trait stands in [`crate::domain`], because
//! codes and tokens are drawn there.

pub use crate::domain::entropy::{Entropy, EntropyUnavailable};
