//! Port: the source of randomness. The trait is in [`crate::domain`], because codes and tokens are
//! generated there.

pub use crate::domain::entropy::{Entropy, EntropyUnavailable};
