//! The customer pages as values.

use askama::Template;
use zeroize::Zeroizing;

use super::{action::Action, applications::Offered, perform::Secret};
use crate::{
    domain::{EmailAddress, Timestamp},
    engine::{AccountLimit, AccountReport},
    http::admin::view::shown_time,
    policy::{Ineligibility, UserFlow},
};

/// The parts that every customer page has.
pub(super) struct Frame {
    pub(super) tenant: String,
    pub(super) tenants: Vec<String>,
    /// True if this member of staff may also see the policies.
    pub(super) administers: bool,
}

/// The form that looks a customer up, and the accounts that were found.
#[derive(Template)]
#[template(path = "admin-customers.html")]
pub(super) struct LookUpPage {
    pub(super) brand: String,
    pub(super) frame: Frame,
    pub(super) failed: bool,
    pub(super) error: Option<String>,
    /// The text that was typed as the address.
    pub(super) asked: String,
    /// The user flow by which the accounts are explained.
    pub(super) flow: String,
    pub(super) flows: Vec<ShownFlow>,
    /// The number of accounts in words, after a look-up.
    pub(super) found: Option<String>,
    pub(super) accounts: Vec<ShownAccount>,
}

pub(super) struct ShownFlow {
    id: String,
    name: String,
    chosen: bool,
}

pub(super) struct ShownAccount {
    id: String,
    lines: Vec<ShownLine>,
    /// The newest audit records. `None` if they cannot or may not be seen.
    trail: Option<Vec<ShownRecord>>,
    actions: Vec<Action>,
    /// The reason why no action is offered.
    idle: Option<&'static str>,
}

/// A fact about an account. A mark shows whether it keeps the customer out.
/// An audit record in plain English.
pub(super) struct ShownRecord {
    pub(super) at: String,
    pub(super) words: String,
    /// The person, the network and the reason.
    pub(super) details: Vec<String>,
}

struct ShownLine {
    is_bad: bool,
    name: &'static str,
    words: Vec<String>,
}

/// The page on which staff confirm an action.
#[derive(Template)]
#[template(path = "admin-customer-confirm.html")]
pub(super) struct ConfirmPage {
    pub(super) brand: String,
    pub(super) frame: Frame,
    pub(super) failed: bool,
    pub(super) action: Action,
    pub(super) address: String,
    pub(super) flow: String,
    pub(super) account: String,
    pub(super) key: String,
    pub(super) effects: Vec<String>,
    pub(super) applications: Vec<ShownApplication>,
    pub(super) reason: String,
    pub(super) reason_error: Option<String>,
    pub(super) application_error: Option<&'static str>,
}

pub(super) struct ShownApplication {
    word: String,
    name: String,
    chosen: bool,
}

/// The page that shows the result of an action.
#[derive(Template)]
#[template(path = "admin-customer-done.html")]
pub(super) struct DonePage {
    brand: String,
    frame: Frame,
    failed: bool,
    heading: &'static str,
    lines: &'static [&'static str],
    secret: Option<ShownSecret>,
}

struct ShownSecret {
    text: Zeroizing<String>,
    until: String,
}

/// A page that only tells something.
#[derive(Template)]
#[template(path = "admin-customer-notice.html")]
pub(super) struct NoticePage {
    pub(super) brand: String,
    pub(super) frame: Frame,
    pub(super) failed: bool,
    pub(super) heading: String,
    pub(super) leads: Vec<String>,
}

impl ShownFlow {
    pub(super) fn of(flow: &UserFlow, chosen: &str) -> Self {
        let id = flow.id().to_string();
        Self { chosen: id == chosen, id, name: flow.display_name().to_owned() }
    }
}

impl ShownAccount {
    /// Shows an account, with those of the permitted actions that it can have.
    pub(super) fn of(
        report: &AccountReport,
        may_do: &[Action],
        trail: Option<Vec<ShownRecord>>,
        now: Timestamp,
    ) -> Self {
        let reasons = report.reset.decision().reasons();
        let idle = if reasons.contains(&Ineligibility::Disabled) {
            Some("The account is disabled, so no action is possible.")
        } else if reasons.contains(&Ineligibility::NotLocal) {
            Some("The account signs in in another way, so no action is possible.")
        } else {
            None
        };
        let is_of_use = |action| action != Action::Unfreeze || report.frozen.is_some();
        Self {
            actions: may_do.iter().copied().filter(|it| idle.is_none() && is_of_use(*it)).collect(),
            id: report.account.to_string(),
            idle,
            lines: lines(report, now),
            trail,
        }
    }
}

