//! A suite for every port, which tests your own store, sender, hasher, policy source or clock.
//!
//! The macro of a port makes one named test for each clause of the port's contract. The host says
//! how a case runs. It chooses the runtime, and supplies a fresh and empty subject.
//!
//! ```
//! use sspr::{adapters::MemoryCodes, conformance::{CodeStoreBench, CodeStoreCase, CaseResult, block_on}};
//!
//! fn run(case: CodeStoreCase) -> CaseResult {
//!     block_on(case.check(&CodeStoreBench::new(MemoryCodes::new())))
//! }
//!
//! # // A documentation test has no tests for the macro to make, so run every case by hand.
//! sspr::code_store_conformance!(run);
//! # for case in CodeStoreCase::all() {
//! #     run(*case).unwrap();
//! # }
//! ```
//!
//! A store that passes keeps each clause on every path that the suite walks. A failed case names
//! the clause in words, with the seed and the shortest history that shows the fault.
//!
//! The suite does not test durability. Kill the server to test it. The suite also misses races that
//! did not happen in its rounds. Raise their number with [`CodeStoreBench::with_rounds`].

mod audit_log;
mod block_on;
mod case_result;
mod clock;
mod code_store;
mod email_sender;
mod freezes;
mod outbox;
mod password_hasher;
mod policy_source;
mod random;
mod user_bench;
mod user_store;

pub use audit_log::{AuditLogBench, AuditLogCase};
pub use block_on::block_on;
pub use case_result::{CaseResult, Violation};
pub use clock::{ClockBench, ClockCase};
pub use code_store::{CodeStoreBench, CodeStoreCase, Spawn, Task};
pub use email_sender::{EmailSenderBench, EmailSenderCase, Received};
pub use outbox::{OutboxBench, OutboxCase};
pub use password_hasher::{PasswordHasherBench, PasswordHasherCase};
pub use policy_source::{PolicySourceBench, PolicySourceCase};
pub use user_bench::{PutAccount, UserStoreBench};
pub use user_store::UserStoreCase;

/// Declares the clauses of a port. It makes a type with one value for each clause, and a macro that
/// makes the tests.
macro_rules! clauses {
    (
        $(#[$doc:meta])* $case:ident over $bench:ty;
        $(#[$macro_doc:meta])* $tests:ident;
        $(in $room:ident: $($name:ident)*;)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $case {
            name: &'static str,
            body: for<'b> fn(&'b $bench) -> $crate::conformance::case_result::Checking<'b>,
        }

        impl $case {
            /// Returns every clause, in the order of the contract.
            #[must_use]
            pub fn all() -> &'static [Self] {
                const ALL: &[$case] = &[$($(
                    $case { name: stringify!($name), body: |bench| Box::pin($room::$name(bench)) }
                ),*),*];
                ALL
            }

            /// Returns the clause of that name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                Self::all().iter().find(|case| case.name == name).copied()
            }

            /// Returns the name of the clause, which says what it demands.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                self.name
            }

            /// Checks the clause.
            ///
            /// # Errors
            /// [`Violation`](crate::conformance::Violation) says how the clause is broken.
            pub async fn check(&self, bench: &$bench) -> $crate::conformance::CaseResult {
                (self.body)(bench).await.map_err(|violation| violation.in_case(self.name))
            }
        }

        impl core::fmt::Debug for $case {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_tuple(stringify!($case)).field(&self.name).finish()
            }
        }

        $(#[$macro_doc])*
        #[macro_export]
        macro_rules! $tests {
            ($run:expr) => {
                $crate::__conformance_tests! { $case, $run; $($($name)*)* }
            };
        }
    };
}
use clauses;

/// Makes one `#[test]` for each name. Hosts do not use it, because they call the macro of a port.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    ($case:ident, $run:expr; $($name:ident)*) => {
        $(#[test]
        fn $name() {
            let case = $crate::conformance::$case::named(stringify!($name));
            let case = case.unwrap_or_else(|| panic!("no case of that name"));
            let verdict: $crate::conformance::CaseResult = ($run)(case);
            verdict.unwrap_or_else(|violation| panic!("{violation}"));
        })*
    };
}
