//! Port: passwords that are known to have leaked.

use async_trait::async_trait;

use crate::domain::Password;

/// Looks a new password up in a collection of leaked ones.
#[async_trait]
pub trait BreachCheck: Send + Sync {
    /// Answers whether the password is known to have leaked.
    ///
    /// *Time*: bounded by the implementation; two seconds is long. *Security*: fails open: when no
    /// answer is to be had the reset goes on and an event says so. Never send a password, or a
    /// digest that identifies it, to anybody else: use a range query.
    async fn check(&self, password: &Password) -> Breach;
}

/// What is known of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Exhaustive: the engine decides on each.
pub enum Breach {
    /// It has leaked.
    Known,
    /// It is not known to have leaked.
    NotKnown,
    /// No answer was to be had.
    Unavailable,
}
