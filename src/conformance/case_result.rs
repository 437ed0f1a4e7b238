//! The result of a case.

use core::{fmt, future::Future, pin::Pin};

/// The result of a case. The error is the clause that is broken.
pub type CaseResult = Result<(), Violation>;

pub(super) type Checking<'b> = Pin<Box<dyn Future<Output = CaseResult> + Send + 'b>>;

/// A broken clause, described in words.
#[derive(Clone, PartialEq, Eq)]
pub struct Violation {
    case: &'static str,
    story: String,
}

impl Violation {
    pub(super) fn new(story: impl Into<String>) -> Self {
        Self { case: "", story: story.into() }
    }

    /// Returns the violation for a failure of the suite or its subject.
    pub(super) fn of(error: impl fmt::Display) -> Self {
        Self::new(format!("failed: {error}"))
    }

    pub(super) fn in_case(self, case: &'static str) -> Self {
        Self { case, ..self }
    }

    /// Returns the name of the case.
    #[must_use]
    pub const fn case(&self) -> &'static str {
        self.case
    }

    /// Returns the text that says what happened and what should have happened.
    #[must_use]
    pub fn story(&self) -> &str {
        &self.story
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.case, self.story)
    }
}

/// Prints the same as `Display`, because a test that unwraps a verdict prints this.
impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Violation {}

impl From<crate::ports::StoreError> for Violation {
    fn from(error: crate::ports::StoreError) -> Self {
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        Self::new(format!("the store failed: {error} ({cause})"))
    }
}

/// Returns `Ok` if a clause holds, and otherwise the violation.
pub(super) fn hold(held: bool, clause: impl FnOnce() -> String) -> CaseResult {
    if held { Ok(()) } else { Err(Violation::new(clause())) }
}

/// Returns `Ok` if an answer is the one that the contract names.
pub(super) fn same<T: PartialEq + fmt::Debug>(what: &str, got: T, expected: T) -> CaseResult {
    hold(got == expected, || format!("{what}: {got:?}, where the contract says {expected:?}"))
}
