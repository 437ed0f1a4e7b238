//! What the administrator decides.

mod brand;

pub use brand::{Brand, BrandError, CodeInSubject};

/// Everything that one tenant's administrator decides.
#[derive(Clone, Debug)]
pub struct TenantPolicy {}
