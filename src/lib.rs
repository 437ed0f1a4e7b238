//! Self-service password reset.
pub mod adapters;
pub mod domain;
pub mod engine;
mod error;
pub mod flow;
pub mod mail;
pub mod policy;
pub mod ports;
mod wiring;

pub use domain::Keyring;
pub use engine::{Courier, Sspr};
pub use error::{Error, ErrorKind};
pub use policy::TenantPolicy;
