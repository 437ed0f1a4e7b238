//! What a case answers.

use core::{fmt, future::Future, pin::Pin};

/// `Ok`, or the clause that is broken.
pub type CaseResult = Result<(), Violation>;

pub(super) type Checking<'b> = Pin<Box<dyn Future<Output = CaseResult> + Send + 'b>>;

/// A broken clause, in words.
#[derive(Clone, PartialEq, Eq)]
pub struct Violation {
    case: &'static str,
    story: String,
}

impl Violation {
    pub(super) fn new(story: impl Into<String>) -> Self {
        Self { case: "", story: story.into() }
    }

    /// The suite could not make what it needs, or a subject broke.
    pub(super) fn of(error: impl fmt::Display) -> Self {
        Self::new(format!("failed: {error}"))
    }

    pub(super) fn in_case(self, case: &'static str) -> Self {
        Self { case, ..self }
    }

    /// The name of the case.
    #[must_use]
    pub const fn case(&self) -> &'static str {
        self.case
    }

    /// What happened, and what should have.
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

/// As readable as `Display`: a test that unwraps a verdict prints this.
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

/// That a clause holds, or what is wrong.
pub(super) fn hold(held: bool, clause: impl FnOnce() -> String) -> CaseResult {
    if held { Ok(()) } else { Err(Violation::new(clause())) }
}

/// That an answer is the one that the contract names.
pub(super) fn same<T: PartialEq + fmt::Debug>(what: &str, got: T, expected: T) -> CaseResult {
    hold(got == expected, || format!("{what}: {got:?}, where the contract says {expected:?}"))
}
