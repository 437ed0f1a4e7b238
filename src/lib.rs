//! Self-service password reset.
pub mod adapters;
pub mod domain;
pub mod flow;
pub mod mail;
pub mod policy;
pub mod ports;
