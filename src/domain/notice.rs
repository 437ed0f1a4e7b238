//! The cause that a notice names.

/// The way in which a password was changed, as one recipient of the notice is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoticeCause {
    /// A reset changed the password, with a code that was sent to another address of the account.
    CodeSentElsewhere,
    /// A reset changed the password, with a code that was sent to this address.
    CodeSentHere,
    /// The store does not know the cause, for instance because an older version queued the notice.
    #[default]
    Unknown,
}

impl NoticeCause {
    /// Returns the name under which a store keeps the cause.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CodeSentElsewhere => "code_sent_elsewhere",
            Self::CodeSentHere => "code_sent_here",
            Self::Unknown => "unknown",
        }
    }

    /// Reads a stored name. A name that this version does not know becomes
    /// [`NoticeCause::Unknown`].
    #[must_use]
    pub fn from_stored(name: &str) -> Self {
        [Self::CodeSentElsewhere, Self::CodeSentHere]
            .into_iter()
            .find(|cause| cause.as_str() == name)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_read_as_it_was_stored_and_an_unknown_name_is_unknown() {
        use NoticeCause::{CodeSentElsewhere, CodeSentHere, Unknown};
        for cause in [CodeSentElsewhere, CodeSentHere, Unknown] {
            assert_eq!(NoticeCause::from_stored(cause.as_str()), cause);
        }
        for name in ["", "CodeSentHere", "code sent here", "of a newer version"] {
            assert_eq!(NoticeCause::from_stored(name), Unknown);
        }
    }
}
