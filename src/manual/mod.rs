//! The manual: what an operator needs to know, chapter by chapter.

#[doc = include_str!("hashing.md")]
pub mod hashing {}

#[doc = include_str!("operations.md")]
pub mod operations {}

#[doc = include_str!("scale.md")]
pub mod scale {}

#[doc = include_str!("standards.md")]
pub mod standards {}
