//! The options that every database server has.

/// Implements the setters for the fields `roots` and `drift`.
macro_rules! server_options {
    () => {
        /// Trusts these certificates (PEM) instead of those of the operating system.
        #[must_use]
        pub fn with_root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
            self.roots = Some(pem.into());
            self
        }

        /// Skips the check that this process's clock is within 30 seconds of the server's clock. Use it
        /// only in tests that move their clock by hand. In production, one wrong clock could then end
        /// resets of every process.
        #[must_use]
        pub const fn without_clock_check(mut self) -> Self {
            self.drift = None;
            self
        }
    };
}

pub(super) use server_options;
