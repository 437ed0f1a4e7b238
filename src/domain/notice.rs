//! The cause that a notice names.

/// The event that a notice tells one recipient of.
///
/// Most notices tell of a changed password. The others tell of an action of staff, or of a frozen
/// account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoticeCause {
    /// Staff have required a new password at the next sign-in.
    ChangeRequired,
    /// Someone who knew the current password has changed it, while signed in or at a sign-in.
    ChangedByUser,
    /// A reset changed the password, with a code that staff had handed over.
    CodeFromStaff,
    /// A reset changed the password, with a code that was sent to a phone of the account.
    CodeSentByText,
    /// A reset changed the password, with a code that was sent to another address of the account.
    CodeSentElsewhere,
    /// A reset changed the password, with a code that was sent to this address.
    CodeSentHere,
    /// The code of an earlier notice has frozen the account.
    Frozen,
    /// Staff have made a code to hand over, with which a new password can be chosen.
    HelpOffered,
    /// Staff have ended the pause after wrong passwords.
    PauseEnded,
    /// Staff set a temporary password.
    TemporaryPassword,
    /// Staff have ended the freeze of the account.
    Unfrozen,
    /// The store does not know the cause, for instance because an older version queued the notice.
    #[default]
    Unknown,
}

impl NoticeCause {
    /// Every cause.
    pub(crate) const ALL: [Self; 12] = [
        Self::ChangeRequired,
        Self::ChangedByUser,
        Self::CodeFromStaff,
        Self::CodeSentByText,
        Self::CodeSentElsewhere,
        Self::CodeSentHere,
        Self::Frozen,
        Self::HelpOffered,
        Self::PauseEnded,
        Self::TemporaryPassword,
        Self::Unfrozen,
        Self::Unknown,
    ];

    /// Returns the name under which a store keeps the cause.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChangeRequired => "change_required",
            Self::ChangedByUser => "changed_by_user",
            Self::CodeFromStaff => "code_from_staff",
            Self::CodeSentByText => "code_sent_by_text",
            Self::CodeSentElsewhere => "code_sent_elsewhere",
            Self::CodeSentHere => "code_sent_here",
            Self::Frozen => "frozen",
            Self::HelpOffered => "help_offered",
            Self::PauseEnded => "pause_ended",
            Self::TemporaryPassword => "temporary_password",
            Self::Unfrozen => "unfrozen",
            Self::Unknown => "unknown",
        }
    }

    /// Returns whether the notice tells of a changed password.
    #[must_use]
    pub const fn is_change(self) -> bool {
        match self {
            Self::ChangedByUser
            | Self::CodeFromStaff
            | Self::CodeSentByText
            | Self::CodeSentElsewhere
            | Self::CodeSentHere
            | Self::TemporaryPassword
            | Self::Unknown => true,
            Self::ChangeRequired
            | Self::Frozen
            | Self::HelpOffered
            | Self::PauseEnded
            | Self::Unfrozen => false,
        }
    }

    /// Reads a stored name. A name that this version does not know becomes
    /// [`NoticeCause::Unknown`].
    #[must_use]
    pub fn from_stored(name: &str) -> Self {
        Self::ALL.into_iter().find(|cause| cause.as_str() == name).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_read_as_it_was_stored_and_an_unknown_name_is_unknown() {
        for cause in NoticeCause::ALL {
            assert_eq!(NoticeCause::from_stored(cause.as_str()), cause);
        }
        for name in ["", "CodeSentHere", "code sent here", "of a newer version"] {
            assert_eq!(NoticeCause::from_stored(name), NoticeCause::Unknown);
        }
    }
}