impl ShownApplication {
    pub(super) fn of(offered: &Offered, chosen: &str) -> Self {
        let word = offered.word();
        Self { chosen: word == chosen, name: offered.name.clone(), word }
    }
}

impl DonePage {
    pub(super) fn of(
        (brand, frame): (String, Frame),
        action: Action,
        secret: Option<Secret>,
    ) -> Self {
        let (heading, lines): (_, &[&str]) = match action {
            Action::AssistanceCode => (
                "The code for the customer",
                &[
                    "Tell the customer this code now. It is not shown again.",
                    "The customer enters it together with the e-mail address.",
                ],
            ),
            Action::RequireChange => (
                "A new password is required",
                &["The customer chooses a new password at the next sign-in."],
            ),
            Action::TemporaryPassword => (
                "The temporary password",
                &[
                    "Tell the customer this password now. It is not shown again.",
                    "The customer must choose a new password at the next sign-in.",
                ],
            ),
            Action::Unfreeze => {
                ("The account is open again", &["The customer can sign in with the password."])
            }
            Action::Unlock => {
                ("The pause has ended", &["The customer can try to sign in again at once."])
            }
        };
        let secret = secret
            .map(|secret| ShownSecret { text: secret.text, until: shown_time(secret.expires_at) });
        Self { brand, failed: false, frame, heading, lines, secret }
    }
}

fn lines(report: &AccountReport, now: Timestamp) -> Vec<ShownLine> {
    let line = |is_bad, name, words: String| ShownLine { is_bad, name, words: vec![words] };
    let reasons = report.reset.decision().reasons();
    let reset = if reasons.is_empty() {
        // The rest of the text is about a freeze, which has a line of its own.
        let words = report.reset.to_string();
        let first = words.lines().next().unwrap_or_default();
        line(false, "May reset the password", first.to_owned())
    } else {
        let words = reasons.iter().map(|reason| reason.words().to_owned()).collect();
        ShownLine { is_bad: true, name: "May not reset the password", words }
    };
    let pause = match report.paused_until {
        Some(until) => {
            line(true, "Sign-in is paused", format!("The pause ends at {}.", shown_time(until)))
        }
        None => line(false, "Sign-in is not paused", String::new()),
    };
    let wrong = match report.wrong_passwords {
        0 => "None counts towards the next pause.".to_owned(),
        1 => "1 counts towards the next pause.".to_owned(),
        many => format!("{many} count towards the next pause."),
    };
    let change = if report.must_change {
        line(true, "Must choose a new password", "The next sign-in asks for it.".to_owned())
    } else {
        line(false, "Need not choose a new password", String::new())
    };
    let frozen = report.frozen.as_ref().map(|frozen| {
        let back =
            frozen.recover_to.iter().map(EmailAddress::as_str).collect::<Vec<_>>().join(", ");
        let since = format!(
            "Somebody typed the code of the notice about the change at {}.",
            shown_time(frozen.at)
        );
        let words =
            vec![since, format!("A password reset ends the freeze. Its code goes to {back}.")];
        ShownLine { is_bad: true, name: "The account is frozen", words }
    });
    let mut all = vec![reset, pause, line(false, "Wrong passwords", wrong), change];
    all.extend(report.limits.iter().map(|reached| {
        let (name, effect) = words_of(reached.limit);
        line(true, name, format!("{effect} until {}.", shown_time(reached.ends_at)))
    }));
    all.extend(frozen);
    if let Some(until) = report.password_expires_at {
        let is_over = until <= now;
        let verb = if is_over { "stopped" } else { "stops" };
        let words = format!("It {verb} working at {}.", shown_time(until));
        all.push(line(is_over, "The password is a temporary one", words));
    }
    all
}

/// Returns the name of a limit, and what is so while it is reached.
const fn words_of(limit: AccountLimit) -> (&'static str, &'static str) {
    match limit {
        AccountLimit::CodesToAccount => {
            ("The account got too many codes", "New requests are accepted, but no mail is sent")
        }
        AccountLimit::CodesToAddress => {
            ("Too many codes were requested for the address", "New requests are refused")
        }
        AccountLimit::WrongCodes => {
            ("Too many wrong codes were entered", "New codes have 16 letters")
        }
        AccountLimit::StaffActions => {
            ("Staff did too many actions for the account", "Further ones are refused")
        }
        AccountLimit::StaffActionsInTenant => {
            ("Staff did too many actions in the tenant", "Further ones are refused")
        }
    }
}
