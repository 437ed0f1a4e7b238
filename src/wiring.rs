//! The usual parts of a service, put together.

use std::sync::Arc;

use crate::{
    adapters::{Argon2Pool, SystemClock, SystemEntropy},
    domain::Keyring,
    engine::{Builder, Courier, Ports, Sspr},
    ports::{CodeStore, PolicySource, UserStore},
};

impl Sspr {
    /// Makes a service over the host's stores, and the courier that sends its mails.
    ///
    /// Time and randomness come from the system. Passwords are hashed with Argon2id on a bounded pool.
    ///
    /// ```
    /// use sspr::adapters::{
    ///     MemoryCodes, MemoryPolicies, MemoryUsers, SystemEntropy,
    /// };
    /// use sspr::{Keyring, Sspr, TenantPolicy};
    ///
    /// let (sspr, courier) = Sspr::new(
    ///     MemoryUsers::new(),
    ///     MemoryCodes::new(),
    ///     MemoryPolicies::fixed(TenantPolicy::customers("contoso")?),
    ///     Keyring::generate(&SystemEntropy::new())?,
    /// );
    /// # let _ = (sspr, courier);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "without its courier running no mail is sent"]
    pub fn new(
        users: impl UserStore + 'static,
        codes: impl CodeStore + 'static,
        policies: impl PolicySource + 'static,
        keys: Keyring,
    ) -> (Self, Courier) {
        Self::builder(users, codes, policies, keys).build()
    }

    /// Makes a service with options, for example `Sspr::builder(…).with_clock(…).build()`.
    pub fn builder(
        users: impl UserStore + 'static,
        codes: impl CodeStore + 'static,
        policies: impl PolicySource + 'static,
        keys: Keyring,
    ) -> Builder {
        Builder::new(Ports {
            clock: Arc::new(SystemClock::new()),
            codes: Arc::new(codes),
            entropy: Arc::new(SystemEntropy::new()),
            hasher: Arc::new(Argon2Pool::new()),
            keys,
            policies: Arc::new(policies),
            users: Arc::new(users),
        })
    }
}
