//! Self-service password reset.
pub mod domain;
