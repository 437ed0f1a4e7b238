//! The actions that staff can do for an account.

use core::time::Duration;

use crate::{http::admin::AccessKind, policy::Limits};

/// An action of the help desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    AssistanceCode,
    RequireChange,
    TemporaryPassword,
    Unfreeze,
    Unlock,
}

impl Action {
    /// All actions, in the order of the page: from the mildest to the strongest.
    pub(super) const ALL: [Self; 5] = [
        Self::Unlock,
        Self::Unfreeze,
        Self::RequireChange,
        Self::AssistanceCode,
        Self::TemporaryPassword,
    ];

    /// Returns the action with this word.
    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.word() == word)
    }

    /// Returns the word that a URL has for the action.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::AssistanceCode => "code",
            Self::RequireChange => "require-change",
            Self::TemporaryPassword => "temporary-password",
            Self::Unfreeze => "unfreeze",
            Self::Unlock => "end-pause",
        }
    }

    /// Returns the permission that the action needs.
    pub(super) const fn kind(self) -> AccessKind {
        match self {
            Self::AssistanceCode => AccessKind::AssistanceCode,
            Self::RequireChange => AccessKind::RequireChange,
            Self::TemporaryPassword => AccessKind::TemporaryPassword,
            Self::Unfreeze => AccessKind::Unfreeze,
            Self::Unlock => AccessKind::Unlock,
        }
    }

    /// Returns the name of the action, as its button shows it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::AssistanceCode => "Hand over a code",
            Self::RequireChange => "Require a new password",
            Self::TemporaryPassword => "Set a temporary password",
            Self::Unfreeze => "Unfreeze",
            Self::Unlock => "End the pause",
        }
    }

    /// Says what the action does, one sentence a line.
    pub(super) fn effects(self, limits: &Limits) -> Vec<String> {
        let fixed: &[&str] = match self {
            Self::AssistanceCode => &[
                "You get a code that you tell the customer.",
                "With the code and the e-mail address, the customer chooses a new password.",
                "The current password works until then.",
                "Each address on file gets a mail about the code, and another one when the password is \
                 changed.",
            ],
            Self::RequireChange => &[
                "The customer must choose a new password at the next sign-in.",
                "The current password is still needed for that sign-in.",
                "Devices that are signed in stay signed in.",
                "Each address on file gets a mail about it.",
            ],
            Self::TemporaryPassword => &[
                "The current password stops working at once.",
                "Every device of the customer is signed out.",
                "You get a password that you tell the customer, who must choose a new one at the \
                 next sign-in.",
                "Each address on file gets a mail about it.",
            ],
            Self::Unfreeze => &[
                "The customer can sign in again, with the password from before.",
                "Do this only if the customer made a mistake. After a theft, hand over a code instead.",
                "The addresses on file stay as they are, so check them first.",
                "Each address that could get the account back gets a mail about it.",
            ],
            Self::Unlock => &[
                "The customer can try passwords again at once.",
                "Wrong passwords are counted from zero.",
                "The password and all signed-in devices stay as they are.",
                "A lock that your service itself has set stays as well.",
                "Each address on file gets a mail about it.",
            ],
        };
        let lifetime = match self {
            Self::AssistanceCode => {
                let lifetime = words(limits.assistance_code_lifetime());
                Some(format!("The code works once, and stops working after {lifetime}."))
            }
            Self::TemporaryPassword => {
                let lifetime = words(limits.temporary_password_lifetime());
                Some(format!(
                    "The temporary password stops working after {lifetime} at the latest."
                ))
            }
            Self::RequireChange | Self::Unfreeze | Self::Unlock => None,
        };
        fixed.iter().map(|line| (*line).to_owned()).chain(lifetime).collect()
    }

    /// Returns whether the action is for one application.
    pub(super) const fn needs_application(self) -> bool {
        matches!(self, Self::AssistanceCode)
    }

    /// Returns whether the action gives staff something that a stranger must not get.
    pub(super) const fn gives_access(self) -> bool {
        matches!(self, Self::AssistanceCode | Self::TemporaryPassword)
    }
}

/// Returns a duration in whole hours or minutes.
fn words(duration: Duration) -> String {
    let minutes = duration.as_secs() / 60;
    let (count, unit) =
        if minutes.is_multiple_of(60) { (minutes / 60, "hour") } else { (minutes, "minute") };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_action_is_found_by_its_own_word() {
        for action in Action::ALL {
            assert_eq!(Action::parse(action.word()), Some(action));
        }
        assert_eq!(Action::parse(""), None);
        assert_eq!(Action::parse("CODE"), None);
    }

    #[test]
    fn a_lifetime_is_told_in_the_largest_unit_that_fits() {
        let told = |minutes: u64| words(Duration::from_secs(minutes * 60));
        assert_eq!(told(60), "1 hour");
        assert_eq!(told(24 * 60), "24 hours");
        assert_eq!(told(90), "90 minutes");
    }
}
