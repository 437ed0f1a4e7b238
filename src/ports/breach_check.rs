//! Port: the check for leaked passwords.

use async_trait::async_trait;

use crate::domain::Password;

/// A check of new passwords against a collection of leaked ones.
///
/// ```
/// use sspr::ports::{Breach, BreachCheck};
/// use sspr::Password;
///
/// struct Mine;
///
/// #[async_trait::async_trait]
/// impl BreachCheck for Mine {
///     async fn check(&self, password: &Password) -> Breach {
///         # let _ = password;
///         Breach::Unavailable
///     }
/// }
/// ```
#[async_trait]
pub trait BreachCheck: Send + Sync {
    /// Answers whether the password is known to have leaked.
    ///
    /// The user waits for the answer. Therefore an implementation should give up after two seconds.
    ///
    /// # Security
    /// The check fails open: without an answer the reset goes on, and an event says so. Never send a
    /// password, or a digest that identifies it, to another party. Use a range query.
    async fn check(&self, password: &Password) -> Breach;
}

/// The answer of a breach check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Exhaustive: the engine decides on each.
pub enum Breach {
    /// The password has leaked.
    Known,
    /// The password is not known to have leaked.
    NotKnown,
    /// The check got no answer.
    Unavailable,
}
