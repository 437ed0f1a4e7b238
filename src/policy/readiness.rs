//! Is a tenant set up? What an administrator still has to do.

use core::fmt;

use super::{Applications, MethodState, TenantPolicy};

/// Every precondition of password reset in a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness(Vec<Check>);

/// One precondition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Check {
    /// What is checked.
    pub name: &'static str,
    /// How it stands.
    pub state: CheckState,
    /// What to do, or what to know.
    pub words: String,
}

/// How a precondition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Exhaustive: pages show each in its own way.
pub enum CheckState {
    /// Met.
    Ready,
    /// Not met: nobody, or not everybody, can reset.
    ToDo,
    /// Met, with something to know.
    Note,
}

impl TenantPolicy {
    /// What is set up, and what is still to do. For administrators only.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let methods = self.authentication_methods();
        let check = |name, met: bool, words: &str| Check {
            name,
            state: if met { CheckState::Ready } else { CheckState::ToDo },
            words: if met { String::new() } else { words.to_owned() },
        };
        let empty_flows: Vec<&str> = self
            .user_flows()
            .iter()
            .filter(|flow| *flow.applications() == Applications::Listed(Vec::new()))
            .map(|flow| flow.display_name())
            .collect();
        let mut checks = vec![
            check(
                "Email OTP is enabled",
                methods.state() == MethodState::Enabled,
                "Enable Email OTP in the authentication methods policy.",
            ),
            check(
                "Email OTP includes somebody",
                !methods.include().is_empty(),
                "Include all users, or a group: an empty list is nobody.",
            ),
            check(
                "A user flow offers Email with password",
                self.user_flows().iter().any(super::UserFlow::has_passwords),
                "Choose the identity provider \"Email with password\" in a user flow.",
            ),
            check(
                "Every user flow has an application",
                empty_flows.is_empty(),
                &format!("Add an application to: {}.", empty_flows.join(", ")),
            ),
        ];
        if !methods.exclude().is_empty() {
            checks.push(Check {
                name: "Some are excluded",
                state: CheckState::Note,
                words: "An excluded group always wins over an included one.".to_owned(),
            });
        }
        Readiness(checks)
    }
}

impl Readiness {
    /// The preconditions, in the order in which to meet them.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.0
    }

    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.iter().all(|check| check.state != CheckState::ToDo)
    }
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, check) in self.0.iter().enumerate() {
            let mark = match check.state {
                CheckState::Ready => "ready",
                CheckState::ToDo => "to do",
                CheckState::Note => "note ",
            };
            let line = if index == 0 { "" } else { "\n" };
            write!(f, "{line}[{mark}] {}", check.name)?;
            if !check.words.is_empty() {
                write!(f, ": {}", check.words)?;
            }
        }
        Ok(())
    }
}
